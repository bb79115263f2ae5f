package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
)

// records: a record is stored once under its name, changed only from the version that was read, and
// all of a change happens or none of it.
func records(t *testing.T, s Backend) {
	rec := func(tenant event.TenantID, name, body string) *registry.Record {
		return &registry.Record{Tenant: tenant, Kind: "test", Name: name, Body: []byte(body), CreatedAt: noon, UpdatedAt: noon}
	}
	check := func(want ...*registry.Record) {
		t.Helper()
		for range 2 {
			got, err := s.RecordList(ctx, "test")
			ok := err == nil && len(got) == len(want)
			for i := 0; ok && i < len(got); i++ {
				ok = same(got[i], *want[i])
			}
			if !ok {
				t.Errorf("got %+v, %v, want %d records:", got, err, len(want))
				for _, r := range want {
					t.Errorf("%+v", *r)
				}
			}
			s.Reopen(t)
		}
	}
	change := func(put, remove []*registry.Record, want error) {
		t.Helper()
		if err := s.RecordChange(ctx, "test", put, remove, nil); !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
	}
	list := func(r ...*registry.Record) []*registry.Record { return r }

	a, b := rec(1, "a", `{"text":"ü","n":1.10}`), rec(2, "a", `{}`)
	all := rec(0, "a", `[]`) // the installation's
	b.Secrets = []byte(`{"password":"hush"}`)
	change(list(b, a), nil, nil)
	change(list(all), nil, nil)
	if a.Version != 1 || b.Version != 1 || b.Number == 0 || a.Number <= b.Number || all.Number <= a.Number {
		t.Errorf("after creation: got %+v, %+v and %+v", a, b, all)
	}
	other := rec(1, "a", `{"other":"kind"}`)
	other.Kind = "another"
	if err := s.RecordChange(ctx, "another", list(other), nil, nil); err != nil {
		t.Fatal(err)
	}
	check(b, a, all)

	// A name that is taken, and a version that has passed, undo the whole change.
	fresh := rec(1, "fresh", `{}`)
	change(list(fresh, rec(1, "a", `{}`)), nil, registry.ErrChanged)
	stale := *a
	a.Body, a.UpdatedAt = []byte(`{"n":2}`), noon.Add(1e9)
	change(list(a), nil, nil)
	stale.Body = []byte(`{"n":3}`)
	change(list(fresh, &stale), nil, registry.ErrChanged)
	change(list(fresh), list(&stale), registry.ErrChanged)
	if fresh.Version != 0 || stale.Version != 1 || a.Version != 2 {
		t.Errorf("got versions %d, %d and %d, want 0, 1 and 2", fresh.Version, stale.Version, a.Version)
	}
	check(b, a, all)

	// Removed, and made anew under the same name: another record.
	b.Secrets = nil
	change(list(b, fresh), list(a), nil)
	again := rec(1, "a", `{"n":4}`)
	change(list(again), nil, nil)
	if again.Number <= fresh.Number || again.Version != 1 {
		t.Errorf("made anew: got %+v after %+v", again, fresh)
	}
	change(nil, list(a), registry.ErrChanged)
	check(b, all, fresh, again)
}

// policy is a value with a secret and a field that is not stored.
type policy struct {
	Limit  int      `json:"limit"`
	Tags   []string `json:"tags,omitempty"`
	Secret struct {
		Password string `json:"password"`
	} `json:"-"`
	double int
}

// recordsInMemory: two servers change records of one kind, and each sees what is stored.
func recordsInMemory(t *testing.T, s Backend) {
	options := registry.RecordOptions[policy]{
		Kind: "policies", Noun: "policy", Max: 3,
		Check: func(_ event.TenantID, name string, v *policy) error {
			if v.Limit < 0 {
				return problem.InvalidField("limit", "must not be negative")
			}
			return nil
		},
		Prepare: func(v *policy) error { v.double = 2 * v.Limit; return nil },
		Secrets: func(v *policy) any { return &v.Secret },
		Label:   func(v *policy) string { return fmt.Sprint("limit ", v.Limit) },
	}
	open := func() *registry.Records[policy] {
		t.Helper()
		r, err := registry.NewRecords(ctx, s, options)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	is := func(got *registry.Item[policy], err error, limit int, version int64) {
		t.Helper()
		if err != nil || got.Value.Limit != limit || got.Value.double != 2*limit || got.Version != version {
			t.Errorf("got %+v, %v, want limit %d and version %d", got, err, limit, version)
		}
	}
	isProblem := func(err error, want problem.Kind) {
		t.Helper()
		if problem.KindOf(err) != want {
			t.Errorf("got %v, want a problem of kind %q", err, want.Slug())
		}
	}
	one, two := access.System(1), access.System(2)
	here, there := open(), open()
	var heard []string
	say := func(it *registry.Item[policy]) string {
		if it == nil {
			return "-"
		}
		return fmt.Sprint(it.Tenant, it.Name, it.Value.Limit)
	}
	there.Subscribe(func(old, new *registry.Item[policy]) { heard = append(heard, say(old)+" "+say(new)) })

	v := policy{Limit: 1, Tags: []string{"a"}}
	v.Secret.Password = "hush"
	made, err := here.Create(ctx, one, "p", v)
	is(made, err, 1, 1)
	_, err = here.Create(ctx, one, "p", policy{})
	isProblem(err, problem.Conflict)
	_, err = there.Create(ctx, one, "p", policy{}) // which has not read it yet
	isProblem(err, problem.Conflict)
	_, err = here.Create(ctx, one, "q", policy{Limit: -1})
	isProblem(err, problem.Invalid)
	_, err = there.Get(2, "p")
	isProblem(err, problem.NotFound)
	got, err := there.Get(1, "p")
	is(got, err, 1, 1)
	if got.Value.Secret.Password != "hush" {
		t.Errorf("got the secret %q", got.Value.Secret.Password)
	}

	// Both change it, from what they know: neither change is lost.
	for n, r := range []*registry.Records[policy]{here, there, here, here, there} {
		got, err := r.Update(ctx, one, "p", func(it *registry.Item[policy]) error {
			it.Value.Limit++
			it.Value.Tags[0] += "b"
			return nil
		})
		is(got, err, n+2, int64(n+2))
	}
	if got := strings.Join(made.Value.Tags, ","); got != "a" {
		t.Errorf("a value that was handed out has changed: %q", got)
	}
	got, err = there.Update(ctx, one, "p", func(*registry.Item[policy]) error { return nil })
	is(got, err, 6, 6)

	// A secret alone is a change, and stays out of the audit log.
	got, err = there.Update(ctx, one, "p", func(it *registry.Item[policy]) error {
		it.Value.Secret.Password = "hush hush"
		return nil
	})
	is(got, err, 6, 7)
	_, err = there.Create(ctx, two, "p", policy{Limit: 9})
	if err != nil {
		t.Fatal(err)
	}
	if err := here.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if err := here.Delete(ctx, two, "p"); err != nil {
		t.Fatal(err)
	}
	isProblem(there.Delete(ctx, two, "p"), problem.NotFound)
	want := "- 1p1|1p1 1p2|1p2 1p3|1p3 1p5|1p5 1p6|1p6 1p6|- 2p9|2p9 -"
	if got := strings.Join(heard, "|"); got != want {
		t.Errorf("a subscriber heard\n%s, want\n%s", got, want)
	}
	entries, _, err := s.AuditList(ctx, access.Query{Tenant: 1, Action: "policy.*", Limit: 100})
	if err != nil || len(entries) != 7 || entries[6].Action != "policy.create" || entries[0].Action != "policy.update" ||
		entries[0].Targets[0] != (access.Target{Type: "policy", ID: "p", Name: "limit 6"}) || strings.Contains(fmt.Sprintf("%s%s", entries[0].Before, entries[0].After), "hush") {
		t.Errorf("got %d entries %+v, %v", len(entries), entries, err)
	}

	for _, name := range []string{"q", "r"} {
		if _, err := here.Create(ctx, one, name, policy{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = here.Create(ctx, one, "s", policy{})
	isProblem(err, problem.Forbidden)

	// A record of a later Relay keeps its name and its place in the store, and may be deleted.
	later := &registry.Record{Tenant: 1, Kind: "policies", Name: "later", Body: []byte(`{"limit":"none"}`), CreatedAt: noon, UpdatedAt: noon}
	if err := s.RecordChange(ctx, "policies", []*registry.Record{later}, nil, nil); err != nil {
		t.Fatal(err)
	}
	s.Reopen(t)
	here = open()
	if list, broken := here.List(1), here.Broken(); len(list) != 3 || list[0].Name != "p" || list[0].Value.Secret.Password != "hush hush" ||
		len(broken) != 1 || !strings.Contains(broken[0], `"later"`) {
		t.Errorf("got %d records and broken ones %q", len(list), broken)
	}
	_, err = here.Get(1, "later")
	isProblem(err, problem.NotFound)
	_, err = here.Update(ctx, one, "later", func(*registry.Item[policy]) error { return nil })
	isProblem(err, problem.Conflict)
	_, err = here.Create(ctx, one, "later", policy{})
	isProblem(err, problem.Conflict)
	if err := here.Delete(ctx, one, "later"); err != nil || here.Broken() != nil {
		t.Errorf("got %v and broken ones %q", err, here.Broken())
	}
}
