//go:build linux

package faulttest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// members is how many profiles are imported while the server is killed.
const members = 300

// TestKillWithEverythingOn is TestKill while all that Relay does goes on at the same time: webhooks
// in order, in batches, limited, filtered and transformed, respondents at the gate whose callers
// wait, an import into an audience that a partner is told of, and replays. Nothing that was
// answered may be lost: no event, no respondent, no profile, no job.
func TestKillWithEverythingOn(t *testing.T) {
	kills := count(t, "RELAY_FAULT_KILLS", 3, 2)
	begun := time.Now()
	w := newWorld(t, filepath.Join(t.TempDir(), "data"))
	w.hist.foreign = true
	e := newEndpoints(t, w.relay)
	e.attach(t, w.relay)
	gate := newGateCallers(t, []*relay{w.relay}, 2)
	w.pubs.run(t, w.rng, 4)
	imported := e.startImport(t, w.relay)
	var jobs []string
	for range kills {
		time.Sleep(100*time.Millisecond + time.Duration(w.rng.Int64N(int64(400*time.Millisecond))))
		w.relay.running()
		var job struct{ ID string }
		status, b, err := w.relay.call("POST", "/v1/webhooks/"+e.hooks["limited"]+"/replay", "", fmt.Sprintf(`{"since":%q}`, begun.UTC().Format(time.RFC3339Nano)))
		if err == nil {
			err = json.Unmarshal(b, &job)
		}
		if err != nil || status >= 300 {
			t.Fatalf("asking for a replay: %d %s, %v", status, b, err)
		}
		jobs = append(jobs, job.ID)
		l := w.relay.life()
		l.kill()
		w.killed(l)
		w.relay.start()
	}
	w.pubs.halt()
	people, lost, _ := gate.finish()
	var acked []string
	kinds := make(map[string]string) // types by token
	w.pubs.mu.Lock()
	for _, it := range w.pubs.items {
		if it.acked {
			acked = append(acked, it.token)
			kinds[it.token] = it.eventType
		}
	}
	w.pubs.mu.Unlock()
	waitFor(t, "delivering what was acknowledged to webhooks of every kind", patience, func() error {
		for name := range e.hooks {
			if n, one := e.missing(name, acked, kinds); n > 0 {
				return fmt.Errorf("%s lacks %d of %d events, among them %s: %s", name, n, len(acked), one, w.explain(one))
			}
		}
		return nil
	})
	waitFor(t, "telling the partner of all profiles", patience, func() error {
		if got := e.told(); got != members {
			return fmt.Errorf("it knows %d of %d", got, members)
		}
		return nil
	})
	for _, path := range append(prefixed("/v1/jobs/", jobs), imported) {
		waitFor(t, "the end of "+path, patience, func() error {
			var job struct {
				State    string
				Error    *string
				Rejected int
			}
			if err := w.relay.get(path, &job); err != nil || job.State != "done" || job.Rejected > 0 {
				return fmt.Errorf("got %+v, %v", job, err)
			}
			return nil
		})
	}
	f := w.finish()
	f.acked += people + members
	f.lost += lost
	f.report(t, kills, 0)
	t.Logf("%d kills, %d respondents, %d profiles, %d jobs, %v", kills, people, members, len(jobs), f)
}

func prefixed(prefix string, list []string) (out []string) {
	for _, s := range list {
		out = append(out, prefix+s)
	}
	return out
}

// endpoints are those of webhooks of several kinds, and a partner's.
type endpoints struct {
	server *httptest.Server
	hooks  map[string]string // ids by name

	mu      sync.Mutex                 // guards the fields below
	got     map[string]map[string]bool // accepted tokens, by name
	profile map[string]bool            // profiles that the partner was told of
}

func newEndpoints(t *testing.T, r *relay) *endpoints {
	e := &endpoints{hooks: make(map[string]string), got: make(map[string]map[string]bool), profile: make(map[string]bool)}
	e.server = httptest.NewServer(e)
	t.Cleanup(e.server.Close)
	for name, settings := range map[string]string{
		"fifo":        `"ordering":"fifo"`,
		"batch":       `"batch":{"maxEvents":20,"maxWait":"200ms"}`,
		"limited":     `"rateLimit":{"perSecond":500,"burst":10}`,
		"filtered":    `"filter":"event.type == 'load.shared'"`,
		"transformed": `"transform":"function transform(e) { return { body: { data: { token: e.data.token } } } }"`,
	} {
		var made struct{ ID string }
		status, b, err := r.call("POST", "/v1/webhooks", "", `{"url":"`+e.server.URL+"/"+name+`","events":["load.*"],`+
			settings+`,"retry":{"attempts":50,"waits":["1s"],"maxAge":"1h"}}`)
		if err == nil {
			err = json.Unmarshal(b, &made)
		}
		if err != nil || status != 201 {
			t.Fatalf("creating the webhook %q: %d %s, %v", name, status, b, err)
		}
		e.hooks[name], e.got[name] = made.ID, make(map[string]bool)
	}
	return e
}

func (e *endpoints) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return // the server was killed
	}
	name := strings.TrimPrefix(in.URL.Path, "/")
	e.mu.Lock()
	defer e.mu.Unlock()
	if name == "partner" {
		var list struct{ Members []struct{ Member string } }
		if json.Unmarshal(body, &list) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, m := range list.Members {
			e.profile[m.Member] = true
		}
		return
	}
	list := []envelope{{}}
	if strings.HasPrefix(string(body), "[") {
		err = json.Unmarshal(body, &list)
	} else {
		err = json.Unmarshal(body, &list[0])
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, v := range list {
		e.got[name][v.Data.Token] = true
	}
}

// missing returns how many of the events a webhook lacks, and one of them.
func (e *endpoints) missing(name string, tokens []string, kinds map[string]string) (n int, one string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, token := range tokens {
		if !e.got[name][token] && (name != "filtered" || kinds[token] == typeShared) {
			n, one = n+1, token
		}
	}
	return n, one
}

// told returns how many profiles the partner knows.
func (e *endpoints) told() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.profile)
}

// partnerConnector defines the partner.
const partnerConnector = `connector: torture
version: 1.0.0
kind: list
name: Torture
partnerNumber: 2001
connection: {url: {type: url}}
externalId: {use: required}
identifiers: {anyOf: [partnerIds], required: true, max: 1}
item: {member: "${payload.partnerIds[0]}"}
aggregate: {maxProfiles: 20, maxWait: 1s}
add: {method: PUT, url: "${connection.url}", body: {members: "${items}"}}
remove: {method: POST, url: "${connection.url}", body: {members: "${items}"}}
tests: [{name: a, payload: {partnerIds: [m], partnerAudienceId: A}, expect: {body: {members: [{member: m}]}}}]
`

// must makes a request that has to succeed, and reads its answer.
func must(t *testing.T, r *relay, method, path string, body, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, b, err := r.call(method, path, "", string(text))
	if err == nil && into != nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil || status >= 300 {
		t.Fatalf("%s %s: %d %s, %v", method, path, status, b, err)
	}
}

// attach makes an audience that the partner is told of.
func (e *endpoints) attach(t *testing.T, r *relay) {
	t.Helper()
	must(t, r, "POST", "/v1/connectors", map[string]string{"document": partnerConnector}, nil)
	must(t, r, "PATCH", "/v1/connectors/torture", map[string]string{"version": "1.0.0", "state": "live"}, nil)
	must(t, r, "POST", "/v1/audiences", map[string]any{"number": 101, "name": "Torture"}, nil)
	var made struct{ ID string }
	must(t, r, "POST", "/v1/connections", map[string]any{
		"connector": "torture", "name": "partner", "fields": map[string]string{"url": e.server.URL + "/partner"},
	}, &made)
	must(t, r, "POST", "/v1/audiences/101/attachments", map[string]string{"connection": made.ID, "externalId": "A"}, nil)
}

// startImport starts an import of all members, and returns its path.
func (e *endpoints) startImport(t *testing.T, r *relay) (path string) {
	t.Helper()
	var job struct{ ID string }
	must(t, r, "POST", "/v1/audiences/101/imports", map[string]string{"mode": "add"}, &job)
	path = "/v1/audiences/101/imports/" + job.ID
	var text strings.Builder
	for i := range members {
		fmt.Fprintf(&text, `{"profileId":"profile-%d","partnerIds":{"2001":["crm-%d"]}}`+"\n", i, i)
	}
	must(t, r, "POST", path+"/rows", map[string]any{"line": 1, "text": text.String()}, nil)
	must(t, r, "POST", path+"/start", map[string]bool{"force": false}, nil)
	return path
}
