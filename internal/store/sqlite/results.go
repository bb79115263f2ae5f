package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// Record implements delivery.Store. The log is committed before the owed rows,
// and closing an intake is stored only with or after both.
func (s *Store) Record(ctx context.Context, r *delivery.Record) error {
	if len(r.Attempts) > 0 {
		if err := s.attempts.append(ctx, r.Attempts); err != nil {
			return err
		}
	}
	return s.work.record(ctx, r.Owe, r.Settle, r.Close)
}

// SettledSince implements delivery.Store.
func (s *Store) SettledSince(ctx context.Context, since event.ID, f func(event.DeliveryID)) error {
	return s.attempts.settledSince(ctx, since, f)
}

// OwedRelease implements delivery.Store.
func (s *Store) OwedRelease(_ context.Context, claims []delivery.Owed) error {
	s.work.release(claims)
	return nil
}

// OwedSummaries implements delivery.Store. Next is zero when every row is claimed.
func (s *Store) OwedSummaries(ctx context.Context) ([]delivery.OwedSummary, error) {
	return s.work.summaries(ctx)
}

// OwedBacklog implements delivery.Store.
func (s *Store) OwedBacklog(ctx context.Context, tenant event.TenantID, now time.Time) ([]delivery.Backlog, error) {
	return s.work.backlog(ctx, tenant, now)
}

// OwedNext implements delivery.Store.
func (s *Store) OwedNext(ctx context.Context, webhook uint32) (due time.Time, ok bool, err error) {
	return s.work.next(ctx, webhook)
}

// OwedGet implements delivery.Store.
func (s *Store) OwedGet(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (delivery.Owed, bool, error) {
	return s.work.get(ctx, tenant, d)
}

// OwedOfEvent implements delivery.Store.
func (s *Store) OwedOfEvent(ctx context.Context, tenant event.TenantID, id event.ID) ([]delivery.Owed, error) {
	return s.work.ofEvent(ctx, tenant, id)
}

// OwedList implements delivery.Store.
func (s *Store) OwedList(ctx context.Context, q delivery.OwedQuery) ([]delivery.Owed, error) {
	return s.work.list(ctx, q)
}

// OwedMove implements delivery.Store.
func (s *Store) OwedMove(ctx context.Context, tenant event.TenantID, d event.DeliveryID, due time.Time) (bool, error) {
	return s.work.move(ctx, tenant, d, due)
}

// OwedDiscard implements delivery.Store.
func (s *Store) OwedDiscard(ctx context.Context, tenant event.TenantID, webhook uint32) error {
	return s.work.discard(ctx, tenant, webhook)
}

// OwedCount returns how many deliveries are owed in all. It reads no file.
func (s *Store) OwedCount() int64 { return s.work.total.Load() }

// AttemptGet implements delivery.LogStore. A damaged block is an error.
func (s *Store) AttemptGet(ctx context.Context, tenant event.TenantID, id event.ID) (*delivery.Attempt, bool, error) {
	return s.attempts.get(ctx, tenant, id)
}

// AttemptList implements delivery.LogStore.
func (s *Store) AttemptList(ctx context.Context, q delivery.LogQuery) ([]*delivery.Attempt, event.ID, error) {
	if q.Limit < 1 {
		return nil, 0, errors.New("internal error: a list of attempts without a limit")
	}
	return s.attempts.list(ctx, q)
}

// AttemptsOfEvent implements delivery.LogStore.
func (s *Store) AttemptsOfEvent(ctx context.Context, tenant event.TenantID, id event.ID) ([]*delivery.Attempt, error) {
	return s.attempts.ofEvent(ctx, tenant, id, 0)
}

// AttemptsOfDelivery implements delivery.LogStore. It returns at most the
// 1,000 newest.
func (s *Store) AttemptsOfDelivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) ([]*delivery.Attempt, error) {
	return s.attempts.ofEvent(ctx, tenant, d.Event, d.Webhook)
}

// Stats implements delivery.LogStore. Steps are counted from the minute in
// which From lies.
func (s *Store) Stats(ctx context.Context, q delivery.StatsQuery) ([]delivery.StatsPoint, error) {
	return s.attempts.stats(ctx, q)
}

// FailedScan implements delivery.JobStore.
func (s *Store) FailedScan(ctx context.Context, tenant event.TenantID, webhook uint32, after, until event.ID, f func(*delivery.Attempt) bool) error {
	return s.attempts.failedScan(ctx, tenant, webhook, after, until, f)
}
