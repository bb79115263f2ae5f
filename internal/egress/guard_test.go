package egress

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The lists of inputs carry the letters of the reliability document.
var (
	listA = strings.Fields(`127.0.0.1 127.0.0.2 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1
		172.31.255.254 192.168.0.1 192.168.255.255 100.64.0.1 100.127.255.254 169.254.0.1 169.254.169.254 169.254.170.2
		100.100.100.200 192.0.0.8 192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 192.88.99.1 224.0.0.1 239.255.255.250
		240.0.0.1 255.255.255.255 169.254.169.123 168.63.129.16`)
	listB = strings.Fields(`[::] [::1] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:10.0.0.1]
		[::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [::127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe]
		[64:ff9b:1::a00:1] [2002:7f00:1::1] [2002:a9fe:a9fe::] [fc00::1] [fd00:ec2::254] [fe80::1] [ff02::1]
		[2001:db8::1] [100::1] [2001::7f00:1] [fec0::1] [64:ff9b::168.63.129.16]`)
	listC = strings.Fields(`2130706433 017700000001 0x7f000001 0x7f.0.0.1 0177.0.0.1 127.1 127.0.1 0 2852039166
		0xa9fea9fe 0251.0376.0251.0376 169.254.43518 127.0.0.1. ①②⑦.⓪.⓪.① 1.2.3.4.5 1.2.3.256 example.0x 0X7F.1 example.1`)
	listP = strings.Fields(`1.1.1.1 8.8.8.8 93.184.216.34 172.15.255.255 172.32.0.1 100.63.255.255 100.128.0.1
		169.253.255.255 169.255.0.1 192.0.1.1 198.17.255.255 198.20.0.1 223.255.255.255 [2606:4700:4700::1111]
		[2001:4860:4860::8888] [64:ff9b::808:808]`)
)

func TestForbiddenAddresses(t *testing.T) {
	trap := canary(t)
	var answer atomic.Value // what host.test has for addresses
	c := newClient(t, Options{Resolver: zone{"host.test.": func() []string { return answer.Load().([]string) }}.resolver(t)})
	for _, h := range append(append([]string{}, listA...), listB...) {
		raw := "https://" + h + ":" + trap.port + "/hook"
		_, err := c.ParseURL(raw)
		wantRefused(t, "ParseURL", raw, err)
		_, err = c.CheckURL(t.Context(), raw)
		wantRefused(t, "CheckURL", raw, err)

		// The literal, had it got past the check.
		wantBlocked(t, c, rawTarget("https", h, trap.port))

		// A name that leads there.
		addr := netip.MustParseAddr(strings.Trim(h, "[]"))
		if addr.Is4In6() {
			addr = addr.Unmap() // the wire has no such AAAA record that a resolver would keep apart
		}
		answer.Store([]string{addr.String()})
		_, err = c.CheckURL(t.Context(), "https://host.test:"+trap.port+"/")
		wantRefused(t, "CheckURL", "host.test -> "+h, err)
		wantBlocked(t, c, rawTarget("https", "host.test", trap.port))

		// The hook alone, on the address dialled.
		if _, err := c.dialer.dialOne(t.Context(), addr, 443); !errors.Is(err, errBlocked) {
			t.Errorf("dialling %s: got %v, want %v", addr, err, errBlocked)
		}
	}
	if _, err := c.dialer.net6.DialContext(t.Context(), "tcp", "[fe80::1%lo]:443"); !errors.Is(err, errBlocked) {
		t.Errorf("dialling an address with a zone: got %v, want %v", err, errBlocked)
	}
}

// wantBlocked checks that an attempt is refused for its address, and that the record says nothing about it.
func wantBlocked(t *testing.T, c *Client, target Target) {
	t.Helper()
	res, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: target, Body: []byte("{}"), Timeout: 5 * time.Second})
	if res != nil || err == nil || err.Kind != KindBlocked {
		t.Errorf("Do(%s): got %v, %v, want kind %s", target, res, err, KindBlocked)
		return
	}
	if want := "the host's address is not allowed"; err.Message != want {
		t.Errorf("Do(%s): got message %q, want %q", target, err.Message, want)
	}
}

func TestNumberLikeHosts(t *testing.T) {
	c := newClient(t, Options{})
	for _, h := range listC {
		_, err := c.ParseURL("https://" + h + "/hook")
		wantRefused(t, "ParseURL", h, err)
	}
}

// At connect time such hosts are names, asked of DNS, never numbers.
func TestNumberLikeHostsAreNamesToTheDialer(t *testing.T) {
	trap := canary(t)
	c := newClient(t, Options{Resolver: zone{}.resolver(t)})
	for _, h := range []string{"2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "0"} {
		_, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: rawTarget("https", h, trap.port), Timeout: 5 * time.Second})
		if err == nil || err.Kind != KindDNS && err.Kind != KindBlocked {
			t.Errorf("Do to host %q: got %v, want kind %s", h, err, KindDNS)
		}
	}
}

func TestPublicAddresses(t *testing.T) {
	var answer atomic.Value // what host.test has for addresses
	c := newClient(t, Options{Resolver: zone{"host.test.": func() []string { return answer.Load().([]string) }}.resolver(t)})
	for _, h := range listP {
		raw := "https://" + h + "/hook"
		if got, err := c.CheckURL(t.Context(), raw); err != nil || got.String() != raw {
			t.Errorf("CheckURL(%q): got %q, %v, want it unchanged", raw, got, err)
		}
		addr := strings.Trim(h, "[]")
		answer.Store([]string{addr})
		if _, err := c.CheckURL(t.Context(), "https://host.test/"); err != nil {
			t.Errorf("CheckURL(host.test -> %s): got %v, want no error", h, err)
		}
		ap := netip.AddrPortFrom(netip.MustParseAddr(addr), 8443)
		network := "tcp4"
		if ap.Addr().Is6() {
			network = "tcp6"
		}
		if err := c.guard.control(network, ap.String(), nil); err != nil {
			t.Errorf("control(%s): got %v, want no error", ap, err)
		}
	}
}

// TestNAT64Inherits walks the IPv4 space in steps that visit every /12 at changing offsets.
func TestNAT64Inherits(t *testing.T) {
	g := newGuard(false, nil)
	step := uint64(4093) // prime: no pattern in the low bits
	if testing.Short() {
		step = 65537
	}
	for n := uint64(0); n < 1<<32; n += step {
		v4 := [4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
		b := netip.MustParseAddr("64:ff9b::").As16()
		copy(b[12:], v4[:])
		if got, want := g.check(netip.AddrFrom16(b)), g.check(netip.AddrFrom4(v4)); got != want {
			t.Fatalf("check(64:ff9b::%v): got %v, want %v as for the IPv4", v4, got, want)
		}
	}
}

func TestGuardSettings(t *testing.T) {
	cases := []struct {
		name  string
		dev   bool
		allow string
		addr  string
		want  error
	}{
		{"dev loopback", true, "", "127.0.0.1", nil},
		{"dev loopback 6", true, "", "::1", nil},
		{"dev mapped loopback", true, "", "::ffff:127.0.0.1", nil},
		{"dev private", true, "", "10.0.0.1", errBlocked},
		{"dev unspecified", true, "", "0.0.0.0", errBlocked},
		{"dev NAT64 loopback is not ours", true, "", "64:ff9b::127.0.0.1", errBlocked},
		{"allowed network", false, "10.1.0.0/16", "10.1.2.3", nil},
		{"beside the allowed network", false, "10.1.0.0/16", "10.2.0.0", errBlocked},
		{"allowed network, mapped", false, "10.1.0.0/16", "::ffff:10.1.2.3", nil},
		{"allowed network written mapped", false, "::ffff:10.1.0.0/112", "10.1.2.3", nil},
		{"allowed network through NAT64", false, "10.1.0.0/16", "64:ff9b::10.1.2.3", nil},
		{"allowed network 6", false, "fd12::/16", "fd12::1", nil},
	}
	for _, tc := range cases {
		var allow []netip.Prefix
		if tc.allow != "" {
			allow = append(allow, netip.MustParsePrefix(tc.allow))
		}
		if got := newGuard(tc.dev, allow).check(netip.MustParseAddr(tc.addr)); got != tc.want {
			t.Errorf("%s: check(%s): got %v, want %v", tc.name, tc.addr, got, tc.want)
		}
	}
}

func TestControlRefusesPortsAndNetworks(t *testing.T) {
	g := newGuard(false, loopbackNets)
	for _, tc := range [][2]string{
		{"tcp4", "127.0.0.1:22"}, {"tcp4", "127.0.0.1:0"}, {"udp4", "127.0.0.1:443"}, {"unix", "/run/docker.sock"}, {"tcp4", "localhost:443"},
	} {
		if err := g.control(tc[0], tc[1], nil); !errors.Is(err, errBlocked) {
			t.Errorf("control(%q, %q): got %v, want %v", tc[0], tc[1], err, errBlocked)
		}
	}
}

func TestNames(t *testing.T) {
	trap := canary(t)
	z := zone{
		"a.test.":                   fixed("10.0.0.5"),
		"6.test.":                   fixed("::1"),
		"mixed.test.":               fixed("93.184.216.34", "127.0.0.1"),
		"mixed6.test.":              fixed("93.184.216.34", "::1"),
		"cname.test.":               fixed("-> localhost."),
		"127.0.0.1.nip.test.":       fixed("127.0.0.1"),
		"foo.localhost.":            fixed("93.184.216.34"),
		"metadata.google.internal.": fixed("93.184.216.34"),
		"kubernetes.default.svc.":   fixed("93.184.216.34"),
		"good.test.":                fixed("93.184.216.34"),
		"silent.test.":              nil,
	}
	c := newClient(t, Options{Resolver: z.resolver(t)})

	// Refused whatever DNS says.
	for _, h := range strings.Fields(`localhost LOCALHOST localhost. foo.localhost FOO.LocalHost metadata.google.internal
		metadata instance-data kubernetes.default.svc host.docker.internal printer.local a.home.arpa x.onion a.invalid good.test.`) {
		_, err := c.ParseURL("https://" + h + "/hook")
		wantRefused(t, "ParseURL", h, err)
	}
	// Refused for where they lead, at save and at connect time; "silent" and unknown names may come later.
	for _, h := range []string{"a.test", "6.test", "mixed.test", "mixed6.test", "cname.test", "127.0.0.1.nip.test"} {
		raw := "https://" + h + ":" + trap.port + "/hook"
		if _, err := c.ParseURL(raw); err != nil {
			t.Errorf("ParseURL(%q): got %v, want no error without DNS", raw, err)
		}
		_, err := c.CheckURL(t.Context(), raw)
		wantRefused(t, "CheckURL", raw, err)
		if err != nil && strings.Contains(err.Error(), "10.0.0.5") {
			t.Errorf("CheckURL(%q): got %q, want the address left out", raw, err)
		}
		wantBlocked(t, c, rawTarget("https", h, trap.port))
	}
	for _, h := range []string{"good.test", "unknown.test"} {
		if _, err := c.CheckURL(t.Context(), "https://"+h+"/"); err != nil {
			t.Errorf("CheckURL(%q): got %v, want no error", h, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.CheckURL(ctx, "https://silent.test/"); err != nil {
		t.Errorf("CheckURL of a name whose servers are silent: got %v, want no error", err)
	}
	if _, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: rawTarget("https", "unknown.test", "443"), Timeout: 5 * time.Second}); err == nil || err.Kind != KindDNS {
		t.Errorf("Do to an unknown name: got %v, want kind %s", err, KindDNS)
	}
}

// TestRebinding: a public address while the URL is saved, loopback when it is used.
func TestRebinding(t *testing.T) {
	trap := canary(t)
	asked := 0
	c := newClient(t, Options{Resolver: zone{"flip.test.": func() []string {
		if asked++; asked%2 == 1 {
			return []string{"93.184.216.34"}
		}
		return []string{"127.0.0.1"}
	}}.resolver(t)})
	n := 2000
	if testing.Short() {
		n = 200
	}
	for range n {
		target, err := c.CheckURL(t.Context(), "https://flip.test:"+trap.port+"/hook")
		if err != nil {
			t.Fatalf("CheckURL: got %v, want no error", err)
		}
		wantBlocked(t, c, target)
		if t.Failed() {
			return
		}
	}
}
