// Package definition reads what people write by hand: documents in YAML or JSON whose mistakes are named with their line and
// column, and expressions in them.
//
// A Reader collects the mistakes, so that all of them are told at once. What a document may hold is for the packages to say
// that read one; here is what they have in common.
package definition

import (
	"fmt"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/problem"
)

// MaxFaults bounds how many mistakes are told at once.
const MaxFaults = 20

// Fault is a mistake in a document.
type Fault struct {
	Line, Column int // from 1
	Path         string
	Reason       string // completes "PATH …"
	// Missing tells that something is not there yet, which a draft may do without.
	Missing bool
}

// Faults are all mistakes of a document.
type Faults []Fault

// Error implements error.
func (f Faults) Error() string {
	var lines []string
	for _, x := range f {
		path := x.Path
		if path == "" {
			path = "the document"
		}
		lines = append(lines, fmt.Sprintf("line %d, column %d: %s %s", x.Line, x.Column, path, x.Reason))
	}
	return strings.Join(lines, "\n")
}

// Problem returns the mistakes as fields of a request.
func (f Faults) Problem() error {
	p := &problem.Error{Kind: problem.Invalid}
	for _, x := range f {
		name := "document"
		if x.Path != "" {
			name += "." + x.Path
		}
		p.Fields = append(p.Fields, problem.Field{Name: name, Reason: fmt.Sprintf("%s (line %d, column %d)", x.Reason, x.Line, x.Column)})
	}
	return p
}

// OnlyMissing reports whether nothing is wrong but for what is not there yet.
func (f Faults) OnlyMissing() bool {
	return !slices.ContainsFunc(f, func(x Fault) bool { return !x.Missing })
}
