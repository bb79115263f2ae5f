package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/relay-events/relay/internal/access"
)

// creating are calls that make something, with a body that can be used once and another one.
func creating(hook string) []struct{ path, body, other string } {
	return []struct{ path, body, other string }{
		{"/v1/webhooks", `{"url":"http://127.0.0.1:18999/once"}`, `{"url":"http://127.0.0.1:18999/other"}`},
		{"/v1/webhooks/" + hook + "/rotate-secret", `{}`, ``},
		{"/v1/webhooks/" + hook + "/replay", `{"since":"2026-01-01T00:00:00Z"}`, `{"since":"2026-01-02T00:00:00Z"}`},
		{"/v1/keys", `{"name":"once","scopes":["read"]}`, `{"name":"once","scopes":["manage"]}`},
		{"/v1/event-types", `{"name":"once.a"}`, `{"name":"once.b"}`},
		{"/v1/derivation-rules", `{"name":"once","on":"once.a","type":"once.b","data":"event.data"}`, `{"name":"once2","on":"once.a","type":"once.b","data":"event.data"}`},
		{"/v1/campaigns", `{"id":77,"name":"n"}`, `{"id":78,"name":"n"}`},
		{"/v1/integrations", `{"name":"once"}`, `{"name":"once2"}`},
	}
}

// TestOnceForEveryCreatingCall: the same request with the same Idempotency-Key is answered as it was the first time, also
// after a restart of the API, and another request with the key is refused. Nothing of a secret is on the disk.
func TestOnceForEveryCreatingCall(t *testing.T) {
	w := newWorld(t)
	var hook struct{ ID string }
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/"}`)
	for i, c := range creating(hook.ID) {
		key := fmt.Sprintf("auto_%d", i)
		first := w.do("POST", c.path, c.body, "Idempotency-Key", key)
		if first.status >= 300 || first.header.Get("Idempotent-Replayed") != "" {
			t.Fatalf("POST %s %s: got %d %s", c.path, c.body, first.status, first.body)
		}
		for range 2 {
			again := w.do("POST", c.path, c.body, "Idempotency-Key", key)
			if again.status != first.status || !bytes.Equal(again.body, first.body) || again.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("POST %s again: got %d %v %s, want %d %s", c.path, again.status, again.header, again.body, first.status, first.body)
			}
		}
		if p := w.refused(409, "POST", c.path, c.other, "Idempotency-Key", key); p.fields() != "header Idempotency-Key" {
			t.Errorf("POST %s %s with the key of another body: got %+v", c.path, c.other, p)
		}
		if p := w.refused(409, "POST", c.path+"?", c.body+" ", "Idempotency-Key", key); p.Status != 409 {
			t.Errorf("POST %s with another body: got %+v", c.path, p)
		}
		// Another caller's key is another one: neither is shown the other's answer.
		other := w.do("POST", c.path, c.body, "Idempotency-Key", key, "Authorization", "Bearer "+w.key(access.ScopeAdmin))
		if other.header.Get("Idempotent-Replayed") != "" || bytes.Contains(other.body, []byte(`"key":"`)) && bytes.Equal(other.body, first.body) {
			t.Errorf("POST %s by another key: got %s, the answer to the first one", c.path, other.body)
		}
		var shown struct{ Key string } // signing secrets are sealed with the webhook, which these tests leave out
		_ = json.Unmarshal(first.body, &shown)
		if shown.Key != "" && onDisk(t, w.dir, shown.Key) {
			t.Errorf("POST %s: the key it showed is on the disk", c.path)
		}
	}
	// Refused requests are not remembered.
	w.refused(422, "POST", "/v1/webhooks", `{"url":""}`, "Idempotency-Key", "mended")
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/mended"}`, "Idempotency-Key", "mended")
	w.refused(400, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/"}`, "Idempotency-Key", strings.Repeat("k", 257))

	// Of many at once one is done.
	var wg sync.WaitGroup
	var mu sync.Mutex
	created := map[string]int{}
	for range 8 {
		wg.Go(func() {
			req := w.request("POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/at-once"}`, "Idempotency-Key", "at once")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			var v struct{ ID string }
			_ = json.NewDecoder(resp.Body).Decode(&v)
			mu.Lock()
			defer mu.Unlock()
			switch resp.StatusCode {
			case 201:
				created[v.ID]++
			case 409:
			default:
				t.Errorf("got %d", resp.StatusCode)
			}
		})
	}
	wg.Wait()
	if len(created) != 1 {
		t.Errorf("8 at once made %v, want one webhook", created)
	}
}

// onDisk reports whether a text is anywhere in a folder.
func onDisk(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestOnceIsInTheDocument: every POST that needs a key and does something takes the header.
func TestOnceIsInTheDocument(t *testing.T) {
	w := newWorld(t)
	var doc struct {
		Paths map[string]struct {
			Post *struct {
				Scope      string `json:"x-scope"`
				Parameters []struct{ Name, In string }
			}
		}
	}
	w.into(&doc, 200, "GET", "/openapi.json", "")
	for path, item := range doc.Paths {
		if item.Post == nil || item.Post.Scope == "" || strings.HasSuffix(path, "/preview") || strings.HasSuffix(path, "/check") {
			continue
		}
		found := false
		for _, p := range item.Post.Parameters {
			found = found || p.In == "header" && p.Name == "Idempotency-Key"
		}
		if !found {
			t.Errorf("POST %s does not take Idempotency-Key", path)
		}
	}
}

// TestCursorsAreBound: a cursor goes on with the list, the filters and the tenant it was given for, and with nothing else.
func TestCursorsAreBound(t *testing.T) {
	w := newWorld(t)
	for i := range 4 {
		w.into(nil, 202, "POST", "/v1/events", fmt.Sprintf(`{"type":"c.x","data":%d,"key":"k"}`, i))
		w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/","events":["never"]}`)
		w.into(nil, 201, "POST", "/v1/keys", `{"name":"k","scopes":["read"]}`)
		w.into(nil, 201, "POST", "/v1/campaigns", fmt.Sprintf(`{"id":%d,"name":"n"}`, 100+i))
	}
	w.fill(4)
	lists := []string{"/v1/events", "/v1/events?type=c.x", "/v1/events?type=c.x&key=k", "/v1/webhooks", "/v1/audit", "/v1/campaigns", "/v1/respondents"}
	at := func(path, cursor string, limit int) string {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		return fmt.Sprintf("%s%slimit=%d&cursor=%s", path, sep, limit, cursor)
	}
	other := w.otherKey()
	for _, from := range lists {
		var page struct {
			Data       []json.RawMessage
			NextCursor string
		}
		w.into(&page, 200, "GET", at(from, "", 2), "")
		if page.NextCursor == "" {
			t.Fatalf("%s: no cursor", from)
		}
		for _, to := range lists {
			want := 400
			if to == from {
				want = 200
			}
			if got := w.do("GET", at(to, page.NextCursor, 1)+"&", ""); got.status != want {
				t.Errorf("a cursor of %s given to %s: got %d %s, want %d", from, to, got.status, got.body, want)
			}
		}
		if got := w.do("GET", at(from, page.NextCursor, 2), "", "Authorization", "Bearer "+other); got.status != 400 {
			t.Errorf("a cursor of %s given to another tenant: got %d", from, got.status)
		}
		for i := 0; i < len(page.NextCursor); i += 7 {
			bad := []byte(page.NextCursor)
			bad[i] ^= 1
			if got := w.do("GET", at(from, strings.ReplaceAll(string(bad), "+", "x"), 2), ""); got.status != 400 {
				t.Errorf("%s with a bit of the cursor flipped: got %d", from, got.status)
			}
		}
	}
	var page struct{ NextCursor string }
	w.into(&page, 200, "GET", "/v1/events?type=c.x&limit=1&since=2026-01-01T00:00:00Z", "")
	w.into(nil, 200, "GET", "/v1/events?limit=2&type=c.x&since=2026-01-02T00:00:00Z&cursor="+page.NextCursor, "")
	for _, bad := range []string{"cur_0dqv5r8k0000g", "cur_", "x", "%00"} {
		w.refused(400, "GET", "/v1/events?cursor="+bad, "")
	}
}
