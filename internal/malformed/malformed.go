// Package malformed tells clients where a body that should be JSON is not, in the same words wherever they send it.
package malformed

import (
	"errors"
	"fmt"

	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
)

// JSON returns a Malformed problem about a body that rawjson has rejected with err. It has line and column if err wraps a
// *rawjson.SyntaxError.
func JSON(body []byte, err error) error {
	var syntax *rawjson.SyntaxError
	if !errors.As(err, &syntax) {
		return problem.Wrap(err, problem.Malformed, "the body is not valid JSON")
	}
	line, column := syntax.Position(body)
	return &problem.Error{
		Kind:   problem.Malformed,
		Detail: fmt.Sprintf("the body is not valid JSON: line %d, column %d: %s", line, column, syntax.Reason),
		Fields: []problem.Field{{Name: "body", Reason: "is not valid JSON: " + syntax.Reason}},
	}
}
