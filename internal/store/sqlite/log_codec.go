package sqlite

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/logentry"
)

// A block of the log, before S2 compression:
//
//	block  = version (1 byte) entry*
//	entry  = size (4 bytes, little endian, of the rest) head detail
//	head   = outcome (1 byte) flags (1 byte) tenant webhook event at total [status]
//	detail = type, then as package logentry has it
//
// Numbers are varints, signed ones in zigzag. event and at are differences to
// the entry before (zero for the first); at is milliseconds, total
// microseconds. The type has its length before it. The flags are logentry's;
// status is there only with a response.
//
// The head is what filters, counters and indexes need; the size lets a reader
// step over the detail, which is most of an entry.
const (
	logVersion = 1

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
		flags: logentry.Flags(a),
	}
	if a.Response != nil {
		e.status = int32(a.Response.Status)
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

	b = logentry.AppendString(b, a.EventType)
	b = logentry.AppendDetail(b, a)
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-entrySizeBytes))
	w.raw = b
	w.event, w.at = e.event, e.at
	w.n++
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
	d := logentry.NewDecoder(b[:size], 2)
	e := &r.entry
	e.outcome, e.flags = delivery.Outcome(b[0]), b[1]
	e.tenant = event.TenantID(uint32(d.Uvarint()))
	e.webhook = uint32(d.Uvarint())
	e.event += event.ID(d.Varint())
	e.at += d.Varint()
	e.total = d.Varint()
	e.status = 0
	if e.flags&logentry.Response != 0 {
		e.status = int32(d.Varint())
	}
	if d.Bad() {
		r.err = errLogFormat
		return false
	}
	r.detail = d.Rest()
	r.rest = b[size:]
	return true
}

// eventType returns the current entry's event type, part of the block's bytes.
func (r *logReader) eventType() []byte {
	d := logentry.NewDecoder(r.detail, 0)
	return d.Bytes()
}

// errorKind returns the current entry's kind of error, part of the block's bytes.
func (r *logReader) errorKind() []byte {
	d := logentry.NewDecoder(r.detail, 0)
	d.Bytes() // the event type
	return d.ErrorKind()
}

// attempt makes the whole attempt of an entry. It shares no memory with the block.
func (e *logEntry) attempt(id event.ID, detail []byte) (*delivery.Attempt, error) {
	a := &delivery.Attempt{
		ID: id, Tenant: e.tenant, Event: e.event, Webhook: e.webhook,
		At: time.UnixMilli(e.at).UTC(), Outcome: e.outcome,
	}
	d := logentry.NewTextDecoder(detail, 0)
	a.EventType = d.Text()
	d.Detail(a, e.flags)
	if !d.Whole() {
		return nil, errLogFormat
	}
	a.Timing.Total = time.Duration(e.total) * time.Microsecond
	if a.Response != nil {
		a.Response.Status = int(e.status)
	}
	return a, nil
}
