package filter

import (
	"fmt"
	"reflect"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

const (
	// maxWork bounds the search of an event's JSON in one evaluation, in bytes skipped; each entry
	// counts entryWork more and each value found valueWork more. This takes 1 to 3 ms. The largest
	// event is 1 MiB. Naming many of its members skips over it once; a loop over an array skips
	// over the array twice, because CEL asks for its size first.
	maxWork   = 5 << 18
	entryWork = 8
	valueWork = 64
	// maxText bounds the text of an event that one evaluation may read, in bytes.
	maxText = 512 << 10
)

// state holds one evaluation: the program's variables, created lazily from an event, and the
// budgets. It is the program's activation and also the value of the variable event. It belongs to
// one goroutine, and no part of it outlives the evaluation, because the result is true or false.
type state struct {
	e     *event.Event
	data  ref.Val // nil until requested
	attrs ref.Val
	work  int    // remaining budget, see maxWork
	text  int    // remaining budget, see maxText
	spent string // the exhausted budget, empty if none

	nodes []*node // for reuse; the first used ones are in use
	used  int
}

var states = sync.Pool{New: func() any { return new(state) }}

func getState(e *event.Event) *state {
	s := states.Get().(*state)
	s.e, s.work, s.text = e, maxWork, maxText
	return s
}

// putState drops the event first, so that the pool does not keep payloads alive.
func putState(s *state) {
	const keep = 32
	for _, n := range s.nodes[:s.used] {
		n.reset()
	}
	if len(s.nodes) > keep {
		clear(s.nodes[keep:])
		s.nodes = s.nodes[:keep]
	}
	*s = state{nodes: s.nodes}
	states.Put(s)
}

// exhaust records that a budget is exhausted and returns the error value that ends the program.
func (s *state) exhaust(message string) ref.Val {
	if s.spent == "" {
		s.spent = message
	}
	return types.NewErr("%s", s.spent)
}

// charge takes n from the search budget and reports whether enough was left.
func (s *state) charge(n int) bool {
	s.work -= n
	if s.work < 0 {
		s.exhaust(fmt.Sprintf("it searches more than %d bytes of this event", maxWork))
		return false
	}
	return true
}

func (s *state) newNode(doc []byte, at int) *node {
	if s.used == len(s.nodes) {
		s.nodes = append(s.nodes, new(node))
	}
	n := s.nodes[s.used]
	s.used++
	n.s, n.doc, n.from = s, doc, at
	return n
}

// value returns the CEL value at a position of a checked document. Containers are read only on
// access.
func (s *state) value(doc []byte, at int) ref.Val {
	if !s.charge(valueWork) {
		return s.exhaust("")
	}
	switch doc[at] {
	case '[':
		return (*list)(s.newNode(doc, at))
	case '{':
		return (*object)(s.newNode(doc, at))
	}
	end := skip(doc, at)
	v := rawjson.Value{Raw: doc[at:end], Kind: rawjson.Number, Offset: at}
	switch doc[at] {
	case 'n':
		return types.NullValue
	case 't', 'f':
		return types.Bool(doc[at] == 't')
	case '"':
		v.Kind = rawjson.String
		if s.text -= len(v.Raw); s.text < 0 {
			return s.exhaust(fmt.Sprintf("it reads more than %d bytes of text", maxText))
		}
		text, err := v.String()
		if err != nil {
			return types.NewErr("%v", err)
		}
		return types.String(text)
	}
	return number(v)
}

// number returns the CEL number that compares exactly, if there is one: see the package comment.
func number(v rawjson.Value) ref.Val {
	if n, err := v.Int64(); err == nil {
		return types.Int(n)
	}
	if n, ok := parseUint(v.Raw); ok {
		return types.Uint(n)
	}
	f, err := v.Float64()
	if err != nil {
		return types.NewErr("%v", err)
	}
	return types.Double(f)
}

func parseUint(raw []byte) (n uint64, ok bool) {
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		digit := uint64(c - '0')
		if n > (1<<64-1-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, true
}

// field returns a field of event.
func (s *state) field(name string) ref.Val {
	switch name {
	case "type":
		return types.String(s.e.Type)
	case "key":
		return types.String(s.e.Key)
	case "time":
		return types.Timestamp{Time: s.e.Time}
	case "data":
		if s.data == nil {
			s.data = s.document(s.e.Data, "null")
		}
		return s.data
	case "attributes":
		if s.attrs == nil {
			s.attrs = s.document(s.e.Attributes, "{}")
		}
		return s.attrs
	}
	return types.NewErr("no such field: %s", name)
}

func (s *state) document(raw []byte, none string) ref.Val {
	at := blank(raw, 0)
	if at == len(raw) {
		raw, at = []byte(none), 0
	}
	return s.value(raw, at)
}

// ResolveName implements cel.Activation: the only variable is event.
func (s *state) ResolveName(name string) (any, bool) {
	if name == "event" {
		return s, true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (s *state) Parent() cel.Activation { return nil }

// Value, Type, Equal, ConvertToNative and ConvertToType implement ref.Val.

func (s *state) Value() any     { return s }
func (s *state) Type() ref.Type { return eventType }
func (s *state) Equal(other ref.Val) ref.Val {
	return types.Bool(other == ref.Val(s))
}
func (s *state) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("converting event to %v: not supported", t)
}
func (s *state) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return eventType
	}
	return types.NewErr("type conversion error from event to %s", t)
}

// eventType is the type of the variable event. Its fields are declared, so a misspelled one is
// rejected when a filter is saved.
var eventType = types.NewObjectType("event")

var fields = map[string]*types.FieldType{
	"type":       newField("type", types.StringType),
	"data":       newField("data", types.DynType),
	"attributes": newField("attributes", types.NewMapType(types.StringType, types.DynType)),
	"time":       newField("time", types.TimestampType),
	"key":        newField("key", types.StringType),
}

func newField(name string, t *types.Type) *types.FieldType {
	return &types.FieldType{
		Type: t,
		IsSet: func(target any) bool {
			s, ok := target.(*state)
			if !ok {
				return false
			}
			switch name {
			case "key":
				return s.e.Key != ""
			case "attributes":
				return s.e.Attributes != nil
			}
			return true
		},
		GetFrom: func(target any) (any, error) {
			s, ok := target.(*state)
			if !ok {
				return nil, fmt.Errorf("no such field: %s", name)
			}
			v := s.field(name)
			if err, failed := v.(*types.Err); failed {
				return nil, err
			}
			return v, nil
		},
	}
}

// provider adds the type of event to CEL's own types.
type provider struct{ types.Provider }

// FindStructType implements types.Provider.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if name == eventType.TypeName() {
		return types.NewTypeTypeWithParam(eventType), true
	}
	return nil, false // no protocol buffers either: filters do not need to create messages
}

// FindStructFieldNames implements types.Provider.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if name != eventType.TypeName() {
		return nil, false
	}
	names := make([]string, 0, len(fields))
	for f := range fields {
		names = append(names, f)
	}
	return names, true
}

// FindStructFieldType implements types.Provider.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if name != eventType.TypeName() {
		return nil, false
	}
	f, ok := fields[field]
	return f, ok
}

// NewValue implements types.Provider.
func (p *provider) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("cannot make a value of type %s", name)
}
