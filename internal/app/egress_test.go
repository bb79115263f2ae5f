package app

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

func TestEgressIPsAreShown(t *testing.T) {
	cfg := settings(t)
	if err := cfg.Egress.IPs.UnmarshalText([]byte("203.0.113.7, 198.51.100.0/24")); err != nil {
		t.Fatal(err)
	}
	a := run(t, cfg)
	if got, want := call(t, a, "GET", "/v1/egress-ips", ""), `{"ips":["203.0.113.7","198.51.100.0/24"]}`; !bytes.Contains(got, []byte(want)) {
		t.Errorf("GET /v1/egress-ips: got %s, want %s", got, want)
	}
	if got, want := call(t, a, "GET", "/docs", ""), "come from <code>203.0.113.7</code>, <code>198.51.100.0/24</code>"; !bytes.Contains(got, []byte(want)) {
		t.Errorf("GET /docs: want …%s… in it", want)
	}
	cfg = settings(t)
	if got, want := call(t, run(t, cfg), "GET", "/v1/egress-ips", ""), `{"ips":[]}`; !bytes.Contains(got, []byte(want)) {
		t.Errorf("GET /v1/egress-ips, with none stated: got %s, want %s", got, want)
	}
}

func TestEgressIsChecked(t *testing.T) {
	cfg := settings(t)
	cfg.Egress.Source = []netip.Addr{netip.MustParseAddr("192.0.2.77")} // for documentation only: RFC 5737
	if _, err := New(t.Context(), cfg, silent); err == nil || !strings.Contains(err.Error(), "egress.source: the source address 192.0.2.77") {
		t.Errorf("a source that is not this machine's: got %v, want it named", err)
	}
	cfg = settings(t)
	cfg.Egress.Proxy = "http://canary:canary@"
	if _, err := New(t.Context(), cfg, silent); err == nil || !strings.Contains(err.Error(), "egress.proxy") || strings.Contains(err.Error(), "canary") {
		t.Errorf("a proxy without a host: got %v, want the setting named and no password", err)
	}
}
