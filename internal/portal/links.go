package portal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
	"github.com/relay-events/relay/internal/registry"
)

// Tenants knows the tenants; account.Tenants does.
type Tenants interface {
	Tenants() []account.Tenant
	ByID(id event.TenantID) *account.Tenant
	Bound(p *access.Principal) bool
}

// Plans says which limits tenants have; account.Plans does.
type Plans interface {
	Quota(id event.TenantID, name account.LimitName) *account.Quota
	Used(ctx context.Context, q *account.Quota)
}

// Portals makes links, opens them, and keeps how each tenant's portal looks. It is safe for concurrent use.
type Portals struct {
	store   Store
	tenants Tenants
	plans   Plans
	records *registry.Records[Settings]
	ids     idIndex
	now     func() time.Time
}

// New returns the portals of all tenants.
func New(ctx context.Context, store Store, records registry.RecordStore, tenants Tenants, plans Plans) (*Portals, error) {
	ps := &Portals{store: store, tenants: tenants, plans: plans, now: time.Now}
	var err error
	ps.records, err = newSettings(ctx, records)
	return ps, err
}

// NewLink is a link that somebody asks for.
type NewLink struct {
	Grant
	Session   string
	ExpiresIn time.Duration // 0: LinkLasts
}

// starts are the pages that can be shown first.
var starts = []string{"webhooks", "webhooks/new", "log", "types"}

// Starts lists the pages that a portal can begin with.
func Starts() []string { return slices.Clone(starts) }

func (n *NewLink) check() error {
	wrong := n.Scope.check()
	add := func(field, reason string, args ...any) {
		wrong = append(wrong, problem.Field{Name: field, Reason: fmt.Sprintf(reason, args...)})
	}
	if len(n.Capabilities) == 0 {
		n.Capabilities = []access.Capability{access.CapView}
	}
	for i, c := range n.Capabilities {
		if !c.Known() {
			add(fmt.Sprintf("capabilities[%d]", i), "must be one of %v", access.Capabilities)
		}
	}
	var ordered []access.Capability
	for _, c := range access.Capabilities {
		if c == access.CapView || slices.Contains(n.Capabilities, c) {
			ordered = append(ordered, c)
		}
	}
	n.Capabilities = ordered
	if slices.Contains(ordered, access.CapManage) && len(n.Webhooks) > 0 && len(n.Labels()) == 0 && n.Next == "webhooks/new" {
		add("next", "must be another page: webhooks cannot be added where webhooks are named by their ids alone")
	}
	if n.ExpiresIn == 0 {
		n.ExpiresIn = LinkLasts
	}
	if n.ExpiresIn < time.Minute || n.ExpiresIn > LinkMost {
		add("expiresIn", "must be 1m to %v", LinkMost)
	}
	for field, text := range map[string]string{"sessionId": n.Session, "user.id": n.User.ID, "user.name": n.User.Name} {
		if reason := checkText(text, 200); reason != "" {
			add(field, "%s", reason)
		}
	}
	if n.Next != "" && !slices.Contains(starts, n.Next) {
		add("next", "must be one of %s", strings.Join(starts, ", "))
	}
	wrong = append(wrong, n.Look.check("theme.")...)
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b problem.Field) int { return strings.Compare(a.Name, b.Name) })
		return &problem.Error{Kind: problem.Invalid, Detail: "the link cannot be made", Fields: wrong}
	}
	return nil
}

func checkText(s string, most int) string {
	if len(s) > most || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Sprintf("must have at most %d bytes of printable text", most)
	}
	return ""
}

// MadeLink is a link with its key, which is shown once.
type MadeLink struct {
	Link
	// Path is the address below that of the installation, with the key in the fragment.
	Path string
}

// Create makes a link into the portal of the principal's tenant.
func (ps *Portals) Create(ctx context.Context, p *access.Principal, n NewLink) (MadeLink, error) {
	t := ps.tenants.ByID(p.Tenant)
	if t == nil {
		return MadeLink{}, problem.New(problem.Invalid, "a portal belongs to a tenant: name one in the header Relay-Tenant")
	}
	if err := n.check(); err != nil {
		return MadeLink{}, err
	}
	now := ps.now().UTC().Truncate(time.Millisecond)
	key := randomid.Token(keyPrefix)
	l := Link{
		ID: randomid.At("pl_", now), Tenant: p.Tenant, Hash: HashToken(key), Session: n.Session, Grant: n.Grant,
		CreatedAt: now, ExpiresAt: now.Add(n.ExpiresIn),
	}
	entry, err := p.Entry("portal-link.create", nil, audited(&l), target(&l))
	if err != nil {
		return MadeLink{}, err
	}
	var quota Quota
	limit := ps.plans.Quota(p.Tenant, account.LimitPortalLinks)
	if limit != nil { // and not a nil *account.Quota
		quota = limit
	}
	if err := ps.store.PortalLinkCreate(ctx, &l, quota, entry); err != nil {
		return MadeLink{}, fmt.Errorf("making a portal link: %w", err)
	}
	ps.plans.Used(ctx, limit)
	ps.ids.add(t)
	return MadeLink{l, "/portal/" + idOf(t) + "/enter#" + key}, nil
}

// shownLink is what the audit log has of a link.
type shownLink struct {
	Grant
	SessionID string    `json:"sessionId,omitempty"`
	ExpiresAt time.Time `json:"expiresAt"`
}

func audited(l *Link) any { return shownLink{l.Grant, l.Session, l.ExpiresAt} }

func target(l *Link) access.Target {
	return access.Target{Type: "portal-link", ID: l.ID, Name: l.Grant.User.label()}
}

// label names the user to people: "Ana (user_42)".
func (u User) label() string {
	switch {
	case u.Name == "":
		return u.ID
	case u.ID == "":
		return u.Name
	}
	return u.Name + " (" + u.ID + ")"
}

// List returns the links of the principal's tenant that can still be opened, the oldest first, and whether there are more.
func (ps *Portals) List(ctx context.Context, p *access.Principal, q Query) (list []Link, more bool, err error) {
	q.Tenant = p.Tenant
	return ps.store.PortalLinkList(ctx, q, ps.now())
}

// Count returns how many links of the tenant can still be opened.
func (ps *Portals) Count(ctx context.Context, tenant event.TenantID) (int64, error) {
	return ps.store.PortalLinkCount(ctx, tenant, ps.now())
}

// End removes the link with the id, or all links made for a session if id is empty, and ends the sessions begun by them. A
// NotFound problem says that there are none.
func (ps *Portals) End(ctx context.Context, p *access.Principal, id, session string) error {
	entry, err := p.Entry("portal-link.delete", map[string]string{"sessionId": session}, nil, access.Target{Type: "portal-link", ID: id})
	if id == "" {
		entry, err = p.Entry("portal-link.delete", map[string]string{"sessionId": session}, nil, access.Target{Type: "portal-session", ID: session})
	}
	if err != nil {
		return err
	}
	err = ps.store.PortalEnd(ctx, p.Tenant, id, session, entry)
	if errors.Is(err, ErrNotFound) {
		return problem.New(problem.NotFound, "there is no such portal link, and no session begun by one")
	}
	if err != nil {
		return fmt.Errorf("ending a portal link: %w", err)
	}
	return nil
}

// errLink is the same whatever is wrong with a link.
var errLink = problem.New(problem.NotFound, "this link is no longer valid: it has expired, was opened too often, or was withdrawn")

// errSession says that there is no session, or that it has ended.
var errSession = problem.New(problem.Unauthorized, "your session has ended")

// Opened is a session that has begun.
type Opened struct {
	Session
	Token string // shown once: the browser sends it from now on
}

// Open begins a session in the portal by the key of a link. A NotFound problem says that the key opens nothing there.
func (ps *Portals) Open(ctx context.Context, from access.Request, tenant event.TenantID, key string) (Opened, error) {
	hash := HashToken(key)
	l, ok, err := ps.store.PortalLinkFind(ctx, hash)
	if err != nil {
		return Opened{}, fmt.Errorf("opening a portal link: %w", err)
	}
	now := ps.now().UTC().Truncate(time.Millisecond)
	if !ok || l.Tenant != tenant || !now.Before(l.ExpiresAt) || l.Opens >= LinkOpens {
		return Opened{}, errLink
	}
	o := Opened{Token: randomid.Token(tokenPrefix)}
	o.Session = Session{
		ID: randomid.At("ps_", now), Tenant: l.Tenant, Hash: HashToken(o.Token), Link: l.ID, Session: l.Session, Grant: l.Grant, CreatedAt: now,
		ExpiresAt: now.Add(SessionLasts),
	}
	p := o.principal()
	if p.Request = from; !ps.tenants.Bound(p) {
		return Opened{}, errLink
	}
	entry, err := p.Entry("portal-link.open", nil, map[string]any{"session": o.ID, "opens": l.Opens + 1}, target(&l))
	if err != nil {
		return Opened{}, err
	}
	switch err := ps.store.PortalOpen(ctx, &o.Session, LinkOpens, entry); {
	case errors.Is(err, ErrNotFound):
		return Opened{}, errLink
	case err != nil:
		return Opened{}, fmt.Errorf("opening a portal link: %w", err)
	}
	return o, nil
}

// principal is who acts by the session.
func (s *Session) principal() *access.Principal {
	name := s.Grant.User.label()
	if name == "" {
		name = "a portal's user"
	}
	return &access.Principal{
		Tenant: s.Tenant, Actor: access.Actor{Kind: access.ActorPortal, ID: s.Link, Name: name},
		May: access.Through(s.Grant.Capabilities), Session: s.ID,
	}
}

// Resume returns the session with the token in the tenant's portal, and who acts by it. An Unauthorized problem says that
// there is none any longer.
func (ps *Portals) Resume(ctx context.Context, tenant event.TenantID, token string) (*Session, *access.Principal, error) {
	if !strings.HasPrefix(token, tokenPrefix) {
		return nil, nil, errSession
	}
	s, ok, err := ps.store.PortalSessionFind(ctx, HashToken(token))
	if err != nil {
		return nil, nil, fmt.Errorf("looking up a portal session: %w", err)
	}
	if !ok || s.Tenant != tenant || !ps.now().Before(s.ExpiresAt) {
		return nil, nil, errSession
	}
	p := s.principal()
	if !ps.tenants.Bound(p) {
		return nil, nil, errSession
	}
	return &s, p, nil
}

// Expire removes links and sessions that have ended.
func (ps *Portals) Expire(ctx context.Context) error {
	const batch = 1000
	for {
		n, err := ps.store.PortalExpire(ctx, ps.now(), batch)
		if err != nil {
			return fmt.Errorf("removing portal sessions that have ended: %w", err)
		}
		if n < batch {
			return nil
		}
	}
}
