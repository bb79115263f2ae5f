package ingest

import (
	"context"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// Publication is the events of one publish request: all of them are stored,
// or none.
type Publication struct {
	Tenant event.TenantID
	// Items are the published events; Publish puts derived events beside
	// them (see Item.Cause), in a new slice then.
	Items []Item
	// Array says that errors name an item by its number: "[3].type".
	Array bool
	// Limits are those of the publisher's key; nil: there are none. They do not
	// hold for the events that follow from the Items.
	Limits *access.Limits
	// Operational marks events of Relay's own: they are taken as they are, and
	// nobody else may publish their types.
	Operational bool
	// Enter returns the tenant of events whose Tenant is 0, because it is created by them. It is called once they have
	// passed all checks, so that a refused event creates none. Nil: Tenant is set.
	Enter func(ctx context.Context) (event.TenantID, error)
	// NoWait has Publish fail with catalogue.ErrWait, and nothing done, where it
	// would wait for the tenant's share of work.
	NoWait bool

	// Trace is the trace of the request, nil for none.
	Trace *event.Trace

	// Err is set by Append: a *problem.Error with kind Conflict when an item's
	// idempotency key was used for another body. Nothing of the publication is
	// stored then.
	Err error
}

// Item is one event of a publication.
type Item struct {
	Event event.Event // Append sets its ID
	// Key is the idempotency key within the tenant, empty for none: the
	// event's own id or one made of the header Idempotency-Key. Names and
	// header keys never collide: see NameKey and HeaderKey.
	Key string
	// Digest tells bodies apart: a hash of everything the publisher sent for
	// the event. Compared when Key was used before.
	Digest [16]byte
	// Duplicate is set by Append: the key was stored before with the same
	// digest; Event is then the event stored first. An item with a Cause is
	// one if its Root is, and its Event stays as it was.
	Duplicate bool

	// Cause is where in Items the event is that this one was derived from, as a
	// distance: -1 for the item before. Zero: it was published. Root is
	// likewise the distance to the published one it all follows from. What has
	// one root stands together in Items.
	//
	// Append stores an item with a Cause if and only if it stores its Root, in
	// the same intake, and sets the event's Cause. So the events derived from an event are
	// stored once, however often the event is published and whatever the rules
	// are by then.
	Cause, Root int32
}

// Rates bounds how many events tenants publish. Events of Relay's own are not counted, nor are derived ones.
type Rates interface {
	// Take counts n events of a tenant, all or none. A TooMany problem says that they are too many now. Without wait it fails
	// where it would have to wait.
	Take(ctx context.Context, tenant event.TenantID, n int, wait bool) error
	// Release gives back n events that were taken and not stored.
	Release(tenant event.TenantID, n int)
}

// Query selects events. Zero fields select everything.
type Query struct {
	Tenant       event.TenantID // required
	Type         string
	Key          string // the ordering key
	Text         string // found anywhere in the data, as rawjson.Search does
	Since, Until time.Time
	Before       event.ID // cursor; zero: from the newest
	Limit        int      // 1 to 250
}

// Store is what accepting and looking up events asks of storage. All methods
// are safe for concurrent use.
type Store interface {
	// Append stores publications in one group commit and returns the intakes
	// it made of them, whose events are exactly the newly stored ones. When it
	// returns without error, everything is durable and each publication's Err
	// and each item's ID, Cause and Duplicate are set. On an error nothing was stored
	// and nothing may be acknowledged; problem.ErrUnavailable (wrapped) means
	// trying again later can help, as may delivery.ErrFenced. Any other error is
	// about the data to store: of a group, one publication may be the reason.
	// Only one Append runs at a time.
	Append(ctx context.Context, pubs []*Publication) ([]delivery.Intake, error)
	// Probe does what storing an event does, durably, and stores none: whether it
	// succeeds tells whether Append would. It never runs beside an Append.
	Probe(ctx context.Context) error
	// EventFind returns the tenant's event with the public id, the publisher's
	// name for it or Relay's; ok is false without one.
	EventFind(ctx context.Context, tenant event.TenantID, publicID string) (e event.Event, ok bool, err error)
	// EventList returns events newest first, up to q.Limit, without internal
	// ones. next is the cursor
	// for more, zero when there are none. A query that matches rarely may
	// return fewer than Limit, even none, with a cursor: it stops after having
	// read for a second or so.
	EventList(ctx context.Context, q Query) (list []event.Event, next event.ID, err error)
}

// NameKey returns the idempotency key of an event the publisher named.
func NameKey(name string) string { return "n" + name }
