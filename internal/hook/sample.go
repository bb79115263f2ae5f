package hook

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/webhook"
)

// Bounds of looking for samples: what was published longer ago says little about today's events, and a platform waits for
// the answer.
const (
	sampleAge   = 30 * 24 * time.Hour
	samplePages = 4
	samplePage  = 50
	sampleBytes = 4 << 20 // of all samples together, about
)

// Samples returns events that a REST hook for the type or pattern would get, as it would get them, the newest first, at most
// limit. Where there are none it returns the catalogue's examples.
func (h *Hooks) Samples(ctx context.Context, tenant event.TenantID, pattern string, limit int) ([]json.RawMessage, error) {
	q := ingest.Query{Tenant: tenant, Since: time.Now().Add(-sampleAge), Limit: samplePage}
	if !strings.Contains(pattern, "*") {
		pattern = h.Types.Canonical(tenant, pattern)
		q.Type, q.Limit = pattern, limit
	}
	samples, bytes := []json.RawMessage{}, 0 // [], not null
	add := func(e *event.Event) bool {
		body, _ := format.Append(nil, format.RestHook, e, event.DeliveryID{Event: e.ID})
		samples = append(samples, body)
		bytes += len(body)
		return len(samples) < limit && bytes < sampleBytes
	}
	for range samplePages {
		list, next, err := h.Events.EventList(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if webhook.Matches(pattern, list[i].Type) && !add(&list[i]) {
				return samples, nil
			}
		}
		if q.Before = next; next == 0 {
			break
		}
	}
	if len(samples) > 0 {
		return samples, nil
	}
	for _, t := range h.Types.List(tenant) {
		if t.Archived || !webhook.Matches(pattern, t.Name) {
			continue
		}
		if e := exampleOf(t); !add(&e) {
			break
		}
	}
	return samples, nil
}

// exampleOf returns the example of a type as an event.
func exampleOf(t *catalogue.Type) event.Event {
	e := event.Event{ID: exampleID(t.Name), Type: t.Name, Time: t.ExampleTime, Attributes: t.ExampleAttributes, Data: t.Example}
	if e.Time.IsZero() {
		e.Time = exampleTime
	}
	return e
}

// exampleTime is the time of examples that have none: that of the document that describes the envelope.
var exampleTime = time.Date(2026, 5, 5, 14, 23, 0, 0, time.UTC)

// exampleID returns the id of a type's example event, always the same. It lies long before all ids of events.
func exampleID(name string) event.ID {
	f := fnv.New64a()
	f.Write([]byte(name))
	return event.ID(f.Sum64() & (1<<40 - 1))
}

// EventChoice is an event type in a platform's list to choose from.
type EventChoice struct {
	Key, Label, Description string
}

// Choices returns the event types to choose from, by name.
func (h *Hooks) Choices(tenant event.TenantID) []EventChoice {
	list := []EventChoice{}
	for _, t := range h.Types.List(tenant) {
		if t.Archived || t.Deprecated {
			continue
		}
		list = append(list, EventChoice{t.Name, label(t.Name), firstParagraph(t.Description)})
	}
	return list
}

// label makes a title of the name of an event type: "call.completed" is "Call completed".
func label(name string) string {
	words := strings.NewReplacer(".", " ", "_", " ", "-", " ").Replace(name)
	return strings.ToUpper(words[:1]) + words[1:]
}
