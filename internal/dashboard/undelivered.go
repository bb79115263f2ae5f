package dashboard

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// deliveryView is a delivery in a list.
type deliveryView struct {
	ledger.Delivery
	Shown   state
	Hook    *webhook.Webhook // nil: it was deleted
	EventID string
	Attempt string // the last one's id
}

// undeliveredGroup counts deliveries of a page that did not arrive at one webhook for one reason.
type undeliveredGroup struct {
	Hook   *webhook.Webhook
	Reason string
	Key    string // of the reason, for a redrive; empty: there is nothing to redrive
	Count  int
}

type undeliveredView struct {
	State, Webhook string
	States         []choice
	Hooks          []*webhook.Webhook
	Deliveries     []deliveryView
	Groups         []undeliveredGroup
	Older, Newest  string
	SearchedTo     time.Time
}

var undeliveredStates = []choice{
	{string(ledger.StateFailed), "Failed"}, {string(ledger.StateExpired), "Expired"}, {string(ledger.StateHeld), "Held"},
	{string(ledger.StateWaiting), "Waiting"}, {string(ledger.StateDiscarded), "Discarded"}, {string(ledger.StateCanceled), "Canceled"},
}

// perUndeliveredPage is how many deliveries a page shows.
const perUndeliveredPage = 50

// undelivered lists the deliveries that did not arrive, with how many of them there are on the page by webhook and reason.
func (d *Dashboard) undelivered(ctx context.Context, q *request) (answer, error) {
	p := q.URL.Query()
	v := undeliveredView{State: p.Get("state"), Webhook: p.Get("webhook"), States: undeliveredStates, Hooks: d.Webhooks.List(q.who.Tenant)}
	known := false
	for _, s := range undeliveredStates {
		known = known || s.Value == v.State
	}
	if !known {
		v.State = string(ledger.StateFailed)
	}
	query := ledger.DeliveryQuery{Tenant: q.who.Tenant, State: ledger.State(v.State), Cursor: p.Get("before"), Limit: perUndeliveredPage}
	if v.Webhook != "" {
		w, err := d.Webhooks.Get(q.who.Tenant, v.Webhook)
		if err != nil {
			return answer{}, problem.New(problem.NotFound, "there is no such webhook; it may have been deleted")
		}
		query.Webhook = w.Number
	}
	leave, err := d.Searches.Enter(ctx, q.who.Tenant)
	if err != nil {
		return answer{}, err
	}
	defer leave()
	page, err := d.Ledger.Deliveries(ctx, query)
	if err != nil {
		return answer{}, fmt.Errorf("listing deliveries: %w", err)
	}
	v.SearchedTo = page.SearchedTo
	for i := range page.Deliveries {
		v.add(d, q, &page.Deliveries[i])
	}
	if page.Next != "" {
		v.Older = with(p, "before", page.Next)
	}
	if query.Cursor != "" {
		v.Newest = with(p, "before", "")
	}
	return answer{page: "undelivered", title: "Undelivered", section: "undelivered", data: v}, nil
}

// showDelivery is a delivery with its webhook and its last attempt.
func (d *Dashboard) showDelivery(q *request, x *ledger.Delivery) deliveryView {
	shown := deliveryView{Delivery: *x, Shown: deliveryState(x), EventID: (&event.Event{Name: x.EventName, ID: x.ID.Event}).PublicID()}
	if w, ok := d.Webhooks.ByNumber(x.ID.Webhook); ok && w.Tenant == q.who.Tenant {
		shown.Hook = w
	}
	if x.Last != nil {
		shown.Attempt = x.Last.ID.Public(event.AttemptPrefix)
		if x.Last.Error != "" {
			shown.Reason = x.Last.Error
		}
	}
	return shown
}

// add shows a delivery, and counts it in its group.
func (v *undeliveredView) add(d *Dashboard, q *request, x *ledger.Delivery) {
	shown := d.showDelivery(q, x)
	reason, key := shown.Reason, ""
	if x.Last != nil && x.State == ledger.StateFailed {
		key, _ = reasonOf(x.Last)
	}
	v.Deliveries = append(v.Deliveries, shown)
	if shown.Hook == nil {
		return
	}
	for i := range v.Groups {
		if g := &v.Groups[i]; g.Hook == shown.Hook && g.Reason == reason {
			g.Count++
			return
		}
	}
	v.Groups = append(v.Groups, undeliveredGroup{Hook: shown.Hook, Reason: reason, Key: key, Count: 1})
}

// countFailed returns how many deliveries to a webhook failed since a time, at most the bound; more tells that there are more,
// or that the count was cut short.
func (d *Dashboard) countFailed(ctx context.Context, q *request, w *webhook.Webhook, since time.Time) (n int, more bool, err error) {
	const most = 1000
	query := ledger.DeliveryQuery{Tenant: q.who.Tenant, Webhook: w.Number, State: ledger.StateFailed, Limit: 250}
	for n < most {
		page, err := d.Ledger.Deliveries(ctx, query)
		if err != nil {
			return 0, false, fmt.Errorf("counting failed deliveries: %w", err)
		}
		for i := range page.Deliveries {
			if last := page.Deliveries[i].Last; last != nil && last.At.Before(since) {
				return n, false, nil
			}
			n++
		}
		if page.Next == "" {
			return n, false, nil
		}
		if !page.SearchedTo.IsZero() { // it took long: a person does not wait for the rest
			return n, page.SearchedTo.After(since), nil
		}
		query.Cursor = page.Next
	}
	return n, true, nil
}

type jobListView struct{ Jobs []jobView }

func (d *Dashboard) jobList(ctx context.Context, q *request) (answer, error) {
	list, err := d.Engine.Jobs(ctx, q.who.Tenant)
	if err != nil {
		return answer{}, fmt.Errorf("listing jobs: %w", err)
	}
	v := jobListView{}
	for _, j := range list {
		v.Jobs = append(v.Jobs, d.showJob(q, j))
	}
	return answer{page: "jobs", title: "Jobs", section: "undelivered", data: v}, nil
}

// Percent is how much of the job's time is done. Nobody has counted what lies ahead, so time is the measure.
func (v jobView) Percent() int {
	if v.State.Word == string(delivery.JobDone) {
		return 100
	}
	all := v.Until.Sub(v.Since)
	if v.Cursor == 0 || all <= 0 {
		return 0
	}
	return int(min(max(v.Cursor.Time().Sub(v.Since)*100/all, 0), 99))
}

// recoverCount tells how many deliveries the chosen time would recover, while the form is filled in.
func (d *Dashboard) recoverCount(ctx context.Context, q *request) (answer, error) {
	v, err := d.recoverView(q)
	if err != nil {
		return answer{}, err
	}
	back, err := time.ParseDuration(q.URL.Query().Get("since"))
	if err != nil || back <= 0 || back > 31*24*time.Hour {
		return answer{}, problem.InvalidField("since", "must be one of the times that the form offers")
	}
	leave, err := d.Searches.Enter(ctx, q.who.Tenant)
	if err != nil {
		return answer{}, err
	}
	defer leave()
	v.Count, v.More, err = d.countFailed(ctx, q, v.Webhook, d.now().Add(-back))
	v.Counted = true
	return answer{page: "recover", block: "recover-count", title: "Recover", section: "webhooks", data: v}, err
}
