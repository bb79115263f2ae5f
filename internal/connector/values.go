package connector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// values has the variables of the expressions of one rendering.
type values struct {
	vars map[string]any
	// raws are the bytes that objects were read from, by the address of their map: an object that goes into a body
	// unchanged keeps the order of its members and every digit of its numbers.
	raws    map[uintptr][]byte
	secrets map[string]string
	hide    bool // secrets are shown as ***
	items   [][]byte
}

func newValues() *values {
	return &values{vars: make(map[string]any), raws: make(map[uintptr][]byte)}
}

// set makes JSON available under a name.
func (v *values) set(name string, raw []byte) error {
	x, err := v.decode(raw)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	v.vars[name] = x
	return nil
}

// decode returns JSON as CEL reads it: whole numbers that fit are integers, all others doubles.
func (v *values) decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	x, err := v.next(d, raw)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is text behind the value")
	}
	return x, nil
}

// next decodes one value. It is called with what Decode leaves: encoding/json has bounded the depth.
func (v *values) next(d *json.Decoder, raw []byte) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		begin := d.InputOffset() - 1
		if t == '[' {
			list := []any{}
			for d.More() {
				x, err := v.next(d, raw)
				if err != nil {
					return nil, err
				}
				list = append(list, x)
			}
			_, err := d.Token()
			return list, err
		}
		object := make(map[string]any)
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			if object[name.(string)], err = v.next(d, raw); err != nil {
				return nil, err
			}
		}
		if _, err := d.Token(); err != nil {
			return nil, err
		}
		v.raws[reflect.ValueOf(object).Pointer()] = raw[begin:d.InputOffset()]
		return object, nil
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		f, err := t.Float64()
		return f, err
	default:
		return t, nil
	}
}

// appendValue appends the value of an expression as JSON.
func appendValue(dst []byte, v *values, out ref.Val) ([]byte, error) {
	switch x := out.(type) {
	case types.Null:
		return append(dst, "null"...), nil
	case types.Bool:
		return strconv.AppendBool(dst, bool(x)), nil
	case types.Int:
		return strconv.AppendInt(dst, int64(x), 10), nil
	case types.Uint:
		return strconv.AppendUint(dst, uint64(x), 10), nil
	case types.Double:
		if f := float64(x); math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, fmt.Errorf("%v is no number of JSON", f)
		}
		return strconv.AppendFloat(dst, float64(x), 'g', -1, 64), nil
	case types.String:
		return appendText(dst, string(x)), nil
	case *types.Optional:
		if !x.HasValue() {
			return append(dst, "null"...), nil
		}
		return appendValue(dst, v, x.GetValue())
	case traits.Mapper:
		return appendMap(dst, v, x)
	case traits.Lister:
		dst = append(dst, '[')
		for it, n := x.Iterator(), 0; it.HasNext() == types.True; n++ {
			if n > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendValue(dst, v, it.Next()); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	if text, ok := out.ConvertToType(types.StringType).(types.String); ok { // times and durations
		return appendText(dst, string(text)), nil
	}
	return nil, fmt.Errorf("a %s cannot be written as JSON", out.Type().TypeName())
}

func appendMap(dst []byte, v *values, x traits.Mapper) ([]byte, error) {
	if m, ok := x.Value().(map[string]any); ok {
		if raw := v.raws[reflect.ValueOf(m).Pointer()]; raw != nil {
			return append(dst, raw...), nil
		}
	}
	members := make(map[string]ref.Val)
	for it := x.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.ConvertToType(types.StringType).(types.String)
		if !ok {
			return nil, fmt.Errorf("an object's member has a name of type %s", key.Type().TypeName())
		}
		members[string(name)] = x.Get(key)
	}
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, name), ':')
		var err error
		if dst, err = appendValue(dst, v, members[name]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}
