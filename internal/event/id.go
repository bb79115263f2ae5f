package event

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"
)

// ID is the number of an event, an intake or an attempt within an installation: 42 bits of
// milliseconds since 1970, 9 bits of node, 12 bits of counter. It is unique over all nodes and
// rises with time on each node, so it serves as the row id and as the storage order. Clients see it
// with a prefix: see ID.Public.
type ID int64

const (
	counterBits = 12
	nodeBits    = 9
	// MaxNode is the highest node number an ID can carry.
	MaxNode = 1<<nodeBits - 1
	// MaxReserve is the largest number of consecutive ids that Sequence.Reserve returns.
	MaxReserve = 1 << counterBits
)

// Prefixes of public ids.
const (
	EventPrefix    = "evt_"
	AttemptPrefix  = "att_"
	DeliveryPrefix = "whk_"
	BatchPrefix    = "bat_"
)

// LastTime returns the latest time that an ID can hold.
func LastTime() time.Time {
	return time.UnixMilli(1<<(63-counterBits-nodeBits) - 1).UTC()
}

// FirstID returns the lowest ID of the millisecond of t: the bound for "since t" in storage order.
func FirstID(t time.Time) ID {
	return ID(max(t.UnixMilli(), 0)) << (counterBits + nodeBits)
}

// Time returns when the id was assigned, to the millisecond, in UTC.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(id) >> (counterBits + nodeBits)).UTC()
}

// Node returns the number of the node that assigned the id.
func (id ID) Node() int { return int(id>>counterBits) & MaxNode }

// Public returns the public form of the id: the prefix and 13 digits of Crockford's base 32 in
// lower case. Public forms sort like the ids.
func (id ID) Public(prefix string) string {
	var b [24]byte
	return string(id.AppendPublic(b[:0], prefix))
}

// AppendPublic appends the public form of the id to dst.
func (id ID) AppendPublic(dst []byte, prefix string) []byte {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(id))
	return appendBase32(append(dst, prefix...), raw[:])
}

// ErrBadID means that a text is not a public id with the expected prefix.
var ErrBadID = errors.New("not a valid id")

// ParseID parses the output of Public. It returns ErrBadID for any other text.
func ParseID(prefix, s string) (ID, error) {
	var raw [8]byte
	if len(s) < len(prefix) || s[:len(prefix)] != prefix || !decodeBase32(raw[:], s[len(prefix):]) {
		return 0, ErrBadID
	}
	id := ID(binary.BigEndian.Uint64(raw[:]))
	if id < 0 {
		return 0, ErrBadID
	}
	return id, nil
}

// DeliveryID identifies a delivery of one event to one webhook. It consists of their two numbers,
// so routing an event again yields the same deliveries, and every attempt of a delivery has the
// same id.
type DeliveryID struct {
	Event   ID
	Webhook uint32 // the webhook's number
}

// String returns the public form, "whk_" and 20 digits: the webhookId on which receivers
// deduplicate.
func (d DeliveryID) String() string {
	var b [24]byte
	return string(d.Append(b[:0]))
}

// Append appends the public form to dst.
func (d DeliveryID) Append(dst []byte) []byte {
	var raw [12]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(d.Event))
	binary.BigEndian.PutUint32(raw[8:], d.Webhook)
	return appendBase32(append(dst, DeliveryPrefix...), raw[:])
}

// ParseDeliveryID parses the output of DeliveryID.String. It returns ErrBadID for any other text.
func ParseDeliveryID(s string) (DeliveryID, error) {
	var raw [12]byte
	if len(s) < len(DeliveryPrefix) || s[:len(DeliveryPrefix)] != DeliveryPrefix ||
		!decodeBase32(raw[:], s[len(DeliveryPrefix):]) {
		return DeliveryID{}, ErrBadID
	}
	d := DeliveryID{
		Event:   ID(binary.BigEndian.Uint64(raw[:8])),
		Webhook: binary.BigEndian.Uint32(raw[8:]),
	}
	if d.Event < 0 {
		return DeliveryID{}, ErrBadID
	}
	return d, nil
}

// base32Digits is Crockford's alphabet in lower case; its digits sort like
// their values. https://www.crockford.com/base32.html
const base32Digits = "0123456789abcdefghjkmnpqrstvwxyz"

var base32Value = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for v, c := range []byte(base32Digits) {
		t[c] = int8(v)
	}
	return t
}()

// appendBase32 appends src in base 32, most significant bits first. The first digit holds the
// remaining bits, so that the texts sort like the numbers.
func appendBase32(dst, src []byte) []byte {
	digits := (len(src)*8 + 4) / 5
	bits := len(src)*8 - (digits-1)*5 // bits in the first digit
	acc, have := uint(0), 0
	i := 0
	for range digits {
		for have < bits {
			acc, have = acc<<8|uint(src[i]), have+8
			i++
		}
		dst = append(dst, base32Digits[acc>>(have-bits)&31])
		have -= bits
		acc &= 1<<have - 1
		bits = 5
	}
	return dst
}

// decodeBase32 decodes s into dst and reports whether s is exactly the encoding that appendBase32
// produces.
func decodeBase32(dst []byte, s string) bool {
	digits := (len(dst)*8 + 4) / 5
	if len(s) != digits {
		return false
	}
	bits := len(dst)*8 - (digits-1)*5
	acc, have := uint(0), 0
	i := 0
	for k := range digits {
		v := base32Value[s[k]]
		if v < 0 || int(v)>>bits != 0 {
			return false
		}
		acc, have = acc<<bits|uint(v), have+bits
		if have >= 8 {
			dst[i] = byte(acc >> (have - 8))
			have -= 8
			acc &= 1<<have - 1
			i++
		}
		bits = 5
	}
	return true
}

// Sequence generates rising ids for one node. It never returns an id twice or a lower one, even
// when the clock steps back: it then continues from the last id. It is safe for concurrent use.
type Sequence struct {
	mu   sync.Mutex
	node ID
	last ID
}

// NewSequence returns a sequence of ids for the node that starts above last, the highest id that
// the node has stored.
func NewSequence(node int, last ID) *Sequence {
	return &Sequence{node: ID(node&MaxNode) << counterBits, last: last}
}

// Reserve returns the first of n consecutive ids, 1 to MaxReserve, which share one millisecond.
func (s *Sequence) Reserve(now time.Time, n int) ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := FirstID(now) | s.node
	if last := s.last; id <= last {
		const shift = counterBits + nodeBits
		counter := last&(1<<counterBits-1) + 1
		ms := last >> shift
		if int(counter)+n > MaxReserve {
			ms, counter = ms+1, 0
		}
		id = ms<<shift | s.node | counter
	}
	s.last = id + ID(n) - 1
	return id
}
