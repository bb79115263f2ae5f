// Package httpdest delivers to HTTP endpoints: a POST request for each delivery or batch, signed and authenticated as the
// webhook says.
//
// One function makes the header of a request, for Send and for Describe alike, so that a preview shows what would be
// sent. classify knows the meaning of answers to the engine; all else about status codes is in the webhook's policy.
//
// The parts: kind.go opens senders; sender.go makes attempts; header.go their fields; authenticate.go says who they come
// from; answer.go reads answers; mask.go keeps credentials out of what endpoints repeat.
package httpdest

import (
	"context"
	"crypto/ed25519"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
)

// Client makes requests, as egress.Client does.
type Client interface {
	Do(ctx context.Context, req *egress.Request) (*exchange.Response, exchange.Timing, *egress.Error)
}

// Options is what New needs.
type Options struct {
	Client Client
	// Tokens is asked for the tokens of webhooks that authenticate by OAuth. Nil: their attempts fail.
	Tokens    *egress.Client
	UserAgent string           // sent with every request: "Relay/VERSION"
	Now       func() time.Time // the clock of signatures; nil: time.Now
}

// Kind makes senders to HTTP endpoints.
type Kind struct {
	client    Client
	tokens    *egress.Client
	pacer     auth.Pacer
	userAgent string
	now       func() time.Time
}

var _ destination.Kind = (*Kind)(nil)

// New returns the kind of destination that HTTP endpoints are.
func New(o Options) *Kind {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Kind{client: o.Client, tokens: o.Tokens, userAgent: o.UserAgent, now: o.Now}
}

// Table returns a table of which HTTP endpoints are the only kind.
func Table(o Options) *destination.Table {
	return &destination.Table{Kinds: map[string]destination.Kind{destination.HTTP: New(o)}}
}

// Check implements destination.Kind. Package webhook has checked the settings of an HTTP endpoint: they are a webhook's
// own.
func (k *Kind) Check(context.Context, *webhook.Settings) error { return nil }

// sender makes the requests of a webhook. It never changes: a change of the webhook makes a new one.
type sender struct {
	kind   *Kind
	hook   *webhook.Webhook
	auth   *authentication // nil: none; shared with the senders before and after this one
	owns   atomic.Bool     // auth is closed with this sender
	custom []exchange.Field
	relay  *signing.Relay // nil: not this signature
	// standard signs with both secrets until overlapEnd, standardLater from then on. Nil: not this signature.
	standard, standardLater *signing.Standard
	// others and othersLater are the signatures in forms of other systems, likewise. A nil one cannot be made.
	others, othersLater []*signing.Signer
	overlapEnd          time.Time
}

var _ destination.Adviser = (*sender)(nil)

// Open implements destination.Kind. A sender keeps the tokens of the one before it while the authentication is the same.
func (k *Kind) Open(w *webhook.Webhook, before destination.Sender) destination.Sender {
	s := &sender{kind: k, hook: w}
	if b, ok := before.(*sender); ok && b.hook.Auth == w.Auth && b.owns.Swap(false) {
		s.auth = b.auth
	} else {
		s.auth = k.authenticationOf(w.Tenant, w.Auth)
	}
	s.owns.Store(true)
	s.custom = withoutAuth(w, s.auth)
	if w.Signature == webhook.SignRelay || w.Signature == webhook.SignBoth {
		s.relay = signing.NewRelay(w.Secrets.Current)
	}
	// Secrets are checked when they are stored; one that is not valid here makes the attempts fail with that reason.
	secrets := &w.Secrets
	s.overlapEnd = secrets.PreviousUntil
	if w.SignsStandard() {
		s.standardLater = newStandard([]string{secrets.Current}, secrets.Key)
		s.standard = s.standardLater
		if secrets.Previous != "" {
			both := []string{secrets.Current}
			if signing.CheckSecret(secrets.Previous) == nil { // it may come from another system, whose form it had
				both = append(both, secrets.Previous)
			}
			s.standard = newStandard(both, secrets.Key, secrets.PreviousKey)
		}
	}
	for _, g := range w.Signatures {
		later, _ := signing.NewSigner(g, secrets.Current)
		both := later
		if secrets.Previous != "" {
			both, _ = signing.NewSigner(g, secrets.Current, secrets.Previous)
		}
		s.others, s.othersLater = append(s.others, both), append(s.othersLater, later)
	}
	return s
}

// Close implements destination.Sender. An attempt that waits for a token ends with it.
func (s *sender) Close() {
	if s.owns.Swap(false) {
		s.auth.end()
	}
}

// newStandard returns the signer with secrets and private keys, of which empty ones are left out; nil if one is not
// valid.
func newStandard(secrets []string, keys ...string) *signing.Standard {
	var private []ed25519.PrivateKey
	for _, text := range keys {
		if text == "" {
			continue
		}
		key, err := signing.ParsePrivateKey(text)
		if err != nil {
			return nil
		}
		private = append(private, key)
	}
	s, _ := signing.NewStandard(secrets, private)
	return s
}

// standardAt returns the signer of the standard signature at now.
func (s *sender) standardAt(now time.Time) *signing.Standard {
	if now.Before(s.overlapEnd) {
		return s.standard
	}
	return s.standardLater
}

// othersAt returns the signers of the other forms at now.
func (s *sender) othersAt(now time.Time) []*signing.Signer {
	if now.Before(s.overlapEnd) {
		return s.others
	}
	return s.othersLater
}

// withoutAuth returns the webhook's own headers except the one that its authentication sets, sorted by name.
func withoutAuth(w *webhook.Webhook, a *authentication) (custom []exchange.Field) {
	for name, value := range w.Headers {
		if a == nil || !strings.EqualFold(name, a.shown.Name) {
			custom = append(custom, exchange.Field{Name: name, Value: value})
		}
	}
	slices.SortFunc(custom, func(a, b exchange.Field) int { return strings.Compare(a.Name, b.Name) })
	return custom
}
