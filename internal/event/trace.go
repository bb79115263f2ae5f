package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// Trace is the place of an event in a distributed trace (W3C Trace Context): the id of the trace, in 16 bytes, the id of
// the span in which it was published, in 8, and the flags. What happens to the event is below that span.
type Trace [TraceBytes]byte

// TraceBytes is the size of a Trace as it is stored.
const TraceBytes = 16 + 8 + 1

// The flags of a trace that version 00 of the header knows. Others are not handed on.
const (
	TraceSampled = 1 << 0 // whoever called records its part of the trace
	TraceRandom  = 1 << 1 // the last 7 bytes of the trace's id are random

	traceFlags = TraceSampled | TraceRandom
)

// ParseTrace reads a header traceparent; ok is false for one that is not valid, which is to be ignored. Of a later version
// it reads what this one knows, as the recommendation has it.
func ParseTrace(header []byte) (t Trace, ok bool) {
	const length = 2 + 1 + 32 + 1 + 16 + 1 + 2
	if len(header) < length || header[2] != '-' || header[35] != '-' || header[52] != '-' {
		return Trace{}, false
	}
	var version, flags [1]byte
	if !unhex(version[:], header[:2]) || !unhex(t[:16], header[3:35]) || !unhex(t[16:24], header[36:52]) || !unhex(flags[:], header[53:55]) {
		return Trace{}, false
	}
	switch {
	case version[0] == 0xff, version[0] == 0 && len(header) != length, len(header) > length && header[length] != '-':
		return Trace{}, false
	case t.ID() == [16]byte{}, t.Span() == [8]byte{}:
		return Trace{}, false
	}
	t[24] = flags[0] & traceFlags
	return t, true
}

// unhex decodes lower-case hexadecimal digits, twice as many as dst has bytes.
func unhex(dst, digits []byte) bool {
	for _, c := range digits {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	_, err := hex.Decode(dst, digits)
	return err == nil
}

// ID returns the id of the trace.
func (t *Trace) ID() [16]byte { return [16]byte(t[:16]) }

// Span returns the id of the span.
func (t *Trace) Span() [8]byte { return [8]byte(t[16:24]) }

// Sampled reports whether spans of the trace are recorded.
func (t *Trace) Sampled() bool { return t[24]&TraceSampled != 0 }

// In returns the place in the same trace below another span.
func (t *Trace) In(span [8]byte) *Trace {
	below := *t
	copy(below[16:24], span[:])
	return &below
}

// AttemptSpan returns the id of the span of an attempt. It is computed and not drawn, so that it is the same in the
// request and in what is reported about it, without being stored.
func (t *Trace) AttemptSpan(d DeliveryID, number int, at time.Time) (span [8]byte) {
	var b [TraceBytes + 28]byte
	copy(b[:], t[:])
	binary.BigEndian.PutUint64(b[TraceBytes:], uint64(d.Event))
	binary.BigEndian.PutUint32(b[TraceBytes+8:], d.Webhook)
	binary.BigEndian.PutUint64(b[TraceBytes+12:], uint64(number))
	binary.BigEndian.PutUint64(b[TraceBytes+20:], uint64(at.UnixMilli()))
	sum := sha256.Sum256(b[:])
	copy(span[:], sum[:])
	if span == [8]byte{} {
		span[0] = 1 // which stands for none otherwise
	}
	return span
}

// String returns the header traceparent.
func (t *Trace) String() string {
	var b [55]byte
	copy(b[:], "00-")
	hex.Encode(b[3:35], t[:16])
	b[35] = '-'
	hex.Encode(b[36:52], t[16:24])
	b[52] = '-'
	hex.Encode(b[53:], t[24:])
	return string(b[:])
}
