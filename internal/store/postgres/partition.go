package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/utcday"
)

// day is the day a partition is of.
type day = utcday.Day

// aheadDays is how many days ahead partitions are made.
const aheadDays = 2

// partitioned are the tables with a partition per day.
var partitioned = []string{"event", "attempt"}

// partition returns the name of a table's partition for a day: event_20261121.
func partition(table string, d day) string { return table + "_" + d.Compact() }

// ensureDays makes the partitions for the days of the ids, if need be.
func (s *Store) ensureDays(ctx context.Context, ids ...event.ID) error {
	for _, id := range ids {
		d := utcday.Of(id)
		s.mu.Lock()
		known := s.days[d]
		s.mu.Unlock()
		if known {
			continue
		}
		if err := s.createDay(ctx, d); err != nil {
			return storeError(ctx, fmt.Errorf("making the partitions of %v: %w", d, err))
		}
		s.mu.Lock()
		s.days[d] = true
		s.mu.Unlock()
	}
	return nil
}

// forgetDays has the partitions looked up anew.
func (s *Store) forgetDays() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.days)
}

// createDay makes the partitions of a day. A table is made first and attached
// then, which lets others read and write meanwhile; making it as a partition
// at once would lock them all out (CREATE TABLE in PostgreSQL's manual).
func (s *Store) createDay(ctx context.Context, d day) error {
	short, cancel := detached(ctx)
	defer cancel()
	return begin(short, s.pool, func(tx pgx.Tx) error {
		// One node at a time.
		if _, err := tx.Exec(short, `SELECT FROM relay_schema FOR UPDATE`); err != nil {
			return err
		}
		for _, table := range partitioned {
			name := partition(table, d)
			var exists, attached bool
			err := tx.QueryRow(short, maintainSQL.Get("PartitionState"), name, table).Scan(&exists, &attached)
			if err != nil {
				return err
			}
			if attached {
				continue
			}
			var sql []string
			if !exists {
				sql = append(sql, fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)", name, table))
			}
			sql = append(sql, fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%d) TO (%d)",
				table, name, d.FirstID(), (d+1).FirstID()))
			for _, q := range sql {
				if _, err := tx.Exec(short, q, pgx.QueryExecModeSimpleProtocol); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// prepareDays makes the partitions of the next days.
func (s *Store) prepareDays(ctx context.Context, now time.Time) error {
	today := utcday.Of(event.FirstID(now))
	for d := today; d <= today+aheadDays; d++ {
		if err := s.ensureDays(ctx, d.FirstID()); err != nil {
			return err
		}
	}
	return nil
}

// daysOf returns the days of a table's partitions, and of those that were
// detached and are still to be dropped.
func (s *Store) daysOf(ctx context.Context, table string) (attached, detached []day, err error) {
	err = s.query(ctx, func(row pgx.CollectableRow) error {
		var name string
		var isPartition bool
		if err := row.Scan(&name, &isPartition); err != nil {
			return err
		}
		d, err := utcday.ParseCompact(name[len(table)+1:])
		switch {
		case err != nil: // somebody else's table
		case isPartition:
			attached = append(attached, d)
		default:
			detached = append(detached, d)
		}
		return nil
	}, maintainSQL.Get("Partitions"), table, table+`\_________`)
	slices.Sort(attached)
	return attached, detached, err
}

// Expire implements delivery.Store. It works by whole UTC days: a partition
// goes once all of its day is older than asked.
func (s *Store) Expire(ctx context.Context, eventsBefore, attemptsBefore time.Time) error {
	// The log first: it keeps the events of its entries, and a day of both that
	// is too old goes in one sweep.
	err := errors.Join(
		s.expire(ctx, "attempt", attemptsBefore, ""),
		s.expire(ctx, "event", eventsBefore, maintainSQL.Get("EventsNeeded")))
	if err == nil {
		err = s.expireRest(ctx, attemptsBefore)
	}
	err = errors.Join(err, s.RespondentExpire(ctx, attemptsBefore))
	if err != nil {
		return fmt.Errorf("expiring: %w", err)
	}
	return nil
}

// expire drops a table's partitions that ended before the moment, unless the
// query needed finds a row for their first and next ids.
func (s *Store) expire(ctx context.Context, table string, before time.Time, needed string) error {
	attached, detached, err := s.daysOf(ctx, table)
	if err != nil {
		return err
	}
	for _, d := range attached {
		if d.End().After(before) {
			break
		}
		done, err := s.detachDay(ctx, table, d, needed)
		if err != nil {
			return fmt.Errorf("day %v of %s: %w", d, table, err)
		}
		if done {
			detached = append(detached, d)
		}
	}
	for _, d := range detached {
		// Nobody else uses it: how long its files take to go holds nobody up.
		slow, cancel := context.WithTimeout(ctx, slowTimeout)
		err := begin(slow, s.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(slow, `SET LOCAL statement_timeout TO '60s'`); err != nil {
				return err
			}
			// Not one that was attached again meanwhile.
			if _, err := tx.Exec(slow, `SELECT FROM relay_schema FOR UPDATE`); err != nil {
				return err
			}
			var exists, attached bool
			err := tx.QueryRow(slow, maintainSQL.Get("PartitionState"), partition(table, d), table).Scan(&exists, &attached)
			if err != nil || attached || !exists {
				return err
			}
			_, err = tx.Exec(slow, "DROP TABLE "+partition(table, d), pgx.QueryExecModeSimpleProtocol)
			return err
		})
		cancel()
		if err != nil {
			return storeError(ctx, fmt.Errorf("dropping day %v of %s: %w", d, table, err))
		}
		s.log.Info("removed a day", "table", table, "day", d.String())
	}
	return nil
}

const (
	// detachWait bounds how long detaching may wait for the table's lock, and
	// with it how long others may have to wait behind it.
	detachWait = "20ms"
	// detachTries is how often it is tried, with pauses that grow.
	detachTries = 30
)

// detachDay takes a partition out of its table.
func (s *Store) detachDay(ctx context.Context, table string, d day, needed string) (done bool, err error) {
	for try := 0; ; try++ {
		done = false
		short, cancel := detached(ctx)
		err = begin(short, s.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(short, fmt.Sprintf("SET LOCAL lock_timeout TO '%s'", detachWait)); err != nil {
				return err
			}
			// Before any other lock, as in createDay.
			if _, err := tx.Exec(short, `SELECT FROM relay_schema FOR UPDATE`); err != nil {
				return err
			}
			if needed != "" {
				var keep bool
				if err := tx.QueryRow(short, needed, int64(d.FirstID()), int64((d + 1).FirstID())).Scan(&keep); err != nil || keep {
					return err
				}
			}
			var exists, attached bool
			if err := tx.QueryRow(short, maintainSQL.Get("PartitionState"), partition(table, d), table).Scan(&exists, &attached); err != nil {
				return err
			}
			if !attached { // another node was first
				done = exists
				return nil
			}
			_, err := tx.Exec(short, fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s", table, partition(table, d)), pgx.QueryExecModeSimpleProtocol)
			done = err == nil
			return err
		})
		cancel()
		if sqlState(err) != stateLockTimeout && !again(err) || try == detachTries {
			if err != nil {
				return false, storeError(ctx, err)
			}
			s.mu.Lock()
			delete(s.days, d)
			s.mu.Unlock()
			return done, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-s.stop:
			return false, errClosed
		case <-time.After(min(time.Duration(try+1)*10*time.Millisecond, 200*time.Millisecond)):
		}
	}
}

// expireStep is how many rows one statement of expiring removes.
const expireStep = 1000

// expireRest removes keys of events that are gone, and what belongs to
// attempts that are.
func (s *Store) expireRest(ctx context.Context, attemptsBefore time.Time) error {
	days, _, err := s.daysOf(ctx, "event")
	if err != nil {
		return err
	}
	// Days in between may be gone, too: their keys lie in the gaps. Keys that
	// are younger than every partition are not touched.
	from := event.ID(0)
	for _, d := range days {
		if from < d.FirstID() {
			if err := s.deleteSteps(ctx, "KeysExpire", int64(from), int64(d.FirstID())); err != nil {
				return err
			}
		}
		from = (d + 1).FirstID()
	}
	minute := int64(utcday.At(attemptsBefore)) * 24 * 60
	if err := s.deleteSteps(ctx, "RollupExpire", minute); err != nil {
		return err
	}
	old := s.now().Add(-24 * time.Hour)
	return errors.Join(
		s.deleteSteps(ctx, "LagExpire", int64(utcday.At(attemptsBefore))),
		s.deleteSteps(ctx, "TombstonesExpire", int64(event.FirstID(old))))
}

// deleteSteps runs a statement that deletes some rows until it finds less.
func (s *Store) deleteSteps(ctx context.Context, name string, args ...any) error {
	args = append(args, expireStep)
	for {
		short, cancel := detached(ctx)
		tag, err := s.pool.Exec(short, maintainSQL.Get(name), args...)
		cancel()
		if err != nil {
			return storeError(ctx, err)
		}
		if tag.RowsAffected() < expireStep {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
