package gate

import (
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// RespondentPrefix begins the public ids of respondents.
const RespondentPrefix = "rsp_"

// State is where a respondent stands.
type State uint8

// The states. Stored as numbers: never change one's value.
//
//	            ┌─ gate off, or added directly ─────────────▶ stored
//	received ───┤
//	            └─▶ pending ─┬─ decide: accept ─────────────▶ stored
//	                  ▲      ├─ decide: reject ─────────────▶ rejected
//	                  │      ├─ forward: the endpoint took it ▶ forwarded
//	                  │      └─ given up: held, stored or discarded, as the settings say
//	                  └── retried by hand ── held
const (
	Pending   State = 1 // on its way to the gate's endpoint
	Stored    State = 2 // in its campaign
	Rejected  State = 3 // the endpoint said so
	Held      State = 4 // the endpoint could not be asked; a person decides
	Discarded State = 5 // the endpoint could not be asked, and the settings say to drop it
	Forwarded State = 6 // the endpoint has taken it over
)

// States lists all states in the order they are documented.
var States = []State{Stored, Pending, Held, Rejected, Discarded, Forwarded}

var stateNames = [...]string{
	Pending: "pending", Stored: "stored", Rejected: "rejected", Held: "held", Discarded: "discarded", Forwarded: "forwarded",
}

// String returns the state's public name.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return ""
}

// ParseState returns the state of a public name.
func ParseState(name string) (State, bool) {
	for _, s := range States {
		if s.String() == name {
			return s, true
		}
	}
	return 0, false
}

// Final reports whether nothing follows by itself.
func (s State) Final() bool { return s != Pending }

// Kept reports whether a respondent in the state stays until somebody erases it. The others are the gate's log, and go
// with the log of attempts.
func (s State) Kept() bool { return s == Stored || s == Held || s == Pending }

// Respondent is a person somebody wants in a campaign, as stored. It is one row from the moment it is received: what
// the gate decides changes the row's state, so that nobody can be stored twice.
type Respondent struct {
	ID       event.ID // given by the store
	Tenant   event.TenantID
	Campaign int64
	// Source is the integration it came by; empty: it was added directly.
	Source string
	State  State
	// Round counts how often it was sent to the gate from the start: 1, and one more for each retry by hand. 0: never.
	Round int
	// Payload is the JSON document as it was received, byte for byte, or as the endpoint changed it.
	Payload []byte
	// DoNotContact marks somebody who must not be contacted by anything Relay sends.
	DoNotContact bool
	// Email, Phone and Text are what searches look at: see Payload.index.
	Email, Phone, Text string
	// Warnings name doubtful contact data.
	Warnings []problem.Field
	// Reason says why it is in its state, in words; may be empty.
	Reason string
	// LogKey encrypts the endpoint's answers in the log of attempts, so that erasing the row erases them.
	LogKey []byte
	// Once is the idempotency key within the tenant, empty for none, and Digest tells payloads apart.
	Once      string
	Digest    [16]byte
	CreatedAt time.Time // UTC, milliseconds
	DecidedAt time.Time // when it got its state; zero: pending from the start
}

// Public returns the respondent's public id, "rsp_…".
func (r *Respondent) Public() string { return r.ID.Public(RespondentPrefix) }

// Campaign is what respondents are gathered in. It comes into being with its first stored respondent, or is made
// before, which gives it a name.
type Campaign struct {
	Tenant    event.TenantID
	ID        int64 // chosen by the customer, 1 to MaxCampaign
	Name      string
	CreatedAt time.Time
	UpdatedAt time.Time
	Stored    int64 // respondents in it; filled by reading
}

// MaxCampaign is the largest campaign id: the largest integer that a double holds exactly, as many JSON parsers read numbers into one.
const MaxCampaign = 1<<53 - 1
