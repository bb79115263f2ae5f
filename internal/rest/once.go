package rest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/problem"
)

// replayed is a header of an answer that was given before.
const replayed = "Idempotent-Replayed"

// answerOnce returns the body that do makes, or, for a request that came before with the same Idempotency-Key, the first
// answer. Only success is remembered: a request that was refused, or could not be served, can be sent again. A server
// that ends between the change and the answer leaves the key without one; the request is then done again, two minutes
// later at the latest, which is what its caller would do without a key.
func (f *Face) answerOnce(w http.ResponseWriter, r *http.Request, c *Caller, raw []byte, do func() ([]byte, error)) ([]byte, error) {
	value, err := IdempotencyKey(r)
	if err != nil {
		return nil, err
	}
	if value == "" {
		return do()
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	own := account.Answer{Key: account.AnswerKey(c.Secret, c.Tenant, value), Tenant: c.Tenant, Request: requestHash(r, raw), At: now}
	rand.Read(own.Token[:]) // never fails, see crypto/rand
	before, err := f.answers.AnswerBegin(r.Context(), own, now.Add(-account.AnswersKept), now.Add(-account.AnswerStuck))
	switch {
	case err != nil:
		return nil, err
	case before == nil:
	case before.Request != own.Request:
		return nil, conflictingKey("was used before for another request")
	case len(before.Sealed) == 0:
		return nil, conflictingKey("belongs to a request that is still under way: try again in a moment")
	default:
		body, err := account.OpenAnswer(before, c.Secret)
		if err != nil {
			return nil, err
		}
		w.Header().Set(replayed, "true")
		return body, nil
	}
	// The call was made: neither a client that has gone nor a store that fails now changes that.
	ctx := context.WithoutCancel(r.Context())
	body, err := do()
	if err != nil {
		if failed := f.answers.AnswerForget(ctx, own); failed != nil {
			f.log.WarnContext(ctx, "an Idempotency-Key stays taken for a while", "err", failed)
		}
		return nil, err
	}
	if own.Sealed, err = account.SealAnswer(&own, c.Secret, body); err == nil {
		err = f.answers.AnswerEnd(ctx, own)
	}
	if err != nil {
		f.log.WarnContext(ctx, "an answer could not be kept for its Idempotency-Key", "err", err)
	}
	return body, nil
}

// maxKeyBytes bounds the header Idempotency-Key, in bytes.
const maxKeyBytes = 256

// IdempotencyKey returns the value of the header Idempotency-Key, empty when it is absent.
func IdempotencyKey(r *http.Request) (string, error) {
	values := r.Header["Idempotency-Key"]
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", problem.MalformedField("header Idempotency-Key", "must be given once")
	case len(values[0]) == 0 || len(values[0]) > maxKeyBytes:
		return "", problem.MalformedField("header Idempotency-Key", "must have 1 to %d characters", maxKeyBytes)
	}
	return values[0], nil
}

func conflictingKey(reason string) error {
	return &problem.Error{Kind: problem.Conflict, Fields: []problem.Field{{Name: "header Idempotency-Key", Reason: reason}}}
}

// requestHash returns a hash of all that says what a request asks for, each part with its length.
func requestHash(r *http.Request, body []byte) [32]byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(r.Method), []byte(r.URL.EscapedPath()), []byte(r.URL.RawQuery), []byte(MediaType(r.Header.Get("Content-Type"))), body} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return [32]byte(h.Sum(nil))
}
