// Package config defines the settings of the server: their meaning, their sources, and their valid
// values.
//
// Settings come from four sources in rising order of precedence: the defaults, one YAML file,
// RELAY_* variables, flags. A setting has the same name in all of them: "log.level" in the file
// (log: {level: …}), RELAY_LOG_LEVEL, --log-level. The struct Config is the manual: the table of
// settings is generated from its fields and their tags.
//
// This package deliberately uses no configuration library. The existing ones merge maps of any and
// decode them at the end, so that an error cannot say where a value came from.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/observe"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/tracing"
)

// Config holds every setting of the server.
type Config struct {
	// Listen is the address of the API, host:port. An empty host means all interfaces, port 0 any
	// free port. Relay speaks unencrypted HTTP: on any address other than loopback, put a proxy
	// with TLS in front.
	Listen string `name:"listen" help:"address of the API, host:port; all interfaces if the host is empty"`

	// PublicURL is the address by which browsers reach Relay, such as https://relay.example.com. With
	// https:// people can sign in, by a cookie that leaves the browser over TLS only. If empty, they
	// sign in on this machine only. With http:// passwords and sessions cross the network readable:
	// set that only where everybody on it may read them.
	PublicURL string `name:"publicUrl" help:"address by which browsers reach Relay, such as https://relay.example.com or https://example.com/relay; without it, people sign in on this machine only"`

	// MetricsListen is a separate address for the metrics, host:port, on which GET /metrics answers
	// anyone who can reach it. On the API's own address /metrics always needs a key, because
	// requests from this machine cannot be told apart from requests that a proxy on this machine
	// forwards. Empty for none.
	MetricsListen string `name:"metricsListen" help:"address, host:port, that serves /metrics without a key, such as 127.0.0.1:9464; empty: none"`

	// MetricsWebhooks is how many webhooks have series of their own on /metrics, those with the most
	// attempts since the start. Their ids then stand on a page that may need no key. 0 to 1000; 0 for
	// none.
	MetricsWebhooks int `name:"metricsWebhooks" help:"how many webhooks have metrics of their own, those with the most attempts; 0: none"`

	// MaxConnections bounds the open connections to the API. Beyond it Relay closes connections
	// without an authenticated request in progress, the longest idle first, so that new ones always
	// find room. It is capped at half of the open files that the system allows, less those that the
	// store needs. 16 to 1000000.
	MaxConnections int `name:"maxConnections" help:"maximum number of connections to the API; idle ones are closed to admit new ones"`

	// MaxConnectionsPerClient bounds the open connections of one client: an IPv4 address, or a /64
	// network of IPv6. Programs on this machine and trustedProxies are exempt; name your proxy
	// there, or it counts as one client. 0 for no bound.
	MaxConnectionsPerClient int `name:"maxConnectionsPerClient" help:"maximum number of connections from one client address; this machine and trustedProxies are exempt; 0: no maximum"`

	// MaxStreams bounds the open streams of events; further ones are answered 503. 1 to 100000.
	MaxStreams int `name:"maxStreams" help:"maximum number of open streams of events (NDJSON)"`

	// RequestMemory bounds the memory of all request bodies together while they are read and
	// stored, in bytes, including lines of streams; beyond it requests are answered 503. Requests
	// without a valid key use none of it. At least 32MiB.
	RequestMemory Bytes `name:"requestMemory" help:"memory for request bodies; beyond it requests are answered 503"`

	// Data is the folder for everything that Relay stores: events, the log, webhooks and their
	// secrets, hashes of keys. It is created if missing, readable only by its owner. Losing it
	// loses all of that. Two servers cannot share one.
	Data string `name:"data" help:"folder for everything that Relay stores; created if missing"`

	// Database is the address of a PostgreSQL database that replaces the folder:
	// postgres://user:password@host:5432/name. Any number of servers may share one; they then share
	// the work. To follow a primary that moves, list several hosts, separated by commas, with
	// target_session_attrs=read-write. Every user of the machine can read a flag: put a password in
	// RELAY_DATABASE, in databaseFile, or in a password file of libpq (passfile). Empty for the
	// folder.
	Database DatabaseURL `name:"database" help:"PostgreSQL database to use instead of the folder: postgres://user@host/name; servers that share one share the work"`

	// DatabaseFile names a file that contains Database. A line end after it is ignored. Excludes
	// Database.
	DatabaseFile string `name:"databaseFile" help:"file that contains database"`

	// Lease is how long a server that shares a database may be silent before others take over its
	// work. A server that cannot renew its lease in time starts no delivery. A shorter lease
	// resumes a dead server's work sooner; a longer one survives longer pauses of the machine or
	// the network. 1s to 10m. It has no effect without a database.
	Lease time.Duration `name:"lease" help:"how long a server that shares a database may be silent before others take over its work"`

	// Dev permits webhooks to loopback addresses, and http:// to them, for trying Relay on one
	// machine. Never set it on a server that others have keys for: they could reach every program
	// that listens on its loopback interface.
	Dev bool `name:"dev" help:"permit webhooks to this machine (http://localhost); never set it on a server that others have keys for"`

	// AllowNetworks lists private networks, such as 10.1.0.0/16, that webhooks may reach. All other
	// private, loopback, link-local and reserved addresses stay blocked. Empty by default.
	AllowNetworks []netip.Prefix `name:"allowNetworks" help:"private networks that webhooks may reach, such as 10.1.0.0/16, separated by commas"`

	Egress Egress `name:"egress"`

	// TrustedProxies lists the addresses or networks of the proxies in front of Relay. For requests
	// from them, the client is the last address in X-Forwarded-For; Relay ignores the header from
	// others. List only your own proxies: any machine among them can pretend to be any client.
	TrustedProxies Networks `name:"trustedProxies" help:"addresses or networks of the proxies in front of Relay, whose X-Forwarded-For gives the client's address"`

	// AdminKey is the operator's API key: admin of the tenant default, and platform key. A new
	// value replaces the previous one; without the setting, the previous one stays valid. If empty,
	// the first start creates a key and shows it once. It cannot be a flag, because every user of
	// the machine could read it.
	AdminKey Secret `name:"adminKey" help:"the operator's API key, 16 characters or more; if empty, the first start creates one"`

	// AdminKeyFile names a file that contains AdminKey, for platforms that mount secrets as files.
	// A line end after the key is ignored. Excludes AdminKey.
	AdminKeyFile string `name:"adminKeyFile" help:"file that contains adminKey"`

	// SecretKey is the master key that encrypts the key file (relay.key in the data folder), whose
	// keys encrypt the webhooks' secrets. With a master key, a copy of the whole data folder does
	// not reveal the secrets; losing the master key loses them. If empty, only the permissions of
	// the unencrypted key file protect it. Setting it encrypts an existing file.
	SecretKey Secret `name:"secretKey" help:"master key, 32 random characters or more, that encrypts the key file in the data folder"`

	// SecretKeyFile names a file that contains SecretKey. A line end after the key is ignored.
	// Excludes SecretKey.
	SecretKeyFile string `name:"secretKeyFile" help:"file that contains secretKey"`

	// Catalogue names a YAML or JSON file of event types and derivation rules that every tenant
	// gets in addition to those shipped with Relay; docs/event-types.md describes it. It is read at
	// start, and an error in it prevents the start. Empty for none.
	Catalogue string `name:"catalogue" help:"YAML or JSON file of event types and derivation rules for every tenant"`

	// CatalogueBytes bounds a tenant's additions to the catalogue, as stored: schemas, examples and
	// descriptions of all versions, and rules. In memory they take about six times as much. 1MiB to
	// 1GiB.
	CatalogueBytes Bytes `name:"catalogueBytes" help:"maximum size of a tenant's additions to the catalogue of event types"`

	// CatalogueWork bounds the work of schemas and rules, in steps of about 0.3 µs, for one publish
	// request, and for a tenant in two seconds on average. Events that are unchecked, or fit a
	// simple schema, cost none. With a larger value, tenants with costly schemas wait less, but
	// take more processor time from others. 100000 to 100000000.
	CatalogueWork int `name:"catalogueWork" help:"maximum work of schemas and rules for one request, and for a tenant in two seconds, in steps of 0.3 µs"`

	// CreateTenants lets a tenant be created by its first event, published with a platform key and
	// the header Relay-Tenant. Without it such an event is refused, so that a misspelled id does not
	// make a tenant.
	CreateTenants bool `name:"createTenants" help:"create a tenant when a platform key publishes its first event with the header Relay-Tenant"`

	Retention Retention `name:"retention"`

	// Memory bounds the deliveries waiting in memory, in bytes; further ones wait on disk. A small
	// value costs only speed, when endpoints fall behind. At least 1MiB.
	Memory Bytes `name:"memory" help:"memory for waiting deliveries; further ones wait on disk"`

	// MaxInFlight bounds the concurrent attempts over all webhooks. Each takes a connection and
	// about 50 KB.
	MaxInFlight int `name:"maxInFlight" help:"maximum number of concurrent attempts, over all webhooks"`

	// MaxSearches bounds the concurrent requests that search stored events, the log and
	// respondents, over all tenants; each tenant may run half as many. Each keeps one processor
	// busy. Zero means half the number of processors. At most 1024.
	MaxSearches int `name:"maxSearches" help:"maximum number of concurrent searches through events, the log and respondents, over all tenants; 0: half the number of processors"`

	// MaxEventBytes bounds one published event, in bytes. 1KiB to 16MiB, the limit for a whole
	// request.
	MaxEventBytes Bytes `name:"maxEventBytes" help:"largest event, as published"`

	Log Log `name:"log"`

	Traces Traces `name:"traces"`

	// ShutdownTimeout is how long requests and attempts in progress may take when Relay stops.
	// Attempts unfinished by then are released uncounted and delivered after the next start. The
	// default lets an attempt with the default timeout finish.
	ShutdownTimeout time.Duration `name:"shutdownTimeout" help:"how long requests and attempts in progress may take to finish when Relay stops"`
}

// Egress configures how requests to webhooks leave.
type Egress struct {
	// IPs lists the addresses or networks from which receivers see requests to webhooks coming.
	// Relay only shows them (GET /v1/egress-ips, /docs), so that receivers can allow them. It
	// cannot detect them, because a NAT gateway or a proxy may be in between.
	IPs Networks `name:"ips" help:"public addresses or networks from which requests to webhooks come, separated by commas; shown to users for their allow-lists"`
	// Source lists the local addresses that send requests to webhooks, at most one of IPv4 and one
	// of IPv6. With only one family, receivers of the other family cannot be reached. Empty lets
	// the system choose.
	Source Addresses `name:"source" help:"local addresses to send from: one of IPv4, one of IPv6, or both; empty: the system chooses"`
	// Proxy is the URL of a proxy for all outgoing connections: http:// or https:// with CONNECT,
	// or socks5://, with user:password@ if the proxy requires it. Relay still resolves and checks
	// names itself, and asks the proxy for the checked address. It ignores HTTP_PROXY and similar
	// variables. It cannot be a flag, because of its password.
	Proxy Secret `name:"proxy" help:"URL of a proxy for outgoing connections, such as http://user:password@proxy.internal:3128; also https:// and socks5://"`
	// ProxyFile names a file that contains Proxy. A line end after it is ignored. Excludes Proxy.
	ProxyFile string `name:"proxyFile" help:"file that contains egress.proxy"`
}

// Retention sets how long data is kept. Relay removes whole days (UTC), so data may stay up to a
// day longer.
type Retention struct {
	// Events is how long events are kept, with their idempotency keys, counted from acceptance. An
	// event stays longer while it is owed to a webhook or has an attempt in the log: the log shows
	// its body, and a retry sends it. At least a day.
	Events time.Duration `name:"events" help:"how long events and their idempotency keys are kept; events in the log stay as long as the log"`
	// Attempts is how long the log is kept, counted from each attempt, together with the attempted
	// events. At least a day.
	Attempts time.Duration `name:"attempts" help:"how long the log of attempts is kept"`
}

// Log configures logging. Logs go to standard error.
type Log struct {
	// Level is the lowest level written: debug, info, warn or error.
	Level slog.Level `name:"level" help:"lowest level written: debug, info, warn, error"`
	// Format is text (for people), json, or auto: text on a terminal, else json.
	Format observe.LogFormat `name:"format" help:"text, json, or auto: text on a terminal, else json"`
	// Attempts adds a line for each attempt, at the level info: webhook, event, outcome, status and
	// durations. Off by default, because a busy server writes thousands a second. Lines are dropped,
	// and counted, if the log cannot keep up.
	Attempts bool `name:"attempts" help:"write a line for each attempt, with its webhook, event, outcome, status and durations"`
}

// Traces configures the traces of OpenTelemetry: a span for each publish request, and below it one for each attempt.
type Traces struct {
	// Endpoint is the URL of a collector that takes OTLP over HTTP; /v1/traces is added unless it has a path. Empty: Relay
	// sends traces where OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says, as other programs do, and
	// none without those. The other variables, such as OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME and
	// OTEL_RESOURCE_ATTRIBUTES, hold in both cases. The guard against private addresses is for endpoints, not for this.
	Endpoint string `name:"endpoint" help:"URL of an OpenTelemetry collector (OTLP over HTTP) for traces, such as http://127.0.0.1:4318; empty: as OTEL_EXPORTER_OTLP_ENDPOINT says, else none"`
	// Every begins a trace for one in so many of the publish requests that bring no traceparent. One that brings it is
	// followed if its flags say so. 0 to 1000000; 0 begins none.
	Every int `name:"every" help:"begin a trace for one in so many publish requests without a traceparent; 1: for each, 0: for none"`
}

// Bounds of the settings, enforced by Check.
const (
	minRetention  = 24 * time.Hour            // the store removes whole days
	maxRetention  = 10 * 366 * 24 * time.Hour // a longer time suggests a mistaken unit
	minMemory     = 1 << 20                   // one event of the default size
	minEventBytes = 1 << 10
	maxEventBytes = 16 << 20 // what web.Options.MaxBody lets through
	maxInFlight   = 100_000  // more ports than a machine has for one address
	maxSearches   = 1024     // more processors than any machine has
	maxShutdown   = 10 * time.Minute

	minConnections     = 16
	maxConnections     = 1_000_000 // the capacity of a large machine
	maxStreams         = 100_000
	maxMetricsWebhooks = 1000
	maxTracesEvery     = 1_000_000
	minRequestMemory   = 32 << 20    // a request of the largest size, while its buffer grows
	minLease           = time.Second // a garbage collection or a busy machine must not count as death
	maxLease           = 10 * time.Minute
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
		Retention:       Retention{Events: 30 * 24 * time.Hour, Attempts: 30 * 24 * time.Hour},
		Memory:          48 << 20,
		MaxInFlight:     4096,
		CatalogueBytes:  catalogue.DefaultBytes,
		CatalogueWork:   catalogue.DefaultWork,
		MaxEventBytes:   1 << 20,
		Log:             Log{Level: slog.LevelInfo, Format: observe.LogAuto},
		Traces:          Traces{Every: 1},
		ShutdownTimeout: 10 * time.Second,

		MaxConnectionsPerClient: 1024,
	}
}

// Public returns PublicURL, nil if it is not set.
func (c *Config) Public() (*url.URL, error) {
	if c.PublicURL == "" {
		return nil, nil
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("must be https:// and a host, such as https://relay.example.com, perhaps with a path")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	if u.RawPath != "" || !publicPath.MatchString(u.Path) {
		return nil, errors.New("must have a path of letters, digits, hyphens, underscores and single slashes, such as https://example.com/relay")
	}
	// As browsers write origins (RFC 6454 section 6.2).
	u.Host = strings.ToLower(u.Host)
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return u, nil
}

// publicPath is a path that needs no escaping anywhere, and that no proxy rewrites.
var publicPath = regexp.MustCompile(`^(/[A-Za-z0-9_-]+)*$`)

// Check returns an error that names every setting with an invalid value.
func (c *Config) Check() error {
	var errs []error
	refuse := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("setting %s %w", name, fmt.Errorf(format, args...)))
	}
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		refuse("listen", "must be host:port, such as 127.0.0.1:8080, got %q", c.Listen)
	} else if !isPort(port) {
		refuse("listen", "must end in a port, 0 to 65535, got %q", port)
	}
	if _, err := c.Public(); err != nil {
		refuse("publicUrl", "%w", err)
	}
	if c.MetricsListen != "" {
		if _, port, err := net.SplitHostPort(c.MetricsListen); err != nil || port == "" {
			refuse("metricsListen", "must be host:port, such as 127.0.0.1:9464, got %q", c.MetricsListen)
		} else if !isPort(port) {
			refuse("metricsListen", "must end in a port, 0 to 65535, got %q", port)
		} else if c.MetricsListen == c.Listen && port != "0" {
			refuse("metricsListen", "must differ from listen")
		}
	}
	if c.MaxConnections < minConnections || c.MaxConnections > maxConnections {
		refuse("maxConnections", "must be %d to %d, got %d", minConnections, maxConnections, c.MaxConnections)
	}
	if c.MaxConnectionsPerClient < 0 {
		refuse("maxConnectionsPerClient", "must be 0 or more, got %d", c.MaxConnectionsPerClient)
	}
	if c.MetricsWebhooks < 0 || c.MetricsWebhooks > maxMetricsWebhooks {
		refuse("metricsWebhooks", "must be 0 to %d, got %d", maxMetricsWebhooks, c.MetricsWebhooks)
	}
	if c.Traces.Endpoint != "" {
		if _, err := tracing.CheckEndpoint(c.Traces.Endpoint); err != nil {
			refuse("traces.endpoint", "%w", err)
		}
	}
	if c.Traces.Every < 0 || c.Traces.Every > maxTracesEvery {
		refuse("traces.every", "must be 0 to %d, got %d", maxTracesEvery, c.Traces.Every)
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
		refuse("database", "must be a URL such as postgres://user:password@host:5432/name") // without the value, which may contain a password
	}
	if c.AdminKey != "" && c.AdminKeyFile != "" {
		refuse("adminKeyFile", "excludes adminKey: set one of them")
	}
	if key := c.AdminKey.Reveal(); key != "" {
		if n := len(key); n < account.MinKeyLength {
			refuse("adminKey", "must have at least %d characters, got %d: \"openssl rand -hex 24\" generates a good one", account.MinKeyLength, n)
		} else if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			refuse("adminKey", "must be printable ASCII without spaces")
		} else if guessable(key) {
			refuse("adminKey", "must be harder to guess: \"openssl rand -hex 24\" generates a good one")
		}
	}
	if c.SecretKey != "" && c.SecretKeyFile != "" {
		refuse("secretKeyFile", "excludes secretKey: set one of them")
	}
	if n := len(c.SecretKey.Reveal()); n > 0 && n < secret.MinMaster {
		refuse("secretKey", "must have at least %d characters, got %d: \"openssl rand -hex 32\" generates a good one", secret.MinMaster, n)
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

// isPort reports whether a text is a port's number, or the name of a service.
func isPort(text string) bool {
	_, err := net.LookupPort("tcp", text)
	return err == nil
}

// readKeyFiles reads AdminKey, SecretKey, Database and Egress.Proxy from their files, if set.
func (c *Config) readKeyFiles() error {
	return errors.Join(
		readKeyFile("adminKeyFile", &c.AdminKeyFile, &c.AdminKey),
		readKeyFile("secretKeyFile", &c.SecretKeyFile, &c.SecretKey),
		readKeyFile("databaseFile", &c.DatabaseFile, &c.Database),
		readKeyFile("egress.proxyFile", &c.Egress.ProxyFile, &c.Egress.Proxy))
}

// readKeyFile reads a setting from the file that another setting names, and clears the name.
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

// guessable reports whether a key is among the first that an attacker would try: few different
// characters, a short repeated piece, a run of the alphabet, of digits or of the keyboard, or a
// placeholder from an example.
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

// WeakSecretKey reports whether the master key is easy to guess. Check does not reject such a key,
// because the data that it encrypts would be lost.
func (c *Config) WeakSecretKey() bool {
	key := c.SecretKey.Reveal()
	return key != "" && guessable(key)
}

// Series returns the version without its last part, "1.2" for "1.2.3", or "dev" for a build that is
// not a release. It is shown to unauthenticated clients, who need not know whether the latest fix
// is installed.
func Series() string {
	parts := strings.Split(strings.TrimPrefix(Version, "v"), ".")
	if len(parts) != 3 || strings.ContainsAny(Version, "-+") {
		return "dev"
	}
	return parts[0] + "." + parts[1]
}

// Version is the program's version: "1.2.3". A release build sets it with -ldflags "-X
// …/internal/config.Version=…".
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
