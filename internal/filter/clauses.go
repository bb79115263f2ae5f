package filter

import "strings"

// splitClauses splits an expression at the top-level && operators and returns the parts as written.
// An expression with another top-level operator of lower precedence (|| or ?:) is one part. The
// expression must have compiled; otherwise the positions of the splits are arbitrary.
func splitClauses(text string) []string {
	var parts []string
	start, depth := 0, 0
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"' || c == '\'':
			i = endOfString(text, i)
			continue
		case c == '/' && strings.HasPrefix(text[i:], "//"):
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				i += n + 1
				continue
			}
			i = len(text)
			continue
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth--
		case depth > 0:
		case c == '&' && strings.HasPrefix(text[i:], "&&"):
			parts = append(parts, strings.TrimSpace(text[start:i]))
			i += 2
			start = i
			continue
		case c == '|' && strings.HasPrefix(text[i:], "||"), c == '?' && !isOptional(text, i):
			return []string{strings.TrimSpace(text)}
		}
		i++
	}
	return append(parts, strings.TrimSpace(text[start:]))
}

// isOptional distinguishes the ? in ".?name" from the one in "a ? b : c". ("[?i]" is never at the
// top level.)
func isOptional(text string, i int) bool {
	return i > 0 && text[i-1] == '.'
}

// endOfString returns the position after the string literal whose quote is at i. The literal has
// single or double quotes, one or three, and is raw if an r precedes it.
func endOfString(text string, i int) int {
	raw := false
	for j := i - 1; j >= 0 && j >= i-2 && strings.IndexByte("rRbB", text[j]) >= 0; j-- {
		raw = raw || text[j] == 'r' || text[j] == 'R'
	}
	quote := text[i : i+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(text[i:], triple) {
		quote = triple
	}
	for i += len(quote); i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], quote):
			return i + len(quote)
		case text[i] == '\\' && !raw:
			i += 2
		default:
			i++
		}
	}
	return len(text)
}
