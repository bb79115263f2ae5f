package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var gateSQL = sqltext.Load(sqlFiles, "gate")

// respondentBatch bounds how many respondents one transaction of a sweep removes.
const respondentBatch = 200

// openGate opens the file of campaigns and respondents and returns the last id in it. What is deleted from it is
// overwritten: people can ask for that.
func (s *Store) openGate(ctx context.Context) (last event.ID, err error) {
	s.gate, err = openDB(filepath.Join(s.dir, "gate.db"), dbOptions{
		Full: true, SecureDelete: true, CacheKB: 2 << 10, Schema: loadMigrations("gate"), Log: s.log,
	})
	if err != nil {
		return 0, err
	}
	err = s.gate.read(ctx, func(c *conn) error {
		n, err := c.integer(gateSQL.Get("RespondentLast"))
		last = event.ID(n)
		return err
	})
	return last, err
}

// RespondentWrite implements gate.Store.
func (s *Store) RespondentWrite(ctx context.Context, changes []*gate.Change) error {
	err := s.gate.write(ctx, func(c *conn) error {
		for _, ch := range changes {
			ch.Existing, ch.Done = nil, false
			var err error
			if ch.Add != nil {
				err = s.respondentAdd(c, ch)
			} else {
				err = respondentMove(c, ch)
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

func (s *Store) respondentAdd(c *conn, ch *gate.Change) error {
	r := ch.Add
	var once any
	if r.Once != "" {
		once = r.Once
		err := c.query(func(st *sqlite3.Stmt) error {
			old, err := scanRespondent(st)
			ch.Existing = &old
			return err
		}, gateSQL.Get("RespondentOnce"), r.Tenant, r.Once)
		if err != nil || ch.Existing != nil {
			return err
		}
	}
	warnings, err := column.OfWarnings(r)
	if err != nil {
		return err
	}
	r.ID = s.respondents.Reserve(time.Now(), 1)
	err = c.exec(gateSQL.Get("RespondentInsert"), r.ID, r.Tenant, r.Campaign, r.Source, int(r.State), r.Round, r.DoNotContact,
		r.Email, r.Phone, r.Text, column.Bytes(r.Payload), warnings, r.Reason, column.Bytes(r.LogKey), once, r.Digest[:], column.Millis(r.CreatedAt), column.Millis(r.DecidedAt))
	if err == nil && r.State == gate.Stored {
		err = campaignEnsure(c, r.Tenant, r.Campaign, r.CreatedAt)
	}
	return err
}

func respondentMove(c *conn, ch *gate.Change) error {
	m := ch.Move
	var campaign int64
	err := c.query(func(st *sqlite3.Stmt) error {
		ch.Done, campaign = true, st.ColumnInt64(0)
		return nil
	}, gateSQL.Get("RespondentMove"), m.ID, m.Tenant, int(m.From), m.Round, int(m.To), m.Again, m.Reason, column.Millis(m.At))
	if err != nil || !ch.Done {
		return err
	}
	if r := m.Changed; r != nil {
		campaign = r.Campaign
		warnings, err := column.OfWarnings(r)
		if err != nil {
			return err
		}
		err = c.exec(gateSQL.Get("RespondentChange"), m.ID, m.Tenant, r.Campaign, r.DoNotContact, r.Email, r.Phone, r.Text, column.Bytes(r.Payload), warnings)
		if err != nil {
			return err
		}
	}
	if m.To == gate.Stored {
		return campaignEnsure(c, m.Tenant, campaign, m.At)
	}
	return nil
}

func campaignEnsure(c *conn, tenant event.TenantID, id int64, at time.Time) error {
	return c.exec(gateSQL.Get("CampaignCreate"), tenant, id, "", column.Millis(at), column.Millis(at))
}

func scanRespondent(st *sqlite3.Stmt) (gate.Respondent, error) {
	r := gate.Respondent{
		ID:           event.ID(st.ColumnInt64(0)),
		Tenant:       event.TenantID(st.ColumnInt64(1)),
		Campaign:     st.ColumnInt64(2),
		Source:       st.ColumnText(3),
		State:        gate.State(st.ColumnInt64(4)),
		Round:        st.ColumnInt(5),
		DoNotContact: st.ColumnBool(6),
		Email:        st.ColumnText(7),
		Phone:        st.ColumnText(8),
		Text:         st.ColumnText(9),
		Payload:      st.ColumnBlob(10, nil),
		Reason:       st.ColumnText(12),
		LogKey:       st.ColumnBlob(13, nil),
		Once:         st.ColumnText(14),
		CreatedAt:    column.Time(st.ColumnInt64(16)),
		DecidedAt:    column.Time(st.ColumnInt64(17)),
	}
	copy(r.Digest[:], st.ColumnRawBlob(15))
	return r, column.ReadWarnings(&r, st.ColumnText(11))
}

// RespondentGet implements gate.Store.
func (s *Store) RespondentGet(ctx context.Context, tenant event.TenantID, id event.ID) (r gate.Respondent, ok bool, err error) {
	list, err := listRows(ctx, s.gate, scanRespondent, gateSQL.Get("RespondentGet"), id, tenant)
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
	below := q.Before
	if below == 0 {
		below = math.MaxInt64
	}
	until := int64(math.MaxInt64)
	if !q.Until.IsZero() {
		until = q.Until.UnixMilli()
	}
	contact := -1
	if q.DoNotContact != nil {
		contact = 0
		if *q.DoNotContact {
			contact = 1
		}
	}
	bound, page := "RespondentBound", "RespondentPage"
	if q.Campaign != 0 {
		bound, page = "RespondentBoundCampaign", "RespondentPageCampaign"
	}
	var from int64
	args := []any{q.Tenant, int(q.State), below, respondentRows}
	if q.Campaign != 0 {
		args = append(args, q.Campaign)
	}
	err = s.gate.read(ctx, func(c *conn) (err error) {
		list = nil
		if from, err = c.integer(gateSQL.Get(bound), args...); err != nil {
			return err
		}
		args := []any{q.Tenant, int(q.State), below, from, column.Millis(q.Since), until, q.Source, q.Direct, q.Email, q.Phone, q.Text, contact, q.Limit + 1}
		if q.Campaign != 0 {
			args = append(args, q.Campaign)
		}
		return c.query(func(st *sqlite3.Stmt) error {
			r, err := scanRespondent(st)
			list = append(list, r)
			return err
		}, gateSQL.Get(page), args...)
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
func (s *Store) RespondentPending(ctx context.Context, after event.ID, limit int) ([]gate.Respondent, error) {
	list, err := listRows(ctx, s.gate, func(st *sqlite3.Stmt) (gate.Respondent, error) {
		return gate.Respondent{
			ID:        event.ID(st.ColumnInt64(0)),
			Tenant:    event.TenantID(st.ColumnInt64(1)),
			Campaign:  st.ColumnInt64(2),
			Source:    st.ColumnText(3),
			State:     gate.State(st.ColumnInt64(4)),
			Round:     st.ColumnInt(5),
			CreatedAt: column.Time(st.ColumnInt64(6)),
		}, nil
	}, gateSQL.Get("RespondentPending"), after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing pending respondents: %w", err)
	}
	return list, nil
}

// RespondentCount implements gate.Store.
func (s *Store) RespondentCount(ctx context.Context, tenant event.TenantID, state gate.State) (n int64, err error) {
	err = s.gate.read(ctx, func(c *conn) (err error) {
		n, err = c.integer(gateSQL.Get("RespondentCount"), tenant, int(state))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("counting respondents: %w", err)
	}
	return n, nil
}

// RespondentErase implements gate.Store. The file's free space is overwritten by SQLite itself (secure_delete), its WAL
// by being emptied.
func (s *Store) RespondentErase(ctx context.Context, tenant event.TenantID, id event.ID, email, phone string) (n int, err error) {
	err = s.gate.write(ctx, func(c *conn) error {
		n = 0
		run := func(name string, args ...any) error {
			err := c.exec(gateSQL.Get(name), args...)
			n += int(c.changes())
			return err
		}
		if id != 0 {
			return run("RespondentErase", id, tenant)
		}
		if email != "" {
			if err := run("RespondentEraseEmail", tenant, email); err != nil {
				return err
			}
		}
		if phone != "" {
			return run("RespondentErasePhone", tenant, phone)
		}
		return nil
	})
	if err == nil && n > 0 {
		err = s.gate.emptyWAL(ctx)
	}
	if err != nil {
		return n, fmt.Errorf("erasing respondents: %w", err)
	}
	return n, nil
}

// emptyWAL copies the WAL into the file and empties it, so that what was deleted remains in neither.
func (d *db) emptyWAL(ctx context.Context) error {
	if err := d.lockWriter(ctx); err != nil {
		return err
	}
	defer d.unlockWriter()
	if err := d.recoverWriter(); err != nil {
		return err
	}
	err := d.w.truncateWAL()
	// Readers and the checkpointer may be at the WAL; the next checkpoint that finds it free does the same.
	for end := time.Now().Add(busyTimeout); errors.Is(err, sqlite3.BUSY) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		err = d.w.truncateWAL()
	}
	switch {
	case errors.Is(err, sqlite3.BUSY):
		return nil
	case err != nil:
		d.giveUpWriter(err)
		return storeError(err)
	}
	d.walPages.Store(0)
	d.checked.Store(0)
	return nil
}

// RespondentExpire implements gate.Store.
func (s *Store) RespondentExpire(ctx context.Context, before time.Time) error {
	for {
		n, err := s.gateDelete(ctx, "RespondentExpire", before.UnixMilli(), respondentBatch)
		if err != nil {
			return fmt.Errorf("expiring respondents: %w", err)
		}
		if n < respondentBatch {
			return nil
		}
	}
}

// gateDelete runs a statement that deletes rows and returns how many it did.
func (s *Store) gateDelete(ctx context.Context, name string, args ...any) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	err = s.gate.write(ctx, func(c *conn) error {
		err := c.exec(gateSQL.Get(name), args...)
		n = int(c.changes())
		return err
	})
	return n, err
}

// CampaignCreate implements gate.Store.
func (s *Store) CampaignCreate(ctx context.Context, k gate.Campaign) (ok bool, err error) {
	err = s.gate.write(ctx, func(c *conn) error {
		err := c.exec(gateSQL.Get("CampaignCreate"), k.Tenant, k.ID, k.Name, column.Millis(k.CreatedAt), column.Millis(k.UpdatedAt))
		ok = c.changes() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("storing campaign %d: %w", k.ID, err)
	}
	return ok, nil
}

// CampaignUpdate implements gate.Store.
func (s *Store) CampaignUpdate(ctx context.Context, k gate.Campaign) error {
	err := s.gate.write(ctx, func(c *conn) error {
		return c.changeOne(gate.ErrNotFound, gateSQL.Get("CampaignUpdate"), k.Tenant, k.ID, k.Name, column.Millis(k.UpdatedAt))
	})
	if err != nil {
		return fmt.Errorf("changing campaign %d: %w", k.ID, err)
	}
	return nil
}

// CampaignGet implements gate.Store.
func (s *Store) CampaignGet(ctx context.Context, tenant event.TenantID, id int64) (k gate.Campaign, ok bool, err error) {
	list, err := listRows(ctx, s.gate, scanCampaign(tenant), gateSQL.Get("CampaignGet"), tenant, id)
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
	list, err := listRows(ctx, s.gate, scanCampaign(tenant), gateSQL.Get("CampaignList"), tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing campaigns: %w", err)
	}
	return list, nil
}

func scanCampaign(tenant event.TenantID) func(st *sqlite3.Stmt) (gate.Campaign, error) {
	return func(st *sqlite3.Stmt) (gate.Campaign, error) {
		return gate.Campaign{
			Tenant: tenant, ID: st.ColumnInt64(0), Name: st.ColumnText(1),
			CreatedAt: column.Time(st.ColumnInt64(2)), UpdatedAt: column.Time(st.ColumnInt64(3)), Stored: st.ColumnInt64(4),
		}, nil
	}
}

// CampaignDelete implements gate.Store.
func (s *Store) CampaignDelete(ctx context.Context, tenant event.TenantID, id int64) error {
	total := 0
	n, err := respondentBatch, error(nil)
	for n == respondentBatch && err == nil {
		n, err = s.gateDelete(ctx, "CampaignRespondentsDelete", tenant, id, respondentBatch)
		total += n
	}
	if err == nil {
		n, err = s.gateDelete(ctx, "CampaignDelete", tenant, id)
		total += n
	}
	if err == nil && total == 0 {
		err = gate.ErrNotFound
	}
	if err == nil {
		err = s.gate.emptyWAL(ctx)
	}
	if err != nil {
		return fmt.Errorf("deleting campaign %d: %w", id, err)
	}
	return nil
}

// GateList implements gate.Store.
func (s *Store) GateList(ctx context.Context, f func(tenant event.TenantID, text []byte) error) error {
	err := s.gate.read(ctx, func(c *conn) error {
		return c.query(func(st *sqlite3.Stmt) error {
			return f(event.TenantID(st.ColumnInt64(0)), []byte(st.ColumnText(1)))
		}, gateSQL.Get("GateList"))
	})
	if err != nil {
		return fmt.Errorf("listing gates: %w", err)
	}
	return nil
}

// GatePut implements gate.Store.
func (s *Store) GatePut(ctx context.Context, tenant event.TenantID, text []byte) error {
	err := s.gate.write(ctx, func(c *conn) error { return c.exec(gateSQL.Get("GatePut"), tenant, string(text)) })
	if err != nil {
		return fmt.Errorf("storing a gate: %w", err)
	}
	return nil
}
