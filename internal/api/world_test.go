package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/api"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/destination"
	httpdest "github.com/relay-events/relay/internal/destination/http"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	resthook "github.com/relay-events/relay/internal/hook"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/logview"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/provider"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/tally"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/web"
	"github.com/relay-events/relay/internal/webhook"
)

// adminKey is the operator's key in tests.
const adminKey = "rk_test_admin_key_0123456789"

// world is everything behind the API, as the program wires it: the store on files, the engine, and a server.
type world struct {
	t       testing.TB
	url     string // of the server
	addr    string
	store   *sqlite.Store
	keys    *account.Authenticator
	tenants *account.Tenants
	api     *api.API
	hooks   *webhook.Registry
	dir     string // the store's
	gate    *gate.Gate
	// cookie is the session of somebody who has signed in, as browsers send it; see person.
	cookie string
	code   string // a recovery code; see enrolled
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := context.Background()
	quiet := slog.New(slog.DiscardHandler)
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	dir := t.TempDir()
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Log: quiet})
	check("opening the store", err)
	t.Cleanup(func() { store.Close() })
	keys, err := account.NewAuthenticator(ctx, store)
	check("reading keys", err)
	check("setting the admin key", keys.PutAdminKey(ctx, adminKey))
	tenants, err := account.NewTenants(ctx, store)
	check("reading tenants", err)
	client := egress.New(egress.Options{Dev: true})
	t.Cleanup(client.Close)
	types, err := catalogue.NewRegistry(ctx, store, catalogue.Options{Evaluator: ingest.Conditions{}})
	check("reading the catalogue", err)
	hooks, err := webhook.NewRegistry(ctx, store, client)
	check("reading webhooks", err)
	hooks.Canonical(types.Canonical)
	check("following the tenants", hooks.Follow(tenants))
	plans, err := account.NewPlans(ctx, store, tenants)
	check("reading plans", err)
	hooks.Limit(plans)
	scripts := testScripts()
	hooks.SetCompiler(scripts)
	people, err := gate.New(ctx, gate.Config{Store: store, Webhooks: hooks, Log: quiet})
	check("making the gate", err)
	t.Cleanup(people.Stop)
	destinations := httpdest.Table(httpdest.Options{Client: client, Tokens: client, UserAgent: "Relay/test"})
	partners, err := connector.New(ctx, connector.Config{Plans: plans, Store: store, Webhooks: hooks, Client: client, Scripts: scripts, Log: quiet})
	check("making the connectors", err)
	platforms := resthook.New(resthook.Config{Webhooks: hooks, Types: types, Events: store})
	audiences, err := audience.New(ctx, audience.Config{Plans: plans, Store: store, Records: store, Connectors: partners, Log: quiet})
	check("making the audiences", err)
	journeys, err := journey.New(ctx, journey.Config{Plans: plans, Store: store, Records: store, Connectors: partners, Audiences: audiences, Webhooks: hooks, Log: quiet})
	check("making the journeys", err)
	destinations.Owners = map[string]destination.Wrapper{gate.Owner: people, connector.Owner: partners, journey.Owner: journeys.Destination(), webhook.HookOwner: platforms}
	destinations.Kinds[connector.Owner], destinations.Kinds[journey.Owner] = partners, journeys.Destination()
	hooks.SetDestinations(destinations)
	var publisher *ingest.Ingester
	operational := func(ctx context.Context, tenant event.TenantID, eventType string, data []byte) error {
		return publisher.Publish(ctx, &ingest.Publication{Tenant: tenant, Operational: true, Items: []ingest.Item{{Event: event.Event{Tenant: tenant, Type: eventType, Data: data, Time: time.Now()}}}})
	}
	engine, err := delivery.New(delivery.Config{Store: store, Webhooks: hooks, Destinations: destinations, Transforms: scripts, Log: quiet, Publish: operational})
	check("making the engine", err)
	counts := tally.New(store, quiet)
	engine.CountBy(counts.Attempts)
	check("starting the engine", engine.Start(ctx))
	t.Cleanup(func() { engine.Stop(ctx) })
	publisher = ingest.New(store, engine, types)
	publisher.CountBy(counts.Received)
	t.Cleanup(publisher.Stop)
	rates := account.NewRates(plans, store, nil)
	publisher.Limit(rates)
	plans.Announce(func(ctx context.Context, tenant event.TenantID, eventType string, data []byte) {
		check("announcing", operational(ctx, tenant, eventType, data))
	})
	history, err := ledger.New(ledger.Config{Store: store, Webhooks: hooks, Machine: engine, Rules: types.RuleList})
	check("making the ledger", err)
	people.Start(publisher, engine, history)
	partners.Start(publisher, engine)
	settings, err := user.NewSettings(ctx, store)
	check("reading how people sign in", err)
	sessions, err := user.NewSessions(store, settings, quiet)
	check("making the sessions", err)
	sealer, err := secret.Open(filepath.Join(t.TempDir(), "keys"), nil)
	check("making keys", err)
	check("storing keys", sealer.Save())
	sessions.UsePasskeys(sealer)
	providers, err := provider.New(ctx, provider.Config{
		Store: store, Sessions: sessions, Egress: client,
		Tenant: func(name string) (event.TenantID, bool) { x, ok := tenants.Tenant(name); return x.ID, ok },
	})
	check("making the identity providers", err)
	directory := user.NewDirectory(store)
	directory.Limit(func(tenant event.TenantID) (user.Quota, func(context.Context)) {
		if q, used := plans.Users(tenant); q != nil {
			return q, used
		}
		return nil, nil // and not a nil *Quota
	})
	portals, err := portal.New(ctx, store, store, tenants, plans)
	check("reading portals", err)
	a, err := api.New(api.Options{
		Portals: portals, Views: logview.New(store),
		Users: directory, Sessions: sessions, SignInSettings: settings, Providers: providers,
		Gate: people, Hooks: platforms, Connectors: partners, Audiences: audiences, Journeys: journeys, Audit: store, Answers: store,
		Keys: keys, Tenants: tenants, Plans: plans, Rates: rates, Webhooks: hooks, Engine: engine, Ledger: history, Tally: counts, Publisher: publisher, Events: store, Types: types, Version: "test", Log: quiet,
		Ready:   func(context.Context) error { return nil },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "relay_up 1\n") }),
	})
	check("making the API", err)
	server, err := web.New(web.Options{Handler: a, Express: a.Express(), Log: quiet})
	check("making the server", err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check("listening", err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		stop, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		http.DefaultClient.CloseIdleConnections()
		if err := server.Stop(stop); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return &world{t: t, url: "http://" + l.Addr().String(), addr: l.Addr().String(), store: store, keys: keys, tenants: tenants, api: a, hooks: hooks, dir: dir, gate: people}
}

// answer is the server's answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes a request with the admin's key; headers are pairs and win over those set here.
func (w *world) do(method, path, body string, headers ...string) answer {
	w.t.Helper()
	resp, err := http.DefaultClient.Do(w.request(method, path, body, headers...))
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("%s %s: reading the answer: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, b}
}

// request makes the request that do sends.
func (w *world) request(method, path, body string, headers ...string) *http.Request {
	w.t.Helper()
	req, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Del(headers[i])
		if headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	return req
}

// fill stores n respondents below the API.
func (w *world) fill(n int) {
	w.t.Helper()
	at := time.Now().UTC()
	for i := 0; i < n; {
		var changes []*gate.Change
		for ; i < n && len(changes) < 1000; i++ {
			text := fmt.Sprintf(`{"campaignId":1,"respondent":{"firstName":"Name %d","lastName":"Of somebody","emailAddress":"p%d@example.com","address1":"Surveystreet 42"},"custom":{"n":%d,"text":"%0200d"}}`, i, i, i, i)
			changes = append(changes, &gate.Change{Add: &gate.Respondent{Tenant: event.DefaultTenant, Campaign: 1, State: gate.Stored, Payload: []byte(text), CreatedAt: at, DecidedAt: at}})
		}
		if err := w.store.RespondentWrite(context.Background(), changes); err != nil {
			w.t.Fatal(err)
		}
	}
}

// into makes a request that must succeed with the status, and decodes the answer.
func (w *world) into(v any, status int, method, path, body string, headers ...string) {
	w.t.Helper()
	a := w.do(method, path, body, headers...)
	if a.status != status {
		w.t.Fatalf("%s %s %.300s: got %d %s, want %d", method, path, body, a.status, a.body, status)
	}
	if v != nil {
		if err := json.Unmarshal(a.body, v); err != nil {
			w.t.Fatalf("%s %s: decoding %s: %v", method, path, a.body, err)
		}
	}
}

// problem is a problem document.
type problemDoc struct {
	Type, Title, Detail, RequestID string
	Status                         int
	Errors                         []struct{ Field, Reason string }
}

// fields returns the names of the fields that are wrong.
func (p problemDoc) fields() string {
	var names []string
	for _, e := range p.Errors {
		names = append(names, e.Field)
	}
	return strings.Join(names, " ")
}

// refusedAs makes a request by a session, as a page of this server does, that must be refused with the status.
func (w *world) refusedAs(cookie string, status int, method, path, body string, headers ...string) problemDoc {
	w.t.Helper()
	return w.refused(status, method, path, body, append([]string{"Authorization", "", "Cookie", cookie, "Origin", w.url}, headers...)...)
}

// intoAs is into by a session, as a page of this server calls.
func (w *world) intoAs(cookie string, v any, status int, method, path, body string, headers ...string) {
	w.t.Helper()
	w.into(v, status, method, path, body, append([]string{"Authorization", "", "Cookie", cookie, "Origin", w.url}, headers...)...)
}

// refused makes a request that must be refused with the status, and returns the problem.
func (w *world) refused(status int, method, path, body string, headers ...string) problemDoc {
	w.t.Helper()
	a := w.do(method, path, body, headers...)
	var p problemDoc
	if err := json.Unmarshal(a.body, &p); err != nil || a.status != status || p.Status != status ||
		a.header.Get("Content-Type") != "application/problem+json" || p.Type == "" {
		w.t.Errorf("%s %s %.200s: got %d %.500s, want a problem with %d", method, path, body, a.status, a.body, status)
	}
	return p
}

// key creates a key of the default tenant and returns its text.
func (w *world) key(scopes ...access.Scope) string {
	w.t.Helper()
	_, text, err := w.keys.Create(context.Background(), access.System(event.DefaultTenant), account.NewKey{Name: "test", Scopes: scopes})
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// otherTenant is a tenant beside the default one, made with its keys below the API.
const otherTenant event.TenantID = 2

func (w *world) otherKey() string {
	w.t.Helper()
	w.another("other")
	_, text, err := w.keys.Create(context.Background(), access.System(otherTenant), account.NewKey{Name: "other", Scopes: []access.Scope{access.ScopeAdmin}})
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// eventCount returns how many events are stored.
func (w *world) eventCount() int {
	w.t.Helper()
	var list struct{ Data []json.RawMessage }
	w.into(&list, 200, "GET", "/v1/events?limit=250", "")
	return len(list.Data)
}

// received is a request that an endpoint got.
type received struct {
	header http.Header
	body   []byte
}

// endpoint starts a receiver that answers with the status in the header X-Answer of the webhook, or 200.
func endpoint(t *testing.T, status func() int) (url string, got <-chan received) {
	t.Helper()
	requests := make(chan received, 1000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		requests <- received{r.Header, b}
		w.Header().Set("X-Endpoint", "seen")
		w.WriteHeader(status())
		io.Copy(w, bytes.NewReader([]byte("thanks")))
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

// eventually waits until f reports true: for state that is stored after what the test has seen, without a signal.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("%s: not within 30 s", what)
}
