package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
)

// Limits bounds what one publish request may hold.
type Limits struct {
	EventBytes  int // of one event as published
	ArrayEvents int // events in an array
	ArrayBytes  int // of a whole array
}

// DefaultLimits returns the limits of SPEC section 10.
func DefaultLimits() Limits {
	return Limits{EventBytes: 1 << 20, ArrayEvents: 1000, ArrayBytes: 16 << 20}
}

// maxAhead is how far in the future an event may ask to be delivered: beyond
// that the retention could remove it first.
const maxAhead = 30 * 24 * time.Hour

// MaxHeaderKeyBytes bounds the header Idempotency-Key.
const MaxHeaderKeyBytes = 256

// HeaderKey returns the idempotency key of the n-th event of a request that
// came with the header Idempotency-Key: the whole request is one unit, so each
// of its events has a key of its own.
func HeaderKey(header string, n int) string { return fmt.Sprintf("h%d:%s", n, header) }

var scanners = sync.Pool{New: func() any { return new(rawjson.Scanner) }}

// ParseObject reads one event as published. headerKey is the value of the
// header Idempotency-Key, empty for none; now is the event's time when it
// names none. The item does not alias raw. Errors are *problem.Error and name
// the field.
func ParseObject(tenant event.TenantID, raw []byte, l Limits, headerKey string, now time.Time) (Item, error) {
	if len(raw) > l.EventBytes {
		return Item{}, tooLarge("the event", len(raw), l.EventBytes)
	}
	s := scanners.Get().(*rawjson.Scanner)
	defer putScanner(s)
	s.Reset(raw, rawjson.Limits{Depth: event.MaxDepth})
	p := parser{s: s, raw: raw, tenant: tenant, now: now, limits: l}
	it, err := p.event(headerKey, 0)
	if endErr := s.End(); endErr != nil {
		return Item{}, malformed(raw, endErr)
	}
	return it, err
}

// ParseArray reads an array of events as published, as ParseObject does; it
// returns all or an error. The errors' field names begin with the index: "[3].type".
func ParseArray(tenant event.TenantID, raw []byte, l Limits, headerKey string, now time.Time) ([]Item, error) {
	if len(raw) > l.ArrayBytes {
		return nil, tooLarge("the array", len(raw), l.ArrayBytes)
	}
	s := scanners.Get().(*rawjson.Scanner)
	defer putScanner(s)
	s.Reset(raw, rawjson.Limits{Depth: event.MaxDepth + 1})
	p := parser{s: s, raw: raw, tenant: tenant, now: now, limits: l, inArray: true}
	if s.Kind() != rawjson.Array {
		if err := s.End(); err != nil {
			return nil, malformed(raw, err)
		}
		return nil, problem.InvalidField("body", "must be an array of events")
	}
	items := make([]Item, 0, min(l.ArrayEvents, 1+len(raw)/200))
	var firstErr error
	s.Enter()
	for n := 0; s.Next(); n++ {
		if firstErr != nil {
			continue // read on: a syntax error further on is the better answer
		}
		if n == l.ArrayEvents {
			firstErr = problem.New(problem.TooLarge, "the array must have at most %d events", l.ArrayEvents)
			continue
		}
		p.index = n
		it, err := p.event(headerKey, n)
		if err != nil {
			firstErr = err
			continue
		}
		items = append(items, it)
	}
	if err := s.End(); err != nil {
		return nil, malformed(raw, err)
	}
	if firstErr != nil {
		return nil, firstErr
	}
	if len(items) == 0 {
		return nil, problem.InvalidField("body", "must have at least one event")
	}
	return items, nil
}

func putScanner(s *rawjson.Scanner) {
	s.Reset(nil, rawjson.Limits{})
	scanners.Put(s)
}

func tooLarge(what string, got, limit int) error {
	return problem.New(problem.TooLarge, "%s must have at most %d bytes, got %d", what, limit, got)
}

func malformed(raw []byte, err error) error {
	var syntax *rawjson.SyntaxError
	if !errors.As(err, &syntax) {
		return problem.Wrap(err, problem.Malformed, "the body is not valid JSON")
	}
	line, column := syntax.Position(raw)
	return &problem.Error{
		Kind:   problem.Malformed,
		Detail: fmt.Sprintf("the body is not valid JSON: line %d, column %d: %s", line, column, syntax.Reason),
		Fields: []problem.Field{{Name: "body", Reason: "is not valid JSON: " + syntax.Reason}},
	}
}

// parser reads events from a scanner.
type parser struct {
	s       *rawjson.Scanner
	raw     []byte
	tenant  event.TenantID
	now     time.Time
	limits  Limits
	inArray bool
	index   int
}

// field returns the path of a member for errors.
func (p *parser) field(name string) string {
	if !p.inArray {
		return name
	}
	if name == "" {
		return fmt.Sprintf("[%d]", p.index)
	}
	return fmt.Sprintf("[%d].%s", p.index, name)
}

func (p *parser) invalid(name, format string, args ...any) error {
	return problem.InvalidField(p.field(name), format, args...)
}

// event reads the value at the scanner. Whatever it returns, the scanner has
// passed the value.
func (p *parser) event(headerKey string, n int) (Item, error) {
	s := p.s
	if s.Kind() != rawjson.Object {
		kind := s.Kind()
		s.Value()
		name := ""
		if !p.inArray {
			name = "body"
		}
		return Item{}, p.invalid(name, "must be an object with type and data, got %s", kind)
	}
	start := s.Offset()
	var it Item
	e := &it.Event
	e.Tenant = p.tenant
	var data, attributes []byte
	var err error
	var seen bool
	s.Enter()
	for s.Next() {
		if err != nil {
			continue // pass over the rest, the first error counts
		}
		switch name := s.Name(); string(name) {
		case "type":
			if e.Type, err = p.text("type"); err == nil {
				if bad := event.CheckType(e.Type); bad != nil {
					err = p.invalid("type", "%v", bad)
				}
			}
		case "data":
			data, seen = s.Value().Raw, true
		case "id":
			if e.Name, err = p.optionalText("id"); err == nil && e.Name != "" {
				err = p.checkName("id", e.Name)
			}
		case "key":
			if e.Key, err = p.optionalText("key"); err == nil && len(e.Key) > event.MaxKeyBytes {
				err = p.invalid("key", "must have at most %d bytes, got %d", event.MaxKeyBytes, len(e.Key))
			}
		case "version":
			if e.Version, err = p.optionalText("version"); err == nil && len(e.Version) > event.MaxVersionBytes {
				err = p.invalid("version", "must have at most %d bytes, got %d", event.MaxVersionBytes, len(e.Version))
			}
		case "timestamp":
			e.Time, err = p.time("timestamp")
		case "deliverAt":
			e.DeliverAt, err = p.time("deliverAt")
			if err == nil && e.DeliverAt.Sub(p.now) > maxAhead {
				err = p.invalid("deliverAt", "must be at most %d days ahead", int(maxAhead.Hours()/24))
			}
		case "attributes":
			switch v := s.Value(); {
			case v.Kind == rawjson.Null:
			case v.Kind != rawjson.Object:
				err = p.invalid("attributes", "must be an object, got %s", v.Kind)
			case len(v.Raw) > event.MaxAttributeBytes:
				err = p.invalid("attributes", "must have at most %d bytes, got %d", event.MaxAttributeBytes, len(v.Raw))
			default:
				attributes = v.Raw
			}
		default:
			err = p.invalid(clip(name), "is not a field of an event")
		}
	}
	if s.Err() != nil {
		return Item{}, nil // reported by End
	}
	if size := s.Offset() - start; err == nil && size > p.limits.EventBytes {
		err = tooLarge("event "+p.field(""), size, p.limits.EventBytes)
	}
	switch {
	case err != nil:
		return Item{}, err
	case e.Type == "":
		return Item{}, p.invalid("type", "must be given")
	case !seen:
		return Item{}, p.invalid("data", "must be given")
	}
	switch {
	case e.Name != "":
		it.Key = NameKey(e.Name)
	case headerKey != "":
		it.Key = HeaderKey(headerKey, n)
	}
	if it.Key != "" {
		it.Digest = digest(e, data, attributes)
	}
	if e.Time.IsZero() {
		e.Time = p.now.UTC().Truncate(time.Millisecond)
	}
	// One allocation of its own: the request's buffer goes back to its pool, and
	// an event that waits must not keep its neighbours in memory.
	own := make([]byte, 0, len(data)+len(attributes))
	own = append(append(own, data...), attributes...)
	e.Data = own[:len(data):len(data)]
	if attributes != nil {
		e.Attributes = own[len(data):]
	}
	return it, nil
}

func (p *parser) text(name string) (string, error) {
	v := p.s.Value()
	if v.Kind == rawjson.Invalid {
		return "", nil // reported by End
	}
	if v.Kind != rawjson.String {
		return "", p.invalid(name, "must be a string, got %s", v.Kind)
	}
	s, err := v.String()
	if err != nil {
		return "", p.invalid(name, "must be a string")
	}
	return s, nil
}

// optionalText is text, with null for empty.
func (p *parser) optionalText(name string) (string, error) {
	if p.s.Kind() == rawjson.Null {
		p.s.Value()
		return "", nil
	}
	s, err := p.text(name)
	if err == nil && s == "" && p.s.Err() == nil {
		return "", p.invalid(name, "must not be empty")
	}
	return s, err
}

func (p *parser) time(name string) (time.Time, error) {
	s, err := p.optionalText(name)
	if s == "" || err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, p.invalid(name, "must be a time in RFC 3339, as %q", "2026-05-05T14:23:00.000Z")
	}
	return t.UTC().Truncate(time.Millisecond), nil
}

func (p *parser) checkName(field, s string) error {
	if err := event.CheckName(s); err != nil {
		return p.invalid(field, "%v", err)
	}
	return nil
}

// clip makes a member name fit to be repeated in an error.
func clip(name []byte) string {
	const longest = 64
	if len(name) > longest {
		return string(bytes.ToValidUTF8(name[:longest], nil)) + "…"
	}
	return string(name)
}

// digest hashes everything the publisher said about an event, each part with
// its length, so that no two different events look alike.
func digest(e *event.Event, data, attributes []byte) (sum [16]byte) {
	h := sha256.New()
	var n [8]byte
	part := func(b []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	moment := func(t time.Time) {
		var b []byte
		if !t.IsZero() {
			b = binary.BigEndian.AppendUint64(nil, uint64(t.UnixMilli()))
		}
		part(b)
	}
	part([]byte(e.Type))
	part([]byte(e.Version))
	part([]byte(e.Key))
	moment(e.Time)
	moment(e.DeliverAt)
	part(attributes)
	part(data)
	var full [sha256.Size]byte
	copy(sum[:], h.Sum(full[:0]))
	return sum
}
