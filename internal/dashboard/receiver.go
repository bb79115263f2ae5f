package dashboard

import (
	"context"
	"slices"

	"github.com/relay-events/relay/internal/builtin"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// receivedView is a request to the built-in receiver as its page shows it.
type receivedView struct {
	builtin.Request
	Shown *body
	Class string // of the answer
}

type receiverView struct {
	Requests  []receivedView
	Behavior  builtin.Behavior
	Behaviors []behaviorView
	Hooks     []*webhook.Webhook // that deliver to the receiver
}

type behaviorView struct {
	Value      builtin.Behavior
	Name, Hint string
}

var behaviors = []behaviorView{
	{builtin.Accept, "Accept", "Answers 200 where the signature is right and 401 where it is wrong."},
	{builtin.Fail, "Answer 500", "Each delivery fails and is tried again, with growing waits."},
	{builtin.Wait, "Wait 15 s", "Longer than the usual time for an answer: attempts end with a timeout."},
	{builtin.Cut, "Cut the body", "Answers 200 and breaks the connection within the body. The status counts."},
}

// Hint says what the chosen behaviour does.
func (v receiverView) Hint() string {
	i := slices.IndexFunc(behaviors, func(b behaviorView) bool { return b.Value == v.Behavior })
	return behaviors[max(i, 0)].Hint
}

// receiverPage shows the last requests to the built-in receiver. htmx asks for the list alone.
func (d *Dashboard) receiverPage(_ context.Context, q *request) (answer, error) {
	list, behavior := d.Receiver.Requests(q.who.Tenant)
	v := receiverView{Behavior: behavior, Behaviors: behaviors, Hooks: d.received(q.who.Tenant)}
	for _, r := range list {
		shown := receivedView{Request: r, Class: "bad", Shown: showBody(r.Body, headerValue(r.Header, "Content-Type"), r.Bytes > int64(len(r.Body)), r.Bytes)}
		switch {
		case r.Answer == "200":
			shown.Class = "ok"
		case r.Answer[0] == '2', r.Answer[0] == 'c':
			shown.Class = "warn"
		}
		v.Requests = append(v.Requests, shown)
	}
	return answer{page: "receiver", block: "received-answer", title: "Built-in receiver", section: "receiver", data: v}, nil
}

// received returns the webhooks that deliver to the built-in receiver.
func (d *Dashboard) received(tenant event.TenantID) (list []*webhook.Webhook) {
	for _, w := range d.Webhooks.List(tenant) {
		if builtin.IsURL(w.URL) {
			list = append(list, w)
		}
	}
	return list
}

// addReceiver adds a webhook for all events that delivers to the built-in receiver.
func (d *Dashboard) addReceiver(ctx context.Context, q *request) error {
	s := webhook.Default()
	s.URL, s.Events, s.Description = builtin.NewURL(q.tenant.Name), []string{"*"}, "Built-in receiver"
	_, err := d.Webhooks.Create(ctx, q.who, s, "")
	return err
}

func (d *Dashboard) receiverAdd(ctx context.Context, q *request) (answer, error) {
	if err := d.addReceiver(ctx, q); err != nil {
		return answer{}, err
	}
	return answer{to: q.path("receiver")}, nil
}

func (d *Dashboard) receiverBehave(_ context.Context, q *request) (answer, error) {
	b := builtin.Behavior(q.value("behavior"))
	if !slices.Contains(builtin.Behaviors, b) {
		return answer{}, problem.InvalidField("behavior", "must be one of those the page offers")
	}
	d.Receiver.Behave(q.who.Tenant, b)
	return answer{to: q.path("receiver")}, nil
}

func (d *Dashboard) receiverClear(_ context.Context, q *request) (answer, error) {
	d.Receiver.Clear(q.who.Tenant)
	return answer{to: q.path("receiver")}, nil
}
