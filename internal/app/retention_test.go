package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/store/storetest"
)

// A start with a clock that is far ahead removes nothing, regardless of publications and restarts,
// and neither does a server whose clock is set ahead while it runs. Data that is expired by a clock
// trusted for a day is removed.
func TestRetentionDoubtsTheClock(t *testing.T) {
	keep := config.Retention{Events: 14 * 24 * time.Hour, Attempts: 14 * 24 * time.Hour}
	for _, ahead := range []time.Duration{3 * 24 * time.Hour, 20 * 24 * time.Hour, 40 * 24 * time.Hour, 4000 * 24 * time.Hour} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var offset time.Duration
				now := func() time.Time { return time.Now().Round(0).Add(offset) }
				dir := t.TempDir()
				var logged strings.Builder
				log := slog.New(slog.NewTextHandler(&logged, nil))
				// run runs a server for a while, which publishes an event every six hours.
				run := func(d time.Duration, publish bool, meanwhile func()) (r *retention) {
					t.Helper()
					s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Log: log, Now: now})
					if err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithCancel(t.Context())
					r = newRetention(s, keep, nil, log)
					r.now = now
					done := make(chan struct{})
					go func() { r.run(ctx); close(done) }()
					if meanwhile != nil {
						meanwhile()
					}
					for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(6 * time.Hour) {
						if publish {
							for _, in := range storetest.MustAppend(t, s, storetest.Publication(storetest.Event("", "a", `1`))) {
								if err := s.Record(ctx, &delivery.Record{Close: []event.ID{in.ID}}); err != nil {
									t.Fatal(err)
								}
							}
						}
					}
					cancel()
					<-done
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					return r
				}
				stored := func() (n int) {
					t.Helper()
					s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Log: log, Now: now})
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					err = s.EventScan(t.Context(), event.DefaultTenant, 0, 1<<62, func(*event.Event) bool { n++; return true })
					if err != nil {
						t.Fatal(err)
					}
					return n
				}
				run(5*24*time.Hour, true, nil)
				before := stored()
				offset = ahead
				for _, publish := range []bool{false, true, true} { // starts with the wrong clock
					if r := run(6*time.Hour, publish, nil); !r.holding() {
						t.Errorf("nothing tells that removal is held")
					}
				}
				offset = 0
				run(time.Hour, true, nil)
				run(5*time.Hour, true, func() { offset = ahead }) // set while it runs
				offset = 0
				if n := stored(); n < before {
					t.Errorf("got %d events after a clock that was %v ahead, want the %d there were", n, ahead, before)
				}
				if !strings.Contains(logged.String(), "clock may be ahead") {
					t.Errorf("log: got %q, want it to tell of the clock", logged.String())
				}
				// Off for a long time, then on for more than a day: the time is right.
				time.Sleep(60 * 24 * time.Hour)
				if r := run(50*time.Hour, true, nil); r.holding() {
					t.Error("removal is still held after two days")
				}
				if n := stored(); n >= before {
					t.Errorf("got %d events two months later, want the old ones removed", n)
				}
			})
		})
	}
}
