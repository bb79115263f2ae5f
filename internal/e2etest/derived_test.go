package e2etest

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// TestDerivedEventsSurviveKills kills a relay repeatedly while calls are published, publishes all
// of them once more at the end, and finds each with its derived events, once, and delivered.
func TestDerivedEventsSurviveKills(t *testing.T) {
	t.Parallel()
	const (
		kills      = 3
		publishers = 4
		perRound   = 20 // events accepted before a kill
	)
	r := startRelay(t)
	v := startReceiver(t)
	r.webhook(`{"url":"` + v.url + `","signature":"none"}`)
	var example struct{ Data map[string]any }
	r.into(&example, 200, "GET", "/v1/event-types/call.completed/example", "")
	var booked struct{ Data map[string]any }
	r.into(&booked, 200, "GET", "/v1/event-types/appointment.booked/example", "")
	example.Data["urgency"], example.Data["appointmentsBooked"] = "urgent", []any{booked.Data, booked.Data}
	data, err := json.Marshal(example.Data)
	if err != nil {
		t.Fatal(err)
	}
	var published atomic.Int64
	send := func(n int64) (answer, error) {
		return r.try("POST", "/v1/events", fmt.Sprintf(`{"type":"call.completed","id":"call-%d","data":%s}`, n, data))
	}
	for range kills {
		var accepted atomic.Int64
		enough := make(chan struct{})
		var once sync.Once
		var work sync.WaitGroup
		for range publishers {
			work.Go(func() {
				for {
					a, err := send(published.Add(1))
					if err != nil || a.status != 202 {
						once.Do(func() { close(enough) })
						return // killed
					}
					if accepted.Add(1) >= perRound {
						once.Do(func() { close(enough) })
					}
				}
			})
		}
		<-enough
		r.kill()
		work.Wait()
		r.start()
	}
	for n := int64(1); n <= published.Load(); n++ {
		if a, err := send(n); err != nil || a.status != 202 {
			t.Fatalf("publishing call %d again: got %d %s, %v", n, a.status, a.body, err)
		}
	}

	types := make(map[string]int)
	follow := make(map[string]int) // by cause
	calls := make(map[string]bool)
	total := 0
	for cursor := ""; ; {
		var page struct {
			Data []struct {
				ID, Type   string
				AcceptedAt string
				CauseID    *string
				Warnings   []any
			}
			NextCursor *string
		}
		r.into(&page, 200, "GET", "/v1/events?limit=250&cursor="+cursor, "")
		for _, e := range page.Data {
			total++
			types[e.Type]++
			if len(e.Warnings) > 0 {
				t.Errorf("%s has the warnings %v", e.Type, e.Warnings)
			}
			if e.CauseID != nil {
				follow[*e.CauseID]++
			} else {
				calls[e.ID] = true
			}
		}
		if page.NextCursor == nil {
			break
		}
		cursor = *page.NextCursor
	}
	n := int(published.Load())
	if len(calls) != n || types["call.completed"] != n || types["call.urgent"] != n || types["appointment.booked"] != 2*n {
		t.Errorf("stored of %d calls: got %v, want that many completed and urgent ones and twice as many appointments", n, types)
	}
	for cause, got := range follow {
		var call struct{ ID, Type string }
		r.into(&call, 200, "GET", "/v1/events/"+cause, "")
		if got != 3 || !calls[call.ID] {
			t.Errorf("from %s (%s) follow %d events, want 3 from a call", call.ID, call.Type, got)
		}
	}
	delivered := make(map[string]bool) // a delivery may arrive twice across a kill
	for len(delivered) < total {
		delivered[v.next().header.Get("X-Relay-Delivery")] = true
	}
}
