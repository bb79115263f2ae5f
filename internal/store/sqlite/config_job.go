package sqlite

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var (
	jobSQL     = sqltext.Load(sqlFiles, "job")
	sqlJobPut  = jobSQL.Get("JobPut")
	sqlJobGet  = jobSQL.Get("JobGet")
	sqlJobList = jobSQL.Get("JobList")

	sqlJobRunning  = jobSQL.Get("JobRunning")
	sqlJobProgress = jobSQL.Get("JobProgress")
	sqlJobCancel   = jobSQL.Get("JobCancel")
)

// jobToken is the token of all claims of jobs: they end with the process, which
// is the only one.
const jobToken = 1

// jobClaims are the jobs that were claimed since the store was opened.
type jobClaims struct {
	mu  sync.Mutex
	ids map[string]bool
}

// JobClaim implements delivery.JobStore.
func (s *Store) JobClaim(ctx context.Context) ([]delivery.Job, error) {
	s.jobs.mu.Lock()
	defer s.jobs.mu.Unlock()
	all, err := listRows(ctx, s.config, scanJob, sqlJobRunning)
	if err != nil {
		return nil, fmt.Errorf("claiming jobs: %w", err)
	}
	if s.jobs.ids == nil {
		s.jobs.ids = make(map[string]bool)
	}
	var list []delivery.Job
	for _, j := range all {
		if !s.jobs.ids[j.ID] {
			s.jobs.ids[j.ID] = true
			j.Token = jobToken
			list = append(list, j)
		}
	}
	return list, nil
}

// JobProgress implements delivery.JobStore.
func (s *Store) JobProgress(ctx context.Context, j delivery.Job) (ok bool, err error) {
	s.jobs.mu.Lock()
	claimed := s.jobs.ids[j.ID] && j.Token == jobToken
	s.jobs.mu.Unlock()
	if !claimed {
		return false, nil
	}
	err = s.config.write(ctx, func(c *conn) error {
		err := c.exec(sqlJobProgress, j.ID, string(j.State), j.Cursor, j.Scanned, j.Owed, j.Error, column.Millis(j.FinishedAt))
		ok = c.changes() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("storing the progress of job %q: %w", j.ID, err)
	}
	return ok, nil
}

// JobCancel implements delivery.JobStore.
func (s *Store) JobCancel(ctx context.Context, tenant event.TenantID, id string, at time.Time) (ok bool, err error) {
	err = s.config.write(ctx, func(c *conn) error {
		err := c.exec(sqlJobCancel, id, tenant, column.Millis(at))
		ok = c.changes() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("canceling job %q: %w", id, err)
	}
	return ok, nil
}

// JobPut implements delivery.JobStore.
func (s *Store) JobPut(ctx context.Context, j delivery.Job) error {
	err := s.config.write(ctx, func(c *conn) error {
		return c.exec(sqlJobPut, j.ID, j.Tenant, j.Webhook, string(j.Kind), string(j.State),
			column.Millis(j.Since), column.Millis(j.Until), j.Cursor, j.Scanned, j.Owed, j.Error,
			column.Millis(j.CreatedAt), column.Millis(j.FinishedAt))
	})
	if err != nil {
		return fmt.Errorf("storing job %q: %w", j.ID, err)
	}
	return nil
}

// JobGet implements delivery.JobStore.
func (s *Store) JobGet(ctx context.Context, tenant event.TenantID, id string) (j delivery.Job, ok bool, err error) {
	all, err := listRows(ctx, s.config, scanJob, sqlJobGet, id, tenant)
	if err != nil {
		return j, false, fmt.Errorf("reading job %q: %w", id, err)
	}
	if len(all) == 0 {
		return j, false, nil
	}
	return all[0], true, nil
}

// JobList implements delivery.JobStore.
func (s *Store) JobList(ctx context.Context, tenant event.TenantID) ([]delivery.Job, error) {
	all, err := listRows(ctx, s.config, scanJob, sqlJobList, tenant)
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	return all, nil
}

func scanJob(st *sqlite3.Stmt) (delivery.Job, error) {
	return delivery.Job{
		ID:         st.ColumnText(0),
		Tenant:     event.TenantID(st.ColumnInt64(1)),
		Webhook:    uint32(st.ColumnInt64(2)),
		Kind:       delivery.JobKind(st.ColumnText(3)),
		State:      delivery.JobState(st.ColumnText(4)),
		Since:      column.Time(st.ColumnInt64(5)),
		Until:      column.Time(st.ColumnInt64(6)),
		Cursor:     event.ID(st.ColumnInt64(7)),
		Scanned:    st.ColumnInt64(8),
		Owed:       st.ColumnInt64(9),
		Error:      st.ColumnText(10),
		CreatedAt:  column.Time(st.ColumnInt64(11)),
		FinishedAt: column.Time(st.ColumnInt64(12)),
	}, nil
}
