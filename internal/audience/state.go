package audience

import (
	"time"

	"github.com/relay-events/relay/internal/connector"
)

// State is where a profile stands at a partner.
type State string

// The states.
const (
	None          State = ""              // not wanted there, and not there
	PendingAdd    State = "pendingAdd"    // on its way
	PendingUpdate State = "pendingUpdate" // there, and to be told of a change
	PendingRemove State = "pendingRemove" // there, and to be removed
	SendingState  State = "sending"       // a request is under way
	Synced        State = "synced"        // there
	Rejected      State = "rejected"      // the partner did not accept it; Words say why
	Skipped       State = "skipped"       // the connector sends nothing of it; Words say why
	Suppressed    State = "suppressed"    // it must not be contacted
	Kept          State = "kept"          // there, and the connector cannot remove it
)

// Sync is what is wanted of a profile at a partner, and what was sent: at most one operation is under way, and what changes
// meanwhile is seen when that has ended. It is level-triggered: what is sent follows from want and sent alone, so that
// entering and leaving a thousand times in between costs one request or none.
//
//	entering ── turn ──▶ event ──▶ begin: sending ──▶ end: synced, or wanted otherwise meanwhile: the next turn
//
// An event of the engine carries a turn. An event whose turn has passed sends nothing.
type Sync struct {
	Want bool `json:"want,omitempty"`
	// WantVersion rises with each change of Want, and of the profile while it is wanted.
	WantVersion int64  `json:"wantVersion,omitempty"`
	Sent        bool   `json:"sent,omitempty"`
	SentVersion int64  `json:"sentVersion,omitempty"`
	Hash        string `json:"hash,omitempty"` // of what was sent
	// Forget tells that the partner is to forget the profile, where it can, instead of removing it.
	Forget bool  `json:"forget,omitempty"`
	State  State `json:"-"`
	// Turn is that of the event that is on its way, 0: there is none. Turns is the last one that was given.
	Turn  int64 `json:"-"`
	Turns int64 `json:"turns,omitempty"`
	// Of the operation under way.
	Op           connector.Operation `json:"op,omitempty"`
	BegunVersion int64               `json:"begunVersion,omitempty"`
	BegunHash    string              `json:"begunHash,omitempty"`
	Words        string              `json:"words,omitempty"`
	At           time.Time           `json:"at"`
}

// needs returns the operation that takes the partner from what was sent to what is wanted, "" for none.
func (s *Sync) needs() connector.Operation {
	switch {
	case s.Want && !s.Sent:
		return connector.Enter
	case !s.Want && s.Sent && s.Forget:
		return connector.Forget
	case !s.Want && s.Sent:
		return connector.Leave
	case s.Want && s.WantVersion != s.SentVersion:
		return connector.Update
	}
	return ""
}

// Wants notes that the profile is to be at the partner or not; changed tells that what would be sent of it may have
// changed. It reports whether anything is different now.
func (s *Sync) Wants(in, changed bool, at time.Time) bool {
	if s.Want == in && !(in && changed) {
		return false
	}
	s.Want, s.At = in, at
	s.WantVersion++
	s.plan()
	return true
}

// plan decides whether an event must be on its way.
func (s *Sync) plan() {
	if s.State == SendingState {
		return // its answer comes first
	}
	op := s.needs()
	if op == "" {
		if s.Turn = 0; s.Sent {
			s.State = Synced
		} else {
			s.State = None
		}
		s.Words = ""
		return
	}
	if s.Turn == 0 {
		s.Turns++
		s.Turn = s.Turns
	}
	s.Words = ""
	s.State = map[connector.Operation]State{connector.Enter: PendingAdd, connector.Update: PendingUpdate, connector.Leave: PendingRemove, connector.Forget: PendingRemove}[op]
}

// over reports whether the row of a list has nothing to say any more: the profile is neither wanted at the partner nor
// there, and nobody has to know why.
func (s *Sync) over() bool {
	return !s.Want && !s.Sent && s.Turn == 0 && s.State == None
}

// forget takes everything back that was wanted, so that the row can be deleted.
func (s *Sync) forget() {
	s.Want, s.Sent, s.Turn, s.State, s.Hash, s.Words = false, false, 0, None, "", ""
}

// Again has what was held back or rejected tried once more; what must not be contacted is not.
func (s *Sync) Again() {
	if s.State != Suppressed {
		s.plan()
	}
}

// Suppress holds back entering and changing; removal is never suppressed. It reports whether it did.
func (s *Sync) Suppress(words string, at time.Time) bool {
	if op := s.needs(); s.State == SendingState || removes(op) || op == "" {
		return false
	}
	s.Turn, s.State, s.Words, s.At = 0, Suppressed, words, at
	return true
}

// Bar notes why a profile that is in the audience is not wanted at the partner. One that is there is being removed, which
// comes first. It reports whether anything is different now.
func (s *Sync) Bar(words string, at time.Time) bool {
	if s.State == SendingState || s.Sent || s.State == Suppressed && s.Words == words {
		return false
	}
	s.Turn, s.State, s.Words, s.At = 0, Suppressed, words, at
	return true
}

func removes(op connector.Operation) bool { return op == connector.Leave || op == connector.Forget }

// Opened returns the operation that the event of a turn is to make; why says that there is none.
func (s *Sync) Opened(turn int64) (op connector.Operation, why string) {
	switch {
	case s.Turn != turn:
		return "", "something newer has taken its place"
	case s.State == SendingState:
		return s.Op, "" // again
	}
	if op = s.needs(); op == "" {
		return "", "there is nothing to send"
	}
	return op, ""
}

// Begin notes that an operation is about to be sent whose item has the hash. why says that it is not to be sent after
// all.
func (s *Sync) Begin(turn int64, op connector.Operation, hash string, at time.Time) (why string) {
	if s.Turn != turn {
		return "something newer has taken its place"
	}
	if s.State != SendingState {
		now := s.needs()
		switch {
		case now == connector.Update && hash == s.Hash:
			s.SentVersion, s.At = s.WantVersion, at
			s.plan()
			return "nothing has changed for the partner"
		case now != op: // between reading and now
			s.Turn = 0
			s.plan()
			return "something newer has taken its place"
		}
	}
	s.State, s.Op, s.BegunVersion, s.BegunHash, s.At = SendingState, op, s.WantVersion, hash, at
	return ""
}

// End notes how the operation of a turn has ended.
func (s *Sync) End(turn int64, verdict connector.Verdict, skipped bool, words string, at time.Time) {
	if s.Turn != turn {
		return // it was noted before
	}
	begun := s.State == SendingState
	op, version := s.Op, s.BegunVersion
	if !begun {
		op, version = s.needs(), s.WantVersion
	}
	s.Turn, s.Op, s.At, s.Words = 0, "", at, words
	changed := begun && version != s.WantVersion
	switch {
	case verdict == connector.Delivered && removes(op):
		s.Sent, s.Hash = false, ""
	case verdict == connector.Delivered:
		s.Sent, s.Hash, s.SentVersion = true, s.BegunHash, version
	case op == connector.Update: // what was sent before stays there
		s.SentVersion = version
	}
	s.BegunHash, s.BegunVersion = "", 0
	if s.State = None; changed || verdict == connector.Delivered {
		s.plan()
		return
	}
	switch {
	case removes(op) && skipped:
		s.State = Kept
	case skipped:
		s.State = Skipped
	default:
		s.State = Rejected
	}
}
