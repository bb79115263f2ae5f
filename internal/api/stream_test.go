package api_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/web"
)

// TestStreamOfNothing: a sender that looks at nothing but the status learns that nothing was stored.
func TestStreamOfNothing(t *testing.T) {
	w := newWorld(t)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprintln(z, `{"type":"a.b","data":1}`)
	z.Close()
	for name, body := range map[string]string{
		"gzip that does not say so": packed.String(),
		"one wrong type":            `{"type":"a b","data":1}`,
		"an array a line":           "\n\n[1]\n[2]\n",
		"a line too long":           `{"type":"a.b","data":"` + strings.Repeat("x", 1<<20) + `"}`,
		"a stream of nonsense":      strings.Repeat("nonsense\n", 50_000),
		"a page":                    "<html>\r\n<body>\r\n</body>\r\n</html>\r\n",
	} {
		p := w.refused(422, "POST", "/v1/events", body, "Content-Type", "application/x-ndjson")
		if len(p.Errors) == 0 || len(p.Errors) > 20 || !strings.HasPrefix(p.Errors[0].Field, "line ") || p.Errors[0].Reason == "" || !strings.Contains(p.Detail, "nothing was stored") {
			t.Errorf("%s: got %+v, want the first bad lines named", name, p)
		}
	}
	if n := w.eventCount(); n != 0 {
		t.Errorf("stored: got %d events, want none", n)
	}
}

// stream opens a stream by hand; head ends before the blank line.
func openStream(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n", adminKey)
	return c, bufio.NewReader(c)
}

func chunk(c io.Writer, s string) { fmt.Fprintf(c, "%x\r\n%s\r\n", len(s), s) }

// TestBadLineOfAnOpenStream: a publisher that waits for word before it goes on gets it.
func TestBadLineOfAnOpenStream(t *testing.T) {
	w := newWorld(t)
	c, in := openStream(t, w.addr)
	chunk(c, "nonsense\n")
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 202 {
		t.Fatalf("got %v, %v, want 202 and the line", resp, err)
	}
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || !strings.Contains(lines.Text(), `"line":1,"error"`) {
		t.Errorf("got %q, want what is wrong with line 1", lines.Text())
	}
}

// TestStreamNumbers: each line that was read is in one of the numbers, however the stream ends; and what they count as
// stored is stored.
func TestStreamNumbers(t *testing.T) {
	w := newWorld(t)
	stored := 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		var b strings.Builder
		fmt.Fprintf(&b, `{"type":"n.n","data":1,"id":"first-%d"}`+"\n", seed)
		for n := range 1 + r.IntN(40) {
			switch r.IntN(5) {
			case 0:
				b.WriteString([]string{"\n", "\r\n", " \t\r\n"}[r.IntN(3)])
			case 1:
				b.WriteString("nonsense\r\n")
			case 2:
				fmt.Fprintf(&b, `{"type":"n.n","data":1,"id":"first-%d"}`+"\n", seed)
			case 3:
				fmt.Fprintf(&b, `{"type":"n.n","data":2,"id":"first-%d"}`+"\n", seed) // another body: a conflict
			default:
				fmt.Fprintf(&b, `{"type":"n.n","data":"%s","id":"%d-%d"}`+"\n", strings.Repeat("x", r.IntN(3000)), seed, n)
			}
		}
		if seed%5 == 0 {
			b.WriteString(strings.Repeat("nonsense\n", 3000)) // is given up
		}
		body := b.String()
		c, in := openStream(t, w.addr)
		cut := seed%2 == 0
		go func() {
			for len(body) > 0 {
				n := min(1+r.IntN(4000), len(body))
				chunk(c, body[:n])
				body = body[n:]
			}
			if cut { // inside of a line, by the end of the sending side
				io.WriteString(c, "400\r\n"+`{"type":"n.n","da`)
				c.(*net.TCPConn).CloseWrite()
			} else {
				io.WriteString(c, "0\r\n\r\n")
			}
		}()
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != 202 {
			t.Fatalf("seed %d: got %v, %v, want 202", seed, resp, err)
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("seed %d: the answer breaks off: %v", seed, err)
		}
		_, last := parseStream(t, text)
		if last.Done == nil || last.Lines != last.Accepted+last.Duplicates+last.Failed+last.Blank || last.Accepted < 1 {
			t.Errorf("seed %d: got %+v in the last line, want all lines in one of the numbers:\n%s", seed, last, text)
		}
		if *last.Done != (!cut && seed%5 != 0) {
			t.Errorf("seed %d: got done %v of a stream that was cut %v", seed, *last.Done, cut)
		}
		stored += last.Accepted
		c.Close()
	}
	n := 0
	for cursor := ""; ; {
		var list struct {
			Data       []struct{ ID string }
			NextCursor string
		}
		path := "/v1/events?type=n.n&limit=250"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		w.into(&list, 200, "GET", path, "")
		n += len(list.Data)
		if cursor = list.NextCursor; cursor == "" {
			break
		}
	}
	if n != stored {
		t.Errorf("the answers say that %d events were stored, and %d were", stored, n)
	}
}

// TestStreamsHaveNoMemoryOfTheirOwn: unfinished lines are charged to the bound on bodies, beside which small events are
// taken, and given back.
func TestStreamsHaveNoMemoryOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	addr := w.serve(web.Options{MaxBodies: 4 << 20, SlowWindow: time.Minute})
	line := strings.Repeat("x", 1<<20-10)
	ended := make(chan int, 16)
	for range cap(ended) {
		c, in := openStream(t, addr)
		go func() {
			chunk(c, line) // and nothing more
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				ended <- 0
				return
			}
			ended <- resp.StatusCode
		}()
	}
	const fit = 3 // of 1 MiB, each with a second buffer while it grows
	for range cap(ended) - fit {
		if status := <-ended; status != 503 {
			t.Errorf("a stream that there is no room for: got %d, want 503", status)
		}
	}
	resp, err := http.DefaultClient.Do(func() *http.Request {
		r := w.request("POST", "/v1/events", `{"type":"a.b","data":1}`)
		r.URL.Host = addr
		return r
	}())
	if err != nil || resp.StatusCode != 202 {
		t.Errorf("an event beside streams that hold what there is: got %v, %v, want 202", resp, err)
	}
}

// TestAcceptedCharsets: names of UTF-8 are taken, and others named, at every call that takes a body.
func TestAcceptedCharsets(t *testing.T) {
	w := newWorld(t)
	for charset, ok := range map[string]bool{"utf-8": true, "UTF8": true, `"utf-8"`: true, "us-ascii": true, "iso-8859-1": false, "windows-1252": false, "utf-16le": false} {
		for path, body := range map[string]string{"/v1/events": `{"type":"a.b","data":1}`, "/v1/campaigns": `{"id":7}`, "/v1/event-types/import?format=pack": `{}`, "/v1/respondents": `{}`} {
			a := w.do("POST", path, body, "Content-Type", "application/json; charset="+charset)
			named := strings.Contains(string(a.body), strings.Trim(charset, `"`))
			if ok == (a.status == 415) || !ok && !named {
				t.Errorf("charset %s at %s: got %d %s, want it taken %v, or named", charset, path, a.status, a.body, ok)
			}
		}
	}
	for contentType, want := range map[string]string{"": "no Content-Type", "application/json; charset": "cannot be read", "text/csv": "not text/csv"} {
		if p := w.refused(415, "POST", "/v1/events", `{}`, "Content-Type", contentType); !strings.Contains(p.Detail, want) {
			t.Errorf("Content-Type %q: got %q, want it to say %q", contentType, p.Detail, want)
		}
	}
}

// TestBodiesOfCallsWithoutOne: clients that send an empty object with every DELETE are served; others that send
// something are told, and no memory is spent on it.
func TestBodiesOfCallsWithoutOne(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{"{}", " {} \n", "null", ""} {
		w.into(nil, 201, "POST", "/v1/campaigns", `{"id":9}`)
		w.into(nil, 204, "DELETE", "/v1/campaigns/9", body)
	}
	w.into(nil, 201, "POST", "/v1/campaigns", `{"id":9}`)
	for _, body := range []string{`{"a":1}`, "[]", "x", strings.Repeat(" ", 100), strings.Repeat("x", 300<<10)} {
		for _, call := range []string{"DELETE /v1/campaigns/9", "GET /livez", "GET /v1/campaigns"} {
			method, path, _ := strings.Cut(call, " ")
			if p := w.refused(422, method, path, body); p.fields() != "body" {
				t.Errorf("%s with %.20q: got %+v, want the body refused", call, body, p)
			}
		}
	}
}

// TestPlusInTheQuery: a plus sign that was not written as %2B is named.
func TestPlusInTheQuery(t *testing.T) {
	w := newWorld(t)
	for _, query := range []string{"events?since=2026-05-05T14:23:00+01:00", "events?until=2026-05-05T14:23:00.5+00:00", "respondents?since=2026-05-05T00:00:00+14:00"} {
		if p := w.refused(400, "GET", "/v1/"+query, ""); len(p.Errors) != 1 || !strings.Contains(p.Errors[0].Reason, "%2B") {
			t.Errorf("%s: got %+v, want the plus sign named", query, p)
		}
	}
	if p := w.refused(400, "GET", "/v1/events?since=2026-05-05+14:23", ""); strings.Contains(p.Errors[0].Reason, "%2B") {
		t.Errorf("a time that no plus sign would mend: got %+v", p)
	}
}
