package delivery

import (
	"context"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

const (
	// maxGather is the longest wait for company that deliveries spend in memory,
	// holding their intakes open. It is below staleAfter. Those that may wait
	// longer do so in the store.
	maxGather = 10 * time.Second
	// lateGrace is how long a delivery that is late already, after a restart,
	// waits for those that come with it.
	lateGrace = 20 * time.Millisecond
	// bodyOverhead is about how much a format adds to an event, in bytes.
	bodyOverhead = 100
)

// gather holds a lane's deliveries that are waiting to be sent as one batch.
// Batches that have been sent once are not here: they stay as they are, in the lane's queue.
// It is guarded by the lane's lock.
type gather struct {
	queue   queue
	bytes   int64 // of the bodies, about
	claimed int   // of queue, those from the store: they have waited already
	// filling tells that the due loop is about to bring more from the store.
	filling bool
	timer   *time.Timer // starts a worker when the first has waited long enough
	// open is the batch that deliveries join which wait in the store.
	open openBatch
	full []event.DeliveryID // one of each batch in the store that need not wait any more
}

// openBatch is a batch that waits in the store: its rows have the same Order and
// Due. It lasts until it is sent for the first time; what is sent then is decided
// anew.
type openBatch struct {
	id    event.ID
	due   time.Time
	n     int
	bytes int64
}

// isFormed reports whether the task is a batch that has been sent, with those
// behind it: it must be sent again as it was.
func (t *task) isFormed() bool { return t.owed.Order < 0 && t.owed.Attempts > 0 }

// lenLocked returns how many deliveries, or batches that were sent before, wait
// in memory.
func (l *lane) lenLocked() int { return l.queue.len() + l.gather.queue.len() }

// unitsLocked returns how many requests are to be made now.
func (l *lane) unitsLocked() int {
	n := l.queue.len()
	if l.gather.queue.len() == 0 {
		return n
	}
	g, b := &l.gather, l.endpoint.hook.Batch
	switch full := max(g.queue.len()/b.MaxEvents, int(g.bytes/int64(b.MaxBytes))); {
	case full > 0:
		return n + full
	case g.claimed > 0 && !g.filling && !l.claiming, g.claimed == 0 && !time.Now().Before(g.deadline(b)):
		return n + 1
	}
	return n
}

// deadline returns when the first must be sent, of those that came fresh.
// It counts from when that came into the queue, so that a clock that is set
// meanwhile changes nothing.
func (g *gather) deadline(b *webhook.Batch) time.Time {
	t := g.queue.peek()
	wait := b.MaxWait - t.late
	return t.at.Add(max(wait, min(b.MaxWait, lateGrace)))
}

// alarmLocked sets the timer for gathered deliveries that need not go yet.
func (l *lane) alarmLocked() {
	g := &l.gather
	if g.queue.len() == 0 || g.claimed > 0 || g.timer != nil {
		return // those from the store go when the due loop has brought all it can
	}
	wait := time.Until(g.deadline(l.endpoint.hook.Batch))
	if wait <= 0 {
		return // all workers are busy: one that ends looks again
	}
	g.timer = time.AfterFunc(wait, func() {
		l.mu.Lock()
		g.timer = nil
		l.startLocked()
		l.mu.Unlock()
	})
}

// gatherLocked adds a delivery to those that wait for company.
func (l *lane) gatherLocked(t *task) {
	t.body = int32(t.ev.Size() + bodyOverhead)
	t.late = max(l.engine.wall().Sub(t.owed.Due), 0)
	l.gather.queue.push(t)
	l.gather.count(t, 1)
}

func (g *gather) count(t *task, n int) {
	g.bytes += int64(n) * int64(t.body)
	if t.owed.Token != 0 {
		g.claimed += n
	}
}

func (g *gather) pop() *task {
	t := g.queue.pop()
	g.count(t, -1)
	return t
}

// nextLocked takes the content of the next request: a delivery, a batch to be
// sent again, or a new batch, linked by next. Deliveries of batches stay counted
// in the memory bound, twice for their body, until releaseLocked.
func (l *lane) nextLocked() *task {
	if l.endpoint.hook.Batch == nil {
		return l.popLocked()
	}
	if l.queue.len() > 0 {
		t := l.popLocked()
		l.holdLocked(2 * int64(t.size))
		return t
	}
	g, b := &l.gather, l.endpoint.hook.Batch
	first := g.pop()
	size, bytes, last := int64(first.size), 2+int64(first.body), first
	for n := 1; n < b.MaxEvents && g.queue.len() > 0; n++ {
		t := g.queue.peek()
		if bytes += 1 + int64(t.body); bytes > int64(b.MaxBytes) {
			break
		}
		last.next = g.pop()
		last = t
		size += int64(t.size)
	}
	l.holdLocked(size)
	return first
}

func (l *lane) holdLocked(bytes int64) {
	l.bytes += bytes
	l.engine.queued.Add(bytes)
}

// workBatch sends a batch and puts back what did not fit into it.
func (l *lane) workBatch(ep *endpoint, t *task) {
	formed, held := t.isFormed(), int64(0)
	tasks := runOf(t)
	if formed {
		held = int64(t.size) // that of all
	} else {
		for _, t := range tasks {
			held += int64(t.size)
		}
	}
	rest := l.engine.attemptBatch(l, ep, tasks, formed)
	l.mu.Lock()
	l.holdLocked(-2 * held)
	back := !l.removed && l.endpoint.hook.Batch != nil && l.endpoint.hook.Sends()
	for i := len(rest) - 1; i >= 0 && back; i-- {
		l.gather.queue.pushFront(rest[i])
		l.gather.count(rest[i], 1)
		l.holdLocked(int64(rest[i].size))
	}
	l.mu.Unlock()
	if !back {
		l.releaseOrDropAll(rest)
	}
}

// parkingLocked notes that tasks are about to be handed to recorder.park.
func (l *lane) parkingLocked(tasks []*task) {
	for _, t := range tasks {
		if t.owed.Token == 0 {
			l.parking++
		}
	}
	if len(tasks) > 0 {
		l.backlog = true
	}
}

// regroup groups tasks from the store as the webhook's settings ask. A
// batch that was sent before stays one; anything else that came in a row is
// taken apart if it is now sent in batches, and so is a batch if it no longer is.
func regroup(w *webhook.Webhook, tasks []*task) []*task {
	apart := func(t *task) bool {
		if w.Batch != nil {
			return !t.isFormed()
		}
		return t.owed.Order < 0
	}
	for i, t := range tasks {
		if t.next != nil && apart(t) {
			list := append([]*task(nil), tasks[:i]...)
			for _, t := range tasks[i:] {
				if t.next == nil || !apart(t) {
					list = append(list, t)
					continue
				}
				for rest := t.next; rest != nil; rest = rest.next {
					t.size -= rest.size
				}
				list = append(list, runOf(t)...)
			}
			return list
		}
	}
	return tasks
}

// regroupLocked sorts what waits in memory anew, after the webhook's batch settings
// have changed.
func (l *lane) regroupLocked() {
	for _, t := range regroup(l.endpoint.hook, l.emptyLocked()) {
		l.addLocked(t)
	}
	l.gather.open = openBatch{}
}

// joinLocked makes a fresh delivery part of the batch that waits in the store,
// and reports whether that is full now.
func (l *lane) joinLocked(t *task) (full bool) {
	b, o := l.endpoint.hook.Batch, &l.gather.open
	if now := l.engine.wall().UTC().Truncate(time.Millisecond); o.n == 0 || !now.Before(o.due) {
		*o = openBatch{id: l.engine.store.EventReserve(), due: later(t.owed.Due.Add(b.MaxWait), now)}
	}
	t.owed.Order, t.owed.Reason = -int64(o.id), ReasonGather
	t.owed.Due, t.owed.Since = o.due, o.due
	o.n++
	o.bytes += int64(t.ev.Size() + bodyOverhead)
	if full = o.n >= b.MaxEvents || o.bytes >= int64(b.MaxBytes); full {
		*o = openBatch{}
	}
	return full
}

// moveFull has the full batches in the store go now.
func (l *lane) moveFull(ctx context.Context, now time.Time) error {
	l.mu.Lock()
	full, tenant := l.gather.full, l.endpoint.hook.Tenant
	l.gather.full = nil
	l.mu.Unlock()
	for i, d := range full {
		if _, err := l.engine.store.OwedMove(ctx, tenant, d, now.UTC().Truncate(time.Millisecond)); err != nil {
			l.mu.Lock()
			l.gather.full = append(l.gather.full, full[i:]...)
			l.mu.Unlock()
			return err
		}
	}
	return nil
}

// filled notes that a batch which waits in the store, with d, is full and wholly
// there.
func (l *lane) filled(d event.DeliveryID) {
	now := l.engine.wall()
	l.mu.Lock()
	l.gather.full = append(l.gather.full, d)
	if l.next.IsZero() || now.Before(l.next) {
		l.next = now
	}
	l.mu.Unlock()
	l.engine.due.schedule(l, now)
}
