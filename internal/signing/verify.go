package signing

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// maxSignatures bounds the signatures checked in one webhook-signature header. A sender in the
	// middle of a rotation needs two to four. A longer list is rejected unread, because each v1a
	// costs an ed25519 verification (about 50 µs) per key.
	maxSignatures = 16
	// maxTimestampDigits keeps timestamps in the range where time arithmetic does not overflow; 12
	// digits reach beyond the year 30000.
	maxTimestampDigits = 12

	relaySignatureBytes = len(relayPrefix) + 2*sha256.Size
)

// VerifyRelay verifies a request signed with the Relay scheme, given the values of
// X-Relay-Timestamp and X-Relay-Signature and the raw body. It returns nil when the timestamp is
// within tolerance of now, in either direction, and the signature matches the secret and these
// bytes. A tolerance of zero or less means DefaultTolerance.
//
// It accepts only the form that Relay sends: "sha256=" and lower-case digits. If a verifier ignored
// case, one request could be replayed under several signatures, which defeats receivers that
// remember signatures. A secret with fewer than 24 bytes, in particular an empty one, never
// verifies any signature. The error wraps ErrSecret, ErrTimestamp, ErrSignature or ErrNoMatch.
func VerifyRelay(secret, timestampHeader, signatureHeader string, body []byte, now time.Time, tolerance time.Duration) error {
	if len(secret) < minSecretBytes {
		return fmt.Errorf("verifying signature: %w: %d bytes, want %d or more", ErrSecret, len(secret), minSecretBytes)
	}
	if err := checkTimestamp(timestampHeader, now, tolerance); err != nil {
		return fmt.Errorf("verifying signature: %w", err)
	}
	if len(signatureHeader) != relaySignatureBytes || !strings.HasPrefix(signatureHeader, relayPrefix) {
		return fmt.Errorf("verifying signature: %w: %d characters, want %q and %d digits",
			ErrSignature, len(signatureHeader), relayPrefix, 2*sha256.Size)
	}
	sum := sumHMAC([]byte(secret), timestampHeader+".", body)
	want := hex.AppendEncode(make([]byte, 0, 2*sha256.Size), sum)
	if subtle.ConstantTimeCompare(want, []byte(signatureHeader[len(relayPrefix):])) != 1 {
		return fmt.Errorf("verifying signature: %w", ErrNoMatch)
	}
	return nil
}

// VerifyStandard verifies a request signed as Standard Webhooks 1.0.0 describes, given the values
// of webhook-id, webhook-timestamp and webhook-signature and the raw body. It returns nil when the
// id is well-formed, the timestamp is within tolerance of now, in either direction, and one of the
// signatures matches one of the secrets ("v1") or keys ("v1a") and these bytes. A tolerance of zero
// or less means DefaultTolerance. Signatures of unknown versions are skipped.
//
// Secrets may come with or without "whsec_", as in the published libraries. A header with more than
// 16 signatures is rejected unread, to bound the work. Verification always fails without secrets
// and keys, or if any of them is malformed. The error wraps ErrSecret, ErrKey, ErrID, ErrTimestamp,
// ErrSignature or ErrNoMatch.
func VerifyStandard(secrets []string, keys []ed25519.PublicKey, id, timestampHeader, signatureHeader string, body []byte, now time.Time, tolerance time.Duration) error {
	if len(secrets) == 0 && len(keys) == 0 {
		return fmt.Errorf("verifying signature: %w: neither secrets nor keys given", ErrSecret)
	}
	decoded := make([][]byte, len(secrets))
	for i, secret := range secrets {
		key, err := decodeSecret(secret)
		if err != nil {
			return fmt.Errorf("verifying signature: secret %d: %w", i, err)
		}
		decoded[i] = key
	}
	for i, key := range keys {
		if len(key) != ed25519.PublicKeySize { // package ed25519 panics on other sizes
			return fmt.Errorf("verifying signature: key %d: %w: %d bytes, want %d", i, ErrKey, len(key), ed25519.PublicKeySize)
		}
	}
	if err := CheckID(id); err != nil {
		return fmt.Errorf("verifying signature: %w", err)
	}
	if err := checkTimestamp(timestampHeader, now, tolerance); err != nil {
		return fmt.Errorf("verifying signature: %w", err)
	}
	if signatureHeader == "" {
		return fmt.Errorf("verifying signature: %w: empty", ErrSignature)
	}
	if n := strings.Count(signatureHeader, " ") + 1; n > maxSignatures {
		return fmt.Errorf("verifying signature: %w: %d signatures, want at most %d", ErrSignature, n, maxSignatures)
	}

	head := id + "." + timestampHeader + "."
	var sums [][]byte  // base64 of each secret's HMAC, computed at the first v1 signature
	var message []byte // head and body, joined at the first v1a signature
	for signature := range strings.SplitSeq(signatureHeader, " ") {
		switch value, version := cutVersion(signature); version {
		case versionHMAC:
			if sums == nil {
				for _, key := range decoded {
					sum := sumHMAC(key, head, body)
					sums = append(sums, base64.StdEncoding.AppendEncode(nil, sum))
				}
			}
			for _, sum := range sums {
				if subtle.ConstantTimeCompare(sum, []byte(value)) == 1 {
					return nil
				}
			}
		case versionEd25519:
			sig, err := decode(value)
			if err != nil || len(sig) != ed25519.SignatureSize || len(keys) == 0 {
				continue
			}
			if message == nil {
				message = append([]byte(head), body...)
			}
			for _, key := range keys {
				if ed25519.Verify(key, message, sig) {
					return nil
				}
			}
		}
	}
	return fmt.Errorf("verifying signature: %w", ErrNoMatch)
}

// cutVersion splits "v1,value". The version keeps its comma; it is empty if unknown.
func cutVersion(signature string) (value, version string) {
	for _, version := range [...]string{versionHMAC, versionEd25519} {
		if value, ok := strings.CutPrefix(signature, version); ok {
			return value, version
		}
	}
	return signature, ""
}

func sumHMAC(key []byte, head string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(head))
	mac.Write(body)
	return mac.Sum(nil)
}

// checkTimestamp accepts unix seconds in plain decimal, without sign, spaces or leading zeros: a
// different spelling of the same moment would be a different signed text.
func checkTimestamp(header string, now time.Time, tolerance time.Duration) error {
	if header == "" {
		return fmt.Errorf("%w: missing", ErrTimestamp)
	}
	if len(header) > maxTimestampDigits || header[0] == '0' || strings.Trim(header, "0123456789") != "" {
		return fmt.Errorf("%w: not unix seconds in plain decimal, at most %d digits", ErrTimestamp, maxTimestampDigits)
	}
	seconds, err := strconv.ParseInt(header, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrTimestamp, err)
	}
	if tolerance <= 0 {
		tolerance = DefaultTolerance
	}
	age := now.Sub(time.Unix(seconds, 0))
	switch {
	case age > tolerance:
		return fmt.Errorf("%w: %s old, tolerance is %s", ErrTimestamp, age.Round(time.Second), tolerance)
	case age < -tolerance:
		return fmt.Errorf("%w: %s ahead of this clock, tolerance is %s", ErrTimestamp, (-age).Round(time.Second), tolerance)
	}
	return nil
}
