package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/observe"
)

// env returns a Sources.Getenv that looks up the pairs.
func env(pairs map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := pairs[name]; return v, ok }
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "relay.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaultsHold(t *testing.T) {
	got, err := config.Load(config.Sources{})
	if err != nil {
		t.Fatalf("Load without any source: %v", err)
	}
	if want := config.Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("Load without any source: got %+v, want %+v", got, want)
	}
}

// Each source overrides the one before; settings that it does not mention keep their values.
func TestSourcesInRisingOrder(t *testing.T) {
	path := file(t, `
listen: file:1
data: from-file
memory: 2MiB
allowNetworks: [10.1.0.0/16, "fd00::/8"]
retention:
  events: 10d
  attempts: 36h
log: {level: debug, format: json}
`)
	got, err := config.Load(config.Sources{
		File:   path,
		Getenv: env(map[string]string{"RELAY_LISTEN": "env:2", "RELAY_DATA": "from-env", "RELAY_LOG_LEVEL": "warn", "RELAY_DEV": ""}),
		Flags:  map[string]string{"listen": "flag:3", "dev": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Listen, want.Data, want.Memory, want.Dev = "flag:3", "from-env", 2<<20, true
	want.AllowNetworks = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	want.Retention = config.Retention{Events: 240 * time.Hour, Attempts: 36 * time.Hour}
	want.Log = config.Log{Level: slog.LevelWarn, Format: observe.LogJSON}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestFileNamedByVariable(t *testing.T) {
	got, err := config.Load(config.Sources{Getenv: env(map[string]string{"RELAY_CONFIG": file(t, "maxInFlight: 7")})})
	if err != nil || got.MaxInFlight != 7 {
		t.Errorf("RELAY_CONFIG: got %d, %v, want 7", got.MaxInFlight, err)
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name string
		file string
		env  map[string]string
		flag map[string]string
		want string
	}{
		{"unknown key", "listn: x", nil, nil, `line 1: "listn" is not a setting; did you mean "listen"?`},
		{"unknown nested key", "log:\n  lvl: x", nil, nil, `line 2: "log.lvl" is not a setting; did you mean "log.level"?`},
		{"unknown and far", "kubernetes: x", nil, nil, `"kubernetes" is not a setting; "relay serve --help" lists them`},
		{"wrong case", "Listen: x", nil, nil, `did you mean "listen"?`},
		{"given twice", "listen: a:1\nlisten: b:2", nil, nil, `line 2`},
		{"group with a value", "log: info", nil, nil, "line 1: must be a list of settings"},
		{"no mapping", "- listen", nil, nil, "line 1: must be a list of settings"},
		{"no value", "listen:", nil, nil, "setting listen has no value"},
		{"mapping as value", "listen: {a: b}", nil, nil, "setting listen must be a plain value"},
		{"two documents", "listen: a:1\n---\ndata: x", nil, nil, "must contain one document"},
		{"not YAML", "\tlisten", nil, nil, "configuration file"},
		{"bad bool", "dev: perhaps", nil, nil, `line 1: setting dev must be true or false, got "perhaps"`},
		{"bad variable", "", map[string]string{"RELAY_MEMORY": "much"}, nil, "variable RELAY_MEMORY: setting memory must be a number of bytes"},
		{"bad flag", "", nil, map[string]string{"retention-events": "30"}, "flag --retention-events: setting retention.events must be a duration"},
		{"bad level", "", nil, map[string]string{"log-level": "loud"}, "must be debug, info, warn or error"},
		{"bad format", "", nil, map[string]string{"log-format": "xml"}, "must be auto, text or json"},
		{"network with a host", "", nil, map[string]string{"allow-networks": "10.1.2.3/8"}, "write 10.0.0.0/8"},
		{"no network", "", nil, map[string]string{"allow-networks": "localhost"}, `must list networks, such as 10.1.0.0/16, got "localhost"`},
		{"no port", "", nil, map[string]string{"listen": "localhost"}, "setting listen must be host:port"},
		{"short retention", "", nil, map[string]string{"retention-attempts": "23h"}, "setting retention.attempts must be 1d to 3660d, got 23h"},
		{"little memory", "", nil, map[string]string{"memory": "1023KiB"}, "setting memory must be at least 1MiB, got 1023KiB"},
		{"guessable key, one letter", "", map[string]string{"RELAY_ADMIN_KEY": strings.Repeat("a", 16)}, nil, "setting adminKey must be harder to guess"},
		{"guessable key, a word twice", "", map[string]string{"RELAY_ADMIN_KEY": "operator-operator-"}, nil, "setting adminKey must be harder to guess"},
		{"guessable key, digits", "", map[string]string{"RELAY_ADMIN_KEY": "1234567890123456"}, nil, "setting adminKey must be harder to guess"},
		{"guessable key, runs", "", map[string]string{"RELAY_ADMIN_KEY": "Abcdefgh12345678"}, nil, "setting adminKey must be harder to guess"},
		{"guessable key, a placeholder", "", map[string]string{"RELAY_ADMIN_KEY": "changeme-password"}, nil, "setting adminKey must be harder to guess"},
		{"few connections", "", nil, map[string]string{"max-connections": "15"}, "setting maxConnections must be 16 to 1000000, got 15"},
		{"too many webhooks on the page", "", nil, map[string]string{"metrics-webhooks": "1001"}, "setting metricsWebhooks must be 0 to 1000, got 1001"},
		{"no collector", "", nil, map[string]string{"traces-endpoint": "127.0.0.1:4318"}, "setting traces.endpoint must be http:// or https:// and a host"},
		{"fewer traces than none", "", nil, map[string]string{"traces-every": "-1"}, "setting traces.every must be 0 to 1000000, got -1"},
		{"no streams", "", nil, map[string]string{"max-streams": "0"}, "setting maxStreams must be 1 to 100000, got 0"},
		{"little memory for requests", "", nil, map[string]string{"request-memory": "1MiB"}, "setting requestMemory must be at least 32MiB, got 1MiB"},
		{"fewer than none per client", "", nil, map[string]string{"max-connections-per-client": "-1"}, "setting maxConnectionsPerClient must be 0 or more, got -1"},
		{"metrics without a port", "", nil, map[string]string{"metrics-listen": "localhost"}, "setting metricsListen must be host:port"},
		{"metrics at the API's address", "", nil, map[string]string{"metrics-listen": "127.0.0.1:8080"}, "setting metricsListen must differ from listen"},
		{"no attempts", "", nil, map[string]string{"max-in-flight": "0"}, "setting maxInFlight must be 1 to 100000, got 0"},
		{"large events", "", nil, map[string]string{"max-event-bytes": "17MiB"}, "setting maxEventBytes must be 1KiB to 16MiB, got 17MiB"},
		{"no folder", "", nil, map[string]string{"data": ""}, "setting data must name a folder"},
		{"short key", "", map[string]string{"RELAY_ADMIN_KEY": "fifteen-letters"}, nil, "setting adminKey must have at least 16 characters, got 15"},
		{"key with a space", "", map[string]string{"RELAY_ADMIN_KEY": "sixteen letters!"}, nil, "printable ASCII without spaces"},
		{"key twice", "", map[string]string{"RELAY_ADMIN_KEY": "0123456789abcdef", "RELAY_ADMIN_KEY_FILE": "x"}, nil, "adminKeyFile excludes adminKey"},
		{"no key file", "", map[string]string{"RELAY_ADMIN_KEY_FILE": "/does/not/exist"}, nil, "reading setting adminKeyFile"},
		{"short secret key", "", map[string]string{"RELAY_SECRET_KEY": "0123456789abcdef0123456789abcde"}, nil, "secretKey must have at least 32 characters, got 31"},
		{"secret key twice", "", map[string]string{"RELAY_SECRET_KEY": "0123456789abcdef0123456789abcdef", "RELAY_SECRET_KEY_FILE": "x"}, nil, "secretKeyFile excludes secretKey"},
		{"no secret key file", "", map[string]string{"RELAY_SECRET_KEY_FILE": "/does/not/exist"}, nil, "reading setting secretKeyFile"},
		{"no database", "", nil, map[string]string{"database": "mysql://user:hush@host/db"}, "setting database must be a URL such as postgres://"},
		{"database twice", "", map[string]string{"RELAY_DATABASE": "postgres://host/db", "RELAY_DATABASE_FILE": "x"}, nil, "databaseFile excludes database"},
		{"long lease", "", nil, map[string]string{"lease": "11m"}, "setting lease must be 1s to 10m"},
		{"proxy without a host", "", map[string]string{"RELAY_EGRESS_PROXY": "http://canary:x@"}, nil, "setting egress.proxy must be a proxy's URL"},
		{"proxy twice", "", map[string]string{"RELAY_EGRESS_PROXY": "http://proxy:1", "RELAY_EGRESS_PROXY_FILE": "x"}, nil, "egress.proxyFile excludes egress.proxy"},
		{"no proxy file", "", map[string]string{"RELAY_EGRESS_PROXY_FILE": "/does/not/exist"}, nil, "reading setting egress.proxyFile"},
		{"a name for an address", "", map[string]string{"RELAY_EGRESS_IPS": "relay.example.com"}, nil, `setting egress.ips must list addresses or networks, such as 203.0.113.7,198.51.100.0/24, got "relay.example.com"`},
		{"inside a network", "egress: {ips: [203.0.113.7/24]}", nil, nil, `"203.0.113.7/24" is an address inside the network 203.0.113.0/24`},
		{"an address twice", "", nil, map[string]string{"egress-ips": "203.0.113.7,203.0.113.7/32"}, `got "203.0.113.7/32" twice`},
		{"no address", "", nil, map[string]string{"egress-ips": "0.0.0.0/0"}, "must list addresses"},
		{"a source with a zone", "", nil, map[string]string{"egress-source": "fe80::1%eth0"}, "setting egress.source must list addresses"},
		{"no file", "", map[string]string{"RELAY_CONFIG": "/does/not/exist"}, nil, "reading the configuration file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := config.Sources{Getenv: env(tt.env), Flags: tt.flag}
			if tt.file != "" {
				s.File = file(t, tt.file)
			}
			_, err := config.Load(s)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("got %v, want an error with %q and without a password", err, tt.want)
			}
		})
	}
}

func TestEgress(t *testing.T) {
	got, err := config.Load(config.Sources{
		File:   file(t, "egress:\n  ips: [203.0.113.7, \"198.51.100.0/24\", \"2001:db8::/48\"]\n  source: 192.0.2.7, 2001:db8::7\n"),
		Getenv: env(map[string]string{"RELAY_EGRESS_PROXY": "http://u:canary@proxy:3128"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := got.Egress.IPs.String(), "203.0.113.7,198.51.100.0/24,2001:db8::/48"; got != want {
		t.Errorf("egress.ips: got %s, want %s", got, want)
	}
	if got, want := got.Egress.Source.String(), "192.0.2.7,2001:db8::7"; got != want {
		t.Errorf("egress.source: got %s, want %s", got, want)
	}
	if shown := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(shown, "canary") || got.Egress.Proxy.Reveal() == "" {
		t.Errorf("the proxy's password shows in %s", shown)
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := config.Load(config.Sources{Flags: map[string]string{"listen": "x", "memory": "1"}})
	if err == nil || !strings.Contains(err.Error(), "listen") || !strings.Contains(err.Error(), "memory") {
		t.Errorf("got %v, want both settings named", err)
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("an-operator-key-7\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(config.Sources{Getenv: env(map[string]string{"RELAY_ADMIN_KEY_FILE": path})})
	if err != nil || got.AdminKey.Reveal() != "an-operator-key-7" {
		t.Errorf("got %q, %v, want the file's text without its line end", got.AdminKey.Reveal(), err)
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(config.Sources{Flags: map[string]string{"admin-key-file": path}}); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("empty key file: got %v, want an error", err)
	}
}

// The key stays hidden however a configuration is printed.
func TestSecretStaysHidden(t *testing.T) {
	const key = "correct-horse-battery"
	c, err := config.Load(config.Sources{Getenv: env(map[string]string{
		"RELAY_ADMIN_KEY": key, "RELAY_DATABASE": "postgres://relay:" + key + "@a:1,b:2/name?target_session_attrs=read-write",
	})})
	if err != nil {
		t.Fatal(err)
	}
	js, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "config", c, "key", c.AdminKey)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "config", c, "key", c.AdminKey)
	all := []string{fmt.Sprint(c), string(js), logged.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%f", "%c"} {
		all = append(all, fmt.Sprintf(verb, c), fmt.Sprintf(verb, c.AdminKey), fmt.Sprintf(verb, c.Database))
	}
	hexed := fmt.Sprintf("%x", key)
	for _, shown := range all {
		if strings.Contains(strings.ToLower(shown), hexed) {
			t.Errorf("got %q, want the key hidden in hexadecimal as well", shown)
		}
		if strings.Contains(shown, key) {
			t.Errorf("got %q, want the key hidden", shown)
		}
	}
	if got, want := c.Database.Place(), "postgres://a:1,b:2/name"; got != want {
		t.Errorf("what may be shown of a database's address: got %q, want %q", got, want)
	}
	if !strings.Contains(fmt.Sprint(c), "(hidden)") {
		t.Errorf("got %v, want to see that there is a key", c)
	}
}

// The help text and the documentation are generated from the table of settings.
func TestSettings(t *testing.T) {
	names := map[string]config.Setting{}
	for _, s := range config.Settings() {
		if s.Help == "" || s.Kind == "" {
			t.Errorf("setting %q: got %+v, want help and kind", s.Name, s)
		}
		if _, twice := names[s.Name]; twice {
			t.Errorf("setting %q is there twice", s.Name)
		}
		names[s.Name] = s
	}
	if got := names["retention.events"]; got.Env != "RELAY_RETENTION_EVENTS" || got.Flag != "retention-events" || got.Default != "30d" {
		t.Errorf("retention.events: got %+v", got)
	}
	if got := names["maxEventBytes"]; got.Env != "RELAY_MAX_EVENT_BYTES" || got.Default != "1MiB" {
		t.Errorf("maxEventBytes: got %+v", got)
	}
	if got := names["adminKey"]; got.Flag != "" || !got.Secret || got.Env != "RELAY_ADMIN_KEY" {
		t.Errorf("adminKey: got %+v, want no flag", got)
	}
	// Every default, passed as a flag, yields itself.
	flags := map[string]string{}
	for _, s := range names {
		if s.Flag != "" && s.Default != "" {
			flags[s.Flag] = s.Default
		}
	}
	got, err := config.Load(config.Sources{Flags: flags})
	if err != nil || !reflect.DeepEqual(got, config.Default()) {
		t.Errorf("defaults as flags: got %+v, %v, want %+v", got, err, config.Default())
	}
}

func TestBytesAndDurations(t *testing.T) {
	for text, want := range map[string]config.Bytes{"0": 0, "1": 1, "12B": 12, "3KiB": 3072, "2 MiB": 2 << 20, "1GiB": 1 << 30} {
		var b config.Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%q: got %d, %v, want %d", text, b, err, want)
		}
	}
	for _, text := range []string{"", "-1", "1MB", "x", "9223372036854775807KiB", "1.5MiB"} {
		if err := new(config.Bytes).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got nil, want an error", text)
		}
	}
	for text, want := range map[string]time.Duration{"1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "48h": 48 * time.Hour} {
		c, err := config.Load(config.Sources{Flags: map[string]string{"retention-events": text}})
		if err != nil || c.Retention.Events != want {
			t.Errorf("%q: got %v, %v, want %v", text, c.Retention.Events, err, want)
		}
	}
	for _, text := range []string{"d", "-1d", "1d-1h", "1dd", "99999999999d", "1h1d"} {
		if _, err := config.Load(config.Sources{Flags: map[string]string{"retention-events": text}}); err == nil {
			t.Errorf("%q: got nil, want an error", text)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("listen: a:1\nlog: {level: warn}\n")
	f.Add("a: &x [*x]")
	f.Add("? {}\n: 1")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, "fuzz.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := config.Load(config.Sources{File: path}); err == nil {
			if err := c.Check(); err != nil {
				t.Errorf("Load(%q) let through %v", text, err)
			}
		}
	})
}

// TestGoodAdminKeys checks that keys chosen by people and generated by tools are accepted.
func TestGoodAdminKeys(t *testing.T) {
	for _, key := range []string{"0f8a3b1c9d7e6f50", "rk_test_admin_key_0123456789", "correct-horse-battery", "an-operator-key-for-tests", "T5!kd8#qPz2@mW9x", "0123456789abcdef-fd39a2"} {
		c := config.Default()
		c.AdminKey = config.Secret(key)
		if err := c.Check(); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// TestSeries checks that unauthenticated clients learn the series of versions, and no more.
func TestSeries(t *testing.T) {
	was := config.Version
	defer func() { config.Version = was }()
	for version, want := range map[string]string{"1.2.3": "1.2", "v10.0.1": "10.0", "dev": "dev", "v0.0.0-20261101120000-0123456789ab": "dev", "1.2.3+dirty": "dev", "": "dev"} {
		if config.Version = version; config.Series() != want {
			t.Errorf("version %q: got %q, want %q", version, config.Series(), want)
		}
	}
}
