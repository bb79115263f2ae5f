package catalogue

import (
	"bytes"
	"encoding/json"
	"math/big"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/event/rawjson"
)

// formatSamples are values of the formats in JSON Schema 2020-12, section 7.3 of the validation
// document.
var formatSamples = map[string]string{
	"date-time": "2026-05-05T14:23:00Z", "date": "2026-05-05", "time": "14:23:00Z", "duration": "PT5M",
	"email": "name@example.com", "idn-email": "name@example.com", "hostname": "example.com", "idn-hostname": "example.com",
	"ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uri": "https://example.com/", "iri": "https://example.com/",
	"uri-reference": "/path", "iri-reference": "/path", "uuid": "3f2b8c1e-5d4a-4f6b-9c7d-8e1a2b3c4d5e",
	"json-pointer": "/name", "regex": "^.*$", "relative-json-pointer": "1/name", "uri-template": "https://example.com/{id}",
}

// sampleString returns a text for the schemas: of their format, or generated from their pattern, or
// of the right length.
func sampleString(nodes []*sampleNode) string {
	text := ""
	least, most := 0, -1
	for _, n := range nodes {
		if v, ok := n.keywords["format"]; ok && text == "" {
			format, _ := v.String()
			text = formatSamples[format]
		}
		if i, ok := integerAt(n, "minLength"); ok {
			least = max(least, int(min(i, 1000)))
		}
		if i, ok := integerAt(n, "maxLength"); ok && i >= 0 && (most < 0 || int(min(i, 1000)) < most) {
			most = int(min(i, 1000))
		}
	}
	for _, n := range nodes {
		if v, ok := n.keywords["pattern"]; ok && text == "" {
			pattern, _ := v.String()
			text = matching(pattern, least)
		}
	}
	if text != "" {
		return text
	}
	text = "text"
	if n := utf8.RuneCountInString(text); n < least {
		text = strings.Repeat("x", least)
	}
	if most >= 0 && most < len(text) {
		text = text[:most]
	}
	return text
}

// matching returns a text that matches a pattern, of at least least characters if that is easy, or
// "".
func matching(pattern string, least int) string {
	p, err := readPattern(pattern)
	if err != nil || p.unchecked != "" {
		return ""
	}
	t := translate(pattern)
	parsed, err := syntax.Parse(t.out.String(), syntax.Perl)
	if err != nil {
		return ""
	}
	if t.counted {
		least = max(least, t.least)
	}
	var b strings.Builder
	for _, spare := range []int{0, min(least, 1000)} {
		b.Reset()
		write(&b, parsed, spare)
		if utf8.RuneCountInString(b.String()) >= least {
			break
		}
	}
	return b.String()
}

// write writes a text that matches re; unbounded loops repeat at least spare times.
func write(b *strings.Builder, re *syntax.Regexp, spare int) {
	const most = 2000
	if b.Len() > most {
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		b.WriteRune(fromClass(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpPlus:
		write(b, re.Sub[0], spare)
		if re.Op == syntax.OpPlus {
			times(b, re.Sub[0], spare-1)
		}
	case syntax.OpStar:
		times(b, re.Sub[0], spare)
	case syntax.OpRepeat:
		n := re.Min
		if re.Max < 0 {
			n = max(n, spare)
		} else {
			n = min(max(n, spare), re.Max)
		}
		times(b, re.Sub[0], n)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			write(b, sub, spare)
		}
	case syntax.OpAlternate:
		write(b, re.Sub[0], spare)
	}
}

func times(b *strings.Builder, re *syntax.Regexp, n int) {
	for range n {
		write(b, re, 0)
	}
}

// fromClass returns a readable character of a class: a letter or a digit, if possible.
func fromClass(ranges []rune) rune {
	in := func(r rune) bool {
		for i := 0; i+1 < len(ranges); i += 2 {
			if r >= ranges[i] && r <= ranges[i+1] {
				return true
			}
		}
		return false
	}
	for _, r := range "xaXA10-_. " {
		if in(r) {
			return r
		}
	}
	for r := '!'; r <= '~'; r++ {
		if in(r) {
			return r
		}
	}
	if len(ranges) > 0 {
		return ranges[0]
	}
	return 'x'
}

// sampleNumber returns a number within the bounds of the schemas.
func sampleNumber(nodes []*sampleNode) string {
	var least, most, step *big.Rat
	openLeast, openMost := false, false
	for _, n := range nodes {
		bound := func(keyword string) *big.Rat {
			v := n.keywords[keyword]
			if v.Kind != rawjson.Number || len(v.Raw) > 40 {
				return nil
			}
			if i := bytes.IndexAny(v.Raw, "eE"); i >= 0 && len(v.Raw)-i > 4 {
				return nil
			}
			return ratOf(json.Number(v.Raw))
		}
		open := func(keyword string) bool { return string(n.keywords[keyword].Raw) == "true" } // draft 4
		if r := bound("minimum"); r != nil && (least == nil || r.Cmp(least) > 0) {
			least, openLeast = r, open("exclusiveMinimum")
		}
		if r := bound("exclusiveMinimum"); r != nil && (least == nil || r.Cmp(least) >= 0) {
			least, openLeast = r, true
		}
		if r := bound("maximum"); r != nil && (most == nil || r.Cmp(most) < 0) {
			most, openMost = r, open("exclusiveMaximum")
		}
		if r := bound("exclusiveMaximum"); r != nil && (most == nil || r.Cmp(most) <= 0) {
			most, openMost = r, true
		}
		if r := bound("multipleOf"); r != nil && r.Sign() > 0 {
			step = r
		}
	}
	one := big.NewRat(1, 1)
	if step == nil && kindIn(nodes) == "integer" {
		step = one
	}
	inside := func(r *big.Rat) bool {
		return (least == nil || r.Cmp(least) > 0 || !openLeast && r.Cmp(least) == 0) && (most == nil || r.Cmp(most) < 0 || !openMost && r.Cmp(most) == 0) &&
			(step == nil || new(big.Rat).Quo(r, step).IsInt())
	}
	candidates := []*big.Rat{one}
	if step != nil {
		candidates = append(candidates, step)
		for _, from := range []*big.Rat{least, most} {
			if from == nil {
				continue
			}
			q := new(big.Rat).Quo(from, step)
			floor := new(big.Int).Div(q.Num(), q.Denom())
			for d := int64(-1); d <= 2; d++ {
				n := new(big.Rat).SetInt(new(big.Int).Add(floor, big.NewInt(d)))
				candidates = append(candidates, n.Mul(n, step))
			}
		}
	}
	for _, from := range []*big.Rat{least, most} {
		if from != nil {
			candidates = append(candidates, from, new(big.Rat).Add(from, one), new(big.Rat).Sub(from, one))
		}
	}
	if least != nil && most != nil {
		middle := new(big.Rat).Add(least, most)
		candidates = append(candidates, middle.Quo(middle, big.NewRat(2, 1)))
	}
	for _, r := range candidates {
		if inside(r) {
			if r.IsInt() {
				return r.Num().String()
			}
			text := strings.TrimRight(r.FloatString(18), "0")
			if back := ratOf(json.Number(text)); back != nil && inside(back) {
				return text
			}
		}
	}
	return "1"
}
