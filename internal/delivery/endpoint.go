package delivery

import (
	"crypto/ed25519"
	"time"

	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
)

// Header names of every request, SPEC section 4.
const (
	headerEvent    = "X-Relay-Event"
	headerDelivery = "X-Relay-Delivery"
	headerAttempt  = "X-Relay-Attempt"
	headerTest     = "X-Relay-Test"
	headerBatch    = "X-Relay-Batch" // the number of events in a batch
)

// endpoint is what all requests to a webhook have in common. It never changes:
// a change of the webhook makes a new one.
type endpoint struct {
	hook   *webhook.Webhook
	auth   *authentication  // nil: none; shared with the endpoints before and after this one
	custom []exchange.Field // the webhook's own headers, sorted by name
	relay  *signing.Relay   // nil: not this signature
	// standard signs with both secrets until overlapEnd, standardLater from
	// then on. Nil: not this signature.
	standard, standardLater *signing.Standard
	overlapEnd              time.Time
}

func newEndpoint(w *webhook.Webhook, a *authentication) *endpoint {
	ep := &endpoint{hook: w, auth: a, custom: withoutAuth(w, a)}
	if w.Signature == webhook.SignRelay || w.Signature == webhook.SignBoth {
		ep.relay = signing.NewRelay(w.Secrets.Current)
	}
	if w.Signature == webhook.SignStandard || w.Signature == webhook.SignBoth {
		// Secrets are checked when they are stored; one that is not valid here
		// makes the attempts fail with that reason, see attempt.
		s := &w.Secrets
		ep.standardLater = newStandard([]string{s.Current}, s.Key)
		ep.standard, ep.overlapEnd = ep.standardLater, s.PreviousUntil
		if s.Previous != "" {
			ep.standard = newStandard([]string{s.Current, s.Previous}, s.Key, s.PreviousKey)
		}
	}
	return ep
}

// newStandard returns what signs with secrets and private keys, of which empty
// ones are left out; nil if one is not valid.
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

// standardAt returns what signs under the standard signature at now.
func (ep *endpoint) standardAt(now time.Time) *signing.Standard {
	if now.Before(ep.overlapEnd) {
		return ep.standard
	}
	return ep.standardLater
}
