package journey

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/event"
)

// State says how a profile is in a journey.
type State string

// The states. The first three are inside, the others have ended.
const (
	Running State = "running" // its next step is due
	Waiting State = "waiting" // for a time, an event, or the outcome of a send
	Failed  State = "failed"  // a step could not be taken; Words say why. It goes on when somebody retries it
	Done    State = "done"    // it came to the end
	Exited  State = "exited"  // an exit, or the end of the journey, took it out
)

// Ended reports whether the profile is no longer inside.
func (s State) Ended() bool { return s == Done || s == Exited }

// Enrolment is a profile in a journey: all that the journey knows of it.
type Enrolment struct {
	Tenant  event.TenantID
	ID      string // "enr_…"
	Journey int64
	Version int // of the journey: it stays what it was at the entry
	Profile string
	// Key tells the runs of a profile apart. Of one key there is one run at a time.
	Key string
	// Entry names what started it. A journey has one enrolment for each.
	Entry string
	State State
	Step  string // the one to be taken next, or where it waits; empty: the end
	// Due is when it goes on; zero: it does not by itself.
	Due time.Time
	// Held rows have a journey that is paused: they are looked at when it goes on.
	Held  bool
	Notes Notes
	// Keep is until when it is remembered after its end.
	Keep      time.Time
	EndedAt   time.Time // zero: it is inside
	CreatedAt time.Time
	UpdatedAt time.Time
	Rev       int64 // 0: it is not stored yet; rises with each change
}

// Notes are the parts of an enrolment that no query looks at.
type Notes struct {
	// Entry is what expressions see as entry, kept if one does.
	Entry json.RawMessage `json:"entry,omitempty"`
	// Begun is when the step was reached that it waits in; zero: it was not reached yet.
	Begun time.Time `json:"begun,omitzero"`
	// Clock tells that Due is a time that people know, which a pause does not shift.
	Clock bool `json:"clock,omitempty"`
	// Shifted is how long the journey had been paused in all, as far as it shifts, when Due was set.
	Shifted time.Duration `json:"shifted,omitempty"`
	// Met tells that the event came which the step waits for.
	Met bool `json:"met,omitempty"`
	// Seen are the steps that count events since the entry, and of which one came.
	Seen []string `json:"seen,omitempty"`
	// Round rises when somebody moves the enrolment, so that a send that is made again is another one.
	Round int    `json:"round,omitempty"`
	Words string `json:"words,omitempty"` // why it failed or ended
	// Trail counts the steps that were taken.
	Trail int `json:"trail,omitempty"`
	// Spread tells that quiet hours have deferred the send of the step.
	Spread bool `json:"spread,omitempty"`
}

// Trace is a step that was taken.
type Trace struct {
	At    time.Time
	Step  string
	Kind  string // that of the step; "enter", "exit", "move", "retry" or "fail" for what is none
	Words string
}

// SendState says how far a send is.
type SendState string

// The states of a send.
const (
	SendNew       SendState = "new"     // not handed to the engine yet
	SendPending   SendState = "pending" // on its way
	Sending       SendState = "sending" // a request is under way
	SendDelivered SendState = "delivered"
	SendRejected  SendState = "rejected" // Words say why
	SendSkipped   SendState = "skipped"  // nothing was sent; Words say why
	SendCanceled  SendState = "canceled" // the profile left the journey first
)

// ended reports whether nothing more comes of the send.
func (s SendState) ended() bool { return s != SendNew && s != SendPending && s != Sending }

// Send is what a step sends through a connection.
type Send struct {
	Tenant     event.TenantID
	ID         string // "snd_…", the same in each attempt
	Enrolment  string
	Journey    int64
	Version    int
	Profile    string
	Step       string
	Connection string
	Operation  string
	State      SendState
	Payload    []byte // of the moment of the step
	Words      string
	At         time.Time
	// Event is the one by which the engine and its log know the send; 0: it was not handed over, or by a version of Relay that
	// did not note it.
	Event event.ID
}

// EnrolmentPrefix begins the public ids of enrolments.
const EnrolmentPrefix = "enr_"

// sendID is the id of a step's send: a step that is taken again after a crash makes the same.
func sendID(e *Enrolment, step string) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%s/%d", e.Tenant, e.ID, step, e.Notes.Round))
	return "snd_" + hex.EncodeToString(h[:16])
}

// share returns a number below 100 that is the same whenever the enrolment comes to the step.
func share(e *Enrolment, step string) int {
	h := sha256.Sum256([]byte(e.ID + "/" + step))
	return int(uint32(h[0])<<24|uint32(h[1])<<16|uint32(h[2])<<8|uint32(h[3])) % 100
}
