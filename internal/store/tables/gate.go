package tables

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/store/column"
)

const (
	// respondentBatch bounds how many respondents one transaction of a sweep removes: about 20 ms
	// on SQLite, where deleted rows are overwritten.
	respondentBatch = 200
	// respondentRows bounds how many rows a page of a search looks at.
	respondentRows = 20_000
)

// RespondentLast returns the highest id of a respondent, zero without one.
func (t *Tables) RespondentLast(ctx context.Context) (last event.ID, err error) {
	err = t.read(ctx, t.people, func(x tx) error {
		n, err := x.integer("RespondentLast")
		last = event.ID(n)
		return err
	})
	return last, err
}

// WriteRespondents implements gate.Store's RespondentWrite one statement after the other. reserve
// returns the id of a new respondent.
func (t *Tables) WriteRespondents(ctx context.Context, changes []*gate.Change, reserve func() event.ID) error {
	err := t.write(ctx, t.people, func(x tx) error {
		for _, ch := range changes {
			ch.Existing, ch.Done = nil, false
			var err error
			if ch.Add != nil {
				err = x.respondentAdd(ch, reserve)
			} else {
				err = x.respondentMove(ch)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("storing respondents: %w", err)
	}
	return nil
}

func (x tx) respondentAdd(ch *gate.Change, reserve func() event.ID) error {
	r := ch.Add
	r.ID = reserve()
	warnings, err := column.OfWarnings(r)
	if err != nil {
		return err
	}
	var once []byte
	if r.Once != "" {
		once = []byte(r.Once)
	}
	n, err := x.exec("RespondentInsert", r.ID, r.Tenant, r.Campaign, r.Source, r.State, r.Round, r.DoNotContact, r.Email, r.Phone, r.Text,
		column.Bytes(r.Payload), warnings, r.Reason, column.Bytes(r.LogKey), once, r.Digest[:], r.CreatedAt, r.DecidedAt)
	switch {
	case err != nil:
		return err
	case n == 0:
		return x.query(func(scan scan) error {
			old, err := scanRespondent(scan)
			ch.Existing = &old
			return err
		}, "RespondentOnce", r.Tenant, once)
	case r.State == gate.Stored:
		return x.campaignEnsure(r.Tenant, r.Campaign, r.CreatedAt)
	}
	return nil
}

func (x tx) respondentMove(ch *gate.Change) error {
	m := ch.Move
	var campaign int64
	again := 0
	if m.Again {
		again = 1
	}
	err := x.query(func(scan scan) error {
		ch.Done = true
		return scan(&campaign)
	}, "RespondentMove", m.ID, m.Tenant, m.From, m.Round, m.To, again, m.Reason, m.At)
	if err != nil || !ch.Done {
		return err
	}
	if r := m.Changed; r != nil {
		campaign = r.Campaign
		warnings, err := column.OfWarnings(r)
		if err != nil {
			return err
		}
		_, err = x.exec("RespondentChange", m.ID, m.Tenant, r.Campaign, r.DoNotContact, r.Email, r.Phone, r.Text, column.Bytes(r.Payload), warnings)
		if err != nil {
			return err
		}
	}
	if m.To == gate.Stored {
		if err := x.campaignEnsure(m.Tenant, campaign, m.At); err != nil {
			return err
		}
	}
	return x.audit(m.Audit)
}

// campaignEnsure makes the campaign of a respondent who is stored now, unless it is there.
func (x tx) campaignEnsure(tenant event.TenantID, id int64, at time.Time) error {
	_, err := x.exec("CampaignCreate", tenant, id, "", at, at)
	return err
}

func scanRespondent(scan scan) (r gate.Respondent, err error) {
	var warnings string
	var once, digest []byte
	err = scan(&r.ID, &r.Tenant, &r.Campaign, &r.Source, &r.State, &r.Round, &r.DoNotContact, &r.Email, &r.Phone, &r.Text, &r.Payload,
		&warnings, &r.Reason, &r.LogKey, &once, &digest, &r.CreatedAt, &r.DecidedAt)
	if err != nil {
		return r, err
	}
	r.Once = string(once)
	copy(r.Digest[:], digest)
	return r, column.ReadWarnings(&r, warnings)
}

// RespondentGet implements gate.Store.
func (t *Tables) RespondentGet(ctx context.Context, tenant event.TenantID, id event.ID) (gate.Respondent, bool, error) {
	r, ok, err := first(ctx, t, t.people, scanRespondent, "RespondentGet", id, tenant)
	if err != nil {
		return r, false, fmt.Errorf("reading a respondent: %w", err)
	}
	return r, ok, nil
}

// RespondentList implements gate.Store.
func (t *Tables) RespondentList(ctx context.Context, q gate.Query) (list []gate.Respondent, next event.ID, err error) {
	below, until := event.ID(math.MaxInt64), int64(math.MaxInt64)
	if q.Before != 0 {
		below = q.Before
	}
	if !q.Until.IsZero() {
		until = q.Until.UnixMilli()
	}
	bound, page := "RespondentBound", "RespondentPage"
	boundArgs := []any{q.Tenant, q.State, below, respondentRows}
	if q.Campaign != 0 {
		bound, page = "RespondentBoundCampaign", "RespondentPageCampaign"
		boundArgs = append(boundArgs, q.Campaign)
	}
	var from int64
	err = t.read(ctx, t.people, func(x tx) (err error) {
		list = nil
		if from, err = x.integer(bound, boundArgs...); err != nil {
			return err
		}
		args := []any{q.Tenant, q.State, below, from, q.Since, until, q.Source, q.Direct, q.Email, q.Phone, q.Text, q.DoNotContact, q.Limit + 1}
		if q.Campaign != 0 {
			args = append(args, q.Campaign)
		}
		return x.query(func(scan scan) error {
			r, err := scanRespondent(scan)
			list = append(list, r)
			return err
		}, page, args...)
	})
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
func (t *Tables) RespondentPending(ctx context.Context, after event.ID, limit int) ([]gate.Respondent, error) {
	all, err := list(ctx, t, t.people, func(scan scan) (r gate.Respondent, err error) {
		err = scan(&r.ID, &r.Tenant, &r.Campaign, &r.Source, &r.State, &r.Round, &r.CreatedAt)
		return r, err
	}, "RespondentPending", after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing pending respondents: %w", err)
	}
	return all, nil
}

// RespondentCount implements gate.Store.
func (t *Tables) RespondentCount(ctx context.Context, tenant event.TenantID, state gate.State) (n int64, err error) {
	err = t.read(ctx, t.people, func(x tx) (err error) {
		n, err = x.integer("RespondentCount", tenant, state)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("counting respondents: %w", err)
	}
	return n, nil
}

// RespondentErase implements gate.Store. On SQLite the file's free space is overwritten at once
// (secure_delete) and the WAL emptied; PostgreSQL keeps the rows in its files until they are
// vacuumed.
func (t *Tables) RespondentErase(ctx context.Context, tenant event.TenantID, ids []event.ID, email, phone string, entry *access.Entry) (n int, err error) {
	err = t.write(ctx, t.people, func(x tx) error {
		n = 0
		run := func(name string, args ...any) error {
			rows, err := x.exec(name, args...)
			n += int(rows)
			return err
		}
		for _, id := range ids {
			if err := run("RespondentErase", id, tenant); err != nil {
				return err
			}
		}
		if email != "" {
			if err := run("RespondentEraseEmail", tenant, email); err != nil {
				return err
			}
		}
		if phone != "" {
			if err := run("RespondentErasePhone", tenant, phone); err != nil {
				return err
			}
		}
		if entry != nil && len(entry.Targets) == 0 {
			entry.After = fmt.Appendf(nil, `{"erased":%d}`, n)
		} else if n == 0 {
			return nil // whoever it was about is not there
		}
		return x.audit(entry)
	})
	if err == nil && n > 0 {
		err = t.people.Erased(ctx)
	}
	if err != nil {
		return n, fmt.Errorf("erasing respondents: %w", err)
	}
	return n, nil
}

// RespondentExpire implements gate.Store.
func (t *Tables) RespondentExpire(ctx context.Context, before time.Time) error {
	if _, err := t.sweep(ctx, "RespondentExpire", before, respondentBatch); err != nil {
		return fmt.Errorf("expiring respondents: %w", err)
	}
	return nil
}

// sweep runs a statement that deletes up to respondentBatch rows until none is left, each time in a
// transaction of its own, and returns how many rows that were.
func (t *Tables) sweep(ctx context.Context, name string, args ...any) (total int64, err error) {
	for n := int64(respondentBatch); n >= respondentBatch; total += n {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		err := t.write(ctx, t.people, func(x tx) (err error) {
			n, err = x.exec(name, args...)
			return err
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// CampaignCreate implements gate.Store.
func (t *Tables) CampaignCreate(ctx context.Context, k gate.Campaign, entry *access.Entry) (ok bool, err error) {
	err = t.write(ctx, t.people, func(x tx) error {
		n, err := x.exec("CampaignCreate", k.Tenant, k.ID, k.Name, k.CreatedAt, k.UpdatedAt)
		if ok = n > 0; ok && err == nil {
			err = x.audit(entry)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("storing campaign %d: %w", k.ID, err)
	}
	return ok, nil
}

// CampaignUpdate implements gate.Store.
func (t *Tables) CampaignUpdate(ctx context.Context, k gate.Campaign, entry *access.Entry) error {
	err := t.write(ctx, t.people, func(x tx) error {
		err := x.changeOne(gate.ErrNotFound, "CampaignUpdate", k.Tenant, k.ID, k.Name, k.UpdatedAt)
		if err == nil {
			err = x.audit(entry)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("changing campaign %d: %w", k.ID, err)
	}
	return nil
}

func scanCampaign(tenant event.TenantID) func(scan scan) (gate.Campaign, error) {
	return func(scan scan) (gate.Campaign, error) {
		k := gate.Campaign{Tenant: tenant}
		err := scan(&k.ID, &k.Name, &k.CreatedAt, &k.UpdatedAt, &k.Stored)
		return k, err
	}
}

// CampaignGet implements gate.Store.
func (t *Tables) CampaignGet(ctx context.Context, tenant event.TenantID, id int64) (gate.Campaign, bool, error) {
	k, ok, err := first(ctx, t, t.people, scanCampaign(tenant), "CampaignGet", tenant, id)
	if err != nil {
		return k, false, fmt.Errorf("reading campaign %d: %w", id, err)
	}
	return k, ok, nil
}

// CampaignList implements gate.Store.
func (t *Tables) CampaignList(ctx context.Context, tenant event.TenantID, after int64, limit int) ([]gate.Campaign, error) {
	all, err := list(ctx, t, t.people, scanCampaign(tenant), "CampaignList", tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing campaigns: %w", err)
	}
	return all, nil
}

// CampaignDelete implements gate.Store.
func (t *Tables) CampaignDelete(ctx context.Context, tenant event.TenantID, id int64, entry *access.Entry) error {
	respondents, err := t.sweep(ctx, "CampaignRespondentsDelete", tenant, id, respondentBatch)
	if err == nil {
		err = t.write(ctx, t.people, func(x tx) error {
			n, err := x.exec("CampaignDelete", tenant, id)
			if err == nil && n+respondents == 0 {
				err = gate.ErrNotFound
			}
			if err == nil {
				err = x.audit(entry)
			}
			return err
		})
	}
	if err == nil {
		err = t.people.Erased(ctx)
	}
	if err != nil {
		return fmt.Errorf("deleting campaign %d: %w", id, err)
	}
	return nil
}

// GateList implements gate.Store.
func (t *Tables) GateList(ctx context.Context, f func(tenant event.TenantID, text []byte) error) error {
	type row struct {
		tenant event.TenantID
		text   string
	}
	all, err := list(ctx, t, t.people, func(scan scan) (r row, err error) {
		err = scan(&r.tenant, &r.text)
		return r, err
	}, "GateList")
	for _, r := range all {
		if err == nil {
			err = f(r.tenant, []byte(r.text))
		}
	}
	if err != nil {
		return fmt.Errorf("listing gates: %w", err)
	}
	return nil
}

// GatePut implements gate.Store.
func (t *Tables) GatePut(ctx context.Context, tenant event.TenantID, text []byte, entry *access.Entry) error {
	err := t.people.Configure(ctx, registry.Gate, func(inner Tx) error {
		x := tx{inner, t}
		_, err := x.exec("GatePut", tenant, string(text))
		if err == nil {
			err = x.audit(entry)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("storing a gate: %w", err)
	}
	return nil
}
