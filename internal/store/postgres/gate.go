package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var gateSQL = sqltext.Load(sqlFiles, "gate")

// respondentBatch bounds how many respondents one transaction of a sweep removes.
const respondentBatch = 500

// RespondentWrite implements gate.Store. What is erased from the table stays in the database's files until they are
// vacuumed.
func (s *Store) RespondentWrite(ctx context.Context, changes []*gate.Change) error {
	for try := 0; ; try++ {
		err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error { return s.respondentWrite(ctx, tx, changes) })
		// Another node that had our number, with a clock ahead of ours, may have given an id before.
		if sqlState(err) == stateUniqueViolation && try < retries {
			continue
		}
		if err != nil {
			return fmt.Errorf("storing respondents: %w", err)
		}
		return nil
	}
}

// respondentWrite sends all changes at once, and then looks up what was there before.
func (s *Store) respondentWrite(ctx context.Context, tx pgx.Tx, changes []*gate.Change) error {
	var b pgx.Batch
	for _, ch := range changes {
		ch.Existing, ch.Done = nil, false
		if err := s.queueChange(&b, ch); err != nil {
			return err
		}
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	for _, ch := range changes {
		if ch.Add == nil || ch.Done {
			ch.Done = ch.Done && ch.Add == nil
			continue
		}
		rows, err := tx.Query(ctx, gateSQL.Get("RespondentOnce"), int32(ch.Add.Tenant), []byte(ch.Add.Once))
		if err != nil {
			return err
		}
		old, err := pgx.CollectExactlyOneRow(rows, scanRespondent)
		if err != nil {
			return err
		}
		ch.Existing = &old
	}
	// Campaigns last, and in a second batch: only now it is known which are needed.
	return ensureCampaigns(ctx, tx, changes)
}

// queueChange queues the statements of a change. Of an Add, Done tells until respondentWrite has ended that it was added.
func (s *Store) queueChange(b *pgx.Batch, ch *gate.Change) error {
	if r := ch.Add; r != nil {
		warnings, err := column.OfWarnings(r)
		if err != nil {
			return err
		}
		var once []byte
		if r.Once != "" {
			once = []byte(r.Once)
		}
		r.ID = s.EventReserve()
		b.Queue(gateSQL.Get("RespondentInsert"), int64(r.ID), int32(r.Tenant), r.Campaign, plain(r.Source), int16(r.State), int32(r.Round), r.DoNotContact,
			plain(r.Email), plain(r.Phone), plain(r.Text), column.Bytes(r.Payload), warnings, plain(r.Reason), column.Bytes(r.LogKey), once, r.Digest[:],
			column.Millis(r.CreatedAt), column.Millis(r.DecidedAt)).Query(func(rows pgx.Rows) error {
			rows.Close()
			ch.Done = rows.CommandTag().RowsAffected() > 0
			return rows.Err()
		})
		return nil
	}
	m := ch.Move
	again := int32(0)
	if m.Again {
		again = 1
	}
	b.Queue(gateSQL.Get("RespondentMove"), int64(m.ID), int32(m.Tenant), int16(m.From), int32(m.Round), int16(m.To), again, plain(m.Reason), column.Millis(m.At)).
		Query(func(rows pgx.Rows) error {
			var campaign int64
			for rows.Next() {
				ch.Done = true
				if err := rows.Scan(&campaign); err != nil {
					return err
				}
			}
			if m.Changed == nil {
				ch.Campaign = campaign
			} else {
				ch.Campaign = m.Changed.Campaign
			}
			return rows.Err()
		})
	return nil
}

// ensureCampaigns stores what moves have changed, and makes the campaigns of those who are stored now.
func ensureCampaigns(ctx context.Context, tx pgx.Tx, changes []*gate.Change) error {
	var b pgx.Batch
	for _, ch := range changes {
		switch m := ch.Move; {
		case ch.Add != nil && ch.Existing == nil && ch.Add.State == gate.Stored:
			b.Queue(gateSQL.Get("CampaignCreate"), int32(ch.Add.Tenant), ch.Add.Campaign, "", column.Millis(ch.Add.CreatedAt), column.Millis(ch.Add.CreatedAt))
		case ch.Add != nil || !ch.Done:
		default:
			if r := m.Changed; r != nil {
				warnings, err := column.OfWarnings(r)
				if err != nil {
					return err
				}
				b.Queue(gateSQL.Get("RespondentChange"), int64(m.ID), int32(m.Tenant), r.Campaign, r.DoNotContact, plain(r.Email), plain(r.Phone), plain(r.Text),
					column.Bytes(r.Payload), warnings)
			}
			if m.To == gate.Stored {
				b.Queue(gateSQL.Get("CampaignCreate"), int32(m.Tenant), ch.Campaign, "", column.Millis(m.At), column.Millis(m.At))
			}
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, &b).Close()
}

func scanRespondent(row pgx.CollectableRow) (r gate.Respondent, err error) {
	var id, created, decided int64
	var tenant, round int32
	var state int16
	var warnings string
	var once, digest []byte
	err = row.Scan(&id, &tenant, &r.Campaign, &r.Source, &state, &round, &r.DoNotContact, &r.Email, &r.Phone, &r.Text, &r.Payload,
		&warnings, &r.Reason, &r.LogKey, &once, &digest, &created, &decided)
	if err != nil {
		return r, err
	}
	r.ID, r.Tenant, r.State, r.Round = event.ID(id), event.TenantID(tenant), gate.State(state), int(round)
	r.Once, r.CreatedAt, r.DecidedAt = string(once), column.Time(created), column.Time(decided)
	copy(r.Digest[:], digest)
	return r, column.ReadWarnings(&r, warnings)
}

// RespondentGet implements gate.Store.
func (s *Store) RespondentGet(ctx context.Context, tenant event.TenantID, id event.ID) (r gate.Respondent, ok bool, err error) {
	list, err := collect(ctx, s, scanRespondent, gateSQL.Get("RespondentGet"), int64(id), int32(tenant))
	if err != nil {
		return r, false, fmt.Errorf("reading a respondent: %w", err)
	}
	if len(list) == 0 {
		return r, false, nil
	}
	return list[0], true, nil
}

// respondentRows is how many rows a page of a search looks at.
const respondentRows = 20_000

// RespondentList implements gate.Store.
func (s *Store) RespondentList(ctx context.Context, q gate.Query) (list []gate.Respondent, next event.ID, err error) {
	below, until := int64(math.MaxInt64), int64(math.MaxInt64)
	if q.Before != 0 {
		below = int64(q.Before)
	}
	if !q.Until.IsZero() {
		until = q.Until.UnixMilli()
	}
	bound, page := "RespondentBound", "RespondentPage"
	args := []any{int32(q.Tenant), int16(q.State), below, respondentRows}
	if q.Campaign != 0 {
		bound, page = "RespondentBoundCampaign", "RespondentPageCampaign"
		args = append(args, q.Campaign)
	}
	from, err := s.integer(ctx, gateSQL.Get(bound), args...)
	if err == nil {
		args = []any{int32(q.Tenant), int16(q.State), below, from, column.Millis(q.Since), until, plain(q.Source), q.Direct, plain(q.Email), plain(q.Phone),
			plain(q.Text), q.DoNotContact, q.Limit + 1}
		if q.Campaign != 0 {
			args = append(args, q.Campaign)
		}
		list, err = collect(ctx, s, scanRespondent, gateSQL.Get(page), args...)
	}
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("listing respondents: %w", err)
	case len(list) > q.Limit:
		list = list[:q.Limit]
		return list, list[q.Limit-1].ID, nil
	}
	return list, event.ID(from), nil // zero: fewer rows were left than a page looks at
}

// RespondentPending implements gate.Store.
func (s *Store) RespondentPending(ctx context.Context, after event.ID, limit int) ([]gate.Respondent, error) {
	list, err := collect(ctx, s, func(row pgx.CollectableRow) (r gate.Respondent, err error) {
		var id, created int64
		var tenant, round int32
		var state int16
		err = row.Scan(&id, &tenant, &r.Campaign, &r.Source, &state, &round, &created)
		r.ID, r.Tenant, r.State, r.Round, r.CreatedAt = event.ID(id), event.TenantID(tenant), gate.State(state), int(round), column.Time(created)
		return r, err
	}, gateSQL.Get("RespondentPending"), int64(after), limit)
	if err != nil {
		return nil, fmt.Errorf("listing pending respondents: %w", err)
	}
	return list, nil
}

// RespondentStillPending implements gate.SharedStore.
func (s *Store) RespondentStillPending(ctx context.Context, ids []event.ID) ([]event.ID, error) {
	list, err := collect(ctx, s, pgx.RowTo[event.ID], gateSQL.Get("RespondentStillPending"), ids)
	if err != nil {
		return nil, fmt.Errorf("looking at pending respondents: %w", err)
	}
	return list, nil
}

// RespondentCount implements gate.Store.
func (s *Store) RespondentCount(ctx context.Context, tenant event.TenantID, state gate.State) (int64, error) {
	n, err := s.integer(ctx, gateSQL.Get("RespondentCount"), int32(tenant), int16(state))
	if err != nil {
		return 0, fmt.Errorf("counting respondents: %w", err)
	}
	return n, nil
}

// RespondentErase implements gate.Store.
func (s *Store) RespondentErase(ctx context.Context, tenant event.TenantID, id event.ID, email, phone string) (n int, err error) {
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		n = 0
		run := func(name string, args ...any) error {
			tag, err := tx.Exec(ctx, gateSQL.Get(name), args...)
			n += int(tag.RowsAffected())
			return err
		}
		if id != 0 {
			return run("RespondentErase", int64(id), int32(tenant))
		}
		if email != "" {
			if err := run("RespondentEraseEmail", int32(tenant), plain(email)); err != nil {
				return err
			}
		}
		if phone != "" {
			return run("RespondentErasePhone", int32(tenant), plain(phone))
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("erasing respondents: %w", err)
	}
	return n, nil
}

// RespondentExpire implements gate.Store.
func (s *Store) RespondentExpire(ctx context.Context, before time.Time) error {
	if err := s.gateDelete(ctx, "RespondentExpire", before.UnixMilli(), respondentBatch); err != nil && !errors.Is(err, gate.ErrNotFound) {
		return fmt.Errorf("expiring respondents: %w", err)
	}
	return nil
}

// gateDelete runs a statement that deletes up to respondentBatch rows until nothing is left; ErrNotFound if there was nothing.
func (s *Store) gateDelete(ctx context.Context, name string, args ...any) error {
	total, n := 0, respondentBatch
	for n == respondentBatch {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, gateSQL.Get(name), args...)
			n = int(tag.RowsAffected())
			return err
		})
		if err != nil {
			return err
		}
		total += n
	}
	if total == 0 {
		return gate.ErrNotFound
	}
	return nil
}

// CampaignCreate implements gate.Store.
func (s *Store) CampaignCreate(ctx context.Context, k gate.Campaign) (ok bool, err error) {
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, gateSQL.Get("CampaignCreate"), int32(k.Tenant), k.ID, plain(k.Name), column.Millis(k.CreatedAt), column.Millis(k.UpdatedAt))
		ok = tag.RowsAffected() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("storing campaign %d: %w", k.ID, err)
	}
	return ok, nil
}

// CampaignUpdate implements gate.Store.
func (s *Store) CampaignUpdate(ctx context.Context, k gate.Campaign) error {
	err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, gateSQL.Get("CampaignUpdate"), int32(k.Tenant), k.ID, plain(k.Name), column.Millis(k.UpdatedAt))
		if err == nil && tag.RowsAffected() == 0 {
			err = gate.ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("changing campaign %d: %w", k.ID, err)
	}
	return nil
}

// CampaignGet implements gate.Store.
func (s *Store) CampaignGet(ctx context.Context, tenant event.TenantID, id int64) (k gate.Campaign, ok bool, err error) {
	list, err := collect(ctx, s, scanCampaign(tenant), gateSQL.Get("CampaignGet"), int32(tenant), id)
	if err != nil {
		return k, false, fmt.Errorf("reading campaign %d: %w", id, err)
	}
	if len(list) == 0 {
		return k, false, nil
	}
	return list[0], true, nil
}

// CampaignList implements gate.Store.
func (s *Store) CampaignList(ctx context.Context, tenant event.TenantID, after int64, limit int) ([]gate.Campaign, error) {
	list, err := collect(ctx, s, scanCampaign(tenant), gateSQL.Get("CampaignList"), int32(tenant), after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing campaigns: %w", err)
	}
	return list, nil
}

func scanCampaign(tenant event.TenantID) func(row pgx.CollectableRow) (gate.Campaign, error) {
	return func(row pgx.CollectableRow) (gate.Campaign, error) {
		k := gate.Campaign{Tenant: tenant}
		var created, updated int64
		err := row.Scan(&k.ID, &k.Name, &created, &updated, &k.Stored)
		k.CreatedAt, k.UpdatedAt = column.Time(created), column.Time(updated)
		return k, err
	}
}

// CampaignDelete implements gate.Store.
func (s *Store) CampaignDelete(ctx context.Context, tenant event.TenantID, id int64) error {
	respondents := s.gateDelete(ctx, "CampaignRespondentsDelete", int32(tenant), id, respondentBatch)
	if respondents != nil && !errors.Is(respondents, gate.ErrNotFound) {
		return fmt.Errorf("deleting campaign %d: %w", id, respondents)
	}
	if err := s.gateDelete(ctx, "CampaignDelete", int32(tenant), id); err != nil && (!errors.Is(err, gate.ErrNotFound) || respondents != nil) {
		return fmt.Errorf("deleting campaign %d: %w", id, err)
	}
	return nil
}

// GateList implements gate.Store.
func (s *Store) GateList(ctx context.Context, f func(tenant event.TenantID, text []byte) error) error {
	err := s.query(ctx, func(row pgx.CollectableRow) error {
		var tenant int32
		var text string
		if err := row.Scan(&tenant, &text); err != nil {
			return err
		}
		return f(event.TenantID(tenant), []byte(text))
	}, gateSQL.Get("GateList"))
	if err != nil {
		return fmt.Errorf("listing gates: %w", err)
	}
	return nil
}

// GatePut implements gate.Store.
func (s *Store) GatePut(ctx context.Context, tenant event.TenantID, text []byte) error {
	err := s.configure(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, gateSQL.Get("GatePut"), int32(tenant), plain(string(text)))
		return err
	})
	if err != nil {
		return fmt.Errorf("storing a gate: %w", err)
	}
	return nil
}
