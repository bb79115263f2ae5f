package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
)

// must returns the value of a call that has to succeed.
func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// collect returns the entries of a list that has to succeed.
func collect[T any](t *testing.T, list iter.Seq2[T, error]) (all []T) {
	t.Helper()
	for v, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// statusOf returns the status of an answer that was an error, zero for none.
func statusOf(err error) int {
	var e *client.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Status
}

// receiver starts an endpoint that answers with a status.
func receiver(t *testing.T, status int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// until waits for state that is stored after the call that the test has made, without a signal.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// TestLists: an iterator walks over all pages, ends where its caller does, can be used again, and hands errors over.
func TestLists(t *testing.T) {
	c, ctx := server(t), t.Context()
	var events []client.NewEvent
	for i := range 7 {
		events = append(events, client.NewEvent{ID: fmt.Sprint("e", i), Type: "list.made", Data: i})
	}
	must[client.PublishedEvents](t)(c.PublishMany(ctx, events))
	list := c.ListEvents(ctx, client.ListEventsParams{Type: "list.made", Limit: 3})
	for range 2 {
		var ids []string
		for _, e := range collect(t, list) {
			ids = append(ids, e.ID)
		}
		if want := []string{"e6", "e5", "e4", "e3", "e2", "e1", "e0"}; !slices.Equal(ids, want) {
			t.Errorf("ListEvents: got %q, want %q", ids, want)
		}
	}
	first := must[client.Page[client.Event]](t)(c.ListEventsPage(ctx, client.ListEventsParams{Type: "list.made", Limit: 5}))
	if rest := collect(t, c.ListEvents(ctx, client.ListEventsParams{Type: "list.made", Cursor: first.NextCursor})); len(rest) != 2 || rest[0].ID != "e1" {
		t.Errorf("from a cursor on: got %+v, want e1 and e0", rest)
	}
	seen := 0
	for range list {
		if seen++; seen == 4 {
			break
		}
	}
	if seen != 4 {
		t.Errorf("a loop that ends early: got %d entries, want 4", seen)
	}
	calls := 0
	for e, err := range dialWith(t, c, "wrong-key-of-some-length").ListEvents(ctx, client.ListEventsParams{}) {
		if calls++; statusOf(err) != 401 || e.ID != "" {
			t.Errorf("with a wrong key: got %+v, %v, want 401", e, err)
		}
	}
	if calls != 1 {
		t.Errorf("an error was handed over %d times, want once", calls)
	}
}

// TestIdempotencyKeys: a call with a key is done once, however often it is made.
func TestIdempotencyKeys(t *testing.T) {
	c, ctx := server(t), t.Context()
	in := client.CreateWebhook{URL: receiver(t, 200), Description: client.Set("once")}
	first := must[client.Webhook](t)(c.CreateWebhook(ctx, in, client.IdempotencyKey("k1")))
	again := must[client.Webhook](t)(c.CreateWebhook(ctx, in, client.IdempotencyKey("k1")))
	if again.ID != first.ID || again.Secret != first.Secret || first.Secret == "" {
		t.Errorf("the same call again: got %q, want %q with its secret", again.ID, first.ID)
	}
	in.Description = client.Set("twice")
	if _, err := c.CreateWebhook(ctx, in, client.IdempotencyKey("k1")); statusOf(err) != 409 {
		t.Errorf("another call with the same key: got %v, want 409", err)
	}
	if all := collect(t, c.ListWebhooks(ctx, client.ListWebhooksParams{})); len(all) != 1 {
		t.Errorf("webhooks: got %d, want 1", len(all))
	}
	for range 2 {
		must[client.PublishedEvent](t)(c.Publish(ctx, client.NewEvent{Type: "a.b", Data: 1}, client.IdempotencyKey("k2")))
	}
	if all := collect(t, c.ListEvents(ctx, client.ListEventsParams{Type: "a.b"})); len(all) != 1 {
		t.Errorf("events: got %d, want 1", len(all))
	}
}

// TestWebhookSettings: every setting arrives and comes back, and null resets it.
func TestWebhookSettings(t *testing.T) {
	c, ctx := server(t), t.Context()
	from := time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
	w := must[client.Webhook](t)(c.CreateWebhook(ctx, client.CreateWebhook{
		URL: receiver(t, 200), Preset: client.Set("push"), Format: client.Set("raw"),
		Filter:    map[string]any{"data.amount": map[string]any{"$gte": 100}},
		Transform: client.Set("function transform(event) { return {body: {n: event.data.amount}} }"),
		RateLimit: client.Set(client.RateLimitFields{PerSecond: 2.5, Burst: client.Set(7)}),
		Batch:     client.Set(client.BatchFields{MaxEvents: client.Set(10)}),
		Auth:      client.Set(client.AuthFields{Type: client.Set("basic"), Username: client.Set("u"), Password: client.Set("p")}),
		Headers:   client.Set(map[string]string{"X-Own": "1"}), DisableOn: client.Set([]int{410}), MaxConcurrency: client.Set(3),
		Maintenance: client.Set([]client.WindowFields{{From: from, To: from.Add(time.Hour)}}),
	}))
	if w.Format != "raw" || !strings.Contains(w.Filter, "event.data.amount") || w.Transform == "" || w.RateLimit == nil || w.RateLimit.PerSecond != 2.5 || w.RateLimit.Burst != 7 ||
		w.Batch == nil || w.Batch.MaxEvents != 10 || w.Batch.MaxWait != client.Duration(time.Second) || w.Auth.Username != "u" || w.Auth.Password != "***" || w.Headers["X-Own"] == "" ||
		w.DisableOn[0] != 410 || w.MaxConcurrency != 3 || len(w.Maintenance) != 1 || !w.Maintenance[0].From.Equal(from) || w.Retry.Preset != "push" || !w.SecretRotatedAt.IsZero() {
		t.Errorf("CreateWebhook: got %+v", w)
	}
	w = must[client.Webhook](t)(c.UpdateWebhook(ctx, w.ID, client.UpdateWebhook{
		Batch: client.Null[client.BatchFields](), RateLimit: client.Null[client.RateLimitFields](), Filter: json.RawMessage("null"), Format: client.Null[string](),
	}))
	if w.Batch != nil || w.RateLimit != nil || w.Filter != "" || w.Format != "relay" || w.MaxConcurrency != 3 {
		t.Errorf("UpdateWebhook with null: got %+v, want the defaults, and the rest as it was", w)
	}
	shown := must[[]client.PreviewedEvent](t)(c.PreviewWebhook(ctx, w.ID, client.PreviewRequest{Events: client.Set([]client.NewEvent{{Type: "a.b", Data: map[string]int{"amount": 120}}})}))
	if len(shown) != 1 || shown[0].Request == nil || shown[0].Request.Body != `{"n":120}` {
		t.Errorf("PreviewWebhook: got %+v, want what the transform makes", shown)
	}
	ips := must[client.EgressIPs](t)(c.GetEgressIPs(ctx))
	if ips.IPs == nil || len(ips.IPs) != 0 {
		t.Errorf("GetEgressIPs: got %v, want an empty list", ips.IPs)
	}
}

// TestCatalogue: event types and derivation rules.
func TestCatalogue(t *testing.T) {
	c, ctx := server(t), t.Context()
	made := must[client.EventType](t)(c.CreateEventType(ctx, client.CreateEventType{
		Name: "shop.paid", Schema: json.RawMessage(`{"type":"object","required":["amount"],"properties":{"amount":{"type":"number"}}}`), Example: map[string]int{"amount": 5}, Validation: client.Set("strict"),
	}))
	if made.Name != "shop.paid" || made.Pack != "" || string(made.Example) != `{"amount":5}` || made.CreatedAt.IsZero() {
		t.Errorf("CreateEventType: got %+v", made)
	}
	if _, err := c.Publish(ctx, client.NewEvent{Type: "shop.paid", Data: map[string]string{"amount": "x"}}); statusOf(err) != 422 {
		t.Errorf("an event that does not fit: got %v, want 422", err)
	}
	changed := must[client.EventType](t)(c.UpdateEventType(ctx, "shop.paid", client.UpdateEventType{Description: client.Set("money came"), Validation: client.Null[string]()}))
	if changed.Description != "money came" || changed.Validation != "warn" {
		t.Errorf("UpdateEventType: got %+v", changed)
	}
	if e := must[client.EventExample](t)(c.GetEventTypeExample(ctx, "shop.paid", client.GetEventTypeExampleParams{})); !strings.Contains(string(e.Data), "5") {
		t.Errorf("GetEventTypeExample: got %s", e.Data)
	}
	must[client.EventType](t)(c.GetEventType(ctx, "shop.paid", client.GetEventTypeParams{Version: changed.Version}))
	own := collect(t, c.ListEventTypes(ctx, client.ListEventTypesParams{Pack: "own"}))
	if len(own) != 1 || own[0].Name != "shop.paid" {
		t.Errorf("ListEventTypes: got %+v, want shop.paid", own)
	}
	schema := []byte(`{"title":"shop.sent","type":"object"}`)
	for i, dry := range []bool{true, false} {
		got := must[client.ImportedTypes](t)(c.ImportEventTypes(ctx, client.ImportEventTypesParams{Format: "json-schema", DryRun: dry}, "application/json", schema))
		if got.DryRun != dry || len(got.Types) != 1 || got.Types[0].Name != "shop.sent" || got.Types[0].Outcome != "created" {
			t.Errorf("ImportEventTypes %d: got %+v", i, got)
		}
	}
	if got := must[client.Catalogue](t)(c.UpdateCatalogue(ctx, client.UpdateCatalogue{Validation: client.Set("off")})); got.Validation != "off" {
		t.Errorf("UpdateCatalogue: got %+v", got)
	}
	if got := must[client.Catalogue](t)(c.GetCatalogue(ctx)); got.Validation != "off" || got.Types == 0 {
		t.Errorf("GetCatalogue: got %+v", got)
	}
	rule := must[client.DerivationRule](t)(c.CreateDerivationRule(ctx, client.CreateDerivationRule{Name: "big", On: "shop.paid", When: client.Set("event.data.amount > 100"), Type: "shop.big", Data: "event.data"}))
	if !rule.Enabled || rule.Type != "shop.big" {
		t.Errorf("CreateDerivationRule: got %+v", rule)
	}
	if got := must[client.DerivationRule](t)(c.UpdateDerivationRule(ctx, "big", client.UpdateDerivationRule{Enabled: client.Set(false)})); got.Enabled {
		t.Errorf("UpdateDerivationRule: got %+v, want it off", got)
	}
	must[client.DerivationRule](t)(c.GetDerivationRule(ctx, "big"))
	if rules := must[[]client.DerivationRule](t)(c.ListDerivationRules(ctx)); !slices.ContainsFunc(rules, func(r client.DerivationRule) bool { return r.Name == "big" }) {
		t.Errorf("ListDerivationRules: got %+v, want big among them", rules)
	}
	if err := errors.Join(c.DeleteDerivationRule(ctx, "big"), c.DeleteEventType(ctx, "shop.sent")); err != nil {
		t.Error(err)
	}
	if _, err := c.GetDerivationRule(ctx, "big"); !client.IsNotFound(err) {
		t.Errorf("a deleted rule: got %v, want IsNotFound", err)
	}
}

// TestDeliveries: what became of an event, and doing it again.
func TestDeliveries(t *testing.T) {
	c, ctx := server(t), t.Context()
	bad := must[client.Webhook](t)(c.CreateWebhook(ctx, client.CreateWebhook{URL: receiver(t, 500), Retry: client.Set(client.RetryFields{Attempts: client.Set(3), Waits: client.Set([]client.Duration{client.Duration(time.Hour)})})}))
	begun := time.Now().Add(-time.Minute)
	ev := must[client.PublishedEvent](t)(c.Publish(ctx, client.NewEvent{Type: "a.b", Data: 1}))
	var d client.Delivery
	until(t, "the first attempt", func() bool {
		list := must[[]client.Delivery](t)(c.ListEventDeliveries(ctx, ev.ID))
		if len(list) == 1 {
			d = list[0]
		}
		return d.Attempts == 1 && d.State == "waiting"
	})
	if d.NextAttemptAt.IsZero() || d.WebhookID != bad.ID {
		t.Errorf("ListEventDeliveries: got %+v", d)
	}
	why := must[[]client.Explanation](t)(c.ExplainEvent(ctx, ev.ID, client.ExplainEventParams{WebhookID: bad.ID}))
	if len(why) != 1 || why[0].Delivery == nil || why[0].Delivery.ID != d.ID {
		t.Errorf("ExplainEvent: got %+v", why)
	}
	must[client.Delivery](t)(c.RetryDelivery(ctx, d.ID))
	until(t, "the second attempt", func() bool { return must[client.Delivery](t)(c.GetDelivery(ctx, d.ID)).Attempts == 2 })
	if got := collect(t, c.ListDeliveries(ctx, client.ListDeliveriesParams{WebhookID: bad.ID, State: "waiting"})); len(got) != 1 {
		t.Errorf("ListDeliveries: got %+v, want the one that waits", got)
	}
	if got := must[client.Delivery](t)(c.CancelDelivery(ctx, d.ID)); got.State != "canceled" {
		t.Errorf("CancelDelivery: got %+v", got)
	}
	if got := must[client.ResendAnswer](t)(c.ResendEvent(ctx, ev.ID, client.ResendRequest{WebhookID: client.Set(bad.ID)})); !slices.Equal(got.Deliveries, []string{d.ID}) {
		t.Errorf("ResendEvent: got %+v, want %s", got, d.ID)
	}
	var attempts []client.Attempt
	until(t, "three attempts in the log", func() bool {
		attempts = collect(t, c.ListAttempts(ctx, client.ListAttemptsParams{EventID: ev.ID, Limit: 2}))
		return len(attempts) == 3
	})
	if len(collect(t, c.ListWebhookAttempts(ctx, bad.ID, client.ListWebhookAttemptsParams{Code: "5xx"}))) != 3 || attempts[0].Response.Status != 500 {
		t.Errorf("attempts: got %+v", attempts)
	}
	until(t, "the counters", func() bool {
		s := must[client.Stats](t)(c.GetStats(ctx, client.GetStatsParams{WebhookID: bad.ID, Step: client.Duration(5 * time.Minute)}))
		return s.Step == client.Duration(5*time.Minute) && s.Totals.Retrying+s.Totals.Failed == 3
	})
	if _, err := c.ReplayWebhook(ctx, bad.ID, client.SinceRequest{Since: time.Now().Add(time.Hour)}); statusOf(err) != 422 {
		t.Errorf("a replay from the future on: got %v, want 422", err)
	}
	for _, start := range []func() (client.Job, error){
		func() (client.Job, error) { return c.ReplayWebhook(ctx, bad.ID, client.SinceRequest{Since: begun}) },
		func() (client.Job, error) { return c.RecoverWebhook(ctx, bad.ID, client.SinceRequest{Since: begun}) },
	} {
		job := must[client.Job](t)(start())
		until(t, job.Kind, func() bool { return must[client.Job](t)(c.GetJob(ctx, job.ID)).State == "done" })
		if _, err := c.CancelJob(ctx, job.ID); err != nil && statusOf(err) != 409 {
			t.Errorf("CancelJob: %v", err)
		}
	}
	if jobs := must[[]client.Job](t)(c.ListJobs(ctx)); len(jobs) != 2 {
		t.Errorf("ListJobs: got %+v, want two", jobs)
	}
}

// TestRespondents: campaigns, respondents, the gate and its integrations.
func TestRespondents(t *testing.T) {
	c, ctx := server(t), t.Context()
	if got := must[client.Campaign](t)(c.CreateCampaign(ctx, client.CreateCampaign{ID: 7, Name: client.Set("spring")})); got.ID != 7 || got.Name != "spring" {
		t.Errorf("CreateCampaign: got %+v", got)
	}
	if got := must[client.Campaign](t)(c.UpdateCampaign(ctx, "7", client.UpdateCampaign{Name: client.Set("summer")})); got.Name != "summer" {
		t.Errorf("UpdateCampaign: got %+v", got)
	}
	person := client.NewRespondent{CampaignID: 7, ID: client.Set("crm-1"), DoNotContact: client.Set(true),
		Respondent: client.NewPerson{FirstName: client.Set("Ann"), EmailAddress: client.Set("ann@example.com"), Company: client.Set(client.Company{Name: client.Set("Acme")})}, Custom: []int{1, 2}}
	added := must[client.ReceivedRespondent](t)(c.AddRespondent(ctx, person))
	again := must[client.ReceivedRespondent](t)(c.AddRespondent(ctx, person))
	if added.State != "stored" || added.Duplicate || !again.Duplicate || again.ID != added.ID || string(added.Custom) != "[1,2]" || !added.DoNotContact {
		t.Errorf("AddRespondent: got %+v, then %+v", added, again)
	}
	for _, tt := range []struct {
		q    client.ListRespondentsParams
		want int
	}{{client.ListRespondentsParams{CampaignID: 7}, 1}, {client.ListRespondentsParams{DoNotContact: client.Set(true)}, 1}, {client.ListRespondentsParams{DoNotContact: client.Set(false)}, 0}, {client.ListRespondentsParams{EmailAddress: "bob@example.com"}, 0}} {
		if got := collect(t, c.ListRespondents(ctx, tt.q)); len(got) != tt.want {
			t.Errorf("ListRespondents(%+v): got %d, want %d", tt.q, len(got), tt.want)
		}
	}
	csv := must[io.ReadCloser](t)(c.ExportRespondents(ctx, client.ExportRespondentsParams{CampaignID: 7, BOM: true}))
	text := must[[]byte](t)(io.ReadAll(csv))
	if err := csv.Close(); err != nil || !strings.HasPrefix(string(text), "\ufeff") || !strings.Contains(string(text), "ann@example.com") {
		t.Errorf("ExportRespondents: got %q, %v", text, err)
	}
	must[client.Integration](t)(c.CreateIntegration(ctx, client.CreateIntegration{Name: "mine"}))
	if list := must[[]client.Integration](t)(c.ListIntegrations(ctx)); !slices.ContainsFunc(list, func(i client.Integration) bool { return i.Name == "mine" && !i.BuiltIn }) {
		t.Errorf("ListIntegrations: got %+v", list)
	}
	received := must[client.ReceivedRespondent](t)(c.ReceiveRespondent(ctx, "mine", client.NewRespondent{CampaignID: 7, Respondent: client.NewPerson{FirstName: client.Set("Bob"), EmailAddress: client.Set("bob@example.com")}}))
	if received.Integration != "mine" || received.State != "stored" {
		t.Errorf("ReceiveRespondent: got %+v", received)
	}
	if _, err := c.RetryRespondent(ctx, received.ID); statusOf(err) != 409 {
		t.Errorf("RetryRespondent of one that is not held: got %v, want 409", err)
	}
	if _, err := c.UpdateGate(ctx, client.UpdateGate{Timeout: client.Set(client.Duration(5 * time.Second))}); statusOf(err) != 422 {
		t.Errorf("settings of an endpoint without a URL: got %v, want 422", err)
	}
	gate := must[client.GateSettings](t)(c.UpdateGate(ctx, client.UpdateGate{URL: client.Set(receiver(t, 200)), Timeout: client.Set(client.Duration(5 * time.Second))}))
	if gate.Timeout != client.Duration(5*time.Second) || gate.Enabled || gate.Mode != "forward" {
		t.Errorf("UpdateGate: got %+v", gate)
	}
	if got := must[client.TestAnswer](t)(c.TestGate(ctx)); got.Attempt.Response == nil || got.Attempt.Response.Status != 200 {
		t.Errorf("TestGate: got %+v", got)
	}
	until(t, "the test in the gate's log", func() bool { return len(collect(t, c.ListGateAttempts(ctx, client.ListGateAttemptsParams{}))) == 1 })
	if got := must[client.GateSettings](t)(c.GetGate(ctx)); got.URL != gate.URL {
		t.Errorf("GetGate: got %+v", got)
	}
	must[client.Respondent](t)(c.GetRespondent(ctx, added.ID))
	if got := must[client.EraseAnswer](t)(c.ErasePerson(ctx, client.EraseRequest{EmailAddress: client.Set("bob@example.com")})); got.Erased != 1 {
		t.Errorf("ErasePerson: got %+v", got)
	}
	if err := errors.Join(c.EraseRespondent(ctx, added.ID), c.DeleteIntegration(ctx, "mine")); err != nil {
		t.Error(err)
	}
	if got := collect(t, c.ListCampaigns(ctx, client.ListCampaignsParams{})); len(got) == 0 {
		t.Error("ListCampaigns: got none")
	}
	if got := must[client.Campaign](t)(c.GetCampaign(ctx, "7")); got.Respondents != 0 {
		t.Errorf("GetCampaign: got %+v, want nobody in it", got)
	}
	if err := c.DeleteCampaign(ctx, "7"); err != nil {
		t.Error(err)
	}
}

// TestAdministration: keys, the audit log, encryption keys, and what needs no key.
func TestAdministration(t *testing.T) {
	c, ctx := server(t), t.Context()
	in := client.CreateKey{Name: "reader", Scopes: []string{"read"}, ExpiresAt: client.Set(time.Now().Add(time.Hour))}
	made := must[client.Key](t)(c.CreateKey(ctx, in))
	reader := dialWith(t, c, made.Key)
	if len(must[[]client.Key](t)(c.ListKeys(ctx))) < 2 || made.ExpiresAt.IsZero() || !made.RevokedAt.IsZero() {
		t.Errorf("CreateKey: got %+v", made)
	}
	if _, err := reader.ListKeys(ctx); statusOf(err) != 403 {
		t.Errorf("ListKeys with the scope read: got %v, want 403", err)
	}
	must[client.Catalogue](t)(reader.GetCatalogue(ctx))
	if err := c.RevokeKey(ctx, made.ID); err != nil {
		t.Error(err)
	}
	if _, err := reader.GetCatalogue(ctx); statusOf(err) != 401 {
		t.Errorf("with a revoked key: got %v, want 401", err)
	}
	var actions []string
	for _, e := range collect(t, c.ListAudit(ctx, client.ListAuditParams{Action: "key.*", Limit: 1})) {
		actions = append(actions, e.Action)
	}
	if !slices.Equal(actions, []string{"key.revoke", "key.create"}) {
		t.Errorf("ListAudit: got %q", actions)
	}
	if got := must[client.RotatedEncryption](t)(c.RotateEncryptionKeys(ctx, client.RotateEncryption{})); got.Webhooks != 0 {
		t.Errorf("RotateEncryptionKeys: got %+v", got)
	}
	anybody := dialWith(t, c, "")
	if p := must[client.Probe](t)(anybody.GetLiveness(ctx)); p.Status != "ok" {
		t.Errorf("GetLiveness: got %+v", p)
	}
	must[client.Probe](t)(anybody.GetReadiness(ctx))
	if d := must[client.OpenAPIDocument](t)(anybody.GetDocument(ctx)); d.OpenAPI == "" || !strings.Contains(string(d.Paths), "/v1/events") {
		t.Errorf("GetDocument: got %.200s", d.Paths)
	}
	for want, open := range map[string]func() (io.ReadCloser, error){
		"<h1>Relay API": func() (io.ReadCloser, error) { return anybody.GetDocs(ctx) },
		"# HELP":        func() (io.ReadCloser, error) { return c.GetMetrics(ctx) },
	} {
		body := must[io.ReadCloser](t)(open())
		text := must[[]byte](t)(io.ReadAll(body))
		if err := body.Close(); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("got %.200s, %v, want %q in it", text, err, want)
		}
	}
}
