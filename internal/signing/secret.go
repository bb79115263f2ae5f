package signing

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
)

// Prefixes of serialised secrets and keys (Standard Webhooks 1.0.0, "Signature scheme", row "Secret
// serialization").
const (
	prefixSecret     = "whsec_"
	prefixPrivateKey = "whsk_"
	prefixPublicKey  = "whpk_"
)

// Length of a decoded secret, in bytes (Standard Webhooks 1.0.0, "Signature scheme": at least 192
// bits, at most 512).
const (
	minSecretBytes = 24
	maxSecretBytes = 64
	newSecretBytes = 32 // the output length of SHA-256: a longer key adds nothing
)

// base64Strict is standard base64 that rejects non-zero padding bits, so that a value has exactly
// one encoding.
var base64Strict = base64.StdEncoding.Strict()

// NewSecret returns a new random secret: "whsec_" and the base64 of 32 random bytes.
func NewSecret() string {
	var b [newSecretBytes]byte
	rand.Read(b[:]) // documented to never fail
	return prefixSecret + base64.StdEncoding.EncodeToString(b[:])
}

// CheckSecret returns an error unless a secret supplied by a user works with both schemes: "whsec_"
// followed by exactly the standard base64 of 24 to 64 bytes. The error wraps ErrSecret and does not
// contain the secret.
func CheckSecret(s string) error {
	if !strings.HasPrefix(s, prefixSecret) {
		return fmt.Errorf("checking secret: %w: it does not begin with %q", ErrSecret, prefixSecret)
	}
	_, err := decodeSecret(s)
	return err
}

// decodeSecret returns the HMAC key of Standard Webhooks. The prefix is optional, as in the
// published libraries and their test vectors; base64 has no "_", so the two forms cannot be
// confused.
func decodeSecret(s string) ([]byte, error) {
	key, err := decode(strings.TrimPrefix(s, prefixSecret))
	if err != nil {
		return nil, fmt.Errorf("decoding secret: %w: %v", ErrSecret, err)
	}
	if n := len(key); n < minSecretBytes || n > maxSecretBytes {
		return nil, fmt.Errorf("decoding secret: %w: %d bytes, want %d to %d", ErrSecret, n, minSecretBytes, maxSecretBytes)
	}
	return key, nil
}

// decode decodes strict base64. It rejects the line breaks that package base64 skips. Its errors
// name a position and never contain the text.
func decode(s string) ([]byte, error) {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return nil, base64.CorruptInputError(i)
	}
	return base64Strict.DecodeString(s)
}

// NewPrivateKey returns a new random ed25519 key for use with Standard.
func NewPrivateKey() ed25519.PrivateKey {
	var seed [ed25519.SeedSize]byte
	rand.Read(seed[:]) // documented to never fail
	return ed25519.NewKeyFromSeed(seed[:])
}

// EncodePrivateKey serialises a key as "whsk_" and the base64 of the seed followed by the public
// key, 64 bytes.
func EncodePrivateKey(k ed25519.PrivateKey) string {
	return prefixPrivateKey + base64.StdEncoding.EncodeToString(k)
}

// EncodePublicKey serialises a key as "whpk_" and the base64 of its 32 bytes.
func EncodePublicKey(k ed25519.PublicKey) string {
	return prefixPublicKey + base64.StdEncoding.EncodeToString(k)
}

// ParsePrivateKey parses the output of EncodePrivateKey. It rejects a key whose public half does
// not belong to its seed. The error wraps ErrKey and does not contain the key.
func ParsePrivateKey(s string) (ed25519.PrivateKey, error) {
	b, err := decodeKey(s, prefixPrivateKey, ed25519.PrivateKeySize)
	if err != nil {
		return nil, fmt.Errorf("parsing private key: %w", err)
	}
	k := ed25519.PrivateKey(b)
	if err := checkPrivateKey(k); err != nil {
		return nil, fmt.Errorf("parsing private key: %w", err)
	}
	return k, nil
}

// ParsePublicKey parses the output of EncodePublicKey. The error wraps ErrKey.
func ParsePublicKey(s string) (ed25519.PublicKey, error) {
	b, err := decodeKey(s, prefixPublicKey, ed25519.PublicKeySize)
	if err != nil {
		return nil, fmt.Errorf("parsing public key: %w", err)
	}
	return ed25519.PublicKey(b), nil
}

func decodeKey(s, prefix string, size int) ([]byte, error) {
	encoded, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrKey, prefix)
	}
	b, err := decode(encoded)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrKey, err)
	}
	if len(b) != size {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrKey, len(b), size)
	}
	return b, nil
}

// checkPrivateKey recomputes the public half and compares it. Signing with a wrong public half
// reveals the private one (RFC 8032, section 5.1.6, hashes both), so a damaged key must not be used
// even once.
func checkPrivateKey(k ed25519.PrivateKey) error {
	if len(k) != ed25519.PrivateKeySize {
		return fmt.Errorf("%w: %d bytes, want %d", ErrKey, len(k), ed25519.PrivateKeySize)
	}
	if !ed25519.NewKeyFromSeed(k.Seed()).Equal(k) {
		return fmt.Errorf("%w: its public half does not belong to its seed", ErrKey)
	}
	return nil
}
