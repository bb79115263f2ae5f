package catalogue

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestPackCalls(t *testing.T) {
	var names []string
	for _, typ := range Types() {
		if typ.Pack == "calls" {
			names = append(names, typ.Name)
		}
	}
	want := []string{"appointment.booked", "call.completed", "call.urgent"}
	if !slices.Equal(names, want) {
		t.Errorf("types of the pack calls: got %q, want %q", names, want)
	}

	completed, ok := Example("call.completed")
	if !ok {
		t.Fatal("Example(call.completed): got none")
	}
	var call struct {
		Duration           int
		Urgency            string
		AppointmentsBooked []any
		Redirect           *string
	}
	if err := json.Unmarshal(completed, &call); err != nil {
		t.Fatal(err)
	}
	if call.Duration != 142 || call.Urgency != "normal" || call.AppointmentsBooked == nil || call.Redirect != nil {
		t.Errorf("example of call.completed: got %+v, want that of the document", call)
	}
	urgent, _ := Example("call.urgent")
	if want := strings.Replace(string(completed), `"urgency":"normal"`, `"urgency":"urgent"`, 1); string(urgent) != want {
		t.Errorf("example of call.urgent: got %s, want the same call, urgent: %s", urgent, want)
	}
}

func TestUnknownType(t *testing.T) {
	if got, ok := Example("nothing.known"); ok {
		t.Errorf("Example(nothing.known): got %s, want none", got)
	}
	if !json.Valid(Generic) {
		t.Errorf("Generic is not JSON: %s", Generic)
	}
}

func TestLoadRefuses(t *testing.T) {
	const full = `"description":"d","fires":"f","example":{}`
	tests := []struct{ name, pack, want string }{
		{"misspelled field", `[{"name":"a",` + full + `,"exmaple":{}}]`, "exmaple"},
		{"no example", `[{"name":"a","description":"d","fires":"f"}]`, "not fully described"},
		{"twice", `[{"name":"a",` + full + `},{"name":"a",` + full + `}]`, "twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(fstest.MapFS{"packs/p.json": {Data: []byte(tt.pack)}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("load(%s): got error %v, want one with %q", tt.pack, err, tt.want)
			}
		})
	}
}
