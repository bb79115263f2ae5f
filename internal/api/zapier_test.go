package api_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/relay-events/relay/internal/testenv"
)

// zapierApp is a generated package that the real zapier-platform-core runs.
type zapierApp struct {
	t   *testing.T
	in  *json.Encoder
	out *bufio.Scanner
}

// startZapier unpacks the package of the server beside the library, and starts it.
func startZapier(t *testing.T, w *world, key string) *zapierApp {
	t.Helper()
	node := testenv.Binary(t, "node")
	from := filepath.Join("testdata", "zapier")
	dir := testenv.Modules(t, "zapier-platform-core-19.1.0", "zapier-platform-core/package.json", from, filepath.Join(from, "run.js"))
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	a := w.do("GET", "/v1/hooks/packages/zapier.zip", "", "Authorization", "Bearer "+key)
	if a.status != 200 {
		t.Fatalf("the package: got %d %s", a.status, a.body)
	}
	app, err := os.MkdirTemp(dir, "app-") // within the folder, so that it finds the library
	check(err)
	t.Cleanup(func() { os.RemoveAll(app) })
	z, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
	check(err)
	check(os.CopyFS(app, z))

	cmd := exec.Command(node, filepath.Join(dir, "run.js"), app, w.url, key)
	stdin, err := cmd.StdinPipe()
	check(err)
	stdout, err := cmd.StdoutPipe()
	check(err)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	check(cmd.Start())
	p := &zapierApp{t, json.NewEncoder(stdin), bufio.NewScanner(stdout)}
	p.out.Buffer(nil, 1<<20)
	t.Cleanup(func() {
		stdin.Close()
		for p.out.Scan() {
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the app: %v\n%s", err, stderr.String())
		}
	})
	return p
}

// call runs a part of the app. The error is what the library threw.
func (p *zapierApp) call(result any, call, trigger string, bundle map[string]any) (failed string) {
	p.t.Helper()
	ask := map[string]any{"call": call, "trigger": trigger}
	for k, v := range bundle {
		ask[k] = v
	}
	if err := p.in.Encode(ask); err != nil {
		p.t.Fatal(err)
	}
	for p.out.Scan() {
		line, is := strings.CutPrefix(p.out.Text(), "> ")
		if !is {
			continue // the library tells how much memory it uses
		}
		var a struct {
			Result json.RawMessage
			Error  string
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			p.t.Fatalf("%s: %v", line, err)
		}
		if result != nil && a.Error == "" {
			if err := json.Unmarshal(a.Result, result); err != nil {
				p.t.Fatalf("%s: decoding %s: %v", call, a.Result, err)
			}
		}
		return a.Error
	}
	p.t.Fatalf("%s: the app has ended", call)
	return ""
}

// The package that the server makes works under the real library, with its checks on: it subscribes, shows samples, takes an
// event, and unsubscribes twice.
func TestZapierRunsThePackage(t *testing.T) {
	w := newWorld(t)
	key := strings.TrimPrefix(w.hookKey("Zapier")[1], "Bearer ")
	w.into(nil, 201, "POST", "/v1/event-types", `{"name":"order.created","description":"An order was placed.","schema":{"type":"object","properties":{"number":{"type":"integer"},"buyer":{"type":"object","properties":{"name":{"type":"string"}}}}}}`)
	w.into(nil, 201, "POST", "/v1/event-types", `{"name":"order-created"}`) // the same key
	var status atomic.Int64
	status.Store(200)
	target, got := endpoint(t, func() int { return int(status.Load()) })
	p := startZapier(t, w, key)
	must := func(result any, call, trigger string, bundle map[string]any) {
		t.Helper()
		if failed := p.call(result, call, trigger, bundle); failed != "" {
			t.Fatalf("%s of %s: %s", call, trigger, failed)
		}
	}
	var keys []string
	if must(&keys, "triggers", "", nil); !slices.Contains(keys, "order_created") || !slices.Contains(keys, "order_created_2") || !slices.Contains(keys, "call_completed") {
		t.Errorf("triggers: got %v, want one for each event type", keys)
	}
	var wrong []any
	if must(&wrong, "validate", "", nil); len(wrong) != 0 {
		t.Errorf("the library finds wrong with the app: %v", wrong)
	}
	var me struct{ Label string }
	if must(&me, "auth", "", nil); me.Label != "default: Zapier" {
		t.Errorf("the connection: got %q", me.Label)
	}
	if failed := p.call(nil, "auth", "", map[string]any{"authData": map[string]string{"baseUrl": w.url, "apiKey": "rk_wrong"}}); !strings.Contains(failed, "401") {
		t.Errorf("a wrong key: got %q, want an error with 401", failed)
	}

	// Samples, checked as the results of a polling trigger: the example, and then events.
	type sample struct {
		ID, Event string
		Data      struct{ Number int }
	}
	var samples []sample
	if must(&samples, "perform", "order_created_samples", nil); len(samples) != 1 {
		t.Errorf("without events: got %+v, want the example", samples)
	}

	var hook map[string]any
	must(&hook, "performSubscribe", "order_created_2", map[string]any{"targetUrl": target + "/hooks/1", "meta": map[string]any{}})
	bundle := map[string]any{"subscribeData": hook, "targetUrl": target + "/hooks/1"}
	typ := "order.created"
	if hook["event"] != typ {
		typ = "order-created" // the first key goes to the first name
	}
	w.into(nil, 202, "POST", "/v1/events", `{"type":"`+typ+`","data":{"number":7}}`)
	in := <-got
	perform := func(content string) (results []sample, failed string) {
		raw := map[string]string{}
		for name := range in.header {
			raw["Http-"+name] = in.header.Get(name)
		}
		var body any
		_ = json.Unmarshal([]byte(content), &body)
		bundle := map[string]any{"subscribeData": hook, "cleanedRequest": body, "rawRequest": map[string]any{"method": "POST", "headers": raw, "content": content, "querystring": ""}}
		failed = p.call(&results, "perform", "order_created_2", bundle)
		return results, failed
	}
	results, failed := perform(string(in.body))
	if failed != "" || len(results) != 1 || results[0].ID == "" || results[0].Data.Number != 7 {
		t.Errorf("perform: got %+v, %s, want the event", results, failed)
	}
	if _, failed = perform(strings.Replace(string(in.body), "7", "8", 1)); !strings.Contains(failed, "not signed") {
		t.Errorf("a changed event: got %q, want it refused", failed)
	}
	if must(&samples, "perform", "order_created_2_samples", nil); len(samples) != 1 || samples[0].Event != typ || samples[0].Data.Number != 7 {
		t.Errorf("samples: got %+v, want the event", samples)
	}
	for range 2 {
		must(nil, "performUnsubscribe", "order_created_2", bundle)
	}
	must(&hook, "performSubscribe", "shorthand", map[string]any{"targetUrl": target + "/hooks/2"})
	for range 2 {
		must(nil, "performUnsubscribe", "shorthand", map[string]any{"subscribeData": hook})
	}
	var list []restHookDoc
	if w.into(&list, 200, "GET", "/v1/hooks", ""); len(list) != 0 {
		t.Errorf("after unsubscribing: got %+v", list)
	}
}

// The packages for n8n and Make are whole, say nothing that the catalogue's authors could make code of, and are only for keys
// of hooks.
func TestHookPackages(t *testing.T) {
	w := newWorld(t)
	w.into(nil, 201, "POST", "/v1/event-types", `{"name":"order.created","description":"'); process.exit(1); ('"}`)
	key := w.hookKey("n8n")
	files := func(name string) map[string]string {
		a := w.do("GET", "/v1/hooks/packages/"+name, "", key...)
		z, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
		if err != nil || a.status != http.StatusOK || a.header.Get("Content-Type") != "application/zip" {
			t.Fatalf("%s: got %d %.100s, %v", name, a.status, a.body, err)
		}
		all := map[string]string{}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			all[f.Name] = string(b)
		}
		return all
	}
	for name, code := range map[string]string{"n8n.zip": "RelayTrigger.node.js", "zapier.zip": "index.js"} {
		all := files(name)
		if strings.Contains(all[code], "process.exit") || !strings.Contains(all["catalogue.json"], "process.exit") || all["package.json"] == "" || all["README.md"] == "" {
			t.Errorf("%s: want the catalogue as data only, got %v", name, all)
		}
	}
	var app struct {
		Webhook struct {
			Attach struct{ Body struct{ URL string } }
			Detach struct{ URL, Method string }
		}
	}
	w.into(&app, 200, "GET", "/v1/hooks/packages/make.json", "", key...)
	if app.Webhook.Attach.Body.URL != "{{webhook.url}}" || app.Webhook.Detach.Method != "DELETE" {
		t.Errorf("make.json: got %+v", app)
	}
	w.refused(404, "GET", "/v1/hooks/packages/none.zip", "", key...)
}
