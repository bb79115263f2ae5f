package egress

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// public is an address that the guard lets through; the proxies of these tests take it for a receiver on this machine.
const public = "93.184.216.34"

const (
	proxyUser     = "relay"
	proxyPassword = "canary-p@ss:word"
)

// testProxy is a real proxy of one kind that connects to one receiver whatever it is asked for.
type testProxy struct {
	*server
	scheme string

	mu     sync.Mutex
	asked  []string // the addresses
	logins []string // user:password
}

func (p *testProxy) seen() (asked, logins []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked), slices.Clone(p.logins)
}

func (p *testProxy) note(address, login string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, address)
	if login != "" {
		p.logins = append(p.logins, login)
	}
}

// url returns what ParseProxy reads, with credentials or without.
func (p *testProxy) url(login bool) string {
	user := ""
	if login {
		user = proxyUser + ":" + "canary-p%40ss%3Aword" + "@"
	}
	return p.scheme + "://" + user + "127.0.0.1:" + p.port
}

func newTestProxy(t testing.TB, scheme, receiver string) *testProxy {
	t.Helper()
	p := &testProxy{scheme: scheme}
	cfg := &tls.Config{Certificates: []tls.Certificate{testCA().issue(t, leaf())}}
	p.server = serve(t, "127.0.0.1:0", func(s *server, c net.Conn) {
		var ok bool
		switch scheme {
		case "https":
			c = tls.Server(c, cfg)
			ok = p.connect(c)
		case "http":
			ok = p.connect(c)
		case "socks5":
			ok = p.socks(c)
		}
		if !ok {
			return
		}
		to, err := net.Dial("tcp", receiver)
		if err != nil {
			return
		}
		defer to.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			io.Copy(to, c)
			to.Close()
		}()
		io.Copy(c, to)
		c.Close()
		<-done
	})
	return p
}

// connect answers CONNECT.
func (p *testProxy) connect(c net.Conn) bool {
	head, err := readRequest(c)
	if err != nil {
		return false
	}
	fields := strings.Fields(head)
	login := ""
	if _, value, ok := strings.Cut(head, "Proxy-Authorization: Basic "); ok {
		value, _, _ = strings.Cut(value, "\r\n")
		b, _ := base64.StdEncoding.DecodeString(value)
		login = string(b)
	}
	if fields[0] != "CONNECT" || !strings.Contains(head, "\r\nHost: "+fields[1]+"\r\n") {
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		return false
	}
	p.note(fields[1], login)
	_, err = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	return err == nil
}

// socks answers a SOCKS 5 client (RFC 1928, RFC 1929).
func (p *testProxy) socks(c net.Conn) bool {
	read := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(c, b); err != nil {
			return make([]byte, n)
		}
		return b
	}
	methods := read(int(read(2)[1]))
	login := ""
	if slices.Contains(methods, 2) {
		c.Write([]byte{5, 2})
		user := read(int(read(2)[1]))
		login = string(user) + ":" + string(read(int(read(1)[0])))
		c.Write([]byte{1, 0})
	} else {
		c.Write([]byte{5, 0})
	}
	head := read(4)
	address := "a name"
	switch head[3] {
	case 1:
		address = netip.AddrFrom4([4]byte(read(4))).String()
	case 3:
		read(int(read(1)[0]))
	}
	p.note(net.JoinHostPort(address, fmt.Sprint(binary.BigEndian.Uint16(read(2)))), login)
	_, err := c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return err == nil
}

// tlsReceiver is a server of HTTP/1.1 or HTTP/2 for receiver.test that notes the names it was asked for.
func tlsReceiver(t testing.TB, http2 bool) (address string, names func() []string) {
	t.Helper()
	var mu sync.Mutex
	var list []string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, fmt.Sprintf("%s %s %s", r.TLS.ServerName, r.Host, r.Proto))
	}))
	s.EnableHTTP2 = http2
	s.TLS = &tls.Config{Certificates: []tls.Certificate{testCA().issue(t, leaf())}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(list)
	}
}

// proxied returns a client that goes through a proxy, and for which receiver.test is a public address.
func proxied(t testing.TB, raw string, names zone) *Client {
	t.Helper()
	p, err := ParseProxy(raw)
	if err != nil {
		t.Fatalf("ParseProxy: %v", err)
	}
	if names == nil {
		names = zone{"receiver.test.": fixed(public)}
	}
	return newClient(t, Options{Proxy: p, RootCAs: testCA().pool, Resolver: names.resolver(t)})
}

func TestProxy(t *testing.T) {
	for _, scheme := range []string{"http", "https", "socks5"} {
		for _, http2 := range []bool{false, true} {
			for _, login := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, HTTP/2 %v, login %v", scheme, http2, login), func(t *testing.T) {
					receiver, names := tlsReceiver(t, http2)
					p := newTestProxy(t, scheme, receiver)
					c := proxied(t, p.url(login), nil)
					req := &Request{Method: "POST", Target: mustParse(t, c, "https://receiver.test/hook"), Body: []byte("{}")}
					for range 2 {
						res, timing, err := c.Do(t.Context(), req)
						if err != nil || res.Status != 200 || timing.TLS > timing.Total {
							t.Fatalf("Do: got %+v, %v, %v, want 200", res, timing, err)
						}
					}
					// A library's requests take the same way.
					hres, err := c.HTTPClient(0).Get("https://receiver.test/other")
					if err != nil {
						t.Fatalf("HTTPClient: %v", err)
					}
					hres.Body.Close()
					proto := "HTTP/1.1"
					if http2 {
						proto = "HTTP/2.0"
					}
					if got, want := names(), "receiver.test receiver.test "+proto; len(got) != 3 || got[0] != want || got[1] != want || got[2] != want {
						t.Errorf("the receiver was asked for %q, want %q three times", got, want)
					}
					asked, logins := p.seen()
					for _, a := range asked {
						if a != public+":443" {
							t.Errorf("the proxy was asked for %q, want the checked address", a)
						}
					}
					// One connection carries both requests; finding out about HTTP/2 takes one more.
					if most := 3; len(asked) < 2 || len(asked) > most {
						t.Errorf("the proxy was asked %d times, want at most %d", len(asked), most)
					}
					if login != (len(logins) == len(asked)) || login && logins[0] != proxyUser+":"+proxyPassword {
						t.Errorf("the proxy saw the logins %q", logins)
					}
				})
			}
		}
	}
}

// TestProxyDoesNotWeakenTheGuard is S1 and S2 through a proxy: it is asked for nothing that the guard forbids.
func TestProxyDoesNotWeakenTheGuard(t *testing.T) {
	c0 := canary(t)
	for _, scheme := range []string{"http", "https", "socks5"} {
		p := newTestProxy(t, scheme, "127.0.0.1:"+c0.port)
		c := proxied(t, p.url(true), zone{
			"a.test.": fixed("10.0.0.5"), "6.test.": fixed("::1"), "mixed.test.": fixed(public, "127.0.0.1"),
			"loop.test.": fixed("127.0.0.1"), "meta.test.": fixed("169.254.169.254"), "cname.test.": fixed("-> localhost."),
		})
		for _, host := range []string{"a.test", "6.test", "mixed.test", "loop.test", "meta.test", "cname.test", "127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[64:ff9b::a9fe:a9fe]", "[::ffff:10.0.0.1]"} {
			_, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: rawTarget("https", host, "443"), Body: []byte("{}")})
			if err == nil || err.Kind != KindBlocked {
				t.Errorf("%s: got %+v, want %q", host, err, KindBlocked)
			}
		}
		if _, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: rawTarget("https", public, "25")}); err == nil || err.Kind != KindBlocked {
			t.Errorf("port 25: got %+v, want %q", err, KindBlocked)
		}
		if asked, _ := p.seen(); len(asked) > 0 || p.accepts.Load() > 0 {
			t.Errorf("the %s proxy was connected to %d times and asked for %q, want neither", scheme, p.accepts.Load(), asked)
		}
	}
}

// The last look is at the address the proxy is asked for, whatever the looks before it saw.
func TestTunnelChecksItsAddress(t *testing.T) {
	p := newTestProxy(t, "http", "127.0.0.1:1")
	c := proxied(t, p.url(false), nil)
	for _, a := range []string{"10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"} {
		if _, err := c.dialer.dialOne(t.Context(), netip.MustParseAddr(a), 443); !errors.Is(err, errBlocked) {
			t.Errorf("dialOne(%s): got %v, want %v", a, err, errBlocked)
		}
	}
	if p.accepts.Load() > 0 {
		t.Errorf("got %d connections to the proxy, want none", p.accepts.Load())
	}
}

func TestProxyFailures(t *testing.T) {
	say := func(text string) func(s *server, c net.Conn) {
		return func(_ *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, text)
		}
	}
	tests := []struct {
		name   string
		handle func(s *server, c net.Conn)
		kind   Kind
		want   string
	}{
		{"wants a login", say("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"), KindProxy, "refused the connection (407 Proxy Authentication Required)"},
		{"forbids", say("HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nno!"), KindProxy, "refused the connection (403 Forbidden)"},
		{"redirects", say("HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\n\r\n"), KindProxy, "refused the connection (302 Found)"},
		{"cannot reach it", say("HTTP/1.1 502 Bad Gateway\r\n\r\n"), KindConnect, "could not connect to the host (502 Bad Gateway)"},
		{"no HTTP", say("SSH-2.0-OpenSSH_9.2\r\n"), KindProxy, "did not answer in HTTP"},
		{"closes", func(*server, net.Conn) {}, KindProxy, "the outgoing proxy"},
		{"long header", say("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n"), KindProxy, "did not answer in HTTP"},
		{"answers for the receiver", say("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), KindProxy, "sent more than its answer"},
		{"hangs", func(s *server, c net.Conn) { readRequest(c); <-s.stop }, KindTimeout, "the limit of 300ms"},
		{"drips", func(s *server, c net.Conn) {
			for {
				if _, err := io.WriteString(c, "H"); err != nil {
					return
				}
				select {
				case <-s.stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		}, "", "the "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, "127.0.0.1:0", tt.handle)
			c := proxied(t, "http://"+proxyUser+":canary-p%40ss%3Aword@127.0.0.1:"+s.port, nil)
			_, _, err := c.Do(t.Context(), &Request{
				Method: "POST", Target: mustParse(t, c, "https://receiver.test/"), Timeout: 300 * time.Millisecond,
			})
			if err == nil || tt.kind != "" && err.Kind != tt.kind || !strings.Contains(err.Message, tt.want) {
				t.Fatalf("got %+v, want %q and …%s…", err, tt.kind, tt.want)
			}
			for _, shown := range []string{err.Message, fmt.Sprint(err.Err), fmt.Sprintf("%+v %#v", err.Err, err.Err), fmt.Sprintf("%v %+v %#v", c.dialer.proxy, c.dialer.proxy, c.dialer.proxy)} {
				for _, secret := range []string{proxyPassword, "canary", base64.StdEncoding.EncodeToString([]byte(proxyUser + ":" + proxyPassword))} {
					if strings.Contains(shown, secret) {
						t.Errorf("%q holds the password", shown)
					}
				}
			}
			if strings.Contains(err.Message, s.port) {
				t.Errorf("the message %q tells where the proxy is", err.Message)
			}
		})
	}
	for _, scheme := range []string{"http", "https", "socks5"} {
		gone := serve(t, "127.0.0.1:0", func(*server, net.Conn) {})
		gone.Close()
		c := proxied(t, scheme+"://127.0.0.1:"+gone.port, nil)
		_, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "https://receiver.test/")})
		if err == nil || err.Kind != KindProxy || err.Message != "the outgoing proxy cannot be reached" {
			t.Errorf("no %s proxy: got %+v, want %q", scheme, err, KindProxy)
		}
	}
}

// A proxy whose certificate is not good gets no login.
func TestProxyOverTLSIsVerified(t *testing.T) {
	other := newAuthority("Other Root")
	cfg := &tls.Config{Certificates: []tls.Certificate{other.issue(t, leaf())}}
	got := make(chan string, 1)
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		head, _ := readRequest(tls.Server(c, cfg))
		got <- head
	})
	c := proxied(t, "https://u:p@127.0.0.1:"+s.port, nil)
	_, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "https://receiver.test/")})
	if err == nil || err.Kind != KindProxy || err.Message != "TLS with the outgoing proxy failed" {
		t.Errorf("got %+v, want %q", err, KindProxy)
	}
	if head := <-got; head != "" {
		t.Errorf("the proxy was sent %q, want nothing", head)
	}
}

// Addresses of this machine are not asked of a proxy, for which they would be its own.
func TestProxyIsNotAskedForThisMachine(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) { readRequest(c); io.WriteString(c, ok200) })
	p := newTestProxy(t, "http", "127.0.0.1:"+s.port)
	proxy, err := ParseProxy(p.url(false))
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, Options{Dev: true, Proxy: proxy})
	res, _, fail := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "http://localhost:"+s.port+"/")})
	if fail != nil || res.Status != 200 || p.accepts.Load() != 0 {
		t.Errorf("got %+v, %v and %d connections to the proxy, want 200 and none", res, fail, p.accepts.Load())
	}
}

func TestParseProxy(t *testing.T) {
	for raw, want := range map[string]string{
		"http://proxy.internal:8080": "http://proxy.internal:8080", "http://proxy/": "http://proxy:3128", "https://10.0.0.1": "https://10.0.0.1:443",
		"socks5://u:p@[::1]": "socks5://[::1]:1080", "http://u@proxy:1": "http://proxy:1",
	} {
		p, err := ParseProxy(raw)
		if err != nil || p.String() != want {
			t.Errorf("ParseProxy(%q): got %v, %v, want %s", raw, p, err, want)
		}
	}
	for _, raw := range []string{
		"", "proxy:3128", "ftp://canary@proxy", "http://", "http://canary:x@", "http://proxy:0", "http://proxy:65536", "http://proxy/canary", "http://proxy?canary=1",
		"http://canary:%zz@proxy", "http://:canary@proxy", "http://a%3Ab:canary@proxy", "http://proxy:canary", "socks5://canary:" + strings.Repeat("x", 256) + "@proxy",
	} {
		if p, err := ParseProxy(raw); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("ParseProxy(%q): got %v, %v, want an error that does not repeat it", raw, p, err)
		}
	}
}

func TestSource(t *testing.T) {
	for _, tt := range []struct{ listen, source, other string }{
		{"127.0.0.1:0", "127.0.0.2", "::1"}, {"[::1]:0", "::1", "127.0.0.2"},
	} {
		from := make(chan string, 1)
		s := serve(t, tt.listen, func(_ *server, c net.Conn) {
			readRequest(c)
			select {
			case from <- c.RemoteAddr().(*net.TCPAddr).IP.String():
			default:
			}
			io.WriteString(c, ok200)
		})
		host, _, _ := net.SplitHostPort(tt.listen)
		url := "http://" + net.JoinHostPort(host, s.port) + "/"
		c := newClient(t, Options{Dev: true, Source: []netip.Addr{netip.MustParseAddr(tt.source)}})
		res, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, url)})
		if err != nil || res.Status != 200 {
			t.Errorf("from %s to %s: got %+v, %v, want 200", tt.source, host, res, err)
		} else if got := <-from; got != tt.source {
			t.Errorf("from %s to %s: the receiver saw %s", tt.source, host, got)
		}
		// With a source of the other family alone the receiver is not reached, from no address.
		before := s.accepts.Load()
		c = newClient(t, Options{Dev: true, Source: []netip.Addr{netip.MustParseAddr(tt.other)}})
		_, _, err = c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, url)})
		if err == nil || err.Kind != KindConnect || err.Message != errNoSource.Error() || s.accepts.Load() != before {
			t.Errorf("from %s to %s: got %+v and %d connections, want %q and none", tt.other, host, err, s.accepts.Load()-before, KindConnect)
		}
	}
	// The way to a proxy begins there, too.
	from := make(chan string, 1)
	front := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		from <- c.RemoteAddr().(*net.TCPAddr).IP.String()
	})
	proxy, err := ParseProxy("http://127.0.0.1:" + front.port)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, Options{Proxy: proxy, Source: []netip.Addr{netip.MustParseAddr("127.0.0.3"), netip.MustParseAddr("::1")}, Resolver: zone{"receiver.test.": fixed(public)}.resolver(t)})
	c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "https://receiver.test/")})
	if got := <-from; got != "127.0.0.3" {
		t.Errorf("the proxy was reached from %s, want 127.0.0.3", got)
	}
}

func TestCheckSource(t *testing.T) {
	addrs := func(list ...string) (out []netip.Addr) {
		for _, s := range list {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	for _, good := range [][]netip.Addr{nil, addrs("127.0.0.1"), addrs("::1"), addrs("::1", "127.0.0.1")} {
		if err := CheckSource(good); err != nil {
			t.Errorf("CheckSource(%v): %v", good, err)
		}
	}
	for _, bad := range [][]netip.Addr{addrs("127.0.0.1", "127.0.0.2"), addrs("0.0.0.0"), addrs("::"), addrs("224.0.0.1"), addrs("192.0.2.77"), addrs("2001:db8::77")} {
		if err := CheckSource(bad); err == nil {
			t.Errorf("CheckSource(%v): got nil, want an error", bad)
		}
	}
}
