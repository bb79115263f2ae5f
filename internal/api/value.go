package api

import (
	"encoding/json"
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

// optional is what the decoder and the schema see of an Opt.
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

// timeOrNil returns nil for the zero time, which is shown as null.
func timeOrNil(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	return (*Time)(&t)
}

func (t *Time) decode(v rawjson.Value) string {
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

// parse reads a query parameter, in which a plus sign that was not encoded has become a space.
func (t *Time) parse(s string) string {
	reason := t.set(s)
	if reason != "" && new(Time).set(strings.Replace(s, " ", "+", 1)) == "" {
		return reason + "; write + as %2B"
	}
	return reason
}

func (*Time) schema() *Schema {
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

const wantDuration = `must be a length of time, as "10s", "1m30s" or "24h"`

func (d *Duration) decode(v rawjson.Value) string {
	s, err := v.String()
	if err != nil {
		return wantDuration + ", got " + v.Kind.String()
	}
	return d.parse(s)
}

func (d *Duration) parse(s string) string {
	parsed, err := time.ParseDuration(s)
	if err != nil || parsed < 0 {
		return wantDuration
	}
	*d = Duration(parsed)
	return ""
}

func (*Duration) schema() *Schema {
	return &Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`, Examples: []any{"10s"}}
}

// custom is a type that reads itself. decode returns what is wrong with the value, completing "NAME …", or "".
type custom interface {
	decode(v rawjson.Value) string
	parse(s string) string // of a query parameter
	schema() *Schema
}
