package dashboard

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/attention"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// groupView is a group of failures on a page.
type groupView struct {
	*attention.Group
	Shown  state
	Hook   state // how the webhook fares
	Sample attemptView
	// MayRecover: the endpoint works again, so that what failed can be delivered.
	MayRecover bool
}

func (d *Dashboard) showGroup(q *request, g *attention.Group) groupView {
	v := groupView{Group: g, Hook: stateOf(g.Webhook, d.Engine.Health(g.Webhook), d.now()), Sample: d.showAttempt(g.Sample)}
	v.Shown.Word = string(g.State)
	switch g.State {
	case attention.Open:
		v.Shown.Class = "bad"
	case attention.Acknowledged:
		v.Shown.Class, v.Shown.Why = "warn", "by "+g.Mark.By
	case attention.Snoozed:
		v.Shown.Class, v.Shown.Why = "warn", "by "+g.Mark.By
	case attention.Resolved:
		v.Shown.Class = "ok"
		v.MayRecover = g.Webhook.Status == webhook.Active && q.who.Allows(access.Redeliver)
	}
	return v
}

type attentionView struct {
	Open, Rest []groupView // Rest: acknowledged, snoozed and resolved
	More       bool
	Days       int
}

func (d *Dashboard) attentionList(ctx context.Context, q *request) (answer, error) {
	leave, err := d.Searches.Enter(ctx, q.who.Tenant)
	if err != nil {
		return answer{}, err
	}
	defer leave()
	list, more, err := d.Attention.Groups(ctx, q.who.Tenant)
	if err != nil {
		return answer{}, err
	}
	v := attentionView{More: more, Days: int(attention.Within / (24 * time.Hour))}
	for _, g := range list {
		shown := d.showGroup(q, g)
		if g.State == attention.Open {
			v.Open = append(v.Open, shown)
		} else {
			v.Rest = append(v.Rest, shown)
		}
	}
	return answer{page: "attention", title: "Needs attention", section: "attention", data: v}, nil
}

type attentionPageView struct {
	groupView
	Snoozes []choice
	Failed  int  // deliveries to the webhook that Relay gave up in the time
	Most    bool // and more
}

// Samples is the sample as a list, which the table of attempts takes.
func (v attentionPageView) Samples() []attemptView { return []attemptView{v.Sample} }

// LogAddress is the log with the failures of the group.
func (v attentionPageView) LogAddress(f *frame) string {
	p := url.Values{"webhook": {v.Webhook.ID}}
	if v.Class != 0 {
		p.Set("code", strconv.Itoa(v.Class)+"xx")
	}
	return f.To("log") + "?" + p.Encode()
}

var snoozes = []choice{{"1h", "1 hour"}, {"8h", "8 hours"}, {"24h", "a day"}, {"168h", "a week"}}

func (d *Dashboard) attentionPage(ctx context.Context, q *request) (answer, error) {
	g, err := d.Attention.Group(ctx, q.who.Tenant, q.PathValue("group"))
	if err != nil {
		return answer{}, err
	}
	v := attentionPageView{groupView: d.showGroup(q, g), Snoozes: snoozes}
	if v.Failed, v.Most, err = d.countFailed(ctx, q, g.Webhook, g.First); err != nil {
		return answer{}, err
	}
	return answer{page: "attention-group", title: hostOf(g.Webhook.URL) + " " + g.Title(), section: "attention", data: v}, nil
}

// attentionSet acknowledges a group, snoozes it or opens it again.
func (d *Dashboard) attentionSet(ctx context.Context, q *request) (answer, error) {
	state := attention.State(q.value("state"))
	var until time.Time
	if state == attention.Snoozed {
		span, err := time.ParseDuration(q.value("for"))
		if err != nil {
			return answer{}, problem.InvalidField("for", "must be one of the times that the form offers")
		}
		until = d.now().Add(span)
	}
	group := q.PathValue("group")
	if err := d.Attention.Set(ctx, q.who, group, state, until); err != nil {
		return answer{}, err
	}
	return answer{to: q.path("attention", group)}, nil
}
