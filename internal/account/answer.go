package account

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/event"
)

// AnswersKept is for how long the answer to a request with the header Idempotency-Key is given again.
const AnswersKept = 12 * time.Hour

// AnswerStuck is after how long a request that has no answer is taken for one whose server has ended: the longest call
// takes a minute.
const AnswerStuck = 2 * time.Minute

// Answer is what was answered to a request that came with the header Idempotency-Key, or that such a request is under
// way.
type Answer struct {
	// Key identifies the caller's key and the header's value; see AnswerKey.
	Key [32]byte
	// Tenant is whom the request was about.
	Tenant event.TenantID
	// Token tells requests with the same Key apart.
	Token [16]byte
	// Request is a hash of the request.
	Request [32]byte
	// Sealed is the answer, see SealAnswer; empty: there is none yet.
	Sealed []byte
	// At is when the request began; UTC, to the millisecond.
	At time.Time
}

// AnswerStore keeps answers. Its methods are safe for concurrent use; a change is durable on return.
type AnswerStore interface {
	// AnswerBegin stores a, which has no answer yet, and returns nil, if there is none with its Key that counts; else it
	// returns that one. Those from before expired do not count, and are removed over time; nor do those without an answer
	// from before stuck, or from before this server began, if the store is its alone.
	AnswerBegin(ctx context.Context, a Answer, expired, stuck time.Time) (*Answer, error)
	// AnswerEnd sets the answer of the one with Key and Token, if it is still there.
	AnswerEnd(ctx context.Context, a Answer) error
	// AnswerForget removes the one with Key and Token: its request came to nothing.
	AnswerForget(ctx context.Context, a Answer) error
	// Secret returns random bytes that are the same for the name at every server of the installation, and stay the same.
	Secret(ctx context.Context, name string) ([]byte, error)
}

// AnswerKey returns the Key of an answer to a caller who came with the key and the header's value.
func AnswerKey(keyText string, tenant event.TenantID, value string) [32]byte {
	h := sha256.New()
	h.Write([]byte("relay answer\x00"))
	hash := HashKey(keyText)
	h.Write(hash[:])
	h.Write([]byte{byte(tenant >> 24), byte(tenant >> 16), byte(tenant >> 8), byte(tenant)})
	h.Write([]byte(value))
	return [32]byte(h.Sum(nil))
}

// Answers may show secrets for the only time: a new key, of which nothing but a hash is stored, or a signing secret. So
// they are sealed with what only their caller has, the text of his key; whoever has the database, and the keys that
// encrypt secrets at rest, cannot open them. A sealed answer is
//
//	salt (16 bytes) | nonce (12), ciphertext, tag (16): AES-256-GCM under HKDF-SHA256(key text, salt)

const answerSalt = 16

func answerCipher(keyText string, salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(keyText), salt, "relay answer 1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// SealAnswer seals what a was answered, for the caller whose key has the given text.
func SealAnswer(a *Answer, keyText string, plain []byte) ([]byte, error) {
	salt := make([]byte, answerSalt)
	rand.Read(salt) // never fails, see crypto/rand
	c, err := answerCipher(keyText, salt)
	if err != nil {
		return nil, err
	}
	return c.Seal(salt, nil, plain, a.Key[:]), nil
}

// OpenAnswer returns what SealAnswer sealed.
func OpenAnswer(a *Answer, keyText string) ([]byte, error) {
	if len(a.Sealed) < answerSalt {
		return nil, errors.New("opening an answer: it is too short")
	}
	c, err := answerCipher(keyText, a.Sealed[:answerSalt])
	if err != nil {
		return nil, err
	}
	return c.Open(nil, nil, a.Sealed[answerSalt:], a.Key[:])
}
