// Package journey takes profiles through steps over time: they wait, branch, and are sent to partners by the connections of
// package connector.
//
// The idea: a profile in a journey is a row, its enrolment (enrolment.go), which has the step to be taken next and when that
// is due. Nothing else is kept, in memory least of all: a hundred thousand who wait are as many rows, found by an index of
// those that are due.
//
//	event ─▶ lane ─▶ enter, meet, exit ─┐              (observe.go: what events and audiences do to rows)
//	                                    ▼
//	           due ─▶ claim ─▶ walk ─▶ one change      (due.go: rows that are due; walk.go: steps, without any input or output)
//	                                    │
//	                                    ▼
//	                     sends ─▶ the connection's lane (send.go)
//
// Walking is a function of the enrolment and of what it sees of the world, so that a dry run (dry.go) takes the same way. What
// it comes to is stored in one transaction that names the revision of the row that was read. That is what keeps a step from
// being taken twice, and a step behind an exit from being taken at all: whoever is second finds another revision and has
// changed nothing. Claims only keep servers from doing the same work; they are leases, and need not be exact.
//
// A send is a row as well, stored with the step. Its id is a hash of the enrolment, the step and the round, and the event that
// carries it to the engine has a key made of that: handing it over again after a crash stores nothing new.
package journey

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/webhook"
)

// RecordKind names journeys among the records.
const RecordKind registry.Kind = "journeys"

// Mode says what a journey does.
type Mode string

// The modes.
const (
	Live     Mode = "live"
	Paused   Mode = "paused"   // nobody goes on; who enters waits for it to go on
	Draining Mode = "draining" // nobody enters, and who is inside goes on
	Stopped  Mode = "stopped"  // everybody was taken out
)

// Journey is a journey with the versions that somebody may be inside of.
type Journey struct {
	Mode Mode `json:"mode"`
	// Versions are in order; the last one is that of those who enter.
	Versions []Version `json:"versions"`
	PausedAt time.Time `json:"pausedAt,omitzero"`
	// Shifted is how long it was paused in all, as far as waits were shifted by it.
	Shifted time.Duration `json:"shifted,omitempty"`
}

// Version is a document that was published. It never changes.
type Version struct {
	Number      int       `json:"number"` // from 1
	Document    string    `json:"document"`
	PublishedAt time.Time `json:"publishedAt"`

	def *Definition
}

// Definition returns what the document describes.
func (v *Version) Definition() *Definition { return v.def }

// Item is a journey as it is kept; its Name is its number.
type Item = registry.Item[Journey]

// maxVersions bounds how many versions of a journey have somebody inside.
const maxVersions = 20

// Config is what Journeys are made of.
type Config struct {
	Store      Store
	Records    registry.RecordStore
	Connectors *connector.Connectors
	Audiences  *audience.Audiences
	Webhooks   *webhook.Registry
	Log        *slog.Logger
	// Plans bound how many journeys tenants have. Nil: they may have any number.
	Plans *account.Plans
	// Shared tells that other servers work on the same store.
	Shared bool
}

// Journeys keep journeys and take profiles through them. They are safe for concurrent use.
type Journeys struct {
	store      Store
	records    *registry.Records[Journey]
	connectors *connector.Connectors
	audiences  *audience.Audiences
	webhooks   *webhook.Registry
	log        *slog.Logger
	shared     bool
	now        func() time.Time
	signal     chan struct{} // buffered, 1: something may be due

	// rendering is called between the making of a page's changes and their storing, by tests.
	rendering func()
}

// New returns what is stored, and registers with connectors and audiences.
func New(ctx context.Context, c Config) (*Journeys, error) {
	j := &Journeys{
		store: c.Store, connectors: c.Connectors, audiences: c.Audiences, webhooks: c.Webhooks, log: c.Log, shared: c.Shared,
		now: func() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }, signal: make(chan struct{}, 1), rendering: func() {},
	}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	var err error
	j.records, err = registry.NewRecords(ctx, c.Records, registry.RecordOptions[Journey]{
		Kind: RecordKind, Noun: "journey", Max: 500, Limit: c.Plans.Records(account.LimitJourneys, func(number string) string { return number }),
		Prepare: (*Journey).prepare, Label: func(v *Journey) string { return v.label() },
	})
	if err != nil {
		return nil, err
	}
	for _, text := range j.records.Broken() {
		j.log.Warn("a record cannot be used", "reason", text)
	}
	c.Connectors.AddSource(sourceName, j)
	c.Audiences.Watch(j)
	return j, nil
}

// Refresh reads the journeys again, because another server has changed them.
func (j *Journeys) Refresh(ctx context.Context) error {
	err := j.records.Refresh(ctx)
	j.wake()
	return err
}

func (v *Journey) prepare() (err error) {
	for i := range v.Versions {
		if v.Versions[i].def, err = Parse(v.Versions[i].Document); err != nil {
			return err
		}
	}
	return nil
}

func (v *Journey) label() string {
	if len(v.Versions) == 0 || v.Current().def == nil {
		return ""
	}
	return v.Current().def.Name
}

// Current returns the version of those who enter.
func (v *Journey) Current() *Version { return &v.Versions[len(v.Versions)-1] }

// Version returns a version, nil if it is no longer kept.
func (v *Journey) Version(number int) *Version {
	i := slices.IndexFunc(v.Versions, func(x Version) bool { return x.Number == number })
	if i < 0 {
		return nil
	}
	return &v.Versions[i]
}

// Number returns a journey's number.
func Number(it *Item) int64 {
	n, _ := strconv.ParseInt(it.Name, 10, 64) // it was checked
	return n
}

const maxNumber = 1 << 53

// List returns the tenant's journeys, the oldest first.
func (j *Journeys) List(tenant event.TenantID) []*Item { return j.records.List(tenant) }

// Get returns a journey, else a NotFound problem.
func (j *Journeys) Get(tenant event.TenantID, number int64) (*Item, error) {
	return j.records.Get(tenant, strconv.FormatInt(number, 10))
}

// read parses a document that is to be published, and checks what it names.
func (j *Journeys) read(tenant event.TenantID, text string) (*Definition, error) {
	d, faults := j.Check(tenant, text)
	if len(faults) > 0 {
		return nil, faults.Problem()
	}
	return d, nil
}

// Create makes a journey with a number of the caller's, which no audience has: payloads have both in the same place.
func (j *Journeys) Create(ctx context.Context, p *access.Principal, number int64, document string, mode Mode) (*Item, error) {
	if number < 1 || number > maxNumber {
		return nil, problem.InvalidField("number", "must be 1 to %d", int64(maxNumber))
	}
	if _, err := j.audiences.Audience(p.Tenant, number); err == nil {
		return nil, problem.InvalidField("number", "is that of an audience: journeys and audiences share their numbers")
	}
	if mode == "" {
		mode = Live
	}
	if mode == Stopped {
		return nil, problem.InvalidField("mode", "must be live, paused or draining")
	}
	if _, err := j.read(p.Tenant, document); err != nil {
		return nil, err
	}
	now := j.now()
	v := Journey{Mode: mode, Versions: []Version{{Number: 1, Document: document, PublishedAt: now}}}
	if mode == Paused {
		v.PausedAt = now
	}
	it, err := j.records.Create(ctx, p, strconv.FormatInt(number, 10), v)
	if err != nil {
		return nil, err
	}
	return it, j.listen(ctx, p.Tenant)
}

// Publish makes a new version of a journey. Who is inside stays in the version of the entry. A document that is the same is no
// new version.
func (j *Journeys) Publish(ctx context.Context, p *access.Principal, number int64, document string) (*Item, error) {
	if _, err := j.read(p.Tenant, document); err != nil {
		return nil, err
	}
	places, err := j.store.EnrolmentPlaces(ctx, p.Tenant, number)
	if err != nil {
		return nil, err
	}
	it, err := j.update(ctx, p, number, func(v *Journey) error {
		last := v.Current()
		if last.Document == document {
			return nil
		}
		next := Version{Number: last.Number + 1, Document: document, PublishedAt: j.now()}
		// The current one is kept in any case: somebody may enter it now.
		v.Versions = slices.DeleteFunc(v.Versions, func(x Version) bool {
			return x.Number != last.Number && !slices.ContainsFunc(places, func(p Place) bool { return p.Version == x.Number })
		})
		if len(v.Versions) == maxVersions {
			return problem.New(problem.Conflict, "%d versions have profiles inside: move them to a newer one first", maxVersions)
		}
		v.Versions = append(v.Versions, next)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return it, j.listen(ctx, p.Tenant)
}

func (j *Journeys) update(ctx context.Context, p *access.Principal, number int64, edit func(*Journey) error) (*Item, error) {
	it, err := j.records.Update(ctx, p, strconv.FormatInt(number, 10), func(it *Item) error { return edit(&it.Value) })
	j.wake()
	return it, err
}

// Resume says what becomes of the times that passed while a journey was paused.
type Resume string

// The choices.
const (
	Shift   Resume = "shift"   // waits are longer by the pause; times of day and dates stay what they are
	CatchUp Resume = "catchUp" // what was due in between is due now
)

// SetMode changes what a journey does. how says what becomes of waits when a paused one goes on.
func (j *Journeys) SetMode(ctx context.Context, p *access.Principal, number int64, mode Mode, how Resume) (*Item, error) {
	if !slices.Contains([]Mode{Live, Paused, Draining, Stopped}, mode) {
		return nil, problem.InvalidField("mode", "must be live, paused, draining or stopped")
	}
	it, err := j.update(ctx, p, number, func(v *Journey) error {
		now := j.now()
		switch {
		case v.Mode == mode:
			return nil
		case v.Mode == Paused && mode != Stopped:
			if how != Shift && how != CatchUp {
				return problem.InvalidField("resume", "must say what becomes of waits that the pause has held up: shift or catchUp")
			}
			if how == Shift {
				v.Shifted += now.Sub(v.PausedAt)
			}
			v.PausedAt = time.Time{}
		case mode == Paused:
			v.PausedAt = now
		}
		v.Mode = mode
		return nil
	})
	if err != nil {
		return nil, err
	}
	if mode == Stopped {
		if err := j.empty(ctx, p.Tenant, number); err != nil {
			return nil, err
		}
	}
	return it, j.listen(ctx, p.Tenant)
}

// empty takes everybody out of a journey that was stopped.
func (j *Journeys) empty(ctx context.Context, tenant event.TenantID, number int64) error {
	_, err := j.everybody(ctx, Query{Tenant: tenant, Journey: number}, func(e *Enrolment, c *Change) {
		e.end(Exited, "the journey was stopped", j.now(), j.definition(e))
		c.trace(e, Trace{At: j.now(), Step: e.Step, Kind: "exit", Words: e.Notes.Words})
		c.Put = append(c.Put, e)
	})
	return err
}

// everybody calls f for each enrolment inside that a query finds, in pages of one change each, and returns how many it has
// changed. Where one of a page was changed at the same time, f is called again for each by itself.
func (j *Journeys) everybody(ctx context.Context, q Query, f func(*Enrolment, *Change)) (changed int64, err error) {
	q.Limit = page
	for {
		list, err := j.store.EnrolmentList(ctx, q)
		if err != nil || len(list) == 0 {
			return changed, err
		}
		q.Before = list[len(list)-1].ID
		list = slices.DeleteFunc(list, func(e Enrolment) bool { return e.State.Ended() })
		c := &Change{Tenant: q.Tenant}
		for i := range list {
			e := list[i]
			f(&e, c)
		}
		if c.empty() {
			continue
		}
		err = j.store.JourneyChange(ctx, c)
		if err == nil {
			changed += int64(len(c.Put))
			continue
		}
		if !isChanged(err) {
			return changed, err
		}
		for i := range list {
			done, err := j.change(ctx, &list[i], f)
			if err != nil {
				return changed, err
			}
			if done {
				changed++
			}
		}
	}
}

// changeTries bounds how often a change is made again because another was faster.
const changeTries = 20

// change changes an enrolment, with what it is by then. It reports whether f wanted it changed.
func (j *Journeys) change(ctx context.Context, e *Enrolment, f func(*Enrolment, *Change)) (bool, error) {
	for try := 1; ; try++ {
		c := &Change{Tenant: e.Tenant}
		if f(e, c); c.empty() {
			return false, nil
		}
		err := j.store.JourneyChange(ctx, c)
		if !isChanged(err) || try == changeTries {
			return err == nil, err
		}
		again, ok, err := j.store.EnrolmentGet(ctx, e.Tenant, e.ID)
		if err != nil || !ok || again.State.Ended() {
			return false, err
		}
		*e = again
	}
}

func (c *Change) trace(e *Enrolment, t Trace) {
	e.Notes.Trail++
	c.Traces = append(c.Traces, StepTrace{Enrolment: e.ID, Profile: e.Profile, N: e.Notes.Trail, Trace: t})
}

// definition returns the version that an enrolment is in, nil if it is not there.
func (j *Journeys) definition(e *Enrolment) *Definition {
	it, err := j.Get(e.Tenant, e.Journey)
	if err != nil {
		return nil
	}
	if v := it.Value.Version(e.Version); v != nil {
		return v.def
	}
	return nil
}

// Inside returns the runs of a profile that have not ended, of all journeys.
func (j *Journeys) Inside(ctx context.Context, tenant event.TenantID, profile string) ([]Enrolment, error) {
	return j.store.EnrolmentsOf(ctx, tenant, []string{profile})
}

// Delete removes a journey without profiles inside, with what it remembers.
func (j *Journeys) Delete(ctx context.Context, p *access.Principal, number int64) error {
	it, err := j.Get(p.Tenant, number)
	if err != nil {
		return err
	}
	places, err := j.store.EnrolmentPlaces(ctx, p.Tenant, number)
	switch {
	case err != nil:
		return err
	case len(places) > 0:
		return problem.New(problem.Conflict, "there are profiles inside: stop the journey first")
	}
	for n := int64(page); n == page; {
		if n, err = j.store.JourneyDelete(ctx, p.Tenant, number, page); err != nil {
			return err
		}
	}
	if err := j.records.Delete(ctx, p, it.Name); err != nil {
		return err
	}
	return j.listen(ctx, p.Tenant)
}

// wake has rows looked at that may be due.
func (j *Journeys) wake() {
	select {
	case j.signal <- struct{}{}:
	default:
	}
}
