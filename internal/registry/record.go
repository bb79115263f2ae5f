package registry

import (
	"context"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
)

// Record is a piece of configuration as it is stored.
type Record struct {
	Tenant event.TenantID // 0: it belongs to the installation
	Kind   Kind
	Name   string // unique among the tenant's records of the kind
	// Number is given by the store, rises with each record that is created, and is never given
	// twice.
	Number int64
	// Version counts the changes of the record: 1 after it was created, 0 before.
	Version int64
	// Body is JSON and is stored unencrypted.
	Body []byte
	// Secrets is a JSON object that the store encrypts, or empty.
	Secrets []byte
	// Bound checks the names of all records of the tenant and kind, this new one among them, in the
	// transaction that creates it; an error undoes that. Creations with it come one after the other.
	// Nil: there may be any number.
	Bound func(names []string) error
	// CreatedAt and UpdatedAt are in UTC, to the millisecond.
	CreatedAt, UpdatedAt time.Time
}

// ErrChanged is returned for a change of a record that is no longer as it was read.
var ErrChanged = errors.New("registry: the record has changed since it was read")

// RecordStore keeps the records of all kinds. Its methods are safe for concurrent use.
type RecordStore interface {
	// RecordList returns all tenants' records of the kind, the first created first.
	RecordList(ctx context.Context, kind Kind) ([]Record, error)
	// RecordChange stores and removes records of the kind, and adds the audit entry unless it is
	// nil, in one transaction that is durable on return. A record with the Version 0 must not be
	// there, others must have their Version in the store; else ErrChanged is returned and nothing
	// happens. On success it sets the Number of records that were created, and raises the Version
	// of those that were stored.
	RecordChange(ctx context.Context, kind Kind, put, remove []*Record, entry *access.Entry) error
}
