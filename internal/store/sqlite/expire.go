package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/utcday"
)

// Expire implements delivery.Store. It works by whole UTC days: a day's file
// goes once all of the day is older than asked.
func (s *Store) Expire(ctx context.Context, eventsBefore, attemptsBefore time.Time) error {
	err := s.expireEvents(ctx, eventsBefore)
	if err == nil {
		err = s.expireKeys(ctx)
	}
	return errors.Join(err, s.attempts.expire(attemptsBefore), s.RespondentExpire(ctx, attemptsBefore))
}

func (s *Store) expireEvents(ctx context.Context, before time.Time) error {
	owed, anyOwed, err := s.work.oldestOwed()
	if err != nil {
		return fmt.Errorf("expiring events: %w", err)
	}
	for _, n := range s.events.days() {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := (n + 1).FirstID()
		if n.End().After(before) || (anyOwed && owed < end) {
			break // later days are kept, too
		}
		open, err := s.hasOpenIntake(ctx, n)
		if err != nil {
			return fmt.Errorf("expiring events of %v: %w", n, err)
		}
		if open || s.writes(n) {
			continue
		}
		if err := s.events.remove(n); err != nil {
			return fmt.Errorf("expiring events: %w", err)
		}
		s.log.Info("removed a day of events", "day", n.String())
	}
	return nil
}

// writes reports whether Append writes the day's file, or will at midnight.
func (s *Store) writes(n day) bool {
	s.append.mu.Lock()
	defer s.append.mu.Unlock()
	return s.append.file != nil && n >= s.append.file.day
}

func (s *Store) hasOpenIntake(ctx context.Context, n day) (open bool, err error) {
	err = s.events.blockIDs(ctx, n, s.work.closedThrough(), func(id event.ID) {
		open = open || !s.work.isClosed(id)
	})
	return open, err
}

// expireKeys removes the keys of the days that were removed.
func (s *Store) expireKeys(ctx context.Context) error {
	oldest := utcday.Of(event.FirstID(time.Now()))
	if days := s.events.days(); len(days) > 0 {
		oldest = days[0]
	}
	if err := s.keys.sweep(ctx, oldest.FirstID()); err != nil {
		return fmt.Errorf("expiring idempotency keys: %w", err)
	}
	return nil
}
