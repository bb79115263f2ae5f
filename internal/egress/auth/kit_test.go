package auth

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "canary-5c3f19aa"

// A tokenServer gives out tokens t1, t2, … over TLS unless a test has it do something else.
type tokenServer struct {
	*httptest.Server
	client *egress.Client

	asked      atomic.Int64
	now, worst atomic.Int64 // requests under way, and the most there were
	answer     func(w http.ResponseWriter, r *http.Request, n int64)
}

// newTokenServer starts a server; it is an endpoint, too, if hook is given, under /hook.
func newTokenServer(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int64), hook ...http.HandlerFunc) *tokenServer {
	t.Helper()
	s := &tokenServer{answer: answer}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hook" && hook != nil {
			hook[0](w, r)
			return
		}
		n := s.asked.Add(1)
		s.worst.Store(max(s.worst.Load(), s.now.Add(1)))
		defer s.now.Add(-1)
		s.answer(w, r, n)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	s.client = egress.New(egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, RootCAs: roots})
	t.Cleanup(func() { s.client.Close(); s.Server.Close() })
	return s
}

func (s *tokenServer) settings() Settings {
	return Settings{Type: OAuth2, ClientID: "me", ClientSecret: canary, TokenURL: s.URL + "/token"}
}

func (s *tokenServer) auth(t *testing.T) *Authenticator {
	t.Helper()
	return newAuth(t, s.settings(), s.client)
}

func newAuth(t *testing.T, s Settings, c *egress.Client) *Authenticator {
	t.Helper()
	a, err := New(s, c)
	if err != nil {
		t.Fatalf("New(%+v): got %v, want no error", s, err)
	}
	t.Cleanup(a.Close)
	return a
}

// grant answers with a token of a lifetime.
func grant(w http.ResponseWriter, token, expires string) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":%s}`, token, expires)
}

func numbered(w http.ResponseWriter, _ *http.Request, n int64) { grant(w, fmt.Sprint("t", n), "3600") }

// wantHeader checks what Header returns.
func wantHeader(t *testing.T, a *Authenticator, name, value string) egress.Field {
	t.Helper()
	f, ok, err := a.Header(t.Context())
	if want := (egress.Field{Name: name, Value: value}); err != nil || !ok || f != want {
		t.Errorf("Header: got %q, %t, %v, want %q", f, ok, err, want)
	}
	return f
}

// noSecrets checks that a text does not hold the secret of the test.
func noSecrets(t *testing.T, where string, v any) {
	t.Helper()
	for _, text := range []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v)} {
		if strings.Contains(text, canary) {
			t.Errorf("%s holds a secret: %s", where, text)
		}
	}
}

// A pipeServer is a token server in a synctest bubble: the test decides about the bytes of each connection.
type pipeServer struct {
	client *egress.Client
	asked  atomic.Int64
	work   sync.WaitGroup
}

// servePipe answers each request by a function that writes to its connection. settle ends everything.
func servePipe(answer func(c net.Conn, n int64)) (s *pipeServer, settle func()) {
	s = &pipeServer{}
	var mu sync.Mutex
	var open []net.Conn
	s.client = egress.New(egress.Options{Dev: true, MaxIdlePerHost: -1, DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		mu.Lock()
		open = append(open, theirs)
		mu.Unlock()
		s.work.Go(func() {
			defer theirs.Close()
			r, err := http.ReadRequest(bufio.NewReader(theirs))
			if err != nil {
				return
			}
			io.Copy(io.Discard, r.Body)
			answer(theirs, s.asked.Add(1))
		})
		return ours, nil
	}})
	return s, func() {
		s.client.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		s.work.Wait()
	}
}

func (s *pipeServer) auth(t *testing.T) *Authenticator {
	t.Helper()
	a, err := New(Settings{Type: OAuth2, ClientID: "me", ClientSecret: secret.Text(canary), TokenURL: "http://localhost/token"}, s.client)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// raw writes an answer.
func raw(c net.Conn, status int, header, body string) {
	fmt.Fprintf(c, "HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s", status, len(body), header, body)
}

func rawToken(c net.Conn, n int64, expires string) {
	raw(c, 200, "", fmt.Sprintf(`{"access_token":"t%d","expires_in":%s}`, n, expires))
}
