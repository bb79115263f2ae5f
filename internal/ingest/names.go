package ingest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/nearest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// Names answers questions about names of event types, for those who set webhooks up. Event types may be published without
// being described, so an unknown name is no mistake in itself. But a webhook that asks for "call.complete" gets nothing for
// ever and says nothing. So names are pointed at that are neither in the catalogue nor among the stored events.
type Names struct {
	Types  TypeList
	Events EventList
}

// TypeList is the catalogue; catalogue.Registry is it.
type TypeList interface {
	List(tenant event.TenantID) []*catalogue.Type
	Lookup(tenant event.TenantID, name string) (*catalogue.Type, bool)
}

// EventList looks events up; see Store.
type EventList interface {
	EventList(ctx context.Context, q Query) (list []event.Event, next event.ID, err error)
}

// OddName is a pattern that matches no known type.
type OddName struct {
	Index  int    // in the patterns asked about
	Reason string // a sentence
}

// maxLookedUp bounds how many patterns of a call are looked for among the events, each of which takes up to a second.
const maxLookedUp = 5

// Odd returns the patterns that match no known type.
func (n Names) Odd(ctx context.Context, tenant event.TenantID, patterns []string) ([]OddName, error) {
	var list []OddName
	looked := 0
	for i, p := range patterns {
		if n.described(tenant, p) || strings.HasPrefix(p, event.OperationalPrefix) {
			continue
		}
		if looked++; looked > maxLookedUp {
			break
		}
		reason, err := n.unknown(ctx, tenant, p)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			list = append(list, OddName{i, reason})
		}
	}
	return list, nil
}

// TestEvent returns an event for testing a webhook: the example of the type with the given name, or of a type that suits
// the webhook if the name is empty. It returns an Invalid problem about the field "type" if there is no such type.
func (n Names) TestEvent(ctx context.Context, w *webhook.Webhook, name string) (event.Event, error) {
	if name == "" {
		name = n.testType(w)
	} else if err := event.CheckType(name); err != nil {
		return event.Event{}, problem.InvalidField("type", "%v", err)
	} else if reason, err := n.unknown(ctx, w.Tenant, name); err != nil {
		return event.Event{}, err
	} else if reason != "" {
		return event.Event{}, problem.InvalidField("type", "%s", reason)
	}
	e := event.Event{Tenant: w.Tenant, Type: name, Data: catalogue.Generic, Time: time.Now().UTC().Truncate(time.Millisecond)}
	if t, ok := n.Types.Lookup(w.Tenant, name); ok { // by an alias, perhaps
		e.Type, e.Data, e.Attributes = t.Name, t.Example, t.ExampleAttributes
	}
	return e, nil
}

// testType returns the type of a test event for a webhook: the first that it names, because its endpoint knows that one,
// else the first of the catalogue that its patterns match.
func (n Names) testType(w *webhook.Webhook) string {
	for _, pattern := range w.Events {
		if !strings.Contains(pattern, "*") {
			return pattern
		}
	}
	const usual = "call.completed"
	if !w.Wants(usual) {
		for _, t := range n.Types.List(w.Tenant) {
			if !t.Archived && w.Wants(t.Name) {
				return t.Name
			}
		}
	}
	return usual
}

// described reports whether a type of the catalogue matches a pattern.
func (n Names) described(tenant event.TenantID, pattern string) bool {
	if !strings.Contains(pattern, "*") {
		_, ok := n.Types.Lookup(tenant, pattern)
		return ok
	}
	for _, t := range n.Types.List(tenant) {
		if webhook.Matches(pattern, t.Name) {
			return true
		}
	}
	return pattern == "*"
}

// unknown says why no event of a type, or of a pattern, is to be expected; "": one may be. It looks at the catalogue
// and at the events that are stored, of a pattern at the last ones only.
func (n Names) unknown(ctx context.Context, tenant event.TenantID, pattern string) (string, error) {
	if n.described(tenant, pattern) || strings.HasPrefix(pattern, event.OperationalPrefix) {
		return "", nil
	}
	glob := strings.Contains(pattern, "*")
	q := Query{Tenant: tenant, Type: pattern, Limit: 1}
	if glob {
		q.Type, q.Limit = "", 250
	}
	events, next, err := n.Events.EventList(ctx, q)
	if err != nil {
		return "", err
	}
	for i := range events {
		if webhook.Matches(pattern, events[i].Type) {
			return "", nil
		}
	}
	if next != 0 && !glob {
		return "", nil // not all was looked at
	}
	reason := "no event type of this name is in the catalogue or among the stored events"
	if glob {
		reason = "no event type that matches is in the catalogue or among the last events"
	}
	names := func(yield func(string) bool) {
		for _, t := range n.Types.List(tenant) {
			name := t.Name
			if glob { // compare what stands before the first star
				dots := strings.Count(pattern[:strings.IndexByte(pattern, '*')], ".")
				parts := strings.SplitAfterN(name, ".", dots+1)
				if len(parts) <= dots {
					continue
				}
				name = strings.Join(parts[:dots], "") + pattern[strings.IndexByte(pattern, '*'):]
			}
			if !yield(name) {
				return
			}
		}
	}
	if near := nearest.Of(pattern, names); near != "" {
		reason += fmt.Sprintf("; did you mean %q?", near)
	}
	return reason, nil
}
