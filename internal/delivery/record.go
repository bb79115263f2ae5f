package delivery

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

const (
	// maxPending bounds results that wait to be recorded. More wait in the
	// workers that made them, so that a store that fails stops deliveries
	// rather than filling memory.
	maxPending = 8192
	// linger is how long the recorder waits for company before it commits:
	// nobody waits for a result to be stored, and a sync shared is a sync
	// saved for the publishers.
	linger = 5 * time.Millisecond
	// retryStore is how long it waits after a failed commit.
	retryStore = 250 * time.Millisecond
	// stopGrace is how long it tries to commit at the end while the store fails.
	stopGrace = 2 * time.Second
)

// recorder commits results in groups, in one goroutine.
type recorder struct {
	engine *Engine
	signal chan struct{} // buffered, 1: something is pending
	ended  chan struct{} // closed when the loop has ended

	storing sync.Mutex // held while results are chosen and stored; before mu

	mu       sync.Mutex
	room     sync.Cond // pending has become shorter
	pending  []result
	draining bool      // Stop has begun: add does not wait any more
	stopping bool      // all workers have ended
	failing  time.Time // since when the store fails; zero: it works

	// down tells that the store fails, for those who ask without mu: no attempt
	// starts meanwhile. What would come of it could not be written down, and
	// would be sent again after a crash.
	down atomic.Bool
}

// result is one thing to record, with the steps to take once it is durable.
type result struct {
	attempt *Attempt
	owe     *Owed
	settle  *Owed
	in      *intake       // released when durable
	parked  bool          // owe was counted in lane.parking
	token   int64         // under which claim it is ours to record; see Engine.ended
	fills   bool          // owe is the last of a full batch, see lane.filled
	stored  chan struct{} // closed when all that was added before is durable
}

func newRecorder(e *Engine) *recorder {
	r := &recorder{engine: e, signal: make(chan struct{}, 1), ended: make(chan struct{})}
	r.room.L = &r.mu
	return r
}

func (r *recorder) start() { go r.run() }

// finish records an attempt of a task and its consequence.
func (r *recorder) finish(t *task, a *Attempt) {
	r.engine.metrics.count(a)
	r.engine.metrics.started(a, t.owed.Since)
	res := result{attempt: a, in: t.in, token: t.token()}
	if a.Outcome == Retrying {
		o := t.owed
		o.Attempts++
		o.Order = max(o.Order, 0) // it was of a batch, and goes by itself now
		o.Due, o.Reason = a.NextAt, ReasonRetry
		res.owe = &o
	} else if t.owed.Token != 0 {
		res.settle = &t.owed
	}
	r.add(res)
}

// settle records that a task ends without a request.
func (r *recorder) settle(t *task, outcome Outcome, why string) {
	a := &Attempt{
		Tenant: t.owed.Tenant, Event: t.owed.Event, EventName: t.ev.Name, EventType: t.ev.Type,
		Webhook: t.owed.Webhook, Number: t.owed.Attempts, At: r.engine.wall().UTC().Truncate(time.Millisecond),
		Outcome: outcome, Error: why,
	}
	r.engine.metrics.count(a)
	res := result{attempt: a, in: t.in, token: t.token()}
	if t.owed.Token != 0 {
		res.settle = &t.owed
	}
	r.add(res)
}

// owe records that a fresh task cannot be finished now.
func (r *recorder) owe(t *task) {
	r.add(result{owe: &t.owed, in: t.in, parked: t.owed.Reason == ReasonBacklog, token: t.token()})
}

// oweGathered records that a fresh task waits in the store for others to share its
// request; full tells that it was the last they waited for.
func (r *recorder) oweGathered(t *task, full bool) {
	r.add(result{owe: &t.owed, in: t.in, fills: full, token: t.token()})
}

// finishBatch records an attempt of a batch. The tasks' entries are in the same
// order; the Order of their rows is what keeps them together if they are tried
// again.
func (r *recorder) finishBatch(tasks []*task, entries []*Attempt) {
	if len(tasks) == 0 {
		return
	}
	r.engine.metrics.count(entries[0])
	r.engine.metrics.started(entries[0], tasks[0].owed.Since)
	results := make([]result, len(tasks))
	for i, t := range tasks {
		res := &results[i]
		*res = result{attempt: entries[i], in: t.in, token: t.token()}
		if entries[i].Outcome == Retrying {
			t.owed.Attempts++
			t.owed.Due, t.owed.Reason = entries[i].NextAt, ReasonRetry
			res.owe = &t.owed
		} else if t.owed.Token != 0 {
			res.settle = &t.owed
		}
	}
	r.add(results...) // in one commit: rows of a batch must not be seen in part
}

// park returns tasks to the store: fresh ones become owed, and claimed ones
// are released unchanged.
func (r *recorder) park(tasks []*task) {
	var claims []Owed
	for _, t := range tasks {
		if t.owed.Token != 0 {
			for ; t != nil; t = t.next {
				claims = append(claims, t.owed)
			}
			continue
		}
		if r.engine.stopping() {
			// Its intake stays open and is routed again at the next start.
			continue
		}
		t.owed.Reason = ReasonBacklog
		r.owe(t)
	}
	if len(claims) == 0 {
		return
	}
	if err := r.engine.store.OwedRelease(context.Background(), claims); err != nil {
		r.engine.log.Error("giving claims back failed", "claims", len(claims), "err", err)
	}
	for i := range claims {
		if l := r.engine.laneOf(claims[i].Webhook); l != nil {
			l.owedAt(earlier(claims[i].Due, r.engine.wall()), false)
		} else {
			r.engine.orphaned(&claims[i])
		}
	}
}

// drop forgets a task that nobody waits for any more: its webhook was deleted,
// or it was canceled, which is recorded elsewhere. Its row goes, if it has one.
func (r *recorder) drop(t *task) {
	res := result{in: t.in, token: t.token()}
	if t.owed.Token != 0 {
		res.settle = &t.owed
	}
	if res.in != nil || res.settle != nil {
		r.add(res)
	}
}

// routed takes the router's own hold off an intake.
func (r *recorder) routed(in *intake) { r.add(result{in: in, token: in.token}) }

// barrier returns a channel that is closed when everything added so far is
// durable. It stays open when the engine stops before that.
func (r *recorder) barrier() <-chan struct{} {
	stored := make(chan struct{})
	r.add(result{stored: stored, token: math.MaxInt64}) // of no registration that could end
	return stored
}

// add has results recorded, in one commit.
func (r *recorder) add(results ...result) {
	r.mu.Lock()
	for len(r.pending) >= maxPending && !r.draining {
		r.room.Wait()
	}
	first := len(r.pending) == 0
	for i := range results {
		if r.engine.ended(results[i].token) {
			r.engine.shared.dropped.Add(1)
			continue // another node delivers it
		}
		r.pending = append(r.pending, results[i])
	}
	first = first && len(r.pending) > 0
	r.mu.Unlock()
	if first {
		select {
		case r.signal <- struct{}{}:
		default:
		}
	}
}

// drain lets everybody who waits in add go on, so that they can end.
func (r *recorder) drain() {
	r.mu.Lock()
	r.draining = true
	r.room.Broadcast()
	r.mu.Unlock()
}

// stop commits pending results and ends the loop. All workers have ended.
func (r *recorder) stop() error {
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	select {
	case r.signal <- struct{}{}:
	default:
	}
	<-r.ended
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.pending); n > 0 {
		return fmt.Errorf("recording: %d results could not be stored; their deliveries will be repeated", n)
	}
	return nil
}

func (r *recorder) run() {
	defer close(r.ended)
	var batch []result
	var rec Record
	var closes []closing
	for {
		r.mu.Lock()
		batch, r.pending = r.pending, batch[:0]
		stopping := r.stopping
		r.room.Broadcast()
		r.mu.Unlock()
		if len(batch) == 0 && (len(closes) == 0 || !stopping) {
			if stopping {
				return
			}
			if len(closes) > 0 {
				// An intake that appears open costs nothing but a look at the
				// next start: let closings wait for the next attempts a while.
				select {
				case <-r.signal:
					time.Sleep(linger)
				case <-time.After(50 * time.Millisecond):
					closes = r.commit(&rec, nil, closes)
				}
				continue
			}
			<-r.signal
			time.Sleep(linger)
			continue
		}
		closes = r.commit(&rec, batch, closes)
		clear(batch)
		if r.gaveUp() {
			return
		}
	}
}

// closing is an intake that is to be closed.
type closing struct {
	id    event.ID
	token int64
}

// commit stores a batch of results and the closings, however long the store
// needs, and returns the closings that follow from it.
func (r *recorder) commit(rec *Record, batch []result, closes []closing) []closing {
	for {
		r.storing.Lock()
		// Not before: results that were ours when we began may be another node's by now.
		batch = r.current(batch)
		if r.engine.shared != nil {
			closes = slices.DeleteFunc(closes, func(c closing) bool { return r.engine.ended(c.token) })
		}
		rec.fill(batch, closes)
		var err error
		if len(rec.Attempts)+len(rec.Owe)+len(rec.Settle)+len(rec.Close) > 0 {
			err = r.engine.store.Record(context.Background(), rec)
		}
		r.storing.Unlock()
		failed := r.down.Load()
		if !r.tryAgain(err, rec, batch) {
			if err != nil {
				return closes
			}
			if failed {
				r.engine.resume()
			}
			break
		}
		time.Sleep(retryStore)
	}
	r.engine.watches.offer(rec.Attempts)
	if r.engine.counted != nil && len(rec.Attempts) > 0 {
		r.engine.counted(rec.Attempts)
	}
	closes = closes[:0]
	if !r.engine.clock.stored.Load() {
		r.engine.clock.stored.Store(true)
	}
	for i := range batch {
		res := &batch[i]
		if res.owe != nil {
			if l := r.engine.laneOf(res.owe.Webhook); l != nil {
				l.owedAt(res.owe.Due, res.parked)
				if res.fills {
					l.filled(res.owe.Delivery())
				}
			} else {
				r.engine.orphaned(res.owe)
			}
		}
		if res.settle != nil && res.settle.Order > 0 {
			if l := r.engine.laneOf(res.settle.Webhook); l != nil {
				l.owedAt(r.engine.wall(), false) // the one behind it may go
			}
		}
		if res.in != nil && res.in.open.Add(-1) == 0 {
			closes = append(closes, closing{res.in.id, res.in.token})
		}
		if res.stored != nil {
			close(res.stored)
		}
	}
	clear(rec.Attempts)
	return closes
}

// fill makes a record of results and closings.
func (rec *Record) fill(batch []result, closes []closing) {
	rec.Attempts, rec.Owe, rec.Settle, rec.Close = rec.Attempts[:0], rec.Owe[:0], rec.Settle[:0], rec.Close[:0]
	for i := range closes {
		rec.Close = append(rec.Close, closes[i].id)
	}
	for i := range batch {
		res := &batch[i]
		if res.attempt != nil {
			rec.Attempts = append(rec.Attempts, res.attempt)
		}
		if res.owe != nil {
			rec.Owe = append(rec.Owe, *res.owe)
		}
		if res.settle != nil {
			rec.Settle = append(rec.Settle, *res.settle)
		}
	}
}

// tryAgain reports whether a commit that ended with err is to be made again.
// It is not when the engine stops meanwhile: the batch is back in pending then.
func (r *recorder) tryAgain(err error, rec *Record, batch []result) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		if !r.failing.IsZero() {
			r.engine.log.Info("recording works again", "after", time.Since(r.failing).Round(time.Millisecond))
			r.failing = time.Time{}
			r.down.Store(false)
		}
		return false
	}
	if r.failing.IsZero() {
		r.failing = time.Now()
		r.down.Store(true)
		r.engine.log.Error("recording attempts failed, trying again", "attempts", len(rec.Attempts),
			"unavailable", errors.Is(err, problem.ErrUnavailable), "err", err)
	}
	if r.stopping && time.Since(r.failing) > stopGrace {
		r.pending = append(r.pending, batch...)
		return false
	}
	return true
}

// gaveUp reports whether the last commit was given up.
func (r *recorder) gaveUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopping && !r.failing.IsZero()
}
