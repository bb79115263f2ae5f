package egress

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// every writes chunk again and again, pause apart, until the connection or the test ends.
func every(s *server, c net.Conn, pause time.Duration, chunk string) {
	for {
		if _, err := io.WriteString(c, chunk); err != nil {
			return
		}
		if pause == 0 {
			continue
		}
		select {
		case <-time.After(pause):
		case <-s.stop:
			return
		}
	}
}

// TestHostileReceivers is list T: every attempt ends within its limit and half a second, with the right kind, and the
// next attempt to a good receiver is not affected.
func TestHostileReceivers(t *testing.T) {
	const limit = 300 * time.Millisecond
	var bomb bytes.Buffer
	zw := gzip.NewWriter(&bomb)
	for range 16 {
		zw.Write(make([]byte, 1<<20))
	}
	zw.Close()
	big := bytes.Repeat([]byte("x"), 1<<20)
	const drips = 20 * time.Millisecond

	for _, tc := range []struct {
		name   string
		body   []byte
		handle func(s *server, c net.Conn)
		kind   Kind // "" for an answer
		status int  // of the answer, also of one that failed in its body
		words  string
	}{
		{"never answers", nil, func(s *server, c net.Conn) { readRequest(c); <-s.stop }, KindTimeout, 0, "while waiting for the answer"},
		{"never reads", big, func(s *server, c net.Conn) { <-s.stop }, KindTimeout, 0, "while"},
		{"drips its header", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
			every(s, c, drips, "x")
		}, KindTimeout, 200, "while reading the answer's header"},
		{"drips its body", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
			every(s, c, drips, "x")
		}, KindTimeout, 200, "while reading the answer's body"},
		{"drips a short body", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
			every(s, c, drips, "x")
		}, KindTimeout, 200, "while reading the answer's body"},
		{"endless body", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			every(s, c, 0, strings.Repeat("x", 8192))
		}, "", 200, ""},
		{"endless chunks", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			every(s, c, 0, strings.Repeat("40\r\n"+strings.Repeat("x", 64)+"\r\n", 200))
		}, "", 200, ""},
		{"endless header", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			every(s, c, 0, "X-Y: "+strings.Repeat("z", 100)+"\r\n")
		}, KindTooLarge, 200, "32 KiB"},
		{"endless header field", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
			every(s, c, 0, strings.Repeat("z", 1000))
		}, KindTooLarge, 200, "32 KiB"},
		{"endless 103", nil, func(s *server, c net.Conn) {
			readRequest(c)
			every(s, c, 0, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
		}, KindTooLarge, 0, "32 KiB"},
		{"endless 100", nil, func(s *server, c net.Conn) {
			readRequest(c)
			every(s, c, 0, "HTTP/1.1 100 Continue\r\n\r\n")
		}, KindTooLarge, 0, "32 KiB"},
		{"slow endless 103", nil, func(s *server, c net.Conn) {
			readRequest(c)
			every(s, c, drips, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
		}, KindTimeout, 0, "while"},
		{"gzip bomb", nil, func(s *server, c net.Conn) {
			readRequest(c)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", bomb.Len())
			c.Write(bomb.Bytes())
		}, "", 200, ""},
		{"status line of 10 MiB", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 ")
			c.Write(bytes.Repeat([]byte("O"), 10<<20))
		}, KindTooLarge, 0, "32 KiB"},
		{"body, no length, no close", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nhello")
			<-s.stop
		}, KindTimeout, 200, "after 5 bytes"},
		{"body with length, no close", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, ok200)
			<-s.stop
		}, "", 200, ""},
		{"reset after the request", nil, func(s *server, c net.Conn) { readRequest(c); reset(c) }, KindReset, 0, "while waiting for the answer"},
		{"closed after the request", nil, func(s *server, c net.Conn) { readRequest(c) }, KindReset, 0, "while waiting for the answer"},
		{"reset in the header", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: y")
		}, KindReset, 200, "while reading the answer's header"},
		{"chunked body cut", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		}, KindReset, 200, "after 5 bytes"},
		{"answers before reading", big, func(s *server, c net.Conn) {
			c.Read(make([]byte, 1)) // the request has begun
			io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			<-s.stop
		}, "", 413, ""},
		{"shorter than announced", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
		}, KindProtocol, 200, "after 10 of 100 announced bytes"},
		{"longer than announced", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, ok200+"and more")
		}, "", 200, ""},
		{"two lengths", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc")
		}, KindProtocol, 200, "its Content-Length cannot be understood, so its body was not read"},
		{"not HTTP", nil, func(s *server, c net.Conn) { readRequest(c); io.WriteString(c, "220 mail ESMTP ready\r\n\r\n") }, KindProtocol, 0, "not valid HTTP"},
		{"switches protocols", nil, func(s *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			<-s.stop
		}, KindProtocol, 0, "101"},
	} {
		t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) {
			s := serveTLS(t, tc.handle)
			c := newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool})
			target := mustParse(t, c, "https://127.0.0.1:"+s.port+"/hook")
			body := tc.body
			if body == nil {
				body = []byte("{}")
			}
			limit := limit
			if tc.kind != KindTimeout {
				limit = 3 * time.Second // which a busy machine does not use up
			}
			start := time.Now()
			res, timing, err := c.Do(t.Context(), &Request{Method: "POST", Target: target, Body: body, Timeout: limit})
			if took := time.Since(start); took > limit+500*time.Millisecond {
				t.Errorf("took %s, want at most the limit of %s and half a second", took, limit)
			}
			kind, words := Kind(""), ""
			if err != nil {
				kind, words = err.Kind, err.Message
			}
			if kind != tc.kind || !strings.Contains(words, tc.words) {
				t.Errorf("got kind %q, %q (%v), want kind %q, …%s…", kind, words, err, tc.kind, tc.words)
			}
			status := 0
			if res != nil {
				status = res.Status
				if len(res.Body) > keepBody || res.BodyBytes > drainBody {
					t.Errorf("kept %d of %d bytes, want at most %d of %d", len(res.Body), res.BodyBytes, keepBody, drainBody)
				}
			}
			if status != tc.status {
				t.Errorf("got status %d, want %d", status, tc.status)
			}
			if timing.Total <= 0 {
				t.Errorf("got timing %+v, want a total", timing)
			}
			if n := s.accepts.Load(); n != 1 {
				t.Errorf("got %d connections, want 1", n)
			}
		})
	}
}

// reset closes with RST instead of FIN.
func reset(c net.Conn) {
	if tc, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = tc.NetConn()
	}
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// Answers that arrive on an idle connection are nobody's: they must not be taken for the next request's.
func TestUnaskedAnswerIsNotUsed(t *testing.T) {
	log.SetOutput(io.Discard) // net/http reports each one
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		for {
			if _, err := readRequest(c); err != nil {
				return
			}
			io.WriteString(c, ok200+"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
		}
	})
	c := newClient(t, Options{Dev: true})
	for range 50 {
		res, _, err := do(t, c, "http://127.0.0.1:"+s.port+"/")
		if err != nil && err.Kind != KindReset && err.Kind != KindProtocol {
			t.Fatalf("got %v (%v), want an answer or a failure of the connection", err, err.Err)
		}
		if err == nil && string(res.Body) != "ok" {
			t.Fatalf("got %q, want the answer to this request", res.Body)
		}
	}
}
