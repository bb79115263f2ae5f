package dashboard

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/chart"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/logview"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// attemptView is an attempt in a list.
type attemptView struct {
	*delivery.Attempt
	PublicID string
	Class    string // of the pill
	Answer   string // the status code, or what went wrong instead: "timeout"
	Hook     *webhook.Webhook
	Host     string // where it went
	// Connection is that of a connector which sent it, and Sender what people call it; empty: none did.
	Connection, Sender string
	Bars               []chart.Rect
	Phases             []phase
	Selects            bool // the row has a box to select it
}

// phase is a part of the time that an attempt took.
type phase struct {
	Class, Name string
	Took        time.Duration
}

var classes = map[delivery.Outcome]string{delivery.Delivered: "ok", delivery.Retrying: "warn", delivery.Failed: "bad"}

func (d *Dashboard) showAttempts(list []*delivery.Attempt) []attemptView {
	views := make([]attemptView, len(list))
	for i, a := range list {
		views[i] = d.showAttempt(a)
	}
	return views
}

func (d *Dashboard) showAttempt(a *delivery.Attempt) attemptView {
	v := attemptView{Attempt: a, PublicID: a.ID.Public(event.AttemptPrefix), Class: classes[a.Outcome], Host: hostOf(a.Request.URL)}
	if w, ok := d.Webhooks.ByNumber(a.Webhook); ok && w.Tenant == a.Tenant {
		v.Hook = w
		if w.Owner == connector.Owner {
			v.Hook, v.Connection = nil, connector.ConnectionOf(w)
			v.Sender = d.connectionName(a.Tenant, v.Connection)
			if a.Request.URL == "" {
				v.Host = v.Sender
			}
		} else if a.Request.URL == "" {
			v.Host = hostOf(w.URL)
		}
	}
	switch {
	case a.Response != nil:
		v.Answer = strconv.Itoa(a.Response.Status)
	case a.Follows():
		v.Answer = "in a batch"
	default:
		v.Answer = string(a.ErrorKind)
	}
	t := a.Timing
	rest := max(t.Total-t.DNS-t.Connect-t.TLS-t.FirstByte, 0)
	var parts []chart.Part
	for _, p := range []phase{{"dns", "name looked up", t.DNS}, {"connect", "connected", t.Connect}, {"tls", "TLS", t.TLS}, {"first", "first byte", t.FirstByte}, {"rest", "rest", rest}} {
		if p.Took > 0 {
			v.Phases = append(v.Phases, p)
			parts = append(parts, chart.Part{Class: "t-" + p.Class, Size: float64(p.Took)})
		}
	}
	v.Bars = chart.Line(parts)
	return v
}

// Sentence tells in words what came of the attempt.
func (v attemptView) Sentence() string {
	switch {
	case v.Outcome == delivery.Delivered && v.Response != nil:
		return "The endpoint answered " + v.Answer + " in " + took(v.Timing.Total) + "."
	case v.Error != "":
		return sentence(v.Error)
	case v.Response != nil:
		return "The endpoint answered " + v.Answer + "."
	}
	return "There was no answer."
}

const (
	perLogPage = 50
	// liveRows bounds the table while attempts come in.
	liveRows = 500
)

type logView struct {
	Attempts                                          []attemptView
	Outcome, Code, Kind, Type, Webhook, Period, Query string
	Hooks                                             []*webhook.Webhook
	Types                                             []string
	Hook                                              *webhook.Webhook // the one the log is limited to
	Older                                             string           // the query of the next page
	Newest                                            string           // that of the first page; empty on it
	Export                                            string           // the query of the file with the same filters
	SearchedTo                                        time.Time        // how far back was looked, where there may be more
	Filtered                                          bool
	Outcomes, Kinds, Periods                          []choice
	Wrong                                             string
	Retention                                         string
	AnyHook                                           bool
	Saved                                             *savedViews // nil: there are none here
	Live                                              *live       // nil: the page shows what is past
	Selects                                           bool
	Panel                                             *panelView // nil: no attempt is shown beside the table
	PanelWrong                                        string     // why the attempt in the address is not shown
}

// read takes the filters from the address.
func (v *logView) read(q *request) {
	p := q.URL.Query()
	v.Outcome, v.Code, v.Kind, v.Type, v.Webhook, v.Period = p.Get("outcome"), strings.TrimSpace(p.Get("code")), p.Get("kind"), p.Get("type"), p.Get("webhook"), p.Get("period")
	v.Query = strings.TrimSpace(p.Get("q"))
}

var (
	outcomeChoices = []choice{{"", "Any"}, {"delivered", "Delivered"}, {"retrying", "Retrying"}, {"failed", "Failed"}}
	kindChoices    = []choice{
		{"", "Any"}, {"status", "Status code"}, {"timeout", "Timeout"}, {"connect", "No connection"}, {"dns", "Name not found"},
		{"tls", "TLS"}, {"reset", "Connection cut"}, {"protocol", "Not HTTP"}, {"response_too_large", "Answer too large"},
		{"blocked_address", "Address not allowed"}, {"proxy", "Outgoing proxy"}, {"auth", "No token"}, {"transform", "Transform"},
		{"request", "Invalid request"}, {"answer", "Answer not usable"}, {"canceled", "Interrupted"},
	}
	outcomeNames  = map[string]delivery.Outcome{"delivered": delivery.Delivered, "retrying": delivery.Retrying, "failed": delivery.Failed}
	periodChoices = []choice{{"", "Any time"}, {"1h", "Last hour"}, {"24h", "Last 24 hours"}, {"168h", "Last 7 days"}}
)

// logPage is the log of all webhooks, or of one. Its filters are in the address.
func (d *Dashboard) logPage(ctx context.Context, q *request) (answer, error) {
	p := q.URL.Query()
	at := p.Get("at")
	p.Del("at")
	v := logView{Selects: q.visit == nil, Outcomes: outcomeChoices, Kinds: kindChoices, Periods: periodChoices, Hooks: d.Webhooks.List(q.who.Tenant), Retention: span(d.kept(q, d.Retention))}
	v.read(q)
	v.AnyHook = len(v.Hooks) > 0
	a := answer{page: "log", title: "Log", section: "log", block: "live-table"}
	if to := v.find(q); to != "" {
		return answer{to: to}, nil
	}
	var err error
	if v.Saved, err = d.viewsBeside(ctx, q, &v); err != nil {
		return answer{}, err
	}
	v.Periods = v.withPeriod(q)
	query, wrong := d.logQuery(q, &v, p)
	if v.Wrong = wrong; wrong != "" {
		a.data, a.status = v, 422
		return a, nil
	}
	for _, t := range d.Types.List(q.who.Tenant) {
		v.Types = append(v.Types, t.Name)
	}
	if v.Type != "" && !slices.Contains(v.Types, v.Type) {
		v.Types = append([]string{v.Type}, v.Types...)
	}
	v.Filtered = v.filter() != logview.Filter{}
	if query.Searches() {
		leave, err := d.Searches.Enter(ctx, q.who.Tenant)
		if err != nil {
			return answer{}, err
		}
		defer leave()
	}
	list, next, err := d.Ledger.Attempts(ctx, query)
	if err != nil {
		return answer{}, err
	}
	v.Attempts, v.Export = selectable(q, d.showAttempts(list)), with(p, "before", "")
	if next != 0 {
		p.Set("before", next.Public(event.AttemptPrefix))
		v.Older = "?" + p.Encode()
		if len(list) < perLogPage {
			v.SearchedTo = next.Time()
		}
	}
	if query.Before == 0 {
		if v.Live = d.newLive(q, list, liveRows); v.Live != nil {
			v.Live.Query += "&select=on"
		}
	} else {
		p.Del("before")
		v.Newest = "?" + p.Encode()
	}
	if at != "" && v.Selects && !q.part {
		switch v.Panel, err = d.panel(ctx, q, at); {
		case problem.KindOf(err) == problem.NotFound:
			v.PanelWrong = sentence(asProblem(err).Detail)
		case err != nil:
			return answer{}, err
		}
	}
	a.data = v
	return a, nil
}

// withPeriod returns the choices of time, with that of the address among them: a view made by the API may have another.
func (v *logView) withPeriod(q *request) []choice {
	lasts, err := time.ParseDuration(v.Period)
	if err != nil || q.visit != nil || slices.ContainsFunc(periodChoices, func(c choice) bool { return c.Value == v.Period }) {
		return periodChoices
	}
	return append(slices.Clone(periodChoices), choice{v.Period, "Last " + span(lasts)})
}

// find returns where a search for an id leads, "" if the text is none.
func (v *logView) find(q *request) string {
	switch {
	case v.Query == "":
	case strings.HasPrefix(v.Query, event.AttemptPrefix):
		return q.path("log", v.Query)
	case strings.HasPrefix(v.Query, "wh_"):
		return q.path("webhooks", v.Query)
	}
	return ""
}

// logQuery is what the filters ask for; wrong says why they cannot be used.
func (d *Dashboard) logQuery(q *request, v *logView, p url.Values) (query delivery.LogQuery, wrong string) {
	query = delivery.LogQuery{Tenant: q.who.Tenant, EventType: v.Type, Limit: perLogPage}
	if v.Query != "" {
		id, err := event.ParseID(event.EventPrefix, v.Query)
		if err != nil {
			return query, "Search for an id: att_… of an attempt, evt_… of an event, wh_… of a webhook. For the rest use the filters."
		}
		query.Event = id
	}
	if o, ok := outcomeNames[v.Outcome]; ok {
		query.Outcomes = []delivery.Outcome{o}
	}
	if v.Code != "" {
		var ok bool
		if query.StatusMin, query.StatusMax, ok = exchange.ParseCode(v.Code); !ok {
			return query, "The code must be a status code, such as 500, or a class, such as 5xx."
		}
	}
	if v.Kind != "" {
		if query.ErrorKind = exchange.Kind(v.Kind); !slices.Contains(exchange.Kinds, query.ErrorKind) {
			return query, "There is no such error."
		}
	}
	if v.Webhook != "" {
		w, err := d.Webhooks.Get(q.who.Tenant, v.Webhook)
		if err != nil {
			return query, "There is no such webhook."
		}
		query.Webhook, v.Hook = w.Number, w
	}
	if period, err := time.ParseDuration(v.Period); err == nil && period > 0 {
		query.Since = d.now().Add(-period)
	}
	if id, err := event.ParseID(event.AttemptPrefix, p.Get("before")); err == nil {
		query.Before = id
	}
	return query, ""
}

type attemptPageView struct {
	attemptView
	Delivery      *ledger.Delivery // nil: not known, such as of a test
	Others        []attemptView    // of the same delivery, the newest first
	EventID       string
	RequestBody   *body
	ResponseBody  *body
	Curl          string
	MayRetry      bool
	MayCancel     bool
	WhyNot        string // why it cannot be retried, where somebody may expect that
	Secret        bool
	DeliveryState state
	Doctor        *doctorView // nil: the request was not signed, or it is not known any more how
}

// attempt returns the attempt in the address.
func (d *Dashboard) attempt(ctx context.Context, q *request) (*delivery.Attempt, error) {
	return d.attemptOf(ctx, q, q.PathValue("id"))
}

// attemptOf returns an attempt that the person may see.
func (d *Dashboard) attemptOf(ctx context.Context, q *request, publicID string) (*delivery.Attempt, error) {
	gone := problem.New(problem.NotFound, "there is no such attempt; the log is kept for %s", span(d.kept(q, d.Retention)))
	id, err := event.ParseID(event.AttemptPrefix, publicID)
	if err != nil {
		return nil, gone
	}
	a, err := d.Ledger.Attempt(ctx, q.who.Tenant, id)
	if problem.KindOf(err) == problem.NotFound {
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	if w, ok := d.Webhooks.ByNumber(a.Webhook); ok && w.Owner != "" && w.Owner != connector.Owner && !q.who.Allows(access.Configure) {
		return nil, gone // it shows settings that are an administrator's
	}
	return a, nil
}

func (d *Dashboard) attemptPage(ctx context.Context, q *request) (answer, error) {
	a, err := d.attempt(ctx, q)
	if err != nil {
		return answer{}, err
	}
	v, err := d.attemptView(ctx, q, a)
	if err != nil {
		return answer{}, err
	}
	return answer{page: "attempt", title: "Attempt " + v.PublicID, section: "log", data: v}, nil
}

// attemptView is everything that is known of an attempt.
func (d *Dashboard) attemptView(ctx context.Context, q *request, a *delivery.Attempt) (*attemptPageView, error) {
	v := &attemptPageView{attemptView: d.showAttempt(a), EventID: a.EventName}
	if v.EventID == "" {
		v.EventID = a.Event.Public(event.EventPrefix)
	}
	if a.Request.BodyMissing == "" {
		v.RequestBody = showBody(a.Request.Body, headerValue(a.Request.Header, "Content-Type"), false, int64(len(a.Request.Body)))
		v.Curl = curl(a)
	}
	if r := a.Response; r != nil {
		v.ResponseBody = showBody(r.Body, headerValue(r.Header, "Content-Type"), r.Truncated, r.BodyBytes)
	}
	v.Doctor = doctorOf(signedAs(v.Hook, a), "")
	if !a.Test {
		if err := d.completeAttempt(ctx, q, v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// completeAttempt adds what is known of the attempt's delivery.
func (d *Dashboard) completeAttempt(ctx context.Context, q *request, v *attemptPageView) error {
	cur, err := d.Ledger.Delivery(ctx, q.who.Tenant, v.Attempt.Delivery())
	if problem.KindOf(err) == problem.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	v.Delivery = &cur
	v.DeliveryState = deliveryState(&cur)
	others, _, err := d.Ledger.Attempts(ctx, delivery.LogQuery{Tenant: q.who.Tenant, Event: v.Event, Webhook: v.Webhook, Limit: 50})
	if err != nil {
		return err
	}
	for _, o := range others {
		v.Others = append(v.Others, d.showAttempt(o))
	}
	may := q.who.Allows(access.Redeliver)
	switch cur.State {
	case ledger.StateInFlight:
		v.MayCancel = may
	case ledger.StateWaiting, ledger.StateHeld:
		v.MayRetry, v.MayCancel = may, may
	default:
		v.MayRetry = may
	}
	if v.Connection != "" {
		// What an audience wants of a partner decides about the rest: the page of the attachment has it tried again.
		v.MayCancel = false
		v.MayRetry = v.MayRetry && cur.State != ledger.StateDelivered && cur.State != ledger.StateFailed && cur.State != ledger.StateExpired
		return nil
	}
	if v.MayRetry {
		switch {
		case v.Hook == nil:
			v.MayRetry, v.WhyNot = false, "The webhook was deleted."
		case v.Hook.Status != webhook.Active:
			v.MayRetry, v.WhyNot = false, "The webhook is "+string(v.Hook.Status)+": resume it to retry."
		case cur.State == ledger.StateDelivered:
			v.WhyNot = "The endpoint gets the event once more."
		}
	}
	return nil
}

func deliveryState(d *ledger.Delivery) state {
	s := state{Word: string(d.State), Why: d.Reason}
	switch d.State {
	case ledger.StateDelivered:
		s.Class = "ok"
	case ledger.StateFailed, ledger.StateExpired:
		s.Class = "bad"
	case ledger.StateWaiting:
		s.Class = "warn"
	case ledger.StateInFlight:
		s.Word = "on its way"
		s.Why = ""
	}
	return s
}

func (d *Dashboard) attemptRetry(ctx context.Context, q *request) (answer, error) {
	a, err := d.attempt(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if err := d.Ledger.Retry(ctx, q.who, a.Delivery()); err != nil {
		return answer{}, err
	}
	if q.part && q.value("panel") != "" {
		return d.attemptPanel(ctx, q)
	}
	return answer{to: q.path("log", q.PathValue("id")) + "?retried=" + strconv.Itoa(a.Number)}, nil
}

func (d *Dashboard) attemptCancel(ctx context.Context, q *request) (answer, error) {
	a, err := d.attempt(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if err := d.Ledger.Cancel(ctx, q.who, a.Delivery()); err != nil {
		return answer{}, err
	}
	if q.part && q.value("panel") != "" {
		return d.attemptPanel(ctx, q)
	}
	return answer{to: q.path("log", q.PathValue("id"))}, nil
}
