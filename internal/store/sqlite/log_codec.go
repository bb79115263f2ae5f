package sqlite

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
)

// A block of the log, before S2 compression:
//
//	block  = version (1 byte) entry*
//	entry  = size (4 bytes, little endian, of what follows) head detail
//	head   = outcome (1 byte) flags (1 byte) tenant webhook event at total [status]
//	detail = type number name errorKind error
//	         method url fields body bodyFormat
//	         [fields body bodyBytes] dns connect tls firstByte [next]
//
// Numbers are varints, signed ones in zigzag. event and at are differences to
// the entry before (zero for the first); at and next are milliseconds, next
// counted from at; durations are microseconds. Strings have their length
// before them; fields and bodies have their length plus one, zero meaning nil.
// Brackets stand for what is there only if the flag is set.
//
// The head is what filters, counters and indexes need; the size lets a reader
// step over the detail, which is most of an entry.
const (
	logVersion = 1

	flagTest      = 1 << 0
	flagResponse  = 1 << 1
	flagNext      = 1 << 2
	flagTruncated = 1 << 3

	entrySizeBytes = 4

	// logBlockBytes ends a block: large enough to compress well, small enough
	// that reading a single entry stays cheap.
	logBlockBytes = 64 << 10
	// logBlockEntries is below event.MaxReserve, the most ids a block can have.
	logBlockEntries = 4000
)

// castagnoli is the polynomial of CRC32C (RFC 3720 appendix B.4), which
// processors compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errLogFormat is returned for bytes that pass their checksum and yet are no block.
var errLogFormat = errors.New("not a block of log entries of a known version")

// logEntry is the head of an entry.
type logEntry struct {
	event   event.ID
	at      int64 // ms since 1970
	total   int64 // µs
	tenant  event.TenantID
	webhook uint32
	status  int32 // 0 without a response
	outcome delivery.Outcome
	flags   uint8
}

func (e *logEntry) delivery() event.DeliveryID {
	return event.DeliveryID{Event: e.event, Webhook: e.webhook}
}

// newLogBlock is a block ready to be stored. Its id is given when it is.
type newLogBlock struct {
	id       event.ID
	from, to int // of encoder.out: the compressed bytes
	first    int // index of its first entry
	entries  int
	rawBytes int
	crc      uint32
}

// logEncoder turns attempts into blocks. It keeps its buffers for the next use.
type logEncoder struct {
	raw    []byte // the block being filled
	out    []byte // compressed blocks
	blocks []newLogBlock

	event event.ID // of the entry before, in this block
	at    int64
	first int
	n     int
}

// encode makes blocks of the attempts. The returned entries are the caller's;
// blocks and their bytes belong to the encoder until the next use.
func (w *logEncoder) encode(attempts []*delivery.Attempt) []logEntry {
	w.raw, w.out, w.blocks = w.raw[:0], w.out[:0], w.blocks[:0]
	w.first, w.n = 0, 0
	entries := make([]logEntry, len(attempts))
	for i, a := range attempts {
		w.add(a, &entries[i])
		if len(w.raw) >= logBlockBytes || w.n >= logBlockEntries {
			w.seal()
		}
	}
	w.seal()
	return entries
}

func (w *logEncoder) seal() {
	if w.n == 0 {
		return
	}
	from := len(w.out)
	w.out = slices.Grow(w.out, s2.MaxEncodedLen(len(w.raw)))
	body := s2.Encode(w.out[from:cap(w.out)], w.raw)
	w.out = w.out[:from+len(body)]
	w.blocks = append(w.blocks, newLogBlock{
		from: from, to: len(w.out),
		first: w.first, entries: w.n,
		rawBytes: len(w.raw),
		crc:      crc32.Checksum(body, castagnoli),
	})
	w.first, w.n = w.first+w.n, 0
	w.raw = w.raw[:0]
}

func (w *logEncoder) add(a *delivery.Attempt, e *logEntry) {
	if w.n == 0 {
		w.raw = append(w.raw, logVersion)
		w.event, w.at = 0, 0
	}
	*e = logEntry{
		event: a.Event, at: a.At.UnixMilli(), total: a.Timing.Total.Microseconds(),
		tenant: a.Tenant, webhook: a.Webhook, outcome: a.Outcome,
	}
	if a.Test {
		e.flags |= flagTest
	}
	if a.Response != nil {
		e.flags |= flagResponse
		e.status = int32(a.Response.Status)
		if a.Response.Truncated {
			e.flags |= flagTruncated
		}
	}
	if !a.NextAt.IsZero() {
		e.flags |= flagNext
	}

	start := len(w.raw)
	b := append(w.raw, 0, 0, 0, 0) // the size, set below
	b = append(b, byte(e.outcome), e.flags)
	b = binary.AppendUvarint(b, uint64(uint32(e.tenant)))
	b = binary.AppendUvarint(b, uint64(e.webhook))
	b = binary.AppendVarint(b, int64(e.event-w.event))
	b = binary.AppendVarint(b, e.at-w.at)
	b = binary.AppendVarint(b, e.total)
	if a.Response != nil {
		b = binary.AppendVarint(b, int64(e.status))
	}

	b = appendString(b, a.EventType)
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
	b = binary.AppendVarint(b, a.Timing.DNS.Microseconds())
	b = binary.AppendVarint(b, a.Timing.Connect.Microseconds())
	b = binary.AppendVarint(b, a.Timing.TLS.Microseconds())
	b = binary.AppendVarint(b, a.Timing.FirstByte.Microseconds())
	if e.flags&flagNext != 0 {
		b = binary.AppendVarint(b, a.NextAt.UnixMilli()-e.at)
	}
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-entrySizeBytes))
	w.raw = b
	w.event, w.at = e.event, e.at
	w.n++
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

// openLogBlock checks the stored bytes of a block and decompresses them into
// dst's memory, or new memory if that is too small.
func openLogBlock(dst, body []byte, rawBytes int, crc uint32) ([]byte, error) {
	if got := crc32.Checksum(body, castagnoli); got != crc {
		return nil, errors.New("its checksum does not match its content")
	}
	if n, err := s2.DecodedLen(body); err != nil || n != rawBytes {
		return nil, errors.New("its content has another length than was stored")
	}
	raw, err := s2.Decode(dst[:cap(dst)], body)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 || raw[0] != logVersion {
		return nil, errLogFormat
	}
	return raw, nil
}

// logReader steps through the entries of a decompressed block.
type logReader struct {
	rest   []byte
	entry  logEntry // the current entry's head
	detail []byte   // and its detail, part of the block's bytes
	err    error
}

// readLogBlock returns a reader before the first entry.
func readLogBlock(raw []byte) logReader { return logReader{rest: raw[1:]} }

// next moves to the next entry; it returns false at the end, or with err set.
func (r *logReader) next() bool {
	if len(r.rest) == 0 {
		return false
	}
	if len(r.rest) < entrySizeBytes {
		r.err = errLogFormat
		return false
	}
	size := uint64(binary.LittleEndian.Uint32(r.rest))
	b := r.rest[entrySizeBytes:]
	if size > uint64(len(b)) || size < 2 {
		r.err = errLogFormat
		return false
	}
	d := decoder{b: b[:size], pos: 2}
	e := &r.entry
	e.outcome, e.flags = delivery.Outcome(b[0]), b[1]
	e.tenant = event.TenantID(uint32(d.uvarint()))
	e.webhook = uint32(d.uvarint())
	e.event += event.ID(d.varint())
	e.at += d.varint()
	e.total = d.varint()
	e.status = 0
	if e.flags&flagResponse != 0 {
		e.status = int32(d.varint())
	}
	if d.bad {
		r.err = errLogFormat
		return false
	}
	r.detail = d.b[d.pos:]
	r.rest = b[size:]
	return true
}

// eventType returns the current entry's event type, part of the block's bytes.
func (r *logReader) eventType() []byte {
	d := decoder{b: r.detail}
	n := d.length()
	if d.bad {
		return nil
	}
	return r.detail[d.pos : d.pos+n]
}

// attempt makes the whole attempt of an entry. It shares no memory with the block.
func (e *logEntry) attempt(id event.ID, detail []byte) (*delivery.Attempt, error) {
	// One copy serves all strings.
	d := decoder{b: detail, s: string(detail)}
	at := time.UnixMilli(e.at).UTC()
	a := &delivery.Attempt{
		ID: id, Tenant: e.tenant, Event: e.event, Webhook: e.webhook,
		At: at, Outcome: e.outcome, Test: e.flags&flagTest != 0,
	}
	a.EventType = d.str()
	a.Number = int(d.varint())
	a.EventName = d.str()
	a.ErrorKind = d.str()
	a.Error = d.str()
	a.Request.Method = d.str()
	a.Request.URL = d.str()
	a.Request.Header = d.fields()
	a.Request.Body = d.body()
	a.Request.BodyFormat = d.str()
	if e.flags&flagResponse != 0 {
		a.Response = &egress.Response{
			Status:    int(e.status),
			Header:    d.fields(),
			Body:      d.body(),
			BodyBytes: d.varint(),
			Truncated: e.flags&flagTruncated != 0,
		}
	}
	a.Timing = egress.Timing{
		DNS: d.micros(), Connect: d.micros(), TLS: d.micros(), FirstByte: d.micros(),
		Total: time.Duration(e.total) * time.Microsecond,
	}
	if e.flags&flagNext != 0 {
		a.NextAt = time.UnixMilli(e.at + d.varint()).UTC()
	}
	if d.bad || d.pos != len(d.b) {
		return nil, errLogFormat
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

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b[d.pos:])
	if n <= 0 {
		return d.fail()
	}
	d.pos += n
	return v
}

func (d *decoder) fail() uint64 {
	d.bad, d.pos = true, len(d.b)
	return 0
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

// length reads how many bytes follow and checks that they are there.
func (d *decoder) length() int {
	n := d.uvarint()
	if n > uint64(len(d.b)-d.pos) {
		n = d.fail()
	}
	return int(n)
}

func (d *decoder) str() string {
	n := d.length()
	d.pos += n
	return d.s[d.pos-n : d.pos]
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
