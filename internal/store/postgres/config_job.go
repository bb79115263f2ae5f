package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
)

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
