package catalogue

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/problem"
)

// translation translates an ECMA-262 pattern to RE2's syntax. RE2's own syntax that has no meaning
// in ECMA-262, such as (?i) or \A, keeps RE2's meaning.
type translation struct {
	out       strings.Builder
	in        string
	pos       int
	unchecked string // the feature that RE2 lacks
	backwards bool   // a repetition has its bounds reversed
	err       error

	// Fields for patterns like ^x{least,most}$.
	counted     bool
	least, most int
}

const (
	// ecmaSpace and ecmaNoSpace are \s and \S of ECMA-262, for use in a class.
	ecmaSpace   = `\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	ecmaNoSpace = `\x00-\x08\x0e-\x1f!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
	ecmaDot     = `[^\n\r\x{2028}\x{2029}]`
	anything    = `[\x00-\x{10ffff}]`
	nothing     = `[^\x00-\x{10ffff}]`
	maxRepeat   = 1000 // RE2's limit
	fewRepeats  = 100  // up to which x{1,n} is compiled unchanged
)

// translate translates a pattern. It leaves unknown syntax to RE2's parser, which then reports the
// errors of the pattern.
func translate(text string) *translation {
	t := &translation{in: text}
	if !utf8.ValidString(text) {
		t.err = errors.New("is not a regular expression: invalid UTF-8")
		return t
	}
	if x, least, most, ok := countedPattern(text); ok {
		t.counted, t.least, t.most, t.in = true, least, most, "^"+x+"*$"
	}
	for t.pos < len(t.in) && t.err == nil {
		switch c := t.in[t.pos]; c {
		case '\\':
			t.escape()
		case '[':
			t.class()
		case '(':
			t.group()
		case '{':
			t.repeat()
		case '.':
			t.put(ecmaDot, 1)
		case ']', '}':
			t.put(`\`+string(c), 1)
		default:
			t.put(t.in[t.pos:t.pos+1], 1)
		}
	}
	return t
}

// put writes text in place of the next n bytes of the pattern.
func (t *translation) put(text string, n int) {
	t.out.WriteString(text)
	t.pos += n
}

func (t *translation) lacks(what string) {
	if t.unchecked == "" {
		t.unchecked = what
	}
}

// group translates an opening parenthesis and the syntax after it.
func (t *translation) group() {
	rest := t.in[t.pos:]
	for start, what := range map[string]string{"(?=": "look-ahead", "(?!": "look-ahead", "(?<=": "look-behind", "(?<!": "look-behind"} {
		if strings.HasPrefix(rest, start) {
			t.lacks(what + " is not supported")
			t.put("(?:", len(start))
			return
		}
	}
	if strings.HasPrefix(rest, "(?<") {
		if end := strings.IndexByte(rest, '>'); end > 3 { // names are useless without back-references
			t.put("(", end+1)
			return
		}
	}
	t.put("(", 1)
}

var quantifier = regexp.MustCompile(`^\{(\d{1,9})(,(\d{0,9}))?\}`)

// repeat translates {1,2}, or a brace that stands for itself.
func (t *translation) repeat() {
	m := quantifier.FindStringSubmatch(t.in[t.pos:])
	if m == nil {
		t.put(`\{`, 1)
		return
	}
	least, _ := strconv.Atoi(m[1])
	most := least
	if m[3] != "" {
		most, _ = strconv.Atoi(m[3])
	}
	if most < least {
		t.backwards = true
	} else if max(least, most) > maxRepeat {
		t.lacks(fmt.Sprintf("it repeats something more than %d times", maxRepeat))
		t.put("{1}", len(m[0]))
		return
	}
	t.put(m[0], len(m[0]))
}

// escape translates a backslash outside a class.
func (t *translation) escape() {
	text, n, kind := t.escaped(t.in[t.pos:])
	if kind == classEscape {
		if text = "[" + text + "]"; text == "[]" {
			text = nothing
		}
	}
	t.put(text, n)
}

// escapeKind is a kind of escape.
type escapeKind int

const (
	charEscape  escapeKind = iota // one character
	classEscape                   // a set of characters, in the syntax within a class
	otherEscape                   // neither: \b outside a class
)

// escaped translates the escape at the start of s, which is n bytes long.
func (t *translation) escaped(s string) (text string, n int, kind escapeKind) {
	if len(s) < 2 {
		t.err = errors.New(`is not a regular expression: trailing backslash at end of expression`)
		return "", len(s), otherEscape
	}
	r, size := utf8.DecodeRuneInString(s[1:])
	n = 1 + size
	switch r {
	case 's':
		return ecmaSpace, n, classEscape
	case 'S':
		return ecmaNoSpace, n, classEscape
	case 'd', 'D', 'w', 'W':
		return s[:n], n, classEscape
	case 'b', 'B', 'A', 'z', 'Q', 'E':
		return s[:n], n, otherEscape
	case 'f', 'n', 'r', 't', 'v', 'a':
		return s[:n], n, charEscape
	case '0':
		if len(s) > n && s[n] >= '0' && s[n] <= '7' {
			break // an old-style octal escape
		}
		return `\x00`, n, charEscape
	case 'c':
		if len(s) > n && (s[n]|0x20) >= 'a' && (s[n]|0x20) <= 'z' {
			return fmt.Sprintf(`\x%02x`, s[n]&0x1f), n + 1, charEscape
		}
		return `\\c`, n, otherEscape
	case 'x':
		if h, ok := hexadecimal(s[n:], 2); ok {
			return runeEscape(h), n + 2, charEscape
		}
		if len(s) > n && s[n] == '{' {
			return s[:n], n, charEscape // RE2's \x{10ffff}
		}
		return "x", n, charEscape
	case 'u':
		return t.unicodeEscape(s, n)
	case 'p', 'P':
		return t.property(s, n)
	case 'k':
		if strings.HasPrefix(s[n:], "<") {
			if end := strings.IndexByte(s, '>'); end > 0 {
				t.lacks("back-references are not supported")
				return "(?:)", end + 1, otherEscape
			}
		}
	}
	if r >= '1' && r <= '9' || r == '0' {
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		t.lacks("back-references are not supported")
		return "(?:)", n, otherEscape
	}
	return regexp.QuoteMeta(string(r)), n, charEscape // the character itself
}

// unicodeEscape translates \u00e6, a pair of surrogates, and \u{1f600}.
func (t *translation) unicodeEscape(s string, n int) (string, int, escapeKind) {
	if strings.HasPrefix(s[n:], "{") {
		if end := strings.IndexByte(s, '}'); end > n+1 {
			if h, ok := hexadecimal(s[n+1:end], end-n-1); ok && h <= unicode.MaxRune {
				return t.character(h), end + 1, charEscape
			}
		}
		return "u", n, charEscape
	}
	h, ok := hexadecimal(s[n:], 4)
	if !ok {
		return "u", n, charEscape
	}
	n += 4
	if utf16.IsSurrogate(h) && strings.HasPrefix(s[n:], `\u`) {
		if low, ok := hexadecimal(s[n+2:], 4); ok {
			if r := utf16.DecodeRune(h, low); r != unicode.ReplacementChar {
				return runeEscape(r), n + 6, charEscape
			}
		}
	}
	return t.character(h), n, charEscape
}

func (t *translation) character(r rune) string {
	if utf16.IsSurrogate(r) {
		t.lacks("halves of characters (surrogates) are not supported")
		return `\x00`
	}
	return runeEscape(r)
}

func runeEscape(r rune) string { return fmt.Sprintf(`\x{%x}`, r) }

// hexadecimal parses n hexadecimal digits.
func hexadecimal(s string, n int) (rune, bool) {
	if len(s) < n || n > 8 {
		return 0, false
	}
	v, err := strconv.ParseUint(s[:n], 16, 32)
	return rune(v & 0x7fffffff), err == nil && v <= 0x7fffffff
}

// longCategories maps the long names of general categories that ECMA-262 allows to the short ones.
var longCategories = map[string]string{
	"Letter": "L", "Cased_Letter": "LC", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt", "Modifier_Letter": "Lm", "Other_Letter": "Lo",
	"Mark": "M", "Combining_Mark": "M", "Nonspacing_Mark": "Mn", "Spacing_Mark": "Mc", "Enclosing_Mark": "Me",
	"Number": "N", "Decimal_Number": "Nd", "digit": "Nd", "Letter_Number": "Nl", "Other_Number": "No",
	"Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd", "Open_Punctuation": "Ps", "Close_Punctuation": "Pe",
	"Initial_Punctuation": "Pi", "Final_Punctuation": "Pf", "Other_Punctuation": "Po",
	"Symbol": "S", "Math_Symbol": "Sm", "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk", "Other_Symbol": "So",
	"Separator": "Z", "Space_Separator": "Zs", "Line_Separator": "Zl", "Paragraph_Separator": "Zp",
	"Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Private_Use": "Co",
}

// property translates \p{…}.
func (t *translation) property(s string, n int) (string, int, escapeKind) {
	end := strings.IndexByte(s, '}')
	if n >= len(s) || s[n] != '{' || end < 0 {
		if n < len(s) && unicode.Categories[s[n:n+1]] != nil {
			return s[:n+1], n + 1, classEscape // RE2's \pL
		}
		return s[1:n], n, charEscape
	}
	negated := s[1] == 'P'
	name := s[n+1 : end]
	if strings.HasPrefix(name, "^") { // RE2's
		name, negated = name[1:], !negated
	}
	key, value, has := strings.Cut(name, "=")
	switch {
	case has && (key == "General_Category" || key == "gc"):
		name = value
	case has && (key == "Script" || key == "sc"):
		if unicode.Scripts[value] == nil {
			value = ""
		}
		name = value
	case has:
		name = ""
	}
	if short := longCategories[name]; short != "" {
		name = short
	}
	letter := "p"
	if negated {
		letter = "P"
	}
	switch {
	case name == "Any":
		return map[bool]string{false: `\x00-\x{10ffff}`, true: ""}[negated], end + 1, classEscape
	case name == "ASCII":
		return map[bool]string{false: `\x00-\x7f`, true: `\x80-\x{10ffff}`}[negated], end + 1, classEscape
	case name != "" && (unicode.Categories[name] != nil || unicode.Scripts[name] != nil):
		return `\` + letter + "{" + name + "}", end + 1, classEscape
	}
	t.lacks(fmt.Sprintf("the property %q is not known", problem.Clip(s[n+1:end])))
	return `\x00`, end + 1, classEscape
}

// class translates a character class.
func (t *translation) class() {
	t.pos++
	negated := strings.HasPrefix(t.in[t.pos:], "^")
	if negated {
		t.pos++
	}
	if strings.HasPrefix(t.in[t.pos:], "]") {
		t.put(map[bool]string{false: nothing, true: anything}[negated], 1)
		return
	}
	var b strings.Builder
	set, wide := false, false // the item before is a set of characters; there is an item before
	for {
		rest := t.in[t.pos:]
		if rest == "" {
			t.err = errors.New("is not a regular expression: missing closing ]")
			return
		}
		if rest[0] == ']' {
			t.pos++
			break
		}
		text, n, kind := t.classItem(rest)
		if t.err != nil {
			return
		}
		if rest[0] == '-' {
			// A hyphen is a range only between two characters: in [\w-.] it stands for itself.
			kind = charEscape
			if text = `-`; !wide || set || rest[1:] == "" || rest[1] == ']' || t.setFollows(rest[1:]) {
				text = `\-`
			}
		}
		b.WriteString(text)
		set, wide = kind == classEscape, true
		t.pos += n
	}
	switch {
	case b.Len() == 0 && negated: // [^\P{Any}]
		t.out.WriteString(anything)
	case b.Len() == 0:
		t.out.WriteString(nothing)
	case negated:
		t.out.WriteString("[^" + b.String() + "]")
	default:
		t.out.WriteString("[" + b.String() + "]")
	}
}

// setFollows reports whether the next item in a class is a set of characters.
func (t *translation) setFollows(s string) bool {
	probe := &translation{in: s}
	_, _, kind := probe.classItem(s)
	return probe.err == nil && kind == classEscape
}

// posixClass matches RE2's [:alpha:].
var posixClass = regexp.MustCompile(`^\[:\^?[a-z]+:\]`)

// classItem translates a character or an escape in a class.
func (t *translation) classItem(s string) (text string, n int, kind escapeKind) {
	switch s[0] {
	case '\\':
		text, n, kind = t.escaped(s)
		if kind == otherEscape {
			kind = charEscape
			switch {
			case strings.HasPrefix(s, `\b`):
				text = `\x08`
			case text == "(?:)":
				text = `\x00`
			case text == `\\c`:
			default: // \B, \A …: the letter
				text = s[1:n]
			}
		}
		return text, n, kind
	case '[':
		if m := posixClass.FindString(s); m != "" {
			return m, len(m), classEscape
		}
		return `\[`, 1, charEscape
	}
	_, n = utf8.DecodeRuneInString(s)
	return regexp.QuoteMeta(s[:n]), n, charEscape
}

// countable matches ^x{1,2000}$ where x is one character: a dot, an escape or a class.
var countable = regexp.MustCompile(`^\^(\.|\\[sSdDwW]|\[(?:[^\]\\\[]|\\.)*\]|[A-Za-z0-9 ])\{(\d{1,9})(,(\d{0,9}))?\}\??\$$`)

// countedPattern splits a pattern whose repetition exceeds RE2's limit.
func countedPattern(text string) (x string, least, most int, ok bool) {
	m := countable.FindStringSubmatch(text)
	if m == nil {
		return "", 0, 0, false
	}
	least, _ = strconv.Atoi(m[2])
	most = least
	if m[3] != "" {
		if most = -1; m[4] != "" {
			most, _ = strconv.Atoi(m[4])
		}
	}
	if most >= 0 && most < least || max(least, most) < fewRepeats {
		return "", 0, 0, false
	}
	return m[1], least, most, true
}
