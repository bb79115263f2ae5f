package cli

import (
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// isTerminal reports whether the output is probably read by a person.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printable escapes control characters in external text for a terminal, including those that hide
// or change the direction of writing. No payload can move the cursor, set a title or forge a line.
func printable(s string) string {
	return escape(s, func(rune) bool { return false })
}

// printableLines is like printable, for text with several lines; tabs become spaces.
func printableLines(s string) string {
	return escape(strings.ReplaceAll(s, "\t", "  "), func(r rune) bool { return r == '\n' })
}

func escape(s string, keep func(rune) bool) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"): // not UTF-8
			b.WriteRune('\uFFFD')
		case keep(r), unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoteRune(&b, r)
		}
	}
	return b.String()
}

func quoteRune(b *strings.Builder, r rune) {
	const hex = "0123456789abcdef"
	switch r {
	case '\n':
		b.WriteString(`\n`)
	case '\r':
		b.WriteString(`\r`)
	case '\t':
		b.WriteString(`\t`)
	default:
		b.WriteString(`\u{`)
		digits := []byte{}
		for ; r > 0 || len(digits) == 0; r >>= 4 {
			digits = append([]byte{hex[r&15]}, digits...)
		}
		b.Write(digits)
		b.WriteByte('}')
	}
}

// clip shortens a text to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// style colours text on terminals and leaves it unchanged elsewhere.
type style struct{ on bool }

// newStyle follows the convention of NO_COLOR (no-color.org).
func newStyle(env *Env) style {
	return style{on: isTerminal(env.Stdout) && env.getenv("NO_COLOR") == "" && env.getenv("TERM") != "dumb"}
}

func (s style) wrap(code, text string) string {
	if !s.on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(text string) string   { return s.wrap("1", text) }
func (s style) dim(text string) string    { return s.wrap("2", text) }
func (s style) green(text string) string  { return s.wrap("32", text) }
func (s style) yellow(text string) string { return s.wrap("33", text) }
