//go:build unix

package app

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// limitDefault gives the tenant default limits of its own.
func limitDefault(t *testing.T, a *App, limits account.Limits) {
	t.Helper()
	_, err := a.tenants.Change(t.Context(), access.System(event.DefaultTenant), "default", func(s *account.TenantSettings) error {
		s.Limits = limits
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// tooMany reports whether an error says that a rate is reached.
func tooMany(err error) bool {
	var p *problem.Error
	return errors.As(err, &p) && p.Kind == problem.TooMany && p.Limit != nil
}

// TestDayCountSurvivesRestarts: what a server has counted in advance and not used is not lost when it stops.
func TestDayCountSurvivesRestarts(t *testing.T) {
	onStores(t, func(t *testing.T, c config.Config) {
		if now := time.Now().UTC(); now.Add(time.Minute).Day() != now.Day() {
			return // the count would begin anew
		}
		a := run(t, c)
		limitDefault(t, a, account.Limits{account.LimitEventsPerDay: 1000})
		take := func(n int, over bool) {
			t.Helper()
			if err := a.rates.Take(t.Context(), event.DefaultTenant, n, true); (err != nil) != over || over && !tooMany(err) {
				t.Errorf("%d events: got %v, over the limit: want %t", n, err, over)
			}
		}
		take(600, false)
		take(1, false) // the store counts a few more
		stop(t, a)
		a = run(t, c)
		_, used, err := a.rates.Usage(t.Context(), event.DefaultTenant)
		if err != nil || used != 601 {
			t.Errorf("got %d events, %v, want 601", used, err)
		}
		take(400, true)
		take(399, false)
		take(1, true)
	})
}

// TestRatesOfTwoServers: two servers on a database let as many events through as the plan allows, together.
func TestRatesOfTwoServers(t *testing.T) {
	c := databaseSettings(t)
	servers := []*App{run(t, c), run(t, c)}
	const perSecond, tenant = 1000, event.DefaultTenant
	limitDefault(t, servers[0], account.Limits{account.LimitEventsPerSecond: perSecond})
	limited := func(limit account.LimitName) {
		for { // it looks every half second
			if _, limits := servers[1].plans.PlanOf(tenant); limits[limit] > 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	limited(account.LimitEventsPerSecond)
	var taken, longest atomic.Int64
	// take takes events until a moment, the first time until all is used.
	take := func(a *App, until time.Time) {
		var err error
		for last := time.Now(); until.IsZero() || time.Now().Before(until); {
			if err = a.rates.Take(context.Background(), tenant, 1, true); err == nil {
				taken.Add(1)
			} else if !tooMany(err) {
				t.Error(err)
				return
			} else if until.IsZero() {
				return
			} else {
				time.Sleep(2 * time.Millisecond)
			}
			longest.Store(max(longest.Load(), int64(time.Since(last))))
			last = time.Now()
		}
	}
	together := func(until time.Time) {
		var wg sync.WaitGroup
		for _, a := range servers {
			wg.Go(func() { take(a, until) })
		}
		wg.Wait()
	}
	together(time.Time{})
	taken.Store(0)
	begun := time.Now()
	together(begun.Add(2 * time.Second))
	allowed := time.Since(begun).Seconds() * perSecond
	if got := float64(taken.Load()); got > allowed*1.05 || got < allowed*0.95 && longest.Load() < int64(time.Second/2) {
		t.Errorf("got %.0f events in %v, want %.0f", got, time.Since(begun), allowed)
	}

	// And on a day.
	limitDefault(t, servers[0], account.Limits{account.LimitEventsPerDay: 500})
	limited(account.LimitEventsPerDay)
	taken.Store(0)
	together(time.Time{})
	if got := taken.Load(); got > 500 || got < 475 {
		t.Errorf("got %d events on a day, want 500", got)
	}
}
