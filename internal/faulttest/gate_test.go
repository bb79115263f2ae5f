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

func gateKills(t *testing.T, servers []*relay, kills int) {
	endpoint := newGateEndpoint(t)
	rng := seeded(t)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	call := func(r *relay, method, path, key, body string) (int, []byte, error) {
		req, err := http.NewRequest(method, r.url()+path, strings.NewReader(body))
		if err != nil {
			return 0, nil, err
		}
		req.Header.Set("Authorization", "Apikey "+adminKey)
		req.Header.Set("Content-Type", "application/json")
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		res, err := client.Do(req)
		if err != nil {
			return 0, nil, err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return res.StatusCode, b, err
	}
	settings := `{"enabled":true,"mode":"decide","deadline":"3s","url":"` + endpoint.URL + `","retry":{"attempts":50,"initialWait":"1s","factor":1,"maxWait":"1s"}}`
	if status, b, err := call(servers[0], "PATCH", "/v1/gate", "", settings); err != nil || status != 200 {
		t.Fatalf("turning the gate on: %d %s, %v", status, b, err)
	}
	for _, r := range servers {
		waitFor(t, "a server to know the gate", patience, func() error {
			status, b, err := call(r, "GET", "/v1/gate", "", "")
			if err != nil || status != 200 || !bytes.Contains(b, []byte(`"enabled":true`)) {
				return fmt.Errorf("got %d %s, %v", status, b, err)
			}
			return nil
		})
	}

	// Callers send each respondent repeatedly to any server until it is received.
	var (
		next, verdicts atomic.Int64
		mu             sync.Mutex
		wrong          []string
		stop           = make(chan struct{})
		callers        sync.WaitGroup
	)
	complain := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		wrong = append(wrong, fmt.Sprintf(format, args...))
	}
	for range 6 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := int(next.Add(1) - 1)
				body := fmt.Sprintf(`{"campaignId":%d,"respondent":{"firstName":"P%d"},"custom":{"n":%d}}`, 1+n%3, n, n)
				for try, begun := 0, time.Now(); ; try++ {
					status, b, err := call(servers[(n+try)%len(servers)], "POST", "/v1/integrations/dixa/respondents", "k"+strconv.Itoa(n), body)
					if err != nil || status == 503 {
						if time.Since(begun) > patience {
							complain("respondent %d was not received for %v: %d %s, %v", n, patience, status, b, err)
							break
						}
						time.Sleep(20 * time.Millisecond)
						continue
					}
					var got personDoc
					if err := json.Unmarshal(b, &got); status != 202 || err != nil {
						complain("respondent %d: got %d %s, want 202", n, status, b)
					} else if want, _ := verdictOf(n); got.State != "pending" {
						verdicts.Add(1)
						if got.State != want {
							complain("respondent %d: the caller was told %s, want %s", n, got.State, want)
						}
					}
					break
				}
			}
		})
	}
	for range kills {
		before := verdicts.Load()
		waitFor(t, "some verdicts", patience, func() error {
			if got := verdicts.Load() - before; got < 50 {
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
	close(stop)
	callers.Wait()
	total := int(next.Load())

	states := make(map[string][]personDoc)
	list := func(state string) (people []personDoc, err error) {
		for path := "/v1/respondents?limit=250&state=" + state; ; {
			var page struct {
				Data       []personDoc
				NextCursor *string
			}
			if err := servers[0].get(path, &page); err != nil {
				return nil, err
			}
			people = append(people, page.Data...)
			if page.NextCursor == nil {
				return people, nil
			}
			path = "/v1/respondents?limit=250&state=" + state + "&cursor=" + *page.NextCursor
		}
	}
	// A respondent whose event was lost in a kill is found at start and every minute.
	waitFor(t, "everybody to be decided", 2*patience+10*time.Second, func() error {
		if pending, err := list("pending"); err != nil || len(pending) > 0 {
			return fmt.Errorf("%d are pending, %v", len(pending), err)
		}
		return nil
	})
	seen := make(map[int]int)
	for _, state := range []string{"stored", "rejected", "held", "discarded", "forwarded"} {
		people, err := list(state)
		if err != nil {
			t.Fatal(err)
		}
		states[state] = people
		for _, p := range people {
			seen[p.Custom.N]++
			if want, title := verdictOf(p.Custom.N); state != want || p.Respondent.Title != title {
				complain("respondent %d is %s with the title %q, want %s with %q (%v)", p.Custom.N, state, p.Respondent.Title, want, title, p.Reason)
			}
		}
	}
	for n := range total {
		if seen[n] != 1 {
			complain("respondent %d is there %d times, want once", n, seen[n])
		}
	}
	if len(seen) != total {
		complain("there are %d respondents, want %d", len(seen), total)
	}
	for _, w := range wrong[:min(len(wrong), 20)] {
		t.Error(w)
	}
	for _, r := range servers {
		r.stop()
	}
	t.Logf("%d kills, %d respondents, %d callers told the verdict: %d stored, %d rejected", kills, total, verdicts.Load(), len(states["stored"]), len(states["rejected"]))
}
