package app

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/config"
)

// expirer removes what is too old; the store is one.
type expirer interface {
	Expire(ctx context.Context, eventsBefore, attemptsBefore time.Time) error
	// Newest returns the time of the newest id below that of a time, zero without one.
	Newest(ctx context.Context, before time.Time) (time.Time, error)
}

// The store is swept every hour, and soon after the start, so that a server which is restarted every day is swept, too;
// removing days is cheap, see "relay bench --case expire". Both are jittered: several servers on a machine shall not march in step.
const (
	firstSweep = 10 * time.Second
	sweepEvery = time.Hour
)

// Nothing is removed by a clock that may be wrong. While Relay works, hardly a day passes in which it stores nothing; so
// where what was stored before the last day ends more than a day before that, the clock may have been set ahead, or the
// server has been off. Whoever looks at the log or the metrics has a day to set it right, by the clock that cannot be set.
const (
	clockTrust = 24 * time.Hour // what was stored before that is not this clock's doing
	clockGap   = 24 * time.Hour // without anything stored before it makes one doubt the clock
)

// retention removes what is too old.
type retention struct {
	store expirer
	keep  config.Retention
	log   *slog.Logger
	now   func() time.Time // the clock that may be set

	held  atomic.Bool // nothing is removed, because the clock is doubted
	since time.Time   // with a monotonic reading: from when on; of run alone
}

func newRetention(store expirer, keep config.Retention, log *slog.Logger) *retention {
	return &retention{store: store, keep: keep, log: log, now: time.Now}
}

// run removes what the retention no longer keeps, until ctx ends.
func (r *retention) run(ctx context.Context) {
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
		if err := r.sweep(ctx); err != nil && ctx.Err() == nil {
			r.log.ErrorContext(ctx, "removing what is too old failed, trying again in an hour", "error", err)
		}
	}
}

func (r *retention) sweep(ctx context.Context) error {
	now := r.now()
	newest, err := r.store.Newest(ctx, now.Add(-clockTrust))
	if err != nil {
		return err
	}
	if gap := now.Add(-clockTrust).Sub(newest); !newest.IsZero() && gap > clockGap {
		if !r.held.Swap(true) {
			r.since = time.Now()
		}
		if left := clockTrust - time.Since(r.since); left > 0 {
			r.log.WarnContext(ctx, "nothing is removed by the retention for now: hardly anything was stored for long, so that this machine's clock may be ahead",
				"clock", now.UTC(), "storedBefore", newest, "resumesIn", left.Round(time.Minute))
			return nil
		}
	} else {
		r.held.Store(false)
	}
	return r.store.Expire(ctx, now.Add(-r.keep.Events), now.Add(-r.keep.Attempts))
}

// holding reports whether removal waits because the clock may be wrong.
func (r *retention) holding() bool { return r.held.Load() }
