package api_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestCompression: only answers to reads are compressed, for clients that accept it.
func TestCompression(t *testing.T) {
	w := newWorld(t)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	get := func(method, path, body, accepts string, more ...string) (*http.Response, []byte) {
		r := w.request(method, path, body, more...)
		r.Header.Set("Accept-Encoding", accepts)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, b
	}
	for _, path := range []string{"/docs", "/openapi.json", "/v1/event-types"} {
		_, plain := get("GET", path, "", "")
		for accepts, want := range map[string]bool{"gzip": true, "br, GZIP;q=0.5": true, "deflate, gzip;q=1.0, *;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0": false, "br": false, "identity": false} {
			resp, b := get("GET", path, "", accepts)
			if got := resp.Header.Get("Content-Encoding") == "gzip"; got != want || resp.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s for %q: got %v, want it compressed %v", path, accepts, resp.Header, want)
			}
			if want {
				z, err := gzip.NewReader(strings.NewReader(string(b)))
				if err != nil {
					t.Fatal(err)
				}
				if len(b) > len(plain)/3 {
					t.Errorf("%s: %d bytes became %d", path, len(plain), len(b))
				}
				if b, err = io.ReadAll(z); err != nil {
					t.Fatal(err)
				}
			}
			if string(b) != string(plain) {
				t.Errorf("%s for %q is not the same as without", path, accepts)
			}
		}
	}
	for name, call := range map[string][]string{
		"a secret": {"POST", "/v1/webhooks", `{"url":"https://example.com/` + strings.Repeat("x", 1500) + `","events":["a.b"],"description":"` + strings.Repeat("y", 150) + `"}`},
		"a stream": {"POST", "/v1/events", strings.Repeat(`{"type":"a.b","data":1}`+"\n", 500), "Content-Type", "application/x-ndjson"},
		"little":   {"GET", "/livez", ""},
	} {
		if resp, _ := get(call[0], call[1], call[2], "gzip", call[3:]...); resp.Header.Get("Content-Encoding") != "" || resp.StatusCode >= 300 {
			t.Errorf("%s: got %d %v, want it as it is", name, resp.StatusCode, resp.Header)
		}
	}
}
