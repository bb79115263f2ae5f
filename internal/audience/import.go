package audience

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// ImportMode is what an import does with the profiles that its rows name.
type ImportMode string

// The modes.
const (
	ImportAdd     ImportMode = "add"     // they enter
	ImportRemove  ImportMode = "remove"  // they leave
	ImportReplace ImportMode = "replace" // they are all there is: members that no row names leave
)

// Import is a table of profiles on its way into an audience. It takes rows until it is started; then they are applied page by
// page.
type Import struct {
	Mode ImportMode `json:"mode"`
	// Count is the comparison with the audience as it was when the import was started.
	Count ImportCount `json:"count"`
	// Total is how many steps there are: rows to apply, and members to remove.
	Total int64 `json:"total"`
}

// ImportRow is a row of an import.
type ImportRow struct {
	Line    int64 // of the table, from 1; the same line is stored once
	Profile string
	Input   Input
	Error   string // why the row is left out; empty: it is not
}

// ImportCount compares an import with its audience.
type ImportCount struct {
	Rows     int64 `json:"rows"`
	Rejected int64 `json:"rejected"` // rows that are left out
	Profiles int64 `json:"profiles"` // different ones that the other rows name
	Known    int64 `json:"known"`    // of these, who are members
	Members  int64 `json:"members"`
}

// Difference returns how many profiles enter and leave, and how many members stay.
func (i *Import) Difference(c *ImportCount) (added, removed, unchanged int64) {
	switch i.Mode {
	case ImportRemove:
		return 0, c.Known, c.Members - c.Known
	case ImportReplace:
		return c.Profiles - c.Known, c.Members - c.Known, c.Known
	}
	return c.Profiles - c.Known, 0, c.Members
}

// maxRemoveShare is the share of its members, in percent, that an audience may lose to an import that is not forced: a table
// that was cut short must not empty an audience.
const maxRemoveShare = 20

// Brake says why an import must be forced, by its Count; nil: it need not be.
func (i *Import) Brake() error {
	c := &i.Count
	if i.Mode != ImportReplace {
		return nil
	}
	_, removed, _ := i.Difference(c)
	switch {
	case c.Profiles == 0 && c.Members > 0:
		return problem.New(problem.Conflict, "the import has no rows and would remove all %d members: start it with force if that is wanted", c.Members)
	case removed*100 > maxRemoveShare*c.Members:
		return problem.New(problem.Conflict, "the import would remove %d of %d members, more than %d %%: start it with force if that is wanted", removed, c.Members, maxRemoveShare)
	case c.Rejected > 0 && removed > 0:
		return problem.New(problem.Conflict, "%d rows are left out, and %d members that no other row names would be removed: correct the rows, or start it with force", c.Rejected, removed)
	}
	return nil
}

// NewImport makes an import that takes rows.
func (a *Audiences) NewImport(ctx context.Context, tenant event.TenantID, number int64, mode ImportMode) (*Task, error) {
	if _, err := a.Audience(tenant, number); err != nil {
		return nil, err
	}
	t := &Task{Tenant: tenant, Kind: ImportTask, Audience: number, State: TaskOpen, Import: &Import{Mode: mode}}
	return t, a.begin(ctx, t)
}

// ImportOf returns an import, else a NotFound problem, and the comparison as of now if it takes rows.
func (a *Audiences) ImportOf(ctx context.Context, tenant event.TenantID, number int64, id string) (*Task, error) {
	if _, err := a.Audience(tenant, number); err != nil {
		return nil, err
	}
	t, ok, err := a.store.TaskGet(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	if !ok || t.Audience != number || t.Kind != ImportTask {
		return nil, problem.New(problem.NotFound, "there is no import %q", problem.Clip(id))
	}
	if t.State == TaskOpen {
		t.Import.Count, err = a.store.ImportCount(ctx, tenant, id, number)
	}
	return &t, err
}

// maxImportLine bounds the lines of an import.
const maxImportLine = 10_000_000

// AddRows adds rows to an import. A line that it has is passed over, so that a table can be sent again from any line.
func (a *Audiences) AddRows(ctx context.Context, tenant event.TenantID, number int64, id string, rows []ImportRow) error {
	t, ok, err := a.store.TaskGet(ctx, tenant, id)
	switch {
	case err != nil:
		return err
	case !ok || t.Audience != number || t.Kind != ImportTask:
		return problem.New(problem.NotFound, "there is no import %q", problem.Clip(id))
	case t.State != TaskOpen:
		return problem.New(problem.Conflict, "the import is %s: it takes no more rows", t.State)
	}
	for i := range rows {
		if rows[i].Line < 1 || rows[i].Line > maxImportLine {
			return problem.InvalidField("line", "must lead to lines of 1 to %d", maxImportLine)
		}
	}
	for len(rows) > 0 {
		n := min(len(rows), 2*page)
		if err := a.store.ImportRowPut(ctx, tenant, id, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// RejectedRows returns the rows of an import that are left out, with lines above after.
func (a *Audiences) RejectedRows(ctx context.Context, tenant event.TenantID, number int64, id string, after int64, limit int) ([]ImportRow, error) {
	if _, err := a.ImportOf(ctx, tenant, number, id); err != nil {
		return nil, err
	}
	return a.store.ImportRowList(ctx, tenant, id, true, after, limit)
}

// StartImport has an import applied in the background.
func (a *Audiences) StartImport(ctx context.Context, p *access.Principal, number int64, id string, force bool) (*Task, error) {
	t, err := a.ImportOf(ctx, p.Tenant, number, id)
	if err != nil {
		return nil, err
	}
	if t.State != TaskOpen {
		return nil, problem.New(problem.Conflict, "the import is %s", t.State)
	}
	count := &t.Import.Count
	if err := t.Import.Brake(); err != nil && !force {
		return nil, err
	}
	_, removed, _ := t.Import.Difference(count)
	if t.Import.Total = count.Rows - count.Rejected; t.Import.Mode == ImportReplace {
		t.Import.Total += removed
	}
	entry, err := p.Entry("audience.import", nil, t.Import, access.Target{Type: "audience", ID: fmt.Sprint(number)}, access.Target{Type: "job", ID: id})
	if err != nil {
		return nil, err
	}
	t.State, t.UpdatedAt = TaskRunning, now()
	if err := a.store.AudienceChange(ctx, &Change{Tenant: p.Tenant, Task: t, Entries: []*access.Entry{entry}}); err != nil {
		if errors.Is(err, ErrTaken) {
			err = problem.New(problem.Conflict, "the import was started or canceled meanwhile")
		}
		return nil, err
	}
	a.wake()
	return t, nil
}

// CancelImport ends an import; what was applied stays.
func (a *Audiences) CancelImport(ctx context.Context, p *access.Principal, number int64, id string) error {
	for try := 1; ; try++ {
		t, err := a.ImportOf(ctx, p.Tenant, number, id)
		if err != nil {
			return err
		}
		if t.State != TaskOpen && t.State != TaskRunning {
			return problem.New(problem.Conflict, "the import is %s already", t.State)
		}
		entry, err := p.Entry("audience.cancelImport", nil, t.Import, access.Target{Type: "audience", ID: fmt.Sprint(number)}, access.Target{Type: "job", ID: id})
		if err != nil {
			return err
		}
		t.State, t.UpdatedAt = TaskCanceled, now()
		err = a.store.AudienceChange(ctx, &Change{Tenant: p.Tenant, Task: t, Entries: []*access.Entry{entry}})
		if errors.Is(err, ErrTaken) && try < changeTries { // a page was applied in between
			continue
		}
		if err != nil {
			return err
		}
		return a.store.ImportRowDelete(ctx, p.Tenant, id)
	}
}

// The phases of an import.
const (
	importRows    = iota // each is applied
	importMissing        // members that no row names leave
	importClear          // the rows are deleted
)

func (a *Audiences) importStep(ctx context.Context, t *Task) (time.Duration, error) {
	if err := a.Refresh(ctx); err != nil { // the attachments may have been changed by another server
		return 0, err
	}
	if _, err := a.Audience(t.Tenant, t.Audience); err != nil {
		return 0, err
	}
	switch t.Phase {
	case importRows:
		rows, err := a.store.ImportRowList(ctx, t.Tenant, t.ID, false, t.Entry, page)
		if err != nil {
			return 0, err
		}
		if len(rows) == 0 {
			if t.Phase = importMissing; t.Import.Mode != ImportReplace {
				t.Phase = importClear
			}
			return 0, a.storeTask(ctx, t)
		}
		t.Entry = rows[len(rows)-1].Line
		t.Done += int64(len(rows))
		return 0, a.applyRows(ctx, t.Tenant, t.Audience, t.Import.Mode, rows, t)
	case importMissing:
		list, err := a.store.ImportMissing(ctx, t.Tenant, t.ID, t.Audience, t.Cursor, page)
		if err != nil {
			return 0, err
		}
		if len(list) == 0 {
			t.Phase = importClear
			return 0, a.storeTask(ctx, t)
		}
		ids := make([]string, len(list))
		for i := range list {
			ids[i] = list[i].Profile
		}
		t.Cursor = ids[len(ids)-1]
		t.Done += int64(len(ids))
		return 0, a.change(ctx, t.Tenant, ids, t, func(s *standing) error {
			s.leave = t.Audience
			return nil
		})
	}
	if err := a.store.ImportRowDelete(ctx, t.Tenant, t.ID); err != nil {
		return 0, err
	}
	t.State = TaskDone
	return 0, a.storeTask(ctx, t)
}

// applyRows makes the profiles of rows enter or leave; of rows that name the same profile the last one wins.
func (a *Audiences) applyRows(ctx context.Context, tenant event.TenantID, number int64, mode ImportMode, rows []ImportRow, task *Task) error {
	by := make(map[string][]*Input)
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].Profile
		by[ids[i]] = append(by[ids[i]], &rows[i].Input)
	}
	return a.change(ctx, tenant, ids, task, func(s *standing) error {
		if mode == ImportRemove {
			s.leave = number
			return nil
		}
		s.enter = number
		for _, in := range by[s.profile.ID] {
			if err := s.apply(in); err != nil {
				return err
			}
		}
		return nil
	})
}

// PutMembers has the profiles of up to 1,000 rows enter or leave at once. Any row that is wrong refuses all of them.
func (a *Audiences) PutMembers(ctx context.Context, tenant event.TenantID, number int64, mode ImportMode, rows []ImportRow) error {
	if _, err := a.Audience(tenant, number); err != nil {
		return err
	}
	for i := range rows {
		if rows[i].Error != "" {
			return problem.InvalidField(fmt.Sprintf("rows.%d", i), "%s", rows[i].Error)
		}
	}
	return a.applyRows(ctx, tenant, number, mode, rows, nil)
}
