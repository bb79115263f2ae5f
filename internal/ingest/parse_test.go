package ingest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

var now = time.Date(2026, 11, 21, 7, 30, 0, 123456789, time.UTC)

func TestParseObjectKeepsBytes(t *testing.T) {
	// Big integers, trailing zeros, key order, escapes and U+2028 reach the
	// receiver as they were sent.
	data := "{\"z\":12345678901234567890123,\"a\":1.10,\"s\":\"\\u00e9\\/ \u2028\",\"e\":1E+02 , \"n\":[ ]}"
	raw := []byte(`{"type":"call.completed", "data": ` + data + ` ,"timestamp":"2026-05-05T16:23:00.5+02:00","attributes":{"job_id": null},"key":"k 1","version":"7"}`)
	it, err := ParseObject(3, raw, DefaultLimits(), "", now)
	if err != nil {
		t.Fatal(err)
	}
	e := it.Event
	clear(raw) // the item must not alias the request
	if string(e.Data) != data {
		t.Errorf("data = %s, want %s", e.Data, data)
	}
	if string(e.Attributes) != `{"job_id": null}` || e.Type != "call.completed" || e.Key != "k 1" || e.Version != "7" || e.Tenant != 3 {
		t.Errorf("got %+v", e)
	}
	if want := time.Date(2026, 5, 5, 14, 23, 0, 500e6, time.UTC); !e.Time.Equal(want) {
		t.Errorf("time = %v, want %v", e.Time, want)
	}
	if it.Key != "" {
		t.Errorf("idempotency key = %q, want none", it.Key)
	}
}

func TestParseObjectDefaults(t *testing.T) {
	it, err := ParseObject(1, []byte(`{"type":"a","data":null,"id":null,"timestamp":null,"attributes":null,"deliverAt":null}`), DefaultLimits(), "", now)
	if err != nil {
		t.Fatal(err)
	}
	if want := now.Truncate(time.Millisecond); !it.Event.Time.Equal(want) {
		t.Errorf("time = %v, want that of acceptance, %v", it.Event.Time, want)
	}
	if it.Event.Attributes != nil || it.Event.Name != "" || string(it.Event.Data) != "null" {
		t.Errorf("got %+v", it.Event)
	}
}

func TestParseObjectRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, tc := range []struct {
		name, raw string
		kind      problem.Kind
		field     string
	}{
		{"J1 duplicate key", `{"type":"a","data":{"x":1,"x":2}}`, problem.Malformed, "body"},
		{"J1 duplicate member", `{"type":"a","type":"b","data":1}`, problem.Malformed, "body"},
		{"J2 text after", `{"type":"a","data":1} x`, problem.Malformed, "body"},
		{"J3 invalid UTF-8", "{\"type\":\"a\",\"data\":\"\xff\"}", problem.Malformed, "body"},
		{"J4 NaN", `{"type":"a","data":NaN}`, problem.Malformed, "body"},
		{"J5 depth 129", `{"type":"a","data":` + deep(128) + `}`, problem.Malformed, "body"},
		{"J6 depth 10,001", `{"type":"a","data":` + deep(10_000) + `}`, problem.Malformed, "body"},
		{"J7", strings.Repeat("[", 1_000_000), problem.Malformed, "body"},
		{"J8 BOM", "\xef\xbb\xbf" + `{"type":"a","data":1}`, problem.Malformed, "body"},
		{"J9 UTF-16", "{\x00\"\x00t\x00", problem.Malformed, "body"},
		{"J10 empty", ``, problem.Malformed, "body"},
		{"J11 null", `null`, problem.Invalid, "body"},
		{"J12 string", `"x"`, problem.Invalid, "body"},
		{"J17 comment", `{"type":"a","data":1/**/}`, problem.Malformed, "body"},
		{"J18 trailing comma", `{"type":"a","data":1,}`, problem.Malformed, "body"},
		{"J19 single quotes", `{'type':'a','data':1}`, problem.Malformed, "body"},
		{"J20 unknown field", `{"type":"a","data":1,"dtaa":2}`, problem.Invalid, "dtaa"},
		{"J22 no type", `{"data":1}`, problem.Invalid, "type"},
		{"empty type", `{"type":"","data":1}`, problem.Invalid, "type"},
		{"J23 long type", `{"type":"` + strings.Repeat("a", 10_000) + `","data":1}`, problem.Invalid, "type"},
		{"J24 NUL in type", `{"type":"a\u0000b","data":1}`, problem.Invalid, "type"},
		{"J24 newline in type", `{"type":"a\nb","data":1}`, problem.Invalid, "type"},
		{"J25 endless number", `{"type":"a","data":` + strings.Repeat("1", 1_000_000) + `}`, problem.Malformed, "body"},
		{"J26 month 13", `{"type":"a","data":1,"timestamp":"2026-13-01T00:00:00Z"}`, problem.Invalid, "timestamp"},
		{"no data", `{"type":"a"}`, problem.Invalid, "data"},
		{"type of wrong type", `{"type":7,"data":1}`, problem.Invalid, "type"},
		{"attributes of wrong type", `{"type":"a","data":1,"attributes":[]}`, problem.Invalid, "attributes"},
		{"id with a space", `{"type":"a","data":1,"id":"a b"}`, problem.Invalid, "id"},
		{"empty id", `{"type":"a","data":1,"id":""}`, problem.Invalid, "id"},
		{"far deliverAt", `{"type":"a","data":1,"deliverAt":"2027-11-21T00:00:00Z"}`, problem.Invalid, "deliverAt"},
		{"J15 1 MiB + 1", `{"type":"a","data":"` + strings.Repeat("x", 1<<20-22+1) + `"}`, problem.TooLarge, ""},
	} {
		_, err := ParseObject(1, []byte(tc.raw), DefaultLimits(), "", now)
		var p *problem.Error
		if !errors.As(err, &p) || p.Kind != tc.kind {
			t.Errorf("%s: %v, want kind %v", tc.name, err, tc.kind.Slug())
			continue
		}
		if tc.field != "" && (len(p.Fields) != 1 || p.Fields[0].Name != tc.field) {
			t.Errorf("%s: fields %v, want %q", tc.name, p.Fields, tc.field)
		}
	}
	full := `{"type":"a","data":"` + strings.Repeat("x", 1<<20-22) + `"}`
	if _, err := ParseObject(1, []byte(full), DefaultLimits(), "", now); len(full) != 1<<20 || err != nil {
		t.Errorf("exactly 1 MiB (%d bytes): %v, want accepted", len(full), err)
	}
	if _, err := ParseObject(1, []byte(`{"type":"a","data":`+deep(127)+`}`), DefaultLimits(), "", now); err != nil {
		t.Errorf("depth 128: %v, want accepted", err)
	}
}

func TestParseArray(t *testing.T) {
	one := `{"type":"a","data":1}`
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]" }
	for _, tc := range []struct {
		name, raw string
		kind      problem.Kind
		field     string
	}{
		{"J13 empty", `[]`, problem.Invalid, "body"},
		{"not an array", one, problem.Invalid, "body"},
		{"J14 1,001", list(1001), problem.TooLarge, ""},
		{"a bad one", `[` + one + `,{"type":"a b","data":1}]`, problem.Invalid, "[1].type"},
		{"no object", `[` + one + `,7]`, problem.Invalid, "[1]"},
		{"syntax counts first", `[{"type":7,"data":1},}`, problem.Malformed, "body"},
	} {
		_, err := ParseArray(1, []byte(tc.raw), DefaultLimits(), "", now)
		var p *problem.Error
		if !errors.As(err, &p) || p.Kind != tc.kind {
			t.Errorf("%s: %v, want kind %v", tc.name, err, tc.kind.Slug())
			continue
		}
		if tc.field != "" && (len(p.Fields) != 1 || p.Fields[0].Name != tc.field) {
			t.Errorf("%s: fields %v, want %q", tc.name, p.Fields, tc.field)
		}
	}
	items, err := ParseArray(1, []byte(list(1000)), DefaultLimits(), "once", now)
	if err != nil || len(items) != 1000 {
		t.Fatalf("1,000 events: %d items, %v", len(items), err)
	}
	keys := make(map[string]bool)
	for _, it := range items {
		keys[it.Key] = true
	}
	if len(keys) != 1000 {
		t.Errorf("%d different keys for 1,000 events of one request, want each its own", len(keys))
	}
}

// TestHeaderKeyIsTheRequests: an Idempotency-Key with fewer, more, other or otherwise ordered events is one with another
// body, and so is an object instead of an array of one.
func TestHeaderKeyIsTheRequests(t *testing.T) {
	type used struct {
		key    string
		digest [16]byte
	}
	first := func(raw string) used {
		t.Helper()
		if raw[0] == '{' {
			it, err := ParseObject(1, []byte(raw), DefaultLimits(), "k", now)
			if err != nil {
				t.Fatal(err)
			}
			return used{it.Key, it.Digest}
		}
		items, err := ParseArray(1, []byte(raw), DefaultLimits(), "k", now)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			if it.Event.Name == "" {
				return used{it.Key, it.Digest}
			}
		}
		t.Fatalf("%s: no event without an id", raw)
		return used{}
	}
	const a, b, c, named, other = `{"type":"a","data":1}`, `{"type":"b","data":1}`, `{"type":"c","data":1}`, `{"type":"a","data":1,"id":"n"}`, `{"type":"a","data":1,"id":"m"}`
	requests := []string{a, b}
	for _, list := range [][]string{{a}, {b}, {a, b}, {b, a}, {a, a}, {a, b, c}, {a, c, b}, {named, a}, {a, named}, {other, a}, {named, b}, {named, other, a}} {
		requests = append(requests, "["+strings.Join(list, ",")+"]")
	}
	seen := make(map[[16]byte]string)
	for _, raw := range requests {
		u := first(raw)
		if u.key != HeaderKey("k", 0) {
			t.Errorf("%s: got key %q, want %q: it could not be compared with the other requests", raw, u.key, HeaderKey("k", 0))
		}
		if before, has := seen[u.digest]; has {
			t.Errorf("%s has the digest of %s", raw, before)
		}
		seen[u.digest] = raw
		if again := first(strings.ReplaceAll(raw, ",", " , ")); again != u {
			t.Errorf("%s: another spelling is another request", raw)
		}
	}
}

// TestParseNamesEverything: an answer names every wrong member, says what may have been meant, and knows the shapes that
// people take from what endpoints receive.
func TestParseNamesEverything(t *testing.T) {
	const relays, pushs = "format relay", "format push"
	for _, tc := range []struct{ raw, fields, hint, near string }{
		{`{"type":"a","data":1,"x":1,"y":2}`, "x y", "", ""},
		{`{"tpye":"a","dta":1,"key":7,"timestamp":"now"}`, "key timestamp tpye dta type data", "", `did you mean "type"`},
		{`{"event_id":"1","event_ts":"2026-05-05T14:23:00.000Z","event_name":"a","payload":{}}`, "event_id event_ts event_name payload type data", pushs, `did you mean "data"`},
		{`{"event_name":"a","payload":{},"job_id":1}`, "event_name payload job_id type data", pushs, ""},
		{`{"version":"2026-05-05","event":"a","timestamp":"2026-05-05T14:23:00Z","webhookId":"whk_1","data":1}`, "event webhookId type", relays, `did you mean "type"`},
		{`{"specversion":"1.0","id":"1","source":"/a","type":"a","data":1}`, "specversion source", "CloudEvent", ""},
		{`{"event":"a","payload":1}`, "event payload type data", "", `did you mean "data"`},
		{`[{"type":"a","data":1,"x":1},{"type":"a b","data":1},7,{"data":1}]`, "[0].x [1].type [2] [3].type", "", ""},
		{`{"type":"a","data":1,"key":"a\u0000b","version":"1\u001b","id":"evt_1"}`, "key version id", "", ""},
		{`{"type":"a","data":1,"key":"a\u0085b"}`, "key", "", ""},
	} {
		var err error
		if tc.raw[0] == '[' {
			_, err = ParseArray(1, []byte(tc.raw), DefaultLimits(), "", now)
		} else {
			_, err = ParseObject(1, []byte(tc.raw), DefaultLimits(), "", now)
		}
		var p *problem.Error
		if !errors.As(err, &p) || p.Kind != problem.Invalid {
			t.Errorf("%s: got %v, want a refusal", tc.raw, err)
			continue
		}
		var names []string
		for _, f := range p.Fields {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); got != tc.fields || !strings.Contains(p.Detail, tc.hint) || (tc.hint == "") != (p.Detail == "") || !strings.Contains(p.Error(), tc.near) {
			t.Errorf("%s: got %q, %v; want %q, a hint about %q", tc.raw, got, p, tc.fields, tc.hint)
		}
	}
	many := `{"type":"a","data":1`
	for i := range 500 {
		many += fmt.Sprintf(`,"x%d":1`, i)
	}
	var p *problem.Error
	if _, err := ParseObject(1, []byte(many+"}"), DefaultLimits(), "", now); !errors.As(err, &p) || len(p.Fields) != maxWrong {
		t.Errorf("500 unknown members: got %v, want %d named", err, maxWrong)
	}
}

func TestKeysAndDigests(t *testing.T) {
	parse := func(raw, header string) Item {
		t.Helper()
		it, err := ParseObject(1, []byte(raw), DefaultLimits(), header, now)
		if err != nil {
			t.Fatal(err)
		}
		return it
	}
	a := parse(`{"type":"a","data":1,"id":"x"}`, "")
	same := parse(`{"id":"x", "data":1,"type":"a"}`, "ignored: the id counts")
	if a.Key != same.Key || a.Digest != same.Digest {
		t.Errorf("the same event, written differently, has key %q and %q", a.Key, same.Key)
	}
	for _, other := range []string{
		`{"type":"b","data":1,"id":"x"}`, `{"type":"a","data":2,"id":"x"}`, `{"type":"a","data":1,"id":"x","key":"k"}`,
		`{"type":"a","data":1,"id":"x","attributes":{}}`, `{"type":"a","data":1,"id":"x","timestamp":"2026-05-05T14:23:00Z"}`,
		`{"type":"a","data":1,"id":"x","version":"2"}`, `{"type":"a","data":1,"id":"x","deliverAt":"2026-11-22T14:23:00Z"}`,
	} {
		if parse(other, "").Digest == a.Digest {
			t.Errorf("%s has the digest of another event", other)
		}
	}
	if h := parse(`{"type":"a","data":1}`, "x"); h.Key == a.Key || h.Key == "" {
		t.Errorf("header key %q collides with id key %q", h.Key, a.Key)
	}
}

func TestCheckNameIsAPublicID(t *testing.T) {
	// A name must never be mistaken for something else in a path.
	for _, s := range []string{"a/b", "a b", `a"b`, "a\x7f", "ä", "", strings.Repeat("a", 257)} {
		if event.CheckName(s) == nil {
			t.Errorf("CheckName(%q) = nil, want refused", s)
		}
	}
	for _, s := range []string{"order-1", "ip-10-3-0-224-668176-8h-b98185e8", "A:b.c_d@e", strings.Repeat("a", 256)} {
		if err := event.CheckName(s); err != nil {
			t.Errorf("CheckName(%q) = %v, want accepted", s, err)
		}
	}
}
