package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

func testConfig(t *testing.T, open Open) {
	t.Run("DefaultTenant", func(t *testing.T) { defaultTenant(t, open(t)) })
	t.Run("Tenants", func(t *testing.T) { tenants(t, open(t)) })
	t.Run("Rates", func(t *testing.T) { rates(t, open(t)) })
	t.Run("TenantsTogether", func(t *testing.T) { tenantsTogether(t, open(t)) })
	t.Run("Keys", func(t *testing.T) { keys(t, open(t)) })
	t.Run("Webhooks", func(t *testing.T) { webhooks(t, open(t)) })
	t.Run("Catalogue", func(t *testing.T) { catalogueRecords(t, open(t)) })
	t.Run("Records", func(t *testing.T) { records(t, open(t)) })
	t.Run("RecordsInMemory", func(t *testing.T) { recordsInMemory(t, open(t)) })
	t.Run("Audit", func(t *testing.T) { auditLog(t, open(t)) })
	t.Run("Answers", func(t *testing.T) { answers(t, open(t)) })
	t.Run("Jobs", func(t *testing.T) { jobs(t, open(t)) })
	t.Run("JobClaims", func(t *testing.T) { jobClaims(t, open(t)) })
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123_000_000, time.UTC)

// same compares values by their JSON, nil and empty alike.
func same(a, b any) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) }

func defaultTenant(t *testing.T, s Backend) {
	for range 2 {
		list, err := s.TenantList(ctx)
		if err != nil || len(list) != 1 || list[0].ID != event.DefaultTenant || list[0].Name != "default" || list[0].CreatedAt.IsZero() {
			t.Errorf("got %+v, %v, want the default tenant", list, err)
		}
		s.Reopen(t)
	}
}

func keys(t *testing.T, s Backend) {
	one := account.Key{
		ID: "key_1", Tenant: 1, Name: "first", Scopes: []access.Scope{access.ScopePublish, access.ScopeRead},
		Limits: &access.Limits{Types: []string{"shop.*"}, Integrations: []string{"dixa", "ü"}},
		Hash:   account.HashKey("rk_one"), Hint: "rk_o…", CreatedAt: noon,
	}
	two := account.Key{ID: "key_0", Tenant: 2, Hash: account.HashKey("rk_two"), CreatedAt: noon.Add(time.Hour), ExpiresAt: noon.Add(2 * time.Hour)}
	for _, k := range []account.Key{two, one} {
		if err := s.KeyCreate(ctx, k, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.KeyCreate(ctx, one, nil); err == nil {
		t.Error("a key with an id that exists was created")
	}
	check := func(want ...account.Key) {
		t.Helper()
		for range 2 {
			got, err := s.KeyList(ctx)
			equal := slices.EqualFunc(got, want, func(a, b account.Key) bool {
				limits := a.Limits.Equal(b.Limits)
				a.Limits, b.Limits = nil, nil // pointers do not show what they point to
				return limits && same(a, b)
			})
			if err != nil || !equal {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
			}
			s.Reopen(t)
		}
	}
	check(one, two)

	if err := s.KeyRevoke(ctx, 1, two.ID, noon, nil); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("revoking another tenant's key: got %v, want %v", err, account.ErrNotFound)
	}
	if err := s.KeyRevoke(ctx, 1, "key_9", noon, nil); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("revoking no key: got %v, want %v", err, account.ErrNotFound)
	}
	for _, at := range []time.Time{noon.Add(time.Minute), noon.Add(time.Hour)} { // the first counts
		if err := s.KeyRevoke(ctx, 1, one.ID, at, nil); err != nil {
			t.Fatal(err)
		}
	}
	one.RevokedAt = noon.Add(time.Minute)
	for _, tenant := range []event.TenantID{1, 2} { // only the key's own
		if err := s.KeyWarned(ctx, tenant, two.ID, noon); err != nil {
			t.Fatal(err)
		}
	}
	two.WarnedAt = noon
	check(one, two)

	// A replacement ends the old key no later than it was to end.
	four := account.Key{ID: "key_4", Tenant: 2, Hash: account.HashKey("rk_four"), CreatedAt: noon.Add(90 * time.Minute)}
	for _, bad := range []struct {
		tenant event.TenantID
		old    string
	}{{1, two.ID}, {1, one.ID}, {2, "key_9"}} {
		k := four
		k.Tenant = bad.tenant
		if err := s.KeyReplace(ctx, k, bad.old, noon.Add(100*time.Minute), nil); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("replacing key %s of tenant %d: got %v, want %v", bad.old, bad.tenant, err, account.ErrNotFound)
		}
	}
	check(one, two)
	if err := s.KeyReplace(ctx, four, two.ID, noon.Add(100*time.Minute), nil); err != nil {
		t.Fatal(err)
	}
	two.ExpiresAt = noon.Add(100 * time.Minute)
	check(one, two, four)
	five := account.Key{ID: "key_5", Tenant: 2, Hash: account.HashKey("rk_five"), CreatedAt: noon.Add(95 * time.Minute)}
	if err := s.KeyReplace(ctx, five, two.ID, noon.Add(30*time.Hour), nil); err != nil {
		t.Fatal(err)
	}
	check(one, two, four, five)

	used := func(want ...account.KeyUse) {
		t.Helper()
		got, err := s.KeyUses(ctx, 1)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("uses: got %+v, %v, want %+v", got, err, want)
		}
	}
	used()
	first := account.KeyUse{Tenant: 1, Key: "key_1", At: noon, Address: "192.0.2.1"}
	for _, u := range []account.KeyUse{first, {Tenant: 1, Key: "key_1", At: noon.Add(-time.Second), Address: "192.0.2.2"}, {Tenant: 2, Key: "key_0", At: noon}} {
		if err := s.KeyUsed(ctx, []account.KeyUse{u}); err != nil {
			t.Fatal(err)
		}
	}
	used(first)
	if err := s.KeyUsed(ctx, []account.KeyUse{{Tenant: 1, Key: "key_1", At: noon.Add(time.Minute)}}); err != nil {
		t.Fatal(err)
	}
	first.At = noon.Add(time.Minute) // from the same address, as far as is known
	used(first)

	one.Hash, one.RevokedAt, one.Name = account.HashKey("rk_other"), time.Time{}, "put"
	three := account.Key{ID: "key_3", Tenant: 1, CreatedAt: noon.Add(3 * time.Hour)}
	for _, k := range []account.Key{one, three} {
		if err := s.KeyPut(ctx, k); err != nil {
			t.Fatal(err)
		}
	}
	check(one, two, four, five, three)
}

func webhooks(t *testing.T, s Backend) {
	full := &webhook.Webhook{
		ID: webhook.NewID(), Tenant: 1, Settings: webhook.Default(),
		Secrets: webhook.Secrets{Current: "whsec_a", Previous: "whsec_b", PreviousUntil: noon},
		Status:  webhook.Disabled,
		Health:  webhook.Health{FailingSince: noon, Failures: 7, LastError: "no answer", DisabledAt: noon, DisabledReason: "410"},
		Inactive: []webhook.Period{
			{From: noon, To: noon.Add(time.Hour), Why: webhook.Paused},
			{From: noon.Add(2 * time.Hour), Why: webhook.Disabled},
		},
		CreatedAt: noon, UpdatedAt: noon,
	}
	full.URL = "https://example.com/a?b=c"
	full.Headers = map[string]string{"X-A": "ü"}
	full.DisableOn, full.AbsentOn = []int{410}, []int{404}
	full.Health.AbsentSince, full.Health.Absences = noon, 6
	full.Auth = auth.Settings{Type: auth.OAuth2, ClientID: "me", ClientSecret: "hush", TokenURL: "https://example.com/token", Style: auth.StyleBody}
	full.Health.RejectedSince, full.Health.Rejections, full.Health.RejectedReason, full.Health.RejectedNoticedAt = noon, 2, "401", noon
	plain := &webhook.Webhook{ID: webhook.NewID(), Tenant: 2, Settings: webhook.Default(), Status: webhook.Active, CreatedAt: noon, UpdatedAt: noon}
	var last uint32
	for _, w := range []*webhook.Webhook{full, plain} {
		n, err := s.WebhookCreate(ctx, w, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n <= last {
			t.Errorf("got number %d after %d", n, last)
		}
		w.Number, last = n, n
	}
	if _, err := s.WebhookCreate(ctx, plain, nil, nil); err == nil {
		t.Error("a webhook with an id that exists was created")
	}
	check := func(want ...*webhook.Webhook) {
		t.Helper()
		for range 2 {
			got, err := s.WebhookList(ctx)
			if err != nil || len(got) != len(want) {
				t.Fatalf("got %d webhooks, %v, want %d", len(got), err, len(want))
			}
			for i := range want {
				if !same(*got[i], *want[i]) {
					t.Errorf("got  %+v\nwant %+v", *got[i], *want[i])
				}
			}
			s.Reopen(t)
		}
	}
	check(full, plain)

	changed := *full
	changed.Status, changed.Health, changed.Inactive = webhook.Active, webhook.Health{}, nil
	changed.Secrets = webhook.Secrets{Current: "whsec_c"}
	changed.Auth = auth.Settings{Type: auth.Basic, Username: "u", Password: "p"}
	changed.Headers = map[string]string{"X-B": "b"}
	changed.URL, changed.UpdatedAt = "https://example.com/new", noon.Add(time.Hour)
	if err := s.WebhookUpdate(ctx, &changed, nil, nil); err != nil {
		t.Fatal(err)
	}
	if changed.Version != full.Version+1 {
		t.Errorf("after a change: got version %d, want %d", changed.Version, full.Version+1)
	}
	// Whoever has not seen the change does not undo it.
	late := *full
	late.URL, late.Health = "https://example.com/late", webhook.Health{Failures: 1}
	update := func(ctx context.Context, w *webhook.Webhook) error { return s.WebhookUpdate(ctx, w, nil, nil) }
	for what, change := range map[string]func(context.Context, *webhook.Webhook) error{"update": update, "health": s.WebhookHealth} {
		if err := change(ctx, &late); !errors.Is(err, webhook.ErrChanged) || late.Version != full.Version {
			t.Errorf("%s of what has changed meanwhile: got %v, version %d, want %v", what, err, late.Version, webhook.ErrChanged)
		}
	}
	check(&changed, plain)
	// The health alone.
	ill := changed
	ill.URL, ill.Status, ill.Secrets = "https://example.com/not-stored", webhook.Paused, webhook.Secrets{Current: "not stored"}
	ill.Health = webhook.Health{FailingSince: noon, Failures: 3, LastError: "no answer"}
	if err := s.WebhookHealth(ctx, &ill); err != nil {
		t.Fatal(err)
	}
	changed.Health, changed.Version = ill.Health, ill.Version
	check(&changed, plain)
	stranger := changed
	stranger.Tenant = 2
	if err := s.WebhookUpdate(ctx, &stranger, nil, nil); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("changing another tenant's webhook: got %v, want %v", err, webhook.ErrNotFound)
	}
	if err := s.WebhookHealth(ctx, &stranger); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("health of another tenant's webhook: got %v, want %v", err, webhook.ErrNotFound)
	}
	check(&changed, plain)

	if err := s.WebhookDelete(ctx, 1, plain.Number, nil); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("deleting another tenant's webhook: got %v, want %v", err, webhook.ErrNotFound)
	}
	if err := s.WebhookDelete(ctx, 2, plain.Number, nil); err != nil {
		t.Fatal(err)
	}
	check(&changed)
	for _, tt := range []struct {
		tenant event.TenantID
		id     string
		want   uint32
	}{{2, plain.ID, plain.Number}, {1, plain.ID, 0}, {1, changed.ID, 0}, {2, "", 0}, {2, "wh_x", 0}} {
		if n, ok, err := s.WebhookDeleted(ctx, tt.tenant, tt.id); n != tt.want || ok != (tt.want != 0) || err != nil {
			t.Errorf("the deleted webhook %q of tenant %d: got number %d, %t, %v; want %d", tt.id, tt.tenant, n, ok, err, tt.want)
		}
	}
	n, err := s.WebhookCreate(ctx, &webhook.Webhook{ID: webhook.NewID(), Tenant: 1}, nil, nil)
	if err != nil || n <= last {
		t.Errorf("after deleting the newest: got number %d, %v, want one above %d", n, err, last)
	}
	restHooks(t, s)
}

// Of an owner's webhooks those that have ended do not count, and one that begins again does.
func restHooks(t *testing.T, s Backend) {
	quota := func() *account.Quota {
		return &account.Quota{Tenant: 3, Limit: account.LimitHooks, Plan: "p", Allowed: 1}
	}
	hook := func() *webhook.Webhook {
		w := &webhook.Webhook{ID: webhook.NewID(), Tenant: 3, Settings: webhook.Default(), Status: webhook.Active, CreatedAt: noon, UpdatedAt: noon}
		w.Owner, w.Hook = webhook.HookOwner, &webhook.Hook{Target: "https://example.com/"}
		return w
	}
	full := func(what string, err error) {
		t.Helper()
		if problem.KindOf(err) != problem.PlanLimit {
			t.Errorf("%s: got %v, want a problem about the plan's limit", what, err)
		}
	}
	create := func(w *webhook.Webhook) (err error) {
		w.Number, err = s.WebhookCreate(ctx, w, quota(), nil)
		return err
	}
	first, second := hook(), hook()
	if err := create(first); err != nil {
		t.Fatal(err)
	}
	full("the second of one", create(second))
	first.Status, first.Hook.Ended = webhook.Ended, &webhook.Ending{At: noon, Cause: webhook.EndGone}
	if err := s.WebhookUpdate(ctx, first, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := create(second); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
	again := *first
	again.Status = webhook.Active
	full("restoring the first", s.WebhookUpdate(ctx, &again, quota(), nil))
	if again.Version != first.Version {
		t.Errorf("a change that was refused: got version %d, want %d", again.Version, first.Version)
	}
	if err := s.WebhookDelete(ctx, 3, second.Number, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.WebhookUpdate(ctx, &again, quota(), nil); err != nil {
		t.Errorf("restoring the first when there is room: %v", err)
	}
}

func jobs(t *testing.T, s Backend) {
	one := delivery.Job{
		ID: "job_1", Tenant: 1, Webhook: 3, Kind: delivery.JobReplay, State: delivery.JobRunning,
		Since: noon, Until: noon.Add(time.Hour), Cursor: event.FirstID(noon), Scanned: 5, Owed: 4, CreatedAt: noon,
	}
	two := delivery.Job{ID: "job_2", Tenant: 2, Kind: delivery.JobRecover, State: delivery.JobFailed, Error: "why", CreatedAt: noon.Add(time.Minute), FinishedAt: noon}
	for _, j := range []delivery.Job{one, two} {
		if err := s.JobPut(ctx, j, nil); err != nil {
			t.Fatal(err)
		}
	}
	one.State, one.Scanned, one.FinishedAt = delivery.JobDone, 6, noon.Add(time.Second)
	if err := s.JobPut(ctx, one, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, ok, err := s.JobGet(ctx, 1, "job_1"); err != nil || !ok || !same(got, one) {
			t.Errorf("got %+v, %t, %v\nwant %+v", got, ok, err, one)
		}
		if _, ok, err := s.JobGet(ctx, 1, "job_2"); ok || err != nil {
			t.Errorf("another tenant's job: got %t, %v", ok, err)
		}
		for tenant, want := range map[event.TenantID][]delivery.Job{0: {two, one}, 1: {one}, 2: {two}, 3: nil} {
			if got, err := s.JobList(ctx, tenant); err != nil || !same(got, want) {
				t.Errorf("tenant %d: got %+v, %v\nwant %+v", tenant, got, err, want)
			}
		}
		s.Reopen(t)
	}
}

// Of running jobs each is given once, to whoever asks first; only he tells how
// far it has come, and not after somebody has canceled it.
func jobClaims(t *testing.T, s Backend) {
	make := func(id string, state delivery.JobState) delivery.Job {
		j := delivery.Job{ID: id, Tenant: 1, Webhook: 3, Kind: delivery.JobReplay, State: state, Since: noon, Until: noon, CreatedAt: noon}
		if err := s.JobPut(ctx, j, nil); err != nil {
			t.Fatal(err)
		}
		return j
	}
	claim := func(want ...string) (list []delivery.Job) {
		t.Helper()
		list, err := s.JobClaim(ctx)
		var got []string
		for _, j := range list {
			got = append(got, j.ID)
			if j.Token == 0 {
				t.Errorf("job %s has no token", j.ID)
			}
		}
		if err != nil || !same(got, want) {
			t.Fatalf("claimed %v, %v, want %v", got, err, want)
		}
		return list
	}
	unclaimed := make("job_1", delivery.JobRunning)
	make("job_2", delivery.JobDone)
	make("job_3", delivery.JobRunning)
	if ok, err := s.JobProgress(ctx, unclaimed); ok || err != nil {
		t.Errorf("progress of a job that was not claimed: got %t, %v", ok, err)
	}
	list := claim("job_1", "job_3")
	claim()

	one := list[0]
	one.Cursor, one.Scanned, one.Owed = event.FirstID(noon), 7, 5
	if ok, err := s.JobProgress(ctx, one); !ok || err != nil {
		t.Errorf("progress: got %t, %v", ok, err)
	}
	if ok, err := s.JobCancel(ctx, 2, one.ID, noon, nil); ok || err != nil {
		t.Errorf("canceling another tenant's job: got %t, %v", ok, err)
	}
	if ok, err := s.JobCancel(ctx, 1, one.ID, noon.Add(time.Hour), nil); !ok || err != nil {
		t.Errorf("canceling: got %t, %v", ok, err)
	}
	if ok, err := s.JobCancel(ctx, 1, one.ID, noon, nil); ok || err != nil {
		t.Errorf("canceling again: got %t, %v", ok, err)
	}
	late := one
	late.Scanned, late.State = 99, delivery.JobDone
	if ok, err := s.JobProgress(ctx, late); ok || err != nil {
		t.Errorf("progress of a canceled job: got %t, %v", ok, err)
	}
	one.State, one.FinishedAt, one.Token = delivery.JobCanceled, noon.Add(time.Hour), 0
	if got, ok, err := s.JobGet(ctx, 1, one.ID); err != nil || !ok || !same(got, one) {
		t.Errorf("got %+v, %t, %v\nwant %+v", got, ok, err, one)
	}

	three := list[1]
	s.Reopen(t)
	if ok, err := s.JobProgress(ctx, three); ok || err != nil {
		t.Errorf("progress under a claim of before the store was opened again: got %t, %v", ok, err)
	}
	again := claim("job_3")[0]
	again.State, again.FinishedAt = delivery.JobDone, noon
	if ok, err := s.JobProgress(ctx, again); !ok || err != nil {
		t.Errorf("ending a job: got %t, %v", ok, err)
	}
	claim()
}
