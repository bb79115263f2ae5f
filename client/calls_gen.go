// Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT.

package client

import (
	"context"
	"encoding/json"
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
	// "all". Default: "false".
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
	// Only say what would happen. One of "false", "true". Default: "false".
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

// RevealWebhookSecret calls POST /v1/webhooks/{id}/reveal-secret: show the signing secret again.
//
// Where the tenant allows it: "revealSecrets", which operators set with "PATCH /v1/tenants/{id}".
// The audit log notes who has seen it.
//
// Needs the scope "admin".
func (c *Client) RevealWebhookSecret(ctx context.Context, id string, opts ...CallOption) (RevealedSecret, error) {
	return ask[RevealedSecret](ctx, c, request{http.MethodPost, "/v1/webhooks/" + url.PathEscape(id) + "/reveal-secret", nil, nil, opts})
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
	// Only attempts that failed in this way, as error.kind has it. One of "status", "timeout",
	// "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy",
	// "auth", "transform", "request", "answer", "canceled".
	ErrorKind string
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
	add(v, "errorKind", q.ErrorKind)
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

// ListHooksParams selects what [Client.ListHooks] returns. Zero fields are left out.
type ListHooksParams struct {
	// Only hooks with this target.
	TargetURL string
	// Only hooks that subscribe this event type, or exactly this pattern.
	Event string
	// Those that have not ended, those that have ended within 30 days, or both. One of "current",
	// "ended", "all". Default: "current".
	Status string
	// Only hooks behind the one with this id, for lists longer than limit.
	After string
	// Default: 1000.
	Limit int
}

func (q ListHooksParams) values() url.Values {
	v := make(url.Values)
	add(v, "targetUrl", q.TargetURL)
	add(v, "event", q.Event)
	add(v, "status", q.Status)
	add(v, "after", q.After)
	addInt(v, "limit", q.Limit)
	return v
}

// ListHooks calls GET /v1/hooks: list REST hooks.
//
// A plain list, the newest first. With "targetUrl" and "event" it tells whether a subscription
// exists already.
//
// Needs the scope "hooks".
func (c *Client) ListHooks(ctx context.Context, q ListHooksParams) ([]*Hook, error) {
	return ask[[]*Hook](ctx, c, request{http.MethodGet, "/v1/hooks", q.values(), nil, nil})
}

// CreateHook calls POST /v1/hooks: subscribe a REST hook.
//
// The same target, events and filter again answer "200" with the same hook. What is delivered is
// the envelope with the member "id", the same as "webhookId". A target that answers "410" ends its
// hook. The answer shows the signing secret to the key that created the hook.
//
// Needs the scope "hooks".
func (c *Client) CreateHook(ctx context.Context, in CreateHook, opts ...CallOption) (Hook, error) {
	return ask[Hook](ctx, c, request{http.MethodPost, "/v1/hooks", nil, in, opts})
}

// DeleteHook calls DELETE /v1/hooks/{id}: unsubscribe a REST hook.
//
// Answers the same for a hook that has ended already. What it was owed is discarded. It is listed
// for 30 days, with "status=ended", and can be restored.
//
// Needs the scope "hooks".
func (c *Client) DeleteHook(ctx context.Context, id string) (HookDeleted, error) {
	return ask[HookDeleted](ctx, c, request{http.MethodDelete, "/v1/hooks/" + url.PathEscape(id), nil, nil, nil})
}

// RestoreHook calls POST /v1/hooks/{id}/restore: restore a REST hook that has ended.
//
// It keeps its id and secret, and gets events from now on. Its platform may not know it any more;
// then its target answers "410" again.
//
// Needs the scope "manage".
func (c *Client) RestoreHook(ctx context.Context, id string, opts ...CallOption) (Hook, error) {
	return ask[Hook](ctx, c, request{http.MethodPost, "/v1/hooks/" + url.PathEscape(id) + "/restore", nil, nil, opts})
}

// ResumeHook calls POST /v1/hooks/{id}/resume: resume a REST hook that Relay has disabled.
//
// Needs the scope "manage".
func (c *Client) ResumeHook(ctx context.Context, id string, opts ...CallOption) (Hook, error) {
	return ask[Hook](ctx, c, request{http.MethodPost, "/v1/hooks/" + url.PathEscape(id) + "/resume", nil, nil, opts})
}

// ListHookSamplesParams selects what [Client.ListHookSamples] returns. Zero fields are left out.
type ListHookSamplesParams struct {
	// The event type; * stands for any characters. Default: "*".
	Event string
	// Default: 3.
	Limit int
}

func (q ListHookSamplesParams) values() url.Values {
	v := make(url.Values)
	add(v, "event", q.Event)
	addInt(v, "limit", q.Limit)
	return v
}

// ListHookSamples calls GET /v1/hooks/samples: show events as a REST hook gets them.
//
// A plain list, the newest first: events of the last 30 days in the form in which they are
// delivered, or the catalogue's examples where there are none. The ids are not those of deliveries.
//
// Needs the scope "hooks".
func (c *Client) ListHookSamples(ctx context.Context, q ListHookSamplesParams) ([]json.RawMessage, error) {
	return ask[[]json.RawMessage](ctx, c, request{http.MethodGet, "/v1/hooks/samples", q.values(), nil, nil})
}

// GetHookAccount calls GET /v1/hooks/me: name the connection.
//
// The tenant and the key, for the label that a platform shows beside a connection, and to test a
// key.
//
// Needs the scope "hooks".
func (c *Client) GetHookAccount(ctx context.Context) (HookAccount, error) {
	return ask[HookAccount](ctx, c, request{http.MethodGet, "/v1/hooks/me", nil, nil, nil})
}

// ListHookEvents calls GET /v1/hooks/events: list the event types to choose from.
//
// A plain list, by name, for the dropdowns of platforms.
//
// Needs the scope "hooks".
func (c *Client) ListHookEvents(ctx context.Context) ([]HookEvent, error) {
	return ask[[]HookEvent](ctx, c, request{http.MethodGet, "/v1/hooks/events", nil, nil, nil})
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
	// Only attempts that failed in this way, as error.kind has it. One of "status", "timeout",
	// "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy",
	// "auth", "transform", "request", "answer", "canceled".
	ErrorKind string
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
	add(v, "errorKind", q.ErrorKind)
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

// ListLogViews calls GET /v1/log-views: list saved views of the log.
//
// By name: those that the tenant shares, and your own if you have signed in. The list is never
// paged.
//
// Needs the scope "read".
func (c *Client) ListLogViews(ctx context.Context) ([]LogView, error) {
	page, err := ask[Page[LogView]](ctx, c, request{http.MethodGet, "/v1/log-views", nil, nil, nil})
	return page.Data, err
}

// CreateLogView calls POST /v1/log-views: save a view of the log.
//
// A filter under a name, for people: the dashboard lists it beside the log. A tenant shares at most
// 50, and each person has at most 50 in a tenant.
//
// Needs the scope "manage".
func (c *Client) CreateLogView(ctx context.Context, in CreateLogView, opts ...CallOption) (LogView, error) {
	return ask[LogView](ctx, c, request{http.MethodPost, "/v1/log-views", nil, in, opts})
}

// DeleteLogView calls DELETE /v1/log-views/{id}: delete a saved view of the log.
//
// Needs the scope "manage".
func (c *Client) DeleteLogView(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/log-views/" + url.PathEscape(id), nil, nil, nil}, nil)
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
	// Only attempts that failed in this way, as error.kind has it. One of "status", "timeout",
	// "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy",
	// "auth", "transform", "request", "answer", "canceled".
	ErrorKind string
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
	add(v, "errorKind", q.ErrorKind)
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

// ListConnectorsParams selects what [Client.ListConnectors] returns. Zero fields are left out.
type ListConnectorsParams struct {
	// Only those that ship with Relay, or only your own. One of "standard", "custom".
	Origin string
}

func (q ListConnectorsParams) values() url.Values {
	v := make(url.Values)
	add(v, "origin", q.Origin)
	return v
}

// ListConnectors calls GET /v1/connectors: list the connectors.
//
// The standard ones, then your own with all their versions. The list is never paged.
//
// Needs the scope "read".
func (c *Client) ListConnectors(ctx context.Context, q ListConnectorsParams) ([]Connector, error) {
	page, err := ask[Page[Connector]](ctx, c, request{http.MethodGet, "/v1/connectors", q.values(), nil, nil})
	return page.Data, err
}

// CreateConnector calls POST /v1/connectors: add a connector, or a version of one.
//
// It begins as a draft, which may lack what it does not have yet. What is wrong is told with line
// and column.
//
// Needs the scope "admin".
func (c *Client) CreateConnector(ctx context.Context, in CreateConnector, opts ...CallOption) (ConnectorDocument, error) {
	return ask[ConnectorDocument](ctx, c, request{http.MethodPost, "/v1/connectors", nil, in, opts})
}

// CheckConnector calls POST /v1/connectors/check: check a document and run its tests.
//
// Nothing is stored and nothing is sent.
//
// Needs the scope "admin".
func (c *Client) CheckConnector(ctx context.Context, in CreateConnector) (ConnectorCheck, error) {
	return ask[ConnectorCheck](ctx, c, request{http.MethodPost, "/v1/connectors/check", nil, in, nil})
}

// GetConnectorParams selects what [Client.GetConnector] returns. Zero fields are left out.
type GetConnectorParams struct {
	// Left out: the newest live one, else the newest.
	Version string
}

func (q GetConnectorParams) values() url.Values {
	v := make(url.Values)
	add(v, "version", q.Version)
	return v
}

// GetConnector calls GET /v1/connectors/{name}: get a connector with its document.
//
// Needs the scope "read".
func (c *Client) GetConnector(ctx context.Context, name string, q GetConnectorParams) (ConnectorDocument, error) {
	return ask[ConnectorDocument](ctx, c, request{http.MethodGet, "/v1/connectors/" + url.PathEscape(name), q.values(), nil, nil})
}

// UpdateConnector calls PATCH /v1/connectors/{name}: change a draft, or move a version on.
//
// Only drafts change. "draft" becomes "testing" or "live", "testing" becomes "live", "draft" or
// "retired", "live" becomes "retired".
//
// Needs the scope "admin".
func (c *Client) UpdateConnector(ctx context.Context, name string, in UpdateConnector) (ConnectorDocument, error) {
	return ask[ConnectorDocument](ctx, c, request{http.MethodPatch, "/v1/connectors/" + url.PathEscape(name), nil, in, nil})
}

// DeleteConnectorParams selects what [Client.DeleteConnector] returns. Zero fields are left out.
type DeleteConnectorParams struct {
	// Left out: the newest live one, else the newest.
	Version string
}

func (q DeleteConnectorParams) values() url.Values {
	v := make(url.Values)
	add(v, "version", q.Version)
	return v
}

// DeleteConnector calls DELETE /v1/connectors/{name}: delete a version that no connection uses.
//
// Needs the scope "admin".
func (c *Client) DeleteConnector(ctx context.Context, name string, q DeleteConnectorParams) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/connectors/" + url.PathEscape(name), q.values(), nil, nil}, nil)
}

// TickConnectorPlan calls POST /v1/connectors/{name}/plan: note that a step of the plan is done.
//
// Needs the scope "admin".
func (c *Client) TickConnectorPlan(ctx context.Context, name string, in DoneStep, opts ...CallOption) (Connector, error) {
	return ask[Connector](ctx, c, request{http.MethodPost, "/v1/connectors/" + url.PathEscape(name) + "/plan", nil, in, opts})
}

// TryConnector calls POST /v1/connectors/{name}/try: show what a connector makes of a payload.
//
// Four stages: payload, filter, transform, request. With "send" the request is made, waited for,
// and in the log of the connection.
//
// Needs the scope "manage".
func (c *Client) TryConnector(ctx context.Context, name string, in ConnectorPayload, opts ...CallOption) (ConnectorTrial, error) {
	return ask[ConnectorTrial](ctx, c, request{http.MethodPost, "/v1/connectors/" + url.PathEscape(name) + "/try", nil, in, opts})
}

// ListConnections calls GET /v1/connections: list the connections.
//
// The list is never paged.
//
// Needs the scope "read".
func (c *Client) ListConnections(ctx context.Context) ([]Connection, error) {
	page, err := ask[Page[Connection]](ctx, c, request{http.MethodGet, "/v1/connections", nil, nil, nil})
	return page.Data, err
}

// CreateConnection calls POST /v1/connections: connect to a partner.
//
// Where the connector has a check, the partner is asked whether it accepts the credentials, and
// nothing is stored if it does not. A connector may have several connections: accounts, regions.
//
// Needs the scope "manage".
func (c *Client) CreateConnection(ctx context.Context, in CreateConnection, opts ...CallOption) (Connection, error) {
	return ask[Connection](ctx, c, request{http.MethodPost, "/v1/connections", nil, in, opts})
}

// GetConnection calls GET /v1/connections/{id}: get a connection.
//
// Needs the scope "read".
func (c *Client) GetConnection(ctx context.Context, id string) (Connection, error) {
	return ask[Connection](ctx, c, request{http.MethodGet, "/v1/connections/" + url.PathEscape(id), nil, nil, nil})
}

// UpdateConnection calls PATCH /v1/connections/{id}: change a connection.
//
// Members left out stay as they are. What waits to be sent is sent with the new settings.
//
// Needs the scope "manage".
func (c *Client) UpdateConnection(ctx context.Context, id string, in UpdateConnection) (Connection, error) {
	return ask[Connection](ctx, c, request{http.MethodPatch, "/v1/connections/" + url.PathEscape(id), nil, in, nil})
}

// DeleteConnection calls DELETE /v1/connections/{id}: delete a connection.
//
// What waits to be sent is discarded.
//
// Needs the scope "manage".
func (c *Client) DeleteConnection(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/connections/" + url.PathEscape(id), nil, nil, nil}, nil)
}

// CheckConnection calls POST /v1/connections/{id}/check: ask the partner whether it accepts the
// credentials.
//
// A "422" has the partner's words if it does not.
//
// Needs the scope "manage".
func (c *Client) CheckConnection(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodPost, "/v1/connections/" + url.PathEscape(id) + "/check", nil, nil, nil}, nil)
}

// ListSegmentsParams selects what [Client.ListSegments] returns. Zero fields are left out.
type ListSegmentsParams struct {
	// Only those with this text in name or id, in any case.
	Query string
	// Fetch them now, though they were fetched lately.
	Refresh bool
}

func (q ListSegmentsParams) values() url.Values {
	v := make(url.Values)
	add(v, "query", q.Query)
	addBool(v, "refresh", q.Refresh)
	return v
}

// ListSegments calls GET /v1/connections/{id}/segments: list the segments at the partner.
//
// They are fetched from the partner and kept for a while. A "409" says that the connector lists
// none: enter the External ID. The list is never paged.
//
// Needs the scope "read".
func (c *Client) ListSegments(ctx context.Context, id string, q ListSegmentsParams) (Segments, error) {
	return ask[Segments](ctx, c, request{http.MethodGet, "/v1/connections/" + url.PathEscape(id) + "/segments", q.values(), nil, nil})
}

// ListConnectionAttemptsParams selects what [Client.ListConnectionAttempts] returns. Zero fields are left out.
type ListConnectionAttemptsParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only attempts that ended so. One of "delivered", "retrying", "failed".
	Status string
	// Only answers with this status code, such as 500, or of this class, such as 5xx.
	Code string
	// Only attempts that failed in this way, as error.kind has it. One of "status", "timeout",
	// "connect", "dns", "tls", "reset", "protocol", "response_too_large", "blocked_address", "proxy",
	// "auth", "transform", "request", "answer", "canceled".
	ErrorKind string
	// Only attempts begun at or after this time.
	Since time.Time
	// Only attempts begun before this time.
	Until time.Time
}

func (q ListConnectionAttemptsParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "status", q.Status)
	add(v, "code", q.Code)
	add(v, "errorKind", q.ErrorKind)
	addTime(v, "since", q.Since)
	addTime(v, "until", q.Until)
	return v
}

// ListConnectionAttempts calls GET /v1/connections/{id}/attempts: list the requests of a
// connection.
//
// The newest first. A search that matches rarely may answer a short or empty page with a
// "nextCursor": go on from there.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListConnectionAttempts(ctx context.Context, id string, q ListConnectionAttemptsParams) iter.Seq2[Attempt, error] {
	return all(q.Cursor, func(cursor string) (Page[Attempt], error) {
		q.Cursor = cursor
		return c.ListConnectionAttemptsPage(ctx, id, q)
	})
}

// ListConnectionAttemptsPage returns one page of [Client.ListConnectionAttempts], for callers who keep the cursor by themselves.
func (c *Client) ListConnectionAttemptsPage(ctx context.Context, id string, q ListConnectionAttemptsParams) (Page[Attempt], error) {
	return ask[Page[Attempt]](ctx, c, request{http.MethodGet, "/v1/connections/" + url.PathEscape(id) + "/attempts", q.values(), nil, nil})
}

// ListProfilesParams selects what [Client.ListProfiles] returns. Zero fields are left out.
type ListProfilesParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
}

func (q ListProfilesParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	return v
}

// ListProfiles calls GET /v1/profiles: list the profiles.
//
// In the order of their ids.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListProfiles(ctx context.Context, q ListProfilesParams) iter.Seq2[Profile, error] {
	return all(q.Cursor, func(cursor string) (Page[Profile], error) {
		q.Cursor = cursor
		return c.ListProfilesPage(ctx, q)
	})
}

// ListProfilesPage returns one page of [Client.ListProfiles], for callers who keep the cursor by themselves.
func (c *Client) ListProfilesPage(ctx context.Context, q ListProfilesParams) (Page[Profile], error) {
	return ask[Page[Profile]](ctx, c, request{http.MethodGet, "/v1/profiles", q.values(), nil, nil})
}

// GetProfile calls GET /v1/profiles/{id}: get a profile.
//
// Needs the scope "read".
func (c *Client) GetProfile(ctx context.Context, id string) (Profile, error) {
	return ask[Profile](ctx, c, request{http.MethodGet, "/v1/profiles/" + url.PathEscape(id), nil, nil, nil})
}

// PutProfile calls PATCH /v1/profiles/{id}: store a profile, or change it.
//
// Members left out stay as they are. What changes is sent to the partners that are to know of
// changes.
//
// Needs the scope "manage".
func (c *Client) PutProfile(ctx context.Context, id string, in PutProfile) (Profile, error) {
	return ask[Profile](ctx, c, request{http.MethodPatch, "/v1/profiles/" + url.PathEscape(id), nil, in, nil})
}

// EraseProfile calls DELETE /v1/profiles/{id}: erase a profile.
//
// It leaves its audiences, the partners that can remove it are asked to, and then it is gone.
//
// Needs the scope "manage".
func (c *Client) EraseProfile(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/profiles/" + url.PathEscape(id), nil, nil, nil}, nil)
}

// ListAudiences calls GET /v1/audiences: list the audiences.
//
// The list is never paged.
//
// Needs the scope "read".
func (c *Client) ListAudiences(ctx context.Context) ([]Audience, error) {
	page, err := ask[Page[Audience]](ctx, c, request{http.MethodGet, "/v1/audiences", nil, nil, nil})
	return page.Data, err
}

// CreateAudience calls POST /v1/audiences: make an audience.
//
// Needs the scope "manage".
func (c *Client) CreateAudience(ctx context.Context, in CreateAudience, opts ...CallOption) (Audience, error) {
	return ask[Audience](ctx, c, request{http.MethodPost, "/v1/audiences", nil, in, opts})
}

// GetAudience calls GET /v1/audiences/{number}: get an audience.
//
// Needs the scope "read".
func (c *Client) GetAudience(ctx context.Context, number string) (Audience, error) {
	return ask[Audience](ctx, c, request{http.MethodGet, "/v1/audiences/" + url.PathEscape(number), nil, nil, nil})
}

// UpdateAudience calls PATCH /v1/audiences/{number}: change an audience.
//
// Needs the scope "manage".
func (c *Client) UpdateAudience(ctx context.Context, number string, in UpdateAudience) (Audience, error) {
	return ask[Audience](ctx, c, request{http.MethodPatch, "/v1/audiences/" + url.PathEscape(number), nil, in, nil})
}

// DeleteAudience calls DELETE /v1/audiences/{number}: delete an audience that is attached to no
// partner.
//
// Needs the scope "manage".
func (c *Client) DeleteAudience(ctx context.Context, number string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/audiences/" + url.PathEscape(number), nil, nil, nil}, nil)
}

// CreateAttachment calls POST /v1/audiences/{number}/attachments: attach an audience to a partner.
//
// Its members are sent, unless the connector is of the kind message: that sends those who enter
// from now on.
//
// Needs the scope "manage".
func (c *Client) CreateAttachment(ctx context.Context, number string, in CreateAttachment, opts ...CallOption) (Attachment, error) {
	return ask[Attachment](ctx, c, request{http.MethodPost, "/v1/audiences/" + url.PathEscape(number) + "/attachments", nil, in, opts})
}

// UpdateAttachment calls PATCH /v1/audiences/{number}/attachments/{id}: change an attachment, pause
// it, or go on.
//
// Needs the scope "manage".
func (c *Client) UpdateAttachment(ctx context.Context, number string, id string, in UpdateAttachment) (Audience, error) {
	return ask[Audience](ctx, c, request{http.MethodPatch, "/v1/audiences/" + url.PathEscape(number) + "/attachments/" + url.PathEscape(id), nil, in, nil})
}

// DeleteAttachmentParams selects what [Client.DeleteAttachment] returns. Zero fields are left out.
type DeleteAttachmentParams struct {
	// Remove: the partner is asked to remove them, and then the attachment goes; keep: they stay at
	// the partner, and it goes at once. One of "remove", "keep". Default: "remove".
	Members string
}

func (q DeleteAttachmentParams) values() url.Values {
	v := make(url.Values)
	add(v, "members", q.Members)
	return v
}

// DeleteAttachment calls DELETE /v1/audiences/{number}/attachments/{id}: detach an audience from a
// partner.
//
// It is done in the background; "detaching" of the attachment tells until then. Repeated with
// "keep", it no longer waits for the partner.
//
// Needs the scope "manage".
func (c *Client) DeleteAttachment(ctx context.Context, number string, id string, q DeleteAttachmentParams) (Audience, error) {
	return ask[Audience](ctx, c, request{http.MethodDelete, "/v1/audiences/" + url.PathEscape(number) + "/attachments/" + url.PathEscape(id), q.values(), nil, nil})
}

// GetAttachmentCounts calls GET /v1/audiences/{number}/attachments/{id}/counts: count where
// profiles stand at a partner.
//
// Needs the scope "read".
func (c *Client) GetAttachmentCounts(ctx context.Context, number string, id string) (AttachmentCounts, error) {
	return ask[AttachmentCounts](ctx, c, request{http.MethodGet, "/v1/audiences/" + url.PathEscape(number) + "/attachments/" + url.PathEscape(id) + "/counts", nil, nil, nil})
}

// ListAttachmentProfilesParams selects what [Client.ListAttachmentProfiles] returns. Zero fields are left out.
type ListAttachmentProfilesParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only profiles that stand so. One of "pendingAdd", "pendingUpdate", "pendingRemove", "sending",
	// "synced", "rejected", "skipped", "suppressed", "kept".
	State string
}

func (q ListAttachmentProfilesParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "state", q.State)
	return v
}

// ListAttachmentProfiles calls GET /v1/audiences/{number}/attachments/{id}/profiles: list where
// profiles stand at a partner.
//
// In the order of their ids.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListAttachmentProfiles(ctx context.Context, number string, id string, q ListAttachmentProfilesParams) iter.Seq2[AttachmentProfile, error] {
	return all(q.Cursor, func(cursor string) (Page[AttachmentProfile], error) {
		q.Cursor = cursor
		return c.ListAttachmentProfilesPage(ctx, number, id, q)
	})
}

// ListAttachmentProfilesPage returns one page of [Client.ListAttachmentProfiles], for callers who keep the cursor by themselves.
func (c *Client) ListAttachmentProfilesPage(ctx context.Context, number string, id string, q ListAttachmentProfilesParams) (Page[AttachmentProfile], error) {
	return ask[Page[AttachmentProfile]](ctx, c, request{http.MethodGet, "/v1/audiences/" + url.PathEscape(number) + "/attachments/" + url.PathEscape(id) + "/profiles", q.values(), nil, nil})
}

// ExplainProfile calls GET /v1/audiences/{number}/attachments/{id}/profiles/{profileId}: explain
// why a profile is at a partner, or why it is not.
//
// Needs the scope "read".
func (c *Client) ExplainProfile(ctx context.Context, number string, id string, profileId string) (ProfileExplanation, error) {
	return ask[ProfileExplanation](ctx, c, request{http.MethodGet, "/v1/audiences/" + url.PathEscape(number) + "/attachments/" + url.PathEscape(id) + "/profiles/" + url.PathEscape(profileId), nil, nil, nil})
}

// ListMembersParams selects what [Client.ListMembers] returns. Zero fields are left out.
type ListMembersParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
}

func (q ListMembersParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	return v
}

// ListMembers calls GET /v1/audiences/{number}/members: list an audience's members.
//
// In the order of their ids.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListMembers(ctx context.Context, number string, q ListMembersParams) iter.Seq2[Member, error] {
	return all(q.Cursor, func(cursor string) (Page[Member], error) {
		q.Cursor = cursor
		return c.ListMembersPage(ctx, number, q)
	})
}

// ListMembersPage returns one page of [Client.ListMembers], for callers who keep the cursor by themselves.
func (c *Client) ListMembersPage(ctx context.Context, number string, q ListMembersParams) (Page[Member], error) {
	return ask[Page[Member]](ctx, c, request{http.MethodGet, "/v1/audiences/" + url.PathEscape(number) + "/members", q.values(), nil, nil})
}

// PutMembers calls POST /v1/audiences/{number}/members: have up to 1,000 profiles enter or leave an
// audience.
//
// All of them or, if a row is wrong, none. Repeating it changes nothing. For more, see imports.
//
// Needs the scope "manage".
func (c *Client) PutMembers(ctx context.Context, number string, in PutMembers, opts ...CallOption) error {
	return c.call(ctx, request{http.MethodPost, "/v1/audiences/" + url.PathEscape(number) + "/members", nil, in, opts}, nil)
}

// ListImports calls GET /v1/audiences/{number}/imports: list an audience's latest imports.
//
// The newest first; never paged. The rows of an open one are counted by getImport.
//
// Needs the scope "read".
func (c *Client) ListImports(ctx context.Context, number string) ([]Import, error) {
	page, err := ask[Page[Import]](ctx, c, request{http.MethodGet, "/v1/audiences/" + url.PathEscape(number) + "/imports", nil, nil, nil})
	return page.Data, err
}

// CreateImport calls POST /v1/audiences/{number}/imports: begin an import into an audience.
//
// It takes rows, shows what would change, and is then started.
//
// Needs the scope "manage".
func (c *Client) CreateImport(ctx context.Context, number string, in CreateImport, opts ...CallOption) (Import, error) {
	return ask[Import](ctx, c, request{http.MethodPost, "/v1/audiences/" + url.PathEscape(number) + "/imports", nil, in, opts})
}

// GetImport calls GET /v1/audiences/{number}/imports/{id}: get an import: what would change, or how
// far it is.
//
// Needs the scope "read".
func (c *Client) GetImport(ctx context.Context, number string, id string) (Import, error) {
	return ask[Import](ctx, c, request{http.MethodGet, "/v1/audiences/" + url.PathEscape(number) + "/imports/" + url.PathEscape(id), nil, nil, nil})
}

// CancelImport calls DELETE /v1/audiences/{number}/imports/{id}: cancel an import.
//
// What was applied stays.
//
// Needs the scope "manage".
func (c *Client) CancelImport(ctx context.Context, number string, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/audiences/" + url.PathEscape(number) + "/imports/" + url.PathEscape(id), nil, nil, nil}, nil)
}

// AddImportRows calls POST /v1/audiences/{number}/imports/{id}/rows: add rows to an import.
//
// At most 8 MiB a request. A row that is wrong is left out and listed; the others are taken.
//
// Needs the scope "manage".
func (c *Client) AddImportRows(ctx context.Context, number string, id string, in ImportRows, opts ...CallOption) error {
	return c.call(ctx, request{http.MethodPost, "/v1/audiences/" + url.PathEscape(number) + "/imports/" + url.PathEscape(id) + "/rows", nil, in, opts}, nil)
}

// ListRejectedRowsParams selects what [Client.ListRejectedRows] returns. Zero fields are left out.
type ListRejectedRowsParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
}

func (q ListRejectedRowsParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	return v
}

// ListRejectedRows calls GET /v1/audiences/{number}/imports/{id}/rejected: list the rows that an
// import leaves out.
//
// In the order of their lines.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListRejectedRows(ctx context.Context, number string, id string, q ListRejectedRowsParams) iter.Seq2[RejectedRow, error] {
	return all(q.Cursor, func(cursor string) (Page[RejectedRow], error) {
		q.Cursor = cursor
		return c.ListRejectedRowsPage(ctx, number, id, q)
	})
}

// ListRejectedRowsPage returns one page of [Client.ListRejectedRows], for callers who keep the cursor by themselves.
func (c *Client) ListRejectedRowsPage(ctx context.Context, number string, id string, q ListRejectedRowsParams) (Page[RejectedRow], error) {
	return ask[Page[RejectedRow]](ctx, c, request{http.MethodGet, "/v1/audiences/" + url.PathEscape(number) + "/imports/" + url.PathEscape(id) + "/rejected", q.values(), nil, nil})
}

// StartImport calls POST /v1/audiences/{number}/imports/{id}/start: start an import.
//
// It is applied in the background. A replacement that removes more than 20 % of the members, or
// leaves rows out while it removes members, is refused unless it is forced.
//
// Needs the scope "manage".
func (c *Client) StartImport(ctx context.Context, number string, id string, in StartImport, opts ...CallOption) (Import, error) {
	return ask[Import](ctx, c, request{http.MethodPost, "/v1/audiences/" + url.PathEscape(number) + "/imports/" + url.PathEscape(id) + "/start", nil, in, opts})
}

// EnterAudience calls PATCH /v1/audiences/{number}/members/{id}: put a profile into an audience.
//
// The body changes the profile, as "PATCH /v1/profiles/{id}" does. Repeating it changes nothing.
//
// Needs the scope "manage".
func (c *Client) EnterAudience(ctx context.Context, number string, id string, in PutProfile) error {
	return c.call(ctx, request{http.MethodPatch, "/v1/audiences/" + url.PathEscape(number) + "/members/" + url.PathEscape(id), nil, in, nil}, nil)
}

// LeaveAudience calls DELETE /v1/audiences/{number}/members/{id}: take a profile out of an
// audience.
//
// Repeating it changes nothing.
//
// Needs the scope "manage".
func (c *Client) LeaveAudience(ctx context.Context, number string, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/audiences/" + url.PathEscape(number) + "/members/" + url.PathEscape(id), nil, nil, nil}, nil)
}

// ListJourneys calls GET /v1/journeys: list the journeys.
//
// The list is never paged.
//
// Needs the scope "read".
func (c *Client) ListJourneys(ctx context.Context) ([]Journey, error) {
	page, err := ask[Page[Journey]](ctx, c, request{http.MethodGet, "/v1/journeys", nil, nil, nil})
	return page.Data, err
}

// CreateJourney calls POST /v1/journeys: make a journey.
//
// What is wrong with the document is told with line and column. It takes profiles in at once,
// unless "mode" says otherwise.
//
// Needs the scope "manage".
func (c *Client) CreateJourney(ctx context.Context, in CreateJourney, opts ...CallOption) (JourneyDetail, error) {
	return ask[JourneyDetail](ctx, c, request{http.MethodPost, "/v1/journeys", nil, in, opts})
}

// DryRunJourney calls POST /v1/journeys/dry-run: walk a profile through a journey in virtual time.
//
// Nothing is stored and nothing is sent. The profile and its events are those of the request.
//
// Needs the scope "read".
func (c *Client) DryRunJourney(ctx context.Context, in DryRun, opts ...CallOption) (DryRunResult, error) {
	return ask[DryRunResult](ctx, c, request{http.MethodPost, "/v1/journeys/dry-run", nil, in, opts})
}

// GetJourney calls GET /v1/journeys/{number}: get a journey, and where profiles stand in it.
//
// Needs the scope "read".
func (c *Client) GetJourney(ctx context.Context, number string) (JourneyDetail, error) {
	return ask[JourneyDetail](ctx, c, request{http.MethodGet, "/v1/journeys/" + url.PathEscape(number), nil, nil, nil})
}

// UpdateJourney calls PATCH /v1/journeys/{number}: publish a version of a journey, pause it, drain
// it, stop it, or go on.
//
// Needs the scope "manage".
func (c *Client) UpdateJourney(ctx context.Context, number string, in UpdateJourney) (JourneyDetail, error) {
	return ask[JourneyDetail](ctx, c, request{http.MethodPatch, "/v1/journeys/" + url.PathEscape(number), nil, in, nil})
}

// DeleteJourney calls DELETE /v1/journeys/{number}: delete a journey that nobody is inside of.
//
// Needs the scope "manage".
func (c *Client) DeleteJourney(ctx context.Context, number string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/journeys/" + url.PathEscape(number), nil, nil, nil}, nil)
}

// MoveJourney calls POST /v1/journeys/{number}/move: move profiles to the current version of a
// journey.
//
// Needs the scope "manage".
func (c *Client) MoveJourney(ctx context.Context, number string, in MoveJourney, opts ...CallOption) (JourneyMove, error) {
	return ask[JourneyMove](ctx, c, request{http.MethodPost, "/v1/journeys/" + url.PathEscape(number) + "/move", nil, in, opts})
}

// RetryJourney calls POST /v1/journeys/{number}/retry: have all failed enrolments of a journey take
// their steps again.
//
// Needs the scope "manage".
func (c *Client) RetryJourney(ctx context.Context, number string, opts ...CallOption) (RetriedEnrolments, error) {
	return ask[RetriedEnrolments](ctx, c, request{http.MethodPost, "/v1/journeys/" + url.PathEscape(number) + "/retry", nil, nil, opts})
}

// ListEnrolmentsParams selects what [Client.ListEnrolments] returns. Zero fields are left out.
type ListEnrolmentsParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only those. One of "running", "waiting", "failed", "done", "exited".
	State string
	// Only those that stand there.
	Step string
	// Only those of a profile.
	ProfileID string
}

func (q ListEnrolmentsParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "state", q.State)
	add(v, "step", q.Step)
	add(v, "profileId", q.ProfileID)
	return v
}

// ListEnrolments calls GET /v1/journeys/{number}/enrolments: list the profiles in a journey.
//
// The newest first, those that have ended among them.
//
// Needs the scope "read".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListEnrolments(ctx context.Context, number string, q ListEnrolmentsParams) iter.Seq2[Enrolment, error] {
	return all(q.Cursor, func(cursor string) (Page[Enrolment], error) {
		q.Cursor = cursor
		return c.ListEnrolmentsPage(ctx, number, q)
	})
}

// ListEnrolmentsPage returns one page of [Client.ListEnrolments], for callers who keep the cursor by themselves.
func (c *Client) ListEnrolmentsPage(ctx context.Context, number string, q ListEnrolmentsParams) (Page[Enrolment], error) {
	return ask[Page[Enrolment]](ctx, c, request{http.MethodGet, "/v1/journeys/" + url.PathEscape(number) + "/enrolments", q.values(), nil, nil})
}

// GetEnrolment calls GET /v1/journeys/{number}/enrolments/{id}: get a profile in a journey, with
// its steps and sends.
//
// Needs the scope "read".
func (c *Client) GetEnrolment(ctx context.Context, number string, id string) (EnrolmentDetail, error) {
	return ask[EnrolmentDetail](ctx, c, request{http.MethodGet, "/v1/journeys/" + url.PathEscape(number) + "/enrolments/" + url.PathEscape(id), nil, nil, nil})
}

// RetryEnrolment calls POST /v1/journeys/{number}/enrolments/{id}/retry: have a failed enrolment
// take its step again.
//
// Needs the scope "manage".
func (c *Client) RetryEnrolment(ctx context.Context, number string, id string, opts ...CallOption) (Enrolment, error) {
	return ask[Enrolment](ctx, c, request{http.MethodPost, "/v1/journeys/" + url.PathEscape(number) + "/enrolments/" + url.PathEscape(id) + "/retry", nil, nil, opts})
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

// ExportAuditParams selects what [Client.ExportAudit] returns. Zero fields are left out.
type ExportAuditParams struct {
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
	// Lines of JSON, or CSV. One of "ndjson", "csv". Default: "ndjson".
	Format string
}

func (q ExportAuditParams) values() url.Values {
	v := make(url.Values)
	add(v, "action", q.Action)
	add(v, "actor", q.Actor)
	add(v, "target", q.Target)
	addTime(v, "since", q.Since)
	addTime(v, "until", q.Until)
	add(v, "of", q.Of)
	add(v, "format", q.Format)
	return v
}

// ExportAudit calls GET /v1/audit/export: export changes.
//
// All entries that the filters select, the newest first, of any length: as lines of JSON, each like
// an entry of the list, or as CSV (UTF-8, RFC 4180 with plain line feeds, a line of names first).
// In CSV, what a spreadsheet would take for a formula gets an apostrophe before it. An export that
// ends early was cut off: its last line has no line end. The export itself is an entry of the log.
//
// Needs the scope "admin".
func (c *Client) ExportAudit(ctx context.Context, q ExportAuditParams) (io.ReadCloser, error) {
	return c.open(ctx, request{http.MethodGet, "/v1/audit/export", q.values(), nil, nil})
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

// GetStatsBreakdownParams selects what [Client.GetStatsBreakdown] returns. Zero fields are left out.
type GetStatsBreakdownParams struct {
	// Only this webhook; events received are not counted then.
	WebhookID string
	// Also each webhook by itself; not with webhookId.
	Each bool
	// Left out: 24 hours before to.
	From time.Time
	// Left out: now.
	To time.Time
}

func (q GetStatsBreakdownParams) values() url.Values {
	v := make(url.Values)
	add(v, "webhookId", q.WebhookID)
	addBool(v, "each", q.Each)
	addTime(v, "from", q.From)
	addTime(v, "to", q.To)
	return v
}

// GetStatsBreakdown calls GET /v1/stats/breakdown: count attempts by status, error, type and
// duration.
//
// In whole hours, UTC: those that have a part between "from" and "to". Attempts count some seconds
// after they were made; a server that crashes loses those of its last seconds here, and not in the
// log. Several attempts in one request of a batch count once.
//
// Needs the scope "read".
func (c *Client) GetStatsBreakdown(ctx context.Context, q GetStatsBreakdownParams) (Breakdown, error) {
	return ask[Breakdown](ctx, c, request{http.MethodGet, "/v1/stats/breakdown", q.values(), nil, nil})
}

// GetBacklog calls GET /v1/stats/backlog: count what waits to be delivered.
//
// Deliveries in the memory of a server, which go out at once, do not wait and are not counted.
// Webhooks of REST hooks, of the gate and of connections are left out.
//
// Needs the scope "read".
func (c *Client) GetBacklog(ctx context.Context) (Backlog, error) {
	return ask[Backlog](ctx, c, request{http.MethodGet, "/v1/stats/backlog", nil, nil, nil})
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

// Whoami calls GET /v1/whoami: show who is calling.
//
// The tenant that the key or the session acts for, and what it may do there.
//
// Needs a key of any scope, or the session of a person who has signed in.
func (c *Client) Whoami(ctx context.Context) (Whoami, error) {
	return ask[Whoami](ctx, c, request{http.MethodGet, "/v1/whoami", nil, nil, nil})
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

// ReplaceKey calls POST /v1/keys/{id}/replace: replace a key.
//
// Creates a key with the same name, scopes and limits, and lets the old one end at once or after
// "overlap", so that programs can change to the new one meanwhile. The answer shows the new key,
// for the only time. The operator's key is replaced in the settings of the server.
//
// Needs the scope "admin".
func (c *Client) ReplaceKey(ctx context.Context, id string, in ReplaceKey, opts ...CallOption) (Key, error) {
	return ask[Key](ctx, c, request{http.MethodPost, "/v1/keys/" + url.PathEscape(id) + "/replace", nil, in, opts})
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

// GetPortal calls GET /v1/portal: get the portal's settings.
//
// Needs the scope "read".
func (c *Client) GetPortal(ctx context.Context) (Portal, error) {
	return ask[Portal](ctx, c, request{http.MethodGet, "/v1/portal", nil, nil, nil})
}

// UpdatePortal calls PATCH /v1/portal: change the portal's settings.
//
// How the pages look that your customers see, and which sites may embed them. What is left out
// stays as it is.
//
// Needs the scope "admin".
func (c *Client) UpdatePortal(ctx context.Context, in UpdatePortal) (Portal, error) {
	return ask[Portal](ctx, c, request{http.MethodPatch, "/v1/portal", nil, in, nil})
}

// ListPortalWordsParams selects what [Client.ListPortalWords] returns. Zero fields are left out.
type ListPortalWordsParams struct {
	// One of "en", "de", "da". Default: "en".
	Language string
}

func (q ListPortalWordsParams) values() url.Values {
	v := make(url.Values)
	add(v, "language", q.Language)
	return v
}

// ListPortalWords calls GET /v1/portal/words: list the words of the portal's pages.
//
// By the alphabet. The list is never paged.
//
// Needs the scope "read".
func (c *Client) ListPortalWords(ctx context.Context, q ListPortalWordsParams) ([]PortalWord, error) {
	page, err := ask[Page[PortalWord]](ctx, c, request{http.MethodGet, "/v1/portal/words", q.values(), nil, nil})
	return page.Data, err
}

// ListPortalLinksParams selects what [Client.ListPortalLinks] returns. Zero fields are left out.
type ListPortalLinksParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only links made for it.
	SessionID string
}

func (q ListPortalLinksParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "sessionId", q.SessionID)
	return v
}

// ListPortalLinks calls GET /v1/portal-links: list links into the portal.
//
// Those that can still be opened, the oldest first. Their addresses are not shown again.
//
// Needs the scope "manage".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListPortalLinks(ctx context.Context, q ListPortalLinksParams) iter.Seq2[PortalLink, error] {
	return all(q.Cursor, func(cursor string) (Page[PortalLink], error) {
		q.Cursor = cursor
		return c.ListPortalLinksPage(ctx, q)
	})
}

// ListPortalLinksPage returns one page of [Client.ListPortalLinks], for callers who keep the cursor by themselves.
func (c *Client) ListPortalLinksPage(ctx context.Context, q ListPortalLinksParams) (Page[PortalLink], error) {
	return ask[Page[PortalLink]](ctx, c, request{http.MethodGet, "/v1/portal-links", q.values(), nil, nil})
}

// CreatePortalLink calls POST /v1/portal-links: make a link into the portal.
//
// The answer shows its address, for the only time. Your server makes one whenever a customer opens
// the page with the frame.
//
// Needs the scope "manage".
func (c *Client) CreatePortalLink(ctx context.Context, in CreatePortalLink, opts ...CallOption) (PortalLink, error) {
	return ask[PortalLink](ctx, c, request{http.MethodPost, "/v1/portal-links", nil, in, opts})
}

// EndPortalSessionParams selects what [Client.EndPortalSession] returns. Zero fields are left out.
type EndPortalSessionParams struct {
	// As given with the links.
	SessionID string
}

func (q EndPortalSessionParams) values() url.Values {
	v := make(url.Values)
	add(v, "sessionId", q.SessionID)
	return v
}

// EndPortalSession calls DELETE /v1/portal-links: end the portal sessions of a session.
//
// Withdraws all links made for the session of your product, and ends at once what was begun by
// them, at every server. Call it when the customer signs out. That there are none is no error.
//
// Needs the scope "manage".
func (c *Client) EndPortalSession(ctx context.Context, q EndPortalSessionParams) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/portal-links", q.values(), nil, nil}, nil)
}

// DeletePortalLink calls DELETE /v1/portal-links/{id}: withdraw a link into the portal.
//
// Ends the sessions begun by it, too.
//
// Needs the scope "manage".
func (c *Client) DeletePortalLink(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/portal-links/" + url.PathEscape(id), nil, nil, nil}, nil)
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

// DisableUserSecondFactor calls DELETE /v1/users/{id}/second-factor: disable a user's second
// factor.
//
// For somebody who has lost their app and their recovery codes, or the device with their passkey.
// Removes their passkeys, too. Of a person who signs in elsewhere, too, only the platform can do
// it.
//
// Needs the scope "admin".
func (c *Client) DisableUserSecondFactor(ctx context.Context, id string) (User, error) {
	return ask[User](ctx, c, request{http.MethodDelete, "/v1/users/" + url.PathEscape(id) + "/second-factor", nil, nil, nil})
}

// GetSignInParams selects what [Client.GetSignIn] returns. Zero fields are left out.
type GetSignInParams struct {
	// Platform: of the installation, to whoever runs it: what is asked of operators. One of "tenant",
	// "platform". Default: "tenant".
	Of string
}

func (q GetSignInParams) values() url.Values {
	v := make(url.Values)
	add(v, "of", q.Of)
	return v
}

// GetSignIn calls GET /v1/sign-in: get how people sign in.
//
// Needs the scope "admin".
func (c *Client) GetSignIn(ctx context.Context, q GetSignInParams) (SignIn, error) {
	return ask[SignIn](ctx, c, request{http.MethodGet, "/v1/sign-in", q.values(), nil, nil})
}

// UpdateSignInParams selects what [Client.UpdateSignIn] returns. Zero fields are left out.
type UpdateSignInParams struct {
	// Platform: of the installation, to whoever runs it: what is asked of operators. One of "tenant",
	// "platform". Default: "tenant".
	Of string
}

func (q UpdateSignInParams) values() url.Values {
	v := make(url.Values)
	add(v, "of", q.Of)
	return v
}

// UpdateSignIn calls PATCH /v1/sign-in: change how people sign in.
//
// Holds from everybody's next request on. An operator has the role of an admin in each tenant.
//
// Needs the scope "admin".
func (c *Client) UpdateSignIn(ctx context.Context, q UpdateSignInParams, in UpdateSignIn) (SignIn, error) {
	return ask[SignIn](ctx, c, request{http.MethodPatch, "/v1/sign-in", q.values(), in, nil})
}

// ListSignInProviders calls GET /v1/sign-in/providers: list identity providers.
//
// Those by which people sign in to the installation (OpenID Connect), the oldest first. The list is
// never paged.
//
// Needs the scope "platform".
func (c *Client) ListSignInProviders(ctx context.Context) ([]SignInProvider, error) {
	page, err := ask[Page[SignInProvider]](ctx, c, request{http.MethodGet, "/v1/sign-in/providers", nil, nil, nil})
	return page.Data, err
}

// CreateSignInProvider calls POST /v1/sign-in/providers: add an identity provider.
//
// The login page then offers it. Relay asks the provider for nothing before somebody signs in. Its
// host may have a private address.
//
// Needs the scope "platform".
func (c *Client) CreateSignInProvider(ctx context.Context, in CreateSignInProvider, opts ...CallOption) (SignInProvider, error) {
	return ask[SignInProvider](ctx, c, request{http.MethodPost, "/v1/sign-in/providers", nil, in, opts})
}

// GetSignInProvider calls GET /v1/sign-in/providers/{name}: get an identity provider.
//
// Needs the scope "platform".
func (c *Client) GetSignInProvider(ctx context.Context, name string) (SignInProvider, error) {
	return ask[SignInProvider](ctx, c, request{http.MethodGet, "/v1/sign-in/providers/" + url.PathEscape(name), nil, nil, nil})
}

// UpdateSignInProvider calls PATCH /v1/sign-in/providers/{name}: change an identity provider.
//
// Holds for sign-ins from now on; sessions go on.
//
// Needs the scope "platform".
func (c *Client) UpdateSignInProvider(ctx context.Context, name string, in UpdateSignInProvider) (SignInProvider, error) {
	return ask[SignInProvider](ctx, c, request{http.MethodPatch, "/v1/sign-in/providers/" + url.PathEscape(name), nil, in, nil})
}

// DeleteSignInProvider calls DELETE /v1/sign-in/providers/{name}: delete an identity provider.
//
// Accounts and sessions stay, with the roles that it gave; nobody signs in by it any longer.
//
// Needs the scope "platform".
func (c *Client) DeleteSignInProvider(ctx context.Context, name string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/sign-in/providers/" + url.PathEscape(name), nil, nil, nil}, nil)
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

// SignInByCode calls POST /v1/session/code: prove the second factor.
//
// The second step of somebody who has a second factor: "signIn" and "signInByLink" then answer a
// token, which waits for five minutes, and set no cookie. Wrong codes are counted as wrong
// passwords are.
func (c *Client) SignInByCode(ctx context.Context, in LoginByCode) (Account, error) {
	return ask[Account](ctx, c, request{http.MethodPost, "/v1/session/code", nil, in, nil})
}

// GetPasskeyOptions calls GET /v1/session/passkey: begin to sign in by a passkey.
//
// For pages that call "navigator.credentials.get"; its answer is for "signInByPasskey" or
// "confirmSession", within an hour and once. Passkeys belong to the name in "publicUrl", over
// HTTPS; without "publicUrl" to "localhost". At an address without a name the answer is "409".
func (c *Client) GetPasskeyOptions(ctx context.Context) (PasskeyOptions, error) {
	return ask[PasskeyOptions](ctx, c, request{http.MethodGet, "/v1/session/passkey", nil, nil, nil})
}

// SignInByPasskey calls POST /v1/session/passkey: sign in by a passkey.
//
// Neither address nor password is needed. A passkey is two factors, so the sign-in waits for no
// other, and counts as a proof for "confirmSession". A passkey whose counter has not risen since
// its last use may have been copied, and is refused.
func (c *Client) SignInByPasskey(ctx context.Context, in LoginByPasskey) (Account, error) {
	return ask[Account](ctx, c, request{http.MethodPost, "/v1/session/passkey", nil, in, nil})
}

// ConfirmSession calls POST /v1/session/confirm: prove that it is you.
//
// For ten minutes after a sign-in, or after this call, a session may change keys, users and how
// people sign in, delete a tenant and replace encryption keys. Programs send a key, which needs
// none of this. A session that begins by a passkey counts as proved. Somebody who signs in by an
// identity provider, and has neither password nor second factor here, signs in again at
// "/login/oidc/NAME?again=1".
//
// Needs the session of a person who has signed in.
func (c *Client) ConfirmSession(ctx context.Context, in ConfirmSession, opts ...CallOption) error {
	return c.call(ctx, request{http.MethodPost, "/v1/session/confirm", nil, in, opts}, nil)
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

// ListPasskeys calls GET /v1/passkeys: list your passkeys.
//
// The oldest first, at most 20. The list is never paged.
//
// Needs the session of a person who has signed in.
func (c *Client) ListPasskeys(ctx context.Context) ([]Passkey, error) {
	page, err := ask[Page[Passkey]](ctx, c, request{http.MethodGet, "/v1/passkeys", nil, nil, nil})
	return page.Data, err
}

// AddPasskey calls POST /v1/passkeys: add a passkey.
//
// Needs the session of a person who has signed in.
func (c *Client) AddPasskey(ctx context.Context, in AddPasskey, opts ...CallOption) (Passkey, error) {
	return ask[Passkey](ctx, c, request{http.MethodPost, "/v1/passkeys", nil, in, opts})
}

// GetNewPasskeyOptions calls GET /v1/passkeys/options: begin to add a passkey.
//
// For pages that call "navigator.credentials.create"; its answer is for "addPasskey", within ten
// minutes, in the same session and once.
//
// Needs the session of a person who has signed in.
func (c *Client) GetNewPasskeyOptions(ctx context.Context) (PasskeyOptions, error) {
	return ask[PasskeyOptions](ctx, c, request{http.MethodGet, "/v1/passkeys/options", nil, nil, nil})
}

// RenamePasskey calls PATCH /v1/passkeys/{id}: rename a passkey.
//
// Needs the session of a person who has signed in.
func (c *Client) RenamePasskey(ctx context.Context, id string, in UpdatePasskey) (Passkey, error) {
	return ask[Passkey](ctx, c, request{http.MethodPatch, "/v1/passkeys/" + url.PathEscape(id), nil, in, nil})
}

// RemovePasskey calls DELETE /v1/passkeys/{id}: remove a passkey.
//
// It signs nobody in from then on. Sessions go on. The authenticator keeps its part until its owner
// deletes that.
//
// Needs the session of a person who has signed in.
func (c *Client) RemovePasskey(ctx context.Context, id string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/passkeys/" + url.PathEscape(id), nil, nil, nil}, nil)
}

// GetSecondFactor calls GET /v1/second-factor: get your second factor.
//
// Needs the session of a person who has signed in.
func (c *Client) GetSecondFactor(ctx context.Context) (SecondFactor, error) {
	return ask[SecondFactor](ctx, c, request{http.MethodGet, "/v1/second-factor", nil, nil, nil})
}

// SetUpSecondFactor calls POST /v1/second-factor: begin to set up a second factor.
//
// Makes a new secret for an authenticator app: codes of six digits, a new one every 30 seconds, as
// in RFC 6238. It holds once "confirmSecondFactor" has seen a code, within ten minutes.
//
// Needs the session of a person who has signed in.
func (c *Client) SetUpSecondFactor(ctx context.Context, in SetUpSecondFactor, opts ...CallOption) (SecondFactorSetup, error) {
	return ask[SecondFactorSetup](ctx, c, request{http.MethodPost, "/v1/second-factor", nil, in, opts})
}

// ConfirmSecondFactor calls POST /v1/second-factor/confirm: enable your second factor.
//
// Takes a code of the app. Ends all your other sessions, and answers ten recovery codes, for the
// only time.
//
// Needs the session of a person who has signed in.
func (c *Client) ConfirmSecondFactor(ctx context.Context, in Code, opts ...CallOption) (RecoveryCodes, error) {
	return ask[RecoveryCodes](ctx, c, request{http.MethodPost, "/v1/second-factor/confirm", nil, in, opts})
}

// RenewRecoveryCodes calls POST /v1/second-factor/recovery-codes: replace your recovery codes.
//
// Takes a code. Those before are no longer taken.
//
// Needs the session of a person who has signed in.
func (c *Client) RenewRecoveryCodes(ctx context.Context, in Code, opts ...CallOption) (RecoveryCodes, error) {
	return ask[RecoveryCodes](ctx, c, request{http.MethodPost, "/v1/second-factor/recovery-codes", nil, in, opts})
}

// DisableSecondFactor calls POST /v1/second-factor/disable: disable your second factor.
//
// Takes a code, or a recovery code.
//
// Needs the session of a person who has signed in.
func (c *Client) DisableSecondFactor(ctx context.Context, in Code, opts ...CallOption) error {
	return c.call(ctx, request{http.MethodPost, "/v1/second-factor/disable", nil, in, opts}, nil)
}

// ListTenantsParams selects what [Client.ListTenants] returns. Zero fields are left out.
type ListTenantsParams struct {
	// Where to go on: nextCursor of the page before.
	Cursor string
	// The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
	// whether more follow. Default: 50.
	Limit int
	// Only tenants in this state. One of "active", "suspended", "deleted".
	State string
}

func (q ListTenantsParams) values() url.Values {
	v := make(url.Values)
	add(v, "cursor", q.Cursor)
	addInt(v, "limit", q.Limit)
	add(v, "state", q.State)
	return v
}

// ListTenants calls GET /v1/tenants: list tenants.
//
// In the order of their ids.
//
// Needs the scope "platform".
//
// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.
// q.Limit is the size of a page.
func (c *Client) ListTenants(ctx context.Context, q ListTenantsParams) iter.Seq2[Tenant, error] {
	return all(q.Cursor, func(cursor string) (Page[Tenant], error) {
		q.Cursor = cursor
		return c.ListTenantsPage(ctx, q)
	})
}

// ListTenantsPage returns one page of [Client.ListTenants], for callers who keep the cursor by themselves.
func (c *Client) ListTenantsPage(ctx context.Context, q ListTenantsParams) (Page[Tenant], error) {
	return ask[Page[Tenant]](ctx, c, request{http.MethodGet, "/v1/tenants", q.values(), nil, nil})
}

// CreateTenant calls POST /v1/tenants: create a tenant.
//
// Act for it with a platform key and the header "Relay-Tenant": create its first key with "POST
// /v1/keys", or invite its first admin with "POST /v1/users".
//
// Needs the scope "platform".
func (c *Client) CreateTenant(ctx context.Context, in CreateTenant, opts ...CallOption) (Tenant, error) {
	return ask[Tenant](ctx, c, request{http.MethodPost, "/v1/tenants", nil, in, opts})
}

// GetTenant calls GET /v1/tenants/{id}: get a tenant.
//
// Needs the scope "platform".
func (c *Client) GetTenant(ctx context.Context, id string) (Tenant, error) {
	return ask[Tenant](ctx, c, request{http.MethodGet, "/v1/tenants/" + url.PathEscape(id), nil, nil, nil})
}

// UpdateTenant calls PATCH /v1/tenants/{id}: change a tenant.
//
// Members that are left out stay as they are.
//
// Needs the scope "platform".
func (c *Client) UpdateTenant(ctx context.Context, id string, in UpdateTenant) (Tenant, error) {
	return ask[Tenant](ctx, c, request{http.MethodPatch, "/v1/tenants/" + url.PathEscape(id), nil, in, nil})
}

// DeleteTenantParams selects what [Client.DeleteTenant] returns. Zero fields are left out.
type DeleteTenantParams struct {
	// The tenant's id again.
	Confirm string
}

func (q DeleteTenantParams) values() url.Values {
	v := make(url.Values)
	add(v, "confirm", q.Confirm)
	return v
}

// DeleteTenant calls DELETE /v1/tenants/{id}: delete a tenant.
//
// Nobody of the tenant can do anything from then on. After seven days, in which "POST
// /v1/tenants/{id}/restore" takes it back, all its data are erased. The tenant "default" stays.
//
// Needs the scope "platform".
func (c *Client) DeleteTenant(ctx context.Context, id string, q DeleteTenantParams) (Tenant, error) {
	return ask[Tenant](ctx, c, request{http.MethodDelete, "/v1/tenants/" + url.PathEscape(id), q.values(), nil, nil})
}

// RestoreTenant calls POST /v1/tenants/{id}/restore: take the deletion of a tenant back.
//
// It is as it was before: active or suspended.
//
// Needs the scope "platform".
func (c *Client) RestoreTenant(ctx context.Context, id string, opts ...CallOption) (Tenant, error) {
	return ask[Tenant](ctx, c, request{http.MethodPost, "/v1/tenants/" + url.PathEscape(id) + "/restore", nil, nil, opts})
}

// SuspendTenant calls POST /v1/tenants/{id}/suspend: suspend a tenant.
//
// Its events and changes are refused with "403", and its deliveries wait; it can still be looked
// at. All servers follow within two seconds. The time does not count as age of its deliveries.
//
// Needs the scope "platform".
func (c *Client) SuspendTenant(ctx context.Context, id string, opts ...CallOption) (Tenant, error) {
	return ask[Tenant](ctx, c, request{http.MethodPost, "/v1/tenants/" + url.PathEscape(id) + "/suspend", nil, nil, opts})
}

// ResumeTenant calls POST /v1/tenants/{id}/resume: resume a suspended tenant.
//
// Deliveries that have waited go out.
//
// Needs the scope "platform".
func (c *Client) ResumeTenant(ctx context.Context, id string, opts ...CallOption) (Tenant, error) {
	return ask[Tenant](ctx, c, request{http.MethodPost, "/v1/tenants/" + url.PathEscape(id) + "/resume", nil, nil, opts})
}

// ListPlans calls GET /v1/plans: list plans.
//
// Those that come with Relay, and then the others, the oldest first. The list is never paged.
//
// Needs the scope "platform".
func (c *Client) ListPlans(ctx context.Context) ([]Plan, error) {
	page, err := ask[Page[Plan]](ctx, c, request{http.MethodGet, "/v1/plans", nil, nil, nil})
	return page.Data, err
}

// CreatePlan calls POST /v1/plans: create a plan.
//
// Needs the scope "platform".
func (c *Client) CreatePlan(ctx context.Context, in CreatePlan, opts ...CallOption) (Plan, error) {
	return ask[Plan](ctx, c, request{http.MethodPost, "/v1/plans", nil, in, opts})
}

// GetPlan calls GET /v1/plans/{name}: get a plan.
//
// Needs the scope "platform".
func (c *Client) GetPlan(ctx context.Context, name string) (Plan, error) {
	return ask[Plan](ctx, c, request{http.MethodGet, "/v1/plans/" + url.PathEscape(name), nil, nil, nil})
}

// UpdatePlan calls PATCH /v1/plans/{name}: change a plan.
//
// Holds for all tenants that have it. One that has more than it allows then keeps what it has;
// nothing is deleted or paused. It cannot create or resume any until it has less.
//
// Needs the scope "platform".
func (c *Client) UpdatePlan(ctx context.Context, name string, in UpdatePlan) (Plan, error) {
	return ask[Plan](ctx, c, request{http.MethodPatch, "/v1/plans/" + url.PathEscape(name), nil, in, nil})
}

// DeletePlan calls DELETE /v1/plans/{name}: delete a plan.
//
// One that no tenant has. A plan that comes with Relay becomes as it was shipped.
//
// Needs the scope "platform".
func (c *Client) DeletePlan(ctx context.Context, name string) error {
	return c.call(ctx, request{http.MethodDelete, "/v1/plans/" + url.PathEscape(name), nil, nil, nil}, nil)
}

// GetUsage calls GET /v1/usage: how much of the plan is used?.
//
// Needs the scope "read".
func (c *Client) GetUsage(ctx context.Context) (Usage, error) {
	return ask[Usage](ctx, c, request{http.MethodGet, "/v1/usage", nil, nil, nil})
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

// GetConnectorSchema calls GET /schemas/connector-1.json: the JSON Schema of definitions.
//
// For editors and for programs that write definitions. Relay itself checks more, expressions for
// example: see checkConnector.
func (c *Client) GetConnectorSchema(ctx context.Context) (io.ReadCloser, error) {
	return c.open(ctx, request{http.MethodGet, "/schemas/connector-1.json", nil, nil, nil})
}

// GetDocument calls GET /openapi.json: this document, as OpenAPI 3.1.
//
// Its "webhooks" are the events of the built-in packs and those about webhooks, as endpoints
// receive them in the format "relay".
func (c *Client) GetDocument(ctx context.Context) (OpenAPIDocument, error) {
	return ask[OpenAPIDocument](ctx, c, request{http.MethodGet, "/openapi.json", nil, nil, nil})
}

// GetDocs calls GET /docs: this document, as a page.
//
// For people. It loads nothing from elsewhere.
func (c *Client) GetDocs(ctx context.Context) (io.ReadCloser, error) {
	return c.open(ctx, request{http.MethodGet, "/docs", nil, nil, nil})
}

// GetZapierPackage calls GET /v1/hooks/packages/zapier.zip: download the integration for Zapier.
//
// A CLI app, made from the catalogue: a trigger for each event type, with its sample and fields.
//
// Needs the scope "hooks".
func (c *Client) GetZapierPackage(ctx context.Context) (io.ReadCloser, error) {
	return c.open(ctx, request{http.MethodGet, "/v1/hooks/packages/zapier.zip", nil, nil, nil})
}

// GetN8nPackage calls GET /v1/hooks/packages/n8n.zip: download the node for n8n.
//
// A package with a trigger node, made from the catalogue.
//
// Needs the scope "hooks".
func (c *Client) GetN8nPackage(ctx context.Context) (io.ReadCloser, error) {
	return c.open(ctx, request{http.MethodGet, "/v1/hooks/packages/n8n.zip", nil, nil, nil})
}

// GetMakeApp calls GET /v1/hooks/packages/make.json: download the app for Make.
//
// The sections of a custom app of Make, made from the catalogue.
//
// Needs the scope "hooks".
func (c *Client) GetMakeApp(ctx context.Context) (json.RawMessage, error) {
	return ask[json.RawMessage](ctx, c, request{http.MethodGet, "/v1/hooks/packages/make.json", nil, nil, nil})
}

// GetMetrics calls GET /metrics: metrics for Prometheus.
//
// In Prometheus' text format: see docs/operations.md. With the setting metricsListen they are on an
// address of their own.
func (c *Client) GetMetrics(ctx context.Context) (io.ReadCloser, error) {
	return c.open(ctx, request{http.MethodGet, "/metrics", nil, nil, nil})
}
