package journey_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/connector/connectortest"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/journey"
)

const tenant = event.TenantID(1)

var ctx = context.Background()

// rig is journeys with everything below them, and a partner.
type rig struct {
	*connectortest.Rig
	t         testing.TB
	audiences *audience.Audiences
	journeys  *journey.Journeys
	who       *access.Principal
	con       string // the connection

	mu     sync.Mutex
	got    []request
	answer func(body string, w http.ResponseWriter)
}

type request struct{ id, body string }

// note sends the payload as it is.
const note = `connector: note
version: 1.0.0
kind: message
name: Note
partnerNumber: 2001
connection: {url: {type: url}}
externalId: {use: optional}
message: {url: "${connection.url}", headers: {X-Send: "${send.id}"}}
tests: [{name: a, answer: {status: 200}, verdict: delivered}]
`

func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, request{req.Header.Get("X-Send"), string(body)})
	if r.answer != nil {
		r.answer(string(body), w)
	}
}

func (r *rig) requests() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.got...)
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// newRig returns journeys that run, and a connection to the partner, whose connector may be another than note.
func newRig(t testing.TB, document string) *rig {
	t.Helper()
	r := &rig{Rig: connectortest.New(t, nil, nil), t: t, who: access.System(tenant)}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	var err error
	r.audiences, err = audience.New(ctx, audience.Config{Store: r.Store, Records: r.Store, Connectors: r.Connectors, Log: connectortest.Log})
	r.check(err)
	r.journeys, err = journey.New(ctx, journey.Config{Store: r.Store, Records: r.Store, Connectors: r.Connectors, Audiences: r.audiences, Webhooks: r.Webhooks, Log: connectortest.Log})
	r.check(err)
	r.Destinations.Kinds[journey.Owner] = r.journeys.Destination()
	r.Destinations.Owners[journey.Owner] = r.journeys.Destination()
	r.Start(t)
	if document == "" {
		document = note
	}
	e, err := r.Connectors.Create(ctx, r.who, document)
	r.check(err)
	_, err = r.Connectors.SetState(ctx, r.who, e.Connector, e.Version, connector.Live)
	r.check(err)
	name, site := "the partner", int64(1234)
	con, err := r.Connectors.CreateConnection(ctx, r.who, e.Connector, &connector.Change{Name: &name, SiteNumber: &site, Fields: map[string]*string{"url": &server.URL}})
	r.check(err)
	r.con = con.Name
	return r
}

// run takes steps until the test ends or stop is called.
func (r *rig) run() (stop func()) {
	running, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); r.journeys.Run(running) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	r.t.Cleanup(stop)
	return stop
}

// create makes a journey; CON in the document is the connection.
func (r *rig) create(number int64, document string) *journey.Item {
	r.t.Helper()
	it, err := r.journeys.Create(ctx, r.who, number, strings.ReplaceAll(document, "CON", r.con), "")
	r.check(err)
	return it
}

// publish stores an event, which the engine brings to the journeys.
func (r *rig) publish(eventType, data string) {
	r.t.Helper()
	p := &ingest.Publication{Tenant: tenant, Items: []ingest.Item{{Event: event.Event{Tenant: tenant, Type: eventType, Data: []byte(data), Time: time.Now().UTC()}}}}
	r.check(r.Publisher.Publish(ctx, p))
	r.check(p.Err)
}

// runs returns a profile's enrolments, the oldest first.
func (r *rig) runs(number int64, profile string) []journey.Enrolment {
	r.t.Helper()
	list, err := r.Store.EnrolmentList(ctx, journey.Query{Tenant: tenant, Journey: number, Profile: profile, Limit: 100})
	r.check(err)
	for i, k := 0, len(list)-1; i < k; i, k = i+1, k-1 {
		list[i], list[k] = list[k], list[i]
	}
	return list
}

// until waits until f holds.
func (r *rig) until(what string, f func() bool) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); !f(); time.Sleep(5 * time.Millisecond) { // between two looks at the store
		if time.Now().After(end) {
			list, _ := r.Store.EnrolmentList(ctx, journey.Query{Tenant: tenant, Journey: 201, Limit: 5})
			r.t.Fatalf("%s did not happen; enrolments %+v, requests %+v", what, list, r.requests())
		}
	}
}

// untilState waits until the profile's only run is in a state.
func (r *rig) untilState(number int64, profile string, state journey.State) journey.Enrolment {
	r.t.Helper()
	var e journey.Enrolment
	r.until(fmt.Sprintf("that %s is %s", profile, state), func() bool {
		list := r.runs(number, profile)
		if len(list) != 1 {
			return false
		}
		e = list[0]
		return e.State == state
	})
	return e
}

// trail is what an enrolment has done, as words.
func (r *rig) trail(id string) string {
	r.t.Helper()
	list, err := r.Store.TraceList(ctx, tenant, id)
	r.check(err)
	var words []string
	for _, x := range list {
		words = append(words, x.Kind+" "+x.Step)
	}
	return strings.Join(words, ", ")
}

func (r *rig) profile(id string, in *audience.Input) {
	r.t.Helper()
	_, err := r.audiences.PutProfile(ctx, tenant, id, in)
	r.check(err)
}

func variables(text string) *audience.Input {
	return &audience.Input{Variables: json.RawMessage(text), PartnerIDs: map[string][]string{"2001": {"m"}}}
}
