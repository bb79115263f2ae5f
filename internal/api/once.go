package api

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

// Answers keeps what was answered to requests with the header Idempotency-Key; the store does.
type Answers interface {
	account.AnswerStore
}

// replayed is a header of an answer that was given before.
const replayed = "Idempotent-Replayed"

// answerOnce returns the body that f makes, or, for a request that came before with the same Idempotency-Key, the first
// answer. Only success is remembered: a request that was refused, or could not be served, can be sent again. A server
// that ends between the change and the answer leaves the key without one; the request is then done again, two minutes
// later at the latest, which is what its caller would do without a key.
func (a *API) answerOnce(w http.ResponseWriter, r *http.Request, c *caller, raw []byte, f func() ([]byte, error)) ([]byte, error) {
	value, err := idempotencyKey(r)
	if err != nil {
		return nil, err
	}
	if value == "" {
		return f()
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	own := account.Answer{Key: account.AnswerKey(c.key, c.tenant, value), Tenant: c.tenant, Request: requestHash(r, raw), At: now}
	rand.Read(own.Token[:]) // never fails, see crypto/rand
	before, err := a.Answers.AnswerBegin(r.Context(), own, now.Add(-account.AnswersKept), now.Add(-account.AnswerStuck))
	switch {
	case err != nil:
		return nil, err
	case before == nil:
	case before.Request != own.Request:
		return nil, conflictingKey("was used before for another request")
	case len(before.Sealed) == 0:
		return nil, conflictingKey("belongs to a request that is still under way: try again in a moment")
	default:
		body, err := account.OpenAnswer(before, c.text)
		if err != nil {
			return nil, err
		}
		w.Header().Set(replayed, "true")
		return body, nil
	}
	// What was done is done: neither a client that has gone nor a store that fails now changes that.
	ctx := context.WithoutCancel(r.Context())
	body, err := f()
	if err != nil {
		if failed := a.Answers.AnswerForget(ctx, own); failed != nil {
			a.Log.WarnContext(ctx, "an Idempotency-Key stays taken for a while", "err", failed)
		}
		return nil, err
	}
	if own.Sealed, err = account.SealAnswer(&own, c.text, body); err == nil {
		err = a.Answers.AnswerEnd(ctx, own)
	}
	if err != nil {
		a.Log.WarnContext(ctx, "an answer could not be kept for its Idempotency-Key", "err", err)
	}
	return body, nil
}

func conflictingKey(reason string) error {
	return &problem.Error{Kind: problem.Conflict, Fields: []problem.Field{{Name: "header Idempotency-Key", Reason: reason}}}
}

// requestHash returns a hash of all that says what a request asks for, each part with its length.
func requestHash(r *http.Request, body []byte) [32]byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(r.Method), []byte(r.URL.EscapedPath()), []byte(r.URL.RawQuery), []byte(mediaType(r.Header.Get("Content-Type"))), body} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return [32]byte(h.Sum(nil))
}
