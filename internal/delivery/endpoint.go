package delivery

import (
	"context"
	"sync"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// endpoint is what all attempts for a webhook have in common. It never changes:
// a change of the webhook makes a new one.
type endpoint struct {
	engine *Engine
	hook   *webhook.Webhook
	sender *destination.Opened
}

// open returns the endpoint of a webhook; before is that of its earlier
// settings, nil for none, which the caller closes when it has the new one.
func (e *Engine) open(w *webhook.Webhook, before *endpoint) *endpoint {
	var sender *destination.Opened
	if before != nil {
		sender = before.sender
	}
	return &endpoint{engine: e, hook: w, sender: e.destinations.Open(w, sender)}
}

// close ends the endpoint's sender and filter. Attempts that wait for it are released
// uncounted.
func (ep *endpoint) close() { ep.sender.Close() }

// MaySend reports whether the webhook may still be sent to: it may have been
// paused or deleted, or a maintenance window may have begun, while an attempt
// waited for its transform or for what its destination asks for.
func (ep *endpoint) MaySend() bool {
	w, ok := ep.engine.hooks.ByNumber(ep.hook.Number)
	return ok && w.Sends() && (len(w.Maintenance) == 0 || w.HeldUntil(ep.engine.wall()).IsZero())
}

// outgoing is a message with the memory that it needs. It is reused.
type outgoing struct {
	destination.Message
	item [1]destination.Item // Items of a single delivery
	buf  []byte
}

var messages = sync.Pool{New: func() any { return new(outgoing) }}

// maxPooledBody bounds the buffers that are kept for reuse.
const maxPooledBody = 64 << 10

// newMessage returns the message of a delivery. It is to be freed.
func newMessage(w *webhook.Webhook, ev *event.Event, number int) *outgoing {
	m := messages.Get().(*outgoing)
	d := event.DeliveryID{Event: ev.ID, Webhook: w.Number}
	m.item[0] = destination.Item{Event: ev, Delivery: d}
	m.Items, m.ID, m.Type, m.Number = m.item[:], d.String(), ev.Type, number
	return m
}

// keepBuffer has the buffer reused that the body was appended to. It must not
// be called while anything still reads the body.
func (m *outgoing) keepBuffer() {
	if cap(m.Body) <= maxPooledBody {
		m.buf = m.Body[:0]
	}
}

// free makes the message available for another attempt.
func (m *outgoing) free() {
	m.Message, m.item[0] = destination.Message{}, destination.Item{}
	messages.Put(m)
}

// tellSettler has the destination take over how a delivery ended, before that is
// recorded. It reports false when Relay stops while that is not possible: the
// delivery is then to be released.
func (ep *endpoint) tellSettler(item *destination.Item, a *Attempt) bool {
	e, s := ep.engine, ep.sender.Settler
	if s == nil {
		return true
	}
	end := &destination.Ending{Item: item, Delivered: a.Outcome == Delivered, Text: a.Error}
	for first := true; ; first = false {
		err := s.Settle(context.WithoutCancel(e.working), end)
		if err == nil {
			return true
		}
		if first {
			e.log.Error("handing a delivery over failed, trying again", "owner", ep.hook.Owner, "delivery", item.Delivery.String(), "err", err)
		}
		if !e.sleep(retryStore) {
			return false
		}
	}
}
