// Package destination is all that the delivery engine knows of the places that events are delivered to.
//
// The idea: the engine decides when an attempt is made and how hard a destination is pressed; a Sender makes the attempt
// and reports the result; the webhook's policy decides the next step. The engine knows no protocol, no status code and
// no header name, and a kind of destination knows no lane, no retry and no log.
//
// A kind of destination is a package of its own that implements Kind, and is registered where the program is put
// together. The HTTP endpoint is one of them (package httpdest). A product that delivers through webhooks of its own, as
// the respondent gate does, wraps the sender of whatever kind its webhooks have: see Wrapper.
package destination

import (
	"context"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/webhook"
)

// A Kind makes the senders of one type of destination.
type Kind interface {
	// Check checks settings of a webhook of this kind and brings them into their stored form. It sets URL to a printable
	// address without credentials. Errors are *problem.Error.
	Check(ctx context.Context, s *webhook.Settings) error
	// Open returns the sender of a webhook. It sends nothing, and does not fail: settings that cannot be used make the
	// attempts fail, with words that say why. before is the sender of the webhook's earlier settings, nil for none: Open
	// may take over the parts that the change leaves as they are (tokens, connections), which before then no longer closes. Attempts
	// under way go on with before.
	Open(w *webhook.Webhook, before Sender) Sender
}

// A Sender makes the attempts of a webhook's deliveries. It is safe for concurrent use.
type Sender interface {
	// Send makes one attempt and reports the result. It may read the message until it returns, its body for longer
	// where the Result says so.
	Send(ctx context.Context, m *Message) Result
	// Describe returns the request that Send would make, with credentials and signatures masked. It sends nothing and
	// asks nobody. The error says in words why Send would send nothing.
	Describe(m *Message) (exchange.Request, error)
	// Target returns the method and the printable address of its requests, for the log entries of attempts that fail
	// before there is a request.
	Target() exchange.Request
	// Close releases the sender's resources. Attempts that wait for it end with the class Changed. Closing twice is harmless.
	Close()
}

// A Message is what one attempt sends.
type Message struct {
	// Items are the deliveries in it: one, unless ID is that of a batch.
	Items []Item
	Batch bool

	ID     string // the delivery's, or the batch's; the same in each attempt
	Type   string // of the event; "batch" for a batch
	Number int    // of the attempt, from 1
	Test   bool
	At     time.Time // when the attempt began

	ContentType string
	Body        []byte
	// BodyFormat is the format that makes this body of the event; empty if only the message holds it.
	BodyFormat string
	// Fields are the header fields of the format.
	Fields []exchange.Field
	// Trace is the trace that the receiver is to go on with, nil for none.
	Trace *event.Trace
	// Ask holds the wishes of the webhook's transform, or its Composer, for the request itself.
	Ask Ask
	// Still reports whether the webhook may still be sent to. A sender that had to wait before it could send asks it, and
	// returns the class Changed otherwise. Nil: it may.
	Still Permission
}

// An Item is a delivery in a message.
type Item struct {
	Event    *event.Event
	Delivery event.DeliveryID
	// Note is for the Composer, until the delivery is settled.
	Note any
	// Settled says why nothing is to be sent of the delivery any more; a Composer sets it. Empty: it is sent.
	Settled string
	// Later is set by a Composer for an item that cannot share this request with the others: it goes into the next one.
	// Batches that were sent before stay as they are.
	Later bool
}

// Ask holds the wishes of a transform or a Composer for a request beside its body. Senders check it: names and values, and that
// it leads to no other host. Zero fields leave the request as it is.
type Ask struct {
	Method string
	URL    string            // a path, or a URL of the same host
	Query  map[string]string // set in the URL's query
	Header map[string]string // by name; replaces those of the webhook
}

// IsZero reports whether nothing is asked for.
func (a *Ask) IsZero() bool {
	return a.Method == "" && a.URL == "" && len(a.Query) == 0 && len(a.Header) == 0
}

// Permission tells whether a webhook may still be sent to.
type Permission interface {
	MaySend() bool
}

// Class is an attempt's lesson about its destination. The engine paces and gives back by it alone.
type Class uint8

// The classes. After the last four the attempt does not count: it is made again, and is in no log.
const (
	Done        Class = iota // the destination accepted
	Refused                  // it answered, but said no to this delivery; or it was not asked, for a reason that is not its load
	Overloaded               // it answered that it cannot bear more now
	Unreachable              // it did not answer
	Interrupted              // the context ended first
	Changed                  // the sender was closed, or the webhook may not be sent to any more
	Short                    // this server lacks a resource, such as a file descriptor; Text names it
	Limited                  // the destination's own limit is used up, and it was not asked; After says for how long
)

// Counts reports whether an attempt that ended so is an attempt.
func (c Class) Counts() bool { return c <= Unreachable }

// Result is how an attempt ended.
type Result struct {
	Class Class
	// Reason is why it was not accepted, of a closed set; empty for Done. Policies match it beside Code.
	Reason exchange.Kind
	// Code is that of the answer, where the kind of destination has codes and the answer counts; else zero.
	Code int
	// Text says what happened, for people. After Done it is a remark, empty for none.
	Text string

	// Request is the request as sent; the engine adds the body.
	Request  exchange.Request
	Response *exchange.Response // nil: no complete answer came
	Timing   exchange.Timing

	// After is how long the destination asks to be left alone; zero: it does not say.
	After time.Duration
	// Final tells that no retry helps, whatever the policy says.
	Final bool
	// Denied tells that the destination does not accept the request's credentials. Hint may name the most
	// likely fault.
	Denied bool
	Hint   string
	// Cut tells, after Done, why the answer broke off behind its head; empty: it is whole.
	Cut exchange.Kind
	// Held tells that something may still read the message's body.
	Held bool

	// Verdicts are the results of the items of a batch, in their order; nil: the same for all.
	Verdicts []Verdict
	// Split asks for the batch to be sent again in two halves, because it was refused as a whole and the answer does not
	// say for which item. A batch of one is not split.
	Split bool
}

// A Verdict is a destination's answer for one item of a batch.
type Verdict struct {
	Outcome ItemOutcome
	Text    string // why, for people; empty: the Result's
}

// ItemOutcome is what becomes of an item.
type ItemOutcome uint8

// The outcomes of items.
const (
	ItemDelivered ItemOutcome = iota // accepted
	ItemRetry                        // not now: tried again, as the webhook's policy says
	ItemRejected                     // never: tried no more
)

// A Composer is a Sender that makes its messages itself, of its own data: the engine applies neither the webhook's
// transform nor its format.
type Composer interface {
	Sender
	// Compose fills in the message, and sets Settled of items that need no sending any more: they are left out
	// of it. The error says that it cannot be said now: the deliveries are given back.
	Compose(ctx context.Context, m *Message) error
}

// A Settler is a Sender that takes over how deliveries end.
type Settler interface {
	Sender
	// Settle takes over how a delivery has ended. It is called before that is recorded, again and again until it returns
	// nil, and after a crash perhaps for an attempt that repeats an earlier one: its effect must happen once. When it has
	// returned it is durable.
	Settle(ctx context.Context, e *Ending) error
}

// Ending is how a delivery has ended.
type Ending struct {
	Item      *Item // without Note where nothing was sent
	Delivered bool
	Text      string // why not, for people
}

// A Revealer is a Sender whose messages the log holds only in part.
type Revealer interface {
	Sender
	// Reveal fills in the parts of a request and its answer that the log does not hold, and sets lost ones to nil. ev is nil when
	// the event is no longer stored.
	Reveal(ctx context.Context, ev *event.Event, req *exchange.Request, res *exchange.Response) error
}

// An Adviser is a Sender that knows what answers of its kind of destination mean.
type Adviser interface {
	Sender
	// Advise names the most likely fault where a request made at the time was refused by the response; empty: it has
	// no idea.
	Advise(at time.Time, res *exchange.Response) string
}
