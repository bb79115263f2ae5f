package filter

import "strings"

// splitClauses cuts an expression at the && of its top level and returns the parts as they are written. An expression that
// has another operator of lower precedence there (|| or ?:) is one part. It is for expressions that compiled: on
// others it cuts somewhere.
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

// isOptional tells the ? of ".?name" from that of "a ? b : c". ("[?i]" is never at the top level.)
func isOptional(text string, i int) bool {
	return i > 0 && text[i-1] == '.'
}

// endOfString returns the position behind the string literal whose quote is at i: in single or double quotes, one or
// three, raw with an r before it.
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
