package account_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/problem"
)

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := account.NewFailures()
		wrong := problem.New(problem.Unauthorized, "no")
		fail := func(client string) (after time.Duration) {
			t.Helper()
			err := f.Failed(netip.MustParseAddr(client), wrong)
			var p *problem.Error
			switch {
			case err == error(wrong):
				return 0
			case errors.As(err, &p) && p.Kind == problem.TooMany && p.After > 0:
				return p.After
			}
			t.Fatalf("Failed(%s): got %v, want %v or a problem that says when to come back", client, err, wrong)
			return 0
		}
		for i := range 20 {
			if after := fail("192.0.2.1"); after != 0 {
				t.Fatalf("failure %d: refused for %v, want 20 at once", i+1, after)
			}
		}
		if after := fail("192.0.2.1"); after != 5*time.Second {
			t.Errorf("failure 21: refused for %v, want 5s", after)
		}
		if after := fail("192.0.2.2"); after != 0 {
			t.Errorf("another client: refused for %v", after)
		}
		// Coming back too early does not make it longer.
		for range 1000 {
			fail("192.0.2.1")
		}
		time.Sleep(5 * time.Second)
		if after := fail("192.0.2.1"); after != 0 {
			t.Errorf("after 5s: refused for %v, want one more", after)
		}
		if after := fail("192.0.2.1"); after != 5*time.Second {
			t.Errorf("and another: refused for %v, want 5s", after)
		}
		time.Sleep(time.Hour)
		for i := range 20 {
			if after := fail("192.0.2.1"); after != 0 {
				t.Fatalf("failure %d after an hour: refused for %v", i+1, after)
			}
		}
		// The addresses of one IPv6 network are one client.
		refused := 0
		for i := range 100 {
			a := netip.MustParseAddr("2001:db8:0:1::").As16()
			binary.BigEndian.PutUint64(a[8:], uint64(i))
			if fail(netip.AddrFrom16(a).String()) > 0 {
				refused++
			}
		}
		if refused != 80 {
			t.Errorf("100 failures of one IPv6 network: %d refused, want 80", refused)
		}
	})
}

// However many addresses somebody has, the memory is bounded, and what goes beyond is held to one client's limit.
func TestFailuresOfManyClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := account.NewFailures()
		wrong := problem.New(problem.Unauthorized, "no")
		flood := func(n int) (refused int) {
			for i := range n {
				var a [4]byte
				binary.BigEndian.PutUint32(a[:], uint32(1<<24+i))
				if f.Failed(netip.AddrFrom4(a), wrong) != error(wrong) {
					refused++
				}
			}
			return refused
		}
		if got, want := flood(50_000), 40_000-20; got != want {
			t.Errorf("50,000 clients that fail once: %d refused, want %d", got, want)
		}
		time.Sleep(time.Minute)
		if got := flood(10_000); got != 0 {
			t.Errorf("a minute later: %d of 10,000 refused, want none", got)
		}
	})
}
