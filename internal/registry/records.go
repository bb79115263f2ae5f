package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// RecordOptions say what Records keep. Kind and Noun are required.
type RecordOptions[T any] struct {
	// Kind names the records in storage.
	Kind Kind
	// Noun is what people call one of them, such as "plan". The audit log has it in actions
	// ("plan.create") and targets.
	Noun string
	// Global records belong to the installation: all tenants share them.
	Global bool
	// Max bounds how many records a tenant may have. 0: there is no bound.
	Max int
	// Limit returns what bounds how many records a tenant has beside a new one, as Record.Bound, and
	// what to call when that one was created. Nil: there is no limit but Max.
	Limit func(tenant event.TenantID, name string) (bound func(names []string) error, created func(ctx context.Context))
	// Check completes a value that is to be stored, and returns a problem for one that must not be.
	// Nil: every value may be.
	Check func(tenant event.TenantID, name string, v *T) error
	// Prepare fills the fields of a value that are not stored, such as compiled expressions. Nil:
	// there are none.
	Prepare func(v *T) error
	// Secrets returns a pointer to the part of a value that is stored encrypted, as a JSON object.
	// The value's own JSON must leave it out (`json:"-"`). Nil: there are no secrets.
	Secrets func(v *T) any
	// Audited returns the fields of a value that the audit log shows, without secrets. Nil: the
	// value's own JSON.
	Audited func(v *T) any
	// Label returns the text that people know a value by, for the audit log. Nil: the record's name
	// is all there is.
	Label func(v *T) string
}

// Item is a record as its domain reads it. It must not be changed.
type Item[T any] struct {
	Tenant               event.TenantID
	Name                 string
	Version              int64 // 1 for a new one; rises with each change
	CreatedAt, UpdatedAt time.Time
	Value                T

	number int64
	broken error // it was stored by another version of Relay, and this one cannot read it
}

// Records holds all records of one kind in memory and changes them: in the store first, then for
// everybody who reads. It is safe for concurrent use.
type Records[T any] struct {
	o        RecordOptions[T]
	store    RecordStore
	registry *Registry[Item[T], struct{}]
}

// NewRecords returns a registry with all records of the kind that the store holds.
func NewRecords[T any](ctx context.Context, store RecordStore, o RecordOptions[T]) (*Records[T], error) {
	r := &Records[T]{o: o, store: store}
	var err error
	r.registry, err = New(Options[Item[T], struct{}]{
		Key: func(it *Item[T]) (event.TenantID, string) { return it.Tenant, it.Name },
	})
	if err != nil {
		return nil, err
	}
	return r, r.Refresh(ctx)
}

// Refresh reads the records again, because another server may have changed them.
func (r *Records[T]) Refresh(ctx context.Context) error {
	return r.registry.Hold(func() error { return r.refreshHeld(ctx) })
}

func (r *Records[T]) refreshHeld(ctx context.Context) error {
	list, err := r.store.RecordList(ctx, r.o.Kind)
	if err != nil {
		return fmt.Errorf("reading %s: %w", r.o.Kind, err)
	}
	all := make([]*Item[T], len(list))
	for i := range list {
		rec := &list[i]
		old := r.registry.Get(rec.Tenant, rec.Name)
		if old != nil && old.number == rec.Number && old.Version == rec.Version {
			all[i] = old
		} else {
			all[i] = r.read(rec)
		}
	}
	next, err := r.registry.NextAll(all)
	if err != nil {
		return err
	}
	next.Publish()
	return nil
}

// read returns a stored record as an item. One that cannot be read must not keep the server from
// its work: it is kept aside, see Broken.
func (r *Records[T]) read(rec *Record) *Item[T] {
	it := &Item[T]{
		Tenant: rec.Tenant, Name: rec.Name, Version: rec.Version, CreatedAt: rec.CreatedAt, UpdatedAt: rec.UpdatedAt, number: rec.Number,
	}
	it.broken = r.decode(rec.Body, rec.Secrets, &it.Value)
	return it
}

func (r *Records[T]) decode(body, secrets []byte, v *T) error {
	if err := json.Unmarshal(body, v); err != nil {
		return err
	}
	if r.o.Secrets != nil && len(secrets) > 0 {
		if json.Unmarshal(secrets, r.o.Secrets(v)) != nil {
			return errors.New("the secrets cannot be read") // the cause could repeat one
		}
	}
	if r.o.Prepare != nil {
		return r.o.Prepare(v)
	}
	return nil
}

func (r *Records[T]) encode(v *T) (body, secrets []byte, err error) {
	if body, err = json.Marshal(v); err != nil {
		return nil, nil, fmt.Errorf("writing a %s: %w", r.o.Noun, err)
	}
	if r.o.Secrets != nil {
		if secrets, err = json.Marshal(r.o.Secrets(v)); err != nil {
			return nil, nil, fmt.Errorf("writing the secrets of a %s failed", r.o.Noun) // as in decode
		}
	}
	return body, secrets, nil
}

func (r *Records[T]) tenant(t event.TenantID) event.TenantID {
	if r.o.Global {
		return 0
	}
	return t
}

// Subscribe registers f, which is called after each change: see Registry.Subscribe. It may get a
// record that cannot be read, with the zero Value.
func (r *Records[T]) Subscribe(f func(old, new *Item[T])) { r.registry.Subscribe(f) }

// Get returns the tenant's record with the name, else a NotFound problem.
func (r *Records[T]) Get(tenant event.TenantID, name string) (*Item[T], error) {
	it := r.registry.Get(r.tenant(tenant), name)
	if it == nil || it.broken != nil {
		return nil, r.errNone(name)
	}
	return it, nil
}

func (r *Records[T]) errNone(name string) error {
	return problem.New(problem.NotFound, "there is no %s %q", r.o.Noun, problem.Clip(name))
}

// List returns the tenant's records, the first created first. The slice is the caller's.
func (r *Records[T]) List(tenant event.TenantID) []*Item[T] {
	all := slices.Clone(r.registry.List(r.tenant(tenant)))
	return slices.DeleteFunc(all, func(it *Item[T]) bool { return it.broken != nil })
}

// Tenants returns the tenants that have records.
func (r *Records[T]) Tenants() []event.TenantID { return r.registry.Tenants() }

// Broken describes the records that this version of Relay cannot read, for the log. They stay in
// the store, and their names stay taken; deleting them is possible.
func (r *Records[T]) Broken() []string {
	var list []string
	for _, tenant := range r.registry.Tenants() {
		for _, it := range r.registry.List(tenant) {
			if it.broken != nil {
				list = append(list, fmt.Sprintf("tenant %d: %s %q: %v", tenant, r.o.Noun, it.Name, it.broken))
			}
		}
	}
	return list
}

// Create stores a new record. A name that is taken is a Conflict problem.
func (r *Records[T]) Create(ctx context.Context, p *access.Principal, name string, v T) (it *Item[T], err error) {
	tenant := r.tenant(p.Tenant)
	err = r.change(ctx, func() (err error) {
		if r.registry.Get(tenant, name) != nil {
			return &problem.Error{Kind: problem.Conflict, Detail: fmt.Sprintf("there is a %s %q already", r.o.Noun, problem.Clip(name)),
				Fields: []problem.Field{{Name: "name", Reason: "is taken"}}}
		}
		if r.o.Max > 0 && len(r.registry.List(tenant)) >= r.o.Max {
			return problem.New(problem.Forbidden, "there can be at most %d of kind %q", r.o.Max, r.o.Kind)
		}
		it, err = r.put(ctx, p, nil, name, &v)
		return err
	})
	return it, err
}

// Update lets edit change a copy of the record's Value, and stores it. edit is called again, with
// the record as it is then, if another server has changed it at the same time. A value that is the
// same afterwards is not stored.
func (r *Records[T]) Update(ctx context.Context, p *access.Principal, name string, edit func(it *Item[T]) error) (it *Item[T], err error) {
	tenant := r.tenant(p.Tenant)
	err = r.change(ctx, func() error {
		old := r.registry.Get(tenant, name)
		switch {
		case old == nil:
			return r.errNone(name)
		case old.broken != nil:
			return problem.New(problem.Conflict, "the %s %q was stored by another version of Relay and cannot be changed by this one", r.o.Noun, problem.Clip(name))
		}
		copied := *old
		var none T
		copied.Value = none
		body, secrets, err := r.encode(&old.Value)
		if err == nil {
			err = r.decode(body, secrets, &copied.Value)
		}
		if err == nil {
			err = edit(&copied)
		}
		if err != nil {
			return err
		}
		it, err = r.put(ctx, p, old, name, &copied.Value)
		return err
	})
	return it, err
}

// put stores a value as a new record, or in the place of old.
func (r *Records[T]) put(ctx context.Context, p *access.Principal, old *Item[T], name string, v *T) (*Item[T], error) {
	tenant := r.tenant(p.Tenant)
	if r.o.Check != nil {
		if err := r.o.Check(tenant, name, v); err != nil {
			return nil, err
		}
	}
	body, secrets, err := r.encode(v)
	if err != nil {
		return nil, err
	}
	at := time.Now().UTC().Truncate(time.Millisecond)
	rec := &Record{Tenant: tenant, Kind: r.o.Kind, Name: name, Body: body, Secrets: secrets, CreatedAt: at, UpdatedAt: at}
	action := ".create"
	var created func(ctx context.Context)
	if old == nil && r.o.Limit != nil {
		rec.Bound, created = r.o.Limit(tenant, name)
	}
	if old != nil {
		before, beforeSecrets, err := r.encode(&old.Value)
		if err != nil || string(before) == string(body) && string(beforeSecrets) == string(secrets) {
			return old, err
		}
		rec.Number, rec.Version, rec.CreatedAt = old.number, old.Version, old.CreatedAt
		action = ".update"
	}
	// Read before it is stored: a record that cannot be used must not be stored.
	it := r.read(rec)
	if it.broken != nil {
		return nil, fmt.Errorf("the %s %q could not be read again: %w", r.o.Noun, problem.Clip(name), it.broken)
	}
	entry, err := p.Entry(r.o.Noun+action, r.audited(old), r.audited(it), r.target(it))
	if err != nil {
		return nil, err
	}
	if r.o.Global {
		entry.Tenant = access.Platform
	}
	if err := r.store.RecordChange(ctx, r.o.Kind, []*Record{rec}, nil, entry); err != nil {
		return nil, fmt.Errorf("storing the %s %q: %w", r.o.Noun, problem.Clip(name), err)
	}
	it.number, it.Version = rec.Number, rec.Version
	next, err := r.registry.Next([]*Item[T]{it}, nil)
	if err != nil {
		return nil, err
	}
	next.Publish()
	if created != nil {
		created(ctx)
	}
	return it, nil
}

// Delete removes the record; a NotFound problem says that there is none.
func (r *Records[T]) Delete(ctx context.Context, p *access.Principal, name string) error {
	tenant := r.tenant(p.Tenant)
	return r.change(ctx, func() error {
		old := r.registry.Get(tenant, name)
		if old == nil {
			return r.errNone(name)
		}
		entry, err := p.Entry(r.o.Noun+".delete", r.audited(old), nil, r.target(old))
		if err != nil {
			return err
		}
		if r.o.Global {
			entry.Tenant = access.Platform
		}
		rec := &Record{Tenant: tenant, Kind: r.o.Kind, Name: name, Number: old.number, Version: old.Version}
		if err := r.store.RecordChange(ctx, r.o.Kind, nil, []*Record{rec}, entry); err != nil {
			return fmt.Errorf("deleting the %s %q: %w", r.o.Noun, problem.Clip(name), err)
		}
		next, err := r.registry.Next(nil, []*Item[T]{old})
		if err != nil {
			return err
		}
		next.Publish()
		return nil
	})
}

// changeTries bounds how often a change is made again because other servers were faster.
const changeTries = 20

// change runs f, which makes a change, and runs it again with the current records if another server
// was faster.
func (r *Records[T]) change(ctx context.Context, f func() error) error {
	return r.registry.Hold(func() error {
		for try := 1; ; try++ {
			err := f()
			if !errors.Is(err, ErrChanged) || try == changeTries {
				return err
			}
			if err := r.refreshHeld(ctx); err != nil {
				return err
			}
		}
	})
}

func (r *Records[T]) audited(it *Item[T]) any {
	switch {
	case it == nil || it.broken != nil:
		return nil
	case r.o.Audited != nil:
		return r.o.Audited(&it.Value)
	}
	return &it.Value
}

func (r *Records[T]) target(it *Item[T]) access.Target {
	target := access.Target{Type: r.o.Noun, ID: it.Name}
	if r.o.Label != nil && it.broken == nil {
		target.Name = strings.TrimSpace(r.o.Label(&it.Value))
	}
	return target
}
