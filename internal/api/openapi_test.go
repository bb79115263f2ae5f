package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/testenv"
)

var update = flag.Bool("update", false, "write testdata/openapi.json anew")

// TestDocumentIsCommitted keeps the document of the API in the repository, so that each change to it is seen in review.
func TestDocumentIsCommitted(t *testing.T) {
	w := newWorld(t)
	var b bytes.Buffer
	if err := json.Indent(&b, w.do("GET", "/openapi.json", "").body, "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	const path = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Error("the API's document has changed: look at the change with go test ./internal/api -run TestDocumentIsCommitted -update, tell users of it in CHANGELOG.md, and commit testdata/openapi.json")
	}
}

// TestEveryRouteIsDocumented compares the server's routes with the document, in both directions (S26).
func TestEveryRouteIsDocumented(t *testing.T) {
	w := newWorld(t)
	var documented []string
	for path, operations := range w.document().Paths {
		for method := range operations {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	sort.Strings(documented)
	served := w.api.Patterns()
	sort.Strings(served)
	if !slices.Equal(documented, served) {
		t.Errorf("documented: %q\nserved: %q\nwant the same", documented, served)
	}
	for _, route := range documented {
		method, path, _ := strings.Cut(route, " ")
		if a := w.do(method, strings.ReplaceAll(path, "{id}", "none"), ""); a.status == 405 || bytes.Contains(a.body, []byte("there is nothing at this path;")) {
			t.Errorf("%s is documented, but got %d %s", route, a.status, a.body)
		}
	}
	for _, path := range []string{"/debug/pprof/", "/debug/vars", "/v1", "/v1/", "/v1/debug", "/.env", "/admin"} {
		w.refused(404, "GET", path, "")
	}
}

// TestAnswersFitTheDocument checks that answers have exactly the members that the document requires of them.
func TestAnswersFitTheDocument(t *testing.T) {
	w := newWorld(t)
	url, got := endpoint(t, func() int { return 500 })
	var hook hookDoc
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+url+`"}`)
	var ev struct{ ID string }
	w.into(&ev, 202, "POST", "/v1/events", `{"type":"a.b","data":1}`)
	<-got
	var log page[attemptDoc]
	eventually(t, "the attempt is in the log", func() bool {
		w.into(&log, 200, "GET", "/v1/webhooks/"+hook.ID+"/attempts", "")
		return len(log.Data) == 1
	})
	var d struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
				Required   []string
			}
		}
	}
	w.into(&d, 200, "GET", "/openapi.json", "")
	for path, schema := range map[string]string{
		"/v1/webhooks/" + hook.ID:                  "Webhook",
		"/v1/webhooks":                             "WebhookList",
		"/v1/events/" + ev.ID:                      "EventDetail",
		"/v1/events/" + ev.ID + "/explain":         "ExplanationList",
		"/v1/attempts/" + log.Data[0].ID:           "Attempt",
		"/v1/deliveries/" + log.Data[0].DeliveryID: "Delivery",
		"/v1/stats":                                "Stats",
		"/v1/nothing":                              "Problem",
	} {
		a := w.do("GET", path, "")
		var answer map[string]json.RawMessage
		if err := json.Unmarshal(a.body, &answer); err != nil {
			t.Errorf("GET %s: %v in %s", path, err, a.body)
		}
		s, ok := d.Components.Schemas[schema]
		if !ok {
			t.Errorf("the document has no schema %s", schema)
		}
		for name := range answer {
			if _, ok := s.Properties[name]; !ok {
				t.Errorf("GET %s: member %q is not in schema %s", path, name, schema)
			}
		}
		for _, name := range s.Required {
			if _, ok := answer[name]; !ok {
				t.Errorf("GET %s: got %s without %q, which schema %s requires", path, a.body, name, schema)
			}
		}
	}
}

// TestEnumerations holds the lists in struct tags to those in the code they come from.
func TestEnumerations(t *testing.T) {
	w := newWorld(t)
	for _, s := range ledger.States {
		w.into(nil, 200, "GET", "/v1/deliveries?state="+string(s), "")
	}
	w.refused(400, "GET", "/v1/deliveries?state=lost", "")
}

// TestDocumentLint runs a public linter over the document: no errors and no warnings under its recommended rules.
func TestDocumentLint(t *testing.T) {
	node := testenv.Binary(t, "node")
	dir := testenv.Modules(t, "openapi-lint-2.77.0", "@redocly/cli/bin/cli.js", filepath.Join("testdata", "lint"))
	cli := filepath.Join(dir, "node_modules", "@redocly", "cli", "bin", "cli.js")
	w := newWorld(t)
	document := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(document, w.do("GET", "/openapi.json", "").body, 0o644); err != nil {
		t.Fatal(err)
	}
	lint := exec.CommandContext(t.Context(), node, cli, "lint", "--config", filepath.Join("testdata", "lint", "redocly.yaml"), "--format", "json", document)
	lint.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "NO_COLOR=1")
	var stdout, stderr bytes.Buffer
	lint.Stdout, lint.Stderr = &stdout, &stderr
	runErr := lint.Run()
	var report struct {
		Totals   struct{ Errors, Warnings, Ignored int }
		Problems []struct {
			RuleID, Message string
			Location        []struct{ Pointer string }
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("reading the linter's report: %v (it ended with %v)\n%s\n%s", err, runErr, stdout.Bytes(), stderr.Bytes())
	}
	for _, p := range report.Problems {
		where := ""
		if len(p.Location) > 0 {
			where = p.Location[0].Pointer
		}
		t.Errorf("%s: %s at %s", p.RuleID, p.Message, where)
	}
	if n := report.Totals; runErr != nil || n.Errors+n.Warnings+n.Ignored != 0 {
		t.Errorf("linter: got %+v (%v), want nothing at all", n, runErr)
	}
}

// TestDocsPage: the page names every operation, and loads and runs nothing.
func TestDocsPage(t *testing.T) {
	w := newWorld(t)
	a := w.do("GET", "/docs", "", "Authorization", "")
	if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %d %v", a.status, a.header)
	}
	policy := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "style-src 'sha256-"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if strings.Count(policy, "script-src 'sha256-") != 1 || strings.Contains(policy, "unsafe") || strings.Contains(policy, "'self'") {
		t.Errorf("policy %q allows other scripts than the page's own", policy)
	}
	script := regexp.MustCompile(`(?s)<script>(.*?)</script>`).FindAllSubmatch(a.body, -1)
	if own, err := os.ReadFile("../rest/docs.js"); err != nil || len(script) != 1 || !bytes.Equal(script[0][1], own) {
		t.Error("the script in the page is not docs.js byte for byte, so its hash in the policy is wrong")
	} else if sum := sha256.Sum256(own); !strings.Contains(policy, base64.StdEncoding.EncodeToString(sum[:])) {
		t.Errorf("policy %q lacks the hash of the page's script", policy)
	}
	if n := bytes.Count(a.body, []byte("<pre")); n == 0 || n != bytes.Count(a.body, []byte(`<pre tabindex="0">`)) {
		t.Errorf("of %d blocks that scroll some cannot be reached by the keyboard", n)
	}
	if icon := w.do("GET", "/favicon.ico", "", "Authorization", ""); icon.status != 204 {
		t.Errorf("the icon that browsers ask for: got %d, want 204", icon.status)
	}
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindSubmatch(a.body)
	sheet, err := os.ReadFile("../rest/docs.css")
	if err != nil || style == nil || !bytes.Equal(style[1], sheet) {
		t.Error("the style in the page is not docs.css byte for byte, so its hash in the policy is wrong")
	}
	for _, never := range []string{"<script ", "http://", "src=", "onclick", " style="} {
		if bytes.Contains(a.body, []byte(never)) {
			t.Errorf("the page contains %q", never)
		}
	}
	for _, curl := range []string{`curl &#34;$RELAY/v1/webhooks/{id}&#34;`, `event.data.duration &gt; 60`, `format=openapi`} {
		if !bytes.Contains(a.body, []byte(curl)) {
			t.Errorf("the page does not have the example %s", curl)
		}
	}
	for _, operations := range w.document().Paths {
		for _, op := range operations {
			if !bytes.Contains(a.body, []byte(`id="`+op.OperationID+`"`)) {
				t.Errorf("the page does not show %s", op.OperationID)
			}
		}
	}
	if resp, err := http.Get(w.url + "/openapi.json"); err != nil || resp.Header.Get("Content-Security-Policy") == "" || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers of a JSON answer: got %v, %v", resp, err)
	}
}

// TestRequestsNameNoDefaults keeps the document fit for code generators: a member with a default is always there to them, so
// that they make it required in requests; and a choice without a name loses its content.
func TestRequestsNameNoDefaults(t *testing.T) {
	w := newWorld(t)
	var d struct {
		Paths      map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	w.into(&d, 200, "GET", "/openapi.json", "")
	for name, schema := range d.Components.Schemas {
		walkSchema(schema, func(s map[string]any) {
			for member, value := range mapOf(s["properties"]) {
				p := mapOf(value)
				if _, ok := p["default"]; ok {
					t.Errorf("schema %s: member %q has a default, want it as x-default", name, member)
				}
				if _, ok := p["x-default"]; ok && strings.HasPrefix(name, "Update") {
					t.Errorf("schema %s: member %q has a default, but a change that leaves it out keeps it", name, member)
				}
			}
		})
	}
	for path, item := range d.Paths {
		for method, op := range item {
			for _, p := range sliceOf(mapOf(op)["parameters"]) {
				schema := mapOf(mapOf(p)["schema"])
				if _, text := schema["default"].(string); schema["type"] == "string" && schema["default"] != nil && !text {
					t.Errorf("%s %s: parameter %v is a string with the default %v", method, path, mapOf(p)["name"], schema["default"])
				}
			}
		}
	}
	for schema, forms := range map[string]string{"PublishRequest": "oneOf", "PublishAnswer": "oneOf"} {
		if n := len(sliceOf(mapOf(d.Components.Schemas[schema])[forms])); n != 2 {
			t.Errorf("schema %s: got %d forms, want 2", schema, n)
		}
	}
}

func mapOf(v any) map[string]any { m, _ := v.(map[string]any); return m }
func sliceOf(v any) []any        { s, _ := v.([]any); return s }

// walkSchema calls visit for a schema and everything in it.
func walkSchema(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, inner := range v {
			walkSchema(inner, visit)
		}
	case []any:
		for _, inner := range v {
			walkSchema(inner, visit)
		}
	}
}

// TestConnectorSchemaIsServed to editors, which have no key.
func TestConnectorSchemaIsServed(t *testing.T) {
	w := newWorld(t)
	got := w.do("GET", "/schemas/connector-1.json", "", "Authorization", "")
	if got.status != 200 || !bytes.Equal(got.body, connector.Schema()) || got.header.Get("Content-Type") != "application/schema+json" {
		t.Errorf("got %d, %v and %d bytes, want the schema", got.status, got.header, len(got.body))
	}
}
