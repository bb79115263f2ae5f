package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// ErrTaken is returned for a tenant whose public id another one has.
var ErrTaken = errors.New("account: the name is taken")

// ErrChanged is returned for a change of a tenant that is no longer as it was read.
var ErrChanged = errors.New("account: the tenant has changed since it was read")

// TenantStore keeps tenants. A change is durable when the call returns, and so is its audit entry, which is stored in the
// same transaction. All methods are safe for concurrent use.
type TenantStore interface {
	// TenantList returns all tenants, the oldest first, also those of which only the number is left.
	TenantList(ctx context.Context) ([]Tenant, error)
	// TenantCreate adds a tenant and sets its ID, which no tenant has had before, and its Version. ErrTaken: there is one
	// with the name.
	TenantCreate(ctx context.Context, t *Tenant, entry *access.Entry) error
	// TenantUpdate stores the name, settings and life of a tenant that has its Version in the store, and raises the Version;
	// else it returns ErrChanged.
	TenantUpdate(ctx context.Context, t *Tenant, entry *access.Entry) error
}

// Eraser removes all data of a tenant but its own row.
type Eraser interface {
	// TenantErase removes everything that is stored of the tenant, in steps that are short for others. Called again after
	// an error or a restart, it goes on. The tenant has no webhooks and nothing in flight.
	TenantErase(ctx context.Context, tenant event.TenantID) error
}

// Tenants holds all tenants in memory and changes them: in the store first, then for everybody who reads. It is safe for
// concurrent use.
type Tenants struct {
	store TenantStore
	now   func() time.Time

	changing    sync.Mutex // serialises changes, so that no snapshot is lost
	subscribers []func(old, new *Tenant)
	hasPlan     func(name string) bool // nil: there are no plans; set before use
	current     atomic.Pointer[tenantSnapshot]
	longest     atomic.Int64 // the installation's retention; zero: it is not known
}

// tenantSnapshot is what the store held; never changed once it is published.
type tenantSnapshot struct {
	byID   map[event.TenantID]*Tenant
	byName map[string]*Tenant // but those being erased
}

// NewTenants reads all tenants of the store.
func NewTenants(ctx context.Context, store TenantStore) (*Tenants, error) {
	ts := &Tenants{store: store, now: time.Now}
	ts.current.Store(&tenantSnapshot{})
	return ts, ts.Refresh(ctx)
}

// Subscribe registers f, which is called after each change of a tenant, with nil for one that was not there before. It must
// be called before the tenants are shared; f must not change tenants.
func (ts *Tenants) Subscribe(f func(old, new *Tenant)) { ts.subscribers = append(ts.subscribers, f) }

// Refresh reads the store again: for changes that another server has made.
func (ts *Tenants) Refresh(ctx context.Context) error {
	ts.changing.Lock()
	defer ts.changing.Unlock()
	return ts.refreshLocked(ctx)
}

func (ts *Tenants) refreshLocked(ctx context.Context) error {
	list, err := ts.store.TenantList(ctx)
	if err != nil {
		return fmt.Errorf("reading tenants: %w", err)
	}
	before := ts.current.Load()
	byID := make(map[event.TenantID]*Tenant, len(list))
	var changed []*Tenant
	for i := range list {
		t := &list[i]
		if old := before.byID[t.ID]; old != nil && old.Version == t.Version {
			t = old
		} else {
			changed = append(changed, t)
		}
		byID[t.ID] = t
	}
	ts.publishLocked(byID, changed...)
	return nil
}

func (ts *Tenants) publishLocked(byID map[event.TenantID]*Tenant, changed ...*Tenant) {
	before := ts.current.Load()
	s := &tenantSnapshot{byID: byID, byName: make(map[string]*Tenant, len(byID))}
	for _, t := range byID {
		if t.State() != TenantErasing && t.State() != TenantErased {
			s.byName[t.Name] = t
		}
	}
	ts.current.Store(s)
	for _, t := range changed {
		for _, f := range ts.subscribers {
			f(before.byID[t.ID], t)
		}
	}
}

// Tenant returns the tenant with the public id.
func (ts *Tenants) Tenant(name string) (Tenant, bool) {
	if t := ts.current.Load().byName[name]; t != nil {
		return *t, true
	}
	return Tenant{}, false
}

// ByID returns the tenant with the number, nil if there is none. It must not be changed.
func (ts *Tenants) ByID(id event.TenantID) *Tenant { return ts.current.Load().byID[id] }

// TenantName returns the public id of a tenant.
func (ts *Tenants) TenantName(id event.TenantID) (string, bool) {
	t := ts.ByID(id)
	if t == nil || t.State() == TenantErasing || t.State() == TenantErased {
		return "", false
	}
	return t.Name, true
}

// Tenants returns all tenants but those that are erased, the oldest first.
func (ts *Tenants) Tenants() []Tenant {
	byName := ts.current.Load().byName
	list := make([]Tenant, 0, len(byName))
	for t := range maps.Values(byName) {
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Tenant) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Page returns up to limit tenants in the order of their public ids, those after the given one, and whether more follow.
// An empty state selects all.
func (ts *Tenants) Page(after string, state TenantState, limit int) (list []*Tenant, more bool) {
	for _, t := range ts.current.Load().byName {
		if t.Name > after && (state == "" || t.State() == state) {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b *Tenant) int { return strings.Compare(a.Name, b.Name) })
	if len(list) > limit {
		return list[:limit], true
	}
	return list, false
}

// Bound narrows what the principal may do to what the state of their tenant allows. It reports false for a tenant that is
// not there any more.
func (ts *Tenants) Bound(p *access.Principal) bool {
	t := ts.ByID(p.Tenant)
	if t == nil || t.State() == TenantErased {
		return false
	}
	t.Bound(p)
	return true
}

// Publishes reports whether events of the tenant are taken.
func (ts *Tenants) Publishes(id event.TenantID) bool {
	t := ts.ByID(id)
	return t != nil && t.State() == TenantActive
}

// Holds returns the times in which the deliveries of a tenant were held; the last has no end while they are.
func (ts *Tenants) Holds(id event.TenantID) []Hold {
	if t := ts.ByID(id); t != nil {
		return t.Life.Holds
	}
	return nil
}

// entry makes the audit entry of a change of a tenant, which belongs to the installation.
func tenantEntry(p *access.Principal, action string, before, after *Tenant) (*access.Entry, error) {
	shown := func(t *Tenant) any {
		if t == nil {
			return nil
		}
		return t.audited()
	}
	e, err := p.Entry("tenant."+action, shown(before), shown(after), after.target())
	if err == nil {
		e.Tenant = access.Platform
	}
	return e, err
}

// NewTenant is what the caller chooses of a tenant.
type NewTenant struct {
	Name     string // the public id
	Settings TenantSettings
}

// Create adds a tenant. A public id that is taken is a Conflict problem.
func (ts *Tenants) Create(ctx context.Context, p *access.Principal, n NewTenant) (*Tenant, error) {
	if err := CheckTenantName(n.Name); err != nil {
		return nil, err
	}
	if err := n.Settings.check(ts.hasPlan, time.Duration(ts.longest.Load())); err != nil {
		return nil, err
	}
	t := &Tenant{Name: n.Name, Settings: n.Settings, CreatedAt: ts.now().UTC().Truncate(time.Millisecond)}
	entry, err := tenantEntry(p, "create", nil, t)
	if err != nil {
		return nil, err
	}
	ts.changing.Lock()
	defer ts.changing.Unlock()
	if err := ts.store.TenantCreate(ctx, t, entry); errors.Is(err, ErrTaken) {
		return nil, &problem.Error{Kind: problem.Conflict, Detail: fmt.Sprintf("there is a tenant %q already", n.Name),
			Fields: []problem.Field{{Name: "id", Reason: "is taken"}}}
	} else if err != nil {
		return nil, fmt.Errorf("storing tenant %q: %w", n.Name, err)
	}
	ts.putLocked(t)
	return t, nil
}

func (ts *Tenants) putLocked(t *Tenant) {
	byID := maps.Clone(ts.current.Load().byID)
	byID[t.ID] = t
	ts.publishLocked(byID, t)
}

// errSame is returned by an edit that has nothing to do.
var errSame = errors.New("unchanged")

// edit applies f to a copy of the tenant and stores it. f is called again, with the tenant as it is then, when another
// server was faster.
func (ts *Tenants) edit(ctx context.Context, p *access.Principal, name, action string, f func(t *Tenant, now time.Time) error) (*Tenant, error) {
	const tries = 20
	ts.changing.Lock()
	defer ts.changing.Unlock()
	for try := 1; ; try++ {
		old := ts.current.Load().byName[name]
		if old == nil {
			return nil, ErrNoTenant(name)
		}
		t := *old
		now := ts.now().UTC().Truncate(time.Millisecond)
		t.UpdatedAt = now
		if err := f(&t, now); errors.Is(err, errSame) {
			return old, nil
		} else if err != nil {
			return nil, err
		}
		entry, err := tenantEntry(p, action, old, &t)
		if err == nil {
			err = ts.store.TenantUpdate(ctx, &t, entry)
		}
		switch {
		case err == nil:
			ts.putLocked(&t)
			return &t, nil
		case !errors.Is(err, ErrChanged) || try == tries:
			return nil, fmt.Errorf("changing tenant %q: %w", name, err)
		}
		if err := ts.refreshLocked(ctx); err != nil {
			return nil, err
		}
	}
}

// ErrNoTenant is the problem of a tenant that does not exist.
func ErrNoTenant(name string) error {
	return problem.New(problem.NotFound, "there is no tenant %q", problem.Clip(name))
}

// Change lets f change the settings of a tenant.
func (ts *Tenants) Change(ctx context.Context, p *access.Principal, name string, f func(s *TenantSettings) error) (*Tenant, error) {
	return ts.edit(ctx, p, name, "update", func(t *Tenant, _ time.Time) error {
		before := t.Settings
		t.Settings.Limits = maps.Clone(before.Limits)
		if err := f(&t.Settings); err != nil {
			return err
		}
		if err := t.Settings.check(ts.hasPlan, time.Duration(ts.longest.Load())); err != nil {
			return err
		}
		if len(t.Settings.Limits) == 0 {
			t.Settings.Limits = nil
		}
		if t.Settings.same(&before) {
			return errSame
		}
		return nil
	})
}

// Suspend stops a tenant: its events are refused, its deliveries held, and it can be looked at. Suspending a suspended
// tenant changes nothing.
func (ts *Tenants) Suspend(ctx context.Context, p *access.Principal, name string) (*Tenant, error) {
	return ts.edit(ctx, p, name, "suspend", func(t *Tenant, now time.Time) error {
		switch t.State() {
		case TenantSuspended:
			return errSame
		case TenantDeleted:
			return errDeleted(t)
		}
		t.enter(TenantSuspended, now)
		return nil
	})
}

// Resume ends what Suspend began. What was held is delivered.
func (ts *Tenants) Resume(ctx context.Context, p *access.Principal, name string) (*Tenant, error) {
	return ts.edit(ctx, p, name, "resume", func(t *Tenant, now time.Time) error {
		switch t.State() {
		case TenantActive:
			return errSame
		case TenantDeleted:
			return errDeleted(t)
		}
		t.enter(TenantActive, now)
		return nil
	})
}

func errDeleted(t *Tenant) error {
	return problem.New(problem.Conflict, "the tenant %q is deleted: restore it first", t.Name)
}

// Delete marks a tenant to be erased after TenantGrace. confirm must be its public id. Deleting a deleted tenant does not
// put the time off.
func (ts *Tenants) Delete(ctx context.Context, p *access.Principal, name, confirm string) (*Tenant, error) {
	if _, ok := ts.Tenant(name); ok && confirm != name {
		return nil, problem.InvalidField("query confirm", "must be the id of the tenant, %q: everything of it will be erased", name)
	}
	return ts.edit(ctx, p, name, "delete", func(t *Tenant, now time.Time) error {
		switch {
		case t.ID == event.DefaultTenant:
			return problem.New(problem.Conflict, "the tenant %q cannot be deleted: the operator's key belongs to it", t.Name)
		case t.State() == TenantDeleted:
			return errSame
		}
		before := t.State()
		t.enter(TenantDeleted, now)
		t.Life.Before, t.Life.EraseAt = before, now.Add(TenantGrace)
		return nil
	})
}

// Restore takes Delete back: the tenant is as it was before.
func (ts *Tenants) Restore(ctx context.Context, p *access.Principal, name string) (*Tenant, error) {
	return ts.edit(ctx, p, name, "restore", func(t *Tenant, now time.Time) error {
		if t.State() != TenantDeleted {
			return errSame
		}
		t.enter(t.Life.Before, now)
		return nil
	})
}

// eraseSettles is how long a tenant is being erased before its data are removed, so that all servers know of it by then.
const eraseSettles = 10 * time.Second

// Erase removes the data of the tenants whose time has come. Webhooks are removed by drop, and all else by the eraser; what is
// left is the tenant's number, and an entry in the audit log of the installation. It returns when a tenant was erased or
// there is nothing to do; wait says when to come again.
func (ts *Tenants) Erase(ctx context.Context, eraser Eraser, drop func(ctx context.Context, tenant event.TenantID) error) (wait time.Duration, err error) {
	p := access.System(access.Platform)
	wait = time.Hour
	for _, t := range ts.current.Load().byID {
		now := ts.now().UTC()
		switch t.State() {
		case TenantDeleted:
			if left := t.Life.EraseAt.Sub(now); left > 0 {
				wait = min(wait, left)
				continue
			}
			if err := ts.advance(ctx, p, t, TenantErasing, ""); err != nil {
				return 0, err
			}
			wait = min(wait, eraseSettles)
		case TenantErasing:
			if left := t.Life.Since.Add(eraseSettles).Sub(now); left > 0 {
				wait = min(wait, left)
				continue
			}
			if err := drop(ctx, t.ID); err != nil {
				return 0, fmt.Errorf("removing the webhooks of tenant %q: %w", t.Name, err)
			}
			if err := eraser.TenantErase(ctx, t.ID); err != nil {
				return 0, err
			}
			return 0, ts.advance(ctx, p, t, TenantErased, "erase")
		}
	}
	return wait, nil
}

// advance moves a tenant to the next state of its end, unless another server has done so already.
func (ts *Tenants) advance(ctx context.Context, p *access.Principal, old *Tenant, to TenantState, action string) error {
	ts.changing.Lock()
	defer ts.changing.Unlock()
	t := *old
	now := ts.now().UTC().Truncate(time.Millisecond)
	t.enter(to, now)
	var entry *access.Entry
	if to == TenantErased {
		// No public id has a #.
		t.Name, t.Settings, t.UpdatedAt = fmt.Sprintf("#%d", t.ID), TenantSettings{}, now
		t.Life = TenantLife{Is: TenantErased, Since: now}
		var err error
		entry, err = p.Entry("tenant."+action, nil, nil, access.Target{Type: "tenant", ID: old.Name})
		if err != nil {
			return err
		}
		entry.Tenant = access.Platform
	}
	err := ts.store.TenantUpdate(ctx, &t, entry)
	if errors.Is(err, ErrChanged) {
		return ts.refreshLocked(ctx)
	}
	if err != nil {
		return fmt.Errorf("changing tenant %q: %w", old.Name, err)
	}
	ts.putLocked(&t)
	return nil
}
