package attention_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/attention"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/webhook"
)

// TestGroups lives through an outage on a real log: failures are grouped by webhook, kind and class, a person acknowledges
// one group and snoozes another, a success resolves them, and the next failure opens them again.
func TestGroups(t *testing.T) {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	outgoing := egress.New(egress.Options{UserAgent: "Relay/test"})
	defer outgoing.Close()
	hooks, err := webhook.NewRegistry(ctx, store, outgoing)
	if err != nil {
		t.Fatal(err)
	}
	who := access.System(event.DefaultTenant)
	add := func(p *access.Principal) *webhook.Webhook {
		t.Helper()
		s := webhook.Default()
		s.URL = "https://example.com/hook"
		w, err := hooks.Create(ctx, p, s, "")
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	one, two := add(who), add(who)
	now := time.Now().UTC().Truncate(time.Millisecond)
	a, err := attention.New(ctx, store, store, hooks, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	// attempt records one that began now; a status of zero is a timeout.
	attempt := func(w *webhook.Webhook, ev event.ID, outcome delivery.Outcome, status int) {
		t.Helper()
		x := &delivery.Attempt{Tenant: w.Tenant, Webhook: w.Number, Event: ev, EventType: "a.b", Number: 1, At: now, Outcome: outcome, Timing: exchange.Timing{Total: time.Second}}
		x.Request.URL = w.URL
		if status == 0 {
			x.ErrorKind, x.Error = exchange.Timeout, "no answer within 10s"
		} else {
			x.Response = &exchange.Response{Status: status}
			if outcome != delivery.Delivered {
				x.ErrorKind = exchange.Status
			}
		}
		if err := store.Record(ctx, &delivery.Record{Attempts: []*delivery.Attempt{x}}); err != nil {
			t.Fatal(err)
		}
		now = now.Add(2 * time.Second)
	}
	type row struct {
		id                   string
		state                attention.State
		attempts, deliveries int
	}
	check := func(when string, want ...row) {
		t.Helper()
		list, more, err := a.Groups(ctx, event.DefaultTenant)
		if err != nil || more || len(list) != len(want) {
			t.Fatalf("%s: got %d groups (more: %v, %v), want %d", when, len(list), more, err, len(want))
		}
		for i, g := range list {
			if got := (row{g.ID(), g.State, g.Attempts, g.Deliveries}); got != want[i] {
				t.Errorf("%s: got %+v, want %+v", when, got, want[i])
			}
			if len(g.Advice()) == 0 || g.Title() == "" {
				t.Errorf("%s: %s says nothing", when, g.ID())
			}
			if same, err := a.Group(ctx, event.DefaultTenant, g.ID()); err != nil || same.State != g.State {
				t.Errorf("%s: the group by its id: %+v, %v", when, same, err)
			}
		}
	}
	check("at first")
	first, second := store.EventReserve(), store.EventReserve()
	attempt(one, first, delivery.Retrying, 503)
	attempt(one, first, delivery.Failed, 500)
	attempt(one, second, delivery.Retrying, 0)
	attempt(two, second, delivery.Failed, 404)
	status5, timeout, status4 := one.ID+"-status-5xx", one.ID+"-timeout", two.ID+"-status-4xx"
	check("in the outage", row{status4, attention.Open, 1, 1}, row{timeout, attention.Open, 1, 1}, row{status5, attention.Open, 2, 1})
	if n := a.Count(ctx, event.DefaultTenant); n != 3 {
		t.Errorf("got %d open groups, want 3", n)
	}

	set := func(id string, state attention.State, until time.Time, want problem.Kind) {
		t.Helper()
		err := a.Set(ctx, who, id, state, until)
		if want == 0 && err != nil || want != 0 && problem.KindOf(err) != want {
			t.Errorf("%s to %s: got %v, want kind %v", id, state, err, want)
		}
	}
	set(status5, attention.Acknowledged, time.Time{}, 0)
	set(timeout, attention.Snoozed, now.Add(time.Hour), 0)
	set(timeout, attention.Snoozed, now.Add(-time.Hour), problem.Invalid)
	set(timeout, attention.Snoozed, now.Add(30*24*time.Hour), problem.Invalid)
	set(timeout, "nonsense", time.Time{}, problem.Invalid)
	set("wh_none-timeout", attention.Acknowledged, time.Time{}, problem.NotFound)
	check("seen to", row{status4, attention.Open, 1, 1}, row{status5, attention.Acknowledged, 2, 1}, row{timeout, attention.Snoozed, 1, 1})
	if n := a.Count(ctx, event.DefaultTenant); n != 1 {
		t.Errorf("got %d open groups, want 1", n)
	}
	// Others see the same.
	again, err := attention.New(ctx, store, store, hooks, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if g, err := again.Group(ctx, event.DefaultTenant, status5); err != nil || g.Mark == nil || g.Mark.By != who.Actor.Name {
		t.Errorf("after a restart: got %+v, %v", g, err)
	}
	if _, err := a.Group(ctx, event.DefaultTenant+1, status5); problem.KindOf(err) != problem.NotFound {
		t.Errorf("another tenant's group: got %v, want not found", err)
	}
	now = now.Add(time.Hour)
	check("an hour later", row{status4, attention.Open, 1, 1}, row{timeout, attention.Open, 1, 1}, row{status5, attention.Acknowledged, 2, 1})

	attempt(one, first, delivery.Delivered, 200)
	check("after a success", row{status4, attention.Open, 1, 1}, row{timeout, attention.Resolved, 1, 1}, row{status5, attention.Resolved, 2, 1})
	set(status5, attention.Acknowledged, time.Time{}, problem.Conflict)
	attempt(one, second, delivery.Retrying, 502)
	check("failing again", row{status5, attention.Open, 3, 2}, row{status4, attention.Open, 1, 1}, row{timeout, attention.Resolved, 1, 1})

	set(status4, attention.Acknowledged, time.Time{}, 0)
	set(status4, attention.Open, time.Time{}, 0)
	set(status4, attention.Open, time.Time{}, 0)
	if err := hooks.Delete(ctx, who, two.ID); err != nil {
		t.Fatal(err)
	}
	check("without the second webhook", row{status5, attention.Open, 3, 2}, row{timeout, attention.Resolved, 1, 1})
	now = now.Add(attention.Within)
	check("a week later")
}
