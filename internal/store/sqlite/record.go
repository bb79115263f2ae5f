package sqlite

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
)

// A block of events, before S2 compression:
//
//	block  = version (1 byte) record*
//	record = size (4 bytes, little endian, of the rest) head text attributes data [warnings]
//	head   = flags (1 byte) tenant time
//	         lengths of: name type version key idempotencyKey attributes data
//	         [deliverAt] [cause] [digest (16 bytes)] [near] [length of: warnings] [trace (25 bytes)]
//	text   = name type version key idempotencyKey
//
// Numbers are varints, time and deliverAt zigzag milliseconds since 1970; near
// is the distance to the cause, which is in the same block, zigzag.
// Parts in brackets are there only if their flag is set. Event ids are not
// stored: the n-th record has the block's id plus n.
const (
	recordVersion = 1

	flagDeliverAt = 1 << 0
	flagCause     = 1 << 1
	flagKeyed     = 1 << 2 // an idempotency key came with the event
	flagNameIsKey = 1 << 3 // it is the one made of the name, and not stored again
	flagNear      = 1 << 4
	flagWarnings  = 1 << 5
	flagTrace     = 1 << 6

	recordSizeBytes = 4
)

// errRecordFormat is returned for bytes that pass their checksum and yet are
// no records of a known version.
var errRecordFormat = errors.New("not records of a known version")

// appendRecord appends the record of an event. Digest counts only with a key;
// near is the distance to the event's cause if that is stored with it, else 0.
func appendRecord(dst []byte, e *event.Event, key string, digest *[16]byte, near int32) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	var flags byte
	if !e.DeliverAt.IsZero() {
		flags |= flagDeliverAt
	}
	switch {
	case near != 0:
		flags |= flagNear
	case e.Cause != 0:
		flags |= flagCause
	}
	if e.Warnings != "" {
		flags |= flagWarnings
	}
	if e.Trace != nil {
		flags |= flagTrace
	}
	if key != "" {
		flags |= flagKeyed
		if e.Name != "" && key == ingest.NameKey(e.Name) {
			flags |= flagNameIsKey
			key = ""
		}
	}
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(e.Tenant))
	dst = binary.AppendVarint(dst, e.Time.UnixMilli())
	for _, n := range [...]int{len(e.Name), len(e.Type), len(e.Version), len(e.Key), len(key), len(e.Attributes), len(e.Data)} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	if flags&flagDeliverAt != 0 {
		dst = binary.AppendVarint(dst, e.DeliverAt.UnixMilli())
	}
	if flags&flagCause != 0 {
		dst = binary.AppendUvarint(dst, uint64(e.Cause))
	}
	if flags&flagKeyed != 0 {
		dst = append(dst, digest[:]...)
	}
	if flags&flagNear != 0 {
		dst = binary.AppendVarint(dst, int64(near))
	}
	if flags&flagWarnings != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(e.Warnings)))
	}
	if flags&flagTrace != 0 {
		dst = append(dst, e.Trace[:]...)
	}
	dst = append(dst, e.Name...)
	dst = append(dst, e.Type...)
	dst = append(dst, e.Version...)
	dst = append(dst, e.Key...)
	dst = append(dst, key...)
	dst = append(dst, e.Attributes...)
	dst = append(dst, e.Data...)
	dst = append(dst, e.Warnings...)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-recordSizeBytes))
	return dst
}

// record is a record taken apart in place.
type record struct {
	flags     byte
	tenant    event.TenantID
	time      int64 // ms
	deliverAt int64 // ms, if flagged
	cause     event.ID
	near      int64
	digest    []byte
	text      []byte // all strings
	lengths   [5]int // name, type, version, key, idempotency key
	name      []byte
	typ       []byte
	key       []byte
	idem      []byte
	attr      []byte
	data      []byte
	warnings  []byte
	trace     []byte
}

// nextRecord takes the first record off raw.
func nextRecord(raw []byte, r *record) (rest []byte, err error) {
	if len(raw) < recordSizeBytes {
		return nil, errRecordFormat
	}
	size := binary.LittleEndian.Uint32(raw)
	raw = raw[recordSizeBytes:]
	if uint64(size) > uint64(len(raw)) {
		return nil, errRecordFormat
	}
	return raw[size:], r.parse(raw[:size])
}

func (r *record) parse(b []byte) error {
	ok := len(b) > 0
	uvarint := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			ok = false
			return 0
		}
		b = b[n:]
		return v
	}
	varint := func() int64 {
		v, n := binary.Varint(b)
		if n <= 0 {
			ok = false
			return 0
		}
		b = b[n:]
		return v
	}
	if !ok {
		return errRecordFormat
	}
	*r = record{flags: b[0]}
	b = b[1:]
	r.tenant = event.TenantID(uvarint())
	r.time = varint()
	total, text := uint64(0), 0
	var lengths [7]int
	for i := range lengths {
		n := uvarint()
		if n > uint64(len(b)) {
			return errRecordFormat
		}
		lengths[i] = int(n)
		total += n
		if i < len(r.lengths) {
			r.lengths[i] = int(n)
			text += int(n)
		}
	}
	if r.flags&flagDeliverAt != 0 {
		r.deliverAt = varint()
	}
	if r.flags&flagCause != 0 {
		r.cause = event.ID(uvarint())
	}
	if r.flags&flagKeyed != 0 {
		if len(b) < 16 {
			return errRecordFormat
		}
		r.digest, b = b[:16], b[16:]
	}
	if r.flags&flagNear != 0 {
		r.near = varint()
	}
	noted := uint64(0)
	if r.flags&flagWarnings != 0 {
		if noted = uvarint(); noted > uint64(len(b)) {
			return errRecordFormat
		}
		total += noted
	}
	if r.flags&flagTrace != 0 {
		if len(b) < event.TraceBytes {
			return errRecordFormat
		}
		r.trace, b = b[:event.TraceBytes], b[event.TraceBytes:]
	}
	if !ok || total != uint64(len(b)) {
		return errRecordFormat
	}
	r.text = b[:text]
	cut := func(n int) (field []byte) { field, b = b[:n], b[n:]; return field }
	r.name, r.typ = cut(lengths[0]), cut(lengths[1])
	cut(lengths[2])
	r.key, r.idem = cut(lengths[3]), cut(lengths[4])
	r.attr, r.data = cut(lengths[5]), cut(lengths[6])
	r.warnings = cut(int(noted))
	return nil
}

// idempotencyKey returns the event's key, empty for none.
func (r *record) idempotencyKey() string {
	switch {
	case r.flags&flagKeyed == 0:
		return ""
	case r.flags&flagNameIsKey != 0:
		return ingest.NameKey(string(r.name))
	}
	return string(r.idem)
}

// event returns the event, which shares no memory with the record.
func (r *record) event(id event.ID) event.Event {
	text := string(r.text[:len(r.text)-r.lengths[4]])
	cut := func(n int) (field string) { field, text = text[:n], text[n:]; return field }
	e := event.Event{
		ID:     id,
		Tenant: r.tenant,
		Time:   time.UnixMilli(r.time).UTC(),
		Cause:  r.cause,
	}
	e.Name, e.Type, e.Version, e.Key = cut(r.lengths[0]), cut(r.lengths[1]), cut(r.lengths[2]), cut(r.lengths[3])
	if r.flags&flagNear != 0 {
		e.Cause = id + event.ID(r.near)
	}
	if len(r.warnings) > 0 {
		e.Warnings = string(r.warnings)
	}
	if r.trace != nil {
		t := event.Trace(r.trace)
		e.Trace = &t
	}
	if r.flags&flagDeliverAt != 0 {
		e.DeliverAt = time.UnixMilli(r.deliverAt).UTC()
	}
	a, d := len(r.attr), len(r.data)
	bytes := make([]byte, a+d)
	copy(bytes, r.attr)
	copy(bytes[a:], r.data)
	if a > 0 {
		e.Attributes = bytes[:a:a]
	}
	if d > 0 {
		e.Data = bytes[a:]
	}
	return e
}
