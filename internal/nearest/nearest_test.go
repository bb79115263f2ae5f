package nearest

import (
	"slices"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	words := []string{"type", "data", "id", "timestamp", "deliverAt", "attributes", "events", "call.completed", "call.urgent"}
	for give, want := range map[string]string{
		"tpye": "type", "Type": "type", "typ": "type", "dtaa": "data", "event": "events", "evnets": "events", "deliver_at": "deliverAt",
		"timestmap": "timestamp", "atributes": "attributes", "call.complete": "call.completed", "call.completd": "call.completed",
		"calls.completed": "call.completed", "x": "", "": "", "io": "", "payload": "", "call": "", "type": "",
		strings.Repeat("x", 10_000): "",
	} {
		if got := Of(give, slices.Values(words)); got != want {
			t.Errorf("Of(%.20q): got %q, want %q", give, got, want)
		}
	}
}
