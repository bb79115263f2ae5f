package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
)

// derived returns an item that follows from the one at the distance.
func derived(typ, data string, cause, root int32) ingest.Item {
	it := Event("", typ, data)
	it.Cause, it.Root = cause, root
	return it
}

// accountEvents is a publication of an event with two before it, of which the second follows from the first, and one behind.
func accountEvents(name, data string) *ingest.Publication {
	return Publication(
		Event("", "free", `0`),
		derived("late", `"c"`, 1, 2), derived("early", `"b"`, 1, 1), Event(name, "cause", data), derived("after", `"d"`, -1, -1))
}

func derivedGoWithTheirRoot(t *testing.T, s Backend) {
	first := accountEvents("a", `1`)
	first.Items[3].Event.Warnings = `[{"path":"data","message":"is odd"}]`
	repeated := accountEvents("a", `1`) // in the same group
	intakes := MustAppend(t, s, first, repeated)
	wrong := accountEvents("a", `2`)
	MustAppend(t, s, wrong, accountEvents("a", `1`))
	if wrong.Err == nil {
		t.Error("another body under the same id: got no conflict")
	}
	check := func(what string, got []event.Event) {
		t.Helper()
		var text []string
		ids := make(map[event.ID]string)
		for _, e := range got {
			ids[e.ID] = e.Type
		}
		for _, e := range got {
			text = append(text, fmt.Sprintf("%s<%s", e.Type, ids[e.Cause]))
			want := ""
			if e.Type == "cause" {
				want = first.Items[3].Event.Warnings
			}
			if e.Warnings != want {
				t.Errorf("%s: %s has the warnings %q, want %q", what, e.Type, e.Warnings, want)
			}
		}
		const want = "free< late<early early<cause cause< after<cause"
		if have := strings.Join(text, " "); have != want {
			t.Errorf("%s: got %s, want %s", what, have, want)
		}
	}
	var group []event.Event
	for i := range intakes {
		group = append(group, intakes[i].Events...)
	}
	check("Append", group[:5])
	if len(group) != 6 || group[5].Type != "free" { // the one that is no duplicate
		t.Errorf("the group: got %d events, want 6", len(group))
	}
	for i, it := range repeated.Items {
		if want := i > 0; it.Duplicate != want {
			t.Errorf("published again in the same group: %s is a duplicate: %t, want %t", it.Event.Type, it.Duplicate, want)
		}
	}
	s.Reopen(t)
	all := MustList(t, s, ingest.Query{})
	if len(all) != 7 {
		t.Fatalf("got %d events, want 7", len(all))
	}
	stored := make([]event.Event, 0, 5)
	for i := range 5 {
		stored = append(stored, all[len(all)-1-i])
	}
	check("EventList", stored)
	if e, ok, err := s.EventFind(ctx, event.DefaultTenant, "a"); err != nil || !ok || e.Warnings != first.Items[3].Event.Warnings {
		t.Errorf("EventFind: got %+v, %t, %v, want the warnings", e, ok, err)
	}
}

// derivedStayTogether stores more than a block or an intake usually holds.
func derivedStayTogether(t *testing.T, s Backend) {
	const groups, followers = 60, 100
	pad := strings.Repeat("x", 2000)
	p := Publication()
	for g := range groups {
		for i := range followers {
			p.Items = append(p.Items, derived("before", fmt.Sprintf(`"%d %s"`, i, pad), int32(followers-i), int32(followers-i)))
		}
		p.Items = append(p.Items, Event("", "cause", fmt.Sprint(g)))
	}
	intakes := MustAppend(t, s, p)
	if len(intakes) < 2 {
		t.Errorf("got %d intakes, want several", len(intakes))
	}
	for i := range intakes {
		if n := len(intakes[i].Events); intakes[i].Events[n-1].Type != "cause" {
			t.Errorf("an intake of %d events ends amid what belongs together", n)
		}
	}
	s.Reopen(t)
	var cause event.ID
	for n, e := range MustList(t, s, ingest.Query{Limit: 250}) { // the newest first: a cause, then what was before it
		if e.Type == "cause" {
			cause = e.ID
		} else if e.Cause != cause {
			t.Fatalf("event %d: got cause %d, want %d", n, e.Cause, cause)
		}
	}
}
