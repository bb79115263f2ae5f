package catalogue

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/regexsize"
)

const (
	// maxPattern bounds a pattern of a schema, in instructions of its compiled form; filters have
	// the same limit.
	maxPattern = 1000
	// maxPatterns bounds the different patterns of a schema together, in instructions. Compiling
	// that many takes a few tenths of a second.
	maxPatterns = 20_000
	// patternBytes is how many instructions × bytes of text count as one step of a check. Go's
	// matcher takes up to 15 ns for each.
	patternBytes = 25
	// maxPatternBytes bounds the text of a pattern.
	maxPatternBytes = 16 << 10
	// maxRegexText bounds the texts of events that are checked for the format "regex", in bytes:
	// parsing longer ones costs too much, so they pass.
	maxRegexText = 1 << 10
)

// pattern is a pattern of a schema. It implements jsonschema.Regexp.
type pattern struct {
	text      string // as written in the schema
	re        *regexp.Regexp
	size      int    // estimated instructions
	unchecked string // why it is not checked; empty if it is
	// counted means that the pattern was ^x{least,most}$ with bounds beyond those of RE2. least and
	// most then bound the number of characters; most is -1 for no bound.
	counted     bool
	least, most int
}

func (p *pattern) String() string { return p.text }

// MatchString reports whether the text has a match. An unchecked pattern matches every text.
func (p *pattern) MatchString(s string) bool {
	if p.unchecked != "" {
		return true
	}
	if p.counted {
		if n := utf8.RuneCountInString(s); n < p.least || p.most >= 0 && n > p.most {
			return false
		}
	}
	return p.re.MatchString(s)
}

// cost returns the maximum number of steps to match a text of n bytes.
func (p *pattern) cost(n int) int { return 1 + p.size*n/patternBytes }

// patterns compiles the patterns of one schema, each different one once.
type patterns struct {
	known map[string]*pattern
	size  int // size of all checked patterns
}

// engine is a jsonschema.RegexpEngine.
func (ps *patterns) engine(text string) (jsonschema.Regexp, error) {
	p, err := ps.compile(text)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// read parses a pattern without compiling it.
func (ps *patterns) read(text string) (*pattern, error) {
	if p := ps.known[text]; p != nil {
		return p, nil
	}
	p, err := readPattern(text)
	if err != nil {
		return nil, err
	}
	if p.unchecked == "" {
		if ps.size += p.size; ps.size > maxPatterns {
			p.unchecked = fmt.Sprintf("the schema's patterns have more than %d instructions together", maxPatterns)
		}
	}
	if ps.known == nil {
		ps.known = make(map[string]*pattern)
	}
	ps.known[text] = p
	return p, nil
}

func (ps *patterns) compile(text string) (*pattern, error) {
	p, err := ps.read(text)
	if err != nil || p.unchecked != "" || p.re != nil {
		return p, err
	}
	t := translate(text)
	if p.re, err = regexp.Compile(t.out.String()); err != nil {
		p.unchecked = "it cannot be compiled"
	}
	return p, nil
}

// readPattern parses an ECMA-262 pattern, the dialect of JSON Schema (2020-12 core, section 6.4). A
// pattern that RE2 cannot express becomes unchecked; an error means that the text is not a valid
// pattern.
func readPattern(text string) (*pattern, error) {
	if len(text) > maxPatternBytes {
		return &pattern{text: text, unchecked: fmt.Sprintf("it has more than %d bytes", maxPatternBytes)}, nil
	}
	t := translate(text)
	if t.err != nil {
		return nil, t.err
	}
	parsed, err := syntax.Parse(t.out.String(), syntax.Perl)
	var bad *syntax.Error
	switch {
	case errors.As(err, &bad) && (bad.Code == syntax.ErrInvalidRepeatSize && !t.backwards || bad.Code == syntax.ErrLarge || bad.Code == syntax.ErrNestingDepth):
		return &pattern{text: text, unchecked: orElse(t.unchecked, "it repeats something more than 1,000 times")}, nil
	case err != nil:
		return nil, fmt.Errorf("is not a regular expression: %s", reasonOf(err))
	case t.unchecked != "":
		return &pattern{text: text, unchecked: t.unchecked}, nil
	}
	p := &pattern{text: text, size: regexsize.Of(parsed), counted: t.counted, least: t.least, most: t.most}
	if p.size > maxPattern {
		p.unchecked = fmt.Sprintf("it has %d instructions, more than %d", p.size, maxPattern)
	}
	return p, nil
}

// reasonOf returns the error without the translated pattern, which its author does not know.
func reasonOf(err error) string {
	var bad *syntax.Error
	if errors.As(err, &bad) {
		return string(bad.Code)
	}
	return err.Error()
}

// Unchecked is a part of a type's schemas that is not enforced.
type Unchecked struct {
	// Path is the place in the schema: "schema#/properties/name/pattern".
	Path string
	// Reason says why: "look-ahead is not supported".
	Reason string
}

// maxUnchecked bounds the list of unchecked patterns.
const maxUnchecked = 50

// scan parses every pattern of a decoded schema, returns those that are not checked, and rejects
// invalid ones.
func (ps *patterns) scan(doc any, path string, at place, out []Unchecked) ([]Unchecked, error) {
	one := func(text, at string) error {
		p, err := ps.read(text)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", problem.Clip(at), err)
		case p.unchecked != "" && len(out) < maxUnchecked:
			out = append(out, Unchecked{clipPath(at), p.unchecked})
		}
		return nil
	}
	switch v := doc.(type) {
	case map[string]any:
		for _, name := range sortedNames(v) {
			member, here := v[name], path+"/"+pointerToken(name)
			next := inner
			if at != byName {
				if text, is := member.(string); is && name == "pattern" {
					if err := one(text, here); err != nil {
						return nil, err
					}
				}
				if byPattern, is := member.(map[string]any); is && name == "patternProperties" {
					for _, text := range sortedNames(byPattern) {
						if err := one(text, here+"/"+pointerToken(text)); err != nil {
							return nil, err
						}
					}
				}
				if slices.Contains(notSchemas, name) {
					continue
				}
				if slices.Contains(namedSchemas, name) {
					next = byName
				}
			}
			var err error
			if out, err = ps.scan(member, here, next, out); err != nil {
				return nil, err
			}
		}
	case []any:
		for i, element := range v {
			var err error
			if out, err = ps.scan(element, fmt.Sprintf("%s/%d", path, i), inner, out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// clipPath bounds a path in a schema.
func clipPath(s string) string {
	const most = 256
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// pointerToken escapes a name for a JSON pointer (RFC 6901).
func pointerToken(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
