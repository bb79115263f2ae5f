//go:build linux

package faulttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/testenv"
)

// TestGateKills kills servers while respondents go through the gate and their callers wait for
// verdicts: each respondent ends exactly once, as the endpoint decided, and no caller was told
// otherwise.
func TestGateKills(t *testing.T) {
	kills := count(t, "RELAY_FAULT_GATE_KILLS", 3, 2)
	t.Run("folder", func(t *testing.T) {
		r := newRelay(t, filepath.Join(t.TempDir(), "data"))
		r.start()
		gateKills(t, []*relay{r}, kills)
		intact(t, r.dir)
	})
	t.Run("database", func(t *testing.T) {
		gateKills(t, newServers(t, pgtest.Start(t).Database(t), 2).nodes, kills)
	})
}

// personDoc is a respondent in the API.
type personDoc struct {
	ID, State  string
	Reason     *string
	Respondent struct{ Title string }
	Custom     struct{ N int }
}

// verdictOf returns how a respondent must end, by number.
func verdictOf(n int) (state, title string) {
	switch n % 10 {
	case 3, 7:
		return "rejected", ""
	case 4:
		return "stored", "VIP"
	default:
		return "stored", ""
	}
}

// newGateEndpoint starts an endpoint that decides, though not always at once.
func newGateEndpoint(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // a server was killed during the call
		}
		var p personDoc
		if err := json.Unmarshal(body, &p); err != nil {
			t.Errorf("the endpoint got %s: %v", body, err)
		}
		n, first := p.Custom.N, r.Header.Get("X-Relay-Attempt") == "1"
		switch {
		case n%20 == 11 && first:
			w.WriteHeader(http.StatusInternalServerError)
			return
		case n%20 == 12 && first:
			io.WriteString(w, "<html>accept</html>")
			return
		case n%20 == 13:
			time.Sleep(50 * time.Millisecond) // a slow answer; the exact delay does not matter
		}
		switch state, title := verdictOf(n); {
		case state == "rejected":
			io.WriteString(w, `{"decision":"reject"}`)
		case title != "":
			io.WriteString(w, `{"decision":"accept","respondent":{"title":"`+title+`"}}`)
		default:
			io.WriteString(w, `{"decision":"accept"}`)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// call makes a request to a server as the operator, and returns the answer.
func (r *relay) call(method, path, key, body string) (int, []byte, error) {
	req, err := http.NewRequest(method, r.url()+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.GetBody = nil // or net/http repeats it, see publishers.send
	req.Header.Set("Authorization", "Apikey "+adminKey)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := r.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

// gateCallers send numbered respondents through the gate, each repeatedly to any server until it is
// received, and wait for verdicts.
type gateCallers struct {
	t              *testing.T
	servers        []*relay
	stop           chan struct{}
	ended          sync.WaitGroup
	next, verdicts atomic.Int64

	mu    sync.Mutex // guards wrong
	wrong []string
}

// newGateCallers turns the gate on and starts the callers, which end with finish.
func newGateCallers(t *testing.T, servers []*relay, callers int) *gateCallers {
	g := &gateCallers{t: t, servers: servers, stop: make(chan struct{})}
	endpoint := newGateEndpoint(t)
	settings := `{"enabled":true,"mode":"decide","deadline":"3s","url":"` + endpoint.URL + `","retry":{"attempts":50,"initialWait":"1s","factor":1,"maxWait":"1s"}}`
	if status, b, err := servers[0].call("PATCH", "/v1/gate", "", settings); err != nil || status != 200 {
		t.Fatalf("turning the gate on: %d %s, %v", status, b, err)
	}
	for _, r := range servers {
		waitFor(t, "a server to know the gate", patience, func() error {
			status, b, err := r.call("GET", "/v1/gate", "", "")
			if err != nil || status != 200 || !bytes.Contains(b, []byte(`"enabled":true`)) {
				return fmt.Errorf("got %d %s, %v", status, b, err)
			}
			return nil
		})
	}
	for range callers {
		g.ended.Go(func() {
			for {
				select {
				case <-g.stop:
					return
				default:
				}
				g.bring(int(g.next.Add(1) - 1))
			}
		})
	}
	t.Cleanup(g.end)
	return g
}

func (g *gateCallers) complain(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = append(g.wrong, fmt.Sprintf(format, args...))
}

// bring sends a respondent until it is received.
func (g *gateCallers) bring(n int) {
	body := fmt.Sprintf(`{"campaignId":%d,"respondent":{"firstName":"P%d"},"custom":{"n":%d}}`, 1+n%3, n, n)
	for try, begun := 0, time.Now(); ; try++ {
		status, b, err := g.servers[(n+try)%len(g.servers)].call("POST", "/v1/integrations/dixa/respondents", "k"+strconv.Itoa(n), body)
		if err != nil || status == 503 {
			if time.Since(begun) > patience {
				g.complain("respondent %d was not received for %v: %d %s, %v", n, patience, status, b, err)
				return
			}
			time.Sleep(20 * time.Millisecond)
			continue
		}
		var got personDoc
		if err := json.Unmarshal(b, &got); status != 202 || err != nil {
			g.complain("respondent %d: got %d %s, want 202", n, status, b)
		} else if want, _ := verdictOf(n); got.State != "pending" {
			g.verdicts.Add(1)
			if got.State != want {
				g.complain("respondent %d: the caller was told %s, want %s", n, got.State, want)
			}
		}
		return
	}
}

// end ends the callers. Ending twice is harmless.
func (g *gateCallers) end() {
	g.mu.Lock()
	select {
	case <-g.stop:
	default:
		close(g.stop)
	}
	g.mu.Unlock()
	g.ended.Wait()
}

// list returns the respondents in a state.
func (g *gateCallers) list(state string) (people []personDoc, err error) {
	for path := "/v1/respondents?limit=250&state=" + state; ; {
		var page struct {
			Data       []personDoc
			NextCursor *string
		}
		if err := g.servers[0].get(path, &page); err != nil {
			return nil, err
		}
		people = append(people, page.Data...)
		if page.NextCursor == nil {
			return people, nil
		}
		path = "/v1/respondents?limit=250&state=" + state + "&cursor=" + *page.NextCursor
	}
}

// finish ends the callers, waits until everybody is decided, and checks that each respondent is
// there once, as the endpoint decided.
func (g *gateCallers) finish() (total, lost int, states map[string]int) {
	g.t.Helper()
	g.end()
	total = int(g.next.Load())
	// A respondent whose event was lost in a kill is found at start and every minute.
	waitFor(g.t, "everybody to be decided", 2*patience+10*time.Second, func() error {
		if pending, err := g.list("pending"); err != nil || len(pending) > 0 {
			return fmt.Errorf("%d are pending, %v", len(pending), err)
		}
		return nil
	})
	seen := make(map[int]int)
	states = make(map[string]int)
	for _, state := range []string{"stored", "rejected", "held", "discarded", "forwarded"} {
		people, err := g.list(state)
		if err != nil {
			g.t.Fatal(err)
		}
		states[state] = len(people)
		for _, p := range people {
			seen[p.Custom.N]++
			if want, title := verdictOf(p.Custom.N); state != want || p.Respondent.Title != title {
				g.complain("respondent %d is %s with the title %q, want %s with %q (%v)", p.Custom.N, state, p.Respondent.Title, want, title, p.Reason)
			}
		}
	}
	for n := range total {
		switch seen[n] {
		case 0:
			lost++
			g.complain("respondent %d is lost", n)
		case 1:
		default:
			g.complain("respondent %d is there %d times, want once", n, seen[n])
		}
	}
	if len(seen) != total {
		g.complain("there are %d respondents, want %d", len(seen), total)
	}
	for _, w := range g.wrong[:min(len(g.wrong), 20)] {
		g.t.Error(w)
	}
	return total, lost, states
}

func gateKills(t *testing.T, servers []*relay, kills int) {
	rng := seeded(t)
	g := newGateCallers(t, servers, 6)
	for range kills {
		before := g.verdicts.Load()
		waitFor(t, "some verdicts", patience, func() error {
			if got := g.verdicts.Load() - before; got < 50 {
				return fmt.Errorf("got %d", got)
			}
			return nil
		})
		time.Sleep(time.Duration(rng.Int64N(int64(200 * time.Millisecond)))) // kills happen at any moment
		r := servers[rng.IntN(len(servers))]
		r.running()
		r.life().kill()
		r.start()
	}
	total, lost, states := g.finish()
	testenv.Report(t, testenv.Figures{Faults: kills, Accepted: total, Lost: lost})
	for _, r := range servers {
		r.stop()
	}
	t.Logf("%d kills, %d respondents, %d callers told the verdict: %d stored, %d rejected", kills, total, g.verdicts.Load(), states["stored"], states["rejected"])
}
