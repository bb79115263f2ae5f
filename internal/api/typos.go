package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/nearest"
	"github.com/relay-events/relay/internal/webhook"
)

// Event types may be published without being described, so a name that nobody knows is no mistake in itself. But a
// webhook that asks for "call.complete" gets nothing for ever, and says nothing: what is neither in the catalogue nor was
// published is pointed at.

// maxLookedUp bounds how many patterns of a request are looked for among the events, each of which takes up to a second.
const maxLookedUp = 5

// oddPatterns returns warnings about patterns of events that match no type that is known.
func (a *API) oddPatterns(ctx context.Context, c *access.Principal, patterns []string) ([]Warning, error) {
	var list []Warning
	looked := 0
	for i, p := range patterns {
		if a.described(c, p) || strings.HasPrefix(p, event.OperationalPrefix) {
			continue
		}
		if looked++; looked > maxLookedUp {
			break
		}
		reason, err := a.unknownType(ctx, c, p)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			list = append(list, Warning{Path: fmt.Sprintf("events[%d]", i), Message: reason})
		}
	}
	return list, nil
}

// described reports whether a type of the catalogue matches a pattern.
func (a *API) described(c *access.Principal, pattern string) bool {
	if !strings.Contains(pattern, "*") {
		_, ok := a.Types.Lookup(c.Tenant, pattern)
		return ok
	}
	for _, t := range a.Types.List(c.Tenant) {
		if webhook.Matches(pattern, t.Name) {
			return true
		}
	}
	return pattern == "*"
}

// unknownType says why no event of a type, or of a pattern, is to be expected; "": one may be. It looks at the catalogue
// and at the events that are stored, of a pattern at the last ones only.
func (a *API) unknownType(ctx context.Context, c *access.Principal, pattern string) (string, error) {
	if a.described(c, pattern) || strings.HasPrefix(pattern, event.OperationalPrefix) {
		return "", nil
	}
	glob := strings.Contains(pattern, "*")
	q := ingest.Query{Tenant: c.Tenant, Type: pattern, Limit: 1}
	if glob {
		q.Type, q.Limit = "", 250
	}
	events, next, err := a.Events.EventList(ctx, q)
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
		for _, t := range a.Types.List(c.Tenant) {
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
