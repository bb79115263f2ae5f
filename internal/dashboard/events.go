package dashboard

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// perEventPage is how many events a page of the list shows. The deliveries of each are looked up.
const perEventPage = 25

// eventView is an event in a list.
type eventView struct {
	*event.Event
	PublicID   string
	AcceptedAt time.Time
	Deliveries []dot
}

// dot is a delivery as a list of events shows it.
type dot struct {
	state
	Host string
}

type eventListView struct {
	Events                   []eventView
	Query, Type, Key, Period string
	Types                    []string
	Periods                  []choice
	Older, Newest            string // the queries of the pages beside this one
	SearchedTo               time.Time
	Filtered                 bool
}

// eventList shows the events, the newest first. Its filters are in the address.
func (d *Dashboard) eventList(ctx context.Context, q *request) (answer, error) {
	p := q.URL.Query()
	v := eventListView{Query: strings.TrimSpace(p.Get("q")), Type: strings.TrimSpace(p.Get("type")), Key: strings.TrimSpace(p.Get("key")), Period: p.Get("period"), Periods: periodChoices}
	v.Filtered = v.Query != "" || v.Type != "" || v.Key != "" || v.Period != ""
	v.Types = d.typeNames(q)
	if v.Query != "" {
		e, err := d.findEvent(ctx, q, v.Query)
		if err == nil {
			return answer{to: q.path("events", e.PublicID())}, nil
		}
		if problem.KindOf(err) != problem.NotFound {
			return answer{}, err
		}
	}
	query := ingest.Query{Tenant: q.who.Tenant, Type: v.Type, Key: v.Key, Text: v.Query, Limit: perEventPage}
	if period, err := time.ParseDuration(v.Period); err == nil && period > 0 {
		query.Since = d.now().Add(-period)
	}
	if id, err := event.ParseID(event.EventPrefix, p.Get("before")); err == nil {
		query.Before = id
	}
	list, next, err := d.searchEvents(ctx, query)
	if err != nil {
		return answer{}, err
	}
	for i := range list {
		e := &list[i]
		shown := eventView{Event: e, PublicID: e.PublicID(), AcceptedAt: e.ID.Time()}
		deliveries, err := d.Ledger.DeliveriesOfEvent(ctx, e)
		if err != nil {
			return answer{}, err
		}
		for j := range deliveries {
			shown.Deliveries = append(shown.Deliveries, d.dot(q, &deliveries[j]))
		}
		v.Events = append(v.Events, shown)
	}
	if next != 0 {
		v.Older = with(p, "before", next.Public(event.EventPrefix))
		if len(list) < perEventPage {
			v.SearchedTo = next.Time()
		}
	}
	if query.Before != 0 {
		v.Newest = with(p, "before", "")
	}
	return answer{page: "events", title: "Events", section: "events", data: v}, nil
}

// searchEvents lists events. One that has to look into them waits for a turn.
func (d *Dashboard) searchEvents(ctx context.Context, query ingest.Query) ([]event.Event, event.ID, error) {
	if query.Type != "" || query.Key != "" || query.Text != "" {
		leave, err := d.Searches.Enter(ctx, query.Tenant)
		if err != nil {
			return nil, 0, err
		}
		defer leave()
	}
	list, next, err := d.Events.EventList(ctx, query)
	if err != nil {
		return nil, 0, fmt.Errorf("listing events: %w", err)
	}
	return slices.DeleteFunc(list, func(e event.Event) bool { return event.IsInternal(e.Type) }), next, nil
}

// with returns a query with one parameter changed, or removed if the value is empty.
func with(p url.Values, name, value string) string {
	changed := url.Values{}
	for k, list := range p {
		changed[k] = list
	}
	if changed.Del(name); value != "" {
		changed.Set(name, value)
	}
	return "?" + changed.Encode()
}

// typeNames lists the types of the catalogue, for fields to choose from.
func (d *Dashboard) typeNames(q *request) (names []string) {
	for _, t := range d.Types.List(q.who.Tenant) {
		if !t.Archived {
			names = append(names, t.Name)
		}
	}
	return names
}

func (d *Dashboard) dot(q *request, x *ledger.Delivery) dot {
	v := dot{state: deliveryState(x), Host: "a deleted webhook"}
	if w, ok := d.Webhooks.ByNumber(x.ID.Webhook); ok && w.Tenant == q.who.Tenant {
		v.Host = hostOf(w.URL)
	}
	return v
}

// findEvent returns the tenant's event with the id: its publisher's, Relay's, or the UUID of the format push.
func (d *Dashboard) findEvent(ctx context.Context, q *request, id string) (*event.Event, error) {
	e, ok, err := d.Events.EventFind(ctx, q.who.Tenant, id)
	if own, is := event.ParseUUID(id); is && !ok && err == nil {
		e, ok, err = d.Events.EventFind(ctx, q.who.Tenant, own.Public(event.EventPrefix))
	}
	if errors.As(err, new(*delivery.DamagedError)) {
		return nil, problem.Wrap(err, problem.Conflict, "the stored event is damaged: the disk has changed it, and it cannot be shown or sent")
	}
	if err != nil {
		return nil, fmt.Errorf("looking for an event: %w", err)
	}
	if !ok || event.IsInternal(e.Type) {
		return nil, problem.New(problem.NotFound, "there is no such event; its publisher's id or Relay's would do")
	}
	return &e, nil
}

// warning is something odd about an event, as ingest has noted it.
type warning struct{ Path, Message string }

type eventPageView struct {
	eventView
	Data, Attributes *body
	Warnings         []warning
	Cause            string // the id of the event it was derived from
	Derived          []event.Event
	Why              []whyView
	More             int // webhooks beyond those in Why
	Sent             int // deliveries asked for by a Resend just made; -1: none was
	AnyActive        bool
}

// whyView tells what became of an event at a webhook.
type whyView struct {
	ledger.Explanation
	Hook    *webhook.Webhook
	State   state
	Attempt string // the last one's id
	Resend  bool   // it may be sent again
}

// verdicts are the words for why a webhook got an event or not.
var verdicts = map[ledger.Verdict]state{
	ledger.VerdictDelivered: {Class: "ok", Word: "delivered"}, ledger.VerdictWaiting: {Class: "warn", Word: "waiting"},
	ledger.VerdictLimit: {Class: "warn", Word: "rate limit"}, ledger.VerdictMaintenance: {Word: "maintenance"},
	ledger.VerdictFailed: {Class: "bad", Word: "failed"}, ledger.VerdictCanceled: {Word: "canceled"}, ledger.VerdictExpired: {Class: "bad", Word: "expired"},
	ledger.VerdictTransform: {Word: "dropped by transform"}, ledger.VerdictType: {Word: "another type"}, ledger.VerdictFilter: {Word: "filtered out"},
	ledger.VerdictPaused: {Word: "paused"}, ledger.VerdictDisabled: {Class: "bad", Word: "disabled"}, ledger.VerdictLater: {Word: "created later"},
	ledger.VerdictChanged: {Word: "changed since"}, ledger.VerdictOperations: {Word: "not asked for"},
}

// maxExplained bounds the webhooks that a page explains.
const maxExplained = 100

func (d *Dashboard) eventPage(ctx context.Context, q *request) (answer, error) {
	e, err := d.findEvent(ctx, q, q.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	v := eventPageView{
		eventView: eventView{Event: e, PublicID: e.PublicID(), AcceptedAt: e.ID.Time()}, Sent: -1,
		Data: showBody(e.Data, "application/json", false, int64(len(e.Data))),
	}
	if n := q.URL.Query().Get("sent"); n != "" {
		v.Sent = number(n)
	}
	if len(e.Attributes) > 0 {
		v.Attributes = showBody(e.Attributes, "application/json", false, int64(len(e.Attributes)))
	}
	if e.Warnings != "" {
		_ = json.Unmarshal([]byte(e.Warnings), &v.Warnings) // written by Relay
	}
	if e.Cause != 0 {
		v.Cause = e.Cause.Public(event.EventPrefix)
	}
	if v.Derived, err = d.Ledger.Derived(ctx, e); err != nil {
		return answer{}, err
	}
	if v.Why, err = d.why(ctx, q, e, nil); err != nil {
		return answer{}, err
	}
	for _, w := range v.Why {
		v.AnyActive = v.AnyActive || w.Resend
	}
	if len(v.Why) > maxExplained {
		v.More, v.Why = len(v.Why)-maxExplained, v.Why[:maxExplained]
	}
	return answer{page: "event", title: e.Type, section: "events", data: v}, nil
}

// why explains an event for a webhook, or for all: those that got it first.
func (d *Dashboard) why(ctx context.Context, q *request, e *event.Event, w *webhook.Webhook) ([]whyView, error) {
	list, err := d.Ledger.Explain(ctx, e, w)
	if err != nil {
		return nil, fmt.Errorf("explaining an event: %w", err)
	}
	views := make([]whyView, 0, len(list))
	may := q.who.Allows(access.Redeliver)
	for _, x := range list {
		v := whyView{Explanation: x, State: verdicts[x.Verdict]}
		if v.Hook, err = d.Webhooks.Get(q.who.Tenant, x.WebhookID); err != nil {
			continue // deleted since
		}
		if x.Delivery != nil && x.Delivery.Last != nil {
			v.Attempt = x.Delivery.Last.ID.Public(event.AttemptPrefix)
		}
		v.Resend = may && v.Hook.Status == webhook.Active
		views = append(views, v)
	}
	slices.SortStableFunc(views, func(a, b whyView) int {
		rank := func(v whyView) int {
			if v.Delivery != nil {
				return 0
			}
			return 1
		}
		return cmp.Compare(rank(a), rank(b))
	})
	return views, nil
}

// eventResend delivers an event again, to one webhook or to all that want it.
func (d *Dashboard) eventResend(ctx context.Context, q *request) (answer, error) {
	e, err := d.findEvent(ctx, q, q.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	var w *webhook.Webhook
	if id := q.value("webhook"); id != "" {
		if w, err = d.Webhooks.Get(q.who.Tenant, id); err != nil {
			return answer{}, err
		}
	}
	ids, err := d.Ledger.Resend(ctx, q.who, e, w)
	if err != nil {
		return answer{}, err
	}
	return answer{to: q.path("events", e.PublicID()) + fmt.Sprintf("?sent=%d", len(ids))}, nil
}

// missingView answers "I expected an event and got nothing".
type missingView struct {
	Hooks                       []*webhook.Webhook
	Types                       []string
	Webhook, Type, Text, Period string
	Periods                     []choice
	Asked                       bool
	Hook                        *webhook.Webhook
	Findings                    []finding
	Events                      []missingEvent
	SearchedTo                  time.Time
}

// finding is something that explains why nothing came.
type finding struct {
	Class, Title, Detail string
	Link, LinkText       string
}

// missingEvent is an event that may be the one, and what became of it.
type missingEvent struct {
	eventView
	Why whyView
}

// maxCandidates is how many events the answer explains.
const maxCandidates = 10

func (d *Dashboard) missing(ctx context.Context, q *request) (answer, error) {
	p := q.URL.Query()
	v := missingView{
		Hooks: d.Webhooks.List(q.who.Tenant), Types: d.typeNames(q), Webhook: p.Get("webhook"), Type: strings.TrimSpace(p.Get("type")),
		Text: strings.TrimSpace(p.Get("text")), Period: cmp.Or(p.Get("period"), "24h"), Periods: periodChoices[1:],
	}
	a := answer{page: "missing", title: "I expected an event", section: "events"}
	if v.Asked = v.Webhook != "" && v.Type != ""; v.Asked {
		if err := d.diagnose(ctx, q, &v); err != nil {
			return answer{}, err
		}
	}
	a.data = v
	return a, nil
}

// diagnose looks for the reason from the webhook's side and then from that of the events.
func (d *Dashboard) diagnose(ctx context.Context, q *request, v *missingView) error {
	w, err := d.Webhooks.Get(q.who.Tenant, v.Webhook)
	if err != nil {
		return problem.New(problem.NotFound, "there is no such webhook; it may have been deleted")
	}
	v.Hook = w
	now := d.now()
	note := func(class, title, detail, link, text string) {
		v.Findings = append(v.Findings, finding{class, title, detail, link, text})
	}
	edit := q.path("webhooks", w.ID, "edit")
	if s := stateOf(w, d.Engine.Health(w), now); s.Word != "active" {
		note(cmp.Or(s.Class, "warn"), "The webhook is "+s.Word+".", sentence(s.Why), q.path("webhooks", w.ID), "Look at it")
	}
	if !w.Wants(v.Type) {
		note("bad", "The webhook does not ask for this type.", "It asks for "+strings.Join(w.Events, ", ")+".", edit, "Change its events")
	}
	odd, err := d.names.Odd(ctx, q.who.Tenant, []string{v.Type})
	if err != nil {
		return fmt.Errorf("looking for the type: %w", err)
	}
	for _, o := range odd {
		note("warn", "The type may be misspelt.", sentence(o.Reason), "", "")
	}
	if at := w.Secrets.RotatedAt; !at.IsZero() && now.Sub(at) < 24*time.Hour {
		note("warn", "The secret was rotated "+span(now.Sub(at))+" ago.", "A server that still has the old one rejects every request.", q.path("account", "audit")+"?target="+url.QueryEscape(w.ID), "See by whom")
	}
	query := ingest.Query{Tenant: q.who.Tenant, Type: v.Type, Text: v.Text, Limit: maxCandidates}
	if period, err := time.ParseDuration(v.Period); err == nil && period > 0 {
		query.Since = now.Add(-period)
	}
	if err := d.candidates(ctx, q, v, query); err != nil {
		return err
	}
	// An event that is derived may be missing because the one it follows from does not fulfil the rule.
	for _, r := range d.Types.RuleList(q.who.Tenant) {
		if r.Type != v.Type || len(v.Events) > 0 {
			continue
		}
		if !r.On {
			note("warn", "The rule that makes these events is off.", "The rule "+r.Name+" would derive them from "+r.Rule.On+".", "", "")
			continue
		}
		query.Type = r.Rule.On
		if err := d.candidates(ctx, q, v, query); err != nil {
			return err
		}
		if len(v.Events) > 0 {
			note("warn", "Events of this type are derived from "+r.Rule.On+".", "None followed from those below: the reason stands beside each.", "", "")
		}
	}
	if len(v.Events) == 0 {
		detail := "Relay has accepted no event of the type " + v.Type + " in this time"
		if v.Text != "" {
			detail += " whose data contains the text"
		}
		note("bad", "Nothing was published.", detail+". Look at the answer that the publisher got: only 202 means accepted.", "", "")
	}
	return nil
}

func (d *Dashboard) candidates(ctx context.Context, q *request, v *missingView, query ingest.Query) error {
	list, next, err := d.searchEvents(ctx, query)
	if err != nil {
		return err
	}
	if next != 0 && len(list) < maxCandidates {
		v.SearchedTo = next.Time()
	}
	for i := range list {
		e := &list[i]
		why, err := d.why(ctx, q, e, v.Hook)
		if err != nil {
			return err
		}
		if len(why) == 1 {
			v.Events = append(v.Events, missingEvent{eventView{Event: e, PublicID: e.PublicID(), AcceptedAt: e.ID.Time()}, why[0]})
		}
	}
	return nil
}
