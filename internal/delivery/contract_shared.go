package delivery

import (
	"context"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
)

// SharedStore is a Store that several nodes work on. Each has a lease that the
// store renews by itself; a node whose lease has run out may be taken for dead
// by others. Then its registration has ended: its open intakes and claims
// belong to whoever takes them over, and its writes fail with ErrFenced until
// it has joined again under a new one.
//
// The tokens of intakes, claims and jobs say under which registration they
// were made: those of a later one are larger.
type SharedStore interface {
	Store
	// Lease returns until when, by this machine's clock, the node may act on
	// what is its own. No attempt may start after that. It costs next to nothing.
	Lease() time.Time
	// OnLost registers f, which is called when the registration has ended, before
	// the node joins again: until f returns, every write fails with ErrFenced. f
	// must make the holder forget everything with a token below the one it gets,
	// and see that none of it is recorded afterwards; TakeOver then returns the
	// intakes that no other node has taken. Only one function is kept; f must not
	// call the store.
	OnLost(f func(below int64))
	// Pulse returns the state of affairs among the nodes.
	Pulse(ctx context.Context) (Pulse, error)
	// TakeOver ends the claims of dead nodes, makes their open intakes this
	// node's own and calls f for each. An intake for which f returns an error,
	// and those after it, are given back. It is to be called every few seconds.
	TakeOver(ctx context.Context, f func(Intake) error) error
	// IntakeProgress calls f for each delivery of the n events from first on that
	// is owed, or has a settling entry in the log. It may call twice for one. What
	// is neither belongs to whoever has the intake.
	IntakeProgress(ctx context.Context, first event.ID, n int, f func(event.DeliveryID)) error
	// OwedOverdue returns webhooks that are owed an unclaimed delivery due at or
	// before the time, with Next, but without Count. Of webhooks with very many
	// orders one call looks at some, and another at others.
	OwedOverdue(ctx context.Context, before time.Time) ([]OwedSummary, error)
	// AttemptTail returns attempts of the tenants that other nodes have recorded
	// under ids above the given one, newest first, up to limit.
	AttemptTail(ctx context.Context, after event.ID, tenants []event.TenantID, limit int) ([]*Attempt, error)
	// OweWith registers f, which is called for each event about to be stored, with
	// its ID set. The deliveries that f gives to owe are stored in the same
	// transaction, so that they are in order whichever nodes accept events. The
	// intake lists them.
	OweWith(f func(ev *event.Event, owe func(Owed)))
}

// Pulse is what nodes that share a store look at all the time.
type Pulse struct {
	Nodes int // that live, this one included
	// Revisions has a number for each kind of configuration, which another one follows with every change.
	Revisions map[registry.Kind]int64
	Clock     time.Time
}
