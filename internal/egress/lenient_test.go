package egress

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http/httpguts"
)

// TestStatusCounts: an answer whose status line and head are there is an answer, however odd the rest: the receiver has
// taken the event, and other clients say so too.
func TestStatusCounts(t *testing.T) {
	plain := []Field{{Name: "Content-Length", Value: "2"}}
	for _, tc := range []struct {
		name   string
		answer string
		header []Field // nil: not looked at
		body   string
		fails  string // the Error, whose Body is set; empty: none
		kept   bool   // the connection is used again
	}{
		{"plain", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", plain, "ok", "", true},
		{"folded field", "HTTP/1.1 200 OK\r\nContent-Security-Policy: default-src 'self';\r\n  img-src *\r\nContent-Length: 2\r\n\r\nok",
			[]Field{{Name: "Content-Security-Policy", Value: "default-src 'self'; img-src *"}, plain[0]}, "ok", "", true},
		{"folded by tabs, twice", "HTTP/1.1 200 OK\r\nX: a\r\n\tb\r\n \r\n c\r\nContent-Length: 2\r\n\r\nok", []Field{{Name: "X", Value: "a b c"}, plain[0]}, "ok", "", true},
		{"folded length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nok", nil, "ok", "", true},
		{"fold before any field", "HTTP/1.1 200 OK\r\n folded\r\nContent-Length: 2\r\n\r\nok", plain, "ok", "", false},
		{"space before the colon", "HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 2\r\n\r\nok", plain, "ok", "", false},
		{"space in the name", "HTTP/1.1 200 OK\r\nX Powered By: x\r\n and its fold\r\nContent-Length: 2\r\n\r\nok", plain, "ok", "", false},
		{"no colon", "HTTP/1.1 200 OK\r\nserver nginx\r\nContent-Length: 2\r\n\r\nok", plain, "ok", "", false},
		{"no name", "HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\nok", plain, "ok", "", false},
		{"umlaut in the name", "HTTP/1.1 200 OK\r\nXä: x\r\nContent-Length: 2\r\n\r\nok", plain, "ok", "", false},
		{"control characters", "HTTP/1.1 200 OK\r\nX: a\x00b\x1bc\r\nContent-Length: 2\r\n\r\nok", []Field{{Name: "X", Value: "a b c"}, plain[0]}, "ok", "", false},
		{"bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", plain, "ok", "", true},
		{"no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", plain, "ok", "", true},
		{"two spaces", "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok", plain, "ok", "", true},
		{"1.0, chunked", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", nil, "ok", "", false},
		{"1.0, chunked by name only", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nok", nil, "", "while reading the answer's body", false},
		{"the same length twice", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", nil, "ok", "", true},
		{"the same length listed", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", nil, "ok", "", true},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\nok", nil, "ok", "its body was not read", false},
		{"a length in words", "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok", nil, "ok", "its body was not read", false},
		{"a length with a space", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", nil, "ok", "its body was not read", false},
		{"length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", nil, "ok", "", false},
		{"an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", nil, "ok", "", false},
		{"identity", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok", nil, "ok", "", false},
		{"body cut off", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nok", nil, "ok", "after 2 of 50 announced bytes", false},
		{"last chunk missing", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", nil, "ok", "while reading the answer's body, after 2 bytes", false},
		{"chunks that are none", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n", nil, "", "not valid HTTP", false},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
				for {
					if _, err := readRequest(c); err != nil {
						return
					}
					io.WriteString(c, tc.answer)
					if tc.fails != "" {
						return
					}
				}
			})
			c := newClient(t, Options{Dev: true})
			for range 2 {
				res, _, err := do(t, c, "http://127.0.0.1:"+s.port+"/")
				words := ""
				if err != nil {
					words = err.Message
				}
				if (err != nil) != (tc.fails != "") || !strings.Contains(words, tc.fails) || err != nil && !err.Body {
					t.Errorf("got error %v, want one of the body with %q, or none", err, tc.fails)
				}
				if res == nil || res.Status != 200 || string(res.Body) != tc.body || tc.header != nil && !slices.Equal(res.Header, tc.header) {
					t.Errorf("got %+v, want 200, header %v, body %q", res, tc.header, tc.body)
				}
			}
			if n := s.accepts.Load(); (n == 1) != tc.kept {
				t.Errorf("got %d connections for 2 requests, want the connection kept: %t", n, tc.kept)
			}
		})
	}
}

// TestStatusShowsInRefusedAnswers: where an answer is refused in its header, what had come is returned.
func TestStatusShowsInRefusedAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		rest  string
		hang  bool
		kind  Kind
		field bool
	}{
		"40 KiB of header": {"X-A: b\r\nX-Long: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", false, KindTooLarge, true},
		"cut off":          {"X-A: b\r\nX-B", false, KindReset, true},
		"too slow":         {"X-A: b\r\n", true, KindTimeout, true},
		"at once":          {"", false, KindReset, false},
	} {
		s := serve(t, "127.0.0.1:0", func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 503 Busy\r\n"+tc.rest)
			if tc.hang {
				<-s.stop
			}
		})
		c := newClient(t, Options{Dev: true})
		res, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "http://127.0.0.1:"+s.port+"/"), Timeout: 500 * time.Millisecond})
		if err == nil || err.Kind != tc.kind || err.Body {
			t.Errorf("%s: got %v, want kind %s", name, err, tc.kind)
		}
		if res == nil || res.Status != 503 || slices.Contains(res.Header, Field{Name: "X-A", Value: "b"}) != tc.field {
			t.Errorf("%s: got %+v, want status 503 with the header that had come", name, res)
		}
	}
}

// FuzzAnswer: whatever comes, reading the head ends without a panic, and an answer without an error has a status and a
// header that can be shown.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		ok200, "HTTP/1.1 200 OK\r\n x\r\nA : b\r\n\tc\r\n\r\n", "HTTP/1.0 204\n\n", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\nContent-Length : 3\r\n\r\n0\r\n\r\n", "HTTP/1.1 101 S\r\n\r\n", "\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		ours, theirs := net.Pipe()
		go func() {
			theirs.Write(raw)
			theirs.Close()
		}()
		defer ours.Close()
		ans, err := readAnswer(newWire(&conn{Conn: ours}, poolKey{}).r, func() {})
		if err != nil {
			return
		}
		if ans.status < 200 || ans.status > 999 {
			t.Errorf("%q: got status %d, want 200 to 999", raw, ans.status)
		}
		for _, h := range ans.header {
			if !httpguts.ValidHeaderFieldName(h.Name) || strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				t.Errorf("%q: got field %q, want a name and a value without control characters", raw, h)
			}
		}
		if ans.length >= 0 && ans.chunked {
			t.Errorf("%q: got a length and chunks, want one of them", raw)
		}
	})
}
