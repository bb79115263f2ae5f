package event

import "encoding/binary"

// This file writes ids as UUIDs of version 7 (RFC 9562, section 5.7), for receivers that store ids
// in columns of that type. It also parses them, so that an event can be found by the id that its
// receiver knows:
//
//	48 bits  milliseconds since 1970, from the id
//	12 bits  counter, from the id
//	 9 bits  node, from the id
//	53 bits  check: a hash of the id, which tells Relay's UUIDs from others
//
// The version and the variant, six bits, lie between them.

const (
	uuidCheckBits = 53
	uuidVersion   = 0x7000
	uuidVariant   = 0x8000000000000000
	uuidText      = 36
)

// uuidCheck returns 53 random-looking bits computed from the id, with the finalizer of SplitMix64.
func uuidCheck(id ID) uint64 {
	x := uint64(id) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return (x ^ x>>31) >> (64 - uuidCheckBits)
}

// AppendUUID appends the id as a UUID to dst, 36 characters in lower case.
func (id ID) AppendUUID(dst []byte) []byte {
	counter := uint64(id) & (1<<counterBits - 1)
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(id)>>(counterBits+nodeBits)<<16|uuidVersion|counter)
	binary.BigEndian.PutUint64(raw[8:], uuidVariant|uint64(id.Node())<<uuidCheckBits|uuidCheck(id))
	const digits = "0123456789abcdef"
	for i, b := range raw {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return dst
}

// ParseUUID parses the output of AppendUUID, in any case. ok is false for any other text, including
// other UUIDs.
func ParseUUID(s string) (id ID, ok bool) {
	if len(s) != uuidText {
		return 0, false
	}
	var raw [16]byte
	n := 0
	for i, c := range []byte(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return 0, false
			}
			continue
		}
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		raw[n/2] = raw[n/2]<<4 | c
		n++
	}
	high, low := binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])
	ms, counter, node := high>>16, high&(1<<counterBits-1), low>>uuidCheckBits&MaxNode
	if ms >= 1<<42 {
		return 0, false
	}
	id = ID(ms<<(counterBits+nodeBits) | node<<counterBits | counter)
	return id, high&0xf000 == uuidVersion && low>>62 == uuidVariant>>62 && low&(1<<uuidCheckBits-1) == uuidCheck(id)
}
