package access

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/relay-events/relay/internal/event"
)

// Entry is one change that somebody made. It holds no secrets: the domain that makes it leaves them out.
type Entry struct {
	ID      event.ID // given by the store; rises with time
	Tenant  event.TenantID
	At      time.Time // UTC, milliseconds
	Actor   Actor
	Request Request
	// Action is what was done, such as "gate.update".
	Action string
	// Targets are what it was done to, the most important first. There is none where a tenant has only one, such as its gate.
	Targets []Target
	// Before and After are JSON objects of what the change was about; nil: there was nothing.
	Before, After []byte
}

// Target is something that was changed.
type Target struct {
	Type string `json:"type"` // as in the prefix of the action: "webhook"
	ID   string `json:"id"`
	Name string `json:"name,omitempty"` // its label or description at the time
}

// maxShown bounds what an entry shows of a thing before or after a change, in bytes: event types may have schemas of
// 256 KiB. Of more it says how much there is.
const maxShown = 64 << 10

// shown is how entries show values: a duration as settings are written, such as "5s".
var shown = json.WithMarshalers(json.MarshalFunc(func(d time.Duration) ([]byte, error) {
	return json.Marshal(d.String())
}))

// Entry returns the audit entry of a change that the principal makes now. before and after are marshalled to JSON, unless
// nil.
func (p *Principal) Entry(action string, before, after any, targets ...Target) (*Entry, error) {
	e := &Entry{
		Tenant: p.Tenant, At: time.Now().UTC().Truncate(time.Millisecond), Actor: p.Actor, Request: p.Request,
		Action: action, Targets: targets,
	}
	for _, v := range []struct {
		from any
		into *[]byte
	}{{before, &e.Before}, {after, &e.After}} {
		if v.from == nil {
			continue
		}
		b, err := json.Marshal(v.from, shown)
		if err != nil {
			return nil, fmt.Errorf("making the audit entry of %s: %w", action, err)
		}
		if len(b) > maxShown {
			b = fmt.Appendf(nil, `{"bytes":%d,"tooLarge":true}`, len(b))
		}
		*v.into = b
	}
	return e, nil
}

// Query selects entries of the audit log. Zero fields select everything.
type Query struct {
	Tenant       event.TenantID // required
	Action       string         // exactly, or with a final ".*" everything below it: "webhook.*"
	Actor        string         // an actor's id, exactly
	Target       string         // the id of the most important target, exactly
	Since, Until time.Time      // Until is exclusive
	Before       event.ID       // cursor: entries with lower ids; zero: from the newest
	Limit        int            // 1 to 250
}

// Auditor adds to the audit log what no transaction of a change can: entries about something that was looked at, and about
// deliveries, sign-ins and encryption keys before they change.
type Auditor interface {
	// AuditAppend adds an entry, durable on return.
	AuditAppend(ctx context.Context, e *Entry) error
}

// AuditStore keeps the audit log. Nothing changes an entry, and only the erasure of its tenant removes it. Its methods are
// safe for concurrent use. Other entries are added by the calls that store changes, in the same transaction.
type AuditStore interface {
	Auditor
	// AuditList returns entries newest first, up to q.Limit, and the cursor for more, zero when there are none.
	AuditList(ctx context.Context, q Query) (list []Entry, next event.ID, err error)
}
