// Package ingest accepts events: it reads what publishers send, stores it in
// group commits, and hands it to the delivery engine.
//
// A publish call waits until its events are durable. Calls that come while a
// commit is under way form the next one, so that the cost of a sync is shared
// by all that wait for it; nobody waits for company. The store finds duplicates
// (Store.Append). Publishers are answered first; then the events are handed on,
// and while the engine's queue is full, the commit loop waits there, and later
// publishers with it.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Bounds of one group commit. A publication is never split, so one commit can
// hold more by the size of the last.
const (
	groupEvents = 2048
	groupBytes  = 4 << 20
)

// queueLength bounds the publications waiting for their commit; more wait in
// their callers, who hold their request bodies anyway.
const queueLength = 1024

// Router takes over accepted events. It may block to slow publishers down.
type Router interface {
	Accept(intakes []delivery.Intake)
}

// Ingester commits publications. Make it with New, end it with Stop.
type Ingester struct {
	store  Store
	router Router
	types  *catalogue.Registry // nil: none
	rates  Rates               // nil: there are no limits; see Limit
	// counted is told of all events that were stored. Nil: nobody counts; see CountBy.
	counted func(events []event.Event)
	tracer  Tracer // nil: nobody follows traces; see TraceBy

	queue   chan *waiting
	stop    chan struct{} // closed by Stop
	stopped sync.Once
	done    chan struct{} // closed when the commit loop has ended

	failed atomic.Pointer[failure] // nil: the last commit did not fail

	accepted   atomic.Int64
	duplicates atomic.Int64
	commits    atomic.Int64
}

// waiting is a publication on its way.
type waiting struct {
	pub  *Publication
	done chan error // receives once; buffered
}

// New returns an Ingester whose commit loop runs. types is the catalogue that
// checks events and derives others from them; nil: none.
func New(store Store, router Router, types *catalogue.Registry) *Ingester {
	i := &Ingester{
		store: store, router: router, types: types,
		queue: make(chan *waiting, queueLength),
		stop:  make(chan struct{}), done: make(chan struct{}),
	}
	go i.run()
	return i
}

// Limit sets what bounds how many events tenants publish. It must be called before the first Publish.
func (i *Ingester) Limit(r Rates) { i.rates = r }

// CountBy sets the function that is told of all events once they are stored. It must not wait, nor change them. It must be
// called before the first Publish.
func (i *Ingester) CountBy(f func(events []event.Event)) { i.counted = f }

// Tracer follows publications that are in a trace. All methods are safe for concurrent use, and never wait.
type Tracer interface {
	// Begin returns the trace whose span the publication is, within that of its request or new: its events carry it. nil: it is
	// followed in none.
	Begin(request *event.Trace) *event.Trace
	// Published is told of a publication that was stored in the time since begun, whose own trace is the span.
	Published(p *Publication, span *event.Trace, begun time.Time)
}

// TraceBy sets what follows traces. Without it events keep the trace of their request. It must be called before the first Publish.
func (i *Ingester) TraceBy(t Tracer) { i.tracer = t }

// Stop ends the commit loop after the commit under way. Publications still
// waiting are refused. Stopping twice is harmless.
func (i *Ingester) Stop() {
	i.stopped.Do(func() { close(i.stop) })
	<-i.done
}

var errStopping = &problem.Error{Kind: problem.Unavailable, Detail: "Relay is stopping; nothing was stored"}

// Publish holds the publication's events against the catalogue, stores them
// with the events derived from them, and returns when they are durable: each item's
// Event.ID and Duplicate are then set. An error means that nothing may be
// taken as stored: a *problem.Error, or one that wraps problem.ErrUnavailable.
// ctx bounds the checks, and the wait while many commits are queued. Events that
// are with the store are waited for all the same: a publisher that has ended its
// sending side learns whether they were stored.
func (i *Ingester) Publish(ctx context.Context, p *Publication) error {
	for n := range p.Items {
		if err := p.Limits.Type(p.Items[n].Event.Type); err != nil {
			return err
		}
	}
	if i.tracer == nil || p.Operational {
		return i.paced(ctx, p, p.Trace)
	}
	begun, span := time.Now(), i.tracer.Begin(p.Trace)
	err := i.paced(ctx, p, span)
	if err == nil && span != nil {
		i.tracer.Published(p, span, begun)
	}
	return err
}

// paced publishes within the tenant's rate.
func (i *Ingester) paced(ctx context.Context, p *Publication, span *event.Trace) error {
	if i.rates == nil || p.Operational {
		return i.publish(ctx, p, span)
	}
	n := len(p.Items)
	if err := i.rates.Take(ctx, p.Tenant, n, !p.NoWait); err != nil {
		return err
	}
	err := i.publish(ctx, p, span)
	if err == nil {
		n = 0
		for k := range p.Items {
			if p.Items[k].Duplicate && p.Items[k].Cause == 0 {
				n++
			}
		}
	}
	if n > 0 {
		i.rates.Release(p.Tenant, n)
	}
	return err
}

func (i *Ingester) publish(ctx context.Context, p *Publication, span *event.Trace) error {
	if err := i.prepare(ctx, p); err != nil {
		return err
	}
	if span != nil {
		for n := range p.Items {
			p.Items[n].Event.Trace = span
		}
	}
	if f := i.failed.Load(); f != nil && time.Now().Before(f.until) {
		return f.err
	}
	if p.Enter != nil {
		if err := p.enter(ctx); err != nil {
			return err
		}
	}
	w := &waiting{pub: p, done: make(chan error, 1)}
	select {
	case i.queue <- w:
	case <-i.stop:
		return errStopping
	case <-ctx.Done():
		return fmt.Errorf("waiting to store events: %w", ctx.Err())
	}
	select {
	case err := <-w.done:
		return err
	case <-i.done:
		// The loop answers everything it has taken before it ends; what it has
		// not taken was not stored.
		select {
		case err := <-w.done:
			return err
		default:
			return errStopping
		}
	}
}

// enter gives the publication its tenant.
func (p *Publication) enter(ctx context.Context) (err error) {
	if p.Tenant, err = p.Enter(ctx); err != nil {
		return err
	}
	for n := range p.Items {
		p.Items[n].Event.Tenant = p.Tenant
	}
	return nil
}

// Counts returns how many events were accepted, derived ones among them, and how many were duplicates
// since the start, and in how many commits.
func (i *Ingester) Counts() (accepted, duplicates, commits int64) {
	return i.accepted.Load(), i.duplicates.Load(), i.commits.Load()
}

func (i *Ingester) run() {
	defer close(i.done)
	group := make([]*waiting, 0, 64)
	pubs := make([]*Publication, 0, 64)
	for {
		// Publishers may have been sent elsewhere because of a failure, so that
		// nothing comes in that could show that it is over.
		var look <-chan time.Time
		if i.failed.Load() != nil {
			look = time.After(probeEvery)
		}
		select {
		case <-i.stop:
			return
		case <-look:
			i.probe()
			continue
		case w := <-i.queue:
			group = i.gather(append(group[:0], w))
		}
		pubs = pubs[:0]
		for _, w := range group {
			pubs = append(pubs, w.pub)
		}
		i.commit(group, pubs)
		clear(group) // let go of the events
		clear(pubs)
	}
}

// gather adds what waits already, up to the bounds of a group.
func (i *Ingester) gather(group []*waiting) []*waiting {
	events, bytes := size(group[0].pub)
	for events < groupEvents && bytes < groupBytes {
		select {
		case w := <-i.queue:
			n, b := size(w.pub)
			events, bytes = events+n, bytes+b
			group = append(group, w)
		default:
			return group
		}
	}
	return group
}

func size(p *Publication) (events, bytes int) {
	for n := range p.Items {
		bytes += len(p.Items[n].Event.Data) + len(p.Items[n].Event.Attributes)
	}
	return len(p.Items), bytes
}

// failedFor is how long publications are refused after a commit that failed:
// the one that is tried again at once by the way it came must not wait for
// another to fail.
const failedFor = 100 * time.Millisecond

// failure is why commits fail, until a while after the last one did.
type failure struct {
	err   error
	until time.Time
}

// refuse answers the publications that waited while a commit failed: each of them would wait
// as long for the next one, one after the other.
func (i *Ingester) refuse(err error) {
	i.failed.Store(&failure{err, time.Now().Add(failedFor)})
	for n := len(i.queue); n > 0; n-- {
		select {
		case w := <-i.queue:
			w.done <- err
		default:
			return
		}
	}
}

// probeEvery is how often a store that failed is looked at while nobody publishes.
const probeEvery = time.Second

// probe looks whether events can be stored again.
func (i *Ingester) probe() {
	err := i.store.Probe(context.Background())
	if err == nil {
		i.failed.Store(nil)
		return
	}
	// Publications are let through all the same, and say so themselves.
	i.failed.Store(&failure{err: fmt.Errorf("storing events: %w", err)})
}

// Failing returns why events cannot be stored: the failure of the last group
// commit. It is nil once one has succeeded, or could.
func (i *Ingester) Failing() error {
	if f := i.failed.Load(); f != nil {
		return f.err
	}
	return nil
}

// unavailable reports whether an error of the store is about the store, and not
// about the data to store.
func unavailable(err error) bool {
	return errors.Is(err, problem.ErrUnavailable) || errors.Is(err, delivery.ErrFenced)
}

func (i *Ingester) commit(group []*waiting, pubs []*Publication) {
	// The store decides when to give up; the callers' contexts are not the
	// group's.
	intakes, err := i.store.Append(context.Background(), pubs)
	switch {
	case err == nil:
		i.stored(group, intakes)
	case unavailable(err):
		err = fmt.Errorf("storing events: %w", err)
		for _, w := range group {
			w.done <- err
		}
		i.refuse(err)
	case len(group) == 1:
		group[0].done <- err
	default:
		// One of them cannot be stored. The others do not share its fate.
		for n := range group {
			if f := i.failed.Load(); f != nil && time.Now().Before(f.until) { // since the last one
				group[n].done <- f.err
				continue
			}
			i.commit(group[n:n+1], pubs[n:n+1])
		}
	}
}

// stored answers publications that were stored, and hands on their events.
func (i *Ingester) stored(group []*waiting, intakes []delivery.Intake) {
	i.failed.Store(nil)
	i.commits.Add(1)
	for _, w := range group {
		if w.pub.Err == nil {
			stored, duplicates := 0, 0
			for n := range w.pub.Items {
				switch it := &w.pub.Items[n]; {
				case !it.Duplicate:
					stored++
				case it.Cause == 0:
					duplicates++
				}
			}
			i.accepted.Add(int64(stored))
			i.duplicates.Add(int64(duplicates))
		}
		w.done <- w.pub.Err
	}
	if i.counted != nil {
		for n := range intakes {
			i.counted(intakes[n].Events)
		}
	}
	if len(intakes) > 0 {
		i.router.Accept(intakes)
	}
}
