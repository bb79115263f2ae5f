package filter

import (
	"bytes"
	"fmt"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/relay-events/relay/internal/event/rawjson"
)

// node is an array or object in an event's JSON. It stores where it starts, not where it ends, so
// that reading a member of a member skips neither. It remembers how far it has been searched, so
// that a program that names ten members skips the others once, not ten times.
type node struct {
	s    *state
	doc  []byte // the checked document
	from int    // position of the opening bracket
	size int    // number of entries plus one, 0 if not counted yet

	// pos is where the search continues, 0 before it began. If inside is set, pos is the start of a
	// value that was found and not yet skipped; otherwise it is the position after a value.
	pos    int
	inside bool

	seen  []member // of an object: the members before pos, at most maxSeen
	index int      // of an array: the index of last, if pos > 0
	last  ref.Val  // of an array: the element at pos
}

// maxSeen bounds the remembered members of an object. Members beyond it are searched for each time,
// within the budget.
const maxSeen = 64

// member is a member of an object that the search has passed. Its positions are in the document; no
// event has 2^32 bytes.
type member struct {
	name, nameEnd uint32  // the name with its quotes
	at            uint32  // the value
	val           ref.Val // nil until requested
}

// reset prepares the node for reuse.
func (n *node) reset() {
	clear(n.seen)
	*n = node{seen: n.seen[:0]}
}

// entry finds the first entry of an array or object at or after pos, a position between entries. It
// returns the name, nil in an array, and the start of the value. ok is false at the end of the
// container, and if the budget is exhausted.
func (n *node) entry(pos int) (name []byte, at int, ok bool) {
	b := n.within(pos)
	i := blank(b, pos)
	if i < len(b) && b[i] == ',' {
		i = blank(b, i+1)
	}
	if i >= len(b) || b[i] == ']' || b[i] == '}' {
		n.s.charge(i - pos)
		return nil, i, false
	}
	if b[n.from] == '{' {
		end := skipString(b, i)
		name = b[i:end]
		i = blank(b, blank(b, end)+1) // the colon
		if len(name) < 2 || i >= len(b) {
			n.s.charge(i - pos)
			return nil, i, false
		}
	}
	return name, i, n.s.charge(i - pos + entryWork)
}

// pass returns the position after the value at i. It returns false if the budget is exhausted.
func (n *node) pass(i int) (int, bool) {
	end := skip(n.within(i), i)
	return end, n.s.charge(end - i)
}

// within returns the document up to one byte beyond the part that the budget allows to search from
// i on.
func (n *node) within(i int) []byte {
	if end := i + max(n.s.work, 0) + 1; end < len(n.doc) {
		return n.doc[:end]
	}
	return n.doc
}

// count returns the number of entries.
func (n *node) count() int {
	if n.size == 0 {
		size, end := count(n.within(n.from), n.from)
		if !n.s.charge(end - n.from) {
			return 0
		}
		n.size = size + 1
	}
	return n.size - 1
}

// begin returns the position from which the search continues, after all entries seen. It returns
// false if the budget is exhausted.
func (n *node) begin() (int, bool) {
	switch {
	case n.pos == 0:
		n.pos = n.from + 1
	case n.inside:
		end, ok := n.pass(n.pos)
		if !ok {
			return 0, false
		}
		n.pos, n.inside = end, false
	}
	return n.pos, true
}

// find returns the value of an object's member.
func (n *node) find(name string) (ref.Val, bool) {
	for i := range n.seen {
		if m := &n.seen[i]; sameName(n.doc[m.name:m.nameEnd], name) {
			return n.decoded(m), true
		}
	}
	pos, ok := n.begin()
	for ok {
		var quoted []byte
		var at int
		if quoted, at, ok = n.entry(pos); !ok {
			break
		}
		found := sameName(quoted, name)
		if len(n.seen) < maxSeen {
			// The name ends at its closing quote; only whitespace and the colon separate it from
			// the value.
			from := blank(n.doc, pos)
			if n.doc[from] == ',' {
				from = blank(n.doc, from+1)
			}
			n.seen = append(n.seen, member{name: uint32(from), nameEnd: uint32(from + len(quoted)), at: uint32(at)})
			n.pos, n.inside = at, true
			if found {
				return n.decoded(&n.seen[len(n.seen)-1]), true
			}
			pos, ok = n.begin()
			continue
		}
		if found {
			return n.s.value(n.doc, at), true
		}
		pos, ok = n.pass(at)
	}
	if n.s.spent != "" {
		return n.s.exhaust(""), true
	}
	return nil, false
}

func (n *node) decoded(m *member) ref.Val {
	if m.val == nil {
		m.val = n.s.value(n.doc, int(m.at))
	}
	return m.val
}

// sameName compares a quoted name in the document with a name in a program.
func sameName(quoted []byte, name string) bool {
	if text := quoted[1 : len(quoted)-1]; string(text) == name || bytes.IndexByte(text, '\\') < 0 {
		return string(text) == name
	}
	text, err := rawjson.Value{Raw: quoted, Kind: rawjson.String}.String()
	return err == nil && text == name
}

// element returns element i of an array. Reading in rising order costs one pass in total.
func (n *node) element(i int) (ref.Val, bool) {
	switch {
	case i < 0:
		return nil, false
	case n.pos > 0 && i == n.index && n.last != nil:
		return n.last, true
	case n.pos > 0 && i < n.index:
		n.pos, n.inside = 0, false
	}
	index := n.index
	if n.pos == 0 {
		index = -1
	}
	pos, ok := n.begin()
	for ok {
		var at int
		if _, at, ok = n.entry(pos); !ok {
			break
		}
		if index++; index == i {
			n.pos, n.inside = at, true
			n.index, n.last = i, n.s.value(n.doc, at)
			return n.last, true
		}
		pos, ok = n.pass(at)
	}
	n.pos, n.inside = 0, false // so that a later call can find an existing element
	if n.s.spent != "" {
		return n.s.exhaust(""), true
	}
	return nil, false
}

// each calls f for all entries until f returns false.
func (n *node) each(f func(i int, name []byte, at int) bool) {
	pos := n.from + 1
	for i := 0; ; i++ {
		name, at, ok := n.entry(pos)
		if !ok || !f(i, name, at) {
			return
		}
		if pos, ok = n.pass(at); !ok {
			return
		}
	}
}

// text returns an object's name as a value.
func (n *node) text(quoted []byte) ref.Val { return n.s.value(quoted, 0) }

// list presents a node that is a JSON array to CEL, as a traits.Lister.
type list node

// object presents a node that is a JSON object to CEL, as a traits.Mapper.
type object node

var (
	_ traits.Lister   = (*list)(nil)
	_ traits.Foldable = (*list)(nil)
	_ traits.Mapper   = (*object)(nil)
	_ traits.Foldable = (*object)(nil)
)

// FindStringKey lets CEL's qualifiers look up a member without converting its name to a CEL string.
func (o *object) FindStringKey(name string) (any, bool) {
	v, ok := (*node)(o).find(name)
	if !ok {
		return nil, false
	}
	return v, true
}

// Find implements traits.Mapper.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	return (*node)(o).find(string(name))
}

// Get implements traits.Indexer.
func (o *object) Get(key ref.Val) ref.Val {
	if v, ok := o.Find(key); ok {
		return v
	}
	return types.NewErr("no such key: %v", key)
}

// Contains implements traits.Container.
func (o *object) Contains(key ref.Val) ref.Val {
	_, ok := o.Find(key)
	return types.Bool(ok)
}

// Size implements traits.Sizer.
func (o *object) Size() ref.Val { return types.Int((*node)(o).count()) }

// Type implements ref.Val.
func (o *object) Type() ref.Type { return types.MapType }

// Value implements ref.Val.
func (o *object) Value() any { return o }

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val {
	if other == ref.Val(o) {
		return types.True
	}
	m, ok := other.(traits.Mapper)
	if !ok || m.Size() != o.Size() {
		return types.False
	}
	equal := types.True
	(*node)(o).each(func(_ int, name []byte, at int) bool {
		theirs, found := m.Find((*node)(o).text(name))
		if !found || types.Equal(o.s.value(o.doc, at), theirs) != types.True {
			equal = types.False
		}
		return equal == types.True
	})
	return equal
}

// Iterator implements traits.Iterable, over the names.
func (o *object) Iterator() traits.Iterator { return &iterator{n: (*node)(o)} }

// Fold implements traits.Foldable.
func (o *object) Fold(f traits.Folder) {
	(*node)(o).each(func(_ int, name []byte, at int) bool {
		return f.FoldEntry((*node)(o).text(name), o.s.value(o.doc, at))
	})
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val { return convert(o, types.MapType, t) }

// ConvertToNative implements ref.Val. Filters never need it.
func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("converting object to %v: not supported", t)
}

// Get implements traits.Indexer.
func (l *list) Get(index ref.Val) ref.Val {
	i, err := types.GetOrError(index)
	if err != nil {
		return types.NewErr("%v", err)
	}
	v, ok := (*node)(l).element(i)
	if !ok {
		return types.NewErr("index out of bounds: %d", i)
	}
	return v
}

// maxAdded bounds the arrays that can be concatenated, because their elements are copied.
const maxAdded = 1000

// Add implements traits.Adder.
func (l *list) Add(other ref.Val) ref.Val {
	if _, ok := other.(traits.Lister); !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	size := (*node)(l).count()
	if size > maxAdded {
		return types.NewErr("an array of %d elements is too long to add to another, want at most %d", size, maxAdded)
	}
	all := make([]ref.Val, 0, size)
	(*node)(l).each(func(_ int, _ []byte, at int) bool {
		all = append(all, l.s.value(l.doc, at))
		return true
	})
	return types.NewRefValList(types.DefaultTypeAdapter, all).(traits.Adder).Add(other)
}

// Contains implements traits.Container.
func (l *list) Contains(want ref.Val) ref.Val {
	found := types.False
	(*node)(l).each(func(_ int, _ []byte, at int) bool {
		if types.Equal(l.s.value(l.doc, at), want) == types.True {
			found = types.True
		}
		return found == types.False
	})
	return found
}

// Size implements traits.Sizer.
func (l *list) Size() ref.Val { return types.Int((*node)(l).count()) }

// Type implements ref.Val.
func (l *list) Type() ref.Type { return types.ListType }

// Value implements ref.Val.
func (l *list) Value() any { return l }

// Equal implements ref.Val.
func (l *list) Equal(other ref.Val) ref.Val {
	if other == ref.Val(l) {
		return types.True
	}
	m, ok := other.(traits.Lister)
	if !ok || m.Size() != l.Size() {
		return types.False
	}
	equal := types.True
	(*node)(l).each(func(i int, _ []byte, at int) bool {
		if types.Equal(l.s.value(l.doc, at), m.Get(types.Int(i))) != types.True {
			equal = types.False
		}
		return equal == types.True
	})
	return equal
}

// Iterator implements traits.Iterable, over the elements.
func (l *list) Iterator() traits.Iterator { return &iterator{n: (*node)(l)} }

// Fold implements traits.Foldable.
func (l *list) Fold(f traits.Folder) {
	(*node)(l).each(func(i int, _ []byte, at int) bool {
		return f.FoldEntry(types.Int(i), l.s.value(l.doc, at))
	})
}

// ConvertToType implements ref.Val.
func (l *list) ConvertToType(t ref.Type) ref.Val { return convert(l, types.ListType, t) }

// ConvertToNative implements ref.Val. Filters never need it.
func (l *list) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("converting array to %v: not supported", t)
}

func convert(v ref.Val, own *types.Type, t ref.Type) ref.Val {
	switch t {
	case own:
		return v
	case types.TypeType:
		return own
	}
	return types.NewErr("type conversion error from '%s' to '%s'", own, t)
}

// iterator walks the names of an object or the elements of an array.
type iterator struct {
	n   *node
	pos int
}

// HasNext implements traits.Iterator.
func (it *iterator) HasNext() ref.Val {
	_, _, ok := it.n.entry(max(it.pos, it.n.from+1))
	return types.Bool(ok)
}

// Next implements traits.Iterator.
func (it *iterator) Next() ref.Val {
	name, at, ok := it.n.entry(max(it.pos, it.n.from+1))
	if !ok {
		return nil
	}
	if it.pos, ok = it.n.pass(at); !ok {
		return it.n.s.exhaust("")
	}
	if name != nil {
		return it.n.text(name)
	}
	return it.n.s.value(it.n.doc, at)
}

// The remaining methods of ref.Val, which CEL does not call on iterators.

func (it *iterator) Type() ref.Type { return types.IteratorType }
func (it *iterator) Value() any     { return it }
func (it *iterator) Equal(ref.Val) ref.Val {
	return types.NewErr("no such overload: iterator equality")
}
func (it *iterator) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("no such overload: iterator conversion")
}
func (it *iterator) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("converting iterator to %v: not supported", t)
}
