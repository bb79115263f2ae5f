package e2etest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
	verify "github.com/relay-events/relay/receiver"
)

// TestClientsInEveryLanguage runs one scenario with each client against the program: an event type and a webhook, events
// published in every way, lists, explanations, a retry, changes, errors, a delivery verified.
func TestClientsInEveryLanguage(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	t.Run("Go", func(t *testing.T) { goScenario(t, r) })
	t.Run("TypeScript", func(t *testing.T) {
		built := buildTypeScript(t)
		node := testenv.Binary(t, "node")
		runClient(t, exec.CommandContext(t.Context(), node, filepath.Join(built, "test", "scenario.js")), r, `^done [0-9]{2}\n$`)
		runClient(t, exec.CommandContext(t.Context(), node, filepath.Join(built, "test", "repeat.js")), r, `^done\n$`)
	})
	t.Run("Python", func(t *testing.T) {
		python, folder := testenv.Python(t, "http.server"), filepath.Join(testenv.Root(t), "clients", "python")
		runClient(t, exec.CommandContext(t.Context(), python, filepath.Join(folder, "tests", "scenario.py")), r, `^done [0-9]{2}\n$`)
		runClient(t, exec.CommandContext(t.Context(), python, filepath.Join(folder, "tests", "test_repeat.py")), r, `^$`)
	})
}

// runClient runs a program that uses a client, and compares what it prints with a pattern.
func runClient(t *testing.T, cmd *exec.Cmd, r *relay, want string) {
	t.Helper()
	cmd.Env = append(os.Environ(), "RELAY_URL="+r.url, "RELAY_KEY="+adminKey,
		"PYTHONPATH="+filepath.Join(testenv.Root(t), "clients", "python", "src"), "PYTHONDONTWRITEBYTECODE=1", "NO_COLOR=1")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || !regexp.MustCompile(want).MatchString(stdout.String()) {
		t.Errorf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, stdout.String(), stderr.String())
	}
}

// buildTypeScript compiles the TypeScript client and its tests under the strictest settings, and returns their folder.
func buildTypeScript(t *testing.T) string {
	t.Helper()
	node := testenv.Binary(t, "node")
	from := filepath.Join(testenv.Root(t), "clients", "typescript")
	modules := testenv.Modules(t, "client-typescript-5.9.3", "typescript/bin/tsc", from)
	dir := t.TempDir()
	for _, name := range []string{"src", "test"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(from, name))); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"node_modules": filepath.Join(modules, "node_modules"), "package.json": filepath.Join(from, "package.json"), "tsconfig.json": filepath.Join(from, "tsconfig.json"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	built := filepath.Join(dir, "built")
	tsc := exec.CommandContext(t.Context(), node, filepath.Join(modules, "node_modules", "typescript", "bin", "tsc"),
		"--project", dir, "--preserveSymlinks", "--noEmit", "false", "--outDir", built)
	if out, err := tsc.CombinedOutput(); err != nil {
		t.Fatalf("tsc: %v\n%s", err, out)
	}
	return built
}

// goScenario is the scenario of clients/typescript/test/scenario.ts and clients/python/tests/scenario.py in Go.
func goScenario(t *testing.T, r *relay) {
	ctx := t.Context()
	c := clientOf(t, r.url, adminKey)
	var refusing atomic.Bool
	var mu sync.Mutex
	type request struct {
		header http.Header
		body   []byte
	}
	var received []request // guarded by mu
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		if refusing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		received = append(received, request{q.Header, body})
	}))
	defer endpoint.Close()
	address := endpoint.URL + "/hook?a=1"
	check := func(ok bool, what string, got any) {
		t.Helper()
		if !ok {
			t.Errorf("%s: got %+v", what, got)
		}
	}

	// An event type and a webhook.
	schema := json.RawMessage(`{"type":"object","required":["amount"],"properties":{"amount":{"type":"number"}}}`)
	kind := mustCall[client.EventType](t)(c.CreateEventType(ctx, client.CreateEventType{Name: "go.paid", Description: client.Set("paid"), Schema: schema, Validation: client.Set("strict")}))
	check(kind.Name == "go.paid" && kind.Validation == "strict", "the event type", kind)
	hook := mustCall[client.Webhook](t)(c.CreateWebhook(ctx, client.CreateWebhook{
		URL: address, Events: client.Set([]string{"go.*"}), Signature: "relay+standard", Filter: "event.type != 'go.bulk'",
		Retry: client.Set(client.RetryFields{Attempts: client.Set(1)}), Timeout: client.Set(client.Duration(5 * time.Second)), Description: client.Set("scenario"),
	}))
	check(strings.HasPrefix(hook.Secret, "whsec_") && hook.Retry.Attempts == 1 && time.Duration(hook.Timeout) == 5*time.Second, "the webhook", hook)
	twice, key := client.CreateWebhook{URL: address, Events: client.Set([]string{"go.never"})}, client.IdempotencyKey("go-webhook")
	once := mustCall[client.Webhook](t)(c.CreateWebhook(ctx, twice, key))
	again := mustCall[client.Webhook](t)(c.CreateWebhook(ctx, twice, key))
	check(once.ID == again.ID, "one webhook for one key", again)

	// Publishing: one, many, a stream.
	event := func(id string, amount int) client.NewEvent {
		return client.NewEvent{ID: id, Type: "go.paid", Data: map[string]int{"amount": amount}}
	}
	first := mustCall[client.PublishedEvent](t)(c.Publish(ctx, event("go-1", 7)))
	check(first.ID == "go-1" && !first.Duplicate, "the published event", first)
	duplicate := mustCall[client.PublishedEvent](t)(c.Publish(ctx, event("go-1", 7)))
	check(duplicate.Duplicate, "a duplicate", duplicate)
	key = client.IdempotencyKey("go-once")
	keyed := mustCall[client.PublishedEvent](t)(c.Publish(ctx, event("", 8), key))
	same := mustCall[client.PublishedEvent](t)(c.Publish(ctx, event("", 8), key))
	check(keyed.ID == same.ID, "one event for one key", same)
	many := mustCall[client.PublishedEvents](t)(c.PublishMany(ctx, []client.NewEvent{event("go-2", 9), event("go-1", 7)}))
	check(many.Accepted == 1 && many.Duplicates == 1 && many.Events[0].ID == "go-2", "the published batch", many)
	var lines strings.Builder
	for n := 1; n <= 1500; n++ {
		name := "go.bulk"
		if n == 1200 {
			name = "not a type"
		}
		fmt.Fprintf(&lines, `{"id":"go-line-%d","type":%q,"data":{"n":%d}}`+"\n", n, name, n)
	}
	var bad []client.StreamLine
	result, err := c.PublishStream(ctx, strings.NewReader(lines.String()), func(l client.StreamLine) {
		if l.Err != nil {
			bad = append(bad, l)
		}
	})
	check(err == nil && result == client.StreamResult{Lines: 1500, Accepted: 1499, Failed: 1}, "the stream", fmt.Sprint(result, err))
	check(len(bad) == 1 && bad[0].Line == 1200 && bad[0].Err.Kind() == "invalid", "the refused line", bad)

	// Lists.
	seen := 0
	for _, err := range c.ListEvents(ctx, client.ListEventsParams{Type: "go.bulk", Limit: 250, Since: time.Now().Add(-time.Hour)}) {
		if err != nil {
			t.Fatal(err)
		}
		seen++
	}
	check(seen == 1499, "an iterator over all pages", seen)
	page := mustCall[client.Page[client.Event]](t)(c.ListEventsPage(ctx, client.ListEventsParams{Type: "go.bulk", Limit: 10}))
	check(len(page.Data) == 10 && page.NextCursor != "" && page.Data[0].Type == "go.bulk", "a page", page)
	mustCall[[]client.Job](t)(c.ListJobs(ctx))

	// A delivery, verified.
	var delivered request
	eventually(t, "the delivery", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, delivered = range received {
			if strings.Contains(string(delivered.body), `"amount":7`) {
				return true
			}
		}
		return false
	})
	verifier := mustCall[*verify.Receiver](t)(verify.New(verify.Config{Secrets: []string{hook.Secret}}))
	check(verifier.Verify(delivered.header, delivered.body) == nil, "the request", delivered.header)
	old := maps.Clone(delivered.header)
	old.Set("X-Relay-Timestamp", "1")
	old.Set("Webhook-Timestamp", "1")
	for _, wrong := range []request{{delivered.header, append(delivered.body, ' ')}, {old, delivered.body}, {nil, delivered.body}} {
		check(errors.Is(verifier.Verify(wrong.header, wrong.body), verify.ErrSignature), "a request that is not Relay's", wrong.header)
	}

	// An explanation, a failure, a retry.
	eventually(t, "the explanation", func() bool {
		verdicts, err := c.ExplainEvent(ctx, "go-1", client.ExplainEventParams{WebhookID: hook.ID})
		return err == nil && len(verdicts) == 1 && verdicts[0].Verdict == "delivered"
	})
	refusing.Store(true)
	mustCall[client.PublishedEvent](t)(c.Publish(ctx, event("go-refused", 1)))
	var failed client.Delivery
	eventually(t, "the failed delivery", func() bool {
		deliveries, err := c.ListEventDeliveries(ctx, "go-refused")
		for _, failed = range deliveries {
			if failed.WebhookID == hook.ID && failed.State == "failed" {
				return err == nil
			}
		}
		return false
	})
	refusing.Store(false)
	mustCall[client.Delivery](t)(c.RetryDelivery(ctx, failed.ID))
	eventually(t, "the retried delivery", func() bool {
		d, err := c.GetDelivery(ctx, failed.ID)
		return err == nil && d.State == "delivered"
	})

	// Changes, with null and members that are left out.
	changed := mustCall[client.Webhook](t)(c.UpdateWebhook(ctx, hook.ID, client.UpdateWebhook{Description: client.Set("changed"), Retry: client.Null[client.RetryFields]()}))
	check(changed.Description == "changed" && changed.Retry.Attempts != 1 && changed.Filter == hook.Filter, "the changed webhook", changed)

	// Errors.
	refused := func(status int, field string, err error) {
		t.Helper()
		var e *client.Error
		if !errors.As(err, &e) || e.Status != status || field != "" && (len(e.Fields) == 0 || e.Fields[0].Field != field) {
			t.Errorf("got %v, want status %d and the field %q", err, status, field)
		}
	}
	_, err = c.CreateWebhook(ctx, client.CreateWebhook{URL: address, Retry: client.Set(client.RetryFields{Attempts: client.Set(99)})})
	refused(422, "retry.attempts", err)
	_, err = c.Publish(ctx, client.NewEvent{Type: "go.paid", Data: struct{}{}})
	refused(422, "", err)
	_, err = c.Publish(ctx, event("go-1", 1))
	refused(409, "", err)
	_, err = c.GetEvent(ctx, "go-nothing")
	refused(404, "", err)
	_, err = clientOf(t, r.url, "rk_wrong_key_of_some_length").ListJobs(ctx)
	refused(401, "", err)

	// The end.
	if err := errors.Join(c.DeleteWebhook(ctx, hook.ID), c.DeleteEventType(ctx, "go.paid")); err != nil {
		t.Error(err)
	}
	_, err = c.GetWebhook(ctx, hook.ID)
	refused(404, "", err)
}

func clientOf(t *testing.T, url, key string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: url, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mustCall returns the value of a call that has to succeed.
func mustCall[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
