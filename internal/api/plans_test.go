package api_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

type planDoc struct {
	Name             string
	Limits           struct{ Webhooks, Hooks, Users *int64 }
	Shipped, Changed bool
}

func TestPlans(t *testing.T) {
	w := newWorld(t)
	plans := func() string {
		t.Helper()
		var v struct{ Data []planDoc }
		w.into(&v, 200, "GET", "/v1/plans", "")
		var list []string
		for _, p := range v.Data {
			limit := "-"
			if p.Limits.Webhooks != nil {
				limit = fmt.Sprint(*p.Limits.Webhooks)
			}
			if p.Changed {
				limit += "!"
			}
			list = append(list, p.Name+" "+limit)
		}
		return strings.Join(list, ", ")
	}
	const shipped = "solo 0, team 5, business 20, unlimited -"
	if got := plans(); got != shipped {
		t.Errorf("got %q, want %q", got, shipped)
	}
	w.into(nil, 201, "POST", "/v1/plans", `{"name":"starter","limits":{"webhooks":2,"users":1}}`)
	w.refused(409, "POST", "/v1/plans", `{"name":"starter"}`)
	w.refused(409, "POST", "/v1/plans", `{"name":"team"}`)
	for body, field := range map[string]string{
		`{"name":"Starter"}`: "name", `{"name":"x","limits":{"webhooks":-1}}`: "limits.webhooks", `{"name":"x","limits":{"webhooks":1000001}}`: "limits.webhooks",
		`{"name":"x","limits":{"webhook":1}}`: "limits.webhook",
	} {
		if p := w.refused(422, "POST", "/v1/plans", body); p.fields() != field {
			t.Errorf("%s: got the fields %q, want %q", body, p.fields(), field)
		}
	}
	w.into(nil, 200, "PATCH", "/v1/plans/team", `{"limits":{"webhooks":6}}`)
	w.into(nil, 200, "PATCH", "/v1/plans/starter", `{"limits":{"webhooks":null}}`)
	if got, want := plans(), "solo 0, team 6!, business 20, unlimited -, starter -"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.into(nil, 201, "POST", "/v1/tenants", `{"id":"acme","plan":"starter"}`)
	if p := w.refused(409, "DELETE", "/v1/plans/starter", ""); !strings.Contains(p.Detail, "1 tenants") {
		t.Errorf("got %+v", p)
	}
	if p := w.refused(422, "PATCH", "/v1/tenants/acme", `{"plan":"none"}`); p.fields() != "plan" {
		t.Errorf("got %+v", p)
	}
	w.into(nil, 200, "PATCH", "/v1/tenants/acme", `{"plan":null}`)
	w.into(nil, 204, "DELETE", "/v1/plans/starter", "")
	w.into(nil, 204, "DELETE", "/v1/plans/team", "") // as it was shipped
	w.refused(409, "DELETE", "/v1/plans/team", "")
	w.refused(404, "DELETE", "/v1/plans/starter", "")
	w.refused(404, "GET", "/v1/plans/starter", "")
	if got := plans(); got != shipped {
		t.Errorf("got %q, want %q", got, shipped)
	}
}

// limitDoc is the problem of a limit that is reached.
type limitDoc struct {
	Type, Detail, Limit, Plan string
	Allowed, Used             *int64
}

func (w *world) overLimit(path, body string, headers ...string) (p limitDoc) {
	w.t.Helper()
	a := w.do("POST", path, body, headers...)
	if err := json.Unmarshal(a.body, &p); err != nil || a.status != 403 || p.Type != "urn:relay:problem:plan-limit" || p.Allowed == nil || p.Used == nil {
		w.t.Errorf("%s: got %d %s, want a limit", path, a.status, a.body)
		p.Allowed, p.Used = new(int64), new(int64)
	}
	return p
}

const aHook = `{"url":"http://127.0.0.1:47999/"}`

// TestPlanLimits: the document's plans, and that a smaller plan takes nothing away.
func TestPlanLimits(t *testing.T) {
	w := newWorld(t)
	own := w.tenantKey("acme")
	w.into(nil, 200, "PATCH", "/v1/tenants/acme", `{"plan":"solo"}`)
	if p := w.overLimit("/v1/webhooks", aHook, own...); p.Limit != "webhooks" || p.Plan != "solo" || *p.Allowed != 0 || *p.Used != 0 || !strings.Contains(p.Detail, "change the plan") {
		t.Errorf("on solo: got %+v", p)
	}
	w.into(nil, 200, "PATCH", "/v1/tenants/acme", `{"plan":"team"}`)
	var ids []string
	for range 5 {
		var v struct{ ID string }
		w.into(&v, 201, "POST", "/v1/webhooks", aHook, own...)
		ids = append(ids, v.ID)
	}
	if p := w.overLimit("/v1/webhooks", aHook, own...); p.Plan != "team" || *p.Allowed != 5 || *p.Used != 5 {
		t.Errorf("on team: got %+v", p)
	}
	// Paused ones count, deleted ones do not.
	w.into(nil, 200, "POST", "/v1/webhooks/"+ids[0]+"/pause", "", own...)
	w.overLimit("/v1/webhooks", aHook, own...)
	w.into(nil, 200, "POST", "/v1/webhooks/"+ids[0]+"/resume", "", own...)
	w.into(nil, 204, "DELETE", "/v1/webhooks/"+ids[1], "", own...)
	w.into(nil, 201, "POST", "/v1/webhooks", aHook, own...)

	w.into(nil, 200, "PATCH", "/v1/tenants/acme", `{"limits":{"webhooks":3}}`)
	var list struct {
		Data []struct{ Status string }
	}
	w.into(&list, 200, "GET", "/v1/webhooks", "", own...)
	if len(list.Data) != 5 || list.Data[0].Status != "active" {
		t.Errorf("after a smaller limit: got %+v, want all as they were", list)
	}
	w.into(nil, 200, "POST", "/v1/webhooks/"+ids[0]+"/pause", "", own...)
	if p := w.overLimit("/v1/webhooks/"+ids[0]+"/resume", "", own...); *p.Allowed != 3 || *p.Used != 5 {
		t.Errorf("resuming: got %+v", p)
	}
	var usage struct {
		Plan   string
		Limits []struct {
			Limit         string
			Allowed, Used *int64
		}
	}
	w.into(&usage, 200, "GET", "/v1/usage", "", own...)
	if u := usage.Limits[0]; usage.Plan != "team" || u.Limit != "webhooks" || *u.Allowed != 3 || *u.Used != 5 || usage.Limits[2].Allowed != nil {
		t.Errorf("got %+v", usage)
	}

	// Users.
	w.into(nil, 200, "PATCH", "/v1/tenants/acme", `{"limits":{"webhooks":null,"users":1}}`)
	w.into(nil, 201, "POST", "/v1/users", `{"email":"ann@example.com","role":"viewer"}`, own...)
	if p := w.overLimit("/v1/users", `{"email":"bob@example.com","role":"viewer"}`, own...); p.Limit != "users" || *p.Used != 1 {
		t.Errorf("users: got %+v", p)
	}

	// Events when four fifths and all of a limit are used.
	types := map[string]int{}
	for _, e := range w.published(own) {
		types[e.Type]++
		var data struct {
			Limit, Plan   string
			Allowed, Used int64
		}
		if err := json.Unmarshal(e.Data, &data); err != nil || data.Plan != "team" || data.Used > data.Allowed {
			t.Errorf("got %s %s, %v", e.Type, e.Data, err)
		}
	}
	if types["plan.limit_near"] != 1 || types["plan.limit_reached"] != 3 { // webhooks twice, users
		t.Errorf("got the events %v", types)
	}
}

func (w *world) published(headers []string) []struct {
	Type string
	Data json.RawMessage
} {
	w.t.Helper()
	var list struct {
		Data []struct {
			Type string
			Data json.RawMessage
		}
	}
	w.into(&list, 200, "GET", "/v1/events?limit=250", "", headers...)
	return list.Data
}

// TestPlanLimitIsExact: of 50 creations at the same time as many succeed as the plan allows.
func TestPlanLimitIsExact(t *testing.T) {
	w := newWorld(t)
	own := w.tenantKey("acme")
	w.into(nil, 200, "PATCH", "/v1/tenants/acme", `{"plan":"team"}`)
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[int]int{}
	for range 50 {
		wg.Go(func() {
			a := w.do("POST", "/v1/webhooks", aHook, own...)
			mu.Lock()
			defer mu.Unlock()
			got[a.status]++
		})
	}
	wg.Wait()
	if got[201] != 5 || got[403] != 45 {
		t.Errorf("got %v, want 5 created and 45 refused", got)
	}
}

// rateLimited publishes and wants to be refused because of a rate.
func (w *world) rateLimited(body string, headers ...string) (p limitDoc, retryAfter int) {
	w.t.Helper()
	a := w.do("POST", "/v1/events", body, headers...)
	retryAfter, err := strconv.Atoi(a.header.Get("Retry-After"))
	if json.Unmarshal(a.body, &p) != nil || err != nil || a.status != 429 || p.Type != "urn:relay:problem:too-many-requests" || p.Allowed == nil || p.Used == nil {
		w.t.Fatalf("got %d %v %s, want to be over a rate", a.status, a.header, a.body)
	}
	return p, retryAfter
}

// events returns an array of n events.
func eventArray(n int) string {
	return "[" + strings.Repeat(`{"type":"a.b","data":1},`, n-1) + `{"type":"a.b","data":1}]`
}

// TestRates: over a rate events are refused, what is refused or a duplicate does not count, and usage and events tell how
// much is used.
func TestRates(t *testing.T) {
	w := newWorld(t)
	w.into(nil, 201, "POST", "/v1/plans", `{"name":"small","limits":{"eventsPerSecond":1,"eventsPerDay":1000}}`)
	for body, field := range map[string]string{
		`{"limits":{"eventsPerSecond":0}}`: "limits.eventsPerSecond", `{"limits":{"eventsPerDay":-1}}`: "limits.eventsPerDay",
		`{"limits":{"eventsPerSecond":1000001}}`: "limits.eventsPerSecond",
	} {
		if p := w.refused(422, "PATCH", "/v1/plans/small", body); p.fields() != field {
			t.Errorf("%s: got the fields %q, want %q", body, p.fields(), field)
		}
	}
	usage := func(limit string, headers []string) (allowed, used *int64) {
		t.Helper()
		var v struct {
			Limits []struct {
				Limit         string
				Allowed, Used *int64
			}
		}
		w.into(&v, 200, "GET", "/v1/usage", "", headers...)
		for _, u := range v.Limits {
			if u.Limit == limit {
				return u.Allowed, u.Used
			}
		}
		t.Fatalf("no %q in %+v", limit, v)
		return nil, nil
	}

	t.Run("second", func(t *testing.T) {
		own := w.tenantKey("fast")
		w.into(nil, 202, "POST", "/v1/events", eventArray(30), own...)
		if allowed, used := usage("eventsPerSecond", own); allowed != nil || used != nil {
			t.Errorf("without a limit: got %v, %v", allowed, used)
		}
		w.into(nil, 200, "PATCH", "/v1/tenants/fast", `{"plan":"small"}`)
		// More than a second's worth empties the bucket for as long as it takes to fill.
		w.into(nil, 202, "POST", "/v1/events", eventArray(100), own...)
		p, after := w.rateLimited(`{"type":"a.b","data":1}`, own...)
		if p.Limit != "eventsPerSecond" || p.Plan != "small" || *p.Allowed != 1 || after < 50 || after > 130 {
			t.Errorf("got %+v, again after %d s", p, after)
		}
		if allowed, used := usage("eventsPerSecond", own); *allowed != 1 || *used != 1 {
			t.Errorf("got %d of %d", *used, *allowed)
		}
		if _, used := usage("eventsPerDay", own); *used != 100 {
			t.Errorf("got %d events today, want 100", *used)
		}
		w.into(nil, 200, "PATCH", "/v1/tenants/fast", `{"limits":{"eventsPerSecond":100000}}`)
		w.into(nil, 202, "POST", "/v1/events", eventArray(100), own...)
		w.into(nil, 200, "PATCH", "/v1/plans/small", `{"limits":{"eventsPerDay":250}}`)
		if p, _ := w.rateLimited(eventArray(100), own...); p.Limit != "eventsPerDay" || *p.Allowed != 250 || *p.Used < 200 || *p.Used > 203 {
			t.Errorf("after a smaller plan: got %+v, %d used", p, *p.Used)
		}
		w.into(nil, 200, "PATCH", "/v1/plans/small", `{"limits":{"eventsPerDay":1000}}`)
	})

	t.Run("day", func(t *testing.T) {
		own := w.tenantKey("daily")
		w.into(nil, 200, "PATCH", "/v1/tenants/daily", `{"limits":{"eventsPerDay":10}}`)
		if now := time.Now().UTC(); now.Add(30*time.Second).Day() != now.Day() {
			return // the count would begin anew
		}
		for i := range 7 {
			body := fmt.Sprintf(`{"id":"e%d","type":"a.b","data":1}`, i)
			w.into(nil, 202, "POST", "/v1/events", body, own...)
			w.into(nil, 202, "POST", "/v1/events", body, own...)                // a duplicate
			w.do("POST", "/v1/events", `{"type":"webhook.x","data":1}`, own...) // refused
			w.do("POST", "/v1/events", `{"type":"a.b","data":1,"x":1}`, own...) // refused
		}
		if _, used := usage("eventsPerDay", own); *used != 7 {
			t.Errorf("got %d events, want 7", *used)
		}
		w.rateLimited(eventArray(4), own...)
		w.into(nil, 202, "POST", "/v1/events", eventArray(3), own...)
		p, after := w.rateLimited(`{"type":"a.b","data":1}`, own...)
		if p.Limit != "eventsPerDay" || *p.Used != 10 || after > 24*60*60+30 {
			t.Errorf("got %+v, again after %d s", p, after)
		}
		types := map[string]int{}
		for _, e := range w.published(own) {
			types[e.Type]++
		}
		if types["plan.limit_near"] != 1 || types["plan.limit_reached"] != 2 { // for the array of 4, and when all were used
			t.Errorf("got the events %v", types)
		}
	})

	t.Run("stream", func(t *testing.T) {
		own := w.tenantKey("streams")
		w.into(nil, 200, "PATCH", "/v1/tenants/streams", `{"limits":{"eventsPerSecond":1000}}`)
		begun := time.Now()
		a := w.do("POST", "/v1/events", strings.Repeat(`{"type":"a.b","data":1}`+"\n", 1600), append(own, "Content-Type", "application/x-ndjson")...)
		if took := time.Since(begun); !strings.Contains(string(a.body), `"accepted":1600,"duplicates":0,"failed":0`) || took < 550*time.Millisecond {
			t.Errorf("got %d %s after %v, want all, slowed down to the rate", a.status, a.body, took)
		}
	})
}

// connectorDocument returns a version of a connector, as a JSON body.
func connectorDocument(name, version string) string {
	return strings.NewReplacer("NAME", name, "VERSION", version).Replace(`{"document":"connector: NAME\nversion: VERSION\nkind: message\nname: Own\nconnection: {url: {type: url}}\nmessage: {url: \"${connection.url}\"}\n"}`)
}

// TestPlanLimitsOfRecords: connectors, whose versions count once, and audiences are counted in the transaction that creates
// them; a smaller plan takes none away, and lets a connector have further versions.
func TestPlanLimitsOfRecords(t *testing.T) {
	w := newWorld(t)
	own := w.tenantKey("acme")
	w.into(nil, 200, "PATCH", "/v1/tenants/acme", `{"limits":{"connectors":2,"audiences":5,"journeys":1}}`)
	w.into(nil, 201, "POST", "/v1/connectors", connectorDocument("one", "1.0.0"), own...)
	w.into(nil, 201, "POST", "/v1/connectors", connectorDocument("one", "1.1.0"), own...)
	w.into(nil, 201, "POST", "/v1/connectors", connectorDocument("two", "1.0.0"), own...)
	if p := w.overLimit("/v1/connectors", connectorDocument("three", "1.0.0"), own...); p.Limit != "connectors" || *p.Allowed != 2 || *p.Used != 2 {
		t.Errorf("connectors: got %+v", p)
	}
	w.into(nil, 200, "PATCH", "/v1/tenants/acme", `{"limits":{"connectors":1}}`)
	w.into(nil, 201, "POST", "/v1/connectors", connectorDocument("two", "1.1.0"), own...)
	w.overLimit("/v1/connectors", connectorDocument("three", "1.0.0"), own...)

	w.into(nil, 201, "POST", "/v1/journeys", journeyBody, own...)
	if p := w.overLimit("/v1/journeys", strings.Replace(journeyBody, "201", "202", 1), own...); p.Limit != "journeys" || *p.Used != 1 {
		t.Errorf("journeys: got %+v", p)
	}

	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[int]int{}
	for i := range 50 {
		wg.Go(func() {
			a := w.do("POST", "/v1/audiences", fmt.Sprintf(`{"number":%d,"name":"a"}`, i+1), own...)
			mu.Lock()
			defer mu.Unlock()
			got[a.status]++
		})
	}
	wg.Wait()
	if got[201] != 5 || got[403] != 45 {
		t.Errorf("50 audiences at a time: got %v, want 5 created and 45 refused", got)
	}
	var usage struct {
		Limits []struct {
			Limit         string
			Allowed, Used *int64
		}
	}
	w.into(&usage, 200, "GET", "/v1/usage", "", own...)
	used := map[string]string{}
	for _, u := range usage.Limits {
		if u.Allowed != nil {
			used[u.Limit] = fmt.Sprint(*u.Used, " of ", *u.Allowed)
		}
	}
	if used["connectors"] != "2 of 1" || used["audiences"] != "5 of 5" || used["journeys"] != "1 of 1" || len(used) != 3 {
		t.Errorf("got %v", used)
	}
}
