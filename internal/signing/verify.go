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
	// maxSignatures bounds the signatures looked at in one webhook-signature header. A sender in the middle of a
	// rotation needs two to four; a longer list is refused unread, since each v1a costs an ed25519 verification
	// (about 50 µs) for each key.
	maxSignatures = 16
	// maxTimestampDigits keeps timestamps within the range in which time arithmetic does not overflow; 12 digits
	// reach beyond the year 30000.
	maxTimestampDigits = 12

	relaySignatureBytes = len(relayPrefix) + 2*sha256.Size
)

// VerifyRelay checks a request signed with the Relay scheme, given the values of X-Relay-Timestamp and
// X-Relay-Signature and the raw body. It returns nil when the timestamp is within tolerance of now, either way, and
// the signature is that of the secret over these bytes; a tolerance of zero or less means DefaultTolerance.
//
// It accepts one spelling only, the one that Relay sends: "sha256=" and lower-case digits. A verifier that folds case
// lets one request be replayed under several signatures, which defeats those who remember signatures seen.
// A secret with less than 24 bytes, in particular an empty one, never verifies anything. The error wraps ErrSecret,
// ErrTimestamp, ErrSignature or ErrNoMatch.
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

// VerifyStandard checks a request signed as Standard Webhooks 1.0.0 describes, given the values of webhook-id,
// webhook-timestamp and webhook-signature and the raw body. It returns nil when the id is well-formed, the timestamp is
// within tolerance of now, either way, and one of the signatures is that of one of the secrets ("v1") or keys ("v1a")
// over these bytes; a tolerance of zero or less means DefaultTolerance. Signatures of versions it does not know are
// passed over.
//
// Secrets may come with or without "whsec_", as in the published libraries. A header with more than 16 signatures is
// refused unread, so the work is bounded. Without secrets and keys, or with one that is malformed, nothing verifies.
// The error wraps ErrSecret, ErrKey, ErrID, ErrTimestamp, ErrSignature or ErrNoMatch.
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
		if len(key) != ed25519.PublicKeySize { // package ed25519 panics on it
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
	var sums [][]byte  // base64 of each secret's HMAC, made when the first v1 signature asks for it
	var message []byte // head and body, made when the first v1a signature asks for it
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

// cutVersion splits "v1,value". The version keeps its comma and is empty when it is not one of ours.
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

// checkTimestamp accepts unix seconds in plain decimal, without sign, spaces or leading zeros: other spellings would be
// signed text that parses to the same moment.
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
