package tables

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
)

// audit adds the entry of the change that the transaction makes; nil: the change is none of
// anybody's.
func (x tx) audit(e *access.Entry) error {
	if e == nil {
		return nil
	}
	targets, err := json.Marshal(e.Targets)
	if err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	first := ""
	if len(e.Targets) > 0 {
		first = e.Targets[0].ID
	}
	_, err = x.exec("AuditAppend", x.t.reserve(), e.Tenant, e.At, e.Actor.Kind, e.Actor.ID, e.Actor.Name, e.Action, first, string(targets),
		string(e.Before), string(e.After), e.Request.ID, e.Request.Address, e.Request.UserAgent)
	if err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	return nil
}

// AuditAppend implements access.AuditStore.
func (t *Tables) AuditAppend(ctx context.Context, e *access.Entry) error {
	return t.write(ctx, t.config, func(x tx) error { return x.audit(e) })
}

// AuditLast returns the highest id of an entry, zero without one.
func (t *Tables) AuditLast(ctx context.Context) (last event.ID, err error) {
	for _, db := range t.databases() {
		err = t.read(ctx, db, func(x tx) error {
			n, err := x.integer("AuditLast")
			last = max(last, event.ID(n))
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("reading the audit log: %w", err)
		}
	}
	return last, nil
}

// AuditList implements access.AuditStore.
func (t *Tables) AuditList(ctx context.Context, q access.Query) (page []access.Entry, next event.ID, err error) {
	before, until := event.ID(math.MaxInt64), int64(math.MaxInt64)
	if q.Before != 0 {
		before = q.Before
	}
	if !q.Until.IsZero() {
		until = q.Until.UnixMilli()
	}
	prefix := ""
	if below, ok := strings.CutSuffix(q.Action, "*"); ok {
		prefix = below
	}
	// Each file has a list of its own, of which a page of the whole can need a page at most.
	for _, db := range t.databases() {
		part, err := list(ctx, t, db, scanEntry(q.Tenant), "AuditList",
			q.Tenant, before, q.Action, prefix, q.Actor, q.Target, q.Since, until, q.Limit+1)
		if err != nil {
			return nil, 0, fmt.Errorf("reading the audit log: %w", err)
		}
		page = append(page, part...)
	}
	slices.SortFunc(page, func(a, b access.Entry) int { return cmp.Compare(b.ID, a.ID) })
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = page[q.Limit-1].ID
	}
	return page, next, nil
}

func scanEntry(tenant event.TenantID) func(scan scan) (access.Entry, error) {
	return func(scan scan) (access.Entry, error) {
		e := access.Entry{Tenant: tenant}
		var target, targets, was, is string
		err := scan(&e.ID, &e.At, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Name, &e.Action, &target, &targets, &was, &is,
			&e.Request.ID, &e.Request.Address, &e.Request.UserAgent)
		switch {
		case err != nil:
			return e, err
		case targets != "":
			if err := json.Unmarshal([]byte(targets), &e.Targets); err != nil {
				return e, fmt.Errorf("targets of entry %d: %w", e.ID, err)
			}
		case target != "": // from before entries had several
			kind, _, _ := strings.Cut(e.Action, ".")
			e.Targets = []access.Target{{Type: kind, ID: target}}
		}
		if was != "" {
			e.Before = []byte(was)
		}
		if is != "" {
			e.After = []byte(is)
		}
		return e, nil
	}
}
