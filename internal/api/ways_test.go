package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/web"
)

// bothWays is the API behind two servers: one that has the short way, one on which net/http reads everything.
type bothWays struct {
	world           *world
	short, ordinary string
}

func newBothWays(t testing.TB) *bothWays {
	w := newWorld(t)
	return &bothWays{w, w.addr, w.serve(web.Options{})}
}

// serve has another server answer for the API, and returns its address.
func (w *world) serve(o web.Options) string {
	t := w.t
	o.Handler, o.Log = w.api, slog.New(slog.DiscardHandler)
	server, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve(l)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		server.Stop(ctx)
	})
	return l.Addr().String()
}

// answers sends raw and the end of input, and describes all answers.
func answers(t testing.TB, addr, raw string) string {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	go func() {
		io.WriteString(c, raw)
		c.(*net.TCPConn).CloseWrite()
	}()
	in := bufio.NewReader(c)
	var all []string
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%.300q: still open after %v", raw, all)
			}
			return strings.Join(all, "; ")
		}
		b, _ := io.ReadAll(resp.Body)
		var p problemDoc
		json.Unmarshal(b, &p)
		line := fmt.Sprint(resp.StatusCode, " ", p.Type, " ", p.Detail)
		for _, e := range p.Errors {
			line += " " + e.Field + " " + e.Reason
		}
		all = append(all, line)
	}
}

func (b *bothWays) compare(t testing.TB, raw string) {
	t.Helper()
	short, ordinary := answers(t, b.short, raw), answers(t, b.ordinary, raw)
	if short != ordinary {
		t.Errorf("%q:\nthe short way answers   %s\nthe ordinary one        %s", raw, short, ordinary)
	}
	if strings.Contains(short, "500") || strings.Contains(ordinary, "500") {
		t.Errorf("%q: an internal error: %s; %s", raw, short, ordinary)
	}
}

// wellFormed is what mutations begin with; the event has an id, so that all of them store one.
var wellFormed = func() string {
	const event = `{"type":"a.b","data":1,"id":"the-one","timestamp":"2026-05-05T14:23:00Z"}`
	return fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: relay.example\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", adminKey, len(event), event)
}()

// mutants are pieces that parsers differ about.
var mutants = []string{
	"\r\n", "\n", "\r", "\n\n", "\r\n\r\n", " ", "\t", "\x00", "\x7f", "\x80", "ø", ":", ",", ";", "/", "//", "?", "#", "@", "%",
	"Authorization:\r\n", "authorization: Bearer x\r\n", "Authorization: Bearer " + adminKey + "\r\n", "ApiKey: " + adminKey + "\r\n", "ApiKey:\r\n", "apikey: x\r\n",
	"Content-Type:\r\n", "content-type: application/json\r\n", "Content-Type: application/json; charset=utf8\r\n", "Content-Type: text/plain\r\n",
	"Content-Length: 3\r\n", "content-length: 03\r\n", "Content-Length: +3\r\n", "Content-Length:\r\n", "Transfer-Encoding: chunked\r\n", "transfer-encoding: identity\r\n",
	"Host: b\r\n", "Host:\r\n", "Idempotency-Key:\r\n", "Idempotency-Key: k\r\n", "Idempotency-Key: k\r\nidempotency-key: l\r\n", "Relay-Tenant:\r\n", "Relay-Tenant: nobody\r\n",
	"Content-Encoding: gzip\r\n", "Content-Encoding: identity\r\n", "Content-Encoding:\r\n", "Connection: close\r\n", "Connection: keep-alive, x\r\n", "Expect: 100-continue\r\n", "Upgrade: h2c\r\n", "Trailer: X\r\n",
	"X y: z\r\n", "X: a\r\n b\r\n", ": z\r\n", "X\r\n", "X:" + strings.Repeat("y", 300) + "\n", "X: " + strings.Repeat("y", 5000) + "\r\n",
	"http://relay.example", "http://evil", "ftp://relay.example", "http://u:p@relay.example", "HTTP/1.0", "POST /v1/events HTTP/1.1\r\n",
}

func mutate(r *rand.Rand, raw string) string {
	for range 1 + r.IntN(3) {
		head := strings.Index(raw, "\r\n\r\n")
		if head < 0 {
			head = len(raw) - 1
		}
		places := []int{0, len("POST "), len("POST /v1/events"), len("POST /v1/events HTTP/1.1"), len("POST /v1/events HTTP/1.1\r\n"), head, head + 2, head + 4, r.IntN(max(head+4, 1))}
		at := min(max(places[r.IntN(len(places))], 0), len(raw))
		if lines := strings.SplitAfter(raw[:min(head+2, len(raw))], "\n"); r.IntN(3) > 0 { // between two lines
			n, k := 0, r.IntN(len(lines))
			for _, line := range lines[:k] {
				n += len(line)
			}
			at = min(n, len(raw))
		}
		piece := mutants[r.IntN(len(mutants))]
		switch r.IntN(5) {
		case 0: // instead of something
			raw = raw[:at] + piece + raw[min(at+1+r.IntN(3), len(raw)):]
		case 1: // leave something out
			raw = raw[:at] + raw[min(at+1+r.IntN(2), len(raw)):]
		case 2: // a line end that is none
			raw = strings.Replace(raw, "\r\n", "\n", 1+r.IntN(8)*r.IntN(2))
		default:
			raw = raw[:at] + piece + raw[at:]
		}
		if raw == "" {
			return "\r\n"
		}
	}
	return raw
}

// TestBothWaysAnswerAlike: whatever a head looks like, it is answered by the short way as by the ordinary one, and
// never with an internal error, although the client ends its sending side at once.
func TestBothWaysAnswerAlike(t *testing.T) {
	b := newBothWays(t)
	b.compare(t, wellFormed)
	if got := answers(t, b.short, wellFormed); !strings.HasPrefix(got, "202") {
		t.Fatalf("the request that mutations begin with: got %s", got)
	}
	for _, line := range []string{"Authorization", "Content-Type"} { // an empty header counts as one
		b.compare(t, strings.Replace(wellFormed, line, line+":\r\n"+line, 1))
		if got := answers(t, b.short, strings.Replace(wellFormed, line, line+":\r\n"+line, 1)); !strings.HasPrefix(got, "400") {
			t.Errorf("an empty %s before the real one: got %s, want 400", line, got)
		}
	}
	for _, prefix := range []string{"\r\n", "\r\n\r\n"} {
		b.compare(t, prefix+wellFormed+prefix+wellFormed)
		if got := answers(t, b.short, wellFormed+prefix+wellFormed); strings.Count(got, "202") != 2 {
			t.Errorf("%q before a request line: got %s, want 202 twice", prefix, got)
		}
	}
	for _, body := range []string{`{"type":"a b","data":1}`, `{`, ``, `{"type":"a.b","data":1,"key":"` + strings.Repeat("k", 300) + `"}`} {
		b.compare(t, fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: a\r\nApiKey: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", adminKey, len(body), body))
	}
	for i := range len(wellFormed) { // cut off anywhere
		if i%7 == 0 {
			b.compare(t, wellFormed[:i])
		}
	}
	for seed := range uint64(2000) {
		b.compare(t, mutate(rand.New(rand.NewPCG(seed, 1)), wellFormed))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if n := b.world.eventCount(); n != 1 {
		t.Errorf("stored: got %d events, want the one", n)
	}
}

// FuzzBothWays does the same with any bytes.
func FuzzBothWays(f *testing.F) {
	f.Add(wellFormed)
	for seed := range uint64(20) {
		f.Add(mutate(rand.New(rand.NewPCG(seed, 2)), wellFormed))
	}
	b := newBothWays(f)
	f.Fuzz(func(t *testing.T, raw string) {
		if len(raw) > 32<<10 {
			return
		}
		b.compare(t, raw)
	})
}
