package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// The log can be read by event, by delivery, by webhook, and of all webhooks.
func TestAttemptsAreFound(t *testing.T) {
	w := newWorld(t)
	good, _ := endpoint(t, func() int { return 200 })
	bad, _ := endpoint(t, func() int { return 503 })
	var g, b hookDoc
	w.into(&g, 201, "POST", "/v1/webhooks", `{"url":"`+good+`"}`)
	w.into(&b, 201, "POST", "/v1/webhooks", `{"url":"`+bad+`","retry":{"attempts":3,"waits":["1s","1h"]}}`)
	begin := time.Now().UTC()
	var published struct{ Events []struct{ ID string } }
	w.into(&published, 202, "POST", "/v1/events", `[{"type":"a","data":1,"id":"ord+1"},{"type":"b","data":2}]`)
	type list = page[attemptDoc]
	count := func(query string) int {
		t.Helper()
		n := 0
		for cursor := ""; ; {
			var p list
			w.into(&p, 200, "GET", "/v1/attempts?"+query+cursor, "")
			n += len(p.Data)
			if p.NextCursor == nil {
				return n
			}
			cursor = "&cursor=" + *p.NextCursor
		}
	}
	eventually(t, "all attempts are in the log", func() bool { return count("limit=250") == 6 })
	var all list
	w.into(&all, 200, "GET", "/v1/attempts", "")
	if !slices.IsSortedFunc(all.Data, func(x, y attemptDoc) int { return -strings.Compare(x.ID, y.ID) }) {
		t.Errorf("got the attempts in another order than the newest first: %+v", all.Data)
	}
	var failing attemptDoc
	for _, a := range all.Data {
		if a.EventID == "ord+1" && a.Outcome == "retrying" {
			failing = a
		}
	}
	first, other := url.QueryEscape("ord+1"), published.Events[1].ID
	test := func(query string, want int) {
		t.Helper()
		for _, limit := range []string{"", "&limit=1"} {
			if got := count(query + limit); got != want {
				t.Errorf("GET /v1/attempts?%s: got %d, want %d", query+limit, got, want)
			}
		}
	}
	test("eventId="+first, 3)
	test("eventId="+other, 3)
	test("eventId="+first+"&webhookId="+b.ID, 2)
	test("eventId="+first+"&status=delivered", 1)
	test("eventId="+first+"&code=503", 2)
	test("eventId="+first+"&code=4xx", 0)
	test("eventId="+first+"&eventType=a", 3)
	test("eventId="+first+"&eventType=b", 0)
	test("eventId="+first+"&since="+begin.Add(time.Hour).Format(time.RFC3339), 0)
	test("eventId="+first+"&until="+begin.Add(time.Hour).Format(time.RFC3339), 3)
	test("deliveryId="+failing.DeliveryID, 2)
	test("deliveryId="+failing.DeliveryID+"&eventId="+first+"&webhookId="+b.ID, 2)
	test("deliveryId="+failing.DeliveryID+"&webhookId="+g.ID, 0)
	test("deliveryId="+failing.DeliveryID+"&eventId="+other, 0)
	test("webhookId="+g.ID, 2)
	test("webhookId="+b.ID+"&eventType=b&code=5xx", 2)
	test("eventType=a", 3)
	test("code=200", 2)
	test("errorKind=status", 4)
	test("errorKind=status&eventType=a", 2)
	test("errorKind=timeout", 0)
	test("errorKind=status&eventId="+other, 2)
	test("errorKind=connect&eventId="+other, 0)
	// A test's event is not stored, its attempt can be found all the same.
	var tested struct{ Attempt attemptDoc }
	w.into(&tested, 200, "POST", "/v1/webhooks/"+g.ID+"/test", `{}`)
	test("eventId="+tested.Attempt.EventID, 1)

	for _, query := range []string{"eventId=nobody", "deliveryId=x", "webhookId=wh_x"} {
		w.refused(404, "GET", "/v1/attempts?"+query, "")
	}
	w.refused(400, "GET", "/v1/attempts?code=9", "")
	w.refused(400, "GET", "/v1/attempts?errorKind=late", "")
	w.refused(400, "GET", "/v1/attempts?cursor=x", "")
	var p list
	w.into(&p, 200, "GET", "/v1/attempts?deliveryId="+failing.DeliveryID, "", "Authorization", "Bearer "+w.otherKey())
	if len(p.Data) != 0 {
		t.Errorf("another tenant sees %+v", p.Data)
	}
}

// A page of a list is full also where what belongs to a product lies between.
func TestListsLeaveOutTheGate(t *testing.T) {
	w := newWorld(t)
	ok, _ := endpoint(t, func() int { return 200 })
	busy, _ := endpoint(t, func() int { return 503 })
	w.into(nil, 200, "PATCH", "/v1/gate", `{"enabled":true,"url":"`+ok+`"}`)
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+ok+`","events":["good"]}`)
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+busy+`","events":["bad"]}`)
	const n = 12
	publish := func(typ string) {
		w.into(nil, 202, "POST", "/v1/events", `{"type":"`+typ+`","data":1}`)
	}
	for range n {
		publish("good")
		for range 6 {
			w.sendExample("miralix")
		}
	}
	eventually(t, "the gate's attempts are in the log", func() bool {
		var p page[attemptDoc]
		w.into(&p, 200, "GET", "/v1/gate/attempts?limit=250", "")
		return len(p.Data) == 6*n
	})
	w.into(nil, 200, "PATCH", "/v1/gate", `{"url":"`+busy+`"}`)
	for range n {
		publish("bad")
		for range 6 {
			w.sendExample("miralix")
		}
	}
	eventually(t, "all were tried", func() bool {
		var p page[attemptDoc]
		w.into(&p, 200, "GET", "/v1/gate/attempts?limit=250&status=retrying", "")
		var q page[attemptDoc]
		w.into(&q, 200, "GET", "/v1/attempts?limit=250&status=retrying", "")
		return len(p.Data) >= 6*n && len(q.Data) >= n
	})
	for path, want := range map[string]int{
		"/v1/deliveries?limit=5": 2 * n, "/v1/deliveries?limit=5&state=delivered": n, "/v1/deliveries?limit=5&state=waiting": n,
		"/v1/attempts?limit=5&status=delivered": n,
	} {
		var sizes []int
		total := 0
		for cursor := ""; ; {
			var p page[struct{ WebhookID *string }]
			w.into(&p, 200, "GET", path+cursor, "")
			sizes = append(sizes, len(p.Data))
			total += len(p.Data)
			if p.NextCursor == nil {
				break
			}
			cursor = "&cursor=" + *p.NextCursor
		}
		for _, size := range sizes[:max(0, len(sizes)-2)] { // the last two may be shorter: one ends what is open
			if size != 5 {
				t.Errorf("GET %s: got pages of %v, want full ones", path, sizes)
			}
		}
		if total != want {
			t.Errorf("GET %s: got %d in pages of %v, want %d", path, total, sizes, want)
		}
	}
}

// A list says how far back it has searched where it goes on.
func TestListsSayHowFarTheySearched(t *testing.T) {
	w := newWorld(t)
	ok, _ := endpoint(t, func() int { return 200 })
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+ok+`"}`)
	begin := time.Now().Add(-time.Second)
	for i := range 4 {
		w.into(nil, 202, "POST", "/v1/events", fmt.Sprintf(`{"type":"a","data":%d}`, i))
	}
	eventually(t, "all are delivered", func() bool {
		var p page[attemptDoc]
		w.into(&p, 200, "GET", "/v1/attempts", "")
		return len(p.Data) == 4
	})
	for _, path := range []string{"/v1/attempts", "/v1/events", "/v1/deliveries"} {
		type searched struct {
			Data       []struct{}
			NextCursor *string
			SearchedTo *time.Time
		}
		var part, whole searched
		w.into(&part, 200, "GET", path+"?limit=2", "")
		if part.NextCursor == nil || part.SearchedTo == nil || part.SearchedTo.Before(begin) || part.SearchedTo.After(time.Now()) {
			t.Errorf("GET %s?limit=2: got %+v, want a cursor and how far the list came", path, part)
		}
		w.into(&whole, 200, "GET", path, "")
		if whole.NextCursor != nil || whole.SearchedTo != nil || len(whole.Data) != 4 {
			t.Errorf("GET %s: got %+v, want all 4 and no cursor", path, whole)
		}
	}
}

// The log of a deleted webhook is read by its id, like that of any other.
func TestLogOfADeletedWebhook(t *testing.T) {
	w := newWorld(t)
	ok, _ := endpoint(t, func() int { return 200 })
	var gone, other hookDoc
	w.into(&gone, 201, "POST", "/v1/webhooks", `{"url":"`+ok+`"}`)
	w.into(&other, 201, "POST", "/v1/webhooks", `{"url":"`+ok+`"}`)
	w.into(nil, 202, "POST", "/v1/events", `[{"type":"a","data":1},{"type":"b","data":2}]`)
	paths := map[string]int{
		"/v1/webhooks/" + gone.ID + "/attempts": 2, "/v1/webhooks/" + gone.ID + "/attempts?eventType=b": 1,
		"/v1/attempts?webhookId=" + gone.ID: 2, "/v1/deliveries?webhookId=" + gone.ID: 2,
		"/v1/deliveries?state=delivered&webhookId=" + gone.ID: 2,
	}
	check := func(path string, want int) bool {
		var p page[struct{ ID, State string }]
		w.into(&p, 200, "GET", path, "")
		return len(p.Data) == want
	}
	eventually(t, "all is delivered", func() bool { return check("/v1/attempts", 4) && check("/v1/deliveries?state=delivered", 4) })
	w.into(nil, 204, "DELETE", "/v1/webhooks/"+gone.ID, "")
	for path, want := range paths {
		if !check(path, want) {
			t.Errorf("GET %s: got another number of entries than %d", path, want)
		}
	}
	w.into(nil, 200, "GET", "/v1/stats?webhookId="+gone.ID, "")
	stranger := "Bearer " + w.otherKey()
	for path := range paths {
		w.refused(404, "GET", path, "", "Authorization", stranger)
	}
	w.refused(404, "GET", "/v1/webhooks/"+gone.ID, "")
	w.refused(404, "POST", "/v1/webhooks/"+gone.ID+"/test", `{}`)
	w.refused(404, "GET", "/v1/webhooks/wh_nobody/attempts", "")
}
