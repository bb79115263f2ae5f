package api

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// searchWait is how long a search waits for its turn before it is refused.
const searchWait = 5 * time.Second

// Searches bounds how many requests read through many events, attempts or respondents at a time: each keeps a processor busy. Of
// a tenant half as many run; its others wait, so that the turns that come free go round among tenants.
type Searches struct {
	most    int
	all     chan struct{}
	refused atomic.Int64

	mu      sync.Mutex
	tenants map[event.TenantID]*tenantSearches
}

type tenantSearches struct {
	running chan struct{}
	users   int // running and waiting; guarded by Searches.mu
}

// NewSearches allows so many at a time; 0: half as many as there are processors, at least one.
func NewSearches(most int) *Searches {
	if most == 0 {
		most = max(1, runtime.NumCPU()/2)
	}
	return &Searches{most: most, all: make(chan struct{}, most), tenants: make(map[event.TenantID]*tenantSearches)}
}

// Refused returns how many found no turn in time.
func (s *Searches) Refused() int64 { return s.refused.Load() }

// Running returns how many run.
func (s *Searches) Running() int { return len(s.all) }

// Enter waits for a turn; the caller calls leave when it is done. The error is a *problem.Error that says when to come back, or that of
// the context.
func (s *Searches) Enter(ctx context.Context, tenant event.TenantID) (leave func(), err error) {
	timer := time.NewTimer(searchWait)
	defer timer.Stop()
	return s.take(ctx, tenant, timer.C)
}

// wait is Enter for searches that go on after they have begun: it waits until the context ends.
func (s *Searches) wait(ctx context.Context, tenant event.TenantID) (leave func(), err error) {
	return s.take(ctx, tenant, nil)
}

// take waits for a turn until late has something.
func (s *Searches) take(ctx context.Context, tenant event.TenantID, late <-chan time.Time) (leave func(), err error) {
	s.mu.Lock()
	t := s.tenants[tenant]
	if t == nil {
		t = &tenantSearches{running: make(chan struct{}, max(1, s.most/2))}
		s.tenants[tenant] = t
	}
	t.users++
	s.mu.Unlock()
	forget := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(s.tenants, tenant)
		}
	}
	refuse := func(kind problem.Kind, text string, args ...any) error {
		forget()
		if err := ctx.Err(); err != nil {
			return err
		}
		s.refused.Add(1)
		p := problem.New(kind, text, args...)
		p.After = searchWait
		return p
	}
	select {
	case t.running <- struct{}{}:
	case <-ctx.Done():
		return nil, refuse(problem.TooMany, "")
	case <-late:
		return nil, refuse(problem.TooMany, "%d searches of this tenant run already, as many as maxSearches allows it: try again", cap(t.running))
	}
	select {
	case s.all <- struct{}{}:
	case <-ctx.Done():
		<-t.running
		return nil, refuse(problem.Unavailable, "")
	case <-late:
		<-t.running
		return nil, refuse(problem.Unavailable, "%d searches run already, as many as maxSearches allows: try again", s.most)
	}
	return func() {
		<-s.all
		<-t.running
		forget()
	}, nil
}
