package catalogue

import (
	"fmt"
	"math"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/relay-events/relay/internal/problem"
)

// alternatives records that v fits none of the alternatives, and the reason for the closest one:
// the one with the fewest violations. A wrong type of v itself weighs most. A wrong constant just
// below v weighs second, because constants distinguish alternatives.
func (j *judge) alternatives(list []*jsonschema.Schema, v any, k jsonschema.ErrorKind) {
	outer, depth := j.found, len(j.at)
	var best findings
	closest, least := -1, math.MaxInt
	for i, alternative := range list {
		own := findings{most: maxAlternativeFindings}
		j.found = &own
		fits := j.apply(alternative, v, true, nil)
		if fits || own.total == 0 {
			continue
		}
		distance := own.total
		for _, f := range own.list {
			switch {
			case f.weight >= valueWeight && f.weight-valueWeight <= depth+1:
				distance += 100
			case f.weight >= typeWeight && f.weight < valueWeight && f.weight-typeWeight == depth:
				distance += 10_000
			}
		}
		if distance < least {
			closest, least, best = i, distance, own
		}
	}
	j.found = outer
	path, message := pathOf(j.root, j.at), phrase(k)
	if closest >= 0 {
		message += closestPhrase(closest, list[closest], &best)
	}
	j.note(path, message, 1)
}

// Weights of findings, plus the depth of their position, mark findings that suggest that an
// alternative was not intended.
const (
	typeWeight  = 1 << 20
	valueWeight = 1 << 21
)

func weightOf(k jsonschema.ErrorKind, depth int) int {
	switch k.(type) {
	case *kind.Type:
		return typeWeight + depth
	case *kind.Const, *kind.Enum:
		return valueWeight + depth
	}
	return 1
}

// closestPhrase returns the continuation of the phrase for a value that fits no alternative.
func closestPhrase(number int, s *jsonschema.Schema, why *findings) string {
	list := why.violations("")
	first := list[0]
	for _, v := range list { // a wrong constant is more informative than its consequences
		for _, f := range why.list {
			if f.weight >= valueWeight && f.Violation == v && first != v && !strings.Contains(first.Message, "must be one of") {
				first = v
			}
		}
	}
	name := s.Title
	if name == "" && s.Ref != nil {
		name = orElse(s.Ref.Title, s.Ref.Location[strings.LastIndexAny(s.Ref.Location, "/#")+1:])
	}
	if name != "" {
		name = " (" + problem.Clip(name) + ")"
	}
	text := fmt.Sprintf("; it comes closest to number %d%s, but %s %s", number+1, name, first.Path, first.Message)
	if n := why.total - 1; n > 0 {
		text += fmt.Sprintf(", and %d more", n)
	}
	const most = 400 // alternatives may contain alternatives
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
