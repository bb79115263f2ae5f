package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
)

// Attempt is one request made for a delivery, with everything that was sent and came back.
type Attempt struct {
	ID            string        `json:"id" example:"\"att_0dqv5r8k0000g\""`
	DeliveryID    string        `json:"deliveryId" example:"\"whk_00dqv5r8k0000g00001\""`
	EventID       string        `json:"eventId" example:"\"evt_0dqv5r8k0000g\""`
	EventType     string        `json:"eventType" example:"\"call.completed\""`
	WebhookID     *string       `json:"webhookId" doc:"null when the webhook was deleted" example:"\"wh_3f6q2mzk7ahx5w4e\""`
	Number        int           `json:"number" doc:"1 for the first attempt of the delivery"`
	At            rest.Time     `json:"at" doc:"when it began"`
	Outcome       string        `json:"outcome" enum:"delivered,retrying,failed"`
	Test          bool          `json:"test" doc:"made by the call test"`
	Error         *AttemptError `json:"error"`
	Request       SentRequest   `json:"request"`
	Response      *Response     `json:"response" doc:"null when no answer came"`
	Timing        Timing        `json:"timing"`
	NextAttemptAt *rest.Time    `json:"nextAttemptAt"`
	Batch         *AttemptBatch `json:"batch" doc:"the batch that shared the request; null: a single delivery. The other members are about its first delivery, or the one asked for"`
}

// AttemptError is why an attempt failed.
type AttemptError struct {
	Kind    string `json:"kind" doc:"one of a closed set: status for an unwelcome answer, else what went wrong on the way" example:"\"status\""`
	Message string `json:"message" example:"\"the endpoint answered 500\""`
}

// SentRequest is the request as it was sent.
type SentRequest struct {
	Method  string            `json:"method" example:"\"POST\""`
	URL     string            `json:"url" example:"\"https://example.com/hook\""`
	Headers map[string]string `json:"headers" doc:"fields of the same name are joined by commas"`
	Body    *string           `json:"body" doc:"null: see bodyMissing"`
	Missing *string           `json:"bodyMissing" doc:"why body is null, in words; null: body is what was sent" example:"null"`
}

// Response is the endpoint's answer.
type Response struct {
	Status    int               `json:"status" example:"500"`
	Headers   map[string]string `json:"headers"`
	Body      string            `json:"body" doc:"the first 64 KiB, as bodyEncoding says"`
	Encoding  string            `json:"bodyEncoding" enum:"text,base64" doc:"base64 where body is binary or compressed; in a text, bytes that are not UTF-8 are shown as U+FFFD"`
	BodyError *string           `json:"bodyError" doc:"why the rest of the body is missing, though the answer counts; null: it is complete" example:"null"`
	BodyBytes int64             `json:"bodyBytes" doc:"how many bytes of it were read"`
	Truncated bool              `json:"truncated" doc:"the answer was longer than body"`
}

// Timing breaks an attempt down, in milliseconds. The first three are 0 on a connection that was already there.
type Timing struct {
	DNSMs       float64 `json:"dnsMs"`
	ConnectMs   float64 `json:"connectMs"`
	TLSMs       float64 `json:"tlsMs"`
	FirstByteMs float64 `json:"firstByteMs"`
	TotalMs     float64 `json:"totalMs"`
}

func (a *API) showAttempt(at *delivery.Attempt) Attempt {
	v := Attempt{
		ID: at.ID.Public(event.AttemptPrefix), DeliveryID: at.Delivery().String(), EventID: eventID(at.EventName, at.Event),
		EventType: at.EventType, WebhookID: a.webhookID(at.Webhook), Number: at.Number, At: rest.Time(at.At),
		Outcome: at.Outcome.String(), Test: at.Test, NextAttemptAt: rest.TimeOrNil(at.NextAt),
		Request: SentRequest{
			Method: at.Request.Method, URL: at.Request.URL, Headers: showHeaders(at.Request.Header),
			Missing: rest.TextOrNil(at.Request.BodyMissing),
		},
		Timing: Timing{
			DNSMs: inMs(at.Timing.DNS), ConnectMs: inMs(at.Timing.Connect), TLSMs: inMs(at.Timing.TLS),
			FirstByteMs: inMs(at.Timing.FirstByte), TotalMs: inMs(at.Timing.Total),
		},
	}
	if at.Request.BodyMissing == "" {
		body := strings.ToValidUTF8(string(at.Request.Body), "\uFFFD")
		v.Request.Body = &body
	}
	v.Batch = showAttemptBatch(at)
	if at.ErrorKind != "" {
		v.Error = &AttemptError{Kind: string(at.ErrorKind), Message: at.Error}
	}
	if r := at.Response; r != nil {
		v.Response = &Response{
			Status: r.Status, Headers: showHeaders(r.Header), BodyBytes: r.BodyBytes, Truncated: r.Truncated,
		}
		v.Response.Body, v.Response.Encoding = showBody(r)
		if at.ErrorKind == "" {
			v.Response.BodyError = rest.TextOrNil(at.Error)
		}
	}
	return v
}

// showBody returns an answer's body as JSON can hold it, and how: as text, or in base64 what no one could read as such.
func showBody(r *exchange.Response) (body, encoding string) {
	if utf8.Valid(r.Body) {
		return string(r.Body), "text"
	}
	coded := slices.ContainsFunc(r.Header, func(f exchange.Field) bool {
		return strings.EqualFold(f.Name, "Content-Encoding") && !strings.EqualFold(f.Value, "identity")
	})
	if coded || bytes.ContainsFunc(r.Body, func(c rune) bool { return c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' }) {
		return base64.StdEncoding.EncodeToString(r.Body), "base64"
	}
	return strings.ToValidUTF8(string(r.Body), "\uFFFD"), "text" // of another charset, or cut within a character
}

// inMs returns milliseconds with three decimals.
func inMs(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

func showHeaders(fields []exchange.Field) map[string]string {
	m := make(map[string]string, len(fields))
	for _, f := range fields {
		if before, ok := m[f.Name]; ok {
			m[f.Name] = before + ", " + f.Value
		} else {
			m[f.Name] = f.Value
		}
	}
	return m
}

// attemptFilter is what every list of attempts takes.
type attemptFilter struct {
	rest.Page
	Status    string    `query:"status" enum:"delivered,retrying,failed" doc:"only attempts that ended so"`
	Code      string    `query:"code" doc:"only answers with this status code, such as 500, or of this class, such as 5xx"`
	ErrorKind string    `query:"errorKind" enum:"status,timeout,connect,dns,tls,reset,protocol,response_too_large,blocked_address,proxy,auth,transform,request,answer,canceled" doc:"only attempts that failed in this way, as error.kind has it"`
	EventType string    `query:"eventType" doc:"only attempts for events of this type"`
	Since     rest.Time `query:"since" doc:"only attempts begun at or after this time"`
	Until     rest.Time `query:"until" doc:"only attempts begun before this time"`
}

var outcomes = map[string]delivery.Outcome{
	delivery.Delivered.String(): delivery.Delivered,
	delivery.Retrying.String():  delivery.Retrying,
	delivery.Failed.String():    delivery.Failed,
}

// query returns the filter as a query of the tenant's attempts.
func (f *attemptFilter) query(tenant event.TenantID) (q delivery.LogQuery, err error) {
	q = delivery.LogQuery{Tenant: tenant, EventType: f.EventType, ErrorKind: exchange.Kind(f.ErrorKind), Since: time.Time(f.Since), Until: time.Time(f.Until)}
	if f.Status != "" {
		q.Outcomes = []delivery.Outcome{outcomes[f.Status]}
	}
	q.StatusMin, q.StatusMax, err = parseCode(f.Code)
	return q, err
}

var docWebhookAttempts = rest.Doc{ID: "listWebhookAttempts", Tag: "Log", Summary: "List a webhook's attempts",
	Text: "The log, the newest first, also that of a webhook that was deleted. A search that matches rarely may answer a short or empty page with a `nextCursor`: go on from there; `searchedTo` says how far it came."}

type attemptQuery struct {
	webhookPath
	attemptFilter
}

func (a *API) webhookAttempts(ctx context.Context, c *access.Principal, in *attemptQuery) (*rest.List[Attempt], error) {
	q, err := in.query(c.Tenant)
	if err != nil {
		return nil, err
	}
	if q.Webhook, err = a.Webhooks.Logged(ctx, c.Tenant, in.ID); err != nil {
		return nil, err
	}
	return a.attemptsOf(ctx, q, &in.Page)
}

var docAttemptList = rest.Doc{ID: "listAttempts", Tag: "Log", Summary: "List attempts",
	Text: "The log of all webhooks, of an event or of a delivery, the newest first; of one event at most the last 1,000. A search that matches rarely may answer a short or empty page with a `nextCursor`: go on from there; `searchedTo` says how far it came."}

type attemptListQuery struct {
	attemptFilter
	WebhookID  string `query:"webhookId" doc:"only attempts for this webhook, which may be a deleted one"`
	EventID    string `query:"eventId" doc:"only attempts for this event: its publisher's id or Relay's"`
	DeliveryID string `query:"deliveryId" doc:"only attempts for this delivery"`
}

func (a *API) attemptList(ctx context.Context, c *access.Principal, in *attemptListQuery) (*rest.List[Attempt], error) {
	q, err := in.query(c.Tenant)
	if err != nil {
		return nil, err
	}
	if in.WebhookID != "" {
		if q.Webhook, err = a.Webhooks.Logged(ctx, c.Tenant, in.WebhookID); err != nil {
			return nil, err
		}
	}
	if in.EventID != "" {
		if q.Event, err = a.eventNumber(ctx, c, in.EventID); err != nil {
			return nil, err
		}
	}
	if in.DeliveryID != "" {
		d, _, err := a.parseDelivery(&deliveryPath{ID: in.DeliveryID})
		if err != nil {
			return nil, err
		}
		if q.Event != 0 && q.Event != d.Event || q.Webhook != 0 && q.Webhook != d.Webhook {
			return rest.PageOf[Attempt](nil, ""), nil // no attempt is of both
		}
		q.Event, q.Webhook = d.Event, d.Webhook
	}
	return a.attemptsOf(ctx, q, &in.Page)
}

// eventNumber returns the number of a tenant's event. An id of Relay's is taken as it is: the log may know an event that
// is not stored, such as that of a test.
func (a *API) eventNumber(ctx context.Context, c *access.Principal, id string) (event.ID, error) {
	e, ok, err := a.Events.EventFind(ctx, c.Tenant, id)
	if damaged := new(delivery.DamagedError); errors.As(err, &damaged) {
		for number := range damaged.Why { // the log knows it all the same
			return number, nil
		}
	}
	if err != nil {
		return 0, err
	}
	if ok {
		return e.ID, nil
	}
	number, err := event.ParseID(event.EventPrefix, id)
	if err != nil {
		return 0, problem.New(problem.NotFound, "there is no event %q", rest.Clip(id))
	}
	return number, nil
}

// attemptsOf lists the attempts that a query selects.
func (a *API) attemptsOf(ctx context.Context, q delivery.LogQuery, in *rest.Page) (*rest.List[Attempt], error) {
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	if q.Event == 0 && q.Searches() {
		leave, err := a.Searches.Enter(ctx, q.Tenant)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	fetch := func(before event.ID, limit int) ([]*delivery.Attempt, event.ID, error) {
		q.Before, q.Limit = before, limit
		return a.Ledger.Attempts(ctx, q)
	}
	size := func(at *delivery.Attempt) int {
		n := len(at.Request.Body)
		if at.Response != nil {
			n += len(at.Response.Body)
		}
		return n
	}
	list, next, err := rest.Collect(before, in.Limit, fetch, size)
	if err != nil {
		return nil, err
	}
	data := make([]Attempt, len(list))
	for i, at := range list {
		data[i] = a.showAttempt(at)
	}
	return rest.PageTo(data, next), nil
}

// parseCode reads "500" or "5xx".
func parseCode(s string) (low, high int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	if low, high, ok := exchange.ParseCode(s); ok {
		return low, high, nil
	}
	return 0, 0, problem.MalformedField("query code", "must be a status code such as 500, or a class such as 5xx")
}

var docAttemptGet = rest.Doc{ID: "getAttempt", Tag: "Log", Summary: "Get an attempt"}

type attemptPath struct {
	ID string `path:"id" doc:"the attempt's id"`
}

func (a *API) attemptGet(ctx context.Context, c *access.Principal, in *attemptPath) (*Attempt, error) {
	missing := problem.New(problem.NotFound, "there is no attempt %q", rest.Clip(in.ID))
	id, err := event.ParseID(event.AttemptPrefix, in.ID)
	if err != nil {
		return nil, missing
	}
	at, err := a.Ledger.Attempt(ctx, c.Tenant, id)
	if err != nil {
		return nil, sameMissing(err, missing)
	}
	if a.hidden(at.Webhook) && !c.Allows(access.Configure) {
		return nil, missing // it shows settings that are an admin's
	}
	v := a.showAttempt(at)
	return &v, nil
}

// sameMissing makes one answer of an id that cannot be, one that is not there, and one of another tenant.
func sameMissing(err error, missing *problem.Error) error {
	if problem.KindOf(err) == problem.NotFound {
		return missing
	}
	return err
}

var docDeliveryList = rest.Doc{ID: "listDeliveries", Tag: "Deliveries", Summary: "List deliveries",
	Text: "Those that are not settled first, the newest event first; then the settled ones, the last settled first. A search that matches rarely may answer a short or empty page with a `nextCursor`: go on from there; `searchedTo` says how far back in the log it came."}

type deliveryQuery struct {
	rest.Page
	WebhookID string `query:"webhookId" doc:"only those of this webhook, which may be a deleted one"`
	State     string `query:"state" enum:"waiting,inFlight,held,delivered,failed,discarded,expired,canceled" doc:"only those in this state"`
}

func (a *API) deliveryList(ctx context.Context, c *access.Principal, in *deliveryQuery) (*rest.List[Delivery], error) {
	q := ledger.DeliveryQuery{Tenant: c.Tenant, State: ledger.State(in.State), Cursor: in.Cursor, Limit: in.Limit}
	if in.WebhookID != "" {
		var err error
		if q.Webhook, err = a.Webhooks.Logged(ctx, c.Tenant, in.WebhookID); err != nil {
			return nil, err
		}
	}
	if q.State != "" {
		leave, err := a.Searches.Enter(ctx, c.Tenant)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	found, err := a.Ledger.Deliveries(ctx, q)
	if err != nil {
		return nil, err
	}
	list := rest.PageOf(a.showDeliveries(found.Deliveries), found.Next)
	list.SearchedTo = rest.TimeOrNil(found.SearchedTo)
	return list, nil
}

type deliveryPath struct {
	ID string `path:"id" doc:"the delivery's id, which receivers know as webhookId"`
}

func (a *API) parseDelivery(in *deliveryPath) (id event.DeliveryID, missing *problem.Error, err error) {
	missing = problem.New(problem.NotFound, "there is no delivery %q", rest.Clip(in.ID))
	if id, err = event.ParseDeliveryID(in.ID); err != nil || a.hidden(id.Webhook) {
		return id, missing, missing
	}
	return id, missing, nil
}

var docDeliveryGet = rest.Doc{ID: "getDelivery", Tag: "Deliveries", Summary: "Get a delivery"}

func (a *API) deliveryGet(ctx context.Context, c *access.Principal, in *deliveryPath) (*Delivery, error) {
	id, missing, err := a.parseDelivery(in)
	if err != nil {
		return nil, err
	}
	return a.deliveryNow(ctx, c, id, missing)
}

func (a *API) deliveryNow(ctx context.Context, c *access.Principal, id event.DeliveryID, missing *problem.Error) (*Delivery, error) {
	d, err := a.Ledger.Delivery(ctx, c.Tenant, id)
	if err != nil {
		return nil, sameMissing(err, missing)
	}
	v := a.showDelivery(&d)
	return &v, nil
}

var docDeliveryRetry = rest.Doc{ID: "retryDelivery", Tag: "Deliveries", Summary: "Retry a delivery now", Status: 202,
	Text: "One that failed, expired, was canceled or waits. It keeps its id and starts a new round of attempts. 409 where its event is no longer stored: there is nothing to send."}

func (a *API) deliveryRetry(ctx context.Context, c *access.Principal, in *deliveryPath) (*Delivery, error) {
	return a.changeDelivery(ctx, c, in, a.Ledger.Retry)
}

var docDeliveryCancel = rest.Doc{ID: "cancelDelivery", Tag: "Deliveries", Summary: "Cancel a delivery",
	Text: "It is not attempted again."}

func (a *API) deliveryCancel(ctx context.Context, c *access.Principal, in *deliveryPath) (*Delivery, error) {
	return a.changeDelivery(ctx, c, in, a.Ledger.Cancel)
}

func (a *API) changeDelivery(ctx context.Context, c *access.Principal, in *deliveryPath, change func(context.Context, *access.Principal, event.DeliveryID) error) (*Delivery, error) {
	id, missing, err := a.parseDelivery(in)
	if err != nil {
		return nil, err
	}
	if err := change(ctx, c, id); err != nil {
		return nil, sameMissing(err, missing)
	}
	return a.deliveryNow(ctx, c, id, missing)
}
