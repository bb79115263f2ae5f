package egress

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestTLSIsVerified is list V: not one byte of HTTP is sent, and the record names the reason.
func TestTLSIsVerified(t *testing.T) {
	good := func(change func(*x509.Certificate)) tls.Certificate {
		l := leaf()
		change(l)
		return testCA().issue(t, l)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaCA := newAuthorityKey("RSA Root", rsaKey)
	roots := testCA().pool.Clone()
	roots.AddCert(rsaCA.cert)

	selfKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	selfTmpl := leaf()
	selfDER, err := x509.CreateCertificate(rand.Reader, selfTmpl, selfTmpl, selfKey.Public(), selfKey)
	if err != nil {
		t.Fatal(err)
	}
	sha1Tmpl := leaf()
	sha1Tmpl.SignatureAlgorithm = x509.SHA1WithRSA
	weakCA := func() tls.Certificate { // a strong leaf below an intermediate that can be forged
		tmpl := &x509.Certificate{
			SerialNumber: big.NewInt(3), NotBefore: leaf().NotBefore, NotAfter: leaf().NotAfter,
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
		mid := testCA().issueKey(t, tmpl, small)
		cert, err := x509.ParseCertificate(mid.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		c := (&authority{cert: cert, key: small}).issue(t, leaf())
		c.Certificate = append(c.Certificate, mid.Certificate[0])
		return c
	}

	for _, tc := range []struct {
		name  string
		cfg   *tls.Config
		words string
	}{
		{"expired", &tls.Config{Certificates: []tls.Certificate{good(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })}}, "has expired"},
		{"not yet valid", &tls.Config{Certificates: []tls.Certificate{good(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) })}}, "not yet valid"},
		{"self-signed", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{selfDER}, PrivateKey: selfKey}}}, "self-signed"},
		{"other host", &tls.Config{Certificates: []tls.Certificate{good(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 9)} })}}, "another host"},
		{"unknown root", &tls.Config{Certificates: []tls.Certificate{newAuthority("Other Root").issue(t, leaf())}}, "unknown authority"},
		{"SHA-1", &tls.Config{Certificates: []tls.Certificate{rsaCA.issue(t, sha1Tmpl)}}, "SHA1"},
		{"RSA 1024", &tls.Config{Certificates: []tls.Certificate{testCA().issueKey(t, leaf(), small)}}, "RSA key below 2048 bits"},
		{"RSA 1024 above the leaf", &tls.Config{Certificates: []tls.Certificate{weakCA()}}, "RSA key below 2048 bits"},
		{"TLS 1.0", &tls.Config{Certificates: []tls.Certificate{good(func(*x509.Certificate) {})}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, "no TLS version from 1.2 on"},
		{"TLS 1.1", &tls.Config{Certificates: []tls.Certificate{good(func(*x509.Certificate) {})}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "no TLS version from 1.2 on"},
		{"client certificate wanted", &tls.Config{Certificates: []tls.Certificate{good(func(*x509.Certificate) {})}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, "refused the TLS connection"},
	} {
		var bytesOfHTTP atomic.Int64
		s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
			tc := tls.Server(c, tc.cfg)
			if tc.Handshake() == nil {
				n, _ := io.Copy(io.Discard, tc)
				bytesOfHTTP.Add(n)
			}
		})
		c := newClient(t, Options{Allow: loopbackNets, RootCAs: roots})
		wantTLSError(t, tc.name, c, "https://127.0.0.1:"+s.port+"/", tc.words)
		if n := bytesOfHTTP.Load(); n != 0 {
			t.Errorf("%s: the server got %d bytes of HTTP, want 0", tc.name, n)
		}
	}
}

func wantTLSError(t *testing.T, name string, c *Client, url, words string) {
	t.Helper()
	res, _, err := do(t, c, url)
	if res != nil || err == nil || err.Kind != KindTLS || !strings.Contains(err.Message, words) {
		t.Errorf("%s: got %v, %v, want kind %s, …%s…", name, res, err, KindTLS, words)
	}
}

func TestPlainHTTPOnTheTLSPort(t *testing.T) {
	var got bytes.Buffer
	done := make(chan struct{})
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		defer close(done)
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		got.Write(buf[:n])
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		io.Copy(&got, c)
	})
	c := newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool})
	wantTLSError(t, "plain HTTP", c, "https://127.0.0.1:"+s.port+"/", "did not answer in TLS")
	<-done
	if b := got.Bytes(); len(b) == 0 || b[0] != 22 || bytes.Contains(b, []byte("POST")) {
		t.Errorf("the server got %q, want a TLS hello and no HTTP", b)
	}
}

func TestServerClosesDuringHandshake(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) { c.Read(make([]byte, 4096)) })
	c := newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool})
	wantTLSError(t, "closed", c, "https://127.0.0.1:"+s.port+"/", "during the TLS handshake")
}

// TestTLSHandshakeTimeout: a server that accepts and says nothing.
func TestTLSHandshakeTimeout(t *testing.T) {
	s := serve(t, "127.0.0.1:0", func(s *server, c net.Conn) { <-s.stop })
	c := newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool})
	_, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "https://127.0.0.1:"+s.port+"/"), Timeout: 100 * time.Millisecond})
	if err == nil || err.Kind != KindTimeout || !strings.HasSuffix(err.Message, "during the TLS handshake") {
		t.Errorf("got %v, want kind %s during the TLS handshake", err, KindTimeout)
	}
}

// TestTLSResumption: new connections to a known host skip the expensive part of the handshake.
func TestTLSResumption(t *testing.T) {
	var resumed atomic.Int64
	cfg := &tls.Config{Certificates: []tls.Certificate{testCA().issue(t, leaf())}}
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		tc := tls.Server(c, cfg)
		if tc.Handshake() != nil {
			return
		}
		if tc.ConnectionState().DidResume {
			resumed.Add(1)
		}
		readRequest(tc)
		io.WriteString(tc, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
	})
	c := newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool})
	for i := range 3 {
		if _, _, err := do(t, c, "https://127.0.0.1:"+s.port+"/"); err != nil {
			t.Fatalf("request %d: %v (%v)", i, err, err.Err)
		}
	}
	if n := resumed.Load(); n != 2 {
		t.Errorf("got %d of 2 later connections resumed", n)
	}
}
