package egress

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A peer2 is a receiver's side of an HTTP/2 connection, for receivers that misbehave.
type peer2 struct {
	*http2.Framer
	net.Conn
	seen *atomic.Int64
	last uint32 // for handlers: the stream they named in GOAWAY
}

// serve2 starts a receiver that speaks HTTP/2 and hands each request's stream to handle, until that returns false. seen
// counts the requests.
func serve2(t testing.TB, handle func(p *peer2, stream uint32, nth int) bool) (s *server, seen *atomic.Int64) {
	t.Helper()
	return serveBoth(t, handle, nil)
}

// serveBoth is serve2 for a receiver that also speaks HTTP/1.1, if handle1 is not nil.
func serveBoth(t testing.TB, handle func(p *peer2, stream uint32, nth int) bool, handle1 func(c net.Conn)) (s *server, seen *atomic.Int64) {
	t.Helper()
	seen = new(atomic.Int64)
	cfg := &tls.Config{Certificates: []tls.Certificate{testCA().issue(t, leaf())}, NextProtos: []string{"h2"}}
	if handle1 != nil {
		cfg.NextProtos = append(cfg.NextProtos, "http/1.1")
	}
	s = serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		tc := tls.Server(c, cfg)
		if handle1 != nil && tc.Handshake() == nil && tc.ConnectionState().NegotiatedProtocol != "h2" {
			handle1(tc)
			return
		}
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(tc, preface); err != nil || string(preface) != http2.ClientPreface {
			return
		}
		p := &peer2{http2.NewFramer(tc, tc), tc, seen, 0}
		p.WriteSettings()
		ended := map[uint32]bool{}
		nth := 0
		for {
			f, err := p.ReadFrame()
			if err != nil {
				return
			}
			switch f := f.(type) {
			case *http2.SettingsFrame:
				if !f.IsAck() {
					p.WriteSettingsAck()
				}
			case *http2.HeadersFrame:
				ended[f.StreamID] = f.StreamEnded()
			case *http2.DataFrame:
				if f.Length > 0 {
					p.WriteWindowUpdate(0, f.Length)
				}
				ended[f.StreamID] = f.StreamEnded()
			default:
				continue
			}
			if id := f.Header().StreamID; ended[id] {
				delete(ended, id)
				nth++
				seen.Add(1)
				if !handle(p, id, nth) {
					return
				}
			}
		}
	})
	return s, seen
}

// answer sends a whole answer.
func (p *peer2) answer(stream uint32, status string, body string) {
	p.head(stream, status, body == "")
	if body != "" {
		p.WriteData(stream, true, []byte(body))
	}
}

func (p *peer2) head(stream uint32, status string, end bool, fields ...hpack.HeaderField) {
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	enc.SetMaxDynamicTableSize(0)
	for _, f := range append([]hpack.HeaderField{{Name: ":status", Value: status}}, fields...) {
		enc.WriteField(f)
	}
	first, rest := b.Bytes(), []byte(nil)
	if len(first) > 16<<10 {
		first, rest = first[:16<<10], first[16<<10:]
	}
	p.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: first, EndHeaders: len(rest) == 0, EndStream: end})
	for len(rest) > 0 {
		n := min(len(rest), 16<<10)
		p.WriteContinuation(stream, n == len(rest), rest[:n])
		rest = rest[n:]
	}
}

func client2(t testing.TB) *Client {
	return newClient(t, Options{Allow: loopbackNets, RootCAs: testCA().pool})
}

// TestUnprocessedIsSentAgain: a request that the receiver has said it did not process is sent again at once, until it is
// processed or the bound is reached.
func TestUnprocessedIsSentAgain(t *testing.T) {
	refuse := func(p *peer2, stream uint32) bool { p.WriteRSTStream(stream, http2.ErrCodeRefusedStream); return true }
	goAway := func(code http2.ErrCode, last uint32) func(p *peer2, stream uint32) bool {
		return func(p *peer2, _ uint32) bool {
			p.WriteGoAway(last, code, []byte("bye"))
			return last == 0 // it ends the connection where it has taken the stream
		}
	}
	for _, tc := range []struct {
		name    string
		refuse  func(p *peer2, stream uint32) bool
		times   int64 // the first so many requests
		seen    int64
		kind    Kind
		words   string
		handled int
	}{
		{"REFUSED_STREAM once", refuse, 1, 2, "", "", 200},
		{"REFUSED_STREAM to the bound", refuse, maxResends, maxResends + 1, "", "", 200},
		{"REFUSED_STREAM for ever", refuse, 1 << 40, maxResends + 1, KindReset, "refused the request 7 times before it processed it (HTTP/2 REFUSED_STREAM)", 0},
		{"GOAWAY of a graceful end", goAway(http2.ErrCodeNo, 0), 1, 2, "", "", 200},
		{"GOAWAY with a code", goAway(http2.ErrCodeEnhanceYourCalm, 0), 2, 3, "", "", 200},
		{"GOAWAY for ever", goAway(http2.ErrCodeNo, 0), 1 << 40, maxResends + 1, KindReset, "refused the request 7 times", 0},
		{"GOAWAY that names the stream", goAway(http2.ErrCodeNo, 1<<30+1), 1, 1, KindReset, "GOAWAY", 0},
		{"RST_STREAM with another code", func(p *peer2, stream uint32) bool { p.WriteRSTStream(stream, http2.ErrCodeInternal); return true }, 1, 1, KindReset, "RST_STREAM, INTERNAL_ERROR", 0},
		{"PROTOCOL_ERROR", func(p *peer2, stream uint32) bool { p.WriteRSTStream(stream, http2.ErrCodeProtocol); return true }, 1, 1, KindReset, "PROTOCOL_ERROR", 0},
		{"not HTTP/2", func(p *peer2, _ uint32) bool { p.WriteRawFrame(http2.FrameData, 0, 0, []byte("x")); return true }, 1, 1, KindProtocol, "not valid HTTP/2 (PROTOCOL_ERROR)", 0},
		{"closed", func(*peer2, uint32) bool { return false }, 1, 1, KindReset, "closed while waiting for the answer", 0},
	} {
		for _, body := range []string{"", "{}", strings.Repeat("x", 50_000)} {
			t.Run(fmt.Sprintf("%s, body of %d", tc.name, len(body)), func(t *testing.T) {
				s, seen := serve2(t, func(p *peer2, stream uint32, _ int) bool {
					if p.seen.Load() <= tc.times {
						return tc.refuse(p, stream)
					}
					p.answer(stream, "200", "ok")
					return true
				})
				c := client2(t)
				res, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "https://127.0.0.1:"+s.port+"/"), Body: []byte(body), Timeout: 10 * time.Second})
				kind, words, status := Kind(""), "", 0
				if err != nil {
					kind, words = err.Kind, err.Message
				}
				if res != nil {
					status = res.Status
				}
				if kind != tc.kind || !strings.Contains(words, tc.words) || status != tc.handled {
					t.Errorf("got kind %q, %q (%v), status %d, want kind %q with %q, status %d", kind, words, err, status, tc.kind, tc.words, tc.handled)
				}
				if n := seen.Load(); n != tc.seen {
					t.Errorf("the receiver saw %d requests, want %d", n, tc.seen)
				}
			})
		}
	}
}

// TestHTTP1IsRequired: a request that a receiver refuses over HTTP/2 because it wants HTTP/1.1 goes over that, at once, and
// so do the next ones to the host. One that speaks HTTP/2 only is asked again by the next attempt.
func TestHTTP1IsRequired(t *testing.T) {
	for name, refuse := range map[string]func(p *peer2, stream uint32) bool{
		"RST_STREAM": func(p *peer2, stream uint32) bool { p.WriteRSTStream(stream, http2.ErrCodeHTTP11Required); return true },
		"GOAWAY":     func(p *peer2, _ uint32) bool { p.WriteGoAway(0, http2.ErrCodeHTTP11Required, nil); return false },
		"GOAWAY that names the stream": func(p *peer2, stream uint32) bool {
			p.WriteGoAway(stream, http2.ErrCodeHTTP11Required, nil)
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			var plain atomic.Int64
			s, seen := serveBoth(t, func(p *peer2, stream uint32, _ int) bool { return refuse(p, stream) }, func(c net.Conn) {
				for {
					if _, err := readRequest(c); err != nil {
						return
					}
					plain.Add(1)
					io.WriteString(c, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
				}
			})
			c := client2(t)
			for n := int64(1); n <= 3; n++ {
				for scope := range uint64(2) { // webhooks that share the host
					req := &Request{Method: "POST", Target: mustParse(t, c, "https://127.0.0.1:"+s.port+"/"), Body: []byte("{}"), Timeout: 10 * time.Second, Scope: scope}
					res, _, err := c.Do(t.Context(), req)
					if err != nil || res.Status != 202 {
						t.Fatalf("request %d of scope %d: got %v, %v, want status 202", n, scope, res, err)
					}
				}
			}
			if two, one := seen.Load(), plain.Load(); two != 1 || one != 6 {
				t.Errorf("the receiver saw %d requests over HTTP/2 and %d over HTTP/1.1, want 1 and 6", two, one)
			}
		})
	}
	t.Run("HTTP/2 only", func(t *testing.T) {
		s, seen := serve2(t, func(p *peer2, stream uint32, _ int) bool {
			if p.seen.Load() == 1 {
				p.WriteRSTStream(stream, http2.ErrCodeHTTP11Required)
			} else {
				p.answer(stream, "200", "ok")
			}
			return true
		})
		c := client2(t)
		for attempt := range 2 {
			res, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "https://127.0.0.1:"+s.port+"/"), Body: []byte("{}"), Timeout: 10 * time.Second})
			if ok := err == nil && res.Status == 200; ok != (attempt == 1) {
				t.Errorf("attempt %d: got %v, %v", attempt, res, err)
			}
		}
		if n := seen.Load(); n != 2 {
			t.Errorf("the receiver saw %d requests over HTTP/2, want 2", n)
		}
	})
}

// TestRetiredConnections: a receiver that retires each connection after a few requests, whatever else is under way on it,
// processes each request once, and none fails.
func TestRetiredConnections(t *testing.T) {
	for _, after := range []int{1, 3, 20} {
		var processed atomic.Int64
		s, _ := serve2(t, func(p *peer2, stream uint32, nth int) bool {
			if nth == after {
				p.last = stream
				p.WriteGoAway(stream, http2.ErrCodeNo, nil)
			}
			if p.last > 0 && stream > p.last {
				return true // beyond GOAWAY: not looked at
			}
			processed.Add(1)
			p.answer(stream, "200", "")
			return true
		})
		c := client2(t)
		target := mustParse(t, c, "https://127.0.0.1:"+s.port+"/")
		var wg sync.WaitGroup
		const workers, each = 16, 12
		for range workers {
			wg.Go(func() {
				for range each {
					if _, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: target, Body: []byte("{}"), Timeout: 20 * time.Second}); err != nil {
						t.Errorf("retired after %d: got %v (%v), want an answer", after, err, err.Err)
					}
				}
			})
		}
		wg.Wait()
		if n := processed.Load(); n != workers*each {
			t.Errorf("retired after %d: %d requests were processed, want %d", after, n, workers*each)
		}
	}
}

// TestControlFrameFloods: a receiver that sends control frames without end is cut off soon; one that sends them in measure
// is not.
func TestControlFrameFloods(t *testing.T) {
	for name, frame := range map[string]func(p *peer2, stream uint32) error{
		"PING":          func(p *peer2, _ uint32) error { return p.WritePing(false, [8]byte{}) },
		"SETTINGS":      func(p *peer2, _ uint32) error { return p.WriteSettings() },
		"WINDOW_UPDATE": func(p *peer2, stream uint32) error { return p.WriteWindowUpdate(stream, 1) },
		"PRIORITY":      func(p *peer2, stream uint32) error { return p.WritePriority(stream, http2.PriorityParam{StreamDep: 0}) },
		"empty DATA":    func(p *peer2, stream uint32) error { return p.WriteData(stream, false, nil) },
		"unknown":       func(p *peer2, stream uint32) error { return p.WriteRawFrame(0xf7, 0, stream, []byte("x")) },
		"CONTINUATION":  func(p *peer2, stream uint32) error { return p.WriteContinuation(stream, false, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			s, _ := serve2(t, func(p *peer2, stream uint32, nth int) bool {
				go io.Copy(io.Discard, p.Conn)
				switch name {
				case "empty DATA":
					p.head(stream, "200", false)
				case "CONTINUATION":
					p.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: []byte{0x88}})
				}
				for sent.Add(1) < 5_000_000 && frame(p, stream) == nil {
				}
				return false
			})
			c := client2(t)
			_, timing, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "https://127.0.0.1:"+s.port+"/"), Body: []byte("{}"), Timeout: 20 * time.Second})
			if err == nil || err.Kind == KindTimeout || timing.Total > 10*time.Second {
				t.Errorf("got %v after %s, want it cut off long before the limit", err, timing.Total)
			}
			if name != "CONTINUATION" && (err == nil || !errors.Is(err, errFrameFlood)) {
				t.Errorf("got %v, want words about control frames", err)
			}
		})
	}
	t.Run("in measure", func(t *testing.T) {
		s, _ := serve2(t, func(p *peer2, stream uint32, _ int) bool {
			for range 20 {
				p.WritePing(false, [8]byte{})
				p.WriteSettings()
			}
			p.answer(stream, "200", "ok")
			return true
		})
		c := client2(t)
		for n := range 200 {
			if _, _, err := do(t, c, "https://127.0.0.1:"+s.port+"/"); err != nil {
				t.Fatalf("request %d: got %v (%v), want an answer", n, err, err.Err)
			}
		}
		if n := s.accepts.Load(); n != 1 {
			t.Errorf("got %d connections, want 1", n)
		}
	})
}

// TestTimedOutSessionIsClosed: behind an attempt that timed out the connection is closed, unless others use it.
func TestTimedOutSessionIsClosed(t *testing.T) {
	s, _ := serve2(t, func(*peer2, uint32, int) bool { return true })
	c := client2(t)
	for range 2 {
		_, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "https://127.0.0.1:"+s.port+"/"), Timeout: 300 * time.Millisecond})
		if err == nil || err.Kind != KindTimeout {
			t.Fatalf("got %v, want kind %s", err, KindTimeout)
		}
	}
	if n := s.accepts.Load(); n != 2 {
		t.Errorf("got %d connections for 2 attempts that timed out, want 2", n)
	}
}

// TestBodyFailsOverHTTP2: what becomes of the body does not change the status.
func TestBodyFailsOverHTTP2(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(p *peer2, stream uint32) bool
		kind Kind
	}{
		"reset":  {func(p *peer2, stream uint32) bool { p.WriteRSTStream(stream, http2.ErrCodeInternal); return true }, KindReset},
		"closed": {func(*peer2, uint32) bool { return false }, ""}, // as a reset or as an end that comes too early
		"slow":   {func(*peer2, uint32) bool { return true }, KindTimeout},
	} {
		s, _ := serve2(t, func(p *peer2, stream uint32, _ int) bool {
			p.head(stream, "202", false, hpack.HeaderField{Name: "content-length", Value: "9"})
			p.WriteData(stream, false, []byte("ok"))
			return tc.end(p, stream)
		})
		c := client2(t)
		res, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, "https://127.0.0.1:"+s.port+"/"), Timeout: time.Second})
		if err == nil || tc.kind != "" && err.Kind != tc.kind || !err.Body || res == nil || res.Status != 202 || string(res.Body) != "ok" {
			t.Errorf("%s: got %+v, %v, want 202 with ok and kind %s for the body", name, res, err, tc.kind)
		}
	}
}

// TestLongHeaderOverHTTP2: a header above 32 KiB is refused, with the status as long as the library reads it.
func TestLongHeaderOverHTTP2(t *testing.T) {
	for size, status := range map[int]int{20 << 10: 200, 40 << 10: 200, 300 << 10: 0} {
		s, _ := serve2(t, func(p *peer2, stream uint32, _ int) bool {
			var long []hpack.HeaderField
			for n := 0; n < size; n += 10 << 10 {
				long = append(long, hpack.HeaderField{Name: "x-long", Value: strings.Repeat("~", 10<<10)})
			}
			p.head(stream, "200", true, long...)
			return true
		})
		res, _, err := do(t, client2(t), "https://127.0.0.1:"+s.port+"/")
		got := 0
		if res != nil {
			got = res.Status
		}
		if got != status || (err != nil) != (size > maxHeader) || err != nil && status != 0 && err.Kind != KindTooLarge {
			t.Errorf("header of %d bytes: got status %d, %v, want status %d", size, got, err, status)
		}
	}
}

// TestScopesShareNothingOverHTTP2: also over HTTP/2 each scope has connections of its own, and uses them for many requests
// at a time.
func TestScopesShareNothingOverHTTP2(t *testing.T) {
	var conns atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{testCA().issue(t, leaf())}}
	s.EnableHTTP2 = true
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			conns.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	c := client2(t)
	if _, _, err := do(t, c, s.URL); err != nil { // it is known for HTTP/2 now
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for scope := range uint64(3) {
		for range 20 {
			wg.Go(func() {
				res, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: mustParse(t, c, s.URL), Scope: scope, Timeout: 20 * time.Second})
				if err != nil || string(res.Body) != "HTTP/2.0" {
					t.Errorf("got %+v, %v, want an answer over HTTP/2", res, err)
				}
			})
		}
	}
	wg.Wait()
	if n := conns.Load(); n != 3 {
		t.Errorf("got %d connections for 3 scopes, want 3", n)
	}
}

// TestLibraryErrors holds the texts by which errors of the library's are known to the library in use; the behaviour is
// tested above, this says where to look when it changes.
func TestLibraryErrors(t *testing.T) {
	for _, text := range []string{textGoAway, textUnusable, textGoAwayCode + "ENHANCE_YOUR_CALM"} {
		if !notProcessed(errors.New(text)) {
			t.Errorf("%q: want it taken for not processed", text)
		}
	}
	for _, err := range []error{io.EOF, http2.StreamError{Code: http2.ErrCodeProtocol}, http2.GoAwayError{}, errors.New(textUnestablished)} {
		if notProcessed(err) {
			t.Errorf("%v: want it taken for perhaps processed", err)
		}
	}
}
