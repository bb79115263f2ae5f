package catalogue

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/priority"
)

// TestAside checks that the work of a tenant that has done much of it lately runs at low priority,
// until the tenant has rested, and that of others does not.
func TestAside(t *testing.T) {
	nice := func() int {
		n, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
		if err != nil {
			t.Error(err)
		}
		return 20 - n // see getpriority(2), "C library/kernel differences"
	}
	usual := nice()
	synctest.Test(t, func(t *testing.T) {
		var stats Stats
		idle, busy := newMeter(DefaultWork, &stats), newMeter(DefaultWork, &stats)
		check := func(name string, m *meter, want int) {
			t.Helper()
			w := &Work{ctx: context.Background(), meter: m, left: DefaultWork}
			defer w.End()
			for range 2 {
				w.Aside(func() {
					if got := nice(); got != want {
						t.Errorf("%s: got the nice value %d, want %d", name, got, want)
					}
				})
			}
		}
		low := max(usual, priority.Low)
		busy.pay(heavySteps)
		check("as much work as any request may do", busy, usual)
		busy.pay(1)
		check("a step more", busy, low)
		check("another tenant", idle, usual)
		busy.pay(3 * DefaultWork)
		check("in debt", busy, low)
		time.Sleep(3 * payTime)
		check("nearly out of it", busy, low)
		time.Sleep(time.Second)
		check("after a rest", busy, usual)
		(*Work)(nil).Aside(func() {
			if got := nice(); got != usual {
				t.Errorf("unlimited work: got the nice value %d, want %d", got, usual)
			}
		})
	})
}
