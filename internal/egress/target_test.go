package egress

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"code.dny.dev/ssrf"
)

func TestURLsRefused(t *testing.T) {
	c := newClient(t, Options{})
	for _, raw := range []string{
		// E. URL shapes
		"https://example.com@127.0.0.1/", "https://93.184.216.34:443@127.0.0.1/", "https://127.0.0.1#@example.com/",
		"https://example.com;@127.0.0.1/", "https://user:pw@host:pw@127.0.0.1/", `https://127.0.0.1:80\@example.com/`,
		"https://[::1]:443@example.com/", "https://127.0.0.1%00.example.com/", "https://%31%32%37.0.0.1/",
		"https://127。0。0。1/", "https:/127.0.0.1/", "https:///127.0.0.1/", "https:127.0.0.1", "//127.0.0.1/",
		"HTTPS://127.0.0.1/", "https://[::1/",
		// the same shapes around a host that would be allowed
		"https://user:pw@example.com/", "https://user@example.com/", "https://@example.com/", "https:/example.com/",
		"https:///example.com/", "https:example.com", "//example.com/", "example.com/hook", "/hook", "https://",
		`https:\\example.com\`, `https://example.com\.evil.com/`, `https://example.com/\x`, "https://example.com#x",
		"https://example.com/#", "https://example.com:443:443/", "https://[2606:4700::1111/", "https://2606:4700::1111]/",
		"https://[2606:4700::1111]443/", "https://[2606:4700::1111%25eth0]/", "https://[2606:4700::1111%eth0]/",
		"https://[1.1.1.1]/", "https://[]/", "https://ex ample.com/", "https://example.com/a b", " https://example.com/",
		"https://example.com/\n", "https://exam\tple.com/", "https://example.com/\x00", "https://example.com/\xff",
		"https://example..com/", "https://.example.com/", "https://-a.example.com/", "https://a-.example.com/",
		"https://exa!mple.com/", "https://*.example.com/", "https://xn--a.example.com/", "https://１.１.１.１/",
		"https://example.com/%", "https://example.com/%4", "https://example.com/%zz", "https://example.com/?%g0",
		"https://" + strings.Repeat("a", 64) + ".com/", "https://" + strings.Repeat("a.", 127) + "com/",
		"https://example.com/" + strings.Repeat("a", maxURL), "https://example.com/" + strings.Repeat("{", maxURL/2),
		"", ":", "https", "https://ⓛocalhost/", "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "https://foo。local/", "https://127.0.0.1。/",
		// F. Schemes and ports
		"http://example.com/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_PING", "ftp://example.com/",
		"dict://127.0.0.1:11211/", "ldap://127.0.0.1/", "unix:///run/docker.sock",
		"http+unix://%2Frun%2Fdocker.sock/x", "data:text/plain,x", "javascript:alert(1)", "ws://example.com/",
		"jar:https://example.com!/", "https://example.com:0/", "https://example.com:65536/", "https://example.com:-1/",
		"https://example.com:22/", "https://example.com:25/", "https://example.com:6667/", "https://example.com:/",
		"https://example.com:+443/", "https://example.com:0x1bb/", "https://example.com:000443/", "https://example.com:8 0/",
		"http://127.0.0.1/", "http://localhost/",
	} {
		got, err := c.ParseURL(raw)
		wantRefused(t, "ParseURL", raw, err)
		if !got.IsZero() {
			t.Errorf("ParseURL(%q): got target %q beside an error", raw, got)
		}
		_, err = c.CheckURL(t.Context(), raw)
		wantRefused(t, "CheckURL", raw, err)
	}
}

func TestURLsAccepted(t *testing.T) {
	c := newClient(t, Options{})
	for _, tc := range []struct{ raw, want, host string }{
		{"https://example.com", "https://example.com/", "example.com"},
		{"HTTPS://EXAMPLE.com:443/Hook", "https://example.com/Hook", "example.com"},
		{"https://example.com:8443/a/../b//c?x=1&y=%20z", "https://example.com:8443/a/../b//c?x=1&y=%20z", "example.com:8443"},
		{"https://example.com:08443/", "https://example.com:8443/", "example.com:8443"},
		{"https://example.com:65535", "https://example.com:65535/", "example.com:65535"},
		{"https://example.com?x", "https://example.com/?x", "example.com"},
		{"https://example.com/?", "https://example.com/?", "example.com"},
		{"https://example.com//double//", "https://example.com//double//", "example.com"},
		{"https://example.com/%0d%0aX:%201", "https://example.com/%0d%0aX:%201", "example.com"},
		{"https://example.com/@user", "https://example.com/@user", "example.com"},
		{"https://example.com/ü?q={a|b}", "https://example.com/%C3%BC?q=%7Ba%7Cb%7D", "example.com"},
		{"https://bücher.example/", "https://xn--bcher-kva.example/", "xn--bcher-kva.example"},
		{"https://BÜCHER。example/", "https://xn--bcher-kva.example/", "xn--bcher-kva.example"},
		{"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/", "xn--bcher-kva.example"},
		{"https://my_bucket.example.com/", "https://my_bucket.example.com/", "my_bucket.example.com"},
		{"https://[2606:4700:4700:0:0:0:0:1111]:8443/", "https://[2606:4700:4700::1111]:8443/", "[2606:4700:4700::1111]:8443"},
		{"https://[::ffff:8.8.8.8]/", "https://8.8.8.8/", "8.8.8.8"},
		{"https://localhost.example.com/", "https://localhost.example.com/", "localhost.example.com"},
		{"https://a.mylocal/", "https://a.mylocal/", "a.mylocal"},
	} {
		got, err := c.ParseURL(tc.raw)
		if err != nil || got.String() != tc.want || got.Host() != tc.host {
			t.Errorf("ParseURL(%q): got %q, host %q, %v, want %q, host %q", tc.raw, got, got.Host(), err, tc.want, tc.host)
			continue
		}
		if again, err := c.ParseURL(got.String()); err != nil || again.String() != tc.want {
			t.Errorf("ParseURL(%q): got %q, %v, want it unchanged", got, again, err)
		}
		wire := got.url.RequestURI()
		if stored := "https://" + got.Host() + wire; stored != tc.want {
			t.Errorf("ParseURL(%q): got %q on the wire, stored is %q", tc.raw, wire, tc.want)
		}
	}
}

func TestDevURLs(t *testing.T) {
	c := newClient(t, Options{Dev: true})
	for _, raw := range []string{
		"http://127.0.0.1:8080/", "http://127.1.2.3/", "http://localhost:3000/hook", "http://[::1]:8080/",
		"https://localhost/", "https://127.0.0.1:8443/", "https://[::1]/", "https://example.com/",
	} {
		if got, err := c.CheckURL(t.Context(), raw); err != nil || got.String() != raw {
			t.Errorf("CheckURL(%q) in dev mode: got %q, %v, want it unchanged", raw, got, err)
		}
	}
	for _, raw := range []string{
		"http://example.com/", "http://10.0.0.1/", "http://8.8.8.8/", "http://foo.localhost/", "http://localhost.test/",
		"http://0.0.0.0/", "http://127.1/", "http://2130706433/", "https://10.0.0.1/", "https://foo.local/",
		"http://localhost./", "http://u@localhost/", "http://localhost:22/",
	} {
		_, err := c.ParseURL(raw)
		wantRefused(t, "ParseURL in dev mode", raw, err)
	}
}

func TestBadPortsAreSorted(t *testing.T) {
	for i := 1; i < len(badPorts); i++ {
		if badPorts[i] <= badPorts[i-1] {
			t.Errorf("badPorts: %d stands after %d", badPorts[i], badPorts[i-1])
		}
	}
}

// FuzzParseURL holds ParseURL against net/url and the address tables: an accepted URL has one reading.
func FuzzParseURL(f *testing.F) {
	for _, list := range [][]string{listA, listB, listC, listP} {
		for _, h := range list {
			f.Add("https://" + h + "/hook")
		}
	}
	for _, s := range []string{
		"https://example.com@127.0.0.1/", `https://127.0.0.1:80\@example.com/`, "https://example.com:8443/ü?q=%20#f",
		"https://bücher.example//x", "https://[::ffff:8.8.8.8]:1/", "https://127。0。0。1/", "HTTPS://a.b?c",
	} {
		f.Add(s)
	}
	c := New(Options{})
	f.Cleanup(c.Close)
	table := ssrf.New(ssrf.WithAnyPort())
	f.Fuzz(func(t *testing.T, raw string) {
		target, err := c.ParseURL(raw)
		if err != nil {
			wantRefused(t, "ParseURL", raw, err)
			return
		}
		s := target.String()
		again, err := c.ParseURL(s)
		if err != nil || again.String() != s {
			t.Fatalf("ParseURL(%q) of the stored form: got %q, %v, want it unchanged", s, again, err)
		}
		u, err := url.Parse(s)
		if err != nil {
			t.Fatalf("%q, stored for %q: net/url refuses it: %v", s, raw, err)
		}
		if u.Scheme != "https" || u.User != nil || u.Host != target.Host() || u.Fragment != "" {
			t.Fatalf("%q, stored for %q: net/url reads it as %#v", s, raw, u)
		}
		if got := "https://" + target.Host() + target.url.RequestURI(); got != s {
			t.Fatalf("got %q on the wire, stored is %q", got, s)
		}
		h := u.Hostname()
		if strings.HasSuffix(h, ".") || !strings.ContainsAny(h, ".:") || strings.HasSuffix(h, "localhost") && strings.HasSuffix(h, ".localhost") {
			t.Fatalf("ParseURL(%q): accepted host %q", raw, h)
		}
		addr, err := netip.ParseAddr(h)
		if err != nil {
			return
		}
		if v4, ok := nat64(addr); ok {
			addr = v4
		}
		if table.SafeAddr(addr.Unmap()) != nil {
			t.Fatalf("ParseURL(%q): accepted forbidden address %s", raw, addr)
		}
	})
}
