package dashboard

import (
	"context"
	"net/url"
	"time"

	"github.com/relay-events/relay/internal/chart"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

const (
	// maxSelected bounds the attempts of one action: as many as a live table shows.
	maxSelected = liveRows
	// selectedTime bounds an action on selected attempts. Each delivery is looked up and stored by itself, so that many of them
	// can take longer than a request may.
	selectedTime = 20 * time.Second
)

// selectedView tells what came of an action on the attempts that were selected in the log.
type selectedView struct {
	Action   string
	Done     int
	Asked    int // deliveries, or events
	Refused  []refusal
	Selected []attemptView // those that were not acted on, so that they can be looked at; few
}

// refusal is a reason why nothing was done, and for how many deliveries.
type refusal struct {
	Reason string
	Count  int
}

func (v *selectedView) refuse(reason string) {
	reason = sentence(reason)
	for i := range v.Refused {
		if v.Refused[i].Reason == reason {
			v.Refused[i].Count++
			return
		}
	}
	v.Refused = append(v.Refused, refusal{reason, 1})
}

// Title says what was done.
func (v selectedView) Title() string {
	n := "1 delivery"
	if v.Done != 1 {
		n = chart.Exact(int64(v.Done)) + " deliveries"
	}
	switch v.Action {
	case "cancel":
		return n + " canceled."
	case "resend":
		return n + " sent once more."
	}
	return n + " tried again now."
}

// logSelected retries, resends or cancels the deliveries of the attempts that were selected, and counts what came of it. A
// delivery is acted on once, however many of its attempts are selected.
func (d *Dashboard) logSelected(ctx context.Context, q *request) (answer, error) {
	v := selectedView{Action: q.PathValue("action")}
	var act func(ctx context.Context, a *delivery.Attempt) error
	switch v.Action {
	case "retry":
		act = func(ctx context.Context, a *delivery.Attempt) error { return d.Ledger.Retry(ctx, q.who, a.Delivery()) }
	case "resend":
		act = func(ctx context.Context, a *delivery.Attempt) error { return d.resendOne(ctx, q, a) }
	case "cancel":
		act = func(ctx context.Context, a *delivery.Attempt) error {
			if w, ok := d.Webhooks.ByNumber(a.Webhook); ok && w.Owner == connector.Owner {
				return problem.New(problem.Conflict, "what a partner gets is decided by its audience")
			}
			return d.Ledger.Cancel(ctx, q.who, a.Delivery())
		}
	default:
		return answer{}, problem.New(problem.NotFound, "")
	}
	ids := q.form["attempt"]
	switch {
	case len(ids) == 0:
		return answer{}, problem.New(problem.Invalid, "no attempt was selected")
	case len(ids) > maxSelected:
		return answer{}, problem.New(problem.Invalid, "at most %d attempts are acted on at a time", maxSelected)
	}
	until := d.now().Add(selectedTime)
	seen := make(map[event.DeliveryID]bool)
	for _, id := range ids {
		a, err := d.attemptOf(ctx, q, id)
		if err == nil && a.Test {
			err = problem.New(problem.Conflict, "a test is no delivery")
		}
		if err == nil {
			if seen[a.Delivery()] {
				continue
			}
			seen[a.Delivery()] = true
		}
		v.Asked++
		switch {
		case err != nil:
		case d.now().After(until):
			err = problem.New(problem.Conflict, "it took too long for one time: do the same with these")
		default:
			err = act(ctx, a)
		}
		switch p := asProblem(err); {
		case err == nil:
			v.Done++
		case p.Kind == problem.Internal:
			return answer{}, err
		default:
			v.refuse(p.Detail)
			if a != nil && len(v.Selected) < latest {
				v.Selected = append(v.Selected, d.showAttempt(a))
			}
		}
	}
	return answer{page: "log-selected", block: "selected-result", title: "Selected attempts", section: "log", data: v}, nil
}

// resendOne sends the event of an attempt to its webhook again.
func (d *Dashboard) resendOne(ctx context.Context, q *request, a *delivery.Attempt) error {
	w, ok := d.Webhooks.ByNumber(a.Webhook)
	if !ok || w.Tenant != q.who.Tenant {
		return problem.New(problem.Conflict, "the webhook was deleted")
	}
	if w.Owner != "" {
		return problem.New(problem.Conflict, "what a partner gets is decided by its audience")
	}
	e, err := d.findEvent(ctx, q, a.Event.Public(event.EventPrefix))
	if err != nil {
		return err
	}
	_, err = d.Ledger.Resend(ctx, q.who, e, w)
	return err
}

// attemptPanel is an attempt beside the log.
func (d *Dashboard) attemptPanel(ctx context.Context, q *request) (answer, error) {
	if !q.part {
		return answer{to: q.path("log") + "?at=" + url.QueryEscape(q.PathValue("id"))}, nil
	}
	v, err := d.panel(ctx, q, q.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	// The way back is the log as the browser shows it.
	if here, err := url.Parse(q.Header.Get("HX-Current-URL")); err == nil {
		v.Closes = with(here.Query(), "at", "")
	}
	return answer{page: "log", block: "attempt-panel", title: "Attempt", section: "log", data: v}, nil
}

// panelView is an attempt beside the log.
type panelView struct {
	*attemptPageView
	Closes string // the query of the log without it
}

func (d *Dashboard) panel(ctx context.Context, q *request, publicID string) (*panelView, error) {
	a, err := d.attemptOf(ctx, q, publicID)
	if err != nil {
		return nil, err
	}
	v, err := d.attemptView(ctx, q, a)
	if err != nil {
		return nil, err
	}
	return &panelView{attemptPageView: v, Closes: with(q.URL.Query(), "at", "")}, nil
}

// selectable marks attempts that people can select. Portals have no actions on several.
func selectable(q *request, list []attemptView) []attemptView {
	for i := range list {
		list[i].Selects = q.visit == nil
	}
	return list
}
