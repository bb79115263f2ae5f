package tables

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
)

// AudienceChange implements audience.Store.
func (t *Tables) AudienceChange(ctx context.Context, c *audience.Change) error {
	var insertProfiles, updateProfiles, insertRows, updateRows, deleteRows, join, leave many
	crossIn, crossOut := crossings(c, c.Join), crossings(c, c.Leave)
	for _, p := range c.Put {
		body := bodyOf(p, &insertProfiles)
		if p.Version == 0 {
			insertProfiles.add(p.ID, body, p.CreatedAt, p.UpdatedAt)
		} else {
			updateProfiles.add(p.ID, p.Version, body, p.UpdatedAt)
		}
	}
	for _, r := range c.Rows {
		body := bodyOf(&r.Sync, &insertRows)
		if r.Version == 0 {
			insertRows.add(r.Attachment, r.Profile, r.Entry, r.Audience, r.Sync.State, r.Sync.Turn, body, r.Frozen)
		} else {
			updateRows.add(r.Attachment, r.Profile, r.Entry, r.Version, r.Sync.State, r.Sync.Turn, body)
		}
	}
	for _, r := range c.Gone {
		deleteRows.add(r.Attachment, r.Profile, r.Entry, r.Version)
	}
	for _, m := range c.Join {
		join.add(m.Audience, m.Profile, m.Since)
	}
	for _, m := range c.Leave {
		leave.add(m.Audience, m.Profile)
	}
	var task string
	if c.Task != nil {
		task = bodyOf(c.Task, &join)
	}
	err := t.write(ctx, t.people, func(x tx) error {
		for _, s := range []struct {
			name  string
			rows  *many
			exact bool // all rows must be as they were read
		}{
			{"ProfileInsert", &insertProfiles, true}, {"ProfileUpdate", &updateProfiles, true},
			{"SyncInsert", &insertRows, true}, {"SyncUpdate", &updateRows, true}, {"SyncDelete", &deleteRows, true},
			{"CrossingJoin", &crossIn, false}, {"CrossingLeave", &crossOut, false}, // they look at the members there are
			{"MemberPut", &join, false}, {"MemberDelete", &leave, false},
		} {
			if err := x.many(s.name, c.Tenant, s.rows, s.exact); err != nil {
				return err
			}
		}
		for _, id := range c.Erase {
			for _, name := range []string{"ImportRowErase", "SyncDeleteAll", "MemberDeleteAll", "CrossingErase", "TraceErase", "SendErase", "EnrolmentErase", "ProfileDelete"} {
				if _, err := x.exec(name, c.Tenant, id); err != nil {
					return err
				}
			}
		}
		if k := c.Task; k != nil && k.Version == 0 {
			if err := x.changeOne(audience.ErrTaken, "TaskInsert", c.Tenant, k.ID, k.Audience, k.Kind, k.State, task, k.CreatedAt, k.UpdatedAt); err != nil {
				return err
			}
		} else if k != nil {
			if err := x.changeOne(audience.ErrTaken, "TaskUpdate", c.Tenant, k.ID, k.Version, k.State, task, k.UpdatedAt); err != nil {
				return err
			}
		}
		return x.auditAll(c.Entries)
	})
	if err != nil {
		return fmt.Errorf("storing profiles: %w", err)
	}
	for _, p := range c.Put {
		p.Version++
	}
	for _, r := range c.Rows {
		r.Version++
	}
	if c.Task != nil {
		c.Task.Version++
	}
	if len(c.Erase) > 0 {
		return t.people.Erased(ctx)
	}
	return nil
}

// many is rows for a statement that takes a JSON array of arrays.
type many struct {
	rows [][]any
	err  error
}

func (m *many) add(columns ...any) {
	for i, c := range columns {
		switch v := c.(type) {
		case time.Time:
			columns[i] = column.Millis(v)
		case []byte:
			if columns[i] = any(nil); v != nil {
				columns[i] = string(v)
			}
		}
	}
	m.rows = append(m.rows, columns)
}

// bodyOf returns a value as JSON; m keeps the error, if any.
func bodyOf(v any, m *many) string {
	body, err := json.Marshal(v)
	if err != nil {
		m.err = fmt.Errorf("writing a %T: %w", v, err)
	}
	return string(body)
}

// many runs a statement for all rows. exact: each of them must be there.
func (x tx) many(name string, tenant event.TenantID, m *many, exact bool) error {
	if m.err != nil || len(m.rows) == 0 {
		return m.err
	}
	text, err := json.Marshal(m.rows)
	if err != nil {
		return fmt.Errorf("writing rows: %w", err)
	}
	n, err := x.exec(name, tenant, string(text))
	if err == nil && exact && n != int64(len(m.rows)) {
		err = audience.ErrChanged
	}
	return err
}

func scanProfile(tenant event.TenantID) func(scan scan) (audience.Profile, error) {
	return func(scan scan) (p audience.Profile, err error) {
		var id, body string
		var at audience.Profile
		if err = scan(&id, &body, &at.CreatedAt, &at.UpdatedAt, &at.Version); err != nil {
			return p, err
		}
		if err = json.Unmarshal([]byte(body), &p); err != nil {
			return p, fmt.Errorf("reading a profile: %w", err)
		}
		p.Tenant, p.ID, p.CreatedAt, p.UpdatedAt, p.Version = tenant, id, at.CreatedAt, at.UpdatedAt, at.Version
		return p, nil
	}
}

// ProfileGet implements audience.Store.
func (t *Tables) ProfileGet(ctx context.Context, tenant event.TenantID, id string) (audience.Profile, bool, error) {
	p, ok, err := first(ctx, t, t.people, scanProfile(tenant), "ProfileGet", tenant, id)
	if err != nil {
		return p, false, fmt.Errorf("reading a profile: %w", err)
	}
	return p, ok, nil
}

// ProfileList implements audience.Store.
func (t *Tables) ProfileList(ctx context.Context, tenant event.TenantID, after string, limit int) ([]audience.Profile, error) {
	l, err := list(ctx, t, t.people, scanProfile(tenant), "ProfileList", tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing profiles: %w", err)
	}
	return l, nil
}

func scanMember(tenant event.TenantID) func(scan scan) (audience.Member, error) {
	return func(scan scan) (m audience.Member, err error) {
		m.Tenant = tenant
		err = scan(&m.Audience, &m.Profile, &m.Since)
		return m, err
	}
}

// MemberList implements audience.Store.
func (t *Tables) MemberList(ctx context.Context, tenant event.TenantID, number int64, after string, limit int) ([]audience.Member, error) {
	l, err := list(ctx, t, t.people, scanMember(tenant), "MemberList", tenant, number, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing members: %w", err)
	}
	return l, nil
}

// MemberCount implements audience.Store.
func (t *Tables) MemberCount(ctx context.Context, tenant event.TenantID, number int64) (n int64, err error) {
	err = t.read(ctx, t.people, func(x tx) (err error) {
		n, err = x.integer("MemberCount", tenant, number)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("counting members: %w", err)
	}
	return n, nil
}

func scanSync(scan scan) (r audience.Row, err error) {
	var body, state string
	var turn int64
	if err = scan(&r.Tenant, &r.Attachment, &r.Profile, &r.Entry, &r.Audience, &state, &turn, &body, &r.Frozen, &r.Version); err != nil {
		return r, err
	}
	if err = json.Unmarshal([]byte(body), &r.Sync); err != nil {
		return r, fmt.Errorf("reading a profile's state: %w", err)
	}
	r.Sync.State, r.Sync.Turn = audience.State(state), turn
	return r, nil
}

// Standings implements audience.Store.
func (t *Tables) Standings(ctx context.Context, tenant event.TenantID, ids []string) (profiles []audience.Profile, members []audience.Member, rows []audience.Row, err error) {
	if len(ids) == 0 {
		return nil, nil, nil, nil
	}
	text, err := json.Marshal(ids)
	if err == nil {
		profiles, err = list(ctx, t, t.people, scanProfile(tenant), "ProfileMany", tenant, string(text))
	}
	if err == nil {
		members, err = list(ctx, t, t.people, scanMember(tenant), "MemberOf", tenant, string(text))
	}
	if err == nil {
		rows, err = list(ctx, t, t.people, scanSync, "SyncOf", tenant, string(text))
	}
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading profiles: %w", err)
	}
	return profiles, members, rows, nil
}

// SyncGet implements audience.Store.
func (t *Tables) SyncGet(ctx context.Context, tenant event.TenantID, keys []audience.Key) (rows []audience.Row, profiles []audience.Profile, err error) {
	if len(keys) == 0 {
		return nil, nil, nil
	}
	var all [][]any
	var ids []string
	for _, k := range keys {
		all, ids = append(all, []any{k.Attachment, k.Profile, k.Entry}), append(ids, k.Profile)
	}
	slices.Sort(ids)
	text, err := json.Marshal(all)
	if err == nil {
		rows, err = list(ctx, t, t.people, scanSync, "SyncGet", tenant, string(text))
	}
	if err == nil {
		text, err = json.Marshal(slices.Compact(ids))
	}
	if err == nil {
		profiles, err = list(ctx, t, t.people, scanProfile(tenant), "ProfileMany", tenant, string(text))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading where profiles stand: %w", err)
	}
	return rows, profiles, nil
}

// SyncList implements audience.Store.
func (t *Tables) SyncList(ctx context.Context, tenant event.TenantID, attachment string, state audience.State, after string, entry int64, limit int) ([]audience.Row, error) {
	l, err := list(ctx, t, t.people, scanSync, "SyncList", tenant, attachment, after, entry, state, limit)
	if err != nil {
		return nil, fmt.Errorf("listing where profiles stand: %w", err)
	}
	return l, nil
}

// SyncCount implements audience.Store.
func (t *Tables) SyncCount(ctx context.Context, tenant event.TenantID, attachment string) (map[audience.State]int64, error) {
	count := make(map[audience.State]int64)
	err := t.read(ctx, t.people, func(x tx) error {
		clear(count)
		return x.query(func(scan scan) error {
			var state string
			var n int64
			err := scan(&state, &n)
			count[audience.State(state)] = n
			return err
		}, "SyncCount", tenant, attachment)
	})
	if err != nil {
		return nil, fmt.Errorf("counting where profiles stand: %w", err)
	}
	return count, nil
}

// SyncPending implements audience.Store.
func (t *Tables) SyncPending(ctx context.Context, after audience.Row, limit int) ([]audience.Row, error) {
	l, err := list(ctx, t, t.people, scanSync, "SyncPending", after.Tenant, after.Attachment, after.Profile, after.Entry, limit)
	if err != nil {
		return nil, fmt.Errorf("listing what waits: %w", err)
	}
	return l, nil
}

// AudienceExpire implements audience.Store.
func (t *Tables) AudienceExpire(ctx context.Context, before time.Time) error {
	_, err := t.sweep(ctx, "SyncExpire", before.UnixNano(), respondentBatch)
	if err == nil {
		_, err = t.sweep(ctx, "ImportRowExpire", before, respondentBatch)
	}
	if err == nil {
		err = t.write(ctx, t.people, func(x tx) error {
			_, err := x.exec("TaskExpire", before)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("expiring rows of audiences: %w", err)
	}
	return nil
}

func scanTask(scan scan) (k audience.Task, err error) {
	var body string
	var at audience.Task
	if err = scan(&at.Tenant, &at.ID, &at.Audience, &at.Kind, &at.State, &body, &at.CreatedAt, &at.UpdatedAt, &at.Version); err != nil {
		return k, err
	}
	if err = json.Unmarshal([]byte(body), &k); err != nil {
		return k, fmt.Errorf("reading a task: %w", err)
	}
	k.Tenant, k.ID, k.Audience, k.Kind, k.State, k.CreatedAt, k.UpdatedAt, k.Version = at.Tenant, at.ID, at.Audience, at.Kind, at.State, at.CreatedAt, at.UpdatedAt, at.Version
	return k, nil
}

// TaskGet implements audience.Store.
func (t *Tables) TaskGet(ctx context.Context, tenant event.TenantID, id string) (audience.Task, bool, error) {
	k, ok, err := first(ctx, t, t.people, scanTask, "TaskGet", tenant, id)
	if err != nil {
		return k, false, fmt.Errorf("reading a task: %w", err)
	}
	return k, ok, nil
}

// TaskList implements audience.Store.
func (t *Tables) TaskList(ctx context.Context, tenant event.TenantID, number int64, limit int) ([]audience.Task, error) {
	l, err := list(ctx, t, t.people, scanTask, "TaskList", tenant, number, limit)
	if err != nil {
		return nil, fmt.Errorf("listing tasks: %w", err)
	}
	return l, nil
}

// TaskRunning implements audience.Store.
func (t *Tables) TaskRunning(ctx context.Context, limit int) ([]audience.Task, error) {
	l, err := list(ctx, t, t.people, scanTask, "TaskRunning", limit)
	if err != nil {
		return nil, fmt.Errorf("listing tasks that run: %w", err)
	}
	return l, nil
}

// ImportRowPut implements audience.Store.
func (t *Tables) ImportRowPut(ctx context.Context, tenant event.TenantID, task string, rows []audience.ImportRow) error {
	var m many
	for i := range rows {
		r := &rows[i]
		m.add(task, r.Line, r.Profile, bodyOf(&r.Input, &m), r.Error)
	}
	err := t.write(ctx, t.people, func(x tx) error { return x.many("ImportRowPut", tenant, &m, false) })
	if err != nil {
		return fmt.Errorf("storing rows of an import: %w", err)
	}
	return nil
}

// ImportRowList implements audience.Store.
func (t *Tables) ImportRowList(ctx context.Context, tenant event.TenantID, task string, rejected bool, after int64, limit int) ([]audience.ImportRow, error) {
	l, err := list(ctx, t, t.people, func(scan scan) (r audience.ImportRow, err error) {
		var body string
		if err = scan(&r.Line, &r.Profile, &body, &r.Error); err == nil {
			err = json.Unmarshal([]byte(body), &r.Input)
		}
		return r, err
	}, "ImportRowList", tenant, task, after, rejected, limit)
	if err != nil {
		return nil, fmt.Errorf("listing rows of an import: %w", err)
	}
	return l, nil
}

// ImportCount implements audience.Store.
func (t *Tables) ImportCount(ctx context.Context, tenant event.TenantID, task string, number int64) (c audience.ImportCount, err error) {
	c, _, err = first(ctx, t, t.people, func(scan scan) (c audience.ImportCount, err error) {
		err = scan(&c.Rows, &c.Rejected, &c.Profiles, &c.Known, &c.Members)
		return c, err
	}, "ImportCount", tenant, task, number)
	if err != nil {
		return c, fmt.Errorf("comparing an import: %w", err)
	}
	return c, nil
}

// ImportMissing implements audience.Store.
func (t *Tables) ImportMissing(ctx context.Context, tenant event.TenantID, task string, number int64, after string, limit int) ([]audience.Member, error) {
	l, err := list(ctx, t, t.people, scanMember(tenant), "ImportMissing", tenant, task, number, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing members that an import lacks: %w", err)
	}
	return l, nil
}

// ImportRowDelete implements audience.Store.
func (t *Tables) ImportRowDelete(ctx context.Context, tenant event.TenantID, task string) error {
	if _, err := t.sweep(ctx, "ImportRowDelete", tenant, task, respondentBatch); err != nil {
		return fmt.Errorf("deleting rows of an import: %w", err)
	}
	return nil
}
