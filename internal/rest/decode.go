package rest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/malformed"
	"github.com/relay-events/relay/internal/nearest"
	"github.com/relay-events/relay/internal/problem"
)

// Requests are decoded here and not by encoding/json, because that lets typos pass: it matches names in any case,
// takes the last of two equal names, stops at the first unknown name, and loses the way to a wrong value. This decoder
// knows the few types that requests have, names every wrong field by its full path, and never repeats a value, which
// may be a secret.

// maxBodyDepth is how deep a request of this API may nest, unless its tag depth says otherwise; the deepest of those
// has three levels.
const maxBodyDepth = 16

// decodeBody reads raw, which may nest as deep as depth, into the struct dst points to. Its errors are *problem.Error.
func decodeBody(raw []byte, dst any, depth int) error {
	limits := rawjson.Limits{Depth: depth}
	if err := rawjson.Check(raw, limits); err != nil {
		return malformed.JSON(raw, err)
	}
	d := decoder{limits: limits}
	d.value("", rawjson.Value{Raw: raw, Kind: kindOf(raw, limits)}, reflect.ValueOf(dst).Elem())
	if d.wrong != nil {
		return &problem.Error{Kind: problem.Invalid, Detail: "the request has fields that are not acceptable", Fields: d.wrong}
	}
	return nil
}

// kindOf returns the kind of a checked document.
func kindOf(raw []byte, limits rawjson.Limits) rawjson.Kind {
	var s rawjson.Scanner
	s.Reset(raw, limits)
	return s.Kind()
}

type decoder struct {
	limits rawjson.Limits
	wrong  []problem.Field
}

// maxWrong bounds how many wrong fields an answer lists.
const maxWrong = 20

func (d *decoder) fail(path, reason string) {
	if path == "" {
		path = "body"
	}
	if len(d.wrong) < maxWrong {
		d.wrong = append(d.wrong, problem.Field{Name: path, Reason: reason})
	}
}

// value reads v into dst.
func (d *decoder) value(path string, v rawjson.Value, dst reflect.Value) {
	switch into := dst.Addr().Interface().(type) {
	case Custom:
		if reason := into.Decode(v); reason != "" {
			d.fail(path, reason)
		}
		return
	case Choice:
		place, want := into.Form(v.Kind)
		if place == nil {
			d.fail(path, "must be "+want+", got "+v.Kind.String())
			return
		}
		d.value(path, v, reflect.ValueOf(place).Elem())
		return
	case optional:
		given, null, value := into.target()
		*given, *null = true, v.Kind == rawjson.Null
		if !*null {
			d.value(path, v, reflect.ValueOf(value).Elem())
		}
		return
	}
	var err error
	switch dst.Kind() {
	case reflect.String:
		var s string
		if s, err = v.String(); err == nil {
			dst.SetString(s)
		}
	case reflect.Bool:
		var b bool
		if b, err = v.Bool(); err == nil {
			dst.SetBool(b)
		}
	case reflect.Int, reflect.Int64:
		var n int64
		if n, err = v.Int64(); err == nil {
			dst.SetInt(n)
		}
	case reflect.Float64:
		var f float64
		if f, err = v.Float64(); err == nil {
			dst.SetFloat(f)
		}
	case reflect.Slice:
		d.slice(path, v, dst)
	case reflect.Map:
		d.textMap(path, v, dst)
	case reflect.Struct:
		d.object(path, v, dst)
	default:
		panic("internal error: requests have no fields of type " + dst.Type().String())
	}
	if err != nil {
		d.fail(path, "must be "+wanted(dst.Kind())+", got "+got(dst.Kind(), v.Kind))
	}
}

func wanted(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "an integer"
	default:
		return "a number"
	}
}

func got(want reflect.Kind, k rawjson.Kind) string {
	if k == rawjson.Number && (want == reflect.Int || want == reflect.Int64 || want == reflect.Float64) {
		return "another number"
	}
	return k.String()
}

func (d *decoder) slice(path string, v rawjson.Value, dst reflect.Value) {
	if v.Kind != rawjson.Array {
		d.fail(path, "must be an array, got "+v.Kind.String())
		return
	}
	list := reflect.MakeSlice(dst.Type(), 0, 4)
	_ = rawjson.Elements(v.Raw, d.limits, func(i int, v rawjson.Value) error { // checked before: no error
		item := reflect.New(dst.Type().Elem()).Elem()
		d.value(fmt.Sprintf("%s[%d]", path, i), v, item)
		list = reflect.Append(list, item)
		return nil
	})
	dst.Set(list)
}

// textMap reads an object whose values are all of one type.
func (d *decoder) textMap(path string, v rawjson.Value, dst reflect.Value) {
	if v.Kind != rawjson.Object {
		d.fail(path, "must be an object, got "+v.Kind.String())
		return
	}
	m := reflect.MakeMap(dst.Type())
	_ = rawjson.Members(v.Raw, d.limits, func(name []byte, v rawjson.Value) error {
		item := reflect.New(dst.Type().Elem()).Elem()
		d.value(fmt.Sprintf("%s[%q]", path, Clip(string(name))), v, item)
		m.SetMapIndex(reflect.ValueOf(string(name)), item)
		return nil
	})
	dst.Set(m)
}

func (d *decoder) object(path string, v rawjson.Value, dst reflect.Value) {
	if v.Kind != rawjson.Object {
		d.fail(path, "must be an object, got "+v.Kind.String())
		return
	}
	seen := make(map[string]bool)
	_ = rawjson.Members(v.Raw, d.limits, func(name []byte, v rawjson.Value) error {
		for _, f := range jsonFields(dst.Type()) {
			if f.name == string(name) {
				seen[f.name] = true
				before := len(d.wrong)
				d.value(join(path, f.name), v, dst.FieldByIndex(f.index))
				if len(d.wrong) == before {
					d.label(join(path, f.name), &f, dst.FieldByIndex(f.index))
					d.oneOf(join(path, f.name), &f, dst.FieldByIndex(f.index))
				}
				return nil
			}
		}
		reason := "is not a field of this request"
		if near := d.near(string(name), dst.Type()); near != "" {
			reason += fmt.Sprintf("; did you mean %q?", near)
		}
		d.fail(join(path, Clip(string(name))), reason)
		return nil
	})
	for _, f := range jsonFields(dst.Type()) {
		if f.required() && !seen[f.name] {
			d.fail(join(path, f.name), "must be given")
		}
	}
}

// near returns the field of a struct that a name was meant to be; "": none.
func (d *decoder) near(name string, t reflect.Type) string {
	return nearest.Of(name, func(yield func(string) bool) {
		for _, f := range jsonFields(t) {
			if !yield(f.name) {
				return
			}
		}
	})
}

// label refuses a text with the tag text that would not show as it is: "label" is one of one line, "lines" may have more.
func (d *decoder) label(path string, f *jsonField, v reflect.Value) {
	kind := f.tag.Get("text")
	if kind == "" {
		return
	}
	if o, ok := v.Addr().Interface().(optional); ok {
		_, _, value := o.target()
		v = reflect.ValueOf(value).Elem()
	}
	if err := event.CheckLabel(v.String(), kind == "lines"); err != nil {
		d.fail(path, err.Error())
	}
}

// oneOf refuses a text that is not one of the tag enum's.
func (d *decoder) oneOf(path string, f *jsonField, v reflect.Value) {
	enum := f.tag.Get("enum")
	if enum == "" {
		return
	}
	list := strings.Split(enum, ",")
	check := func(path, text string) {
		if slices.Contains(list, text) {
			return
		}
		reason := "must be one of " + strings.ReplaceAll(enum, ",", ", ")
		if near := nearest.Of(text, slices.Values(list)); near != "" {
			reason += fmt.Sprintf("; did you mean %q?", near)
		}
		d.fail(path, reason)
	}
	if o, ok := v.Addr().Interface().(optional); ok {
		given, null, value := o.target()
		if !*given || *null {
			return
		}
		v = reflect.ValueOf(value).Elem()
	}
	switch {
	case v.Kind() == reflect.String:
		check(path, v.String())
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String:
		for i := range v.Len() {
			check(fmt.Sprintf("%s[%d]", path, i), v.Index(i).String())
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Clip shortens a text of the caller that an answer repeats.
func Clip(s string) string {
	const longest = 64
	if len(s) > longest {
		return strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}

// jsonField is a field of a struct that has a JSON name.
type jsonField struct {
	name  string
	index []int
	omit  bool // left out of answers when empty
	tag   reflect.StructTag
	typ   reflect.Type
}

// required reports whether a request must have the field.
func (f *jsonField) required() bool { return f.tag.Get("required") == "true" }

// jsonFields returns the fields of a struct by their JSON names, those of embedded structs among them, in order.
func jsonFields(t reflect.Type) []jsonField {
	var list []jsonField
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Tag.Get("json") == "" {
			for _, inner := range jsonFields(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				list = append(list, inner)
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		list = append(list, jsonField{name: name, index: f.Index, omit: strings.Contains(options, "omit"), tag: f.Tag, typ: f.Type})
	}
	return list
}

// setText sets a field from a path or query parameter and returns the fault of the text, or "".
func setText(dst reflect.Value, s string) string {
	if into, ok := dst.Addr().Interface().(Custom); ok {
		return into.Parse(s)
	}
	switch dst.Kind() {
	case reflect.String:
		dst.SetString(s)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return "must be an integer"
		}
		dst.SetInt(n)
	default:
		panic("internal error: parameters have no fields of type " + dst.Type().String())
	}
	return ""
}

// Encode returns v as JSON, without the escapes that only matter inside of HTML.
func Encode(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}
