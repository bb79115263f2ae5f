package sqlite

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/utcday"
)

// OwedClaim implements delivery.Store.
//
// The log is synced with every commit, and work.db is not: after a power cut a
// row may be there although the log knows how its delivery ended. Such rows are
// deleted here instead of being claimed, so that nothing is sent again whose
// answer is known. Rows of events that came after the store was opened cannot
// be such, and cost nothing.
func (s *Store) OwedClaim(ctx context.Context, webhook uint32, now time.Time, limit int) ([]delivery.Owed, error) {
	for {
		list, err := s.work.claim(ctx, webhook, now, limit)
		if err != nil || !slices.ContainsFunc(list, s.fromBefore) {
			return list, err
		}
		finished, err := s.finished(ctx, list)
		if err != nil && (ctx.Err() != nil || errors.Is(err, errClosed)) {
			s.work.release(list)
			return nil, err
		}
		if err != nil {
			// Sending a delivered event again is allowed, losing one is not.
			s.log.Warn("the log could not be searched for what a power cut has undone", "error", err)
		}
		if len(finished) == 0 {
			return list, nil
		}
		if err := s.work.record(ctx, nil, finished, nil); err != nil {
			s.work.release(list)
			return nil, err
		}
		ended := make(map[event.ID]bool, len(finished))
		for i := range finished {
			ended[finished[i].Event] = true
		}
		list = slices.DeleteFunc(list, func(o delivery.Owed) bool { return ended[o.Event] })
		if len(list) > 0 {
			return list, nil
		}
	}
}

// fromBefore reports whether a row may be from before the store was opened.
func (s *Store) fromBefore(o delivery.Owed) bool { return o.Event <= s.lastAtOpen }

// finished returns those of one webhook's rows whose deliveries had ended, as
// the log says, before the store was opened.
func (s *Store) finished(ctx context.Context, rows []delivery.Owed) ([]delivery.Owed, error) {
	entries, err := s.attempts.entriesOf(ctx, slices.DeleteFunc(slices.Clone(rows), func(o delivery.Owed) bool { return !s.fromBefore(o) }), s.lastAtOpen)
	if err != nil {
		return nil, err
	}
	// Each attempt that a row counts has an entry: as many are nothing new.
	newest := make(map[day][]event.ID)
	for i := range rows {
		if ids := entries[rows[i].Event]; len(ids) > rows[i].Attempts {
			last := ids[len(ids)-1]
			newest[utcday.Of(last)] = append(newest[utcday.Of(last)], last)
		}
	}
	last := make(map[event.ID]*delivery.Attempt)
	for n, ids := range newest {
		slices.Sort(ids)
		err := s.attempts.view(ctx, n, func(c *conn, _ *dayView) error {
			list, err := s.attempts.materialise(c, ids, true, func(*logEntry) bool { return true })
			for _, a := range list {
				last[a.Event] = a
			}
			return err
		})
		if err != nil && !errors.Is(err, errDayGone) {
			return nil, err
		}
	}
	var list []delivery.Owed
	for i := range rows {
		if a := last[rows[i].Event]; a != nil && endedBy(&rows[i], a) {
			list = append(list, rows[i])
		}
	}
	return list, nil
}

// endedBy reports whether the last entry of a row's delivery is the end of what
// the row stands for, and not of what came before it.
func endedBy(o *delivery.Owed, a *delivery.Attempt) bool {
	switch {
	case !a.Outcome.Settles():
		return false
	case o.Reason == delivery.ReasonManual:
		// Asked for while an attempt was under way, it does not count that one.
		return a.Number > o.Attempts && !a.At.Before(o.Since)
	case a.Outcome.IsAttempt():
		return a.Number > o.Attempts
	default: // no request was made: the number is that of the last one
		return a.Number >= o.Attempts
	}
}

// entriesOf returns the ids of the entries of one webhook's rows up to an id,
// rising, by the rows' events.
func (l *attemptLog) entriesOf(ctx context.Context, rows []delivery.Owed, through event.ID) (map[event.ID][]event.ID, error) {
	found := make(map[event.ID][]event.ID, len(rows))
	if len(rows) == 0 {
		return found, nil
	}
	oldest := rows[0].Event
	webhook := rows[0].Webhook
	for i := range rows {
		oldest = min(oldest, rows[i].Event)
		found[rows[i].Event] = nil
	}
	// An attempt's id is above its event's.
	for _, n := range l.daysFrom(utcday.Of(oldest), false) {
		if n.FirstID() > through {
			break
		}
		err := l.view(ctx, n, func(c *conn, v *dayView) error {
			for i := range rows {
				id := rows[i].Event
				if utcday.Of(id) > n {
					continue
				}
				err := c.query(func(st *sqlite3.Stmt) error {
					if at := event.ID(st.ColumnInt64(0)); at <= through {
						found[id] = append(found[id], at)
					}
					return nil
				}, logSQL.Get("OfDelivery"), id, webhook)
				if err != nil {
					return err
				}
			}
			for _, b := range v.tail {
				for i := range b.entries {
					e, at := &b.entries[i], b.id+event.ID(i)
					if at > through || e.webhook != webhook {
						continue
					}
					if ids, wanted := found[e.event]; wanted {
						found[e.event] = append(ids, at)
					}
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errDayGone) {
			return nil, err
		}
	}
	for _, ids := range found {
		slices.Sort(ids)
	}
	return found, nil
}
