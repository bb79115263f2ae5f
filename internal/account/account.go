// Package account holds who may do what: tenants and the keys that act for
// them.
package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
)

// Key is an API key. The key text itself is shown once and never stored.
type Key struct {
	ID        string         // "key_…"
	Tenant    event.TenantID // whom it acts for
	Name      string         // a label for people
	Scopes    []access.Scope
	Limits    *access.Limits // of the scope publish; nil: there are none
	Hash      [32]byte       // SHA-256 of the key text; see HashKey
	Hint      string         // the key's first characters, to tell keys apart in a list
	CreatedAt time.Time      // UTC
	ExpiresAt time.Time      // UTC; zero: never
	RevokedAt time.Time      // UTC; zero: valid
	WarnedAt  time.Time      // UTC; when an event told that it will end; zero: none has
}

// Allows reports whether the key has the scope, itself or by scopes that
// include what it allows.
func (k *Key) Allows(s access.Scope) bool {
	needed := access.Of([]access.Scope{s})
	return access.Of(k.Scopes)&needed == needed
}

// Valid reports whether the key may be used at the moment now.
func (k *Key) Valid(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// MinKeyLength is the fewest characters a key given by the operator may have
// (RELAY_ADMIN_KEY): 128 bits need 22 in base 64.
const MinKeyLength = 16

// HashKey returns what is stored of a key's text. Keys are random and long, so
// a plain SHA-256 cannot be searched; a slow hash would only slow each request.
func HashKey(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// KeyHint returns the part of a key that may be shown.
func KeyHint(text string) string {
	n := min(len(text)/3, len(keyPrefix)+4)
	return text[:n] + "…"
}

// ErrNotFound is returned for a tenant or key that is not there.
var ErrNotFound = errors.New("account: not found")

// Store keeps keys. A change is durable when the call returns, and
// so is its audit entry, which is stored in the same transaction. All methods
// are safe for concurrent use.
type Store interface {
	// KeyCreate adds a key. The caller has filled every field.
	KeyCreate(ctx context.Context, k Key, entry *access.Entry) error
	// KeyPut adds a key or replaces the one with the same ID: the operator's
	// key from RELAY_ADMIN_KEY, which may differ at each start.
	KeyPut(ctx context.Context, k Key) error
	// KeyRevoke ends a key of the tenant; ErrNotFound when there is none.
	KeyRevoke(ctx context.Context, tenant event.TenantID, id string, at time.Time, entry *access.Entry) error
	// KeyReplace adds a key and lets the one that it replaces, of the same tenant, end no later than at until.
	// It returns ErrNotFound if there is no such key that is still valid at the moment the new one was created.
	KeyReplace(ctx context.Context, k Key, old string, until time.Time, entry *access.Entry) error
	// KeyWarned notes when an event told that a key of the tenant will end.
	KeyWarned(ctx context.Context, tenant event.TenantID, id string, at time.Time) error
	// KeyList returns every key of every tenant, revoked ones included, the oldest first.
	KeyList(ctx context.Context) ([]Key, error)
	// KeyUsed stores when keys were last used, unless later uses are stored already.
	KeyUsed(ctx context.Context, uses []KeyUse) error
	// KeyUses returns the last uses of the tenant's keys, in no particular order.
	KeyUses(ctx context.Context, tenant event.TenantID) ([]KeyUse, error)
}

// KeyText returns the text of the key that a request shows in its header Authorization or, without one, in its header
// ApiKey; "" if there is none. Everything that reads keys from requests reads them by this.
func KeyText(authorization, apiKey string) string {
	if authorization == "" {
		return strings.TrimSpace(apiKey)
	}
	text, _ := ParseAuthorization(authorization)
	return text
}

// ParseAuthorization returns the key text of an Authorization header value in
// one of the accepted schemes, Bearer or Apikey, in any case.
func ParseAuthorization(header string) (string, bool) {
	scheme, text, ok := strings.Cut(header, " ")
	if !ok || (!strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "Apikey")) {
		return "", false
	}
	text = strings.TrimSpace(text)
	return text, text != ""
}
