package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
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
	// Request is the request of the first attempt, with PreviewSend only.
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
func (l *Ledger) Preview(ctx context.Context, w *webhook.Webhook, events []*event.Event) ([]Previewed, error) {
	limited, end, err := l.beginPreview(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	draft := l.machine.Draft(w)
	defer draft.Close()
	list := make([]Previewed, len(events))
	for i, ev := range events {
		p, err := l.preview(limited, w, draft, ev)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("previewing: %w", ctx.Err())
		case limited.Err() != nil:
			p = Previewed{Event: ev, Verdict: PreviewNotTried, Detail: fmt.Sprintf("not tried: a preview ends after %v", previewTime)}
		case err != nil:
			return nil, errPreviews
		}
		list[i] = p
	}
	return list, nil
}

// errPreviews is returned when too many previews run.
var errPreviews = problem.New(problem.Unavailable, "too many previews run, or too many transforms wait for their turn: try again")

// beginPreview waits until a preview may run. Its context ends with the time that it has; the caller must call end.
func (l *Ledger) beginPreview(ctx context.Context) (limited context.Context, end func(), err error) {
	limited, cancel := context.WithTimeout(ctx, previewTime)
	select {
	case l.previews <- struct{}{}:
	case <-limited.Done():
		cancel()
		return nil, nil, errors.Join(ctx.Err(), errPreviews)
	}
	return limited, func() {
		cancel()
		<-l.previews
	}, nil
}

// preview is Preview of one event. The error says nothing about the event.
func (l *Ledger) preview(ctx context.Context, w *webhook.Webhook, draft *delivery.Draft, ev *event.Event) (Previewed, error) {
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
	req, err := draft.Describe(ctx, ev)
	var failed *delivery.RenderError
	var dropped *delivery.DroppedError
	switch {
	case errors.As(err, &dropped):
		p.Verdict, p.Detail = PreviewDrop, dropped.Why
	case errors.As(err, &failed):
		p.Verdict, p.Detail, p.Line = PreviewTransformError, failed.Message, failed.Line
	case err != nil:
		return p, err
	default:
		p.Verdict, p.Detail, p.Request = PreviewSend, "it would be sent", &req
	}
	return p, nil
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
func (l *Ledger) FilterErrors(ctx context.Context, ev *event.Event) (list []FilterError) {
	ctx, cancel := context.WithTimeout(ctx, filterErrorsTime)
	defer cancel()
	for _, w := range l.hooks.List(ev.Tenant) {
		if w.Program == nil || !w.Wants(ev.Type) || ev.ID.Time().Before(w.CreatedAt) {
			continue
		}
		start := time.Now()
		_, err := w.Program.Match(ctx, ev)
		delivery.StepAside(time.Since(start))
		if ctx.Err() != nil || len(list) == maxFilterErrors {
			break
		}
		if err != nil {
			list = append(list, FilterError{WebhookID: w.ID, Message: filterFailure(w, ev)})
		}
	}
	return list
}
