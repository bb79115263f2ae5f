package account

import (
	"net/netip"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/problem"
)

// Limits of failed authentications of one client.
const (
	// failureBurst may come at once: a person who mistypes, a program that is started before its key is there.
	failureBurst = 20
	// failureEvery is the time in which one more is allowed.
	failureEvery = 5 * time.Second
	// maxClients bounds the clients that are remembered; what goes beyond shares one account. One takes some 100 bytes.
	maxClients = 10_000
)

// Failures bounds how often a client may come with keys that are not valid. A valid key is never refused for it, whoever
// else fails at the same address: what keeps guessing out is the length of keys, and this keeps its noise down. Its
// methods are safe for concurrent use.
type Failures struct {
	mu    sync.Mutex
	until map[netip.Addr]time.Time // when all failures of a client are forgotten; guarded by mu
	swept time.Time                // guarded by mu
}

// NewFailures returns a memory without failures.
func NewFailures() *Failures { return &Failures{until: make(map[netip.Addr]time.Time)} }

// Failed takes in that a client failed to authenticate with err and returns what to answer: err, or, when it has failed
// too often, a TooMany problem that says when to come back. Clients are told apart by IPv4 address, and by the first 64
// bits of an IPv6 address, of which one client has as many as it likes.
func (f *Failures) Failed(client netip.Addr, err error) error {
	if client.Is6() && !client.Is4In6() {
		client = netip.PrefixFrom(client.WithZone(""), 64).Masked().Addr()
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	until, known := f.until[client]
	if !known && len(f.until) >= maxClients {
		f.sweepLocked(now)
		if len(f.until) >= maxClients {
			client = netip.Addr{}
			until = f.until[client]
		}
	}
	if until.Before(now) {
		until = now
	}
	// Each failure costs failureEvery of a stretch of time that passes by itself (the generic cell rate algorithm).
	if after := until.Sub(now) - (failureBurst-1)*failureEvery; after > 0 {
		return &problem.Error{Kind: problem.TooMany, After: after,
			Detail: "too many requests came from here with a key that is not valid: correct it, or wait; a valid key is taken at once"}
	}
	f.until[client] = until.Add(failureEvery)
	return err
}

// sweepLocked forgets clients that may fail as often as new ones; at most once a second, because it looks at all.
func (f *Failures) sweepLocked(now time.Time) {
	if now.Sub(f.swept) < time.Second {
		return
	}
	f.swept = now
	for client, until := range f.until {
		if !until.After(now) {
			delete(f.until, client)
		}
	}
}
