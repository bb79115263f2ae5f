package delivery

import (
	"testing"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/filter"
	"github.com/relay-events/relay/internal/webhook"
)

// BenchmarkRoute finds the webhooks of an event among a hundred: one that names
// the type, one with a glob, one with a filter; the others want other types.
func BenchmarkRoute(b *testing.B) {
	program, err := filter.Compile(`event.data.duration > 60`)
	if err != nil {
		b.Fatal(err)
	}
	hook := func(p *filter.Program, events ...string) target {
		w := &webhook.Webhook{Settings: webhook.Settings{Events: events}, Program: p}
		return target{lane: &lane{}, hook: w}
	}
	t := &table{exact: make(map[string][]target)}
	for i := range 97 {
		name := "other." + string(rune('a'+i%26))
		t.exact[name] = append(t.exact[name], hook(nil, name))
	}
	t.exact["call.completed"] = []target{hook(nil, "call.completed"), hook(nil, "call.*"), hook(program, "call.completed")}
	ev := &event.Event{Type: "call.completed", Data: []byte(`{"sid":"CA1","caller":"+12125551234","duration":142,"summary":"asked about pricing"}`)}
	var found []match
	e := new(Engine)
	b.ReportAllocs()
	for b.Loop() {
		if found = e.targetsFor(t, found[:0], ev, new(routingTime)); len(found) != 3 {
			b.Fatalf("%d targets, want 3", len(found))
		}
	}
}
