// Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT.

import type * as t from "./types.gen.js";
import { type CallOptions, type Page, Transport, segment } from "./transport.js";

/** Operations has a method for each operation of the API, with the operation's name. */
export class Operations extends Transport {
  /**
   * List events: `GET /v1/events`.
   *
   * The newest first. A search that matches rarely may answer a short or empty page with a
   * `nextCursor`: go on from there; `searchedTo` says how far it came.
   *
   * Needs the scope `read`.
   */
  listEvents(query: t.ListEventsParams = {}, options: CallOptions = {}): AsyncGenerator<t.Event, void, undefined> {
    return this.entries((cursor) => this.listEventsPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listEvents, for callers who keep the cursor by themselves. */
  listEventsPage(query: t.ListEventsParams = {}, options: CallOptions = {}): Promise<Page<t.Event>> {
    return this.json({ method: "GET", path: "/v1/events", query: { ...query } }, options);
  }

  /**
   * Get an event: `GET /v1/events/{id}`.
   *
   * Needs the scope `read`.
   */
  getEvent(id: string, options: CallOptions = {}): Promise<t.EventDetail> {
    return this.json({ method: "GET", path: `/v1/events/${segment(id)}` }, options);
  }

  /**
   * List an event's deliveries: `GET /v1/events/{id}/deliveries`.
   *
   * One for each webhook the event was owed to. The list is never paged.
   *
   * Needs the scope `read`.
   */
  listEventDeliveries(id: string, options: CallOptions = {}): Promise<t.Delivery[]> {
    return this.list({ method: "GET", path: `/v1/events/${segment(id)}/deliveries` }, options);
  }

  /**
   * Explain what became of an event: `GET /v1/events/{id}/explain`.
   *
   * For every webhook, or the one asked for: delivered, still waiting, or why not.
   *
   * Needs the scope `read`.
   */
  explainEvent(id: string, query: t.ExplainEventParams = {}, options: CallOptions = {}): Promise<t.Explanation[]> {
    return this.list({ method: "GET", path: `/v1/events/${segment(id)}/explain`, query: { ...query } }, options);
  }

  /**
   * Deliver an event again: `POST /v1/events/{id}/resend`.
   *
   * To all webhooks that match now, or to one. A delivery keeps its id, so that receivers can tell
   * that they had it before.
   *
   * Needs the scope `manage`.
   */
  resendEvent(id: string, body: t.ResendRequest = {}, options: CallOptions = {}): Promise<t.ResendAnswer> {
    return this.json({ method: "POST", path: `/v1/events/${segment(id)}/resend`, body, once: true }, options);
  }

  /**
   * List the event types of the catalogue: `GET /v1/event-types`.
   *
   * By name. Other types may be published all the same, unless the catalogue's validation is
   * `strict`. A page may hold fewer types than asked for when their schemas are large.
   *
   * Needs the scope `read`.
   */
  listEventTypes(query: t.ListEventTypesParams = {}, options: CallOptions = {}): AsyncGenerator<t.EventType, void, undefined> {
    return this.entries((cursor) => this.listEventTypesPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listEventTypes, for callers who keep the cursor by themselves. */
  listEventTypesPage(query: t.ListEventTypesParams = {}, options: CallOptions = {}): Promise<Page<t.EventType>> {
    return this.json({ method: "GET", path: "/v1/event-types", query: { ...query } }, options);
  }

  /**
   * Add an event type: `POST /v1/event-types`.
   *
   * Needs the scope `manage`.
   */
  createEventType(body: t.CreateEventType, options: CallOptions = {}): Promise<t.EventType> {
    return this.json({ method: "POST", path: "/v1/event-types", body, once: true }, options);
  }

  /**
   * Import event types: `POST /v1/event-types/import`.
   *
   * From a document in JSON or YAML of up to 16 MiB, in YAML 8 MiB, all or nothing: only webhooks
   * that cannot be types are skipped, with the reason. Types that are there get a new version if
   * their schema differs. References into other documents are refused: nothing is fetched.
   *
   * Needs the scope `manage`.
   */
  importEventTypes(contentType: string, document: string | Uint8Array, query: t.ImportEventTypesParams = {}, options: CallOptions = {}): Promise<t.ImportedTypes> {
    return this.json({ method: "POST", path: "/v1/event-types/import", contentType, raw: document, query: { ...query }, once: true }, options);
  }

  /**
   * Get an event type: `GET /v1/event-types/{name}`.
   *
   * Needs the scope `read`.
   */
  getEventType(name: string, query: t.GetEventTypeParams = {}, options: CallOptions = {}): Promise<t.EventType> {
    return this.json({ method: "GET", path: `/v1/event-types/${segment(name)}`, query: { ...query } }, options);
  }

  /**
   * Change an event type: `PATCH /v1/event-types/{name}`.
   *
   * Members left out stay as they are, null resets a member to its default. A change of a schema
   * makes a new version, unless `version` names one. Changing what describes a type of a pack makes
   * a version of your own, which takes its place until you delete it; `validation`, `deprecated`
   * and `archived` do not.
   *
   * Needs the scope `manage`.
   */
  updateEventType(name: string, body: t.UpdateEventType, options: CallOptions = {}): Promise<t.EventType> {
    return this.json({ method: "PATCH", path: `/v1/event-types/${segment(name)}`, body }, options);
  }

  /**
   * Delete an event type: `DELETE /v1/event-types/{name}`.
   *
   * All versions of a type of your own. Its events stay, and may be published still. A type of a
   * pack cannot be deleted, but archived.
   *
   * Needs the scope `manage`.
   */
  deleteEventType(name: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/event-types/${segment(name)}` }, options);
  }

  /**
   * Get an example event of a type: `GET /v1/event-types/{name}/example`.
   *
   * The answer can be published as it is.
   *
   * Needs the scope `read`.
   */
  getEventTypeExample(name: string, query: t.GetEventTypeExampleParams = {}, options: CallOptions = {}): Promise<t.EventExample> {
    return this.json({ method: "GET", path: `/v1/event-types/${segment(name)}/example`, query: { ...query } }, options);
  }

  /**
   * Get the catalogue's settings: `GET /v1/catalogue`.
   *
   * Needs the scope `read`.
   */
  getCatalogue(options: CallOptions = {}): Promise<t.Catalogue> {
    return this.json({ method: "GET", path: "/v1/catalogue" }, options);
  }

  /**
   * Change the catalogue's settings: `PATCH /v1/catalogue`.
   *
   * Needs the scope `manage`.
   */
  updateCatalogue(body: t.UpdateCatalogue, options: CallOptions = {}): Promise<t.Catalogue> {
    return this.json({ method: "PATCH", path: "/v1/catalogue", body }, options);
  }

  /**
   * List derivation rules: `GET /v1/derivation-rules`.
   *
   * Rules that ship with Relay first. The list is never paged.
   *
   * Needs the scope `read`.
   */
  listDerivationRules(options: CallOptions = {}): Promise<t.DerivationRule[]> {
    return this.list({ method: "GET", path: "/v1/derivation-rules" }, options);
  }

  /**
   * Add a derivation rule: `POST /v1/derivation-rules`.
   *
   * It holds for events published from now on. What follows is stored with its cause, all or
   * nothing; an event derives no type that is in its own chain of causes, and four steps at most.
   *
   * Needs the scope `manage`.
   */
  createDerivationRule(body: t.CreateDerivationRule, options: CallOptions = {}): Promise<t.DerivationRule> {
    return this.json({ method: "POST", path: "/v1/derivation-rules", body, once: true }, options);
  }

  /**
   * Get a derivation rule: `GET /v1/derivation-rules/{name}`.
   *
   * Needs the scope `read`.
   */
  getDerivationRule(name: string, options: CallOptions = {}): Promise<t.DerivationRule> {
    return this.json({ method: "GET", path: `/v1/derivation-rules/${segment(name)}` }, options);
  }

  /**
   * Change a derivation rule, or switch it on or off: `PATCH /v1/derivation-rules/{name}`.
   *
   * Members left out stay as they are. A rule that ships with Relay can be switched off, for
   * applications that publish those events themselves.
   *
   * Needs the scope `manage`.
   */
  updateDerivationRule(name: string, body: t.UpdateDerivationRule, options: CallOptions = {}): Promise<t.DerivationRule> {
    return this.json({ method: "PATCH", path: `/v1/derivation-rules/${segment(name)}`, body }, options);
  }

  /**
   * Delete a derivation rule: `DELETE /v1/derivation-rules/{name}`.
   *
   * One of your own; those that ship with Relay can be switched off.
   *
   * Needs the scope `manage`.
   */
  deleteDerivationRule(name: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/derivation-rules/${segment(name)}` }, options);
  }

  /**
   * List webhooks: `GET /v1/webhooks`.
   *
   * The oldest first.
   *
   * Needs the scope `read`.
   */
  listWebhooks(query: t.ListWebhooksParams = {}, options: CallOptions = {}): AsyncGenerator<t.Webhook, void, undefined> {
    return this.entries((cursor) => this.listWebhooksPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listWebhooks, for callers who keep the cursor by themselves. */
  listWebhooksPage(query: t.ListWebhooksParams = {}, options: CallOptions = {}): Promise<Page<t.Webhook>> {
    return this.json({ method: "GET", path: "/v1/webhooks", query: { ...query } }, options);
  }

  /**
   * Create a webhook: `POST /v1/webhooks`.
   *
   * It receives the events accepted from now on. The answer shows the signing secret, for the only
   * time.
   *
   * Needs the scope `manage`.
   */
  createWebhook(body: t.CreateWebhook, options: CallOptions = {}): Promise<t.Webhook> {
    return this.json({ method: "POST", path: "/v1/webhooks", body, once: true }, options);
  }

  /**
   * Get a webhook: `GET /v1/webhooks/{id}`.
   *
   * Needs the scope `read`.
   */
  getWebhook(id: string, options: CallOptions = {}): Promise<t.Webhook> {
    return this.json({ method: "GET", path: `/v1/webhooks/${segment(id)}` }, options);
  }

  /**
   * Change a webhook: `PATCH /v1/webhooks/{id}`.
   *
   * Members left out stay as they are, null resets a member to its default. Deliveries that wait
   * for their retry follow the new settings.
   *
   * Needs the scope `manage`.
   */
  updateWebhook(id: string, body: t.UpdateWebhook, options: CallOptions = {}): Promise<t.Webhook> {
    return this.json({ method: "PATCH", path: `/v1/webhooks/${segment(id)}`, body }, options);
  }

  /**
   * Delete a webhook: `DELETE /v1/webhooks/{id}`.
   *
   * What it was still owed is discarded. Its attempts stay in the log.
   *
   * Needs the scope `manage`.
   */
  deleteWebhook(id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/webhooks/${segment(id)}` }, options);
  }

  /**
   * Send a test event: `POST /v1/webhooks/{id}/test`.
   *
   * Sends an example event with the header `X-Relay-Test: true` at once, waits for the endpoint,
   * and answers 200 with the attempt whatever it said. The attempt is in the log and is not
   * repeated.
   *
   * Needs the scope `manage`.
   */
  testWebhook(id: string, body: t.TestRequest = {}, options: CallOptions = {}): Promise<t.TestAnswer> {
    return this.json({ method: "POST", path: `/v1/webhooks/${segment(id)}/test`, body, once: true }, options);
  }

  /**
   * Try a filter, transform or format: `POST /v1/webhooks/{id}/preview`.
   *
   * On past events (`last`, or `eventIds`) or given ones (`events`): which match, and the requests
   * that would be made. No request is made, and no event is stored. Takes 10 s at most; the events
   * it did not get to are answered as `notTried`. The list is never paged.
   *
   * Needs the scope `manage`.
   */
  previewWebhook(id: string, body: t.PreviewRequest = {}, options: CallOptions = {}): Promise<t.PreviewedEvent[]> {
    return this.list({ method: "POST", path: `/v1/webhooks/${segment(id)}/preview`, body }, options);
  }

  /**
   * Pause a webhook: `POST /v1/webhooks/{id}/pause`.
   *
   * Events accepted while it is paused are not queued for it, and retries wait. Use replay to catch
   * up afterwards.
   *
   * Needs the scope `manage`.
   */
  pauseWebhook(id: string, options: CallOptions = {}): Promise<t.Webhook> {
    return this.json({ method: "POST", path: `/v1/webhooks/${segment(id)}/pause`, once: true }, options);
  }

  /**
   * Resume a paused or disabled webhook: `POST /v1/webhooks/{id}/resume`.
   *
   * Needs the scope `manage`.
   */
  resumeWebhook(id: string, options: CallOptions = {}): Promise<t.Webhook> {
    return this.json({ method: "POST", path: `/v1/webhooks/${segment(id)}/resume`, once: true }, options);
  }

  /**
   * Replace the signing secret: `POST /v1/webhooks/{id}/rotate-secret`.
   *
   * The answer shows the new secret, for the only time. The old one is invalid at once, or signs
   * beside the new one for `overlap`. A key pair is replaced with it.
   *
   * Needs the scope `manage`.
   */
  rotateWebhookSecret(id: string, body: t.RotateRequest = {}, options: CallOptions = {}): Promise<t.Webhook> {
    return this.json({ method: "POST", path: `/v1/webhooks/${segment(id)}/rotate-secret`, body, once: true }, options);
  }

  /**
   * Show the signing secret again: `POST /v1/webhooks/{id}/reveal-secret`.
   *
   * Where the tenant allows it: `revealSecrets`, which operators set with `PATCH /v1/tenants/{id}`.
   * The audit log notes who has seen it.
   *
   * Needs the scope `admin`.
   */
  revealWebhookSecret(id: string, options: CallOptions = {}): Promise<t.RevealedSecret> {
    return this.json({ method: "POST", path: `/v1/webhooks/${segment(id)}/reveal-secret`, once: true }, options);
  }

  /**
   * Retry all failed deliveries since a time: `POST /v1/webhooks/{id}/recover`.
   *
   * Runs in the background; the job in the answer shows how far it is.
   *
   * Needs the scope `manage`.
   */
  recoverWebhook(id: string, body: t.SinceRequest, options: CallOptions = {}): Promise<t.Job> {
    return this.json({ method: "POST", path: `/v1/webhooks/${segment(id)}/recover`, body, once: true }, options);
  }

  /**
   * Deliver all matching events since a time: `POST /v1/webhooks/{id}/replay`.
   *
   * Also those that came while the webhook was paused or disabled. Runs in the background; the job
   * in the answer shows how far it is.
   *
   * Needs the scope `manage`.
   */
  replayWebhook(id: string, body: t.SinceRequest, options: CallOptions = {}): Promise<t.Job> {
    return this.json({ method: "POST", path: `/v1/webhooks/${segment(id)}/replay`, body, once: true }, options);
  }

  /**
   * List a webhook's attempts: `GET /v1/webhooks/{id}/attempts`.
   *
   * The log, the newest first, also that of a webhook that was deleted. A search that matches
   * rarely may answer a short or empty page with a `nextCursor`: go on from there; `searchedTo`
   * says how far it came.
   *
   * Needs the scope `read`.
   */
  listWebhookAttempts(id: string, query: t.ListWebhookAttemptsParams = {}, options: CallOptions = {}): AsyncGenerator<t.Attempt, void, undefined> {
    return this.entries((cursor) => this.listWebhookAttemptsPage(id, { ...query, cursor }, options), query.cursor);
  }

  /** One page of listWebhookAttempts, for callers who keep the cursor by themselves. */
  listWebhookAttemptsPage(id: string, query: t.ListWebhookAttemptsParams = {}, options: CallOptions = {}): Promise<Page<t.Attempt>> {
    return this.json({ method: "GET", path: `/v1/webhooks/${segment(id)}/attempts`, query: { ...query } }, options);
  }

  /**
   * List REST hooks: `GET /v1/hooks`.
   *
   * A plain list, the newest first. With `targetUrl` and `event` it tells whether a subscription
   * exists already.
   *
   * Needs the scope `hooks`.
   */
  listHooks(query: t.ListHooksParams = {}, options: CallOptions = {}): Promise<t.Hook[]> {
    return this.json({ method: "GET", path: "/v1/hooks", query: { ...query } }, options);
  }

  /**
   * Subscribe a REST hook: `POST /v1/hooks`.
   *
   * The same target, events and filter again answer `200` with the same hook. What is delivered is
   * the envelope with the member `id`, the same as `webhookId`. A target that answers `410` ends
   * its hook. The answer shows the signing secret to the key that created the hook.
   *
   * Needs the scope `hooks`.
   */
  createHook(body: t.CreateHook, options: CallOptions = {}): Promise<t.Hook> {
    return this.json({ method: "POST", path: "/v1/hooks", body, once: true }, options);
  }

  /**
   * Unsubscribe a REST hook: `DELETE /v1/hooks/{id}`.
   *
   * Answers the same for a hook that has ended already. What it was owed is discarded. It is listed
   * for 30 days, with `status=ended`, and can be restored.
   *
   * Needs the scope `hooks`.
   */
  deleteHook(id: string, options: CallOptions = {}): Promise<t.HookDeleted> {
    return this.json({ method: "DELETE", path: `/v1/hooks/${segment(id)}` }, options);
  }

  /**
   * Restore a REST hook that has ended: `POST /v1/hooks/{id}/restore`.
   *
   * It keeps its id and secret, and gets events from now on. Its platform may not know it any more;
   * then its target answers `410` again.
   *
   * Needs the scope `manage`.
   */
  restoreHook(id: string, options: CallOptions = {}): Promise<t.Hook> {
    return this.json({ method: "POST", path: `/v1/hooks/${segment(id)}/restore`, once: true }, options);
  }

  /**
   * Resume a REST hook that Relay has disabled: `POST /v1/hooks/{id}/resume`.
   *
   * Needs the scope `manage`.
   */
  resumeHook(id: string, options: CallOptions = {}): Promise<t.Hook> {
    return this.json({ method: "POST", path: `/v1/hooks/${segment(id)}/resume`, once: true }, options);
  }

  /**
   * Show events as a REST hook gets them: `GET /v1/hooks/samples`.
   *
   * A plain list, the newest first: events of the last 30 days in the form in which they are
   * delivered, or the catalogue's examples where there are none. The ids are not those of
   * deliveries.
   *
   * Needs the scope `hooks`.
   */
  listHookSamples(query: t.ListHookSamplesParams = {}, options: CallOptions = {}): Promise<unknown[]> {
    return this.json({ method: "GET", path: "/v1/hooks/samples", query: { ...query } }, options);
  }

  /**
   * Name the connection: `GET /v1/hooks/me`.
   *
   * The tenant and the key, for the label that a platform shows beside a connection, and to test a
   * key.
   *
   * Needs the scope `hooks`.
   */
  getHookAccount(options: CallOptions = {}): Promise<t.HookAccount> {
    return this.json({ method: "GET", path: "/v1/hooks/me" }, options);
  }

  /**
   * List the event types to choose from: `GET /v1/hooks/events`.
   *
   * A plain list, by name, for the dropdowns of platforms.
   *
   * Needs the scope `hooks`.
   */
  listHookEvents(options: CallOptions = {}): Promise<t.HookEvent[]> {
    return this.json({ method: "GET", path: "/v1/hooks/events" }, options);
  }

  /**
   * List attempts: `GET /v1/attempts`.
   *
   * The log of all webhooks, of an event or of a delivery, the newest first; of one event at most
   * the last 1,000. A search that matches rarely may answer a short or empty page with a
   * `nextCursor`: go on from there; `searchedTo` says how far it came.
   *
   * Needs the scope `read`.
   */
  listAttempts(query: t.ListAttemptsParams = {}, options: CallOptions = {}): AsyncGenerator<t.Attempt, void, undefined> {
    return this.entries((cursor) => this.listAttemptsPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listAttempts, for callers who keep the cursor by themselves. */
  listAttemptsPage(query: t.ListAttemptsParams = {}, options: CallOptions = {}): Promise<Page<t.Attempt>> {
    return this.json({ method: "GET", path: "/v1/attempts", query: { ...query } }, options);
  }

  /**
   * List saved views of the log: `GET /v1/log-views`.
   *
   * By name: those that the tenant shares, and your own if you have signed in. The list is never
   * paged.
   *
   * Needs the scope `read`.
   */
  listLogViews(options: CallOptions = {}): Promise<t.LogView[]> {
    return this.list({ method: "GET", path: "/v1/log-views" }, options);
  }

  /**
   * Save a view of the log: `POST /v1/log-views`.
   *
   * A filter under a name, for people: the dashboard lists it beside the log. A tenant shares at
   * most 50, and each person has at most 50 in a tenant.
   *
   * Needs the scope `manage`.
   */
  createLogView(body: t.CreateLogView, options: CallOptions = {}): Promise<t.LogView> {
    return this.json({ method: "POST", path: "/v1/log-views", body, once: true }, options);
  }

  /**
   * Delete a saved view of the log: `DELETE /v1/log-views/{id}`.
   *
   * Needs the scope `manage`.
   */
  deleteLogView(id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/log-views/${segment(id)}` }, options);
  }

  /**
   * Get an attempt: `GET /v1/attempts/{id}`.
   *
   * Needs the scope `read`.
   */
  getAttempt(id: string, options: CallOptions = {}): Promise<t.Attempt> {
    return this.json({ method: "GET", path: `/v1/attempts/${segment(id)}` }, options);
  }

  /**
   * List deliveries: `GET /v1/deliveries`.
   *
   * Those that are not settled first, the newest event first; then the settled ones, the last
   * settled first. A search that matches rarely may answer a short or empty page with a
   * `nextCursor`: go on from there; `searchedTo` says how far back in the log it came.
   *
   * Needs the scope `read`.
   */
  listDeliveries(query: t.ListDeliveriesParams = {}, options: CallOptions = {}): AsyncGenerator<t.Delivery, void, undefined> {
    return this.entries((cursor) => this.listDeliveriesPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listDeliveries, for callers who keep the cursor by themselves. */
  listDeliveriesPage(query: t.ListDeliveriesParams = {}, options: CallOptions = {}): Promise<Page<t.Delivery>> {
    return this.json({ method: "GET", path: "/v1/deliveries", query: { ...query } }, options);
  }

  /**
   * Get a delivery: `GET /v1/deliveries/{id}`.
   *
   * Needs the scope `read`.
   */
  getDelivery(id: string, options: CallOptions = {}): Promise<t.Delivery> {
    return this.json({ method: "GET", path: `/v1/deliveries/${segment(id)}` }, options);
  }

  /**
   * Retry a delivery now: `POST /v1/deliveries/{id}/retry`.
   *
   * One that failed, expired, was canceled or waits. It keeps its id and starts a new round of
   * attempts. 409 where its event is no longer stored: there is nothing to send.
   *
   * Needs the scope `manage`.
   */
  retryDelivery(id: string, options: CallOptions = {}): Promise<t.Delivery> {
    return this.json({ method: "POST", path: `/v1/deliveries/${segment(id)}/retry`, once: true }, options);
  }

  /**
   * Cancel a delivery: `POST /v1/deliveries/{id}/cancel`.
   *
   * It is not attempted again.
   *
   * Needs the scope `manage`.
   */
  cancelDelivery(id: string, options: CallOptions = {}): Promise<t.Delivery> {
    return this.json({ method: "POST", path: `/v1/deliveries/${segment(id)}/cancel`, once: true }, options);
  }

  /**
   * List background jobs: `GET /v1/jobs`.
   *
   * The newest first, at most 250. The list is never paged.
   *
   * Needs the scope `read`.
   */
  listJobs(options: CallOptions = {}): Promise<t.Job[]> {
    return this.list({ method: "GET", path: "/v1/jobs" }, options);
  }

  /**
   * Get a background job: `GET /v1/jobs/{id}`.
   *
   * Needs the scope `read`.
   */
  getJob(id: string, options: CallOptions = {}): Promise<t.Job> {
    return this.json({ method: "GET", path: `/v1/jobs/${segment(id)}` }, options);
  }

  /**
   * Cancel a background job: `POST /v1/jobs/{id}/cancel`.
   *
   * The deliveries it has asked for already stay.
   *
   * Needs the scope `manage`.
   */
  cancelJob(id: string, options: CallOptions = {}): Promise<t.Job> {
    return this.json({ method: "POST", path: `/v1/jobs/${segment(id)}/cancel`, once: true }, options);
  }

  /**
   * List campaigns: `GET /v1/campaigns`.
   *
   * In the order of their numbers.
   *
   * Needs the scope `read`.
   */
  listCampaigns(query: t.ListCampaignsParams = {}, options: CallOptions = {}): AsyncGenerator<t.Campaign, void, undefined> {
    return this.entries((cursor) => this.listCampaignsPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listCampaigns, for callers who keep the cursor by themselves. */
  listCampaignsPage(query: t.ListCampaignsParams = {}, options: CallOptions = {}): Promise<Page<t.Campaign>> {
    return this.json({ method: "GET", path: "/v1/campaigns", query: { ...query } }, options);
  }

  /**
   * Create a campaign: `POST /v1/campaigns`.
   *
   * It is not needed: a campaign comes into being with its first stored respondent. But one made
   * before has a name.
   *
   * Needs the scope `manage`.
   */
  createCampaign(body: t.CreateCampaign, options: CallOptions = {}): Promise<t.Campaign> {
    return this.json({ method: "POST", path: "/v1/campaigns", body, once: true }, options);
  }

  /**
   * Get a campaign: `GET /v1/campaigns/{id}`.
   *
   * Needs the scope `read`.
   */
  getCampaign(id: number, options: CallOptions = {}): Promise<t.Campaign> {
    return this.json({ method: "GET", path: `/v1/campaigns/${segment(id)}` }, options);
  }

  /**
   * Rename a campaign: `PATCH /v1/campaigns/{id}`.
   *
   * Needs the scope `manage`.
   */
  updateCampaign(id: number, body: t.UpdateCampaign, options: CallOptions = {}): Promise<t.Campaign> {
    return this.json({ method: "PATCH", path: `/v1/campaigns/${segment(id)}`, body }, options);
  }

  /**
   * Delete a campaign with its respondents: `DELETE /v1/campaigns/{id}`.
   *
   * Each of them is erased, those on their way to the gate's endpoint too.
   *
   * Needs the scope `manage`.
   */
  deleteCampaign(id: number, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/campaigns/${segment(id)}` }, options);
  }

  /**
   * Add a respondent: `POST /v1/respondents`.
   *
   * It is stored in its campaign and never goes through the gate. Members that are not documented
   * are kept. With the header `Idempotency-Key`, or an `id` of your own, sending it again answers
   * the first result with `"duplicate":true`; the same key with other data is a `409`.
   *
   * Needs the scope `publish`.
   */
  addRespondent(body: t.NewRespondent, options: CallOptions = {}): Promise<t.ReceivedRespondent> {
    return this.json({ method: "POST", path: "/v1/respondents", body, once: true }, options);
  }

  /**
   * List respondents: `GET /v1/respondents`.
   *
   * Those of one state, the newest first. A search that matches rarely may answer a short or empty
   * page with a `nextCursor`: go on from there.
   *
   * Needs the scope `read`.
   */
  listRespondents(query: t.ListRespondentsParams = {}, options: CallOptions = {}): AsyncGenerator<t.Respondent, void, undefined> {
    return this.entries((cursor) => this.listRespondentsPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listRespondents, for callers who keep the cursor by themselves. */
  listRespondentsPage(query: t.ListRespondentsParams = {}, options: CallOptions = {}): Promise<Page<t.Respondent>> {
    return this.json({ method: "GET", path: "/v1/respondents", query: { ...query } }, options);
  }

  /**
   * Export respondents as CSV: `GET /v1/respondents/export`.
   *
   * UTF-8, RFC 4180 with plain line feeds, a line of names first, the newest respondent first; of
   * any length. What begins a cell with `=`, `+`, `-`, `@`, a tab or a line break, or follows a
   * semicolon, a tab or a line break in one, gets an apostrophe before it, so that no spreadsheet
   * takes it for a formula. An export that ends early was cut off: its last line has no line end.
   *
   * Needs the scope `read`.
   */
  exportRespondents(query: t.ExportRespondentsParams = {}, options: CallOptions = {}): Promise<Response> {
    return this.open({ method: "GET", path: "/v1/respondents/export", query: { ...query } }, options);
  }

  /**
   * Erase a person: `POST /v1/respondents/erase`.
   *
   * All respondents with the e-mail address or the telephone number, of every campaign and state,
   * as erasing one does. Both are compared without what cannot be seen, punctuation and other ways
   * of writing the same: `tel:`, `mailto:`, a name before the address, full-width digits.
   * `warnings` names what cannot be compared with certainty.
   *
   * Needs the scope `manage`.
   */
  erasePerson(body: t.EraseRequest, options: CallOptions = {}): Promise<t.EraseAnswer> {
    return this.json({ method: "POST", path: "/v1/respondents/erase", body, once: true }, options);
  }

  /**
   * Get a respondent: `GET /v1/respondents/{id}`.
   *
   * Needs the scope `read`.
   */
  getRespondent(id: string, options: CallOptions = {}): Promise<t.Respondent> {
    return this.json({ method: "GET", path: `/v1/respondents/${segment(id)}` }, options);
  }

  /**
   * Erase a respondent: `DELETE /v1/respondents/{id}`.
   *
   * For good, in every state, with what the log holds of it: requests and answers about it no
   * longer show bodies. A waiting delivery is not made.
   *
   * Needs the scope `manage`.
   */
  eraseRespondent(id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/respondents/${segment(id)}` }, options);
  }

  /**
   * Retry a held respondent: `POST /v1/respondents/{id}/retry`.
   *
   * The gate's endpoint is asked again, with a new round of attempts.
   *
   * Needs the scope `manage`.
   */
  retryRespondent(id: string, options: CallOptions = {}): Promise<t.Respondent> {
    return this.json({ method: "POST", path: `/v1/respondents/${segment(id)}/retry`, once: true }, options);
  }

  /**
   * Receive a respondent from an integration: `POST /v1/integrations/{name}/respondents`.
   *
   * With the gate off it is stored in its campaign. With the gate on, `state` is `pending` and the
   * endpoint is asked; with a `deadline` the call waits for the verdict, and `state` is what it
   * came to, or `pending` if there was none in time. `202` is answered when the respondent is
   * durable.
   *
   * With the header `Idempotency-Key`, or an `id` of the integration's own, sending it again
   * answers how the first one stands, with `"duplicate":true`; the same key with other data is a
   * `409`.
   *
   * Needs the scope `publish`.
   */
  receiveRespondent(name: string, body: t.NewRespondent, options: CallOptions = {}): Promise<t.ReceivedRespondent> {
    return this.json({ method: "POST", path: `/v1/integrations/${segment(name)}/respondents`, body, once: true }, options);
  }

  /**
   * Get the gate's settings: `GET /v1/gate`.
   *
   * Needs the scope `admin`.
   */
  getGate(options: CallOptions = {}): Promise<t.GateSettings> {
    return this.json({ method: "GET", path: "/v1/gate" }, options);
  }

  /**
   * Change the gate's settings: `PATCH /v1/gate`.
   *
   * Members left out stay as they are, null resets one to its default. What is on its way follows
   * the new settings; a gate that is turned off still asks about those it has. The change is in the
   * audit log.
   *
   * Needs the scope `admin`.
   */
  updateGate(body: t.UpdateGate, options: CallOptions = {}): Promise<t.GateSettings> {
    return this.json({ method: "PATCH", path: "/v1/gate", body }, options);
  }

  /**
   * Send an example to the gate's endpoint: `POST /v1/gate/test`.
   *
   * With the header `X-Relay-Test: true`, at once, whether the gate is on or not. Answers 200 with
   * the attempt whatever the endpoint said; in mode decide an answer that is no decision is a
   * failure. Nobody is stored.
   *
   * Needs the scope `admin`.
   */
  testGate(options: CallOptions = {}): Promise<t.TestAnswer> {
    return this.json({ method: "POST", path: "/v1/gate/test", once: true }, options);
  }

  /**
   * List the gate's attempts: `GET /v1/gate/attempts`.
   *
   * The log of requests to the endpoint, the newest first, with the bodies of those that were not
   * erased. A search that matches rarely may answer a short or empty page with a `nextCursor`: go
   * on from there.
   *
   * Needs the scope `admin`.
   */
  listGateAttempts(query: t.ListGateAttemptsParams = {}, options: CallOptions = {}): AsyncGenerator<t.Attempt, void, undefined> {
    return this.entries((cursor) => this.listGateAttemptsPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listGateAttempts, for callers who keep the cursor by themselves. */
  listGateAttemptsPage(query: t.ListGateAttemptsParams = {}, options: CallOptions = {}): Promise<Page<t.Attempt>> {
    return this.json({ method: "GET", path: "/v1/gate/attempts", query: { ...query } }, options);
  }

  /**
   * List integrations: `GET /v1/integrations`.
   *
   * The list is never paged.
   *
   * Needs the scope `read`.
   */
  listIntegrations(options: CallOptions = {}): Promise<t.Integration[]> {
    return this.list({ method: "GET", path: "/v1/integrations" }, options);
  }

  /**
   * Add an integration: `POST /v1/integrations`.
   *
   * Its respondents go through the gate once its name is in the gate's `integrations`.
   *
   * Needs the scope `admin`.
   */
  createIntegration(body: t.CreateIntegration, options: CallOptions = {}): Promise<t.Integration> {
    return this.json({ method: "POST", path: "/v1/integrations", body, once: true }, options);
  }

  /**
   * Remove an integration that was added: `DELETE /v1/integrations/{name}`.
   *
   * Its respondents stay.
   *
   * Needs the scope `admin`.
   */
  deleteIntegration(name: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/integrations/${segment(name)}` }, options);
  }

  /**
   * List the connectors: `GET /v1/connectors`.
   *
   * The standard ones, then your own with all their versions. The list is never paged.
   *
   * Needs the scope `read`.
   */
  listConnectors(query: t.ListConnectorsParams = {}, options: CallOptions = {}): Promise<t.Connector[]> {
    return this.list({ method: "GET", path: "/v1/connectors", query: { ...query } }, options);
  }

  /**
   * Add a connector, or a version of one: `POST /v1/connectors`.
   *
   * It begins as a draft, which may lack what it does not have yet. What is wrong is told with line
   * and column.
   *
   * Needs the scope `admin`.
   */
  createConnector(body: t.CreateConnector, options: CallOptions = {}): Promise<t.ConnectorDocument> {
    return this.json({ method: "POST", path: "/v1/connectors", body, once: true }, options);
  }

  /**
   * Check a document and run its tests: `POST /v1/connectors/check`.
   *
   * Nothing is stored and nothing is sent.
   *
   * Needs the scope `admin`.
   */
  checkConnector(body: t.CreateConnector, options: CallOptions = {}): Promise<t.ConnectorCheck> {
    return this.json({ method: "POST", path: "/v1/connectors/check", body }, options);
  }

  /**
   * Get a connector with its document: `GET /v1/connectors/{name}`.
   *
   * Needs the scope `read`.
   */
  getConnector(name: string, query: t.GetConnectorParams = {}, options: CallOptions = {}): Promise<t.ConnectorDocument> {
    return this.json({ method: "GET", path: `/v1/connectors/${segment(name)}`, query: { ...query } }, options);
  }

  /**
   * Change a draft, or move a version on: `PATCH /v1/connectors/{name}`.
   *
   * Only drafts change. `draft` becomes `testing` or `live`, `testing` becomes `live`, `draft` or
   * `retired`, `live` becomes `retired`.
   *
   * Needs the scope `admin`.
   */
  updateConnector(name: string, body: t.UpdateConnector, options: CallOptions = {}): Promise<t.ConnectorDocument> {
    return this.json({ method: "PATCH", path: `/v1/connectors/${segment(name)}`, body }, options);
  }

  /**
   * Delete a version that no connection uses: `DELETE /v1/connectors/{name}`.
   *
   * Needs the scope `admin`.
   */
  deleteConnector(name: string, query: t.DeleteConnectorParams = {}, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/connectors/${segment(name)}`, query: { ...query } }, options);
  }

  /**
   * Note that a step of the plan is done: `POST /v1/connectors/{name}/plan`.
   *
   * Needs the scope `admin`.
   */
  tickConnectorPlan(name: string, body: t.DoneStep, options: CallOptions = {}): Promise<t.Connector> {
    return this.json({ method: "POST", path: `/v1/connectors/${segment(name)}/plan`, body, once: true }, options);
  }

  /**
   * Show what a connector makes of a payload: `POST /v1/connectors/{name}/try`.
   *
   * Four stages: payload, filter, transform, request. With `send` the request is made, waited for,
   * and in the log of the connection.
   *
   * Needs the scope `manage`.
   */
  tryConnector(name: string, body: t.ConnectorPayload, options: CallOptions = {}): Promise<t.ConnectorTrial> {
    return this.json({ method: "POST", path: `/v1/connectors/${segment(name)}/try`, body, once: true }, options);
  }

  /**
   * List the connections: `GET /v1/connections`.
   *
   * The list is never paged.
   *
   * Needs the scope `read`.
   */
  listConnections(options: CallOptions = {}): Promise<t.Connection[]> {
    return this.list({ method: "GET", path: "/v1/connections" }, options);
  }

  /**
   * Connect to a partner: `POST /v1/connections`.
   *
   * Where the connector has a check, the partner is asked whether it accepts the credentials, and
   * nothing is stored if it does not. A connector may have several connections: accounts, regions.
   *
   * Needs the scope `manage`.
   */
  createConnection(body: t.CreateConnection, options: CallOptions = {}): Promise<t.Connection> {
    return this.json({ method: "POST", path: "/v1/connections", body, once: true }, options);
  }

  /**
   * Get a connection: `GET /v1/connections/{id}`.
   *
   * Needs the scope `read`.
   */
  getConnection(id: string, options: CallOptions = {}): Promise<t.Connection> {
    return this.json({ method: "GET", path: `/v1/connections/${segment(id)}` }, options);
  }

  /**
   * Change a connection: `PATCH /v1/connections/{id}`.
   *
   * Members left out stay as they are. What waits to be sent is sent with the new settings.
   *
   * Needs the scope `manage`.
   */
  updateConnection(id: string, body: t.UpdateConnection, options: CallOptions = {}): Promise<t.Connection> {
    return this.json({ method: "PATCH", path: `/v1/connections/${segment(id)}`, body }, options);
  }

  /**
   * Delete a connection: `DELETE /v1/connections/{id}`.
   *
   * What waits to be sent is discarded.
   *
   * Needs the scope `manage`.
   */
  deleteConnection(id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/connections/${segment(id)}` }, options);
  }

  /**
   * Ask the partner whether it accepts the credentials: `POST /v1/connections/{id}/check`.
   *
   * A `422` has the partner's words if it does not.
   *
   * Needs the scope `manage`.
   */
  checkConnection(id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "POST", path: `/v1/connections/${segment(id)}/check` }, options);
  }

  /**
   * List the segments at the partner: `GET /v1/connections/{id}/segments`.
   *
   * They are fetched from the partner and kept for a while. A `409` says that the connector lists
   * none: enter the External ID. The list is never paged.
   *
   * Needs the scope `read`.
   */
  listSegments(id: string, query: t.ListSegmentsParams = {}, options: CallOptions = {}): Promise<t.Segments> {
    return this.json({ method: "GET", path: `/v1/connections/${segment(id)}/segments`, query: { ...query } }, options);
  }

  /**
   * List the requests of a connection: `GET /v1/connections/{id}/attempts`.
   *
   * The newest first. A search that matches rarely may answer a short or empty page with a
   * `nextCursor`: go on from there.
   *
   * Needs the scope `read`.
   */
  listConnectionAttempts(id: string, query: t.ListConnectionAttemptsParams = {}, options: CallOptions = {}): AsyncGenerator<t.Attempt, void, undefined> {
    return this.entries((cursor) => this.listConnectionAttemptsPage(id, { ...query, cursor }, options), query.cursor);
  }

  /** One page of listConnectionAttempts, for callers who keep the cursor by themselves. */
  listConnectionAttemptsPage(id: string, query: t.ListConnectionAttemptsParams = {}, options: CallOptions = {}): Promise<Page<t.Attempt>> {
    return this.json({ method: "GET", path: `/v1/connections/${segment(id)}/attempts`, query: { ...query } }, options);
  }

  /**
   * List the profiles: `GET /v1/profiles`.
   *
   * In the order of their ids.
   *
   * Needs the scope `read`.
   */
  listProfiles(query: t.ListProfilesParams = {}, options: CallOptions = {}): AsyncGenerator<t.Profile, void, undefined> {
    return this.entries((cursor) => this.listProfilesPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listProfiles, for callers who keep the cursor by themselves. */
  listProfilesPage(query: t.ListProfilesParams = {}, options: CallOptions = {}): Promise<Page<t.Profile>> {
    return this.json({ method: "GET", path: "/v1/profiles", query: { ...query } }, options);
  }

  /**
   * Get a profile: `GET /v1/profiles/{id}`.
   *
   * Needs the scope `read`.
   */
  getProfile(id: string, options: CallOptions = {}): Promise<t.Profile> {
    return this.json({ method: "GET", path: `/v1/profiles/${segment(id)}` }, options);
  }

  /**
   * Store a profile, or change it: `PATCH /v1/profiles/{id}`.
   *
   * Members left out stay as they are. What changes is sent to the partners that are to know of
   * changes.
   *
   * Needs the scope `manage`.
   */
  putProfile(id: string, body: t.PutProfile, options: CallOptions = {}): Promise<t.Profile> {
    return this.json({ method: "PATCH", path: `/v1/profiles/${segment(id)}`, body }, options);
  }

  /**
   * Erase a profile: `DELETE /v1/profiles/{id}`.
   *
   * It leaves its audiences, the partners that can remove it are asked to, and then it is gone.
   *
   * Needs the scope `manage`.
   */
  eraseProfile(id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/profiles/${segment(id)}` }, options);
  }

  /**
   * List the audiences: `GET /v1/audiences`.
   *
   * The list is never paged.
   *
   * Needs the scope `read`.
   */
  listAudiences(options: CallOptions = {}): Promise<t.Audience[]> {
    return this.list({ method: "GET", path: "/v1/audiences" }, options);
  }

  /**
   * Make an audience: `POST /v1/audiences`.
   *
   * Needs the scope `manage`.
   */
  createAudience(body: t.CreateAudience, options: CallOptions = {}): Promise<t.Audience> {
    return this.json({ method: "POST", path: "/v1/audiences", body, once: true }, options);
  }

  /**
   * Get an audience: `GET /v1/audiences/{number}`.
   *
   * Needs the scope `read`.
   */
  getAudience(number: number, options: CallOptions = {}): Promise<t.Audience> {
    return this.json({ method: "GET", path: `/v1/audiences/${segment(number)}` }, options);
  }

  /**
   * Change an audience: `PATCH /v1/audiences/{number}`.
   *
   * Needs the scope `manage`.
   */
  updateAudience(number: number, body: t.UpdateAudience, options: CallOptions = {}): Promise<t.Audience> {
    return this.json({ method: "PATCH", path: `/v1/audiences/${segment(number)}`, body }, options);
  }

  /**
   * Delete an audience that is attached to no partner: `DELETE /v1/audiences/{number}`.
   *
   * Needs the scope `manage`.
   */
  deleteAudience(number: number, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/audiences/${segment(number)}` }, options);
  }

  /**
   * Attach an audience to a partner: `POST /v1/audiences/{number}/attachments`.
   *
   * Its members are sent, unless the connector is of the kind message: that sends those who enter
   * from now on.
   *
   * Needs the scope `manage`.
   */
  createAttachment(number: number, body: t.CreateAttachment, options: CallOptions = {}): Promise<t.Attachment> {
    return this.json({ method: "POST", path: `/v1/audiences/${segment(number)}/attachments`, body, once: true }, options);
  }

  /**
   * Change an attachment, pause it, or go on: `PATCH /v1/audiences/{number}/attachments/{id}`.
   *
   * Needs the scope `manage`.
   */
  updateAttachment(number: number, id: string, body: t.UpdateAttachment, options: CallOptions = {}): Promise<t.Audience> {
    return this.json({ method: "PATCH", path: `/v1/audiences/${segment(number)}/attachments/${segment(id)}`, body }, options);
  }

  /**
   * Detach an audience from a partner: `DELETE /v1/audiences/{number}/attachments/{id}`.
   *
   * It is done in the background; `detaching` of the attachment tells until then. Repeated with
   * `keep`, it no longer waits for the partner.
   *
   * Needs the scope `manage`.
   */
  deleteAttachment(number: number, id: string, query: t.DeleteAttachmentParams = {}, options: CallOptions = {}): Promise<t.Audience> {
    return this.json({ method: "DELETE", path: `/v1/audiences/${segment(number)}/attachments/${segment(id)}`, query: { ...query } }, options);
  }

  /**
   * Count where profiles stand at a partner: `GET /v1/audiences/{number}/attachments/{id}/counts`.
   *
   * Needs the scope `read`.
   */
  getAttachmentCounts(number: number, id: string, options: CallOptions = {}): Promise<t.AttachmentCounts> {
    return this.json({ method: "GET", path: `/v1/audiences/${segment(number)}/attachments/${segment(id)}/counts` }, options);
  }

  /**
   * List where profiles stand at a partner: `GET /v1/audiences/{number}/attachments/{id}/profiles`.
   *
   * In the order of their ids.
   *
   * Needs the scope `read`.
   */
  listAttachmentProfiles(number: number, id: string, query: t.ListAttachmentProfilesParams = {}, options: CallOptions = {}): AsyncGenerator<t.AttachmentProfile, void, undefined> {
    return this.entries((cursor) => this.listAttachmentProfilesPage(number, id, { ...query, cursor }, options), query.cursor);
  }

  /** One page of listAttachmentProfiles, for callers who keep the cursor by themselves. */
  listAttachmentProfilesPage(number: number, id: string, query: t.ListAttachmentProfilesParams = {}, options: CallOptions = {}): Promise<Page<t.AttachmentProfile>> {
    return this.json({ method: "GET", path: `/v1/audiences/${segment(number)}/attachments/${segment(id)}/profiles`, query: { ...query } }, options);
  }

  /**
   * Explain why a profile is at a partner, or why it is not: `GET
   * /v1/audiences/{number}/attachments/{id}/profiles/{profileId}`.
   *
   * Needs the scope `read`.
   */
  explainProfile(number: number, id: string, profileId: string, options: CallOptions = {}): Promise<t.ProfileExplanation> {
    return this.json({ method: "GET", path: `/v1/audiences/${segment(number)}/attachments/${segment(id)}/profiles/${segment(profileId)}` }, options);
  }

  /**
   * List an audience's members: `GET /v1/audiences/{number}/members`.
   *
   * In the order of their ids.
   *
   * Needs the scope `read`.
   */
  listMembers(number: number, query: t.ListMembersParams = {}, options: CallOptions = {}): AsyncGenerator<t.Member, void, undefined> {
    return this.entries((cursor) => this.listMembersPage(number, { ...query, cursor }, options), query.cursor);
  }

  /** One page of listMembers, for callers who keep the cursor by themselves. */
  listMembersPage(number: number, query: t.ListMembersParams = {}, options: CallOptions = {}): Promise<Page<t.Member>> {
    return this.json({ method: "GET", path: `/v1/audiences/${segment(number)}/members`, query: { ...query } }, options);
  }

  /**
   * Have up to 1,000 profiles enter or leave an audience: `POST /v1/audiences/{number}/members`.
   *
   * All of them or, if a row is wrong, none. Repeating it changes nothing. For more, see imports.
   *
   * Needs the scope `manage`.
   */
  putMembers(number: number, body: t.PutMembers, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "POST", path: `/v1/audiences/${segment(number)}/members`, body, once: true }, options);
  }

  /**
   * List an audience's latest imports: `GET /v1/audiences/{number}/imports`.
   *
   * The newest first; never paged. The rows of an open one are counted by getImport.
   *
   * Needs the scope `read`.
   */
  listImports(number: number, options: CallOptions = {}): Promise<t.Import[]> {
    return this.list({ method: "GET", path: `/v1/audiences/${segment(number)}/imports` }, options);
  }

  /**
   * Begin an import into an audience: `POST /v1/audiences/{number}/imports`.
   *
   * It takes rows, shows what would change, and is then started.
   *
   * Needs the scope `manage`.
   */
  createImport(number: number, body: t.CreateImport, options: CallOptions = {}): Promise<t.Import> {
    return this.json({ method: "POST", path: `/v1/audiences/${segment(number)}/imports`, body, once: true }, options);
  }

  /**
   * Get an import: what would change, or how far it is: `GET /v1/audiences/{number}/imports/{id}`.
   *
   * Needs the scope `read`.
   */
  getImport(number: number, id: string, options: CallOptions = {}): Promise<t.Import> {
    return this.json({ method: "GET", path: `/v1/audiences/${segment(number)}/imports/${segment(id)}` }, options);
  }

  /**
   * Cancel an import: `DELETE /v1/audiences/{number}/imports/{id}`.
   *
   * What was applied stays.
   *
   * Needs the scope `manage`.
   */
  cancelImport(number: number, id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/audiences/${segment(number)}/imports/${segment(id)}` }, options);
  }

  /**
   * Add rows to an import: `POST /v1/audiences/{number}/imports/{id}/rows`.
   *
   * At most 8 MiB a request. A row that is wrong is left out and listed; the others are taken.
   *
   * Needs the scope `manage`.
   */
  addImportRows(number: number, id: string, body: t.ImportRows, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "POST", path: `/v1/audiences/${segment(number)}/imports/${segment(id)}/rows`, body, once: true }, options);
  }

  /**
   * List the rows that an import leaves out: `GET /v1/audiences/{number}/imports/{id}/rejected`.
   *
   * In the order of their lines.
   *
   * Needs the scope `read`.
   */
  listRejectedRows(number: number, id: string, query: t.ListRejectedRowsParams = {}, options: CallOptions = {}): AsyncGenerator<t.RejectedRow, void, undefined> {
    return this.entries((cursor) => this.listRejectedRowsPage(number, id, { ...query, cursor }, options), query.cursor);
  }

  /** One page of listRejectedRows, for callers who keep the cursor by themselves. */
  listRejectedRowsPage(number: number, id: string, query: t.ListRejectedRowsParams = {}, options: CallOptions = {}): Promise<Page<t.RejectedRow>> {
    return this.json({ method: "GET", path: `/v1/audiences/${segment(number)}/imports/${segment(id)}/rejected`, query: { ...query } }, options);
  }

  /**
   * Start an import: `POST /v1/audiences/{number}/imports/{id}/start`.
   *
   * It is applied in the background. A replacement that removes more than 20 % of the members, or
   * leaves rows out while it removes members, is refused unless it is forced.
   *
   * Needs the scope `manage`.
   */
  startImport(number: number, id: string, body: t.StartImport = {}, options: CallOptions = {}): Promise<t.Import> {
    return this.json({ method: "POST", path: `/v1/audiences/${segment(number)}/imports/${segment(id)}/start`, body, once: true }, options);
  }

  /**
   * Put a profile into an audience: `PATCH /v1/audiences/{number}/members/{id}`.
   *
   * The body changes the profile, as `PATCH /v1/profiles/{id}` does. Repeating it changes nothing.
   *
   * Needs the scope `manage`.
   */
  enterAudience(number: number, id: string, body: t.PutProfile = {}, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "PATCH", path: `/v1/audiences/${segment(number)}/members/${segment(id)}`, body }, options);
  }

  /**
   * Take a profile out of an audience: `DELETE /v1/audiences/{number}/members/{id}`.
   *
   * Repeating it changes nothing.
   *
   * Needs the scope `manage`.
   */
  leaveAudience(number: number, id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/audiences/${segment(number)}/members/${segment(id)}` }, options);
  }

  /**
   * List the journeys: `GET /v1/journeys`.
   *
   * The list is never paged.
   *
   * Needs the scope `read`.
   */
  listJourneys(options: CallOptions = {}): Promise<t.Journey[]> {
    return this.list({ method: "GET", path: "/v1/journeys" }, options);
  }

  /**
   * Make a journey: `POST /v1/journeys`.
   *
   * What is wrong with the document is told with line and column. It takes profiles in at once,
   * unless `mode` says otherwise.
   *
   * Needs the scope `manage`.
   */
  createJourney(body: t.CreateJourney, options: CallOptions = {}): Promise<t.JourneyDetail> {
    return this.json({ method: "POST", path: "/v1/journeys", body, once: true }, options);
  }

  /**
   * Walk a profile through a journey in virtual time: `POST /v1/journeys/dry-run`.
   *
   * Nothing is stored and nothing is sent. The profile and its events are those of the request.
   *
   * Needs the scope `read`.
   */
  dryRunJourney(body: t.DryRun, options: CallOptions = {}): Promise<t.DryRunResult> {
    return this.json({ method: "POST", path: "/v1/journeys/dry-run", body, once: true }, options);
  }

  /**
   * Get a journey, and where profiles stand in it: `GET /v1/journeys/{number}`.
   *
   * Needs the scope `read`.
   */
  getJourney(number: number, options: CallOptions = {}): Promise<t.JourneyDetail> {
    return this.json({ method: "GET", path: `/v1/journeys/${segment(number)}` }, options);
  }

  /**
   * Publish a version of a journey, pause it, drain it, stop it, or go on: `PATCH
   * /v1/journeys/{number}`.
   *
   * Needs the scope `manage`.
   */
  updateJourney(number: number, body: t.UpdateJourney, options: CallOptions = {}): Promise<t.JourneyDetail> {
    return this.json({ method: "PATCH", path: `/v1/journeys/${segment(number)}`, body }, options);
  }

  /**
   * Delete a journey that nobody is inside of: `DELETE /v1/journeys/{number}`.
   *
   * Needs the scope `manage`.
   */
  deleteJourney(number: number, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/journeys/${segment(number)}` }, options);
  }

  /**
   * Move profiles to the current version of a journey: `POST /v1/journeys/{number}/move`.
   *
   * Needs the scope `manage`.
   */
  moveJourney(number: number, body: t.MoveJourney, options: CallOptions = {}): Promise<t.JourneyMove> {
    return this.json({ method: "POST", path: `/v1/journeys/${segment(number)}/move`, body, once: true }, options);
  }

  /**
   * Have all failed enrolments of a journey take their steps again: `POST
   * /v1/journeys/{number}/retry`.
   *
   * Needs the scope `manage`.
   */
  retryJourney(number: number, options: CallOptions = {}): Promise<t.RetriedEnrolments> {
    return this.json({ method: "POST", path: `/v1/journeys/${segment(number)}/retry`, once: true }, options);
  }

  /**
   * List the profiles in a journey: `GET /v1/journeys/{number}/enrolments`.
   *
   * The newest first, those that have ended among them.
   *
   * Needs the scope `read`.
   */
  listEnrolments(number: number, query: t.ListEnrolmentsParams = {}, options: CallOptions = {}): AsyncGenerator<t.Enrolment, void, undefined> {
    return this.entries((cursor) => this.listEnrolmentsPage(number, { ...query, cursor }, options), query.cursor);
  }

  /** One page of listEnrolments, for callers who keep the cursor by themselves. */
  listEnrolmentsPage(number: number, query: t.ListEnrolmentsParams = {}, options: CallOptions = {}): Promise<Page<t.Enrolment>> {
    return this.json({ method: "GET", path: `/v1/journeys/${segment(number)}/enrolments`, query: { ...query } }, options);
  }

  /**
   * Get a profile in a journey, with its steps and sends: `GET
   * /v1/journeys/{number}/enrolments/{id}`.
   *
   * Needs the scope `read`.
   */
  getEnrolment(number: number, id: string, options: CallOptions = {}): Promise<t.EnrolmentDetail> {
    return this.json({ method: "GET", path: `/v1/journeys/${segment(number)}/enrolments/${segment(id)}` }, options);
  }

  /**
   * Have a failed enrolment take its step again: `POST
   * /v1/journeys/{number}/enrolments/{id}/retry`.
   *
   * Needs the scope `manage`.
   */
  retryEnrolment(number: number, id: string, options: CallOptions = {}): Promise<t.Enrolment> {
    return this.json({ method: "POST", path: `/v1/journeys/${segment(number)}/enrolments/${segment(id)}/retry`, once: true }, options);
  }

  /**
   * List changes: `GET /v1/audit`.
   *
   * Who made which change, from where, the newest first. An entry and its change are stored in one
   * transaction. Only actions on deliveries (`delivery.retry`, `delivery.cancel`, `event.resend`)
   * and encryption keys are logged just before they happen. Credentials are shown as `***`; of
   * objects larger than 64 KiB only the size is kept.
   *
   * Needs the scope `admin`.
   */
  listAudit(query: t.ListAuditParams = {}, options: CallOptions = {}): AsyncGenerator<t.AuditEntry, void, undefined> {
    return this.entries((cursor) => this.listAuditPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listAudit, for callers who keep the cursor by themselves. */
  listAuditPage(query: t.ListAuditParams = {}, options: CallOptions = {}): Promise<Page<t.AuditEntry>> {
    return this.json({ method: "GET", path: "/v1/audit", query: { ...query } }, options);
  }

  /**
   * Export changes: `GET /v1/audit/export`.
   *
   * All entries that the filters select, the newest first, of any length: as lines of JSON, each
   * like an entry of the list, or as CSV (UTF-8, RFC 4180 with plain line feeds, a line of names
   * first). In CSV, what a spreadsheet would take for a formula gets an apostrophe before it. An
   * export that ends early was cut off: its last line has no line end. The export itself is an
   * entry of the log.
   *
   * Needs the scope `admin`.
   */
  exportAudit(query: t.ExportAuditParams = {}, options: CallOptions = {}): Promise<Response> {
    return this.open({ method: "GET", path: "/v1/audit/export", query: { ...query } }, options);
  }

  /**
   * Count attempts over time: `GET /v1/stats`.
   *
   * Needs the scope `read`.
   */
  getStats(query: t.GetStatsParams = {}, options: CallOptions = {}): Promise<t.Stats> {
    return this.json({ method: "GET", path: "/v1/stats", query: { ...query } }, options);
  }

  /**
   * Count attempts by status, error, type and duration: `GET /v1/stats/breakdown`.
   *
   * In whole hours, UTC: those that have a part between `from` and `to`. Attempts count some
   * seconds after they were made; a server that crashes loses those of its last seconds here, and
   * not in the log. Several attempts in one request of a batch count once.
   *
   * Needs the scope `read`.
   */
  getStatsBreakdown(query: t.GetStatsBreakdownParams = {}, options: CallOptions = {}): Promise<t.Breakdown> {
    return this.json({ method: "GET", path: "/v1/stats/breakdown", query: { ...query } }, options);
  }

  /**
   * Count what waits to be delivered: `GET /v1/stats/backlog`.
   *
   * Deliveries in the memory of a server, which go out at once, do not wait and are not counted.
   * Webhooks of REST hooks, of the gate and of connections are left out.
   *
   * Needs the scope `read`.
   */
  getBacklog(options: CallOptions = {}): Promise<t.Backlog> {
    return this.json({ method: "GET", path: "/v1/stats/backlog" }, options);
  }

  /**
   * List the addresses that requests to webhooks come from: `GET /v1/egress-ips`.
   *
   * For receivers that let only known addresses through. The operator of this server states them
   * (setting `egress.ips`); a signature tells more than an address.
   *
   * Needs the scope `read`.
   */
  getEgressIPs(options: CallOptions = {}): Promise<t.EgressIPs> {
    return this.json({ method: "GET", path: "/v1/egress-ips" }, options);
  }

  /**
   * Show who is calling: `GET /v1/whoami`.
   *
   * The tenant that the key or the session acts for, and what it may do there.
   *
   * Needs a key of any scope, or the session of a person who has signed in.
   */
  whoami(options: CallOptions = {}): Promise<t.Whoami> {
    return this.json({ method: "GET", path: "/v1/whoami" }, options);
  }

  /**
   * List keys: `GET /v1/keys`.
   *
   * Revoked and expired ones included, the oldest first. The list is never paged.
   *
   * Needs the scope `admin`.
   */
  listKeys(options: CallOptions = {}): Promise<t.Key[]> {
    return this.list({ method: "GET", path: "/v1/keys" }, options);
  }

  /**
   * Create a key: `POST /v1/keys`.
   *
   * The answer shows the key, for the only time: only a hash of it is stored.
   *
   * Needs the scope `admin`.
   */
  createKey(body: t.CreateKey, options: CallOptions = {}): Promise<t.Key> {
    return this.json({ method: "POST", path: "/v1/keys", body, once: true }, options);
  }

  /**
   * Replace a key: `POST /v1/keys/{id}/replace`.
   *
   * Creates a key with the same name, scopes and limits, and lets the old one end at once or after
   * `overlap`, so that programs can change to the new one meanwhile. The answer shows the new key,
   * for the only time. The operator's key is replaced in the settings of the server.
   *
   * Needs the scope `admin`.
   */
  replaceKey(id: string, body: t.ReplaceKey = {}, options: CallOptions = {}): Promise<t.Key> {
    return this.json({ method: "POST", path: `/v1/keys/${segment(id)}/replace`, body, once: true }, options);
  }

  /**
   * Revoke a key: `DELETE /v1/keys/{id}`.
   *
   * It is refused from the next request on. It stays in the list. A key with a scope that the
   * caller's key lacks cannot be revoked, nor can the operator's key by another.
   *
   * Needs the scope `admin`.
   */
  revokeKey(id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/keys/${segment(id)}` }, options);
  }

  /**
   * Get the portal's settings: `GET /v1/portal`.
   *
   * Needs the scope `read`.
   */
  getPortal(options: CallOptions = {}): Promise<t.Portal> {
    return this.json({ method: "GET", path: "/v1/portal" }, options);
  }

  /**
   * Change the portal's settings: `PATCH /v1/portal`.
   *
   * How the pages look that your customers see, and which sites may embed them. What is left out
   * stays as it is.
   *
   * Needs the scope `admin`.
   */
  updatePortal(body: t.UpdatePortal, options: CallOptions = {}): Promise<t.Portal> {
    return this.json({ method: "PATCH", path: "/v1/portal", body }, options);
  }

  /**
   * List the words of the portal's pages: `GET /v1/portal/words`.
   *
   * By the alphabet. The list is never paged.
   *
   * Needs the scope `read`.
   */
  listPortalWords(query: t.ListPortalWordsParams = {}, options: CallOptions = {}): Promise<t.PortalWord[]> {
    return this.list({ method: "GET", path: "/v1/portal/words", query: { ...query } }, options);
  }

  /**
   * List links into the portal: `GET /v1/portal-links`.
   *
   * Those that can still be opened, the oldest first. Their addresses are not shown again.
   *
   * Needs the scope `manage`.
   */
  listPortalLinks(query: t.ListPortalLinksParams = {}, options: CallOptions = {}): AsyncGenerator<t.PortalLink, void, undefined> {
    return this.entries((cursor) => this.listPortalLinksPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listPortalLinks, for callers who keep the cursor by themselves. */
  listPortalLinksPage(query: t.ListPortalLinksParams = {}, options: CallOptions = {}): Promise<Page<t.PortalLink>> {
    return this.json({ method: "GET", path: "/v1/portal-links", query: { ...query } }, options);
  }

  /**
   * Make a link into the portal: `POST /v1/portal-links`.
   *
   * The answer shows its address, for the only time. Your server makes one whenever a customer
   * opens the page with the frame.
   *
   * Needs the scope `manage`.
   */
  createPortalLink(body: t.CreatePortalLink, options: CallOptions = {}): Promise<t.PortalLink> {
    return this.json({ method: "POST", path: "/v1/portal-links", body, once: true }, options);
  }

  /**
   * End the portal sessions of a session: `DELETE /v1/portal-links`.
   *
   * Withdraws all links made for the session of your product, and ends at once what was begun by
   * them, at every server. Call it when the customer signs out. That there are none is no error.
   *
   * Needs the scope `manage`.
   */
  endPortalSession(query: t.EndPortalSessionParams = {}, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: "/v1/portal-links", query: { ...query } }, options);
  }

  /**
   * Withdraw a link into the portal: `DELETE /v1/portal-links/{id}`.
   *
   * Ends the sessions begun by it, too.
   *
   * Needs the scope `manage`.
   */
  deletePortalLink(id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/portal-links/${segment(id)}` }, options);
  }

  /**
   * List users: `GET /v1/users`.
   *
   * In the order of their e-mail addresses. Operators belong to no tenant: `role=operator` lists
   * them, to whoever runs the platform.
   *
   * Needs the scope `admin`.
   */
  listUsers(query: t.ListUsersParams = {}, options: CallOptions = {}): AsyncGenerator<t.User, void, undefined> {
    return this.entries((cursor) => this.listUsersPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listUsers, for callers who keep the cursor by themselves. */
  listUsersPage(query: t.ListUsersParams = {}, options: CallOptions = {}): Promise<Page<t.User>> {
    return this.json({ method: "GET", path: "/v1/users", query: { ...query } }, options);
  }

  /**
   * Invite a user: `POST /v1/users`.
   *
   * The answer shows a token, for the only time. Its holder accepts with `POST /v1/session/link`
   * within seven days, and chooses a password, unless they have one at this installation, which
   * they then prove. Until they accept they may do nothing.
   *
   * Needs the scope `admin`.
   */
  inviteUser(body: t.InviteUser, options: CallOptions = {}): Promise<t.User> {
    return this.json({ method: "POST", path: "/v1/users", body, once: true }, options);
  }

  /**
   * Get a user: `GET /v1/users/{id}`.
   *
   * Needs the scope `admin`.
   */
  getUser(id: string, options: CallOptions = {}): Promise<t.User> {
    return this.json({ method: "GET", path: `/v1/users/${segment(id)}` }, options);
  }

  /**
   * Change a user's name or role: `PATCH /v1/users/{id}`.
   *
   * A new role holds from the person's next request on. Nobody changes their own.
   *
   * Needs the scope `admin`.
   */
  updateUser(id: string, body: t.UpdateUser, options: CallOptions = {}): Promise<t.User> {
    return this.json({ method: "PATCH", path: `/v1/users/${segment(id)}`, body }, options);
  }

  /**
   * Remove a user from the tenant: `DELETE /v1/users/{id}`.
   *
   * An invitation that was not accepted is withdrawn. With a person's last tenant go their password
   * and their sessions.
   *
   * Needs the scope `admin`.
   */
  deleteUser(id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/users/${segment(id)}` }, options);
  }

  /**
   * Disable a user: `POST /v1/users/{id}/disable`.
   *
   * From their next request on they may do nothing in the tenant, until they are enabled. In other
   * tenants they stay as they are.
   *
   * Needs the scope `admin`.
   */
  disableUser(id: string, options: CallOptions = {}): Promise<t.User> {
    return this.json({ method: "POST", path: `/v1/users/${segment(id)}/disable`, once: true }, options);
  }

  /**
   * Enable a user: `POST /v1/users/{id}/enable`.
   *
   * Needs the scope `admin`.
   */
  enableUser(id: string, options: CallOptions = {}): Promise<t.User> {
    return this.json({ method: "POST", path: `/v1/users/${segment(id)}/enable`, once: true }, options);
  }

  /**
   * Make a new token for an invitation: `POST /v1/users/{id}/invite`.
   *
   * The one before is no longer valid.
   *
   * Needs the scope `admin`.
   */
  inviteUserAgain(id: string, options: CallOptions = {}): Promise<t.User> {
    return this.json({ method: "POST", path: `/v1/users/${segment(id)}/invite`, once: true }, options);
  }

  /**
   * Make a token that sets a new password: `POST /v1/users/{id}/login-link`.
   *
   * For somebody who has lost their password. The token holds for an hour, and for one use with
   * `POST /v1/session/link`, which ends the person's sessions. It opens all of their tenants; so
   * only the platform may make one.
   *
   * Needs the scope `platform`.
   */
  makeLoginLink(id: string, options: CallOptions = {}): Promise<t.User> {
    return this.json({ method: "POST", path: `/v1/users/${segment(id)}/login-link`, once: true }, options);
  }

  /**
   * Disable a user's second factor: `DELETE /v1/users/{id}/second-factor`.
   *
   * For somebody who has lost their app and their recovery codes, or the device with their passkey.
   * Removes their passkeys, too. Of a person who signs in elsewhere, too, only the platform can do
   * it.
   *
   * Needs the scope `admin`.
   */
  disableUserSecondFactor(id: string, options: CallOptions = {}): Promise<t.User> {
    return this.json({ method: "DELETE", path: `/v1/users/${segment(id)}/second-factor` }, options);
  }

  /**
   * Get how people sign in: `GET /v1/sign-in`.
   *
   * Needs the scope `admin`.
   */
  getSignIn(query: t.GetSignInParams = {}, options: CallOptions = {}): Promise<t.SignIn> {
    return this.json({ method: "GET", path: "/v1/sign-in", query: { ...query } }, options);
  }

  /**
   * Change how people sign in: `PATCH /v1/sign-in`.
   *
   * Holds from everybody's next request on. An operator has the role of an admin in each tenant.
   *
   * Needs the scope `admin`.
   */
  updateSignIn(body: t.UpdateSignIn, query: t.UpdateSignInParams = {}, options: CallOptions = {}): Promise<t.SignIn> {
    return this.json({ method: "PATCH", path: "/v1/sign-in", body, query: { ...query } }, options);
  }

  /**
   * List identity providers: `GET /v1/sign-in/providers`.
   *
   * Those by which people sign in to the installation (OpenID Connect), the oldest first. The list
   * is never paged.
   *
   * Needs the scope `platform`.
   */
  listSignInProviders(options: CallOptions = {}): Promise<t.SignInProvider[]> {
    return this.list({ method: "GET", path: "/v1/sign-in/providers" }, options);
  }

  /**
   * Add an identity provider: `POST /v1/sign-in/providers`.
   *
   * The login page then offers it. Relay asks the provider for nothing before somebody signs in.
   * Its host may have a private address.
   *
   * Needs the scope `platform`.
   */
  createSignInProvider(body: t.CreateSignInProvider, options: CallOptions = {}): Promise<t.SignInProvider> {
    return this.json({ method: "POST", path: "/v1/sign-in/providers", body, once: true }, options);
  }

  /**
   * Get an identity provider: `GET /v1/sign-in/providers/{name}`.
   *
   * Needs the scope `platform`.
   */
  getSignInProvider(name: string, options: CallOptions = {}): Promise<t.SignInProvider> {
    return this.json({ method: "GET", path: `/v1/sign-in/providers/${segment(name)}` }, options);
  }

  /**
   * Change an identity provider: `PATCH /v1/sign-in/providers/{name}`.
   *
   * Holds for sign-ins from now on; sessions go on.
   *
   * Needs the scope `platform`.
   */
  updateSignInProvider(name: string, body: t.UpdateSignInProvider, options: CallOptions = {}): Promise<t.SignInProvider> {
    return this.json({ method: "PATCH", path: `/v1/sign-in/providers/${segment(name)}`, body }, options);
  }

  /**
   * Delete an identity provider: `DELETE /v1/sign-in/providers/{name}`.
   *
   * Accounts and sessions stay, with the roles that it gave; nobody signs in by it any longer.
   *
   * Needs the scope `platform`.
   */
  deleteSignInProvider(name: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/sign-in/providers/${segment(name)}` }, options);
  }

  /**
   * Sign in: `POST /v1/session`.
   *
   * For browsers: the answer sets a cookie, by which every other call knows the person. Programs
   * send a key instead. The answer to a wrong address or password is the same whatever is wrong.
   * After five failures for an account, or from an address, each further one doubles the wait that
   * `429` and `Retry-After` tell, up to 15 minutes. Without HTTPS, sessions begin on this machine
   * only, unless `publicUrl` says so.
   */
  signIn(body: t.Login, options: CallOptions = {}): Promise<t.Account> {
    return this.json({ method: "POST", path: "/v1/session", body }, options);
  }

  /**
   * Who am I?: `GET /v1/session`.
   *
   * Needs the session of a person who has signed in.
   */
  getSession(options: CallOptions = {}): Promise<t.Account> {
    return this.json({ method: "GET", path: "/v1/session" }, options);
  }

  /**
   * Sign out: `DELETE /v1/session`.
   *
   * Needs the session of a person who has signed in.
   */
  signOut(options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: "/v1/session" }, options);
  }

  /**
   * Accept an invitation, or set a new password: `POST /v1/session/link`.
   *
   * Uses up the token of an invitation or of a login link, and signs in as `signIn` does. Passwords
   * have 12 characters or more and are not among those that everybody tries first.
   */
  signInByLink(body: t.LoginByLink, options: CallOptions = {}): Promise<t.Account> {
    return this.json({ method: "POST", path: "/v1/session/link", body }, options);
  }

  /**
   * Prove the second factor: `POST /v1/session/code`.
   *
   * The second step of somebody who has a second factor: `signIn` and `signInByLink` then answer a
   * token, which waits for five minutes, and set no cookie. Wrong codes are counted as wrong
   * passwords are.
   */
  signInByCode(body: t.LoginByCode, options: CallOptions = {}): Promise<t.Account> {
    return this.json({ method: "POST", path: "/v1/session/code", body }, options);
  }

  /**
   * Begin to sign in by a passkey: `GET /v1/session/passkey`.
   *
   * For pages that call `navigator.credentials.get`; its answer is for `signInByPasskey` or
   * `confirmSession`, within an hour and once. Passkeys belong to the name in `publicUrl`, over
   * HTTPS; without `publicUrl` to `localhost`. At an address without a name the answer is `409`.
   */
  getPasskeyOptions(options: CallOptions = {}): Promise<t.PasskeyOptions> {
    return this.json({ method: "GET", path: "/v1/session/passkey" }, options);
  }

  /**
   * Sign in by a passkey: `POST /v1/session/passkey`.
   *
   * Neither address nor password is needed. A passkey is two factors, so the sign-in waits for no
   * other, and counts as a proof for `confirmSession`. A passkey whose counter has not risen since
   * its last use may have been copied, and is refused.
   */
  signInByPasskey(body: t.LoginByPasskey, options: CallOptions = {}): Promise<t.Account> {
    return this.json({ method: "POST", path: "/v1/session/passkey", body }, options);
  }

  /**
   * Prove that it is you: `POST /v1/session/confirm`.
   *
   * For ten minutes after a sign-in, or after this call, a session may change keys, users and how
   * people sign in, delete a tenant and replace encryption keys. Programs send a key, which needs
   * none of this. A session that begins by a passkey counts as proved. Somebody who signs in by an
   * identity provider, and has neither password nor second factor here, signs in again at
   * `/login/oidc/NAME?again=1`.
   *
   * Needs the session of a person who has signed in.
   */
  confirmSession(body: t.ConfirmSession, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "POST", path: "/v1/session/confirm", body, once: true }, options);
  }

  /**
   * List your sessions: `GET /v1/sessions`.
   *
   * The last used first, at most 100. The list is never paged.
   *
   * Needs the session of a person who has signed in.
   */
  listSessions(options: CallOptions = {}): Promise<t.Session[]> {
    return this.list({ method: "GET", path: "/v1/sessions" }, options);
  }

  /**
   * Sign out everywhere: `DELETE /v1/sessions`.
   *
   * Ends all your sessions, this one as well, at every server at once.
   *
   * Needs the session of a person who has signed in.
   */
  signOutEverywhere(options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: "/v1/sessions" }, options);
  }

  /**
   * End one of your sessions: `DELETE /v1/sessions/{id}`.
   *
   * Needs the session of a person who has signed in.
   */
  endSession(id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/sessions/${segment(id)}` }, options);
  }

  /**
   * Change your password: `POST /v1/password`.
   *
   * Ends all your other sessions.
   *
   * Needs the session of a person who has signed in.
   */
  changePassword(body: t.ChangePassword, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "POST", path: "/v1/password", body, once: true }, options);
  }

  /**
   * List your passkeys: `GET /v1/passkeys`.
   *
   * The oldest first, at most 20. The list is never paged.
   *
   * Needs the session of a person who has signed in.
   */
  listPasskeys(options: CallOptions = {}): Promise<t.Passkey[]> {
    return this.list({ method: "GET", path: "/v1/passkeys" }, options);
  }

  /**
   * Add a passkey: `POST /v1/passkeys`.
   *
   * Needs the session of a person who has signed in.
   */
  addPasskey(body: t.AddPasskey, options: CallOptions = {}): Promise<t.Passkey> {
    return this.json({ method: "POST", path: "/v1/passkeys", body, once: true }, options);
  }

  /**
   * Begin to add a passkey: `GET /v1/passkeys/options`.
   *
   * For pages that call `navigator.credentials.create`; its answer is for `addPasskey`, within ten
   * minutes, in the same session and once.
   *
   * Needs the session of a person who has signed in.
   */
  getNewPasskeyOptions(options: CallOptions = {}): Promise<t.PasskeyOptions> {
    return this.json({ method: "GET", path: "/v1/passkeys/options" }, options);
  }

  /**
   * Rename a passkey: `PATCH /v1/passkeys/{id}`.
   *
   * Needs the session of a person who has signed in.
   */
  renamePasskey(id: string, body: t.UpdatePasskey, options: CallOptions = {}): Promise<t.Passkey> {
    return this.json({ method: "PATCH", path: `/v1/passkeys/${segment(id)}`, body }, options);
  }

  /**
   * Remove a passkey: `DELETE /v1/passkeys/{id}`.
   *
   * It signs nobody in from then on. Sessions go on. The authenticator keeps its part until its
   * owner deletes that.
   *
   * Needs the session of a person who has signed in.
   */
  removePasskey(id: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/passkeys/${segment(id)}` }, options);
  }

  /**
   * Get your second factor: `GET /v1/second-factor`.
   *
   * Needs the session of a person who has signed in.
   */
  getSecondFactor(options: CallOptions = {}): Promise<t.SecondFactor> {
    return this.json({ method: "GET", path: "/v1/second-factor" }, options);
  }

  /**
   * Begin to set up a second factor: `POST /v1/second-factor`.
   *
   * Makes a new secret for an authenticator app: codes of six digits, a new one every 30 seconds,
   * as in RFC 6238. It holds once `confirmSecondFactor` has seen a code, within ten minutes.
   *
   * Needs the session of a person who has signed in.
   */
  setUpSecondFactor(body: t.SetUpSecondFactor = {}, options: CallOptions = {}): Promise<t.SecondFactorSetup> {
    return this.json({ method: "POST", path: "/v1/second-factor", body, once: true }, options);
  }

  /**
   * Enable your second factor: `POST /v1/second-factor/confirm`.
   *
   * Takes a code of the app. Ends all your other sessions, and answers ten recovery codes, for the
   * only time.
   *
   * Needs the session of a person who has signed in.
   */
  confirmSecondFactor(body: t.Code, options: CallOptions = {}): Promise<t.RecoveryCodes> {
    return this.json({ method: "POST", path: "/v1/second-factor/confirm", body, once: true }, options);
  }

  /**
   * Replace your recovery codes: `POST /v1/second-factor/recovery-codes`.
   *
   * Takes a code. Those before are no longer taken.
   *
   * Needs the session of a person who has signed in.
   */
  renewRecoveryCodes(body: t.Code, options: CallOptions = {}): Promise<t.RecoveryCodes> {
    return this.json({ method: "POST", path: "/v1/second-factor/recovery-codes", body, once: true }, options);
  }

  /**
   * Disable your second factor: `POST /v1/second-factor/disable`.
   *
   * Takes a code, or a recovery code.
   *
   * Needs the session of a person who has signed in.
   */
  disableSecondFactor(body: t.Code, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "POST", path: "/v1/second-factor/disable", body, once: true }, options);
  }

  /**
   * List tenants: `GET /v1/tenants`.
   *
   * In the order of their ids.
   *
   * Needs the scope `platform`.
   */
  listTenants(query: t.ListTenantsParams = {}, options: CallOptions = {}): AsyncGenerator<t.Tenant, void, undefined> {
    return this.entries((cursor) => this.listTenantsPage({ ...query, cursor }, options), query.cursor);
  }

  /** One page of listTenants, for callers who keep the cursor by themselves. */
  listTenantsPage(query: t.ListTenantsParams = {}, options: CallOptions = {}): Promise<Page<t.Tenant>> {
    return this.json({ method: "GET", path: "/v1/tenants", query: { ...query } }, options);
  }

  /**
   * Create a tenant: `POST /v1/tenants`.
   *
   * Act for it with a platform key and the header `Relay-Tenant`: create its first key with `POST
   * /v1/keys`, or invite its first admin with `POST /v1/users`.
   *
   * Needs the scope `platform`.
   */
  createTenant(body: t.CreateTenant, options: CallOptions = {}): Promise<t.Tenant> {
    return this.json({ method: "POST", path: "/v1/tenants", body, once: true }, options);
  }

  /**
   * Get a tenant: `GET /v1/tenants/{id}`.
   *
   * Needs the scope `platform`.
   */
  getTenant(id: string, options: CallOptions = {}): Promise<t.Tenant> {
    return this.json({ method: "GET", path: `/v1/tenants/${segment(id)}` }, options);
  }

  /**
   * Change a tenant: `PATCH /v1/tenants/{id}`.
   *
   * Members that are left out stay as they are.
   *
   * Needs the scope `platform`.
   */
  updateTenant(id: string, body: t.UpdateTenant, options: CallOptions = {}): Promise<t.Tenant> {
    return this.json({ method: "PATCH", path: `/v1/tenants/${segment(id)}`, body }, options);
  }

  /**
   * Delete a tenant: `DELETE /v1/tenants/{id}`.
   *
   * Nobody of the tenant can do anything from then on. After seven days, in which `POST
   * /v1/tenants/{id}/restore` takes it back, all its data are erased. The tenant `default` stays.
   *
   * Needs the scope `platform`.
   */
  deleteTenant(id: string, query: t.DeleteTenantParams = {}, options: CallOptions = {}): Promise<t.Tenant> {
    return this.json({ method: "DELETE", path: `/v1/tenants/${segment(id)}`, query: { ...query } }, options);
  }

  /**
   * Take the deletion of a tenant back: `POST /v1/tenants/{id}/restore`.
   *
   * It is as it was before: active or suspended.
   *
   * Needs the scope `platform`.
   */
  restoreTenant(id: string, options: CallOptions = {}): Promise<t.Tenant> {
    return this.json({ method: "POST", path: `/v1/tenants/${segment(id)}/restore`, once: true }, options);
  }

  /**
   * Suspend a tenant: `POST /v1/tenants/{id}/suspend`.
   *
   * Its events and changes are refused with `403`, and its deliveries wait; it can still be looked
   * at. All servers follow within two seconds. The time does not count as age of its deliveries.
   *
   * Needs the scope `platform`.
   */
  suspendTenant(id: string, options: CallOptions = {}): Promise<t.Tenant> {
    return this.json({ method: "POST", path: `/v1/tenants/${segment(id)}/suspend`, once: true }, options);
  }

  /**
   * Resume a suspended tenant: `POST /v1/tenants/{id}/resume`.
   *
   * Deliveries that have waited go out.
   *
   * Needs the scope `platform`.
   */
  resumeTenant(id: string, options: CallOptions = {}): Promise<t.Tenant> {
    return this.json({ method: "POST", path: `/v1/tenants/${segment(id)}/resume`, once: true }, options);
  }

  /**
   * List plans: `GET /v1/plans`.
   *
   * Those that come with Relay, and then the others, the oldest first. The list is never paged.
   *
   * Needs the scope `platform`.
   */
  listPlans(options: CallOptions = {}): Promise<t.Plan[]> {
    return this.list({ method: "GET", path: "/v1/plans" }, options);
  }

  /**
   * Create a plan: `POST /v1/plans`.
   *
   * Needs the scope `platform`.
   */
  createPlan(body: t.CreatePlan, options: CallOptions = {}): Promise<t.Plan> {
    return this.json({ method: "POST", path: "/v1/plans", body, once: true }, options);
  }

  /**
   * Get a plan: `GET /v1/plans/{name}`.
   *
   * Needs the scope `platform`.
   */
  getPlan(name: string, options: CallOptions = {}): Promise<t.Plan> {
    return this.json({ method: "GET", path: `/v1/plans/${segment(name)}` }, options);
  }

  /**
   * Change a plan: `PATCH /v1/plans/{name}`.
   *
   * Holds for all tenants that have it. One that has more than it allows then keeps what it has;
   * nothing is deleted or paused. It cannot create or resume any until it has less.
   *
   * Needs the scope `platform`.
   */
  updatePlan(name: string, body: t.UpdatePlan, options: CallOptions = {}): Promise<t.Plan> {
    return this.json({ method: "PATCH", path: `/v1/plans/${segment(name)}`, body }, options);
  }

  /**
   * Delete a plan: `DELETE /v1/plans/{name}`.
   *
   * One that no tenant has. A plan that comes with Relay becomes as it was shipped.
   *
   * Needs the scope `platform`.
   */
  deletePlan(name: string, options: CallOptions = {}): Promise<void> {
    return this.nothing({ method: "DELETE", path: `/v1/plans/${segment(name)}` }, options);
  }

  /**
   * How much of the plan is used?: `GET /v1/usage`.
   *
   * Needs the scope `read`.
   */
  getUsage(options: CallOptions = {}): Promise<t.Usage> {
    return this.json({ method: "GET", path: "/v1/usage" }, options);
  }

  /**
   * Replace the keys that encrypt secrets at rest: `POST /v1/encryption-keys/rotate`.
   *
   * Makes a new key, seals the signing secrets, credentials and headers of all webhooks with it,
   * and removes what the old key had sealed from the files. Deliveries continue. If it is
   * interrupted, the next start completes it, or calling it again.
   *
   * Needs the scope `platform`.
   */
  rotateEncryptionKeys(body: t.RotateEncryption = {}, options: CallOptions = {}): Promise<t.RotatedEncryption> {
    return this.json({ method: "POST", path: "/v1/encryption-keys/rotate", body, once: true }, options);
  }

  /**
   * Is the process alive?: `GET /livez`.
   *
   * Answers as long as requests are served at all.
   */
  getLiveness(options: CallOptions = {}): Promise<t.Probe> {
    return this.json({ method: "GET", path: "/livez" }, options);
  }

  /**
   * Can the process take requests?: `GET /readyz`.
   *
   * 503 with the reason when it cannot: the store does not answer, or start-up is not over.
   */
  getReadiness(options: CallOptions = {}): Promise<t.Probe> {
    return this.json({ method: "GET", path: "/readyz" }, options);
  }

  /**
   * The JSON Schema of definitions: `GET /schemas/connector-1.json`.
   *
   * For editors and for programs that write definitions. Relay itself checks more, expressions for
   * example: see checkConnector.
   */
  getConnectorSchema(options: CallOptions = {}): Promise<Response> {
    return this.open({ method: "GET", path: "/schemas/connector-1.json" }, options);
  }

  /**
   * This document, as OpenAPI 3.1: `GET /openapi.json`.
   *
   * Its `webhooks` are the events of the built-in packs and those about webhooks, as endpoints
   * receive them in the format `relay`.
   */
  getDocument(options: CallOptions = {}): Promise<t.OpenAPIDocument> {
    return this.json({ method: "GET", path: "/openapi.json" }, options);
  }

  /**
   * This document, as a page: `GET /docs`.
   *
   * For people. It loads nothing from elsewhere.
   */
  getDocs(options: CallOptions = {}): Promise<Response> {
    return this.open({ method: "GET", path: "/docs" }, options);
  }

  /**
   * Download the integration for Zapier: `GET /v1/hooks/packages/zapier.zip`.
   *
   * A CLI app, made from the catalogue: a trigger for each event type, with its sample and fields.
   *
   * Needs the scope `hooks`.
   */
  getZapierPackage(options: CallOptions = {}): Promise<Response> {
    return this.open({ method: "GET", path: "/v1/hooks/packages/zapier.zip" }, options);
  }

  /**
   * Download the node for n8n: `GET /v1/hooks/packages/n8n.zip`.
   *
   * A package with a trigger node, made from the catalogue.
   *
   * Needs the scope `hooks`.
   */
  getN8nPackage(options: CallOptions = {}): Promise<Response> {
    return this.open({ method: "GET", path: "/v1/hooks/packages/n8n.zip" }, options);
  }

  /**
   * Download the app for Make: `GET /v1/hooks/packages/make.json`.
   *
   * The sections of a custom app of Make, made from the catalogue.
   *
   * Needs the scope `hooks`.
   */
  getMakeApp(options: CallOptions = {}): Promise<unknown> {
    return this.json({ method: "GET", path: "/v1/hooks/packages/make.json" }, options);
  }

  /**
   * Metrics for Prometheus: `GET /metrics`.
   *
   * In Prometheus' text format: see docs/operations.md. With the setting metricsListen they are on
   * an address of their own.
   */
  getMetrics(options: CallOptions = {}): Promise<Response> {
    return this.open({ method: "GET", path: "/metrics" }, options);
  }
}
