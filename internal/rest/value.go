package rest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/format"
)

// Opt is a member of a request that may be left out or null. Both ask for the default at creation; in a PATCH a
// member that is left out stays as it is, and null resets it.
type Opt[T any] struct {
	Given bool // the member is there, null or not
	Null  bool
	Value T // zero unless given and not null
}

func (o *Opt[T]) target() (given, null *bool, value any) { return &o.Given, &o.Null, &o.Value }

// optional is an Opt as the decoder and the schema see it.
type optional interface {
	target() (given, null *bool, value any)
}

// Apply sets dst: to the value if one was given, to def for null, not at all if the member was left out.
func (o Opt[T]) Apply(dst *T, def T) {
	switch {
	case !o.Given:
	case o.Null:
		*dst = def
	default:
		*dst = o.Value
	}
}

// Time is a moment as the API shows it: RFC 3339, UTC, milliseconds.
type Time time.Time

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, len(format.TimeLayout)+2)
	return append(format.AppendTime(append(b, '"'), time.Time(t)), '"'), nil
}

// TimeOrNil returns nil for the zero time, which is shown as null.
func TimeOrNil(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	return (*Time)(&t)
}

// Decode implements Custom.
func (t *Time) Decode(v rawjson.Value) string {
	s, err := v.String()
	if err != nil {
		return event.ErrTimeFormat.Error() + ", got " + v.Kind.String()
	}
	return t.set(s)
}

func (t *Time) set(s string) string {
	parsed, err := event.ParseTime(s)
	if err != nil {
		return err.Error()
	}
	*t = Time(parsed)
	return ""
}

// Parse implements Custom. It reads a query parameter, in which a plus sign that was not encoded has become a space.
func (t *Time) Parse(s string) string {
	reason := t.set(s)
	if reason != "" && new(Time).set(strings.Replace(s, " ", "+", 1)) == "" {
		return reason + "; write + as %2B"
	}
	return reason
}

// Schema implements Custom.
func (*Time) Schema() *Schema {
	return &Schema{Type: "string", Format: "date-time", Examples: []any{"2026-05-05T14:23:00.000Z"}}
}

// Duration is a length of time as the API writes it: "10s", "1m30s", "24h".
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// String returns the shortest spelling: "24h", not "24h0m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

const wantDuration = `must be a duration, such as "10s", "1m30s" or "24h"`

// Decode implements Custom.
func (d *Duration) Decode(v rawjson.Value) string {
	s, err := v.String()
	if err != nil {
		return wantDuration + ", got " + v.Kind.String()
	}
	return d.Parse(s)
}

// Parse implements Custom.
func (d *Duration) Parse(s string) string {
	parsed, err := time.ParseDuration(s)
	if err != nil || parsed < 0 {
		return wantDuration
	}
	*d = Duration(parsed)
	return ""
}

// Schema implements Custom.
func (*Duration) Schema() *Schema {
	return &Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`, Examples: []any{"10s"}}
}

// Custom is a type of a request that reads itself. Decode and Parse return a reason that completes "NAME …" if the value is
// not acceptable, else "".
type Custom interface {
	Decode(v rawjson.Value) string
	Parse(s string) string // of a path or query parameter
	Schema() *Schema
}

// Choice is a type of a request or an answer that has several forms.
type Choice interface {
	// Forms returns pointers to a value of each form, which stand in the document.
	Forms() []any
	// Form returns the place for a value of the kind, nil if it has no such form, and in words the forms there are.
	Form(kind rawjson.Kind) (place any, want string)
}

// Values that requests hand on unread.
type (
	// AnyJSON documents a member with any JSON value, which is read elsewhere.
	AnyJSON struct{}
	// AnyObject documents a member with any JSON object, which is read elsewhere.
	AnyObject struct{}
	// RawJSON is a value that a request hands on byte for byte.
	RawJSON []byte
)

// Schema implements Custom.
func (*AnyJSON) Schema() *Schema { return &Schema{Description: "any JSON value"} }

// Decode implements Custom.
func (*AnyJSON) Decode(rawjson.Value) string { return "" }

// Parse implements Custom.
func (*AnyJSON) Parse(string) string { return "" }

// Schema implements Custom.
func (*AnyObject) Schema() *Schema { return &Schema{Type: "object", Additional: &Schema{}} }

// Decode implements Custom.
func (*AnyObject) Decode(rawjson.Value) string { return "" }

// Parse implements Custom.
func (*AnyObject) Parse(string) string { return "" }

// Decode implements Custom.
func (r *RawJSON) Decode(v rawjson.Value) string { *r = slices.Clone(v.Raw); return "" }

// Parse implements Custom.
func (*RawJSON) Parse(string) string { return "" }

// Schema implements Custom.
func (*RawJSON) Schema() *Schema { return &Schema{Description: "any JSON value"} }
