package sqlite

import (
	"context"
	"fmt"
	"sync"

	"github.com/relay-events/relay/internal/delivery"
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
	all, err := s.JobsRunning(ctx)
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
	// Also while the server stops: the step was done, and would be done again otherwise.
	return s.JobStore(context.WithoutCancel(ctx), j)
}
