package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
)

const (
	// workEvery is how often the node looks after what waits for nobody:
	// counters, partitions of the next days, intakes in doubt.
	workEvery = 10 * time.Second
	// rollNow is after how many attempts counters do not wait for that.
	rollNow = 20_000
	// rollStep is how many attempts one transaction adds to the counters.
	rollStep = 20_000
	// rollIdle is how far the mark of a node that records nothing may fall
	// behind: what lies after it is read by every query of statistics.
	rollIdle = time.Hour
)

// work is the goroutine that looks after what nobody waits for.
func (s *Store) work() {
	failing := false
	for {
		timer := time.NewTimer(workEvery)
		select {
		case <-s.stop:
			timer.Stop()
			return
		case <-s.kickWork:
			timer.Stop()
		case <-timer.C:
		}
		ctx := context.Background()
		err := errors.Join(
			s.prepareDays(ctx, s.now()),
			s.settleUncertain(ctx),
			s.rollUp(ctx))
		if errors.Is(err, ErrFenced) {
			continue // said already
		}
		if err != nil && !failing {
			s.log.Error("background work on the database failed, trying again", "error", err)
		}
		failing = err != nil
	}
}

// rollUp adds the attempts of this node to the counters, those that were
// stored when it began.
func (s *Store) rollUp(ctx context.Context) error {
	r, err := s.current()
	if err != nil {
		return nil
	}
	w := &s.record
	w.mu.Lock()
	// Nothing with a lower id of this node can be committed any more.
	through, fresh := w.last, w.fresh
	w.fresh = 0
	// No attempt is under way: whatever follows has a later id than this one.
	idle := through
	if fresh == 0 {
		idle = max(through, s.seq.Load().attempts.Reserve(s.now(), 1))
	}
	w.mu.Unlock()
	s.mu.Lock()
	old := idle.Time().Sub(s.rolled.Time()) > rollIdle
	s.mu.Unlock()
	if fresh == 0 {
		if !old {
			return nil
		}
		through = idle
	}
	if err := s.rollNumber(ctx, r.number, through); err != nil {
		w.mu.Lock()
		w.fresh += fresh
		w.mu.Unlock()
		return err
	}
	s.mu.Lock()
	s.rolled = through
	s.mu.Unlock()
	return s.rollDead(ctx)
}

// rollNumber adds the attempts of a node number with ids up to through to the
// counters, in bounded steps.
func (s *Store) rollNumber(ctx context.Context, number int, through event.ID) error {
	for {
		done := false
		short, cancel := detached(ctx)
		err := begin(short, s.pool, func(tx pgx.Tx) error {
			var from int64
			err := tx.QueryRow(short, logSQL.Get("RollLock"), number).Scan(&from)
			if errors.Is(err, pgx.ErrNoRows) {
				done = true
				return nil
			}
			if err != nil {
				return err
			}
			to := int64(through)
			if done = from >= to; done {
				return nil
			}
			err = tx.QueryRow(short, logSQL.Get("RollBound"), from, to, rollStep-1).Scan(&to)
			if done = errors.Is(err, pgx.ErrNoRows); done {
				err = nil
			}
			if err != nil {
				return err
			}
			if _, err = tx.Exec(short, logSQL.Get("RollUp"), number, from, to); err != nil {
				return err
			}
			_, err = tx.Exec(short, logSQL.Get("RollSet"), number, to)
			return err
		})
		cancel()
		if err != nil && !again(err) {
			return storeError(ctx, err)
		}
		if done && err == nil {
			return nil
		}
		select {
		case <-s.stop:
			return nil
		default:
		}
	}
}

// rollDead rolls up what nodes that live no more have left.
func (s *Store) rollDead(ctx context.Context) error {
	numbers, err := collect(ctx, s, pgx.RowTo[int16], logSQL.Get("RollDead"))
	if err != nil {
		return err
	}
	for _, n := range numbers {
		last, err := s.integer(ctx, logSQL.Get("LastID"))
		if err != nil {
			return err
		}
		// Everything of theirs is committed: fencing waited for it.
		if err := s.rollNumber(ctx, int(n), event.ID(last)); err != nil {
			return err
		}
		err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT FROM relay_meta FOR UPDATE`); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, logSQL.Get("RollForget"), n)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
