package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/webhook"
)

// Event is an event as the API shows it.
type Event struct {
	ID         string          `json:"id" doc:"the id its publisher chose, else Relay's" example:"\"evt_0dqv5r8k0000g\""`
	Type       string          `json:"type" example:"\"call.completed\""`
	Timestamp  rest.Time       `json:"timestamp" doc:"when it happened"`
	AcceptedAt rest.Time       `json:"acceptedAt" doc:"when Relay stored it"`
	Version    *string         `json:"version" doc:"version of the data's shape"`
	Key        *string         `json:"key" doc:"ordering key"`
	Attributes json.RawMessage `json:"attributes" doc:"extra members, an object or null" example:"null"`
	Data       json.RawMessage `json:"data" doc:"the payload, any JSON value" example:"{\"sid\":\"CA1\",\"duration\":142}"`
	DeliverAt  *rest.Time      `json:"deliverAt" doc:"delivery is held back until then"`
	CauseID    *string         `json:"causeId" doc:"the event this one was derived from"`
	Warnings   []Warning       `json:"warnings" doc:"problems found when it was published: differences from its type's schema, and derivation rules that failed"`
}

// Warning describes an oddity in a part of an event. It names the place and the expected form, never values.
type Warning struct {
	Path    string `json:"path" example:"\"data.duration\""`
	Message string `json:"message" doc:"completes the path to a sentence" example:"\"must be an integer, got a string\""`
}

// showWarnings reads what ingest has noted.
func showWarnings(text string) []Warning {
	list := []Warning{} // [], not null
	if text != "" {
		_ = json.Unmarshal([]byte(text), &list) // written by Relay
	}
	return list
}

func showEvent(e *event.Event) Event {
	v := Event{
		ID: e.PublicID(), Type: e.Type, Timestamp: rest.Time(e.Time), AcceptedAt: rest.Time(e.ID.Time()),
		Version: rest.TextOrNil(e.Version), Key: rest.TextOrNil(e.Key), Attributes: e.Attributes, Data: e.Data,
		DeliverAt: rest.TimeOrNil(e.DeliverAt), Warnings: showWarnings(e.Warnings),
	}
	if e.Cause != 0 {
		cause := e.Cause.Public(event.EventPrefix)
		v.CauseID = &cause
	}
	return v
}

var docEventList = rest.Doc{ID: "listEvents", Tag: "Events", Summary: "List events",
	Text: "The newest first. A search that matches rarely may answer a short or empty page with a `nextCursor`: go on from there; `searchedTo` says how far it came."}

type eventQuery struct {
	rest.Page
	Type  string    `query:"type" doc:"only events of this type"`
	Key   string    `query:"key" doc:"only events with this ordering key"`
	Text  string    `query:"text" doc:"only events whose data contains this text, with JSON escapes decoded or as published; composed and decomposed characters are the same, upper and lower case differ"`
	Since rest.Time `query:"since" doc:"only events accepted at or after this time"`
	Until rest.Time `query:"until" doc:"only events accepted before this time"`
}

func (a *API) eventList(ctx context.Context, c *access.Principal, in *eventQuery) (*rest.List[Event], error) {
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	q := ingest.Query{
		Tenant: c.Tenant, Type: in.Type, Key: in.Key, Text: in.Text, Since: time.Time(in.Since), Until: time.Time(in.Until),
	}
	if in.Type != "" || in.Key != "" || in.Text != "" {
		leave, err := a.Searches.Enter(ctx, c.Tenant)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	fetch := func(before event.ID, limit int) ([]event.Event, event.ID, error) {
		q.Before, q.Limit = before, limit
		return a.Events.EventList(ctx, q)
	}
	list, next, err := rest.Collect(before, in.Limit, fetch, func(e event.Event) int { return e.Size() })
	if err != nil {
		return nil, err
	}
	data := make([]Event, len(list))
	for i := range list {
		data[i] = showEvent(&list[i])
	}
	return rest.PageTo(data, next), nil
}

type eventPath struct {
	ID string `path:"id" doc:"the event's id, its publisher's or Relay's, also as the UUID of the format push"`
}

// findEvent returns the caller's event; the answer for another tenant's event is that for none.
func (a *API) findEvent(ctx context.Context, c *access.Principal, id string) (*event.Event, error) {
	e, ok, err := a.Events.EventFind(ctx, c.Tenant, id)
	if own, is := event.ParseUUID(id); is && !ok && err == nil { // the event_id in the format push
		e, ok, err = a.Events.EventFind(ctx, c.Tenant, own.Public(event.EventPrefix))
	}
	if damaged := new(delivery.DamagedError); errors.As(err, &damaged) {
		// Nothing of it can be told, not even whose it is.
		return nil, problem.Wrap(err, problem.Conflict, "the stored event %q is damaged: the disk has changed it, and it cannot be shown or sent", rest.Clip(id))
	}
	if err != nil {
		return nil, err
	}
	if !ok || event.IsInternal(e.Type) {
		return nil, problem.New(problem.NotFound, "there is no event %q", rest.Clip(id))
	}
	return &e, nil
}

// EventDetail is an event by itself.
type EventDetail struct {
	Event
	FilterErrors []FilterError  `json:"filterErrors" doc:"webhooks whose filter, as it is now, cannot be evaluated for this event, which counts as no match; at most 100"`
	Derived      []DerivedEvent `json:"derived" doc:"the events that were derived from it, and from those; causeId tells from which"`
}

// DerivedEvent is an event that followed from another.
type DerivedEvent struct {
	ID      string `json:"id" example:"\"evt_0dqv5r8k0000g\""`
	Type    string `json:"type" example:"\"call.urgent\""`
	CauseID string `json:"causeId" example:"\"evt_0dqv5r8k0000f\""`
}

// FilterError is a filter that cannot be evaluated for an event.
type FilterError struct {
	WebhookID string `json:"webhookId" example:"\"wh_3f6q2mzk7ahx5w4e\""`
	Message   string `json:"message" doc:"the part of the filter that fails, and why" example:"\"event.data.total > 100 (a value has a type that the operation does not take)\""`
}

var docEventGet = rest.Doc{ID: "getEvent", Tag: "Events", Summary: "Get an event"}

func (a *API) eventGet(ctx context.Context, c *access.Principal, in *eventPath) (*EventDetail, error) {
	e, err := a.findEvent(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	v := &EventDetail{Event: showEvent(e), FilterErrors: []FilterError{}, Derived: []DerivedEvent{}}
	for _, f := range a.Ledger.FilterErrors(ctx, e) {
		v.FilterErrors = append(v.FilterErrors, FilterError{WebhookID: f.WebhookID, Message: f.Message})
	}
	derived, err := a.Ledger.Derived(ctx, e)
	if err != nil {
		return nil, err
	}
	for i := range derived {
		d := &derived[i]
		v.Derived = append(v.Derived, DerivedEvent{ID: d.PublicID(), Type: d.Type, CauseID: d.Cause.Public(event.EventPrefix)})
	}
	return v, nil
}

var docEventDeliveries = rest.Doc{ID: "listEventDeliveries", Tag: "Events", Summary: "List an event's deliveries",
	Text: "One for each webhook the event was owed to. The list is never paged."}

func (a *API) eventDeliveries(ctx context.Context, c *access.Principal, in *eventPath) (*rest.List[Delivery], error) {
	e, err := a.findEvent(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := a.Ledger.DeliveriesOfEvent(ctx, e)
	if err != nil {
		return nil, err
	}
	return rest.PageOf(a.showDeliveries(list), ""), nil
}

// Explanation says what became of an event at one webhook.
type Explanation struct {
	WebhookID string    `json:"webhookId" example:"\"wh_3f6q2mzk7ahx5w4e\""`
	Verdict   string    `json:"verdict" enum:"delivered,waiting,rateLimit,maintenance,failed,canceled,expired,transform,type,filter,paused,disabled,created,changed,operation" doc:"what happened, or why nothing did: it waits for the rate limit or the end of a maintenance window, its transform dropped the event, the webhook does not ask for the type, its filter says no, it was paused or disabled, was created after the event or has changed since, or the event is an operational one that must be asked for by name"`
	Detail    string    `json:"detail" doc:"the same in a sentence"`
	Delivery  *Delivery `json:"delivery"`
}

var docEventExplain = rest.Doc{ID: "explainEvent", Tag: "Events", Summary: "Explain what became of an event",
	Text: "For every webhook, or the one asked for: delivered, still waiting, or why not."}

type explainQuery struct {
	eventPath
	WebhookID string `query:"webhookId" doc:"only this webhook"`
}

func (a *API) eventExplain(ctx context.Context, c *access.Principal, in *explainQuery) (*rest.List[Explanation], error) {
	e, err := a.findEvent(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	w, err := a.findOptional(c, in.WebhookID)
	if err != nil {
		return nil, err
	}
	list, err := a.Ledger.Explain(ctx, e, w)
	if err != nil {
		return nil, err
	}
	data := make([]Explanation, len(list))
	for i, x := range list {
		data[i] = Explanation{WebhookID: x.WebhookID, Verdict: string(x.Verdict), Detail: x.Detail}
		if x.Delivery != nil {
			d := a.showDelivery(x.Delivery)
			data[i].Delivery = &d
		}
	}
	return rest.PageOf(data, ""), nil
}

// findOptional returns the caller's webhook, or nil for an empty id.
func (a *API) findOptional(c *access.Principal, id string) (*webhook.Webhook, error) {
	if id == "" {
		return nil, nil
	}
	return a.Webhooks.Get(c.Tenant, id)
}

// ResendRequest asks for an event to be delivered again.
type ResendRequest struct {
	WebhookID rest.Opt[string] `json:"webhookId" doc:"only to this webhook; left out: to all that match" example:"\"wh_3f6q2mzk7ahx5w4e\""`
}

// ResendAnswer names the deliveries that were asked for.
type ResendAnswer struct {
	Deliveries []string `json:"deliveries" doc:"ids of the deliveries that will be attempted again"`
}

var docEventResend = rest.Doc{ID: "resendEvent", Tag: "Events", Summary: "Deliver an event again", Status: 202,
	Text: "To all webhooks that match now, or to one. A delivery keeps its id, so that receivers can tell that they had it before."}

type resendInput struct {
	eventPath
	Body ResendRequest `body:"optional"`
}

func (a *API) eventResend(ctx context.Context, c *access.Principal, in *resendInput) (*ResendAnswer, error) {
	e, err := a.findEvent(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	w, err := a.findOptional(c, in.Body.WebhookID.Value)
	if err != nil {
		return nil, err
	}
	ids, err := a.Ledger.Resend(ctx, c, e, w)
	if err != nil {
		return nil, err
	}
	answer := &ResendAnswer{Deliveries: make([]string, len(ids))}
	for i, id := range ids {
		answer.Deliveries[i] = id.String()
	}
	return answer, nil
}

// Delivery is what one webhook is owed, or was owed, of one event.
type Delivery struct {
	ID            string     `json:"id" doc:"the webhookId in the body that the endpoint receives" example:"\"whk_00dqv5r8k0000g00001\""`
	EventID       string     `json:"eventId" example:"\"evt_0dqv5r8k0000g\""`
	EventType     string     `json:"eventType" example:"\"call.completed\""`
	WebhookID     *string    `json:"webhookId" doc:"null when the webhook was deleted" example:"\"wh_3f6q2mzk7ahx5w4e\""`
	State         string     `json:"state" enum:"waiting,inFlight,held,delivered,failed,discarded,expired,canceled"`
	Attempts      int        `json:"attempts" doc:"made so far"`
	NextAttemptAt *rest.Time `json:"nextAttemptAt"`
	Reason        *string    `json:"reason" doc:"why it is in this state, in words"`
}

func (a *API) showDelivery(d *ledger.Delivery) Delivery {
	return Delivery{
		ID: d.ID.String(), EventID: eventID(d.EventName, d.ID.Event), EventType: d.EventType,
		WebhookID: a.webhookID(d.ID.Webhook), State: string(d.State), Attempts: d.Attempts,
		NextAttemptAt: rest.TimeOrNil(d.NextAt), Reason: rest.TextOrNil(d.Reason),
	}
}

func (a *API) showDeliveries(list []ledger.Delivery) []Delivery {
	data := make([]Delivery, len(list))
	for i := range list {
		data[i] = a.showDelivery(&list[i])
	}
	return data
}

// eventID returns an event's public id from the parts that log entries keep.
func eventID(name string, id event.ID) string {
	e := event.Event{Name: name, ID: id}
	return e.PublicID()
}

// webhookID returns the public id of a webhook, nil when it was deleted.
func (a *API) webhookID(number uint32) *string {
	w, ok := a.Webhooks.ByNumber(number)
	if !ok {
		return nil
	}
	return &w.ID
}
