package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/webhook"
)

// Owner is a product that delivers through webhooks of its own (webhook.Settings.Owner): it says what is sent, what an
// answer means, and takes over what comes of it. All else is as for any webhook. Its methods are safe for concurrent use.
type Owner interface {
	// Open returns the parcel of an event of the owner's. An error that is a *SettledError says that there is nothing to
	// send any more; any other one, that it cannot be said now.
	Open(ctx context.Context, ev *event.Event) (Parcel, error)
	// Reveal fills in what the log does not hold of an attempt itself: the request's body, and that of the response,
	// which Conceal has changed. What is gone is set to nil. ev is nil when the event is no longer stored.
	Reveal(ctx context.Context, ev *event.Event, a *Attempt) error
}

// Parcel is the owner's side of one delivery.
type Parcel interface {
	// Body is what to send.
	Body() []byte
	// Judge looks at an answer with a 2xx status and says what is wrong with it, without repeating of it; empty: nothing.
	Judge(res *exchange.Response) string
	// Settle takes over how the delivery has ended: Delivered, with the answer, or any other settling outcome. It is
	// called before that is recorded, again and again until it returns nil, and after a crash perhaps for an attempt that
	// repeats one it was called for: what it does must happen once. When it has returned, it is durable.
	Settle(ctx context.Context, a *Attempt) error
	// Conceal changes the response's body into what the log may hold.
	Conceal(res *exchange.Response)
}

// SettledError tells why a delivery needs no attempt any more.
type SettledError struct{ Why string }

func (e *SettledError) Error() string { return e.Why }

// openParcel makes the message of a delivery of an owner's webhook.
func (e *Engine) openParcel(ctx context.Context, ep *endpoint, ev *event.Event) (message, error) {
	w := ep.hook
	m := message{target: w.Target, contentType: format.ContentType, bodyFormat: w.Format, header: ep.custom}
	owner := e.owners[w.Owner]
	if owner == nil {
		return m, &renderError{kind: exchange.Invalid, message: fmt.Sprintf("this server has no %q", w.Owner)}
	}
	p, err := owner.Open(ctx, ev)
	if err != nil {
		return m, err
	}
	m.body, m.parcel = p.Body(), p
	return m, nil
}

// judge has the owner look at an answer that was good so far.
func (a *Attempt) judge() {
	if a.parcel == nil || a.Outcome != Delivered {
		return
	}
	if why := a.parcel.Judge(a.Response); why != "" {
		a.Outcome, a.ErrorKind, a.Error = Failed, exchange.Answer, why
	}
}

// handOver has the owner take over how a delivery ended, before that is recorded. It reports false when Relay stops
// while that is not possible: the delivery is then to be given back.
func (e *Engine) handOver(w *webhook.Webhook, ev *event.Event, a *Attempt) bool {
	for first := true; ; first = false {
		err := e.tryHandOver(w, ev, a)
		if err == nil {
			return true
		}
		if first {
			e.log.Error("handing a delivery over failed, trying again", "owner", w.Owner, "delivery", a.Delivery().String(), "err", err)
		}
		if !e.sleep(retryStore) {
			return false
		}
	}
}

func (e *Engine) tryHandOver(w *webhook.Webhook, ev *event.Event, a *Attempt) (err error) {
	ctx := context.WithoutCancel(e.working)
	p := a.parcel
	if p == nil { // nothing was sent
		owner := e.owners[w.Owner]
		if owner == nil {
			return nil // a server without the owner gives the delivery up; the owner looks for such when it is back
		}
		var settled *SettledError
		if p, err = owner.Open(ctx, ev); errors.As(err, &settled) {
			return nil
		}
	}
	if err == nil {
		err = p.Settle(ctx, a)
	}
	return err
}
