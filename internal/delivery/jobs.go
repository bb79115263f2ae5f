package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
	"github.com/relay-events/relay/internal/webhook"
)

// jobPage is how many events or failures a job handles at a time. After each
// page the next job has its turn and progress is stored.
const jobPage = 500

// maxRunningJobs bounds a tenant's jobs that run at a time.
const maxRunningJobs = 20

// jobRunner runs recovers and replays, and removes what deleted webhooks are
// owed, in one goroutine.
type jobRunner struct {
	engine *Engine
	signal chan struct{} // buffered, 1

	mu       sync.Mutex
	running  []*Job // claimed by us, by turns
	looking  bool   // jobs that nobody runs are to be claimed
	discards []discard
}

type discard struct {
	tenant  event.TenantID
	webhook uint32
}

func newJobRunner(e *Engine) *jobRunner {
	return &jobRunner{engine: e, signal: make(chan struct{}, 1)}
}

// ShowFrom sets the function that returns the moment before which the events and attempts of a tenant are no longer there for
// people, though they may not be gone from the store: jobs do not reach behind it. It must be called before Start.
func (e *Engine) ShowFrom(f func(tenant event.TenantID) time.Time) { e.shownFrom = f }

// CountBy sets the function that is told of all attempts once they are recorded. It must not wait, nor change them. It must be
// called before Start.
func (e *Engine) CountBy(f func(list []*Attempt)) { e.counted = f }

// StartJob begins to recover or replay to a webhook what happened since the
// given time, in the background.
func (e *Engine) StartJob(ctx context.Context, p *access.Principal, w *webhook.Webhook, kind JobKind, since time.Time) (Job, error) {
	now := e.wall().UTC().Truncate(time.Millisecond)
	if since.After(now) {
		return Job{}, problem.InvalidField("since", "must not lie in the future")
	}
	if w.Status != webhook.Active {
		return Job{}, problem.New(problem.Conflict, "the webhook is %s: resume it first", w.Status)
	}
	if e.shownFrom != nil {
		if from := e.shownFrom(w.Tenant); from.After(since) {
			since = from // what is older is no longer there for the tenant
		}
	}
	j := Job{
		ID: randomid.New("job_"), Tenant: w.Tenant, Webhook: w.Number, Kind: kind, State: JobRunning,
		Since: since.UTC(), Until: now, Cursor: event.FirstID(since) - 1, CreatedAt: now,
	}
	others, err := e.store.JobList(ctx, w.Tenant)
	if err != nil {
		return Job{}, fmt.Errorf("counting jobs: %w", err)
	}
	n := 0
	for i := range others {
		if others[i].State == JobRunning {
			n++
		}
	}
	if n >= maxRunningJobs {
		return Job{}, problem.New(problem.TooMany, "%d jobs are running already", n)
	}
	entry, err := p.Entry("webhook."+string(kind), nil, map[string]time.Time{"since": j.Since}, access.Target{Type: "webhook", ID: w.ID, Name: w.Description},
		access.Target{Type: "job", ID: j.ID})
	if err != nil {
		return Job{}, err
	}
	if err := e.store.JobPut(ctx, j, entry); err != nil {
		return Job{}, fmt.Errorf("storing a job: %w", err)
	}
	e.jobs.look()
	return j, nil
}

// Job returns a job with its progress.
func (e *Engine) Job(ctx context.Context, tenant event.TenantID, id string) (Job, error) {
	j, ok, err := e.store.JobGet(ctx, tenant, id)
	switch {
	case err != nil:
		return Job{}, fmt.Errorf("reading a job: %w", err)
	case !ok:
		return Job{}, problem.New(problem.NotFound, "there is no such job")
	}
	return j, nil
}

// Jobs returns the tenant's jobs, newest first.
func (e *Engine) Jobs(ctx context.Context, tenant event.TenantID) ([]Job, error) {
	return e.store.JobList(ctx, tenant)
}

// CancelJob stops a running job; the deliveries it has made stay owed.
func (e *Engine) CancelJob(ctx context.Context, p *access.Principal, id string) (Job, error) {
	if _, err := e.Job(ctx, p.Tenant, id); err != nil {
		return Job{}, err
	}
	entry, err := p.Entry("job.cancel", nil, nil, access.Target{Type: "job", ID: id})
	if err != nil {
		return Job{}, err
	}
	// Whoever runs it finds that it cannot store its progress any more.
	canceled, err := e.store.JobCancel(ctx, p.Tenant, id, e.wall().UTC().Truncate(time.Millisecond), entry)
	if err != nil {
		return Job{}, fmt.Errorf("canceling a job: %w", err)
	}
	j, err := e.Job(ctx, p.Tenant, id)
	if err == nil && !canceled {
		return Job{}, problem.New(problem.Conflict, "the job is %s already", j.State)
	}
	return j, err
}

// look has the runner claim jobs that nobody runs.
func (r *jobRunner) look() {
	r.mu.Lock()
	r.looking = true
	r.mu.Unlock()
	r.wake()
}

// forget drops jobs that were claimed under an ended registration.
func (r *jobRunner) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = slices.DeleteFunc(r.running, func(j *Job) bool { return r.engine.ended(j.Token) })
}

func (r *jobRunner) wake() {
	select {
	case r.signal <- struct{}{}:
	default:
	}
}

// discard removes the deliveries owed to a deleted webhook.
func (r *jobRunner) discard(tenant event.TenantID, number uint32) {
	d := discard{tenant, number}
	r.mu.Lock()
	if !slices.Contains(r.discards, d) {
		r.discards = append(r.discards, d)
	}
	r.mu.Unlock()
	r.wake()
}

func (r *jobRunner) run() {
	e := r.engine
	select {
	case <-e.recovered: // what recovery routes again must not be replayed at the same time
	case <-e.claiming.Done():
		return
	}
	r.look()
	failing := false
	for !e.stopping() {
		worked, err := r.step()
		if err != nil && !e.stopping() && !failing {
			e.log.Error("background work failed, trying again", "err", err)
		}
		failing = err != nil
		switch {
		case failing:
			e.sleep(time.Second)
		case !worked:
			select {
			case <-r.signal:
			case <-e.claiming.Done():
			}
		}
	}
}

// step does one step of the job whose turn it is, or one discard; worked is
// false when there is nothing to do.
func (r *jobRunner) step() (worked bool, err error) {
	e := r.engine
	r.mu.Lock()
	if r.looking {
		r.looking = false
		r.mu.Unlock()
		jobs, err := e.store.JobClaim(e.claiming)
		if err != nil {
			r.mu.Lock()
			r.looking = true
			r.mu.Unlock()
			return true, fmt.Errorf("looking for jobs: %w", err)
		}
		r.mu.Lock()
		for i := range jobs {
			r.running = append(r.running, &jobs[i])
		}
		r.mu.Unlock()
		return true, nil
	}
	if len(r.discards) > 0 {
		d := r.discards[0]
		r.discards = r.discards[1:] // before it is done: a row may come that it does not find
		r.mu.Unlock()
		if err := e.store.OwedDiscard(e.claiming, d.tenant, d.webhook); err != nil {
			r.discard(d.tenant, d.webhook)
			return true, fmt.Errorf("removing what a deleted webhook is owed: %w", err)
		}
		return true, nil
	}
	if len(r.running) == 0 {
		r.mu.Unlock()
		return false, nil
	}
	j := r.running[0]
	r.running = append(r.running[1:], j)
	step := *j
	r.mu.Unlock()

	err = e.jobStep(&step)
	if err != nil {
		return true, fmt.Errorf("%s %s: %w", step.Kind, step.ID, err)
	}
	ours, err := e.store.JobProgress(e.claiming, step)
	switch {
	case errors.Is(err, ErrFenced):
		ours = false
	case err != nil:
		return true, fmt.Errorf("storing progress: %w", err)
	}
	*j = step
	if !ours || j.State != JobRunning { // canceled meanwhile, another node's, or done
		r.mu.Lock()
		r.running = slices.DeleteFunc(r.running, func(o *Job) bool { return o == j })
		r.mu.Unlock()
	}
	return true, nil
}

// jobStep does one page of the job and moves its cursor. A step that is
// interrupted is done again, which can repeat deliveries but not lose any.
func (e *Engine) jobStep(j *Job) error {
	finish := func(state JobState, why string) {
		j.State, j.Error, j.FinishedAt = state, why, e.wall().UTC().Truncate(time.Millisecond)
	}
	w, ok := e.hooks.ByNumber(j.Webhook)
	if !ok || w.Tenant != j.Tenant {
		finish(JobFailed, "the webhook was deleted")
		return nil
	}
	until := event.FirstID(j.Until.Add(time.Millisecond)) - 1
	now := e.wall().UTC().Truncate(time.Millisecond)
	var owe []Owed
	var err error
	cursor, seen := j.Cursor, 0
	switch j.Kind {
	case JobRecover:
		err = e.store.FailedScan(e.claiming, j.Tenant, j.Webhook, j.Cursor, until, func(a *Attempt) bool {
			cursor, seen = a.ID, seen+1
			owe = append(owe, e.Again(a.Tenant, a.Delivery(), a.Number, now))
			return seen < jobPage
		})
		if err == nil {
			owe, err = e.StoredOnly(e.claiming, w, owe)
		}
	case JobReplay:
		err = e.store.EventScan(e.claiming, j.Tenant, j.Cursor, until, func(ev *event.Event) bool {
			cursor, seen = ev.ID, seen+1
			if e.WantsAside(w, ev) {
				row := e.Again(j.Tenant, event.DeliveryID{Event: ev.ID, Webhook: w.Number}, 0, now)
				if w.Ordering == webhook.OrderingFIFO {
					row.Order = OrderOf(ev)
				}
				owe = append(owe, row)
			}
			return seen < jobPage
		})
		for i := range owe {
			if err != nil {
				break
			}
			owe[i].Attempts, err = e.AttemptsMade(e.claiming, j.Tenant, owe[i].Delivery())
			owe[i].Base = owe[i].Attempts
		}
	default:
		finish(JobFailed, fmt.Sprintf("unknown kind %q", j.Kind))
		return nil
	}
	if err != nil {
		return err
	}
	if len(owe) > 0 {
		if err := e.store.Record(e.claiming, &Record{Owe: owe}); err != nil {
			return err
		}
		e.lane(w).owedAt(now, false)
	}
	j.Cursor = cursor
	j.Scanned += int64(seen)
	j.Owed += int64(len(owe))
	if seen < jobPage {
		j.Cursor = until
		finish(JobDone, "")
	}
	return nil
}
