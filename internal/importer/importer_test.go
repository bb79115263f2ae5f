package importer

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the expected webhooks anew")

// answers are the saved answers of a system: written by hand after its public documents, not
// recorded.
func answers(t *testing.T, system string) Source {
	t.Helper()
	f, err := NewFolder(filepath.Join("testdata", system))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestRead compares what each system's endpoints are as webhooks with testdata/SYSTEM.want.json.
func TestRead(t *testing.T) {
	for _, s := range Systems {
		t.Run(s.Name, func(t *testing.T) {
			list, err := s.Read(t.Context(), Options{Source: answers(t, s.Name), Projects: []string{"01HP"}})
			if err != nil {
				t.Fatal(err)
			}
			list[0].Narrow("account")
			got, err := json.MarshalIndent(list, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", s.Name+".want.json")
			if *update {
				if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(string(want)) != string(got) {
				t.Errorf("got %s, want the content of %s", got, file)
			}
		})
	}
}

func TestReadOnly(t *testing.T) {
	for system, only := range map[string]string{"svix": "acme", "convoy": "acme", "outpost": "acme"} {
		for _, s := range Systems {
			if s.Name != system {
				continue
			}
			list, err := s.Read(t.Context(), Options{Source: answers(t, system), Projects: []string{"01HP"}, Only: []string{only}, Signature: "github"})
			if err != nil {
				t.Fatal(err)
			}
			if got := Owners(list); len(got) != 1 || got[0] != only || list[0].Request["signature"] != "github" {
				t.Errorf("%s: got the owners %q and the signature %v, want only %q and github", system, got, list[0].Request["signature"], only)
			}
		}
	}
}

// TestServer checks what is done with answers that are no answers.
func TestServer(t *testing.T) {
	var calls int
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/api/v1/busy":
			if calls++; calls < 3 {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			_, _ = w.Write([]byte("{}"))
		case "/api/v1/text":
			_, _ = w.Write([]byte("<html>"))
		case "/api/v1/loop":
			_, _ = w.Write([]byte(`{"data":[{"id":"a"}],"iterator":"same","done":false}`))
		case "/api/v1/moved":
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	defer h.Close()
	s, err := NewServer(h.URL, "t")
	if err != nil {
		t.Fatal(err)
	}
	s.(*server).wait = time.Millisecond
	if _, err := s.Get(t.Context(), "/busy", nil, 1); err != nil || calls != 3 {
		t.Errorf("busy twice: got %v after %d calls, want success after 3", err, calls)
	}
	if _, err := s.Get(t.Context(), "/missing", nil, 1); !errors.Is(err, ErrNone) {
		t.Errorf("missing: got %v, want ErrNone", err)
	}
	if _, err := s.Get(t.Context(), "/moved", nil, 1); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("a redirect: got %v, want that it is not followed", err)
	}
	if _, err := one[svixApplication](t.Context(), s, "/text"); err == nil || !strings.Contains(err.Error(), "is not as documented") {
		t.Errorf("a page: got %v", err)
	}
	if _, err := svixList[svixApplication](t.Context(), &Options{Source: s}, "/loop"); err == nil || !strings.Contains(err.Error(), "comes twice") {
		t.Errorf("a cursor that comes twice: got %v", err)
	}
	wrong, err := NewServer(h.URL+"/api/v1/", "other")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Get(t.Context(), "/busy", nil, 1); !errors.Is(err, ErrRefused) {
		t.Errorf("a wrong token: got %v, want ErrRefused", err)
	}
	for _, address := range []string{"", "api.example.com", "ftp://x", "https://u:p@x", "https://x/?a=b"} {
		if _, err := NewServer(address, "t"); err == nil {
			t.Errorf("address %q: got no error", address)
		}
	}
}

func TestFolder(t *testing.T) {
	f := answers(t, "svix")
	if _, err := f.Get(t.Context(), "/app/../../importer_test", url.Values{}, 1); err == nil {
		t.Error("a path out of the folder: got no error")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.json"), []byte(`{"data":[],"iterator":"x","done":false}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cut, err := NewFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer cut.Close()
	if _, err := readSvix(context.Background(), &Options{Source: cut}); err == nil || !strings.Contains(err.Error(), "app.2.json is missing") {
		t.Errorf("a page that is missing: got %v", err)
	}
}

func TestCheckAttribute(t *testing.T) {
	for name, ok := range map[string]bool{"app": true, "customer_id": true, "": false, "1a": false, "a-b": false, "in": false, "a.b": false} {
		if err := CheckAttribute(name); (err == nil) != ok {
			t.Errorf("attribute %q: got %v", name, err)
		}
	}
}

func TestManyTypes(t *testing.T) {
	w := Webhook{Request: map[string]any{}}
	var list []string
	for range maxTypes + 1 {
		list = append(list, "order.paid")
	}
	w.types(list)
	if got, _ := w.Request["filter"].(string); !strings.HasPrefix(got, `event.type in ["order.paid", `) {
		t.Errorf("more types than a webhook may name: got the filter %.60q", got)
	}
}
