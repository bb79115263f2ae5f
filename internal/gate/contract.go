package gate

import (
	"context"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
)

// ErrNotFound is returned for a campaign or respondent that is not there, or is another tenant's.
var ErrNotFound = errors.New("gate: not found")

// Change is one change of a respondent: it is added, or goes from one state to another.
type Change struct {
	// Add is the respondent to add; the store sets its ID. Nil: Move.
	Add *Respondent
	// Move changes the state of a respondent, if it is in the state From and the round Round; otherwise nothing
	// happens. See Done.
	Move *Move

	// Existing is set for an Add whose idempotency key was used before: the respondent stored then. Nothing was added.
	Existing *Respondent
	// Done is set for a Move that happened.
	Done bool
	// Campaign is for the store's own use.
	Campaign int64
}

// Move is a change of state.
type Move struct {
	Tenant event.TenantID
	ID     event.ID
	From   State
	Round  int // the respondent's round before
	To     State
	Again  bool   // the round goes up by one
	Reason string // replaces the reason
	At     time.Time
	// Audit is the entry that is stored with the move, if it happens; nil: nobody asked for it by hand.
	Audit *access.Entry
	// Changed holds the new payload and what is stored beside it (Campaign, DoNotContact, Email, Phone, Text,
	// Warnings); nil: they stay.
	Changed *Respondent
}

// Query selects respondents of one state. Zero fields select everything.
type Query struct {
	Tenant       event.TenantID // required
	State        State          // required
	Campaign     int64
	Source       string // the integration
	Direct       bool   // only those added directly
	Email        string // exactly, in lower case
	Phone        string // exactly, in E.164 form
	Text         string // found in name, address, number or company; in lower case
	DoNotContact *bool
	Since, Until time.Time // of CreatedAt; Until is exclusive
	Before       event.ID  // cursor: respondents with lower ids; zero: from the newest
	Limit        int       // 1 to 1000
}

// Store keeps campaigns and respondents, and the gate's own settings. A change is durable when the call returns. All
// methods are safe for concurrent use. An error that wraps problem.ErrUnavailable means that nothing was done, as far as
// the store can know. The audit entry of a change is stored with it, in the same transaction; nil: there is none.
type Store interface {
	// RespondentWrite makes all changes in one transaction, in order, and sets what they report. Adding a respondent as
	// Stored, or moving one there, makes its campaign if it is not there.
	RespondentWrite(ctx context.Context, changes []*Change) error
	// RespondentGet returns a respondent of the tenant; ok is false without one.
	RespondentGet(ctx context.Context, tenant event.TenantID, id event.ID) (r Respondent, ok bool, err error)
	// RespondentList returns respondents newest first, up to q.Limit. next is the cursor for more, zero when there are
	// none. A query that matches rarely may return fewer than Limit, even none, with a cursor.
	RespondentList(ctx context.Context, q Query) (list []Respondent, next event.ID, err error)
	// RespondentPending returns up to limit pending respondents of all tenants with ids above after, in order, without
	// their payloads.
	RespondentPending(ctx context.Context, after event.ID, limit int) ([]Respondent, error)
	// RespondentCount returns how many respondents of the tenant are in the state; exact up to 10,000, else at least that.
	RespondentCount(ctx context.Context, tenant event.TenantID, s State) (int64, error)
	// RespondentErase removes respondents of the tenant for good: those with the ids, and all with the e-mail address or
	// the telephone number, whichever is not empty. It returns how many there were, which the entry then says, too,
	// unless it is about one of them. What is left of them in the store's files is overwritten.
	RespondentErase(ctx context.Context, tenant event.TenantID, ids []event.ID, email, phone string, entry *access.Entry) (int, error)
	// RespondentExpire removes respondents that are not kept (see State.Kept) and were decided before the time. It never
	// holds a writer for more than some 20 ms at a time. The retention of attempts calls it (delivery.Store.Expire).
	RespondentExpire(ctx context.Context, before time.Time) error

	// GateList calls f with the settings of each tenant that has some. text is f's to keep.
	GateList(ctx context.Context, f func(tenant event.TenantID, text []byte) error) error
	// GatePut stores a tenant's settings.
	GatePut(ctx context.Context, tenant event.TenantID, text []byte, entry *access.Entry) error

	// CampaignCreate adds a campaign; ok is false, and nothing happens, if there is one with its id.
	CampaignCreate(ctx context.Context, c Campaign, entry *access.Entry) (ok bool, err error)
	// CampaignUpdate changes name and time of change; ErrNotFound without one.
	CampaignUpdate(ctx context.Context, c Campaign, entry *access.Entry) error
	// CampaignGet returns a campaign of the tenant; ok is false without one.
	CampaignGet(ctx context.Context, tenant event.TenantID, id int64) (c Campaign, ok bool, err error)
	// CampaignList returns up to limit campaigns with ids above after, in order.
	CampaignList(ctx context.Context, tenant event.TenantID, after int64, limit int) ([]Campaign, error)
	// CampaignDelete removes a campaign with its respondents, of every state; ErrNotFound when there was nothing. It
	// goes step by step: if it fails half-way, calling it again ends it.
	CampaignDelete(ctx context.Context, tenant event.TenantID, id int64, entry *access.Entry) error
}

// SharedStore is a Store that other servers use, too.
type SharedStore interface {
	Store
	// RespondentStillPending returns those of the ids, at most 1000 of any tenants, whose respondents are pending.
	RespondentStillPending(ctx context.Context, ids []event.ID) ([]event.ID, error)
}
