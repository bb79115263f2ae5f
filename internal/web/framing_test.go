package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/web"
)

// TestMalformedHTTP is list H of the reliability document: an exact status, or nothing, and in every case the
// connection closed, nothing stored, and no second request found in a body.
func TestMalformedHTTP(t *testing.T) {
	const second = "POST /evil HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nEVIL"
	post := func(lines ...string) string {
		return "POST /v1/events HTTP/1.1\r\nHost: a\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	}
	const chunked = "Transfer-Encoding: chunked"
	tests := []struct {
		name, raw string
		want      int // status; 0: closed without an answer
	}{
		{"H1 length and chunked", post("Content-Length: 4", chunked) + "4\r\nbody\r\n0\r\n\r\n" + second, 400},
		{"H1 chunked and length", post(chunked, "Content-Length: 4") + "4\r\nbody\r\n0\r\n\r\n" + second, 400},
		{"H1 smuggling", post("Content-Length: 6", chunked) + "0\r\n\r\n" + second, 400},
		{"H1 length zero", post("Content-Length: 0", chunked) + "0\r\n\r\n" + second, 400},
		{"H1 other case", post("content-LENGTH: 4", "transfer-encoding:\tChunked") + "0\r\n\r\n" + second, 400},
		{"H2", post("Content-Length: 2", "Content-Length: 3") + "abc" + second, 400},
		{"H3", post("Content-Length: +2") + "ab" + second, 400},
		{"H4", post("Content-Length: -1") + second, 400},
		{"H5", post("Content-Length: 0x2") + "ab" + second, 400},
		{"H6", post("Content-Length: 99999999999999999999") + "ab", 400},
		{"H7", post("Content-Length: ") + second, 400},
		{"H8", post("Transfer-Encoding: xchunked") + "0\r\n\r\n" + second, 501},
		{"H8 two codings", post("Transfer-Encoding: gzip, chunked") + "0\r\n\r\n" + second, 501},
		{"H9", post("Transfer-Encoding : chunked") + "0\r\n\r\n" + second, 400},
		{"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 4\r\n" + chunked + "\r\n\r\n4\r\nbody\r\n0\r\n\r\n", 400},
		{"folded header", post("Transfer-Encoding:", " chunked") + "0\r\n\r\n" + second, 400},
		{"H10", post(chunked) + "-1\r\nx\r\n0\r\n\r\n" + second, 400},
		{"H11", post(chunked) + "FFFFFFFFFFFFFFFFF\r\nx\r\n0\r\n\r\n" + second, 400},
		{"H12", post(chunked) + "4\nbody\n0\n\n" + second, 400},
		{"H13", post(chunked) + "4;" + strings.Repeat("x", 100<<10) + "\r\nbody\r\n0\r\n\r\n" + second, 400},
		{"H15", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab" + second, 400},
		{"H16", "POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n\r\nab" + second, 400},
		{"H17", "POST / HTTP/1.1\r\nHost: a/b\r\nContent-Length: 2\r\n\r\nab" + second, 400},
		{"H18", post("X Y: z", "Content-Length: 2") + "ab" + second, 400},
		{"H19", post("X: a\x00b", "Content-Length: 2") + "ab" + second, 400},
		{"H20", post("X: a\rb", "Content-Length: 2") + "ab" + second, 400},
		{"H21", post(strings.Repeat("X: y\r\n", 10_000)+"Content-Length: 2") + "ab" + second, 431},
		{"H22", post("X: "+strings.Repeat("y", 40<<10), "Content-Length: 2") + "ab" + second, 431},
		{"H23", "POST /" + strings.Repeat("x", 100<<10) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" + second, 431},
		{"URL above its own limit", "POST /" + strings.Repeat("x", 8<<10) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" + second, 414},
		{"H24", "POST / HTTP/9.9\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" + second, 505},
		{"H25", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x01", 600) + "\r\n\r\n", 400},
		{"H26", "\x00\xff\xfe\x01\n\x80\x81\r\n\r\n\r\n", 400},
		{"H27", post("Expect: 200-ok", "Content-Length: 2") + "ab" + second, 417},
		{"H28", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" + second, 405},
		{"H28 path", "CONNECT /v1/events HTTP/1.1\r\nHost: a\r\n\r\n" + second, 405},
		{"H29", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n" + second, 405},
		{"H30", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + second, 501},
		{"unknown method", "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n" + second, 501},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" + second, 400},
		{"body cut", post(chunked) + "4\r\nbodyX\r\n0\r\n\r\n" + second, 400},
	}
	var s sink
	_, addr := start(t, web.Options{Handler: s.handler()})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			statuses, _ := exchange(t, addr, tt.raw)
			// Closing with unread input resets the connection, which may overtake the answer: that is as good.
			if len(statuses) > 1 || len(statuses) == 1 && statuses[0] != tt.want {
				t.Errorf("%.200q: got answers %v, want %d and the connection closed", tt.raw, statuses, tt.want)
			}
			if got := s.stored(); len(got) > 0 {
				t.Errorf("%.200q: stored %q, want nothing", tt.raw, got)
			}
		})
	}
}

// TestFramingWatcherFollows sends good requests in every framing over one connection, in pieces of every size: the
// watcher must not refuse one.
func TestFramingWatcherFollows(t *testing.T) {
	var s sink
	_, addr := start(t, web.Options{Handler: s.handler()})
	requests := strings.Join([]string{
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nt\r\n2;a=b\r\nwo\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\nA\r\nContent-Le\r\n0\r\nX: y\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX-Content-Length: 9\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nthree",
		"POST / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("long", 500) + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	}, "")
	want := []string{"POST one", "POST two", "POST Content-Le", "GET ", "POST three", "POST "}
	for _, size := range []int{1, 2, 3, 7, 64, 10_000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			before := len(s.stored())
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(30 * time.Second))
			go func() {
				for raw := requests; raw != ""; {
					n := min(size, len(raw))
					io.WriteString(c, raw[:n])
					raw = raw[n:]
				}
			}()
			in := bufio.NewReader(c)
			for i := range want {
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatalf("answer %d: %v", i, err)
				}
				io.Copy(io.Discard, resp.Body)
				if resp.StatusCode != 202 {
					t.Fatalf("answer %d: got status %d, want 202", i, resp.StatusCode)
				}
			}
			if got := s.stored()[before:]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("in pieces of %d bytes: got %q, want %q", size, got, want)
			}
		})
	}
}
