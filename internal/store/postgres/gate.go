package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var gateSQL = sqltext.Load(sqlFiles, "gate")

// RespondentWrite implements gate.Store. Erased rows stay in the database's files until they are
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

// respondentWrite sends all changes at once, and then looks up the earlier state.
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
		rows, err := tx.Query(ctx, s.SQL("RespondentOnce"), int32(ch.Add.Tenant), []byte(ch.Add.Once))
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
	return s.ensureCampaigns(ctx, tx, changes)
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
		b.Queue(s.SQL("RespondentInsert"), int64(r.ID), int32(r.Tenant), r.Campaign, plain(r.Source), int16(r.State), int32(r.Round), r.DoNotContact,
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
	b.Queue(s.SQL("RespondentMove"), int64(m.ID), int32(m.Tenant), int16(m.From), int32(m.Round), int16(m.To), again, plain(m.Reason), column.Millis(m.At)).
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
func (s *Store) ensureCampaigns(ctx context.Context, tx pgx.Tx, changes []*gate.Change) error {
	var b pgx.Batch
	for _, ch := range changes {
		switch m := ch.Move; {
		case ch.Add != nil && ch.Existing == nil && ch.Add.State == gate.Stored:
			b.Queue(s.SQL("CampaignCreate"), int32(ch.Add.Tenant), ch.Add.Campaign, "", column.Millis(ch.Add.CreatedAt), column.Millis(ch.Add.CreatedAt))
		case ch.Add != nil || !ch.Done:
		default:
			if r := m.Changed; r != nil {
				warnings, err := column.OfWarnings(r)
				if err != nil {
					return err
				}
				b.Queue(s.SQL("RespondentChange"), int64(m.ID), int32(m.Tenant), r.Campaign, r.DoNotContact, plain(r.Email), plain(r.Phone), plain(r.Text),
					column.Bytes(r.Payload), warnings)
			}
			if m.To == gate.Stored {
				b.Queue(s.SQL("CampaignCreate"), int32(m.Tenant), ch.Campaign, "", column.Millis(m.At), column.Millis(m.At))
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

// RespondentStillPending implements gate.SharedStore.
func (s *Store) RespondentStillPending(ctx context.Context, ids []event.ID) ([]event.ID, error) {
	list, err := collect(ctx, s, pgx.RowTo[event.ID], gateSQL.Get("RespondentStillPending"), ids)
	if err != nil {
		return nil, fmt.Errorf("looking at pending respondents: %w", err)
	}
	return list, nil
}
