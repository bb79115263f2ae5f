package gate

import (
	"context"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// Publisher stores events; ingest.Ingester does.
type Publisher interface {
	Publish(ctx context.Context, p *ingest.Publication) error
}

// Engine delivers events; delivery.Engine does.
type Engine interface {
	Recovered() <-chan struct{}
	Test(ctx context.Context, w *webhook.Webhook, ev event.Event) (*delivery.Attempt, error)
}

// Ledger knows what became of deliveries; ledger.Ledger does.
type Ledger interface {
	Delivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (ledger.Delivery, error)
	Resend(ctx context.Context, p *access.Principal, ev *event.Event, w *webhook.Webhook) ([]event.DeliveryID, error)
}

const (
	// lookEvery is how often pending respondents are looked at whose event may be missing. Only a crash, or a store that
	// failed between the respondent and its event, leaves such.
	lookEvery = time.Minute
	lookPage  = 500
	// lookAtAllEvery is how often all that is pending is looked at again where other servers share the database: one that
	// died may have left a respondent that was looked at before, and just then was asked about again by hand.
	lookAtAllEvery = time.Hour
)

// Start begins to look after respondents whose event was never published, because Relay died in between. It is called
// once, after the engine was started.
func (g *Gate) Start(p Publisher, e Engine, l Ledger) {
	g.publisher, g.engine, g.ledger = p, e, l
	g.started.Store(true)
	g.loops.Go(g.look)
	if s, ok := g.store.(SharedStore); ok {
		g.loops.Go(func() { g.pollShared(s) })
	}
}

// look checks all pending respondents once, and from then on those that became pending since.
func (g *Gate) look() {
	select {
	case <-g.engine.Recovered():
	case <-g.ctx.Done():
		return
	}
	after, all := event.ID(0), time.Now()
	_, shared := g.store.(SharedStore)
	for {
		if g.lookAtAll.Swap(false) || shared && time.Since(all) > lookAtAllEvery {
			after, all = 0, time.Now()
		}
		// Those that are just being received have a moment to get on.
		until := event.FirstID(time.Now().Add(-lookEvery / 2))
		if after == 0 {
			until = event.FirstID(time.Now())
		}
		if next, err := g.lookAt(after, until); err == nil {
			after = next
		} else if g.ctx.Err() == nil {
			g.log.Error("looking after pending respondents failed, trying again", "err", err)
		}
		t := time.NewTimer(lookEvery)
		select {
		case <-t.C:
		case <-g.ctx.Done():
			t.Stop()
			return
		}
	}
}

// lookAt sees to it that those pending with ids in (after, until) are on their way, and returns where to go on.
func (g *Gate) lookAt(after, until event.ID) (event.ID, error) {
	for {
		list, err := g.store.RespondentPending(g.ctx, after, lookPage)
		if err != nil {
			return after, err
		}
		for i := range list {
			if list[i].ID >= until {
				return after, nil
			}
			if err := g.send(g.ctx, &list[i], true); err != nil {
				return after, err
			}
			after = list[i].ID
		}
		if len(list) < lookPage {
			return max(after, until-1), nil
		}
	}
}

// send publishes the event of a pending respondent; publishing it again does nothing. With again, one whose delivery is
// not under way is delivered again: that cannot be, unless the engine's data was lost.
func (g *Gate) send(ctx context.Context, r *Respondent, again bool) error {
	data := reference(r.ID, r.Round)
	p := &ingest.Publication{Tenant: r.Tenant, Operational: true, Items: []ingest.Item{{
		Event: event.Event{Tenant: r.Tenant, Type: eventType, Data: data, Time: r.CreatedAt},
		Key:   "g" + string(data), // no publisher's: see ingest.NameKey and ingest.HeaderKey
	}}}
	if err := g.publisher.Publish(ctx, p); err != nil {
		return err
	}
	if p.Err != nil {
		return p.Err
	}
	w := g.endpoint(r.Tenant)
	if it := &p.Items[0]; again && it.Duplicate && w != nil {
		d, err := g.ledger.Delivery(ctx, r.Tenant, event.DeliveryID{Event: it.Event.ID, Webhook: w.Number})
		var p *problem.Error
		missing := errors.As(err, &p) && p.Kind == problem.NotFound
		if err != nil && !missing {
			return err
		}
		switch d.State {
		case ledger.StateWaiting, ledger.StateHeld, ledger.StateInFlight:
			return nil
		}
		// Had it been decided meanwhile, the attempt would find that out, and not be made.
		if _, err := g.ledger.Resend(ctx, nil, &it.Event, w); err != nil {
			return err
		}
		g.log.Warn("a pending respondent had no delivery, and has one again", "respondent", r.Public())
	}
	return nil
}
