package filter

import (
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/event"
)

// TestTimeZones checks that only listed time zones are used, even if the name comes from an event.
func TestTimeZones(t *testing.T) {
	p, err := Compile(`timestamp("2026-07-01T23:30:00Z").getHours(event.data.zone) == 1`)
	if err != nil {
		t.Fatal(err)
	}
	for zone, want := range map[string]string{
		"Europe/Copenhagen": "true", "+02:00": "true", "UTC": "false", "-02:00": "false", "Europe/Berlin": "true",
		"Local": "unknown name", "../../../etc/passwd": "unknown name", "": "unknown name", "europe/berlin": "unknown name", "tzdata.zi": "unknown name",
	} {
		fits, err := p.Match(t.Context(), &event.Event{Data: []byte(`{"zone":"` + zone + `"}`)})
		got := map[bool]string{true: "true", false: "false"}[fits]
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: got %s, want %s", zone, got, want)
		}
	}
}

// TestMatchCost checks that the cost reflects the work of an evaluation.
func TestMatchCost(t *testing.T) {
	cost := func(text, data string) int {
		t.Helper()
		p, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		_, n, _ := p.MatchCost(t.Context(), &event.Event{Data: []byte(data)})
		return n
	}
	list := `{"l":[` + strings.Repeat("1,", 90) + `1]}`
	simple, loop := cost(`event.data.a == 1`, `{"a":1}`), cost(`event.data.l.exists(a, event.data.l.exists(b, a == b + 1000))`, list)
	if simple < 1 || simple > 100 || loop < 10_000 {
		t.Errorf("got %d for a comparison and %d for nested loops, want some and at least 10000", simple, loop)
	}
}
