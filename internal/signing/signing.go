// Package signing turns a secret and the bytes of a request into the signature headers that receivers check, and back.
//
// Two schemes live here. Relay is the one printed in call-webhooks.txt: HMAC-SHA256 keyed with the whole secret string,
// prefix included, over "timestamp.body". Standard is Standard Webhooks 1.0.0: HMAC-SHA256 keyed with the decoded secret
// ("v1") and ed25519 ("v1a") over "id.timestamp.body". The same secret string serves both, but as two different keys,
// so a signature of one scheme never verifies under the other.
//
// Signing is on the hot path of every attempt: a Relay or a Standard is made once per webhook and keeps the prepared
// states of its keys, so that a signature costs the hash of the message and no allocation. Verifying is written for
// hostile input: it is strict about form, bounded in work, and compares in constant time. Neither error texts nor
// anything else made here contains a secret.
package signing

import (
	"errors"
	"time"
)

// Headers of the Relay scheme (call-webhooks.txt, "Verify the signature on every request").
const (
	HeaderRelayTimestamp = "X-Relay-Timestamp" // unix seconds of this attempt
	HeaderRelaySignature = "X-Relay-Signature" // "sha256=" and 64 lower-case hexadecimal digits
)

// Headers of Standard Webhooks 1.0.0 ("Webhook headers").
const (
	HeaderStandardID        = "webhook-id"        // the same in every attempt of a delivery
	HeaderStandardTimestamp = "webhook-timestamp" // unix seconds of this attempt
	HeaderStandardSignature = "webhook-signature" // signatures with their version, separated by spaces
)

// DefaultTolerance is how far a timestamp may be from the verifier's clock, either way: the "~5 minutes" of
// call-webhooks.txt ("Signature verification"), which is also what the Standard Webhooks libraries allow.
const DefaultTolerance = 5 * time.Minute

// Reasons for which nothing is signed, parsed or verified. Errors of this package wrap exactly one of them.
var (
	// ErrSecret says that the verifier's or signer's own secret cannot be used: empty, too short, or not of the
	// documented form.
	ErrSecret = errors.New("unusable signing secret")
	// ErrKey says that an ed25519 key cannot be used.
	ErrKey = errors.New("unusable ed25519 key")
	// ErrID says that a message id is empty, too long, or holds a character that ids may not have.
	ErrID = errors.New("unusable message id")
	// ErrTimestamp says that the timestamp is missing, is not unix seconds, or is further from now than the tolerance.
	ErrTimestamp = errors.New("timestamp refused")
	// ErrSignature says that the signature header is missing or malformed, so that nothing was compared.
	ErrSignature = errors.New("malformed signature header")
	// ErrNoMatch says that the signature is well-formed and not one of ours over these bytes.
	ErrNoMatch = errors.New("no matching signature")
)
