package format_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	ce "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/format"
)

// data has features that decoding and encoding would change: the order of names, the spelling of a
// number, escapes, whitespace.
const data = `{ "z":1.10,"a":12345678901234567890, "text":"\u00e9\/ <é>" }`

func sample() *event.Event {
	return &event.Event{
		ID: event.FirstID(time.Date(2026, 5, 5, 14, 23, 0, 0, time.UTC)), Tenant: 3, Type: "call.completed",
		Time: time.Date(2026, 5, 5, 16, 23, 0, 123e6, time.FixedZone("", 2*3600)), Data: []byte(data),
	}
}

var delivery = event.DeliveryID{Event: 5, Webhook: 9}

func body(t testing.TB, name string, e *event.Event) string {
	t.Helper()
	b, ok := format.Append([]byte("before"), name, e, delivery)
	if !ok || !bytes.HasPrefix(b, []byte("before")) {
		t.Fatalf("Append(%q): got %q, %v", name, b, ok)
	}
	b = b[len("before"):]
	if err := rawjson.Check(b, rawjson.Limits{Depth: event.MaxDepth + 2}); err != nil {
		t.Fatalf("Append(%q): %v in %s", name, err, b)
	}
	if !bytes.Contains(b, e.Data) {
		t.Errorf("Append(%q): got %s, want the data as it is: %s", name, b, e.Data)
	}
	return string(b)
}

func TestBodies(t *testing.T) {
	id, uuid := sample().PublicID(), string(sample().ID.AppendUUID(nil))
	whk := delivery.String()
	tests := []struct {
		name, format string
		change       func(*event.Event)
		want         string
	}{
		{"relay", format.Relay, nil, `{"version":"2026-05-05","event":"call.completed","timestamp":"2026-05-05T14:23:00.123Z","webhookId":"` + whk + `","data":` + data + `}`},
		{"relay, version", format.Relay, func(e *event.Event) { e.Version = "2" }, `{"version":"2","event":"call.completed","timestamp":"2026-05-05T14:23:00.123Z","webhookId":"` + whk + `","data":` + data + `}`},
		{"raw", format.Raw, nil, data},
		{"binary", format.CloudEventsBinary, nil, data},
		{"relay, whole second", format.Relay, func(e *event.Event) { e.Time = e.Time.Truncate(time.Second) }, `{"version":"2026-05-05","event":"call.completed","timestamp":"2026-05-05T14:23:00Z","webhookId":"` + whk + `","data":` + data + `}`},
		{"push, whole second", format.Push, func(e *event.Event) { e.Time = e.Time.Truncate(time.Second) }, `{"event_id":"` + uuid + `","event_name":"call.completed","event_ts":"2026-05-05T14:23:00.000Z","payload":` + data + `}`},
		{"push", format.Push, nil, `{"event_id":"` + uuid + `","event_name":"call.completed","event_ts":"2026-05-05T14:23:00.123Z","payload":` + data + `}`},
		{"push, named", format.Push, func(e *event.Event) { e.Name = "ip-10-3-0-224" }, `{"event_id":"ip-10-3-0-224","event_name":"call.completed","event_ts":"2026-05-05T14:23:00.123Z","payload":` + data + `}`},
		{"push, attributes", format.Push, func(e *event.Event) { e.Attributes = []byte("{ \"job_id\":null,\n \"n\":1.10}\n") },
			`{"event_id":"` + uuid + `","event_name":"call.completed","event_ts":"2026-05-05T14:23:00.123Z","job_id":null,` + "\n" + ` "n":1.10,"payload":` + data + `}`},
		{"push, no attribute in them", format.Push, func(e *event.Event) { e.Attributes = []byte("{ }") },
			`{"event_id":"` + uuid + `","event_name":"call.completed","event_ts":"2026-05-05T14:23:00.123Z","payload":` + data + `}`},
		{"push, attributes that would override", format.Push, func(e *event.Event) {
			e.Attributes = []byte(`{"event_id":"x","a":[1.10],"event_n\u0061me":"x","event_ts":0,"payload":{},"b\"":"\u0062"}`)
		}, `{"event_id":"` + uuid + `","event_name":"call.completed","event_ts":"2026-05-05T14:23:00.123Z","a":[1.10],"b\"":"\u0062","payload":` + data + `}`},
		{"cloudevents", format.CloudEvents, nil, `{"specversion":"1.0","id":"` + id + `","source":"/relay/tenants/3","type":"call.completed","time":"2026-05-05T14:23:00.123Z","datacontenttype":"application/json","webhookid":"` + whk + `","data":` + data + `}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := sample()
			if tt.change != nil {
				tt.change(e)
			}
			e.Attributes = bytes.TrimSpace(e.Attributes) // as ingest stores them
			if got := body(t, tt.format, e); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if b, ok := format.Append(nil, "none", sample(), delivery); ok || len(b) != 0 || format.Known("none") {
		t.Errorf("Append of an unknown format: got %q, %v", b, ok)
	}
}

// TestPushIsTheDocuments rebuilds every example of push-events-catalogue.txt from the event that an
// application would publish.
func TestPushIsTheDocuments(t *testing.T) {
	n := 0
	for _, typ := range catalogue.Types() {
		if typ.Pack != "push" {
			continue
		}
		n++
		e := &event.Event{Name: typ.ExampleID, Type: typ.Name, Time: typ.ExampleTime, Data: typ.Example, Attributes: typ.ExampleAttributes}
		var got map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body(t, format.Push, e)), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]json.RawMessage{}
		if typ.ExampleAttributes != nil {
			if err := json.Unmarshal(typ.ExampleAttributes, &want); err != nil {
				t.Fatal(err)
			}
		}
		want["event_id"] = fmt.Appendf(nil, "%q", typ.ExampleID)
		want["event_name"] = fmt.Appendf(nil, "%q", typ.Name)
		want["event_ts"] = fmt.Appendf(nil, "%q", typ.ExampleTime.Format(format.TimeLayout))
		want["payload"] = typ.Example
		if len(got) != len(want) {
			t.Errorf("%s: got %d members, want %d", typ.Name, len(got), len(want))
		}
		for name, v := range want {
			if string(got[name]) != string(v) {
				t.Errorf("%s: %s: got %s, want %s", typ.Name, name, got[name], v)
			}
		}
	}
	if n != 20 {
		t.Errorf("got %d examples, want 20", n)
	}
}

// rich returns an event with all features that CloudEvents must convert.
func rich() *event.Event {
	e := sample()
	e.Name, e.Key, e.Version = "mine-1", "käy \"1\"%", "2"
	e.Attributes = []byte(`{"event_type":"message","eventType":"later","job_id":null,"n":7,"big":5000000000,"f":1.10,"yes":true,"o":{"a":[1]},"line":"a\r\nX-Evil: 1","É":1,"id":"x","data":"x","webhook_id":"x","subject":"säbject","source":"https://example.com/a?b=%20","dataschema":"https://example.com/s"}`)
	return e
}

// wantExtensions returns the extensions that the CloudEvents SDK must read from rich. In binary
// mode all are strings.
func wantExtensions(binary bool) map[string]any {
	m := map[string]any{
		"webhookid": delivery.String(), "partitionkey": `käy "1"%`, "dataversion": "2", "eventtype": "message", "n": int32(7),
		"big": "5000000000", "f": "1.10", "yes": true, "o": `{"a":[1]}`, "line": "a  X-Evil: 1",
	}
	if binary {
		m["n"], m["yes"] = "7", "true"
	}
	return m
}

func checkCloudEvent(t *testing.T, got *ce.Event, e *event.Event, binary bool) {
	t.Helper()
	if err := got.Validate(); err != nil {
		t.Errorf("the SDK says: %v", err)
	}
	text := func(s string) string { return s }
	if binary {
		// Receivers must decode header fields (HTTP Protocol Binding 1.0.2, section 3.1.3.2); this
		// SDK, at 2.16.2, does not.
		text = func(s string) string {
			plain, err := url.PathUnescape(s)
			if err != nil {
				t.Errorf("header field %q: %v", s, err)
			}
			return plain
		}
	}
	if got.ID() != "mine-1" || got.Type() != e.Type || text(got.Source()) != "https://example.com/a?b=%20" || text(got.Subject()) != "säbject" ||
		got.DataSchema() != "https://example.com/s" || !got.Time().Equal(e.Time) || got.DataContentType() != "application/json" || got.SpecVersion() != "1.0" {
		t.Errorf("got %s", got)
	}
	if string(got.Data()) != data {
		t.Errorf("data: got %s, want %s", got.Data(), data)
	}
	want := wantExtensions(binary)
	for name, v := range want {
		if x := got.Extensions()[name]; text(fmt.Sprint(x)) != fmt.Sprint(v) || !binary && fmt.Sprintf("%T", x) != fmt.Sprintf("%T", v) {
			t.Errorf("extension %s: got %T %v, want %T %v", name, x, x, v, v)
		}
	}
	if len(got.Extensions()) != len(want) {
		t.Errorf("extensions: got %v, want %v", got.Extensions(), want)
	}
}

// request builds the request of a delivery, sends it through net/http's own writer and reader, and
// returns the request as a receiver gets it.
func request(t *testing.T, contentType string, header func(http.Header), body []byte) *http.Request {
	t.Helper()
	seen := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b := new(bytes.Buffer)
		_, _ = b.ReadFrom(r.Body)
		copied := r.Clone(t.Context())
		copied.Body = http.NoBody
		if b.Len() > 0 {
			copied.Body = readCloser{b}
		}
		seen <- copied
	}))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	header(req.Header)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return <-seen
}

type readCloser struct{ *bytes.Buffer }

func (readCloser) Close() error { return nil }

func TestCloudEventsBySDK(t *testing.T) {
	e := rich()
	set := func(name string) func(http.Header) {
		return func(h http.Header) {
			for n, v := range format.Header(name, e, delivery) {
				h.Set(n, v)
			}
		}
	}
	for _, name := range []string{format.CloudEvents, format.CloudEventsBinary} {
		t.Run(name, func(t *testing.T) {
			r := request(t, format.TypeOf(name), set(name), []byte(body(t, name, e)))
			if r.Header.Get("X-Evil") != "" {
				t.Error("an attribute got out of its header field")
			}
			got, err := cehttp.NewEventFromHTTPRequest(r)
			if err != nil {
				t.Fatal(err)
			}
			checkCloudEvent(t, got, e, name == format.CloudEventsBinary)
		})
		t.Run(name+" batch", func(t *testing.T) {
			b, ok := format.AppendBatch(nil, name, []format.Item{{e, delivery}, {e, delivery}})
			if !ok {
				t.Fatal("AppendBatch: got not ok")
			}
			got, err := cehttp.NewEventsFromHTTPRequest(request(t, format.BatchTypeOf(name), func(http.Header) {}, b))
			if err != nil || len(got) != 2 {
				t.Fatalf("got %d events, %v; want 2", len(got), err)
			}
			for i := range got {
				checkCloudEvent(t, &got[i], e, false)
			}
		})
	}
}

// TestCloudEventsOfEveryType checks that the SDK accepts the example of every type in both modes.
func TestCloudEventsOfEveryType(t *testing.T) {
	for _, typ := range catalogue.Types() {
		e := &event.Event{ID: 7, Tenant: 1, Type: typ.Name, Time: time.Unix(1777990980, 0), Data: typ.Example, Attributes: typ.ExampleAttributes}
		got := ce.New()
		if err := json.Unmarshal([]byte(body(t, format.CloudEvents, e)), &got); err != nil {
			t.Errorf("%s: %v", typ.Name, err)
		} else if err := got.Validate(); err != nil {
			t.Errorf("%s: %v", typ.Name, err)
		}
		h := http.Header{"Content-Type": {format.TypeOf(format.CloudEventsBinary)}}
		for n, v := range format.Header(format.CloudEventsBinary, e, delivery) {
			h.Set(n, v)
		}
		r := &http.Request{Header: h, Body: readCloser{bytes.NewBuffer(e.Data)}}
		if bin, err := cehttp.NewEventFromHTTPRequest(r); err != nil {
			t.Errorf("%s: %v", typ.Name, err)
		} else if err := bin.Validate(); err != nil || len(bin.Extensions()) != len(got.Extensions()) {
			t.Errorf("%s: %v; got %v, structured mode has %v", typ.Name, err, bin.Extensions(), got.Extensions())
		}
	}
}

func TestCloudEventsSource(t *testing.T) {
	tests := []struct{ attributes, source, schema string }{
		{`{}`, "/relay/tenants/3", ""},
		{`{"source":""}`, "/relay/tenants/3", ""},
		{`{"source":7}`, "/relay/tenants/3", ""},
		{`{"source":"my app"}`, "/relay/tenants/3", ""},
		{`{"source":"a%2"}`, "/relay/tenants/3", ""},
		{`{"source":"a\u0062"}`, "ab", ""},
		{`{"source":"https:\/\/shop.example\/orders","dataschema":"https:\/\/shop.example\/s.json"}`, "https://shop.example/orders", "https://shop.example/s.json"},
		{`{"source":"urn:a\u0026b","dataschema":"urn:\u0073:1"}`, "urn:a&b", "urn:s:1"},
		{`{"source":"a\u0020b","dataschema":"urn:\n"}`, "/relay/tenants/3", ""},
		{`{"source":"urn:app:1"}`, "urn:app:1", ""},
		{`{"source":"../x"}`, "../x", ""},
		{`{"dataschema":"/relative"}`, "/relay/tenants/3", ""},
		{`{"dataschema":"urn:schema:1"}`, "/relay/tenants/3", "urn:schema:1"},
	}
	for _, tt := range tests {
		e := sample()
		e.Attributes = []byte(tt.attributes)
		got := ce.New()
		if err := json.Unmarshal([]byte(body(t, format.CloudEvents, e)), &got); err != nil {
			t.Fatal(err)
		}
		header := map[string]string{}
		for n, v := range format.Header(format.CloudEventsBinary, e, delivery) {
			header[n] = v
		}
		if got.Source() != tt.source || got.DataSchema() != tt.schema || header["ce-source"] != tt.source || header["ce-dataschema"] != tt.schema {
			t.Errorf("%s: got source %q, schema %q, header %v; want %q and %q", tt.attributes, got.Source(), got.DataSchema(), header, tt.source, tt.schema)
		}
	}
}

func TestBatches(t *testing.T) {
	a, b := sample(), sample()
	b.Data = []byte(`7`)
	for _, name := range []string{format.Relay, format.Push, format.CloudEvents, format.Raw} {
		got, ok := format.AppendBatch([]byte("x"), name, []format.Item{{a, delivery}, {b, delivery}})
		want := "x[" + body(t, name, a) + "," + body(t, name, b) + "]"
		if !ok || string(got) != want {
			t.Errorf("AppendBatch(%s): got %s, %v; want %s", name, got, ok, want)
		}
		if got, ok := format.AppendBatch(nil, name, nil); !ok || string(got) != "[]" {
			t.Errorf("AppendBatch(%s) of nothing: got %s, %v", name, got, ok)
		}
	}
	for _, items := range [][]format.Item{nil, {{a, delivery}}} {
		if _, ok := format.AppendBatch(nil, "none", items); ok {
			t.Errorf("AppendBatch of an unknown format and %d events: got ok", len(items))
		}
	}
}

func TestTypesAndHeaders(t *testing.T) {
	want := map[string][2]string{
		format.Relay: {"application/json", "application/json"}, format.Push: {"application/json", "application/json"},
		format.CloudEvents:       {"application/cloudevents+json", "application/cloudevents-batch+json"},
		format.CloudEventsBinary: {"application/json", "application/cloudevents-batch+json"}, format.Raw: {"application/json", "application/json"},
	}
	for _, name := range format.Names() {
		if got := [2]string{format.TypeOf(name), format.BatchTypeOf(name)}; got != want[name] {
			t.Errorf("%s: got %q, want %q", name, got, want[name])
		}
		n := 0
		for range format.Header(name, rich(), delivery) {
			n++
		}
		if (n > 0) != (name == format.CloudEventsBinary) {
			t.Errorf("%s: got %d header fields", name, n)
		}
	}
	for n := range 17 { // callers may stop after any number
		taken := 0
		for range format.Header(format.CloudEventsBinary, rich(), delivery) {
			if taken++; taken == n+1 {
				break
			}
		}
	}
}

// TestHostileAttributes checks that many similar names and control characters cost little and stay
// in their field.
func TestHostileAttributes(t *testing.T) {
	e := sample()
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, `,"a_%d":"\u0000\u000d\u000a"`, i)
	}
	e.Attributes = []byte("{" + b.String()[1:] + "}")
	n := 0
	for name, v := range format.Header(format.CloudEventsBinary, e, delivery) {
		n++
		if strings.ContainsAny(name+v, "\r\n\x00 \"") {
			t.Fatalf("header field %q: %q", name, v)
		}
	}
	if n != 106 {
		t.Errorf("got %d header fields, want 6 and 100 extensions", n)
	}
}

// TestBinaryHeaderFits checks that the header fields of an event with large attributes leave room
// for others in 8 KiB, and that the fields CloudEvents requires are present.
func TestBinaryHeaderFits(t *testing.T) {
	long := strings.Repeat("x", 40<<10)
	for _, attributes := range []string{
		`{"a":"` + long + `","b":"short"}`, `{"source":"` + long + `","b":"short"}`, `{"subject":"` + long + `","dataschema":"urn:` + long + `","b":"short"}`,
		`{"a":"` + strings.Repeat("é", 2000) + `","c":{"x":"` + long[:5000] + `"},"b":"short"}`,
	} {
		e := sample()
		e.Attributes = []byte(attributes)
		size, got := 0, map[string]string{}
		for n, v := range format.Header(format.CloudEventsBinary, e, delivery) {
			size += len(n) + len(v) + 4
			got[n] = v
		}
		if size > 6<<10 || got["ce-id"] == "" || got["ce-source"] == "" || got["ce-type"] == "" || got["ce-b"] != "short" {
			t.Errorf("%.60s: got %d bytes of header fields, %.200v", attributes, size, got)
		}
	}
}

// TestTimesAreRFC3339 checks that every format prints a readable time for any event, including
// years that earlier versions accepted.
func TestTimesAreRFC3339(t *testing.T) {
	for _, ms := range []int64{-62135596800000, -1, 0, 1, 999, 1000, 1777990980000, 253402300799999, 253402300800000, 253402387200000, 1 << 55} {
		e := sample()
		e.Time = time.UnixMilli(ms)
		for name, member := range map[string]string{format.Relay: "timestamp", format.Push: "event_ts", format.CloudEvents: "time"} {
			var got map[string]any
			if err := json.Unmarshal([]byte(body(t, name, e)), &got); err != nil {
				t.Fatal(err)
			}
			shown, err := time.Parse(time.RFC3339, fmt.Sprint(got[member]))
			if err != nil || ms <= 253402300799999 && !shown.Equal(e.Time) {
				t.Errorf("%s of %d ms: got %v (%v)", name, ms, got[member], err)
			}
		}
	}
}

// TestNoAllocations checks that the common cases write only into the given buffer.
func TestNoAllocations(t *testing.T) {
	e := sample()
	e.Name, e.Key, e.Version = "mine", "k", "1"
	buf := make([]byte, 0, 4096)
	for _, name := range format.Names() {
		if n := testing.AllocsPerRun(100, func() { buf, _ = format.Append(buf[:0], name, e, delivery) }); n != 0 {
			t.Errorf("%s without attributes: got %v allocations, want 0", name, n)
		}
	}
	e.Attributes = []byte(`{"event_type":"twoway","client_id":"relay","tracking_id":"8c9f1e0e-a360-43e9-bbec-430ab3286c18"}`)
	for _, name := range []string{format.Relay, format.Push, format.Raw} {
		if n := testing.AllocsPerRun(100, func() { buf, _ = format.Append(buf[:0], name, e, delivery) }); n != 0 {
			t.Errorf("%s with attributes: got %v allocations, want 0", name, n)
		}
	}
}

func FuzzFormats(f *testing.F) {
	f.Add("call.completed", "k", "1", []byte(`{"source":"a b","event_id":1,"A_b":{"c":null}}`), []byte(data))
	f.Fuzz(func(t *testing.T, typ, key, version string, attributes, data []byte) {
		check := func(b []byte) bool { return rawjson.Check(b, rawjson.Limits{}) == nil }
		attributes = bytes.TrimSpace(attributes)
		if !check(data) || len(attributes) > 0 && (attributes[0] != '{' || !check(attributes)) {
			return
		}
		e := &event.Event{ID: 1, Tenant: 1, Type: typ, Key: key, Version: version, Attributes: attributes, Data: bytes.TrimSpace(data)}
		for _, name := range format.Names() {
			body(t, name, e)
		}
		for n, v := range format.Header(format.CloudEventsBinary, e, delivery) {
			if slices.ContainsFunc([]byte(n+v), func(c byte) bool { return c <= ' ' || c >= 0x7f }) {
				t.Fatalf("header field %q: %q", n, v)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	e := sample()
	e.Data, _ = catalogue.Example("call.completed")
	e.Attributes = []byte(`{"event_type":"twoway","client_id":"relay","tracking_id":"8c9f1e0e-a360-43e9-bbec-430ab3286c18"}`)
	buf := make([]byte, 0, 4096)
	for _, name := range format.Names() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf, _ = format.Append(buf[:0], name, e, delivery)
			}
		})
	}
	b.Run("binary header", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for range format.Header(format.CloudEventsBinary, e, delivery) {
			}
		}
	})
}
