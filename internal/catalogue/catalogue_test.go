package catalogue

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// pushTypes lists the 20 types of push-events-catalogue.txt, with the numbers of documented
// properties of the data and of the attributes.
var pushTypes = []struct {
	name             string
	data, attributes int
}{
	{"account.deactivate", 8, 0},
	{"channel_consent.update", 9, 0},
	{"message.action_taken", 17, 0},
	{"message.delivered", 20, 0}, // 13 of its own document, 7 only in the sample of push-event-webhook.txt
	{"message.undelivered", 15, 0},
	{"notification.attempted", 18, 0},
	{"notification.auth_link_used", 14, 0},
	{"notification.delivered", 17, 0},
	{"notification.not_attempted", 19, 0},
	{"notification.undelivered", 17, 0},
	{"notification_channel.add", 12, 0},
	{"notification_channel.remove", 12, 0},
	{"powerups_data.artifact_available", 8, 9},
	{"powerups_data.received", 14, 0},
	{"text_message.received", 18, 1},
	{"twoway.agent_ping", 12, 3},
	{"twoway.channel_closed", 12, 5},
	{"twoway_webhook.agent_message_sent", 13, 17},
	{"twoway_webhook.customer_message_sent", 14, 14},
	{"twoway_webhook.system_message_sent", 10, 17},
}

// property is the part of a schema that the tests read.
type property struct {
	Type             any
	Format           string
	Enum             []any
	Examples         []any
	Properties       map[string]property
	Items            *property
	EnumDescriptions map[string]string `json:"x-enumDescriptions"`
	Description      string
	Required         []string
	Additional       any `json:"additionalProperties"`
}

func schemaOf(t *testing.T, raw json.RawMessage) property {
	t.Helper()
	var p property
	if raw == nil {
		return p
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPackPush(t *testing.T) {
	var names []string
	for _, typ := range Types() {
		if typ.Pack == "push" {
			names = append(names, typ.Name)
		}
	}
	if len(names) != 20 || len(pushTypes) != 20 {
		t.Fatalf("types of the pack push: got %d, want 20: %q", len(names), names)
	}
	for i, want := range pushTypes {
		if names[i] != want.name {
			t.Fatalf("type %d: got %q, want %q", i, names[i], want.name)
		}
		typ, _ := Lookup(want.name)
		data, attributes := schemaOf(t, typ.Schema), schemaOf(t, typ.AttributesSchema)
		if len(data.Properties) != want.data || len(attributes.Properties) != want.attributes {
			t.Errorf("%s: got %d properties of the data and %d of the attributes, want %d and %d",
				want.name, len(data.Properties), len(attributes.Properties), want.data, want.attributes)
		}
		if typ.Version != "1" || typ.ExampleID == "" || typ.ExampleTime.IsZero() {
			t.Errorf("%s: got version %q, example %q at %v; want 1 and the document's", want.name, typ.Version, typ.ExampleID, typ.ExampleTime)
		}
		if want.attributes > 1 && typ.ExampleAttributes == nil {
			t.Errorf("%s: got no example of attributes, want the document's top-level members", want.name)
		}
	}
}

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
	a, b := schemaOf(t, mustType(t, "call.completed").Schema), schemaOf(t, mustType(t, "call.urgent").Schema)
	if len(a.Properties) != 16 || len(b.Properties) != 16 {
		t.Errorf("properties of calls: got %d and %d, want 16", len(a.Properties), len(b.Properties))
	}
}

func mustType(t testing.TB, name string) *Type {
	t.Helper()
	typ, ok := Lookup(name)
	if !ok {
		t.Fatalf("Lookup(%q): got none", name)
	}
	return &typ
}

// TestExamplesFitTheirSchemas also compiles every schema of the binary, so that Validate cannot
// encounter a broken one.
func TestExamplesFitTheirSchemas(t *testing.T) {
	for _, typ := range Types() {
		if err := typ.CheckSchemas(); err != nil {
			t.Errorf("%s: %v", typ.Name, err)
			continue
		}
		if list := typ.Validate(typ.Example, typ.ExampleAttributes); list != nil {
			t.Errorf("%s: the document's example violates the schema: %v", typ.Name, list)
		}
		if typ.Schema == nil {
			t.Errorf("%s: got no schema", typ.Name)
		}
		// No schema of the binary may reject additional properties.
		if strings.Contains(string(typ.Schema), "dditionalProperties") || strings.Contains(string(typ.Schema), "nevaluated") {
			t.Errorf("%s: the schema restricts additional properties", typ.Name)
		}
	}
}

func TestEnumerations(t *testing.T) {
	tests := []struct {
		typ, property string
		want          []any
	}{
		{"channel_consent.update", "consent_type", []any{"written", "express", "stop"}},
		{"channel_consent.update", "channel_type", []any{"sms", nil}},
		{"notification_channel.remove", "consent_type", []any{"written", "express", "stop", ""}}, // its example has ""
		{"message.action_taken", "action_type", []any{"call", "collapsible", "email", "hyperlink", "message_branch", "chat", "twoway", "consent_upgrade", "email_data_capture", "form_info_capture"}},
		{"message.undelivered", "error_type", []any{"ccid-not-found", "missing-fields", "invalid-html-in-wire-message", "invalid-html-in-sms-message", "throttle-customer", "duplicate-request", "trigger-not-found", "journey-archived", "customer-deactivated"}},
		{"notification.not_attempted", "error_type", []any{1.0, 2.0, 3.0, 4.0, 5.0, 6.0}},
		{"twoway_webhook.agent_message_sent", "sender_type", []any{"agent", "customer", "system"}},
	}
	for _, tt := range tests {
		got := schemaOf(t, mustType(t, tt.typ).Schema).Properties[tt.property]
		if !slices.Equal(got.Enum, tt.want) {
			t.Errorf("%s %s: got %v, want %v", tt.typ, tt.property, got.Enum, tt.want)
		}
	}
	meanings := schemaOf(t, mustType(t, "notification.not_attempted").Schema).Properties["error_type"].EnumDescriptions
	if meanings["1"] != "not_consented" || meanings["6"] != "sms_throttle" || len(meanings) != 6 {
		t.Errorf("meanings of the numeric error_type: got %v", meanings)
	}
	if m := schemaOf(t, mustType(t, "message.undelivered").Schema).Properties["error_type"].EnumDescriptions; len(m) != 9 {
		t.Errorf("meanings of error_type: got %d, want 9: %v", len(m), m)
	}
	// The document calls the source channels examples, so other channels must not be violations.
	source := schemaOf(t, mustType(t, "channel_consent.update").Schema).Properties["source_channel"]
	if len(source.Enum) != 0 || len(source.Examples) != 13 {
		t.Errorf("source_channel: got enum %v and %d examples, want no enum and 13 examples", source.Enum, len(source.Examples))
	}
}

func TestAliases(t *testing.T) {
	tests := []struct{ name, want string }{
		{"notification.auth_link_clicked", "notification.auth_link_used"},
		{"twoway_webhook.agent_message", "twoway_webhook.agent_message_sent"}, // the document's headings
		{"call.completed", "call.completed"},
		{"nothing.known", "nothing.known"},
	}
	for _, tt := range tests {
		if got := Canonical(tt.name); got != tt.want {
			t.Errorf("Canonical(%q): got %q, want %q", tt.name, got, tt.want)
		}
	}
	if typ, ok := Lookup("notification.auth_link_clicked"); !ok || typ.Name != "notification.auth_link_used" {
		t.Errorf("Lookup of an alias: got %q, %v", typ.Name, ok)
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
	const full = `"version":"1","description":"d","fires":"f","example":{}`
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"misspelled field", map[string]string{"packs/p/a.json": `{"name":"a",` + full + `,"exmaple":{}}`}, "exmaple"},
		{"no example", map[string]string{"packs/p/a.json": `{"name":"a","version":"1","description":"d","fires":"f"}`}, "not fully described"},
		{"other name", map[string]string{"packs/p/a.json": `{"name":"b",` + full + `}`}, `contains type "b"`},
		{"twice", map[string]string{"packs/p/a.json": `{"name":"a",` + full + `}`, "packs/q/a.json": `{"name":"a",` + full + `}`}, "taken"},
		{"alias taken", map[string]string{"packs/p/a.json": `{"name":"a",` + full + `}`, "packs/p/b.json": `{"name":"b","aliases":["a"],` + full + `}`}, "taken"},
		{"rule without data", map[string]string{"packs/p/rules.json": `[{"name":"r","on":"a","type":"b"}]`}, "data must be given"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fs := fstest.MapFS{}
			for name, text := range tt.files {
				fs[name] = &fstest.MapFile{Data: []byte(text)}
			}
			_, err := loadPacks(fs)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("loadPacks(%v): got error %v, want one with %q", tt.files, err, tt.want)
			}
		})
	}
}
