package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/web"
)

// Route is a line of a face's route table.
type Route struct {
	Method, Path string
	Needs        access.Permission // the caller must have it
	Doc          Doc
	Handler      http.Handler

	in, out reflect.Type // structs, see Handle
}

// Pattern returns the route as http.ServeMux reads it: "GET /v1/events".
func (rt *Route) Pattern() string { return rt.Method + " " + rt.Path }

// Doc has the document's words about a route beyond its types.
type Doc struct {
	ID      string // operationId: "listEvents"
	Tag     string // the group it is listed in
	Summary string // a line
	Text    string // more, in Markdown; may be empty
	Status  int    // of success; zero: 200
	Also    int    // another status of success, of answers that are Statused; zero: none
	Query   string // query of the example call: "format=openapi"; may be empty

	// Example is an example of a request whose schema has none, such as a document.
	Example json.RawMessage

	// Pure marks a POST that changes nothing, so that it needs no Idempotency-Key.
	Pure bool
	// Once describes the header Idempotency-Key of a route that honours it by itself. Empty: Handle honours it on every
	// POST, by giving the first answer again.
	Once string
	// Answer is the media type of an answer that is not JSON. Empty: JSON.
	Answer string
	// Bodies returns the contents of request and answer by media type, where they have forms that no Go type can describe.
	// Nil: the route's types describe them.
	Bodies func(requests, answers *Schemas) (request, answer map[string]Media)
}

// once reports whether Handle honours the header Idempotency-Key for the route.
func (rt *Route) once() bool {
	return rt.Method == http.MethodPost && rt.Needs != access.Anybody && !rt.Doc.Pure && rt.Doc.Once == ""
}

// status is that of a success.
func (d *Doc) status() int {
	if d.Status == 0 {
		return http.StatusOK
	}
	return d.Status
}

// Headed is an answer that sets headers, such as cookies.
type Headed interface {
	// SetHeaders is called once, before the answer is sent.
	SetHeaders(h http.Header)
}

// Statused is an answer that has its own status, Doc.Status or Doc.Also.
type Statused interface {
	HTTPStatus() int
}

// None is the request or the answer of a route that has none.
type None struct{}

// Handle makes a route of a function. The fields of In are filled from the request by their tags:
//
//	path:"id"      a path parameter
//	query:"limit"  a query parameter; its zero value when absent, or the value of the tag default; min, max and enum are checked
//	body:"required" or body:"optional"  the JSON body, a struct; see Roomy. A slice of bytes is taken unread instead;
//	               media:"…,…" then lists the media types it may have
//
// A field of the type *http.Request gets the request itself. An answer that is a Headed sets headers of its own.
//
// Query parameters that In does not name are refused, so that a misspelled filter does not select everything. The function
// gets a nil principal for routes that need no permission.
func Handle[In, Out any](f *Face, pattern string, needs access.Permission, d Doc, do func(ctx context.Context, c *access.Principal, in *In) (*Out, error)) Route {
	rt := Describe[In, Out](pattern, needs, d)
	plan := planOf(rt.in)
	status := d.status()
	rt.Handler = web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		web.APIHeaders(w.Header())
		c, err := f.Caller(w, r, needs)
		if err != nil {
			return err
		}
		in := new(In)
		raw, err := plan.read(r, reflect.ValueOf(in).Elem())
		if err != nil {
			return err
		}
		if err := f.openCursor(&plan, r, c, reflect.ValueOf(in).Elem()); err != nil {
			return err
		}
		var p *access.Principal
		if c != nil {
			p = c.Principal
		}
		status := status
		answer := func() ([]byte, error) {
			out, err := do(r.Context(), p, in)
			if h, ok := any(out).(Headed); ok && err == nil {
				h.SetHeaders(w.Header())
			}
			if s, ok := any(out).(Statused); ok && err == nil {
				status = s.HTTPStatus()
			}
			if err != nil || status == http.StatusNoContent {
				return nil, err
			}
			if list, ok := any(out).(paged); ok {
				if err := f.sealCursor(r, c, list.next()); err != nil {
					return nil, err
				}
			}
			return Encode(out)
		}
		var body []byte
		if rt.once() {
			body, err = f.answerOnce(w, r, c, raw, answer)
		} else {
			body, err = answer()
		}
		if err != nil {
			return err
		}
		switch {
		case status == http.StatusNoContent:
			w.WriteHeader(status)
		case rt.Method == http.MethodGet:
			sendRead(w, r, status, "application/json", packed{plain: body})
		default:
			web.Send(w, status, "application/json", body)
		}
		return nil
	})
	return rt
}

// Raw makes a route of a function that reads the body and writes the answer by itself. The caller is known, and the path
// and query parameters of In are read, when it is called. Out and In's body only describe the route.
func Raw[In, Out any](f *Face, pattern string, needs access.Permission, d Doc, do func(w http.ResponseWriter, r *http.Request, c *access.Principal, in *In) error) Route {
	rt := Describe[In, Out](pattern, needs, d)
	plan := planOf(rt.in)
	rt.Handler = web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		web.APIHeaders(w.Header())
		c, err := f.Caller(w, r, needs)
		if err != nil {
			return err
		}
		in := new(In)
		if err := plan.readParams(r, reflect.ValueOf(in).Elem()); err != nil {
			return err
		}
		var p *access.Principal
		if c != nil {
			p = c.Principal
		}
		return do(w, r, p, in)
	})
	return rt
}

// Describe makes a route without its handler.
func Describe[In, Out any](pattern string, needs access.Permission, d Doc) Route {
	method, path, _ := strings.Cut(pattern, " ")
	return Route{Method: method, Path: path, Needs: needs, Doc: d, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
}
