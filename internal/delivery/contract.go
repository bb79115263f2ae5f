package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/webhook"
)

// Outcome is how an attempt ended, or how a delivery ended without one.
type Outcome uint8

// The outcomes. Stored as numbers: never change one's value.
const (
	Delivered Outcome = 1 // the endpoint accepted it; the delivery is settled
	Retrying  Outcome = 2 // it failed and will be tried again
	Failed    Outcome = 3 // it failed for the last time; the delivery is settled
	// The following settle a delivery without a request: the entry carries no
	// request and is not listed among attempts.
	Canceled  Outcome = 4 // by a person
	Expired   Outcome = 5 // older than its policy allows
	Discarded Outcome = 6 // nothing to deliver: the transform dropped it, the webhook was deleted, or the stored event is damaged
)

// Settles reports whether no further attempt follows by itself.
func (o Outcome) Settles() bool { return o != Retrying }

// IsAttempt reports whether a request was made.
func (o Outcome) IsAttempt() bool { return o <= Failed }

// String returns the outcome's public name.
func (o Outcome) String() string {
	names := [...]string{"", "delivered", "retrying", "failed", "canceled", "expired", "discarded"}
	if int(o) < len(names) {
		return names[o]
	}
	return ""
}

// Attempt is one entry of the log: a request made for a delivery, with
// all that was sent and came back, or the settling of a delivery without one
// (see Outcome). A body that a format makes of the event is not stored again:
// see exchange.Request.BodyFormat.
type Attempt struct {
	ID        event.ID // given when recorded
	Tenant    event.TenantID
	Event     event.ID
	EventName string // the publisher's id of the event, may be empty
	EventType string
	Webhook   uint32
	Number    int       // 1 for the first attempt of the delivery
	At        time.Time // when it began, UTC
	Outcome   Outcome
	Test      bool // made by "test"
	// ErrorKind says how the attempt failed; empty for a success.
	ErrorKind exchange.Kind
	Error     string // the failure in words; empty for none
	Request   exchange.Request
	// Response is nil when no complete answer came.
	Response *exchange.Response
	Timing   exchange.Timing
	NextAt   time.Time // of the retry; zero: none
	// Batch describes the other deliveries in the request; nil: there were none.
	// Each delivery of a batch has an entry. That of the first one, the leader's,
	// stands for the request; the others have neither Request, Response nor Timing.
	Batch *Batch
	// Trace is the event's, nil for none. It is no part of the log: it is set only in entries that have just been made.
	Trace *event.Trace
}

// Batch is several deliveries in one request.
type Batch struct {
	ID    event.ID // from Store.EventReserve, the same in each attempt of the batch
	Lead  event.ID // the event of its first delivery
	Count int      // deliveries in it, at most MaxBatch
	// Events are the deliveries' events in the order of the body, which is that
	// of their ids; nil in the entries of all but the leader.
	Events []event.ID
	// Items say which of Events are stored. They are not part of the log:
	// Ledger.Attempt sets them.
	Items []BatchItem
}

// BatchItem is an event of a batch.
type BatchItem struct {
	Event           event.ID
	Name, EventType string // empty when the event is no longer stored
}

// Follows reports whether the request is in the entry of another delivery.
func (a *Attempt) Follows() bool { return a.Batch != nil && a.Batch.Lead != a.Event }

// Delivery returns the delivery the attempt was made for.
func (a *Attempt) Delivery() event.DeliveryID {
	return event.DeliveryID{Event: a.Event, Webhook: a.Webhook}
}

// Span returns the id of the attempt's span. There must be a Trace.
func (a *Attempt) Span() [8]byte { return a.Trace.AttemptSpan(a.Delivery(), a.Number, a.At) }

// Reason says why a delivery is owed rather than done.
type Reason uint8

// The reasons. Stored as numbers: never change one's value.
const (
	ReasonRetry   Reason = 1 // an attempt failed; the next waits for its time
	ReasonBacklog Reason = 2 // more is due to its endpoint than memory should hold
	ReasonLater   Reason = 3 // the event asked for a later time
	ReasonManual  Reason = 4 // a person asked for it: retry, resend, recover, replay
	ReasonTurn    Reason = 5 // deliveries before it in its order are not done
	ReasonGather  Reason = 6 // it waits for others to share its request
	ReasonFilter  Reason = 7 // undecided: the webhook's filter has not been evaluated, which takes long
)

// String returns the reason in words.
func (r Reason) String() string {
	names := [...]string{"", "waiting for its retry", "waiting for its endpoint's turn", "not due yet", "asked for by hand", "waiting for those before it", "waiting for its batch to fill", "waiting for its filter to be evaluated"}
	if int(r) < len(names) {
		return names[r]
	}
	return ""
}

// Owed is a delivery that cannot be finished now.
type Owed struct {
	Tenant  event.TenantID
	Event   event.ID
	Webhook uint32
	// Due is when it may be attempted, UTC, to the millisecond.
	Due time.Time
	// Since is when this round of attempts began to count: the policy's
	// maximum age runs from here. Milliseconds.
	Since time.Time
	// Attempts is how many were made in all; Base how many of them belong to
	// earlier rounds (before a manual retry), so that a round has Attempts-Base.
	Attempts int
	Base     int
	Reason   Reason
	// Order puts deliveries of a webhook in sequence: those with the same
	// Order are claimed strictly in the order of their events. Zero: none.
	// Below zero they are a batch, and it is the negated id of that: they are
	// claimed together or not at all. They have the same Due.
	Order int64
	// Token proves a claim. Zero: not claimed.
	Token int64
}

// Delivery returns the delivery that is owed.
func (o *Owed) Delivery() event.DeliveryID {
	return event.DeliveryID{Event: o.Event, Webhook: o.Webhook}
}

// Record is a group of results that are committed together: attempts and what
// follows from them.
type Record struct {
	// Attempts are appended to the log; Record sets their IDs.
	Attempts []*Attempt
	// Owe adds owed deliveries, or replaces the row of the same delivery. A
	// row with a Token replaces only the row that carries that claim, and
	// leaves it unclaimed.
	Owe []Owed
	// Settle deletes owed rows. A row with a Token is deleted only while it
	// carries that claim.
	Settle []Owed
	// Close marks intakes as done: each of their deliveries is settled or owed,
	// in this record or in an earlier one.
	Close []event.ID
}

// ErrFenced is returned (wrapped) by writes of a node that was taken for dead:
// others have, or will have, its open intakes and claims. Nothing of the call
// was done, and trying it again with what the caller holds cannot help. See
// SharedStore.OnLost.
var ErrFenced = errors.New("this node's lease was lost")

// Intake is a block of a group commit: accepted events that are stored, routed again after a crash, and closed together.
type Intake struct {
	ID     event.ID // the id of its first event; the others follow without a gap
	Events []event.Event
	// Token identifies the registration of the node that owns the intake; see SharedStore.
	Token int64
	// Owed lists deliveries of the events that were stored as owed with them;
	// see SharedStore.OweWith.
	Owed []event.DeliveryID
}

// OwedSummary counts the deliveries owed to one webhook.
type OwedSummary struct {
	Tenant  event.TenantID
	Webhook uint32
	Next    time.Time // the earliest due time of an unclaimed row
	Count   int       // rows; exact up to 10,000, else at least that
}

// Backlog says what is owed to one webhook. Times are due times of rows that are not claimed, leaving out those that wait
// behind another of their Order.
type Backlog struct {
	Webhook uint32
	Count   int       // rows, claimed ones included; exact up to 10,000, else at least that
	Oldest  time.Time // the earliest that has passed; zero: nothing is due
	Next    time.Time // the earliest to come; zero: none
}

// MaxRun is how many deliveries of one Order above zero are claimed at a time
// behind the first.
const MaxRun = 32

// MaxBatch is how many deliveries a batch has at most.
const MaxBatch = webhook.MaxBatchEvents

// Store is the storage that the engine needs. All methods are safe for
// concurrent use. An error that wraps problem.ErrUnavailable means nothing was done.
type Store interface {
	// Record commits r: the attempts first, and then, only when they are
	// durable, Owe, Settle and Close. After a crash an intake may appear open
	// though it was closed, an owed row may appear though it was settled; the
	// reverse never happens. Attempts that were recorded twice because the
	// second half failed appear twice in the log, with different ids.
	//
	// Requests of people (rows in Owe with ReasonManual and no Token) are durable
	// when it returns: no part of Relay would make them again.
	Record(ctx context.Context, r *Record) error

	// IntakeOpen calls f for each intake of this installation that was not
	// closed when the store was opened, in order. Used once, at start.
	IntakeOpen(ctx context.Context, f func(Intake) error) error
	// IntakeHas reports whether a stored event is in an intake that is not
	// closed. It holds from the moment at which the event can be read.
	IntakeHas(ctx context.Context, id event.ID) (bool, error)
	// SettledSince calls f for each delivery with a settling entry in the log
	// recorded at or after the id; recovery skips those.
	SettledSince(ctx context.Context, since event.ID, f func(event.DeliveryID)) error

	// OwedClaim claims up to limit deliveries of the webhook with due times up
	// to now, in order of due time. They are not given again until recorded or
	// released, or until the store is opened again (or, with several nodes,
	// the claiming node's lease has run out).
	//
	// Of rows with the same Order only the first, by event, decides: while it
	// is claimed or not due, none behind it is claimed. When it is claimed, up
	// to MaxRun rows behind it are claimed with it and follow it directly in
	// the result, in order, whatever their due times; they count towards limit.
	//
	// Rows with the same Order below zero are claimed all at once, even beyond
	// limit, or, while one of them is claimed, not at all.
	OwedClaim(ctx context.Context, webhook uint32, now time.Time, limit int) ([]Owed, error)
	// OwedRelease gives claims back unchanged.
	OwedRelease(ctx context.Context, claims []Owed) error
	// OwedSummaries returns a summary for each webhook that is owed anything.
	OwedSummaries(ctx context.Context) ([]OwedSummary, error)
	// OwedNext returns the earliest due time of an unclaimed row of the
	// webhook, leaving out rows that wait behind another of their Order; ok is
	// false when there is none.
	OwedNext(ctx context.Context, webhook uint32) (due time.Time, ok bool, err error)
	// OwedBacklog returns what is owed to the webhooks of a tenant, by rising number, without those that are owed nothing. It
	// is one look into an index for each, however much is owed.
	OwedBacklog(ctx context.Context, tenant event.TenantID, now time.Time) ([]Backlog, error)
	// OwedGet returns the row of an owed delivery; ok is false without one.
	// A claimed row is returned, too.
	OwedGet(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (o Owed, ok bool, err error)
	// OwedOfEvent returns all rows of an event.
	OwedOfEvent(ctx context.Context, tenant event.TenantID, id event.ID) ([]Owed, error)
	// OwedList pages through the rows of a tenant, newest event first.
	OwedList(ctx context.Context, q OwedQuery) ([]Owed, error)
	// OwedMove sets the due time of an unclaimed row, its Base to its Attempts,
	// its Since to due and its Reason to ReasonManual; it reports whether there was
	// one. All rows of a batch move with it. Durable on return.
	OwedMove(ctx context.Context, tenant event.TenantID, d event.DeliveryID, due time.Time) (bool, error)
	// OwedReschedule calls f for the rows of the webhook that are due after the
	// time, claimed ones included; where f returns true the row is to have the
	// Due, which must be earlier, and the Since it has given it. It returns how
	// many were changed. A row that others change meanwhile is left to them.
	OwedReschedule(ctx context.Context, webhook uint32, after time.Time, f func(*Owed) (bool, error)) (int, error)
	// OwedDiscard removes the rows of a deleted webhook, in bounded steps.
	OwedDiscard(ctx context.Context, tenant event.TenantID, webhook uint32) error

	// EventGetMany returns the events with the given ids, those that still
	// exist, in any order. It is fastest for ids close to each other. Those that
	// are stored but damaged are left out; the others are then returned with a
	// *DamagedError that names them.
	EventGetMany(ctx context.Context, ids []event.ID) ([]event.Event, error)

	// Newest returns the time of the newest id below that of the given time
	// which an event or an entry of the log has; zero: there is none.
	Newest(ctx context.Context, before time.Time) (time.Time, error)

	// EventReserve returns an id that no stored event has or will have, for the
	// synthetic event of a test.
	EventReserve() event.ID

	// Expire removes what retention no longer keeps: attempts made before
	// attemptsBefore and what the products above keep as long as those; then
	// events accepted before eventsBefore, with their idempotency keys, but
	// never an event that is owed, in an open intake, or has an entry in the
	// log: the entry shows its body, and Retry needs it. Expire never holds a
	// writer for more than about 20 ms at a time.
	Expire(ctx context.Context, eventsBefore, attemptsBefore time.Time) error

	LogStore
	JobStore
	access.Auditor
}

// OwedQuery selects owed deliveries. Zero fields select everything.
type OwedQuery struct {
	Tenant  event.TenantID // required
	Webhook uint32
	Except  []uint32         // webhooks to leave out; not with Webhook
	Before  event.DeliveryID // cursor: deliveries behind it; zero: from the newest
	Limit   int
}

// LogQuery selects attempts. Zero fields select everything.
type LogQuery struct {
	Tenant  event.TenantID // required
	Webhook uint32
	Except  []uint32 // webhooks to leave out; not with Webhook
	// Event selects the attempts of one event, with those whose request is in
	// another's entry. It is for Ledger.Attempts: a store has AttemptsOfEvent.
	Event event.ID
	// Outcomes to include; empty: those of attempts (not of settlings without a request).
	Outcomes []Outcome
	// StatusMin and StatusMax bound the response status, both inclusive; zero: any.
	StatusMin, StatusMax int
	// ErrorKind selects the attempts that failed in this way; empty: all. Only
	// Retrying and Failed have one.
	ErrorKind exchange.Kind
	EventType string
	// Followers includes the entries of deliveries whose request is in another's
	// entry (see Attempt.Batch). They have no status.
	Followers    bool
	Since, Until time.Time // of the attempt; Until is exclusive
	Before       event.ID  // cursor: attempts with lower ids; zero: from the newest
	Limit        int       // 1 to 250
}

// Searches reports whether entries are looked through for those that match. What belongs to a tenant, a webhook or an event
// has an index.
func (q *LogQuery) Searches() bool {
	return q.EventType != "" || q.ErrorKind != "" || q.StatusMin != 0 || len(q.Outcomes) > 0
}

// LogStore reads the log.
type LogStore interface {
	// AttemptGet returns one entry of the tenant; ok is false without one.
	AttemptGet(ctx context.Context, tenant event.TenantID, id event.ID) (a *Attempt, ok bool, err error)
	// AttemptList returns entries newest first, up to q.Limit. next is the
	// cursor for more, zero when there are none. A query that matches rarely
	// may return fewer than Limit, even none, with a cursor: it stops after
	// having read for a second or so.
	AttemptList(ctx context.Context, q LogQuery) (list []*Attempt, next event.ID, err error)
	// AttemptsOfEvent returns all entries for an event, oldest first, up to 1,000 newest.
	AttemptsOfEvent(ctx context.Context, tenant event.TenantID, id event.ID) ([]*Attempt, error)
	// AttemptsOfDelivery returns all entries of a delivery, oldest first.
	AttemptsOfDelivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) ([]*Attempt, error)
	// Stats returns counters per step from q.From (inclusive) to q.To, oldest
	// first, and of one step by webhook. Step is a whole number of minutes.
	// Steps without attempts are left out. A batch counts once.
	Stats(ctx context.Context, q StatsQuery) ([]StatsPoint, error)
}

// StatsQuery selects counters.
type StatsQuery struct {
	Tenant  event.TenantID
	Webhook uint32 // zero: all of the tenant, summed
	// Each asks for several webhooks in one read, each with points of its own, in place of Webhook. Nil: Webhook counts.
	Each     []uint32
	From, To time.Time
	Step     time.Duration // a whole number of minutes
}

// StatsPoint is what happened in one step of time.
type StatsPoint struct {
	At        time.Time // the step's beginning, UTC
	Webhook   uint32    // with StatsQuery.Each, else zero
	Delivered int64     // attempts that ended so, and so on
	Retrying  int64
	Failed    int64
	TotalMs   int64 // sum of the attempts' total times, milliseconds
	MaxMs     int64
}

// JobKind is the kind of a background job.
type JobKind string

// The kinds of job.
const (
	JobRecover JobKind = "recover" // retry all failed deliveries since a time
	JobReplay  JobKind = "replay"  // deliver all matching events since a time
)

// JobState is where a job stands.
type JobState string

// The states of a job.
const (
	JobRunning  JobState = "running"
	JobDone     JobState = "done"
	JobCanceled JobState = "canceled"
	JobFailed   JobState = "failed"
)

// Job is a recover or replay in the background. It goes on after a restart.
type Job struct {
	ID         string // "job_…"
	Tenant     event.TenantID
	Webhook    uint32
	Kind       JobKind
	State      JobState
	Since      time.Time // events or failures from here …
	Until      time.Time // … to here, the moment the job was asked for
	Cursor     event.ID  // everything up to here is done
	Scanned    int64     // events or failures looked at
	Owed       int64     // deliveries made of them
	Error      string    // why it failed; empty otherwise
	CreatedAt  time.Time
	FinishedAt time.Time // zero: not yet
	// Token proves a claim; see JobStore.JobClaim. Zero: none.
	Token int64
}

// JobStore keeps jobs.
type JobStore interface {
	// JobPut adds a job or replaces the one with the same id; durable on return.
	JobPut(ctx context.Context, j Job, entry *access.Entry) error
	// JobClaim returns the running jobs that nobody runs, and makes them the
	// caller's until the store is opened again (or, with several nodes, its
	// lease has run out): they carry its Token, and are not given again.
	JobClaim(ctx context.Context) ([]Job, error)
	// JobProgress stores how far a job has come: State, Cursor, Scanned, Owed,
	// Error and FinishedAt. It reports false, and changes nothing, when the job
	// is not running any more or its claim has ended.
	JobProgress(ctx context.Context, j Job) (bool, error)
	// JobCancel ends a running job of the tenant, durably; it reports whether
	// there was one.
	JobCancel(ctx context.Context, tenant event.TenantID, id string, at time.Time, entry *access.Entry) (bool, error)
	// JobGet returns a job of the tenant; ok is false without one.
	JobGet(ctx context.Context, tenant event.TenantID, id string) (j Job, ok bool, err error)
	// JobList returns the jobs of a tenant (zero: of all), newest first, at most 250.
	JobList(ctx context.Context, tenant event.TenantID) ([]Job, error)
	// EventScan calls f for the tenant's events with ids in (after, until], in
	// order, until f returns false.
	EventScan(ctx context.Context, tenant event.TenantID, after, until event.ID, f func(*event.Event) bool) error
	// FailedScan calls f for deliveries of the webhook whose last entry in the
	// log is Failed or Expired, with attempt ids in (after, until], in order,
	// until f returns false.
	FailedScan(ctx context.Context, tenant event.TenantID, webhook uint32, after, until event.ID, f func(*Attempt) bool) error
}
