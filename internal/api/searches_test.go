package api

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Of many searches of a tenant some run; another tenant's has its turn, who leaves waits no longer, and who has waited long is told when to
// come back.
func TestSearchesAreBounded(t *testing.T) {
	for _, most := range []int{1, 2, 4, 9} {
		synctest.Test(t, func(t *testing.T) {
			s := NewSearches(most)
			share := max(1, most/2)
			entered := make(chan func(), 100)
			refused := make(chan error, 100)
			start := time.Now()
			search := func(ctx context.Context, tenant event.TenantID) {
				go func() {
					leave, err := s.Enter(ctx, tenant)
					if err != nil {
						refused <- err
						return
					}
					entered <- leave
				}()
			}
			for range 50 {
				search(t.Context(), 1)
			}
			synctest.Wait()
			if len(entered) != share {
				t.Errorf("of %d: %d searches of a tenant run, want %d", most, len(entered), share)
			}
			gone, cancel := context.WithCancel(t.Context())
			search(gone, 1)
			synctest.Wait()
			cancel()
			if err := <-refused; !errors.Is(err, context.Canceled) {
				t.Errorf("who leaves: got %v", err)
			}
			search(t.Context(), 2)
			synctest.Wait()
			if most > 1 && len(entered) != share+1 {
				t.Errorf("of %d: another tenant's search waits, want it to run", most)
			}
			if most == 1 { // the next turn is the other tenant's or one more of the first
				(<-entered)()
				(<-entered)()
				synctest.Wait()
			}
			for len(entered) > 0 {
				(<-entered)()
				synctest.Wait()
				if s.Running() > most {
					t.Errorf("%d run, want at most %d", s.Running(), most)
				}
			}
			for range most + 1 { // take all, and wait in vain
				search(t.Context(), event.TenantID(10+len(entered)))
				synctest.Wait()
			}
			for range 3 {
				search(t.Context(), 10)
			}
			time.Sleep(searchWait + time.Second)
			for len(refused) > 0 {
				err := <-refused
				var p *problem.Error
				if !errors.As(err, &p) || p.After == 0 || p.Kind != problem.TooMany && p.Kind != problem.Unavailable {
					t.Errorf("got %v after %v, want a refusal that says when to come back", err, time.Since(start))
				}
			}
			if s.Refused() == 0 {
				t.Error("no refusal is counted")
			}
			for len(entered) > 0 {
				(<-entered)()
			}
			if s.Running() != 0 || len(s.tenants) != 0 {
				t.Errorf("%d run and %d tenants are known when all is over, want none", s.Running(), len(s.tenants))
			}
		})
	}
}
