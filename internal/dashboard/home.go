package dashboard

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/chart"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/webhook"
)

// period is a span of time that the first page can show.
type period struct {
	Value, Name string
	step        time.Duration
	steps       int
}

var periods = []period{
	{"1h", "1 h", time.Minute, 60},
	{"24h", "24 h", 30 * time.Minute, 48},
	{"7d", "7 d", 6 * time.Hour, 28},
	{"30d", "30 d", 24 * time.Hour, 30},
}

type homeView struct {
	Hooks            int
	Begun            bool // there is a webhook, or a platform has subscribed
	Period           period
	Periods          []period
	Chart            chart.Drawing
	Chosen           string // how times below the chart are written
	Share, Before    string // of delivered attempts, now and in the time before
	Average, Longest time.Duration
	Paused, Unwell   int
	Attention        []ailing
	Attempts         []attemptView
	ChartTitle       string
	Steps            *stepsView // while something was never delivered
	Live             *live
	Loads            []loadView
	MoreLoads        int // webhooks that the list leaves out
}

// ailing is a webhook that somebody should look at.
type ailing struct {
	*webhook.Webhook
	State state
	Title string
	since time.Time
}

func (d *Dashboard) tenantStart(_ context.Context, q *request) (answer, error) {
	return answer{to: q.path("home")}, nil
}

func (d *Dashboard) home(ctx context.Context, q *request) (answer, error) {
	v := homeView{Periods: periods, Period: periods[1], Chosen: "15:04"}
	for _, p := range periods {
		if p.Value == q.URL.Query().Get("period") {
			v.Period = p
		}
	}
	if v.Period.steps*int(v.Period.step/time.Minute) > 24*60 {
		v.Chosen = "2 Jan"
	}
	hooks := d.Webhooks.List(q.who.Tenant)
	v.Hooks = len(hooks)
	v.Begun = v.Hooks > 0 || len(d.Hooks.List(q.who.Tenant)) > 0
	now := d.now().UTC()
	v.look(d, hooks, now)

	// The last bar is the one under way.
	from := now.Truncate(v.Period.step).Add(-time.Duration(v.Period.steps-1) * v.Period.step)
	all := time.Duration(v.Period.steps) * v.Period.step
	points, err := d.Ledger.Stats(ctx, delivery.StatsQuery{Tenant: q.who.Tenant, From: from, To: from.Add(all), Step: v.Period.step})
	if err != nil {
		return answer{}, err
	}
	b := bars(from, v.Period.step, v.Period.steps, points)
	v.Chart = b.Draw()
	v.Share = share(v.Chart)
	v.ChartTitle = chartTitle(&v)
	var total, longest int64
	for _, p := range points {
		total, longest = total+p.TotalMs, max(longest, p.MaxMs)
	}
	if v.Chart.Sum > 0 {
		v.Average = max(time.Duration(total)*time.Millisecond/time.Duration(v.Chart.Sum), 1) // shorter than a millisecond, but made
	}
	v.Longest = time.Duration(longest) * time.Millisecond
	before, err := d.Ledger.Stats(ctx, delivery.StatsQuery{Tenant: q.who.Tenant, From: from.Add(-all), To: from, Step: v.Period.step})
	if err != nil {
		return answer{}, err
	}
	b = bars(from.Add(-all), v.Period.step, v.Period.steps, before)
	v.Before = share(b.Draw())

	if !q.part { // the live table needs none of it
		if v.Loads, err = d.loads(ctx, q, hooks, from, now); err != nil {
			return answer{}, err
		}
		v.MoreLoads = max(len(v.Loads)-latest, 0)
		v.Loads = v.Loads[:len(v.Loads)-v.MoreLoads]
	}
	list, _, err := d.Ledger.Attempts(ctx, delivery.LogQuery{Tenant: q.who.Tenant, Limit: latest})
	if err != nil {
		return answer{}, err
	}
	v.Attempts, v.Live = d.showAttempts(list), d.newLive(q, list, latest)
	v.Live.Query = "?" // all attempts
	if !v.Begun || v.Chart.Sum == 0 && len(list) == 0 {
		if v.Steps, err = d.steps(ctx, q); err != nil {
			return answer{}, err
		}
	}
	return answer{page: "home", title: "Home", section: "home", data: v, block: "live-table"}, nil
}

// look counts the webhooks that need somebody, the longest ailing first.
func (v *homeView) look(d *Dashboard, hooks []*webhook.Webhook, now time.Time) {
	for _, w := range hooks {
		h := d.Engine.Health(w)
		s := stateOf(w, h, now)
		if s.Word == "paused" {
			v.Paused++
		}
		a := ailing{Webhook: w, State: s}
		host := hostOf(w.URL)
		switch s.Word {
		case "failing":
			a.since = h.FailingSince
			a.Title = host + " has been failing for " + span(now.Sub(a.since))
		case "rejecting":
			a.since = h.RejectedSince
			a.Title = host + " has rejected Relay's credentials for " + span(now.Sub(a.since))
		case "disabled":
			a.since = h.DisabledAt
			a.Title = host + " was disabled"
			if !a.since.IsZero() {
				a.Title += " " + span(now.Sub(a.since)) + " ago"
			}
		case "refused":
			a.Title = host + " may not be reached from this server"
		default:
			continue
		}
		v.Unwell++
		v.Attention = append(v.Attention, a)
	}
	slices.SortStableFunc(v.Attention, func(a, b ailing) int { return cmp.Compare(a.since.UnixNano(), b.since.UnixNano()) })
	v.Attention = v.Attention[:min(len(v.Attention), latest)]
}

// chartTitle says in a sentence what the chart shows.
func chartTitle(v *homeView) string {
	if v.Chart.Sum == 0 {
		return "There were no attempts in the last " + v.Period.Name + "."
	}
	return chart.Exact(v.Chart.Sum) + " attempts in the last " + v.Period.Name + ": " + chart.Exact(v.Chart.Totals[0]) + " delivered, " +
		chart.Exact(v.Chart.Totals[1]) + " to be retried, " + chart.Exact(v.Chart.Totals[2]) + " failed."
}
