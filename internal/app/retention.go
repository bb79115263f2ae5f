package app

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/relay-events/relay/internal/config"
)

// expirer removes what is too old; the store is one.
type expirer interface {
	Expire(ctx context.Context, eventsBefore, attemptsBefore time.Time) error
}

// The store is swept every hour, and soon after the start, so that a server which is restarted every day is swept, too;
// removing days is cheap, see "relay bench --case expire". Both are jittered: several servers on a machine shall not march in step.
const (
	firstSweep = 10 * time.Second
	sweepEvery = time.Hour
)

// keepRetention removes what the retention no longer keeps, until ctx ends.
func keepRetention(ctx context.Context, log *slog.Logger, store expirer, keep config.Retention) {
	wait := firstSweep
	for {
		t := time.NewTimer(wait/2 + rand.N(wait)) // between half and one and a half
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		wait = sweepEvery
		now := time.Now()
		err := store.Expire(ctx, now.Add(-keep.Events), now.Add(-keep.Attempts))
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "removing what is too old failed, trying again in an hour", "error", err)
		}
	}
}
