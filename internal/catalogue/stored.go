package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

// storedType is a Type as stored in records.
type storedType struct {
	*Type
	Sketch bool `json:"sketch,omitempty"` // see Type.Sketch
}

func (t *Type) stored() storedType { return storedType{t, t.Sketch} }

// readStored parses the body of a type's record.
func readStored(body []byte) (*Type, error) {
	s := storedType{Type: new(Type)}
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, err
	}
	s.Type.Sketch = s.Sketch
	return s.Type, nil
}

// encode is json.Marshal without escaping <, > and & in users' JSON, which is stored as given.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// sameJSON reports whether two compact JSON texts differ at most in the spelling of characters in
// strings. Earlier versions of Relay stored some of them as escapes.
func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) || len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return false
	}
	x, err := plainStrings(nil, a)
	if err != nil {
		return false
	}
	y, err := plainStrings(nil, b)
	return err == nil && bytes.Equal(x, y)
}

// plainStrings appends raw with a uniform spelling of all strings.
func plainStrings(dst, raw []byte) ([]byte, error) {
	if len(raw) == 0 {
		return dst, fmt.Errorf("reading JSON: it is empty")
	}
	start := len(dst) + 1
	separate := func() {
		if len(dst) > start {
			dst = append(dst, ',')
		}
	}
	var err error
	switch raw[0] {
	case '{':
		dst = append(dst, '{')
		err = rawjson.Members(raw, rawjson.Limits{Depth: event.MaxDepth}, func(name []byte, v rawjson.Value) (err error) {
			separate()
			dst = append(rawjson.AppendQuoted(dst, string(name)), ':')
			dst, err = plainStrings(dst, v.Raw)
			return err
		})
		return append(dst, '}'), err
	case '[':
		dst = append(dst, '[')
		err = rawjson.Elements(raw, rawjson.Limits{Depth: event.MaxDepth}, func(_ int, v rawjson.Value) (err error) {
			separate()
			dst, err = plainStrings(dst, v.Raw)
			return err
		})
		return append(dst, ']'), err
	case '"':
		text, err := rawjson.Value{Raw: raw, Kind: rawjson.String}.String()
		return rawjson.AppendQuoted(dst, text), err
	}
	return append(dst, raw...), nil
}
