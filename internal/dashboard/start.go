package dashboard

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/builtin"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// stepsView are the first steps of a tenant, each with whether it is done. They follow from what there is, so that they
// tick themselves whoever does them and in whichever way.
type stepsView struct {
	HasKey, HasHook, HasAttempt, HasDelivery bool

	Key      string           // the text of a key that was just created, shown this once
	Hook     *webhook.Webhook // the first one
	Attempt  *attemptView     // the latest
	URL      string           // of the API, for the commands
	MayKey   bool
	Wrong    string
	Receiver bool // the webhook delivers to the built-in receiver
}

// Done counts the steps that are done.
func (v stepsView) Done() (n int) {
	for _, done := range []bool{v.HasKey, v.HasHook, v.HasAttempt, v.HasDelivery} {
		if done {
			n++
		}
	}
	return n
}

// First reports which step is to be done now, 1 to 4; 5: none.
func (v stepsView) First() int {
	for i, done := range []bool{v.HasKey, v.HasHook, v.HasAttempt, v.HasDelivery} {
		if !done {
			return i + 1
		}
	}
	return 5
}

// steps looks how far the tenant is.
func (d *Dashboard) steps(ctx context.Context, q *request) (*stepsView, error) {
	v := &stepsView{URL: q.address(), MayKey: q.who.Allows(access.ManageKeys)}
	now := d.now()
	for _, k := range d.Keys.List(q.who.Tenant) {
		// The keys that a start makes are the operator's. An application should have one of its own that can only publish.
		if k.Valid(now) && k.Allows(access.ScopePublish) && !k.Allows(access.ScopeAdmin) {
			v.HasKey = true
		}
	}
	if hooks := d.Webhooks.List(q.who.Tenant); len(hooks) > 0 {
		v.HasHook, v.Hook = true, hooks[len(hooks)-1]
		v.Receiver = builtin.IsURL(v.Hook.URL)
	}
	list, _, err := d.Ledger.Attempts(ctx, delivery.LogQuery{Tenant: q.who.Tenant, Limit: latest})
	if err != nil {
		return nil, err
	}
	v.HasAttempt = len(list) > 0
	for i := range list {
		if i == 0 || !v.HasDelivery && list[i].Outcome == delivery.Delivered {
			a := d.showAttempt(list[i])
			v.Attempt = &a
		}
		v.HasDelivery = v.HasDelivery || list[i].Outcome == delivery.Delivered
	}
	return v, nil
}

// address returns the address that the person reaches Relay by, without a slash at the end.
func (q *request) address() string { return q.d.SignIn.Address(q.Request) }

// firstSteps is the page of the first steps. htmx asks for the steps alone, every two seconds.
func (d *Dashboard) firstSteps(ctx context.Context, q *request) (answer, error) {
	v, err := d.steps(ctx, q)
	return answer{page: "start", block: "steps-answer", title: "Get started", section: "home", data: v}, err
}

func (d *Dashboard) firstKey(ctx context.Context, q *request) (answer, error) {
	_, text, err := d.Keys.Create(ctx, q.who, account.NewKey{Name: "my application", Scopes: []access.Scope{access.ScopePublish}})
	if err != nil {
		return answer{}, err
	}
	v, err := d.steps(ctx, q)
	if err != nil {
		return answer{}, err
	}
	v.Key = text
	return answer{page: "start", block: "key-answer", title: "Get started", section: "home", data: v, secret: true}, nil
}

// firstWebhook adds a webhook for all events that delivers to the built-in receiver.
func (d *Dashboard) firstWebhook(ctx context.Context, q *request) (answer, error) {
	if err := d.addReceiver(ctx, q); err != nil {
		return answer{}, err
	}
	return d.afterStep(ctx, q)
}

// firstEvent publishes an example. Those who may not publish test the webhook instead.
func (d *Dashboard) firstEvent(ctx context.Context, q *request) (answer, error) {
	v, err := d.steps(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if v.Hook == nil {
		return answer{}, problem.New(problem.Conflict, "add a webhook first")
	}
	ev, err := d.names.TestEvent(ctx, v.Hook, "")
	if err != nil {
		return answer{}, err
	}
	if !q.who.Allows(access.Publish) {
		if _, err := d.Engine.Test(ctx, v.Hook, ev); err != nil {
			return answer{}, err
		}
		return d.afterStep(ctx, q)
	}
	ev.Time = d.now().UTC().Truncate(time.Millisecond)
	p := ingest.Publication{Tenant: q.who.Tenant, Items: []ingest.Item{{Event: event.Event{
		Tenant: q.who.Tenant, Type: ev.Type, Data: ev.Data, Attributes: ev.Attributes, Time: ev.Time,
	}}}}
	if err := d.Publisher.Publish(ctx, &p); err != nil {
		return answer{}, fmt.Errorf("publishing an example: %w", err)
	}
	return d.afterStep(ctx, q)
}

func (d *Dashboard) afterStep(ctx context.Context, q *request) (answer, error) {
	if q.part {
		return d.firstSteps(ctx, q)
	}
	return answer{to: q.path("start")}, nil
}
