package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// A stream goes through two goroutines: the handler reads lines into groups, a writer answers for the groups in their
// order. In between each group is stored by a goroutine of its own; at most streamAhead groups are on their way, then
// the reader waits, and so, in the end, does the publisher. A group is sent off as soon as no more input has arrived,
// so that a slow stream is not held back and a fast one fills its groups.
//
// Lines and groups are charged to the bound on the bodies of all requests; a stream that finds no room ends.

const (
	groupLines  = 256
	groupBytes  = 1 << 20
	streamAhead = 4
	// maxBadLines ends a stream that is no stream of events: the answer would be longer than the request.
	maxBadLines = 1000
	// progressTime is how often progress is reported, at most. A publisher may not read before it has sent all.
	progressTime = 100 * time.Millisecond
	// holdTime is how long the answer is held back while no line could be taken: until then its status may still say so.
	holdTime = time.Second
	// maxShownLines is how many bad lines the problem names for a stream of which nothing was stored.
	maxShownLines = 20
	// lineCost is charged for a line beside its bytes, and chargeStep the smallest charge.
	lineCost   = 512
	chargeStep = 16 << 10
)

// group is a run of lines that are stored together.
type group struct {
	lines []int // the line number of each item
	items []ingest.Item
	bytes int
	// charged is the group's share of the bound on bodies.
	charged int
	// stored are the items with what followed from them, once they are stored.
	stored []ingest.Item
	last   int // the last line it accounts for, bad and empty ones included
	bad    []badLine
	done   chan struct{} // closed when the items are stored or refused
	err    error         // nothing of the group was stored
}

type badLine struct {
	line int
	err  error
}

func (a *API) publishStream(w http.ResponseWriter, r *http.Request, c *access.Principal) error {
	body, err := web.ReadStream(w, r)
	if err != nil {
		return err
	}
	lines, err := newLineReader(body, a.Limits.EventBytes)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s := &stream{api: a, w: w, body: body, tenant: c.Tenant, limits: c.Limits, enter: a.enter(c), trace: traceOf(r.Header), pending: make(chan *group, streamAhead), written: make(chan struct{}), giveUp: cancel}
	go s.write()
	stopping, watched := web.Stopping(w), make(chan struct{})
	go func() {
		defer close(watched)
		wakeReader(ctx, w, stopping)
	}()
	defer func() {
		cancel()
		<-watched
	}()
	failed := s.read(r.Context(), ctx, lines, stopping)
	close(s.pending)
	<-s.written
	return s.finish(failed)
}

// stream is one request's state.
type stream struct {
	api     *API
	w       http.ResponseWriter
	body    *web.Stream
	tenant  event.TenantID
	limits  *access.Limits
	enter   func(ctx context.Context) (event.TenantID, error) // see ingest.Publication
	trace   *event.Trace                                      // of the request; nil: none
	pending chan *group                                       // in the order of their lines
	written chan struct{}                                     // closed when write has ended
	giveUp  func()                                            // ends read

	// Of the reader:
	lines, blank int

	// Of the writer, until written is closed:
	begun                        bool // the answer has
	accepted, duplicates, failed int
	reported                     time.Time // of the last progress line
	out                          []byte
	held                         int             // charged for out while the answer is held back
	shown                        []problem.Field // the first bad lines
	err                          error           // why the stream is given up
}

var errStreamStopping = problem.New(problem.Unavailable, "Relay is stopping; the rest of the stream was not read")

// wakeReader ends reads that wait for a publisher who has nothing to say, once the server stops. A read that is just
// about to begin sets its own deadline, so it is done again.
func wakeReader(ctx context.Context, w http.ResponseWriter, stopping <-chan struct{}) {
	select {
	case <-stopping:
	case <-ctx.Done():
		return
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		// It fails on a connection that is gone, and so does the read.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now())
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// read turns lines into groups until the body ends, or reading does. It returns why it ended early.
func (s *stream) read(request, reading context.Context, in *lineReader, stopping <-chan struct{}) error {
	g := newGroup()
	for {
		line, err := in.next()
		if len(line) > 0 {
			s.lines++
		}
		var full error
		switch {
		case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrTooLong): // an unfinished line is none
		case len(bytes.TrimSpace(line)) > 0:
			full = s.take(g, bytes.TrimRight(line, "\r\n"), err)
		case len(line) > 0:
			s.blank++
		}
		ended := full != nil || err != nil && !errors.Is(err, bufio.ErrTooLong)
		if len(g.items) > 0 || len(g.bad) > 0 {
			if ended || len(g.lines)+len(g.bad) >= groupLines || g.bytes >= groupBytes || in.empty() {
				g.last = s.lines
				if !s.send(request, reading, g) {
					return reading.Err()
				}
				g = newGroup()
			}
		}
		switch {
		case full != nil:
			return full
		case errors.Is(err, io.EOF):
			return nil
		case ended:
			select {
			case <-stopping: // which is why it ended
				return errStreamStopping
			default:
				return err
			}
		}
		select {
		case <-stopping:
			return errStreamStopping
		case <-reading.Done():
			return reading.Err()
		default:
		}
	}
}

func newGroup() *group { return &group{done: make(chan struct{})} }

// take adds a line to the group. It returns an error, and has not taken it, when there is no room for more.
func (s *stream) take(g *group, line []byte, err error) error {
	if errors.Is(err, bufio.ErrTooLong) {
		g.bad = append(g.bad, badLine{s.lines, problem.New(problem.TooLarge, "the event must have at most %d bytes", s.api.Limits.EventBytes)})
		return nil
	}
	g.bytes += len(line) + lineCost
	if more := g.bytes - g.charged; more > 0 {
		more = max(more, chargeStep)
		if err := s.body.Reserve(more); err != nil {
			return err
		}
		g.charged += more
	}
	item, err := ingest.ParseObject(s.tenant, line, s.api.Limits, "", time.Now())
	if err == nil {
		err = s.limits.Type(item.Event.Type) // here, so that the other lines of the group are stored together
	}
	if err != nil {
		g.bad = append(g.bad, badLine{s.lines, err})
		return nil
	}
	g.items, g.lines = append(g.items, item), append(g.lines, s.lines)
	return nil
}

// send hands the group over; it waits for room, and reports false when the stream is given up.
func (s *stream) send(request, reading context.Context, g *group) bool {
	select {
	case s.pending <- g:
	case <-reading.Done():
		return false
	}
	// The writer waits for done before it ends, and the handler for the writer: nobody outlives the request.
	go func() {
		defer close(g.done)
		s.store(request, reading, g)
	}()
	return true
}

// store publishes the group's items. A commit that has begun is waited for, also when reading has ended.
func (s *stream) store(request, reading context.Context, g *group) {
	if len(g.items) == 0 {
		return
	}
	p := ingest.Publication{Tenant: s.tenant, Items: g.items, Limits: s.limits, Enter: s.enter, Trace: s.trace}
	err := s.publish(request, reading, &p)
	switch {
	case err == nil:
		g.stored = p.Items
		return
	case !isOneLine(err):
		g.err = err
		return
	}
	// One line uses an id that was used for something else, or is refused by its type, and nothing was stored: find it,
	// one by one.
	items, lines := g.items, g.lines
	g.items, g.lines = nil, nil
	for i := range items {
		if reading.Err() != nil {
			return // given up: the rest counts as failed
		}
		single := ingest.Publication{Tenant: s.tenant, Items: items[i : i+1], Limits: s.limits, Enter: s.enter, Trace: s.trace}
		switch err := s.publish(request, reading, &single); {
		case err != nil:
			g.bad = append(g.bad, badLine{lines[i], err})
			if !isOneLine(err) {
				s.giveUp() // what holds for this line holds for all that follow
			}
		default:
			g.items, g.lines = append(g.items, items[i]), append(g.lines, lines[i])
			g.stored = append(g.stored, single.Items...)
		}
	}
}

// paceTime is how long a stream waits for its tenant's rate; for longer it ends.
const paceTime = time.Minute

// publish publishes a part of the stream. One that is faster than its tenant's plan allows is slowed down.
func (s *stream) publish(request, reading context.Context, p *ingest.Publication) error {
	for {
		err := s.api.Publisher.Publish(request, p)
		var over *problem.Error
		if !errors.As(err, &over) || over.Kind != problem.TooMany || over.Limit == nil || over.After > paceTime {
			return err
		}
		select {
		case <-time.After(over.After):
		case <-reading.Done():
			return err
		case <-web.Stopping(s.w):
			return err
		}
	}
}

// isOneLine reports whether an error is about one event and says nothing about others.
func isOneLine(err error) bool {
	var p *problem.Error
	return errors.As(err, &p) && (p.Kind == problem.Conflict || p.Kind == problem.Invalid || p.Kind == problem.TooLarge)
}

// write answers for the groups, in order.
func (s *stream) write() {
	defer close(s.written)
	var hold <-chan time.Time
	for {
		select {
		case g, more := <-s.pending:
			if !more {
				return
			}
			<-g.done
			s.answer(g)
			s.body.Release(g.charged)
			if hold == nil && !s.begun && len(s.out) > 0 {
				hold = time.After(holdTime)
			}
		case <-hold:
			if !s.begun {
				s.flush()
			}
		}
	}
}

func (s *stream) answer(g *group) {
	if s.err != nil && g.err != nil {
		s.failed += len(g.items)
		return // the first reason was told
	}
	for _, b := range g.bad {
		s.failed++
		s.appendError(b.line, 0, b.err)
		if len(s.shown) < maxShownLines {
			s.shown = append(s.shown, problem.Field{Name: "line " + strconv.Itoa(b.line), Reason: reason(b.err)})
		}
	}
	if g.err != nil {
		s.failed += len(g.items)
		s.err = g.err
		s.giveUp()
		if s.begun || s.accepted+s.duplicates > 0 {
			s.appendError(g.lines[0], g.lines[len(g.lines)-1], g.err)
			s.flush()
		}
		return
	}
	all, duplicates := countPublished(g.stored)
	s.accepted += all - duplicates
	s.duplicates += duplicates
	if s.failed > maxBadLines && s.err == nil {
		s.err = problem.New(problem.Invalid, "more than %d lines could not be taken", maxBadLines)
		s.giveUp()
	}
	if !s.begun && s.accepted+s.duplicates == 0 {
		if more := len(s.out) - s.held; more > 0 {
			if s.body.Reserve(more) != nil {
				s.flush()
				return
			}
			s.held += more
		}
		return // it may end without a line stored
	}
	if now := time.Now(); len(g.bad) > 0 || now.Sub(s.reported) >= progressTime {
		s.reported = now
		s.out = fmt.Appendf(s.out, `{"line":%d,"accepted":%d,"duplicates":%d}`+"\n", g.last, s.accepted, s.duplicates)
		s.flush()
	}
}

// appendError adds a line about a line, or about all from line to last.
func (s *stream) appendError(line, last int, err error) {
	s.out = strconv.AppendInt(append(s.out, `{"line":`...), int64(line), 10)
	if last > line {
		s.out = strconv.AppendInt(append(s.out, `,"lastLine":`...), int64(last), 10)
	}
	s.out = append(s.out, `,"error":`...)
	s.out, _ = web.AppendProblem(s.out, err, web.RequestID(s.w))
	s.out = append(s.out, "}\n"...)
}

// flush sends the buffered answer. A client that has gone ends the stream, and sends unreported lines again.
func (s *stream) flush() {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "application/x-ndjson")
		s.w.WriteHeader(http.StatusAccepted)
	}
	_, err := s.w.Write(s.out)
	s.out = s.out[:0]
	if err == nil {
		err = web.Flush(s.w)
	}
	if err != nil && s.err == nil {
		s.err = err
		s.giveUp()
	}
}

// reason is the text of a bad line's error for the publisher.
func reason(err error) string {
	var p *problem.Error
	if !errors.As(err, &p) {
		return "could not be stored"
	}
	shown := problem.Error{Detail: p.Detail, Fields: p.Fields}
	return shown.Error()
}

// finish ends the answer. A stream that failed before anything was answered gets an ordinary problem.
func (s *stream) finish(readErr error) error {
	err := s.err
	if err == nil {
		err = readErr
	}
	if !s.begun && s.accepted+s.duplicates == 0 {
		var p *problem.Error
		given := errors.As(err, &p) && p.Kind == problem.Invalid // for its bad lines
		switch {
		case err != nil && !given:
			return err
		case len(s.shown) > 0:
			return &problem.Error{Kind: problem.Invalid, Detail: fmt.Sprintf("none of the stream's %d lines could be taken, and nothing was stored", s.lines-s.blank), Fields: s.shown}
		case err != nil:
			return err
		}
	}
	if err != nil && s.err == nil && !errors.Is(err, context.Canceled) { // the writer has told its own
		s.appendError(s.lines, 0, err)
	}
	if err != nil {
		s.w.Header().Set("Connection", "close")
	}
	// Lines that were read and not stored have failed, reported or not, so that each line is in one of the numbers.
	s.out = fmt.Appendf(s.out, `{"done":%t,"lines":%d,"accepted":%d,"duplicates":%d,"failed":%d`,
		err == nil, s.lines, s.accepted, s.duplicates, s.lines-s.blank-s.accepted-s.duplicates)
	if s.blank > 0 {
		s.out = fmt.Appendf(s.out, `,"blank":%d`, s.blank)
	}
	s.out = append(s.out, "}\n"...)
	s.flush()
	if err != nil {
		web.Discard(s.w)
	}
	return nil
}
