package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/egress"
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

// message is what a delivery says and where it goes, before it becomes a
// request: what each attempt adds (Relay's own header fields, signatures,
// authentication) comes on top.
type message struct {
	target      egress.Target
	contentType string
	body        []byte
	// bodyFormat is the format that makes this body of the event; empty if
	// only the message holds it.
	bodyFormat string
	// header holds the format's fields, the webhook's own and the transform's,
	// each name once. It may be shared: do not append to it.
	header []exchange.Field
	parcel Parcel // of a webhook that has an owner
}

// Limits of the header fields that a transform sets, as for a webhook's own.
const (
	maxTransformHeaders     = 32
	maxTransformHeaderBytes = 8 << 10
)

// errDropped is returned by render when the transform wants the event dropped.
var errDropped = errors.New("dropped by the transform")

// renderError says why no message can be made of an event. It fails the attempt.
type renderError struct {
	kind    exchange.Kind
	message string // for people
	line    int    // of the transform; 0: none to blame
}

func (e *renderError) Error() string { return e.message }

// render makes the message of a delivery. The body is appended to dst if it is
// the format's. The error is errDropped, a *renderError, or one that says
// nothing about event and webhook: ctx ended, or there is no room for a
// transform at the moment.
func (e *Engine) render(ctx context.Context, dst []byte, ep *endpoint, ev *event.Event, d event.DeliveryID) (message, error) {
	w := ep.hook
	if w.Owner != "" {
		return e.openParcel(ctx, ep, ev)
	}
	m := message{target: w.Target, contentType: format.TypeOf(w.Format), bodyFormat: w.Format, header: ep.custom}
	var out transform.Output
	if w.Script != nil {
		var err error
		if out, err = e.transform(ctx, w.Script, ev); err != nil {
			return m, err
		}
	}
	if w.Script == nil || out.NoBody {
		var ok bool
		if m.body, ok = format.Append(dst, w.Format, ev, d); !ok {
			return m, &renderError{kind: exchange.Invalid, message: fmt.Sprintf("there is no format %q", w.Format)}
		}
	} else {
		m.body, m.bodyFormat, m.contentType = out.Body, "", format.ContentType
		if out.Text {
			m.contentType = "text/plain; charset=utf-8"
		}
	}
	var own []exchange.Field
	for name, value := range format.Header(w.Format, ev, d) {
		own = append(own, exchange.Field{Name: name, Value: value})
	}
	if own != nil {
		m.header = append(own, ep.custom...)
	}
	if w.Script != nil {
		if err := m.apply(&out); err != nil {
			return m, err
		}
	}
	return m, nil
}

// transform runs the webhook's script for an event.
func (e *Engine) transform(ctx context.Context, s *transform.Script, ev *event.Event) (transform.Output, error) {
	if e.transforms == nil {
		return transform.Output{}, &renderError{kind: exchange.Transform, message: "transforms are not available on this server"}
	}
	out, err := e.transforms.Run(ctx, s, transform.Input{
		ID: ev.PublicID(), Type: ev.Type, Key: ev.Key, Time: ev.Time, Data: ev.Data, Attributes: ev.Attributes,
		// Not the time of the attempt: what it sends must be what the first one sent.
		Now: later(ev.ID.Time(), ev.DeliverAt), Tenant: ev.Tenant,
	})
	var failed *transform.RunError
	switch {
	case errors.As(err, &failed):
		return out, &renderError{kind: exchange.Transform, message: failed.Error(), line: failed.Line}
	case err != nil:
		return out, err
	case out.Drop:
		return out, errDropped
	}
	return out, nil
}

// apply takes over where a transform wants the message to go and its header
// fields, as far as that is allowed.
func (m *message) apply(out *transform.Output) error {
	refuse := func(text string, args ...any) error {
		return &renderError{kind: exchange.Transform, message: "transform failed (result): " + fmt.Sprintf(text, args...)}
	}
	if !m.target.IsZero() { // sending without one fails with words of its own
		target, err := m.target.Resolve(out.URL, out.Query)
		if err != nil {
			return refuse("%v", err)
		}
		m.target = target
	}
	if len(out.Headers) == 0 {
		return nil
	}
	if len(out.Headers) > maxTransformHeaders {
		return refuse("headers must have at most %d entries, got %d", maxTransformHeaders, len(out.Headers))
	}
	size := 0
	header := slices.Clone(m.header)
	var set []string
	for _, name := range slices.Sorted(maps.Keys(out.Headers)) {
		value := out.Headers[name]
		if err := egress.CheckHeader(name, value); err != nil {
			return refuse("%v", err)
		}
		lower := strings.ToLower(name)
		switch {
		case slices.Contains(set, lower):
			return refuse("header %q is given twice, in different case", name)
		case lower == "user-agent":
			return refuse("header %q is set by Relay itself", name)
		}
		set = append(set, lower)
		if size += len(name) + len(value) + 4; size > maxTransformHeaderBytes {
			return refuse("headers must have at most %d bytes in all", maxTransformHeaderBytes)
		}
		if lower == "content-type" {
			m.contentType = value
			continue
		}
		header = slices.DeleteFunc(header, func(f exchange.Field) bool { return strings.EqualFold(f.Name, name) })
		header = append(header, exchange.Field{Name: name, Value: value})
	}
	m.header = header
	return nil
}
