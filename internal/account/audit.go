package account

import (
	"context"
	"time"

	"github.com/relay-events/relay/internal/event"
)

// AuditEntry is one change that somebody made (SPEC section 7). It holds no secrets: whoever writes it has masked them.
type AuditEntry struct {
	ID     event.ID // given by the store; rises with time
	Tenant event.TenantID
	At     time.Time // UTC, milliseconds
	// Actor is the id of the key that made the change, and ActorName its label then.
	Actor, ActorName string
	// Action is what was done, as "gate.update", and Target to what: an id, or empty where there is only one.
	Action, Target string
	// Before and After are JSON objects of what the change was about, as the API shows it; nil: there was nothing.
	Before, After []byte
}

// AuditQuery selects entries of the audit log. Zero fields select everything.
type AuditQuery struct {
	Tenant       event.TenantID // required
	Action       string         // exactly
	Since, Until time.Time      // Until is exclusive
	Before       event.ID       // cursor: entries with lower ids; zero: from the newest
	Limit        int            // 1 to 250
}

// AuditStore keeps the audit log. Nothing changes or removes an entry. Its methods are safe for concurrent use.
type AuditStore interface {
	// AuditAppend adds an entry; it is durable on return.
	AuditAppend(ctx context.Context, e AuditEntry) error
	// AuditList returns entries newest first, up to q.Limit, and the cursor for more, zero when there are none.
	AuditList(ctx context.Context, q AuditQuery) (list []AuditEntry, next event.ID, err error)
}
