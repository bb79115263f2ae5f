package connector

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// A connection has a webhook of its own, and so a lane in the engine. This file makes the webhook; sender.go is its
// destination.

// Owner is the name under which connections have webhooks of their own, and that of their kind of destination.
const Owner = "connector"

// webhookScheme begins the addresses of webhooks of connections; their id follows.
const webhookScheme = "connector:"

type options struct {
	Connection string `json:"connection"`
}

// Check implements destination.Kind. Connections make their webhooks themselves.
func (c *Connectors) Check(_ context.Context, s *webhook.Settings) error {
	var o options
	if s.Owner != Owner || json.Unmarshal(s.Destination.Options, &o) != nil {
		return problem.InvalidField("destination.type", "%q is for connections: POST /v1/connections makes one", Owner)
	}
	s.URL = webhookScheme + o.Connection
	return nil
}

// ConnectionOf returns the connection that a webhook of connectors belongs to, by its id.
func ConnectionOf(w *webhook.Webhook) string { return strings.TrimPrefix(w.URL, webhookScheme) }

// webhookOf returns the webhook of a connection, nil if it has none yet.
func (c *Connectors) webhookOf(tenant event.TenantID, connection string) *webhook.Webhook {
	for _, w := range c.o.Webhooks.Owned(tenant, Owner) {
		if w.URL == webhookScheme+connection {
			return w
		}
	}
	return nil
}

// Webhook returns the webhook by which the engine knows a connection, for its log and its state.
func (c *Connectors) Webhook(ctx context.Context, it *ConnectionItem) (*webhook.Webhook, error) {
	if w := c.webhookOf(it.Tenant, it.Name); w != nil {
		return w, nil
	}
	return c.lane(ctx, it)
}

// lane makes or changes the webhook of a connection, as its definition wants it.
func (c *Connectors) lane(ctx context.Context, it *ConnectionItem) (*webhook.Webhook, error) {
	e, err := c.DefinitionOf(it.Tenant, &it.Value)
	if err != nil {
		return nil, err
	}
	raw, _ := json.Marshal(options{it.Name})
	set := func(s *webhook.Settings) {
		s.Owner, s.Events = Owner, []string{eventType(it.Name)}
		s.Destination = webhook.Destination{Type: Owner, Options: raw}
		s.Format, s.Signature = "", webhook.SignNone
		s.Timeout, s.MaxConcurrency = e.Limits.Timeout, e.Limits.Concurrency
		// The definition decides about retries: all failures that it does not call final.
		s.Retry = webhook.Retry{Attempts: 12, InitialWait: 10 * time.Second, Factor: 2.5, MaxWait: 2 * time.Hour, MaxAge: 24 * time.Hour, RetryOn: []string{"other", "network", "timeout"}}
		s.Batch, s.RateLimit = nil, nil
		if a := e.Aggregate; a != nil {
			// The engine counts references, which are small; the size of the body is for Compose to bound.
			s.Batch = &webhook.Batch{MaxEvents: a.MaxProfiles, MaxWait: a.MaxWait, MaxBytes: webhook.MaxBatchBytes}
		}
		for _, w := range e.Limits.Requests {
			if w.Per == time.Second {
				s.RateLimit = &webhook.RateLimit{PerSecond: float64(w.Count), Burst: w.Count}
			}
		}
	}
	if w := c.webhookOf(it.Tenant, it.Name); w != nil {
		return c.o.Webhooks.UpdateOwned(ctx, it.Tenant, w.ID, nil, func(s *webhook.Settings) error { set(s); return nil })
	}
	s := webhook.Default()
	set(&s)
	return c.o.Webhooks.CreateOwned(ctx, it.Tenant, s, nil)
}

// Wrap implements destination.Wrapper: a connection's sender needs no other around it.
func (c *Connectors) Wrap(_ *webhook.Webhook, next destination.Sender) destination.Sender {
	return next
}

// Open implements destination.Kind.
func (c *Connectors) Open(w *webhook.Webhook, _ destination.Sender) destination.Sender {
	s := &sender{connectors: c, hook: w}
	var o options
	_ = json.Unmarshal(w.Destination.Options, &o) // it was checked
	s.connection = o.Connection
	return s
}
