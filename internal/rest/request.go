package rest

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/nearest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

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
	request  []int    // index of the field that gets the request; nil: none
	media    []string // nil: JSON
}

func planOf(t reflect.Type) plan {
	var p plan
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Type == reflect.TypeFor[*http.Request]():
			p.request = f.Index
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

// Roomy is a body that needs more room than others, because it holds events or schemas.
type Roomy interface {
	// Room returns how many bytes the body may have, and how many levels it may nest.
	Room() (bytes int64, depth int)
}

// read fills dst from the request and returns the body as it came.
func (p *plan) read(r *http.Request, dst reflect.Value) (raw []byte, err error) {
	if err := p.readParams(r, dst); err != nil {
		return nil, err
	}
	if p.request != nil {
		dst.FieldByIndex(p.request).Set(reflect.ValueOf(r))
	}
	// A body is read also where none is wanted: behind it on the connection comes the next request.
	limit, depth := int64(maxRequest), maxBodyDepth
	if p.body != nil {
		if l, ok := reflect.New(p.bodyType).Interface().(Roomy); ok {
			limit, depth = l.Room()
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
		if !slices.Contains(p.media, MediaType(r.Header.Get("Content-Type"))) {
			return nil, ErrType(r, "the body must have the header Content-Type: "+strings.Join(p.media, " or "))
		}
		dst.FieldByIndex(p.body).SetBytes(raw)
		return raw, nil
	}
	if !IsJSON(r.Header.Get("Content-Type")) {
		return nil, ErrType(r, "the body must be JSON, with the header Content-Type: application/json")
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

// readParams fills the fields of dst that are parameters of the path and of the query.
func (p *plan) readParams(r *http.Request, dst reflect.Value) error {
	if len(p.params) == 0 && r.URL.RawQuery == "" {
		return nil
	}
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
		fail(Clip(strings.ToValidUTF8(name, "\uFFFD")), reason)
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
	if v.Kind() == reflect.Int || v.Kind() == reflect.Int64 {
		low, high := intTag(p.tag, "min"), intTag(p.tag, "max")
		switch {
		case low != nil && high != nil && (v.Int() < int64(*low) || v.Int() > int64(*high)):
			return fmt.Sprintf("must be %d to %d", *low, *high)
		case low != nil && v.Int() < int64(*low):
			return fmt.Sprintf("must be at least %d", *low)
		case high != nil && v.Int() > int64(*high):
			return fmt.Sprintf("must be at most %d", *high)
		}
	}
	if enum := p.tag.Get("enum"); enum != "" && !slices.Contains(strings.Split(enum, ","), text) {
		return "must be one of " + strings.ReplaceAll(enum, ",", ", ")
	}
	return ""
}

// IsJSON reports whether a Content-Type means JSON in UTF-8.
func IsJSON(header string) bool {
	return header == "application/json" || MediaType(header) == "application/json"
}

// MediaType returns the media type of a Content-Type without its parameters, "" if it cannot be read or names a
// charset of which not every text is UTF-8.
func MediaType(header string) string {
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

// ErrType returns the problem of a request's Content-Type; wanted is a sentence on the types that the call takes.
func ErrType(r *http.Request, wanted string) error {
	header := r.Header.Get("Content-Type")
	t, params, err := mime.ParseMediaType(header)
	switch {
	case header == "":
		return problem.New(problem.UnsupportedType, "%s; the request has no Content-Type", wanted)
	case err != nil:
		return problem.New(problem.UnsupportedType, "%s; %q cannot be read", wanted, Clip(header))
	case !isUTF8(params["charset"]):
		return problem.New(problem.UnsupportedType, "the body must be in UTF-8, not in the charset %q", Clip(params["charset"]))
	}
	return problem.New(problem.UnsupportedType, "%s, not %s", wanted, Clip(t))
}
