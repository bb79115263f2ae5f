package delivery_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/webhook"
)

// TestCertificateHandshake delivers to a server that wants a certificate, over real connections: the webhook that has
// the right one gets through, one that has another or none does not.
func TestCertificateHandshake(t *testing.T) {
	certificate := func(name string, number int64) (*x509.Certificate, func(*webhook.Settings)) {
		t.Helper()
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tmpl := &x509.Certificate{
			SerialNumber: big.NewInt(number), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
		tmpl.Subject.CommonName = name
		der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return cert, func(s *webhook.Settings) {
			s.Auth = auth.Settings{
				Type: auth.MTLS,
				Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
				Key:  secret.Text(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
			}
		}
	}
	known, withKnown := certificate("known", 1)
	_, withOther := certificate("other", 2)

	type visit struct {
		path string
		peer *x509.Certificate
		body []byte
	}
	visits := make(chan visit, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		visits <- visit{r.URL.Path, r.TLS.PeerCertificates[0], body}
	}))
	wanted := x509.NewCertPool()
	wanted.AddCert(known)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: wanted}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := egress.New(egress.Options{Dev: true, RootCAs: roots})
	t.Cleanup(client.Close)

	r := newRig(t)
	r.sender = client
	r.start()
	defer r.end()
	hook := func(path string, change ...func(*webhook.Settings)) *webhook.Webhook {
		return r.webhook(&endpoint{url: server.URL + path}, change...)
	}
	refused := []*webhook.Webhook{hook("/other", withOther), hook("/none")}
	hook("/known", withKnown)

	for i, data := range []string{`{"n":1.10}`, `{"n":2.20}`} { // the second may take the connection of the first
		r.publish(`{"type":"a","data":` + data + `}`)
		select {
		case v := <-visits:
			if v.path != "/known" || !v.peer.Equal(known) || !bytes.Contains(v.body, []byte(data)) {
				t.Errorf("request %d: got %s by %q with %s, want /known by %q with %s", i+1, v.path, v.peer.Subject, v.body, known.Subject, data)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("event %d was not delivered within 20 s", i+1)
		}
	}
	for _, w := range refused {
		for end := time.Now().Add(20 * time.Second); len(r.attempts(w)) < 2; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: got %d attempts within 20 s, want 2", w.URL, len(r.attempts(w)))
			}
		}
		for _, a := range r.attempts(w) {
			if a.ErrorKind != exchange.TLS {
				t.Errorf("%s: got the error %q of the kind %q, want one of the kind %q", w.URL, a.Error, a.ErrorKind, exchange.TLS)
			}
		}
	}
}
