package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
	"sync"
)

// relayPrefix precedes the hexadecimal digits in X-Relay-Signature (call-webhooks.txt, "Verify the
// signature").
const relayPrefix = "sha256="

// Relay signs as described in call-webhooks.txt: HMAC-SHA256, keyed with the whole secret string as
// the receiver got it, over the timestamp, a full stop and the raw body. It is safe for concurrent
// use.
type Relay struct {
	empty bool      // made without a secret
	pool  sync.Pool // of *relayState
}

// relayState holds the working memory of one signature. The HMAC keeps the two prepared hash states
// of its key between uses.
type relayState struct {
	mac  hash.Hash
	head []byte // "timestamp."
	sum  [sha256.Size]byte
}

// NewRelay prepares signing with a secret that CheckSecret has accepted. With an empty secret,
// which anyone could use, AppendSignature appends no signature.
func NewRelay(secret string) *Relay {
	s := &Relay{empty: secret == ""}
	s.pool.New = func() any {
		return &relayState{
			mac:  hmac.New(sha256.New, []byte(secret)),
			head: make([]byte, 0, 24), // 20 characters of the longest int64 and the full stop
		}
	}
	return s
}

// AppendSignature appends the value of X-Relay-Signature, "sha256=" and 64 lower-case hexadecimal
// digits, to dst and returns the extended slice. The timestamp is in unix seconds and must be the
// value sent in X-Relay-Timestamp, in decimal. AppendSignature does not allocate when dst has room
// for 71 more bytes.
func (s *Relay) AppendSignature(dst []byte, timestamp int64, body []byte) []byte {
	if s.empty {
		return dst
	}
	st := s.pool.Get().(*relayState)
	st.head = append(strconv.AppendInt(st.head[:0], timestamp, 10), '.')
	st.mac.Reset()
	st.mac.Write(st.head)
	st.mac.Write(body)
	dst = append(dst, relayPrefix...)
	dst = hex.AppendEncode(dst, st.mac.Sum(st.sum[:0]))
	s.pool.Put(st)
	return dst
}
