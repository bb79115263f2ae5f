package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/transform"
)

// Transformer runs the scripts that reshape events, as transform.Pool does:
// the error is a *transform.RunError if the script is to blame, any other one
// says nothing about it.
type Transformer interface {
	Run(ctx context.Context, s *transform.Script, event transform.Input) (transform.Output, error)
}

// DroppedError says why nothing is to be sent of a delivery.
type DroppedError struct{ Why string }

func (e *DroppedError) Error() string { return e.Why }

// errDropped is returned by render when the transform wants the event dropped.
var errDropped = &DroppedError{"dropped by the transform"}

// RenderError says why no message can be made of an event. It fails the attempt.
type RenderError struct {
	Kind    exchange.Kind
	Message string // for people
	Line    int    // of the transform; 0: none to blame
}

func (e *RenderError) Error() string { return e.Message }

// render fills in the message of a single delivery. The body is appended
// to dst if it is the format's. The error is a *DroppedError, a *RenderError, or
// one that says nothing about event and webhook: ctx ended, or there is no room
// for a transform at the moment.
func (e *Engine) render(ctx context.Context, ep *endpoint, m *destination.Message, dst []byte) (err error) {
	defer e.contain(ep, m, &err)
	w, item := ep.hook, &m.Items[0]
	if c := ep.sender.Composer; c != nil {
		m.ContentType, m.BodyFormat = format.ContentType, w.Format
		if err := c.Compose(ctx, m); err != nil {
			return err
		}
		if item.Settled != "" {
			return &DroppedError{item.Settled}
		}
		return nil
	}
	ev := item.Event
	m.ContentType, m.BodyFormat = format.TypeOf(w.Format), w.Format
	var out transform.Output
	if w.Script != nil {
		if out, err = e.transform(ctx, w.Script, ev); err != nil {
			return err
		}
		m.Ask = destination.Ask{URL: out.URL, Query: out.Query, Header: out.Headers}
	}
	if w.Script == nil || out.NoBody {
		var ok bool
		if m.Body, ok = format.Append(dst, w.Format, ev, item.Delivery); !ok {
			return &RenderError{Kind: exchange.Invalid, Message: fmt.Sprintf("there is no format %q", w.Format)}
		}
	} else {
		m.Body, m.BodyFormat, m.ContentType = out.Body, "", format.ContentType
		if out.Text {
			m.ContentType = "text/plain; charset=utf-8"
		}
	}
	for name, value := range format.Header(w.Format, ev, item.Delivery) {
		m.Fields = append(m.Fields, exchange.Field{Name: name, Value: value})
	}
	return nil
}

// transform runs the webhook's script for an event.
func (e *Engine) transform(ctx context.Context, s *transform.Script, ev *event.Event) (transform.Output, error) {
	if e.transforms == nil {
		return transform.Output{}, &RenderError{Kind: exchange.Transform, Message: "transforms are not available on this server"}
	}
	out, err := e.transforms.Run(ctx, s, transform.Input{
		ID: ev.PublicID(), Type: ev.Type, Key: ev.Key, Time: ev.Time, Data: ev.Data, Attributes: ev.Attributes,
		// Not the time of the attempt: each attempt must send the same as the first.
		Now: later(ev.ID.Time(), ev.DeliverAt), Tenant: ev.Tenant,
	})
	var failed *transform.RunError
	switch {
	case errors.As(err, &failed):
		return out, &RenderError{Kind: exchange.Transform, Message: failed.Error(), Line: failed.Line}
	case err != nil:
		return out, err
	case out.Drop:
		return out, errDropped
	}
	return out, nil
}

// badAsk says in words that a destination does not allow a part of a
// request.
func badAsk(ep *endpoint, why string) string {
	if ep.sender.Composer != nil {
		return "no request can be made: " + why
	}
	return "transform failed (result): " + why
}
