package connector

import (
	"errors"

	"github.com/relay-events/relay/internal/definition"
)

// tree is JSON whose texts may have expressions: structure instead of text that is put together, so that no value can
// break out of its place.
type tree struct {
	kind    treeKind
	leaf    *template
	raw     []byte // of a constant
	members []member
	list    []*tree
}

type treeKind uint8

const (
	treeConstant treeKind = iota
	treeText
	treeObject
	treeList
)

type member struct {
	name string
	tree *tree
}

// append appends the tree as JSON. definition.ErrAbsent: it is one expression whose value is not there, which leaves a member of an
// object out.
func (t *tree) append(dst []byte, v *values) ([]byte, error) {
	var err error
	switch t.kind {
	case treeConstant:
		return append(dst, t.raw...), nil
	case treeText:
		return t.leaf.appendJSON(dst, v)
	case treeObject:
		dst = append(dst, '{')
		n := 0
		for _, m := range t.members {
			mark := len(dst)
			if n > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendText(dst, m.name), ':')
			if dst, err = m.tree.append(dst, v); errors.Is(err, definition.ErrAbsent) {
				dst = dst[:mark]
				continue
			}
			if err != nil {
				return dst, err
			}
			n++
		}
		return append(dst, '}'), nil
	default:
		dst = append(dst, '[')
		for i, e := range t.list {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = e.append(dst, v); errors.Is(err, definition.ErrAbsent) {
				dst, err = append(dst, "null"...), nil
			}
			if err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
}

// appendJSON appends the value of the template. One that is a single expression keeps the type of its value. dst is
// returned in any case.
func (t *template) appendJSON(dst []byte, v *values) ([]byte, error) {
	if len(t.parts) != 1 || t.parts[0].expr == nil {
		s, err := t.text(v, nil)
		if err != nil {
			return dst, err
		}
		return appendText(dst, s), nil
	}
	p := &t.parts[0]
	if p.whole == "items" && v.items != nil {
		dst = append(dst, '[')
		for i, item := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, item...)
		}
		return append(dst, ']'), nil
	}
	out, err := p.expr.value(v)
	if err != nil {
		return dst, err
	}
	mark := len(dst)
	full, err := appendValue(dst, v, out)
	if err != nil {
		return dst[:mark], err
	}
	return full, nil
}
