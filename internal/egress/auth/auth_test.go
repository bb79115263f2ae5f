package auth

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/egress"
)

// TestHeaders: the fields are those of the push-event webhook's contract.
func TestHeaders(t *testing.T) {
	c := egress.New(egress.Options{})
	defer c.Close()
	for _, tc := range []struct {
		s           Settings
		name, value string // empty: none
		masked      string
	}{
		{Settings{}, "", "", ""},
		{Settings{Type: None}, "", "", ""},
		// The example of RFC 7617 section 2, and that of section 2.1 in UTF-8.
		{Settings{Type: Basic, Username: "Aladdin", Password: "open sesame"}, "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic ***"},
		{Settings{Type: Basic, Username: "test", Password: "123£"}, "Authorization", "Basic dGVzdDoxMjPCow==", "Basic ***"},
		{Settings{Type: APIKey, Token: "k e y"}, "ApiKey", "k e y", "***"},
		{Settings{Type: APIKey, Token: "key", Header: "X-Key", Prefix: "v1="}, "X-Key", "v1=key", "***"},
		{Settings{Type: APIKey, Token: "key", Header: "Authorization", Prefix: "Bearer "}, "Authorization", "Bearer key", "Bearer ***"},
	} {
		a := newAuth(t, tc.s, c)
		f, ok, err := a.Header(t.Context())
		if want := (egress.Field{Name: tc.name, Value: tc.value}); err != nil || ok != (tc.name != "") || f != want {
			t.Errorf("%+v: got %q, %t, %v, want %q", tc.s, f, ok, err, want)
		}
		if retry, err := a.Refused(t.Context(), f); retry || err != nil {
			t.Errorf("%+v: Refused: got %t, %v, want false: there is nothing else to send", tc.s, retry, err)
		}
		if got := Masked(f); ok && (got.Name != tc.name || got.Value != tc.masked) {
			t.Errorf("Masked(%q): got %q, want %q", f, got, tc.masked)
		}
	}
	for name, s := range map[string]Settings{
		"unknown type": {Type: "digest"}, "token URL": {Type: OAuth2, TokenURL: "ftp://x", ClientSecret: canary}, "certificate": {Type: MTLS, Cert: "x", Key: canary},
	} {
		a, err := New(s, c)
		if a != nil || err == nil {
			t.Errorf("%s: New: got %v, %v, want an error", name, a, err)
		}
		noSecrets(t, name, err)
	}
}

// TestAttempt is the way an attempt goes, with tokens that are withdrawn while many attempts are under way: each is
// sent at most twice, and none fails.
func TestAttempt(t *testing.T) {
	var mu sync.Mutex
	want, refused := "", 0 // the header that the endpoint takes, and how many it did not
	s := newTokenServer(t, func(w http.ResponseWriter, _ *http.Request, n int64) {
		mu.Lock()
		want = fmt.Sprint("Bearer t", n)
		mu.Unlock()
		grant(w, fmt.Sprint("t", n), "3600")
	}, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		if got := r.Header.Values("Authorization"); len(got) != 1 || got[0] != want {
			refused++
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	a := s.auth(t)
	target, err := s.client.ParseURL(s.URL + "/hook")
	if err != nil {
		t.Fatal(err)
	}
	attempt := func() (status, sent int) {
		for sent = 1; ; sent++ {
			f, ok, err := a.Header(t.Context())
			if !ok || err != nil {
				t.Errorf("Header: got %t, %v", ok, err)
				return 0, sent
			}
			res, _, fail := s.client.Do(t.Context(), &egress.Request{Method: "POST", Target: target, Header: []egress.Field{f}, Body: []byte("{}"), Identity: a.Identity()})
			if fail != nil {
				t.Errorf("Do: %v", fail)
				return 0, sent
			}
			if res.Status != 401 || sent == 2 {
				return res.Status, sent
			}
			retry, err := a.Refused(t.Context(), f)
			if err != nil {
				t.Errorf("Refused: %v", err)
			}
			if !retry {
				return res.Status, sent
			}
		}
	}
	if status, sent := attempt(); status != 200 || sent != 1 {
		t.Fatalf("first attempt: got %d after %d requests, want 200 after 1", status, sent)
	}
	mu.Lock()
	want = "Bearer other" // withdrawn
	mu.Unlock()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if status, sent := attempt(); status != 200 || sent > 2 {
				t.Errorf("attempt after the token was withdrawn: got %d after %d requests, want 200 after at most 2", status, sent)
			}
		})
	}
	wg.Wait()
	if n := s.asked.Load(); n != 2 {
		t.Errorf("got %d requests for tokens, want 2", n)
	}
	if refused == 0 {
		t.Error("nothing was refused, so this shows nothing")
	}
}

// TestClientCertificate: mtls end to end.
func TestClientCertificate(t *testing.T) {
	cert, key := certificate(t, "right", time.Now().Add(time.Hour))
	wrongCert, wrongKey := certificate(t, "wrong", time.Now().Add(time.Hour))
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(cert))
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName+" over "+r.Proto)
	}))
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MaxVersion: tls.VersionTLS12} // the handshake itself fails
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	c := egress.New(egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, RootCAs: roots})
	defer c.Close()
	target, err := c.ParseURL(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		s    Settings
		want string
	}{
		"right": {Settings{Type: MTLS, Cert: cert, Key: key}, "right over HTTP/1.1"},
		"wrong": {Settings{Type: MTLS, Cert: wrongCert, Key: wrongKey}, ""},
		"none":  {Settings{}, ""},
	} {
		a := newAuth(t, tc.s, c)
		if f, ok, err := a.Header(t.Context()); ok || err != nil {
			t.Errorf("%s: Header: got %q, %t, %v, want none", name, f, ok, err)
		}
		for range 2 {
			res, _, fail := c.Do(t.Context(), &egress.Request{Method: "POST", Target: target, Identity: a.Identity()})
			switch {
			case tc.want == "" && (fail == nil || fail.Kind != egress.KindTLS || !strings.Contains(fail.Message, "refused")):
				t.Errorf("%s: got %v, %v, want kind %s", name, res, fail, egress.KindTLS)
			case tc.want != "" && (fail != nil || string(res.Body) != tc.want):
				t.Errorf("%s: got %v, %v, want %q", name, res, fail, tc.want)
			}
		}
	}
}

// TestNothingPrints: an Authenticator in a log line shows its type only.
func TestNothingPrints(t *testing.T) {
	c := egress.New(egress.Options{})
	defer c.Close()
	for _, s := range []Settings{
		{Type: Basic, Username: "u", Password: canary}, {Type: APIKey, Token: canary},
		{Type: OAuth2, ClientID: "i", ClientSecret: canary, TokenURL: "https://example.com/"},
	} {
		a := newAuth(t, s, c)
		text := fmt.Sprintf("%v %s %v %+v", a, a, s, []any{a, s, &s})
		for _, form := range []string{canary, base64.StdEncoding.EncodeToString([]byte("u:" + canary))} {
			if strings.Contains(text, form) {
				t.Errorf("%s prints %s", s.Type, text)
			}
		}
	}
}
