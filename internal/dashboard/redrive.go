package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/attention"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// A redrive in stages: a few of the failed deliveries first, then more of them at a rate, watched all the while. The page
// drives it, as it does a back-test: each step retries deliveries and answers with the state for the next one. So nothing goes
// on unwatched, and closing the page stops it. A failed delivery that was retried is not failed any more, which makes a step
// that is repeated harmless.

const (
	// redriveTime bounds a step: counting, or looking for deliveries of a rare reason, goes on in the next one.
	redriveTime = 3 * time.Second
	// maxRedriveCount bounds what is counted before somebody starts.
	maxRedriveCount = 2000
	// maxRedriveWatched bounds the deliveries without a result yet: while there are as many, no more are retried.
	maxRedriveWatched = 100
	// redriveShown is how many of the first deliveries the page shows one by one.
	redriveShown = 10
	// redriveEnough is from how many results on a redrive stops by itself where more than half failed again.
	redriveEnough = 5
)

var (
	redriveCounts = []choice{{"1", "1"}, {"10", "10"}, {"100", "100"}}
	redriveRates  = []choice{{"1", "1 a second"}, {"5", "5 a second"}, {"10", "10 a second"}, {"50", "50 a second"}}
)

// redriveView is the page: what to choose, how much that is, and how it goes.
type redriveView struct {
	Hooks          []*webhook.Webhook
	Hook           *webhook.Webhook // nil: none is chosen
	Active         bool
	State          state
	Sinces         []choice
	Since, Reason  string
	Reasons        []reasonCount
	Total          int  // failed deliveries of the chosen reason
	More           bool // and there are more than were counted
	Counts, Rates  []choice
	Count, Rate    string
	Progress       *redriveProgress // nil: it has not begun
	FromTime, From time.Time        // failures from here are taken; when the redrive began
}

// reasonCount is how many deliveries failed for a reason.
type reasonCount struct {
	Key, Title string
	Count      int
}

// redriveProgress is what the page carries from step to step.
type redriveProgress struct {
	Cursor          string
	Ended           bool // no failed delivery is left
	Running         bool
	Tried, Refused  int
	OK, Bad         int
	OKThen, BadThen int                // of these, before somebody last pressed "Go on": failures that they know of stop nothing
	Pending         []event.DeliveryID // retried, without a result yet
	First           []event.DeliveryID
	At              time.Time // when deliveries were last retried: the rate holds however often the page asks
	Why             string    // the last refusal
	Stopped         string    // why it stopped by itself
	Shown           []deliveryView
}

// Watching reports whether the page asks again by itself.
func (p *redriveProgress) Watching() bool { return p.Running || len(p.Pending) > 0 }

// Ids joins deliveries for a field of the form.
func (p *redriveProgress) Ids(list []event.DeliveryID) string {
	var b strings.Builder
	for _, d := range list {
		b.WriteString(d.String() + " ")
	}
	return strings.TrimSpace(b.String())
}

// Share is how much of what has a result was delivered.
func (p *redriveProgress) Share() string {
	if p.OK+p.Bad == 0 {
		return "–"
	}
	return strconv.Itoa(p.OK*100/(p.OK+p.Bad)) + " %"
}

// reasonOf names why a delivery failed, as the groups of "Needs attention" do.
func reasonOf(a *delivery.Attempt) (key, title string) {
	g := attention.Group{Kind: a.ErrorKind}
	key = string(a.ErrorKind)
	if a.Response != nil && (a.ErrorKind == exchange.Status || a.ErrorKind == "") {
		g.Kind, g.Class = exchange.Status, a.Response.Status/100
		key = fmt.Sprintf("status-%dxx", g.Class)
	}
	return key, "The endpoint " + g.Title()
}

// redriveChoice reads what was chosen, from the address or the form.
func (d *Dashboard) redriveChoice(q *request) (*redriveView, error) {
	get := q.URL.Query().Get
	if q.form != nil {
		get = q.value
	}
	v := &redriveView{
		Hooks: d.Webhooks.List(q.who.Tenant), Sinces: sinces, Since: cmp.Or(get("since"), "24h"), Reason: get("reason"),
		Counts: redriveCounts, Rates: redriveRates, Count: cmp.Or(get("count"), "10"), Rate: cmp.Or(get("rate"), "10"),
	}
	back, err := past(v.Since, sinces)
	if err != nil {
		return nil, err
	}
	if id := get("webhook"); id != "" {
		if v.Hook, err = d.Webhooks.Get(q.who.Tenant, id); err != nil {
			return nil, problem.New(problem.NotFound, "there is no such webhook; it may have been deleted")
		}
		v.Active, v.State = v.Hook.Status == webhook.Active, stateOf(v.Hook, d.Engine.Health(v.Hook), d.now())
	}
	v.From = d.now().UTC().Truncate(time.Millisecond)
	if t, err := time.Parse(time.RFC3339Nano, get("from")); err == nil && t.Before(v.From) {
		v.From = t
	}
	v.FromTime = v.From.Add(-back)
	return v, nil
}

func (d *Dashboard) redrivePage(ctx context.Context, q *request) (answer, error) {
	v, err := d.redriveChoice(q)
	if err != nil {
		return answer{}, err
	}
	if v.Hook != nil {
		if err := d.countReasons(ctx, q, v); err != nil {
			return answer{}, err
		}
	}
	return answer{page: "redrive", title: "Redrive in stages", section: "undelivered", data: v}, nil
}

// countReasons counts the failed deliveries of the webhook in the chosen time by reason.
func (d *Dashboard) countReasons(ctx context.Context, q *request, v *redriveView) error {
	leave, err := d.Searches.Enter(ctx, q.who.Tenant)
	if err != nil {
		return err
	}
	defer leave()
	query := ledger.DeliveryQuery{Tenant: q.who.Tenant, Webhook: v.Hook.Number, State: ledger.StateFailed, Limit: 250}
	until, n := time.Now().Add(redriveTime), 0
	for {
		page, err := d.Ledger.Deliveries(ctx, query)
		if err != nil {
			return fmt.Errorf("counting failed deliveries: %w", err)
		}
		for i := range page.Deliveries {
			last := page.Deliveries[i].Last
			if last == nil {
				continue
			}
			if last.At.Before(v.FromTime) {
				page.Next = ""
				break
			}
			n++
			v.count(last)
		}
		if query.Cursor = page.Next; page.Next == "" {
			break
		}
		if n >= maxRedriveCount || time.Now().After(until) {
			v.More = true
			break
		}
	}
	slices.SortStableFunc(v.Reasons, func(a, b reasonCount) int { return b.Count - a.Count })
	return nil
}

func (v *redriveView) count(a *delivery.Attempt) {
	key, title := reasonOf(a)
	if v.Reason == "" || v.Reason == key {
		v.Total++
	}
	for i := range v.Reasons {
		if v.Reasons[i].Key == key {
			v.Reasons[i].Count++
			return
		}
	}
	v.Reasons = append(v.Reasons, reasonCount{key, title, 1})
}

// redrive takes a step: it looks at what was retried, and retries more if it is told to.
func (d *Dashboard) redrive(ctx context.Context, q *request) (answer, error) {
	v, err := d.redriveChoice(q)
	if err != nil {
		return answer{}, err
	}
	if v.Hook == nil {
		return answer{}, problem.InvalidField("webhook", "must be chosen")
	}
	p := &redriveProgress{Stopped: q.value("stopped"), OKThen: number(q.value("okThen")), BadThen: number(q.value("badThen")), Cursor: q.form.Get("cursor"), Ended: q.form.Get("ended") != "", Tried: number(q.value("tried")), Refused: number(q.value("refused")),
		OK: number(q.value("ok")), Bad: number(q.value("bad")), Why: q.value("why")}
	v.Progress = p
	p.Pending, p.First = d.redriven(q, v, "pending", maxRedriveWatched), d.redriven(q, v, "first", redriveShown)
	if err := d.watchRedrive(ctx, q, v); err != nil {
		return answer{}, err
	}
	n := 0
	switch action := cmp.Or(q.value("action"), q.value("then")); action {
	case "try":
		if !slices.ContainsFunc(redriveCounts, func(c choice) bool { return c.Value == v.Count }) {
			return answer{}, problem.InvalidField("count", "must be one of the numbers that the form offers")
		}
		n = number(v.Count)
	case "run":
		if !slices.ContainsFunc(redriveRates, func(c choice) bool { return c.Value == v.Rate }) {
			return answer{}, problem.InvalidField("rate", "must be one of the rates that the form offers")
		}
		n, p.Running = number(v.Rate), true
		if at, err := time.Parse(time.RFC3339Nano, q.value("at")); err == nil {
			n = int(float64(n) * min(max(d.now().Sub(at).Seconds(), 0), 1))
			p.At = at
		}
		if q.value("action") != "" {
			p.OKThen, p.BadThen, p.Stopped = p.OK, p.Bad, ""
		}
		if ok, bad := p.OK-p.OKThen, p.Bad-p.BadThen; ok+bad >= redriveEnough && bad > ok {
			n, p.Running, p.Stopped = 0, false, "More than half of what was tried again failed again."
		}
	case "", "watch":
	default:
		return answer{}, problem.InvalidField("action", "is not known")
	}
	if n = min(n, maxRedriveWatched-len(p.Pending)); n > 0 && !p.Ended {
		p.At = d.now()
		if err := d.retryFailed(ctx, q, v, n); err != nil {
			return answer{}, err
		}
	}
	if p.Ended {
		p.Running = false
	}
	for _, id := range p.First {
		x, err := d.Ledger.Delivery(ctx, q.who.Tenant, id)
		if err == nil {
			p.Shown = append(p.Shown, d.showDelivery(q, &x))
		} else if problem.KindOf(err) != problem.NotFound {
			return answer{}, err
		}
	}
	return answer{page: "redrive", block: "redrive-progress", title: "Redrive in stages", section: "undelivered", data: v}, nil
}

// redriven reads deliveries of the webhook from a field.
func (d *Dashboard) redriven(q *request, v *redriveView, field string, most int) (list []event.DeliveryID) {
	for _, text := range strings.Fields(q.form.Get(field)) {
		if id, err := event.ParseDeliveryID(text); err == nil && id.Webhook == v.Hook.Number && len(list) < most {
			list = append(list, id)
		}
	}
	return list
}

// watchRedrive counts the results of what was retried.
func (d *Dashboard) watchRedrive(ctx context.Context, q *request, v *redriveView) error {
	p := v.Progress
	var pending []event.DeliveryID
	for _, id := range p.Pending {
		x, err := d.Ledger.Delivery(ctx, q.who.Tenant, id)
		switch {
		case problem.KindOf(err) == problem.NotFound:
			p.Bad++
		case err != nil:
			return fmt.Errorf("looking at a delivery that was retried: %w", err)
		case x.State == ledger.StateDelivered:
			p.OK++
		case x.Last != nil && !x.Last.At.Before(v.From):
			p.Bad++ // it failed again, whether or not another attempt follows
		default:
			pending = append(pending, id)
		}
	}
	p.Pending = pending
	return nil
}

// retryFailed retries the next n failed deliveries of the choice.
func (d *Dashboard) retryFailed(ctx context.Context, q *request, v *redriveView, n int) error {
	if !v.Active {
		v.Progress.Running, v.Progress.Stopped = false, "The webhook is "+string(v.Hook.Status)+": resume it first."
		return nil
	}
	leave, err := d.Searches.Enter(ctx, q.who.Tenant)
	if err != nil {
		return err
	}
	defer leave()
	p, until := v.Progress, time.Now().Add(redriveTime)
	query := ledger.DeliveryQuery{Tenant: q.who.Tenant, Webhook: v.Hook.Number, State: ledger.StateFailed, Cursor: p.Cursor}
	for n > 0 && !p.Ended && time.Now().Before(until) {
		query.Limit = n // all of a page are retried, so that the cursor need not stand within one
		page, err := d.Ledger.Deliveries(ctx, query)
		if err != nil {
			return fmt.Errorf("looking for failed deliveries: %w", err)
		}
		p.Cursor, p.Ended = page.Next, page.Next == ""
		query.Cursor = p.Cursor
		for i := range page.Deliveries {
			x := &page.Deliveries[i]
			if x.Last == nil || !x.Last.At.Before(v.From) {
				continue // it has failed since
			}
			if x.Last.At.Before(v.FromTime) {
				p.Ended = true
				break
			}
			if key, _ := reasonOf(x.Last); v.Reason != "" && v.Reason != key {
				continue
			}
			n--
			switch err := d.Ledger.Retry(ctx, q.who, x.ID); {
			case err == nil:
				p.Tried++
				p.Pending = append(p.Pending, x.ID)
				if len(p.First) < redriveShown {
					p.First = append(p.First, x.ID)
				}
			case asProblem(err).Kind == problem.Internal:
				return err
			default:
				p.Refused, p.Why = p.Refused+1, sentence(asProblem(err).Detail)
			}
		}
	}
	return nil
}
