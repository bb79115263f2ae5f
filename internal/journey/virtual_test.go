package journey_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/connector/connectortest"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/journey"
)

// virtual is journeys on a real store in virtual time. In the place of the engine it notes which sends are handed over.
type virtual struct {
	*rig
	mu   sync.Mutex
	sent map[string]int // by the id of the send: how often it was handed over
	// fail is called before and after a hand-over; if it returns true, that fails.
	fail func() bool
	ids  event.ID
}

var errKilled = errors.New("killed")

// Publish implements connector.Publisher.
func (v *virtual) Publish(_ context.Context, p *ingest.Publication) error {
	if v.fail != nil && v.fail() {
		return errKilled
	}
	v.mu.Lock()
	for _, it := range p.Items {
		var data struct{ Ref string }
		_ = json.Unmarshal(it.Event.Data, &data)
		v.sent[data.Ref]++
	}
	v.mu.Unlock()
	if v.fail != nil && v.fail() {
		return errKilled
	}
	return nil
}

func newVirtual(t *testing.T) *virtual {
	r := &rig{Rig: connectortest.New(t, nil, nil), t: t, who: access.System(tenant)}
	v := &virtual{rig: r, sent: make(map[string]int)}
	var err error
	r.audiences, err = audience.New(ctx, audience.Config{Store: r.Store, Records: r.Store, Connectors: r.Connectors, Log: connectortest.Log})
	r.check(err)
	v.open()
	r.Connectors.Start(v, r.Engine)
	e, err := r.Connectors.Create(ctx, r.who, note)
	r.check(err)
	_, err = r.Connectors.SetState(ctx, r.who, e.Connector, e.Version, connector.Live)
	r.check(err)
	name, address := "the partner", "http://127.0.0.1:8080/"
	con, err := r.Connectors.CreateConnection(ctx, r.who, e.Connector, &connector.Change{Name: &name, Fields: map[string]*string{"url": &address}})
	r.check(err)
	r.con = con.Name
	return v
}

// open makes journeys of what is stored, as a start does.
func (v *virtual) open() {
	j, err := journey.New(ctx, journey.Config{Store: v.Store, Records: v.Store, Connectors: v.Connectors, Audiences: v.audiences, Webhooks: v.Webhooks, Log: connectortest.Log})
	v.check(err)
	v.Destinations.Kinds[journey.Owner] = j.Destination()
	v.journeys = j
}

func (v *virtual) observe(eventType, data string) {
	v.t.Helper()
	v.ids++
	v.check(v.journeys.Observe(ctx, &event.Event{ID: v.ids, Tenant: tenant, Type: eventType, Data: []byte(data), Time: time.Now().UTC()}))
}

// times is the trail with the time of each step since the beginning.
func (v *virtual) times(id string, begin time.Time) string {
	list, err := v.Store.TraceList(ctx, tenant, id)
	v.check(err)
	var words []string
	for _, x := range list {
		words = append(words, fmt.Sprintf("%v %s %s", x.At.Sub(begin), x.Kind, x.Step))
	}
	return strings.Join(words, ", ")
}

// TestWaits: each kind of wait ends at its time, and until by its event or its timeout.
func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVirtual(t)
		begin := time.Now() // midnight in UTC, in winter
		v.profile("p", variables(`{"zone":"Asia/Kathmandu","at":"2000-01-02T12:00:00+01:00"}`))
		v.create(201, `
name: n
profile: event.data.who
entry: {event: go, key: event.data.order}
settings: {timeZone: Europe/Copenhagen, profileTimeZone: profile.variables.zone}
steps:
  - {name: pause, wait: {for: 90m}}
  - {name: morning, wait: {until: "09:00"}}
  - {name: day, wait: {untilField: profile.variables.at}}
  - {name: paid, until: {event: paid, match: event.data.order, where: event.data.sum > 5, timeout: 1d, onTimeout: [{name: late, wait: {for: 1m}}]}}
  - {name: early, until: {event: seen, since: entry, timeout: 1d, onTimeout: end}}
`)
		v.run()
		v.observe("go", `{"who":"p","order":"a"}`)
		v.observe("go", `{"who":"p","order":"b"}`)
		v.observe("seen", `{"who":"p"}`)
		v.observe("paid", `{"who":"p","order":"a","sum":9}`) // too early
		time.Sleep(40 * time.Hour)
		v.observe("paid", `{"who":"p","order":"a","sum":3}`)
		v.observe("paid", `{"who":"other","order":"a","sum":9}`)
		v.observe("paid", `{"who":"p","order":"a","sum":9}`)
		time.Sleep(100 * time.Hour)
		synctest.Wait()
		// 09:00 in Kathmandu is 03:15 in UTC.
		const same = "0s enter pause, 1h30m0s wait pause, 3h15m0s wait morning, 35h0m0s wait day, "
		wants := map[string]string{"a": same + "40h0m0s until paid, 40h0m0s until early", "b": same + "59h0m0s until paid, 59h1m0s wait late, 59h1m0s until early"}
		runs := v.runs(201, "p")
		for _, e := range runs { // of one millisecond, so that their order is chance
			if got := v.times(e.ID, begin); got != wants[e.Key] || e.State != journey.Done {
				t.Errorf("%s: got  %s, %s\nwant %s", e.Key, got, e.State, wants[e.Key])
			}
		}
		if len(runs) != len(wants) {
			t.Errorf("got %d runs, want %d", len(runs), len(wants))
		}
	})
}

// TestPause: nobody goes on while a journey is paused, and it decides what becomes of waits.
func TestPause(t *testing.T) {
	for how, want := range map[journey.Resume]string{
		journey.Shift:   "0s enter pause, 7h0m0s wait pause, 9h0m0s wait nine",
		journey.CatchUp: "0s enter pause, 6h0m0s wait pause, 9h0m0s wait nine",
	} {
		synctest.Test(t, func(t *testing.T) {
			v := newVirtual(t)
			begin := time.Now()
			v.create(201, `{name: n, profile: event.data.who, entry: {event: go}, steps: [{name: pause, wait: {for: 2h}}, {name: nine, wait: {until: "09:00"}}]}`)
			v.run()
			mode := func(m journey.Mode, how journey.Resume) {
				t.Helper()
				_, err := v.journeys.SetMode(ctx, v.who, 201, m, how)
				v.check(err)
				synctest.Wait()
			}
			v.observe("go", `{"who":"p"}`)
			time.Sleep(time.Hour)
			mode(journey.Paused, "")
			time.Sleep(5 * time.Hour)
			v.observe("go", `{"who":"q"}`)
			synctest.Wait()
			if e := v.runs(201, "p")[0]; e.Step != "pause" || !e.Held {
				t.Errorf("paused: got %+v", e)
			}
			if _, err := v.journeys.SetMode(ctx, v.who, 201, journey.Live, ""); err == nil || !strings.Contains(err.Error(), "resume must say") {
				t.Errorf("got %v", err)
			}
			mode(journey.Live, how)
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			if got := v.times(v.runs(201, "p")[0].ID, begin); got != want {
				t.Errorf("%s: got %s, want %s", how, got, want)
			}
			if got, want := v.times(v.runs(201, "q")[0].ID, begin), "6h0m0s enter pause, 8h0m0s wait pause, 9h0m0s wait nine"; got != want {
				t.Errorf("%s: got %s, want %s", how, got, want)
			}
			mode(journey.Draining, "")
			v.observe("go", `{"who":"late"}`)
			if list := v.runs(201, "late"); len(list) != 0 {
				t.Errorf("draining: got %+v", list)
			}
		})
	}
}

// TestQuietHoursAndCap: sends wait for the end of the quiet hours, or are left out; above the cap they are left out; transactional
// ones are made.
func TestQuietHoursAndCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVirtual(t)
		begin := time.Now() // 00:00
		v.create(201, `
name: n
profile: event.data.who
entry: {event: go, reentry: always}
settings:
  quietHours: {from: "22:00", until: "08:00", spread: 10m}
  cap: {count: 2, per: 24h}
steps:
  - {name: must, send: {connection: CON, transactional: true}}
  - {name: one, send: {connection: CON}}
  - {name: two, send: {connection: CON}}
`)
		v.create(202, `{name: n, profile: event.data.who, entry: {event: go}, settings: {quietHours: {from: "22:00", until: "08:00", then: skip}}, steps: [{name: one, send: {connection: CON}}]}`)
		v.run()
		v.observe("go", `{"who":"p"}`)
		time.Sleep(12 * time.Hour)
		synctest.Wait()
		e := v.runs(201, "p")[0]
		sends, err := v.Store.SendList(ctx, tenant, e.ID)
		v.check(err)
		got := map[string]journey.Send{}
		for _, s := range sends {
			got[s.Step] = s
		}
		if s := got["must"]; !s.At.Equal(begin.UTC()) || s.State != journey.SendPending {
			t.Errorf("got %+v", s)
		}
		if at := got["one"].At.Sub(begin); at < 8*time.Hour || at > 8*time.Hour+10*time.Minute || got["one"].State != journey.SendPending {
			t.Errorf("after %v: got %+v", at, got["one"])
		}
		if s := got["two"]; s.State != journey.SendSkipped || !strings.Contains(s.Words, "2 of 2 sends in 24h") || e.State != journey.Done {
			t.Errorf("got %+v of %+v", s, e)
		}
		if sends, err := v.Store.SendList(ctx, tenant, v.runs(202, "p")[0].ID); err != nil || len(sends) != 1 || sends[0].State != journey.SendSkipped || sends[0].Words != "it was in quiet hours" {
			t.Errorf("got %+v, %v", sends, err)
		}
	})
}

// TestLate: after an outage all that is due happens in the order of its time, in pages; a wait with maxLate ends the run instead.
// RELAY_JOURNEYS has it wait with a hundred times as many profiles.
func TestLate(t *testing.T) {
	many := 200
	if n, err := strconv.Atoi(os.Getenv("RELAY_JOURNEYS")); err == nil {
		many = 100 * n
	}
	synctest.Test(t, func(t *testing.T) {
		v := newVirtual(t)
		v.create(201, `{name: n, profile: event.data.who, entry: {event: go}, steps: [{name: pause, wait: {for: 1h}}, {name: greet, send: {connection: CON}}]}`)
		v.create(202, `{name: n, profile: event.data.who, entry: {event: fresh}, steps: [{name: pause, wait: {for: 1h, maxLate: 5m}}, {name: greet, send: {connection: CON}}]}`)
		stop := v.run()
		for i := range many {
			v.observe("go", fmt.Sprintf(`{"who":"p%d"}`, i))
			time.Sleep(30 * time.Minute / time.Duration(many)) // all are in before the first goes on
		}
		v.observe("fresh", `{"who":"p"}`)
		synctest.Wait()
		stop()
		time.Sleep(24 * time.Hour)
		v.open() // as a start does
		back := time.Now()
		v.run()
		time.Sleep(2 * time.Second)
		synctest.Wait() // no virtual time goes by while pages are worked on
		list, err := v.Store.EnrolmentList(ctx, journey.Query{Tenant: tenant, Journey: 201, State: journey.Done, Limit: many + 1})
		v.check(err)
		if len(list) != many || len(v.sent) != many {
			t.Errorf("%d of %d have gone on after %v, and %d sends were handed over", len(list), many, time.Since(back), len(v.sent))
		}
		var last time.Time
		for i := len(list) - 1; i >= 0; i-- { // the oldest first
			traces, err := v.Store.TraceList(ctx, tenant, list[i].ID)
			v.check(err)
			if at := traces[1].At; at.Before(last) || at.Before(back) || at.Sub(back) > 2*time.Second {
				t.Fatalf("the %d. went on at %v behind %v", len(list)-i, at, last)
			} else {
				last = at
			}
		}
		if e := v.runs(202, "p")[0]; e.State != journey.Done || !strings.Contains(e.Notes.Words, "later than 5m0s after its time") {
			t.Errorf("got %+v", e)
		}
	})
}
