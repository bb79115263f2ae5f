package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/egress"
)

const (
	// soon is how long before its end a certificate is reported: automatic renewals are made 30 days
	// before, so that one of 14 days has failed to be renewed.
	soon = 14 * 24 * time.Hour
	// maxClock is how much clocks may differ. Receivers of signed requests accept five minutes.
	maxClock = 30 * time.Second
	// maxHosts bounds how many endpoints are connected to, and atOnce how many at a time.
	maxHosts = 200
	atOnce   = 8
	// patience is how long a host may take to connect.
	patience = 10 * time.Second
)

// clock compares this machine's clock with a time that another one gave between two moments.
func (r *run) clock(of, place string, there, before, after time.Time) {
	ahead := time.Duration(0)
	switch {
	case there.Before(before):
		ahead = before.Sub(there)
	case there.After(after):
		ahead = after.Sub(there)
	}
	if ahead.Abs() > maxClock {
		r.add(Problem, "clock", place, fmt.Sprintf("this machine's clock is %s %s that of the %s", span(ahead), map[bool]string{true: "ahead of", false: "behind"}[ahead > 0], of),
			"see which one is wrong: timedatectl shows whether the clock is synchronized")
		return
	}
	r.ok("clock", place, "it agrees with that of the %s", of)
}

// askServer finds out whether the server answers, and compares clocks.
func (r *run) askServer(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(r.URL, "/")+"/readyz", nil)
	if err != nil {
		r.add(Problem, "server", r.URL, err.Error(), "give its address with --server")
		return
	}
	transport := &http.Transport{DisableKeepAlives: true}
	began := r.Now()
	res, err := transport.RoundTrip(req)
	if err != nil {
		r.add(Problem, "server", r.URL, "it does not answer: "+err.Error(), "start it, or give its address with --server")
		return
	}
	defer res.Body.Close()
	r.reachable = true
	if res.StatusCode == http.StatusOK {
		r.ok("server", r.URL, "it is ready")
	} else {
		r.add(Problem, "server", r.URL, "it is not ready: "+problemText(res), "its log says more")
	}
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil { // whole seconds
		r.clock("server", r.URL, at, began.Add(-time.Second), r.Now().Add(time.Second))
	}
}

// publicURL looks at the address by which browsers reach the server.
func (r *run) publicURL(ctx context.Context, way *egress.Client) {
	u, err := r.Config.Public()
	if err != nil || u == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	place := u.String()
	if u.Scheme == "http" && !r.Config.Dev {
		r.add(Skipped, "publicUrl", place, "it is not https://", "")
		return
	}
	if u.Scheme == "https" {
		state, err := way.HandshakeTo(ctx, place)
		if !r.certificate("publicUrl", place, &state, err) {
			return
		}
	}
	h, err := way.HTTPClientTo(place, patience)
	if err != nil {
		r.add(Problem, "publicUrl", place, err.Error(), "correct the setting publicUrl")
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place+"/livez", nil)
	if err != nil {
		r.add(Problem, "publicUrl", place, err.Error(), "correct the setting publicUrl")
		return
	}
	res, err := h.Do(req)
	if err != nil {
		r.add(Problem, "publicUrl", place, reason(err), "does the proxy run, and does the name lead to it?")
		return
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		r.add(Problem, "publicUrl", place, "GET /livez is answered "+res.Status+": it does not lead to Relay", "see where the proxy sends requests for this address")
		return
	}
	r.ok("publicUrl", place, "it leads to Relay")
}

// certificate judges a handshake. It reports whether it succeeded.
func (r *run) certificate(check, place string, state *tls.ConnectionState, err error) bool {
	if err != nil {
		next := "see the address and the network; \"openssl s_client -connect HOST:443\" shows a certificate"
		if dns := new(net.DNSError); errors.As(err, &dns) {
			next = "see whether the name exists: getent hosts " + dns.Name
		}
		r.add(Problem, check, place, reason(err), next)
		return false
	}
	if len(state.PeerCertificates) == 0 {
		return true
	}
	switch left := state.PeerCertificates[0].NotAfter.Sub(r.Now()); {
	case left < soon:
		r.add(Warning, "certificate", place, "it ends in "+span(left), "have it renewed by its owner")
	default:
		r.ok("certificate", place, "it is valid for %s", span(left))
	}
	return true
}

// endpoints makes a handshake with each host of the webhooks, and no request.
func (r *run) endpoints(ctx context.Context, way *egress.Client, urls []string) {
	type result struct {
		state tls.ConnectionState
		err   error
	}
	var hosts []string
	targets := map[string]egress.Target{}
	for _, raw := range urls {
		t, err := way.ParseURL(raw)
		if err != nil || !strings.HasPrefix(raw, "https://") {
			continue // http:// is for this machine only, and what cannot be read is refused at each attempt
		}
		host := t.Host()
		if _, there := targets[host]; !there {
			hosts, targets[host] = append(hosts, host), t
		}
	}
	if len(hosts) > maxHosts {
		r.add(Skipped, "endpoints", "", fmt.Sprintf("%d of %d hosts are looked at", maxHosts, len(hosts)), "")
		hosts = hosts[:maxHosts]
	}
	results := make([]result, len(hosts))
	var wait sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i, host := range hosts {
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			results[i].state, results[i].err = way.Handshake(ctx, targets[host])
		})
	}
	wait.Wait()
	for i, host := range hosts {
		r.certificate("endpoint", host, &results[i].state, results[i].err)
	}
}

// reason is the innermost useful text of a failed request.
func reason(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, `": `); i >= 0 && strings.HasPrefix(text, "Get ") {
		text = text[i+3:]
	}
	return cmp.Or(text, "it does not answer")
}
