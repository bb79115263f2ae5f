package egress

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/relay-events/relay/internal/testenv"
)

// output collects a program's output, and tells when a text has appeared.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) waitFor(t testing.TB, text string) {
	t.Helper()
	for range 1000 {
		o.mu.Lock()
		found := strings.Contains(o.text.String(), text)
		o.mu.Unlock()
		if found {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the program has not written %q:\n%s", text, o.text.String())
}

// TestRenegotiation: a receiver that asks for the client certificate once it has seen the request, as IIS does, gets it;
// without one the error names the missing one.
func TestRenegotiation(t *testing.T) {
	openssl := testenv.Binary(t, "openssl")
	for _, mutual := range []bool{true, false} {
		dir := t.TempDir()
		certPEM, keyPEM := pemOf(t, testCA().issue(t, leaf()))
		for name, data := range map[string][]byte{"cert.pem": certPEM, "key.pem": keyPEM} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(openssl, "s_server", "-tls1_2", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem", "-naccept", "1")
		cmd.Dir = dir
		var out output
		cmd.Stdout, cmd.Stderr = &out, &out
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out.waitFor(t, "ACCEPT 127.0.0.1:")
		_, address, _ := strings.Cut(out.text.String(), "ACCEPT ")
		address, _, _ = strings.Cut(address, "\n")
		done := make(chan struct{})
		go func() {
			defer close(done)
			out.waitFor(t, "POST /")
			io.WriteString(in, "R\n")
			if mutual {
				out.waitFor(t, "depth=0")
				io.WriteString(in, "HTTP/1.1 200 OK\nContent-Length: 2\n\nok\n")
			}
		}()
		c := newClient(t, Options{Dev: true, RootCAs: testCA().pool})
		req := &Request{Method: "POST", Target: mustParse(t, c, "https://"+strings.TrimSpace(address)+"/"), Header: []Field{{Name: "X-Line", Value: "1"}}, Body: []byte("{}\n"), Timeout: 10 * time.Second}
		if mutual {
			req.Identity = newIdentity(t, testCA(), "late")
		}
		res, _, fail := c.Do(t.Context(), req)
		<-done
		if mutual && (fail != nil || res.Status != 200) {
			t.Errorf("got %+v, %v, want 200 after the certificate was asked for late", res, fail)
		}
		if !mutual && (fail == nil || fail.Kind != KindTLS || !strings.Contains(fail.Message, "asks for a client certificate after the handshake")) {
			t.Errorf("got %v, want words about the certificate that is asked for late", fail)
		}
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	}
}

func TestWordsOfCertificates(t *testing.T) {
	nameless := leaf()
	nameless.IPAddresses, nameless.DNSNames = nil, nil
	other := leaf()
	other.IPAddresses, other.DNSNames = nil, []string{"other.test"}
	for want, tmpl := range map[string]*x509.Certificate{"no subject alternative name": nameless, "for another host": other} {
		s := serveTLSWith(t, testCA(), tmpl)
		if _, _, err := do(t, newClient(t, Options{Dev: true, RootCAs: testCA().pool}), "https://127.0.0.1:"+s.port+"/"); err == nil || !strings.Contains(err.Message, want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	s := serveTLSWith(t, newAuthority("Unknown"), leaf())
	if _, _, err := do(t, newClient(t, Options{Dev: true, RootCAs: testCA().pool}), "https://127.0.0.1:"+s.port+"/"); err == nil || !strings.Contains(err.Message, "intermediate") {
		t.Errorf("got %v, want a question about the intermediate certificate", err)
	}
	ca := newAuthority("Client CA")
	certPEM, keyPEM := clientPEM(t, ca, "me")
	caPEM, _ := clientPEM(t, ca, "somebody")
	_, err := NewIdentity(slices.Concat(caPEM, certPEM), keyPEM)
	if !errors.Is(err, ErrIdentityCert) || !strings.Contains(err.Error(), "must come first") {
		t.Errorf("a chain in the wrong order: got %v, want words about the order", err)
	}
	if _, err := NewIdentity(slices.Concat(certPEM, caPEM), keyPEM); err != nil {
		t.Errorf("a chain in the right order: got %v, want no error", err)
	}
}

func serveTLSWith(t testing.TB, ca *authority, tmpl *x509.Certificate) *server {
	cert := ca.issue(t, tmpl)
	return serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		tc := tlsServer(c, cert)
		if tc.Handshake() == nil {
			readRequest(tc)
			io.WriteString(tc, ok200)
		}
	})
}

func TestInvisibleCharactersAndUnderscores(t *testing.T) {
	c := newClient(t, Options{})
	for _, raw := range []string{
		"https://example.com/a\u200bb", "https://example.com/hook?x=\ufeff", "https://example.com/\u00a0", "https://example.com/a\u202cb",
		"https://example.com/\u2060", "https://example.com/\ufe0f", "https://exa\u00admple.com/", "https://example.com\u200b/", "https://example.com/\u3164", "https://example.com/\u0085",
	} {
		_, err := c.ParseURL(raw)
		wantRefused(t, "ParseURL", raw, err)
		if err != nil && !strings.Contains(err.Error(), "U+") {
			t.Errorf("%q: got %v, want the character named", raw, err)
		}
	}
	for raw, want := range map[string]string{
		"https://example.com/a%E2%80%8Bb":   "https://example.com/a%E2%80%8Bb", // written so it is meant
		"https://example.com/bøger":         "https://example.com/b%C3%B8ger",
		"https://a_b.example.com/":          "https://a_b.example.com/",
		"https://a_b.münchen.example/":      "https://a_b.xn--mnchen-3ya.example/",
		"https://_dmarc.xn--mnchen-3ya.de/": "https://_dmarc.xn--mnchen-3ya.de/",
	} {
		got, err := c.ParseURL(raw)
		if err != nil || got.String() != want {
			t.Errorf("ParseURL(%q): got %v, %v, want %q", raw, got, err, want)
		}
	}
	for _, raw := range []string{"https://a b.münchen.example/", "https://-a.münchen.example/", "https://a!b.münchen.example/", "https://münchen_.example\uff0f/"} {
		_, err := c.ParseURL(raw)
		wantRefused(t, "ParseURL", raw, err)
	}
}

func TestISATAPIsRefused(t *testing.T) {
	g := newGuard(true, nil)
	for _, a := range []string{"2001:470:1:2:0:5efe:10.0.0.1", "2001:470:1:2:200:5efe:7f00:1", "2a00::5efe:8.8.8.8", "2a00:0:0:0:100:5efe:1:1"} {
		if g.check(netip.MustParseAddr(a)) == nil {
			t.Errorf("%s: got it allowed, want it refused", a)
		}
	}
	if err := g.check(netip.MustParseAddr("2606:4700::5eff:1:1")); err != nil {
		t.Errorf("an ordinary address: got %v, want it allowed", err)
	}
}

func TestWebhookHeaders(t *testing.T) {
	for name, ok := range map[string]bool{
		"Webhook-Token": true, "Webhook-Secret": true, "webhook-key": true, "Webhook": true,
		"Webhook-Id": false, "webhook-timestamp": false, "WEBHOOK-SIGNATURE": false, "X-Relay-Event": false,
	} {
		if err := CheckHeader(name, "x"); (err == nil) != ok {
			t.Errorf("%s: got %v, want it allowed: %t", name, err, ok)
		}
	}
}

// TestShortageIsLocal: a shortage of this machine is not blamed on the receiver.
func TestShortageIsLocal(t *testing.T) {
	for _, errno := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EADDRNOTAVAIL, errNoPlace} {
		c := newClient(t, Options{Dev: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", errno)}
		}})
		if _, _, err := do(t, c, "http://127.0.0.1:9999/"); err == nil || err.Kind != KindLocal || !strings.HasPrefix(err.Message, "this server") && errno != errNoPlace {
			t.Errorf("%v: got %v, want kind %s", errno, err, KindLocal)
		}
	}
	for _, errno := range []error{syscall.ECONNREFUSED, syscall.ENETUNREACH, syscall.ETIMEDOUT} {
		c := newClient(t, Options{Dev: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errno)}
		}})
		if _, _, err := do(t, c, "http://127.0.0.1:9999/"); err == nil || err.Kind == KindLocal {
			t.Errorf("%v: got %v, want a failure of the receiver", errno, err)
		}
	}
}

// TestMaxSockets: idle connections make room for new ones, and beyond the bound attempts fail as a shortage of our own.
func TestMaxSockets(t *testing.T) {
	release, slow := make(chan struct{}), make(chan struct{}, 2)
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		for {
			req, err := readRequest(c)
			if err != nil {
				return
			}
			if strings.Contains(req, "POST /slow") {
				slow <- struct{}{}
				<-release
			}
			io.WriteString(c, ok200)
		}
	})
	c := newClient(t, Options{Dev: true, MaxSockets: 2})
	url := "http://127.0.0.1:" + s.port
	for scope := range uint64(5) { // each leaves an idle connection
		if _, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, url), Scope: scope, Timeout: 5 * time.Second}); err != nil {
			t.Fatalf("scope %d: %v", scope, err)
		}
	}
	var wg sync.WaitGroup
	for scope := range uint64(2) {
		wg.Go(func() {
			c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, url+"/slow"), Scope: scope, Timeout: 20 * time.Second})
		})
	}
	<-slow
	<-slow
	if _, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, url), Scope: 9, Timeout: 5 * time.Second}); err == nil || err.Kind != KindLocal {
		t.Errorf("with all places taken: got %v, want kind %s", err, KindLocal)
	}
	close(release)
	wg.Wait()
	if _, _, err := do(t, c, url); err != nil {
		t.Errorf("with room again: got %v, want an answer", err)
	}
}

// oddResolver answers questions for A with 127.0.0.1 as a resolver or firewall of a kind would.
func oddResolver(t testing.TB, answer func(q *dnsmessage.Message, edns bool) bool) *net.Resolver {
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
			edns := len(m.Additionals) > 0
			m.Response, m.Additionals = true, nil
			if !answer(&m, edns) {
				continue
			}
			if m.RCode == dnsmessage.RCodeSuccess && m.Questions[0].Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, Type: dnsmessage.TypeA},
					Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			}
			out, _ := m.Pack()
			pc.WriteTo(out, from)
		}
	}()
	t.Cleanup(func() { pc.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

// TestOddResolvers: a host is reached though its AAAA is never answered, or EDNS(0) is dropped or refused on the way.
func TestOddResolvers(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		readRequest(c)
		io.WriteString(c, ok200)
	})
	isA := func(m *dnsmessage.Message) bool { return m.Questions[0].Type == dnsmessage.TypeA }
	for name, answer := range map[string]func(m *dnsmessage.Message, edns bool) bool{
		"AAAA never answered": func(m *dnsmessage.Message, _ bool) bool { return isA(m) },
		"AAAA refused": func(m *dnsmessage.Message, _ bool) bool {
			if !isA(m) {
				m.RCode = dnsmessage.RCodeRefused
			}
			return true
		},
		"EDNS dropped": func(_ *dnsmessage.Message, edns bool) bool { return !edns },
		"EDNS refused": func(m *dnsmessage.Message, edns bool) bool {
			if edns {
				m.RCode = dnsmessage.RCodeFormatError
			}
			return true
		},
		"EDNS dropped, AAAA never answered": func(m *dnsmessage.Message, edns bool) bool { return !edns && isA(m) },
	} {
		c := newClient(t, Options{Allow: loopbackNets, Resolver: oddResolver(t, answer)})
		for n := range 2 {
			addrs, err := c.dialer.lookup(t.Context(), "odd.example")
			if err != nil || len(addrs) != 1 || addrs[0].String() != "127.0.0.1" {
				t.Errorf("%s: lookup %d: got %v, %v, want 127.0.0.1", name, n, addrs, err)
			}
		}
		req := &Request{Method: "POST", Target: rawTarget("http", "odd.example", s.port), Timeout: 9 * time.Second}
		if _, _, err := c.Do(t.Context(), req); err != nil {
			t.Errorf("%s: got %v, want an answer", name, err)
		}
	}
}

// TestPlainQuestion: without its OPT record a question is the same question, over UDP and TCP.
func TestPlainQuestion(t *testing.T) {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("a.example."), Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET}},
	}
	want, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	m.Additionals = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeOPT, Class: 1232}, Body: &dnsmessage.OPTResource{}}}
	with, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if got := withoutEDNS(with); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	if got := withoutEDNS([]byte("nonsense")); string(got) != "nonsense" {
		t.Errorf("got %q, want what cannot be read left alone", got)
	}
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go (&plainStreamConn{ours}).Write(append([]byte{byte(len(with) >> 8), byte(len(with))}, with...))
		got := make([]byte, 2+len(want))
		if _, err := io.ReadFull(theirs, got); err != nil || int(got[1]) != len(want) || !bytes.Equal(got[2:], want) {
			t.Errorf("over TCP: got %x, %v, want %x behind its length", got, err, want)
		}
		ours.Close()
		theirs.Close()
	})
}
