package e2etest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/testenv"
)

type respondentDoc struct {
	ID, State  string
	Reason     *string
	Respondent struct{ FirstName, Title string }
	Duplicate  bool
}

// gateReceivers are the endpoints printed in docs/gate.md, as commands.
func gateReceivers(t *testing.T) map[string][]string {
	t.Helper()
	dir := filepath.Join(testenv.Root(t), "docs", "gate")
	program := filepath.Join(t.TempDir(), "receiver")
	build := exec.Command("go", "build", "-o", program, filepath.Join(dir, "receiver.go"))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the receiver in Go: %v\n%s", err, out)
	}
	return map[string][]string{
		"Go":     {program},
		"Node":   {testenv.Binary(t, "node"), filepath.Join(dir, "receiver.mjs")},
		"Python": {testenv.Python(t, "http.server"), filepath.Join(dir, "receiver.py")},
	}
}

// startGateReceiver starts one of them and returns its address.
func startGateReceiver(t *testing.T, command []string, token string) string {
	t.Helper()
	port := testenv.FreePort(t)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "TOKEN="+token, "PORT="+strconv.Itoa(port))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the receiver wrote:\n%s", out.String())
		}
	})
	url := fmt.Sprintf("http://127.0.0.1:%d/", port)
	eventually(t, "the receiver listens", func() bool {
		res, err := http.Get(url)
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
	return url
}

// TestGateReceivers lets the endpoints in the documentation, unchanged, decide about respondents.
func TestGateReceivers(t *testing.T) {
	const token = "what the gate says"
	for name, command := range gateReceivers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := startGateReceiver(t, command, token)
			r := startRelay(t)
			r.into(nil, 200, "PATCH", "/v1/gate", `{"enabled":true,"mode":"decide","deadline":"25s","url":"`+url+`","auth":{"type":"apiKey","token":"`+token+`"}}`)
			for _, c := range []struct{ body, state, title string }{
				{`{"campaignId":5000,"respondent":{"firstName":"Žofie \u00e9 😀","phoneNumber":"+4512345678"},"custom":{"deep":[1,{"a":null}]}}`, "stored", "Customer"},
				{`{"campaignId":5000,"respondent":{"firstName":"J","title":"Dr.","phoneNumber":"+4512345678","company":null}}`, "stored", "Dr."},
				{`{"campaignId":5000,"respondent":{"firstName":"J","emailAddress":""}}`, "rejected", ""},
				{`{"campaignId":5000,"respondent":{"phoneNumber":"+4512345678"},"doNotContact":true}`, "rejected", ""},
			} {
				var got respondentDoc
				r.into(&got, 202, "POST", "/v1/integrations/dixa/respondents", c.body)
				if got.State != c.state || got.Respondent.Title != c.title || c.state == "rejected" && (got.Reason == nil || !strings.Contains(*got.Reason, "cannot be called")) {
					t.Errorf("%s: got %+v, want it %s with the title %q", c.body, got, c.state, c.title)
				}
			}
			var test struct{ Attempt attemptDoc }
			r.into(&test, 200, "POST", "/v1/gate/test", "")
			if test.Attempt.Outcome != "delivered" {
				t.Errorf("the test: got %+v", test.Attempt)
			}
			// A repeated attempt gets the answer of the first one, a caller without the token gets
			// none, and invalid requests do no harm.
			post := func(delivery, key, body string) (int, string) {
				req, err := http.NewRequest("POST", url, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("X-Relay-Delivery", delivery)
				req.Header.Set("ApiKey", key)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Errorf("%s: %v", body, err)
					return 0, ""
				}
				defer res.Body.Close()
				var v struct{ Decision string }
				json.NewDecoder(res.Body).Decode(&v)
				return res.StatusCode, v.Decision
			}
			for _, c := range []struct {
				delivery, key, body string
				status              int
				decision            string
			}{
				{"d1", token, `{"campaignId":1,"respondent":{"phoneNumber":"+4512345678"}}`, 200, "accept"},
				{"d1", token, `{"campaignId":1,"respondent":{}}`, 200, "accept"},
				{"d2", "what the gate say5", `{"campaignId":1,"respondent":{}}`, 401, ""},
				{"d2", "", `{"campaignId":1,"respondent":{}}`, 401, ""},
				{"d3", token, `{`, 400, ""},
				{"d4", token, `[1]`, 400, ""},
				{"d3", token, `{"campaignId":1,"respondent":{}}`, 200, "reject"},
			} {
				if status, decision := post(c.delivery, c.key, c.body); status != c.status || decision != c.decision {
					t.Errorf("%s: got %d %q, want %d %q", c.body, status, decision, c.status, c.decision)
				}
			}
			r.into(nil, 200, "PATCH", "/v1/gate", `{"auth":{"token":"another"}}`)
			r.into(&test, 200, "POST", "/v1/gate/test", "")
			if test.Attempt.Outcome != "failed" || test.Attempt.Response == nil || test.Attempt.Response.Status != 401 {
				t.Errorf("with another token: got %+v, want 401", test.Attempt)
			}
		})
	}
	for name, command := range gateReceivers(t) {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Env = append(os.Environ(), "TOKEN=", "PORT=1")
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "set TOKEN") {
			t.Errorf("%s without a token: got %v, %s, want it to end", name, err, out)
		}
	}
}

// TestGateCredentials checks that the gate's credentials are not unencrypted in any file, survive a
// replacement of the encryption keys, and work with only the new keys.
func TestGateCredentials(t *testing.T) {
	t.Parallel()
	r, v := startRelay(t), startReceiver(t)
	const token = "canary-gate-token-4f1e"
	r.into(nil, 200, "PATCH", "/v1/gate", `{"enabled":true,"url":"`+v.url+`","auth":{"type":"apiKey","token":"`+token+`"}}`)
	check := func(when string) {
		t.Helper()
		var test struct{ Attempt attemptDoc }
		a := r.do("POST", "/v1/gate/test", "")
		if json.Unmarshal(a.body, &test) != nil || test.Attempt.Outcome != "delivered" || bytes.Contains(a.body, []byte(token)) {
			t.Errorf("%s: got the test %s, want it delivered and without the credential", when, a.body)
		}
		if got := v.next().header.Get("ApiKey"); got != token {
			t.Errorf("%s: the endpoint got the token %q, want %q", when, got, token)
		}
		for _, path := range []string{"/v1/gate", "/v1/gate/attempts", "/v1/audit"} {
			if a := r.do("GET", path, ""); a.status != 200 || bytes.Contains(a.body, []byte(token)) {
				t.Errorf("%s: GET %s: got %d %s, want no credential", when, path, a.status, a.body)
			}
		}
		if names := filesWith(t, r.dir, token); names != nil {
			t.Errorf("%s: the credential is in clear in %v", when, names)
		}
	}
	check("at first")
	sealed := readAll(t, r.dir, "relay.key")
	var rotated struct{ Webhooks int }
	r.into(&rotated, 200, "POST", "/v1/encryption-keys/rotate", "{}")
	if rotated.Webhooks != 1 || bytes.Equal(sealed, readAll(t, r.dir, "relay.key")) {
		t.Errorf("replacing the keys: got %+v, want the gate's endpoint sealed again with another key", rotated)
	}
	check("after the keys were replaced")
	r.stop()
	r.start()
	check("after the next start")
}

func readAll(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// filesWith returns the files below a folder that contain a text.
func filesWith(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // files come and go
		}
		if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, []byte(text)) {
			names = append(names, filepath.Base(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestErasedPerson checks that after a person was erased, no answer of the API and no file mentions
// them: not the log of requests and answers, not events, deliveries, lists and exports.
func TestErasedPerson(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	endpoint := startVerdicts(t, func(body []byte) string {
		return `{"decision":"accept","respondent":{"title":"Unmistakable-Title"},"reason":"knows Unmistakable-Reason"}`
	})
	r.into(nil, 200, "PATCH", "/v1/gate", `{"enabled":true,"mode":"decide","deadline":"25s","url":"`+endpoint+`"}`)
	send := func(n int) (got respondentDoc) {
		r.into(&got, 202, "POST", "/v1/integrations/dixa/respondents", fmt.Sprintf(
			`{"campaignId":5000,"respondent":{"firstName":"Unmistakable-Name","emailAddress":"p%d@unmistakable.example","phoneNumber":"+4512345678"},"custom":{"x":"Unmistakable-Custom"}}`, n))
		if got.State != "stored" {
			t.Fatalf("got %+v, want it stored", got)
		}
		return got
	}
	one, other := send(1), send(2)
	var log list[attemptDoc]
	eventually(t, "both attempts are in the log", func() bool {
		r.into(&log, 200, "GET", "/v1/gate/attempts", "")
		return len(log.Data) == 2
	})
	paths := []string{
		"/v1/gate/attempts", "/v1/respondents", "/v1/respondents?text=unmistakable", "/v1/respondents/export", "/v1/campaigns", "/v1/events", "/v1/deliveries",
		"/v1/audit", "/v1/stats", "/v1/webhooks", "/metrics",
	}
	for _, a := range log.Data {
		paths = append(paths, "/v1/attempts/"+a.ID, "/v1/deliveries/"+a.DeliveryID, "/v1/events/"+a.EventID, "/v1/events/"+a.EventID+"/deliveries", "/v1/events/"+a.EventID+"/explain")
	}
	telling := func() (n int) {
		for _, path := range paths {
			n += strings.Count(strings.ToLower(string(r.do("GET", path, "").body)), "unmistakable")
		}
		return n
	}
	both := telling()
	if !strings.Contains(log.Data[0].Request.Body, "Unmistakable-Name") || log.Data[0].Response == nil || !strings.Contains(log.Data[0].Response.Body, "Unmistakable-Title") {
		t.Errorf("before: got the attempt %+v, want its bodies", log.Data[0])
	}
	r.into(nil, 204, "DELETE", "/v1/respondents/"+one.ID, "")
	if half := telling(); half != both/2 {
		t.Errorf("after one of two was erased: the person is named %d times, want half of %d", half, both)
	}
	var erased struct{ Erased int }
	r.into(&erased, 200, "POST", "/v1/respondents/erase", `{"emailAddress":"P2@unmistakable.example"}`)
	if erased.Erased != 1 {
		t.Errorf("erased %d, want 1", erased.Erased)
	}
	for _, path := range paths {
		if a := r.do("GET", path, ""); strings.Contains(strings.ToLower(string(a.body)), "unmistakable") {
			t.Errorf("after both were erased: GET %s: got %s", path, a.body)
		}
	}
	log = list[attemptDoc]{}
	r.into(&log, 200, "GET", "/v1/gate/attempts", "")
	if len(log.Data) != 2 {
		t.Errorf("got %d attempts in the log, want 2", len(log.Data))
	}
	for _, a := range log.Data {
		if a.Request.Body != "" || a.Response == nil || a.Response.Body != "" || a.Response.Status != 200 {
			t.Errorf("the log: got %+v, want the attempt without its bodies", a)
		}
	}
	r.refused(404, "GET", "/v1/respondents/"+other.ID, "")
	for _, when := range []string{"while Relay runs", "after it was stopped"} {
		for _, text := range []string{"Unmistakable", "unmistakable"} {
			if names := filesWith(t, r.dir, text); names != nil {
				t.Errorf("%s: %q is still in %v", when, text, names)
			}
		}
		if when == "while Relay runs" {
			r.stop()
		}
	}
}

// startVerdicts starts an endpoint that answers with the result of f.
func startVerdicts(t *testing.T, f func(body []byte) string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		io.WriteString(w, f(body))
	}))
	t.Cleanup(s.Close)
	return s.URL + "/gate"
}

// TestStopWhileCallsWait checks that a call that waits for a verdict is answered when Relay stops,
// that the stop succeeds, and that the respondent is decided after the next start.
func TestStopWhileCallsWait(t *testing.T) {
	t.Setenv("RELAY_SHUTDOWN_TIMEOUT", "2s")
	r := startRelay(t)
	asked, silent := make(chan struct{}, 10), make(chan struct{})
	endpoint := startVerdicts(t, func([]byte) string {
		asked <- struct{}{}
		<-silent
		return `{"decision":"accept"}`
	})
	r.into(nil, 200, "PATCH", "/v1/gate", `{"enabled":true,"mode":"decide","deadline":"25s","timeout":"60s","url":"`+endpoint+`"}`)
	answered := make(chan answer, 1)
	go func() {
		a, err := r.try("POST", "/v1/integrations/dixa/respondents", `{"campaignId":1,"respondent":{}}`)
		if err != nil {
			t.Errorf("the call that waited: %v", err)
		}
		answered <- a
	}()
	<-asked
	r.stop()
	var got respondentDoc
	if a := <-answered; a.status != 202 || json.Unmarshal(a.body, &got) != nil || got.State != "pending" {
		t.Errorf("the call that waited: got %d %s, want it pending", a.status, a.body)
	}
	close(silent)
	r.start()
	eventually(t, "the respondent is decided", func() bool {
		r.into(&got, 200, "GET", "/v1/respondents/"+got.ID, "")
		return got.State == "stored"
	})
	var g struct {
		Health struct{ DisableAfter string }
	}
	if r.into(&g, 200, "GET", "/v1/gate", ""); g.Health.DisableAfter != "0s" {
		t.Errorf("got %+v, want a gate that is never disabled", g)
	}
}
