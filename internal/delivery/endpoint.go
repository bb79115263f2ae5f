package delivery

import (
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
)

// Header names of every request, SPEC section 4.
const (
	headerEvent    = "X-Relay-Event"
	headerDelivery = "X-Relay-Delivery"
	headerAttempt  = "X-Relay-Attempt"
	headerTest     = "X-Relay-Test"
)

// endpoint is what all requests to a webhook have in common. It never changes:
// a change of the webhook makes a new one.
type endpoint struct {
	hook   *webhook.Webhook
	custom []egress.Field // the webhook's own headers, sorted by name
	relay  *signing.Relay // nil: not this signature
	// standard signs with both secrets until overlapEnd, standardLater from
	// then on. Nil: not this signature.
	standard, standardLater *signing.Standard
	overlapEnd              time.Time
}

func newEndpoint(w *webhook.Webhook) *endpoint {
	ep := &endpoint{hook: w}
	for name, value := range w.Headers {
		ep.custom = append(ep.custom, egress.Field{Name: name, Value: value})
	}
	slices.SortFunc(ep.custom, func(a, b egress.Field) int { return strings.Compare(a.Name, b.Name) })
	if w.Signature == webhook.SignRelay || w.Signature == webhook.SignBoth {
		ep.relay = signing.NewRelay(w.Secrets.Current)
	}
	if w.Signature == webhook.SignStandard || w.Signature == webhook.SignBoth {
		// Secrets are checked when they are stored; one that is not valid here
		// makes the attempts fail with that reason, see attempt.
		ep.standardLater, _ = signing.NewStandard([]string{w.Secrets.Current}, nil)
		ep.standard, ep.overlapEnd = ep.standardLater, w.Secrets.PreviousUntil
		if w.Secrets.Previous != "" {
			ep.standard, _ = signing.NewStandard([]string{w.Secrets.Current, w.Secrets.Previous}, nil)
		}
	}
	return ep
}

// standardAt returns what signs under the standard signature at now.
func (ep *endpoint) standardAt(now time.Time) *signing.Standard {
	if now.Before(ep.overlapEnd) {
		return ep.standard
	}
	return ep.standardLater
}
