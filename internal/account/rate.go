package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// RateStore keeps how many events tenants published today. Its methods are safe for concurrent use.
type RateStore interface {
	// RateDay counts up to want events of a tenant on a day, at least need, if its count is at most allowed then. granted is
	// how many that is, 0 for none. day is the number of days since 1970, UTC; it and used are as stored now: another
	// server may have begun the next day. The count survives a crash.
	RateDay(ctx context.Context, tenant event.TenantID, day, need, want, allowed int64) (granted int64, at RateCount, err error)
	// RateReturn takes n events that were granted on a day, and not published, from its count.
	RateReturn(ctx context.Context, tenant event.TenantID, day, n int64) error
	// RateGet returns a tenant's count; zero: it has none.
	RateGet(ctx context.Context, tenant event.TenantID) (RateCount, error)
}

// RateCount is how many events a tenant has published on a day.
type RateCount struct {
	Day  int64 // days since 1970, UTC
	Used int64
}

// Pacer keeps how fast tenants publish. Its methods are safe for concurrent use.
type Pacer interface {
	// Pace takes n events from a tenant's allowance of perSecond, all or none. The allowance is a bucket that holds a second's
	// worth and fills evenly; more than that can be taken only from a full one, which then takes longer to fill. ahead is how
	// long the bucket, as it is now, takes to fill. One whose perSecond has changed is full.
	Pace(ctx context.Context, tenant event.TenantID, n, perSecond int64) (taken bool, ahead time.Duration, err error)
}

// Rates bounds how many events tenants publish in a second and on a day (UTC), on all servers together. It is safe for
// concurrent use.
//
// Servers take events from the common allowance in advance, a few at a time: at most a twentieth of a second's worth, and a
// two-hundredth of a day's. So a rate is exact but for these, and most events cost no access to the store.
type Rates struct {
	plans  *Plans
	store  RateStore
	pacer  Pacer
	shared bool // the pacer is a database
	now    func() time.Time

	changing sync.Mutex
	// meters are those of the tenants that have a rate; nil: no tenant has one.
	meters atomic.Pointer[map[event.TenantID]*meter]
}

// meter counts one tenant's events.
type meter struct {
	lock chan struct{} // holds a value while somebody counts; what follows belongs to them

	plan              string
	perSecond, perDay int64 // 0: no limit

	left  int64     // taken from the pacer and not published
	chunk int64     // how many are taken in advance
	asked time.Time // when events were last taken from the pacer

	day     RateCount // as last stored
	dayLeft int64     // counted in the store and not published

	refused  time.Time // until when refusedN events and more are refused without a look
	refusedN int64
	told     map[string]time.Time        // when an operational event about the second was last published, by its type
	toldDay  int64                       // the day of the last operational event about a publication that was too large for it
	pending  []func(ctx context.Context) // operational events to publish once the lock is free
}

// tellAgain is how often a server tells that a tenant publishes at its limit of a second.
const tellAgain = time.Hour

// errWouldWait is returned by Take for what would have to ask the store.
var errWouldWait = errors.New("account: the rate is not known without waiting")

// NewRates returns the rates of all tenants; pacer is the one that servers share, nil if there is one server.
func NewRates(plans *Plans, store RateStore, pacer Pacer) *Rates {
	r := &Rates{plans: plans, store: store, pacer: pacer, shared: pacer != nil, now: time.Now}
	if pacer == nil {
		r.pacer = &localPace{buckets: make(map[event.TenantID]bucket), now: func() time.Time { return r.now() }}
	}
	plans.tenants.Subscribe(func(_, t *Tenant) { r.follow(t.ID) })
	plans.records.Subscribe(func(_, _ *planItem) { r.followAll() })
	r.followAll()
	return r
}

func (r *Rates) followAll() {
	var ids []event.TenantID
	for id := range r.plans.tenants.current.Load().byID {
		ids = append(ids, id)
	}
	r.follow(ids...)
}

// follow notes the rates of tenants.
func (r *Rates) follow(ids ...event.TenantID) {
	r.changing.Lock()
	defer r.changing.Unlock()
	var next map[event.TenantID]*meter
	if now := r.meters.Load(); now != nil {
		next = *now
	}
	copied := false
	change := func() {
		if !copied {
			next, copied = maps.Clone(next), true
		}
		if next == nil {
			next = make(map[event.TenantID]*meter)
		}
	}
	for _, id := range ids {
		plan, limits := r.plans.PlanOf(id)
		perSecond, perDay := limits[LimitEventsPerSecond], limits[LimitEventsPerDay]
		m := next[id]
		switch {
		case perSecond == 0 && perDay == 0:
			if m != nil {
				change()
				delete(next, id)
			}
			continue
		case m == nil:
			change()
			m = &meter{lock: make(chan struct{}, 1), told: make(map[string]time.Time)}
			next[id] = m
		}
		m.lock <- struct{}{}
		m.plan, m.perSecond, m.perDay, m.refused = plan, perSecond, perDay, time.Time{}
		<-m.lock
	}
	if len(next) == 0 {
		r.meters.Store(nil)
	} else {
		r.meters.Store(&next)
	}
}

func (r *Rates) meter(tenant event.TenantID) *meter {
	meters := r.meters.Load()
	if meters == nil {
		return nil
	}
	return (*meters)[tenant]
}

// Take counts n events of a tenant that are to be published, all or none. A TooMany problem says that they are too many now. Without
// wait it returns an error where it would have to ask the store.
func (r *Rates) Take(ctx context.Context, tenant event.TenantID, n int, wait bool) error {
	m := r.meter(tenant)
	if m == nil {
		return nil
	}
	if wait {
		select {
		case m.lock <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the tenant's rate: %w", ctx.Err())
		}
	} else {
		select {
		case m.lock <- struct{}{}:
		default:
			return errWouldWait
		}
	}
	err := r.takeLocked(ctx, m, tenant, int64(n), wait)
	pending := m.pending
	m.pending = nil
	<-m.lock
	for _, f := range pending {
		f(context.WithoutCancel(ctx))
	}
	return err
}

func (r *Rates) takeLocked(ctx context.Context, m *meter, tenant event.TenantID, n int64, wait bool) error {
	now := r.now()
	day := now.Unix() / (24 * 60 * 60)
	if m.perDay > 0 && m.day.Day < day {
		m.day, m.dayLeft = RateCount{Day: day}, 0
	}
	asksPace, asksDay := m.perSecond > 0 && m.left < n, m.perDay > 0 && m.dayLeft < n
	if !wait && (asksPace && r.shared || asksDay) {
		return errWouldWait
	}
	if asksPace {
		if left := m.refused.Sub(now); left > 0 && n >= m.refusedN {
			return m.tooFast(left)
		}
		if err := r.pace(ctx, m, tenant, n, now, wait); err != nil {
			return err
		}
	}
	if asksDay {
		if err := r.count(ctx, m, tenant, n, now); err != nil {
			return err
		}
	}
	if m.perSecond > 0 {
		m.left -= n
	}
	if m.perDay > 0 {
		m.dayLeft -= n
	}
	return nil
}

// pace takes events from the pacer, so that n are left.
func (r *Rates) pace(ctx context.Context, m *meter, tenant event.TenantID, n int64, now time.Time, wait bool) error {
	need := n - m.left
	want := need
	if r.shared {
		const soon = 250 * time.Millisecond
		if now.Sub(m.asked) < soon {
			m.chunk = min(max(2*m.chunk, 1), max(m.perSecond/20, 1))
		} else {
			m.chunk /= 2
		}
		m.asked = now
		want = max(need, m.chunk)
	}
	taken, ahead, err := r.pacer.Pace(ctx, tenant, want, m.perSecond)
	if err == nil && !taken && want > need {
		want = need
		taken, ahead, err = r.pacer.Pace(ctx, tenant, want, m.perSecond)
	}
	if err != nil {
		return fmt.Errorf("asking for the rate of tenant %d: %w", tenant, err)
	}
	level := min(m.perSecond, int64(ahead.Seconds()*float64(m.perSecond)+0.5))
	if !taken {
		cost := time.Duration(float64(need) / float64(m.perSecond) * float64(time.Second))
		left := ahead + cost - max(cost, time.Second)
		if !wait {
			return errWouldWait // told on the ordinary way
		}
		m.refused, m.refusedN = now.Add(left), n
		r.tell(m, tenant, EventLimitReached, m.perSecond, now)
		return m.tooFast(left)
	}
	m.left += want
	if level*5 >= m.perSecond*4 {
		r.tell(m, tenant, EventLimitNear, level, now)
	}
	return nil
}

// tell has an operational event about the second published, unless one was not long ago.
func (r *Rates) tell(m *meter, tenant event.TenantID, eventType string, used int64, now time.Time) {
	if at := m.told[eventType]; now.Sub(at) < tellAgain {
		return
	}
	m.told[eventType] = now
	r.announce(m, tenant, eventType, LimitEventsPerSecond, m.perSecond, used)
}

func (r *Rates) announce(m *meter, tenant event.TenantID, eventType string, limit LimitName, allowed, used int64) {
	plan := m.plan
	m.pending = append(m.pending, func(ctx context.Context) {
		r.plans.announceLimit(ctx, tenant, eventType, limit, plan, allowed, used)
	})
}

// count counts events in the store, so that n are left of the day.
func (r *Rates) count(ctx context.Context, m *meter, tenant event.TenantID, n int64, now time.Time) error {
	need := n - m.dayLeft
	granted, at, err := r.store.RateDay(ctx, tenant, m.day.Day, need, max(need, m.perDay/200), m.perDay)
	if err != nil {
		return fmt.Errorf("counting the events of tenant %d: %w", tenant, err)
	}
	if at.Day != m.day.Day { // another server's clock is ahead
		m.dayLeft = 0
	}
	m.day = at
	if granted == 0 {
		if at.Used < m.perDay && m.toldDay != at.Day { // so that no event brings it there
			m.toldDay = at.Day
			r.announce(m, tenant, EventLimitReached, LimitEventsPerDay, m.perDay, at.Used)
		}
		return m.tooManyToday(now, at.Used)
	}
	m.dayLeft += granted
	before := at.Used - granted
	switch near := func(used int64) bool { return used*5 >= m.perDay*4 }; {
	case at.Used >= m.perDay && before < m.perDay:
		r.announce(m, tenant, EventLimitReached, LimitEventsPerDay, m.perDay, at.Used)
	case near(at.Used) && !near(before):
		r.announce(m, tenant, EventLimitNear, LimitEventsPerDay, m.perDay, at.Used)
	}
	if m.dayLeft < n { // another server has begun the day that this one had events left of
		return r.count(ctx, m, tenant, n, now)
	}
	return nil
}

func (m *meter) tooFast(after time.Duration) error {
	return &problem.Error{Kind: problem.TooMany, After: max(after, time.Millisecond),
		Detail: fmt.Sprintf("the plan %q allows %d events per second: try again after the time in Retry-After", m.plan, m.perSecond),
		Limit:  &problem.Limit{Limit: string(LimitEventsPerSecond), Plan: m.plan, Allowed: m.perSecond, Used: m.perSecond}}
}

func (m *meter) tooManyToday(now time.Time, used int64) error {
	const day = 24 * time.Hour
	detail := fmt.Sprintf("the plan %q allows %d events per day, and there are %d since midnight UTC", m.plan, m.perDay, used)
	return &problem.Error{Kind: problem.TooMany, Detail: detail, After: now.UTC().Truncate(day).Add(day).Sub(now),
		Limit: &problem.Limit{Limit: string(LimitEventsPerDay), Plan: m.plan, Allowed: m.perDay, Used: used}}
}

// Release gives back n events that were taken and not stored.
func (r *Rates) Release(tenant event.TenantID, n int) {
	m := r.meter(tenant)
	if m == nil {
		return
	}
	m.lock <- struct{}{}
	defer func() { <-m.lock }()
	if m.perSecond > 0 {
		m.left = min(m.left+int64(n), m.perSecond)
		m.refused = time.Time{}
	}
	if m.perDay > 0 {
		m.dayLeft += int64(n)
	}
}

// Usage returns how much of a second's allowance a tenant uses now, and how many events it has published today. A rate
// without a limit is not counted: -1.
func (r *Rates) Usage(ctx context.Context, tenant event.TenantID) (perSecond, perDay int64, err error) {
	perSecond, perDay = -1, -1
	m := r.meter(tenant)
	if m == nil {
		return perSecond, perDay, nil
	}
	m.lock <- struct{}{}
	defer func() { <-m.lock }()
	if m.perSecond > 0 {
		_, ahead, err := r.pacer.Pace(ctx, tenant, 0, m.perSecond)
		if err != nil {
			return -1, -1, fmt.Errorf("asking for the rate of tenant %d: %w", tenant, err)
		}
		perSecond = min(m.perSecond, max(0, int64(ahead.Seconds()*float64(m.perSecond)+0.5)-m.left))
	}
	if m.perDay > 0 {
		at, err := r.store.RateGet(ctx, tenant)
		if err != nil {
			return -1, -1, fmt.Errorf("reading the events of tenant %d: %w", tenant, err)
		}
		perDay = 0
		if at.Day == r.now().Unix()/(24*60*60) {
			perDay = at.Used
			if at.Day == m.day.Day {
				perDay -= m.dayLeft
			}
		}
	}
	return perSecond, perDay, nil
}

// Close returns what was counted in advance. Nothing may be taken any more.
func (r *Rates) Close(ctx context.Context) error {
	meters := r.meters.Load()
	if meters == nil {
		return nil
	}
	var errs []error
	for id, m := range *meters {
		m.lock <- struct{}{}
		if m.dayLeft > 0 {
			errs = append(errs, r.store.RateReturn(ctx, id, m.day.Day, m.dayLeft))
			m.dayLeft = 0
		}
		<-m.lock
	}
	return errors.Join(errs...)
}

// localPace is the Pacer of a single server.
type localPace struct {
	now     func() time.Time
	mu      sync.Mutex
	buckets map[event.TenantID]bucket // guarded by mu
}

// bucket is a tenant's allowance.
type bucket struct {
	full      time.Time // when it will be full, if nothing more is taken
	perSecond int64
}

// Pace implements Pacer.
func (l *localPace) Pace(_ context.Context, tenant event.TenantID, n, perSecond int64) (taken bool, ahead time.Duration, err error) {
	cost := time.Duration(float64(n) / float64(perSecond) * float64(time.Second))
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[tenant]
	if b.perSecond != perSecond || b.full.Before(now) {
		b = bucket{now, perSecond}
	}
	if b.full.Add(cost).After(now.Add(max(cost, time.Second))) {
		return false, b.full.Sub(now), nil
	}
	b.full = b.full.Add(cost)
	l.buckets[tenant] = b
	return true, b.full.Sub(now), nil
}

// announceLimit publishes an operational event about a limit.
func (ps *Plans) announceLimit(ctx context.Context, tenant event.TenantID, eventType string, limit LimitName, plan string, allowed, used int64) {
	if ps.announce == nil {
		return
	}
	data, err := json.Marshal(map[string]any{"limit": limit, "plan": plan, "allowed": allowed, "used": used})
	if err == nil {
		ps.announce(ctx, tenant, eventType, data)
	}
}
