// Package signing computes the signature headers of requests, and verifies them.
//
// It implements two schemes. Relay is the scheme of call-webhooks.txt: HMAC-SHA256 keyed with the
// whole secret string, prefix included, over "timestamp.body". Standard is Standard Webhooks 1.0.0:
// HMAC-SHA256 keyed with the decoded secret ("v1") and ed25519 ("v1a") over "id.timestamp.body".
// Both use the same secret string, but as two different keys, so a signature of one scheme never
// verifies under the other.
//
// Signing is on the hot path of every attempt. A Relay or a Standard is created once per webhook
// and keeps the prepared states of its keys, so that a signature costs one hash of the message and
// no allocation. Verifying is written for hostile input: it is strict about form, bounded in work,
// and compares in constant time. Error texts never contain a secret.
package signing

import (
	"errors"
	"time"
)

// Headers of the Relay scheme (call-webhooks.txt, "Verify the signature on every request").
const (
	HeaderRelayTimestamp = "X-Relay-Timestamp" // unix seconds of the attempt
	HeaderRelaySignature = "X-Relay-Signature" // "sha256=" and 64 lower-case hexadecimal digits
)

// Headers of Standard Webhooks 1.0.0 ("Webhook headers").
const (
	HeaderStandardID        = "webhook-id"        // the same in every attempt of a delivery
	HeaderStandardTimestamp = "webhook-timestamp" // unix seconds of the attempt
	HeaderStandardSignature = "webhook-signature" // signatures, each with its version, separated by spaces
)

// DefaultTolerance is how far a timestamp may differ from the verifier's clock, in either
// direction: the "~5 minutes" of call-webhooks.txt ("Signature verification"), which the Standard
// Webhooks libraries use as well.
const DefaultTolerance = 5 * time.Minute

// Reasons for failing to sign, parse or verify. Each error of this package wraps exactly one of
// them.
var (
	// ErrSecret means that the verifier's or signer's own secret is unusable: empty, too short, or
	// not in the documented form.
	ErrSecret = errors.New("unusable signing secret")
	// ErrKey means that an ed25519 key is unusable.
	ErrKey = errors.New("unusable ed25519 key")
	// ErrID means that a message id is empty, too long, or contains a forbidden character.
	ErrID = errors.New("unusable message id")
	// ErrTimestamp means that the timestamp is missing, is not unix seconds, or differs from now by
	// more than the tolerance.
	ErrTimestamp = errors.New("timestamp refused")
	// ErrSignature means that the signature header is missing or malformed, so that no signature
	// was compared.
	ErrSignature = errors.New("malformed signature header")
	// ErrNoMatch means that the signature is well-formed, but does not match the secret or key and
	// these bytes.
	ErrNoMatch = errors.New("no matching signature")
)
