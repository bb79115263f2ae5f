package delivery

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/exchange"
)

// panicText is what the log shows of an attempt that panicked. The details are in the server's own
// log, because they may concern others.
const panicText = "internal error of Relay, see its log"

// contain is deferred by functions that make a message of an event. A panic is a mistake of
// Relay's that some event or setting has found: it fails the attempt, which is retried as the
// webhook's policy says, and does not end the process, which would meet the same event again after
// its next start.
func (e *Engine) contain(ep *endpoint, m *destination.Message, err *error) {
	if p := recover(); p != nil {
		e.panicked(ep, m, p)
		*err = &RenderError{Kind: exchange.Invalid, Message: panicText}
	}
}

// callSender sends a message. A panic fails the attempt, see contain.
func (e *Engine) callSender(ctx context.Context, ep *endpoint, m *destination.Message) (res destination.Result) {
	e.metrics.inFlight.Add(1)
	defer e.metrics.inFlight.Add(-1)
	defer func() {
		if p := recover(); p != nil {
			e.panicked(ep, m, p)
			res = destination.Result{Class: destination.Refused, Reason: exchange.Invalid, Text: panicText, Request: ep.sender.Target()}
		}
	}()
	return ep.sender.Send(ctx, m)
}

// panicked logs a panic with the delivery that it happened to.
func (e *Engine) panicked(ep *endpoint, m *destination.Message, p any) {
	e.log.Error("an attempt panicked", "webhook", ep.hook.ID, "event", m.Items[0].Event.PublicID(), "batch", m.Batch,
		"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
}
