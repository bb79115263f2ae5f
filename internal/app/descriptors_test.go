package app

import (
	"log/slog"
	"testing"

	"github.com/relay-events/relay/internal/config"
)

// TestShareDescriptors checks that for any limit and settings, connections and attempts, with as
// many idle ones, leave the store its part, and that each gets at least one.
func TestShareDescriptors(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	for _, limit := range []int{64, 100, 256, 1024, 2048, 4096, 20_000, 65_536, 1 << 30} {
		for _, settings := range []struct{ connections, attempts int }{{4096, 4096}, {16, 100_000}, {1_000_000, 1}, {1_000_000, 100_000}} {
			for _, metrics := range []string{"", "127.0.0.1:0"} {
				c := config.Default()
				c.MaxConnections, c.MaxInFlight, c.MetricsListen = settings.connections, settings.attempts, metrics
				s := shareDescriptors(limit, &c, quiet)
				used := s.connections + 2*s.attempts
				if metrics != "" {
					used += min(metricsConnections, limit/8)
				}
				if left := limit - used; left < min(storeDescriptors, limit/4) || s.connections < 8 || s.attempts < 1 {
					t.Errorf("limit %d, settings %+v: got %+v, which leaves %d", limit, settings, s, left)
				}
				if s.connections > settings.connections || s.attempts > settings.attempts {
					t.Errorf("limit %d: got %+v, more than the settings %+v", limit, s, settings)
				}
			}
		}
	}
	c := config.Default()
	if s := shareDescriptors(65_536, &c, quiet); s.connections != c.MaxConnections || s.attempts != c.MaxInFlight {
		t.Errorf("with the limit of the shipped unit: got %+v, want the settings as they are", s)
	}
	if s := shareDescriptors(0, &c, quiet); s.connections != c.MaxConnections || s.attempts != c.MaxInFlight {
		t.Errorf("without a known limit: got %+v, want the settings as they are", s)
	}
}
