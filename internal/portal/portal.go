// Package portal lets the customers of a tenant manage their webhooks inside of the tenant's own product. The tenant's
// server makes a link and puts it into a frame; whoever opens the link gets a session, by which the pages under /portal show
// the webhooks of the link's scope and allow what its capabilities name.
//
// The key of a link stands in the fragment of its address, which browsers send to nobody: neither a proxy nor the header
// Referer has it. The store has hashes of keys and of sessions' tokens only. What a link allows is stored with each session
// begun by it, so that a session does not depend on its link.
package portal

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
)

const (
	// LinkLasts is how long a link can be opened unless it says otherwise.
	LinkLasts = time.Hour
	// LinkMost is the longest time for which a link can be opened.
	LinkMost = 7 * 24 * time.Hour
	// LinkOpens is how often a link can be opened: reloading a page that holds it is fine, passing it around is not.
	LinkOpens = 20
	// SessionLasts is how long a session lasts. It cannot be prolonged: the tenant's server makes a new link.
	SessionLasts = 8 * time.Hour

	keyPrefix   = "rpk_" // of a link's key
	tokenPrefix = "rps_" // of a session's token
)

// User is the person that the tenant has made a link for, in the tenant's words.
type User struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Grant is what a link gives to whoever opens it.
type Grant struct {
	Capabilities []access.Capability `json:"capabilities"`
	Scope
	User User `json:"user,omitzero"`
	// Next is the page that is shown first, such as "log"; empty: as the portal's settings say.
	Next string `json:"next,omitempty"`
	// Look replaces parts of the portal's.
	Look Look `json:"look,omitzero"`
}

// Link is an invitation into the portal of a tenant.
type Link struct {
	ID     string // "pl_…"
	Tenant event.TenantID
	Hash   [32]byte // of the key
	// Session names the session of the tenant's own product for which the link was made; all that was begun by links with
	// the name ends together. Empty: the link has none.
	Session   string
	Grant     Grant
	CreatedAt time.Time
	ExpiresAt time.Time
	Opens     int // so far
}

// Session is what begins when a link is opened.
type Session struct {
	ID        string // "ps_…"
	Tenant    event.TenantID
	Hash      [32]byte // of the token
	Link      string
	Session   string // as the link's
	Grant     Grant
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Query selects links that can still be opened.
type Query struct {
	Tenant  event.TenantID
	Session string // only those made for it; empty: all
	After   string // cursor: those with higher ids
	Limit   int
}

// ErrNotFound is returned for a link or a session that is not there, not valid any longer, or another tenant's.
var ErrNotFound = errors.New("portal: not found")

// Quota bounds how many links a tenant has that can be opened.
type Quota interface {
	// Check returns a problem if count links, the new one among them, are too many.
	Check(count int64) error
}

// Store keeps links and sessions. A change is durable when the call returns, and so is its audit entry, which is stored in
// the same transaction. All methods are safe for concurrent use, at any number of servers.
type Store interface {
	// PortalLinkCreate adds a link. The quota, unless nil, is asked about the links that expire after the new one was made.
	PortalLinkCreate(ctx context.Context, l *Link, quota Quota, entry *access.Entry) error
	// PortalLinkCount returns how many links of the tenant expire after the time.
	PortalLinkCount(ctx context.Context, tenant event.TenantID, at time.Time) (int64, error)
	// PortalLinkList returns links that expire after the time, by their ids, up to q.Limit, and whether there are more.
	PortalLinkList(ctx context.Context, q Query, at time.Time) (list []Link, more bool, err error)
	// PortalLinkFind returns the link with the hash, whether or not it can still be opened.
	PortalLinkFind(ctx context.Context, hash [32]byte) (Link, bool, error)
	// PortalOpen counts that a session's link was opened, and stores the session; ErrNotFound without a change if the link
	// is gone, has expired when the session begins, or was opened most times.
	PortalOpen(ctx context.Context, s *Session, most int, entry *access.Entry) error
	// PortalSessionFind returns the session with the hash, whether or not it has ended.
	PortalSessionFind(ctx context.Context, hash [32]byte) (Session, bool, error)
	// PortalEnd removes the link with the id, or all links made for the session if id is empty, and the sessions begun by
	// them; ErrNotFound without a change if there are none.
	PortalEnd(ctx context.Context, tenant event.TenantID, id, session string, entry *access.Entry) error
	// PortalExpire removes links and sessions that end before now, up to limit of each, and returns the larger number.
	PortalExpire(ctx context.Context, now time.Time, limit int) (int, error)
}

// HashToken returns what is stored of a key or a token. They are random and long, so a plain SHA-256 cannot be searched.
func HashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }
