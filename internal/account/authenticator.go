package account

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
)

// AdminKeyID is the id of the key that the operator sets (RELAY_ADMIN_KEY).
const AdminKeyID = "key_admin"

// Limits of a key's label.
const maxKeyName = 100 // characters

// Authenticator tells keys and changes them. All keys are kept in memory as an immutable snapshot, so that a request
// costs one hash and one look-up, and a revocation holds for every request that begins after Revoke has returned.
// It is safe for concurrent use.
type Authenticator struct {
	store Store
	now   func() time.Time

	changing sync.Mutex // serialises changes, so that no snapshot is lost
	current  atomic.Pointer[snapshot]
	uses     sync.Map // the last uses of keys, by their ids: *use
}

// snapshot is what the store held; never changed once it is published.
type snapshot struct {
	keys   []Key // the oldest first
	byHash map[[32]byte]*Key
}

// find returns the place of a tenant's key, -1 if there is none.
func (s *snapshot) find(tenant event.TenantID, id string) int {
	return slices.IndexFunc(s.keys, func(k Key) bool { return k.ID == id && k.Tenant == tenant })
}

// NewAuthenticator reads all keys of the store.
func NewAuthenticator(ctx context.Context, store Store) (*Authenticator, error) {
	a := &Authenticator{store: store, now: time.Now}
	if err := a.Refresh(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// Refresh reads the store again: for changes that another node has made.
func (a *Authenticator) Refresh(ctx context.Context) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	keys, err := a.store.KeyList(ctx)
	if err != nil {
		return fmt.Errorf("reading keys: %w", err)
	}
	a.publishLocked(keys)
	return nil
}

func (a *Authenticator) publishLocked(keys []Key) {
	s := &snapshot{keys: keys, byHash: make(map[[32]byte]*Key, len(keys))}
	for i := range keys {
		s.byHash[keys[i].Hash] = &keys[i]
	}
	a.current.Store(s)
}

// ErrKey is the same whatever is wrong with a key, so that it tells nothing about which keys exist.
var ErrKey = problem.New(problem.Unauthorized, "this key is not valid: it is unknown, revoked or expired")

// errTypo says more of a text that cannot be a key of any installation.
var errTypo = problem.New(problem.Unauthorized, "the key is incomplete or mistyped: its last characters are a checksum, which does not match")

var errUnsent = problem.New(problem.Unauthorized, "no key was sent: send one as Authorization: Bearer KEY")

// Authenticate returns the key with the given text, or an Unauthorized problem when there is none that may be used
// now. The result must not be changed.
//
// What is looked up is a hash, so the time it takes says nothing about how much of a guess was right; the last
// comparison takes constant time all the same.
func (a *Authenticator) Authenticate(text string) (*Key, error) {
	const longest = 512 // characters; no key is longer, and hashing costs time
	if text == "" {
		return nil, errUnsent
	}
	if len(text) > longest {
		return nil, ErrKey
	}
	hash := HashKey(text)
	k := a.current.Load().byHash[hash]
	if k == nil || subtle.ConstantTimeCompare(k.Hash[:], hash[:]) != 1 || !k.Valid(a.now()) {
		if k == nil && mistyped(text) {
			return nil, errTypo
		}
		return nil, ErrKey
	}
	return k, nil
}

// NewKey is what the caller chooses of a key.
type NewKey struct {
	Name      string
	Scopes    []access.Scope
	Limits    *access.Limits // narrow the scope publish; nil: they do not
	ExpiresAt time.Time      // zero: never
}

// Create adds a key for the principal's tenant and returns it with its text, which is not kept anywhere. It returns a
// Forbidden problem if the key could run the platform and the principal cannot.
func (a *Authenticator) Create(ctx context.Context, p *access.Principal, n NewKey) (k Key, text string, err error) {
	now := a.now().UTC().Truncate(time.Millisecond)
	if err := checkNewKey(n, now); err != nil {
		return Key{}, "", err
	}
	if slices.Contains(n.Scopes, access.ScopePlatform) && !p.Allows(access.RunPlatform) {
		return Key{}, "", problem.New(problem.Forbidden, "only a key with the scope %q can create another one", access.ScopePlatform)
	}
	k, text = newKey(p.Tenant, n, now)
	entry, err := p.Entry("key.create", nil, k.audited(), k.target())
	if err != nil {
		return Key{}, "", err
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	if err := a.store.KeyCreate(ctx, k, entry); err != nil {
		return Key{}, "", fmt.Errorf("storing key: %w", err)
	}
	old := a.current.Load()
	a.publishLocked(append(slices.Clip(slices.Clone(old.keys)), k))
	return k, text, nil
}

// newKey makes a key and its text.
func newKey(tenant event.TenantID, n NewKey, now time.Time) (Key, string) {
	text := NewKeyText()
	k := Key{
		ID: randomid.New("key_"), Tenant: tenant, Name: n.Name, Scopes: inOrder(n.Scopes), Limits: n.Limits,
		Hash: HashKey(text), Hint: KeyHint(text), CreatedAt: now,
	}
	if !n.ExpiresAt.IsZero() {
		k.ExpiresAt = n.ExpiresAt.UTC().Truncate(time.Millisecond)
	}
	return k, text
}

// MaxOverlap is how long a key that was replaced may stay valid.
const MaxOverlap = 30 * 24 * time.Hour

// Replacement is what the caller chooses when a key is replaced.
type Replacement struct {
	Overlap   time.Duration // how long the old key stays valid; 0 to MaxOverlap
	ExpiresAt time.Time     // of the new key; zero: never
}

// Replace adds a key with the name, scopes and limits of one of the principal's tenant, which ends after the overlap, and
// returns it with its text, which is not kept anywhere. It returns a NotFound problem if the tenant has no such key, a
// Conflict if that is not valid any more, and a Forbidden one if the principal may do less than the key, or if the key is
// the operator's, which is replaced in the settings.
func (a *Authenticator) Replace(ctx context.Context, p *access.Principal, id string, r Replacement) (k Key, text string, err error) {
	now := a.now().UTC().Truncate(time.Millisecond)
	if r.Overlap < 0 || r.Overlap > MaxOverlap {
		return Key{}, "", &problem.Error{Kind: problem.Invalid, Detail: "the key cannot be replaced", Fields: []problem.Field{{Name: "overlap", Reason: "must be between 0s and 720h"}}}
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	old := a.current.Load()
	i := old.find(p.Tenant, id)
	if i < 0 {
		return Key{}, "", errNoKey
	}
	was := old.keys[i]
	if id == AdminKeyID {
		return Key{}, "", problem.New(problem.Forbidden, "the operator's key is replaced by starting Relay with another RELAY_ADMIN_KEY")
	}
	if err := mayRevoke(p, &was); err != nil {
		return Key{}, "", err
	}
	if !was.Valid(now) {
		return Key{}, "", errEnded
	}
	n := NewKey{Name: was.Name, Scopes: was.Scopes, Limits: was.Limits, ExpiresAt: r.ExpiresAt}
	if err := checkNewKey(n, now); err != nil {
		return Key{}, "", err
	}
	k, text = newKey(p.Tenant, n, now)
	until := now.Add(r.Overlap)
	if !was.ExpiresAt.IsZero() && was.ExpiresAt.Before(until) {
		until = was.ExpiresAt
	}
	ends := was
	ends.ExpiresAt = until
	entry, err := p.Entry("key.replace", ends.audited(), k.audited(), was.target(), k.target())
	if err != nil {
		return Key{}, "", err
	}
	if err := a.store.KeyReplace(ctx, k, id, until, entry); errors.Is(err, ErrNotFound) {
		return Key{}, "", errEnded
	} else if err != nil {
		return Key{}, "", fmt.Errorf("replacing key %q: %w", id, err)
	}
	keys := append(slices.Clone(old.keys), k)
	keys[i].ExpiresAt = until
	a.publishLocked(keys)
	return k, text, nil
}

var (
	errNoKey = problem.New(problem.NotFound, "there is no such key")
	errEnded = problem.New(problem.Conflict, "this key is not valid any more; create a new one")
)

// audited is what the audit log shows of a key.
func (k *Key) audited() any {
	var expires *time.Time
	if !k.ExpiresAt.IsZero() {
		expires = &k.ExpiresAt
	}
	return struct {
		Name      string         `json:"name"`
		Scopes    []access.Scope `json:"scopes"`
		Limits    *access.Limits `json:"limits"`
		Hint      string         `json:"hint"`
		ExpiresAt *time.Time     `json:"expiresAt"`
	}{k.Name, k.Scopes, k.Limits, k.Hint, expires}
}

func (k *Key) target() access.Target { return access.Target{Type: "key", ID: k.ID, Name: k.Name} }

func checkNewKey(n NewKey, now time.Time) error {
	var wrong []problem.Field
	add := func(field, reason string) { wrong = append(wrong, problem.Field{Name: field, Reason: reason}) }
	switch {
	case strings.TrimSpace(n.Name) == "":
		add("name", "must not be empty")
	case utf8.RuneCountInString(n.Name) > maxKeyName:
		add("name", fmt.Sprintf("must have at most %d characters", maxKeyName))
	default:
		if err := event.CheckLabel(n.Name, false); err != nil {
			add("name", err.Error())
		}
	}
	if len(n.Scopes) == 0 {
		add("scopes", "must name at least one scope")
	}
	for i, s := range n.Scopes {
		if !slices.Contains(access.Scopes, s) {
			add(fmt.Sprintf("scopes[%d]", i), "must be one of publish, read, manage, admin, platform")
		}
	}
	if n.Limits != nil {
		switch {
		case !slices.Contains(n.Scopes, access.ScopePublish):
			add("limits", "must come with the scope publish, which they narrow")
		case slices.Contains(n.Scopes, access.ScopeAdmin), slices.Contains(n.Scopes, access.ScopePlatform):
			add("limits", "must not come with the scopes admin or platform, which may publish everything")
		default:
			wrong = append(wrong, n.Limits.Check("limits")...)
		}
	}
	if !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(now) {
		add("expiresAt", "must lie in the future")
	}
	if wrong != nil {
		return &problem.Error{Kind: problem.Invalid, Detail: "the key cannot be created", Fields: wrong}
	}
	return nil
}

// inOrder returns the scopes without repetitions in their documented order.
func inOrder(scopes []access.Scope) []access.Scope {
	var list []access.Scope
	for _, s := range access.Scopes {
		if slices.Contains(scopes, s) {
			list = append(list, s)
		}
	}
	return list
}

// Revoke ends a key of the principal's tenant: the next request with it is refused. Revoking a revoked key changes nothing.
// It returns a NotFound problem if the tenant has no such key, and a Forbidden one if the principal may do less than the
// key, or if the key is the operator's and the principal is not.
func (a *Authenticator) Revoke(ctx context.Context, p *access.Principal, id string) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	old := a.current.Load()
	i := old.find(p.Tenant, id)
	if i < 0 {
		return errNoKey
	}
	if err := mayRevoke(p, &old.keys[i]); err != nil {
		return err
	}
	if !old.keys[i].RevokedAt.IsZero() {
		return nil
	}
	entry, err := p.Entry("key.revoke", old.keys[i].audited(), nil, old.keys[i].target())
	if err != nil {
		return err
	}
	at := a.now().UTC().Truncate(time.Millisecond)
	if err := a.store.KeyRevoke(ctx, p.Tenant, id, at, entry); errors.Is(err, ErrNotFound) {
		return errNoKey
	} else if err != nil {
		return fmt.Errorf("revoking key %q: %w", id, err)
	}
	keys := slices.Clone(old.keys)
	keys[i].RevokedAt = at
	a.publishLocked(keys)
	return nil
}

// mayRevoke refuses to let a principal take away a key that may do more than they may.
func mayRevoke(p *access.Principal, k *Key) error {
	if k.ID == AdminKeyID && p.Actor.Kind != access.ActorSystem && p.Actor.ID != AdminKeyID {
		return problem.New(problem.Forbidden, "the operator's key is revoked by the operator: with itself, or by starting Relay with another RELAY_ADMIN_KEY")
	}
	for _, s := range k.Scopes {
		if !p.Allows(access.Of([]access.Scope{s})) {
			return problem.New(problem.Forbidden, "only a key that itself has the scope %q can revoke or replace this one", s)
		}
	}
	return nil
}

// List returns the tenant's keys, revoked ones included, the oldest first.
func (a *Authenticator) List(tenant event.TenantID) []Key {
	var list []Key
	for _, k := range a.current.Load().keys {
		if k.Tenant == tenant {
			list = append(list, k)
		}
	}
	return list
}

// PutAdminKey makes text the operator's key: admin of the default tenant and platform key. It takes the place of the
// one set before. A text of fewer than MinKeyLength characters is refused.
func (a *Authenticator) PutAdminKey(ctx context.Context, text string) error {
	if len(text) < MinKeyLength || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return problem.New(problem.Invalid, "the admin key must have at least %d characters, printable ASCII without spaces", MinKeyLength)
	}
	k := Key{
		ID: AdminKeyID, Tenant: event.DefaultTenant, Name: "admin key of the operator", Scopes: []access.Scope{access.ScopeAdmin, access.ScopePlatform},
		Hash: HashKey(text), Hint: KeyHint(text), CreatedAt: a.now().UTC().Truncate(time.Millisecond),
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	old := a.current.Load()
	if i := slices.IndexFunc(old.keys, func(k Key) bool { return k.ID == AdminKeyID }); i >= 0 {
		was := old.keys[i]
		if was.Hash == k.Hash && was.RevokedAt.IsZero() && slices.Equal(was.Scopes, k.Scopes) {
			return nil // a start on a full disk must not fail for this
		}
	}
	if err := a.store.KeyPut(ctx, k); err != nil {
		return fmt.Errorf("storing the admin key: %w", err)
	}
	keys := slices.DeleteFunc(slices.Clone(old.keys), func(k Key) bool { return k.ID == AdminKeyID })
	a.publishLocked(append(keys, k))
	return nil
}
