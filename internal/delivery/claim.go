package delivery

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/relay-events/relay/internal/event"
)

const (
	// claimPage is how many owed deliveries are claimed at a time.
	claimPage = 256
	// claimAgain is how soon a lane tries again after it could claim none of the
	// rows that are due: some rows of a batch that is taken apart are still claimed.
	claimAgain = 100 * time.Millisecond
)

// owedAt notes that an owed delivery is in the store, due at the time; parked
// tells that it was counted in parking.
func (l *lane) owedAt(due time.Time, parked bool) {
	l.mu.Lock()
	if parked && l.parking > 0 { // forgotten tasks are not counted
		l.parking--
	}
	if l.next.IsZero() || due.Before(l.next) {
		l.next = due
	}
	l.mu.Unlock()
	l.engine.due.schedule(l, due)
}

// wantsMoreLocked reports whether owed deliveries should be fetched: some are
// due, and the queue runs low.
func (l *lane) wantsMoreLocked() bool {
	return !l.claiming && !l.next.IsZero() && l.lenLocked() < l.pageLocked()/2 && !l.next.After(l.engine.wall())
}

// pageLocked returns how many owed deliveries the queue is filled up to: enough
// for two batches.
func (l *lane) pageLocked() int {
	page := claimPage
	if l.pace.failing() {
		page = failingQueue / 8
	}
	if b := l.endpoint.hook.Batch; b != nil {
		page = max(page, 2*b.MaxEvents)
	}
	return page
}

// claimDue claims owed deliveries that are due and queues them. Only the due loop
// calls it. It returns when the lane wants to be called again; zero: not
// before something wakes it.
func (l *lane) claimDue(ctx context.Context, now time.Time) (again time.Time, err error) {
	e := l.engine
	if err := l.moveFull(ctx, now); err != nil {
		return now.Add(time.Second), err
	}
	l.mu.Lock()
	limit := l.pageLocked()
	room := limit - l.lenLocked()
	if l.gather.filling {
		l.gather.filling = false
		defer l.start()
	}
	switch {
	case l.removed || !l.endpoint.hook.Sends() || l.next.IsZero():
		l.mu.Unlock()
		return time.Time{}, nil
	case l.next.After(now):
		again = l.next
		l.mu.Unlock()
		return again, nil
	case !l.heldLocked(now).IsZero():
		again = l.heldLocked(now)
		l.pace.limitRate(time.Now())
		l.mu.Unlock()
		return again, nil
	case l.deciding > 0:
		l.mu.Unlock() // the last one decided wakes us
		return time.Time{}, nil
	case l.filter.slow.Load() > 0 && e.decider.full():
		l.mu.Unlock()
		return now.Add(claimAgain), nil
	case room < limit/2 || l.lenLocked() > 0 && e.queued.Load() > e.memory:
		l.mu.Unlock() // taking from the queue wakes us
		return time.Time{}, nil
	}
	l.claiming = true
	l.next = time.Time{} // rows recorded from here on set it again
	parking := l.parking
	l.mu.Unlock()

	tasks, more, next, err := e.claim(ctx, l.number, now, min(room, claimPage))

	l.mu.Lock()
	l.claiming = false
	if err == nil && !more && !next.IsZero() && l.engine.shared != nil {
		if floor := now.Add(fetchPause/2 + rand.N(fetchPause)); next.Before(floor) {
			next = floor
		}
	}
	l.gather.filling = err == nil && more && len(tasks) > 0
	if err != nil {
		next = now
	} else if !more && parking == 0 && l.parking == 0 {
		l.backlog = false
	}
	if !next.IsZero() && (l.next.IsZero() || next.Before(l.next)) {
		l.next = next
	}
	next = l.next
	l.mu.Unlock()
	if err != nil {
		l.start()
		return now.Add(time.Second), err
	}
	l.pushClaimed(e.decider.claimed(l, tasks))
	return next, nil
}

// claim claims up to limit owed deliveries of a webhook and reads their
// events. more tells that others are due; next is when the earliest of those
// left is due, zero if there is none.
func (e *Engine) claim(ctx context.Context, number uint32, now time.Time, limit int) (tasks []*task, more bool, next time.Time, err error) {
	claims, err := e.store.OwedClaim(ctx, number, now, limit)
	if err != nil {
		return nil, false, next, err
	}
	e.metrics.claims.Add(1)
	if len(claims) == 0 {
		e.metrics.emptyClaims.Add(1)
	}
	release := func() { _ = e.store.OwedRelease(context.WithoutCancel(ctx), claims) }
	if len(claims) > 0 {
		if tasks, err = e.load(ctx, claims); err != nil {
			release()
			return nil, false, next, err
		}
	}
	next, ok, err := e.store.OwedNext(ctx, number)
	if err != nil {
		release()
		return nil, false, next, err
	}
	more = ok && !next.After(now)
	if more && len(claims) == 0 {
		next = now.Add(claimAgain)
	}
	return tasks, more, next, nil
}

// load reads the events of claims. A claim whose event is gone (retention
// removed it) is settled as expired, one whose event is damaged as discarded.
func (e *Engine) load(ctx context.Context, claims []Owed) ([]*task, error) {
	ids := make([]event.ID, len(claims))
	for i := range claims {
		ids[i] = claims[i].Event
	}
	byID, damaged, err := EventsOf(ctx, e.store, ids)
	if err != nil {
		return nil, err
	}
	tasks := make([]*task, 0, len(claims))
	var last *task // of the run being put together
	for _, o := range claims {
		ev := byID[o.Event]
		t := &task{ev: ev, owed: o}
		if ev == nil {
			t.ev = &event.Event{ID: o.Event, Tenant: o.Tenant}
			if why := damaged[o.Event]; why != nil {
				e.log.Error("a delivery is given up, its event cannot be read", "delivery", o.Delivery().String(), "err", why)
				e.recorder.settle(t, Discarded, EventDamaged+" and cannot be sent")
			} else {
				e.recorder.settle(t, Expired, EventGone)
			}
			continue
		}
		t.size = int32(taskOverhead + ev.Size())
		if last != nil && o.Order != 0 && last.owed.Order == o.Order {
			tasks[len(tasks)-1].size += t.size
			last.next, last = t, t
			continue
		}
		last = t
		tasks = append(tasks, t)
	}
	return tasks, nil
}
