package delivery

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/event"
)

const (
	// watchAhead is how many attempts wait for a watcher that is slow; of more, the newest are kept.
	watchAhead = 32
	// followEvery is how often attempts of other nodes are looked for, while somebody watches.
	followEvery = time.Second
	// followBack is how far back each look goes: ids are given a moment before their attempts can be read, and by the
	// clocks of other machines. It is more than maxSkew and a slow commit.
	followBack = 5 * time.Second
	// followMost bounds what one look reads.
	followMost = 250
)

// Watch is a subscription to the attempts that a query selects, as they are recorded. It holds a bounded number of them
// and delays nobody: Take tells how many were dropped.
type Watch struct {
	query  LogQuery
	set    *watches
	signal chan struct{} // buffered, 1: there is something to take

	mu      sync.Mutex
	list    []*Attempt // guarded by mu; the oldest first
	dropped int        // guarded by mu
}

// Watch subscribes to attempts of the query's tenant; its cursor and limit do not count. They come without header fields
// and bodies. Those of other nodes follow within two seconds, and may include some that were recorded shortly before the
// call. The caller bounds the number of watches, and closes each.
func (e *Engine) Watch(q LogQuery) *Watch {
	w := &Watch{query: q, set: &e.watches, signal: make(chan struct{}, 1)}
	e.watches.add(w)
	return w
}

// Recorded returns a channel that gets a value when there is something to take.
func (w *Watch) Recorded() <-chan struct{} { return w.signal }

// Take returns the attempts since the last call, oldest first, and how many others were dropped to make room for them. The
// attempts are shared and must not be changed.
func (w *Watch) Take() (list []*Attempt, dropped int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list, dropped = w.list, w.dropped
	w.list, w.dropped = nil, 0
	return list, dropped
}

// Close ends the subscription.
func (w *Watch) Close() { w.set.remove(w) }

// put hands an attempt to the watcher.
func (w *Watch) put(a *Attempt) {
	w.mu.Lock()
	if len(w.list) == watchAhead {
		w.list = append(w.list[:0], w.list[1:]...)
		w.dropped++
	}
	w.list = append(w.list, a)
	w.mu.Unlock()
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// Matches reports whether the query selects the attempt, which is of its tenant. Followers of a batch are left out.
func (q *LogQuery) Matches(a *Attempt) bool {
	switch {
	case len(q.Outcomes) > 0 && !slices.Contains(q.Outcomes, a.Outcome),
		len(q.Outcomes) == 0 && !a.Outcome.IsAttempt(),
		a.Follows() && !q.Followers,
		q.Webhook != 0 && a.Webhook != q.Webhook,
		q.Webhook == 0 && slices.Contains(q.Except, a.Webhook),
		q.EventType != "" && a.EventType != q.EventType,
		q.ErrorKind != "" && a.ErrorKind != q.ErrorKind,
		!q.Since.IsZero() && a.At.Before(q.Since),
		!q.Until.IsZero() && !a.At.Before(q.Until):
		return false
	}
	if q.Event != 0 && a.Event != q.Event && !(a.Batch != nil && slices.Contains(a.Batch.Events, q.Event)) {
		return false
	}
	if q.StatusMin != 0 || q.StatusMax != 0 {
		return a.Response != nil && a.Response.Status >= q.StatusMin && (q.StatusMax == 0 || a.Response.Status <= q.StatusMax)
	}
	return true
}

// watches are the subscriptions there are.
type watches struct {
	count atomic.Int64 // of all; read by the recorder, which most often finds none

	mu       sync.RWMutex
	byTenant map[event.TenantID][]*Watch // guarded by mu

	// seen are the attempts of other nodes that were handed out already. It belongs to the goroutine of follow.
	seen map[event.ID]struct{}
}

func (s *watches) add(w *Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byTenant == nil {
		s.byTenant = make(map[event.TenantID][]*Watch)
	}
	s.byTenant[w.query.Tenant] = append(s.byTenant[w.query.Tenant], w)
	s.count.Add(1)
}

func (s *watches) remove(w *Watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.byTenant[w.query.Tenant]
	at := slices.Index(list, w)
	if at < 0 {
		return // closed already
	}
	s.count.Add(-1)
	if list = slices.Delete(list, at, at+1); len(list) == 0 {
		delete(s.byTenant, w.query.Tenant)
		return
	}
	s.byTenant[w.query.Tenant] = list
}

// offer hands recorded attempts to those who watch.
func (s *watches) offer(list []*Attempt) {
	if s.count.Load() == 0 {
		return
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, a := range list {
		var small *Attempt
		for _, w := range s.byTenant[a.Tenant] {
			if !w.query.Matches(a) {
				continue
			}
			if small == nil {
				small = a.summary()
			}
			w.put(small)
		}
	}
}

// summary is a copy without what makes an attempt large.
func (a *Attempt) summary() *Attempt {
	s := *a
	s.Request.Body, s.Request.Header = nil, nil
	if a.Response != nil {
		r := *a.Response
		r.Body, r.Header = nil, nil
		s.Response = &r
	}
	if a.Batch != nil {
		b := *a.Batch
		b.Events, b.Items = nil, nil
		s.Batch = &b
	}
	return &s
}

// tenants returns those that somebody watches.
func (s *watches) tenants() []event.TenantID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]event.TenantID, 0, len(s.byTenant))
	for t := range s.byTenant {
		list = append(list, t)
	}
	return list
}

// follow hands out the attempts of other nodes until the engine stops.
func (s *watches) follow(e *Engine, store SharedStore) {
	var failing bool
	for e.sleep(followEvery) {
		if s.count.Load() == 0 {
			s.seen = nil
			continue
		}
		err := s.look(e, store)
		if err != nil && !failing && !e.stopping() {
			e.log.Error("looking for attempts of other nodes failed, trying again", "err", err)
		}
		failing = err != nil
	}
}

func (s *watches) look(e *Engine, store SharedStore) error {
	ctx, cancel := context.WithTimeout(e.claiming, followBack/2)
	defer cancel()
	after := event.FirstID(e.wall().Add(-followBack))
	list, err := store.AttemptTail(ctx, after, s.tenants(), followMost)
	if err != nil {
		return err
	}
	seen := make(map[event.ID]struct{}, len(list))
	var fresh []*Attempt
	for _, a := range slices.Backward(list) {
		if _, known := s.seen[a.ID]; !known {
			fresh = append(fresh, a)
		}
		seen[a.ID] = struct{}{}
	}
	s.seen = seen
	s.offer(fresh)
	return nil
}
