package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
)

// PreviewVerdict is what would become of an event.
type PreviewVerdict string

// The verdicts of Preview.
const (
	PreviewSend           PreviewVerdict = "send"           // Request would be sent
	PreviewType           PreviewVerdict = "type"           // the webhook does not ask for this event type
	PreviewFilter         PreviewVerdict = "filter"         // the filter says no
	PreviewFilterError    PreviewVerdict = "filterError"    // the filter cannot be evaluated, which counts as no
	PreviewDrop           PreviewVerdict = "drop"           // the transform drops it
	PreviewTransformError PreviewVerdict = "transformError" // the transform fails, and so would the attempt
	PreviewNotTried       PreviewVerdict = "notTried"       // time ran out before its turn
)

// Previewed says what would become of an event.
type Previewed struct {
	Event   *event.Event
	Verdict PreviewVerdict
	Detail  string // a plain sentence
	Line    int    // of the transform, with PreviewTransformError; 0: none to blame
	// Request is what the first attempt would send, with PreviewSend only.
	// Signatures and what looks like a credential are masked.
	Request *exchange.Request
}

const (
	// previewTime bounds a preview: it is somebody who waits in front of a form.
	previewTime = 10 * time.Second
	// maxPreviews bounds previews at a time, as each may hold some MiB and keep
	// the sandbox busy.
	maxPreviews = 4
)

// Preview says what would become of events at a webhook, of which nothing need
// be stored: it can be a draft of other settings. Nothing is sent and nothing
// stored. It takes 10 s at most and then says of the rest that they were not
// tried. A *problem.Error is returned when too many previews run.
func (e *Engine) Preview(ctx context.Context, w *webhook.Webhook, events []*event.Event) ([]Previewed, error) {
	limited, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	busy := problem.New(problem.Unavailable, "too many previews run, or too many transforms wait for their turn: try again")
	select {
	case e.previews <- struct{}{}:
		defer func() { <-e.previews }()
	case <-limited.Done():
		return nil, errors.Join(ctx.Err(), busy)
	}
	using := e.authenticationOf(w.Tenant, w.Auth) // not the lane's: it asks for no token
	defer using.end()
	ep := newEndpoint(w, using)
	list := make([]Previewed, len(events))
	for i, ev := range events {
		p, err := e.preview(limited, ep, ev)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("previewing: %w", ctx.Err())
		case limited.Err() != nil:
			p = Previewed{Event: ev, Verdict: PreviewNotTried, Detail: fmt.Sprintf("not tried: a preview ends after %v", previewTime)}
		case err != nil:
			return nil, busy
		}
		list[i] = p
	}
	return list, nil
}

// preview is Preview of one event. The error says nothing about the event.
func (e *Engine) preview(ctx context.Context, ep *endpoint, ev *event.Event) (Previewed, error) {
	w := ep.hook
	p := Previewed{Event: ev}
	if err := ctx.Err(); err != nil {
		return p, err
	}
	if !w.Wants(ev.Type) {
		p.Verdict, p.Detail = PreviewType, fmt.Sprintf("the webhook asks for %s, not for %s", strings.Join(w.Events, ", "), ev.Type)
		return p, nil
	}
	if w.Program != nil {
		ok, err := w.Program.Match(ctx, ev)
		if err != nil {
			p.Verdict, p.Detail = PreviewFilterError, explainFilter(w, ev)
			return p, ctx.Err()
		}
		if !ok {
			p.Verdict, p.Detail = PreviewFilter, explainFilter(w, ev)
			return p, nil
		}
	}
	d := event.DeliveryID{Event: ev.ID, Webhook: w.Number}
	m, err := e.render(ctx, nil, ep, ev, d)
	var failed *renderError
	switch {
	case errors.Is(err, errDropped):
		p.Verdict, p.Detail = PreviewDrop, errDropped.Error()
	case errors.As(err, &failed):
		p.Verdict, p.Detail, p.Line = PreviewTransformError, failed.message, failed.line
	case err != nil:
		return p, err
	default:
		p.Verdict, p.Detail = PreviewSend, "it would be sent"
		p.Request = e.previewRequest(ep, ev, d, &m)
	}
	return p, nil
}

// masked stands for what a preview does not show.
const masked = "***"

// previewRequest returns the request that the first attempt would make.
func (e *Engine) previewRequest(ep *endpoint, ev *event.Event, d event.DeliveryID, m *message) *exchange.Request {
	w := ep.hook
	r := &exchange.Request{Method: http.MethodPost, URL: w.URL, Body: m.body}
	if !m.target.IsZero() {
		r.URL = m.target.String()
	}
	add := func(name, value string) { r.Header = append(r.Header, exchange.Field{Name: name, Value: value}) }
	add("User-Agent", e.userAgent)
	add("Content-Type", m.contentType)
	add(headerEvent, ev.Type)
	add(headerDelivery, d.String())
	add(headerAttempt, "1")
	now := fmt.Sprint(time.Now().Unix())
	if ep.relay != nil {
		add(signing.HeaderRelayTimestamp, now)
		add(signing.HeaderRelaySignature, "sha256="+masked)
	}
	if ep.standardLater != nil {
		add(signing.HeaderStandardID, d.String())
		add(signing.HeaderStandardTimestamp, now)
		signatures := "v1," + masked
		if ep.hook.KeyPair {
			signatures += " v1a," + masked
		}
		add(signing.HeaderStandardSignature, signatures)
	}
	var own exchange.Field // what the authentication adds
	if ep.auth != nil {
		own = ep.auth.shown
	}
	for _, f := range m.header {
		if strings.EqualFold(f.Name, own.Name) {
			continue
		}
		if isCredential(f.Name) {
			f.Value = masked
		}
		r.Header = append(r.Header, f)
	}
	if own.Name != "" {
		r.Header = append(r.Header, own)
	}
	return r
}

// isCredential reports whether a header field's name says that its value is
// secret.
func isCredential(name string) bool {
	name = strings.ToLower(name)
	if name == "ce-partitionkey" { // the event's ordering key
		return false
	}
	for _, word := range []string{"auth", "cookie", "token", "secret", "password", "key", "signature", "credential"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// FilterError is a filter that could not be evaluated for an event.
type FilterError struct {
	WebhookID string
	Message   string // a phrase for people
}

// Bounds of FilterErrors.
const (
	maxFilterErrors  = 100
	filterErrorsTime = time.Second
)

// FilterErrors returns which of the tenant's webhooks have a filter that cannot
// be evaluated for the event, at most 100 of them, and those found within a
// second. They are found by evaluating the filters as they are now: a failure
// is not stored when the event is routed, where each write would count.
func (e *Engine) FilterErrors(ctx context.Context, ev *event.Event) (list []FilterError) {
	ctx, cancel := context.WithTimeout(ctx, filterErrorsTime)
	defer cancel()
	for _, w := range e.hooks.List(ev.Tenant) {
		if w.Program == nil || !w.Wants(ev.Type) || ev.ID.Time().Before(w.CreatedAt) {
			continue
		}
		start := time.Now()
		_, err := w.Program.Match(ctx, ev)
		stepAside(time.Since(start))
		if ctx.Err() != nil || len(list) == maxFilterErrors {
			break
		}
		if err != nil {
			list = append(list, FilterError{WebhookID: w.ID, Message: filterFailure(w, ev)})
		}
	}
	return list
}
