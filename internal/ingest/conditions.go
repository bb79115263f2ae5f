package ingest

import (
	"errors"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/filter"
)

// Conditions compiles the conditions of derivation rules as filters, all of
// CEL, for a catalogue.Registry. Lists and data are left to what package
// catalogue moves about on raw bytes itself: a value that CEL has made would
// have lost how its numbers were written.
type Conditions struct{}

// Condition implements catalogue.Evaluator.
func (Conditions) Condition(text string) (catalogue.Condition, error) { return filter.Compile(text) }

// Value implements catalogue.Evaluator.
func (Conditions) Value(string, bool) (catalogue.Value, error) {
	return nil, errors.New(`must be made of paths such as event.data.a, literals, objects {"a": …}, merge(…) and pick(object, ["a"])`)
}
