package web

import (
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/problem"
)

// body limits a request's body in size and slowness. It is used by one goroutine at a time, the handler's.
type body struct {
	server   *Server
	response *Response
	in       io.ReadCloser
	left     int64 // bytes allowed; a stream has no such limit
	stream   bool
	paced    bool // a read deadline is set
	since    time.Time
	got      int64 // bytes since then
	broken   bool  // it was not read to its end, and the connection must be closed
	lost     bool  // it cannot be read to its end
	ended    bool  // it was read to its end
	err      error
	held     atomic.Int64 // bytes charged to the bound on bodies
	counted  bool         // among the streams
	until    time.Time    // of a stream: see Stream.Within
	late     string
}

// Read implements io.Reader. Its errors other than io.EOF are *problem.Error.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if !b.stream && int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more, to tell a body that is too long from one that just fits
	}
	b.pace()
	n, err := b.in.Read(p)
	b.got += int64(n)
	if !b.stream && int64(n) > b.left {
		n, err = int(b.left), tooLarge(b.server.o.MaxBody)
	}
	b.left -= int64(n)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		b.ended = true
	case problem.KindOf(err) == problem.TooLarge:
		b.broken = true
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.broken, b.lost = true, true
		late := "the body arrived too slowly"
		if !b.until.IsZero() && !time.Now().Before(b.until) {
			late = b.late
		}
		err = problem.Wrap(err, problem.Malformed, "%s", late)
	default:
		b.broken, b.lost = true, true
		err = problem.Wrap(err, problem.Malformed, "the body could not be read to its end: its framing is broken or the connection was cut")
	}
	b.err = err
	if !b.broken {
		b.unpace()
	} else if !errors.Is(err, os.ErrDeadlineExceeded) {
		// net/http reads some of the rest, so that the client gets to see the answer: for a moment, not for ever.
		b.setDeadline(time.Now().Add(lastWait))
	}
	return n, err
}

// pace sets the moment by which the next bytes must have come. It is called first before anybody reads: net/http
// discards a body that no handler wants, and would wait for it without end.
func (b *body) pace() {
	window := b.server.o.SlowWindow
	switch {
	case b.stream: // it may be as slow as its source, as long as it moves; time spent by the handler does not count
		b.since = time.Now()
		window *= streamPatience
	case !b.paced || b.got >= b.server.o.SlowBytes:
		b.since, b.got = time.Now(), 0
	default:
		return
	}
	b.paced = true
	end := b.since.Add(window)
	if !b.until.IsZero() && b.until.Before(end) {
		end = b.until
	}
	b.setDeadline(end)
}

// streamPatience is how many times the SlowWindow a stream may be silent: a minute by default, as long as proxies wait.
const streamPatience = 6

// lastWait is how long net/http may look for the rest of a body whose connection is closed anyway.
const lastWait = time.Second

// unpace lets net/http watch the connection for its end without a deadline, which it would take for one.
func (b *body) unpace() {
	if b.paced {
		b.paced = false
		b.setDeadline(time.Time{})
	}
}

func (b *body) setDeadline(t time.Time) {
	_ = http.NewResponseController(b.response.ResponseWriter).SetReadDeadline(t) // fails on a connection that is gone, and so does the read
}

// Close implements io.Closer.
func (b *body) Close() error { return b.in.Close() }

// reserve charges n bytes to the bound on bodies, or refuses.
func (b *body) reserve(n int64) error {
	if !b.server.memory.take(n) {
		b.broken = true // the rest stays unread
		return problem.New(problem.Unavailable, "the bodies of other requests take all the memory there is for them (setting requestMemory)")
	}
	b.held.Add(n)
	return nil
}

// release returns the request's share of the bounds.
func (b *body) release() {
	b.server.memory.give(b.held.Load())
	if b.counted {
		b.server.streams.give(1)
	}
}

// drainBytes is how much of an unwanted body is read before its refusal is answered, in bytes; it also may take no
// longer than a SlowWindow.
const drainBytes = 32 << 20

// drain reads the rest of a body that was refused. A client that is still sending when the connection is closed
// sees a reset instead of the answer; net/http alone reads no more than 256 KiB.
func (b *body) drain() {
	if b.ended || b.lost {
		return
	}
	if b.response.request.Header.Get("Expect") != "" { // who waits for a 100 has sent nothing, and will not
		b.setDeadline(time.Now().Add(lastWait))
		return
	}
	b.setDeadline(time.Now().Add(b.server.o.SlowWindow))
	_, err := io.CopyN(io.Discard, b.in, drainBytes)
	if errors.Is(err, io.EOF) {
		b.ended, b.broken = true, false
		b.setDeadline(time.Time{})
	} else {
		b.lost = true
	}
}

// Discard reads the rest of the request's body, within bounds, so that a client which is still sending gets to see
// the answer. Problem documents do that by themselves; streamed answers call it.
func Discard(w http.ResponseWriter) {
	if rw, ok := w.(*Response); ok && rw.body != nil {
		rw.body.drain()
	}
}

func tooLarge(limit int64) error {
	return problem.New(problem.TooLarge, "the body must have at most %d bytes", limit)
}

// ReadBody appends the request's whole body to buf. A body of more than limit bytes is a TooLarge problem, one that
// cannot be read a Malformed one; both close the connection.
func ReadBody(r *http.Request, buf []byte, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return buf, nil
	}
	b, counted := r.Body.(*body)
	if r.ContentLength > limit {
		if counted {
			b.broken = true
		}
		return buf, tooLarge(limit)
	}
	begin := len(buf)
	for {
		got := len(buf) - begin
		left := math.MaxInt // and one byte, to see the end
		if r.ContentLength >= 0 {
			left = int(r.ContentLength) - got + 1
		}
		if room := cap(buf) - len(buf); room < min(minRead, left) {
			// A length is only announced: memory grows with the bytes received, up to it. Small bodies are read in one go.
			grow := max(minRead, got)
			if r.ContentLength >= 0 {
				grow = min(max(grow, firstRead), left)
			}
			if counted {
				if err := b.reserve(int64(grow)); err != nil {
					return buf, err
				}
			}
			bigger := make([]byte, len(buf), len(buf)+grow)
			copy(bigger, buf)
			buf = bigger
		}
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)-begin) > limit {
			if counted {
				b.broken = true
			}
			return buf, tooLarge(limit)
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			var p *problem.Error
			if errors.As(err, &p) && p.Kind == problem.TooLarge {
				return buf, tooLarge(limit)
			}
			return buf, err
		}
	}
}

const (
	minRead   = 512
	firstRead = 256 << 10
)

// Stream is a body without a limit of size, which must only keep moving: a byte a minute by default. Whoever reads it
// bounds what is kept of it, and charges that with Reserve. Read and Within are for one goroutine.
type Stream struct {
	in   io.Reader
	body *body // nil: no Server's
}

// Read implements io.Reader. Its errors other than io.EOF are *problem.Error.
func (s *Stream) Read(p []byte) (int, error) { return s.in.Read(p) }

// Reserve charges n bytes that are kept of the stream to the bound on bodies, or returns an Unavailable problem. They
// are given back by Release, at the latest when the request ends.
func (s *Stream) Reserve(n int) error {
	if s.body == nil {
		return nil
	}
	return s.body.reserve(int64(n))
}

// Release gives back n bytes that were charged. It may be called beside Reserve.
func (s *Stream) Release(n int) {
	if s.body != nil {
		s.body.held.Add(int64(-n))
		s.body.server.memory.give(int64(n))
	}
}

// Within bounds the reads that follow: they fail with the text late after so many minutes' worth of silence as a stream
// may have, counted from now however many bytes arrive. With late empty the bound is lifted.
func (s *Stream) Within(late string) {
	if s.body == nil {
		return
	}
	s.body.until, s.body.late = time.Time{}, late
	if late != "" {
		s.body.until = time.Now().Add(streamPatience * s.body.server.o.SlowWindow)
	}
}

// ReadStream returns the request's body as a stream, or an Unavailable problem when as many are open as may be. Answers
// may be written before the body has ended.
func ReadStream(w http.ResponseWriter, r *http.Request) (*Stream, error) {
	b, ok := r.Body.(*body)
	if ok {
		if !b.server.streams.take(1) {
			return nil, problem.New(problem.Unavailable, "%d streams are open, which is as many as may be at a time (setting maxStreams)", b.server.o.MaxStreams)
		}
		b.stream, b.counted = true, true
	}
	// Without this net/http reads the rest of the body before the first byte of the answer is sent.
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		return nil, err
	}
	return &Stream{in: r.Body, body: b}, nil
}

// Flush sends the written part of a streamed answer, within the time a client may take to read it.
func Flush(w http.ResponseWriter) error {
	c := http.NewResponseController(w)
	_ = c.SetWriteDeadline(time.Now().Add(writeTime)) // fails on a connection that is gone, and so does the write
	return c.Flush()
}
