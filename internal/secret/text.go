package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// Hidden replaces a Text in all output, and a credential in answers of the API.
const Hidden = "***"

// Text is a secret that prints, marshals and logs as "***", or as "" when it is empty; Reveal
// returns the text itself. It is read from JSON like any string.
//
// Known gaps: fmt calls no methods on a Text in an unexported field of a struct that is printed
// whole, and none for the verbs %p and %w, which go vet rejects for a Text.
type Text string

// Reveal returns the text itself.
func (t Text) Reveal() string { return string(t) }

// String implements fmt.Stringer.
func (t Text) String() string {
	if t == "" {
		return ""
	}
	return Hidden
}

// Format implements fmt.Formatter, because fmt asks a Stringer only for some verbs and prints the
// text for the others.
func (t Text) Format(f fmt.State, verb rune) {
	if verb == 'q' || f.Flag('#') {
		io.WriteString(f, `"`+t.String()+`"`)
		return
	}
	io.WriteString(f, t.String())
}

// MarshalText implements encoding.TextMarshaler, which JSON, XML and YAML encoders use.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// LogValue implements slog.LogValuer.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }
