package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
)

type tenantDoc struct {
	ID, Name, State                 string
	Usage                           struct{ Webhooks, Keys int }
	SuspendedAt, DeletedAt, EraseAt *time.Time
}

// tenantKey creates a tenant with a key of its own, and returns the headers of its admin.
func (w *world) tenantKey(id string) []string {
	w.t.Helper()
	w.into(nil, 201, "POST", "/v1/tenants", fmt.Sprintf(`{"id":%q}`, id))
	var k struct{ Key string }
	w.into(&k, 201, "POST", "/v1/keys", `{"name":"admin","scopes":["admin"]}`, "Relay-Tenant", id)
	return []string{"Authorization", "Bearer " + k.Key}
}

func TestTenantsFromCreationToDeletion(t *testing.T) {
	w := newWorld(t)
	var v tenantDoc
	w.into(&v, 201, "POST", "/v1/tenants", `{"id":"acme","name":"Acme Ltd"}`)
	if v.ID != "acme" || v.Name != "Acme Ltd" || v.State != "active" || v.Usage.Webhooks != 0 {
		t.Errorf("created: got %+v", v)
	}
	w.refused(409, "POST", "/v1/tenants", `{"id":"acme"}`)
	for body, field := range map[string]string{
		`{"id":"Acme"}`: "id", `{"id":""}`: "id", `{"id":"-a"}`: "id", `{"id":"a/b"}`: "id", `{}`: "id", `{"id":"` + strings.Repeat("a", 65) + `"}`: "id",
		`{"id":"b","name":"x\u202ey"}`: "name", `{"id":"b","plan2":1}`: "plan2",
	} {
		if p := w.refused(422, "POST", "/v1/tenants", body); p.fields() != field {
			t.Errorf("%s: got the fields %q, want %q", body, p.fields(), field)
		}
	}
	w.into(nil, 404, "GET", "/v1/tenants/b", "")
	own := w.tenantKey("beta")
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:47999/"}`, own...)
	w.into(&v, 200, "GET", "/v1/tenants/beta", "")
	if v.Name != "beta" || v.Usage.Webhooks != 1 || v.Usage.Keys != 1 {
		t.Errorf("got %+v, want a webhook and a key", v)
	}
	w.into(&v, 200, "PATCH", "/v1/tenants/beta", `{"name":"Beta"}`)
	if v.Name != "Beta" {
		t.Errorf("changed: got %+v", v)
	}
	w.into(&v, 200, "PATCH", "/v1/tenants/beta", `{"name":null}`)
	if v.Name != "beta" {
		t.Errorf("changed: got %+v", v)
	}

	var names []string
	for path := "/v1/tenants?limit=2"; path != ""; {
		var page struct {
			Data       []tenantDoc
			NextCursor *string
		}
		w.into(&page, 200, "GET", path, "")
		for _, v := range page.Data {
			names = append(names, v.ID)
		}
		path = ""
		if page.NextCursor != nil {
			path = "/v1/tenants?limit=2&cursor=" + *page.NextCursor
		}
	}
	if fmt.Sprint(names) != "[acme beta default]" {
		t.Errorf("listed: got %v", names)
	}

	// Only the operator.
	for _, path := range []string{"/v1/tenants", "/v1/tenants/beta"} {
		w.refused(403, "GET", path, "", own...)
	}

	// Suspended: nothing comes in or changes, looking goes on.
	w.into(&v, 200, "POST", "/v1/tenants/beta/suspend", "")
	if v.State != "suspended" || v.SuspendedAt == nil {
		t.Errorf("suspended: got %+v", v)
	}
	for _, headers := range [][]string{own, {"Relay-Tenant", "beta"}} {
		if p := w.refused(403, "POST", "/v1/events", `{"type":"a.b","data":1}`, headers...); !strings.Contains(p.Detail, "suspended") && headers[0] == "Authorization" {
			t.Errorf("publishing: got %q", p.Detail)
		}
		w.into(nil, 200, "GET", "/v1/webhooks", "", headers...)
	}
	if p := w.refused(403, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:47999/"}`, own...); !strings.Contains(p.Detail, `"beta" is suspended`) {
		t.Errorf("creating a webhook: got %q", p.Detail)
	}
	w.into(nil, 200, "POST", "/v1/tenants/beta/resume", "")
	w.into(nil, 202, "POST", "/v1/events", `{"type":"a.b","data":1}`, own...)

	// Deleted: by its name, and not the default one.
	for _, query := range []string{"", "?confirm=Beta"} {
		if p := w.refused(422, "DELETE", "/v1/tenants/beta"+query, ""); p.fields() != "query confirm" {
			t.Errorf("got %+v", p)
		}
	}
	w.refused(409, "DELETE", "/v1/tenants/default?confirm=default", "")
	w.refused(404, "DELETE", "/v1/tenants/none?confirm=none", "")
	w.into(nil, 200, "POST", "/v1/tenants/beta/suspend", "")
	w.into(&v, 200, "DELETE", "/v1/tenants/beta?confirm=beta", "")
	if v.State != "deleted" || v.DeletedAt == nil || v.EraseAt == nil || v.EraseAt.Sub(*v.DeletedAt) != 7*24*time.Hour {
		t.Errorf("deleted: got %+v", v)
	}
	first := *v.EraseAt
	w.into(&v, 200, "DELETE", "/v1/tenants/beta?confirm=beta", "")
	if !v.EraseAt.Equal(first) {
		t.Errorf("deleted again: erased at %v, want %v", v.EraseAt, first)
	}
	for _, call := range []string{"suspend", "resume"} {
		w.refused(409, "POST", "/v1/tenants/beta/"+call, "")
	}
	if p := w.refused(403, "GET", "/v1/webhooks", "", own...); !strings.Contains(p.Detail, "will be erased") {
		t.Errorf("got %q", p.Detail)
	}
	w.refused(403, "POST", "/v1/events", `{"type":"a.b","data":1}`, own...)
	w.refused(403, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:47999/"}`, "Relay-Tenant", "beta")
	w.into(nil, 200, "GET", "/v1/webhooks", "", "Relay-Tenant", "beta")
	w.into(&v, 200, "POST", "/v1/tenants/beta/restore", "")
	if v.State != "suspended" || v.EraseAt != nil {
		t.Errorf("restored: got %+v, want it suspended, as before", v)
	}
	w.into(nil, 200, "POST", "/v1/tenants/beta/resume", "")
	w.into(nil, 202, "POST", "/v1/events", `{"type":"a.b","data":1}`, own...)
}

// TestMissingTenantsAreAlike: nobody but the operator learns whether a tenant exists.
func TestMissingTenantsAreAlike(t *testing.T) {
	w := newWorld(t)
	w.tenantKey("acme")
	_, cookie := w.join("ann@example.com", "admin")
	as := func(tenant string) string {
		a := w.do("GET", "/v1/webhooks", "", "Authorization", "", "Cookie", cookie, "Relay-Tenant", tenant)
		var p map[string]any
		if err := json.Unmarshal(a.body, &p); err != nil {
			t.Fatal(err)
		}
		delete(p, "requestId")
		return strings.ReplaceAll(fmt.Sprint(a.status, p), tenant, "X")
	}
	if a, b := as("acme"), as("none"); a != b || !strings.HasPrefix(a, "404") {
		t.Errorf("another's tenant: %s\na missing one:    %s", a, b)
	}
}

// TestFirstEventCreatesTheTenant, where the operator allows it.
func TestFirstEventCreatesTheTenant(t *testing.T) {
	w := newWorld(t)
	publish := func(status int, tenant string) {
		w.into(nil, status, "POST", "/v1/events", `{"type":"a.b","data":1}`, "Relay-Tenant", tenant)
	}
	publish(404, "fresh")
	w.api.CreateTenants = true
	// A refused event creates none.
	for _, body := range []string{`{"type":`, `{"type":"a.b"}`, `{"type":"webhook.x","data":1}`, `[]`} {
		if a := w.do("POST", "/v1/events", body, "Relay-Tenant", "fresh"); a.status < 400 || a.status > 499 {
			t.Errorf("%s: got %d %s", body, a.status, a.body)
		}
	}
	w.do("POST", "/v1/events", `{"type":"a.b"}`, "Relay-Tenant", "fresh", "Content-Type", "application/x-ndjson")
	w.refused(404, "GET", "/v1/tenants/fresh", "")
	publish(202, "fresh")
	publish(202, "fresh")
	if a := w.do("POST", "/v1/events", strings.Repeat(`{"type":"a.b","data":1}`+"\n", 600)+`{"type":"a.b"}`, "Relay-Tenant", "streamed", "Content-Type", "application/x-ndjson"); !strings.Contains(string(a.body), `"accepted":600,"duplicates":0,"failed":1`) {
		t.Errorf("a stream: got %d %s", a.status, a.body)
	}
	if got := w.published([]string{"Relay-Tenant", "streamed"}); len(got) != 250 {
		t.Errorf("a stream: got %d events", len(got))
	}
	publish(422, "No Name")
	w.refused(404, "GET", "/v1/webhooks", "", "Relay-Tenant", "other")
	w.refused(403, "POST", "/v1/events", `{"type":"a.b","data":1}`, "Relay-Tenant", "other", "Authorization", "Bearer "+w.key(access.ScopeAdmin))
	var v tenantDoc
	w.into(&v, 200, "GET", "/v1/tenants/fresh", "")
	if v.State != "active" {
		t.Errorf("got %+v", v)
	}
}

// TestSuspendedTenantHoldsDeliveries: nothing reaches its endpoints until it is resumed, and then everything does.
func TestSuspendedTenantHoldsDeliveries(t *testing.T) {
	w := newWorld(t)
	own := w.tenantKey("acme")
	var answer atomic.Int64
	answer.Store(http.StatusServiceUnavailable)
	url, got := endpoint(t, func() int { return int(answer.Load()) })
	w.into(nil, 201, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q}`, url), own...)
	var ev struct{ ID string }
	w.into(&ev, 202, "POST", "/v1/events", `{"type":"a.b","data":1}`, own...)
	<-got
	delivery := func() (v struct{ ID, State, Reason string }) {
		var list struct {
			Data []struct{ ID, State, Reason string }
		}
		w.into(&list, 200, "GET", "/v1/events/"+ev.ID+"/deliveries", "", "Relay-Tenant", "acme")
		if len(list.Data) == 1 {
			v = list.Data[0]
		}
		return v
	}
	eventually(t, "the delivery waits for its retry", func() bool { return delivery().State == "waiting" })
	w.into(nil, 200, "POST", "/v1/tenants/acme/suspend", "")
	d := delivery()
	if d.State != "held" || d.Reason != "the tenant is suspended" {
		t.Errorf("suspended: got %+v", d)
	}
	answer.Store(http.StatusOK)
	w.do("POST", "/v1/deliveries/"+d.ID+"/retry", "", "Relay-Tenant", "acme")
	if d := delivery(); d.State != "held" || len(got) != 0 {
		t.Errorf("after a retry: got %+v, and %d requests", d, len(got))
	}
	w.into(nil, 200, "POST", "/v1/tenants/acme/resume", "")
	w.into(nil, 202, "POST", "/v1/events", `{"type":"a.b","data":2}`, own...)
	<-got
	w.do("POST", "/v1/deliveries/"+d.ID+"/retry", "", own...)
	eventually(t, "what was held is delivered", func() bool { return delivery().State == "delivered" })
}

// TestErasedTenantIsGone: a deleted tenant whose time has come leaves nothing but an entry in the log of the installation, and
// its id can be given to another.
func TestErasedTenantIsGone(t *testing.T) {
	w := newWorld(t)
	own := w.tenantKey("acme")
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:47999/"}`, own...)
	w.into(nil, 202, "POST", "/v1/events", `{"type":"a.b","data":1}`, own...)
	erase := func(want time.Duration) {
		t.Helper()
		wait, err := w.tenants.Erase(t.Context(), w.store, w.hooks.DropTenant)
		if err != nil || wait > want || want > 0 && wait <= want-time.Minute {
			t.Fatalf("got %v, %v, want %v", wait, err, want)
		}
	}
	// puts the times of the tenant's state back
	age := func(by time.Duration) {
		t.Helper()
		list, err := w.store.TenantList(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		v := list[1]
		v.Life.Since, v.Life.EraseAt = v.Life.Since.Add(-by), v.Life.EraseAt.Add(-by)
		if err := w.store.TenantUpdate(t.Context(), &v, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.tenants.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	erase(time.Hour)
	w.into(nil, 200, "DELETE", "/v1/tenants/acme?confirm=acme", "")
	erase(time.Hour)
	age(7*24*time.Hour - 30*time.Minute)
	erase(30 * time.Minute)
	age(30 * time.Minute)
	erase(10 * time.Second) // all servers learn of it first
	for _, path := range []string{"/v1/tenants/acme", "/v1/tenants/%2351"} {
		w.refused(404, "GET", path, "")
	}
	w.refused(404, "POST", "/v1/tenants/acme/restore", "")
	w.refused(404, "GET", "/v1/webhooks", "", "Relay-Tenant", "acme")
	age(10 * time.Second)
	erase(0)
	erase(time.Hour)
	w.refused(401, "GET", "/v1/webhooks", "", own...)
	log := w.audit("platform")
	if log[0].Action != "tenant.erase" || log[0].Target == nil || *log[0].Target != "acme" || log[0].Actor.Kind != "system" {
		t.Errorf("got the entry %+v", log[0])
	}
	own = w.tenantKey("acme")
	for _, path := range []string{"/v1/webhooks", "/v1/events"} {
		var v struct{ Data []json.RawMessage }
		if w.into(&v, 200, "GET", path, "", own...); len(v.Data) != 0 {
			t.Errorf("%s of a new tenant with the id: got %s", path, v.Data)
		}
	}
}
