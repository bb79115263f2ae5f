// Package randomid makes the public ids and tokens of everything that is not an event.
package randomid

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// lower has the alphabet of RFC 4648 section 7, in whose order the encoded bytes sort.
var lower = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// New returns a fresh id: the prefix, such as "wh_", and 80 random bits as lower-case letters and digits.
func New(prefix string) string {
	var b [10]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return prefix + lower.EncodeToString(b[:])
}

// At returns a fresh id that sorts by the time it is made at, to the millisecond: lists are in the order of their ids.
func At(prefix string, at time.Time) string {
	var b [14]byte
	binary.BigEndian.PutUint64(b[:8], uint64(at.UnixMilli())<<16)
	rand.Read(b[6:]) // never fails, see crypto/rand
	return prefix + lower.EncodeToString(b[:])
}

// Token returns a fresh secret for URLs, cookies and heads: the prefix, by which secret scanners know it, and 256 random
// bits. It is too long to be guessed, so a plain SHA-256 of it may be stored.
func Token(prefix string) string {
	var b [32]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}
