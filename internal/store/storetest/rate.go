package storetest

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/relay-events/relay/internal/account"
)

// rates: a day's count is exact however many count at the same time, begins anew with the day, and is there after a restart.
func rates(t *testing.T, s Backend) {
	const day, allowed = 20000, 1000
	take := func(day, need, want, granted int64, at account.RateCount) {
		t.Helper()
		n, got, err := s.RateDay(ctx, 7, day, need, want, allowed)
		if err != nil || n != granted || got != at {
			t.Errorf("%d to %d events on day %d: got %d, %+v, %v, want %d, %+v", need, want, day, n, got, err, granted, at)
		}
	}
	take(day, 1, 5, 5, account.RateCount{Day: day, Used: 5})
	take(day, 979, 1, 979, account.RateCount{Day: day, Used: 984})
	take(day, 1, 5, 2, account.RateCount{Day: day, Used: 986}) // little is left
	take(day, 15, 15, 0, account.RateCount{Day: day, Used: 986})
	s.Reopen(t)
	take(day, 14, 14, 14, account.RateCount{Day: day, Used: 1000})
	take(day, 1, 1, 0, account.RateCount{Day: day, Used: 1000})
	if err := s.RateReturn(ctx, 7, day, 3); err != nil {
		t.Error(err)
	}
	if err := s.RateReturn(ctx, 7, day-1, 3); err != nil {
		t.Error(err)
	}
	if got, err := s.RateGet(ctx, 7); err != nil || got != (account.RateCount{Day: day, Used: 997}) {
		t.Errorf("got %+v, %v", got, err)
	}
	take(day+1, 2, 2, 2, account.RateCount{Day: day + 1, Used: 2})
	take(day, 2, 2, 2, account.RateCount{Day: day + 1, Used: 4}) // of a server whose clock is behind
	if got, err := s.RateGet(ctx, 8); err != nil || got != (account.RateCount{}) {
		t.Errorf("without a count: got %+v, %v", got, err)
	}

	var sum atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				n, _, err := s.RateDay(ctx, 9, day, 1, 20, 300)
				if err != nil || n == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
				sum.Add(n)
			}
		})
	}
	wg.Wait()
	if sum.Load() != 300 {
		t.Errorf("together: got %d events, want 300", sum.Load())
	}
}
