package signing

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// writer writes JSON as a library of some language does, to find out which one has written a body anew.
type writer struct {
	name           string
	comma, colon   string // between members, and behind a name
	indent         string // not empty: each member on a line of its own
	sorted         bool
	ascii          bool // other characters as \uXXXX
	slash          bool // / as \/
	html           bool // <, > and & as \u003c and so on
	numbers        bool // through a float64
	quote          byte // of texts
	yes, no, empty string
}

// writers are the ways that servers write JSON, the commonest first.
var writers = prepared(
	writer{name: "JSON.stringify", numbers: true},
	writer{name: "json.dumps (Python)", comma: ", ", colon: ": ", ascii: true},
	writer{name: "without blanks"},
	writer{name: "json.dumps, ensure_ascii=False (Python)", comma: ", ", colon: ": "},
	writer{name: "json.dumps, separators=(',', ':') (Python)", ascii: true},
	writer{name: "json_encode (PHP)", ascii: true, slash: true},
	writer{name: "json.Marshal (Go)", sorted: true, html: true},
	writer{name: "json.Marshal (Go), as floats", sorted: true, html: true, numbers: true},
	writer{name: "sorted by name", sorted: true},
	writer{name: "json.dumps, sort_keys=True (Python)", sorted: true, comma: ", ", colon: ": ", ascii: true},
	writer{name: "JSON.stringify with 2 blanks", indent: "  ", colon: ": ", numbers: true},
	writer{name: "indented by 2 blanks", indent: "  ", colon: ": "},
	writer{name: "indented by 4 blanks", indent: "    ", colon: ": "},
	writer{name: "indented by tabs", indent: "\t", colon: ": "},
	writer{name: "str(dict) (Python)", comma: ", ", colon: ": ", quote: '\'', yes: "True", no: "False", empty: "None"},
	writer{name: "Ruby's to_json", html: true},
)

func prepared(list ...writer) []writer {
	for i := range list {
		w := &list[i]
		if w.comma == "" {
			w.comma = ","
		}
		if w.colon == "" {
			w.colon = ":"
		}
		if w.quote == 0 {
			w.quote = '"'
		}
		if w.yes == "" {
			w.yes, w.no, w.empty = "true", "false", "null"
		}
	}
	return list
}

// value is JSON whose members have an order: nil, bool, string, json.Number, []value or members.
type value any

type member struct {
	name  string
	value value
}

type members []member

// deepest bounds the depth that is read.
const deepest = 100

var errJSON = errors.New("signing: not plain JSON")

// readValue reads a value, keeping the order of members.
func readValue(d *json.Decoder, depth int) (value, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == 0 {
		return nil, errJSON
	}
	list, object := []value{}, members{}
	for d.More() {
		name := ""
		if delim == '{' {
			t, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, _ = t.(string)
		}
		v, err := readValue(d, depth-1)
		if err != nil {
			return nil, err
		}
		list, object = append(list, v), append(object, member{name, v})
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if delim == '{' {
		return object, nil
	}
	return list, nil
}

// write returns the body as the library writes it; ok is false if it is no JSON.
func (w *writer) write(body []byte) (b []byte, ok bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	v, err := readValue(d, deepest)
	if err != nil {
		return nil, false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, false
	}
	var out bytes.Buffer
	w.value(&out, v, "\n")
	return out.Bytes(), true
}

func (w *writer) value(out *bytes.Buffer, v value, line string) {
	switch v := v.(type) {
	case nil:
		out.WriteString(w.empty)
	case bool:
		if v {
			out.WriteString(w.yes)
		} else {
			out.WriteString(w.no)
		}
	case string:
		w.text(out, v)
	case json.Number:
		w.number(out, string(v))
	case []value:
		w.list(out, '[', ']', len(v), line, func(i int, line string) { w.value(out, v[i], line) })
	case members:
		object := v
		if w.sorted {
			byName := make(map[string]value)
			for _, m := range v {
				byName[m.name] = m.value
			}
			object = nil
			for _, name := range slices.Sorted(maps.Keys(byName)) {
				object = append(object, member{name, byName[name]})
			}
		}
		w.list(out, '{', '}', len(object), line, func(i int, line string) {
			w.text(out, object[i].name)
			out.WriteString(w.colon)
			w.value(out, object[i].value, line)
		})
	}
}

func (w *writer) list(out *bytes.Buffer, begin, end byte, n int, line string, each func(i int, line string)) {
	out.WriteByte(begin)
	inner := line + w.indent
	for i := range n {
		switch {
		case w.indent != "" && i > 0:
			out.WriteString("," + inner)
		case w.indent != "":
			out.WriteString(inner)
		case i > 0:
			out.WriteString(w.comma)
		}
		each(i, inner)
	}
	if w.indent != "" && n > 0 {
		out.WriteString(line)
	}
	out.WriteByte(end)
}

// number writes a number as it is, or as it comes out of a float64: ECMAScript's form, which encoding/json writes, too.
func (w *writer) number(out *bytes.Buffer, n string) {
	if w.numbers {
		if f, err := strconv.ParseFloat(n, 64); err == nil {
			if b, err := json.Marshal(f); err == nil {
				n = string(b)
			}
		}
	}
	out.WriteString(n)
}

func (w *writer) text(out *bytes.Buffer, s string) {
	quote := w.quote
	if quote == '\'' && strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	out.WriteByte(quote)
	unicode := func(c rune) {
		out.WriteString(`\u`)
		digits := strconv.FormatInt(int64(c), 16)
		out.WriteString(strings.Repeat("0", 4-len(digits)) + digits)
	}
	for _, c := range s {
		short := strings.IndexRune("\b\f\n\r\t", c)
		switch {
		case c == rune(quote) || c == '\\':
			out.WriteByte('\\')
			out.WriteRune(c)
		case short >= 0:
			out.WriteByte('\\')
			out.WriteByte("bfnrt"[short])
		case c < ' ', w.html && strings.ContainsRune("<>&\u2028\u2029", c):
			unicode(c)
		case c == '/' && w.slash:
			out.WriteString(`\/`)
		case c >= utf8.RuneSelf && w.ascii && c > 0xffff:
			c -= 0x10000
			unicode(0xd800 + c>>10)
			unicode(0xdc00 + c&0x3ff)
		case c >= utf8.RuneSelf && w.ascii:
			unicode(c)
		default:
			out.WriteRune(c)
		}
	}
	out.WriteByte(quote)
}
