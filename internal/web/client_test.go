package web

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestClientAddr(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tt := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"direct", "192.0.2.1:5000", nil, "192.0.2.1"},
		{"direct, with a header of its own", "192.0.2.1:5000", []string{"198.51.100.9"}, "192.0.2.1"},
		{"through a proxy", "10.0.0.1:5000", []string{"198.51.100.9"}, "198.51.100.9"},
		{"through a proxy of IPv6", "[fd00::1]:5000", []string{"2001:db8::9"}, "2001:db8::9"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:5000", []string{"::ffff:198.51.100.9"}, "198.51.100.9"},
		{"a forged one before it", "10.0.0.1:5000", []string{"203.0.113.1, 198.51.100.9"}, "198.51.100.9"},
		{"a forged line before it", "10.0.0.1:5000", []string{"203.0.113.1", "198.51.100.9"}, "198.51.100.9"},
		{"two proxies", "10.0.0.1:5000", []string{"203.0.113.1, 198.51.100.9, 10.0.0.2"}, "198.51.100.9"},
		{"proxies only", "10.0.0.1:5000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"with ports", "10.0.0.1:5000", []string{"198.51.100.9:443"}, "198.51.100.9"},
		{"IPv6 with a port", "10.0.0.1:5000", []string{"[2001:db8::9]:443"}, "2001:db8::9"},
		{"IPv6 in brackets", "10.0.0.1:5000", []string{"[2001:db8::9]"}, "2001:db8::9"},
		{"no header", "10.0.0.1:5000", nil, "10.0.0.1"},
		{"nonsense", "10.0.0.1:5000", []string{"198.51.100.9, unknown"}, "10.0.0.1"},
		{"no peer", "@", []string{"198.51.100.9"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.forwarded}}
		if got := ClientAddr(r, trusted).String(); got != tt.want {
			t.Errorf("%s: ClientAddr of %s, X-Forwarded-For %q: got %s, want %s", tt.name, tt.peer, tt.forwarded, got, tt.want)
		}
	}
}
