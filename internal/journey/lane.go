package journey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// Journeys hear of events by a webhook of their own, whose destination they are. So events reach them once more after a crash,
// each by one server, and in their order: under fifo an event waits for those of the same key that came before it. An order
// that starts a journey and the cancelation that ends it cannot overtake each other.

// Owner is the name under which journeys have webhooks of their own, and that of their kind of destination.
const Owner = "journey"

// maxTypes bounds how many types of events the journeys of a tenant look at, as a webhook's settings do.
const maxTypes = 100

// types returns the types of events that the tenant's journeys look at.
func (j *Journeys) types(tenant event.TenantID) (list []string) {
	for _, it := range j.records.List(tenant) {
		if it.Value.Mode == Stopped {
			continue
		}
		for i := range it.Value.Versions {
			v := &it.Value.Versions[i]
			for _, name := range v.def.events(v == it.Value.Current()) {
				if !slices.Contains(list, name) {
					list = append(list, name)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// listen makes, changes or removes the tenant's webhook, as its journeys want it.
func (j *Journeys) listen(ctx context.Context, tenant event.TenantID) error {
	types := j.types(tenant)
	if len(types) > maxTypes {
		return problem.New(problem.Conflict, "the journeys look at %d types of events; there may be %d", len(types), maxTypes)
	}
	var w *webhook.Webhook
	if owned := j.webhooks.Owned(tenant, Owner); len(owned) > 0 {
		w = owned[0]
	}
	set := func(s *webhook.Settings) {
		s.Owner, s.Events = Owner, types
		s.Destination = webhook.Destination{Type: Owner, Options: json.RawMessage(`{}`)}
		s.Format, s.Signature = "", webhook.SignNone
		s.Ordering = webhook.OrderingFIFO
		// What cannot be stored now is tried again for as long as the engine may.
		s.Retry = webhook.Retry{Attempts: webhook.MaxAttempts, InitialWait: time.Second, Factor: 2, MaxWait: time.Minute, MaxAge: 31 * 24 * time.Hour, RetryOn: []string{"other", "network", "timeout"}}
	}
	var err error
	switch {
	case len(types) == 0 && w != nil:
		err = j.webhooks.DeleteOwned(ctx, tenant, w.ID, nil)
	case len(types) == 0 || w != nil && slices.Equal(w.Events, types):
		return nil
	case w != nil:
		_, err = j.webhooks.UpdateOwned(ctx, tenant, w.ID, nil, func(s *webhook.Settings) error { set(s); return nil })
	default:
		s := webhook.Default()
		set(&s)
		_, err = j.webhooks.CreateOwned(ctx, tenant, s, nil)
	}
	if err != nil {
		return fmt.Errorf("listening for events of journeys: %w", err)
	}
	return nil
}

// Destination is the kind of destination that the webhooks of journeys have, and their owner.
type Destination struct {
	journeys *Journeys
}

// Destination returns what is to be registered under Owner as a kind of destination and as an owner.
func (j *Journeys) Destination() Destination { return Destination{j} }

// Check implements destination.Kind. Journeys make their webhooks themselves.
func (d Destination) Check(_ context.Context, s *webhook.Settings) error {
	if s.Owner != Owner {
		return problem.InvalidField("destination.type", "%q is for journeys: POST /v1/journeys makes one", Owner)
	}
	s.URL = "journey:events"
	return nil
}

// Wrap implements destination.Wrapper: the sender needs no other around it.
func (d Destination) Wrap(_ *webhook.Webhook, next destination.Sender) destination.Sender {
	return next
}

// Open implements destination.Kind.
func (d Destination) Open(w *webhook.Webhook, _ destination.Sender) destination.Sender {
	return &listener{journeys: d.journeys, hook: w}
}

// listener takes events over from the engine.
type listener struct {
	journeys *Journeys
	hook     *webhook.Webhook
}

var (
	_ destination.Kind     = Destination{}
	_ destination.Wrapper  = Destination{}
	_ destination.Composer = (*listener)(nil)
	_ destination.Revealer = (*listener)(nil)
)

// Target implements destination.Sender.
func (l *listener) Target() exchange.Request {
	return exchange.Request{Method: "observe", URL: l.hook.URL}
}

// Describe implements destination.Sender.
func (l *listener) Describe(*destination.Message) (exchange.Request, error) { return l.Target(), nil }

// Close implements destination.Sender.
func (l *listener) Close() {}

// Compose implements destination.Composer: nothing is made of the event, which is there.
func (l *listener) Compose(_ context.Context, m *destination.Message) error {
	m.Body, m.ContentType, m.BodyFormat = []byte{}, "", Owner
	return nil
}

// Reveal implements destination.Revealer: the event has what there is to see.
func (l *listener) Reveal(_ context.Context, _ *event.Event, req *exchange.Request, _ *exchange.Response) error {
	req.Body = nil
	return nil
}

// Send implements destination.Sender.
func (l *listener) Send(ctx context.Context, m *destination.Message) (r destination.Result) {
	r.Request = l.Target()
	if m.Test {
		return r
	}
	for i := range m.Items {
		err := l.journeys.Observe(ctx, m.Items[i].Event)
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil:
			r.Class = destination.Interrupted
		case errors.Is(err, problem.ErrUnavailable):
			// Of this server or its database, not of the event: it does not count.
			r.Class, r.After, r.Text = destination.Limited, time.Second, "the store is not there"
		default:
			l.journeys.log.WarnContext(ctx, "an event was not brought to journeys, trying again", "event", m.Items[i].Event.ID, "error", err)
			r.Class, r.Reason, r.Text = destination.Overloaded, exchange.Connect, err.Error()
		}
		return r
	}
	return r
}
