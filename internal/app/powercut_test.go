package app

import (
	"bytes"
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

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/store/sqlite/powercut"
)

// target counts the arrivals of each event, and answers as configured.
type target struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	hang   chan struct{}  // if set, requests are answered only after it is closed
	got    map[string]int // requests, by their bodies
}

func newTarget(t *testing.T) *target {
	g := &target{status: http.StatusOK, got: make(map[string]int)}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id := string(body) // the same in each attempt
		g.mu.Lock()
		g.got[id]++
		status, hang := g.status, g.hang
		g.mu.Unlock()
		if hang != nil {
			<-hang
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(g.Close)
	return g
}

// have reports whether each of n events has arrived at least the given number of times.
func (g *target) have(n, times int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	enough := 0
	for _, k := range g.got {
		if k >= times {
			enough++
		}
	}
	return enough >= n
}

// A request that a person was told has succeeded takes effect, even if the power fails right after
// the answer.
func TestPowerCutKeepsWhatWasAskedFor(t *testing.T) {
	const events = 12
	one := `{"url":%q,"events":["a.b"],"retry":{"attempts":1}}`
	later := `{"url":%q,"events":["a.b"],"retry":{"attempts":5,"waits":["20h"]}}`
	fifo := `{"url":%q,"events":["a.b"],"ordering":"fifo","retry":{"attempts":1}}`
	tests := []struct {
		name    string
		webhook string
		first   int // the endpoint's first answer
		ask     func(t *testing.T, a *App, hook string, ids []string)
	}{
		{"resend", one, http.StatusOK, resendAll},
		{"resend in order", fifo, http.StatusOK, resendAll},
		{"retry of failed", one, http.StatusBadRequest, retryAll},
		{"retry of waiting", later, http.StatusInternalServerError, retryAll},
		{"recover", one, http.StatusBadRequest, job("recover")},
		{"recover in order", fifo, http.StatusBadRequest, job("recover")},
		{"replay", one, http.StatusOK, job("replay")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			disk := powercut.Watch(t)
			c := settings(t)
			endpoint := newTarget(t)
			endpoint.status = tt.first
			a := run(t, c)
			var hook struct{ ID string }
			ask(t, a, "POST", "/v1/webhooks", fmt.Sprintf(tt.webhook, endpoint.URL), &hook)
			var ids []string
			for i := range events {
				e, err := dial(t, a, adminKey).Publish(t.Context(), client.NewEvent{Type: "a.b", Data: i})
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, e.ID)
			}
			until(t, func() bool { return endpoint.have(events, 1) })
			until(t, func() bool { // the results are recorded, and no attempt is in progress
				return strings.Count(string(call(t, a, "GET", "/v1/webhooks/"+hook.ID+"/attempts?limit=100", "")), `"outcome"`) >= events
			})
			if tt.name == "retry of waiting" { // waiting deliveries are on the disk, with their old time
				ask(t, a, "POST", "/v1/events/"+ids[0]+"/resend", "{}", nil)
				until(t, func() bool {
					return strings.Count(string(call(t, a, "GET", "/v1/webhooks/"+hook.ID+"/attempts?limit=100", "")), `"outcome"`) > events
				})
			}
			// From here, no requested operation finishes before the cut.
			hang := make(chan struct{})
			endpoint.mu.Lock()
			endpoint.hang = hang
			endpoint.mu.Unlock()
			tt.ask(t, a, hook.ID, ids)

			after := c
			after.Data = filepath.Join(t.TempDir(), "after")
			disk.Cut(t, c.Data, after.Data)
			close(hang)
			stop(t, a)

			endpoint.mu.Lock()
			clear(endpoint.got)
			endpoint.status, endpoint.hang = http.StatusOK, nil
			endpoint.mu.Unlock()
			run(t, after)
			deadline := time.Now().Add(60 * time.Second)
			for !endpoint.have(events, 1) {
				if time.Now().After(deadline) {
					endpoint.mu.Lock()
					defer endpoint.mu.Unlock()
					t.Fatalf("after the power cut %d of %d deliveries were sent that were asked for and answered", len(endpoint.got), events)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}

// ask makes a request as admin, which must succeed, and reads the answer into v unless v is nil.
func ask(t *testing.T, a *App, method, path, body string, v any) {
	t.Helper()
	head, doc, _ := bytes.Cut(call(t, a, method, path, body), []byte("\r\n{"))
	doc = append([]byte("{"), doc...)
	var p struct{ Detail string }
	if json.Unmarshal(doc, &p) == nil && bytes.Contains(head, []byte("problem+json")) {
		t.Fatalf("%s %s: %s", method, path, doc)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(doc, v); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, doc)
	}
}

func resendAll(t *testing.T, a *App, _ string, ids []string) {
	for _, id := range ids {
		ask(t, a, "POST", "/v1/events/"+id+"/resend", "{}", nil)
	}
}

func retryAll(t *testing.T, a *App, _ string, ids []string) {
	for _, id := range ids {
		var list struct{ Data []struct{ ID string } }
		ask(t, a, "GET", "/v1/events/"+id+"/deliveries", "", &list)
		ask(t, a, "POST", "/v1/deliveries/"+list.Data[0].ID+"/retry", "", nil)
	}
}

// job starts a job and waits until it is done.
func job(kind string) func(t *testing.T, a *App, hook string, ids []string) {
	return func(t *testing.T, a *App, hook string, ids []string) {
		since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		var j struct {
			ID, State  string
			Deliveries int
		}
		ask(t, a, "POST", "/v1/webhooks/"+hook+"/"+kind, fmt.Sprintf(`{"since":%q}`, since), &j)
		until(t, func() bool {
			ask(t, a, "GET", "/v1/jobs/"+j.ID, "", &j)
			return j.State == "done"
		})
		if j.Deliveries != len(ids) {
			t.Errorf("the job made %d deliveries, want %d", j.Deliveries, len(ids))
		}
	}
}
