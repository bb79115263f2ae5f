package app

import (
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// Clients that repeatedly use invalid keys are told to wait, on any route. A client with a valid
// key never is, and neither is another client behind the same proxy, if the proxy is trusted to
// identify clients.
func TestFailedAuthenticationsAreLimited(t *testing.T) {
	cfg := settings(t)
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	a := run(t, cfg)
	ask := func(a *App, method, path, key, forwarded string) (status, after int) {
		t.Helper()
		body := ""
		if method == "POST" {
			body = `{"type":"a.b","data":1}`
		}
		req, err := http.NewRequestWithContext(t.Context(), method, a.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Content-Type", "application/json")
		if forwarded != "" {
			req.Header.Set("X-Forwarded-For", forwarded)
		}
		res, err := httpClient(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		io.Copy(io.Discard, res.Body)
		after, _ = strconv.Atoi(res.Header.Get("Retry-After"))
		return res.StatusCode, after
	}
	paths := []struct{ method, path string }{{"GET", "/v1/webhooks"}, {"POST", "/v1/events"}, {"GET", "/metrics"}}
	told := 0
	for i := range 60 {
		p := paths[i%len(paths)]
		switch status, after := ask(a, p.method, p.path, "rk_wrong_key_0123456789", "198.51.100.9"); {
		case status == 401:
			told++
		case status != 429 || after < 1 || after > 60:
			t.Fatalf("%s %s with a bad key: got %d and Retry-After %d, want 401, or 429 with a Retry-After", p.method, p.path, status, after)
		}
	}
	if told < 20 || told > 40 { // one more every 5 s, on a slow machine
		t.Errorf("60 tries with bad keys: %d got 401, want about 20 and 429 for the others", told)
	}
	for _, p := range paths {
		if status, _ := ask(a, p.method, p.path, adminKey, "198.51.100.9"); status != 200 && status != 202 {
			t.Errorf("%s %s with a valid key from the same address: got %d", p.method, p.path, status)
		}
		if status, _ := ask(a, p.method, p.path, "rk_wrong_key_0123456789", "198.51.100.9, 198.51.100.10"); status != 401 {
			t.Errorf("%s %s from another address: got %d, want 401", p.method, p.path, status)
		}
	}

	// Without trusted proxies the header is ignored.
	a = run(t, settings(t))
	told = 0
	for i := range 60 {
		if status, _ := ask(a, "GET", "/v1/webhooks", "rk_wrong_key_0123456789", "198.51.100."+strconv.Itoa(i)); status == 401 {
			told++
		}
	}
	if told > 40 {
		t.Errorf("60 tries with forged addresses: %d got 401, want about 20", told)
	}
}
