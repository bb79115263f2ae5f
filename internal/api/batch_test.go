package api_test

import (
	"fmt"
	"strings"
	"testing"
)

type batchDoc struct {
	MaxEvents, MaxBytes int
	MaxWait             string
}

func TestBatchSettings(t *testing.T) {
	w := newWorld(t)
	url, _ := endpoint(t, func() int { return 200 })
	var hook struct {
		ID    string
		Batch *batchDoc
	}
	for body, want := range map[string]string{
		``:                 "<nil>",
		`,"batch":null`:    "<nil>",
		`,"preset":"push"`: "<nil>", // one event per call, says push-event-webhook.txt, unless it is asked for
		`,"batch":{}`:      "&{100 1048576 1s}",
		`,"batch":{"maxEvents":1000,"maxWait":"0s","maxBytes":1024}`:    "&{1000 1024 0s}",
		`,"preset":"push","batch":{"maxWait":"1h","maxBytes":16777216}`: "&{100 16777216 1h}",
		`,"batch":{"maxEvents":1,"maxWait":null},"ordering":"none"`:     "&{1 1048576 1s}",
	} {
		hook.Batch = nil
		w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+url+`"`+body+`}`)
		if got := fmt.Sprint(hook.Batch); got != want {
			t.Errorf("created with %s: got batch %s, want %s", body, got, want)
		}
	}
	for patch, want := range map[string]string{
		`{"batch":{"maxEvents":7}}`: "&{7 2048 2s}",
		`{"description":"d"}`:       "&{100 2048 2s}",
		`{"batch":null}`:            "<nil>",
	} {
		w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+url+`","batch":{"maxBytes":2048,"maxWait":"2s"}}`)
		hook.Batch = nil
		w.into(&hook, 200, "PATCH", "/v1/webhooks/"+hook.ID, patch)
		if got := fmt.Sprint(hook.Batch); got != want {
			t.Errorf("patched with %s: got batch %s, want %s", patch, got, want)
		}
	}
	for batch, want := range map[string]string{
		`{"maxEvents":0}`:       "batch.maxEvents",
		`{"maxEvents":1001}`:    "batch.maxEvents",
		`{"maxEvents":1.5}`:     "batch.maxEvents",
		`{"maxWait":"-1s"}`:     "batch.maxWait",
		`{"maxWait":"61m"}`:     "batch.maxWait",
		`{"maxWait":5}`:         "batch.maxWait",
		`{"maxBytes":1023}`:     "batch.maxBytes",
		`{"maxBytes":16777217}`: "batch.maxBytes",
		`{"maxEvent":5}`:        "batch.maxEvent",
		`[]`:                    "batch",
		`{},"ordering":"fifo"`:  "batch",
	} {
		a := w.do("POST", "/v1/webhooks", `{"url":"`+url+`","batch":`+batch+`}`)
		if a.status != 422 && a.status != 400 || !strings.Contains(string(a.body), `"`+want+`"`) {
			t.Errorf("batch %s: got %d %s, want %s to be named", batch, a.status, a.body, want)
		}
	}
}

// A batch is one line of the log, whichever of its events one asks for.
func TestBatchInTheLog(t *testing.T) {
	w := newWorld(t)
	url, got := endpoint(t, func() int { return 200 })
	var hook hookDoc
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+url+`","batch":{"maxEvents":4,"maxWait":"10s"}}`)
	w.into(nil, 202, "POST", "/v1/events", `[{"type":"a","data":1,"id":"one"},{"type":"b","data":2},{"type":"b","data":3},{"type":"c","data":4,"id":"four"}]`)
	sent := <-got
	type logged struct {
		attemptDoc
		Batch *struct {
			ID         string
			Events     int
			Deliveries []struct{ DeliveryID, EventID, EventType string }
		}
	}
	var log page[logged]
	eventually(t, "the attempt is in the log", func() bool {
		w.into(&log, 200, "GET", "/v1/webhooks/"+hook.ID+"/attempts", "")
		return len(log.Data) == 1
	})
	line := log.Data[0]
	if line.Batch == nil || line.Batch.ID != sent.header.Get("X-Relay-Delivery") || line.Batch.Events != 4 || len(line.Batch.Deliveries) != 0 || line.EventID != "one" || line.Request.Body != "" {
		t.Errorf("in the list: got %+v with batch %+v, want one line of 4 events", line.attemptDoc, line.Batch)
	}
	for query, want := range map[string]int{"a": 1, "b": 1, "c": 1, "d": 0, "b&code=2xx": 1, "b&code=500": 0, "c&status=failed": 0, "b&limit=1": 1} {
		var p page[logged]
		w.into(&p, 200, "GET", "/v1/webhooks/"+hook.ID+"/attempts?eventType="+query, "")
		if len(p.Data) != want || want == 1 && p.Data[0].ID != line.ID {
			t.Errorf("of type %s: got %d lines, want %d", query, len(p.Data), want)
		}
		if p.NextCursor != nil {
			w.into(&p, 200, "GET", "/v1/webhooks/"+hook.ID+"/attempts?limit=1&eventType=b&cursor="+*p.NextCursor, "")
			if len(p.Data) != 0 {
				t.Errorf("the page behind it: got %d lines, want none", len(p.Data))
			}
		}
	}
	// So it is in the log of all webhooks, of each of its events and deliveries.
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+url+`","events":["d"]}`)
	w.into(nil, 202, "POST", "/v1/events", `[{"type":"d","data":1},{"type":"d","data":2}]`)
	eventually(t, "the others are in the log", func() bool {
		var p page[logged]
		w.into(&p, 200, "GET", "/v1/attempts?status=delivered", "")
		return len(p.Data) == 3
	})
	for query, want := range map[string]int{"eventType=a": 1, "eventType=b": 1, "eventType=d": 2, "eventType=b&limit=1": 1, "eventId=four": 1, "eventId=one&code=200": 1, "eventId=four&code=5xx": 0} {
		var p page[logged]
		w.into(&p, 200, "GET", "/v1/attempts?"+query, "")
		if len(p.Data) != want || !strings.Contains(query, "d") && (want == 1 && p.Data[0].ID != line.ID) {
			t.Errorf("attempts with %s: got %d lines, want %d", query, len(p.Data), want)
		}
	}
	var whole logged
	w.into(&whole, 200, "GET", "/v1/attempts/"+line.ID, "")
	if whole.Request.Body != string(sent.body) || whole.Batch == nil || len(whole.Batch.Deliveries) != 4 {
		t.Fatalf("the attempt: got body %s, batch %+v; want %s", whole.Request.Body, whole.Batch, sent.body)
	}
	for i, d := range whole.Batch.Deliveries {
		if d.EventType != []string{"a", "b", "b", "c"}[i] || !strings.Contains(string(sent.body), d.DeliveryID) {
			t.Errorf("delivery %d of the batch: got %+v", i, d)
		}
		var one deliveryDoc
		w.into(&one, 200, "GET", "/v1/deliveries/"+d.DeliveryID, "")
		if one.State != "delivered" || one.EventID != d.EventID || one.Attempts != 1 {
			t.Errorf("delivery %d: got %+v, want it delivered", i, one)
		}
	}
	if got := whole.Batch.Deliveries[3].EventID; got != "four" {
		t.Errorf("the last event: got %q, want its publisher's id", got)
	}
}
