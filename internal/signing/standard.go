package signing

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"sync"
)

// Versions of Standard Webhooks signatures, with the comma that ends them ("Signature scheme",
// "Signature identifier").
const (
	versionHMAC    = "v1,"
	versionEd25519 = "v1a,"
)

const (
	// maxSigners bounds the secrets and keys of one webhook together. A rotation has two secrets or
	// two keys. Our own verifier rejects a header with more than maxSignatures signatures.
	maxSigners = maxSignatures
	// maxIDBytes bounds a message id. Relay's own ids have fewer than 40 bytes; ids of other
	// senders that we verify are of similar length.
	maxIDBytes = 256
	// maxKeptMessage bounds the copy of a message, in bytes, that a pooled state retains for the
	// next ed25519 signature.
	maxKeptMessage = 64 << 10
)

// Standard signs as Standard Webhooks 1.0.0 describes, with each of its secrets and keys. It is
// safe for concurrent use.
type Standard struct {
	keys []ed25519.PrivateKey
	pool sync.Pool // of *standardState
}

// standardState holds the working memory of one call: an HMAC for each secret, with the prepared
// hash states of its key.
type standardState struct {
	macs    []hash.Hash
	head    []byte // "id.timestamp."
	sum     [sha256.Size]byte
	message []byte // head and body together: ed25519 reads its message twice, so it needs it in one slice
}

// NewStandard prepares signing with secrets, newest first, and ed25519 keys. Several secrets are
// valid while a rotation overlaps. It requires 1 to 16 secrets and keys together. The error wraps
// ErrSecret or ErrKey.
func NewStandard(secrets []string, keys []ed25519.PrivateKey) (*Standard, error) {
	if n := len(secrets) + len(keys); n == 0 || n > maxSigners {
		return nil, fmt.Errorf("preparing signatures: %w: %d secrets and keys, want 1 to %d", ErrSecret, n, maxSigners)
	}
	decoded := make([][]byte, len(secrets))
	for i, secret := range secrets {
		key, err := decodeSecret(secret)
		if err != nil {
			return nil, fmt.Errorf("preparing signatures: secret %d: %w", i, err)
		}
		decoded[i] = key
	}
	s := &Standard{keys: make([]ed25519.PrivateKey, len(keys))}
	for i, key := range keys {
		if err := checkPrivateKey(key); err != nil {
			return nil, fmt.Errorf("preparing signatures: key %d: %w", i, err)
		}
		s.keys[i] = slices.Clone(key)
	}
	s.pool.New = func() any {
		st := &standardState{
			macs: make([]hash.Hash, len(decoded)),
			head: make([]byte, 0, 64),
		}
		for i, key := range decoded {
			st.macs[i] = hmac.New(sha256.New, key)
		}
		return st
	}
	return s, nil
}

// AppendSignature appends the value of webhook-signature to dst and returns the extended slice. The
// value has a "v1," signature for each secret, then a "v1a," signature for each key, in the order
// given to NewStandard, separated by spaces. The timestamp is in unix seconds and must be the value
// sent in webhook-timestamp, in decimal. The id must be the value sent in webhook-id.
//
// With an id that CheckID rejects, AppendSignature appends no signature, because the standard's
// message would be ambiguous. It does not allocate when dst has room: 47 bytes per secret, 92 per
// key, one per space.
func (s *Standard) AppendSignature(dst []byte, id string, timestamp int64, body []byte) []byte {
	if CheckID(id) != nil {
		return dst
	}
	st := s.pool.Get().(*standardState)
	st.head = append(append(st.head[:0], id...), '.')
	st.head = append(strconv.AppendInt(st.head, timestamp, 10), '.')
	separate := false
	for _, mac := range st.macs {
		if separate {
			dst = append(dst, ' ')
		}
		separate = true
		mac.Reset()
		mac.Write(st.head)
		mac.Write(body)
		dst = append(dst, versionHMAC...)
		dst = base64.StdEncoding.AppendEncode(dst, mac.Sum(st.sum[:0]))
	}
	if len(s.keys) > 0 {
		st.message = append(append(st.message[:0], st.head...), body...)
	}
	for _, key := range s.keys {
		if separate {
			dst = append(dst, ' ')
		}
		separate = true
		dst = append(dst, versionEd25519...)
		dst = base64.StdEncoding.AppendEncode(dst, ed25519.Sign(key, st.message))
	}
	if cap(st.message) > maxKeptMessage {
		st.message = nil
	}
	s.pool.Put(st)
	return dst
}

// CheckID returns an error unless id is valid for a Standard Webhooks message: 1 to 256 printable
// ASCII characters other than space and full stop. With a full stop, two different pairs of id and
// timestamp could yield the same signed message (Standard Webhooks 1.0.0, "Signature scheme"). The
// error wraps ErrID.
func CheckID(id string) error {
	if id == "" || len(id) > maxIDBytes {
		return fmt.Errorf("checking message id: %w: %d bytes, want 1 to %d", ErrID, len(id), maxIDBytes)
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '.' {
			return fmt.Errorf("checking message id: %w: character %q at %d", ErrID, c, i)
		}
	}
	return nil
}
