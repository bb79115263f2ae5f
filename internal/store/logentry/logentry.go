// Package logentry encodes the part of a log entry that both stores keep as
// bytes: what no filter, counter or index looks at.
//
//	detail = number name errorKind error
//	         method url fields body bodyFormat
//	         [fields body bodyBytes] dns connect tls firstByte [next]
//	         [batch lead count events]
//
// Numbers are varints, signed ones in zigzag; next is milliseconds counted
// from the attempt's beginning; durations are microseconds. Strings have their
// length before them; fields and bodies have their length plus one, zero
// meaning nil. Of a batch, lead is the difference to the attempt's event; events
// has its length plus one before it, zero meaning nil, and then each event's
// difference to the one before, to lead at first. Brackets stand for what is
// there only if the flag is set. The flags, and all other parts of an attempt,
// are stored beside it, where each store wants them.
package logentry

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
)

// The flags name the parts that are there.
const (
	Test      = 1 << 0 // the attempt was a test
	Response  = 1 << 1 // there is a complete response
	Next      = 1 << 2 // another attempt was to follow
	Truncated = 1 << 3 // the response's body was cut
	Batch     = 1 << 4 // the request carried a batch
	Follower  = 1 << 5 // and is in the entry of another delivery
)

// Flags returns the flags of an attempt.
func Flags(a *delivery.Attempt) (flags byte) {
	if a.Test {
		flags |= Test
	}
	if a.Response != nil {
		flags |= Response
		if a.Response.Truncated {
			flags |= Truncated
		}
	}
	if !a.NextAt.IsZero() {
		flags |= Next
	}
	if a.Batch != nil {
		flags |= Batch
		if a.Follows() {
			flags |= Follower
		}
	}
	return flags
}

// AppendDetail appends the detail of an attempt.
func AppendDetail(b []byte, a *delivery.Attempt) []byte {
	b = binary.AppendVarint(b, int64(a.Number))
	b = AppendString(b, a.EventName)
	b = AppendString(b, string(a.ErrorKind))
	b = AppendString(b, a.Error)
	b = AppendString(b, a.Request.Method)
	b = AppendString(b, a.Request.URL)
	b = appendFields(b, a.Request.Header)
	b = appendBody(b, a.Request.Body)
	b = AppendString(b, a.Request.BodyFormat)
	if r := a.Response; r != nil {
		b = appendFields(b, r.Header)
		b = appendBody(b, r.Body)
		b = binary.AppendVarint(b, r.BodyBytes)
	}
	b = binary.AppendVarint(b, a.Timing.DNS.Microseconds())
	b = binary.AppendVarint(b, a.Timing.Connect.Microseconds())
	b = binary.AppendVarint(b, a.Timing.TLS.Microseconds())
	b = binary.AppendVarint(b, a.Timing.FirstByte.Microseconds())
	if !a.NextAt.IsZero() {
		b = binary.AppendVarint(b, a.NextAt.UnixMilli()-a.At.UnixMilli())
	}
	if a.Batch != nil {
		b = appendBatch(b, a)
	}
	return b
}

func appendBatch(b []byte, a *delivery.Attempt) []byte {
	b = binary.AppendVarint(b, int64(a.Batch.ID))
	b = binary.AppendVarint(b, int64(a.Batch.Lead-a.Event))
	b = binary.AppendVarint(b, int64(a.Batch.Count))
	if a.Batch.Events == nil || a.Follows() {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(a.Batch.Events))+1)
	before := a.Batch.Lead
	for _, id := range a.Batch.Events {
		b = binary.AppendVarint(b, int64(id-before))
		before = id
	}
	return b
}

// AppendString appends a string with its length.
func AppendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBody(b, body []byte) []byte {
	if body == nil {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, uint64(len(body))+1), body...)
}

func appendFields(b []byte, fields []exchange.Field) []byte {
	if fields == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(fields))+1)
	for i := range fields {
		b = AppendString(b, fields[i].Name)
		b = AppendString(b, fields[i].Value)
	}
	return b
}

// Decoder reads values one after the other. Once something does not fit, Bad
// returns true and everything read is zero.
type Decoder struct {
	b   []byte
	s   string // the same bytes, for Text
	pos int
	bad bool
}

// NewDecoder returns a decoder of b from a position on. It cannot read strings.
func NewDecoder(b []byte, from int) Decoder { return Decoder{b: b, pos: from} }

// NewTextDecoder is NewDecoder for bytes with strings: one copy serves them all.
func NewTextDecoder(b []byte, from int) Decoder { return Decoder{b: b, s: string(b), pos: from} }

// Bad reports whether something did not fit.
func (d *Decoder) Bad() bool { return d.bad }

// Whole reports whether everything fitted and nothing is left.
func (d *Decoder) Whole() bool { return !d.bad && d.pos == len(d.b) }

// Rest returns the unread bytes.
func (d *Decoder) Rest() []byte { return d.b[d.pos:] }

// Detail reads the detail of an attempt whose At is set. It sets nothing that
// is not part of it, but for Test, a Response without its status, and the
// bounds of Timing.
func (d *Decoder) Detail(a *delivery.Attempt, flags byte) {
	a.Test = flags&Test != 0
	a.Number = int(d.Varint())
	a.EventName = d.Text()
	a.ErrorKind = exchange.Kind(d.Text())
	a.Error = d.Text()
	a.Request.Method = d.Text()
	a.Request.URL = d.Text()
	a.Request.Header = d.fields()
	a.Request.Body = d.body()
	a.Request.BodyFormat = d.Text()
	if flags&Response != 0 {
		a.Response = &exchange.Response{
			Header:    d.fields(),
			Body:      d.body(),
			BodyBytes: d.Varint(),
			Truncated: flags&Truncated != 0,
		}
	}
	a.Timing.DNS, a.Timing.Connect, a.Timing.TLS, a.Timing.FirstByte = d.micros(), d.micros(), d.micros(), d.micros()
	if flags&Next != 0 {
		a.NextAt = time.UnixMilli(a.At.UnixMilli() + d.Varint()).UTC()
	}
	if flags&Batch != 0 {
		a.Batch = d.batch(a.Event)
	}
}

// ErrorKind reads the beginning of a detail as far as the kind of error, which it returns as part of the memory that is
// read. PostgreSQL's queries read it from the same place (log.sql).
func (d *Decoder) ErrorKind() []byte {
	d.Varint() // number
	d.Bytes()  // name
	return d.Bytes()
}

// batch reads what appendBatch wrote for an attempt of the event.
func (d *Decoder) batch(of event.ID) *delivery.Batch {
	b := &delivery.Batch{ID: event.ID(d.Varint())}
	b.Lead = of + event.ID(d.Varint())
	b.Count = int(d.Varint())
	n := d.Uvarint()
	if n == 0 {
		return b
	}
	if n--; n > uint64(len(d.b)-d.pos) { // each takes a byte at least
		d.fail()
		return b
	}
	b.Events = make([]event.ID, n)
	before := b.Lead
	for i := range b.Events {
		before += event.ID(d.Varint())
		b.Events[i] = before
	}
	return b
}

func (d *Decoder) fail() uint64 {
	d.bad, d.pos = true, len(d.b)
	return 0
}

// Uvarint reads an unsigned number.
func (d *Decoder) Uvarint() uint64 {
	v, n := binary.Uvarint(d.b[d.pos:])
	if n <= 0 {
		return d.fail()
	}
	d.pos += n
	return v
}

// Varint reads a signed number.
func (d *Decoder) Varint() int64 {
	u := d.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *Decoder) micros() time.Duration {
	v := d.Varint()
	if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
		d.fail()
		return 0
	}
	return time.Duration(v) * time.Microsecond
}

// length reads how many bytes follow and checks that they are there.
func (d *Decoder) length() int {
	n := d.Uvarint()
	if n > uint64(len(d.b)-d.pos) {
		n = d.fail()
	}
	return int(n)
}

// Text reads a string.
func (d *Decoder) Text() string {
	n := d.length()
	d.pos += n
	return d.s[d.pos-n : d.pos]
}

// Bytes reads a string as part of the memory that is read.
func (d *Decoder) Bytes() []byte {
	n := d.length()
	d.pos += n
	return d.b[d.pos-n : d.pos]
}

func (d *Decoder) body() []byte {
	n := d.Uvarint()
	if n == 0 {
		return nil
	}
	if n--; n > uint64(len(d.b)-d.pos) {
		d.fail()
		return nil
	}
	body := make([]byte, n)
	d.pos += copy(body, d.b[d.pos:])
	return body
}

func (d *Decoder) fields() []exchange.Field {
	n := d.Uvarint()
	if n == 0 {
		return nil
	}
	// Each field takes at least two bytes: refuses counts that are not true
	// before memory is given to them.
	if n--; n > uint64(len(d.b)-d.pos)/2 {
		d.fail()
		return nil
	}
	fields := make([]exchange.Field, n)
	for i := range fields {
		fields[i] = exchange.Field{Name: d.Text(), Value: d.Text()}
	}
	return fields
}
