package account

import (
	"crypto/rand"
	"encoding/base64"
	"hash/crc32"
	"strings"
)

// A key is the prefix, 192 random bits in base 64 (RFC 4648 section 5), and a checksum of both. The checksum tells a key
// that was mistyped or cut off from one that was revoked, and a secret scanner's find from a random text, without asking
// a server. docs/security.md publishes the pattern.
const (
	// keyPrefix marks Relay's keys, so that secret scanners can find leaked ones.
	keyPrefix = "rk_"
	// keyRandom is the number of characters that 192 bits take.
	keyRandom = 32
	// keySum is the number of characters of a checksum: CRC-32 takes up to six digits in base 62.
	keySum = 6
)

// NewKeyText returns a fresh key.
func NewKeyText() string {
	var b [keyRandom * 3 / 4]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	text := keyPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	return text + keyChecksum(text)
}

// keyChecksum returns the CRC-32 (IEEE 802.3) of the text in base 62.
func keyChecksum(text string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	n := crc32.ChecksumIEEE([]byte(text))
	var sum [keySum]byte
	for i := keySum - 1; i >= 0; i-- {
		sum[i] = digits[n%62]
		n /= 62
	}
	return string(sum[:])
}

// mistyped reports whether a text looks like a key that Relay has made, but cannot be one. Keys of early versions have no
// checksum, and longer ones are operators' own.
func mistyped(text string) bool {
	rest, ok := strings.CutPrefix(text, keyPrefix)
	switch {
	case !ok || len(rest) == keyRandom || len(rest) > keyRandom+keySum+2:
		return false
	case len(rest) != keyRandom+keySum:
		return true
	}
	end := len(keyPrefix) + keyRandom
	return text[end:] != keyChecksum(text[:end])
}
