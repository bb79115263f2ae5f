package journey_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/connector/connectortest"
	"github.com/relay-events/relay/internal/journey"
)

// second returns journeys of another server on the same store.
func (r *rig) second() *journey.Journeys {
	r.t.Helper()
	j, err := journey.New(ctx, journey.Config{Store: r.Store, Records: r.Store, Connectors: r.Connectors, Audiences: r.audiences, Webhooks: r.Webhooks, Log: connectortest.Log, Shared: true})
	r.check(err)
	return j
}

// TestTwoServers: two servers share the work, and each step is taken once.
func TestTwoServers(t *testing.T) {
	r := newRig(t, "")
	r.journeys = r.second()
	r.Destinations.Kinds[journey.Owner], r.Destinations.Owners[journey.Owner] = r.journeys.Destination(), r.journeys.Destination()
	r.create(201, `{name: n, profile: event.data.who, entry: {event: go}, steps: [{name: a, send: {connection: CON}}, {name: pause, wait: {for: 1s}}, {name: b, send: {connection: CON}}]}`)
	other := r.second()
	r.run()
	running, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Go(func() { other.Run(running) })
	t.Cleanup(func() { cancel(); ended.Wait() })
	const people = 40
	for i := range people {
		r.publish("go", fmt.Sprintf(`{"who":"p%d"}`, i))
	}
	r.until("all are through", func() bool {
		_, done, err := r.journeys.Counts(ctx, tenant, 201)
		r.check(err)
		return done[journey.Done] == people
	})
	for i := range people {
		e := r.runs(201, fmt.Sprint("p", i))[0]
		if got := r.trail(e.ID); got != "enter a, send a, wait pause, send b" {
			t.Errorf("p%d: got %s", i, got)
		}
	}
	r.until("all sends have arrived", func() bool { return len(r.requests()) >= 2*people })
	ids := make(map[string]int)
	for _, x := range r.requests() {
		ids[x.id]++
	}
	if len(ids) != 2*people || len(r.requests()) != 2*people {
		t.Errorf("got %d requests with %d ids, want %d", len(r.requests()), len(ids), 2*people)
	}
}

// TestLostClaim: a server that is held up for longer than its claim lasts finds that another has taken the step, and changes
// nothing.
func TestLostClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVirtual(t)
		v.journeys = v.second()
		begin := time.Now()
		v.create(201, `{name: n, profile: event.data.who, entry: {event: go}, steps: [{name: pause, wait: {for: 1m}}, {name: greet, send: {connection: CON}}, {name: rest, wait: {for: 1h}}]}`)
		v.observe("go", `{"who":"p"}`)
		slow, held := v.second(), 0
		slow.Rendering(func() {
			if time.Since(begin) >= time.Minute && held == 0 {
				held++
				time.Sleep(5 * time.Minute)
			}
		})
		running, cancel := context.WithCancel(ctx)
		var ended sync.WaitGroup
		ended.Go(func() { slow.Run(running) })
		t.Cleanup(func() { cancel(); ended.Wait() })
		time.Sleep(90 * time.Second) // it has claimed the row
		v.run()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		e := v.runs(201, "p")[0]
		if got := v.times(e.ID, begin); held != 1 || got != "0s enter pause, 2m0s wait pause, 2m0s send greet" && got != "0s enter pause, 2m2s wait pause, 2m2s send greet" {
			t.Errorf("held up %d times; got %s", held, got)
		}
		sends, err := v.Store.SendList(ctx, tenant, e.ID)
		if err != nil || len(sends) != 1 || v.sent[sends[0].ID] != 1 || len(v.sent) != 1 {
			t.Errorf("got %+v, %v, handed over %v", sends, err, v.sent)
		}
	})
}
