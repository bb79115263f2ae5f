package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
)

// TestCatalogueFile checks that every tenant gets the types and rules of the file, and that an
// error in it prevents the start.
func TestCatalogueFile(t *testing.T) {
	c := settings(t)
	c.Catalogue = filepath.Join(t.TempDir(), "types.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(c.Catalogue, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ text, want string }{
		{"types:\n  - nam: a\n", `unknown field "nam"`},
		{"types:\n  - name: a b\n", "name"},
		{"types: []\nrules:\n  - {name: urgent-call, on: a, type: b, data: event.data}\n", `is also in the pack "calls"`},
		{"rules:\n  - {name: r, on: a, type: b, data: event.data, when: 'event.data.'}\n", "rule"},
	} {
		write(tt.text)
		a, err := New(t.Context(), c, silent)
		if err == nil {
			stop(t, a)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("a file with %q: got %v, want an error with %q", tt.text, err, tt.want)
		}
	}
	write(`
types:
  - name: order.created
    aliases: [order.placed]
    validation: strict
    schema: {type: object, required: [amount], properties: {amount: {type: number}}}
rules:
  - {name: large-order, on: order.created, when: event.data.amount > 1000, type: order.large, data: event.data}
`)
	a := run(t, c)
	relay := dial(t, a, adminKey)
	publish := func(data string) error {
		_, err := relay.Publish(t.Context(), client.NewEvent{Type: "order.placed", Data: json.RawMessage(data)})
		return err
	}
	if err := publish(`{"total":1}`); err == nil || !strings.Contains(err.Error(), "data.amount") {
		t.Errorf("an order without an amount: got %v, want it refused", err)
	}
	if err := publish(`{"amount":2000}`); err != nil {
		t.Fatal(err)
	}
	for _, eventType := range []string{"order.created", "order.large"} {
		list, err := relay.ListEventsPage(t.Context(), client.ListEventsParams{Type: eventType})
		if err != nil || len(list.Data) != 1 {
			t.Errorf("events of type %s: got %d, %v, want 1", eventType, len(list.Data), err)
		}
	}
}
