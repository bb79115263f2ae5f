package config_test

import (
	"testing"

	"github.com/relay-events/relay/internal/config"
)

// TestPublic reads the address by which browsers reach Relay.
func TestPublic(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"https://Relay.example.com":         "https://relay.example.com",
		"https://example.com:443/":          "https://example.com",
		"http://example.com:8080/relay":     "http://example.com:8080/relay",
		"https://example.com/tools/relay//": "https://example.com/tools/relay",
		"https://example.com/a/../b":        "refused",
		"https://example.com//relay":        "refused",
		"https://example.com/r%2Felay":      "refused",
		"https://example.com/relay?x=1":     "refused",
		"https://ana@example.com/":          "refused",
		"ftp://example.com":                 "refused",
		"example.com/relay":                 "refused",
	} {
		c := config.Config{PublicURL: text}
		u, err := c.Public()
		got := ""
		switch {
		case err != nil:
			got = "refused"
		case u != nil:
			got = u.String()
		}
		if got != want {
			t.Errorf("%q: got %q (%v), want %q", text, got, err, want)
		}
	}
}
