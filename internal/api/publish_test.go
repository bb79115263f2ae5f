package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestPublishAnswers(t *testing.T) {
	w := newWorld(t)
	check := func(body, want string, headers ...string) {
		t.Helper()
		a := w.do("POST", "/v1/events", body, headers...)
		if a.status != 202 || string(a.body) != want {
			t.Errorf("POST %s: got %d %s, want 202 %s", body, a.status, a.body, want)
		}
	}
	const moment = `"timestamp":"2026-05-05T14:23:00.000Z"`
	check(`{"type":"a.b","data":1,"id":"mine-1",`+moment+`}`, `{"id":"mine-1","type":"a.b",`+moment+`,"duplicate":false}`)
	check(`{"type":"a.b","data":1,"id":"mine-1",`+moment+`}`, `{"id":"mine-1","type":"a.b",`+moment+`,"duplicate":true}`)
	check(` [ {"type":"a.b","data":1,"id":"mine-1",`+moment+`}, {"type":"a.c","data":null,"id":"mine-2",`+moment+`} ] `,
		`{"accepted":1,"duplicates":1,"events":[{"id":"mine-1","type":"a.b",`+moment+`,"duplicate":true},{"id":"mine-2","type":"a.c",`+moment+`,"duplicate":false}]}`,
		"Content-Type", "application/json; charset=utf-8")
	w.refused(409, "POST", "/v1/events", `{"type":"a.b","data":2,"id":"mine-1",`+moment+`}`)
	if n := w.eventCount(); n != 2 {
		t.Errorf("stored: got %d events, want 2", n)
	}

	var first, second struct {
		ID, Timestamp string
		Duplicate     bool
	}
	w.into(&first, 202, "POST", "/v1/events", `{"type":"a.b","data":3}`, "Idempotency-Key", "k")
	w.into(&second, 202, "POST", "/v1/events", `{"type":"a.b","data":3}`, "Idempotency-Key", "k")
	if first.Duplicate || !second.Duplicate || first.ID != second.ID || first.Timestamp != second.Timestamp {
		t.Errorf("the same Idempotency-Key twice: got %+v and %+v, want the first result again", first, second)
	}
	w.refused(409, "POST", "/v1/events", `{"type":"a.b","data":4}`, "Idempotency-Key", "k")
	w.into(nil, 202, "POST", "/v1/events", `{"type":"a.b","data":3}`, "Idempotency-Key", strings.Repeat("k", 256))
	if n := w.eventCount(); n != 4 {
		t.Errorf("stored: got %d events, want 4", n)
	}
}

// TestMalformedPublish is list J of the reliability document: an exact status, the field named, nothing stored.
func TestMalformedPublish(t *testing.T) {
	w := newWorld(t)
	ok := func(data string) string { return `{"type":"a.b","data":` + data + `}` }
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	many := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(ok("1")+",", n), ",") + "]" }
	tests := []struct {
		name, body string
		status     int
		field      string // named in the answer; empty: none to name
		headers    []string
	}{
		{"J1", `{"type":"a.b","type":"a.c","data":1}`, 400, "body", nil},
		{"J1 in data", ok(`{"a":1,"a":2}`), 400, "body", nil},
		{"J1 escaped", ok(`{"a":1,"\u0061":2}`), 400, "body", nil},
		{"J2", ok("1") + ` x`, 400, "body", nil},
		{"J2 two values", ok("1") + ok("2"), 400, "body", nil},
		{"J3", ok("\"\xff\""), 400, "body", nil},
		{"J3 lone surrogate", ok(`"\ud800"`), 400, "body", nil},
		{"J4", ok("NaN"), 400, "body", nil},
		{"J5", ok(deep(129)), 400, "body", nil},
		{"J6", ok(deep(10_001)), 400, "body", nil},
		{"J7", strings.Repeat("[", 1_000_000), 400, "body", nil},
		{"J8", "\ufeff" + ok("1"), 400, "body", nil},
		{"J9", "{\x00\"\x00t\x00", 400, "body", nil},
		{"J10", "", 400, "body", []string{"Content-Type", "application/json"}},
		{"J11", "null", 422, "body", nil},
		{"J12", `"x"`, 422, "body", nil},
		{"J13", "[]", 422, "body", nil},
		{"J14", many(1001), 413, "", nil},
		{"J15", ok(`"` + strings.Repeat("x", 1<<20+1-len(ok(`""`))) + `"`), 413, "", nil},
		{"J16", "[" + strings.Repeat(" ", 16<<20) + "]", 413, "", nil},
		{"J17", `{"type":"a.b",/* */"data":1}`, 400, "body", nil},
		{"J18", `{"type":"a.b","data":1,}`, 400, "body", nil},
		{"J19", `{'type':'a.b','data':1}`, 400, "body", nil},
		{"J20", `{"type":"a.b","data":1,"tpye":"x"}`, 422, "tpye", nil},
		{"J20 in an array", `[` + ok("1") + `,{"type":"a.b","data":1,"tenant":2}]`, 422, "[1].tenant", nil},
		{"J21", `{"type":5,"data":1}`, 422, "type", nil},
		{"J21 attributes", `{"type":"a.b","data":1,"attributes":[]}`, 422, "attributes", nil},
		{"J21 in an array", `[` + ok("1") + `,7]`, 422, "[1]", nil},
		{"J22", `{"data":1}`, 422, "type", nil},
		{"no data", `{"type":"a.b"}`, 422, "data", nil},
		{"J23", `{"type":"` + strings.Repeat("a", 10_000) + `","data":1}`, 422, "type", nil},
		{"J24", `{"type":"a\u0000b","data":1}`, 422, "type", nil},
		{"J24 newline", `{"type":"a\nb","data":1}`, 422, "type", nil},
		{"J25", ok(strings.Repeat("9", 1_000_000)), 400, "body", nil},
		{"J26", `{"type":"a.b","data":1,"timestamp":"2026-13-01T00:00:00Z"}`, 422, "timestamp", nil},
		{"J27 long", ok("1"), 400, "header Idempotency-Key", []string{"Idempotency-Key", strings.Repeat("k", 257)}},
		{"J28", ok("1"), 415, "", []string{"Content-Type", "text/plain"}},
		{"J28 none", ok("1"), 415, "", []string{"Content-Type", ""}},
		{"J28 charset", ok("1"), 415, "", []string{"Content-Type", "application/json; charset=utf-16"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := w.refused(tt.status, "POST", "/v1/events", tt.body, tt.headers...)
			if p.fields() != tt.field {
				t.Errorf("got fields %q (%+v), want %q", p.fields(), p, tt.field)
			}
			if p.Detail == "" && len(p.Errors) == 0 {
				t.Errorf("got %+v, want a reason", p)
			}
		})
	}
	t.Run("J27 empty", func(t *testing.T) { // Go's client leaves an empty header out
		raw := "POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + adminKey + "\r\nContent-Type: application/json\r\nConnection: close\r\nIdempotency-Key:\r\n" +
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(ok("1")), ok("1"))
		if got := rawStatus(t, w.addr, raw); got != 400 {
			t.Errorf("got %d, want 400", got)
		}
	})
	t.Run("query", func(t *testing.T) { w.refused(400, "POST", "/v1/events?type=x", ok("1")) })
	if n := w.eventCount(); n != 0 {
		t.Errorf("stored: got %d events, want none", n)
	}
	for name, body := range map[string]string{"depth 128": ok(deep(127)), "array of 1,000": many(1000), "1 MiB": ok(`"` + strings.Repeat("x", 1<<20-len(ok(`""`))) + `"`)} {
		if a := w.do("POST", "/v1/events", body); a.status != 202 {
			t.Errorf("%s: got %d %.300s, want 202", name, a.status, a.body)
		}
	}
}

func rawStatus(t *testing.T, addr, raw string) int {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, raw)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestBrokenBodies: a body that cannot be read stores nothing and answers 400 (H10 to H13 at the call they matter for).
func TestBrokenBodies(t *testing.T) {
	w := newWorld(t)
	const event = `{"type":"a.b","data":1}`
	for _, contentType := range []string{"application/json", "application/x-ndjson"} {
		for _, chunks := range []string{"-1\r\n", "17\n" + event + "\n0\n\n", "FFFFFFFFFFFFFFFFF\r\n", "17\r\n" + event + "XX0\r\n\r\n"} {
			raw := "POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + adminKey + "\r\nContent-Type: " + contentType + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
			if got := rawStatus(t, w.addr, raw); got != 400 {
				t.Errorf("%s with chunks %q: got %d, want 400", contentType, chunks, got)
			}
		}
	}
	if n := w.eventCount(); n != 0 {
		t.Errorf("stored: got %d events, want none", n)
	}
}

type streamLine struct {
	Line, LastLine                             int
	Accepted, Duplicates, Lines, Failed, Blank int
	Done                                       *bool
	Error                                      *problemDoc
}

func parseStream(t *testing.T, body []byte) (lines []streamLine, last streamLine) {
	t.Helper()
	for _, raw := range bytes.Split(bytes.TrimSpace(body), []byte("\n")) {
		var l streamLine
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatalf("line %q of the answer: %v", raw, err)
		}
		lines = append(lines, l)
	}
	return lines, lines[len(lines)-1]
}

func TestStream(t *testing.T) {
	w := newWorld(t)
	const n = 3000
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"type":"a.b","id":"e%d","data":{"n":%d}}`+"\n", i, i)
	}
	ndjson := []string{"Content-Type", "application/x-ndjson"}
	a := w.do("POST", "/v1/events", b.String(), ndjson...)
	_, last := parseStream(t, a.body)
	if a.status != 202 || last.Done == nil || !*last.Done || last.Lines != n || last.Accepted != n || last.Failed != 0 {
		t.Errorf("stream of %d: got %d, summary %+v", n, a.status, last)
	}
	a = w.do("POST", "/v1/events", b.String(), ndjson...)
	if _, last = parseStream(t, a.body); last.Accepted != 0 || last.Duplicates != n {
		t.Errorf("the same stream again: got summary %+v, want %d duplicates", last, n)
	}

	// Bad lines are reported with their numbers and stop nothing.
	bad := strings.Join([]string{
		`{"type":"x.good","data":1}`,
		``,
		`{"type":"x.good","data":`,
		`{"type":"bad type","data":1}`,
		`{"type":"x.good","id":"e1","data":"another"}`,
		`{"type":"x.good","data":"` + strings.Repeat("x", 1<<20) + `"}`,
		`[{"type":"x.good","data":1}]`,
		`{"type":"x.good","data":2}`, // and no line end
	}, "\r\n")
	a = w.do("POST", "/v1/events", bad, ndjson...)
	lines, last := parseStream(t, a.body)
	got := make(map[int]int)
	for _, l := range lines {
		if l.Error != nil {
			got[l.Line] = l.Error.Status
		}
	}
	if want := map[int]int{3: 400, 4: 422, 5: 409, 6: 413, 7: 422}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("bad lines: got %v, want %v\n%s", got, want, a.body)
	}
	if !*last.Done || last.Lines != 8 || last.Accepted != 2 || last.Failed != 5 || last.Blank != 1 {
		t.Errorf("summary: got %+v, want 8 lines, 2 accepted, 5 failed", last)
	}
	var stored page[json.RawMessage]
	w.into(&stored, 200, "GET", "/v1/events?type=x.good", "")
	if len(stored.Data) != 2 {
		t.Errorf("stored of the bad stream: got %d, want 2", len(stored.Data))
	}

	a = w.do("POST", "/v1/events", `{"type":"a.b","id":"e1","data":{"n":1}}`+"\n"+strings.Repeat("nonsense\n", 100_000), ndjson...)
	if lines, last = parseStream(t, a.body); a.status != 202 || *last.Done || len(lines) > 3000 {
		t.Errorf("a stream of nonsense behind a line: got %d, %d lines and summary %+v, want it given up", a.status, len(lines), last)
	}
	if last.Lines != last.Accepted+last.Duplicates+last.Failed+last.Blank || last.Failed < 1000 {
		t.Errorf("a stream that was given up: some lines are in no number of %+v", last)
	}
	a = w.do("POST", "/v1/events", "\n", ndjson...)
	if _, last = parseStream(t, a.body); a.status != 202 || !*last.Done || last.Accepted != 0 {
		t.Errorf("an empty stream: got %d %s", a.status, a.body)
	}
	w.refused(400, "POST", "/v1/events", b.String(), append(ndjson, "Idempotency-Key", "k")...)
}

// TestLiveStream: lines that have arrived are stored and answered without waiting for more.
func TestLiveStream(t *testing.T) {
	w := newWorld(t)
	in, out := io.Pipe()
	req, err := http.NewRequest("POST", w.url+"/v1/events", in)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	req.Header.Set("Content-Type", "application/x-ndjson")
	answered := make(chan *http.Response, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
		}
		answered <- resp
	}()
	io.WriteString(out, `{"type":"a.b","data":1}`+"\n")
	resp := <-answered
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		if !lines.Scan() {
			t.Fatalf("the answer ended: %v", lines.Err())
		}
		return lines.Text()
	}
	if got, want := next(), `{"line":1,"accepted":1,"duplicates":0}`; got != want {
		t.Errorf("after the first line: got %s, want %s", got, want)
	}
	if n := w.eventCount(); n != 1 {
		t.Errorf("stored while the stream is open: got %d, want 1", n)
	}
	time.Sleep(150 * time.Millisecond) // not synchronisation: progress is reported at most ten times a second
	io.WriteString(out, `{"type":"a.b","data":2}`+"\n")
	if got, want := next(), `{"line":2,"accepted":2,"duplicates":0}`; got != want {
		t.Errorf("after the second line: got %s, want %s", got, want)
	}
	out.Close()
	if got, want := next(), `{"done":true,"lines":2,"accepted":2,"duplicates":0,"failed":0}`; got != want {
		t.Errorf("summary: got %s, want %s", got, want)
	}
}
