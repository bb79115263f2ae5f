//go:generate go test ../internal/clientgen -run TestClientsAreGenerated -update

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Opt is a member of a request that may be left out, as the zero Opt is. It is made by [Set] or [Null].
type Opt[T any] struct {
	given, null bool
	value       T
}

// Set returns an Opt with a value.
func Set[T any](v T) Opt[T] { return Opt[T]{given: true, value: v} }

// Null returns an Opt that is null: the member is reset to its default.
func Null[T any]() Opt[T] { return Opt[T]{given: true, null: true} }

// Get returns the value, and whether there is one.
func (o Opt[T]) Get() (v T, ok bool) { return o.value, o.given && !o.null }

// IsZero reports whether the member is left out, for the option omitzero.
func (o Opt[T]) IsZero() bool { return !o.given }

// MarshalJSON implements json.Marshaler.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.given || o.null {
		return []byte("null"), nil
	}
	return encode(o.value)
}

// Duration is a length of time as the API writes it: "10s", "24h".
type Duration time.Duration

// String returns the duration as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON implements json.Unmarshaler. Null leaves d as it is.
func (d *Duration) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	s := ""
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(s)
	*d = Duration(parsed)
	return err
}

// CallOption changes how a call is made.
type CallOption func(http.Header)

// IdempotencyKey names a call, so that repeating it does nothing again: for 12 hours a call with the same key and the same
// arguments returns the first one's answer. With other arguments it fails with the status 409. A key is 1 to 256 characters
// that the caller makes, such as a random id, and belongs to the API key of the client.
func IdempotencyKey(key string) CallOption {
	return func(h http.Header) { h.Set("Idempotency-Key", key) }
}

// request is a call of the API.
type request struct {
	method string
	path   string // below the server's address, escaped
	query  url.Values
	body   any // nil: none; a raw: sent as it is; else sent as JSON
	opts   []CallOption
}

// raw is a body that is not encoded here.
type raw struct {
	contentType string
	document    []byte
}

// call makes a request and reads the answer into out, if out is not nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	body, err := c.open(ctx, r)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(body, maxProblem))
		return err
	}
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("reading the answer of %s %s: %w", r.method, r.path, err)
	}
	return nil
}

// Do makes a request that has no method here: of a later version of Relay, or of one whose operation is only known at run
// time. The path is escaped and begins with a slash, the body is sent as JSON unless it is nil, and the answer is read into
// out unless that is nil.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, body, out any, opts ...CallOption) error {
	return c.call(ctx, request{method, path, query, body, opts}, out)
}

// ask is call for an answer of a type.
func ask[T any](ctx context.Context, c *Client, r request) (T, error) {
	var out T
	err := c.call(ctx, r, &out)
	return out, err
}

// open makes a request and returns the body of its answer, which the caller closes.
func (c *Client) open(ctx context.Context, r request) (io.ReadCloser, error) {
	var body io.Reader
	contentType := "application/json"
	switch in := r.body.(type) {
	case nil:
	case raw:
		body, contentType = bytes.NewReader(in.document), in.contentType
	default:
		b, err := encode(in)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	res, err := c.send(ctx, r, contentType, body)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// send makes a request with the body and returns its answer if that is a success; the caller closes its body.
func (c *Client) send(ctx context.Context, r request, contentType string, body io.Reader) (*http.Response, error) {
	u := *c.base
	u.Path, u.RawPath = "", ""
	address := u.String() + c.base.EscapedPath() + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	for _, opt := range r.opts {
		opt(req.Header)
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if c.tenant != "" {
		req.Header.Set("Relay-Tenant", c.tenant)
	}
	req.Header.Set("User-Agent", "relay-go")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("calling Relay: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		defer res.Body.Close()
		return nil, problemOf(res)
	}
	return res, nil
}

// Page is one page of a list.
type Page[T any] struct {
	Data []T `json:"data"`
	// NextCursor gets the next page; empty: this is the last one.
	NextCursor string `json:"nextCursor"`
	// SearchedTo is how far back a list of events, attempts or deliveries that has a NextCursor was searched.
	SearchedTo time.Time `json:"searchedTo"`
}

// all returns the entries of the pages from a cursor on.
func all[T any](from string, page func(cursor string) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := from; ; {
			p, err := page(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, entry := range p.Data {
				if !yield(entry, nil) {
					return
				}
			}
			if p.NextCursor == "" {
				return
			}
			cursor = p.NextCursor
		}
	}
}

func add(v url.Values, name, value string) {
	if value != "" {
		v.Set(name, value)
	}
}

func addInt(v url.Values, name string, n int) {
	if n != 0 {
		v.Set(name, strconv.Itoa(n))
	}
}

func addBool(v url.Values, name string, yes bool) {
	if yes {
		v.Set(name, "true")
	}
}

func addOptBool(v url.Values, name string, o Opt[bool]) {
	if yes, ok := o.Get(); ok {
		v.Set(name, strconv.FormatBool(yes))
	}
}

func addTime(v url.Values, name string, t time.Time) {
	if !t.IsZero() {
		v.Set(name, t.UTC().Format(timeLayout))
	}
}

func addDuration(v url.Values, name string, d Duration) {
	if d != 0 {
		v.Set(name, d.String())
	}
}

// timeLayout is RFC 3339 with the milliseconds that Relay keeps.
const timeLayout = "2006-01-02T15:04:05.000Z"
