package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/event"
)

func testAudiences(t *testing.T, open Open) {
	t.Run("Changes", func(t *testing.T) { audienceChanges(t, open(t)) })
	t.Run("Tasks", func(t *testing.T) { audienceTasks(t, open(t)) })
	t.Run("Imports", func(t *testing.T) { audienceImports(t, open(t)) })
	t.Run("Pages", func(t *testing.T) { audiencePages(t, open(t)) })
}

// audienceChanges: all of a change happens or nothing, and only to rows that are as they were read.
func audienceChanges(t *testing.T, s Backend) {
	change := func(want error, c *audience.Change) {
		t.Helper()
		c.Tenant = 1
		if err := s.AudienceChange(ctx, c); !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
	}
	p := &audience.Profile{
		Tenant: 1, ID: "a/ü", SourceID: "shop", PartnerIDs: map[string][]string{"2001": {"x", "y"}}, Variables: []byte(`{"n":1.10}`),
		Test: true, CreatedAt: noon, UpdatedAt: noon,
	}
	row := &audience.Row{Tenant: 1, Attachment: "att_1", Profile: p.ID, Audience: 7, Frozen: []byte(`{"siteNumber":1}`)}
	row.Sync.Wants(true, false, noon)
	other := *row
	other.Tenant, other.Frozen = 2, nil
	change(nil, &audience.Change{Put: []*audience.Profile{p}, Rows: []*audience.Row{row}, Join: []audience.Member{{Tenant: 1, Audience: 7, Profile: p.ID, Since: noon}}})
	if err := s.AudienceChange(ctx, &audience.Change{Tenant: 2, Rows: []*audience.Row{&other}}); err != nil {
		t.Fatal(err)
	}
	check := func(members, rows int) {
		t.Helper()
		s.Reopen(t)
		got, ok, err := s.ProfileGet(ctx, 1, p.ID)
		if err != nil || ok != (rows > 0) || ok && !same(got, *p) {
			t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, *p)
		}
		all, m, list, err := s.Standings(ctx, 1, []string{"other", p.ID})
		n, err2 := s.MemberCount(ctx, 1, 7)
		if err != nil || err2 != nil || len(m) != members || int(n) != members {
			t.Errorf("got members %+v, %v and %d, %v", m, err, n, err2)
		}
		if len(all) != min(rows, 1) || len(all) > 0 && !same(all[0], *p) || len(list) != rows || rows > 0 && !same(list[0], *row) {
			t.Errorf("got rows %+v, %v, want %+v", list, err, *row)
		}
	}
	check(1, 1)
	rows, of, err := s.SyncGet(ctx, 1, []audience.Key{{Attachment: "att_1", Profile: "other"}, {Attachment: "att_1", Profile: p.ID}})
	if err != nil || len(rows) != 1 || !same(rows[0], *row) || len(of) != 1 || !same(of[0], *p) {
		t.Errorf("got %+v and %+v, %v", rows, of, err)
	}
	fresh := &audience.Profile{Tenant: 1, ID: "fresh", CreatedAt: noon, UpdatedAt: noon}
	stale := *row
	stale.Version = 9
	change(audience.ErrChanged, &audience.Change{Put: []*audience.Profile{fresh}, Rows: []*audience.Row{&stale}, Leave: []audience.Member{{Audience: 7, Profile: p.ID}}})
	again := *p
	again.Version = 0
	change(audience.ErrChanged, &audience.Change{Put: []*audience.Profile{&again}})
	check(1, 1)
	if _, ok, _ := s.ProfileGet(ctx, 1, "fresh"); ok || fresh.Version != 0 {
		t.Error("half of a change has happened")
	}
	row.Sync.Wants(false, false, noon)
	p.DoNotContact = true
	change(nil, &audience.Change{Put: []*audience.Profile{p}, Rows: []*audience.Row{row}, Leave: []audience.Member{{Audience: 7, Profile: p.ID}}})
	check(0, 1)
	change(nil, &audience.Change{Erase: []string{p.ID}})
	check(0, 0)
	_, _, list, err := s.Standings(ctx, 2, []string{p.ID})
	if err != nil || len(list) != 1 {
		t.Fatalf("of another tenant: got %+v, %v", list, err)
	}
	gone := list[0]
	if gone.Version = 7; !errors.Is(s.AudienceChange(ctx, &audience.Change{Tenant: 2, Gone: []*audience.Row{&gone}}), audience.ErrChanged) {
		t.Error("a row was deleted that is not as it was read")
	}
	if err := s.AudienceChange(ctx, &audience.Change{Tenant: 2, Gone: []*audience.Row{&list[0]}}); err != nil {
		t.Error(err)
	}
	if n, err := s.SyncCount(ctx, 2, "att_1"); err != nil || len(n) != 0 {
		t.Errorf("deleted: got %v, %v", n, err)
	}
}

// audienceTasks: a page and how far its task is are one change, and only one of two servers makes it.
func audienceTasks(t *testing.T, s Backend) {
	task := &audience.Task{Tenant: 1, ID: "job_1", Kind: audience.AttachTask, Audience: 7, State: audience.TaskRunning, Attachment: "att_1", CreatedAt: noon, UpdatedAt: noon}
	if err := s.AudienceChange(ctx, &audience.Change{Tenant: 1, Task: task}); err != nil {
		t.Fatal(err)
	}
	s.Reopen(t)
	other := *task
	task.Cursor, task.Done = "b", 2
	join := []audience.Member{{Audience: 7, Profile: "b", Since: noon}}
	if err := s.AudienceChange(ctx, &audience.Change{Tenant: 1, Task: task, Join: join}); err != nil {
		t.Fatal(err)
	}
	other.Cursor = "c"
	if err := s.AudienceChange(ctx, &audience.Change{Tenant: 1, Task: &other, Leave: join}); !errors.Is(err, audience.ErrTaken) {
		t.Errorf("another server: got %v", err)
	}
	if n, err := s.MemberCount(ctx, 1, 7); err != nil || n != 1 {
		t.Errorf("got %d members, %v", n, err)
	}
	list, err := s.TaskRunning(ctx, 10)
	if err != nil || len(list) != 1 || !same(list[0], *task) {
		t.Errorf("got %+v, %v, want %+v", list, err, *task)
	}
	task.State = audience.TaskDone
	old := &audience.Row{Tenant: 1, Attachment: "att_1", Profile: "b", Entry: noon.UnixNano(), Audience: 7}
	old.Sync.State = audience.Synced
	list0, waits := *old, *old
	list0.Entry, waits.Entry, waits.Sync.Turn = 0, old.Entry+1, 1
	if err := s.AudienceChange(ctx, &audience.Change{Tenant: 1, Task: task, Rows: []*audience.Row{old, &list0, &waits}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		before time.Time
		rows   int
		tasks  int
	}{{noon, 3, 1}, {noon.Add(time.Hour), 2, 0}} {
		err := s.AudienceExpire(ctx, c.before)
		rows, err2 := s.SyncList(ctx, 1, "att_1", "", "", 0, 10)
		tasks, err3 := s.TaskList(ctx, 1, 7, 10)
		if err != nil || err2 != nil || err3 != nil || len(rows) != c.rows || len(tasks) != c.tasks {
			t.Errorf("before %v: got %+v and %+v, %v, %v, %v", c.before, rows, tasks, err, err2, err3)
		}
	}
}

// audiencePages: lists go on where they ended, and only what has a turn waits.
func audiencePages(t *testing.T, s Backend) {
	c := &audience.Change{Tenant: 1}
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		c.Put = append(c.Put, &audience.Profile{Tenant: 1, ID: id, CreatedAt: noon, UpdatedAt: noon})
		c.Join = append(c.Join, audience.Member{Tenant: 1, Audience: 7, Profile: id, Since: noon})
		row := &audience.Row{Tenant: 1, Attachment: "att_1", Profile: id, Audience: 7}
		if row.Sync.Wants(true, false, noon); id == "c" {
			row.Sync.Suppress("no", noon)
		}
		c.Rows = append(c.Rows, row)
	}
	if err := s.AudienceChange(ctx, c); err != nil {
		t.Fatal(err)
	}
	profiles, err := s.ProfileList(ctx, 1, "b", 2)
	if err != nil || len(profiles) != 2 || profiles[0].ID != "c" {
		t.Errorf("got %+v, %v", profiles, err)
	}
	members, err := s.MemberList(ctx, 1, 7, "c", 5)
	if err != nil || len(members) != 2 || members[0].Profile != "d" || !members[0].Since.Equal(noon) {
		t.Errorf("got %+v, %v", members, err)
	}
	list, err := s.SyncList(ctx, 1, "att_1", audience.PendingAdd, "a", 1<<62, 2)
	if err != nil || len(list) != 2 || list[0].Profile != "b" || list[1].Profile != "d" {
		t.Errorf("got %+v, %v", list, err)
	}
	count, err := s.SyncCount(ctx, 1, "att_1")
	if err != nil || count[audience.PendingAdd] != 4 || count[audience.Suppressed] != 1 {
		t.Errorf("got %v, %v", count, err)
	}
	var waiting []string
	for after := (audience.Row{}); ; {
		page, err := s.SyncPending(ctx, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			waiting = append(waiting, r.Profile)
		}
		after = page[len(page)-1]
	}
	if len(waiting) != 4 {
		t.Errorf("got %v", waiting)
	}
}

// audienceImports: rows are stored once by their lines, and compared with the members of their tenant's audience.
func audienceImports(t *testing.T, s Backend) {
	for tenant, members := range map[event.TenantID][]string{1: {"a", "b", "c"}, 2: {"x"}} {
		c := &audience.Change{Tenant: tenant, Task: &audience.Task{Tenant: tenant, ID: "job_1", Kind: audience.ImportTask, Audience: 7, State: audience.TaskOpen, CreatedAt: noon, UpdatedAt: noon}}
		for _, id := range members {
			c.Join = append(c.Join, audience.Member{Audience: 7, Profile: id, Since: noon})
		}
		if err := s.AudienceChange(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	rows := []audience.ImportRow{
		{Line: 1, Profile: "c", Input: audience.Input{Variables: []byte(`{"n":1.10}`), PartnerIDs: map[string][]string{"2001": {"m"}}}}, {Line: 2, Profile: "x"}, {Line: 3, Error: "no id"}, {Line: 4, Profile: "c"},
	}
	for range 2 {
		if err := s.ImportRowPut(ctx, 1, "job_1", rows); err != nil {
			t.Fatal(err)
		}
	}
	s.Reopen(t)
	count, err := s.ImportCount(ctx, 1, "job_1", 7)
	if want := (audience.ImportCount{Rows: 4, Rejected: 1, Profiles: 2, Known: 1, Members: 3}); err != nil || count != want {
		t.Errorf("got %+v, %v, want %+v", count, err, want)
	}
	if got, err := s.ImportRowList(ctx, 1, "job_1", false, 0, 2); err != nil || !same(got, rows[:2]) {
		t.Errorf("got %+v, %v, want %+v", got, err, rows[:2])
	}
	if got, err := s.ImportRowList(ctx, 1, "job_1", true, 0, 10); err != nil || !same(got, rows[2:3]) {
		t.Errorf("got %+v, %v, want %+v", got, err, rows[2:3])
	}
	missing, err := s.ImportMissing(ctx, 1, "job_1", 7, "a", 10)
	if err != nil || len(missing) != 1 || missing[0].Profile != "b" {
		t.Errorf("got %+v, %v", missing, err)
	}
	if err := s.AudienceChange(ctx, &audience.Change{Tenant: 1, Erase: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	if count, err := s.ImportCount(ctx, 1, "job_1", 7); err != nil || count.Rows != 3 {
		t.Errorf("a profile was erased: got %+v, %v", count, err)
	}
	if err := s.ImportRowDelete(ctx, 1, "job_1"); err != nil {
		t.Fatal(err)
	}
	if count, err := s.ImportCount(ctx, 1, "job_1", 7); err != nil || count.Rows != 1 || count.Rejected != 1 {
		t.Errorf("applied: got %+v, %v", count, err)
	}
	if err := s.AudienceExpire(ctx, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if count, err := s.ImportCount(ctx, 1, "job_1", 7); err != nil || count.Rows != 0 || count.Members != 3 {
		t.Errorf("expired: got %+v, %v", count, err)
	}
}
