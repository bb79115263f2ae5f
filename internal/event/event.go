// Package event holds what everything else is about: the event, its ids and
// its limits. An event is immutable; its data is kept and delivered byte for
// byte as it was published.
package event

import (
	"time"
)

// TenantID is the row number of a tenant. Every stored thing carries one, and
// every query names one.
type TenantID int32

// DefaultTenant is the tenant of a fresh installation, named "default".
const DefaultTenant TenantID = 1

// Event is something that happened in the publisher's application.
type Event struct {
	// ID is given when the event is stored; zero before.
	ID ID
	// Tenant owns the event.
	Tenant TenantID
	// Name is the id the publisher chose, empty when it left that to Relay.
	// Within a tenant a name is an idempotency key: see ingest.
	Name string
	// Type is the event type's name: "call.completed".
	Type string
	// Time is when it happened, as the publisher says, else when it was
	// accepted; UTC, to the millisecond.
	Time time.Time
	// Version is the version of the payload's shape, empty for the type's current one.
	Version string
	// Key orders deliveries under fifo; empty: none.
	Key string
	// Attributes is a JSON object of extra top-level members, nil when absent.
	Attributes []byte
	// Data is the payload: any JSON value, exactly as published.
	Data []byte
	// DeliverAt holds delivery back until then; zero: at once.
	DeliverAt time.Time
	// Cause is the event this one was derived from; zero when it was published.
	Cause ID
	// Warnings says what was odd about it when it was accepted: a JSON array of
	// objects with path and message; empty: nothing.
	Warnings string
}

// PublicID returns the id the outside knows the event by: the publisher's name
// for it, else Relay's "evt_…".
func (e *Event) PublicID() string {
	if e.Name != "" {
		return e.Name
	}
	return e.ID.Public(EventPrefix)
}

// Size returns about how many bytes the event takes in memory.
func (e *Event) Size() int {
	const fixed = 216 // the struct and its allocations' overhead
	return fixed + len(e.Name) + len(e.Type) + len(e.Key) + len(e.Attributes) + len(e.Data) + len(e.Warnings)
}
