// Package problem names the kinds of failure Relay reports to its callers and
// holds their one mapping to HTTP.
//
// A domain package returns a *Error when the caller can do something about
// the failure; every other error is an internal one, whose details stay in
// the log. The HTTP side renders a *Error as an RFC 9457 problem document.
package problem

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Kind is a kind of failure. The zero Kind is Internal.
type Kind uint8

const (
	// Internal is a failure of Relay itself; its text is not shown to callers.
	Internal Kind = iota
	// Malformed means the request could not be read: broken JSON, a wrong type.
	Malformed
	// Invalid means the request was read, but a field's value is not acceptable.
	Invalid
	// Unauthorized means no valid key came with the request.
	Unauthorized
	// Forbidden means the key is valid but lacks the scope.
	Forbidden
	// PlanLimit means that the tenant has as many of something as its plan allows; Limit says more.
	PlanLimit
	// NotFound means there is no such thing, or it belongs to another tenant.
	NotFound
	// MethodNotAllowed means the path exists but not with this method.
	MethodNotAllowed
	// Conflict means the request contradicts what is stored.
	Conflict
	// TooLarge means a body or an array exceeds its limit.
	TooLarge
	// UnsupportedType means the body's content type is not one the call reads.
	UnsupportedType
	// TooMany means a rate limit was reached; RetryAfter says when to come back.
	TooMany
	// Unavailable means Relay cannot serve the request now, a full disk or a
	// lost database for example, and nothing of it was acknowledged.
	Unavailable
)

// kinds is the one table from kinds to HTTP (RFC 9110 status codes).
var kinds = [...]struct {
	status int
	slug   string
	title  string
}{
	Internal:         {http.StatusInternalServerError, "internal", "Internal error"},
	Malformed:        {http.StatusBadRequest, "malformed", "Malformed request"},
	Invalid:          {http.StatusUnprocessableEntity, "invalid", "Invalid request"},
	Unauthorized:     {http.StatusUnauthorized, "unauthorized", "Missing or invalid key"},
	Forbidden:        {http.StatusForbidden, "forbidden", "Not allowed"},
	PlanLimit:        {http.StatusForbidden, "plan-limit", "Limit of the plan reached"},
	NotFound:         {http.StatusNotFound, "not-found", "Not found"},
	MethodNotAllowed: {http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed"},
	Conflict:         {http.StatusConflict, "conflict", "Conflict"},
	TooLarge:         {http.StatusRequestEntityTooLarge, "too-large", "Too large"},
	UnsupportedType:  {http.StatusUnsupportedMediaType, "unsupported-type", "Unsupported content type"},
	TooMany:          {http.StatusTooManyRequests, "too-many-requests", "Too many requests"},
	Unavailable:      {http.StatusServiceUnavailable, "unavailable", "Temporarily unavailable"},
}

// Status returns the HTTP status code of the kind.
func (k Kind) Status() int { return kinds[k].status }

// Slug returns the kind's stable name, the last part of a problem document's type.
func (k Kind) Slug() string { return kinds[k].slug }

// Title returns the kind's title as a problem document shows it.
func (k Kind) Title() string { return kinds[k].title }

// ErrUnavailable is wrapped by the errors of a store that cannot work now: a full disk, a failing sync, a lost database.
// Nothing of the call was done, and the caller may try again later. It is answered like a problem of the kind Unavailable.
var ErrUnavailable = errors.New("store unavailable")

// Field says what is wrong with one field of a request.
type Field struct {
	// Name is the field's path as the caller wrote it: "data", "[3].type",
	// "retry.attempts", "header Idempotency-Key", "query limit".
	Name string
	// Reason is a phrase that completes "NAME …": "must not be empty".
	Reason string
}

// Error is a failure the caller can understand and act on.
type Error struct {
	Kind   Kind
	Detail string        // one plain sentence, no secrets, safe to show
	Fields []Field       // the offending fields; may be empty
	After  time.Duration // for TooMany and Unavailable: when to try again; zero: not said
	Limit  *Limit        // for PlanLimit; else nil
	Err    error         // the cause, for the log only; may be nil
}

// Limit is a limit that a tenant has reached.
type Limit struct {
	Limit   string // what is limited: "webhooks"
	Plan    string
	Allowed int64
	Used    int64
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Detail)
	for i, f := range e.Fields {
		if i > 0 || e.Detail != "" {
			b.WriteString("; ")
		}
		b.WriteString(f.Name + " " + f.Reason)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of the kind with a plain sentence for the caller.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// Wrap is New with a cause that is logged but not shown.
func Wrap(err error, k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...), Err: err}
}

// InvalidField returns an Invalid error that names one field; the reason
// completes "FIELD …".
func InvalidField(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Fields: []Field{{Name: field, Reason: fmt.Sprintf(format, args...)}}}
}

// MalformedField is InvalidField for a field that could not be read at all.
func MalformedField(field, format string, args ...any) *Error {
	return &Error{Kind: Malformed, Fields: []Field{{Name: field, Reason: fmt.Sprintf(format, args...)}}}
}

// KindOf returns the kind of the first *Error in err's chain, else Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
