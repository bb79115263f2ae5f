package api

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/nearest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// route is a line of the route table.
type route struct {
	method, path string
	needs        access.Permission // what the caller must have
	doc          doc
	in, out      reflect.Type // structs, see handle; nil: nothing
	handler      http.Handler
}

// pattern is the route as http.ServeMux reads it.
func (rt *route) pattern() string { return rt.method + " " + rt.path }

// doc is what the document says of a route beyond its types.
type doc struct {
	id      string // operationId: "listEvents"
	tag     string // the group it is listed in
	summary string // a line
	text    string // more, in Markdown; may be empty
	status  int    // of success; zero: 200
	bodies  bodies // what the types cannot say; see publish
	pure    bool   // a POST that changes nothing: doing it twice is as good
}

// caller is who makes a request.
type caller struct {
	*access.Principal
	tenant event.TenantID
	key    *account.Key
	// platform: the key acts for a tenant by the header Relay-Tenant, as its admin.
	platform bool
	// text is the key as the caller sent it.
	text string
}

// once reports whether the route honours the header Idempotency-Key by giving the first answer again. Publishing and
// respondents honour it themselves, as what they store is known by it.
func (rt *route) once() bool {
	return rt.method == http.MethodPost && rt.needs != access.Anybody && !rt.doc.pure && !rt.doc.bodies.publish && !rt.doc.bodies.once
}

// none is the request or answer of a route that has none.
type none struct{}

// handle makes a route of a function. The fields of In are filled from the request by their tags:
//
//	path:"id"      a path parameter
//	query:"limit"  a query parameter; its zero value when absent, or what the tag default says; min, max and enum are checked
//	body:"required" or body:"optional"  the JSON body, a struct; see roomy. A document
//	               instead of a struct is taken unread; media:"…,…" then lists the media types it may have
//
// Query parameters that In does not name are refused, so that a misspelled filter does not select everything.
func handle[In, Out any](a *API, pattern string, needs access.Permission, d doc, f func(ctx context.Context, c *caller, in *In) (*Out, error)) route {
	rt := describe[In, Out](pattern, needs, d)
	plan := planOf(rt.in)
	status := d.status
	if status == 0 {
		status = http.StatusOK
	}
	rt.handler = web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		web.APIHeaders(w.Header())
		c, err := a.authorize(r, needs)
		if err != nil {
			return err
		}
		if c != nil {
			c.Request.ID = web.RequestID(w)
		}
		in := new(In)
		raw, err := plan.read(r, reflect.ValueOf(in).Elem())
		if err != nil {
			return err
		}
		if err := a.openCursor(&plan, r, c, reflect.ValueOf(in).Elem()); err != nil {
			return err
		}
		answer := func() ([]byte, error) {
			out, err := f(r.Context(), c, in)
			if err != nil || status == http.StatusNoContent {
				return nil, err
			}
			if list, ok := any(out).(paged); ok {
				if err := a.sealCursor(r, c, list.next()); err != nil {
					return nil, err
				}
			}
			return encode(out)
		}
		var body []byte
		if rt.once() {
			body, err = a.answerOnce(w, r, c, raw, answer)
		} else {
			body, err = answer()
		}
		if err != nil {
			return err
		}
		if status == http.StatusNoContent {
			w.WriteHeader(status)
			return nil
		}
		if rt.method == http.MethodGet {
			sendRead(w, r, status, "application/json", body, nil)
		} else {
			web.Send(w, status, "application/json", body)
		}
		return nil
	})
	return rt
}

// describe makes a route without its handler.
func describe[In, Out any](pattern string, needs access.Permission, d doc) route {
	method, path, _ := strings.Cut(pattern, " ")
	return route{method: method, path: path, needs: needs, doc: d, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
}

// authorize tells who is calling and whether he may.
func (a *API) authorize(r *http.Request, needs access.Permission) (*caller, error) {
	if needs == access.Anybody {
		return nil, nil
	}
	var text string
	if header := r.Header.Get("Authorization"); header != "" {
		text, _ = account.ParseAuthorization(header)
	} else {
		text = strings.TrimSpace(r.Header.Get("ApiKey"))
	}
	k, err := a.Keys.Authenticate(text)
	if err != nil && a.Failures != nil {
		err = a.Failures.Failed(web.ClientAddr(r, a.TrustedProxies), err)
	}
	if err != nil {
		return nil, err
	}
	p := &access.Principal{
		Tenant: k.Tenant, Actor: access.Actor{Kind: access.ActorKey, ID: k.ID, Name: k.Name}, May: access.Of(k.Scopes),
		Request: access.Request{UserAgent: clip(r.UserAgent())},
	}
	if addr := web.ClientAddr(r, a.TrustedProxies); addr.IsValid() {
		p.Request.Address = addr.String()
	}
	c := &caller{Principal: p, tenant: k.Tenant, key: k, text: text}
	if name := r.Header.Get("Relay-Tenant"); name != "" {
		if !k.Allows(access.ScopePlatform) {
			return nil, problem.New(problem.Forbidden, "the header Relay-Tenant needs a key with the scope %q", access.ScopePlatform)
		}
		t, ok := a.Keys.Tenant(name)
		if !ok {
			return nil, problem.New(problem.NotFound, "there is no tenant %q", clip(name))
		}
		c.tenant, c.platform = t.ID, true
		p.Tenant, p.May = t.ID, p.May|access.Administering
	}
	if !c.Allows(needs) {
		return nil, problem.New(problem.Forbidden, "this call needs a key with the scope %q", needs.Scope())
	}
	if err := web.Authenticated(r); err != nil {
		return nil, err
	}
	return c, nil
}

// param is a path or query parameter of a request struct.
type param struct {
	name  string
	path  bool
	index []int
	typ   reflect.Type
	tag   reflect.StructTag
}

// plan says how a request struct is filled.
type plan struct {
	params   []param
	body     []int // index of the body's field; nil: none
	bodyType reflect.Type
	required bool     // the body is
	media    []string // nil: JSON
}

// document is a body that is handed on unread.
type document []byte

func (*document) room() (bytes int64, depth int) { return catalogue.MaxFileBytes, event.MaxDepth }

func planOf(t reflect.Type) plan {
	var p plan
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Anonymous:
			for _, inner := range planOf(f.Type).params {
				inner.index = append([]int{i}, inner.index...)
				p.params = append(p.params, inner)
			}
		case f.Tag.Get("path") != "":
			p.params = append(p.params, param{f.Tag.Get("path"), true, f.Index, f.Type, f.Tag})
		case f.Tag.Get("query") != "":
			p.params = append(p.params, param{f.Tag.Get("query"), false, f.Index, f.Type, f.Tag})
		case f.Tag.Get("body") != "":
			p.body, p.bodyType, p.required = f.Index, f.Type, f.Tag.Get("body") == "required"
			if list := f.Tag.Get("media"); list != "" {
				p.media = strings.Split(list, ",")
			}
		}
	}
	return p
}

// maxRequest bounds the body of every call but publishing and those that say otherwise, in bytes: a webhook with all
// its headers takes 16 KiB.
const maxRequest = 256 << 10

// roomy is a body that needs more room than others, because it holds events or schemas: bytes of it, and levels of nesting.
type roomy interface {
	room() (bytes int64, depth int)
}

// read fills dst from the request and returns the body it was given.
func (p *plan) read(r *http.Request, dst reflect.Value) (raw []byte, err error) {
	if err := p.readParams(r, dst); err != nil {
		return nil, err
	}
	// A body is read also where none is wanted: what follows it on the connection is the next request.
	limit, depth := int64(maxRequest), maxBodyDepth
	if p.body != nil {
		if l, ok := reflect.New(p.bodyType).Interface().(roomy); ok {
			limit, depth = l.room()
		}
	}
	if p.body == nil {
		return nil, readNoBody(r)
	}
	if raw, err = web.ReadBody(r, nil, limit); err != nil {
		return nil, err
	}
	if len(raw) == 0 && !p.required {
		return nil, nil
	}
	if p.media != nil {
		if !slices.Contains(p.media, mediaType(r.Header.Get("Content-Type"))) {
			return nil, errType(r, "the body must have the header Content-Type: "+strings.Join(p.media, " or "))
		}
		dst.FieldByIndex(p.body).SetBytes(raw)
		return raw, nil
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return nil, errType(r, "the body must be JSON, with the header Content-Type: application/json")
	}
	return raw, decodeBody(raw, dst.FieldByIndex(p.body).Addr().Interface(), depth)
}

// emptyBytes bounds a body that must be empty, in bytes. It is small: some of these calls need no key.
const emptyBytes = 64

// readNoBody reads the body of a call that has none. Some clients send one with every DELETE, so that one without any
// content passes.
func readNoBody(r *http.Request) error {
	raw, err := web.ReadBody(r, nil, emptyBytes)
	if err != nil && problem.KindOf(err) != problem.TooLarge {
		return err
	}
	text := string(bytes.TrimSpace(raw))
	if r.Method == http.MethodDelete && (text == "{}" || text == "null") {
		text = ""
	}
	if err != nil || text != "" {
		return problem.InvalidField("body", "must be empty for this call")
	}
	return nil
}

func (p *plan) readParams(r *http.Request, dst reflect.Value) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.MalformedField("query", "cannot be read: it is not properly percent-encoded")
	}
	var wrong []problem.Field
	fail := func(name, reason string) { wrong = append(wrong, problem.Field{Name: "query " + name, Reason: reason}) }
	var known []string
	for _, f := range p.params {
		into := dst.FieldByIndex(f.index)
		if f.path {
			if text := r.PathValue(f.name); !isText(text) || setText(into, text) != "" {
				return problem.New(problem.NotFound, "there is nothing at this path")
			}
			continue
		}
		known = append(known, f.name)
		values, given := query[f.name]
		delete(query, f.name)
		text := strings.Trim(f.tag.Get("default"), `"`)
		switch {
		case len(values) > 1:
			fail(f.name, "must be given once")
			continue
		case given && !isText(values[0]):
			fail(f.name, "must be UTF-8 without NUL")
			continue
		case given:
			text = values[0]
		}
		if !given && text == "" {
			continue
		}
		if reason := setText(into, text); reason != "" {
			if strings.Contains(text, " ") && setText(into, strings.ReplaceAll(text, " ", "+")) == "" {
				reason = "has a blank where a plus sign was meant: in a query + stands for a blank, write it as %2B"
			}
			fail(f.name, reason)
			continue
		}
		if reason := f.check(into, text); reason != "" {
			fail(f.name, reason)
		}
	}
	unknown := make([]string, 0, len(query))
	for name := range query {
		unknown = append(unknown, name)
	}
	slices.Sort(unknown)
	for _, name := range unknown[:min(len(unknown), maxWrong)] {
		reason := "is not a parameter of this call"
		if near := nearest.Of(name, slices.Values(known)); near != "" {
			reason += fmt.Sprintf("; did you mean %q?", near)
		}
		fail(clip(strings.ToValidUTF8(name, "\uFFFD")), reason)
	}
	if wrong != nil {
		return &problem.Error{Kind: problem.Malformed, Detail: "the query has parameters that are not acceptable", Fields: wrong}
	}
	return nil
}

// isText reports whether a parameter is text that both stores can hold and look for.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// check applies the tags min, max and enum.
func (p *param) check(v reflect.Value, text string) string {
	if v.Kind() == reflect.Int {
		low, high := intTag(p.tag, "min"), intTag(p.tag, "max")
		if low != nil && v.Int() < int64(*low) || high != nil && v.Int() > int64(*high) {
			return fmt.Sprintf("must be %d to %d", *low, *high)
		}
	}
	if enum := p.tag.Get("enum"); enum != "" && !slices.Contains(strings.Split(enum, ","), text) {
		return "must be one of " + strings.ReplaceAll(enum, ",", ", ")
	}
	return ""
}

// isJSON reports whether a Content-Type means JSON in UTF-8.
func isJSON(header string) bool {
	return header == "application/json" || mediaType(header) == "application/json"
}

// mediaType returns the media type of a Content-Type without its parameters, "" if it cannot be read or names a
// charset of which not every text is UTF-8.
func mediaType(header string) string {
	t, params, err := mime.ParseMediaType(header)
	if err != nil || !isUTF8(params["charset"]) {
		return ""
	}
	return t
}

// isUTF8 reports whether a charset is UTF-8 under one of its names, or the part of it that is ASCII.
func isUTF8(charset string) bool {
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return true
	}
	return false
}

// errType says what is wrong with a request's Content-Type, where wanted says which would do.
func errType(r *http.Request, wanted string) error {
	header := r.Header.Get("Content-Type")
	t, params, err := mime.ParseMediaType(header)
	switch {
	case header == "":
		return problem.New(problem.UnsupportedType, "%s; the request has no Content-Type", wanted)
	case err != nil:
		return problem.New(problem.UnsupportedType, "%s; %q cannot be read", wanted, clip(header))
	case !isUTF8(params["charset"]):
		return problem.New(problem.UnsupportedType, "the body must be in UTF-8, not in the charset %q", clip(params["charset"]))
	}
	return problem.New(problem.UnsupportedType, "%s, not %s", wanted, clip(t))
}

func errNowhere() error {
	return problem.New(problem.NotFound, "there is nothing at this path; /docs lists what there is")
}

// nowhere answers a path that can be none of ours.
var nowhere = web.Handler(func(w http.ResponseWriter, _ *http.Request) error {
	web.APIHeaders(w.Header())
	return errNowhere()
})

// notFound answers what no route matches: 405 for a path that exists with other methods, else 404.
func notFound(mux *http.ServeMux) http.Handler {
	return web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		web.APIHeaders(w.Header())
		var allowed []string
		for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
			probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
			if _, pattern := mux.Handler(probe); pattern != "/" && pattern != "" {
				allowed = append(allowed, method)
			}
		}
		if allowed == nil {
			return errNowhere()
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return problem.New(problem.MethodNotAllowed, "this path takes %s, not %s", strings.Join(allowed, ", "), r.Method)
	})
}
