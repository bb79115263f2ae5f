package web_test

import (
	"net/url"
	"testing"

	"github.com/relay-events/relay/internal/web"
)

// TestCookieNames keeps to the rules that the prefixes of cookies' names promise to browsers (RFC 6265bis section 4.1.3).
func TestCookieNames(t *testing.T) {
	for address, want := range map[string][2]string{
		"https://relay.example.com":  {"__Host-relay", "/"},
		"https://example.com/relay":  {"__Secure-relay", "/relay"},
		"http://127.0.0.1:8080":      {"relay", "/"},
		"http://127.0.0.1:8080/tool": {"relay", "/tool"},
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		s, err := web.NewSignIn(u)
		if err != nil {
			t.Fatal(err)
		}
		c := s.Cookie("token")
		if got := [2]string{c.Name, c.Path}; got != want || c.Secure != s.Secure() || !c.HttpOnly {
			t.Errorf("%s: got %v, want %v", address, c, want)
		}
	}
}
