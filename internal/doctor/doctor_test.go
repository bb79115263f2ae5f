package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/store/sqlite"
)

// installation is a folder that a server has used, with the settings for it.
func installation(t *testing.T) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Data = filepath.Join(t.TempDir(), "data")
	keys, err := secret.Open(filepath.Join(cfg.Data, "relay.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: cfg.Data, Sealer: keys, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Save(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return &cfg
}

// examine makes all checks and returns the findings as lines.
func examine(t *testing.T, o Options) string {
	t.Helper()
	if o.URL == "" {
		o.URL = "http://127.0.0.1:1" // where nothing listens
	}
	var b strings.Builder
	Run(t.Context(), o, func(f Finding) {
		if f.Check == "" || f.Cause == "" || (f.Level == Problem || f.Level == Warning) && f.Next == "" {
			t.Errorf("the finding %+v lacks a check, a cause or a next step", f)
		}
		fmt.Fprintf(&b, "%s %s (%s): %s -> %s\n", f.Level, f.Check, f.Place, f.Cause, f.Next)
	})
	return b.String()
}

func want(t *testing.T, got string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(got, line) {
			t.Errorf("got the findings\n%s\nwant one with %q", got, line)
		}
	}
}

func TestHealthyFolder(t *testing.T) {
	got := examine(t, Options{Config: installation(t)})
	want(t, got, "ok permissions", "ok disk", "ok encryption key", "ok schema", "problem server (http://127.0.0.1:1): it does not answer", "skipped deliveries")
	if n := strings.Count(got, "problem "); n != 1 {
		t.Errorf("got %d problems, want only the server that does not run:\n%s", n, got)
	}
}

// TestBrokenFolder breaks a folder in every way, one after the other.
func TestBrokenFolder(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(t *testing.T, cfg *config.Config)
		want   string
	}{
		"missing": {func(_ *testing.T, cfg *config.Config) { cfg.Data += "-not" }, "problem data folder"},
		"a file": {func(t *testing.T, cfg *config.Config) {
			cfg.Data = filepath.Join(t.TempDir(), "file")
			write(t, cfg.Data, nil)
		}, "it is a file"},
		"open to others": {func(t *testing.T, cfg *config.Config) { try(t, os.Chmod(cfg.Data, 0o755)) }, "other users may look into it (mode 0755) -> chmod 700"},
		"no key": {func(t *testing.T, cfg *config.Config) { try(t, os.Remove(filepath.Join(cfg.Data, "relay.key"))) },
			"problem encryption key"},
		"damaged key": {func(t *testing.T, cfg *config.Config) { write(t, filepath.Join(cfg.Data, "relay.key"), []byte("{")) }, "problem encryption key"},
		"key for all": {func(t *testing.T, cfg *config.Config) { try(t, os.Chmod(filepath.Join(cfg.Data, "relay.key"), 0o644)) }, "may read or change it (mode 0644): chmod 600"},
		"newer schema": {func(t *testing.T, cfg *config.Config) { setVersion(t, filepath.Join(cfg.Data, "relay.db"), 9999) },
			"a newer Relay has written it (schema 9999"},
		"interrupted restore": {func(t *testing.T, cfg *config.Config) {
			write(t, filepath.Join(cfg.Data, sqlite.UnfinishedName), nil)
		}, "a restore into it was interrupted"},
		"large write-ahead log": {func(t *testing.T, cfg *config.Config) {
			write(t, filepath.Join(cfg.Data, "events", "2020-01-01.db-wal"), nil)
			try(t, os.Truncate(filepath.Join(cfg.Data, "events", "2020-01-01.db-wal"), 300<<20)) // takes no room
		}, "warning write-ahead log"},
		"no room for three days": {func(t *testing.T, cfg *config.Config) {
			day := time.Now().UTC().Add(-24*time.Hour).Format("2006-01-02") + ".db"
			write(t, filepath.Join(cfg.Data, "attempts", day), nil)
			try(t, os.Truncate(filepath.Join(cfg.Data, "attempts", day), 8<<40))
		}, "and yesterday took 8796 GB"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := installation(t)
			c.breaks(t, cfg)
			want(t, examine(t, Options{Config: cfg}), c.want)
		})
	}
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	try(t, os.MkdirAll(filepath.Dir(path), 0o700))
	try(t, os.WriteFile(path, b, 0o600))
}

// setVersion changes the version of a database's schema in its header
// (sqlite.org/fileformat.html#user_version_number).
func setVersion(t *testing.T, path string, version uint32) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	try(t, err)
	defer f.Close()
	_, err = f.WriteAt(binary.BigEndian.AppendUint32(nil, version), 60)
	try(t, err)
}

func TestBackups(t *testing.T) {
	dir := t.TempDir()
	want(t, examine(t, Options{Backups: dir}), "problem backups")
	want(t, examine(t, Options{Backups: filepath.Join(dir, "unmounted")}), "is the disk mounted?")
	file := filepath.Join(dir, "relay-2026-05-01.tar")
	write(t, file, nil)
	want(t, examine(t, Options{Backups: dir}), "ok backups")
	old := time.Now().Add(-100 * time.Hour)
	try(t, os.Chtimes(file, old, old))
	want(t, examine(t, Options{Backups: dir}), "the newest is 4 days old -> relay backup")
}

func TestSettings(t *testing.T) {
	cfg := installation(t)
	cfg.Listen, cfg.Dev, cfg.PublicURL, cfg.SecretKey = ":8080", true, "http://127.0.0.1:1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	got := examine(t, Options{Config: cfg, Unknown: []string{"RELAY_LISTENN is not a setting"}})
	want(t, got, "warning settings (dev)", "warning settings (publicUrl)", "warning settings (trustedProxies)", "warning settings (secretKey)",
		"warning settings (environment): RELAY_LISTENN", "problem publicUrl")
	cfg.Egress.Source = config.Addresses{netip.MustParseAddr("203.0.113.9")} // not of this machine
	want(t, examine(t, Options{Config: cfg}), "problem settings (egress)")
}

// fakeServer answers as a Relay does whose clock, readiness and lists are as given.
func fakeServer(t *testing.T, clock time.Duration, answers map[string]string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(clock).UTC().Format(http.TimeFormat))
		path := r.URL.Path
		if r.URL.Query().Get("status") != "" {
			path += "?delivered"
		}
		body, ok := answers[path]
		if !ok {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			body = `{"detail":"the disk of /data is full: 0 bytes free"}`
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestServer(t *testing.T) {
	at := fakeServer(t, 0, nil)
	want(t, examine(t, Options{URL: at}), "it is not ready: the disk of /data is full: 0 bytes free", "ok clock", "there is no key")
	at = fakeServer(t, 3*time.Minute, nil)
	want(t, examine(t, Options{URL: at}), "this machine's clock is 2 minutes behind that of the server")
	at = fakeServer(t, -time.Hour, nil)
	want(t, examine(t, Options{URL: at}), "ahead of that of the server -> see which one is wrong: timedatectl")
	cfg := installation(t)
	want(t, examine(t, Options{URL: fakeServer(t, 0, nil), Config: cfg}), "it has another one")
	cfg.PublicURL, cfg.Dev = fakeServer(t, 0, nil), true
	want(t, examine(t, Options{URL: at, Config: cfg}), "it does not lead to Relay")
}

func TestDeliveries(t *testing.T) {
	now := time.Now().UTC()
	stamp := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	hook := func(id, status, health string) string {
		return fmt.Sprintf(`{"id":%q,"url":"https://%s.example/in","status":%q,"health":{%s}}`, id, id, status, health)
	}
	attempt := func(host string, at, clock time.Duration) string {
		return fmt.Sprintf(`{"id":"a","at":%q,"outcome":"failed","request":{"url":"https://%s/in"},"response":{"status":500,"headers":{"Date":%q}}}`, stamp(at), host, date(at+clock))
	}
	answers := map[string]string{
		"/readyz":  `{"status":"ok"}`,
		"/metrics": "# HELP x\nrelay_deliveries_overdue_seconds 7200\n",
		"/v1/webhooks": `{"data":[` + strings.Join([]string{
			hook("wh_ok", "active", ""), hook("wh_failing", "active", `"failingSince":"`+stamp(-3*time.Hour)+`","failures":9,"lastError":"no route to host"`),
			hook("wh_disabled", "disabled", `"failingSince":"`+stamp(-200*time.Hour)+`","disabledReason":"it failed for five days"`),
			hook("wh_paused", "paused", `"failingSince":"`+stamp(-200*time.Hour)+`"`),
			hook("wh_rejected", "active", `"authenticationRejected":{"since":"`+stamp(-time.Hour)+`","count":2,"reason":"authentication rejected: 401"}`),
		}, ",") + `],"nextCursor":null}`,
		"/v1/attempts": `{"data":[` + strings.Join([]string{
			attempt("a.example", -time.Minute, 0), attempt("b.example", -2*time.Minute, -10*time.Minute),
		}, ",") + `]}`,
		"/v1/attempts?delivered": `{"data":[` + attempt("a.example", -30*time.Hour, 0) + `]}`,
	}
	ask := func() string {
		at := fakeServer(t, 0, answers)
		c, err := client.New(client.Options{URL: at, Key: "k"})
		try(t, err)
		return examine(t, Options{URL: at, Client: c, Key: "k"})
	}
	got := ask()
	want(t, got, "problem deliveries", "is 2 hours past its time",
		"wh_failing.example/in): it has failed for 3 hours, 9 times: no route to host -> relay webhooks attempts wh_failing",
		"it is disabled: it failed for five days -> relay webhooks resume wh_disabled",
		"authentication rejected: 401", "nothing has been delivered for 30 hours", "warning clock (b.example)")
	if strings.Contains(got, "wh_paused") || strings.Contains(got, "wh_ok") {
		t.Errorf("got %s, want nothing about webhooks that are paused or work", got)
	}
	answers["/v1/attempts"] = `{"data":[` + strings.Join([]string{
		attempt("a.example", -time.Minute, 10*time.Minute), attempt("b.example", -time.Minute, 10*time.Minute), attempt("c.example", -time.Minute, 10*time.Minute),
	}, ",") + `]}`
	answers["/v1/attempts?delivered"] = `{"data":[]}`
	answers["/metrics"] = "relay_deliveries_overdue_seconds 0\n"
	want(t, ask(), "the server's clock is 10 minutes behind those of most endpoints", "nothing was ever delivered", "none is overdue")
}

// certificate returns a certificate for 127.0.0.1 that is its own authority.
func certificate(t *testing.T, valid time.Duration) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	try(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "doctor"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(valid),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	try(t, err)
	parsed, err := x509.ParseCertificate(der)
	try(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestCertificates looks at endpoints whose certificates are good, end soon, have ended, or are not there.
func TestCertificates(t *testing.T) {
	cfg := installation(t)
	cfg.Dev = true
	for valid, wanted := range map[time.Duration]string{
		100 * 24 * time.Hour: "ok certificate",
		5 * 24 * time.Hour:   "warning certificate (127.0.0.1:",
		-time.Minute:         "certificate has expired",
	} {
		own, pool := certificate(t, valid)
		requests := make(chan string, 10)
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { requests <- r.URL.Path }))
		s.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.StartTLS()
		t.Cleanup(s.Close)
		at := fakeServer(t, 0, map[string]string{
			"/readyz": "{}", "/metrics": "", "/v1/attempts": `{"data":[]}`,
			"/v1/webhooks": `{"data":[{"id":"wh_1","url":"` + s.URL + `/in","status":"active","health":{}},{"id":"wh_2","url":"` + s.URL + `/other","status":"active","health":{}}]}`,
		})
		c, err := client.New(client.Options{URL: at, Key: "k"})
		try(t, err)
		got := examine(t, Options{URL: at, Client: c, Key: "k", Config: cfg, RootCAs: pool})
		want(t, got, wanted)
		select {
		case path := <-requests:
			t.Errorf("a request to %s: an endpoint must get none", path)
		default:
		}
	}
	// The guard of the server holds: without dev, loopback is not reached.
	cfg.Dev = false
	way := (&run{Options: Options{Config: cfg}}).wayOut()
	defer way.Close()
	if _, err := way.ParseURL("https://127.0.0.1:1/in"); err == nil {
		t.Error("a loopback address without dev: got no error")
	}
}

func TestNames(t *testing.T) {
	cfg := installation(t)
	cfg.PublicURL = "https://relay.test-of-doctor.com"
	resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "relay.test-of-doctor.com", IsNotFound: true}
	}}
	want(t, examine(t, Options{Config: cfg, Resolver: resolver}), "problem publicUrl (https://relay.test-of-doctor.com)", "getent hosts relay.test-of-doctor.com")
}
