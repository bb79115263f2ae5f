package destination

import (
	"context"
	"fmt"

	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// A Wrapper is a product that delivers through webhooks of its own (webhook.Settings.Owner): it puts itself around the
// sender of their destination, and so sees requests and answers.
type Wrapper interface {
	// Wrap returns a sender that sends through next, which is closed with it. It mostly is a Composer, a Settler and a
	// Revealer as well.
	Wrap(w *webhook.Webhook, next Sender) Sender
}

// Table has the kinds of destination, and the products that have webhooks of their own, by name. It is filled before it
// is used.
type Table struct {
	Kinds  map[string]Kind
	Owners map[string]Wrapper
}

// HTTP is the type of destination of a webhook that names none.
const HTTP = "http"

// typeOf returns the type of a webhook's destination.
func typeOf(s *webhook.Settings) string {
	if s.Destination.Type == "" {
		return HTTP
	}
	return s.Destination.Type
}

// CheckDestination checks settings by the rules of their kind of destination, as webhook.Registry asks for it.
func (t *Table) CheckDestination(ctx context.Context, s *webhook.Settings) error {
	kind := t.Kinds[typeOf(s)]
	if kind == nil {
		return problem.InvalidField("destination.type", "this server has no destination %.40q", s.Destination.Type)
	}
	return kind.Check(ctx, s)
}

// Opened is the sender of a webhook. It has the sender's further abilities, nil where it lacks them.
type Opened struct {
	Sender
	Composer Composer
	Settler  Settler
	Revealer Revealer
	Adviser  Adviser

	kind string
	base Sender // without its wrapper
}

// Open returns the sender of a webhook. before is that of its earlier settings, nil for none; the caller closes it when
// the new one is in place.
func (t *Table) Open(w *webhook.Webhook, before *Opened) *Opened {
	o := &Opened{kind: typeOf(&w.Settings)}
	var kept Sender
	if before != nil && before.kind == o.kind {
		kept = before.base
	}
	if kind := t.Kinds[o.kind]; kind != nil {
		o.base = kind.Open(w, kept)
	} else {
		o.base = missing{w.URL, fmt.Sprintf("this server has no destination %q", o.kind)}
	}
	o.Sender = o.base
	if w.Owner != "" {
		if owner := t.Owners[w.Owner]; owner != nil {
			o.Sender = owner.Wrap(w, o.base)
		} else {
			// A server without the owner gives its deliveries up; the owner looks for such when it is back.
			o.Sender = missing{w.URL, fmt.Sprintf("this server has no %q", w.Owner)}
		}
	}
	o.Composer, _ = o.Sender.(Composer)
	o.Settler, _ = o.Sender.(Settler)
	o.Revealer, _ = o.Sender.(Revealer)
	o.Adviser, _ = o.base.(Adviser)
	return o
}

// Close closes the sender and the one it is wrapped around.
func (o *Opened) Close() {
	o.Sender.Close()
	o.base.Close()
}

// missing is the sender of a webhook that this server cannot send to.
type missing struct{ url, why string }

func (m missing) Send(context.Context, *Message) Result {
	return Result{Class: Unreachable, Reason: exchange.Invalid, Text: m.why, Request: m.Target()}
}

func (m missing) Describe(*Message) (exchange.Request, error) {
	return exchange.Request{}, fmt.Errorf("%s", m.why)
}

func (m missing) Target() exchange.Request { return exchange.Request{URL: m.url} }

func (missing) Close() {}
