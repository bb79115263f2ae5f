// Package logview keeps filters of the log under names: a person's own, and those that a tenant shares.
package logview

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
)

// Most is how many views a person may have in a tenant, and how many a tenant may share.
const Most = 50

const (
	maxName = 60 // characters
	maxText = 300
)

// Filter is what a view selects. Empty fields select everything.
type Filter struct {
	Outcome   string        `json:"outcome,omitempty"` // delivered, retrying or failed
	Code      string        `json:"code,omitempty"`    // "500" or "5xx"
	ErrorKind exchange.Kind `json:"errorKind,omitempty"`
	EventType string        `json:"eventType,omitempty"`
	Webhook   string        `json:"webhook,omitempty"` // its public id; it may have been deleted since
	Within    string        `json:"within,omitempty"`  // such as "24h": how far back, as seen from the moment of reading
}

// View is a filter with a name.
type View struct {
	ID     string
	Tenant event.TenantID
	Owner  string // the id of the user whose own it is; empty: the tenant shares it
	Name   string
	Filter Filter
	By     string // the name of whoever saved it, at the time
	At     time.Time
}

// Shared reports whether everybody in the tenant sees the view.
func (v *View) Shared() bool { return v.Owner == "" }

// Errors of a Store.
var (
	ErrTaken    = errors.New("the name is taken")
	ErrFull     = errors.New("there are as many views as may be")
	ErrNotFound = errors.New("there is no such view")
)

// Store keeps views. Its methods are safe for concurrent use.
type Store interface {
	// LogViewList returns the views that the tenant shares and, unless owner is empty, those of the owner, by name.
	LogViewList(ctx context.Context, tenant event.TenantID, owner string) ([]View, error)
	// LogViewAdd stores a view, with an entry in the audit log unless that is nil, in one transaction. It returns ErrTaken if
	// the owner has one with its name, and ErrFull if the owner has as many as most; an empty owner is the tenant. Of several
	// additions for a tenant at the same moment each counts the others.
	LogViewAdd(ctx context.Context, v *View, most int, entry *access.Entry) error
	// LogViewDelete removes a view, likewise, or returns ErrNotFound.
	LogViewDelete(ctx context.Context, tenant event.TenantID, id string, entry *access.Entry) error
}

// Views are the views of all tenants. They are safe for concurrent use.
type Views struct {
	store Store
	now   func() time.Time
}

// New returns the views in a store.
func New(store Store) *Views { return &Views{store: store, now: time.Now} }

// ownerOf returns the user whose own views the principal sees; keys and portals have none.
func ownerOf(p *access.Principal) string {
	if p.Actor.Kind == access.ActorUser {
		return p.Actor.ID
	}
	return ""
}

// MayShare reports whether the principal may share views with the tenant, and remove shared ones.
func MayShare(p *access.Principal) bool { return p.Allows(access.EditWebhooks) }

// List returns the views that the principal sees, by name.
func (vs *Views) List(ctx context.Context, p *access.Principal) ([]View, error) {
	return vs.store.LogViewList(ctx, p.Tenant, ownerOf(p))
}

// audited is a view as the audit log shows it.
type audited struct {
	Name   string `json:"name"`
	Filter Filter `json:"filter"`
}

// Save keeps a filter under a name, which the principal or, if it is shared, the tenant has no other view of. Own views are
// nobody else's matter; only shared ones are noted in the audit log.
func (vs *Views) Save(ctx context.Context, p *access.Principal, name string, shared bool, f Filter) (View, error) {
	v := View{ID: randomid.New("view_"), Tenant: p.Tenant, Owner: ownerOf(p), Name: strings.TrimSpace(name), Filter: f, By: p.Actor.Name, At: vs.now().UTC().Truncate(time.Millisecond)}
	switch {
	case p.Tenant == access.Platform:
		return v, problem.New(problem.Invalid, "a view belongs to a tenant: name one in the header Relay-Tenant")
	case shared && !MayShare(p):
		return v, problem.New(problem.Forbidden, "sharing a view with the tenant needs the permission to change webhooks")
	case !shared && v.Owner == "":
		return v, problem.InvalidField("shared", "must be true: only somebody who has signed in has views of their own")
	}
	if err := v.check(); err != nil {
		return v, err
	}
	var entry *access.Entry
	if shared {
		v.Owner = ""
		var err error
		if entry, err = p.Entry("log-view.create", nil, audited{v.Name, v.Filter}, v.target()); err != nil {
			return v, err
		}
	}
	err := vs.store.LogViewAdd(ctx, &v, Most, entry)
	switch {
	case errors.Is(err, ErrTaken):
		return v, problem.InvalidField("name", "must be another one: there is a view with this name")
	case errors.Is(err, ErrFull):
		return v, problem.New(problem.Conflict, "there are %d views already: delete one first", Most)
	}
	return v, err
}

func (v *View) target() access.Target {
	return access.Target{Type: "log-view", ID: v.ID, Name: v.Name}
}

// Delete removes a view that the principal sees.
func (vs *Views) Delete(ctx context.Context, p *access.Principal, id string) error {
	gone := problem.New(problem.NotFound, "there is no such view")
	list, err := vs.List(ctx, p)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(v View) bool { return v.ID == id })
	if i < 0 {
		return gone
	}
	v := &list[i]
	var entry *access.Entry
	if v.Shared() {
		if !MayShare(p) {
			return problem.New(problem.Forbidden, "deleting a view that the tenant shares needs the permission to change webhooks")
		}
		if entry, err = p.Entry("log-view.delete", audited{v.Name, v.Filter}, nil, v.target()); err != nil {
			return err
		}
	}
	if err = vs.store.LogViewDelete(ctx, p.Tenant, id, entry); errors.Is(err, ErrNotFound) {
		return gone
	}
	return err
}

// check returns a problem that names the fields which are not valid, nil if all are.
func (v *View) check() error {
	var wrong []problem.Field
	add := func(field, reason string, args ...any) {
		wrong = append(wrong, problem.Field{Name: field, Reason: fmt.Sprintf(reason, args...)})
	}
	if n := utf8.RuneCountInString(v.Name); n == 0 || n > maxName || strings.ContainsFunc(v.Name, unicode.IsControl) {
		add("name", "must have 1 to %d characters, on one line", maxName)
	}
	f := &v.Filter
	if *f == (Filter{}) {
		add("filter", "must select something")
	}
	if f.Outcome != "" && !slices.Contains([]string{"delivered", "retrying", "failed"}, f.Outcome) {
		add("filter.outcome", "must be delivered, retrying or failed")
	}
	if _, _, ok := exchange.ParseCode(f.Code); f.Code != "" && !ok {
		add("filter.code", "must be a status code such as 500, or a class such as 5xx")
	}
	if f.ErrorKind != "" && !slices.Contains(exchange.Kinds, f.ErrorKind) {
		add("filter.errorKind", "must be a kind of error, such as timeout")
	}
	if len(f.EventType) > maxText {
		add("filter.eventType", "must have at most %d bytes", maxText)
	}
	if len(f.Webhook) > maxText {
		add("filter.webhookId", "must have at most %d bytes", maxText)
	}
	if f.Within != "" {
		if d, err := time.ParseDuration(f.Within); err != nil || d < time.Minute {
			add("filter.within", "must be a duration of a minute or more, such as 24h")
		}
	}
	if wrong == nil {
		return nil
	}
	return &problem.Error{Kind: problem.Invalid, Detail: "the view is not valid", Fields: wrong}
}
