package ledger

import (
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// State is where a delivery stands.
type State string

// The states. docs/deliveries.md draws how they follow each other.
const (
	StateWaiting   State = "waiting"   // owed; its time has not come
	StateInFlight  State = "inFlight"  // in memory or being sent
	StateHeld      State = "held"      // owed to a webhook that is paused or disabled
	StateDelivered State = "delivered" // accepted by the endpoint
	StateFailed    State = "failed"    // given up after its last attempt
	StateDiscarded State = "discarded" // its webhook was deleted, its transform dropped it, or the stored event is damaged
	StateExpired   State = "expired"   // too old to be attempted again
	StateCanceled  State = "canceled"  // stopped by a person
)

// States lists all states in the order they are documented.
var States = []State{StateWaiting, StateInFlight, StateHeld, StateDelivered, StateFailed, StateDiscarded, StateExpired, StateCanceled}

// Delivery is what one webhook is owed, or was owed, of one event.
type Delivery struct {
	ID        event.DeliveryID
	EventName string // the publisher's id of the event; empty: Relay's
	EventType string
	State     State
	Attempts  int
	NextAt    time.Time         // of the next attempt; zero: none is planned
	Reason    string            // why it is in this state, in words; may be empty
	Last      *delivery.Attempt // the last entry of the log; nil: none
}

// Verdict is why a webhook got an event, or did not.
type Verdict string

// The verdicts of Explain.
const (
	VerdictDelivered Verdict = "delivered"
	VerdictWaiting   Verdict = "waiting"   // owed or in flight
	VerdictLimit     Verdict = "rateLimit" // due, and waits for the rate limit
	// VerdictMaintenance: held until the end of a maintenance window.
	VerdictMaintenance Verdict = "maintenance"
	VerdictFailed      Verdict = "failed"    // attempted without success
	VerdictCanceled    Verdict = "canceled"  // by a person
	VerdictExpired     Verdict = "expired"   // too old to be attempted
	VerdictTransform   Verdict = "transform" // its transform dropped it
	VerdictType        Verdict = "type"      // the webhook does not ask for this event type
	VerdictFilter      Verdict = "filter"    // its filter says no
	VerdictPaused      Verdict = "paused"    // it is paused, or was when the event came
	VerdictDisabled    Verdict = "disabled"  // it is disabled, or was when the event came
	VerdictLater       Verdict = "created"   // it was created after the event
	VerdictChanged     Verdict = "changed"   // it asks for the type now, but did not when the event came
	VerdictOperations  Verdict = "operation" // operational events must be asked for by name
)

// Explanation says for one webhook what became of an event, and why.
type Explanation struct {
	WebhookID string
	Verdict   Verdict
	Detail    string    // a plain sentence
	Delivery  *Delivery // nil when there is none
}

// DeliveryPage is a page of a list of deliveries.
type DeliveryPage struct {
	Deliveries []Delivery
	Next       string // cursor for more; empty: there are none
	// SearchedTo is how far back the log was searched, where there may be more;
	// zero: it was not, or wholly.
	SearchedTo time.Time
}

// DeliveryQuery selects deliveries of a tenant. Zero fields select everything.
type DeliveryQuery struct {
	Tenant  event.TenantID // required
	Webhook uint32
	State   State
	Cursor  string // from the last page; empty: from the newest
	Limit   int    // 1 to 250
}
