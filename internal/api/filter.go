package api

import (
	"errors"

	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/filter"
)

// filterText is a filter as a caller gives it: an expression, or an object of operators, which becomes one.
type filterText string

const wantFilter = "must be a CEL expression, or an object of operators"

func (f *filterText) decode(v rawjson.Value) string {
	if v.Kind == rawjson.Object {
		text, err := filter.FromOperators(v.Raw)
		var bad *filter.Error
		if errors.As(err, &bad) {
			return "is no object of operators: " + bad.Message
		}
		*f = filterText(text)
		return ""
	}
	text, err := v.String()
	if err != nil {
		return wantFilter + ", got " + v.Kind.String()
	}
	*f = filterText(text)
	return ""
}

func (*filterText) parse(string) string { return wantFilter }

func (*filterText) schema() *Schema {
	return &Schema{AnyOf: []*Schema{
		{Type: "string", MaxLength: ptr(filter.MaxBytes), Description: "a CEL expression"},
		{Type: "object", Additional: &Schema{}, Description: `operators on paths of the event: {"data.amount": {"$gte": 100}, "type": "order.created"}`},
		{Type: "null"},
	}}
}
