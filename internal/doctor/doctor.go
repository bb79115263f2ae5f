// Package doctor looks for what is broken on an installation: its settings, its data folder or
// database, what it reaches and what reaches it, and how deliveries are going. Each finding has a
// cause, a place, and what to do next.
//
// It changes nothing and sends no request to an endpoint: certificates are read in a handshake, and
// clocks are compared with answers in the log.
package doctor

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/egress"
)

// Level is how much a finding matters.
type Level string

// Levels of findings.
const (
	OK      Level = "ok"
	Skipped Level = "skipped" // could not be looked at
	Warning Level = "warning" // works, but may soon not
	Problem Level = "problem" // does not work
)

// Finding is the result of a check.
type Finding struct {
	Level Level `json:"level"`
	// Check is what was looked at, a word or two from a fixed set.
	Check string `json:"check"`
	// Place is a file, a setting, an address or an id.
	Place string `json:"place,omitempty"`
	// Cause says what is so, in a sentence.
	Cause string `json:"cause"`
	// Next is what to do, with a command if there is one; empty with OK.
	Next string `json:"next,omitempty"`
}

// Options say what to look at.
type Options struct {
	// Config are the settings of the server; nil if they are wrong, which is a finding of its own.
	Config *config.Config
	// Unknown are variables that have no effect, each in a sentence.
	Unknown []string
	// Client calls the server, and Key is its key. Client is nil without a key.
	Client *client.Client
	Key    string
	// URL is the address of the server.
	URL string
	// Backups is the folder with backups; empty: not looked at.
	Backups string
	// Version is that of this program.
	Version string
	// Now returns the time.
	Now func() time.Time
	// RootCAs and Resolver are for tests; nil: those of the system.
	RootCAs  *x509.CertPool
	Resolver *net.Resolver
}

// A run collects findings.
type run struct {
	Options
	found func(Finding)
	// process is the server that holds the data folder; zero: none, or unknown.
	process int
	// reachable is set if the server answers.
	reachable bool
}

func (r *run) add(level Level, check, place, cause, next string) {
	r.found(Finding{level, check, place, cause, next})
}

func (r *run) ok(check, place, format string, args ...any) {
	r.add(OK, check, place, fmt.Sprintf(format, args...), "")
}

// Run makes all checks and hands each finding to found.
func Run(ctx context.Context, o Options, found func(Finding)) {
	r := &run{Options: o, found: found}
	if r.Now == nil {
		r.Now = time.Now
	}
	r.askServer(ctx)
	if r.Config != nil {
		r.settings()
		if r.Config.Database != "" {
			r.database(ctx)
		} else {
			r.folder(ctx)
		}
		r.descriptors()
	}
	r.backups()
	way := r.wayOut()
	if way != nil {
		defer way.Close()
		r.publicURL(ctx, way)
	}
	r.deliveries(ctx, way)
}

// settings looks at settings that are valid, but dangerous or without effect.
func (r *run) settings() {
	c := r.Config
	n := 0
	warn := func(place, cause, next string) {
		n++
		r.add(Warning, "settings", place, cause, next)
	}
	for _, line := range r.Unknown {
		warn("environment", line, "correct or remove the variable")
	}
	host, _, _ := net.SplitHostPort(c.Listen) // checked by the configuration
	ip := net.ParseIP(host)
	here := host == "localhost" || ip != nil && ip.IsLoopback()
	if c.Dev && !here {
		warn("dev", "everyone with a key can reach the programs on this machine's loopback interface", "remove dev, or listen on 127.0.0.1")
	}
	if strings.HasPrefix(c.PublicURL, "http://") {
		warn("publicUrl", "passwords and sessions cross the network unencrypted", "put a proxy with TLS in front, and write https://")
	}
	if c.WeakSecretKey() {
		warn("secretKey", "it can be guessed", "generate another with \"openssl rand -hex 32\"")
	}
	if c.PublicURL != "" && len(c.TrustedProxies) == 0 {
		warn("trustedProxies", "publicUrl suggests a proxy in front, and no proxy is trusted: all clients count as one address", "name the proxy's address in trustedProxies")
	}
	if n == 0 {
		r.ok("settings", "", "they are valid")
	}
}

// wayOut returns a client with the guard of the server; nil if there are no valid settings.
func (r *run) wayOut() *egress.Client {
	if r.Config == nil {
		return nil
	}
	o, err := r.Config.Egress.Options()
	if err != nil {
		r.add(Problem, "settings", "egress", err.Error(), "correct the setting")
		return nil
	}
	o.Dev, o.Allow, o.RootCAs, o.Resolver, o.UserAgent = r.Config.Dev, r.Config.AllowNetworks, r.RootCAs, r.Resolver, "Relay/"+r.Version
	return egress.New(o)
}

// span writes a time as people say it.
func span(d time.Duration) string {
	switch d = d.Abs(); {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	return fmt.Sprintf("%d seconds", int(d.Seconds()))
}

// size writes a number of bytes as people say it.
func size(n int64) string {
	switch {
	case n >= 10e9:
		return fmt.Sprintf("%.0f GB", float64(n)/1e9)
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f KB", float64(n)/1e3)
}
