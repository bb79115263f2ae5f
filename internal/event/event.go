// Package event defines the event, its ids and its limits. An event is immutable; its data is
// stored and delivered byte for byte as published.
package event

import (
	"time"
)

// TenantID is the row number of a tenant. Every stored record carries a tenant, and every query
// names one.
type TenantID int32

// DefaultTenant is the tenant of a fresh installation, named "default".
const DefaultTenant TenantID = 1

// Event is something that happened in the publisher's application.
type Event struct {
	// ID is assigned when the event is stored, zero before.
	ID ID
	// Tenant owns the event.
	Tenant TenantID
	// Name is the id that the publisher chose, empty if Relay assigns the id. Within a tenant a
	// name is an idempotency key: see ingest.
	Name string
	// Type is the event type's name: "call.completed".
	Type string
	// Time is when the event happened according to the publisher, else when it was accepted; UTC,
	// to the millisecond.
	Time time.Time
	// Version is the version of the payload's schema, empty for the type's current version.
	Version string
	// Key orders deliveries under fifo, empty for none.
	Key string
	// Attributes is a JSON object of extra top-level members, nil when absent.
	Attributes []byte
	// Data is the payload: any JSON value, exactly as published.
	Data []byte
	// DeliverAt is the earliest time of delivery, zero for immediately.
	DeliverAt time.Time
	// Cause is the event from which this one was derived, zero for a published event.
	Cause ID
	// Warnings lists the oddities found when the event was accepted: a JSON array of objects with
	// path and message, empty for none.
	Warnings string
	// Trace is the trace that it was published in, nil for none. Events of one request share it.
	Trace *Trace
}

// PublicID returns the id by which clients know the event: the publisher's name for it, else
// Relay's "evt_…".
func (e *Event) PublicID() string {
	if e.Name != "" {
		return e.Name
	}
	return e.ID.Public(EventPrefix)
}

// Size estimates the bytes that the event takes in memory.
func (e *Event) Size() int {
	const fixed = 216 // the struct and the overhead of its allocations
	n := fixed
	if e.Trace != nil {
		n += 32
	}
	return n + len(e.Name) + len(e.Type) + len(e.Key) + len(e.Attributes) + len(e.Data) + len(e.Warnings)
}
