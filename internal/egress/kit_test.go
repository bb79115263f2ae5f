package egress

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopbackNets = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// newClient returns a client that is closed with the test. It uses connections again at once, unless Probation is set.
func newClient(t testing.TB, o Options) *Client {
	t.Helper()
	if o.Probation == 0 {
		o.Probation = -1
	}
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

// mustParse parses a URL that the client accepts.
func mustParse(t testing.TB, c *Client, raw string) Target {
	t.Helper()
	target, err := c.ParseURL(raw)
	if err != nil {
		t.Fatalf("ParseURL(%q): got %v, want no error", raw, err)
	}
	return target
}

// A server accepts connections, hands each to a function in its own goroutine, and counts them.
type server struct {
	net.Listener
	port    string
	accepts atomic.Int64
	stop    chan struct{} // closed when the test ends, for handlers that hang
}

// serve starts a server on address ("127.0.0.1:0" or "[::]:0") that ends, with all its connections, with the test.
func serve(t testing.TB, address string, handle func(s *server, c net.Conn)) *server {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("listening on %q: %v", address, err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s := &server{Listener: l, port: port, stop: make(chan struct{})}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.accepts.Add(1)
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				handle(s, c)
			})
		}
	})
	t.Cleanup(func() {
		close(s.stop)
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return s
}

// serveTLS is serve on 127.0.0.1 with a certificate of the test authority.
func serveTLS(t testing.TB, handle func(s *server, c net.Conn)) *server {
	t.Helper()
	cfg := &tls.Config{Certificates: []tls.Certificate{testCA().issue(t, leaf())}}
	return serve(t, "127.0.0.1:0", func(s *server, c net.Conn) {
		tc := tls.Server(c, cfg)
		if tc.Handshake() == nil {
			handle(s, tc)
		}
	})
}

// canary listens on every address of this machine; a test fails if anyone connects.
func canary(t testing.TB) *server {
	t.Helper()
	s := serve(t, "[::]:0", func(*server, net.Conn) {})
	t.Cleanup(func() {
		if n := s.accepts.Load(); n != 0 {
			t.Errorf("canary on port %s: got %d connections, want 0", s.port, n)
		}
	})
	return s
}

// readRequest reads one HTTP/1.1 request with a Content-Length or none, byte by byte as it came.
func readRequest(c net.Conn) (string, error) {
	var b []byte
	one := make([]byte, 1)
	for !strings.HasSuffix(string(b), "\r\n\r\n") {
		if _, err := io.ReadFull(c, one); err != nil {
			return string(b), err
		}
		b = append(b, one[0])
	}
	n := 0
	for line := range strings.SplitSeq(string(b), "\r\n") {
		if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			for _, d := range v {
				n = n*10 + int(d-'0')
			}
		}
	}
	body := make([]byte, n)
	_, err := io.ReadFull(c, body)
	return string(b) + string(body), err
}

const ok200 = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// An authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pool *x509.CertPool
}

var testCA = sync.OnceValue(func() *authority { return newAuthority("Test Root") })

func newAuthority(name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return newAuthorityKey(name, key)
}

func newAuthorityKey(name string, key crypto.Signer) *authority {
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert, key, pool}
}

// leaf is a good server certificate for 127.0.0.1 and localhost, before it is signed.
func leaf() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "receiver"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, DNSNames: []string{"localhost", "receiver.test"},
	}
}

func (a *authority) issue(t testing.TB, tmpl *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return a.issueKey(t, tmpl, key)
}

func (a *authority) issueKey(t testing.TB, tmpl *x509.Certificate, key crypto.Signer) tls.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatalf("issuing certificate: %v", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A zone answers DNS queries over UDP on loopback. Answers are asked for on every query.
type zone map[string]func() []string // "name." -> addresses or "-> other." for a CNAME

// fixed always gives the same answers.
func fixed(addrs ...string) func() []string { return func() []string { return addrs } }

// resolver starts a DNS server for z and returns a resolver that asks it. Unknown names do not exist; names with a
// nil function get no answer at all.
func (z zone) resolver(t testing.TB) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			if out := z.answer(&m); out != nil {
				pc.WriteTo(out, from)
			}
		}
	}()
	t.Cleanup(func() { pc.Close(); <-done })
	return newResolver(func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", pc.LocalAddr().String())
	})
}

func (z zone) answer(m *dnsmessage.Message) []byte {
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	name := strings.ToLower(q.Name.String())
	get, known := z[name]
	if !known {
		m.RCode = dnsmessage.RCodeNameError
		out, _ := m.Pack()
		return out
	}
	if get == nil {
		return nil
	}
	if q.Type != dnsmessage.TypeA && strings.HasPrefix(name, "flip") {
		get = fixed() // so that a name that changes its mind counts one query per lookup
	}
	for _, s := range get() {
		h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
		if to, ok := strings.CutPrefix(s, "-> "); ok {
			h.Type = dnsmessage.TypeCNAME
			cname := dnsmessage.MustNewName(to)
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.CNAMEResource{CNAME: cname}})
			h.Name = cname
			s = "127.0.0.1"
		}
		a := netip.MustParseAddr(s)
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			h.Type = dnsmessage.TypeA
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			h.Type = dnsmessage.TypeAAAA
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

// wantRefused checks that err is a URLError with a reason.
func wantRefused(t *testing.T, what, input string, err error) {
	t.Helper()
	var ue *URLError
	if !errors.As(err, &ue) || ue.Reason == "" {
		t.Errorf("%s(%q): got %v, want a *URLError with a reason", what, input, err)
	}
}

// rawTarget makes a Target without any check, as if the check at save had been fooled.
func rawTarget(scheme, host string, port string) Target {
	p, _ := parsePort(port)
	return newTarget(scheme, host, p, "/hook", "")
}

// tlsServer is the server's side of a TLS connection with a certificate.
func tlsServer(c net.Conn, cert tls.Certificate) *tls.Conn {
	return tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
}
