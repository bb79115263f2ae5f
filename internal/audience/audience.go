// Package audience keeps profiles and the audiences they are in, and brings them to partners by the connections of package
// connector.
//
// The idea: a row for each profile and attachment says what is wanted and what was sent (state.go). Whoever changes a
// membership changes the row, in the transaction of the change (change.go), and publishes an event that names it; when the
// engine delivers the event, the request is made of the rows as they are then (source.go). So a crash loses nothing: what a
// row wants is looked for again at the start.
//
// An attachment to a connector of the kind message is no list: each entry is a row of its own, with the payload of the
// moment, and is sent whatever comes after it.
//
// What concerns many profiles is a task (task.go), which goes page by page and survives restarts.
package audience

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
)

// Kind names audiences among the records.
const Kind registry.Kind = "audiences"

// Audience is a set of profiles, and the partners that are to have them.
type Audience struct {
	Name        string          `json:"name"`
	Data        json.RawMessage `json:"data,omitempty"` // a JSON object, part of each payload
	Attachments []Attachment    `json:"attachments,omitempty"`
}

// Item is an audience as it is kept; its Name is its number.
type Item = registry.Item[Audience]

// Config is what Audiences are made of.
type Config struct {
	Store      Store
	Records    registry.RecordStore
	Connectors *connector.Connectors
	Log        *slog.Logger
	// Plans bound how many audiences tenants have. Nil: they may have any number.
	Plans *account.Plans
}

// Audiences keep profiles and audiences. They are safe for concurrent use.
type Audiences struct {
	store      Store
	records    *registry.Records[Audience]
	connectors *connector.Connectors
	log        *slog.Logger
	watcher    Watcher       // nil: nobody
	signal     chan struct{} // buffered, 1: there is a task
}

// sourceName is what events call this package.
const sourceName = "audience"

// New returns what is stored, and registers with the connectors.
func New(ctx context.Context, c Config) (*Audiences, error) {
	a := &Audiences{store: c.Store, connectors: c.Connectors, log: c.Log, signal: make(chan struct{}, 1)}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	var err error
	a.records, err = registry.NewRecords(ctx, c.Records, registry.RecordOptions[Audience]{
		Kind: Kind, Noun: "audience", Max: 1000, Limit: c.Plans.Records(account.LimitAudiences, func(number string) string { return number }), Label: func(v *Audience) string { return v.Name },
	})
	if err != nil {
		return nil, err
	}
	c.Connectors.AddSource(sourceName, a)
	return a, nil
}

// Refresh reads the audiences again, because another server has changed them.
func (a *Audiences) Refresh(ctx context.Context) error { return a.records.Refresh(ctx) }

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// Audiences returns the tenant's audiences, the oldest first.
func (a *Audiences) Audiences(tenant event.TenantID) []*Item { return a.records.List(tenant) }

// Audience returns an audience, else a NotFound problem.
func (a *Audiences) Audience(tenant event.TenantID, number int64) (*Item, error) {
	return a.records.Get(tenant, strconv.FormatInt(number, 10))
}

// Number returns an audience's number.
func Number(it *Item) int64 {
	n, _ := strconv.ParseInt(it.Name, 10, 64) // it was checked
	return n
}

const maxNumber = 1 << 53

func (v *Audience) check() error {
	if len(v.Name) == 0 || len(v.Name) > 200 || event.CheckText(v.Name) != nil {
		return problem.InvalidField("name", "must have 1 to 200 bytes, without control characters")
	}
	return nil
}

// Create makes an audience with a number of the caller's.
func (a *Audiences) Create(ctx context.Context, p *access.Principal, number int64, v Audience) (*Item, error) {
	if number < 1 || number > maxNumber {
		return nil, problem.InvalidField("number", "must be 1 to %d", int64(maxNumber))
	}
	if err := v.check(); err != nil {
		return nil, err
	}
	if a.watcher != nil {
		if why := a.watcher.Uses(p.Tenant, number); why != "" {
			return nil, problem.InvalidField("number", "is taken: %s", why)
		}
	}
	return a.records.Create(ctx, p, strconv.FormatInt(number, 10), v)
}

// Update changes name and data; what changes of the data is not sent by itself.
func (a *Audiences) Update(ctx context.Context, p *access.Principal, number int64, edit func(*Audience)) (*Item, error) {
	return a.update(ctx, p, number, func(v *Audience) error {
		edit(v)
		return v.check()
	})
}

func (a *Audiences) update(ctx context.Context, p *access.Principal, number int64, edit func(*Audience) error) (*Item, error) {
	return a.records.Update(ctx, p, strconv.FormatInt(number, 10), func(it *Item) error { return edit(&it.Value) })
}

// Delete removes an audience without attachments; its members are removed with it.
func (a *Audiences) Delete(ctx context.Context, p *access.Principal, number int64) error {
	it, err := a.Audience(p.Tenant, number)
	if err != nil {
		return err
	}
	if len(it.Value.Attachments) > 0 {
		return problem.New(problem.Conflict, "the audience is attached to partners: detach it first, which removes its members there")
	}
	if a.watcher != nil {
		if why := a.watcher.Uses(p.Tenant, number); why != "" {
			return problem.New(problem.Conflict, "the audience cannot be deleted: %s", why)
		}
	}
	for {
		list, err := a.store.MemberList(ctx, p.Tenant, number, "", page)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return a.records.Delete(ctx, p, it.Name)
		}
		if err := a.store.AudienceChange(ctx, &Change{Tenant: p.Tenant, Leave: list}); err != nil {
			return err
		}
	}
}
