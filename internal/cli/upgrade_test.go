package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/config"
)

// TestUpgradeReleases compares this Relay with what a server answers, and tells failures apart.
func TestUpgradeReleases(t *testing.T) {
	was := config.Version
	t.Cleanup(func() { config.Version = was })
	release := func(tag string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if agent := r.UserAgent(); agent != "Relay/"+config.Version {
				t.Errorf("got the user agent %q", agent)
			}
			fmt.Fprintf(w, `{"tag_name":%q,"html_url":"https://example.com/notes","published_at":"2026-11-30T10:00:00Z","assets":[{}]}`, tag)
		}
	}
	for name, test := range map[string]struct {
		here   string
		answer http.HandlerFunc
		code   int
		state  string
		text   string // in the whole report
	}{
		"newer":             {"1.2.3", release("v1.10.0"), exitPending, "newer", `"latest":"1.10.0","published":"2026-11-30T10:00:00Z","notes":"https://example.com/notes"`},
		"the same":          {"1.2.3", release("v1.2.3"), exitOK, "current", `"latest":"1.2.3"`},
		"older":             {"1.10.0", release("v1.9.9"), exitOK, "current", `"latest":"1.9.9"`},
		"commits after it":  {"1.2.3+4.gabcdef0", release("v1.2.3"), exitOK, "current", ""},
		"its candidate":     {"1.2.3-rc.1", release("v1.2.3"), exitPending, "newer", ""},
		"by go install":     {"v0.0.0-20261130100000-abcdef012345", release("0.1.0"), exitPending, "newer", ""},
		"development":       {"dev", release("v1.2.3"), exitOK, "development", `"latest":"1.2.3"`},
		"none published":    {"1.2.3", http.NotFound, exitUnread, "unread", "no release is published there"},
		"an error":          {"1.2.3", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, exitUnread, "unread", "it answers 403"},
		"a redirect":        {"1.2.3", http.RedirectHandler("https://example.com/moved", http.StatusFound).ServeHTTP, exitUnread, "unread", `https://example.com/moved\": give that address`},
		"another document":  {"1.2.3", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, exitUnread, "unread", "not a release"},
		"without a version": {"1.2.3", release("nightly"), exitUnread, "unread", `not a release: tag_name is \"nightly\"`},
		"endless": {"1.2.3", func(w http.ResponseWriter, _ *http.Request) {
			for b := bytes.Repeat([]byte(" "), 64<<10); ; {
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		}, exitUnread, "unread", "larger than|longer than"},
		"silent": {"1.2.3", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, exitUnread, "unread", "no answer"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(test.answer)
			defer s.Close()
			config.Version = test.here
			within := "10s"
			if name == "silent" {
				within = "50ms"
			}
			code, out, errs := script(nil, nil, "upgrade", "--check", "--releases", s.URL, "--timeout", within)
			var report upgradeReport
			if err := json.Unmarshal([]byte(out), &report); err != nil || report.Releases == nil {
				t.Fatalf("got %q, %q, %v, want one JSON object", out, errs, err)
			}
			found := test.text == ""
			for text := range strings.SplitSeq(test.text, "|") {
				found = found || strings.Contains(out, text)
			}
			if code != test.code || report.Releases.State != test.state || !found || report.Version != test.here || errs != "" {
				t.Errorf("got exit code %d, %s and %q, want %d, %s and %q", code, out, errs, test.code, test.state, test.text)
			}
			if report.Data.State != "none" || !report.Data.Opens {
				t.Errorf("got %+v, want no data yet", report.Data)
			}
		})
	}
	t.Run("offline", func(t *testing.T) {
		s := httptest.NewServer(http.NotFoundHandler())
		s.Close() // nothing listens there now
		if code, out, _ := script(nil, nil, "upgrade", "--check", "--releases", s.URL); code != exitUnread || !strings.Contains(out, `"state":"unread"`) || !strings.Contains(out, "no answer") {
			t.Errorf("got %d and %s, want that nothing answers", code, out)
		}
		if code, out, _ := script(nil, nil, "upgrade", "--check", "--releases", s.URL, "--offline"); code != exitOK || strings.Contains(out, "releases") {
			t.Errorf("got %d and %s, want that nobody is asked", code, out)
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, args := range [][]string{
			{"upgrade"}, {"upgrade", "--check", "--releases", "file:///etc/passwd"}, {"upgrade", "--check", "--releases", "http://example.com/"},
			{"upgrade", "--check", "--timeout", "0s"}, {"upgrade", "--check", "now"},
		} {
			if code, _, errs := script(nil, nil, args...); code != exitUsage || errs == "" {
				t.Errorf("%q: got exit code %d and %q, want %d and a reason", args, code, errs, exitUsage)
			}
		}
	})
}
