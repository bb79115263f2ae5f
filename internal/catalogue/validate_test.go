package catalogue

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// messageDelivered is the payload of the sample in push-event-webhook.txt, which has members
// missing from the catalogue.
const messageDelivered = `{"action_type":null,"product_group_id":"default","trigger_id":"91c08533-3ebe-49e3-a44a-4d885744feaf","channel_addr":"","channel_type":"","ccid":"relay_pushAPI_customer","journey_id":"ee0af7fa-e278-4bbb-83b6-b04cf6612e04","action_value":null,"relay_tracking_id":"6d5d4d44-3982-456f-b694-7ce39b229889","message_id":"43244abd-45dc-4b27-8682-54337554c876","message_name":"Relay Push API Message","notification_id":null,"action_label":null,"client_id":"relay_push_api_sample","event_type":"message","client_message_tag":"","job_id":"6f7970db-6040-4fb2-80e1-f43646e9e75e","customer_id":"325030d6-8135-4e55-82b3-272eab6e77e3","event_subtype":"delivered"}`

func TestValidate(t *testing.T) {
	example := func(name string) string { e, _ := Example(name); return string(e) }
	with := func(name, old, new string) string {
		s := example(name)
		if !strings.Contains(s, old) {
			t.Fatalf("example of %s has no %s", name, old)
		}
		return strings.Replace(s, old, new, 1)
	}
	tests := []struct {
		name, typ, data, attributes string
		want                        []string
	}{
		{"sample of the other document", "message.delivered", messageDelivered, "", nil},
		{"additional members", "call.completed", with("call.completed", `"duration":142`, `"duration":142,"new":{"deep":[1]}`), "", nil},
		{"additional attributes", "twoway.agent_ping", example("twoway.agent_ping"), `{"new":1}`, nil},
		{"wrong type", "call.completed", with("call.completed", `142`, `"142"`), "", []string{"data.duration must be an integer, got a string"}},
		{"no integer", "call.completed", with("call.completed", `142`, `142.5`), "", []string{"data.duration must be an integer, got a number"}},
		{"an integer all the same", "call.completed", with("call.completed", `142`, `142.0`), "", nil},
		{"below the minimum", "call.completed", with("call.completed", `142`, `-1`), "", []string{"data.duration must be at least 0"}},
		{"missing", "call.completed", with("call.completed", `"sid":"CA...",`, ``), "", []string{"data.sid is missing"}},
		{"format", "call.completed", with("call.completed", `2026-05-05T14:20:38Z`, `yesterday`), "", []string{`data.startedAt must have the format "date-time"`}},
		{"in an array", "call.completed", with("call.completed", `"appointmentsBooked":[]`, `"appointmentsBooked":[{"eventId":"a"},{"startUtc":7}]`), "", []string{"data.appointmentsBooked[1].startUtc must be a string, got a number"}},
		{"null where it may be", "account.deactivate", with("account.deactivate", `"job_id":null`, `"job_id":null,"relay_tracking_id2":null`), "", nil},
		{"null where it may not be", "account.deactivate", with("account.deactivate", `"deactive-my-ccid"`, `null`), "", []string{"data.ccid must be a string, got null"}},
		{"enumeration", "channel_consent.update", with("channel_consent.update", `"stop"`, `"maybe"`), "", []string{`data.consent_type must be one of "written", "express", "stop"`}},
		{"a source channel of their own", "channel_consent.update", with("channel_consent.update", `"csr"`, `"carrier-pigeon"`), "", nil},
		{"number as string", "notification.not_attempted", with("notification.not_attempted", `"error_type":1`, `"error_type":"1"`), "", []string{"data.error_type must be an integer, got a string"}},
		{"code out of range", "notification.not_attempted", with("notification.not_attempted", `"error_type":1`, `"error_type":7`), "", []string{"data.error_type must be one of 1, 2, 3, 4, 5, 6"}},
		{"attributes", "twoway.channel_closed", example("twoway.channel_closed"), `{"event_version":"2"}`, []string{"attributes.event_version must be an integer, got a string"}},
		{"two", "call.completed", with("call.completed", `"duration":142,"billableMinutes":3`, `"duration":"142"`), "", []string{"data.billableMinutes is missing", "data.duration must be an integer, got a string"}},
		{"no object", "call.completed", `[]`, "", []string{"data must be an object, got an array"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, v := range mustType(t, tt.typ).Validate([]byte(tt.data), []byte(tt.attributes)) {
				got = append(got, v.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("Validate(%s, %s):\ngot  %q\nwant %q", tt.data, tt.attributes, got, tt.want)
			}
		})
	}
}

// typeWith returns a type as a tenant would define it.
func typeWith(t testing.TB, schema string) *Type {
	t.Helper()
	typ := Type{Name: "test.type", Schema: []byte(schema)}
	if err := typ.normalize(); err != nil {
		t.Fatalf("normalize(%s): %v", schema, err)
	}
	return &typ
}

func TestValidateKeepsPrecision(t *testing.T) {
	typ := typeWith(t, `{"properties":{"n":{"const":9007199254740993},"d":{"multipleOf":0.01,"maximum":0.3}}}`)
	tests := []struct {
		data string
		ok   bool
	}{
		{`{"n":9007199254740993}`, true},
		{`{"n":9007199254740992}`, false}, // the same double
		{`{"d":0.29}`, true},              // not a multiple of 0.01 as doubles
		{`{"d":0.3000000000000000001}`, false},
	}
	for _, tt := range tests {
		if list := typ.Validate([]byte(tt.data), nil); (list == nil) != tt.ok {
			t.Errorf("Validate(%s): got %v, want accepted %v", tt.data, list, tt.ok)
		}
	}
}

// TestMessagesHideValues checks that violations, which get into logs, contain no published values.
func TestMessagesHideValues(t *testing.T) {
	typ := typeWith(t, `{"properties":{
		"a":{"type":"number"},"b":{"enum":["x"]},"c":{"const":1},"d":{"pattern":"^z$"},"e":{"format":"email"},"f":{"maxLength":1},
		"g":{"maximum":1},"h":{"anyOf":[{"const":1},{"const":2}]},"i":{"not":{"type":"string"}},"j":{"items":{"format":"uuid"}},
		"k":{"uniqueItems":true},"l":{"multipleOf":5},"m":{"contains":{"const":1}},"n":{"propertyNames":{"maxLength":3}},"o":false}}`)
	const secret = "hunter2"
	data := []byte(`{"n":{"long":1}`)
	for _, name := range strings.Split("abcdefghijkmo", "") {
		v := `"` + secret + `"`
		switch name {
		case "j", "m":
			v = `["` + secret + `"]`
		case "k":
			v = `["` + secret + `","` + secret + `"]`
		case "g":
			v = "4711"
		}
		data = fmt.Appendf(data, `,%q:%s`, name, v)
	}
	data = append(data, `,"l":4711}`...)
	list := typ.Validate(data, nil)
	if len(list) != 15 {
		t.Errorf("got %d violations, want one for each of 15 members: %v", len(list), list)
	}
	for _, v := range list {
		if strings.Contains(v.String(), secret) || strings.Contains(v.String(), "4711") {
			t.Errorf("%s: shows a value of the event", v)
		}
		if v.Message == "" || strings.HasPrefix(v.Message, "violates") {
			t.Errorf("%s: has no words of its own", v)
		}
	}
}

func TestValidateBounds(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"x":`, n) + "1" + strings.Repeat("}", n) }
	long := "[" + strings.TrimSuffix(strings.Repeat("1.50,", 200_000), ",") + "]"
	var enum strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&enum, "%d,", i)
	}
	type test struct{ name, schema, data, want string }
	// Each level doubles the work of the level below.
	costly := []test{
		{"doubling", `{"$defs":{"n":{"allOf":[{"$ref":"#/$defs/m"},{"$ref":"#/$defs/m"}]},"m":{"properties":{"x":{"$ref":"#/$defs/n"}}}},"$ref":"#/$defs/n"}`, deep(100), "more steps"},
		{"doubling under not", `{"$defs":{"n":{"patternProperties":{"x":{"$ref":"#/$defs/n"},"^x":{"$ref":"#/$defs/n"}}}},"not":{"$ref":"#/$defs/n"}}`, deep(100), "more steps"},
		{"doubling in alternatives", `{"$defs":{"n":{"anyOf":[{"properties":{"x":{"$ref":"#/$defs/n"}},"required":["no"]},{"properties":{"x":{"$ref":"#/$defs/n"}},"required":["no"]}]}},"$ref":"#/$defs/n"}`, deep(100), "more steps"},
		{"many constants, many values", `{"items":{"enum":[` + strings.TrimSuffix(enum.String(), ",") + `]}}`, long, "more steps"},
	}
	tests := []test{
		{"a long array", `{"items":{"type":"number"}}`, long, ""},
		{"huge exponents", `{"items":{"type":"integer"}}`, "[" + strings.TrimSuffix(strings.Repeat("1e999999,", 100_000), ",") + "]", "exponent"},
		{"an exponent beyond the library", `{"minimum":1}`, "1e1000001", "exponent"},
		{"endless reference", `{"$ref":"#"}`, "1", "violates"},
		{"a reference to what nobody wrote", `{"properties":{"a":{"$ref":"#/$defs/b"}},"$defs":{"b":{"$ref":"#/properties/a"}}}`, `{"a":1}`, "violates"},
	}
	if testenv.Race {
		costly = costly[:1] // it makes half a minute of the others, in which nothing is concurrent
	}
	for _, tt := range append(tests, costly...) {
		t.Run(tt.name, func(t *testing.T) {
			typ := typeWith(t, tt.schema)
			start := time.Now()
			list := typ.Validate([]byte(tt.data), nil)
			t.Logf("took %v", time.Since(start))
			if tt.want == "" {
				if list != nil {
					t.Errorf("got %v, want none", list)
				}
				return
			}
			if len(list) == 0 || !strings.Contains(list[0].Message, tt.want) {
				t.Errorf("got %v, want one with %q", list, tt.want)
			}
		})
	}
}

func TestSchemasRefused(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.json")
	if err := os.WriteFile(secret, []byte(`{"type":"string"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, schema, want string }{
		{"file", `{"$ref":"file://` + secret + `"}`, "other documents are not read"},
		{"file, hidden", `{"properties":{"default":{"allOf":[{"$ref":"file://` + secret + `"}]}}}`, "not followed"},
		{"file by id", `{"$id":"file://` + filepath.Dir(secret) + `/x.json","$ref":"secret.json"}`, "other documents are not read"},
		{"http", `{"items":{"$ref":"https://example.com/x.json"}}`, "other documents are not read"},
		{"relative", `{"properties":{"a":{"$ref":"other.json#/a"}}}`, "other documents are not read"},
		{"own dialect", `{"$schema":"https://example.com/dialect"}`, "not followed"},
		{"wrong type", `{"type":"strng"}`, "valid JSON Schema: type must fit"},
		{"wrong pattern", `{"pattern":"("}`, "pattern"},
		{"no schema", `[]`, "object or a boolean"},
		{"dangling", `{"$ref":"#/$defs/none"}`, "none"},
		{"huge number", `{"minimum":1e999999}`, "exponent"},
		{"too many nodes", `{"allOf":[` + strings.TrimSuffix(strings.Repeat("{},", maxSchemaNodes), ",") + `]}`, "at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			typ := Type{Name: "test.type", Schema: []byte(tt.schema)}
			err := typ.normalize()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("normalize(%.100s): got error %v, want one with %q", tt.schema, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), schemaURL) {
				t.Errorf("normalize(%.100s): %v shows an inner address", tt.schema, err)
			}
		})
	}
}

func TestOlderDrafts(t *testing.T) {
	typ := typeWith(t, `{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"a":{"type":"string"}},"properties":{"a":{"$ref":"#/definitions/a"}},"if":{"required":["b"]},"then":{"required":["c"]}}`)
	got := typ.Validate([]byte(`{"a":1,"b":2}`), nil)
	if len(got) != 2 || got[0].Path != "data.a" || got[1].Path != "data.c" {
		t.Errorf("draft-07: got %v, want violations of data.a and data.c", got)
	}
}

// TestFastNeverContradicts checks that the library finds no violation in data that the fast form
// accepts. The fast form must also be useful: it accepts all the documents' examples.
func TestFastNeverContradicts(t *testing.T) {
	schemas := []string{
		`{"type":"integer","minimum":3}`, `{"type":["number","null"],"minimum":-2}`, `{"minimum":1}`, `{"enum":["a",1,null,true]}`, `{"enum":[1.0]}`,
		`{"type":"string","enum":["a","é"]}`, `{"format":"date-time"}`, `{"format":"uuid"}`, `{"format":"uri"}`, `{"required":["a","b"]}`,
		`{"required":["a"],"properties":{"a":{"type":"integer"},"b":{"items":{"type":"string"}}}}`, `{"items":{"required":["a"]}}`, `{}`,
	}
	data := []string{
		`1`, `3`, `3.0`, `3e0`, `-2`, `-0`, `0`, `1e400`, `12345678901234567890`, `null`, `true`, `"a"`, `"\u0061"`, `"é"`, `""`, `[]`, `{}`, `[{"a":1}]`, `[[]]`,
		`{"a":1}`, `{"a":1,"b":[]}`, `{"a":1,"b":["x",1]}`, `{"a":1.5,"b":2}`, `{"b":1}`, `{"\u0061":1}`, `{"a":1,"a":2}`, `[`, ``,
		`"2026-02-28T23:59:59Z"`, `"2026-02-29T00:00:00Z"`, `"2024-02-29T00:00:00Z"`, `"2026-04-31T00:00:00Z"`, `"2026-13-01T00:00:00Z"`, `"2026-01-01T24:00:00Z"`, `"2026-01-01T00:00:60Z"`,
		`"2026-01-01T00:00:00.Z"`, `"2026-01-01T00:00:00.123456789012Z"`, `"2026-01-01t00:00:00z"`, `"2026-01-01T00:00:00+01:00"`, `"2026-00-10T00:00:00Z"`, `"2026-01-00T00:00:00Z"`, `"Z"`,
		`"325030d6-8135-4e55-82b3-272eab6e77e3"`, `"325030D6-8135-4E55-82B3-272EAB6E77E3"`, `"325030d6-8135-4e55-82b3-272eab6e77eg"`, `"325030d68135-4e55-82b3-272eab6e77e3-"`,
		`"https://example.com/a?b=c"`, `"https://"`, `"https:///a"`, `"http://?"`, `"https://a:b"`, `"https://a/%2"`, `"ftp://a"`, `"https://.../"`,
	}
	for _, text := range schemas {
		s, err := compileSchema([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range data {
			if list, _ := s.judgeDecoded(nil, []byte(d), "data"); s.fast != nil && s.fast.fits([]byte(d)) && list != nil {
				t.Errorf("schema %s, data %s: the fast form lets it through, the library says %v", text, d, list)
			}
		}
	}
	for _, typ := range Types() {
		s, err := compileSchema(typ.Schema)
		if err != nil {
			t.Fatal(err)
		}
		if s.fast == nil || !s.fast.fits(typ.Example) {
			t.Errorf("%s: its example does not take the fast way", typ.Name)
		}
	}
	for _, text := range []string{`{"pattern":"a"}`, `{"properties":{"a":{"not":{}}}}`, `{"$ref":"#/x","x":{}}`, `{"additionalProperties":false}`, `{"$schema":"http://json-schema.org/draft-07/schema#"}`, `{"format":"email"}`, `true`} {
		if doc, err := decode([]byte(text)); err != nil || compileFast(doc) != nil {
			t.Errorf("compileFast(%s): got a fast form, want none", text)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	e, _ := Example("call.completed")
	data := []byte(strings.Replace(string(e), "Caller asked about pricing for the team plan...", strings.Repeat("Caller asked about pricing for the team plan. ", 11), 1))
	for _, bb := range []struct {
		name string
		typ  *Type
		data []byte
	}{
		{"call.completed", mustType(b, "call.completed"), data},
		{"call.completed/tenant", typeWith(b, string(mustType(b, "call.completed").Schema)), data},
		{"notification.attempted", mustType(b, "notification.attempted"), mustType(b, "notification.attempted").Example},
	} {
		b.Run(fmt.Sprintf("%s/%d", bb.name, len(bb.data)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if list := bb.typ.Validate(bb.data, nil); list != nil {
					b.Fatal(list)
				}
			}
		})
	}
	b.Run("library", func(b *testing.B) {
		typ := mustType(b, "call.completed")
		if err := typ.CheckSchemas(); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if list, _ := typ.checks.compile().data.judgeDecoded(nil, data, "data"); list != nil {
				b.Fatal(list)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decode(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func FuzzValidate(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"$ref":"#"}}}`), []byte(`{"a":{"a":1}}`))
	f.Add([]byte(`{"type":["integer","null"],"minimum":1,"enum":[1,2]}`), []byte(`2`))
	f.Add([]byte(mustType(f, "call.completed").Schema), []byte(mustType(f, "call.completed").Example))
	f.Add([]byte(`{"not":{"enum":[1e400]}}`), []byte(`1e-400`))
	f.Add([]byte(`{"$dynamicAnchor":"x","items":{"$dynamicRef":"#x"},"unevaluatedItems":false}`), []byte(`[[],[1]]`))
	f.Fuzz(func(t *testing.T, schema, data []byte) {
		typ := Type{Name: "test.type", Schema: schema}
		if typ.normalize() != nil || typ.checks.compile().data == nil {
			return
		}
		s := typ.checks.compile().data
		list, _ := s.judgeDecoded(nil, data, "data") // must not panic, and must end
		if s.fast != nil && s.fast.fits(data) && list != nil {
			t.Errorf("the fast form lets it through, the library says %v", list)
		}
	})
}

// TestLargeDocumentsAreJudgedInTurn checks that of invalid documents that take much memory at most
// two are checked at a time, and that others do not wait.
func TestLargeDocumentsAreJudgedInTurn(t *testing.T) {
	typ := mustType(t, "account.deactivate")
	was := large
	defer func() { large = was }()
	synctest.Test(t, func(t *testing.T) {
		large = make(chan struct{}, cap(was))
		for range cap(large) {
			large <- struct{}{} // being checked
		}
		wrong := func(n int) []byte { return []byte(`{"notification_channels":[` + strings.Repeat("1,", n) + `1]}`) }
		done := make(chan int, 1)
		go func() { done <- len(typ.Validate(wrong(largeDocument), nil)) }()
		synctest.Wait()
		if list := typ.Validate(wrong(10), nil); len(list) == 0 {
			t.Error("a small wrong document: got no violation")
		}
		select {
		case <-done:
			t.Errorf("a large document was looked at beside %d others", cap(large))
		default:
		}
		<-large
		if n := <-done; n != maxViolations+1 {
			t.Errorf("a large wrong document: got %d violations, want %d and a word about the others", n, maxViolations)
		}
	})
}
