package account

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// LimitRetention is for how many days the events of a tenant, the attempts to deliver them and the bodies are kept. It is no
// count, and so not among LimitNames.
const LimitRetention LimitName = "retentionDays"

// maxRetentionDays bounds LimitRetention where the installation's own retention is not known: ten years, as there.
const maxRetentionDays = 3660

const day = 24 * time.Hour

// checkRetention returns a problem for a retention that is longer than that of the installation, whose files it would need;
// most is zero where that is not known.
func (l Limits) checkRetention(prefix string, most time.Duration) error {
	n, ok := l[LimitRetention]
	longest := int64(maxRetentionDays)
	if most > 0 {
		longest = int64(most / day)
	}
	switch {
	case !ok || n >= 1 && n <= longest:
		return nil
	case n > longest && most > 0:
		return problem.InvalidField(prefix+string(LimitRetention), "must be at most %d, got %d: the installation itself keeps events and attempts for %d days; whoever runs it changes retention.events and retention.attempts", longest, n, longest)
	}
	return problem.InvalidField(prefix+string(LimitRetention), "must be 1 to %d, got %d", longest, n)
}

// Expirer removes what single tenants no longer keep.
type Expirer interface {
	// TenantExpire removes the events and the entries of the log of some tenants that have ids of the UTC day which begins at
	// the time, in steps that are short for others. An event with an owed delivery stays, and all of a day with an open
	// intake: kept lists the tenants of which something stays, for another call later.
	TenantExpire(ctx context.Context, day time.Time, tenants []event.TenantID) (kept []event.TenantID, err error)
	// TenantExpired returns up to which day, inclusive, TenantExpire has removed all of each tenant, as TenantExpiredSet was
	// told. A day is given by its beginning, UTC.
	TenantExpired(ctx context.Context) (map[event.TenantID]time.Time, error)
	// TenantExpiredSet notes that for some tenants. A day before the one noted changes nothing.
	TenantExpiredSet(ctx context.Context, tenants []event.TenantID, day time.Time) error
}

// Retention is how long the data of tenants are kept: as their plans say, and at most as long as the installation keeps
// anything. It is safe for concurrent use.
//
// What is older is not shown any longer from that moment on (KeptFrom). Its bytes go later: the tenants' events and attempts
// lie beside those of others, in files and partitions of a day, so a day is written anew without them once it is too old as
// a whole (Expire).
type Retention struct {
	plans *Plans
	most  time.Duration // the installation's
	now   func() time.Time
}

// NewRetention returns the retention of the tenants of an installation that keeps data for most, a day or longer. From now on
// no plan and no tenant can have a longer one.
func NewRetention(ps *Plans, most time.Duration) *Retention {
	ps.longest.Store(int64(most))
	ps.tenants.longest.Store(int64(most))
	return &Retention{plans: ps, most: most, now: time.Now}
}

// Keeps returns how long the tenant's data are kept; false: as long as the installation's.
func (r *Retention) Keeps(id event.TenantID) (time.Duration, bool) {
	_, limits := r.plans.PlanOf(id)
	n, ok := limits[LimitRetention]
	if keep := time.Duration(n) * day; ok && keep < r.most {
		return keep, true
	}
	return 0, false
}

// KeptFrom returns the moment before which nothing of the tenant is shown; zero: all is that there is.
func (r *Retention) KeptFrom(id event.TenantID) time.Time {
	keep, ok := r.Keeps(id)
	if !ok {
		return time.Time{}
	}
	return r.now().Add(-keep)
}

// Expire removes what tenants with a retention of their own no longer keep, day by day. What cannot go yet is left to a later
// call, as are the days after it.
func (r *Retention) Expire(ctx context.Context, store Expirer) error {
	through, err := store.TenantExpired(ctx)
	if err != nil {
		return err
	}
	// What the installation no longer keeps needs no look; two days more, since its days go as a whole, too.
	oldest := r.now().Add(-r.most).UTC().Truncate(day).Add(-2 * day)
	due := make(map[time.Time][]event.TenantID) // by the next day of each tenant
	last := make(map[event.TenantID]time.Time)  // the last day that is too old as a whole
	for _, t := range r.plans.tenants.Tenants() {
		from := r.KeptFrom(t.ID)
		if from.IsZero() {
			continue
		}
		next := through[t.ID].Add(day)
		if next.Before(oldest) {
			next = oldest
		}
		if last[t.ID] = from.UTC().Truncate(day).Add(-day); !next.After(last[t.ID]) {
			due[next] = append(due[next], t.ID)
		}
	}
	for d := oldest; len(due) > 0; d = d.Add(day) {
		tenants := due[d]
		delete(due, d)
		if len(tenants) == 0 {
			continue
		}
		slices.Sort(tenants)
		kept, err := store.TenantExpire(ctx, d, tenants)
		if err != nil {
			return fmt.Errorf("removing what tenants no longer keep of %s: %w", d.Format(time.DateOnly), err)
		}
		done := slices.DeleteFunc(tenants, func(id event.TenantID) bool { return slices.Contains(kept, id) })
		if err := store.TenantExpiredSet(ctx, done, d); err != nil {
			return err
		}
		for _, id := range done {
			if next := d.Add(day); !next.After(last[id]) {
				due[next] = append(due[next], id)
			}
		}
	}
	return nil
}
