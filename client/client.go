// Package client is the Go client of Relay's API.
//
//	c, err := client.New(client.Options{URL: "http://127.0.0.1:8080", Key: os.Getenv("RELAY_KEY")})
//	if err != nil {
//		log.Fatal(err)
//	}
//	_, err = c.Publish(ctx, client.NewEvent{ID: order.ID, Type: "order.paid", Data: order})
//
// A call either succeeds or returns an error; one that Relay answered is an *Error, which says what was wrong with
// which field. Nothing is repeated by itself. Publishing again is safe for events with an ID: Relay stores each ID
// once, so after a timeout, when nobody knows whether the events were stored, send them again.
package client

import (
	"bytes"
	"context"
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

// FieldError says what is wrong with one field of a request: "[3].type", "must not be empty".
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

// Bounds of what is read, in bytes: pages hold at most some 8 MiB of bodies, which quoting may multiply.
const (
	maxAnswer  = 128 << 20
	maxProblem = 1 << 20
)

// call makes a request with a JSON body, if in is not nil, and reads the answer into out, if out is not nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := encode(in)
		if err != nil {
			return fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	res, err := c.send(ctx, method, path, query, "application/json", body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(res.Body, maxProblem))
		return err
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("reading the answer of %s %s: %w", method, path, err)
	}
	return nil
}

// encode is json.Marshal without turning <, > and & into escapes: data arrives at endpoints as it is sent here.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// ask is call for an answer of a type.
func ask[T any](ctx context.Context, c *Client, method, path string, query url.Values, in any) (T, error) {
	var out T
	err := c.call(ctx, method, path, query, in, &out)
	return out, err
}

// send makes a request and returns its answer if that is a success; the caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, contentType string, body io.Reader) (*http.Response, error) {
	u := *c.base
	u.Path, u.RawPath = "", ""
	address := u.String() + c.base.EscapedPath() + path // path comes escaped
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
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

// Page is one page of a list.
type Page[T any] struct {
	Data []T `json:"data"`
	// NextCursor gets the next page; empty: this is the last one.
	NextCursor string `json:"nextCursor"`
	// SearchedTo is how far back a list of events, attempts or deliveries that has a NextCursor was searched.
	SearchedTo time.Time `json:"searchedTo"`
}

// PageQuery asks for a page.
type PageQuery struct {
	Cursor string // NextCursor of the page before; empty: the first page
	Limit  int    // the most entries on it, up to 250; zero: the server's choice
}

func (q PageQuery) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

func add(v url.Values, name, value string) {
	if value != "" {
		v.Set(name, value)
	}
}

func addTime(v url.Values, name string, t time.Time) {
	if !t.IsZero() {
		v.Set(name, t.UTC().Format(timeLayout))
	}
}

// timeLayout is RFC 3339 with the milliseconds that Relay keeps.
const timeLayout = "2006-01-02T15:04:05.000Z"
