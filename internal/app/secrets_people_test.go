package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/backup"
)

// aConnector asks for a token, which its connections keep.
const aConnector = `connector: canaries
version: 1.0.0
kind: list
name: Canaries
partnerNumber: 2001
connection: {url: {type: url}}
auth: {type: bearer, token: {title: Token}}
externalId: {use: required}
identifiers: {anyOf: [partnerIds], required: true, max: 1}
add: {method: PUT, url: "${connection.url}", body: {member: "${payload.partnerIds[0]}"}}
remove: {method: POST, url: "${connection.url}", body: {member: "${payload.partnerIds[0]}"}}
tests: [{name: a, payload: {partnerIds: [m], partnerAudienceId: A}, expect: {body: {member: m}}}]
`

// TestSecretsOfPeopleAndPartners plants the secrets that TestSecretsStayIn does not: those of people,
// of identity providers, of partners, of platforms and of portals. They must not be in any answer to
// a GET, page or API, nor in a file, the log, the metrics or a backup.
func TestSecretsOfPeopleAndPartners(t *testing.T) {
	cfg := settings(t)
	const master = "canary-master-key-of-people-01234567"
	cfg.SecretKey = master
	w := &watch{t: t, secrets: []string{master, adminKey}}
	var logged syncBuffer
	a, err := New(t.Context(), cfg, slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, a) })
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var cookies []*http.Cookie
	send := func(method, path, body string, into any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, a.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if path != "/v1/session/link" {
			req.Header.Set("Authorization", "Bearer "+adminKey)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Origin", a.URL())
		res, err := httpClient(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err == nil && into != nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil || res.StatusCode >= 300 {
			t.Fatalf("%s %s: got %d %s, %v", method, path, res.StatusCode, b, err)
		}
		cookies = append(cookies, res.Cookies()...)
	}
	plant := func(secret string) string { w.secrets = append(w.secrets, secret); return secret }

	send("POST", "/v1/sign-in/providers", `{"name":"company","issuer":"https://id.example.com","clientId":"relay","clientSecret":"`+plant("canary-provider-1f2e3d4c")+`"}`, nil)
	send("PATCH", "/v1/gate", `{"url":"https://1.1.1.1/gate","auth":{"type":"apiKey","token":"`+plant("canary-gate-9a8b7c6d")+`"}}`, nil)
	send("POST", "/v1/connectors", `{"document":`+quote(aConnector)+`}`, nil)
	send("PATCH", "/v1/connectors/canaries", `{"version":"1.0.0","state":"live"}`, nil)
	send("POST", "/v1/connections", `{"connector":"canaries","name":"partner","fields":{"url":"https://1.1.1.1/","token":"`+plant("canary-partner-5e6f7a8b")+`"}}`, nil)
	var hook struct{ Secret string }
	send("POST", "/v1/hooks", `{"targetUrl":"https://1.1.1.1/hook","event":"call.completed"}`, &hook)
	plant(hook.Secret)
	var link map[string]any
	send("POST", "/v1/portal-links", `{"user":{"name":"Ana"}}`, &link)
	address, _ := link["url"].(string)
	_, token, found := strings.Cut(address, "#")
	if !found || len(token) < 16 {
		token = address[strings.LastIndexAny(address, "/=")+1:]
	}
	plant(token)
	var key struct{ Key string }
	send("POST", "/v1/keys", `{"name":"shop","scopes":["publish"]}`, &key)
	plant(key.Key)
	var person struct{ Link struct{ Token string } }
	send("POST", "/v1/users", `{"email":"ann@example.com","role":"admin"}`, &person)
	plant(person.Link.Token)
	send("POST", "/v1/session/link", `{"token":"`+person.Link.Token+`","password":"`+plant("canary password nobody says")+`"}`, nil)
	if len(cookies) == 0 {
		t.Fatal("accepting an invitation sets no cookie, so this shows nothing of sessions")
	}
	plant(cookies[len(cookies)-1].Value)
	for i, s := range w.secrets {
		if len(s) < 10 {
			t.Fatalf("secret %d is %q: too short to be looked for", i, s)
		}
	}

	// Every answer to a GET without a parameter in its path, and the pages.
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	head, body, _ := bytes.Cut(call(t, a, "GET", "/openapi.json", ""), []byte("\r\n{"))
	if err := json.Unmarshal(append([]byte("{"), body...), &doc); err != nil {
		t.Fatalf("reading the document: %v: %s", err, head)
	}
	paths := []string{"/openapi.json", "/docs", "/metrics", "/readyz", "/", "/login", "/me", "/me/second-factor"}
	for _, page := range []string{
		"home", "start", "receiver", "webhooks", "webhooks/new", "attention", "hooks", "undelivered", "types", "respondents", "jobs", "events", "account/relay",
		"account/keys", "account/users", "account/sign-in", "account/audit", "account/network", "log",
	} {
		paths = append(paths, "/t/default/"+page)
	}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		if _, get := doc.Paths[path]["get"]; get && !strings.Contains(path, "{") && !strings.HasSuffix(path, "/tail") {
			paths = append(paths, path)
		}
	}
	if len(paths) < 60 {
		t.Errorf("got %d paths, want all lists of the API", len(paths))
	}
	for _, path := range paths {
		w.check("GET "+path, get(t, a, path, nil))
		page := get(t, a, path, cookies[len(cookies)-1])
		if w.check("GET "+path+" with a session", page); strings.HasPrefix(path, "/t/") && !bytes.Contains(page, []byte("ann@example.com")) {
			t.Errorf("GET %s with a session: got a page without the person's address, so this shows nothing of it: %.200s", path, page)
		}
	}
	to := filepath.Join(t.TempDir(), "copy.tar")
	if _, err := backup.Create(t.Context(), backup.CreateOptions{Data: cfg.Data, To: to}); err != nil {
		t.Fatal(err)
	}
	w.checkFile("the backup", to)
	w.checkFiles("while it runs", cfg.Data)
	stop(t, a)
	w.checkFiles("after it has stopped", cfg.Data)
	logged.mu.Lock()
	defer logged.mu.Unlock()
	if w.check("the log", logged.b.Bytes()); logged.b.Len() == 0 {
		t.Error("nothing was logged, so this shows nothing of the log")
	}
}

// get reads a path with the operator's key, or with a session. A stream is read up to its first part.
func get(t *testing.T, a *App, path string, session *http.Cookie) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", a.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if req.Header.Set("Authorization", "Bearer "+adminKey); session != nil {
		req.Header.Del("Authorization")
		req.AddCookie(session)
	}
	res, err := httpClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	res.Header.Write(&b)
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return b.Bytes()
	}
	if _, err := io.Copy(&b, res.Body); err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
	if res.StatusCode >= 500 {
		t.Errorf("GET %s: got %s", path, fmt.Sprint(res.Status))
	}
	return b.Bytes()
}

func quote(s string) string {
	b, _ := json.Marshal(s) // a text always works
	return string(b)
}
