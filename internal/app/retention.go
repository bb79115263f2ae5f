package app

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/hook"
	"github.com/relay-events/relay/internal/tally"
	"github.com/relay-events/relay/internal/webhook"
)

// expirer removes old data; the stores implement it.
type expirer interface {
	Expire(ctx context.Context, eventsBefore, attemptsBefore time.Time) error
	// AudienceExpire removes what is known of messages to partners that were sent before the time.
	AudienceExpire(ctx context.Context, before time.Time) error
	// JourneyExpire removes what is known of profiles that have left journeys before the time.
	JourneyExpire(ctx context.Context, before time.Time) error
	// Newest returns the time of the newest id before the given time, or zero.
	Newest(ctx context.Context, before time.Time) (time.Time, error)
	account.Expirer
	tally.Expirer
}

// The store is swept every hour, and soon after the start, so that a server that is restarted every
// day is swept as well; removing days is cheap, see "relay bench --case expire". Both times are
// jittered, so that several servers on a machine do not sweep in step.
const (
	firstSweep = 10 * time.Second
	sweepEvery = time.Hour
)

// Retention must not rely on a clock that may be wrong. A working Relay stores data on almost every
// day. If the newest data from before the last day is more than a day older than that, the clock
// may have been set ahead, or the server has been off. Retention then pauses for a day, measured by
// the monotonic clock, which gives the operator time to notice it in the log or the metrics and to
// correct the clock.
const (
	clockTrust = 24 * time.Hour // data stored before that does not depend on the current clock setting
	clockGap   = 24 * time.Hour // a gap that makes the clock doubtful
)

// retention removes old data.
type retention struct {
	store expirer
	keep  config.Retention
	own   *account.Retention // of tenants; nil: all have the installation's
	log   *slog.Logger
	now   func() time.Time // a clock that may be set

	held  atomic.Bool // suspended because the clock is doubtful
	since time.Time   // start of the suspension, with a monotonic reading; used only by run
}

func newRetention(store expirer, keep config.Retention, own *account.Retention, log *slog.Logger) *retention {
	return &retention{store: store, keep: keep, own: own, log: log, now: time.Now}
}

// run removes expired data until ctx ends.
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
			r.log.ErrorContext(ctx, "removing expired data failed, trying again in an hour", "error", err)
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
			r.log.WarnContext(ctx, "retention is suspended: there is a long gap in the stored data, so this machine's clock may be ahead",
				"clock", now.UTC(), "storedBefore", newest, "resumesIn", left.Round(time.Minute))
			return nil
		}
	} else {
		r.held.Store(false)
	}
	err = errors.Join(r.store.Expire(ctx, now.Add(-r.keep.Events), now.Add(-r.keep.Attempts)), r.store.AudienceExpire(ctx, now.Add(-r.keep.Attempts)))
	err = errors.Join(err, r.store.JourneyExpire(ctx, now.Add(-r.keep.Attempts)))
	err = errors.Join(err, tally.Expire(ctx, r.store, now.Add(-r.keep.Attempts)))
	if r.own != nil {
		err = errors.Join(err, r.own.Expire(ctx, r.store))
	}
	return err
}

// holding reports whether removal is suspended because the clock may be wrong.
func (r *retention) holding() bool { return r.held.Load() }

// sessionStore removes what has ended: user.Sessions and portal.Portals do.
type sessionStore interface {
	Expire(ctx context.Context) error
}

// expireSessions removes the sessions and links of people and portals that have ended, until ctx ends. They are not valid in
// any case; so the clock may be wrong by now, and an hour more or less does not matter.
func expireSessions(ctx context.Context, log *slog.Logger, stores ...sessionStore) {
	for {
		t := time.NewTimer(sweepEvery/2 + rand.N(sweepEvery))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		for _, s := range stores {
			if err := s.Expire(ctx); err != nil && ctx.Err() == nil {
				log.ErrorContext(ctx, "removing sessions that have ended failed, trying again in an hour", "error", err)
			}
		}
	}
}

// dropEndedHooks removes REST hooks that ended long ago, until ctx ends. While the clock is doubted it waits, as retention does.
func dropEndedHooks(ctx context.Context, hooks *hook.Hooks, doubtful func() bool, log *slog.Logger) {
	for {
		t := time.NewTimer(sweepEvery/2 + rand.N(sweepEvery))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		if doubtful() {
			continue
		}
		if err := hooks.DropEnded(ctx); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "removing REST hooks that ended long ago failed, trying again in an hour", "error", err)
		}
	}
}

// eraseSoon is how often a server looks for tenants to erase; each deletion is far longer in the making.
const eraseSoon = time.Minute

// eraseTenants removes the data of deleted tenants whose time has come, until ctx ends. While the clock is doubted it waits, as
// retention does. afterwards is called when a tenant is gone.
func eraseTenants(ctx context.Context, tenants *account.Tenants, store account.Eraser, hooks *webhook.Registry, doubtful func() bool, afterwards func(), log *slog.Logger) {
	wait := eraseSoon
	for {
		t := time.NewTimer(min(wait, eraseSoon)/2 + rand.N(min(wait, eraseSoon)/2+1))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		wait = eraseSoon
		if doubtful() {
			continue
		}
		next, err := tenants.Erase(ctx, store, hooks.DropTenant)
		switch {
		case err != nil && ctx.Err() == nil:
			log.ErrorContext(ctx, "erasing a deleted tenant failed, trying again", "error", err)
		case err == nil && next == 0:
			log.InfoContext(ctx, "erased a deleted tenant")
			afterwards()
			wait = 0
		case err == nil:
			wait = next
		}
	}
}
