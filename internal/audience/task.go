package audience

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
)

// Task is work on many profiles. It goes page by page: each is a transaction with what was done and how far the task is,
// so that a task goes on where it was, and two servers that work on one do nothing twice.
type Task struct {
	Tenant     event.TenantID `json:"-"`
	ID         string         `json:"-"` // "job_…"
	Kind       TaskKind       `json:"-"`
	Audience   int64          `json:"-"`
	State      TaskState      `json:"-"`
	Attachment string         `json:"attachment,omitempty"`
	// Phase is the part of the work, Cursor and Entry what it is behind of.
	Phase  int    `json:"phase,omitempty"`
	Cursor string `json:"cursor,omitempty"`
	Entry  int64  `json:"entry,omitempty"`
	// Done counts the profiles that were looked at.
	Done int64 `json:"done,omitempty"`
	// Left counts the profiles of a detached attachment that the partner still has, as far as is known.
	Left int64 `json:"left,omitempty"`
	// Import says what an import is to do.
	Import    *Import   `json:"import,omitempty"`
	Error     string    `json:"error,omitempty"`
	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
	Version   int64     `json:"-"` // 0: it is not stored yet
}

// TaskKind is what a task does.
type TaskKind string

// The kinds.
const (
	AttachTask TaskKind = "attach" // sends all members
	ResumeTask TaskKind = "resume" // sends what was held back or rejected
	DetachTask TaskKind = "detach" // takes an audience from a partner
	ImportTask TaskKind = "import" // brings rows of a table into an audience
)

// TaskState is where a task stands.
type TaskState string

// The states.
const (
	TaskOpen     TaskState = "open" // an import that takes rows
	TaskRunning  TaskState = "running"
	TaskDone     TaskState = "done"
	TaskFailed   TaskState = "failed"
	TaskCanceled TaskState = "canceled"
)

// How long tasks wait: for other servers' tasks, for requests under way, and after an error.
const (
	lookEvery  = 5 * time.Second
	restCheck  = time.Second
	afterError = 5 * time.Second
	// settleTime is how long another server may not know of an attachment.
	settleTime = 5 * time.Second
)

// begin stores a task, to be worked on by Run.
func (a *Audiences) begin(ctx context.Context, t *Task) error {
	t.ID, t.CreatedAt = randomid.New("job_"), now()
	t.UpdatedAt = t.CreatedAt
	if t.State == "" {
		t.State = TaskRunning
	}
	if err := a.store.AudienceChange(ctx, &Change{Tenant: t.Tenant, Task: t}); err != nil {
		return fmt.Errorf("storing a task: %w", err)
	}
	a.wake()
	return nil
}

func (a *Audiences) wake() {
	select {
	case a.signal <- struct{}{}:
	default:
	}
}

// Tasks returns an audience's latest tasks, the newest first.
func (a *Audiences) Tasks(ctx context.Context, tenant event.TenantID, number int64) ([]Task, error) {
	if _, err := a.Audience(tenant, number); err != nil {
		return nil, err
	}
	return a.store.TaskList(ctx, tenant, number, 50)
}

// Run publishes what waits since the last start, and works on tasks until ctx ends.
func (a *Audiences) Run(ctx context.Context) {
	for wait, recovered := time.Duration(0), false; ; {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-a.signal:
			timer.Stop()
		}
		if !recovered {
			if err := a.recover(ctx); err != nil {
				if ctx.Err() == nil {
					a.log.WarnContext(ctx, "what waits for partners was not looked through, trying again", "error", err)
				}
				wait = afterError
				continue
			}
			recovered = true
		}
		wait = a.work(ctx)
	}
}

// recover publishes the events of all rows that have a turn: a crash may have come between the row and its event. Those
// that were published before are stored once.
func (a *Audiences) recover(ctx context.Context) error {
	var after Row
	for {
		list, err := a.store.SyncPending(ctx, after, page)
		if err != nil || len(list) == 0 {
			return err
		}
		for i := range list {
			if err := a.publish(ctx, list[i].Tenant, []*Row{&list[i]}); err != nil {
				return err
			}
		}
		after = list[len(list)-1]
	}
}

// work takes a step of each running task, and returns for how long there is nothing to do.
func (a *Audiences) work(ctx context.Context) time.Duration {
	list, err := a.store.TaskRunning(ctx, 100)
	if err != nil {
		if ctx.Err() == nil {
			a.log.ErrorContext(ctx, "looking for tasks failed, trying again", "error", err)
		}
		return afterError
	}
	wait := lookEvery
	for i := range list {
		t := &list[i]
		next, err := a.step(ctx, t)
		switch {
		case ctx.Err() != nil:
			return 0
		case errors.Is(err, ErrTaken):
			next = restCheck
		case err != nil && errors.Is(err, problem.ErrUnavailable):
			a.log.WarnContext(ctx, "a task waits", "task", t.ID, "kind", t.Kind, "error", err)
			next = afterError
		case err != nil:
			a.log.ErrorContext(ctx, "a task failed", "task", t.ID, "kind", t.Kind, "error", err)
			next = 0
			if err := a.fail(ctx, t, err); err != nil {
				next = afterError
			}
		}
		wait = min(wait, next)
	}
	return wait
}

// fail ends a task that cannot go on.
func (a *Audiences) fail(ctx context.Context, t *Task, why error) error {
	list, ok, err := a.store.TaskGet(ctx, t.Tenant, t.ID)
	if err != nil || !ok || list.State != TaskRunning {
		return err
	}
	list.State, list.Error, list.UpdatedAt = TaskFailed, why.Error(), now()
	return a.store.AudienceChange(ctx, &Change{Tenant: t.Tenant, Task: &list})
}

// step does a page of a task, and returns when the next is to follow.
func (a *Audiences) step(ctx context.Context, t *Task) (time.Duration, error) {
	t.UpdatedAt = now()
	switch t.Kind {
	case AttachTask:
		return a.attachStep(ctx, t)
	case ResumeTask:
		return a.resumeStep(ctx, t)
	case DetachTask:
		return a.detachStep(ctx, t)
	case ImportTask:
		return a.importStep(ctx, t)
	}
	return 0, fmt.Errorf("a task of the kind %q is of another version of Relay", t.Kind)
}

// store stores how far a task is, with nothing else.
func (a *Audiences) storeTask(ctx context.Context, t *Task) error {
	return a.store.AudienceChange(ctx, &Change{Tenant: t.Tenant, Task: t})
}

// attachStep brings a page of members to a new attachment.
func (a *Audiences) attachStep(ctx context.Context, t *Task) (time.Duration, error) {
	target, err := a.target(ctx, t.Tenant, t.Audience, t.Attachment)
	if err != nil {
		return 0, err
	}
	var list []Member
	if target.connection != nil && target.definition.Kind == connector.List && target.attachment.Leaving == "" {
		if list, err = a.store.MemberList(ctx, t.Tenant, t.Audience, t.Cursor, page); err != nil {
			return 0, err
		}
	}
	if len(list) == 0 {
		// Another server may not have known of the attachment for a moment: who entered there meanwhile is found by going
		// through once more.
		if age := time.Since(t.CreatedAt); t.Phase == 0 && age < settleTime && target.attachment != nil {
			t.Phase, t.Cursor = 1, ""
			return settleTime - age, a.storeTask(ctx, t)
		}
		t.State = TaskDone
		return 0, a.storeTask(ctx, t)
	}
	if wait := settleTime - time.Since(t.CreatedAt); t.Phase == 1 && t.Cursor == "" && wait > 0 {
		return wait, nil
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].Profile
	}
	t.Cursor = ids[len(ids)-1]
	if t.Phase == 0 {
		t.Done += int64(len(ids))
	}
	return 0, a.change(ctx, t.Tenant, ids, t, func(*standing) error { return nil })
}

// resumeStep sends what was held back or rejected: what is wanted now.
func (a *Audiences) resumeStep(ctx context.Context, t *Task) (time.Duration, error) {
	refs, err := a.nextRows(ctx, t)
	if err != nil {
		return 0, err
	}
	if len(refs) == 0 {
		t.State = TaskDone
	}
	return 0, a.editRows(ctx, t.Tenant, refs, t, func(_ *reference, r *Row) { r.Sync.Again() })
}

// nextRows returns the next page of an attachment's rows.
func (a *Audiences) nextRows(ctx context.Context, t *Task) (refs []*reference, err error) {
	list, err := a.store.SyncList(ctx, t.Tenant, t.Attachment, "", t.Cursor, t.Entry, page)
	for _, r := range list {
		refs = append(refs, &reference{t.Audience, t.Attachment, r.Profile, r.Entry, 0})
		t.Cursor, t.Entry = r.Profile, r.Entry
		t.Done++
	}
	return refs, err
}

// The phases of a detachment.
const (
	detachWants = iota // nothing is wanted there any more
	detachWaits        // until the partner was told
	detachClear        // the rows are deleted
)

// detachStep takes an audience from a partner: first nothing is wanted there any more, and the partner is told; when that
// has ended, in whatever way, the rows and the attachment are deleted.
func (a *Audiences) detachStep(ctx context.Context, t *Task) (time.Duration, error) {
	if err := a.Refresh(ctx); err != nil {
		return 0, err
	}
	at := a.attachment(t.Tenant, t.Audience, t.Attachment)
	if at == nil || at.Leaving == "" {
		t.State = TaskDone // there was an earlier task
		return 0, a.storeTask(ctx, t)
	}
	if at.Leaving == KeepThere && t.Phase != detachClear {
		t.Phase, t.Cursor, t.Entry, t.Done = detachClear, "", 0, 0
	}
	switch t.Phase {
	case detachWants:
		refs, err := a.nextRows(ctx, t)
		if err != nil {
			return 0, err
		}
		if len(refs) == 0 {
			t.Phase = detachWaits
		}
		at := now()
		return 0, a.editRows(ctx, t.Tenant, refs, t, func(_ *reference, r *Row) {
			switch {
			case r.Entry == 0:
				r.Sync.Wants(false, false, at)
			case r.Sync.State != SendingState:
				r.Sync.forget()
			}
		})
	case detachWaits:
		count, err := a.store.SyncCount(ctx, t.Tenant, t.Attachment)
		if err != nil || count[PendingAdd]+count[PendingUpdate]+count[PendingRemove]+count[SendingState] > 0 {
			return restCheck, err
		}
		t.Phase, t.Cursor, t.Entry, t.Done = detachClear, "", 0, 0
		return 0, a.storeTask(ctx, t)
	}
	list, err := a.store.SyncList(ctx, t.Tenant, t.Attachment, "", "", 0, page)
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		_, err := a.update(ctx, access.System(t.Tenant), t.Audience, func(v *Audience) error {
			v.remove(t.Attachment)
			return nil
		})
		if err != nil {
			return 0, err
		}
		t.State = TaskDone
		return 0, a.storeTask(ctx, t)
	}
	c := &Change{Tenant: t.Tenant, Task: t}
	for i := range list {
		c.Gone = append(c.Gone, &list[i])
		if t.Done++; list[i].Entry == 0 && list[i].Sync.Sent {
			t.Left++
		}
	}
	if err := a.store.AudienceChange(ctx, c); !errors.Is(err, ErrChanged) {
		return 0, err
	}
	return restCheck, nil // a request has ended just now
}
