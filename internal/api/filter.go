package api

import (
	"errors"

	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/filter"
	"github.com/relay-events/relay/internal/rest"
)

// filterText is a filter as a caller gives it: an expression, or an object of operators, which becomes one.
type filterText string

const wantFilter = "must be a CEL expression, or an object of operators"

// Decode implements rest.Custom.
func (f *filterText) Decode(v rawjson.Value) string {
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

// Parse implements rest.Custom.
func (*filterText) Parse(string) string { return wantFilter }

// Schema implements rest.Custom.
func (*filterText) Schema() *rest.Schema {
	return &rest.Schema{AnyOf: []*rest.Schema{
		{Type: "string", MaxLength: rest.Ptr(filter.MaxBytes), Description: "a CEL expression"},
		{Type: "object", Additional: &rest.Schema{}, Description: `operators on paths of the event: {"data.amount": {"$gte": 100}, "type": "order.created"}`},
		{Type: "null"},
	}}
}
