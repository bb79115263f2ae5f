package cli

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
)

// otherSystem serves the answers that package importer has as files. The endpoints in them are at the
// receiver, and a cursor "page-2" is of the file NAME.2.json.
func otherSystem(t *testing.T, system, receiver string) string {
	root := filepath.Join(testenv.Root(t), "internal", "importer", "testdata", system)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer the-token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/api/v1/")
		for _, cursor := range []string{"iterator", "next_page_cursor", "next"} {
			if r.URL.Query().Get(cursor) == "page-2" {
				name += ".2"
			}
		}
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)+".json"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(bytes.ReplaceAll(b, []byte("https://receiver.example"), []byte(receiver)))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// The functions below verify as the documents of each system tell receivers to, independently of
// package signing.

func mac(secret []byte, content string) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(content))
	return m.Sum(nil)
}

func verifySvix(secret string) func(http.Header, string) bool {
	return func(h http.Header, body string) bool {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		want := "v1," + base64.StdEncoding.EncodeToString(mac(key, h.Get("svix-id")+"."+h.Get("svix-timestamp")+"."+body))
		return err == nil && strings.Contains(" "+h.Get("svix-signature")+" ", " "+want+" ")
	}
}

func verifyConvoySimple(secret string) func(http.Header, string) bool {
	return func(h http.Header, body string) bool {
		m := hmac.New(sha512.New, []byte(secret))
		m.Write([]byte(body))
		return h.Get("X-Shop-Signature") == base64.StdEncoding.EncodeToString(m.Sum(nil))
	}
}

func verifyConvoyAdvanced(secret string) func(http.Header, string) bool {
	return func(h http.Header, body string) bool {
		timestamp, signature, ok := strings.Cut(strings.TrimPrefix(h.Get("X-Shop-Signature"), "t="), ",v2=")
		m := hmac.New(sha512.New, []byte(secret))
		m.Write([]byte(timestamp + "," + body))
		return ok && signature == base64.StdEncoding.EncodeToString(m.Sum(nil))
	}
}

func verifyOutpost(secret string) func(http.Header, string) bool {
	return func(h http.Header, body string) bool {
		return h.Get("x-outpost-signature") == "v0="+hex.EncodeToString(mac([]byte(secret), body))
	}
}

// TestImport brings an installation of each system, and lets receivers that verify the old
// signatures accept what Relay sends.
func TestImport(t *testing.T) {
	relay, _ := scriptServer(t)
	type request struct {
		path, body string
		header     http.Header
	}
	received := make(chan request, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- request{r.URL.Path, string(body), r.Header}
	}))
	t.Cleanup(receiver.Close)
	env := map[string]string{"RELAY_URL": relay, "RELAY_KEY": operatorKey, "RELAY_IMPORT_TOKEN": "the-token", "HOME": t.TempDir()}

	for _, c := range []struct {
		system  string
		flags   []string
		results string // of the first run, and whether paused
		event   client.NewEvent
		verify  map[string]func(http.Header, string) bool // by path
	}{
		{"svix", []string{"--owners", "attribute:app"},
			"ep_1 made, ep_2 made paused, ep_3 made paused, ep_4 made paused",
			client.NewEvent{Type: "order.paid", Data: json.RawMessage(`{"total":1.10}`), Attributes: map[string]any{"app": "acme"}},
			map[string]func(http.Header, string) bool{"/svix/crm": verifySvix("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")}},
		{"convoy", []string{"--project", "01HP"},
			"sub-simple made, sub-function made paused, sub-advanced made, sub-held made paused, unused skipped",
			client.NewEvent{Type: "invoice.paid", Data: json.RawMessage(`{"total":1e2,"currency":"EUR"}`)},
			map[string]func(http.Header, string) bool{
				"/convoy/simple":   verifyConvoySimple("Vuk5LM0uujddIsqO5v_eSuz88"),
				"/convoy/advanced": verifyConvoyAdvanced("12345-short"),
			}},
		{"outpost", []string{"--only", "acme"},
			"des_1 made, des_2 made paused, des_3 skipped",
			client.NewEvent{Type: "order.sent", Data: json.RawMessage(`{"amount":5}`)},
			map[string]func(http.Header, string) bool{"/outpost/des_1": verifyOutpost("whsec_abc123def456")}},
	} {
		t.Run(c.system, func(t *testing.T) {
			at := otherSystem(t, c.system, receiver.URL)
			run := func(more ...string) (lines []importedWebhook, results string) {
				t.Helper()
				args := append([]string{"import", c.system, "--url", at}, append(c.flags, more...)...)
				code, stdout, stderr := script(env, nil, args...)
				if code != 0 {
					t.Fatalf("relay %s: exit code %d, %s%s", strings.Join(args, " "), code, stdout, stderr)
				}
				var all []string
				for line := range strings.Lines(stdout) {
					var w importedWebhook
					if err := json.Unmarshal([]byte(line), &w); err != nil {
						t.Fatal(err)
					}
					lines = append(lines, w)
					text := strings.TrimPrefix(w.From, c.system+":") + " " + w.Result
					if w.Paused {
						text += " paused"
					}
					all = append(all, text)
				}
				return lines, strings.Join(all, ", ")
			}
			if _, got := run("--dry-run"); got != strings.ReplaceAll(c.results, "made", "wouldBeMade") {
				t.Errorf("dry run: got %s, want %s", got, c.results)
			}
			if _, got := run(); got != c.results {
				t.Errorf("got %s, want %s", got, c.results)
			}
			lines, got := run()
			if want := strings.ReplaceAll(c.results, "made", "there"); got != want {
				t.Errorf("second run: got %s, want %s", got, want)
			}
			for _, w := range lines {
				if len(w.Differs) > 0 {
					t.Errorf("second run: %s differs in %v, want nothing", w.From, w.Differs)
				}
			}
			to, err := client.New(client.Options{URL: relay, Key: operatorKey})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := to.Publish(context.Background(), c.event); err != nil {
				t.Fatal(err)
			}
			deadline := time.After(time.Minute)
			for left := len(c.verify); left > 0; {
				select {
				case r := <-received:
					verify := c.verify[r.path]
					if verify == nil {
						if strings.HasPrefix(r.path, "/"+c.system) {
							t.Errorf("a request to %s, which must have none", r.path)
						}
						continue // of another system's webhooks
					}
					left--
					if !verify(r.header, r.body) {
						t.Errorf("%s: the receiver does not accept the signature in %v", r.path, r.header)
					}
					if verify(r.header, r.body+" ") {
						t.Errorf("%s: the receiver accepts another body", r.path)
					}
					if want := string(c.event.Data.(json.RawMessage)); r.body != want {
						t.Errorf("%s: got the body %s, want %s", r.path, r.body, want)
					}
				case <-deadline:
					t.Fatalf("%d deliveries are missing after a minute", left)
				}
			}
		})
	}

	t.Run("tenants", func(t *testing.T) {
		at := otherSystem(t, "outpost", receiver.URL)
		args := []string{"import", "outpost", "--url", at, "--owners", "tenants"}
		for _, want := range []string{`"tenant":"globex-2","url":"` + receiver.URL + `/outpost/des_4","result":"made"`, `/outpost/des_4","result":"there"`} {
			code, stdout, stderr := script(env, nil, args...)
			if code != 0 || !strings.Contains(stdout, want) || strings.Contains(stdout+stderr, "secret-of-") {
				t.Errorf("got exit code %d and %s%s, want %s", code, stdout, stderr, want)
			}
		}
	})
}

func TestImportRefuses(t *testing.T) {
	relay, _ := scriptServer(t)
	at := otherSystem(t, "svix", "http://127.0.0.1:9")
	env := map[string]string{"RELAY_URL": relay, "RELAY_KEY": operatorKey, "HOME": t.TempDir()}
	for args, want := range map[string]string{
		"svix":                                   "--url must be given",
		"svix --url x":                           "there is no token of Svix",
		"svix --url " + at + " --files .":        "exclude each other",
		"svix --files testdata --owners x":       "--owners must be tenants",
		"svix --files x --owners attribute:-":    "must be letters",
		"svix --files . --signature {":           "--signature",
		"convoy --files .":                       "--project must be given",
		"svx":                                    `there is no command "svx"; did you mean "svix"?`,
		"svix --files ../importer/testdata/svix": "say with --owners what becomes of them",
	} {
		code, _, stderr := script(env, nil, append([]string{"import"}, strings.Fields(args)...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("import %s: got exit code %d and %q, want %d and %q", args, code, stderr, exitUsage, want)
		}
	}
	env["RELAY_IMPORT_TOKEN"] = "wrong"
	if code, _, stderr := script(env, nil, "import", "svix", "--url", at); code != exitError || !strings.Contains(stderr, "the token does not suffice") {
		t.Errorf("a wrong token: got exit code %d and %q", code, stderr)
	}
	env["RELAY_IMPORT_TOKEN"] = "the-token"
	code, stdout, stderr := script(env, nil, "import", "svix", "--url", at, "--only", "acme", "--signature", "nonsense")
	if code != exitError || !strings.Contains(stdout, `"result":"failed"`) || !strings.Contains(stderr, "2 of 2 endpoints could not be brought") {
		t.Errorf("a signature that Relay refuses: got exit code %d, %s and %q", code, stdout, stderr)
	}
}
