//go:build unix

package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/store/postgres"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/store/storetest"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/webhook"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

// installation is a folder with data of every kind.
type installation struct {
	store    *sqlite.Store
	keys     *secret.Keyring
	events   []event.ID
	attempts []*delivery.Attempt
	open     event.ID // an intake
	people   []event.ID
	hooks    []*webhook.Webhook
	master   []byte
	dir      string
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	in := &installation{dir: t.TempDir(), master: []byte(strings.Repeat("k", secret.MinMaster))}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	in.keys, err = secret.Open(filepath.Join(in.dir, "relay.key"), in.master)
	must(err)
	must(in.keys.Save())
	in.reopen(t)
	s, ctx := in.store, t.Context()
	must(s.KeyCreate(ctx, account.Key{ID: "key_1", Tenant: 1, Name: "first", Hash: [32]byte{1}, CreatedAt: time.Now()}, nil))
	for n := range 3 {
		w := &webhook.Webhook{ID: webhook.NewID(), Tenant: 1, Status: webhook.Active, CreatedAt: time.UnixMilli(1_790_000_000_000).UTC()}
		w.Settings.URL = fmt.Sprintf("https://example.com/%d", n)
		w.Secrets.Current = fmt.Sprint("whsec_", n)
		w.Number, err = s.WebhookCreate(ctx, w, nil, nil)
		must(err)
		in.hooks = append(in.hooks, w)
	}
	must(s.WebhookDelete(ctx, 1, in.hooks[2].Number, nil)) // its number must not be reused
	must(s.RecordChange(ctx, "plans", []*registry.Record{
		{Tenant: 0, Name: "solo", Body: []byte(`{"webhooks":1}`)}, {Tenant: 1, Name: "own", Body: []byte(`{}`), Secrets: []byte(`{"key":"hush"}`)},
	}, nil, nil))
	u := user.User{ID: "usr_1", Tenant: 1, Email: "ann@example.com", Role: access.RoleAdmin, State: user.Invited, CreatedAt: time.Now(), Version: 1}
	must(s.UserInvite(ctx, &u, &user.Link{Hash: [32]byte{1}, Kind: user.Invitation, Tenant: 1}, nil, nil))
	factor := user.Factor{Person: u.ID, Secret: []byte("hush"), CreatedAt: time.UnixMilli(1_790_000_000_000).UTC(), ConfirmedAt: time.UnixMilli(1_790_000_000_000).UTC(), Step: 7}
	must(s.FactorPut(ctx, factor))
	must(s.FactorConfirm(ctx, factor, [][32]byte{{1}, {2}}, "", nil))
	in.hooks = in.hooks[:2]
	must(s.JobPut(ctx, delivery.Job{ID: "job_1", Tenant: 1, Webhook: 1, Kind: "replay", State: "running", Cursor: 7, CreatedAt: time.Now()}, nil))
	for n := range 40 {
		p := storetest.Publication()
		for i := range 25 {
			it := storetest.Event(fmt.Sprintf("e%d-%d", n, i), "call.completed", fmt.Sprintf(`{"n":%d,"text":"%s\u0000ü"}`, n, strings.Repeat("x", i*20)))
			p.Items = append(p.Items, it)
		}
		intakes, err := s.Append(ctx, []*ingest.Publication{p})
		must(err)
		for _, intake := range intakes {
			for i := range intake.Events {
				in.events = append(in.events, intake.Events[i].ID)
			}
			in.open = intake.ID
			if n < 39 {
				must(s.Record(ctx, &delivery.Record{Close: []event.ID{intake.ID}}))
			}
		}
	}
	for range 3 {
		list := storetest.MakeAttempts(time.Now(), 300)
		must(s.Record(ctx, &delivery.Record{Attempts: list}))
		in.attempts = append(in.attempts, list...)
	}
	for n := range 100 {
		must(s.Record(ctx, &delivery.Record{Owe: []delivery.Owed{{
			Tenant: 1, Event: in.events[n], Webhook: 1 + uint32(n%2), Due: time.Now(), Since: time.Now(), Attempts: 2, Base: 1, Order: int64(n % 3),
		}}}))
	}
	must(s.GatePut(ctx, 1, []byte(`{"enabled":true,"mode":"decide","integrations":["dixa"],"own":[{"name":"ü"}]}`), nil))
	must(s.AuditAppend(ctx, &access.Entry{Tenant: 1, At: time.UnixMilli(1_790_000_000_000).UTC(), Actor: access.Actor{Kind: access.ActorKey, ID: "key_1", Name: "first"}, Action: "gate.update", Before: []byte(`{"enabled":false}`), After: []byte(`{"enabled":true}`)}))
	if ok, err := s.CampaignCreate(ctx, gate.Campaign{Tenant: 1, ID: 5000, Name: "Spring", CreatedAt: time.UnixMilli(1_790_000_000_000).UTC(), UpdatedAt: time.UnixMilli(1_790_000_000_000).UTC()}, nil); !ok || err != nil {
		t.Fatalf("making a campaign: %t, %v", ok, err)
	}
	for n := range 700 {
		r := &gate.Respondent{
			Tenant: 1, Campaign: 5000, State: gate.States[n%len(gate.States)], Round: n % 3, Source: "dixa", DoNotContact: n%2 == 0,
			Payload: fmt.Appendf(nil, `{"campaignId":5000,"respondent":{"firstName":"P%d\u0000ü"}}`, n), Email: fmt.Sprintf("p%d@example.com", n), Phone: "+4512345678", Text: "p ü",
			Reason: "because", LogKey: []byte{0, 1, 255}, Digest: [16]byte{byte(n)}, CreatedAt: time.UnixMilli(1_790_000_000_000).UTC(), DecidedAt: time.UnixMilli(1_790_000_001_000).UTC(),
		}
		switch n % 4 {
		case 0:
			r.Once = fmt.Sprintf("h/dixa/\xff%d", n)
		case 1:
			r.Warnings = []problem.Field{{Name: "respondent.phoneNumber", Reason: "is short"}}
			r.Round, r.LogKey = 0, nil
		}
		must(s.RespondentWrite(ctx, []*gate.Change{{Add: r}}))
		in.people = append(in.people, r.ID)
	}
	in.reopen(t)
	return in
}

func (in *installation) reopen(t *testing.T) {
	t.Helper()
	if in.store != nil {
		if err := in.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: in.dir, Sealer: in.keys, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	in.store = s
	t.Cleanup(func() { s.Close() })
}

func (in *installation) options(url string) Options {
	return Options{From: in.store, FromSealer: in.keys, To: postgres.Options{URL: url, Log: quiet, Keys: func(kept []byte) (webhook.Sealer, []byte, error) {
		return secret.OpenShared(filepath.Join(in.dir, "relay.key"), in.master, kept)
	}}}
}

// check opens the database as a server does, and compares everything.
func (in *installation) check(t *testing.T, url string) {
	t.Helper()
	ctx := t.Context()
	o := in.options(url).To
	// Another folder without keys: the database provides them.
	o.Keys = func(kept []byte) (webhook.Sealer, []byte, error) {
		return secret.OpenShared(filepath.Join(t.TempDir(), "relay.key"), in.master, kept)
	}
	s, err := postgres.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	equal := func(what string, got, want any, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", what, got, err, want)
		}
	}
	got, err := s.EventGetMany(ctx, in.events)
	want, err2 := in.store.EventGetMany(ctx, in.events)
	slices.SortFunc(got, func(a, b event.Event) int { return cmp.Compare(a.ID, b.ID) })
	if err := errors.Join(err, err2); err != nil || len(got) != len(want) {
		t.Fatalf("got %d events, %v, want %d", len(got), err, len(want))
	}
	for i := range got {
		equal("event", got[i], want[i], nil)
	}
	for _, a := range in.attempts {
		got, ok, err := s.AttemptGet(ctx, a.Tenant, a.ID)
		want, _, err2 := in.store.AttemptGet(ctx, a.Tenant, a.ID)
		if !ok || !reflect.DeepEqual(got, want) || err != nil || err2 != nil {
			t.Fatalf("attempt %d: got %+v, %v, want %+v, %v", a.ID, got, err, want, err2)
		}
	}
	for n := uint32(1); n < 3; n++ {
		got, err := s.OwedList(ctx, delivery.OwedQuery{Tenant: 1, Webhook: n, Before: event.DeliveryID{Event: 1<<63 - 1}, Limit: 1000})
		want, err2 := in.store.OwedList(ctx, delivery.OwedQuery{Tenant: 1, Webhook: n, Before: event.DeliveryID{Event: 1<<63 - 1}, Limit: 1000})
		equal("owed", got, want, errors.Join(err, err2))
	}
	hooks, err := s.WebhookList(ctx)
	wantHooks, err2 := in.store.WebhookList(ctx)
	equal("webhooks", hooks, wantHooks, errors.Join(err, err2))
	records, err := s.RecordList(ctx, "plans")
	wantRecords, err2 := in.store.RecordList(ctx, "plans")
	equal("records", records, wantRecords, errors.Join(err, err2))
	factor, _, err := s.FactorGet(ctx, "usr_1")
	wantFactor, _, err2 := in.store.FactorGet(ctx, "usr_1")
	equal("second factors", factor, wantFactor, errors.Join(err, err2))
	if string(factor.Secret) != "hush" || factor.Codes != 2 {
		t.Errorf("got the second factor %+v", factor)
	}
	if len(records) != 2 || string(records[1].Secrets) != `{"key":"hush"}` {
		t.Errorf("got records %+v", records)
	}
	keys, err := s.KeyList(ctx)
	wantKeys, err2 := in.store.KeyList(ctx)
	equal("keys", keys, wantKeys, errors.Join(err, err2))
	jobs, err := s.JobList(ctx, 1)
	wantJobs, err2 := in.store.JobList(ctx, 1)
	equal("jobs", jobs, wantJobs, errors.Join(err, err2))
	q := delivery.StatsQuery{Tenant: 1, From: time.Now().Add(-time.Hour).Truncate(time.Hour), To: time.Now().Add(2 * time.Hour).Truncate(time.Hour), Step: time.Hour}
	stats, err := s.Stats(ctx, q)
	wantStats, err2 := in.store.Stats(ctx, q)
	equal("statistics", stats, wantStats, errors.Join(err, err2))

	in.checkGate(t, s)

	// An event that is published again is found by its id, and new events get later ids.
	p := storetest.Publication(storetest.Event("e3-4", "call.completed", fmt.Sprintf(`{"n":3,"text":"%s\u0000ü"}`, strings.Repeat("x", 80))), storetest.Event("new", "a.b", "1"))
	storetest.MustAppend(t, s, p)
	if !p.Items[0].Duplicate || p.Items[0].Event.ID != in.events[3*25+4] || p.Items[1].Event.ID <= in.events[len(in.events)-1] {
		t.Errorf("publishing again: got %+v and %+v", p.Items[0], p.Items[1])
	}
	var open []event.ID
	err = s.IntakeOpen(ctx, func(i delivery.Intake) error { open = append(open, i.ID); return nil })
	equal("open intakes", open, []event.ID{in.open}, err)
	w := &webhook.Webhook{ID: webhook.NewID(), Tenant: 1}
	if n, err := s.WebhookCreate(ctx, w, nil, nil); n != 4 || err != nil {
		t.Errorf("a new webhook: got number %d, %v, want 4", n, err)
	}
}

// checkGate compares respondents, campaigns, the gate's settings and the audit log.
func (in *installation) checkGate(t *testing.T, s *postgres.Store) {
	t.Helper()
	ctx := t.Context()
	for _, id := range in.people {
		got, ok, err := s.RespondentGet(ctx, 1, id)
		want, _, err2 := in.store.RespondentGet(ctx, 1, id)
		got.LogKey, want.LogKey = append([]byte{}, got.LogKey...), append([]byte{}, want.LogKey...)
		if !ok || !reflect.DeepEqual(got, want) || err != nil || err2 != nil {
			t.Fatalf("respondent %d: got %+v, %v, want %+v, %v", id, got, err, want, err2)
		}
	}
	campaigns, err := s.CampaignList(ctx, 1, 0, 10)
	wantCampaigns, err2 := in.store.CampaignList(ctx, 1, 0, 10)
	if err := errors.Join(err, err2); err != nil || len(campaigns) != 1 || !reflect.DeepEqual(campaigns, wantCampaigns) {
		t.Errorf("campaigns: got %+v, %v, want %+v", campaigns, err, wantCampaigns)
	}
	settings := func(s gate.Store) string {
		text := ""
		if err := s.GateList(ctx, func(tenant event.TenantID, b []byte) error { text += fmt.Sprintf("%d %s", tenant, b); return nil }); err != nil {
			t.Error(err)
		}
		return text
	}
	if got, want := settings(s), settings(in.store); got != want || got == "" {
		t.Errorf("the gate's settings: got %s, want %s", got, want)
	}
	audit, _, err := s.AuditList(ctx, access.Query{Tenant: 1, Limit: 10})
	wantAudit, _, err2 := in.store.AuditList(ctx, access.Query{Tenant: 1, Limit: 10})
	if err := errors.Join(err, err2); err != nil || len(audit) != 1 || !reflect.DeepEqual(audit, wantAudit) {
		t.Errorf("the audit log: got %+v, %v, want %+v", audit, err, wantAudit)
	}
	// A respondent that is sent again is known, and new respondents get later ids.
	known, _, err := in.store.RespondentGet(ctx, 1, in.people[4])
	if err != nil || known.Once == "" {
		t.Fatalf("got %+v, %v, want one with a key", known, err)
	}
	again := &gate.Change{Add: &gate.Respondent{Tenant: 1, Campaign: 5000, State: gate.Stored, Payload: []byte(`{}`), Once: known.Once, CreatedAt: time.Now()}}
	fresh := &gate.Change{Add: &gate.Respondent{Tenant: 1, Campaign: 5000, State: gate.Stored, Payload: []byte(`{}`), CreatedAt: time.Now()}}
	if err := s.RespondentWrite(ctx, []*gate.Change{again, fresh}); err != nil || again.Existing == nil || again.Existing.ID != known.ID || fresh.Add.ID <= in.people[len(in.people)-1] {
		t.Errorf("sent again: got %+v, %v, want %d; a new one: got %d, want it above %d", again.Existing, err, known.ID, fresh.Add.ID, in.people[len(in.people)-1])
	}
	if err := s.AuditAppend(ctx, &access.Entry{Tenant: 1, At: time.Now(), Action: "gate.update"}); err != nil {
		t.Errorf("a new entry of the audit log: %v", err)
	}
}

func TestCopyMovesEverything(t *testing.T) {
	in := newInstallation(t)
	url := pgtest.Shared(t).Database(t)
	r, err := Copy(t.Context(), in.options(url))
	if err != nil {
		t.Fatal(err)
	}
	if r.Events != 1000 || r.Attempts != 900 || r.Owed != 100 || r.Open != 1 || r.Webhooks != 2 || r.Compared != 1900 || r.Resumed || r.Damaged != 0 {
		t.Errorf("got %+v", r)
	}
	in.check(t, url)
	if _, err := Copy(t.Context(), in.options(url)); !errors.Is(err, postgres.ErrNotEmpty) {
		t.Errorf("copying again: got %v, want %v", err, postgres.ErrNotEmpty)
	}
}

// Wherever the copy is interrupted, no server starts on the database, another installation cannot
// be copied into it, and the same copy resumes.
func TestCopyIsResumed(t *testing.T) {
	in := newInstallation(t)
	for _, at := range []string{"events", "attempts", "owed", "compared attempts"} {
		t.Run(at, func(t *testing.T) {
			url := pgtest.Shared(t).Database(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := in.options(url)
			o.Progress = func(what string, _ int64) {
				if what == at {
					cancel()
				}
			}
			if _, err := Copy(ctx, o); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want that it was canceled", err)
			}
			if s, err := postgres.Open(t.Context(), in.options(url).To); err == nil || !strings.Contains(err.Error(), "not finished") {
				if s != nil {
					s.Close()
				}
				t.Errorf("a server: got %v, want a refusal", err)
			}
			r, err := Copy(t.Context(), in.options(url))
			if err != nil || !r.Resumed || r.Events != 1000 || r.Attempts != 900 {
				t.Fatalf("resuming: got %+v, %v", r, err)
			}
			in.check(t, url)
		})
	}
}

func TestCopyRefusesAUsedDatabase(t *testing.T) {
	in := newInstallation(t)
	url := pgtest.Shared(t).Database(t)
	s, err := postgres.Open(t.Context(), postgres.Options{URL: url, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Copy(t.Context(), in.options(url)); err == nil || !strings.Contains(err.Error(), "servers use the database") {
		t.Errorf("a server runs: got %v, want a refusal", err)
	}
	storetest.MustAppend(t, s, storetest.Publication(storetest.Event("", "a", "1")))
	s.Close()
	if _, err := Copy(t.Context(), in.options(url)); !errors.Is(err, postgres.ErrNotEmpty) {
		t.Errorf("an event is stored: got %v, want %v", err, postgres.ErrNotEmpty)
	}
}

// Rows that an earlier Relay stored with text that PostgreSQL rejects are copied with U+FFFD in its
// place, and named; the copy continues.
func TestCopyReplacesWhatTextCannotHold(t *testing.T) {
	in := newInstallation(t)
	ctx := t.Context()
	var want []string
	put := func(change func(e *event.Event), field string) {
		it := storetest.Event("", "call.completed", `{"text":"\u0000"}`)
		change(&it.Event)
		for _, intake := range storetest.MustAppend(t, in.store, storetest.Publication(it)) {
			want = append(want, "event "+intake.Events[0].ID.Public(event.EventPrefix)+": "+field)
			in.events = append(in.events, intake.Events[0].ID)
			if err := in.store.Record(ctx, &delivery.Record{Close: []event.ID{intake.ID}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(func(e *event.Event) { e.Key = "a\x00b" }, "key")
	put(func(e *event.Event) { e.Key = "\xff" }, "key")
	put(func(e *event.Event) { e.Version, e.Key = "\x00", "S\xf8ren" }, "version, key")
	put(func(e *event.Event) { e.Key = "\xed\xa0\x80" }, "key") // a surrogate
	put(func(e *event.Event) { e.Warnings = "[\"\xc3\"]" }, "warnings")
	list := storetest.MakeAttempts(time.Now(), 2)
	list[0].EventType = "a\x00"
	if err := in.store.Record(ctx, &delivery.Record{Attempts: list}); err != nil {
		t.Fatal(err)
	}
	want = append(want, "attempt "+list[0].ID.Public(event.AttemptPrefix)+": eventType")
	w := &webhook.Webhook{ID: webhook.NewID(), Tenant: 1, Status: webhook.Active, CreatedAt: time.Now()}
	w.Settings.URL, w.Settings.Description = "https://example.com/", "x\x00y"
	if _, err := in.store.WebhookCreate(ctx, w, nil, nil); err != nil {
		t.Fatal(err)
	}
	if ok, err := in.store.CampaignCreate(ctx, gate.Campaign{Tenant: 1, ID: 5001, Name: "Spr\x00ing\xff", CreatedAt: time.Now(), UpdatedAt: time.Now()}, nil); !ok || err != nil {
		t.Fatal(ok, err)
	}
	want = append(want, "campaign tenant=1: name")

	o := in.options(pgtest.Shared(t).Database(t))
	// Interrupted before the end: rows copied by then are also named.
	stopped, cancel := context.WithCancel(ctx)
	defer cancel()
	o.Progress = func(what string, _ int64) {
		if what == "compared attempts" {
			cancel()
		}
	}
	if _, err := Copy(stopped, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that it was canceled", err)
	}
	o.Progress = nil
	r, err := Copy(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(r.ReplacedIn)
	if r.Replaced != int64(len(want)) || !slices.Equal(r.ReplacedIn, want) {
		t.Errorf("got %d: %q, want %q", r.Replaced, r.ReplacedIn, want)
	}
	s, err := postgres.Open(ctx, in.options(o.To.URL).To)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	for _, id := range in.events[len(in.events)-5:] {
		got, err := s.EventGetMany(ctx, []event.ID{id})
		want, err2 := in.store.EventGetMany(ctx, []event.ID{id})
		if err := errors.Join(err, err2); err != nil || len(got) != 1 || len(want) != 1 {
			t.Fatal(err, got, want)
		}
		if n += len(postgres.PlainEvent(&want[0])); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if n != 6 {
		t.Errorf("%d fields differ from what was stored, want 6", n)
	}
}
