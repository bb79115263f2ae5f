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
	// The log first: it keeps the events of its entries, and a day of both that
	// is too old goes in one sweep.
	expired := s.attempts.expire(attemptsBefore)
	err := s.expireEvents(ctx, eventsBefore)
	if err == nil {
		err = s.expireKeys(ctx)
	}
	return errors.Join(expired, err, s.RespondentExpire(ctx, attemptsBefore))
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
		logged, err := s.attempts.mentions(ctx, n)
		if err != nil {
			return fmt.Errorf("expiring events of %v: %w", n, err)
		}
		if logged {
			continue
		}
		if err := s.events.remove(n); err != nil {
			return fmt.Errorf("expiring events: %w", err)
		}
		s.log.Info("removed a day of events", "day", n.String())
	}
	return nil
}

// mentions reports whether the log has an entry about an event of the day.
func (l *attemptLog) mentions(ctx context.Context, n day) (found bool, err error) {
	first, end := n.FirstID(), (n + 1).FirstID()
	// An entry's id is above its event's.
	for _, d := range l.daysFrom(n, false) {
		err := l.view(ctx, d, func(c *conn, v *dayView) error {
			for _, b := range v.tail {
				for i := range b.entries {
					if e := b.entries[i].event; e >= first && e < end {
						found = true
						return nil
					}
				}
			}
			n, err := c.integer(logSQL.Get("EventsExist"), first, end)
			found = n != 0
			return err
		})
		if err != nil && !errors.Is(err, errDayGone) {
			return false, fmt.Errorf("looking for them in the log: %w", err)
		}
		if found {
			return true, nil
		}
	}
	return false, nil
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
	oldest := utcday.Of(event.FirstID(s.now()))
	if days := s.events.days(); len(days) > 0 {
		oldest = days[0]
	}
	if err := s.keys.sweep(ctx, oldest.FirstID()); err != nil {
		return fmt.Errorf("expiring idempotency keys: %w", err)
	}
	return nil
}
