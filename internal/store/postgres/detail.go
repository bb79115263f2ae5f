package postgres

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
)

// The column attempt.detail:
//
//	detail = version (1 byte) flags (1 byte) number name errorKind error
//	         method url fields body bodyFormat
//	         [fields body bodyBytes] dns connect tls firstByte [next]
//
// Numbers are varints, signed ones in zigzag; next is milliseconds counted
// from the attempt's beginning; durations are microseconds. Strings have their
// length before them; fields and bodies have their length plus one, zero
// meaning nil. Brackets stand for what is there only if the flag is set.
const (
	detailVersion = 1

	flagTest      = 1 << 0
	flagResponse  = 1 << 1
	flagNext      = 1 << 2
	flagTruncated = 1 << 3
)

// errDetail is returned for bytes that are no detail of a known version.
var errDetail = errors.New("the log holds an attempt of an unknown format")

// appendDetail appends what the other columns of attempt do not hold.
func appendDetail(b []byte, a *delivery.Attempt) []byte {
	flags := byte(0)
	if a.Test {
		flags |= flagTest
	}
	if a.Response != nil {
		flags |= flagResponse
		if a.Response.Truncated {
			flags |= flagTruncated
		}
	}
	if !a.NextAt.IsZero() {
		flags |= flagNext
	}
	b = append(b, detailVersion, flags)
	b = binary.AppendVarint(b, int64(a.Number))
	b = appendString(b, a.EventName)
	b = appendString(b, a.ErrorKind)
	b = appendString(b, a.Error)
	b = appendString(b, a.Request.Method)
	b = appendString(b, a.Request.URL)
	b = appendFields(b, a.Request.Header)
	b = appendBody(b, a.Request.Body)
	b = appendString(b, a.Request.BodyFormat)
	if r := a.Response; r != nil {
		b = appendFields(b, r.Header)
		b = appendBody(b, r.Body)
		b = binary.AppendVarint(b, r.BodyBytes)
	}
	for _, d := range [...]time.Duration{a.Timing.DNS, a.Timing.Connect, a.Timing.TLS, a.Timing.FirstByte} {
		b = binary.AppendVarint(b, d.Microseconds())
	}
	if flags&flagNext != 0 {
		b = binary.AppendVarint(b, a.NextAt.UnixMilli()-a.At.UnixMilli())
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBody(b, body []byte) []byte {
	if body == nil {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, uint64(len(body))+1), body...)
}

func appendFields(b []byte, fields []egress.Field) []byte {
	if fields == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(fields))+1)
	for i := range fields {
		b = appendString(b, fields[i].Name)
		b = appendString(b, fields[i].Value)
	}
	return b
}

// attemptRow is a row of the table attempt.
type attemptRow struct {
	id, webhook, event, at, total int64
	tenant                        int32
	outcome                       int16
	status                        *int32
	eventType                     string
	detail                        []byte // valid only until the next row
}

// attempt makes the attempt of a row. It shares no memory with the row.
func (r *attemptRow) attempt() (*delivery.Attempt, error) {
	if len(r.detail) < 2 || r.detail[0] != detailVersion {
		return nil, errDetail
	}
	flags := r.detail[1]
	at := time.UnixMilli(r.at).UTC()
	a := &delivery.Attempt{
		ID: event.ID(r.id), Tenant: event.TenantID(r.tenant), Event: event.ID(r.event), Webhook: uint32(r.webhook),
		At: at, Outcome: delivery.Outcome(r.outcome), Test: flags&flagTest != 0, EventType: r.eventType,
	}
	// One copy serves all strings.
	d := decoder{b: r.detail, s: string(r.detail), pos: 2}
	a.Number = int(d.varint())
	a.EventName = d.str()
	a.ErrorKind = d.str()
	a.Error = d.str()
	a.Request.Method = d.str()
	a.Request.URL = d.str()
	a.Request.Header = d.fields()
	a.Request.Body = d.body()
	a.Request.BodyFormat = d.str()
	if flags&flagResponse != 0 {
		a.Response = &egress.Response{
			Header:    d.fields(),
			Body:      d.body(),
			BodyBytes: d.varint(),
			Truncated: flags&flagTruncated != 0,
		}
		if r.status != nil {
			a.Response.Status = int(*r.status)
		}
	}
	a.Timing = egress.Timing{
		DNS: d.micros(), Connect: d.micros(), TLS: d.micros(), FirstByte: d.micros(),
		Total: time.Duration(r.total) * time.Microsecond,
	}
	if flags&flagNext != 0 {
		a.NextAt = time.UnixMilli(r.at + d.varint()).UTC()
	}
	if d.bad || d.pos != len(d.b) {
		return nil, errDetail
	}
	return a, nil
}

// decoder reads values one after the other. Once something does not fit, bad
// is set and everything read is zero.
type decoder struct {
	b   []byte
	s   string // the same bytes, for str
	pos int
	bad bool
}

func (d *decoder) fail() uint64 {
	d.bad, d.pos = true, len(d.b)
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b[d.pos:])
	if n <= 0 {
		return d.fail()
	}
	d.pos += n
	return v
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (d *decoder) micros() time.Duration {
	v := d.varint()
	if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
		d.fail()
		return 0
	}
	return time.Duration(v) * time.Microsecond
}

func (d *decoder) str() string {
	n := d.uvarint()
	if n > uint64(len(d.b)-d.pos) {
		n = d.fail()
	}
	d.pos += int(n)
	return d.s[d.pos-int(n) : d.pos]
}

func (d *decoder) body() []byte {
	n := d.uvarint()
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

func (d *decoder) fields() []egress.Field {
	n := d.uvarint()
	if n == 0 {
		return nil
	}
	// Each field takes at least two bytes: refuses counts that are not true
	// before memory is given to them.
	if n--; n > uint64(len(d.b)-d.pos)/2 {
		d.fail()
		return nil
	}
	fields := make([]egress.Field, n)
	for i := range fields {
		fields[i] = egress.Field{Name: d.str(), Value: d.str()}
	}
	return fields
}
