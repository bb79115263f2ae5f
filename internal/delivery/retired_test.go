package delivery_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/testenv"
	"github.com/relay-events/relay/internal/webhook"
)

// TestRetiredConnections delivers through nginx over HTTP/2, which retires each connection after 100 requests whatever
// is under way on it. With a single attempt each event arrives, and once: alone, in order and in batches.
func TestRetiredConnections(t *testing.T) {
	events := 10_000
	if testing.Short() || testenv.Race {
		events = 1_500
	}
	bin := testenv.Binary(t, "nginx")
	var mu sync.Mutex
	got := map[string]map[string]int{"/plain": {}, "/fifo": {}, "/batch": {}}
	protos := map[string]int{}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var envelopes []envelope
		if err == nil {
			if r.URL.Path != "/batch" {
				body = append(append([]byte{'['}, body...), ']')
			}
			err = json.Unmarshal(body, &envelopes)
		}
		if err != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		mu.Lock()
		defer mu.Unlock()
		protos[r.Header.Get("X-Proto")]++
		for _, e := range envelopes {
			got[r.URL.Path][e.WebhookID]++
		}
	}))
	t.Cleanup(receiver.Close)
	url, roots := startNginx(t, bin, "keepalive_requests 100;", strings.TrimPrefix(receiver.URL, "http://"))

	sender := egress.New(egress.Options{Dev: true, RootCAs: roots})
	t.Cleanup(sender.Close)
	r := newRig(t)
	r.sender = sender
	r.start()
	var hooks []*webhook.Webhook
	for path, change := range map[string]func(*webhook.Settings){
		"/plain": func(*webhook.Settings) {},
		"/fifo":  func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO },
		"/batch": func(s *webhook.Settings) {
			s.Batch = &webhook.Batch{MaxEvents: 5, MaxWait: 50 * time.Millisecond, MaxBytes: 1 << 20}
		},
	} {
		hooks = append(hooks, r.webhook(&endpoint{url: url + path}, change, func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 1, MaxAge: time.Hour, MaxWait: time.Second, RetryOn: []string{"other", "network", "timeout"}}
		}))
	}
	for n := 0; n < events; n += 500 {
		var raw []string
		for i := n; i < n+500; i++ {
			raw = append(raw, fmt.Sprintf(`{"type":"a.b","key":"k%d","data":{"n":%d}}`, i%400, i))
		}
		r.publish(raw...)
	}
	done := func() bool {
		mu.Lock()
		defer mu.Unlock()
		s := r.engine.Snapshot()
		n := 0
		for _, ids := range got {
			n += len(ids)
		}
		return n == 3*events && s.InFlight == 0 || s.Outcomes[3] > 0
	}
	for deadline := time.Now().Add(3 * time.Minute); !done() && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	for _, w := range hooks {
		for _, a := range r.attempts(w) {
			if a.Outcome != 1 {
				t.Errorf("%s: attempt %d is %s: %s", w.URL, a.Number, a.Outcome, a.Error)
				break
			}
		}
	}
	r.end()
	for path, ids := range got {
		twice := 0
		for _, n := range ids {
			if n != 1 {
				twice++
			}
		}
		if len(ids) != events || twice > 0 {
			t.Errorf("%s: got %d of %d events, %d of them more than once", path, len(ids), events, twice)
		}
	}
	if protos["HTTP/2.0"] == 0 || len(protos) != 1 {
		t.Errorf("got requests by protocol %v, want HTTP/2.0 only", protos)
	}
}

// startNginx starts nginx with HTTP/2 before a receiver, until the test ends. It returns its URL and what to verify it by.
func startNginx(t *testing.T, bin, settings, receiver string) (url string, roots *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, &x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(cert)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	conf := fmt.Sprintf(`
daemon off; master_process off; pid nginx.pid; error_log stderr error;
events { worker_connections 2048; }
http {
	access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
	upstream receiver { server %s; keepalive 64; keepalive_requests 1000000; }
	server {
		listen %s ssl http2;
		ssl_certificate cert.pem; ssl_certificate_key key.pem;
		client_max_body_size 10m;
		%s
		location / {
			proxy_pass http://receiver; proxy_http_version 1.1;
			proxy_set_header Connection ""; proxy_set_header X-Proto $server_protocol;
		}
	}
}
`, receiver, address, settings)
	for name, data := range map[string][]byte{
		"nginx.conf": []byte(conf),
		"cert.pem":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"key.pem":    pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(bin, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	cmd.Stderr = testLog{t}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting nginx: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 500 {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return "https://" + address, roots
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nginx does not listen on %s", address)
	return "", nil
}
