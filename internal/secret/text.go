package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// Hidden is what a Text shows of itself, and what the API answers in place of a credential (SPEC section 5).
const Hidden = "***"

// Text is a secret that prints, marshals and logs as "***", and as "" when it is empty; Reveal gives the text itself.
// It is read from JSON like any string. A Text in an unexported field of a struct that is printed whole is out of its
// reach: fmt calls no methods there. So are the verbs %p and %w, which go vet refuses for a Text.
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

// Format implements fmt.Formatter, because fmt asks a Stringer only for some verbs and shows the text for the rest.
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
