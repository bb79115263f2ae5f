package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

const (
	// maxDoubts bounds the doubts of each kind; the oldest are then left to the
	// end of this node's registration.
	maxDoubts = 10_000
	// claimDoubt is for how long a claim whose answer was lost is looked for:
	// longer than a network keeps undelivered packets.
	claimDoubt = 10 * time.Minute
	// noNode is above every fencing token: rows with such a number have no owner,
	// and no statement on its way can name it.
	noNode = (maxFence + 1) << 8
)

// doubts are what may be this node's in the database without the node acting
// on it: the connection broke before the server's answer.
type doubts struct {
	intakes []event.ID
	claims  []doubtfulClaim
	owed    []delivery.Owed // claims that could not be given back
	jobs    []string        // ids
}

// doubtfulClaim is a claim that nobody has been told of.
type doubtfulClaim struct {
	token int64
	since time.Time
}

// doubt notes intakes of this node that it does not deliver though they may be
// stored under its name.
func (s *Store) doubt(ids []event.ID) {
	s.mu.Lock()
	s.doubts.intakes = capped(append(s.doubts.intakes, ids...))
	s.mu.Unlock()
	signal(s.kickWork)
}

// doubtClaim notes a claim that failed with err, if it may have been made.
func (s *Store) doubtClaim(token int64, err error) {
	if !inDoubt(err) {
		return
	}
	s.mu.Lock()
	s.doubts.claims = capped(append(s.doubts.claims, doubtfulClaim{token, time.Now()}))
	s.mu.Unlock()
}

// doubtOwed notes claims that were not given back.
func (s *Store) doubtOwed(claims []delivery.Owed) {
	s.mu.Lock()
	s.doubts.owed = capped(append(s.doubts.owed, claims...))
	s.mu.Unlock()
}

func (s *Store) doubtJobs(ids []string) {
	s.mu.Lock()
	s.doubts.jobs = capped(append(s.doubts.jobs, ids...))
	s.mu.Unlock()
}

// capped drops the oldest of more than maxDoubts.
func capped[T any](list []T) []T {
	if over := len(list) - maxDoubts; over > 0 {
		return slices.Clone(list[over:])
	}
	return list
}

// inDoubt reports whether a change that failed may have been made.
func inDoubt(err error) bool {
	return err != nil && uncertain(err) && wasSent(err) && !errors.Is(err, ErrFenced)
}

// settleUncertain releases the rows in doubt, so that they are taken over.
// Without a registration it is that already.
func (s *Store) settleUncertain(ctx context.Context) error {
	s.settling.Lock() // what one has settled and taken over another must not settle again
	defer s.settling.Unlock()
	r, err := s.current()
	if err != nil {
		return err
	}
	if err := s.settleIntakes(ctx, r); err != nil {
		return err
	}
	if err := s.settleOwed(ctx); err != nil {
		return err
	}
	return s.settleClaims(ctx, r)
}

// settleIntakes makes intakes in doubt nobody's. Where there is none it leaves
// a row that keeps the transaction in question, should it still be on its way,
// from ever succeeding: the insertion waits for one under way, and one that
// comes later fails.
func (s *Store) settleIntakes(ctx context.Context, r *registration) error {
	s.mu.Lock()
	ids := slices.Clone(s.doubts.intakes)
	s.mu.Unlock()
	slices.Sort(ids)
	for list := range slices.Chunk(slices.Compact(ids), takeStep) {
		b := []byte("INSERT INTO intake(id, events, fence) VALUES ")
		for i, id := range list {
			if i > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, "(%d,0,-1)", id)
		}
		b = fmt.Appendf(b, " ON CONFLICT (id) DO UPDATE SET fence = %d WHERE intake.fence = %d", noNode+s.claims.Add(1), r.fence)
		if _, err := s.change(ctx, r, change{sql: []string{string(b)}}); err != nil {
			return err
		}
		s.mu.Lock()
		s.doubts.intakes = slices.DeleteFunc(s.doubts.intakes, func(id event.ID) bool {
			_, done := slices.BinarySearch(list, id)
			return done
		})
		s.mu.Unlock()
	}
	return nil
}

// settleOwed gives claims back for which that has failed.
func (s *Store) settleOwed(ctx context.Context) error {
	s.mu.Lock()
	list := s.doubts.owed
	s.doubts.owed = nil
	s.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	return s.OwedRelease(ctx, list) // which notes them again if it fails
}

// settleClaims ends claims that nobody has been told of. Nobody can work on
// their rows, so that this is right at any time; it is repeated for a while,
// because the claim may still be on its way.
func (s *Store) settleClaims(ctx context.Context, r *registration) error {
	s.mu.Lock()
	s.doubts.claims = slices.DeleteFunc(s.doubts.claims, func(c doubtfulClaim) bool { return time.Since(c.since) > claimDoubt })
	tokens := make([]int64, len(s.doubts.claims))
	for i, c := range s.doubts.claims {
		tokens[i] = c.token
	}
	s.mu.Unlock()
	if len(tokens) == 0 {
		return nil
	}
	results, err := s.change(ctx, r, change{lazy: true, sql: []string{
		"UPDATE owed SET claim = 0 WHERE claim IN (" + numberList(tokens) + ")",
	}})
	if err == nil && results[0].CommandTag.RowsAffected() > 0 {
		s.marks.forget() // they may be due at any time
	}
	return err
}

// errClosed is returned for calls on a store that is being closed.
var errClosed = errors.New("the store is closed")
