package audience

import (
	"context"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
)

// Member is a profile in an audience.
type Member struct {
	Tenant   event.TenantID
	Audience int64
	Profile  string
	Since    time.Time
}

// Key names a row.
type Key struct {
	Attachment string
	Profile    string
	Entry      int64
}

// Row is the row of a profile at a partner.
type Row struct {
	Tenant     event.TenantID
	Attachment string
	Profile    string
	// Entry tells the entries of a message apart: its time in nanoseconds since 1970; 0 for a list.
	Entry    int64
	Audience int64
	Sync     Sync
	// Frozen is the payload of a message's entry; nil for a list.
	Frozen  []byte
	Version int64 // 0: it is not stored yet
}

// Change is what one transaction changes, all of one tenant. Profiles, rows and tasks with a Version must have it in the
// store, those without must not be there; each may be named once.
type Change struct {
	Tenant event.TenantID
	Put    []*Profile
	Erase  []string // profiles, with all that is theirs
	Join   []Member
	Leave  []Member
	// Watched are audiences of which it is noted who enters and leaves: see Crossing.
	Watched []int64
	Rows    []*Row
	Gone    []*Row // rows to be deleted
	Task    *Task  // nil: none
	Entries []*access.Entry
}

func (c *Change) empty() bool {
	return len(c.Put)+len(c.Erase)+len(c.Join)+len(c.Leave)+len(c.Rows)+len(c.Gone)+len(c.Entries) == 0 && c.Task == nil
}

// Crossing tells that a profile has entered an audience or left it. It is stored with that, for the Watcher, who removes it.
type Crossing struct {
	Tenant   event.TenantID
	ID       int64 // rises, but not in the order of commits
	Audience int64
	Profile  string
	Entered  bool
	At       time.Time
}

var (
	// ErrChanged is returned for a change of profiles or rows that are no longer as they were read.
	ErrChanged = errors.New("audience: changed since it was read")
	// ErrTaken is returned for a change of a task that is no longer as it was read: another server works on it.
	ErrTaken = errors.New("audience: another server works on the task")
)

// Store keeps profiles. Its methods are safe for concurrent use.
type Store interface {
	// AudienceChange does all of a change or nothing, durably. It sets the Versions.
	AudienceChange(ctx context.Context, c *Change) error
	ProfileGet(ctx context.Context, tenant event.TenantID, id string) (p Profile, ok bool, err error)
	// ProfileList returns profiles with ids above after, in order.
	ProfileList(ctx context.Context, tenant event.TenantID, after string, limit int) ([]Profile, error)
	MemberList(ctx context.Context, tenant event.TenantID, audience int64, after string, limit int) ([]Member, error)
	MemberCount(ctx context.Context, tenant event.TenantID, audience int64) (int64, error)
	// Standings returns the profiles that are there, the audiences they are in, and their rows that are of lists or on their
	// way.
	Standings(ctx context.Context, tenant event.TenantID, ids []string) ([]Profile, []Member, []Row, error)
	// SyncGet returns the rows with these keys that are there, and their profiles. Keys are told once each.
	SyncGet(ctx context.Context, tenant event.TenantID, keys []Key) ([]Row, []Profile, error)
	// SyncList returns rows of an attachment behind the given profile and entry, in that order; state "" means all.
	SyncList(ctx context.Context, tenant event.TenantID, attachment string, state State, after string, entry int64, limit int) ([]Row, error)
	SyncCount(ctx context.Context, tenant event.TenantID, attachment string) (map[State]int64, error)
	// SyncPending returns rows that have a turn, of all tenants, behind the row after in the order of their keys.
	SyncPending(ctx context.Context, after Row, limit int) ([]Row, error)
	// AudienceExpire removes rows of messages that entered before the time and are not on their way, and tasks that ended before.
	AudienceExpire(ctx context.Context, before time.Time) error
	// ImportRowPut stores rows of an import. Lines that are there stay as they are.
	ImportRowPut(ctx context.Context, tenant event.TenantID, task string, rows []ImportRow) error
	// ImportRowList returns rows with lines above after, either those that are left out or the others.
	ImportRowList(ctx context.Context, tenant event.TenantID, task string, rejected bool, after int64, limit int) ([]ImportRow, error)
	ImportCount(ctx context.Context, tenant event.TenantID, task string, audience int64) (ImportCount, error)
	// ImportMissing returns members with ids above after that no row of the import names.
	ImportMissing(ctx context.Context, tenant event.TenantID, task string, audience int64, after string, limit int) ([]Member, error)
	// ImportRowDelete removes the rows of an import, but those that were left out.
	ImportRowDelete(ctx context.Context, tenant event.TenantID, task string) error
	TaskGet(ctx context.Context, tenant event.TenantID, id string) (t Task, ok bool, err error)
	// TaskList returns an audience's tasks, the newest first.
	TaskList(ctx context.Context, tenant event.TenantID, audience int64, limit int) ([]Task, error)
	// TaskRunning returns tasks that run, of all tenants, the oldest first.
	TaskRunning(ctx context.Context, limit int) ([]Task, error)
}
