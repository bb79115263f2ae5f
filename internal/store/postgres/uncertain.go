package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/event"
)

// maxDoubts bounds the intakes that wait to be looked for; the oldest are then
// left to the end of this node's registration.
const maxDoubts = 10_000

// doubt notes intakes of this node that it does not deliver though they may be
// stored under its name: the connection broke before the server's answer.
func (s *Store) doubt(ids []event.ID) {
	s.mu.Lock()
	s.doubts = append(s.doubts, ids...)
	if over := len(s.doubts) - maxDoubts; over > 0 {
		s.doubts = slices.Clone(s.doubts[over:])
	}
	s.mu.Unlock()
	signal(s.kickWork)
}

// settleUncertain makes the intakes in doubt nobody's, so that they are taken
// over. Where there is none it leaves a row that keeps the transaction in
// question, should it still be on its way, from ever succeeding: the insertion
// waits for one under way, and one that comes later fails.
func (s *Store) settleUncertain(ctx context.Context) error {
	s.mu.Lock()
	ids := slices.Clone(s.doubts)
	s.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	r, err := s.current()
	if err != nil {
		return err // whatever they are, they belong to nobody now
	}
	for list := range slices.Chunk(ids, takeStep) {
		list = slices.Clone(list)
		slices.Sort(list)
		b := []byte("INSERT INTO intake(id, events, fence) VALUES ")
		for i, id := range slices.Compact(list) {
			if i > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, "(%d,0,-1)", id)
		}
		b = fmt.Appendf(b, " ON CONFLICT (id) DO UPDATE SET fence = 0 WHERE intake.fence = %d", r.fence)
		if _, err := s.change(ctx, r, change{sql: []string{string(b)}}); err != nil {
			return err
		}
		s.mu.Lock()
		s.doubts = slices.DeleteFunc(s.doubts, func(id event.ID) bool {
			_, done := slices.BinarySearch(list, id)
			return done
		})
		s.mu.Unlock()
	}
	return nil
}

// errClosed is returned for calls on a store that is being closed.
var errClosed = errors.New("the store is closed")
