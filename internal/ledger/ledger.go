// Package ledger shows people where deliveries stand, and why, and changes them by hand: retry, cancel, resend.
//
// The idea: the log and the owed rows are all there is to know; the engine's memory only makes it faster. So
// the ledger reads the store, and asks the engine (a Machine) for the little that is nowhere else: the place of a delivery
// in a queue, and the form of the next request. The log leaves out bodies that a format makes of an event; the ledger makes
// them again (complete).
//
// The parts: view.go has the words; read.go reads single deliveries and attempts, batch_read.go those of batches, list.go
// pages of them; explain.go says why a webhook got an event or did not, explain_rules.go what derivation rules and
// explain_limit.go what rate limits have to do with it; preview.go shows requests that are not sent, and
// backtest.go what other settings would have made of past events; control.go changes
// deliveries by hand.
package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// Machine has the ledger's questions to the engine; delivery.Engine is one.
type Machine interface {
	// Now returns the time of day as the engine sees it.
	Now() time.Time
	// Sender returns the sender of a webhook as it is now.
	Sender(w *webhook.Webhook) *destination.Opened
	// Draft makes requests that are not sent, of settings that need not be stored.
	Draft(w *webhook.Webhook) *delivery.Draft
	// Places sets for deliveries in memory how many are before them in the webhook's queue, and returns its length, if
	// the webhook's rate limit lets none of them start now.
	Places(webhook uint32, of map[event.DeliveryID]int) (n int, limited bool)
	// WantsAside is webhook.WantsEvent for work that goes through many webhooks: it yields after filters that take long.
	WantsAside(w *webhook.Webhook, ev *event.Event) bool

	// Again returns the row by which a delivery gets a fresh round of attempts.
	Again(tenant event.TenantID, d event.DeliveryID, made int, now time.Time) delivery.Owed
	// StoredOnly returns those of a webhook's rows whose events are still stored.
	StoredOnly(ctx context.Context, w *webhook.Webhook, rows []delivery.Owed) ([]delivery.Owed, error)
	// AttemptsMade returns how many attempts a delivery has had.
	AttemptsMade(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (int, error)
	// Wake notes that a row of the webhook is in the store, due at the time.
	Wake(w *webhook.Webhook, due time.Time)
	// Cancel makes workers drop the delivery if they come upon it in memory; Uncancel takes that back.
	Cancel(d event.DeliveryID)
	Uncancel(d event.DeliveryID)
	// Count counts an entry of the log that the engine has not made.
	Count(a *delivery.Attempt)
}

// Config has the parts that a ledger works with.
type Config struct {
	Store    delivery.Store
	Webhooks *webhook.Registry
	Machine  Machine
	// Rules returns a tenant's derivation rules, for Explain. Nil: none.
	Rules func(tenant event.TenantID) []catalogue.RuleState
}

// Ledger reads and changes deliveries. It is safe for concurrent use.
type Ledger struct {
	store    delivery.Store
	hooks    *webhook.Registry
	machine  Machine
	rules    func(tenant event.TenantID) []catalogue.RuleState // nil: none
	previews chan struct{}                                     // as many as run; see Preview
}

// New returns a ledger.
func New(c Config) (*Ledger, error) {
	if c.Store == nil || c.Webhooks == nil || c.Machine == nil {
		return nil, errors.New("ledger: no store, no webhooks or no machine")
	}
	return &Ledger{store: c.Store, hooks: c.Webhooks, machine: c.Machine, rules: c.Rules, previews: make(chan struct{}, maxPreviews)}, nil
}
