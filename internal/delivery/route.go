package delivery

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// route matches accepted events to lanes until the engine stops.
func (e *Engine) route() {
	for {
		select {
		case <-e.claiming.Done():
			return
		case intakes := <-e.intakes:
			for i := range intakes {
				e.routeIntake(&intakes[i], nil)
			}
		}
	}
}

// intake counts the deliveries of a group commit that are not recorded yet.
type intake struct {
	id    event.ID
	token int64 // see Intake.Token
	open  atomic.Int64
}

// routeIntake puts the intake's deliveries on their lanes, except those that
// skip says are done.
func (e *Engine) routeIntake(in *Intake, skip func(event.DeliveryID) bool) {
	if e.ended(in.Token) {
		return // others have it
	}
	track := &intake{id: in.ID, token: in.Token}
	owed := owedWith(in)
	track.open.Store(1) // ours, until all events are routed
	var targets []match
	var spent routingTime
	now := e.wall().UTC().Truncate(time.Millisecond)
	for i := range in.Events {
		ev := &in.Events[i]
		targets = e.targetsFor(e.tableOf(ev.Tenant), targets[:0], ev, &spent)
		if len(targets) == 0 {
			continue
		}
		size := int32(taskOverhead + ev.Size()/len(targets))
		at := earlier(ev.ID.Time(), now) // ids run ahead of a clock that was set back
		for _, to := range targets {
			l := to.lane
			if skip != nil && skip(event.DeliveryID{Event: ev.ID, Webhook: l.number}) {
				continue
			}
			if _, ok := owed[event.DeliveryID{Event: ev.ID, Webhook: l.number}]; ok {
				l.owedAt(at, false)
				continue
			}
			track.open.Add(1)
			t := &task{ev: ev, in: track, size: size, owed: Owed{
				Tenant: ev.Tenant, Event: ev.ID, Webhook: l.number,
				Due: at, Since: at,
			}}
			later := ev.DeliverAt.After(now)
			if later {
				t.owed.Due, t.owed.Since, t.owed.Reason = ev.DeliverAt, ev.DeliverAt, ReasonLater
			}
			switch {
			case to.undecided && !later:
				e.decider.postpone(l, t)
			case to.undecided:
				t.owed.Reason = ReasonFilter // when its time has come
				e.recorder.owe(t)
			case later:
				e.recorder.owe(t)
			default:
				l.push(t)
			}
		}
	}
	e.recorder.routed(track)
}

// owedWith returns what tells which deliveries of the intake were stored as
// owed with it; nil: none.
func owedWith(in *Intake) map[event.DeliveryID]struct{} {
	if len(in.Owed) == 0 {
		return nil
	}
	set := make(map[event.DeliveryID]struct{}, len(in.Owed))
	for _, d := range in.Owed {
		set[d] = struct{}{}
	}
	return set
}

// table is a tenant's compiled routing: which lanes want an event type.
type table struct {
	exact map[string][]target // types named by at least one webhook; globs included
	globs []target
	// ordered tells that a webhook of the tenant wants its events in order.
	ordered bool
}

// target is a webhook that events may go to, if its filter agrees.
type target struct {
	lane *lane
	hook *webhook.Webhook // as it was when the table was compiled, see routesDiffer
}

// tableOf returns the tenant's table, compiled anew after a change.
func (e *Engine) tableOf(tenant event.TenantID) *table {
	e.mu.RLock()
	t := e.tables[tenant]
	e.mu.RUnlock()
	if t != nil {
		return t
	}
	// A change while we compile finds no table to delete: its new version tells
	// us that ours is old already.
	for {
		before := e.tableVersion.Load()
		t = e.compile(tenant)
		e.mu.Lock()
		if e.tableVersion.Load() == before {
			e.tables[tenant] = t
			e.mu.Unlock()
			return t
		}
		e.mu.Unlock()
	}
}

// compile makes the tenant's table. The caller holds no lock.
func (e *Engine) compile(tenant event.TenantID) *table {
	t := &table{exact: make(map[string][]target)}
	hooks := e.hooks.All(tenant)
	for _, w := range hooks {
		if w.Status != webhook.Active {
			continue
		}
		l := e.lane(w)
		t.ordered = t.ordered || w.Ordering == webhook.OrderingFIFO
		isGlob := false
		for _, p := range w.Events {
			if hasStar(p) {
				isGlob = true
			} else {
				t.exact[p] = nil
			}
		}
		if isGlob {
			t.globs = append(t.globs, target{l, w})
		}
	}
	for _, w := range hooks {
		if w.Status != webhook.Active {
			continue
		}
		to := target{e.lane(w), w}
		for _, p := range w.Events {
			if list := t.exact[p]; !hasStar(p) && !slices.Contains(list, to) {
				t.exact[p] = append(list, to)
			}
		}
	}
	for typ, list := range t.exact {
		for _, g := range t.globs {
			if g.hook.Wants(typ) && !slices.Contains(list, g) {
				list = append(list, g)
			}
		}
		t.exact[typ] = list
	}
	return t
}

func hasStar(pattern string) bool {
	for i := range len(pattern) {
		if pattern[i] == '*' {
			return true
		}
	}
	return false
}

// match is a webhook that is owed an event, as far as that is decided.
type match struct {
	target
	undecided bool // whether its filter lets the event through; see decider
}

// targetsFor appends the webhooks that want the event to dst.
func (e *Engine) targetsFor(t *table, dst []match, ev *event.Event, spent *routingTime) []match {
	if list, ok := t.exact[ev.Type]; ok {
		for _, to := range list {
			if owed, undecided := e.verdict(to, ev, spent); owed || undecided {
				dst = append(dst, match{to, undecided})
			}
		}
		return dst
	}
	for _, g := range t.globs {
		if !g.hook.Wants(ev.Type) {
			continue
		}
		if owed, undecided := e.verdict(g, ev, spent); owed || undecided {
			dst = append(dst, match{g, undecided})
		}
	}
	return dst
}

// routesDiffer reports whether a change of a webhook matters to routing: tables hold all that it compares, and nothing else
// of a webhook may be read from them.
func routesDiffer(a, b *webhook.Webhook) bool {
	return a.Status != b.Status || a.Filter != b.Filter || a.Ordering != b.Ordering || !slices.Equal(a.Events, b.Events)
}
