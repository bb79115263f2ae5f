package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

const (
	// releaseStep is how many claims of a dead node one statement ends.
	releaseStep = 1000
	// takeStep is how many intakes are taken at a time.
	takeStep = 64
)

// IntakeOpen implements delivery.Store: it is TakeOver. An intake it has given
// without an error is not given again.
func (s *Store) IntakeOpen(ctx context.Context, f func(delivery.Intake) error) error {
	return s.TakeOver(ctx, f)
}

// TakeOver ends the claims of nodes whose lease has run out, makes their open
// intakes this node's own and calls f for each, in the order of their ids.
// Ids may be lower than those of an earlier call. An intake for which f
// returns an error, and those after it, are given back.
//
// It is to be called every few seconds. Settlings must be looked up anew each
// time, since the lowest id given; and after it OwedSummaries tells which
// webhooks are owed the rows that the dead nodes had claimed.
func (s *Store) TakeOver(ctx context.Context, f func(delivery.Intake) error) error {
	if err := s.fenceExpired(ctx); err != nil {
		return fmt.Errorf("taking over from dead nodes: %w", err)
	}
	if err := s.releaseOrphans(ctx); err != nil {
		return fmt.Errorf("taking over claims: %w", err)
	}
	if err := s.settleUncertain(ctx); err != nil {
		return fmt.Errorf("looking for events whose storing was interrupted: %w", err)
	}
	for {
		n, err := s.takeIntakes(ctx, f)
		if err != nil {
			return fmt.Errorf("taking over intakes: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}

// fenceExpired ends the registrations of nodes whose lease has run out.
func (s *Store) fenceExpired(ctx context.Context) error {
	r, err := s.current()
	if err != nil {
		return err
	}
	// When the database was away for all, everybody's lease has run out, and
	// everybody is about to renew it.
	if at := s.leaseFailed.Load(); at != nil && time.Since(*at) < s.lease/3 {
		return nil
	}
	each := func(text string) func(pgx.CollectableRow) error {
		return func(row pgx.CollectableRow) error {
			var fence int64
			var number int
			var name string
			err := row.Scan(&fence, &number, &name)
			if err == nil {
				s.log.Warn(text, "node", number, "name", name, "fence", fence)
			}
			return err
		}
	}
	err = s.query(ctx, each("a node's lease has run out, others take over its work"), nodeSQL.Get("FenceExpired"), r.fence)
	if err != nil {
		return err
	}
	return s.query(ctx, each("a node's lease has run out while it held a transaction, which was ended"), nodeSQL.Get("EndFrozenWrites"), serverTimeout)
}

// releaseOrphans ends the claims of registrations that have ended.
func (s *Store) releaseOrphans(ctx context.Context) error {
	for {
		fences, err := collect(ctx, s, pgx.RowTo[int64], nodeSQL.Get("OrphanFences"))
		if err != nil || len(fences) == 0 {
			return err
		}
		released := int64(0)
		for _, fence := range fences {
			n, err := s.releaseClaims(ctx, fence)
			if err != nil {
				return err
			}
			released += n
		}
		if released == 0 {
			return nil // others are at it
		}
	}
}

// releaseClaims ends the claims of a registration that has ended.
func (s *Store) releaseClaims(ctx context.Context, fence int64) (released int64, err error) {
	defer s.marks.forget() // the rows may be due at any time
	for {
		short, cancel := detached(ctx)
		tag, err := s.pool.Exec(short, nodeSQL.Get("ClaimsRelease"), fence, releaseStep)
		cancel()
		if err != nil {
			return released, storeError(ctx, err)
		}
		if released += tag.RowsAffected(); tag.RowsAffected() < releaseStep {
			return released, nil
		}
	}
}

// takeIntakes takes some intakes that nobody has and calls f for each.
func (s *Store) takeIntakes(ctx context.Context, f func(delivery.Intake) error) (int, error) {
	dead, err := collect(ctx, s, pgx.RowTo[int64], nodeSQL.Get("OrphanIntakes"))
	if len(dead) == 0 || err != nil {
		return 0, err
	}
	r, err := s.current()
	if err != nil {
		return 0, err
	}
	ids, err := collect(ctx, s, pgx.RowTo[event.ID], nodeSQL.Get("IntakesOf"), dead, takeStep)
	if len(ids) == 0 || err != nil {
		return 0, err
	}
	results, err := s.change(ctx, r, change{sql: []string{fmt.Sprintf(`
		WITH orphan AS MATERIALIZED (
		  SELECT id
		  FROM intake
		  WHERE id IN (%s) AND fence IN (%s)
		  ORDER BY id
		  FOR UPDATE SKIP LOCKED
		)
		UPDATE intake
		SET fence = %d
		FROM orphan
		WHERE intake.id = orphan.id
		RETURNING intake.id, events`, numberList(ids), numberList(dead), r.fence)}})
	if err != nil {
		if inDoubt(err) {
			s.doubt(ids)
		}
		return 0, err
	}
	type taken struct {
		id     event.ID
		events int
	}
	var list []taken
	for _, row := range results[0].Rows {
		list = append(list, taken{event.ID(number(row[0])), int(number(row[1]))})
	}
	slices.SortFunc(list, func(a, b taken) int { return int(min(max(a.id-b.id, -1), 1)) })
	for i, t := range list {
		in, err := s.intakeRead(ctx, t.id, t.events)
		in.Token = r.fence << claimBits
		if err == nil && len(in.Events) > 0 {
			err = f(in)
		}
		if err != nil {
			var ids []event.ID
			for _, t := range list[i:] {
				ids = append(ids, t.id)
			}
			return 0, s.giveBack(ctx, r, ids, err)
		}
	}
	return len(list), nil
}

// giveBack makes intakes nobody's again, because of err, which it returns.
func (s *Store) giveBack(ctx context.Context, r *registration, ids []event.ID, cause error) error {
	_, err := s.change(ctx, r, change{sql: []string{
		fmt.Sprintf("UPDATE intake SET fence = 0 WHERE fence = %d AND id IN (%s)", r.fence, numberList(ids)),
	}})
	if err != nil {
		// They stay this node's, which does not deliver them, until that works.
		s.doubt(ids)
	}
	return cause
}

// intakeRead returns an intake's events, those that still exist.
func (s *Store) intakeRead(ctx context.Context, id event.ID, events int) (delivery.Intake, error) {
	list, err := collect(ctx, s, scanEvent, eventSQL.Get("Range"), int64(id), int64(id)+int64(events))
	if err != nil {
		return delivery.Intake{}, err
	}
	if len(list) != events {
		s.log.Error("an intake lacks events", "intake", int64(id), "events", events, "found", len(list))
	}
	return delivery.Intake{ID: id, Events: list}, nil
}

// numberList writes numbers as SQL.
func numberList[N ~int64](ids []N) string {
	b := make([]byte, 0, 20*len(ids))
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return string(b)
}

// number reads a number the server sent as text. The server sends nothing else
// for a column of integers; NULL is zero.
func number(text []byte) int64 {
	n, _ := strconv.ParseInt(string(text), 10, 64)
	return n
}
