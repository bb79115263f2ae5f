package receiver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// isBatch reports whether a body is a batch, which is a JSON array.
func isBatch(body []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) }

// ParseBatch parses the envelopes of a batch from a body whose signature has been verified, like
// Parse for a single one. The error wraps ErrEnvelope and names the malformed envelope.
func ParseBatch(body []byte) ([]Event, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	if len(raw) == 0 {
		return nil, fmt.Errorf("%w: an empty batch", ErrEnvelope)
	}
	events := make([]Event, len(raw))
	for i := range raw {
		var err error
		if events[i], err = Parse(raw[i]); err != nil {
			return nil, fmt.Errorf("event %d of the batch: %w", i, err)
		}
	}
	return events, nil
}

// errBusy means that another attempt is processing the event.
var errBusy = errors.New("being processed by an earlier attempt")

// batch processes with fn the events of a verified batch that have not been processed yet.
func (rc *Receiver) batch(w http.ResponseWriter, r *http.Request, body []byte, fn func(context.Context, Event) error) {
	events, err := ParseBatch(body)
	if err != nil {
		rc.refuse(w, r, err)
		return
	}
	for _, e := range events {
		if !slices.Contains(rc.versions, e.Version) {
			rc.refuse(w, r, fmt.Errorf("%w %q, this program knows %q", ErrVersion, e.Version, rc.versions))
			return
		}
	}
	failed := 0
	for i, e := range events {
		if err := r.Context().Err(); err != nil {
			rc.report(r, fmt.Errorf("processing a batch: %d of %d events are left: %w", len(events)-i, len(events), err))
			failed++
			break
		}
		// A failing event does not hold up the others, because it may fail forever.
		if err := rc.process(r, e, fn); err != nil {
			rc.report(r, fmt.Errorf("processing %q: %w", e.WebhookID, err))
			failed++
		}
	}
	if failed > 0 {
		http.Error(w, "not processed", http.StatusInternalServerError)
		return
	}
	answerOK(w)
}

// process calls fn for an event of a batch, unless the event was processed before.
func (rc *Receiver) process(r *http.Request, e Event, fn func(context.Context, Event) error) error {
	if !rc.claim(e.WebhookID) { // claims before asking, as in once
		return errBusy
	}
	defer rc.release(e.WebhookID)
	if done, err := rc.seen.Has(r.Context(), e.WebhookID); done || err != nil {
		return err
	}
	if err := fn(r.Context(), e); err != nil {
		return err
	}
	if err := rc.seen.Add(context.WithoutCancel(r.Context()), e.WebhookID); err != nil {
		rc.report(r, fmt.Errorf("remembering %q, which was processed and may come again: %w", e.WebhookID, err))
	}
	return nil
}
