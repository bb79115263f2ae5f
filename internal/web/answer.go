package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	mrand "math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/problem"
)

// Response is the ResponseWriter that handlers behind a Server get.
type Response struct {
	http.ResponseWriter
	server   *Server
	request  *http.Request
	conn     *watchedConn // nil: no Server's
	begun    bool         // the request has shown a key, and counts as busy
	body     *body        // nil: the request has none
	id       string
	status   int // sent; zero: nothing yet
	override int // status of the next problem, where HTTP knows a closer one than the problem's kind has
}

// Unwrap serves http.ResponseController.
func (w *Response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter. The request's body is not to be read after it, but by a stream.
func (w *Response) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTime)) // fails on a connection that is gone, and so does the write
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *Response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// RequestIDOf is RequestID for those who have only the request.
func RequestIDOf(r *http.Request) string {
	if rw, ok := r.Context().Value(responseKey{}).(*Response); ok {
		return rw.id
	}
	return ""
}

// RequestID returns the id of the request being answered, "req_…", which stands in the log beside its errors; empty
// for a request that no Server serves.
func RequestID(w http.ResponseWriter) string {
	if rw, ok := w.(*Response); ok {
		return rw.id
	}
	return ""
}

// Send answers with a finished body.
func Send(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body) // an error means that the client has gone; there is nobody to tell
}

// Handler answers a request, or returns an error without having begun to. A *problem.Error is shown to the client, any
// other error is logged and answered as an internal one.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP implements http.Handler.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h(w, r)
	if err == nil {
		return
	}
	rw, ok := w.(*Response)
	if !ok {
		rw = &Response{ResponseWriter: w}
	}
	if rw.request == nil { // no Server's
		rw.request = r
	}
	rw.Problem(err)
}

// document is a problem document, RFC 9457, with our extensions errors, requestId, and limit, plan, allowed and used.
type document struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail,omitempty"`
	Errors    []field `json:"errors,omitempty"`
	RequestID string  `json:"requestId,omitempty"`

	// Of a limit that is reached.
	Limit   string `json:"limit,omitempty"`
	Plan    string `json:"plan,omitempty"`
	Allowed *int64 `json:"allowed,omitempty"`
	Used    *int64 `json:"used,omitempty"`
}

type field struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// ProblemType is the prefix of the types of Relay's problem documents; the kind's slug follows. A URN does not
// pretend that there is a page behind it.
const ProblemType = "urn:relay:problem:"

// ProblemContentType is the media type of problem documents (RFC 9457 section 3).
const ProblemContentType = "application/problem+json"

// AppendProblem appends the problem document of err as JSON to dst and returns it with the status to answer.
func AppendProblem(dst []byte, err error, requestID string) ([]byte, int) {
	return appendProblem(dst, asProblem(err), requestID, 0)
}

func appendProblem(dst []byte, p *problem.Error, requestID string, status int) ([]byte, int) {
	d := document{
		Type: ProblemType + p.Kind.Slug(), Title: p.Kind.Title(), Status: p.Kind.Status(),
		Detail: p.Detail, RequestID: requestID,
	}
	if status != 0 {
		d.Status, d.Title = status, http.StatusText(status)
	}
	if p.Kind == problem.Internal { // whatever it says, it was not written for the caller
		d.Detail = "something went wrong inside Relay; its log has the details under this request's id"
	}
	if l := p.Limit; l != nil {
		d.Limit, d.Plan, d.Allowed, d.Used = l.Limit, l.Plan, &l.Allowed, &l.Used
	}
	for _, f := range p.Fields {
		d.Errors = append(d.Errors, field{f.Name, f.Reason})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)  // people read it; nosniff keeps browsers from taking it for a page
	if enc.Encode(d) != nil { // strings and numbers only: cannot be
		b.WriteString(`{"type":"about:blank"}`)
	}
	return append(dst, bytes.TrimRight(b.Bytes(), "\n")...), d.Status
}

// asProblem returns the client's view of err.
func asProblem(err error) *problem.Error {
	var p *problem.Error
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, problem.ErrUnavailable), errors.Is(err, delivery.ErrFenced):
		return problem.Wrap(err, problem.Unavailable, "the store cannot take requests right now; nothing of this one was done")
	default:
		return problem.Wrap(err, problem.Internal, "")
	}
}

// asProblem is the function of that name, for a request that may have been ended from outside.
func (w *Response) asProblem(err error) *problem.Error {
	var p *problem.Error
	if w.server == nil || w.request.Context().Err() == nil || !errors.Is(err, context.Canceled) || errors.As(err, &p) {
		return asProblem(err)
	}
	if w.server.base.Err() != nil {
		return problem.Wrap(err, problem.Unavailable, "Relay is stopping; whether the request was carried out is not known")
	}
	return problem.Wrap(err, problem.Malformed, "the client ended the connection; whether the request was carried out is not known")
}

// Problem answers with err. When an answer has begun already, err is only logged.
func (w *Response) Problem(err error) {
	p := w.asProblem(err)
	w.logProblem(err, p)
	if w.status != 0 {
		return
	}
	doc, status := appendProblem(nil, p, w.id, w.override)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(retryAfter(p.After)))
	case http.StatusUnauthorized:
		challenge := `Bearer realm="relay"`
		if scheme, _, ok := strings.Cut(w.request.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
			challenge += `, error="invalid_token"` // RFC 6750 section 3.1; without a token it is left out
		}
		h.Set("WWW-Authenticate", challenge)
	}
	if w.body != nil && w.body.stream {
		// It may have no end: the answer comes first.
		if !w.body.ended {
			h.Set("Connection", "close")
		}
		Send(w, status, ProblemContentType, doc)
		if Flush(w) == nil {
			w.body.drain()
		}
		return
	}
	if w.body != nil {
		if w.body.drain(); w.body.broken {
			h.Set("Connection", "close") // nobody knows where the next request begins
		}
	}
	Send(w, status, ProblemContentType, doc)
}

// logProblem logs problems that concern the operator: internal errors and a store that is not there. Client errors are the
// client's to read.
func (w *Response) logProblem(err error, p *problem.Error) {
	level := slog.LevelDebug
	switch {
	case w.server == nil:
		return
	case w.request.Context().Err() != nil: // the client has gone, what failed after that failed because of it
	case p.Kind == problem.Internal:
		level = slog.LevelError
	case p.Kind == problem.Unavailable:
		level = slog.LevelWarn
	}
	ctx := w.request.Context()
	if !w.server.o.Log.Enabled(ctx, level) {
		return
	}
	w.server.o.Log.Log(ctx, level, "request failed", "request", w.id, "method", w.request.Method,
		"route", w.request.Pattern, "kind", p.Kind.Slug(), "error", err.Error())
}

// retryAfter spreads clients over time, so that those refused together do not come back together: between once and
// twice what the problem says, in seconds; without a word of it, between 1 and 5.
func retryAfter(after time.Duration) int {
	if after <= 0 {
		return 1 + mrand.IntN(5)
	}
	const spread = 30 // seconds at most, so that clients do not come back together
	s := int((after + time.Second - 1) / time.Second)
	return s + mrand.IntN(min(s, spread)+1)
}

// requestIDs gives ids that are unique over processes without asking the kernel for each: a random prefix and a count.
type requestIDs struct {
	prefix string
	count  *atomic.Uint64
}

func newRequestIDs() requestIDs {
	var b [6]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return requestIDs{prefix: "req_" + hex.EncodeToString(b[:]) + "_", count: new(atomic.Uint64)}
}

func (i requestIDs) next() string {
	var b [40]byte
	return string(strconv.AppendUint(append(b[:0], i.prefix...), i.count.Add(1), 36))
}

// PageHeaders sets the headers of an HTML page: it loads nothing but our own files, runs nothing inline, submits only
// to us, and nobody may frame it.
func PageHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// APIHeaders sets the headers of an answer that is data: not kept by anybody, and inert should a browser show it.
func APIHeaders(h http.Header) {
	h["Cache-Control"] = noStore
	h["Content-Security-Policy"] = inert
}

// Shared values: the headers are set on every request and never changed in place.
var (
	noSniff = []string{"nosniff"}
	noStore = []string{"no-store"}
	inert   = []string{"default-src 'none'; frame-ancestors 'none'"}
)
