// Package config holds the settings of the server: what they mean, where they come from, and which values are
// refused.
//
// Settings come from four sources, each above the one before: the defaults, one YAML file, RELAY_* variables, flags.
// A setting has one name in all of them: "log.level" in the file (log: {level: …}), RELAY_LOG_LEVEL, --log-level. The
// struct Config is the manual: the table of settings is made from its fields and their tags.
//
// There is no configuration library here. The ones that exist merge maps of any and decode them at the end, so that an
// error can no longer say where a value came from; reading some thirty values from text does not need them.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/observe"
	"github.com/relay-events/relay/internal/secret"
)

// Config is every setting of the server.
type Config struct {
	// Listen is the address of the API, host:port. An empty host means all interfaces, port 0 any free port. Relay
	// speaks HTTP in clear text: on anything but a loopback address put a proxy that speaks TLS in front.
	Listen string `name:"listen" help:"address of the API, host:port; without a host: all interfaces"`

	// MetricsListen is an address of its own for the metrics, host:port: GET /metrics is answered there to everybody who
	// can reach it. On the address of the API it needs a key in any case: whether a request was made on this machine or
	// passed on by a proxy that runs here cannot be told apart. Empty: none.
	MetricsListen string `name:"metricsListen" help:"address, host:port, on which /metrics is answered without a key, as 127.0.0.1:9464; empty: none"`

	// MaxConnections bounds the connections to the API that are open at a time. Beyond it those are closed that have no
	// request with a key under way, the longest idle first, so that new ones always find room. Never more than half of
	// the open files that the system allows, less what the store needs. 16 to 1000000.
	MaxConnections int `name:"maxConnections" help:"connections to the API at a time; idle ones are closed for new ones"`

	// MaxConnectionsPerClient is the same for one client: an IPv4 address, or a /64 network of IPv6. Programs on this
	// machine and trustedProxies have no bound of their own; name your proxy there, or it counts as one client. 0: none.
	MaxConnectionsPerClient int `name:"maxConnectionsPerClient" help:"connections of one client address at a time; not of this machine and trustedProxies; 0: no bound"`

	// MaxStreams bounds the streams of events that are open at a time; beyond it they are answered 503. 1 to 100000.
	MaxStreams int `name:"maxStreams" help:"streams of events (NDJSON) open at a time"`

	// RequestMemory bounds what the bodies of requests take together while they are read and stored, in bytes, lines of
	// streams included; beyond it requests are answered 503. Requests without a valid key take none of it. At least 32MiB.
	RequestMemory Bytes `name:"requestMemory" help:"memory for the bodies of requests; beyond it they are answered 503"`

	// Data is the folder of everything Relay stores: events, the log, webhooks and their secrets, hashes of keys. It is
	// created if missing, readable by its owner only. Losing it loses all of that; two servers cannot share one.
	Data string `name:"data" help:"folder of everything Relay stores; created if missing"`

	// Database is the address of a PostgreSQL database that holds everything instead of the folder:
	// postgres://user:password@host:5432/name. Any number of servers may share one, and share the work then. Several
	// hosts, separated by commas, with target_session_attrs=read-write, follow a primary that moves. A flag can be read
	// by every user of the machine: give a password in RELAY_DATABASE, in databaseFile, or in a file of libpq's
	// (passfile). Empty: the folder.
	Database DatabaseURL `name:"database" help:"PostgreSQL to store everything in instead of the folder: postgres://user@host/name; servers that share one share the work"`

	// DatabaseFile names a file that holds Database. A line end behind it is ignored. Excludes Database.
	DatabaseFile string `name:"databaseFile" help:"file that holds database"`

	// Lease is how long a server that shares a database may be silent before the others take over its work; one that
	// cannot renew its lease in time starts no delivery. Shorter: what a dead server had begun goes on sooner; longer: a
	// pause of the machine or of the network is survived. 1s to 10m. Without a database it does nothing.
	Lease time.Duration `name:"lease" help:"how long a server that shares a database may be silent before others take over its work"`

	// Dev permits webhooks to loopback addresses, and http:// to them: for trying things out on one machine. Never set
	// it on a server that others have keys for: they could reach every program that listens on its loopback interface.
	Dev bool `name:"dev" help:"permit webhooks to this machine (http://localhost); never on a server others have keys for"`

	// AllowNetworks are networks, as 10.1.0.0/16, that webhooks may reach although they are private. All other private,
	// loopback, link-local and reserved addresses stay refused. Empty by default.
	AllowNetworks []netip.Prefix `name:"allowNetworks" help:"private networks that webhooks may reach, as 10.1.0.0/16, separated by commas"`

	Egress Egress `name:"egress"`

	// TrustedProxies are the addresses or networks of the proxies before Relay. Requests from them count as the client's
	// whose address stands last in X-Forwarded-For; the header means nothing from anybody else. Name no more than yours:
	// who is among them can pass for any address.
	TrustedProxies Networks `name:"trustedProxies" help:"addresses or networks of the proxies before Relay, whose X-Forwarded-For tells the client's address"`

	// AdminKey is the operator's API key: admin of the tenant default, and platform key. It takes the place of the one
	// set before; that one goes on being valid when the setting is left out. Empty: the first start makes a key and
	// shows it once. It cannot be a flag, which every user of the machine could read.
	AdminKey Secret `name:"adminKey" help:"API key of the operator, 16 characters or more; empty: the first start makes one"`

	// AdminKeyFile names a file that holds AdminKey, for platforms that mount secrets as files. A line end behind the
	// key is ignored. Excludes AdminKey.
	AdminKeyFile string `name:"adminKeyFile" help:"file that holds adminKey"`

	// SecretKey is the master key that encrypts the file of keys (relay.key in the data folder), which encrypt the
	// webhooks' secrets. With it a copy of the whole data folder does not give the secrets away; losing it loses them.
	// Empty: the file is in clear, and only its permissions protect it. Setting it encrypts a file that was in clear.
	SecretKey Secret `name:"secretKey" help:"master key, 32 random characters or more, that encrypts the file of keys in the data folder"`

	// SecretKeyFile names a file that holds SecretKey. A line end behind the key is ignored. Excludes SecretKey.
	SecretKeyFile string `name:"secretKeyFile" help:"file that holds secretKey"`

	// Catalogue names a file, YAML or JSON, of event types and derivation rules that every tenant has beside those that
	// ship with Relay; docs/event-types.md describes it. It is read at the start, which fails if something is wrong with
	// the file. Empty: none.
	Catalogue string `name:"catalogue" help:"file of event types and derivation rules, YAML or JSON, that every tenant has"`

	// CatalogueBytes bounds what a tenant may add to the catalogue, as stored: schemas, examples and descriptions of all
	// versions, and rules. In memory it takes some six times as much. 1MiB to 1GiB.
	CatalogueBytes Bytes `name:"catalogueBytes" help:"most that a tenant may add to the catalogue of event types, in bytes"`

	// CatalogueWork bounds what the schemas and rules of one publish request may take, in steps of about 0.3 µs, and what
	// those of a tenant may take in two seconds on average. Events that are not checked, or fit a plain schema, take none.
	// Larger: a tenant with costly schemas is slower to wait, and takes more of the processors from the others. 100000 to
	// 100000000.
	CatalogueWork int `name:"catalogueWork" help:"steps of 0.3 µs that schemas and rules may take for one request, and for a tenant in two seconds"`

	Retention Retention `name:"retention"`

	// Memory bounds the deliveries that wait in memory, in bytes; more waits on disk. A small value costs speed when
	// endpoints fall behind, nothing else. At least 1MiB.
	Memory Bytes `name:"memory" help:"memory for deliveries that wait; more waits on disk"`

	// MaxInFlight bounds the attempts under way at a time, over all webhooks. Each takes a connection and some 50 KB.
	MaxInFlight int `name:"maxInFlight" help:"attempts under way at a time, over all webhooks"`

	// MaxSearches bounds the requests that search through stored events, the log and respondents at a time, over all tenants; of a tenant half as
	// many run. Each keeps a processor busy. Zero: half as many as there are processors. At most 1024.
	MaxSearches int `name:"maxSearches" help:"searches through events, the log and respondents at a time, over all tenants; 0: half as many as there are processors"`

	// MaxEventBytes bounds one event as published, in bytes. 1KiB to 16MiB, which is what a whole request may have.
	MaxEventBytes Bytes `name:"maxEventBytes" help:"largest event, as published"`

	Log Log `name:"log"`

	// ShutdownTimeout is how long requests and attempts under way may take when Relay stops. What is not finished then
	// is given back and delivered after the next start. The default lets an attempt with the default timeout finish.
	ShutdownTimeout time.Duration `name:"shutdownTimeout" help:"how long requests and attempts under way may take to finish at the end"`
}

// Egress says how requests to webhooks leave.
type Egress struct {
	// IPs are the addresses that requests to webhooks come from as receivers see them, addresses or networks. Relay only
	// shows them (GET /v1/egress-ips, /docs), so that receivers can let them through: it cannot know them, because a NAT
	// gateway or a proxy may stand before it.
	IPs Networks `name:"ips" help:"public addresses or networks that requests to webhooks come from, separated by commas; shown to users for their allow-lists"`
	// Source are the addresses of this machine that requests to webhooks are sent from, at most one of IPv4 and one of
	// IPv6. With only one of them, receivers of the other family are not reached. Empty: the system chooses.
	Source Addresses `name:"source" help:"local addresses to send from, one of IPv4, of IPv6, or of each; empty: the system chooses"`
	// Proxy is the URL of a proxy that all outgoing connections go through: http:// or https:// with CONNECT, or
	// socks5://, with user:password@ where it asks for it. Names are still resolved and checked here; the proxy is asked
	// for the checked address. HTTP_PROXY and its like mean nothing. It cannot be a flag, for its password.
	Proxy Secret `name:"proxy" help:"URL of a proxy for outgoing connections, as http://user:password@proxy.internal:3128; also https:// and socks5://"`
	// ProxyFile names a file that holds Proxy. A line end behind it is ignored. Excludes Proxy.
	ProxyFile string `name:"proxyFile" help:"file that holds egress.proxy"`
}

// Retention says how long things are kept. Relay removes whole days (UTC), so that up to a day more is there.
type Retention struct {
	// Events is how long events are kept, with their idempotency keys, counted from acceptance. An event that is owed to a
	// webhook, or that the log has an attempt of, is kept longer: the log shows its body, and a retry sends it. At least a
	// day.
	Events time.Duration `name:"events" help:"how long events and their idempotency keys are kept, at least; those in the log stay as long as it does"`
	// Attempts is how long the log is kept, counted from each attempt, and with it the events that were attempted. At least
	// a day.
	Attempts time.Duration `name:"attempts" help:"how long the log of attempts is kept"`
}

// Log says what is logged and how. Logs go to standard error.
type Log struct {
	// Level is the lowest level written: debug, info, warn or error.
	Level slog.Level `name:"level" help:"lowest level written: debug, info, warn, error"`
	// Format is text (for people), json, or auto: text on a terminal, else json.
	Format observe.LogFormat `name:"format" help:"text, json, or auto: text on a terminal, else json"`
}

// Bounds that Check holds settings to.
const (
	minRetention  = 24 * time.Hour            // the store removes whole days
	maxRetention  = 10 * 366 * 24 * time.Hour // beyond that somebody mistook the unit
	minMemory     = 1 << 20                   // one event of the default size
	minEventBytes = 1 << 10
	maxEventBytes = 16 << 20 // what web.Options.MaxBody lets through
	maxInFlight   = 100_000  // more than a machine has ports to one address
	maxSearches   = 1024     // more than any machine has processors
	maxShutdown   = 10 * time.Minute

	minConnections   = 16
	maxConnections   = 1_000_000 // what a large machine holds
	maxStreams       = 100_000
	minRequestMemory = 32 << 20    // a request of the largest size, while its buffer grows
	minLease         = time.Second // a garbage collection or a busy machine is no death
	maxLease         = 10 * time.Minute
)

// Default returns the settings of a server without any configuration.
func Default() Config {
	return Config{
		Listen:          "127.0.0.1:8080",
		MaxConnections:  4096,
		MaxStreams:      256,
		RequestMemory:   128 << 20,
		Data:            "./relay-data",
		Lease:           15 * time.Second,
		Retention:       Retention{Events: 30 * 24 * time.Hour, Attempts: 30 * 24 * time.Hour}, // SPEC section 6
		Memory:          48 << 20,
		MaxInFlight:     4096,
		CatalogueBytes:  catalogue.DefaultBytes,
		CatalogueWork:   catalogue.DefaultWork,
		MaxEventBytes:   1 << 20, // SPEC section 10
		Log:             Log{Level: slog.LevelInfo, Format: observe.LogAuto},
		ShutdownTimeout: 10 * time.Second,

		MaxConnectionsPerClient: 1024,
	}
}

// Check reports every setting with a value that cannot be used.
func (c *Config) Check() error {
	var errs []error
	refuse := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("setting %s %w", name, fmt.Errorf(format, args...)))
	}
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		refuse("listen", "must be host:port, as 127.0.0.1:8080, got %q", c.Listen)
	}
	if c.MetricsListen != "" {
		if _, port, err := net.SplitHostPort(c.MetricsListen); err != nil || port == "" {
			refuse("metricsListen", "must be host:port, as 127.0.0.1:9464, got %q", c.MetricsListen)
		} else if c.MetricsListen == c.Listen && port != "0" {
			refuse("metricsListen", "must be another address than listen")
		}
	}
	if c.MaxConnections < minConnections || c.MaxConnections > maxConnections {
		refuse("maxConnections", "must be %d to %d, got %d", minConnections, maxConnections, c.MaxConnections)
	}
	if c.MaxConnectionsPerClient < 0 {
		refuse("maxConnectionsPerClient", "must be 0 or more, got %d", c.MaxConnectionsPerClient)
	}
	if c.MaxStreams < 1 || c.MaxStreams > maxStreams {
		refuse("maxStreams", "must be 1 to %d, got %d", maxStreams, c.MaxStreams)
	}
	if c.RequestMemory < minRequestMemory {
		refuse("requestMemory", "must be at least %s, got %s", Bytes(minRequestMemory), c.RequestMemory)
	}
	if c.Data == "" {
		refuse("data", "must name a folder")
	}
	if c.Database != "" && c.DatabaseFile != "" {
		refuse("databaseFile", "excludes database: set one of them")
	}
	if c.Database != "" && !c.Database.valid() {
		refuse("database", "must be a URL as postgres://user:password@host:5432/name") // not what was given: it may hold a password
	}
	if c.AdminKey != "" && c.AdminKeyFile != "" {
		refuse("adminKeyFile", "excludes adminKey: set one of them")
	}
	if key := c.AdminKey.Reveal(); key != "" {
		if n := len(key); n < account.MinKeyLength {
			refuse("adminKey", "must have at least %d characters, got %d: \"openssl rand -hex 24\" makes a good one", account.MinKeyLength, n)
		} else if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			refuse("adminKey", "must be printable ASCII without spaces")
		} else if guessable(key) {
			refuse("adminKey", "must not be so easy to guess: \"openssl rand -hex 24\" makes a good one")
		}
	}
	if c.SecretKey != "" && c.SecretKeyFile != "" {
		refuse("secretKeyFile", "excludes secretKey: set one of them")
	}
	if n := len(c.SecretKey.Reveal()); n > 0 && n < secret.MinMaster {
		refuse("secretKey", "must have at least %d characters, got %d: \"openssl rand -hex 32\" makes a good one", secret.MinMaster, n)
	}
	if c.Egress.Proxy != "" && c.Egress.ProxyFile != "" {
		refuse("egress.proxyFile", "excludes egress.proxy: set one of them")
	}
	if proxy := c.Egress.Proxy.Reveal(); proxy != "" {
		if _, err := egress.ParseProxy(proxy); err != nil {
			refuse("egress.proxy", "%w", err)
		}
	}
	between := func(name string, d, low, high time.Duration) {
		if d < low || d > high {
			refuse(name, "must be %s to %s, got %s", formatDuration(low), formatDuration(high), formatDuration(d))
		}
	}
	between("retention.events", c.Retention.Events, minRetention, maxRetention)
	between("retention.attempts", c.Retention.Attempts, minRetention, maxRetention)
	between("lease", c.Lease, minLease, maxLease)
	between("shutdownTimeout", c.ShutdownTimeout, 0, maxShutdown)
	if c.Memory < minMemory {
		refuse("memory", "must be at least %s, got %s", Bytes(minMemory), c.Memory)
	}
	if c.CatalogueBytes < 1<<20 || c.CatalogueBytes > 1<<30 {
		refuse("catalogueBytes", "must be 1MiB to 1GiB, got %v", c.CatalogueBytes)
	}
	if c.CatalogueWork < 100_000 || c.CatalogueWork > 100_000_000 {
		refuse("catalogueWork", "must be 100000 to 100000000, got %d", c.CatalogueWork)
	}
	if c.MaxInFlight < 1 || c.MaxInFlight > maxInFlight {
		refuse("maxInFlight", "must be 1 to %d, got %d", maxInFlight, c.MaxInFlight)
	}
	if c.MaxSearches < 0 || c.MaxSearches > maxSearches {
		refuse("maxSearches", "must be 0 to %d, got %d", maxSearches, c.MaxSearches)
	}
	if c.MaxEventBytes < minEventBytes || c.MaxEventBytes > maxEventBytes {
		refuse("maxEventBytes", "must be %s to %s, got %s", Bytes(minEventBytes), Bytes(maxEventBytes), c.MaxEventBytes)
	}
	return errors.Join(errs...)
}

// readKeyFiles fills AdminKey from AdminKeyFile, SecretKey from SecretKeyFile, and so on.
func (c *Config) readKeyFiles() error {
	return errors.Join(
		readKeyFile("adminKeyFile", &c.AdminKeyFile, &c.AdminKey),
		readKeyFile("secretKeyFile", &c.SecretKeyFile, &c.SecretKey),
		readKeyFile("databaseFile", &c.DatabaseFile, &c.Database),
		readKeyFile("egress.proxyFile", &c.Egress.ProxyFile, &c.Egress.Proxy))
}

// readKeyFile fills a key from the file that a setting names, and clears the name.
func readKeyFile[T ~string](setting string, file *string, key *T) error {
	if *file == "" || *key != "" {
		return nil
	}
	b, err := os.ReadFile(*file)
	if err != nil {
		return fmt.Errorf("reading setting %s: %w", setting, err)
	}
	*key = T(strings.TrimRight(string(b), "\r\n"))
	if *key == "" {
		return fmt.Errorf("reading setting %s: %q is empty", setting, *file)
	}
	*file = ""
	return nil
}

// guessable reports whether a key is one of those that are tried first: few different characters, a short piece over and
// over, a run of the alphabet, of digits or of the keyboard, or a word that examples have in the place of a key.
func guessable(key string) bool {
	key = strings.ToLower(key)
	different := make(map[rune]bool)
	for _, r := range key {
		different[r] = true
	}
	if len(different) < 6 {
		return true
	}
	for n := 1; n <= len(key)/2; n++ { // a piece of n characters, repeated
		if strings.Repeat(key[:n], len(key)/n+1)[:len(key)] == key {
			return true
		}
	}
	rest := key
	for _, known := range []string{"abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "98765432109876543210", "zyxwvutsrqponmlkjihgfedcba", "qwertyuiop", "asdfghjkl", "zxcvbnm"} {
		for n := len(known); n >= 4; n-- { // the longest pieces first
			for i := range len(known) - n + 1 {
				rest = strings.ReplaceAll(rest, known[i:i+n], "")
			}
		}
	}
	for _, word := range []string{"password", "passwort", "changeme", "change-me", "change_me", "secret"} {
		rest = strings.ReplaceAll(rest, word, "")
	}
	return len(rest) < 6
}

// WeakSecretKey reports whether the master key is one that is easy to guess. It is not refused: what it encrypts would
// be lost.
func (c *Config) WeakSecretKey() bool {
	key := c.SecretKey.Reveal()
	return key != "" && guessable(key)
}

// Series is the version without its last part, "1.2" of "1.2.3", and "dev" of what is no release: as much as is told to
// everybody, who need not know whether the last fix is in.
func Series() string {
	parts := strings.Split(strings.TrimPrefix(Version, "v"), ".")
	if len(parts) != 3 || strings.ContainsAny(Version, "-+") {
		return "dev"
	}
	return parts[0] + "." + parts[1]
}

// Version is the program's version: "1.2.3". A release build sets it with -ldflags "-X …/internal/config.Version=…".
var Version string

func init() {
	if Version != "" {
		return
	}
	Version = "dev"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		Version = info.Main.Version // built by "go install …@version"
	}
}
