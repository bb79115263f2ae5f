package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/malformed"
	"github.com/relay-events/relay/internal/nearest"
	"github.com/relay-events/relay/internal/problem"
)

// Limits bounds what one publish request may hold.
type Limits struct {
	EventBytes  int // of one event as published
	ArrayEvents int // events in an array
	ArrayBytes  int // of a whole array
}

// DefaultLimits returns the limits of docs/api.md.
func DefaultLimits() Limits {
	return Limits{EventBytes: 1 << 20, ArrayEvents: 1000, ArrayBytes: 16 << 20}
}

// maxAhead is how far in the future an event may ask to be delivered: beyond
// that the retention could remove it first.
const maxAhead = 30 * 24 * time.Hour

// MaxHeaderKeyBytes bounds the header Idempotency-Key.
const MaxHeaderKeyBytes = 256

// HeaderKey returns the idempotency key of the n-th event without an id of its
// own in a request that came with the header Idempotency-Key. Its digest is
// that of the whole request.
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
	p := parser{s: s, raw: raw, tenant: tenant, now: now, limits: l, headerKey: headerKey}
	return p.object((*parser).event)
}

// object reads the one event of a request.
func (p *parser) object(event func(*parser) Item) (Item, error) {
	s, raw := p.s, p.raw
	it := event(p)
	if err := s.End(); err != nil {
		return Item{}, malformed.JSON(raw, err)
	}
	if err := p.err(); err != nil {
		return Item{}, err
	}
	return it, nil
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
	p := parser{s: s, raw: raw, tenant: tenant, now: now, limits: l, headerKey: headerKey, inArray: true}
	return p.array((*parser).event)
}

// array reads the events of a request that has several.
func (p *parser) array(event func(*parser) Item) ([]Item, error) {
	s, raw, l := p.s, p.raw, p.limits
	if s.Kind() != rawjson.Array {
		if err := s.End(); err != nil {
			return nil, malformed.JSON(raw, err)
		}
		return nil, problem.InvalidField("body", "must be an array of events")
	}
	items := make([]Item, 0, min(l.ArrayEvents, 1+len(raw)/200))
	s.Enter()
	for n := 0; s.Next(); n++ {
		if p.large != nil {
			continue // read on: a syntax error further on is the better answer
		}
		if n == l.ArrayEvents {
			p.large = problem.New(problem.TooLarge, "the array must have at most %d events", l.ArrayEvents)
			continue
		}
		p.index = n
		if it := event(p); !p.failed() {
			items = append(items, it)
		}
	}
	if err := s.End(); err != nil {
		return nil, malformed.JSON(raw, err)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, problem.InvalidField("body", "must have at least one event")
	}
	if p.headerKey != "" {
		whole(items)
	}
	return items, nil
}

// whole makes the digest of each event that is known by the request's Idempotency-Key that of the whole array: the key
// with other events beside it, fewer or more of them, or in another order, is the key with another body.
func whole(items []Item) {
	h := sha256.New()
	var n [8]byte
	for i := range items {
		it := &items[i]
		binary.BigEndian.PutUint64(n[:], uint64(len(it.Event.Name)))
		h.Write(n[:])
		h.Write([]byte(it.Event.Name))
		h.Write(it.Digest[:])
	}
	var full [sha256.Size]byte
	h.Sum(full[:0])
	for i := range items {
		if items[i].Event.Name == "" {
			copy(items[i].Digest[:], full[:])
		}
	}
}

func putScanner(s *rawjson.Scanner) {
	s.Reset(nil, rawjson.Limits{})
	scanners.Put(s)
}

func tooLarge(what string, got, limit int) error {
	return problem.New(problem.TooLarge, "%s must have at most %d bytes, got %d", what, limit, got)
}

// maxWrong bounds how many wrong fields an answer lists.
const maxWrong = 20

// parser reads events from a scanner.
type parser struct {
	s         *rawjson.Scanner
	raw       []byte
	tenant    event.TenantID
	now       time.Time
	limits    Limits
	headerKey string
	inArray   bool
	index     int
	unnamed   int // events so far that are known by headerKey

	wrong []problem.Field // at most maxWrong; nil: nothing so far
	hint  string          // for who sent another shape of event; empty: none
	large error           // a limit was passed
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

func (p *parser) fail(name, format string, args ...any) {
	if len(p.wrong) < maxWrong {
		p.wrong = append(p.wrong, problem.Field{Name: p.field(name), Reason: fmt.Sprintf(format, args...)})
	}
}

func (p *parser) failed() bool { return p.wrong != nil || p.large != nil }

// err returns the fault found so far; nil: none.
func (p *parser) err() error {
	switch {
	case p.wrong != nil:
		return &problem.Error{Kind: problem.Invalid, Detail: p.hint, Fields: p.wrong}
	case p.large != nil:
		return p.large
	}
	return nil
}

// event reads the value at the scanner, which has passed it in any case. The
// item counts only if nothing has failed.
func (p *parser) event() (it Item) {
	s := p.s
	if s.Kind() != rawjson.Object {
		kind := s.Kind()
		s.Value()
		name := ""
		if !p.inArray {
			name = "body"
		}
		p.fail(name, "must be an object with type and data, got %s", kind)
		return it
	}
	start := s.Offset()
	e := &it.Event
	e.Tenant = p.tenant
	var data, attributes []byte
	var typed, seen bool
	var unknown []string
	s.Enter()
	for s.Next() {
		switch name := s.Name(); string(name) {
		case "type":
			typed = true
			if text, ok := p.text("type"); ok {
				e.Type = text
				p.check("type", event.CheckType(text))
			}
		case "data":
			data, seen = s.Value().Raw, true
		case "id":
			if e.Name = p.optionalText("id"); e.Name != "" {
				p.check("id", event.CheckOwnID(e.Name))
			}
		case "key":
			e.Key = p.shortText("key", event.MaxKeyBytes)
		case "version":
			e.Version = p.shortText("version", event.MaxVersionBytes)
		case "timestamp":
			e.Time = p.time("timestamp")
		case "deliverAt":
			e.DeliverAt = p.time("deliverAt")
			if e.DeliverAt.Sub(p.now) > maxAhead {
				p.fail("deliverAt", "must be at most %d days ahead", int(maxAhead.Hours()/24))
			}
		case "attributes":
			switch v := s.Value(); {
			case v.Kind == rawjson.Null, v.Kind == rawjson.Invalid: // the latter is reported by End
			case v.Kind != rawjson.Object:
				p.fail("attributes", "must be an object, got %s", v.Kind)
			case len(v.Raw) > event.MaxAttributeBytes:
				p.fail("attributes", "must have at most %d bytes, got %d", event.MaxAttributeBytes, len(v.Raw))
			default:
				attributes = v.Raw
			}
		default:
			if len(unknown) < maxWrong {
				unknown = append(unknown, clip(name))
			}
		}
	}
	if s.Err() != nil {
		return it // reported by End
	}
	if unknown != nil {
		p.refuseUnknown(unknown)
	}
	if size := s.Offset() - start; size > p.limits.EventBytes {
		p.large = tooLarge("event "+p.field(""), size, p.limits.EventBytes)
	}
	if !typed {
		p.fail("type", "must be given")
	}
	if !seen {
		p.fail("data", "must be given")
	}
	if p.failed() {
		return it
	}
	p.complete(&it, data, attributes)
	return it
}

// complete gives a checked event its key, its time and its own memory.
func (p *parser) complete(it *Item, data, attributes []byte) {
	e := &it.Event
	switch {
	case e.Name != "":
		it.Key = NameKey(e.Name)
	case p.headerKey != "":
		it.Key = HeaderKey(p.headerKey, p.unnamed)
		p.unnamed++
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
}

// members are the members of an event as published.
var members = []string{"type", "data", "id", "key", "version", "timestamp", "deliverAt", "attributes"}

// otherNames are names that other systems, and what endpoints receive, have for members.
var otherNames = map[string]string{
	"event": "type", "event_name": "type", "eventname": "type", "event_type": "type", "eventtype": "type", "name": "type",
	"payload": "data", "body": "data", "event_data": "data",
	"event_id": "id", "eventid": "id", "idempotencykey": "id",
	"event_ts": "timestamp", "time": "timestamp", "occurredat": "timestamp", "createdat": "timestamp",
	"metadata": "attributes", "deliver_at": "deliverAt", "orderingkey": "key", "partitionkey": "key",
}

// refuseUnknown refuses members that an event does not have, with what may have been meant.
func (p *parser) refuseUnknown(names []string) {
	for _, name := range names {
		near := otherNames[strings.ToLower(name)]
		if near == "" {
			near = nearest.Of(name, slices.Values(members))
		}
		if near == "" {
			p.fail(name, "is not a field of an event")
		} else {
			p.fail(name, "is not a field of an event; did you mean %q?", near)
		}
	}
	has := func(all ...string) bool {
		return !slices.ContainsFunc(all, func(name string) bool { return !slices.Contains(names, name) })
	}
	const publish = "; publish it as type, data, id and timestamp"
	switch {
	case p.hint != "":
	case has("event_name", "payload"), has("event_id", "event_name"), has("event_id", "payload"):
		p.hint = "this is the shape that endpoints receive in the format push" + publish
	case has("event", "webhookId"):
		p.hint = "this is the shape that endpoints receive in the format relay" + publish
	case has("specversion"):
		p.hint = "this is a CloudEvent: publish it with the header Content-Type: application/cloudevents+json"
	}
}

// check fails a member for which there is an error.
func (p *parser) check(name string, err error) {
	if err != nil {
		p.fail(name, "%v", err)
	}
}

// text reads a string; ok is false when there is none.
func (p *parser) text(name string) (text string, ok bool) {
	v := p.s.Value()
	if v.Kind == rawjson.Invalid {
		return "", false // reported by End
	}
	if v.Kind != rawjson.String {
		p.fail(name, "must be a string, got %s", v.Kind)
		return "", false
	}
	text, err := v.String()
	if err != nil {
		p.fail(name, "must be a string")
	}
	return text, err == nil
}

// optionalText reads a string that is not empty, with null for empty.
func (p *parser) optionalText(name string) string {
	if p.s.Kind() == rawjson.Null {
		p.s.Value()
		return ""
	}
	text, ok := p.text(name)
	if ok && text == "" {
		p.fail(name, "must not be empty")
	}
	return text
}

// shortText reads a text of at most so many bytes without control characters.
func (p *parser) shortText(name string, most int) string {
	text := p.optionalText(name)
	if len(text) > most {
		p.fail(name, "must have at most %d bytes, got %d", most, len(text))
	} else {
		p.check(name, event.CheckText(text))
	}
	return text
}

func (p *parser) time(name string) time.Time {
	s := p.optionalText(name)
	if s == "" {
		return time.Time{}
	}
	t, err := event.ParseTime(s)
	p.check(name, err)
	return t
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
