// Package client is the Go client of Relay's API.
//
//	c, err := client.New(client.Options{URL: "http://127.0.0.1:8080", Key: os.Getenv("RELAY_KEY")})
//	if err != nil {
//		log.Fatal(err)
//	}
//	_, err = c.Publish(ctx, client.NewEvent{ID: order.ID, Type: "order.paid", Data: order})
//
// Every operation of the API has a method with the operation's name: createWebhook, as the page /docs and the OpenAPI
// document call it, is [Client.CreateWebhook]. Publishing alone is three methods: [Client.Publish], [Client.PublishMany] and
// [Client.PublishStream].
//
// # Requests
//
// Members of a request that may be left out have the type [Opt]. The zero Opt leaves its member out, so that the default
// holds or, in an update, the member stays as it is. [Set] gives a value, [Null] resets to the default:
//
//	c.UpdateWebhook(ctx, id, client.UpdateWebhook{
//		Timeout: client.Set(client.Duration(5 * time.Second)),
//		Filter:  `event.data.amount >= 100`,
//		Batch:   client.Null[client.BatchFields](),
//	})
//
// Members that hold any JSON value are of type any: nil leaves them out, json.RawMessage("null") is null.
//
// # Answers
//
// A member that is null is the zero value of strings, times, durations, lists and maps, and a nil pointer of numbers,
// booleans and objects. Members that a later version of Relay adds are ignored.
//
// Lists with pages are iterators, which ask for the next page when it is needed:
//
//	for event, err := range c.ListEvents(ctx, client.ListEventsParams{Type: "order.paid"}) {
//		if err != nil {
//			return err
//		}
//		…
//	}
//
// # Errors
//
// A call either succeeds or returns an error. One that Relay answered is an [*Error], which describes the fault and names the
// field. The client repeats nothing by itself. Calls that create something take an [IdempotencyKey]: after a timeout, when
// it is unknown whether the call was done, the same call with the same key is done once. Publishing is safe to repeat for
// events with an ID.
package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Options says which server to call, and as whom.
type Options struct {
	// URL is the server's address, as "http://127.0.0.1:8080". Required.
	URL string
	// Key is an API key. Without one only the probes answer.
	Key string
	// Tenant is the tenant a platform key acts for. Empty: the key's own.
	Tenant string
	// HTTPClient makes the requests. Nil: one that follows no redirects. Its timeout, if any, also ends streams.
	HTTPClient *http.Client
}

// Client calls the API of one server. It is safe for concurrent use.
type Client struct {
	base   *url.URL
	key    string
	tenant string
	http   *http.Client
}

// New returns a client. It makes no request.
func New(o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(o.URL, "/"))
	if err != nil {
		return nil, fmt.Errorf("reading the server's address: %w", err)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("the server's address must be as https://relay.example.com, got %q", base.Redacted())
	}
	if strings.ContainsAny(o.Key, "\r\n") {
		return nil, errors.New("the key must not contain a line end")
	}
	c := &Client{base: base, key: o.Key, tenant: o.Tenant, http: o.HTTPClient}
	if c.http == nil {
		// A redirect would carry the key and the events to another host.
		c.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return c, nil
}

// URL returns the server's address, without a slash at the end.
func (c *Client) URL() string { return c.base.String() }

// Error is a request that Relay refused or could not serve: its problem document (RFC 9457).
type Error struct {
	Status    int          `json:"status"` // of the HTTP answer
	Type      string       `json:"type"`   // "urn:relay:problem:" and the kind
	Title     string       `json:"title"`
	Detail    string       `json:"detail"`
	Fields    []FieldError `json:"errors"`
	RequestID string       `json:"requestId"` // finds it in the server's log
	// RetryAfter is when to try again, for status 429 and 503; zero: not said.
	RetryAfter time.Duration `json:"-"`
}

// FieldError describes the fault of one field of a request: "[3].type", "must not be empty".
type FieldError struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Detail != "":
		b.WriteString(e.Detail)
	case e.Title != "":
		b.WriteString(e.Title)
	default:
		b.WriteString(http.StatusText(e.Status))
	}
	for _, f := range e.Fields {
		b.WriteString("; " + f.Field + " " + f.Reason)
	}
	fmt.Fprintf(&b, " (status %d", e.Status)
	if e.RequestID != "" {
		b.WriteString(", request " + e.RequestID)
	}
	return b.String() + ")"
}

// Kind returns the problem's kind, "invalid" or "not-found" for example, "" for an answer that is none of Relay's.
func (e *Error) Kind() string {
	kind, ok := strings.CutPrefix(e.Type, "urn:relay:problem:")
	if !ok {
		return ""
	}
	return kind
}

// Temporary reports whether the same request can succeed later: 429 and 503.
func (e *Error) Temporary() bool {
	return e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable
}

// IsNotFound reports whether err says that there is no such thing.
func IsNotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// Bounds of answers, in bytes: pages hold at most some 8 MiB of bodies, which quoting may multiply.
const (
	maxAnswer  = 128 << 20
	maxProblem = 1 << 20
)

// encode is json.Marshal without turning <, > and & into escapes: data arrives at endpoints as it is sent here.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// problemOf reads the problem document of an answer; what stands between client and server may send other things.
func problemOf(res *http.Response) *Error {
	e := &Error{}
	b, _ := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if json.Unmarshal(b, e) != nil || e.Type == "" {
		*e = Error{Title: http.StatusText(res.StatusCode)}
	}
	e.Status = res.StatusCode
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s >= 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}
