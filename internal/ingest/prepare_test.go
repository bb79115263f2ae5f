package ingest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// noRecords is a catalogue without anything of a tenant's own.
type noRecords struct{}

func (noRecords) CatalogueList(context.Context) ([]catalogue.Record, error)     { return nil, nil }
func (noRecords) CatalogueChange(context.Context, catalogue.RecordChange) error { return nil }

func newTypes(t testing.TB) *catalogue.Registry {
	t.Helper()
	types, err := catalogue.NewRegistry(context.Background(), noRecords{}, catalogue.Options{Evaluator: Conditions{}})
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func published(eventType, data string) Item {
	return Item{Event: event.Event{Tenant: 1, Type: eventType, Data: []byte(data), Time: time.UnixMilli(1).UTC()}}
}

// example returns the data of a type's example with text put in place of other text.
func example(t testing.TB, eventType string, replace ...string) string {
	t.Helper()
	data, ok := catalogue.Example(eventType)
	if !ok {
		t.Fatalf("there is no type %q", eventType)
	}
	return strings.NewReplacer(replace...).Replace(string(data))
}

// TestPrepareKeepsDistances holds the places of derived items to what stores rely on.
func TestPrepareKeepsDistances(t *testing.T) {
	i := &Ingester{types: newTypes(t)}
	urgent := example(t, "call.completed", `"normal"`, `"urgent"`)
	p := &Publication{Tenant: 1, Array: true, Items: []Item{
		published("other", "1"), published("account.deactivate", example(t, "account.deactivate")), published("call.completed", urgent), published("other", "2"),
	}}
	given := p.Items
	if err := i.prepare(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var got []string
	for n := range p.Items {
		it := &p.Items[n]
		line := it.Event.Type
		if it.Cause != 0 {
			line += "<" + p.Items[n+int(it.Cause)].Event.Type + "<" + p.Items[n+int(it.Root)].Event.Type
		}
		got = append(got, line)
	}
	want := "other notification_channel.remove<account.deactivate<account.deactivate notification_channel.remove<account.deactivate<account.deactivate " +
		"account.deactivate call.completed call.urgent<call.completed<call.completed other"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	if len(given) != 4 || given[1].Cause != 0 {
		t.Errorf("the items given were changed: %+v", given)
	}
	// Relay's own events are taken as they are, and nobody else's.
	own := &Publication{Tenant: 1, Operational: true, Items: []Item{published("webhook.disabled", "{}")}}
	if err := i.prepare(t.Context(), own); err != nil {
		t.Errorf("an operational event: got %v", err)
	}
	own.Operational = false
	var bad *problem.Error
	if err := i.prepare(t.Context(), own); !errors.As(err, &bad) || bad.Kind != problem.Invalid || bad.Fields[0].Name != "type" {
		t.Errorf("the same from outside: got %v, want type refused", err)
	}
}

// TestPrepareVersion: an event that names no version carries the newest one of a type that has more than its first.
func TestPrepareVersion(t *testing.T) {
	types := newTypes(t)
	put := func(name, version string) {
		t.Helper()
		if _, err := types.Put(t.Context(), access.System(1), catalogue.Type{Name: name, Version: version, Schema: []byte(`{"type":"object"}`)}); err != nil {
			t.Fatal(err)
		}
	}
	put("own.first", "1")
	put("own.dated", "2027-02-02")
	put("own.second", "1")
	put("own.second", "2")
	put("call.urgent", "2027-03-03")
	i := &Ingester{types: types}
	for _, tt := range []struct{ name, given, want string }{
		{"unknown", "", ""}, {"own.first", "", ""}, {"own.dated", "", "2027-02-02"}, {"own.second", "", "2"}, {"own.second", "1", "1"},
		{"call.completed", "", ""}, {"call.completed", "7", "7"}, {"call.urgent", "", "2027-03-03"}, {"message.delivered", "", ""},
	} {
		it := published(tt.name, `{}`)
		it.Event.Version = tt.given
		p := Publication{Tenant: 1, Items: []Item{it}}
		if err := i.prepare(t.Context(), &p); err != nil {
			t.Fatal(err)
		}
		if got := p.Items[0].Event.Version; got != tt.want {
			t.Errorf("%s of version %q: got %q, want %q", tt.name, tt.given, got, tt.want)
		}
	}
	// So does an event that follows from another.
	p := Publication{Tenant: 1, Items: []Item{published("call.completed", `{"urgency":"urgent"}`)}}
	if err := i.prepare(t.Context(), &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Items) != 2 || p.Items[1].Event.Type != "call.urgent" || p.Items[1].Event.Version != "2027-03-03" || p.Items[0].Event.Version != "" {
		t.Errorf("an event and what follows from it: got %+v", p.Items)
	}
}

// BenchmarkPrepare measures the catalogue's cost for an event before it is stored.
func BenchmarkPrepare(b *testing.B) {
	types := newTypes(b)
	fits := example(b, "message.delivered")
	for _, tt := range []struct{ name, eventType, data string }{
		{"NotInTheCatalogue", "order.created", fits},
		{"Fits", "message.delivered", fits},
		{"FitsAndRulesLook", "call.completed", example(b, "call.completed")},
		{"Violates", "message.delivered", example(b, "message.delivered", `"ccid"`, `"ccid_"`)},
		{"Derives", "call.completed", example(b, "call.completed", `"normal"`, `"urgent"`)},
	} {
		b.Run(tt.name, func(b *testing.B) {
			i := &Ingester{types: types}
			items := []Item{published(tt.eventType, tt.data)}
			b.ReportAllocs()
			b.SetBytes(int64(len(tt.data)))
			for b.Loop() {
				p := Publication{Tenant: 1, Items: items}
				if err := i.prepare(b.Context(), &p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
