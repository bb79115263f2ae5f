package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/relay-events/relay/internal/exchange"
)

// Kind classifies the failure of an attempt.
type Kind = exchange.Kind

// The kinds of failure, which package exchange explains.
const (
	KindDNS      = exchange.DNS
	KindBlocked  = exchange.Blocked
	KindConnect  = exchange.Connect
	KindProxy    = exchange.Proxy
	KindTLS      = exchange.TLS
	KindTimeout  = exchange.Timeout
	KindReset    = exchange.Reset
	KindProtocol = exchange.Protocol
	KindTooLarge = exchange.TooLarge
	KindCanceled = exchange.Canceled
	KindRequest  = exchange.Invalid
	KindLocal    = exchange.Local
)

// An Error is a failed attempt.
type Error struct {
	Kind Kind
	// Message says in words what happened, for the attempt record that the webhook's owner sees. It holds no
	// credentials, and nothing about a blocked address.
	Message string
	// Err is the cause, for the operator's log. It may be nil.
	Err error
	// Body tells that only the answer's body failed: its status and header had come, whole and in time.
	Body bool
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Err }

// A phase is where an attempt is, so that a timeout can say what took so long.
type phase int32

const (
	phaseStart phase = iota
	phaseDNS
	phaseConnect
	phaseTLS
	phaseAnswer // connected; sending or waiting
	phaseBody
)

// An attempt is the state of one call of Do. It is a context, so that the dialer, which the transport runs elsewhere,
// can find it. It is not pooled: the transport may hold it for longer than Do.
type attempt struct {
	context.Context                 // ends with the attempt's limit or with the caller
	caller          context.Context // ends with the caller only
	start           time.Time
	limit           time.Duration

	phase     atomic.Int32 // a phase; also written by the dialer
	firstByte atomic.Int64 // nanoseconds since start, 0 for none; written by the transport's reader

	// Below: written by the goroutine of Do before the request goes to the transport's reader, or after it has come back.
	conn     *conn // nil until connected
	reused   bool
	h2       bool // conn is shared with other requests, its counter says nothing about this one
	ready    time.Duration
	written  int64 // conn's counter when this request got it
	parts    dialParts
	total    time.Duration
	bodyRead int64
	sending  int  // length of the request body
	mutual   bool // a client certificate is shown
}

type attemptKey struct{}

// Value returns the attempt itself to the dialer.
func (a *attempt) Value(key any) any {
	if key == (attemptKey{}) {
		return a
	}
	return a.Context.Value(key)
}

func setPhase(ctx context.Context, p phase) {
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok {
		a.phase.Store(int32(p))
	}
}

func (a *attempt) timing() Timing {
	t := Timing{DNS: a.parts.dns, Connect: a.parts.connect, TLS: a.parts.tls, Total: a.total}
	if first := time.Duration(a.firstByte.Load()); first > 0 {
		t.FirstByte = max(first-a.ready, 0)
	}
	return t
}

// nothingSent tells that the connection had been used before and that no byte of this request was accepted by it, so
// that no receiver can have seen any of it.
func (a *attempt) nothingSent() bool {
	return a.reused && !a.h2 && a.conn != nil && a.conn.written.Load() == a.written
}

// explain turns a transport's error into the one of the record. The order matters: the end of the caller or of the
// time explains all errors that follow from it.
func (a *attempt) explain(err error) *Error {
	if cause := a.caller.Err(); cause != nil {
		if errors.Is(cause, context.DeadlineExceeded) {
			return &Error{Kind: KindTimeout, Message: "the caller's time limit ran out " + a.where(), Err: err}
		}
		return &Error{Kind: KindCanceled, Message: "the attempt was interrupted " + a.where(), Err: err}
	}
	var de *dialError
	isDial := errors.As(err, &de)
	if a.Err() != nil || isDial && de.kind == KindTimeout {
		return a.timedOut(err)
	}
	if isDial {
		return &Error{Kind: de.kind, Message: dialWords(de), Err: err}
	}
	if errors.Is(err, errLongHeader) || err.Error() == textLongHeader {
		return tooLongHeader(err)
	}
	if kind, words, ok := a.words2(err); ok {
		return &Error{Kind: kind, Message: words, Err: err}
	}
	if strings.Contains(err.Error(), "tls: no renegotiation") { // crypto/tls exports no such error
		words := "the receiver asks for a client certificate after the handshake (TLS renegotiation): set auth to mtls, or let it ask in the handshake"
		if a.mutual {
			words = "the receiver renegotiates TLS again and again; let it ask for the client certificate in the first handshake"
		}
		return &Error{Kind: KindTLS, Message: words, Err: err}
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		// TLS 1.3 servers judge the client, for want of a certificate say, only after the handshake has ended here.
		return &Error{Kind: KindTLS, Message: tlsWords(err), Err: err}
	}
	if err.Error() == textUnestablished {
		// For an HTTP/2 connection that ended before its first request: with TLS 1.3 this
		// is how a server looks that judges the client after the handshake, when its alert comes too late to be seen.
		return &Error{Kind: KindTLS, Message: "the server refused the TLS connection: it closed it right after the handshake", Err: err}
	}
	var malformed *malformedError
	if errors.As(err, &malformed) {
		return &Error{Kind: KindProtocol, Message: "the answer is not valid HTTP: " + malformed.what, Err: err}
	}
	if isReset(err) {
		return &Error{Kind: KindReset, Message: "the connection was closed " + a.where(), Err: err}
	}
	return &Error{Kind: KindProtocol, Message: "the answer is not valid HTTP", Err: err}
}

func tooLongHeader(err error) *Error {
	return &Error{Kind: KindTooLarge, Message: fmt.Sprintf("the answer's header is longer than %d KiB", maxHeader>>10), Err: err}
}

func (a *attempt) timedOut(err error) *Error {
	return &Error{Kind: KindTimeout, Message: fmt.Sprintf("the limit of %s for the attempt ran out %s", a.limit, a.where()), Err: err}
}

// where finishes a sentence about an attempt that ended early.
func (a *attempt) where() string {
	switch phase(a.phase.Load()) {
	case phaseDNS:
		return "while resolving the host name"
	case phaseConnect:
		return "while connecting"
	case phaseTLS:
		return "during the TLS handshake"
	case phaseBody:
		return fmt.Sprintf("while reading the answer's body, after %d bytes", a.bodyRead)
	}
	switch {
	case a.firstByte.Load() > 0:
		return "while reading the answer's header"
	case a.conn == nil:
		return "while waiting for a connection"
	case !a.h2 && a.conn.written.Load()-a.written < int64(a.sending):
		return "while sending the request"
	}
	return "while waiting for the answer"
}

// dialWords describes a failure to connect.
func dialWords(e *dialError) string {
	var pe *proxyError
	if (e.kind == KindProxy || e.kind == KindConnect) && errors.As(e.err, &pe) {
		return pe.words
	}
	switch e.kind {
	case KindBlocked:
		return "the host's address is not allowed"
	case KindLocal:
		return localWords(e.err)
	case KindTLS:
		return tlsWords(e.err)
	case KindCanceled:
		return "the client was closed"
	case KindRequest:
		return "the request's host is not valid"
	case KindDNS:
		var de *net.DNSError
		switch {
		case errors.As(e.err, &de) && de.IsNotFound:
			return "the host name does not exist or has no addresses"
		case errors.As(e.err, &de) && de.IsTimeout:
			return "the name servers did not answer"
		}
		return "the host name could not be resolved"
	}
	var noAddress *errNoAddress
	switch {
	case errors.Is(e.err, errNoSource):
		return errNoSource.Error()
	case errors.Is(e.err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.Is(e.err, syscall.EHOSTUNREACH), errors.Is(e.err, syscall.ENETUNREACH):
		return "the host cannot be reached"
	case errors.Is(e.err, syscall.ETIMEDOUT):
		return "the host did not answer the connection"
	case errors.As(e.err, &noAddress):
		return noAddress.Error()
	}
	return "the connection could not be made"
}

// isReset tells the end of a connection from nonsense that came over it.
func isReset(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.As(err, &op)
}
