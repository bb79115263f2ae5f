//go:build linux

package faulttest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCheckComplains plants one fault of each kind in a correct history, because a checker that
// never complains would pass all other tests.
func TestCheckComplains(t *testing.T) {
	t0 := time.Now()
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	// Events a and b were acknowledged, c was not. Request 1 was in flight at the kill; request 3
	// failed.
	sound := func() *history {
		h := &history{
			items: []*item{
				{token: "a", eventType: typePlain, acked: true, ids: []string{"evt_a"}},
				{token: "b", eventType: typeShared, acked: true, keyed: true, id: "own-b", ids: []string{"own-b", "own-b"}},
				{token: "c", eventType: typePlain, unsure: true},
				{token: "d", eventType: typePlain, refused: true},
			},
			requests: []request{
				{seq: 0, hook: "all", delivery: "whk_a", token: "a", number: 1, begun: at(0), ended: at(5), status: 200, body: "A"},
				{seq: 1, hook: "all", delivery: "whk_b", token: "b", number: 1, begun: at(940), ended: at(950), status: 200, body: "B"},
				{seq: 2, hook: "all", delivery: "whk_b", token: "b", number: 1, begun: at(1500), ended: at(1510), status: 200, body: "B"},
				{seq: 3, hook: "some", delivery: "whk_s", token: "b", number: 1, begun: at(1500), ended: at(1510), status: 500, body: "S"},
				{seq: 4, hook: "some", delivery: "whk_s", token: "b", number: 2, begun: at(2500), ended: at(2510), status: 200, body: "S"},
			},
			kills:  []kill{{from: at(1000), until: at(1010), window: 100 * time.Millisecond}},
			hooks:  []*hook{{name: "all"}, {name: "some"}},
			events: []storedEvent{{"evt_a", "a"}, {"own-b", "b"}},
			states: map[string]int{"waiting": 0},
		}
		for i := range h.requests {
			q := &h.requests[i]
			q.header = http.Header{"X-Relay-Event": {"x"}, "Content-Length": {"1"}}
			if q.seq == 1 {
				continue // its result was lost in the kill
			}
			outcome := "delivered"
			if q.status != 200 {
				outcome = "retrying"
			}
			h.attempts = append(h.attempts, loggedAttempt{
				hook: q.hook, delivery: q.delivery, number: q.number, outcome: outcome, status: q.status, seq: q.seq,
				header: map[string]string{"X-Relay-Event": "x"}, body: q.body,
			})
		}
		return h
	}
	again := func(h *history, from int, begun time.Time) *request {
		q := h.requests[from]
		q.seq, q.begun, q.ended = len(h.requests), begun, begun.Add(time.Millisecond)
		h.requests = append(h.requests, q)
		return &h.requests[q.seq]
	}
	tests := []struct {
		name  string
		plant func(h *history)
		want  []string // beginnings of the complaints; nil for none
	}{
		{"nothing", func(*history) {}, nil},
		{"unsure and stored", func(h *history) {
			h.events = append(h.events, storedEvent{"evt_c", "c"})
			q := again(h, 0, at(10))
			q.token, q.delivery = "c", "whk_c"
			h.attempts = append(h.attempts, h.attempts[0])
			last := &h.attempts[len(h.attempts)-1]
			last.seq, last.delivery = q.seq, q.delivery
		}, nil},
		{"acknowledged, not stored", func(h *history) { h.events = h.events[1:] }, []string{"lost", "from nowhere"}},
		{"stored, not delivered", func(h *history) { h.events = append(h.events, storedEvent{"evt_c", "c"}) }, []string{"lost"}},
		{"delivered to one of two", func(h *history) {
			h.requests, h.attempts = h.requests[:3], h.attempts[:2]
		}, []string{"lost"}},
		{"failed and never repeated", func(h *history) {
			h.requests, h.attempts = h.requests[:4], h.attempts[:3]
		}, []string{"lost"}},
		{"stored twice", func(h *history) { h.events = append(h.events, storedEvent{"own-b", "b"}) }, []string{"stored twice"}},
		{"acknowledged with another id", func(h *history) { h.items[0].ids = []string{"evt_z"} }, []string{"another id"}},
		{"refused and stored", func(h *history) { h.events = append(h.events, storedEvent{"evt_d", "d"}) }, []string{"refused and stored", "lost"}},
		{"stored from nowhere", func(h *history) { h.events = append(h.events, storedEvent{"evt_z", "z"}) }, []string{"from nowhere"}},
		{"received from nowhere", func(h *history) { h.requests[0].token = "z" }, []string{"from nowhere", "lost"}},
		{"repeated without a kill", func(h *history) { again(h, 4, at(3000)) }, []string{"duplicate", "numbers", "not logged"}},
		{"repeated, answered long before the kill", func(h *history) { h.requests[1].ended = at(899) }, []string{"duplicate", "numbers", "not logged"}},
		{"repeated, begun after the kill", func(h *history) { h.requests[1].begun, h.requests[1].ended = at(1011), at(1012) }, []string{"duplicate", "numbers", "not logged"}},
		{"repeated after a logged success", func(h *history) {
			h.attempts = append(h.attempts, h.attempts[1])
			h.attempts[len(h.attempts)-1].seq = 1
		}, []string{"duplicate"}},
		{"repeated after a logged success by a server that was killed", func(h *history) {
			h.attempts[1].seq = 1
			h.requests[2].begun, h.requests[2].ended = at(960), at(970)
		}, []string{"duplicate"}},
		{"repeated after a logged success by a server that was held still", func(h *history) {
			h.attempts[1].seq = 1
			h.requests[2].begun, h.requests[2].ended = at(960), at(970)
			h.kills[0].held = true
		}, nil},
		{"under another id", func(h *history) {
			h.requests[2].delivery = "whk_z"
			h.attempts[1].delivery = "whk_z"
		}, []string{"two ids"}},
		{"an id for two events", func(h *history) {
			h.requests[0].delivery = "whk_b"
			h.attempts[0].delivery = "whk_b"
		}, []string{"shared id"}},
		{"attempt left out", func(h *history) { h.requests[4].number, h.attempts[3].number = 3, 3 }, []string{"numbers"}},
		{"attempt counted twice", func(h *history) { h.requests[4].number, h.attempts[3].number = 1, 1 }, []string{"numbers"}},
		{"not wanted", func(h *history) {
			h.requests[0].hook, h.attempts[0].hook = "some", "some"
		}, []string{"lost", "not wanted"}},
		{"bad signature", func(h *history) { h.requests[0].wrong = "signature" }, []string{"bad request", "lost"}},
		{"not logged", func(h *history) { h.attempts = h.attempts[1:] }, []string{"not logged"}},
		{"logged twice", func(h *history) { h.attempts = append(h.attempts, h.attempts[0]) }, []string{"log"}},
		{"logged twice by a failing store", func(h *history) {
			h.storeFailed = true
			h.attempts = append(h.attempts, h.attempts[0])
		}, nil},
		{"logged, never made", func(h *history) { h.attempts[0].seq = 99 }, []string{"log", "not logged"}},
		{"logged as unanswered", func(h *history) { h.attempts[0].seq = -1 }, []string{"log", "not logged"}},
		{"another body logged", func(h *history) { h.attempts[0].body = "a" }, []string{"log differs"}},
		{"another header logged", func(h *history) { h.attempts[0].header["X-Relay-Event"] = "y" }, []string{"log differs"}},
		{"a header not logged", func(h *history) { delete(h.attempts[0].header, "X-Relay-Event") }, []string{"log differs"}},
		{"another outcome logged", func(h *history) { h.attempts[2].outcome = "delivered" }, []string{"log differs"}},
		{"still owed", func(h *history) { h.states["waiting"] = 1 }, []string{"unsettled"}},
		{"a wrong answer", func(h *history) { h.complain = []string{"publishing: got status 500"} }, []string{"publishing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := sound()
			tt.plant(h)
			_, wrong := h.check()
			var got []string
			for _, complaint := range wrong {
				kind, _, _ := strings.Cut(complaint, ":")
				got = append(got, kind)
			}
			slices.Sort(got)
			got = slices.Compact(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got complaints %q, want those that begin with %q", wrong, tt.want)
			}
		})
	}
	f, _ := sound().check()
	want := figures{
		published: 4, acked: 2, stored: 2, delivered: 3, requests: 5, duplicates: 1, unlogged: 1, inFlight: 1,
		leastWindow: 100 * time.Millisecond, mostWindow: 100 * time.Millisecond,
	}
	if f != want {
		t.Errorf("figures: got %+v, want %+v", f, want)
	}
}
