package egress

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

// do makes a POST of a small body.
func do(t testing.TB, c *Client, url string) (*Response, Timing, *Error) {
	t.Helper()
	return c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, url), Body: []byte("{}"), Timeout: 5 * time.Second})
}

func TestRequestOnTheWire(t *testing.T) {
	got := make(chan string, 1)
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		for {
			req, err := readRequest(c)
			if err != nil {
				return
			}
			got <- req
			io.WriteString(c, "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nX-B: 2\r\nx-a: 1\r\nX-B: 1\r\n\r\nhello")
		}
	})
	c := newClient(t, Options{Dev: true, UserAgent: "Relay/1.2.3"})
	host := "127.0.0.1:" + s.port
	cases := []struct {
		name string
		req  Request
		path string
		want string
	}{
		{"post", Request{Method: "POST", Header: []Field{{Name: "X-One", Value: "1"}, {Name: "x-two", Value: "a"}, {Name: "x-two", Value: "b"}}, Body: []byte(`{"a":1}`)}, "/hook?x=1",
			"POST /hook?x=1 HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: Relay/1.2.3\r\nContent-Length: 7\r\nX-One: 1\r\nx-two: a\r\nx-two: b\r\n\r\n" + `{"a":1}`},
		{"escapes stay", Request{Method: "PUT", Body: []byte("x")}, "/%0d%0aX:%201",
			"PUT /%0d%0aX:%201 HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: Relay/1.2.3\r\nContent-Length: 1\r\n\r\nx"},
		{"two slashes", Request{Method: "POST", Body: []byte("x")}, "//a//%2f",
			"POST //a//%2f HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: Relay/1.2.3\r\nContent-Length: 1\r\n\r\nx"},
		{"empty post", Request{Method: "POST", Header: []Field{{Name: "Idempotency-Key", Value: "k"}}}, "/",
			"POST / HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: Relay/1.2.3\r\nContent-Length: 0\r\nIdempotency-Key: k\r\n\r\n"},
		{"get", Request{Method: "GET", Header: []Field{{Name: "user-agent", Value: "mine"}}}, "/",
			"GET / HTTP/1.1\r\nHost: " + host + "\r\nuser-agent: mine\r\n\r\n"},
	}
	for _, tc := range cases {
		tc.req.Target = mustParse(t, c, "http://"+host+tc.path)
		tc.req.Timeout = 5 * time.Second
		res, timing, err := c.Do(t.Context(), &tc.req)
		if err != nil {
			t.Fatalf("%s: got %v (%v), want an answer", tc.name, err, err.Err)
		}
		if req := <-got; req != tc.want {
			t.Errorf("%s: got request\n%q, want\n%q", tc.name, req, tc.want)
		}
		if res.Status != 202 || string(res.Body) != "hello" || res.BodyBytes != 5 || res.Truncated {
			t.Errorf("%s: got %+v, want 202 hello", tc.name, res)
		}
		if want := []Field{{Name: "Content-Length", Value: "5"}, {Name: "X-B", Value: "2"}, {Name: "X-A", Value: "1"}, {Name: "X-B", Value: "1"}}; !slices.Equal(res.Header, want) {
			t.Errorf("%s: got header %v, want %v", tc.name, res.Header, want)
		}
		if timing.FirstByte <= 0 || timing.Total < timing.FirstByte {
			t.Errorf("%s: got timing %+v, want a first byte within the total", tc.name, timing)
		}
		if first := tc.name == "post"; first != (timing.Connect > 0) || timing.DNS != 0 || timing.TLS != 0 {
			t.Errorf("%s: got timing %+v, want time to connect only on the first request", tc.name, timing)
		}
	}
	if n := s.accepts.Load(); n != 1 {
		t.Errorf("got %d connections for %d requests, want 1", n, len(cases))
	}
}

func TestTimingOfANewTLSConnection(t *testing.T) {
	s := serveTLS(t, func(_ *server, c net.Conn) {
		readRequest(c)
		io.WriteString(c, ok200)
	})
	c := newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool, Resolver: zone{"receiver.test.": fixed("127.0.0.1")}.resolver(t)})
	_, timing, err := do(t, c, "https://receiver.test:"+s.port+"/")
	if err != nil {
		t.Fatalf("got %v (%v), want an answer", err, err.Err)
	}
	sum := timing.DNS + timing.Connect + timing.TLS + timing.FirstByte
	if timing.DNS <= 0 || timing.Connect <= 0 || timing.TLS <= 0 || timing.FirstByte <= 0 || sum > timing.Total {
		t.Errorf("got timing %+v, want all parts, together within the total", timing)
	}
}

func TestHTTP2(t *testing.T) {
	var protos []string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		protos = append(protos, r.Proto)
		fmt.Fprintf(w, "%s %s %d", r.Method, r.URL, len(body))
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{testCA().issue(t, leaf())}}
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	c := newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool})
	for i, req := range []Request{
		{Method: "POST", Body: bytes.Repeat([]byte("x"), 100_000)}, {Method: "GET"}, {Method: "HEAD"}, {Method: "POST"},
	} {
		req.Target, req.Timeout = mustParse(t, c, s.URL+"/hook?a=%20"), 5*time.Second
		res, timing, err := c.Do(t.Context(), &req)
		if err != nil {
			t.Fatalf("%s: got %v (%v), want an answer", req.Method, err, err.Err)
		}
		want := fmt.Sprintf("%s /hook?a=%%20 %d", req.Method, len(req.Body))
		if req.Method == "HEAD" {
			want = ""
		}
		if string(res.Body) != want || protos[i] != "HTTP/2.0" {
			t.Errorf("%s: got %q over %s, want %q over HTTP/2.0", req.Method, res.Body, protos[i], want)
		}
		if (i == 0) != (timing.TLS > 0) {
			t.Errorf("request %d: got timing %+v, want TLS time on the first only", i, timing)
		}
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	trap := canary(t)
	for _, tc := range []struct {
		status int
		field  string
	}{
		{301, "Location: https://127.0.0.1:PORT/"}, {302, "Location: https://127.0.0.1:PORT/"}, {303, "Location: https://127.0.0.1:PORT/"},
		{307, "Location: https://127.0.0.1:PORT/"}, {308, "Location: https://127.0.0.1:PORT/"}, {300, "Location: https://127.0.0.1:PORT/"},
		{302, "Location: //169.254.169.254/"}, {201, "Refresh: 0;url=https://127.0.0.1:PORT/"}, {302, "Location: http://127.0.0.1:PORT/"},
	} {
		s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
			readRequest(c)
			fmt.Fprintf(c, "HTTP/1.1 %d X\r\n%s\r\nContent-Length: 0\r\n\r\n", tc.status, strings.ReplaceAll(tc.field, "PORT", trap.port))
		})
		c := newClient(t, Options{Dev: true})
		res, _, err := do(t, c, "http://127.0.0.1:"+s.port+"/")
		if err != nil || res.Status != tc.status {
			t.Errorf("%d %s: got %v, %v, want the answer itself", tc.status, tc.field, res, err)
		}
		hres, herr := c.HTTPClient(time.Second).Get("http://127.0.0.1:" + s.port + "/")
		if herr != nil {
			t.Fatalf("HTTPClient, %d: %v", tc.status, herr)
		}
		hres.Body.Close()
		if hres.StatusCode != tc.status {
			t.Errorf("HTTPClient, %d %s: got %d, want the answer itself", tc.status, tc.field, hres.StatusCode)
		}
	}
}

// TestProxyVariablesAreIgnored uses a name that proxy settings would apply to; they never do to loopback.
func TestProxyVariablesAreIgnored(t *testing.T) {
	trap := canary(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:"+trap.port)
	}
	var dialled string
	c := newClient(t, Options{DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = address
		return nil, errors.New("enough")
	}})
	if _, _, err := do(t, c, "https://example.com/"); err == nil || err.Kind != KindConnect {
		t.Errorf("got %v, want kind %s", err, KindConnect)
	}
	if want := "example.com:443"; dialled != want {
		t.Errorf("dialled %q, want %q", dialled, want)
	}
}

func TestGzipIsNotInflated(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(make([]byte, 8<<20))
	w.Close()
	got := make(chan string, 1)
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		req, _ := readRequest(c)
		got <- req
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", packed.Len(), packed.Bytes())
	})
	c := newClient(t, Options{Dev: true})
	res, _, err := do(t, c, "http://127.0.0.1:"+s.port+"/")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(res.Body, packed.Bytes()[:len(res.Body)]) || res.BodyBytes != int64(packed.Len()) {
		t.Errorf("got %d bytes, %d read, want the %d bytes as sent", len(res.Body), res.BodyBytes, packed.Len())
	}
	if req := <-got; strings.Contains(strings.ToLower(req), "accept-encoding") {
		t.Errorf("got request %q, want no Accept-Encoding", req)
	}
}

func TestBodyLimits(t *testing.T) {
	for _, tc := range []struct {
		length    int
		keep      int
		bytes     int64
		truncated bool
		reused    bool
	}{
		{0, 0, 0, false, true}, {1, 1, 1, false, true}, {keepBody - 1, keepBody - 1, keepBody - 1, false, true},
		{keepBody, keepBody, keepBody, false, true}, {keepBody + 1, keepBody, keepBody + 1, true, true},
		{drainBody - 1, keepBody, drainBody - 1, true, true}, {drainBody + 1, keepBody, -1, true, false}, {2 << 20, keepBody, -1, true, false},
	} {
		for _, chunked := range []bool{false, true} {
			name := fmt.Sprintf("%d bytes, chunked=%t", tc.length, chunked)
			body := bytes.Repeat([]byte("abcdefgh"), tc.length/8+1)[:tc.length]
			s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
				for {
					if _, err := readRequest(c); err != nil {
						return
					}
					if !chunked {
						fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", tc.length, body)
						continue
					}
					io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
					if tc.length > 0 {
						fmt.Fprintf(c, "%x\r\n%s\r\n", tc.length, body)
					}
					io.WriteString(c, "0\r\n\r\n")
				}
			})
			c := newClient(t, Options{Dev: true})
			for range 2 {
				res, _, err := do(t, c, "http://127.0.0.1:"+s.port+"/")
				if err != nil {
					t.Fatalf("%s: got %v (%v)", name, err, err.Err)
				}
				if !bytes.Equal(res.Body, body[:tc.keep]) || res.Truncated != tc.truncated || tc.bytes >= 0 && res.BodyBytes != tc.bytes || res.BodyBytes > drainBody {
					t.Errorf("%s: got %d bytes kept, %d read, truncated %t, want %d, %d, %t", name, len(res.Body), res.BodyBytes, res.Truncated, tc.keep, tc.bytes, tc.truncated)
				}
			}
			if n := s.accepts.Load(); (n == 1) != tc.reused {
				t.Errorf("%s: got %d connections for two requests, want reuse %t", name, n, tc.reused)
			}
		}
	}
}

func TestConnectErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens here now
	c := newClient(t, Options{Dev: true})
	_, _, derr := do(t, c, "http://"+l.Addr().String()+"/")
	if derr == nil || derr.Kind != KindConnect || derr.Message != "the connection was refused" {
		t.Errorf("got %v, want kind %s, the connection was refused", derr, KindConnect)
	}
}

// TestRaceFindsTheLivingAddress: "localhost" is ::1 too, where nobody listens.
func TestRaceFindsTheLivingAddress(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		readRequest(c)
		io.WriteString(c, ok200)
	})
	c := newClient(t, Options{Dev: true, Resolver: zone{"both.test.": fixed("127.0.0.3", "::1", "127.0.0.2", "127.0.0.1")}.resolver(t)})
	if _, _, err := do(t, c, "http://localhost:"+s.port+"/"); err != nil {
		t.Errorf("localhost: got %v (%v), want an answer", err, err.Err)
	}
	nc, err := c.dialer.dialPlain(t.Context(), "tcp", "both.test:"+s.port)
	if err != nil {
		t.Fatalf("both.test: got %v, want a connection", err)
	}
	nc.Close()
}

// TestTimeLimits runs in virtual time: the limit is exact, covers every phase, and is named.
func TestTimeLimits(t *testing.T) {
	const limit = 9500 * time.Millisecond // between two drips
	for _, tc := range []struct {
		name    string
		handle  func(c net.Conn, stop <-chan struct{})
		message string
	}{
		{"silence", func(c net.Conn, stop <-chan struct{}) { readRequest(c); <-stop }, "the limit of 9.5s for the attempt ran out while waiting for the answer"},
		{"does not read", func(c net.Conn, stop <-chan struct{}) { <-stop }, "the limit of 9.5s for the attempt ran out while sending the request"},
		{"dripping header", func(c net.Conn, stop <-chan struct{}) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
			drip(c, stop)
		}, "the limit of 9.5s for the attempt ran out while reading the answer's header"},
		{"dripping body", func(c net.Conn, stop <-chan struct{}) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			drip(c, stop)
		}, "the limit of 9.5s for the attempt ran out while reading the answer's body, after 9 bytes"},
	} {
		synctest.Test(t, func(t *testing.T) {
			stop := make(chan struct{})
			var wg sync.WaitGroup
			c := New(Options{Dev: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
				a, b := net.Pipe()
				wg.Go(func() { defer b.Close(); tc.handle(b, stop) })
				return a, nil
			}})
			target, err := c.ParseURL("http://127.0.0.1/")
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_, timing, derr := c.Do(t.Context(), &Request{Method: "POST", Target: target, Body: []byte("{}"), Timeout: limit})
			if took := time.Since(start); took != limit || timing.Total != took {
				t.Errorf("%s: took %s, timing %+v, want exactly %s", tc.name, took, timing, limit)
			}
			if derr == nil || derr.Kind != KindTimeout || derr.Message != tc.message {
				t.Errorf("%s: got %v, want kind %s, %q", tc.name, derr, KindTimeout, tc.message)
			}
			close(stop)
			c.Close()
			wg.Wait()
		})
	}
}

// drip writes a byte each second.
func drip(c net.Conn, stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
		case <-stop:
			return
		}
	}
}

func TestTimeoutWhileResolvingAndConnecting(t *testing.T) {
	c := newClient(t, Options{Resolver: zone{"silent.test.": nil}.resolver(t)})
	limit := 100 * time.Millisecond
	_, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "https://silent.test/"), Timeout: limit})
	if err == nil || err.Kind != KindTimeout || !strings.HasSuffix(err.Message, "while resolving the host name") {
		t.Errorf("silent DNS: got %v, want kind %s while resolving", err, KindTimeout)
	}
	// A dial that never ends, as to a host that drops SYNs.
	hang := newClient(t, Options{Dev: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	_, _, err = hang.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, hang, "http://127.0.0.1/"), Timeout: limit})
	if err == nil || err.Kind != KindTimeout || !strings.HasSuffix(err.Message, "while connecting") {
		t.Errorf("black hole: got %v, want kind %s while connecting", err, KindTimeout)
	}
}

func TestCancel(t *testing.T) {
	reached := make(chan struct{})
	s := serve(t, "127.0.0.1:0", func(s *server, c net.Conn) {
		readRequest(c)
		close(reached)
		<-s.stop
	})
	c := newClient(t, Options{Dev: true})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	_, _, err := c.Do(ctx, &Request{Method: "POST", Target: mustParse(t, c, "http://127.0.0.1:"+s.port+"/"), Timeout: time.Minute})
	if err == nil || err.Kind != KindCanceled {
		t.Errorf("got %v, want kind %s", err, KindCanceled)
	}
}

// TestCloseEndsEverything: idle connections, and a dial whose request has gone away.
func TestCloseEndsEverything(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(s *server, c net.Conn) {
		for {
			if _, err := readRequest(c); err != nil {
				return
			}
			io.WriteString(c, ok200)
		}
	})
	before := goleak.IgnoreCurrent()
	dialling, hang := make(chan struct{}), false
	c := New(Options{Dev: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if hang {
			close(dialling)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	if _, _, err := do(t, c, "http://127.0.0.1:"+s.port+"/"); err != nil {
		t.Fatal(err)
	}
	hang = true
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-dialling; cancel() }()
	c.Do(ctx, &Request{Method: "POST", Target: mustParse(t, c, "http://127.0.0.2/"), Timeout: time.Hour})
	c.Close()
	c.Close()
	s.Close()
	if _, _, err := do(t, c, "http://127.0.0.1:"+s.port+"/"); err == nil || err.Kind != KindCanceled {
		t.Errorf("Do after Close: got %v, want kind %s", err, KindCanceled)
	}
	// The receiver's own goroutine for the connection ends when it notices; all of the client's must be gone.
	if err := goleak.Find(before, goleak.IgnoreAnyFunction("github.com/relay-events/relay/internal/egress.serve.func1.1")); err != nil {
		t.Error(err)
	}
}

func TestHTTPClient(t *testing.T) {
	trap := canary(t)
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		req, _ := readRequest(c)
		n := maxAdvised
		if strings.Contains(req, "/long") {
			n++
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", n)
		c.Write(make([]byte, n))
	})
	c := newClient(t, Options{Dev: true, Resolver: zone{"a.test.": fixed("127.0.0.1"), "b.test.": fixed("10.0.0.5")}.resolver(t)})
	h := c.HTTPClient(5 * time.Second)
	res, err := h.Get("http://127.0.0.1:" + s.port + "/")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(res.Body); err != nil || len(b) != maxAdvised {
		t.Errorf("body of 1 MiB: got %d bytes, %v, want all of it", len(b), err)
	}
	res.Body.Close()
	if res, err = h.Get("http://127.0.0.1:" + s.port + "/long"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(res.Body); !errors.Is(err, errBodyTooLong) || len(b) != maxAdvised {
		t.Errorf("body above 1 MiB: got %d bytes, %v, want 1 MiB and %v", len(b), err, errBodyTooLong)
	}
	res.Body.Close()

	strict := newClient(t, Options{Resolver: zone{"a.test.": fixed("127.0.0.1"), "b.test.": fixed("10.0.0.5")}.resolver(t)}).HTTPClient(time.Second)
	for _, raw := range []string{
		"http://127.0.0.1:" + trap.port, "https://127.0.0.1:" + trap.port, "https://a.test:" + trap.port, "https://b.test/",
		"https://u:p@example.com/", "https://127.1:" + trap.port, "https://localhost:" + trap.port,
	} {
		res, err := strict.Post(raw, "text/plain", strings.NewReader("x"))
		if err == nil {
			res.Body.Close()
			t.Errorf("Post(%q): got %s, want an error", raw, res.Status)
		}
	}
}

// TestHTTPClientTo reaches the one host that the operator has chosen, wherever it is, and guards all others as ever.
func TestHTTPClientTo(t *testing.T) {
	trap := canary(t)
	s := serveTLS(t, func(_ *server, c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	})
	names := zone{"receiver.test.": fixed("127.0.0.1"), "sso.internal.": fixed("127.0.0.1"), "b.test.": fixed("10.0.0.5")}
	c := newClient(t, Options{RootCAs: testCA().pool, Resolver: names.resolver(t)})
	h, err := c.HTTPClientTo("https://receiver.test:"+s.port+"/realms/main", 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	res, err := h.Get("https://receiver.test:" + s.port + "/realms/main/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for _, raw := range []string{
		"https://receiver.test:" + trap.port, "https://127.0.0.1:" + s.port, "https://sso.internal:" + s.port, "https://b.test:" + s.port, "http://receiver.test:" + s.port,
	} {
		if res, err := h.Get(raw); err == nil {
			res.Body.Close()
			t.Errorf("Get(%q): got %s, want an error", raw, res.Status)
		}
	}
	for _, raw := range []string{"http://receiver.test/", "https://receiver.test:25/", "https://u:p@receiver.test/", "https://127.1/"} {
		h, err := c.HTTPClientTo(raw, time.Second)
		if err != nil {
			continue
		}
		if res, err := h.Get(raw); err == nil {
			res.Body.Close()
			t.Errorf("HTTPClientTo(%q): got %s, want an error", raw, res.Status)
		}
	}
	if _, err := c.HTTPClientTo("https://sso.internal/", 0); err != nil {
		t.Errorf("a name of a local resolver: %v", err)
	}
}
