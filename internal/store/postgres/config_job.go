package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
)

// JobPut implements delivery.JobStore.
func (s *Store) JobPut(ctx context.Context, j delivery.Job) error {
	err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, configSQL.Get("JobPut"), j.ID, int32(j.Tenant), int64(j.Webhook), string(j.Kind), string(j.State),
			column.Millis(j.Since), column.Millis(j.Until), int64(j.Cursor), j.Scanned, j.Owed, plain(j.Error), column.Millis(j.CreatedAt), column.Millis(j.FinishedAt))
		return err
	})
	if err != nil {
		return fmt.Errorf("storing job %q: %w", j.ID, err)
	}
	return nil
}

// JobClaim implements delivery.JobStore.
func (s *Store) JobClaim(ctx context.Context) ([]delivery.Job, error) {
	if err := s.settleJobs(ctx); err != nil {
		return nil, fmt.Errorf("giving back jobs that this node does not run: %w", err)
	}
	dead, err := collect(ctx, s, pgx.RowTo[int64], configSQL.Get("JobOrphans"))
	if err != nil {
		return nil, fmt.Errorf("looking for jobs that nobody runs: %w", err)
	}
	if len(dead) == 0 {
		return nil, nil
	}
	ids, err := collect(ctx, s, pgx.RowTo[string], configSQL.Get("JobsOf"), dead)
	if err != nil {
		return nil, fmt.Errorf("looking for jobs that nobody runs: %w", err)
	}
	r, err := s.current()
	var list []delivery.Job
	if err == nil {
		err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			rows, err := tx.Query(ctx, configSQL.Get("JobClaim"), r.fence, dead, ids)
			if err == nil {
				list, err = pgx.CollectRows(rows, scanJob)
			}
			return err
		})
	}
	if err != nil {
		s.doubtJobs(ids) // of those that were not claimed none has our number
		return nil, fmt.Errorf("claiming jobs: %w", err)
	}
	for i := range list {
		list[i].Token = r.fence << claimBits
	}
	slices.SortFunc(list, func(a, b delivery.Job) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

// settleJobs gives back jobs that may have been claimed without our knowing.
func (s *Store) settleJobs(ctx context.Context) error {
	s.mu.Lock()
	ids := s.doubts.jobs
	s.doubts.jobs = nil
	s.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	r, err := s.current()
	if err != nil {
		return nil // nothing is this node's any more
	}
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, configSQL.Get("JobGiveBack"), r.fence, ids)
		return err
	})
	if err != nil {
		s.doubtJobs(ids)
	}
	return err
}

// JobProgress implements delivery.JobStore.
func (s *Store) JobProgress(ctx context.Context, j delivery.Job) (ok bool, err error) {
	r, err := s.current()
	if err == nil && j.Token>>claimBits != r.fence {
		return false, nil // claimed under an earlier registration, or not at all
	}
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, configSQL.Get("JobProgress"), j.ID, j.Token>>claimBits, string(j.State), int64(j.Cursor), j.Scanned, j.Owed,
			plain(j.Error), column.Millis(j.FinishedAt))
		ok = tag.RowsAffected() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("storing the progress of job %q: %w", j.ID, err)
	}
	return ok, nil
}

// JobCancel implements delivery.JobStore.
func (s *Store) JobCancel(ctx context.Context, tenant event.TenantID, id string, at time.Time) (ok bool, err error) {
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, configSQL.Get("JobCancel"), plain(id), int32(tenant), column.Millis(at))
		ok = tag.RowsAffected() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("canceling job %q: %w", id, err)
	}
	return ok, nil
}

// JobGet implements delivery.JobStore.
func (s *Store) JobGet(ctx context.Context, tenant event.TenantID, id string) (delivery.Job, bool, error) {
	list, err := collect(ctx, s, scanJob, configSQL.Get("JobGet"), plain(id), int32(tenant))
	if err != nil {
		return delivery.Job{}, false, fmt.Errorf("reading job %q: %w", id, err)
	}
	if len(list) == 0 {
		return delivery.Job{}, false, nil
	}
	return list[0], true, nil
}

// JobList implements delivery.JobStore.
func (s *Store) JobList(ctx context.Context, tenant event.TenantID) ([]delivery.Job, error) {
	list, err := collect(ctx, s, scanJob, configSQL.Get("JobList"), int32(tenant))
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	return list, nil
}

func scanJob(row pgx.CollectableRow) (j delivery.Job, err error) {
	var tenant int32
	var number, since, until, cursor, created, finished int64
	var kind, state string
	err = row.Scan(&j.ID, &tenant, &number, &kind, &state, &since, &until, &cursor, &j.Scanned, &j.Owed, &j.Error, &created, &finished)
	j.Tenant, j.Webhook, j.Kind, j.State = event.TenantID(tenant), uint32(number), delivery.JobKind(kind), delivery.JobState(state)
	j.Since, j.Until, j.Cursor = column.Time(since), column.Time(until), event.ID(cursor)
	j.CreatedAt, j.FinishedAt = column.Time(created), column.Time(finished)
	return j, err
}
