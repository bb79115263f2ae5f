package receiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// retryAfter is sent with 503, in seconds. The earlier attempt has been running for longer than
// Relay waits for an answer (10 s); otherwise this one would not have been sent. Relay's own
// backoff, 30 s and more, comes on top.
const retryAfter = "10"

// Handle returns a handler that calls fn once for each event. If fn returns nil, the event is
// recorded as processed and answered with 200. If fn returns an error, the answer is 500 without
// details, and Relay will send the event again.
//
// For a webhook with batches, fn is called for each event in a request, in the order of the body.
// Events for which it returns nil are recorded. If it fails for others, or the time runs out, the
// answer is 500, Relay sends the same batch again, and fn is called for the remaining events.
// Config.MaxBody must be at least the webhook's maxBytes.
//
// The context is the request's: it ends when Relay stops waiting. Work that takes longer than 10
// seconds, for all events of a batch together, should go into your own queue, filled by fn.
func (rc *Receiver) Handle(fn func(ctx context.Context, e Event) error) http.Handler {
	single := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, _ := EventFrom(r.Context())
		if err := fn(r.Context(), e); err != nil {
			rc.report(r, fmt.Errorf("processing %q: %w", e.WebhookID, err))
			http.Error(w, "not processed", http.StatusInternalServerError)
			return
		}
		answerOK(w)
	})
	return rc.checked(func(w http.ResponseWriter, r *http.Request, body []byte) {
		if isBatch(body) {
			rc.batch(w, r, body, fn)
		} else {
			rc.once(w, r, body, single)
		}
	})
}

// Middleware returns a handler that passes to next only requests signed by Relay, and each event
// once. next finds the event with EventFrom in the request's context and the signed body in the
// request.
//
// If next answers with a status of 2xx, explicitly or implicitly, the event is recorded as
// processed, and later attempts are answered 200 without calling next. After any other answer, and
// after a panic, the event may be delivered again. Batches are rejected; use Handle for them.
func (rc *Receiver) Middleware(next http.Handler) http.Handler {
	return rc.checked(func(w http.ResponseWriter, r *http.Request, body []byte) { rc.once(w, r, body, next) })
}

// checked returns a handler that calls next with the body of requests signed by Relay.
func (rc *Receiver) checked(next func(w http.ResponseWriter, r *http.Request, body []byte)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "only POST", http.StatusMethodNotAllowed)
			return
		}
		body, err := rc.Read(w, r)
		if err != nil {
			rc.refuse(w, r, err)
			return
		}
		next(w, r, body)
	})
}

// once processes a verified event with next, unless it was processed before.
func (rc *Receiver) once(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
	e, err := Parse(body)
	if err != nil {
		rc.refuse(w, r, err)
		return
	}
	if !slices.Contains(rc.versions, e.Version) {
		rc.refuse(w, r, fmt.Errorf("%w %q, this program knows %q", ErrVersion, e.Version, rc.versions))
		return
	}

	// Claim before asking whether the event was processed. In the other order, an attempt that asks
	// just before an earlier one finishes would process the event again.
	if !rc.claim(e.WebhookID) {
		rc.answerLater(w, r, fmt.Errorf("%q is being processed by an earlier attempt", e.WebhookID))
		return
	}
	defer rc.release(e.WebhookID)
	switch done, err := rc.seen.Has(r.Context(), e.WebhookID); {
	case err != nil:
		rc.answerLater(w, r, fmt.Errorf("looking up %q: %w", e.WebhookID, err))
		return
	case done:
		answerOK(w)
		return
	}

	r = r.WithContext(context.WithValue(r.Context(), eventKey{}, e))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	sw := &statusWriter{ResponseWriter: w}
	next.ServeHTTP(sw, r)
	if !sw.success() {
		return
	}
	// Relay may have hung up by now; the processed event is recorded nevertheless.
	if err := rc.seen.Add(context.WithoutCancel(r.Context()), e.WebhookID); err != nil {
		rc.report(r, fmt.Errorf("recording %q, which was processed and may be delivered again: %w", e.WebhookID, err))
	}
}

type eventKey struct{}

// EventFrom returns the event that Middleware verified, from the context of the request passed to
// next.
func EventFrom(ctx context.Context) (Event, bool) {
	e, ok := ctx.Value(eventKey{}).(Event)
	return e, ok
}

func (rc *Receiver) claim(webhookID string) bool {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if _, taken := rc.busy[webhookID]; taken {
		return false
	}
	rc.busy[webhookID] = struct{}{}
	return true
}

func (rc *Receiver) release(webhookID string) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	delete(rc.busy, webhookID)
}

// refuse answers a request that does not reach the handler. The texts of 401 are those of the
// receivers printed in call-webhooks.txt. The answer does not repeat any part of the request.
func (rc *Receiver) refuse(w http.ResponseWriter, r *http.Request, err error) {
	rc.report(r, err)
	switch {
	case errors.Is(err, ErrTimestamp):
		http.Error(w, "stale timestamp", http.StatusUnauthorized)
	case errors.Is(err, ErrSignature):
		http.Error(w, "bad signature", http.StatusUnauthorized)
	case errors.Is(err, ErrTooLarge):
		http.Error(w, "body too large", http.StatusRequestEntityTooLarge)
	case errors.Is(err, ErrVersion):
		http.Error(w, "unknown version", http.StatusNotImplemented)
	default:
		http.Error(w, "cannot read the request", http.StatusBadRequest)
	}
}

// answerLater asks for another attempt. 409 would be more precise, but some of Relay's policies
// give up at 4xx.
func (rc *Receiver) answerLater(w http.ResponseWriter, r *http.Request, err error) {
	rc.report(r, err)
	w.Header().Set("Retry-After", retryAfter)
	http.Error(w, "try again later", http.StatusServiceUnavailable)
}

// answerOK answers like the receivers printed in call-webhooks.txt.
func answerOK(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok") // if the answer is lost, Relay sends the event again and gets another
}

func (rc *Receiver) report(r *http.Request, err error) {
	if rc.onError != nil {
		rc.onError(r, err)
	}
}

// statusWriter records the status of a handler's answer.
type statusWriter struct {
	http.ResponseWriter
	status int // 0 until the handler answers
}

// WriteHeader records the first final status; 1xx statuses may precede it.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implies 200 without a WriteHeader, as in package http.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach what this writer wraps.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// success treats a handler that wrote nothing as successful: the server answers 200 for it.
func (w *statusWriter) success() bool {
	return w.status == 0 || w.status >= 200 && w.status <= 299
}
