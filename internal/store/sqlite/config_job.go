package sqlite

import (
	"context"
	"fmt"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var (
	jobSQL         = sqltext.Load(sqlFiles, "job")
	sqlJobRunning  = jobSQL.Get("JobRunning")
	sqlJobProgress = jobSQL.Get("JobProgress")
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
