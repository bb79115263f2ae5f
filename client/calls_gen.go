// Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT.

package client

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// ListEventsParams selects what [Client.ListEvents] returns. Zero fields are left out.
type ListEventsParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only events of this type.
	Type string
	// Only events with this ordering key.
	Key string
	// Only events whose data contains this text, with JSON escapes decoded or as published; composed
	// and decomposed characters are the same, upper and lower case differ.
	Text string
	// Only events accepted at or after this time.
	Since time.Time
	// Only events accepted before this time.
	Until time.Time
}

func (q ListEventsParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "type", q.Type)
	add(v, "key", q.Key)
	add(v, "text", q.Text)
	addTime(v, "since", q.Since)
	addTime(v, "until", q.Until)
	return v
}

// ListEvents calls GET /v1/events: list events.
//
// The newest first. A search that matches rarely may answer a short or empty page with a
// "nextCursor": go on from there; "searchedTo" says how far it came.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListEvents(ctx context.Context, q ListEventsParams) iter.Seq2[Event, error] {
	return all(q.Cursor, func(cursor string) (Page[Event], error) {
		q.Cursor = cursor
		return c.ListEventsPage(ctx, q)
	})
}

// ListEventsPage returns one page of [Client.ListEvents], for callers who keep the cursor by themselves.
func (c *Client) ListEventsPage(ctx context.Context, q ListEventsParams) (Page[Event], error) {
	return ask[Page[Event]](ctx, c, request{http.MethodGet, "/v1/events", q.values(), nil, nil})
}

// GetEvent calls GET /v1/events/{id}: get an event.
//
// Needs the scope "read".
func (c *Client) GetEvent(ctx context.Context, id string) (EventDetail, error) {
	return ask[EventDetail](ctx, c, request{http.MethodGet, "/v1/events/" + url.PathEscape(id), nil, nil, nil})
}

// ListEventDeliveries calls GET /v1/events/{id}/deliveries: list an event's deliveries.
//
// One for each webhook the event was owed to. The list is never paged.
//
// Needs the scope "read".
func (c *Client) ListEventDeliveries(ctx context.Context, id string) ([]Delivery, error) {
	page, err := ask[Page[Delivery]](ctx, c, request{http.MethodGet, "/v1/events/" + url.PathEscape(id) + "/deliveries", nil, nil, nil})
	return page.Data, err
}

// ExplainEventParams selects what [Client.ExplainEvent] returns. Zero fields are left out.
type ExplainEventParams struct {
	// Only this webhook.
	WebhookID string
}

func (q ExplainEventParams) values() url.Values {
	v := make(url.Values)
	add(v, "webhookId", q.WebhookID)
	return v
}

// ExplainEvent calls GET /v1/events/{id}/explain: explain what became of an event.
//
// For every webhook, or the one asked for: delivered, still waiting, or why not.
//
// Needs the scope "read".
func (c *Client) ExplainEvent(ctx context.Context, id string, q ExplainEventParams) ([]Explanation, error) {
	page, err := ask[Page[Explanation]](ctx, c, request{http.MethodGet, "/v1/events/" + url.PathEscape(id) + "/explain", q.values(), nil, nil})
	return page.Data, err
}

// ResendEvent calls POST /v1/events/{id}/resend: deliver an event again.
//
// To all webhooks that match now, or to one. A delivery keeps its id, so that receivers can tell
// that they had it before.
//
// Needs the scope "manage".
func (c *Client) ResendEvent(ctx context.Context, id string, in ResendRequest, opts ...CallOption) (ResendAnswer, error) {
	return ask[ResendAnswer](ctx, c, request{http.MethodPost, "/v1/events/" + url.PathEscape(id) + "/resend", nil, in, opts})
}

// ListEventTypesParams selects what [Client.ListEventTypes] returns. Zero fields are left out.
type ListEventTypesParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only types of this pack; own for those of no pack.
	Pack string
	// Types that are archived: left out, only these, or with the others. One of "false", "true",
	// "all". Default: false.
	Archived string
	// Only types with this text in their name or description, in any case.
	Query string
}

func (q ListEventTypesParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "pack", q.Pack)
	add(v, "archived", q.Archived)
	add(v, "query", q.Query)
	return v
}

// ListEventTypes calls GET /v1/event-types: list the event types of the catalogue.
//
// By name. Other types may be published all the same, unless the catalogue's validation is
// "strict". A page may hold fewer types than asked for when their schemas are large.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListEventTypes(ctx context.Context, q ListEventTypesParams) iter.Seq2[EventType, error] {
	return all(q.Cursor, func(cursor string) (Page[EventType], error) {
		q.Cursor = cursor
		return c.ListEventTypesPage(ctx, q)
	})
}

// ListEventTypesPage returns one page of [Client.ListEventTypes], for callers who keep the cursor by themselves.
func (c *Client) ListEventTypesPage(ctx context.Context, q ListEventTypesParams) (Page[EventType], error) {
	return ask[Page[EventType]](ctx, c, request{http.MethodGet, "/v1/event-types", q.values(), nil, nil})
}

// CreateEventType calls POST /v1/event-types: add an event type.
//
// Needs the scope "manage".
func (c *Client) CreateEventType(ctx context.Context, in CreateEventType, opts ...CallOption) (EventType, error) {
	return ask[EventType](ctx, c, request{http.MethodPost, "/v1/event-types", nil, in, opts})
}

// ImportEventTypesParams selects what [Client.ImportEventTypes] returns. Zero fields are left out.
type ImportEventTypesParams struct {
	// What the document is: the JSON Schema of one type, an OpenAPI 3 document whose webhooks (or
	// x-webhooks) become types, or a file of types and rules as relay serve --catalogue reads it. One
	// of "json-schema", "openapi", "pack".
	Format string
	// The type's name, for json-schema; left out: the schema's title.
	Name string
	// Only say what would happen. One of "false", "true". Default: false.
	DryRun bool
}

func (q ImportEventTypesParams) values() url.Values {
	v := make(url.Values)
	add(v, "format", q.Format)
	add(v, "name", q.Name)
	addBool(v, "dryRun", q.DryRun)
	return v
}

// ImportEventTypes calls POST /v1/event-types/import: import event types.
//
// From a document in JSON or YAML of up to 16 MiB, in YAML 8 MiB, all or nothing: only webhooks
// that cannot be types are skipped, with the reason. Types that are there get a new version if
// their schema differs. References into other documents are refused: nothing is fetched.
//
// Needs the scope "manage".
func (c *Client) ImportEventTypes(ctx context.Context, q ImportEventTypesParams, contentType string, document []byte, opts ...CallOption) (ImportedTypes, error) {
	return ask[ImportedTypes](ctx, c, request{http.MethodPost, "/v1/event-types/import", q.values(), raw{contentType, document}, opts})
}

// GetEventTypeParams selects what [Client.GetEventType] returns. Zero fields are left out.
type GetEventTypeParams struct {
	// A version other than the current one.
	Version string
}

func (q GetEventTypeParams) values() url.Values {
	v := make(url.Values)
	add(v, "version", q.Version)
	return v
}

// GetEventType calls GET /v1/event-types/{name}: get an event type.
//
// Needs the scope "read".
func (c *Client) GetEventType(ctx context.Context, name string, q GetEventTypeParams) (EventType, error) {
	return ask[EventType](ctx, c, request{http.MethodGet, "/v1/event-types/" + url.PathEscape(name), q.values(), nil, nil})
}

// UpdateEventType calls PATCH /v1/event-types/{name}: change an event type.
//
// Members left out stay as they are, null resets a member to its default. A change of a schema
// makes a new version, unless "version" names one. Changing what describes a type of a pack makes a
// version of your own, which takes its place until you delete it; "validation", "deprecated" and
// "archived" do not.
//
// Needs the scope "manage".
func (c *Client) UpdateEventType(ctx context.Context, name string, in UpdateEventType) (EventType, error) {
	return ask[EventType](ctx, c, request{http.MethodPatch, "/v1/event-types/" + url.PathEscape(name), nil, in, nil})
}

// DeleteEventType calls DELETE /v1/event-types/{name}: delete an event type.
//
// All versions of a type of your own. Its events stay, and may be published still. A type of a pack
// cannot be deleted, but archived.
//
// Needs the scope "manage".
func (c *Client) DeleteEventType(ctx context.Context, name string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/event-types/" + url.PathEscape(name), nil, nil, nil}, nil)
}

// GetEventTypeExampleParams selects what [Client.GetEventTypeExample] returns. Zero fields are left out.
type GetEventTypeExampleParams struct {
	// A version other than the current one.
	Version string
}

func (q GetEventTypeExampleParams) values() url.Values {
	v := make(url.Values)
	add(v, "version", q.Version)
	return v
}

// GetEventTypeExample calls GET /v1/event-types/{name}/example: get an example event of a type.
//
// The answer can be published as it is.
//
// Needs the scope "read".
func (c *Client) GetEventTypeExample(ctx context.Context, name string, q GetEventTypeExampleParams) (EventExample, error) {
	return ask[EventExample](ctx, c, request{http.MethodGet, "/v1/event-types/" + url.PathEscape(name) + "/example", q.values(), nil, nil})
}

// GetCatalogue calls GET /v1/catalogue: get the catalogue's settings.
//
// Needs the scope "read".
func (c *Client) GetCatalogue(ctx context.Context) (Catalogue, error) {
	return ask[Catalogue](ctx, c, request{http.MethodGet, "/v1/catalogue", nil, nil, nil})
}

// UpdateCatalogue calls PATCH /v1/catalogue: change the catalogue's settings.
//
// Needs the scope "manage".
func (c *Client) UpdateCatalogue(ctx context.Context, in UpdateCatalogue) (Catalogue, error) {
	return ask[Catalogue](ctx, c, request{http.MethodPatch, "/v1/catalogue", nil, in, nil})
}

// ListDerivationRules calls GET /v1/derivation-rules: list derivation rules.
//
// Rules that ship with Relay first. The list is never paged.
//
// Needs the scope "read".
func (c *Client) ListDerivationRules(ctx context.Context) ([]DerivationRule, error) {
	page, err := ask[Page[DerivationRule]](ctx, c, request{http.MethodGet, "/v1/derivation-rules", nil, nil, nil})
	return page.Data, err
}

// CreateDerivationRule calls POST /v1/derivation-rules: add a derivation rule.
//
// It holds for events published from now on. What follows is stored with its cause, all or nothing;
// an event derives no type that is in its own chain of causes, and four steps at most.
//
// Needs the scope "manage".
func (c *Client) CreateDerivationRule(ctx context.Context, in CreateDerivationRule, opts ...CallOption) (DerivationRule, error) {
	return ask[DerivationRule](ctx, c, request{http.MethodPost, "/v1/derivation-rules", nil, in, opts})
}

// GetDerivationRule calls GET /v1/derivation-rules/{name}: get a derivation rule.
//
// Needs the scope "read".
func (c *Client) GetDerivationRule(ctx context.Context, name string) (DerivationRule, error) {
	return ask[DerivationRule](ctx, c, request{http.MethodGet, "/v1/derivation-rules/" + url.PathEscape(name), nil, nil, nil})
}

// UpdateDerivationRule calls PATCH /v1/derivation-rules/{name}: change a derivation rule, or switch
// it on or off.
//
// Members left out stay as they are. A rule that ships with Relay can be switched off, for
// applications that publish those events themselves.
//
// Needs the scope "manage".
func (c *Client) UpdateDerivationRule(ctx context.Context, name string, in UpdateDerivationRule) (DerivationRule, error) {
	return ask[DerivationRule](ctx, c, request{http.MethodPatch, "/v1/derivation-rules/" + url.PathEscape(name), nil, in, nil})
}

// DeleteDerivationRule calls DELETE /v1/derivation-rules/{name}: delete a derivation rule.
//
// One of your own; those that ship with Relay can be switched off.
//
// Needs the scope "manage".
func (c *Client) DeleteDerivationRule(ctx context.Context, name string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/derivation-rules/" + url.PathEscape(name), nil, nil, nil}, nil)
}

// ListWebhooksParams selects what [Client.ListWebhooks] returns. Zero fields are left out.
type ListWebhooksParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
}

func (q ListWebhooksParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	return v
}

// ListWebhooks calls GET /v1/webhooks: list webhooks.
//
// The oldest first.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListWebhooks(ctx context.Context, q ListWebhooksParams) iter.Seq2[Webhook, error] {
	return all(q.Cursor, func(cursor string) (Page[Webhook], error) {
		q.Cursor = cursor
		return c.ListWebhooksPage(ctx, q)
	})
}

// ListWebhooksPage returns one page of [Client.ListWebhooks], for callers who keep the cursor by themselves.
func (c *Client) ListWebhooksPage(ctx context.Context, q ListWebhooksParams) (Page[Webhook], error) {
	return ask[Page[Webhook]](ctx, c, request{http.MethodGet, "/v1/webhooks", q.values(), nil, nil})
}

// CreateWebhook calls POST /v1/webhooks: create a webhook.
//
// It receives the events accepted from now on. The answer shows the signing secret, for the only
// time.
//
// Needs the scope "manage".
func (c *Client) CreateWebhook(ctx context.Context, in CreateWebhook, opts ...CallOption) (Webhook, error) {
	return ask[Webhook](ctx, c, request{http.MethodPost, "/v1/webhooks", nil, in, opts})
}

// GetWebhook calls GET /v1/webhooks/{id}: get a webhook.
//
// Needs the scope "read".
func (c *Client) GetWebhook(ctx context.Context, id string) (Webhook, error) {
	return ask[Webhook](ctx, c, request{http.MethodGet, "/v1/webhooks/" + url.PathEscape(id), nil, nil, nil})
}

// UpdateWebhook calls PATCH /v1/webhooks/{id}: change a webhook.
//
// Members left out stay as they are, null resets a member to its default. Deliveries that wait for
// their retry follow the new settings.
//
// Needs the scope "manage".
func (c *Client) UpdateWebhook(ctx context.Context, id string, in UpdateWebhook) (Webhook, error) {
	return ask[Webhook](ctx, c, request{http.MethodPatch, "/v1/webhooks/" + url.PathEscape(id), nil, in, nil})
}

// DeleteWebhook calls DELETE /v1/webhooks/{id}: delete a webhook.
//
// What it was still owed is discarded. Its attempts stay in the log.
//
// Needs the scope "manage".
func (c *Client) DeleteWebhook(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/webhooks/" + url.PathEscape(id), nil, nil, nil}, nil)
}

// TestWebhook calls POST /v1/webhooks/{id}/test: send a test event.
//
// Sends an example event with the header "X-Relay-Test: true" at once, waits for the endpoint, and
// answers 200 with the attempt whatever it said. The attempt is in the log and is not repeated.
//
// Needs the scope "manage".
func (c *Client) TestWebhook(ctx context.Context, id string, in TestRequest, opts ...CallOption) (TestAnswer, error) {
	return ask[TestAnswer](ctx, c, request{http.MethodPost, "/v1/webhooks/" + url.PathEscape(id) + "/test", nil, in, opts})
}

// PreviewWebhook calls POST /v1/webhooks/{id}/preview: try a filter, transform or format.
//
// On past events ("last", or "eventIds") or given ones ("events"): which match, and the requests
// that would be made. No request is made, and no event is stored. Takes 10 s at most; the events it
// did not get to are answered as "notTried". The list is never paged.
//
// Needs the scope "manage".
func (c *Client) PreviewWebhook(ctx context.Context, id string, in PreviewRequest) ([]PreviewedEvent, error) {
	page, err := ask[Page[PreviewedEvent]](ctx, c, request{http.MethodPost, "/v1/webhooks/" + url.PathEscape(id) + "/preview", nil, in, nil})
	return page.Data, err
}

// PauseWebhook calls POST /v1/webhooks/{id}/pause: pause a webhook.
//
// Events accepted while it is paused are not queued for it, and retries wait. Use replay to catch
// up afterwards.
//
// Needs the scope "manage".
func (c *Client) PauseWebhook(ctx context.Context, id string, opts ...CallOption) (Webhook, error) {
	return ask[Webhook](ctx, c, request{http.MethodPost, "/v1/webhooks/" + url.PathEscape(id) + "/pause", nil, nil, opts})
}

// ResumeWebhook calls POST /v1/webhooks/{id}/resume: resume a paused or disabled webhook.
//
// Needs the scope "manage".
func (c *Client) ResumeWebhook(ctx context.Context, id string, opts ...CallOption) (Webhook, error) {
	return ask[Webhook](ctx, c, request{http.MethodPost, "/v1/webhooks/" + url.PathEscape(id) + "/resume", nil, nil, opts})
}

// RotateWebhookSecret calls POST /v1/webhooks/{id}/rotate-secret: replace the signing secret.
//
// The answer shows the new secret, for the only time. The old one is invalid at once, or signs
// beside the new one for "overlap". A key pair is replaced with it.
//
// Needs the scope "manage".
func (c *Client) RotateWebhookSecret(ctx context.Context, id string, in RotateRequest, opts ...CallOption) (Webhook, error) {
	return ask[Webhook](ctx, c, request{http.MethodPost, "/v1/webhooks/" + url.PathEscape(id) + "/rotate-secret", nil, in, opts})
}

// RecoverWebhook calls POST /v1/webhooks/{id}/recover: retry all failed deliveries since a time.
//
// Runs in the background; the job in the answer shows how far it is.
//
// Needs the scope "manage".
func (c *Client) RecoverWebhook(ctx context.Context, id string, in SinceRequest, opts ...CallOption) (Job, error) {
	return ask[Job](ctx, c, request{http.MethodPost, "/v1/webhooks/" + url.PathEscape(id) + "/recover", nil, in, opts})
}

// ReplayWebhook calls POST /v1/webhooks/{id}/replay: deliver all matching events since a time.
//
// Also those that came while the webhook was paused or disabled. Runs in the background; the job in
// the answer shows how far it is.
//
// Needs the scope "manage".
func (c *Client) ReplayWebhook(ctx context.Context, id string, in SinceRequest, opts ...CallOption) (Job, error) {
	return ask[Job](ctx, c, request{http.MethodPost, "/v1/webhooks/" + url.PathEscape(id) + "/replay", nil, in, opts})
}

// ListWebhookAttemptsParams selects what [Client.ListWebhookAttempts] returns. Zero fields are left out.
type ListWebhookAttemptsParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only attempts that ended so. One of "delivered", "retrying", "failed".
	Status string
	// Only answers with this status code, such as 500, or of this class, such as 5xx.
	Code string
	// Only attempts for events of this type.
	EventType string
	// Only attempts begun at or after this time.
	Since time.Time
	// Only attempts begun before this time.
	Until time.Time
}

func (q ListWebhookAttemptsParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "status", q.Status)
	add(v, "code", q.Code)
	add(v, "eventType", q.EventType)
	addTime(v, "since", q.Since)
	addTime(v, "until", q.Until)
	return v
}

// ListWebhookAttempts calls GET /v1/webhooks/{id}/attempts: list a webhook's attempts.
//
// The log, the newest first, also that of a webhook that was deleted. A search that matches rarely
// may answer a short or empty page with a "nextCursor": go on from there; "searchedTo" says how far
// it came.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListWebhookAttempts(ctx context.Context, id string, q ListWebhookAttemptsParams) iter.Seq2[Attempt, error] {
	return all(q.Cursor, func(cursor string) (Page[Attempt], error) {
		q.Cursor = cursor
		return c.ListWebhookAttemptsPage(ctx, id, q)
	})
}

// ListWebhookAttemptsPage returns one page of [Client.ListWebhookAttempts], for callers who keep the cursor by themselves.
func (c *Client) ListWebhookAttemptsPage(ctx context.Context, id string, q ListWebhookAttemptsParams) (Page[Attempt], error) {
	return ask[Page[Attempt]](ctx, c, request{http.MethodGet, "/v1/webhooks/" + url.PathEscape(id) + "/attempts", q.values(), nil, nil})
}

// ListAttemptsParams selects what [Client.ListAttempts] returns. Zero fields are left out.
type ListAttemptsParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only attempts that ended so. One of "delivered", "retrying", "failed".
	Status string
	// Only answers with this status code, such as 500, or of this class, such as 5xx.
	Code string
	// Only attempts for events of this type.
	EventType string
	// Only attempts begun at or after this time.
	Since time.Time
	// Only attempts begun before this time.
	Until time.Time
	// Only attempts for this webhook, which may be a deleted one.
	WebhookID string
	// Only attempts for this event: its publisher's id or Relay's.
	EventID string
	// Only attempts for this delivery.
	DeliveryID string
}

func (q ListAttemptsParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "status", q.Status)
	add(v, "code", q.Code)
	add(v, "eventType", q.EventType)
	addTime(v, "since", q.Since)
	addTime(v, "until", q.Until)
	add(v, "webhookId", q.WebhookID)
	add(v, "eventId", q.EventID)
	add(v, "deliveryId", q.DeliveryID)
	return v
}

// ListAttempts calls GET /v1/attempts: list attempts.
//
// The log of all webhooks, of an event or of a delivery, the newest first; of one event at most the
// last 1,000. A search that matches rarely may answer a short or empty page with a "nextCursor": go
// on from there; "searchedTo" says how far it came.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListAttempts(ctx context.Context, q ListAttemptsParams) iter.Seq2[Attempt, error] {
	return all(q.Cursor, func(cursor string) (Page[Attempt], error) {
		q.Cursor = cursor
		return c.ListAttemptsPage(ctx, q)
	})
}

// ListAttemptsPage returns one page of [Client.ListAttempts], for callers who keep the cursor by themselves.
func (c *Client) ListAttemptsPage(ctx context.Context, q ListAttemptsParams) (Page[Attempt], error) {
	return ask[Page[Attempt]](ctx, c, request{http.MethodGet, "/v1/attempts", q.values(), nil, nil})
}

// GetAttempt calls GET /v1/attempts/{id}: get an attempt.
//
// Needs the scope "read".
func (c *Client) GetAttempt(ctx context.Context, id string) (Attempt, error) {
	return ask[Attempt](ctx, c, request{http.MethodGet, "/v1/attempts/" + url.PathEscape(id), nil, nil, nil})
}

// ListDeliveriesParams selects what [Client.ListDeliveries] returns. Zero fields are left out.
type ListDeliveriesParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only those of this webhook, which may be a deleted one.
	WebhookID string
	// Only those in this state. One of "waiting", "inFlight", "held", "delivered", "failed",
	// "discarded", "expired", "canceled".
	State string
}

func (q ListDeliveriesParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "webhookId", q.WebhookID)
	add(v, "state", q.State)
	return v
}

// ListDeliveries calls GET /v1/deliveries: list deliveries.
//
// Those that are not settled first, the newest event first; then the settled ones, the last settled
// first. A search that matches rarely may answer a short or empty page with a "nextCursor": go on
// from there; "searchedTo" says how far back in the log it came.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListDeliveries(ctx context.Context, q ListDeliveriesParams) iter.Seq2[Delivery, error] {
	return all(q.Cursor, func(cursor string) (Page[Delivery], error) {
		q.Cursor = cursor
		return c.ListDeliveriesPage(ctx, q)
	})
}

// ListDeliveriesPage returns one page of [Client.ListDeliveries], for callers who keep the cursor by themselves.
func (c *Client) ListDeliveriesPage(ctx context.Context, q ListDeliveriesParams) (Page[Delivery], error) {
	return ask[Page[Delivery]](ctx, c, request{http.MethodGet, "/v1/deliveries", q.values(), nil, nil})
}

// GetDelivery calls GET /v1/deliveries/{id}: get a delivery.
//
// Needs the scope "read".
func (c *Client) GetDelivery(ctx context.Context, id string) (Delivery, error) {
	return ask[Delivery](ctx, c, request{http.MethodGet, "/v1/deliveries/" + url.PathEscape(id), nil, nil, nil})
}

// RetryDelivery calls POST /v1/deliveries/{id}/retry: retry a delivery now.
//
// One that failed, expired, was canceled or waits. It keeps its id and starts a new round of
// attempts. 409 where its event is no longer stored: there is nothing to send.
//
// Needs the scope "manage".
func (c *Client) RetryDelivery(ctx context.Context, id string, opts ...CallOption) (Delivery, error) {
	return ask[Delivery](ctx, c, request{http.MethodPost, "/v1/deliveries/" + url.PathEscape(id) + "/retry", nil, nil, opts})
}

// CancelDelivery calls POST /v1/deliveries/{id}/cancel: cancel a delivery.
//
// It is not attempted again.
//
// Needs the scope "manage".
func (c *Client) CancelDelivery(ctx context.Context, id string, opts ...CallOption) (Delivery, error) {
	return ask[Delivery](ctx, c, request{http.MethodPost, "/v1/deliveries/" + url.PathEscape(id) + "/cancel", nil, nil, opts})
}

// ListJobs calls GET /v1/jobs: list background jobs.
//
// The newest first, at most 250. The list is never paged.
//
// Needs the scope "read".
func (c *Client) ListJobs(ctx context.Context) ([]Job, error) {
	page, err := ask[Page[Job]](ctx, c, request{http.MethodGet, "/v1/jobs", nil, nil, nil})
	return page.Data, err
}

// GetJob calls GET /v1/jobs/{id}: get a background job.
//
// Needs the scope "read".
func (c *Client) GetJob(ctx context.Context, id string) (Job, error) {
	return ask[Job](ctx, c, request{http.MethodGet, "/v1/jobs/" + url.PathEscape(id), nil, nil, nil})
}

// CancelJob calls POST /v1/jobs/{id}/cancel: cancel a background job.
//
// The deliveries it has asked for already stay.
//
// Needs the scope "manage".
func (c *Client) CancelJob(ctx context.Context, id string, opts ...CallOption) (Job, error) {
	return ask[Job](ctx, c, request{http.MethodPost, "/v1/jobs/" + url.PathEscape(id) + "/cancel", nil, nil, opts})
}

// ListCampaignsParams selects what [Client.ListCampaigns] returns. Zero fields are left out.
type ListCampaignsParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
}

func (q ListCampaignsParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	return v
}

// ListCampaigns calls GET /v1/campaigns: list campaigns.
//
// In the order of their numbers.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListCampaigns(ctx context.Context, q ListCampaignsParams) iter.Seq2[Campaign, error] {
	return all(q.Cursor, func(cursor string) (Page[Campaign], error) {
		q.Cursor = cursor
		return c.ListCampaignsPage(ctx, q)
	})
}

// ListCampaignsPage returns one page of [Client.ListCampaigns], for callers who keep the cursor by themselves.
func (c *Client) ListCampaignsPage(ctx context.Context, q ListCampaignsParams) (Page[Campaign], error) {
	return ask[Page[Campaign]](ctx, c, request{http.MethodGet, "/v1/campaigns", q.values(), nil, nil})
}

// CreateCampaign calls POST /v1/campaigns: create a campaign.
//
// It is not needed: a campaign comes into being with its first stored respondent. But one made
// before has a name.
//
// Needs the scope "manage".
func (c *Client) CreateCampaign(ctx context.Context, in CreateCampaign, opts ...CallOption) (Campaign, error) {
	return ask[Campaign](ctx, c, request{http.MethodPost, "/v1/campaigns", nil, in, opts})
}

// GetCampaign calls GET /v1/campaigns/{id}: get a campaign.
//
// Needs the scope "read".
func (c *Client) GetCampaign(ctx context.Context, id string) (Campaign, error) {
	return ask[Campaign](ctx, c, request{http.MethodGet, "/v1/campaigns/" + url.PathEscape(id), nil, nil, nil})
}

// UpdateCampaign calls PATCH /v1/campaigns/{id}: rename a campaign.
//
// Needs the scope "manage".
func (c *Client) UpdateCampaign(ctx context.Context, id string, in UpdateCampaign) (Campaign, error) {
	return ask[Campaign](ctx, c, request{http.MethodPatch, "/v1/campaigns/" + url.PathEscape(id), nil, in, nil})
}

// DeleteCampaign calls DELETE /v1/campaigns/{id}: delete a campaign with its respondents.
//
// Each of them is erased, those on their way to the gate's endpoint too.
//
// Needs the scope "manage".
func (c *Client) DeleteCampaign(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/campaigns/" + url.PathEscape(id), nil, nil, nil}, nil)
}

// AddRespondent calls POST /v1/respondents: add a respondent.
//
// It is stored in its campaign and never goes through the gate. Members that are not documented are
// kept. With the header "Idempotency-Key", or an "id" of your own, sending it again answers the
// first result with ""duplicate":true"; the same key with other data is a "409".
//
// Needs the scope "publish".
func (c *Client) AddRespondent(ctx context.Context, in NewRespondent, opts ...CallOption) (ReceivedRespondent, error) {
	return ask[ReceivedRespondent](ctx, c, request{http.MethodPost, "/v1/respondents", nil, in, opts})
}

// ListRespondentsParams selects what [Client.ListRespondents] returns. Zero fields are left out.
type ListRespondentsParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// One of "stored", "pending", "held", "rejected", "discarded", "forwarded". Default: "stored".
	State string
	// Only of this campaign.
	CampaignID int
	// Only those that came by this integration, written as in its address; none: those added directly.
	Integration string
	// Only with this e-mail address.
	EmailAddress string
	// Only with this telephone number (write + as %2B).
	PhoneNumber string
	// Only with this text in name, address, number or company; upper and lower case are alike.
	Text string
	// One of "true", "false".
	DoNotContact Opt[bool]
	// Only those received at or after this time.
	Since time.Time
	// Only those received before this time.
	Until time.Time
}

func (q ListRespondentsParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "state", q.State)
	addInt(v, "campaignId", q.CampaignID)
	add(v, "integration", q.Integration)
	add(v, "emailAddress", q.EmailAddress)
	add(v, "phoneNumber", q.PhoneNumber)
	add(v, "text", q.Text)
	addOptBool(v, "doNotContact", q.DoNotContact)
	addTime(v, "since", q.Since)
	addTime(v, "until", q.Until)
	return v
}

// ListRespondents calls GET /v1/respondents: list respondents.
//
// Those of one state, the newest first. A search that matches rarely may answer a short or empty
// page with a "nextCursor": go on from there.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListRespondents(ctx context.Context, q ListRespondentsParams) iter.Seq2[Respondent, error] {
	return all(q.Cursor, func(cursor string) (Page[Respondent], error) {
		q.Cursor = cursor
		return c.ListRespondentsPage(ctx, q)
	})
}

// ListRespondentsPage returns one page of [Client.ListRespondents], for callers who keep the cursor by themselves.
func (c *Client) ListRespondentsPage(ctx context.Context, q ListRespondentsParams) (Page[Respondent], error) {
	return ask[Page[Respondent]](ctx, c, request{http.MethodGet, "/v1/respondents", q.values(), nil, nil})
}

// ExportRespondentsParams selects what [Client.ExportRespondents] returns. Zero fields are left out.
type ExportRespondentsParams struct {
	// One of "stored", "pending", "held", "rejected", "discarded", "forwarded". Default: "stored".
	State string
	// Only of this campaign.
	CampaignID int
	// Only those that came by this integration, written as in its address; none: those added directly.
	Integration string
	// Only with this e-mail address.
	EmailAddress string
	// Only with this telephone number (write + as %2B).
	PhoneNumber string
	// Only with this text in name, address, number or company; upper and lower case are alike.
	Text string
	// One of "true", "false".
	DoNotContact Opt[bool]
	// Only those received at or after this time.
	Since time.Time
	// Only those received before this time.
	Until time.Time
	// Begin with a byte order mark, so that Excel takes the file for UTF-8; most other programs take
	// it for a part of the first name. One of "true", "false". Default: "false".
	BOM bool
}

func (q ExportRespondentsParams) values() url.Values {
	v := make(url.Values)
	add(v, "state", q.State)
	addInt(v, "campaignId", q.CampaignID)
	add(v, "integration", q.Integration)
	add(v, "emailAddress", q.EmailAddress)
	add(v, "phoneNumber", q.PhoneNumber)
	add(v, "text", q.Text)
	addOptBool(v, "doNotContact", q.DoNotContact)
	addTime(v, "since", q.Since)
	addTime(v, "until", q.Until)
	addBool(v, "bom", q.BOM)
	return v
}

// ExportRespondents calls GET /v1/respondents/export: export respondents as CSV.
//
// UTF-8, RFC 4180 with plain line feeds, a line of names first, the newest respondent first; of any
// length. What begins a cell with "=", "+", "-", "@", a tab or a line break, or follows a
// semicolon, a tab or a line break in one, gets an apostrophe before it, so that no spreadsheet
// takes it for a formula. An export that ends early was cut off: its last line has no line end.
//
// Needs the scope "read".
func (c *Client) ExportRespondents(ctx context.Context, q ExportRespondentsParams) (io.ReadCloser, error) {
	return c.open(ctx, request{http.MethodGet, "/v1/respondents/export", q.values(), nil, nil})
}

// ErasePerson calls POST /v1/respondents/erase: erase a person.
//
// All respondents with the e-mail address or the telephone number, of every campaign and state, as
// erasing one does. Both are compared without what cannot be seen, punctuation and other ways of
// writing the same: "tel:", "mailto:", a name before the address, full-width digits. "warnings"
// names what cannot be compared with certainty.
//
// Needs the scope "manage".
func (c *Client) ErasePerson(ctx context.Context, in EraseRequest, opts ...CallOption) (EraseAnswer, error) {
	return ask[EraseAnswer](ctx, c, request{http.MethodPost, "/v1/respondents/erase", nil, in, opts})
}

// GetRespondent calls GET /v1/respondents/{id}: get a respondent.
//
// Needs the scope "read".
func (c *Client) GetRespondent(ctx context.Context, id string) (Respondent, error) {
	return ask[Respondent](ctx, c, request{http.MethodGet, "/v1/respondents/" + url.PathEscape(id), nil, nil, nil})
}

// EraseRespondent calls DELETE /v1/respondents/{id}: erase a respondent.
//
// For good, in every state, with what the log holds of it: requests and answers about it no longer
// show bodies. A waiting delivery is not made.
//
// Needs the scope "manage".
func (c *Client) EraseRespondent(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/respondents/" + url.PathEscape(id), nil, nil, nil}, nil)
}

// RetryRespondent calls POST /v1/respondents/{id}/retry: retry a held respondent.
//
// The gate's endpoint is asked again, with a new round of attempts.
//
// Needs the scope "manage".
func (c *Client) RetryRespondent(ctx context.Context, id string, opts ...CallOption) (Respondent, error) {
	return ask[Respondent](ctx, c, request{http.MethodPost, "/v1/respondents/" + url.PathEscape(id) + "/retry", nil, nil, opts})
}

// ReceiveRespondent calls POST /v1/integrations/{name}/respondents: receive a respondent from an
// integration.
//
// With the gate off it is stored in its campaign. With the gate on, "state" is "pending" and the
// endpoint is asked; with a "deadline" the call waits for the verdict, and "state" is what it came
// to, or "pending" if there was none in time. "202" is answered when the respondent is durable.
//
// With the header "Idempotency-Key", or an "id" of the integration's own, sending it again answers
// how the first one stands, with ""duplicate":true"; the same key with other data is a "409".
//
// Needs the scope "publish".
func (c *Client) ReceiveRespondent(ctx context.Context, name string, in NewRespondent, opts ...CallOption) (ReceivedRespondent, error) {
	return ask[ReceivedRespondent](ctx, c, request{http.MethodPost, "/v1/integrations/" + url.PathEscape(name) + "/respondents", nil, in, opts})
}

// GetGate calls GET /v1/gate: get the gate's settings.
//
// Needs the scope "admin".
func (c *Client) GetGate(ctx context.Context) (GateSettings, error) {
	return ask[GateSettings](ctx, c, request{http.MethodGet, "/v1/gate", nil, nil, nil})
}

// UpdateGate calls PATCH /v1/gate: change the gate's settings.
//
// Members left out stay as they are, null resets one to its default. What is on its way follows the
// new settings; a gate that is turned off still asks about those it has. The change is in the audit
// log.
//
// Needs the scope "admin".
func (c *Client) UpdateGate(ctx context.Context, in UpdateGate) (GateSettings, error) {
	return ask[GateSettings](ctx, c, request{http.MethodPatch, "/v1/gate", nil, in, nil})
}

// TestGate calls POST /v1/gate/test: send an example to the gate's endpoint.
//
// With the header "X-Relay-Test: true", at once, whether the gate is on or not. Answers 200 with
// the attempt whatever the endpoint said; in mode decide an answer that is no decision is a
// failure. Nobody is stored.
//
// Needs the scope "admin".
func (c *Client) TestGate(ctx context.Context, opts ...CallOption) (TestAnswer, error) {
	return ask[TestAnswer](ctx, c, request{http.MethodPost, "/v1/gate/test", nil, nil, opts})
}

// ListGateAttemptsParams selects what [Client.ListGateAttempts] returns. Zero fields are left out.
type ListGateAttemptsParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only attempts that ended so. One of "delivered", "retrying", "failed".
	Status string
	// Only answers with this status code, such as 500, or of this class, such as 5xx.
	Code string
	// Only attempts begun at or after this time.
	Since time.Time
	// Only attempts begun before this time.
	Until time.Time
}

func (q ListGateAttemptsParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "status", q.Status)
	add(v, "code", q.Code)
	addTime(v, "since", q.Since)
	addTime(v, "until", q.Until)
	return v
}

// ListGateAttempts calls GET /v1/gate/attempts: list the gate's attempts.
//
// The log of requests to the endpoint, the newest first, with the bodies of those that were not
// erased. A search that matches rarely may answer a short or empty page with a "nextCursor": go on
// from there.
//
// Needs the scope "admin".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListGateAttempts(ctx context.Context, q ListGateAttemptsParams) iter.Seq2[Attempt, error] {
	return all(q.Cursor, func(cursor string) (Page[Attempt], error) {
		q.Cursor = cursor
		return c.ListGateAttemptsPage(ctx, q)
	})
}

// ListGateAttemptsPage returns one page of [Client.ListGateAttempts], for callers who keep the cursor by themselves.
func (c *Client) ListGateAttemptsPage(ctx context.Context, q ListGateAttemptsParams) (Page[Attempt], error) {
	return ask[Page[Attempt]](ctx, c, request{http.MethodGet, "/v1/gate/attempts", q.values(), nil, nil})
}

// ListIntegrations calls GET /v1/integrations: list integrations.
//
// The list is never paged.
//
// Needs the scope "read".
func (c *Client) ListIntegrations(ctx context.Context) ([]Integration, error) {
	page, err := ask[Page[Integration]](ctx, c, request{http.MethodGet, "/v1/integrations", nil, nil, nil})
	return page.Data, err
}

// CreateIntegration calls POST /v1/integrations: add an integration.
//
// Its respondents go through the gate once its name is in the gate's "integrations".
//
// Needs the scope "admin".
func (c *Client) CreateIntegration(ctx context.Context, in CreateIntegration, opts ...CallOption) (Integration, error) {
	return ask[Integration](ctx, c, request{http.MethodPost, "/v1/integrations", nil, in, opts})
}

// DeleteIntegration calls DELETE /v1/integrations/{name}: remove an integration that was added.
//
// Its respondents stay.
//
// Needs the scope "admin".
func (c *Client) DeleteIntegration(ctx context.Context, name string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/integrations/" + url.PathEscape(name), nil, nil, nil}, nil)
}

// ListAuditParams selects what [Client.ListAudit] returns. Zero fields are left out.
type ListAuditParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only changes of this kind: gate.update; or of all kinds below a name: webhook.*.
	Action string
	// Only changes by the key or the user with this id.
	Actor string
	// Only changes whose first target has this id.
	Target string
	//
	Since time.Time
	//
	Until time.Time
	// Platform: the log of the installation, to whoever runs it: operators, and sign-ins with
	// addresses that nobody has. One of "tenant", "platform". Default: "tenant".
	Of string
}

func (q ListAuditParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "action", q.Action)
	add(v, "actor", q.Actor)
	add(v, "target", q.Target)
	addTime(v, "since", q.Since)
	addTime(v, "until", q.Until)
	add(v, "of", q.Of)
	return v
}

// ListAudit calls GET /v1/audit: list changes.
//
// Who made which change, from where, the newest first. An entry and its change are stored in one
// transaction. Only actions on deliveries ("delivery.retry", "delivery.cancel", "event.resend") and
// encryption keys are logged just before they happen. Credentials are shown as "***"; of objects
// larger than 64 KiB only the size is kept.
//
// Needs the scope "admin".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListAudit(ctx context.Context, q ListAuditParams) iter.Seq2[AuditEntry, error] {
	return all(q.Cursor, func(cursor string) (Page[AuditEntry], error) {
		q.Cursor = cursor
		return c.ListAuditPage(ctx, q)
	})
}

// ListAuditPage returns one page of [Client.ListAudit], for callers who keep the cursor by themselves.
func (c *Client) ListAuditPage(ctx context.Context, q ListAuditParams) (Page[AuditEntry], error) {
	return ask[Page[AuditEntry]](ctx, c, request{http.MethodGet, "/v1/audit", q.values(), nil, nil})
}

// GetStatsParams selects what [Client.GetStats] returns. Zero fields are left out.
type GetStatsParams struct {
	// Only this webhook; left out: all, summed.
	WebhookID string
	// Left out: 24 hours before to.
	From time.Time
	// Left out: now.
	To time.Time
	// Length of a point's time, a whole number of minutes. Default: "1h".
	Step Duration
}

func (q GetStatsParams) values() url.Values {
	v := make(url.Values)
	add(v, "webhookId", q.WebhookID)
	addTime(v, "from", q.From)
	addTime(v, "to", q.To)
	addDuration(v, "step", q.Step)
	return v
}

// GetStats calls GET /v1/stats: count attempts over time.
//
// Needs the scope "read".
func (c *Client) GetStats(ctx context.Context, q GetStatsParams) (Stats, error) {
	return ask[Stats](ctx, c, request{http.MethodGet, "/v1/stats", q.values(), nil, nil})
}

// GetEgressIPs calls GET /v1/egress-ips: list the addresses that requests to webhooks come from.
//
// For receivers that let only known addresses through. The operator of this server states them
// (setting "egress.ips"); a signature tells more than an address.
//
// Needs the scope "read".
func (c *Client) GetEgressIPs(ctx context.Context) (EgressIPs, error) {
	return ask[EgressIPs](ctx, c, request{http.MethodGet, "/v1/egress-ips", nil, nil, nil})
}

// ListKeys calls GET /v1/keys: list keys.
//
// Revoked and expired ones included, the oldest first. The list is never paged.
//
// Needs the scope "admin".
func (c *Client) ListKeys(ctx context.Context) ([]Key, error) {
	page, err := ask[Page[Key]](ctx, c, request{http.MethodGet, "/v1/keys", nil, nil, nil})
	return page.Data, err
}

// CreateKey calls POST /v1/keys: create a key.
//
// The answer shows the key, for the only time: only a hash of it is stored.
//
// Needs the scope "admin".
func (c *Client) CreateKey(ctx context.Context, in CreateKey, opts ...CallOption) (Key, error) {
	return ask[Key](ctx, c, request{http.MethodPost, "/v1/keys", nil, in, opts})
}

// RevokeKey calls DELETE /v1/keys/{id}: revoke a key.
//
// It is refused from the next request on. It stays in the list. A key with a scope that the
// caller's key lacks cannot be revoked, nor can the operator's key by another.
//
// Needs the scope "admin".
func (c *Client) RevokeKey(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/keys/" + url.PathEscape(id), nil, nil, nil}, nil)
}

// ListUsersParams selects what [Client.ListUsers] returns. Zero fields are left out.
type ListUsersParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only users with this role. One of "viewer", "member", "admin", "operator".
	Role string
	// Only users in this state. One of "invited", "active", "disabled".
	State string
	// Only the user with this address.
	Email string
}

func (q ListUsersParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "role", q.Role)
	add(v, "state", q.State)
	add(v, "email", q.Email)
	return v
}

// ListUsers calls GET /v1/users: list users.
//
// In the order of their e-mail addresses. Operators belong to no tenant: "role=operator" lists
// them, to whoever runs the platform.
//
// Needs the scope "admin".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListUsers(ctx context.Context, q ListUsersParams) iter.Seq2[User, error] {
	return all(q.Cursor, func(cursor string) (Page[User], error) {
		q.Cursor = cursor
		return c.ListUsersPage(ctx, q)
	})
}

// ListUsersPage returns one page of [Client.ListUsers], for callers who keep the cursor by themselves.
func (c *Client) ListUsersPage(ctx context.Context, q ListUsersParams) (Page[User], error) {
	return ask[Page[User]](ctx, c, request{http.MethodGet, "/v1/users", q.values(), nil, nil})
}

// InviteUser calls POST /v1/users: invite a user.
//
// The answer shows a token, for the only time. Its holder accepts with "POST /v1/session/link"
// within seven days, and chooses a password, unless they have one at this installation, which they
// then prove. Until they accept they may do nothing.
//
// Needs the scope "admin".
func (c *Client) InviteUser(ctx context.Context, in InviteUser, opts ...CallOption) (User, error) {
	return ask[User](ctx, c, request{http.MethodPost, "/v1/users", nil, in, opts})
}

// GetUser calls GET /v1/users/{id}: get a user.
//
// Needs the scope "admin".
func (c *Client) GetUser(ctx context.Context, id string) (User, error) {
	return ask[User](ctx, c, request{http.MethodGet, "/v1/users/" + url.PathEscape(id), nil, nil, nil})
}

// UpdateUser calls PATCH /v1/users/{id}: change a user's name or role.
//
// A new role holds from the person's next request on. Nobody changes their own.
//
// Needs the scope "admin".
func (c *Client) UpdateUser(ctx context.Context, id string, in UpdateUser) (User, error) {
	return ask[User](ctx, c, request{http.MethodPatch, "/v1/users/" + url.PathEscape(id), nil, in, nil})
}

// DeleteUser calls DELETE /v1/users/{id}: remove a user from the tenant.
//
// An invitation that was not accepted is withdrawn. With a person's last tenant go their password
// and their sessions.
//
// Needs the scope "admin".
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/users/" + url.PathEscape(id), nil, nil, nil}, nil)
}

// DisableUser calls POST /v1/users/{id}/disable: disable a user.
//
// From their next request on they may do nothing in the tenant, until they are enabled. In other
// tenants they stay as they are.
//
// Needs the scope "admin".
func (c *Client) DisableUser(ctx context.Context, id string, opts ...CallOption) (User, error) {
	return ask[User](ctx, c, request{http.MethodPost, "/v1/users/" + url.PathEscape(id) + "/disable", nil, nil, opts})
}

// EnableUser calls POST /v1/users/{id}/enable: enable a user.
//
// Needs the scope "admin".
func (c *Client) EnableUser(ctx context.Context, id string, opts ...CallOption) (User, error) {
	return ask[User](ctx, c, request{http.MethodPost, "/v1/users/" + url.PathEscape(id) + "/enable", nil, nil, opts})
}

// InviteUserAgain calls POST /v1/users/{id}/invite: make a new token for an invitation.
//
// The one before is no longer valid.
//
// Needs the scope "admin".
func (c *Client) InviteUserAgain(ctx context.Context, id string, opts ...CallOption) (User, error) {
	return ask[User](ctx, c, request{http.MethodPost, "/v1/users/" + url.PathEscape(id) + "/invite", nil, nil, opts})
}

// MakeLoginLink calls POST /v1/users/{id}/login-link: make a token that sets a new password.
//
// For somebody who has lost their password. The token holds for an hour, and for one use with "POST
// /v1/session/link", which ends the person's sessions. It opens all of their tenants; so only the
// platform may make one.
//
// Needs the scope "platform".
func (c *Client) MakeLoginLink(ctx context.Context, id string, opts ...CallOption) (User, error) {
	return ask[User](ctx, c, request{http.MethodPost, "/v1/users/" + url.PathEscape(id) + "/login-link", nil, nil, opts})
}

// SignIn calls POST /v1/session: sign in.
//
// For browsers: the answer sets a cookie, by which every other call knows the person. Programs send
// a key instead. The answer to a wrong address or password is the same whatever is wrong. After
// five failures for an account, or from an address, each further one doubles the wait that "429"
// and "Retry-After" tell, up to 15 minutes. Without HTTPS, sessions begin on this machine only,
// unless "publicUrl" says so.
func (c *Client) SignIn(ctx context.Context, in Login) (Account, error) {
	return ask[Account](ctx, c, request{http.MethodPost, "/v1/session", nil, in, nil})
}

// GetSession calls GET /v1/session: who am I?.
//
// Needs the session of a person who has signed in.
func (c *Client) GetSession(ctx context.Context) (Account, error) {
	return ask[Account](ctx, c, request{http.MethodGet, "/v1/session", nil, nil, nil})
}

// SignOut calls DELETE /v1/session: sign out.
//
// Needs the session of a person who has signed in.
func (c *Client) SignOut(ctx context.Context) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/session", nil, nil, nil}, nil)
}

// SignInByLink calls POST /v1/session/link: accept an invitation, or set a new password.
//
// Uses up the token of an invitation or of a login link, and signs in as "signIn" does. Passwords
// have 12 characters or more and are not among those that everybody tries first.
func (c *Client) SignInByLink(ctx context.Context, in LoginByLink) (Account, error) {
	return ask[Account](ctx, c, request{http.MethodPost, "/v1/session/link", nil, in, nil})
}

// ListSessions calls GET /v1/sessions: list your sessions.
//
// The last used first, at most 100. The list is never paged.
//
// Needs the session of a person who has signed in.
func (c *Client) ListSessions(ctx context.Context) ([]Session, error) {
	page, err := ask[Page[Session]](ctx, c, request{http.MethodGet, "/v1/sessions", nil, nil, nil})
	return page.Data, err
}

// SignOutEverywhere calls DELETE /v1/sessions: sign out everywhere.
//
// Ends all your sessions, this one as well, at every server at once.
//
// Needs the session of a person who has signed in.
func (c *Client) SignOutEverywhere(ctx context.Context) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/sessions", nil, nil, nil}, nil)
}

// EndSession calls DELETE /v1/sessions/{id}: end one of your sessions.
//
// Needs the session of a person who has signed in.
func (c *Client) EndSession(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/sessions/" + url.PathEscape(id), nil, nil, nil}, nil)
}

// ChangePassword calls POST /v1/password: change your password.
//
// Ends all your other sessions.
//
// Needs the session of a person who has signed in.
func (c *Client) ChangePassword(ctx context.Context, in ChangePassword, opts ...CallOption) error {
	return c.call(ctx, request{http.MethodPost, "/v1/password", nil, in, opts}, nil)
}

// RotateEncryptionKeys calls POST /v1/encryption-keys/rotate: replace the keys that encrypt secrets
// at rest.
//
// Makes a new key, seals the signing secrets, credentials and headers of all webhooks with it, and
// removes what the old key had sealed from the files. Deliveries continue. If it is interrupted,
// the next start completes it, or calling it again.
//
// Needs the scope "platform".
func (c *Client) RotateEncryptionKeys(ctx context.Context, in RotateEncryption, opts ...CallOption) (RotatedEncryption, error) {
	return ask[RotatedEncryption](ctx, c, request{http.MethodPost, "/v1/encryption-keys/rotate", nil, in, opts})
}

// GetLiveness calls GET /livez: is the process alive?.
//
// Answers as long as requests are served at all.
func (c *Client) GetLiveness(ctx context.Context) (Probe, error) {
	return ask[Probe](ctx, c, request{http.MethodGet, "/livez", nil, nil, nil})
}

// GetReadiness calls GET /readyz: can the process take requests?.
//
// 503 with the reason when it cannot: the store does not answer, or start-up is not over.
func (c *Client) GetReadiness(ctx context.Context) (Probe, error) {
	return ask[Probe](ctx, c, request{http.MethodGet, "/readyz", nil, nil, nil})
}

// GetDocument calls GET /openapi.json: this document, as OpenAPI 3.1.
func (c *Client) GetDocument(ctx context.Context) (OpenAPIDocument, error) {
	return ask[OpenAPIDocument](ctx, c, request{http.MethodGet, "/openapi.json", nil, nil, nil})
}

// GetDocs calls GET /docs: this document, as a page.
func (c *Client) GetDocs(ctx context.Context) (io.ReadCloser, error) {
	return c.open(ctx, request{http.MethodGet, "/docs", nil, nil, nil})
}

// GetMetrics calls GET /metrics: metrics for Prometheus.
func (c *Client) GetMetrics(ctx context.Context) (io.ReadCloser, error) {
	return c.open(ctx, request{http.MethodGet, "/metrics", nil, nil, nil})
}
