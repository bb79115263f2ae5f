// Package attention finds what somebody must act on: attempts that fail, grouped by webhook, kind of failure and class of
// status, with advice for each group.
//
// The groups are read from the log when they are asked for, so that they are the same on all servers and need no state that
// could contradict it. The counters of the last week say which webhooks have failed at all; of those, the newest failures
// are read, by an index. What people decided about a group, a mark, is a record beside it.
package attention

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/webhook"
)

const (
	// Within is how far back failures are looked for.
	Within = 7 * 24 * time.Hour
	// perHook is how many of a webhook's newest failures are read; of more, groups say "at least".
	perHook = 250
	// maxHooks bounds the webhooks whose failures are read, those with the most first.
	maxHooks = 100
	// maxMarks bounds the records of a tenant; older ones make room.
	maxMarks = 1000
	// countFor is how long a count is kept: each page shows it.
	countFor = 20 * time.Second
	// countTime bounds how long a page waits for it.
	countTime = 300 * time.Millisecond
)

// State is where a group stands.
type State string

// The states of a group.
const (
	Open         State = "open"
	Acknowledged State = "acknowledged" // somebody has it in hand, until it is resolved
	Snoozed      State = "snoozed"      // until a time
	Resolved     State = "resolved"     // a delivery to the webhook succeeded after the last failure
)

// Group is the failures of one webhook that are of one kind.
type Group struct {
	Webhook *webhook.Webhook
	Kind    exchange.Kind
	Class   int // of the status, 5 for 503; zero: there was no complete answer
	// Attempts and Deliveries are how many failed; AtLeast says that there were more before First.
	Attempts, Deliveries int
	AtLeast              bool
	First, Last          time.Time         // of the attempts
	Sample               *delivery.Attempt // the last
	Succeeded            time.Time         // the last delivery to the webhook that succeeded; zero: none within the time
	State                State
	Mark                 *Mark // nil: nobody has decided anything
}

// ID identifies the group within its tenant: "wh_…-status-5xx", "wh_…-timeout".
func (g *Group) ID() string {
	id := g.Webhook.ID + "-" + string(g.Kind)
	if g.Class != 0 {
		id += "-" + strconv.Itoa(g.Class) + "xx"
	}
	return id
}

// Mark is what somebody decided about a group. A delivery that succeeds ends it.
type Mark struct {
	State State     `json:"state"` // Acknowledged or Snoozed
	Until time.Time `json:"until,omitzero"`
	At    time.Time `json:"at"`
	By    string    `json:"by"`
}

// Log is what groups are read from; the store is it. Bodies are not needed.
type Log interface {
	AttemptList(ctx context.Context, q delivery.LogQuery) (list []*delivery.Attempt, next event.ID, err error)
	Stats(ctx context.Context, q delivery.StatsQuery) ([]delivery.StatsPoint, error)
}

// Webhooks are the subscriptions; webhook.Registry has them.
type Webhooks interface {
	List(tenant event.TenantID) []*webhook.Webhook
}

// Kind names the marks in storage.
const Kind registry.Kind = "attention"

// Attention answers what needs attention. It is safe for concurrent use.
type Attention struct {
	log   Log
	hooks Webhooks
	marks *registry.Records[Mark]
	now   func() time.Time

	mu     sync.Mutex
	counts map[event.TenantID]count // guarded by mu
}

// count is how many groups of a tenant were open a moment ago.
type count struct {
	open int
	at   time.Time
}

// New returns an Attention with the marks that the store holds. A nil clock is time.Now.
func New(ctx context.Context, store registry.RecordStore, log Log, hooks Webhooks, now func() time.Time) (*Attention, error) {
	marks, err := registry.NewRecords(ctx, store, registry.RecordOptions[Mark]{Kind: Kind, Noun: "attention"})
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &Attention{log: log, hooks: hooks, marks: marks, now: now, counts: make(map[event.TenantID]count)}, nil
}

// Refresh reads the marks again, because another server may have changed them.
func (a *Attention) Refresh(ctx context.Context) error {
	a.mu.Lock()
	clear(a.counts)
	a.mu.Unlock()
	return a.marks.Refresh(ctx)
}

// Groups returns the groups of a tenant: the open ones, with the latest failure first, then the others. more says that
// there were too many failing webhooks to look at each.
func (a *Attention) Groups(ctx context.Context, tenant event.TenantID) (list []*Group, more bool, err error) {
	failing, err := a.failing(ctx, tenant)
	if err != nil {
		return nil, false, err
	}
	if more = len(failing) > maxHooks; more {
		failing = failing[:maxHooks]
	}
	for _, w := range failing {
		groups, err := a.ofHook(ctx, w)
		if err != nil {
			return nil, false, err
		}
		list = append(list, groups...)
	}
	rank := map[State]int{Open: 0, Acknowledged: 1, Snoozed: 2, Resolved: 3}
	slices.SortFunc(list, func(x, y *Group) int {
		return cmp.Or(cmp.Compare(rank[x.State], rank[y.State]), y.Last.Compare(x.Last), strings.Compare(x.ID(), y.ID()))
	})
	open := 0
	for open < len(list) && list[open].State == Open {
		open++
	}
	a.mu.Lock()
	a.counts[tenant] = count{open, a.now()}
	a.mu.Unlock()
	return list, more, nil
}

// Group returns one group, else a NotFound problem.
func (a *Attention) Group(ctx context.Context, tenant event.TenantID, id string) (*Group, error) {
	hook, _, _ := strings.Cut(id, "-")
	for _, w := range a.hooks.List(tenant) {
		if w.ID != hook {
			continue
		}
		groups, err := a.ofHook(ctx, w)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			if g.ID() == id {
				return g, nil
			}
		}
	}
	return nil, problem.New(problem.NotFound, "there is no such group of failures within the last %d days; its webhook may have been deleted", Within/(24*time.Hour))
}

// failing returns the tenant's webhooks with failed attempts, those with the most first.
func (a *Attention) failing(ctx context.Context, tenant event.TenantID) ([]*webhook.Webhook, error) {
	hooks := a.hooks.List(tenant)
	if len(hooks) == 0 {
		return nil, nil
	}
	numbers := make([]uint32, len(hooks))
	for i, w := range hooks {
		numbers[i] = w.Number
	}
	to := a.now().UTC().Truncate(time.Hour).Add(time.Hour)
	stats, err := a.log.Stats(ctx, delivery.StatsQuery{Tenant: tenant, Each: numbers, From: to.Add(-Within), To: to, Step: 24 * time.Hour})
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", err)
	}
	failed := make(map[uint32]int64)
	for _, p := range stats {
		failed[p.Webhook] += p.Retrying + p.Failed
	}
	list := slices.DeleteFunc(slices.Clone(hooks), func(w *webhook.Webhook) bool { return failed[w.Number] == 0 })
	slices.SortStableFunc(list, func(x, y *webhook.Webhook) int { return cmp.Compare(failed[y.Number], failed[x.Number]) })
	return list, nil
}

// ofHook groups the failures of a webhook.
func (a *Attention) ofHook(ctx context.Context, w *webhook.Webhook) ([]*Group, error) {
	now := a.now()
	query := delivery.LogQuery{
		Tenant: w.Tenant, Webhook: w.Number, Since: now.Add(-Within), Limit: perHook,
		Outcomes: []delivery.Outcome{delivery.Retrying, delivery.Failed},
	}
	failures, next, err := a.log.AttemptList(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("reading failed attempts: %w", err)
	}
	if len(failures) == 0 {
		return nil, nil
	}
	query.Outcomes, query.Limit = []delivery.Outcome{delivery.Delivered}, 1
	successes, _, err := a.log.AttemptList(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("reading the last delivered attempt: %w", err)
	}
	var succeeded time.Time
	if len(successes) > 0 {
		succeeded = ended(successes[0])
	}
	type key struct {
		kind  exchange.Kind
		class int
	}
	byKey := make(map[key]*Group)
	deliveries := make(map[key]map[event.DeliveryID]bool)
	var list []*Group
	for _, f := range failures { // the newest first
		if f.Test {
			continue
		}
		k := key{kind: f.ErrorKind}
		if f.Response != nil && f.ErrorKind == exchange.Status {
			k.class = f.Response.Status / 100
		}
		g := byKey[k]
		if g == nil {
			g = &Group{Webhook: w, Kind: k.kind, Class: k.class, AtLeast: next != 0, Last: f.At, Sample: f, Succeeded: succeeded}
			byKey[k], deliveries[k] = g, make(map[event.DeliveryID]bool)
			list = append(list, g)
		}
		g.Attempts++
		g.First = f.At
		deliveries[k][f.Delivery()] = true
	}
	for k, g := range byKey {
		g.Deliveries = len(deliveries[k])
		g.State, g.Mark = a.state(g, now)
	}
	return list, nil
}

// ended returns when an attempt was over.
func ended(a *delivery.Attempt) time.Time { return a.At.Add(a.Timing.Total) }

// state tells where a group stands at a time, and the mark that counts.
func (a *Attention) state(g *Group, now time.Time) (State, *Mark) {
	if g.Succeeded.After(ended(g.Sample)) {
		return Resolved, nil
	}
	it, err := a.marks.Get(g.Webhook.Tenant, g.ID())
	if err != nil || !it.Value.At.After(g.Succeeded) {
		return Open, nil // it began anew since
	}
	if it.Value.State == Snoozed && !now.Before(it.Value.Until) {
		return Open, nil
	}
	m := it.Value
	return m.State, &m
}

// Set acknowledges a group, snoozes it until a time, or opens it again.
func (a *Attention) Set(ctx context.Context, p *access.Principal, id string, state State, until time.Time) error {
	g, err := a.Group(ctx, p.Tenant, id)
	if err != nil {
		return err
	}
	now := a.now().UTC().Truncate(time.Millisecond)
	switch {
	case g.State == Resolved:
		return problem.New(problem.Conflict, "a delivery succeeded meanwhile: there is nothing to decide any more")
	case state == Snoozed && (!until.After(now) || until.After(now.Add(Within))):
		return problem.InvalidField("until", "must be within the next %d days", Within/(24*time.Hour))
	case state != Snoozed && state != Acknowledged && state != Open:
		return problem.InvalidField("state", "must be open, acknowledged or snoozed")
	}
	defer a.forget(p.Tenant)
	_, err = a.marks.Get(p.Tenant, id)
	marked := err == nil
	if state == Open {
		if !marked {
			return nil
		}
		return a.marks.Delete(ctx, p, id)
	}
	m := Mark{State: state, At: now, By: p.Actor.Name}
	if state == Snoozed {
		m.Until = until.UTC().Truncate(time.Millisecond)
	}
	if marked {
		_, err = a.marks.Update(ctx, p, id, func(it *registry.Item[Mark]) error { it.Value = m; return nil })
		return err
	}
	if err := a.makeRoom(ctx, p); err != nil {
		return err
	}
	_, err = a.marks.Create(ctx, p, id, m)
	return err
}

// makeRoom removes marks that are too old to count, where there are as many as may be.
func (a *Attention) makeRoom(ctx context.Context, p *access.Principal) error {
	list := a.marks.List(p.Tenant)
	if len(list) < maxMarks {
		return nil
	}
	slices.SortFunc(list, func(x, y *registry.Item[Mark]) int { return x.Value.At.Compare(y.Value.At) })
	for _, it := range list[:len(list)-maxMarks+1] {
		if err := a.marks.Delete(ctx, p, it.Name); err != nil && problem.KindOf(err) != problem.NotFound {
			return err
		}
	}
	return nil
}

// forget has the next page count again.
func (a *Attention) forget(tenant event.TenantID) {
	a.mu.Lock()
	delete(a.counts, tenant)
	a.mu.Unlock()
}

// Count returns how many groups of a tenant are open, as of some seconds ago. It is an ornament: where the log is slow the
// last count stands.
func (a *Attention) Count(ctx context.Context, tenant event.TenantID) int {
	now := a.now()
	a.mu.Lock()
	c, known := a.counts[tenant]
	if old := !known || now.Sub(c.at) >= countFor; !old {
		a.mu.Unlock()
		return c.open
	}
	a.counts[tenant] = count{c.open, now} // others need not wait for this look
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	if list, _, err := a.Groups(ctx, tenant); err == nil {
		c.open = 0
		for _, g := range list {
			if g.State == Open {
				c.open++
			}
		}
	}
	return c.open
}
