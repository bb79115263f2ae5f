package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/chart"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// perPage is how many webhooks a page of the list shows.
const perPage = 50

// state is a webhook's status as a page shows it: one word, and why.
type state struct{ Class, Word, Why string }

// stateOf tells how a webhook fares.
func stateOf(w *webhook.Webhook, h webhook.Health, now time.Time) state {
	switch {
	case w.Status == webhook.Paused:
		s := state{"", "paused", ""}
		if n := len(w.Inactive); n > 0 && w.Inactive[n-1].To.IsZero() {
			s.Why = "for " + span(now.Sub(w.Inactive[n-1].From)) + "; nothing is queued"
		}
		return s
	case w.Status == webhook.Disabled:
		return state{"bad", "disabled", h.DisabledReason}
	case w.Refused != "":
		return state{"bad", "refused", w.Refused}
	case !w.HeldUntil(now).IsZero():
		return state{"", "maintenance", "until " + w.HeldUntil(now).UTC().Format(time.RFC3339)}
	case !h.RejectedSince.IsZero():
		return state{"bad", "rejecting", h.RejectedReason}
	case !h.FailingSince.IsZero():
		why := h.LastError
		if left := webhook.DisableAfter - now.Sub(h.FailingSince); now.Sub(h.FailingSince) >= webhook.NoticeAfter && left > 0 {
			why += "; disabled in " + span(left) + " unless a delivery succeeds"
		}
		return state{"warn", "failing", why}
	}
	return state{"ok", "active", ""}
}

// span writes a duration in its two largest units: "3 d 4 h".
func span(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	units := []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if d < u.size && i < len(units)-1 {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.size, u.name)
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return ""
}

// hookView is a webhook in a list or on its page.
type hookView struct {
	*webhook.Webhook
	State  state
	Health webhook.Health
	Day    chart.Drawing // of the last 24 hours
	Share  string        // of the attempts that were delivered; empty: there were none
	Result *attemptView  // of a test that was just made
}

// FormatLabel and SignatureLabel are those that the form has for the settings.
func (v hookView) FormatLabel() string { return labelOf(formats, v.Format) }

// SignatureLabel names how requests are signed.
func (v hookView) SignatureLabel() string {
	if name := v.SignatureName(); name != custom.Value {
		return labelOf(signatures, name)
	}
	return custom.Name
}

// dayBars is how a list shows the last 24 hours.
func dayBars(now time.Time, points []delivery.StatsPoint) chart.Bars {
	return bars(now.Add(-23*time.Hour).Truncate(time.Hour), time.Hour, 24, points)
}

var outcomeSeries = []chart.Series{{Name: "delivered", Class: "ok"}, {Name: "retrying", Class: "warn"}, {Name: "failed", Class: "bad"}}

func bars(from time.Time, step time.Duration, steps int, points []delivery.StatsPoint) chart.Bars {
	b := chart.Bars{Series: outcomeSeries, From: from, Step: step, Steps: steps}
	for _, p := range points {
		b.Points = append(b.Points, chart.Point{At: p.At, Counts: []int64{p.Delivered, p.Retrying, p.Failed}})
	}
	return b
}

// share writes which part of the attempts was delivered. It does not round up to 100 %, nor down to 0 %.
func share(d chart.Drawing) string {
	if d.Sum == 0 {
		return ""
	}
	p := float64(d.Totals[0]) / float64(d.Sum) * 100
	if d.Totals[0] < d.Sum && p > 99.9 {
		p = 99.9
	}
	if d.Totals[0] > 0 && p < .1 {
		p = .1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", p), ".0") + " %"
}

// views completes webhooks for a page, with one read of the statistics for all of them.
func (d *Dashboard) views(ctx context.Context, q *request, list []*webhook.Webhook) ([]hookView, error) {
	now := d.now().UTC()
	numbers := make([]uint32, len(list))
	for i, w := range list {
		numbers[i] = w.Number
	}
	b := dayBars(now, nil)
	stats, err := d.Ledger.Stats(ctx, delivery.StatsQuery{Tenant: q.who.Tenant, Each: numbers, From: b.From, To: b.From.Add(24 * time.Hour), Step: b.Step})
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", err)
	}
	points := make(map[uint32][]delivery.StatsPoint)
	for _, p := range stats {
		points[p.Webhook] = append(points[p.Webhook], p)
	}
	views := make([]hookView, len(list))
	for i, w := range list {
		h := d.Engine.Health(w)
		day := dayBars(now, points[w.Number])
		views[i] = hookView{Webhook: w, Health: h, State: stateOf(w, h, now), Day: day.Draw()}
		views[i].Share = share(views[i].Day)
	}
	return views, nil
}

// view is views for one.
func (d *Dashboard) view(ctx context.Context, q *request, w *webhook.Webhook) (*hookView, error) {
	list, err := d.views(ctx, q, []*webhook.Webhook{w})
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

type webhookListView struct {
	Hooks         []hookView
	Query, State  string
	All, Found    int
	Page, Pages   int
	Newer, Older  string // addresses of the pages beside this one
	States        []string
	Counts        map[string]int
	AnyFilter     bool
	Documentation string
}

func (d *Dashboard) webhookList(ctx context.Context, q *request) (answer, error) {
	params := q.URL.Query()
	v := webhookListView{Query: strings.TrimSpace(params.Get("q")), State: params.Get("state"), States: []string{"active", "failing", "rejecting", "paused", "disabled"}}
	v.AnyFilter = v.Query != "" || v.State != ""
	all := d.Webhooks.List(q.who.Tenant)
	v.All = len(all)
	now := d.now().UTC()
	var found []*webhook.Webhook
	for _, w := range all {
		if v.Query != "" && !holds(w, v.Query) {
			continue
		}
		if v.State != "" && stateOf(w, d.Engine.Health(w), now).Word != v.State {
			continue
		}
		found = append(found, w)
	}
	v.Found = len(found)
	v.Pages = max((len(found)+perPage-1)/perPage, 1)
	v.Page = min(max(number(params.Get("page")), 1), v.Pages)
	from := (v.Page - 1) * perPage
	list := found[from:min(from+perPage, len(found))]
	at := func(page int) string {
		if page < 1 || page > v.Pages {
			return ""
		}
		params.Set("page", fmt.Sprint(page))
		return "?" + params.Encode()
	}
	v.Newer, v.Older = at(v.Page-1), at(v.Page+1)
	var err error
	v.Hooks, err = d.views(ctx, q, list)
	return answer{page: "webhooks", title: "Webhooks", section: "webhooks", data: v}, err
}

// holds reports whether a webhook has the text in anything that a list shows of it.
func holds(w *webhook.Webhook, text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(append([]string{w.URL, w.Description, w.ID}, w.Events...), func(s string) bool {
		return strings.Contains(strings.ToLower(s), text)
	})
}

// number reads a whole number; 0 if it is none.
func number(s string) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' || n > 1e6 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// hook returns the webhook that the address names.
func (d *Dashboard) hook(q *request) (*webhook.Webhook, error) {
	w, err := d.Webhooks.Get(q.who.Tenant, q.PathValue("id"))
	if err != nil {
		return nil, problem.New(problem.NotFound, "there is no such webhook; it may have been deleted")
	}
	return w, nil
}

type webhookPageView struct {
	hookView
	Attempts []attemptView
	Loads    []loadView // of the last day: its own, or none
	Since    time.Time  // when it was last resumed or created: from when on it gets events
}

// latest is how many attempts a page shows that is about something else.
const latest = 10

func (d *Dashboard) webhookPage(ctx context.Context, q *request) (answer, error) {
	w, err := d.hook(q)
	if err != nil {
		return answer{}, err
	}
	return d.showWebhook(ctx, q, w, nil)
}

// showWebhook is the page of a webhook, with the result of a test if one was just made.
func (d *Dashboard) showWebhook(ctx context.Context, q *request, w *webhook.Webhook, test *attemptView) (answer, error) {
	view, err := d.view(ctx, q, w)
	if err != nil {
		return answer{}, err
	}
	view.Result = test
	list, _, err := d.Ledger.Attempts(ctx, delivery.LogQuery{Tenant: w.Tenant, Webhook: w.Number, Limit: latest})
	if err != nil {
		return answer{}, err
	}
	v := webhookPageView{hookView: *view, Attempts: d.showAttempts(list)}
	if v.Loads, err = d.loads(ctx, q, []*webhook.Webhook{w}, d.now().Add(-24*time.Hour), d.now()); err != nil {
		return answer{}, err
	}
	return answer{page: "webhook", title: hostOf(w.URL), section: "webhooks", data: v}, nil
}

// The controls of a webhook. Those of a list's rows are answered with the row, others with a redirect to the page.

func (d *Dashboard) webhookPause(ctx context.Context, q *request) (answer, error) {
	w, err := d.Webhooks.Pause(ctx, q.who, q.PathValue("id"))
	return d.afterControl(ctx, q, w, err)
}

func (d *Dashboard) webhookResume(ctx context.Context, q *request) (answer, error) {
	w, err := d.Webhooks.Resume(ctx, q.who, q.PathValue("id"))
	return d.afterControl(ctx, q, w, err)
}

func (d *Dashboard) afterControl(ctx context.Context, q *request, w *webhook.Webhook, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	if q.part && q.form.Get("row") != "" {
		v, err := d.view(ctx, q, w)
		return answer{page: "webhooks", block: "webhook-row-answer", data: v}, err
	}
	return answer{to: q.path("webhooks", w.ID)}, nil
}

func (d *Dashboard) webhookTest(ctx context.Context, q *request) (answer, error) {
	w, err := d.hook(q)
	if err != nil {
		return answer{}, err
	}
	ev, err := d.names.TestEvent(ctx, w, q.value("type"))
	if err != nil {
		return answer{}, err
	}
	at, err := d.Engine.Test(ctx, w, ev)
	if err != nil {
		return answer{}, err
	}
	v := d.showAttempt(at)
	if q.part {
		return answer{page: "webhooks", block: "test-result", data: &v}, nil
	}
	return d.showWebhook(ctx, q, w, &v)
}

type rotateView struct {
	hookView
	Overlaps bool // the signature allows the old secret to go on
	Wrong    string
}

func (d *Dashboard) rotateView(ctx context.Context, q *request) (*rotateView, error) {
	w, err := d.hook(q)
	if err != nil {
		return nil, err
	}
	view, err := d.view(ctx, q, w)
	if err != nil {
		return nil, err
	}
	return &rotateView{hookView: *view, Overlaps: w.Overlaps()}, nil
}

func (d *Dashboard) webhookRotatePage(ctx context.Context, q *request) (answer, error) {
	v, err := d.rotateView(ctx, q)
	return answer{page: "rotate", title: "Rotate secret", section: "webhooks", data: v}, err
}

// secretView shows a signing secret, for the only time.
type secretView struct {
	*webhook.Webhook
	Created bool
}

// webhookRotate answers with the secret. Its address becomes the webhook's, so that nothing shows the secret again when the
// page is loaded anew.
func (d *Dashboard) webhookRotate(ctx context.Context, q *request) (answer, error) {
	v, err := d.rotateView(ctx, q)
	if err != nil {
		return answer{}, err
	}
	var overlap time.Duration
	if v.Overlaps {
		if overlap, err = time.ParseDuration(cmp.Or(q.value("overlap"), "0s")); err != nil {
			return answer{}, problem.InvalidField("overlap", "must be a duration such as 24h")
		}
	}
	w, err := d.Webhooks.RotateSecret(ctx, q.who, v.ID, "", overlap)
	if err != nil {
		return answer{}, err
	}
	return answer{page: "secret", title: "New secret", section: "webhooks", data: secretView{Webhook: w}, secret: true, address: q.path("webhooks", w.ID)}, nil
}

type deleteView struct {
	hookView
	Host, Typed, Wrong string
}

func (d *Dashboard) webhookDeletePage(ctx context.Context, q *request) (answer, error) {
	w, err := d.hook(q)
	if err != nil {
		return answer{}, err
	}
	view, err := d.view(ctx, q, w)
	if err != nil {
		return answer{}, err
	}
	return answer{page: "delete", title: "Delete webhook", section: "webhooks", data: deleteView{hookView: *view, Host: hostOf(w.URL)}}, nil
}

func (d *Dashboard) webhookDelete(ctx context.Context, q *request) (answer, error) {
	w, err := d.hook(q)
	if err != nil {
		return answer{}, err
	}
	if typed := q.value("host"); typed != hostOf(w.URL) {
		a, err := d.webhookDeletePage(ctx, q)
		if v, ok := a.data.(deleteView); ok {
			v.Typed, v.Wrong = typed, "This is not the host of the webhook."
			a.data, a.status = v, 422
		}
		return a, err
	}
	if err := d.Webhooks.Delete(ctx, q.who, w.ID); err != nil {
		return answer{}, err
	}
	return answer{to: q.path("webhooks")}, nil
}
