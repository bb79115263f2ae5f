package egress

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// clientPEM issues a client certificate.
func clientPEM(t testing.TB, ca *authority, name string) (certPEM, keyPEM []byte) {
	t.Helper()
	tmpl := leaf()
	tmpl.Subject, tmpl.ExtKeyUsage = pkix.Name{CommonName: name}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return pemOf(t, ca.issue(t, tmpl))
}

func pemOf(t testing.TB, c tls.Certificate) (certPEM, keyPEM []byte) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func newIdentity(t testing.TB, ca *authority, name string) *Identity {
	t.Helper()
	id, err := NewIdentity(clientPEM(t, ca, name))
	if err != nil {
		t.Fatalf("NewIdentity of %q: got %v, want no error", name, err)
	}
	return id
}

// A knower is a server that answers each request with the number of its connection and the name of who made it.
type knower struct {
	*server
	conns    atomic.Int64
	requests atomic.Int64
	resumed  atomic.Int64
}

// serveKnower starts a knower. With close it ends each connection after a request, so that sessions are resumed.
func serveKnower(t testing.TB, auth tls.ClientAuthType, close bool, change ...func(*tls.Config)) *knower {
	t.Helper()
	cfg := &tls.Config{
		Certificates: []tls.Certificate{testCA().issue(t, leaf())},
		ClientAuth:   auth, ClientCAs: testCA().pool,
		NextProtos: []string{"h2", "http/1.1"}, // so that offering HTTP/2 would be noticed
	}
	for _, f := range change {
		f(cfg)
	}
	k := &knower{}
	k.server = serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		number := k.conns.Add(1)
		tc := tls.Server(c, cfg)
		if tc.Handshake() != nil {
			io.Copy(io.Discard, c) // closing with unread bytes would reset the connection, and the alert be lost
			return
		}
		name := "nobody"
		state := tc.ConnectionState()
		if len(state.PeerCertificates) > 0 {
			name = state.PeerCertificates[0].Subject.CommonName
		}
		if state.NegotiatedProtocol == "h2" {
			name += " over HTTP/2"
		}
		if state.DidResume {
			k.resumed.Add(1)
		}
		for {
			if _, err := readRequest(tc); err != nil {
				return
			}
			k.requests.Add(1)
			body := fmt.Sprintf("%d %s", number, name)
			more := ""
			if close {
				more = "Connection: close\r\n"
			}
			fmt.Fprintf(tc, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s", len(body), more, body)
			if close {
				return
			}
		}
	})
	return k
}

// as makes a request with an identity.
func as(t testing.TB, c *Client, url string, id *Identity) (*Response, *Error) {
	t.Helper()
	res, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, url), Body: []byte("{}"), Identity: id})
	return res, err
}

func TestIdentityIsShown(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			k := serveKnower(t, tls.RequireAndVerifyClientCert, false, func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version })
			url := "https://127.0.0.1:" + k.port + "/"
			c := newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool})

			res, err := as(t, c, url, newIdentity(t, testCA(), "right"))
			if err != nil || !strings.HasSuffix(string(res.Body), " right") {
				t.Errorf("right certificate: got %v, %v, want an answer to \"right\" over HTTP/1.1", res, err)
			}
			before := k.requests.Load()
			for name, id := range map[string]*Identity{
				"a certificate of another authority": newIdentity(t, newAuthority("Other Root"), "wrong"),
				"no certificate":                     nil,
			} {
				res, err := as(t, c, url, id)
				if res != nil || err == nil || err.Kind != KindTLS || !strings.Contains(err.Message, "refused the TLS connection") {
					t.Errorf("%s: got %v, %v, want kind %s, that the server refused", name, res, err, KindTLS)
				}
			}
			if n := k.requests.Load() - before; n != 0 {
				t.Errorf("the server took %d requests from strangers, want 0", n)
			}
		})
	}
}

// TestIdentitiesShareNoConnection: the receiver takes a connection's requests to be from who began it.
func TestIdentitiesShareNoConnection(t *testing.T) {
	k := serveKnower(t, tls.RequestClientCert, false, func(c *tls.Config) { c.NextProtos = nil })
	url := "https://127.0.0.1:" + k.port + "/"
	c := newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool})
	certPEM, keyPEM := clientPEM(t, testCA(), "twin")
	ids := map[string][]*Identity{"nobody": {nil}, "a": {newIdentity(t, testCA(), "a")}, "b": {newIdentity(t, testCA(), "b")}}
	for range 2 { // two tenants with the same certificate are still two
		id, err := NewIdentity(certPEM, keyPEM)
		if err != nil {
			t.Fatal(err)
		}
		ids["twin"] = append(ids["twin"], id)
	}
	var mu sync.Mutex
	owner := map[string]*Identity{} // of a connection
	reused := 0
	var wg sync.WaitGroup
	for name, list := range ids {
		for _, id := range list {
			for range 3 {
				wg.Go(func() {
					for range 20 {
						res, err := as(t, c, url, id)
						if err != nil {
							t.Errorf("request as %s: %v (%v)", name, err, err.Err)
							return
						}
						number, got, _ := strings.Cut(string(res.Body), " ")
						mu.Lock()
						was, known := owner[number]
						owner[number] = id
						if known {
							reused++
						}
						mu.Unlock()
						if got != name || known && was != id {
							t.Errorf("request as %s went over connection %s of %s, used before by %v", name, number, got, was)
						}
					}
				})
			}
		}
	}
	wg.Wait()
	if reused == 0 {
		t.Error("no connection was used twice, so this shows nothing")
	}
}

// TestIdentitiesShareNoSession: a resumed session speaks in the name of who began it.
func TestIdentitiesShareNoSession(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		k := serveKnower(t, tls.RequestClientCert, true, func(c *tls.Config) {
			c.NextProtos, c.MinVersion, c.MaxVersion = nil, version, version
		})
		url := "https://127.0.0.1:" + k.port + "/"
		c := newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool})
		a, b := newIdentity(t, testCA(), "a"), newIdentity(t, testCA(), "b")
		for range 3 {
			for name, id := range map[string]*Identity{"a": a, "b": b, "nobody": nil} {
				res, err := as(t, c, url, id)
				if err != nil {
					t.Fatalf("request as %s: %v (%v)", name, err, err.Err)
				}
				if _, got, _ := strings.Cut(string(res.Body), " "); got != name {
					t.Errorf("%s: request as %s: the receiver saw %q", tls.VersionName(version), name, got)
				}
			}
		}
		if n := k.resumed.Load(); n == 0 {
			t.Errorf("%s: no session was resumed, so the test shows nothing", tls.VersionName(version))
		}
	}
}

// TestIdentityBesideHTTP2: a receiver known for HTTP/2 gets requests with a certificate over HTTP/1.1.
func TestIdentityBesideHTTP2(t *testing.T) {
	k := serveKnower(t, tls.RequestClientCert, false)
	url := "https://127.0.0.1:" + k.port + "/"
	c := newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool})
	c.http2.add(mustParse(t, c, url).key)
	res, err := as(t, c, url, newIdentity(t, testCA(), "a"))
	if err != nil || !strings.HasSuffix(string(res.Body), " a") {
		t.Errorf("got %v, %v, want an answer to \"a\" over HTTP/1.1", res, err)
	}
}

func TestIdentityNeedsTLS(t *testing.T) {
	trap := canary(t)
	c := newClient(t, Options{Dev: true})
	res, err := as(t, c, "http://127.0.0.1:"+trap.port+"/", newIdentity(t, testCA(), "a"))
	if res != nil || err == nil || err.Kind != KindRequest {
		t.Errorf("identity on http://: got %v, %v, want kind %s", res, err, KindRequest)
	}
}

func TestNewIdentityRefuses(t *testing.T) {
	certPEM, keyPEM := clientPEM(t, testCA(), "a")
	_, otherKey := clientPEM(t, testCA(), "b")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	smallCert, smallKey := pemOf(t, testCA().issueKey(t, leaf(), small))
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224Cert, p224Key := pemOf(t, testCA().issueKey(t, leaf(), p224))
	garbled := bytes.Replace(certPEM, []byte("M"), []byte("A"), 1)
	for _, tc := range []struct {
		name      string
		cert, key []byte
		want      error
	}{
		{"no certificate", nil, keyPEM, ErrIdentityCert},
		{"no key", certPEM, nil, ErrIdentityKey},
		{"key in place of the certificate", keyPEM, keyPEM, ErrIdentityCert},
		{"certificate in place of the key", certPEM, certPEM, ErrIdentityKey},
		{"both in one", append(bytes.Clone(certPEM), keyPEM...), keyPEM, ErrIdentityCert},
		{"another's key", certPEM, otherKey, ErrIdentityKey},
		{"broken certificate", garbled, keyPEM, ErrIdentityCert},
		{"key with a password", certPEM, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}}), ErrIdentityKey},
		{"RSA 1024", smallCert, smallKey, ErrIdentityCert},
		{"P-224", p224Cert, p224Key, ErrIdentityCert},
	} {
		id, err := NewIdentity(tc.cert, tc.key)
		if id != nil || !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, %v, want %v", tc.name, id, err, tc.want)
			continue
		}
		for line := range strings.SplitSeq(strings.TrimSpace(string(tc.key)), "\n") {
			if line != "" && !strings.HasPrefix(line, "-----") && strings.Contains(err.Error(), line) {
				t.Errorf("%s: the error repeats the key", tc.name)
			}
		}
	}
}
