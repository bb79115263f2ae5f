// Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT.

import type { Duration, Open, Timestamp } from "./values.js";

/** A JSON object of the API: part of requests. */
export interface NewEvent {
  /** Letters, digits, _ and -, in parts joined by dots. */
  type: string;
  /** The payload, any JSON value; endpoints get it byte for byte. */
  data: unknown;
  /** Your id of the event: sending it again stores it only once. Left out: Relay makes one. */
  id?: string | null | undefined;
  /** When it happened; left out: now. */
  timestamp?: Timestamp | null | undefined;
  /** Version of the data's shape. */
  version?: string | null | undefined;
  /** Extra members for formats that have room for them. */
  attributes?: Record<string, unknown> | null | undefined;
  /** Ordering key. */
  key?: string | null | undefined;
  /** Hold delivery back until then, at most 30 days. */
  deliverAt?: Timestamp | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface ResendRequest {
  /** Only to this webhook; left out: to all that match. */
  webhookId?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateEventType {
  /** Letters, digits, _ and -, in parts joined by dots. */
  name: string;
  /** What happened, what it is used for. */
  description?: string | null | undefined;
  /** When such an event is published. */
  fires?: string | null | undefined;
  /**
   * Of the schema. At creation 1 when left out; in a change the version that is changed or made:
   * left out, the current one, or a new one if a schema changes.
   */
  version?: string | null | undefined;
  /** Other names of the type. Default: []. */
  aliases?: string[] | null | undefined;
  /**
   * JSON Schema of the data, 2020-12 unless it says otherwise. References lead into itself; nothing
   * is fetched.
   */
  schema?: unknown;
  /** JSON Schema of the attributes. */
  attributesSchema?: unknown;
  /** The data of such an event, which fits the schema; left out: made from the schema. */
  example?: unknown;
  /** Its attributes, an object. */
  exampleAttributes?: unknown;
  /**
   * What becomes of events that violate the schema; null or left out: as the catalogue's settings
   * say.
   */
  validation?: "off" | "warn" | "strict" | null | undefined;
  /** Default: false. */
  deprecated?: boolean | null | undefined;
  /** Default: false. */
  archived?: boolean | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdateEventType {
  /** What happened, what it is used for. */
  description?: string | null | undefined;
  /** When such an event is published. */
  fires?: string | null | undefined;
  /**
   * Of the schema. At creation 1 when left out; in a change the version that is changed or made:
   * left out, the current one, or a new one if a schema changes.
   */
  version?: string | null | undefined;
  /** Other names of the type. */
  aliases?: string[] | null | undefined;
  /**
   * JSON Schema of the data, 2020-12 unless it says otherwise. References lead into itself; nothing
   * is fetched.
   */
  schema?: unknown;
  /** JSON Schema of the attributes. */
  attributesSchema?: unknown;
  /** The data of such an event, which fits the schema; left out: made from the schema. */
  example?: unknown;
  /** Its attributes, an object. */
  exampleAttributes?: unknown;
  /**
   * What becomes of events that violate the schema; null or left out: as the catalogue's settings
   * say.
   */
  validation?: "off" | "warn" | "strict" | null | undefined;
  deprecated?: boolean | null | undefined;
  archived?: boolean | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdateCatalogue {
  validation?: "off" | "warn" | "strict" | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateDerivationRule {
  /** Lower case letters, digits and -. */
  name: string;
  description?: string | null | undefined;
  /** The type of the events it looks at. */
  on: string | null;
  /**
   * Its condition, a CEL expression over event as filters are; empty: always. A member that is
   * absent makes it false.
   */
  when?: string | null | undefined;
  /**
   * The path of a list, for each element of which (item) an event follows; empty: one event
   * follows.
   */
  forEach?: string | null | undefined;
  /** The type of the events that follow. */
  type: string | null;
  /**
   * Their data: paths of event and item, literals, objects, merge(a, b) and pick(object, ["a"]).
   */
  data: string | null;
  /** Their attributes, likewise; empty: none. */
  attributes?: string | null | undefined;
  /** Store them before their cause instead of behind it. Default: false. */
  before?: boolean | null | undefined;
  /** Default: true. */
  enabled?: boolean | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdateDerivationRule {
  description?: string | null | undefined;
  /** The type of the events it looks at. */
  on?: string | null | undefined;
  /**
   * Its condition, a CEL expression over event as filters are; empty: always. A member that is
   * absent makes it false.
   */
  when?: string | null | undefined;
  /**
   * The path of a list, for each element of which (item) an event follows; empty: one event
   * follows.
   */
  forEach?: string | null | undefined;
  /** The type of the events that follow. */
  type?: string | null | undefined;
  /**
   * Their data: paths of event and item, literals, objects, merge(a, b) and pick(object, ["a"]).
   */
  data?: string | null | undefined;
  /** Their attributes, likewise; empty: none. */
  attributes?: string | null | undefined;
  /** Store them before their cause instead of behind it. */
  before?: boolean | null | undefined;
  enabled?: boolean | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateWebhook {
  /** Where to send events: an https address. Addresses inside of private networks are refused. */
  url: string | null;
  /** A label for people. Default: "". */
  description?: string | null | undefined;
  /**
   * Event types it wants; * stands for any characters, as in call.*. Default: [ "*" ].
   */
  events?: string[] | null | undefined;
  /**
   * A CEL expression over event (type, data, attributes, time, key) that is true for the events it
   * wants; empty: all. A member that is absent is no match. An object of operators is taken, too,
   * and becomes an expression. Default: "".
   */
  filter?: string | Record<string, unknown> | null | undefined;
  /**
   * JavaScript that defines transform(event), which returns {body, headers, query, url} of the
   * request, all optional and on the same host, or null to drop the event; empty: none. It is
   * compiled when it is saved. Default: "".
   */
  transform?: string | null | undefined;
  /** Shape of the body, unless a transform returns one. Default: "relay". */
  format?: "relay" | "push" | "cloudevents" | "cloudevents-binary" | "raw" | null | undefined;
  /**
   * Headers that sign a request: X-Relay-Signature, those of Standard Webhooks, both, none, those
   * of another system by its name or as an object, or a list of several. Default: "relay".
   */
  signature?: "relay" | "standard" | "relay+standard" | "none" | "svix" | "github" | "stripe" | SignatureFormFields | ("relay" | "standard" | "relay+standard" | "none" | "svix" | "github" | "stripe" | SignatureFormFields)[] | null | undefined;
  /**
   * Signs with an ed25519 key as well (v1a of Standard Webhooks), which receivers verify with
   * publicKey and cannot sign with; needs the signature standard or relay+standard. Default: false.
   */
  keyPair?: boolean | null | undefined;
  /**
   * How requests say who they come from. A PATCH changes the members it names; another type starts
   * anew. Credentials are shown as ***, and *** keeps the one there is. Default: { "type": "none"
   * }.
   */
  auth?: AuthFields | null | undefined;
  /** Sent with every request. Default: {}. */
  headers?: Record<string, string> | null | undefined;
  /**
   * Hands the trace of the event on, in the header traceparent (W3C Trace Context), so that the
   * receiver's spans join it. Only for receivers that may know the ids of your traces. Default:
   * false.
   */
  traceparent?: boolean | null | undefined;
  /**
   * What the webhook belongs to, such as a customer: a portal link can be limited to webhooks with
   * a label. Up to 16 names with values. Default: {}.
   */
  labels?: Record<string, string> | null | undefined;
  /**
   * When to try again. A PATCH changes the members it names, and a preset becomes a custom policy
   * by it.
   */
  retry?: RetryFields | null | undefined;
  /**
   * Of an attempt, from looking up the name to the last byte of the answer; 100ms to 60s. Default:
   * "10s".
   */
  timeout?: Duration | null | undefined;
  /** Attempts under way at a time; 0: Relay adapts it. Default: 0. */
  maxConcurrency?: number | null | undefined;
  /** Status codes that disable the webhook at once, such as 410. Default: []. */
  disableOn?: number[] | null | undefined;
  /** Bounds how many attempts start in a second. */
  rateLimit?: RateLimitFields | null | undefined;
  /**
   * Events share a request, sent as soon as one of the bounds is reached; the answer is for all of
   * them, and a retry sends the same again. Not with ordering fifo. A PATCH changes the members it
   * names.
   */
  batch?: BatchFields | null | undefined;
  /**
   * Fifo delivers strictly in the order of acceptance, events with the same key among themselves; a
   * delivery that waits for its retry holds those behind it. Default: "none".
   */
  ordering?: "none" | "fifo" | null | undefined;
  /** Windows without deliveries; events are held and delivered afterwards. Default: []. */
  maintenance?: WindowFields[] | null | undefined;
  /**
   * A contract that fills format, signature, retry and timeout; every field can still be set by
   * itself. Default: "relay".
   */
  preset?: "relay" | "push" | "svix" | "github" | "stripe" | null | undefined;
  /**
   * The signing secret, such as the one that a receiver verifies already: any text that suits the
   * signature; standard needs whsec_ and the base64 of 24 to 64 bytes. Left out: Relay makes one.
   */
  secret?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface SignatureFormFields {
  /** The header with the signature. */
  header: string;
  /**
   * The header's value: {signatures}, and as wanted {timestamp} in unix seconds and {id} of the
   * delivery. Default: "{signatures}".
   */
  value?: string | null | undefined;
  /** The signed text: {body}, and as wanted {timestamp} and {id}. Default: "{body}". */
  content?: string | null | undefined;
  /** The hash of the HMAC. Default: "sha256". */
  algorithm?: "sha256" | "sha1" | "sha512" | null | undefined;
  /** Default: "hex". */
  encoding?: "hex" | "base64" | null | undefined;
  /** Of each signature. Default: "". */
  prefix?: string | null | undefined;
  /**
   * Between two signatures, while a rotation overlaps; empty: there is room for one. Default: "".
   */
  separator?: string | null | undefined;
  /**
   * The key: the secret's bytes (text), or those it encodes; a beginning whsec_ is no part of
   * base64. Default: "text".
   */
  key?: "text" | "base64" | "hex" | null | undefined;
  /** A header with the id; empty: none. Default: "". */
  idHeader?: string | null | undefined;
  /** A header with the timestamp; empty: none. Default: "". */
  timestampHeader?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface AuthFields {
  /** Default: "none". */
  type?: "none" | "basic" | "apiKey" | "oauth2" | "mtls" | null | undefined;
  /** Of basic; required with the type, as is password; one of them may be "". */
  username?: string | null | undefined;
  /** Of basic; write-only. */
  password?: string | null | undefined;
  /** Of apiKey; write-only. */
  token?: string | null | undefined;
  /** Of apiKey: the header it is sent in. Default: "ApiKey". */
  header?: string | null | undefined;
  /** Of apiKey: put before the token as it is. Default: "". */
  prefix?: string | null | undefined;
  /** Of oauth2, the client credentials grant. */
  clientId?: string | null | undefined;
  /** Of oauth2; write-only. */
  clientSecret?: string | null | undefined;
  /** Of oauth2: the https address that gives out tokens. */
  tokenUrl?: string | null | undefined;
  /** Of oauth2; required with the type, "" for none. Default: "". */
  scope?: string | null | undefined;
  /** Of oauth2. Default: "". */
  audience?: string | null | undefined;
  /**
   * Of oauth2: further parameters of the token request, all of them; shown, so no secrets. Default:
   * {}.
   */
  parameters?: Record<string, string> | null | undefined;
  /** Of oauth2: where the token request carries clientId and clientSecret. Default: "header". */
  style?: "header" | "body" | null | undefined;
  /** Of mtls: the client certificate and its intermediates, PEM. */
  cert?: string | null | undefined;
  /** Of mtls: the certificate's key, PEM; write-only. */
  key?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface RetryFields {
  /** A ready policy; excludes the other members. */
  preset?: "relay" | "push" | null | undefined;
  /** In all, the first included. */
  attempts?: number | null | undefined;
  /**
   * Before the second, third … attempt; the last one repeats; excludes initialWait and factor.
   */
  waits?: Duration[] | null | undefined;
  /** Before the second attempt. */
  initialWait?: Duration | null | undefined;
  /** Each wait is this many times the one before. */
  factor?: number | null | undefined;
  /** The longest wait, also one asked for by Retry-After. */
  maxWait?: Duration | null | undefined;
  /** How long after the first attempt was due the last one may begin; up to 744h. */
  maxAge?: Duration | null | undefined;
  /**
   * Failures that are retried: status codes, classes such as 5xx, timeout, network (no answer),
   * other (any unsuccessful answer).
   */
  retryOn?: string[] | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface RateLimitFields {
  /** Attempts a second, 0.01 to 10000. */
  perSecond: number;
  /** Attempts that may start together; 0: as perSecond, at least 1. */
  burst?: number | undefined;
}

/** A JSON object of the API: part of requests. */
export interface BatchFields {
  /** Events in a request at most. Default: 100. */
  maxEvents?: number | null | undefined;
  /** How long the first waits for others; 0s to 1h. Default: "1s". */
  maxWait?: Duration | null | undefined;
  /** Of the body at most; a larger event goes alone. Default: 1048576. */
  maxBytes?: number | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface WindowFields {
  from: Timestamp;
  to: Timestamp;
}

/** A JSON object of the API: part of requests. */
export interface UpdateWebhook {
  /** Where to send events: an https address. Addresses inside of private networks are refused. */
  url?: string | null | undefined;
  /** A label for people. */
  description?: string | null | undefined;
  /** Event types it wants; * stands for any characters, as in call.*. */
  events?: string[] | null | undefined;
  /**
   * A CEL expression over event (type, data, attributes, time, key) that is true for the events it
   * wants; empty: all. A member that is absent is no match. An object of operators is taken, too,
   * and becomes an expression.
   */
  filter?: string | Record<string, unknown> | null | undefined;
  /**
   * JavaScript that defines transform(event), which returns {body, headers, query, url} of the
   * request, all optional and on the same host, or null to drop the event; empty: none. It is
   * compiled when it is saved.
   */
  transform?: string | null | undefined;
  /** Shape of the body, unless a transform returns one. */
  format?: "relay" | "push" | "cloudevents" | "cloudevents-binary" | "raw" | null | undefined;
  /**
   * Headers that sign a request: X-Relay-Signature, those of Standard Webhooks, both, none, those
   * of another system by its name or as an object, or a list of several.
   */
  signature?: "relay" | "standard" | "relay+standard" | "none" | "svix" | "github" | "stripe" | SignatureFormFields | ("relay" | "standard" | "relay+standard" | "none" | "svix" | "github" | "stripe" | SignatureFormFields)[] | null | undefined;
  /**
   * Signs with an ed25519 key as well (v1a of Standard Webhooks), which receivers verify with
   * publicKey and cannot sign with; needs the signature standard or relay+standard.
   */
  keyPair?: boolean | null | undefined;
  /**
   * How requests say who they come from. A PATCH changes the members it names; another type starts
   * anew. Credentials are shown as ***, and *** keeps the one there is.
   */
  auth?: AuthFields | null | undefined;
  /** Sent with every request. */
  headers?: Record<string, string> | null | undefined;
  /**
   * Hands the trace of the event on, in the header traceparent (W3C Trace Context), so that the
   * receiver's spans join it. Only for receivers that may know the ids of your traces.
   */
  traceparent?: boolean | null | undefined;
  /**
   * What the webhook belongs to, such as a customer: a portal link can be limited to webhooks with
   * a label. Up to 16 names with values.
   */
  labels?: Record<string, string> | null | undefined;
  /**
   * When to try again. A PATCH changes the members it names, and a preset becomes a custom policy
   * by it.
   */
  retry?: RetryFields | null | undefined;
  /** Of an attempt, from looking up the name to the last byte of the answer; 100ms to 60s. */
  timeout?: Duration | null | undefined;
  /** Attempts under way at a time; 0: Relay adapts it. */
  maxConcurrency?: number | null | undefined;
  /** Status codes that disable the webhook at once, such as 410. */
  disableOn?: number[] | null | undefined;
  /** Bounds how many attempts start in a second. */
  rateLimit?: RateLimitFields | null | undefined;
  /**
   * Events share a request, sent as soon as one of the bounds is reached; the answer is for all of
   * them, and a retry sends the same again. Not with ordering fifo. A PATCH changes the members it
   * names.
   */
  batch?: BatchFields | null | undefined;
  /**
   * Fifo delivers strictly in the order of acceptance, events with the same key among themselves; a
   * delivery that waits for its retry holds those behind it.
   */
  ordering?: "none" | "fifo" | null | undefined;
  /** Windows without deliveries; events are held and delivered afterwards. */
  maintenance?: WindowFields[] | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface TestRequest {
  /**
   * The type whose example is sent; left out: the first type the webhook names, else one of the
   * catalogue that it wants.
   */
  type?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface PreviewRequest {
  /** The filter to try; left out: the webhook's. */
  filter?: string | Record<string, unknown> | null | undefined;
  /** The transform to try; left out: the webhook's. */
  transform?: string | null | undefined;
  /** The format to try; left out: the webhook's. */
  format?: "relay" | "push" | "cloudevents" | "cloudevents-binary" | "raw" | null | undefined;
  /**
   * Try the last so many events of the types that the webhook asks for, of the last 1000. Default:
   * 10.
   */
  last?: number | null | undefined;
  /** Try these past events. */
  eventIds?: string[] | null | undefined;
  /** Try these events, given as for publishing; they are not stored. */
  events?: NewEvent[] | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface RotateRequest {
  /**
   * For how long the old secret signs as well, up to 168h; needs a signature that can be made
   * twice, such as standard, svix or stripe. Default: "0s".
   */
  overlap?: Duration | null | undefined;
  /** The new secret, as when a webhook is created; left out: Relay makes one. */
  secret?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface SinceRequest {
  /** From when on. */
  since: Timestamp;
}

/** A JSON object of the API: part of requests. */
export interface CreateHook {
  /**
   * Where to send events: an https address. target_url and url are taken as well; exactly one of
   * the three must be given.
   */
  targetUrl?: string | null | undefined;
  /** As targetUrl. */
  target_url?: string | null | undefined;
  /** As targetUrl. */
  url?: string | null | undefined;
  /** The event type; * stands for any characters. Left out, with events: all events. */
  event?: string | null | undefined;
  /** Several event types, in place of event. */
  events?: string[] | null | undefined;
  /**
   * A CEL expression that is true for the events it wants, as webhooks have it; empty: all.
   * Default: "".
   */
  filter?: string | Record<string, unknown> | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateLogView {
  /** 1 to 60 characters; other views of yours, or that the tenant shares, have other names. */
  name: string;
  /**
   * With everybody in the tenant. Required to be true of keys: only people have views of their own.
   */
  shared?: boolean | null | undefined;
  filter: LogViewFilterFields;
}

/** A JSON object of the API: part of requests. */
export interface LogViewFilterFields {
  status?: "delivered" | "retrying" | "failed" | null | undefined;
  /** A status code such as 500, or a class such as 5xx. */
  code?: string | null | undefined;
  errorKind?: "status" | "timeout" | "connect" | "dns" | "tls" | "reset" | "protocol" | "response_too_large" | "blocked_address" | "proxy" | "auth" | "transform" | "request" | "answer" | "canceled" | null | undefined;
  eventType?: string | null | undefined;
  webhookId?: string | null | undefined;
  /** How far back, as seen from the moment of reading: a duration such as 24h. */
  within?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateCampaign {
  /** Its number, of your choice. */
  id: number;
  /** A label for people. */
  name?: string | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdateCampaign {
  /** A label for people. */
  name?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface NewRespondent {
  /** The campaign's number; it comes into being with its first respondent. */
  campaignId: number;
  respondent: NewPerson;
  note?: string | null | undefined;
  /** Whom the respondent dealt with. */
  employee?: Employee | null | undefined;
  /** In whose name the respondent is written to. */
  sender?: Sender | null | undefined;
  /** Default: false. */
  doNotContact?: boolean | null | undefined;
  custom?: unknown;
  /**
   * The sender's own id of it: sending it again stores it only once. Left out: equal data is a new
   * respondent.
   */
  id?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface NewPerson {
  address1?: string | null | undefined;
  city?: string | null | undefined;
  country?: string | null | undefined;
  zipCode?: string | null | undefined;
  /** One that looks wrong is warned about. */
  emailAddress?: string | null | undefined;
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
  title?: string | null | undefined;
  company?: Company | null | undefined;
  /** In E.164 form; another is warned about. */
  phoneNumber?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface Company {
  name?: string | null | undefined;
  emailAddress?: string | null | undefined;
  industry?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface Employee {
  email?: string | null | undefined;
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
  title?: string | null | undefined;
  department?: string | null | undefined;
  team?: string | null | undefined;
  division?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface Sender {
  email?: string | null | undefined;
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface EraseRequest {
  emailAddress?: string | null | undefined;
  phoneNumber?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdateGate {
  enabled?: boolean | null | undefined;
  /** The endpoint: an https address. */
  url?: string | null | undefined;
  /** As for a webhook; credentials are shown as ***, and *** keeps the one there is. */
  auth?: AuthFields | null | undefined;
  /** Null: miralix, dixa, 3kontakt, telia-touchpoint, dstny, tele2. */
  integrations?: string[] | null | undefined;
  mode?: "forward" | "decide" | null | undefined;
  /** 0s to 25s; needs mode decide. */
  deadline?: Duration | null | undefined;
  onFailure?: "hold" | "store" | "discard" | null | undefined;
  /** Of an attempt, 100ms to 60s. */
  timeout?: Duration | null | undefined;
  /** When to try again, as for a webhook. */
  retry?: RetryFields | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateIntegration {
  /** A-z, 0-9, - and _: it is part of the address that respondents are sent to. */
  name: string;
  /** A label for people. */
  description?: string | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateConnector {
  /** The definition, in YAML or JSON. */
  document: string;
}

/** A JSON object of the API: part of requests. */
export interface UpdateConnector {
  /** The version that is changed. */
  version: string;
  /** Of a draft: the definition instead of the one there is. */
  document?: string | null | undefined;
  /** Live only with tests that pass and a plan that is done. */
  state?: "draft" | "testing" | "live" | "retired" | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface DoneStep {
  version: string;
  /** The step, as the definition has it. */
  step: string;
  /** How one can see that, such as the id of an attempt. */
  evidence?: string | undefined;
}

/** A JSON object of the API: part of requests. */
export interface ConnectorPayload {
  /** Left out: the newest live one, else the newest. */
  version?: string | undefined;
  /** A connection whose fields are taken; left out: examples. */
  connection?: string | undefined;
  /** The payload that the connector receives; members may be left out. */
  payload: unknown;
  /** What has happened to the profile; left out: enter. Default: "enter". */
  operation?: "enter" | "update" | "leave" | undefined;
  /** Send it to the partner, by the connection. */
  send?: boolean | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateConnection {
  connector: string;
  /** A label for people. */
  name?: string | null | undefined;
  /** Of a connector of your own; left out: the newest live one. */
  version?: string | null | undefined;
  /** Instead of the connector's. Default: 0. */
  partnerNumber?: number | null | undefined;
  /** Specific to your organization. Default: 0. */
  siteNumber?: number | null | undefined;
  /**
   * By the names that the connector gives; an empty text resets one, *** keeps a secret. Default:
   * {}.
   */
  fields?: Record<string, string> | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdateConnection {
  /** A label for people. */
  name?: string | null | undefined;
  /** Of a connector of your own; left out: the newest live one. */
  version?: string | null | undefined;
  /** Instead of the connector's. */
  partnerNumber?: number | null | undefined;
  /** Specific to your organization. */
  siteNumber?: number | null | undefined;
  /** By the names that the connector gives; an empty text resets one, *** keeps a secret. */
  fields?: Record<string, string> | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface PutProfile {
  /** As given. Default: "". */
  sourceId?: string | null | undefined;
  /** Identifiers by partner number, all of them, the oldest first. Default: {}. */
  partnerIds?: Record<string, string[]> | null | undefined;
  /** An object, all of it. */
  variables?: unknown;
  /** Connectors in testing send it. Default: false. */
  test?: boolean | null | undefined;
  /** Nothing but its removal is sent. Default: false. */
  doNotContact?: boolean | null | undefined;
  /** The purposes that change. */
  consent?: Record<string, PutConsent> | undefined;
}

/** A JSON object of the API: part of requests. */
export interface PutConsent {
  /** Unknown takes the answer back. */
  state: "granted" | "denied" | "unknown";
  /** When. */
  at?: Timestamp | null | undefined;
  /** Where it is written down. */
  proof?: string | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateAudience {
  /** Unique; relay42AudienceNumber of the payload. */
  number: number;
  name: string;
  /** An object, part of each payload. */
  data?: unknown;
}

/** A JSON object of the API: part of requests. */
export interface UpdateAudience {
  name?: string | null | undefined;
  /** An object, part of each payload; a change is not sent by itself. */
  data?: unknown;
}

/** A JSON object of the API: part of requests. */
export interface CreateAttachment {
  connection: string;
  /**
   * The segment or event at the partner; sent byte for byte. An error where the connector uses it
   * and it is blank.
   */
  externalId?: string | undefined;
  /** The partner is told of changes of members, too. */
  onUpdate?: boolean | undefined;
  /** Only profiles that have granted it are sent; one that takes it back is removed. */
  consentPurpose?: string | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdateAttachment {
  /**
   * True: nothing is sent; false: what is wanted by then is sent, and what was rejected is tried
   * again.
   */
  paused?: boolean | null | undefined;
  /** The partner is told of changes of members, too. */
  onUpdate?: boolean | null | undefined;
  /**
   * Another segment at the partner: the audience is detached from the old one, and attached anew
   * with another id.
   */
  externalId?: string | null | undefined;
  /** With externalId: whether the members are removed from the old segment. */
  members?: "remove" | "keep" | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface PutMembers {
  /** Whether they enter or leave. Default: "add". */
  mode?: "add" | "remove" | undefined;
  /** Objects with profileId, sourceId, partnerIds, variables, test and doNotContact. */
  rows: unknown[];
}

/** A JSON object of the API: part of requests. */
export interface CreateImport {
  /**
   * Add: the profiles of the rows enter; remove: they leave; replace: they enter, and all others
   * leave.
   */
  mode: "add" | "remove" | "replace";
}

/** A JSON object of the API: part of requests. */
export interface ImportRows {
  /**
   * Number of the first row; a line that the import has is passed over, so that a table can be sent
   * again from any line. Default: 1.
   */
  line?: number | undefined;
  /** Objects with profileId, sourceId, partnerIds, variables, test and doNotContact. */
  rows?: unknown[] | undefined;
  /** Instead of rows: lines of such objects, or CSV whose first line names the columns. */
  text?: string | undefined;
  /** Of the text. Default: "ndjson". */
  format?: "ndjson" | "csv" | undefined;
  /**
   * Of CSV, by column: profileId, sourceId, test, doNotContact, partnerIds.NUMBER, variables.NAME,
   * with :number, :bool or :json behind a variable. Empty: by the names of the columns, others are
   * variables.
   */
  mapping?: Record<string, string> | undefined;
}

/** A JSON object of the API: part of requests. */
export interface StartImport {
  /** Also if a replacement removes more than 20 % of the members, or leaves rows out. */
  force?: boolean | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateJourney {
  /** Unique among journeys and audiences; relay42AudienceNumber of the payload. */
  number: number;
  /** The journey, in YAML or JSON: see docs/journeys.md. */
  document: string;
  /** Paused: who enters waits until it goes on; draining: nobody enters. Default: "live". */
  mode?: "live" | "paused" | "draining" | undefined;
}

/** A JSON object of the API: part of requests. */
export interface DryRun {
  /** The journey, in YAML or JSON. Left out: the current version of number. */
  document?: string | undefined;
  /** Of the journey; of the payload, where a document is given. */
  number?: number | undefined;
  profile: DryProfile;
  /** What happens, in any order. */
  events: DryEvent[];
  /** Of sends, by step: delivered, rejected or skipped; others are delivered. */
  outcomes?: Record<string, string> | undefined;
  /** When the run ends at the latest; left out: two years after the last event. */
  until?: Timestamp | null | undefined;
  /** Another text may take another way where a split decides. */
  seed?: string | undefined;
}

/** A JSON object of the API: part of requests. */
export interface DryProfile {
  profileId: string;
  /** As given. Default: "". */
  sourceId?: string | null | undefined;
  /** Identifiers by partner number, all of them, the oldest first. Default: {}. */
  partnerIds?: Record<string, string[]> | null | undefined;
  /** An object, all of it. */
  variables?: unknown;
  /** Connectors in testing send it. Default: false. */
  test?: boolean | null | undefined;
  /** Nothing but its removal is sent. Default: false. */
  doNotContact?: boolean | null | undefined;
  /** The purposes that change. */
  consent?: Record<string, PutConsent> | undefined;
  /** Those that it is in at the beginning. */
  audiences?: number[] | undefined;
}

/** A JSON object of the API: part of requests. */
export interface DryEvent {
  at: Timestamp;
  /** Of an event. */
  type?: string | undefined;
  /** Of an event. */
  data?: unknown;
  /** Of an event. */
  key?: string | undefined;
  /** Instead of an event: the audience that the profile enters or leaves. */
  audience?: number | undefined;
  /** With audience. Default: "enter". */
  on?: "enter" | "leave" | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdateJourney {
  /** A new version, for those who enter from now on; who is inside stays in theirs. */
  document?: string | null | undefined;
  /** Stopped takes everybody out at once. */
  mode?: "live" | "paused" | "draining" | "stopped" | null | undefined;
  /**
   * Needed to end a pause. shift: waits are longer by it, but times of day and dates stay; catchUp:
   * what was due in between is due now.
   */
  resume?: "shift" | "catchUp" | undefined;
}

/** A JSON object of the API: part of requests. */
export interface MoveJourney {
  /** The version they are in; left out: any older one. */
  from?: number | undefined;
  /**
   * Where those go on who stand in a step: in another one, or at the "end". Others go on in the
   * step of the same name and kind, and waits keep their times.
   */
  steps?: Record<string, string> | undefined;
  /** Only say what would happen. */
  preview?: boolean | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateKey {
  /** A label for people. */
  name: string;
  /**
   * What it may do: publish events, hooks (REST hooks of automation platforms), read, manage
   * (webhooks, retries; includes read and hooks), admin (keys; includes all of these), platform
   * (act for any tenant).
   */
  scopes: ("publish" | "hooks" | "read" | "manage" | "admin" | "platform")[];
  /**
   * Narrow the scope publish to these event types and integrations; null: everything may be
   * published.
   */
  limits?: KeyLimitsFields | null | undefined;
  /** From when on it is refused; null: never. */
  expiresAt?: Timestamp | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface KeyLimitsFields {
  /** Event types that the key may publish, in which * stands for any characters; empty: none. */
  types?: string[] | undefined;
  /**
   * Integrations by which the key may send respondents; none: it may add them directly; *: both,
   * and by every integration; empty: it may send none.
   */
  integrations?: string[] | undefined;
}

/** A JSON object of the API: part of requests. */
export interface ReplaceKey {
  /** How long the old key stays valid, up to 720h. Default: "0s". */
  overlap?: Duration | null | undefined;
  /** From when on the new key is refused; null: never. */
  expiresAt?: Timestamp | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdatePortal {
  /** In the title and the head of the pages. */
  name?: string | null | undefined;
  /** A PNG or SVG image of up to 100 KiB, as a data: address in base 64; null or empty: none. */
  logo?: string | null | undefined;
  /** Those that are left out stay as they are. */
  theme?: PortalThemeFields | null | undefined;
  /** The page that is shown first, unless a link says otherwise. */
  start?: "webhooks" | "webhooks/new" | "log" | "types" | null | undefined;
  /** Leaves out the head with logo, name and menu, for a frame below a menu of your own. */
  hideNavigation?: boolean | null | undefined;
  /** Leaves out the space around the pages. */
  noGutters?: boolean | null | undefined;
  /** What the pages say instead of a phrase, by the phrase in English; see listPortalWords. */
  words?: Record<string, string> | null | undefined;
  /**
   * The sites that may show the portal in a frame, exactly: scheme, host, and the port if it is not
   * the usual one. None by default.
   */
  embedOrigins?: string[] | null | undefined;
  /** Your page with the portal; people whose session has ended are offered the way there. */
  refreshUrl?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface PortalThemeFields {
  /**
   * Of links and buttons: a color such as #0b5fc4. It is made darker or lighter until text has a
   * contrast of 4.5 to 1.
   */
  accent?: string | null | undefined;
  /** Of corners, in pixels. */
  radius?: number | null | undefined;
  font?: "inter" | "system" | "serif" | null | undefined;
  /** Auto: as the customer's system. */
  theme?: "auto" | "light" | "dark" | null | undefined;
  language?: "en" | "de" | "da" | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreatePortalLink {
  /**
   * View: see webhooks and their log, which every link allows; manage: add, change, pause and
   * delete webhooks; test; replay: retry, cancel and recover; secret: see and rotate secrets;
   * transform: change filters and transforms. Default: [ "view" ].
   */
  capabilities?: string[] | null | undefined;
  /**
   * Ids of webhooks, or labels such as customer=acme, one of which a webhook must have to be seen.
   * Webhooks added in the portal get the labels. Empty: all webhooks of the tenant. Default: [].
   */
  webhooks?: string[] | null | undefined;
  /** Names and globs of the event types that can be chosen and seen; empty: all. Default: []. */
  eventTypes?: string[] | null | undefined;
  /**
   * The filter of webhooks added in the portal, which cannot be changed there: where customers
   * share a tenant, it keeps their events apart. Default: "".
   */
  filter?: string | null | undefined;
  /**
   * How long the link can be opened, up to 168h. A session lasts 8 hours from then on. Default:
   * "1h".
   */
  expiresIn?: Duration | null | undefined;
  /**
   * The session of your product; deleting links by it ends the customer's sessions in the portal,
   * too.
   */
  sessionId?: string | null | undefined;
  /** Who the link is for, for the audit log. */
  user?: PortalUserFields | null | undefined;
  /** The page that is shown first; left out: as the portal's settings say. */
  next?: "webhooks" | "webhooks/new" | "log" | "types" | null | undefined;
  /** In place of the portal's. */
  theme?: PortalThemeFields | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface PortalUserFields {
  /** The audit log has it with every change the customer makes. */
  id?: string | undefined;
  name?: string | undefined;
}

/** A JSON object of the API: part of requests. */
export interface InviteUser {
  /** By which the person signs in. */
  email: string;
  /** A label for people; the person may choose another when they accept. */
  name?: string | null | undefined;
  /**
   * Viewer: look at everything but secrets; member: also change webhooks and event types, retry and
   * replay; admin: also keys, users, the gate and the audit log; operator: run the installation,
   * which only the platform may give.
   */
  role: "viewer" | "member" | "admin" | "operator";
}

/** A JSON object of the API: part of requests. */
export interface UpdateUser {
  /** Null: none. */
  name?: string | null | undefined;
  role?: "viewer" | "member" | "admin" | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdateSignIn {
  /** Null: none; operator is a role of the installation. */
  secondFactor?: ("viewer" | "member" | "admin" | "operator")[] | null | undefined;
  /** Of=platform only; null: on. */
  passwordLogin?: "on" | "admins" | "off" | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreateSignInProvider {
  /**
   * A part of the addresses that the provider knows; lower-case letters, digits and hyphens; it
   * never changes.
   */
  name: string;
  /**
   * The provider's address, exactly as it names itself; Relay reads the rest below
   * /.well-known/openid-configuration.
   */
  issuer: string;
  clientId: string;
  /** Null: the name. */
  label?: string | null | undefined;
  /** Null: none, the client is public. */
  clientSecret?: string | null | undefined;
  /** Null: profile and email. */
  scopes?: string[] | null | undefined;
  /** Null: roles are read from no claim. */
  roleClaim?: string | null | undefined;
  /** In place of all that there were; null: none. */
  roles?: Record<string, string> | null | undefined;
  /** Null: none. */
  defaultRole?: string | null | undefined;
  /** Null: any. */
  allowedDomains?: string[] | null | undefined;
  autoCreate?: boolean | null | undefined;
  linkByEmail?: boolean | null | undefined;
  trustEmail?: boolean | null | undefined;
  logoutAtProvider?: boolean | null | undefined;
  forceRedirect?: boolean | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdateSignInProvider {
  /** People are known by issuer and subject: another issuer's are others. */
  issuer?: string | null | undefined;
  clientId?: string | null | undefined;
  /** Null: the name. */
  label?: string | null | undefined;
  /** Null: none, the client is public. */
  clientSecret?: string | null | undefined;
  /** Null: profile and email. */
  scopes?: string[] | null | undefined;
  /** Null: roles are read from no claim. */
  roleClaim?: string | null | undefined;
  /** In place of all that there were; null: none. */
  roles?: Record<string, string> | null | undefined;
  /** Null: none. */
  defaultRole?: string | null | undefined;
  /** Null: any. */
  allowedDomains?: string[] | null | undefined;
  autoCreate?: boolean | null | undefined;
  linkByEmail?: boolean | null | undefined;
  trustEmail?: boolean | null | undefined;
  logoutAtProvider?: boolean | null | undefined;
  forceRedirect?: boolean | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface Login {
  email: string;
  password: string;
}

/** A JSON object of the API: part of requests. */
export interface LoginByLink {
  token: string;
  /**
   * The password to have from now on, 12 characters or more; to accept an invitation with a
   * password at this installation, that one.
   */
  password: string;
  /**
   * How you want to be called in the tenant that has invited you; left out: as the invitation says.
   */
  name?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface LoginByCode {
  /** SecondFactor.token of the answer to the first step. */
  token: string;
  /** The six digits that the app shows, or a recovery code; each is taken once. */
  code: string;
}

/** A JSON object of the API: part of requests. */
export interface LoginByPasskey {
  /** What navigator.credentials.get answers, in its JSON form (toJSON). */
  credential: unknown;
  /** SecondFactor.token of a sign-in that waits: the passkey then takes the place of a code. */
  token?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface ConfirmSession {
  /** Yours; or else a code or a passkey. */
  password?: string | null | undefined;
  /** Of the app, or a recovery code; each is taken once. */
  code?: string | null | undefined;
  /** The answer of a passkey to getPasskeyOptions. */
  credential?: unknown;
}

/** A JSON object of the API: part of requests. */
export interface ChangePassword {
  /** The present one. */
  password: string;
  /** 12 characters or more. */
  newPassword: string;
}

/** A JSON object of the API: part of requests. */
export interface AddPasskey {
  /** By which you tell it from others. */
  name: string;
  /** What navigator.credentials.create answers, in its JSON form (toJSON). */
  credential: unknown;
}

/** A JSON object of the API: part of requests. */
export interface UpdatePasskey {
  name: string;
}

/** A JSON object of the API: part of requests. */
export interface SetUpSecondFactor {
  /** Your password; it may be left out within ten minutes after signing in. */
  password?: string | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface Code {
  /** The six digits that the app shows, or a recovery code; each is taken once. */
  code: string;
}

/** A JSON object of the API: part of requests. */
export interface CreateTenant {
  /** Letters a to z, digits, -, _ and .; it never changes. */
  id: string;
  /** What people call it; left out: as its id. */
  name?: string | null | undefined;
  /** The name of its plan. Default: "unlimited". */
  plan?: string | null | undefined;
  /** Its own limits, which hold instead of those of the plan. */
  limits?: LimitFields | null | undefined;
  /** Its admins may see the signing secrets of webhooks again. Default: false. */
  revealSecrets?: boolean | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface LimitFields {
  /** Null: no limit, or that of the plan. */
  webhooks?: number | null | undefined;
  /** Null: no limit, or that of the plan. */
  hooks?: number | null | undefined;
  /** Null: no limit, or that of the plan. */
  users?: number | null | undefined;
  /** Null: no limit, or that of the plan. */
  connectors?: number | null | undefined;
  /** Null: no limit, or that of the plan. */
  audiences?: number | null | undefined;
  /** Null: no limit, or that of the plan. */
  journeys?: number | null | undefined;
  /** Null: no limit, or that of the plan. */
  portalLinks?: number | null | undefined;
  /** Null: no limit, or that of the plan. */
  eventsPerSecond?: number | null | undefined;
  /** Null: no limit, or that of the plan. */
  eventsPerDay?: number | null | undefined;
  /**
   * For how many days events, attempts and bodies are kept, at most as many as the installation
   * keeps them; null: as many, or as the plan says.
   */
  retentionDays?: number | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdateTenant {
  /** What people call it; null: as its id. */
  name?: string | null | undefined;
  /**
   * The name of its plan; null: unlimited. After a change to a smaller plan the tenant keeps what
   * it has, and can create and resume nothing that it has too much of.
   */
  plan?: string | null | undefined;
  /** Its own limits, which hold instead of those of the plan; null: it has none. */
  limits?: LimitFields | null | undefined;
  /** Its admins may see the signing secrets of webhooks again; null: they may not. */
  revealSecrets?: boolean | null | undefined;
}

/** A JSON object of the API: part of requests. */
export interface CreatePlan {
  /** Letters a to z, digits, -, _ and .; it never changes. */
  name: string;
  /** What is left out has no limit. */
  limits?: LimitFields | undefined;
}

/** A JSON object of the API: part of requests. */
export interface UpdatePlan {
  /** Those that are left out stay as they are. */
  limits?: LimitFields | undefined;
}

/** A JSON object of the API: part of requests. */
export interface RotateEncryption {
  /**
   * A master key of at least 32 random bytes that encrypts the key file from now on; set
   * RELAY_SECRET_KEY to it before the next start. Left out: the one there is, if there is one.
   */
  secretKey?: string | null | undefined;
}

/** A JSON object of the API: part of answers. */
export interface PublishedEvent {
  id: string;
  type: string;
  timestamp: string;
  /** It was stored before; this is the first result. */
  duplicate: boolean;
  /** Problems found in it; left out if there are none. */
  warnings?: Warning[] | undefined;
}

/** A JSON object of the API: part of answers. */
export interface Warning {
  path: string;
  /** Completes the path to a sentence. */
  message: string;
}

/** A JSON object of the API: part of answers. */
export interface PublishedEvents {
  /** Stored by this request. */
  accepted: number;
  /** Stored before. */
  duplicates: number;
  /** In the order of the request. */
  events: PublishedEvent[];
}

/** A JSON object of the API: part of answers. */
export interface Event {
  /** The id its publisher chose, else Relay's. */
  id: string;
  type: string;
  /** When it happened. */
  timestamp: string;
  /** When Relay stored it. */
  acceptedAt: string;
  /** Version of the data's shape. */
  version: string | null;
  /** Ordering key. */
  key: string | null;
  /** Extra members, an object or null. */
  attributes: unknown;
  /** The payload, any JSON value. */
  data: unknown;
  /** Delivery is held back until then. */
  deliverAt: string | null;
  /** The event this one was derived from. */
  causeId: string | null;
  /**
   * Problems found when it was published: differences from its type's schema, and derivation rules
   * that failed.
   */
  warnings: Warning[];
}

/** A JSON object of the API: part of answers. */
export interface EventDetail {
  /** The id its publisher chose, else Relay's. */
  id: string;
  type: string;
  /** When it happened. */
  timestamp: string;
  /** When Relay stored it. */
  acceptedAt: string;
  /** Version of the data's shape. */
  version: string | null;
  /** Ordering key. */
  key: string | null;
  /** Extra members, an object or null. */
  attributes: unknown;
  /** The payload, any JSON value. */
  data: unknown;
  /** Delivery is held back until then. */
  deliverAt: string | null;
  /** The event this one was derived from. */
  causeId: string | null;
  /**
   * Problems found when it was published: differences from its type's schema, and derivation rules
   * that failed.
   */
  warnings: Warning[];
  /**
   * Webhooks whose filter, as it is now, cannot be evaluated for this event, which counts as no
   * match; at most 100.
   */
  filterErrors: FilterError[];
  /** The events that were derived from it, and from those; causeId tells from which. */
  derived: DerivedEvent[];
}

/** A JSON object of the API: part of answers. */
export interface FilterError {
  webhookId: string;
  /** The part of the filter that fails, and why. */
  message: string;
}

/** A JSON object of the API: part of answers. */
export interface DerivedEvent {
  id: string;
  type: string;
  causeId: string;
}

/** A JSON object of the API: part of answers. */
export interface Delivery {
  /** The webhookId in the body that the endpoint receives. */
  id: string;
  eventId: string;
  eventType: string;
  /** Null when the webhook was deleted. */
  webhookId: string | null;
  state: Open<"waiting" | "inFlight" | "held" | "delivered" | "failed" | "discarded" | "expired" | "canceled">;
  /** Made so far. */
  attempts: number;
  nextAttemptAt: string | null;
  /** Why it is in this state, in words. */
  reason: string | null;
}

/** A JSON object of the API: part of answers. */
export interface Explanation {
  webhookId: string;
  /**
   * What happened, or why nothing did: it waits for the rate limit or the end of a maintenance
   * window, its transform dropped the event, the webhook does not ask for the type, its filter says
   * no, it was paused or disabled, was created after the event or has changed since, or the event
   * is an operational one that must be asked for by name.
   */
  verdict: Open<"delivered" | "waiting" | "rateLimit" | "maintenance" | "failed" | "canceled" | "expired" | "transform" | "type" | "filter" | "paused" | "disabled" | "created" | "changed" | "operation">;
  /** The same in a sentence. */
  detail: string;
  delivery: Delivery | null;
}

/** A JSON object of the API: part of answers. */
export interface ResendAnswer {
  /** Ids of the deliveries that will be attempted again. */
  deliveries: string[];
}

/** A JSON object of the API: part of answers. */
export interface EventType {
  name: string;
  /** The pack it came with: calls, push, or file for the operator's; null for your own. */
  pack: string | null;
  description: string;
  /** When such an event is published. */
  fires: string;
  /** Of the schema. */
  version: string;
  /** All versions of a type of your own, the oldest first. */
  versions: TypeVersion[];
  /** Other names; events published under them get the type's name. */
  aliases: string[];
  /**
   * What becomes of events that violate the schema: they are not checked, accepted with warnings,
   * or refused.
   */
  validation: Open<"off" | "warn" | "strict">;
  /** May be published still, but should not be used for new work. */
  deprecated: boolean;
  /** Hidden from lists, and not checked. */
  archived: boolean;
  /** The JSON Schema of the data, or null. */
  schema: unknown;
  /** That of the attributes, or null. */
  attributesSchema: unknown;
  /** The data of such an event. */
  example: unknown;
  /** Its attributes, or null. */
  exampleAttributes: unknown;
  /** The example was made from a schema too intricate for that, and violates it. */
  exampleSketch: boolean;
  /** Patterns of the schemas that events are not held against. */
  unchecked: UncheckedPart[];
  /** When this version was made; null for types of packs. */
  createdAt: string | null;
  updatedAt: string | null;
}

/** A JSON object of the API: part of answers. */
export interface TypeVersion {
  version: string;
  createdAt: string | null;
  updatedAt: string | null;
}

/** A JSON object of the API: part of answers. */
export interface UncheckedPart {
  /** A JSON pointer into schema or attributesSchema. */
  path: string;
  reason: string;
}

/** A JSON object of the API: part of answers. */
export interface ImportedTypes {
  /** Nothing was changed. */
  dryRun: boolean;
  types: ImportedType[];
  /** Names of derivation rules, with the format pack. */
  rules: string[];
}

/** A JSON object of the API: part of answers. */
export interface ImportedType {
  name: string;
  version: string;
  /** Skipped: it cannot be a type, for the reason given. */
  outcome: Open<"created" | "updated" | "unchanged" | "skipped">;
  /** Of what was skipped. */
  reason?: string | undefined;
  /** Patterns of its schemas that events are not held against. */
  unchecked: UncheckedPart[];
}

/** A JSON object of the API: part of answers. */
export interface EventExample {
  type: string;
  data: unknown;
  /** Left out where the example has none. */
  attributes?: unknown;
}

/** A JSON object of the API: part of answers. */
export interface Catalogue {
  /**
   * For every type without a mode of its own; strict also refuses events of types that are not in
   * the catalogue.
   */
  validation: Open<"off" | "warn" | "strict">;
  /** How many there are, archived ones among them. */
  types: number;
  /** How many derivation rules are on. */
  rules: number;
}

/** A JSON object of the API: part of answers. */
export interface DerivationRule {
  name: string;
  /** The pack it came with; null for your own. */
  pack: string | null;
  enabled: boolean;
  description: string;
  /** The type of the events it looks at. */
  on: string;
  /** Its condition; empty: always. */
  when: string;
  /** A list, for each element of which an event follows; empty: one event follows. */
  forEach: string;
  /** The type of the events that follow. */
  type: string;
  /** Their data. */
  data: string;
  /** Their attributes; empty: none. */
  attributes: string;
  /** They are stored before their cause instead of behind it. */
  before: boolean;
}

/** A JSON object of the API: part of answers. */
export interface Webhook {
  id: string;
  url: string;
  /** A label for people. */
  description: string;
  /** Event types it wants; * stands for any characters. */
  events: string[];
  /** An expression that says which of these events it wants; empty: all. */
  filter: string;
  /** A script that makes the request; empty: the format does. */
  transform: string;
  /** Shape of the body; rest-hook and respondent are for Relay's own. */
  format: Open<"relay" | "push" | "cloudevents" | "cloudevents-binary" | "raw" | "rest-hook" | "respondent">;
  /** Headers that sign a request: a name, a SignatureForm, or a list of them. */
  signature: Open<"relay" | "standard" | "relay+standard" | "none" | "svix" | "github" | "stripe"> | SignatureForm | (Open<"relay" | "standard" | "relay+standard" | "none" | "svix" | "github" | "stripe"> | SignatureForm)[];
  /** Requests are also signed with an ed25519 key. */
  keyPair: boolean;
  /** Verifies the v1a signatures; null: it has no key pair. */
  publicKey: string | null;
  /** How requests say who they come from. */
  auth: Auth;
  /** Sent with every request. */
  headers: Record<string, string>;
  /** The endpoint gets the trace of the event, in the header traceparent. */
  traceparent: boolean;
  /** What the webhook belongs to, for portal links. */
  labels: Record<string, string>;
  /** When to try again. */
  retry: Retry;
  /** Of an attempt. */
  timeout: Duration;
  /** Attempts under way at a time; 0: Relay adapts it. */
  maxConcurrency: number;
  /** Status codes that disable the webhook at once. */
  disableOn: number[];
  /** Attempts that may start in a second; null: no bound. */
  rateLimit: RateLimit | null;
  /** Several events share a request; null: each has its own. */
  batch: Batch | null;
  /** Fifo: strictly in order, per key. */
  ordering: Open<"none" | "fifo">;
  /** Windows without deliveries. */
  maintenance: Window[];
  /** Paused by a person, or disabled by Relay: see health. */
  status: Open<"active" | "paused" | "disabled">;
  health: Health;
  /**
   * What the filter has cost the server that answers since it started; null: it has not been
   * evaluated.
   */
  filterCost: FilterCost | null;
  createdAt: string;
  updatedAt: string;
  /** When the signing secret was last replaced; null: it is the first. */
  secretRotatedAt: string | null;
  /** The previous secret signs requests as well until then; null: it no longer does. */
  previousSecretUntil: string | null;
  /** Signs the requests; shown only in the answers to create and rotate-secret. */
  secret?: string | undefined;
  /**
   * Problems with its event types, in the answer to a request that sets them; left out if there are
   * none.
   */
  warnings?: Warning[] | undefined;
}

/** A JSON object of the API: part of answers. */
export interface SignatureForm {
  /** The header with the signature. */
  header: string;
  /** The header's value. */
  value: string;
  /** The signed text. */
  content: string;
  /** The hash of the HMAC. */
  algorithm: Open<"sha256" | "sha1" | "sha512">;
  encoding: Open<"hex" | "base64">;
  /** Of each signature. */
  prefix: string;
  /** Between two signatures, while a rotation overlaps; empty: there is room for one. */
  separator: string;
  /** The key: the secret's bytes, or those it encodes. */
  key: Open<"text" | "base64" | "hex">;
  /** A header with the id; empty: none. */
  idHeader: string;
  /** A header with the timestamp; empty: none. */
  timestampHeader: string;
}

/** A JSON object of the API: part of answers. */
export interface Auth {
  type: Open<"none" | "basic" | "apiKey" | "oauth2" | "mtls">;
  username?: string | undefined;
  /** Always ***. */
  password?: string | undefined;
  /** Always ***. */
  token?: string | undefined;
  header?: string | undefined;
  prefix?: string | undefined;
  clientId?: string | undefined;
  /** Always ***. */
  clientSecret?: string | undefined;
  tokenUrl?: string | undefined;
  scope?: string | undefined;
  audience?: string | undefined;
  parameters?: Record<string, string> | undefined;
  style?: string | undefined;
  cert?: string | undefined;
  /** Always ***. */
  key?: string | undefined;
}

/** A JSON object of the API: part of answers. */
export interface Retry {
  /** A ready policy; the other members are then left out. */
  preset?: string | undefined;
  attempts?: number | undefined;
  waits?: Duration[] | undefined;
  initialWait?: Duration | null | undefined;
  factor?: number | undefined;
  maxWait?: Duration | null | undefined;
  maxAge?: Duration | null | undefined;
  retryOn?: string[] | undefined;
}

/** A JSON object of the API: part of answers. */
export interface RateLimit {
  /** Attempts a second. */
  perSecond: number;
  /** Attempts that may start together. */
  burst: number;
}

/** A JSON object of the API: part of answers. */
export interface Batch {
  /** Events in a request at most. */
  maxEvents: number;
  /** How long the first waits for others. */
  maxWait: Duration;
  /** Of the body at most; a larger event goes alone. */
  maxBytes: number;
}

/** A JSON object of the API: part of answers. */
export interface Window {
  from: string;
  to: string;
}

/** A JSON object of the API: part of answers. */
export interface Health {
  /** The first failure after the last success; null: it works. */
  failingSince: string | null;
  /** Failed attempts since then. */
  failures: number;
  /** The last failure in words. */
  lastError: string | null;
  /** When the event webhook.failing was published about it. */
  noticedAt: string | null;
  disabledAt: string | null;
  disabledReason: string | null;
  /**
   * Failures from then on disable the webhook, if no success comes before; null: it works, or is
   * not active.
   */
  disablesAt: string | null;
  /** The webhook is disabled after failing without a success for this long. */
  disableAfter: Duration;
  /** Set while the endpoint answers 401 or 403; cleared by the next success or a change of auth. */
  authenticationRejected: Rejection | null;
}

/** A JSON object of the API: part of answers. */
export interface Rejection {
  /** The first such answer. */
  since: string;
  /** Such answers since then. */
  count: number;
  reason: string;
}

/** A JSON object of the API: part of answers. */
export interface FilterCost {
  evaluations: number;
  /** Time of all of them, in milliseconds. */
  totalMs: number;
  /** Time of one, in microseconds. */
  meanUs: number;
  /**
   * Evaluations that take too long to be made while events are routed: they wait their turn, and so
   * do their deliveries.
   */
  postponed: number;
}

/** A JSON object of the API: part of answers. */
export interface TestAnswer {
  attempt: Attempt;
}

/** A JSON object of the API: part of answers. */
export interface Attempt {
  id: string;
  deliveryId: string;
  eventId: string;
  eventType: string;
  /** Null when the webhook was deleted. */
  webhookId: string | null;
  /** 1 for the first attempt of the delivery. */
  number: number;
  /** When it began. */
  at: string;
  outcome: Open<"delivered" | "retrying" | "failed">;
  /** Made by the call test. */
  test: boolean;
  error: AttemptError | null;
  request: SentRequest;
  /** Null when no answer came. */
  response: Response | null;
  timing: Timing;
  nextAttemptAt: string | null;
  /**
   * The batch that shared the request; null: a single delivery. The other members are about its
   * first delivery, or the one asked for.
   */
  batch: AttemptBatch | null;
}

/** A JSON object of the API: part of answers. */
export interface AttemptError {
  /** One of a closed set: status for an unwelcome answer, else what went wrong on the way. */
  kind: string;
  message: string;
}

/** A JSON object of the API: part of answers. */
export interface SentRequest {
  method: string;
  url: string;
  /** Fields of the same name are joined by commas. */
  headers: Record<string, string>;
  /** Null: see bodyMissing. */
  body: string | null;
  /** Why body is null, in words; null: body is what was sent. */
  bodyMissing: string | null;
}

/** A JSON object of the API: part of answers. */
export interface Response {
  status: number;
  headers: Record<string, string>;
  /** The first 64 KiB, as bodyEncoding says. */
  body: string;
  /**
   * Base64 where body is binary or compressed; in a text, bytes that are not UTF-8 are shown as
   * U+FFFD.
   */
  bodyEncoding: Open<"text" | "base64">;
  /** Why the rest of the body is missing, though the answer counts; null: it is complete. */
  bodyError: string | null;
  /** How many bytes of it were read. */
  bodyBytes: number;
  /** The answer was longer than body. */
  truncated: boolean;
}

/** A JSON object of the API: part of answers. */
export interface Timing {
  dnsMs: number;
  connectMs: number;
  tlsMs: number;
  firstByteMs: number;
  totalMs: number;
}

/** A JSON object of the API: part of answers. */
export interface AttemptBatch {
  /** The X-Relay-Delivery of the request, the same in each attempt of the batch. */
  id: string;
  /** How many events it had. */
  events: number;
  /** In the order of the body; empty in lists, where the request's body is null. */
  deliveries: BatchItem[];
}

/** A JSON object of the API: part of answers. */
export interface BatchItem {
  deliveryId: string;
  eventId: string;
  /** Null when the event is no longer stored. */
  eventType: string | null;
}

/** A JSON object of the API: part of answers. */
export interface PreviewedEvent {
  /** Null for one that was given without an id. */
  eventId: string | null;
  eventType: string;
  /**
   * What would happen: it would be sent; the webhook does not ask for the type; the filter says no,
   * or cannot be evaluated; the transform drops it, or fails; or time ran out before it was tried.
   */
  verdict: Open<"send" | "type" | "filter" | "filterError" | "drop" | "transformError" | "notTried">;
  /** The same in a sentence. */
  detail: string;
  /** Of a filter or transform that fails. */
  error: PreviewError | null;
  /** The first attempt's request; null: none would be made. */
  request: Preview | null;
}

/** A JSON object of the API: part of answers. */
export interface PreviewError {
  kind: Open<"filter" | "transform">;
  message: string;
  /** Of the transform, where there is one to blame. */
  line: number | null;
}

/** A JSON object of the API: part of answers. */
export interface Preview {
  method: string;
  url: string;
  /** With signatures and credentials masked. */
  headers: Record<string, string>;
  /** The first 64 KiB. */
  body: string;
  /** The length of the whole body. */
  bodyBytes: number;
  /** The whole body is longer than body. */
  truncated: boolean;
}

/** A JSON object of the API: part of answers. */
export interface RevealedSecret {
  /** Signs the requests. */
  secret: string;
  /** Signs requests as well until previousSecretUntil; null: none does. */
  previousSecret: string | null;
  /** Null: there is no previous secret. */
  previousSecretUntil: string | null;
}

/** A JSON object of the API: part of answers. */
export interface Job {
  id: string;
  kind: Open<"recover" | "replay">;
  /** Null when the webhook was deleted. */
  webhookId: string | null;
  state: Open<"running" | "done" | "canceled" | "failed">;
  since: string;
  /** The moment it was asked for. */
  until: string;
  /** Events or failures looked at so far. */
  scanned: number;
  /** Deliveries asked for so far. */
  deliveries: number;
  /** How much of the time from since to until is done, 0 to 1. */
  progress: number;
  /** Why it failed. */
  error: string | null;
  createdAt: string;
  finishedAt: string | null;
}

/** A JSON object of the API: part of answers. */
export interface Hook {
  id: string;
  /** As the subscriber gave it. */
  targetUrl: string;
  /** The event type, the first of several; * stands for any characters. */
  event: string;
  events: string[];
  /** An expression that says which of these events it wants; empty: all. */
  filter: string;
  /** Disabled by Relay, or ended: see why. */
  status: Open<"active" | "disabled" | "ended">;
  /** The platform that the target's address tells of, else its host. */
  platform: string;
  /** Why it gets no events, or may soon get none; null: it works. */
  why: string | null;
  createdBy: HookActor;
  createdAt: string;
  /** How it ended; null: it has not. */
  ended: HookEnd | null;
  /**
   * Set while the target answers 404, at least five times in a row: the workflow there is not
   * active.
   */
  inactiveThereSince: string | null;
  /** Always null: it does not expire. */
  expiration_date: string | null;
  /** Signs the requests; shown only to the key that created it, in the answer to its creation. */
  secret?: string | undefined;
}

/** A JSON object of the API: part of answers. */
export interface HookActor {
  kind: Open<"key" | "user" | "system">;
  /** Of the key or the user. */
  id: string;
  /** At the time. */
  name: string;
}

/** A JSON object of the API: part of answers. */
export interface HookEnd {
  at: string;
  /** Unsubscribed with a key, gone (its target answered 410), or removed by a person. */
  cause: Open<"unsubscribed" | "gone" | "removed">;
  by: HookActor;
  /** From then on it is no longer listed. */
  restorableUntil: string;
}

/** A JSON object of the API: part of answers. */
export interface HookDeleted {
  id: string;
  deleted: boolean;
}

/** A JSON object of the API: part of answers. */
export interface HookAccount {
  /** Of the tenant. */
  id: string;
  /** The tenant's name. */
  tenant: string;
  /** The key's name. */
  key: string;
  /** Both. */
  label: string;
}

/** A JSON object of the API: part of answers. */
export interface HookEvent {
  /** The value of event. */
  key: string;
  label: string;
  description: string;
}

/** A JSON object of the API: part of answers. */
export interface LogView {
  id: string;
  name: string;
  /** With everybody in the tenant; false: it is your own. */
  shared: boolean;
  filter: LogViewFilter;
  /** The name of whoever saved it, at the time. */
  createdBy: string;
  createdAt: string;
}

/** A JSON object of the API: part of answers. */
export interface LogViewFilter {
  status: Open<"delivered" | "retrying" | "failed"> | null;
  code: string | null;
  errorKind: Open<"status" | "timeout" | "connect" | "dns" | "tls" | "reset" | "protocol" | "response_too_large" | "blocked_address" | "proxy" | "auth" | "transform" | "request" | "answer" | "canceled"> | null;
  eventType: string | null;
  /** It may have been deleted since. */
  webhookId: string | null;
  /** How far back, as seen from the moment of reading. */
  within: string | null;
}

/** A JSON object of the API: part of answers. */
export interface Campaign {
  id: number;
  /** A label for people; empty for one that came into being with its first respondent. */
  name: string;
  /** How many are stored in it. */
  respondents: number;
  createdAt: string;
  updatedAt: string;
}

/** A JSON object of the API: part of answers. */
export interface ReceivedRespondent {
  id: string;
  campaignId: number;
  /** The integration it came by; null: it was added directly. */
  integration: string | null;
  /**
   * Stored: in the campaign. pending: on its way to the gate's endpoint. held: the endpoint could
   * not be asked. rejected, discarded, forwarded: not in the campaign; kept as long as the log.
   */
  state: Open<"stored" | "pending" | "held" | "rejected" | "discarded" | "forwarded">;
  /** Why it is in this state, in words. */
  reason: string | null;
  /** As received, or as the gate's endpoint changed it. */
  respondent: unknown;
  note: unknown;
  employee: unknown;
  sender: unknown;
  /** Relay must not contact this person. */
  doNotContact: boolean;
  custom: unknown;
  /** Members of the payload that are not documented; null: none. */
  extra: unknown;
  /** Problems with the contact data. */
  warnings: ContactWarning[];
  createdAt: string;
  /** When it got its state; null while it is pending for the first time. */
  decidedAt: string | null;
  /** It was received before; this is how it stands now. */
  duplicate: boolean;
}

/** A JSON object of the API: part of answers. */
export interface ContactWarning {
  field: string;
  reason: string;
}

/** A JSON object of the API: part of answers. */
export interface Respondent {
  id: string;
  campaignId: number;
  /** The integration it came by; null: it was added directly. */
  integration: string | null;
  /**
   * Stored: in the campaign. pending: on its way to the gate's endpoint. held: the endpoint could
   * not be asked. rejected, discarded, forwarded: not in the campaign; kept as long as the log.
   */
  state: Open<"stored" | "pending" | "held" | "rejected" | "discarded" | "forwarded">;
  /** Why it is in this state, in words. */
  reason: string | null;
  /** As received, or as the gate's endpoint changed it. */
  respondent: unknown;
  note: unknown;
  employee: unknown;
  sender: unknown;
  /** Relay must not contact this person. */
  doNotContact: boolean;
  custom: unknown;
  /** Members of the payload that are not documented; null: none. */
  extra: unknown;
  /** Problems with the contact data. */
  warnings: ContactWarning[];
  createdAt: string;
  /** When it got its state; null while it is pending for the first time. */
  decidedAt: string | null;
}

/** A JSON object of the API: part of answers. */
export interface EraseAnswer {
  /** Respondents that were erased. */
  erased: number;
  /**
   * Of a number or an address that may not find every record of its person, as it is none that can
   * be compared with certainty.
   */
  warnings: Warning[];
}

/** A JSON object of the API: part of answers. */
export interface GateSettings {
  /** Off: respondents are stored in their campaigns at once. */
  enabled: boolean;
  /** The endpoint; null: none was set yet. */
  url: string | null;
  /** How requests say who they come from. */
  auth: Auth;
  /** Those whose respondents go through the gate. */
  integrations: string[];
  /**
   * Forward hands respondents over, and the endpoint adds whom it wants; decide has it answer whom
   * Relay stores.
   */
  mode: Open<"forward" | "decide">;
  /** How long an integration's call waits for the verdict in mode decide; 0s: not at all. */
  deadline: Duration;
  /** What becomes of respondents about whom the endpoint could not be asked. */
  onFailure: Open<"hold" | "store" | "discard">;
  /** Of an attempt. */
  timeout: Duration;
  /** When to try again. */
  retry: Retry;
  /**
   * How the endpoint answers; null: there is none. The gate is never disabled by itself:
   * disableAfter is 0s.
   */
  health: Health | null;
  /** Respondents on their way to the endpoint; counted up to 10000. */
  pending: number;
  /** Respondents that a person must decide about; counted up to 10000. */
  held: number;
  updatedAt: string | null;
}

/** A JSON object of the API: part of answers. */
export interface Integration {
  name: string;
  description: string;
  /** It ships with Relay. */
  builtIn: boolean;
  /** Null: it ships with Relay. */
  createdAt: string | null;
}

/** A JSON object of the API: part of answers. */
export interface Connector {
  /** Its name in addresses. */
  connector: string;
  version: string;
  /** Standard: it ships with Relay. */
  origin: Open<"standard" | "custom">;
  /** Testing sends to test profiles only; no new connections are made with a retired one. */
  state: Open<"draft" | "testing" | "live" | "retired">;
  /**
   * List: what counts is that the partner ends up with the right members; message: each send is an
   * act of its own.
   */
  kind: Open<"list" | "message">;
  name: string;
  logo: string | null;
  description: string;
  /** Where the partner describes its API. */
  docs: string | null;
  /** The type of identifier that it sends. */
  partnerNumber: number;
  categories: string[];
  /** Of add, update, remove, message, forget, segments and check. */
  capabilities: string[];
  /** What the definition was compared with, and when. */
  checkedAgainst: string | null;
  authentication: Open<"none" | "basic" | "bearer" | "apiKey" | "query" | "oauth2">;
  /** What a connection gives. */
  fields: ConnectorField[];
  /** Whether the free text External ID is used, which names the segment or event at the partner. */
  externalId: ExternalIDRule;
  /** What the people who asked for it have told. */
  request: ConnectorRequest;
  /** What people check before it goes live. */
  plan: PlanStep[];
  /** What a draft lacks. */
  problems: string[];
  /** Null: it ships with Relay. */
  updatedAt: string | null;
}

/** A JSON object of the API: part of answers. */
export interface ConnectorField {
  name: string;
  title: string;
  help: string;
  type: Open<"text" | "url" | "number" | "boolean">;
  /** It is stored encrypted and never shown. */
  secret: boolean;
  optional: boolean;
  enum: string[];
  default: string | null;
  pattern: string | null;
}

/** A JSON object of the API: part of answers. */
export interface ExternalIDRule {
  /** Required: leaving it blank is an error. */
  use: Open<"required" | "optional" | "unused">;
  help: string;
  pattern: string | null;
  maxBytes: number;
}

/** A JSON object of the API: part of answers. */
export interface ConnectorRequest {
  apiDocs: string;
  contact: string;
  useCase: string;
  dueDate: string;
}

/** A JSON object of the API: part of answers. */
export interface PlanStep {
  step: string;
  done: boolean;
  by: string | null;
  at: string | null;
  evidence: string | null;
}

/** A JSON object of the API: part of answers. */
export interface ConnectorDocument {
  /** Its name in addresses. */
  connector: string;
  version: string;
  /** Standard: it ships with Relay. */
  origin: Open<"standard" | "custom">;
  /** Testing sends to test profiles only; no new connections are made with a retired one. */
  state: Open<"draft" | "testing" | "live" | "retired">;
  /**
   * List: what counts is that the partner ends up with the right members; message: each send is an
   * act of its own.
   */
  kind: Open<"list" | "message">;
  name: string;
  logo: string | null;
  description: string;
  /** Where the partner describes its API. */
  docs: string | null;
  /** The type of identifier that it sends. */
  partnerNumber: number;
  categories: string[];
  /** Of add, update, remove, message, forget, segments and check. */
  capabilities: string[];
  /** What the definition was compared with, and when. */
  checkedAgainst: string | null;
  authentication: Open<"none" | "basic" | "bearer" | "apiKey" | "query" | "oauth2">;
  /** What a connection gives. */
  fields: ConnectorField[];
  /** Whether the free text External ID is used, which names the segment or event at the partner. */
  externalId: ExternalIDRule;
  /** What the people who asked for it have told. */
  request: ConnectorRequest;
  /** What people check before it goes live. */
  plan: PlanStep[];
  /** What a draft lacks. */
  problems: string[];
  /** Null: it ships with Relay. */
  updatedAt: string | null;
  /** The definition, in YAML or JSON, as it was given. */
  document: string;
}

/** A JSON object of the API: part of answers. */
export interface ConnectorCheck {
  /** It can be read as a whole. */
  valid: boolean;
  problems: ConnectorProblem[];
  tests: ConnectorTestResult[];
}

/** A JSON object of the API: part of answers. */
export interface ConnectorProblem {
  line: number;
  column: number;
  path: string;
  reason: string;
  /** It is not there yet, which a draft may do without. */
  missing: boolean;
}

/** A JSON object of the API: part of answers. */
export interface ConnectorTestResult {
  name: string;
  passed: boolean;
  /** Why it failed. */
  reason: string | null;
}

/** A JSON object of the API: part of answers. */
export interface ConnectorTrial {
  /** What the connector receives. */
  payload: unknown;
  /** Why nothing is sent, such as the connector's filter; null: it is. */
  skipped: string | null;
  /** The profile's entry, after filter and transform; null: it did not come so far. */
  item: unknown;
  /** The request, credentials masked; null: it did not come so far. */
  request: TriedRequest | null;
  /** What came of sending it; null: it was not sent. */
  attempt: Attempt | null;
}

/** A JSON object of the API: part of answers. */
export interface TriedRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** A JSON object of the API: part of answers. */
export interface Connection {
  id: string;
  connector: string;
  /** Of the connector. */
  version: string;
  name: string;
  /** The type of identifier that is sent: the connector's, or this connection's own. */
  partnerNumber: number;
  /** Specific to your organization; part of each payload. */
  siteNumber: number;
  /** Secret ones are shown as ***. */
  fields: Record<string, string>;
  createdAt: string;
  updatedAt: string;
}

/** A JSON object of the API: part of answers. */
export interface Segments {
  data: Segment[];
  /** Null: they could not be fetched yet. */
  fetchedAt: string | null;
  /** Why fetching them has failed, or why the list is not whole; the last list stays. */
  problem: string | null;
}

/** A JSON object of the API: part of answers. */
export interface Segment {
  /** What an attachment takes as its External ID. */
  id: string;
  name: string;
}

/** A JSON object of the API: part of answers. */
export interface Profile {
  profileId: string;
  sourceId: string;
  /** Identifiers by partner number. */
  partnerIds: Record<string, string[]>;
  variables: unknown;
  /** Connectors in testing send it. */
  test: boolean;
  /** Nothing but its removal is sent. */
  doNotContact: boolean;
  /** By purpose. */
  consent: Record<string, Consent>;
  createdAt: string;
  updatedAt: string;
}

/** A JSON object of the API: part of answers. */
export interface Consent {
  state: Open<"granted" | "denied">;
  /** When, if it was told. */
  at: string | null;
  /** Where it is written down. */
  proof: string;
}

/** A JSON object of the API: part of answers. */
export interface Audience {
  /** Relay42AudienceNumber of the payload. */
  number: number;
  name: string;
  /** Part of each payload. */
  data: unknown;
  attachments: Attachment[];
  createdAt: string;
  updatedAt: string;
}

/** A JSON object of the API: part of answers. */
export interface Attachment {
  id: string;
  connection: string;
  /** The segment or event at the partner, byte for byte. */
  externalId: string;
  /** The partner is told of changes of members, too. */
  onUpdate: boolean;
  paused: boolean;
  /** Empty; else only profiles that have granted it are sent. */
  consentPurpose: string;
  /**
   * Empty; else it is being detached: remove (its members are removed at the partner first) or
   * keep.
   */
  detaching: string;
}

/** A JSON object of the API: part of answers. */
export interface AttachmentCounts {
  /** By state, as in the list of profiles. */
  states: Record<string, number>;
}

/** A JSON object of the API: part of answers. */
export interface AttachmentProfile {
  profileId: string;
  /**
   * PendingAdd, pendingUpdate, pendingRemove, sending, synced, rejected, skipped, suppressed or
   * kept; empty: it is not there, and not wanted there.
   */
  state: string;
  wanted: boolean;
  /** The partner has it. */
  sent: boolean;
  /** Why it was rejected or skipped, in the partner's words. */
  reason: string | null;
  at: string | null;
}

/** A JSON object of the API: part of answers. */
export interface ProfileExplanation {
  /** Null: it is not in the audience. */
  memberSince: string | null;
  /** As in the list of profiles. */
  state: string;
  wanted: boolean;
  /** The partner has it. */
  sent: boolean;
  at: string | null;
  /** Sentences, the most important first. */
  reasons: string[];
}

/** A JSON object of the API: part of answers. */
export interface Member {
  profileId: string;
  since: string;
}

/** A JSON object of the API: part of answers. */
export interface Import {
  id: string;
  mode: Open<"add" | "remove" | "replace">;
  /** Open: it takes rows. */
  state: Open<"open" | "running" | "done" | "failed" | "canceled">;
  rows: number;
  /** Rows that are left out, see its rejected rows. */
  rejected: number;
  /** Profiles that enter; of an open import as of now, else as of its start. */
  added: number;
  /** Members that leave. */
  removed: number;
  /** Members that stay. */
  unchanged: number;
  /** How many of the steps in total are done. */
  done: number;
  total: number;
  error: string | null;
  createdAt: string;
  updatedAt: string;
}

/** A JSON object of the API: part of answers. */
export interface RejectedRow {
  line: number;
  reason: string;
}

/** A JSON object of the API: part of answers. */
export interface Journey {
  /** Relay42AudienceNumber of the payload. */
  number: number;
  name: string;
  /** Paused: nobody goes on; draining: nobody enters; stopped: everybody was taken out. */
  mode: Open<"live" | "paused" | "draining" | "stopped">;
  /** Of those who enter. */
  version: number;
  /** Those that somebody may be inside of, the oldest first. */
  versions: JourneyVersion[];
  createdAt: string;
  updatedAt: string;
}

/** A JSON object of the API: part of answers. */
export interface JourneyVersion {
  version: number;
  publishedAt: string;
}

/** A JSON object of the API: part of answers. */
export interface JourneyDetail {
  /** Relay42AudienceNumber of the payload. */
  number: number;
  name: string;
  /** Paused: nobody goes on; draining: nobody enters; stopped: everybody was taken out. */
  mode: Open<"live" | "paused" | "draining" | "stopped">;
  /** Of those who enter. */
  version: number;
  /** Those that somebody may be inside of, the oldest first. */
  versions: JourneyVersion[];
  createdAt: string;
  updatedAt: string;
  /** Of the current version, as it was given. */
  document: string;
  /** Where those stand who are inside. */
  places: JourneyPlace[];
  /** How many came to the end, as far as it is remembered. */
  done: number;
  /** How many were taken out, as far as it is remembered. */
  exited: number;
}

/** A JSON object of the API: part of answers. */
export interface JourneyPlace {
  version: number;
  step: string;
  state: Open<"running" | "waiting" | "failed">;
  count: number;
}

/** A JSON object of the API: part of answers. */
export interface DryRunResult {
  /** One for each time that the profile entered; empty: it did not. */
  runs: DryRunWalk[];
}

/** A JSON object of the API: part of answers. */
export interface DryRunWalk {
  state: Open<"running" | "waiting" | "failed" | "done" | "exited">;
  /** Where it is at the end of the run; null: at the end. */
  step: string | null;
  due: string | null;
  /** Why it failed or ended. */
  words: string | null;
  /** Those it has taken, in order. */
  steps: EnrolmentStep[];
  /** What would have been sent. */
  sends: DrySend[];
}

/** A JSON object of the API: part of answers. */
export interface EnrolmentStep {
  at: string;
  step: string;
  /** Of the step, or enter, exit, move, retry or fail. */
  kind: string;
  /** What it came to. */
  words: string;
}

/** A JSON object of the API: part of answers. */
export interface DrySend {
  step: string;
  connection: string;
  operation: Open<"enter" | "update" | "leave">;
  state: Open<"delivered" | "rejected" | "skipped">;
  words: string | null;
  at: string;
  /** What the connector gets; null: nothing. */
  payload: unknown;
}

/** A JSON object of the API: part of answers. */
export interface JourneyMove {
  /** The current one, which they go to. */
  version: number;
  /** 0 in a preview. */
  moved: number;
  places: JourneyMovePlace[];
}

/** A JSON object of the API: part of answers. */
export interface JourneyMovePlace {
  version: number;
  step: string;
  state: Open<"running" | "waiting" | "failed">;
  count: number;
  /** The step, or end; null: steps must say it. */
  to: string | null;
}

/** A JSON object of the API: part of answers. */
export interface RetriedEnrolments {
  retried: number;
}

/** A JSON object of the API: part of answers. */
export interface Enrolment {
  id: string;
  journey: number;
  version: number;
  profileId: string;
  /** Tells the runs of a profile apart. */
  key: string;
  /** The event that started it, or the audience. */
  entry: string;
  state: Open<"running" | "waiting" | "failed" | "done" | "exited">;
  /** The one to be taken next, or where it waits; null: the end. */
  step: string | null;
  /** When it goes on by itself. */
  due: string | null;
  /** Why it failed or ended. */
  words: string | null;
  createdAt: string;
  updatedAt: string;
  endedAt: string | null;
}

/** A JSON object of the API: part of answers. */
export interface EnrolmentDetail {
  id: string;
  journey: number;
  version: number;
  profileId: string;
  /** Tells the runs of a profile apart. */
  key: string;
  /** The event that started it, or the audience. */
  entry: string;
  state: Open<"running" | "waiting" | "failed" | "done" | "exited">;
  /** The one to be taken next, or where it waits; null: the end. */
  step: string | null;
  /** When it goes on by itself. */
  due: string | null;
  /** Why it failed or ended. */
  words: string | null;
  createdAt: string;
  updatedAt: string;
  endedAt: string | null;
  /** Those it has taken, in order. */
  steps: EnrolmentStep[];
  sends: JourneySend[];
}

/** A JSON object of the API: part of answers. */
export interface JourneySend {
  /** The same in each attempt. */
  id: string;
  step: string;
  connection: string;
  operation: Open<"enter" | "update" | "leave">;
  state: Open<"new" | "pending" | "sending" | "delivered" | "rejected" | "skipped" | "canceled">;
  /** Why it was not delivered. */
  words: string | null;
  at: string;
}

/** A JSON object of the API: part of answers. */
export interface AuditEntry {
  id: string;
  at: string;
  actor: AuditActor;
  action: string;
  /** The id of the changed object; null where a tenant has only one, such as the gate. */
  target: string | null;
  /** Everything the change was about, the most important first. */
  targets: AuditTarget[];
  /** The object before; null: it did not exist, or only secrets have changed. */
  before: unknown;
  /** The object after the change. */
  after: unknown;
  request: AuditRequest;
}

/** A JSON object of the API: part of answers. */
export interface AuditActor {
  /**
   * User: a person who has signed in; portal: somebody who has opened a portal link; system: Relay
   * itself, such as when it disables a webhook; anonymous: somebody whose sign-in has failed.
   */
  kind: Open<"key" | "user" | "portal" | "system" | "anonymous">;
  /** Of the key, the user or the portal link; empty for the others. */
  id: string;
  /** The id again if it is a key's, else empty. */
  keyId: string;
  /**
   * The label of the key, or the user's name, at the time; of a portal link its user, with the id
   * that the link gave.
   */
  name: string;
}

/** A JSON object of the API: part of answers. */
export interface AuditTarget {
  type: string;
  id: string;
  /** Its label or description at the time. */
  name: string;
}

/** A JSON object of the API: part of answers. */
export interface AuditRequest {
  /** As in the answer's header X-Request-Id. */
  id: string;
  /** Where it came from. */
  address: string;
  userAgent: string;
}

/** A JSON object of the API: part of answers. */
export interface Stats {
  /** Null: all webhooks summed. */
  webhookId: string | null;
  from: string;
  to: string;
  step: Duration;
  /** Steps without attempts are left out. */
  points: StatsPoint[];
  totals: StatsTotals;
}

/** A JSON object of the API: part of answers. */
export interface StatsPoint {
  /** When the step begins. */
  at: string;
  delivered: number;
  retrying: number;
  failed: number;
  /** Mean duration of an attempt. */
  averageMs: number;
  /** Longest duration of an attempt. */
  maxMs: number;
}

/** A JSON object of the API: part of answers. */
export interface StatsTotals {
  delivered: number;
  retrying: number;
  failed: number;
  /** Mean duration of an attempt. */
  averageMs: number;
  /** Longest duration of an attempt. */
  maxMs: number;
}

/** A JSON object of the API: part of answers. */
export interface Breakdown {
  /** The beginning of the first hour that is counted. */
  from: string;
  /** The end of the last. */
  to: string;
  totals: BreakdownCounts;
  /** Events that were accepted, those derived by rules included. */
  received: number;
  /** The same by type of the event, the most frequent first. */
  receivedByType: NamedCount[];
  /** With each: those with attempts, in the order in which they were made. */
  webhooks: WebhookBreakdown[];
}

/** A JSON object of the API: part of answers. */
export interface BreakdownCounts {
  attempts: number;
  /** By class of the status, such as 2xx; none: without an answer. */
  byStatus: NamedCount[];
  /** Those that failed, by errorKind. */
  byError: NamedCount[];
  /** By type of the event; *: all beyond the 200 of an hour that are counted apart. */
  byEventType: NamedCount[];
  /** Half of the attempts were faster; from histograms, and so within the bounds of a bucket. */
  p50Ms: number;
  /** 95 of 100 were faster. */
  p95Ms: number;
  /** 99 of 100 were faster. */
  p99Ms: number;
}

/** A JSON object of the API: part of answers. */
export interface NamedCount {
  name: string;
  count: number;
}

/** A JSON object of the API: part of answers. */
export interface WebhookBreakdown {
  webhookId: string;
  attempts: number;
  /** By class of the status, such as 2xx; none: without an answer. */
  byStatus: NamedCount[];
  /** Those that failed, by errorKind. */
  byError: NamedCount[];
  /** By type of the event; *: all beyond the 200 of an hour that are counted apart. */
  byEventType: NamedCount[];
  /** Half of the attempts were faster; from histograms, and so within the bounds of a bucket. */
  p50Ms: number;
  /** 95 of 100 were faster. */
  p95Ms: number;
  /** 99 of 100 were faster. */
  p99Ms: number;
}

/** A JSON object of the API: part of answers. */
export interface Backlog {
  /**
   * Deliveries that wait for their time or turn, or are being attempted again; on PostgreSQL at
   * most 10,000 of a webhook are counted.
   */
  waiting: number;
  /** Deliveries that wait until their webhook, or the tenant, is resumed. */
  held: number;
  /** Since when the one that is due for the longest has been due; null: none is due. */
  oldestDueAt: string | null;
  /** When the next one becomes due; null: none will. */
  nextDueAt: string | null;
  /** Those for which something waits, in the order in which they were made. */
  webhooks: WebhookBacklog[];
}

/** A JSON object of the API: part of answers. */
export interface WebhookBacklog {
  webhookId: string;
  /**
   * Deliveries that wait for their time or turn, or are being attempted again; on PostgreSQL at
   * most 10,000 of a webhook are counted.
   */
  waiting: number;
  /** Deliveries that wait until their webhook, or the tenant, is resumed. */
  held: number;
  /** Since when the one that is due for the longest has been due; null: none is due. */
  oldestDueAt: string | null;
  /** When the next one becomes due; null: none will. */
  nextDueAt: string | null;
}

/** A JSON object of the API: part of answers. */
export interface EgressIPs {
  /** Addresses and networks, in the form of CIDR; empty when the operator has not stated them. */
  ips: string[];
}

/** A JSON object of the API: part of answers. */
export interface Whoami {
  /** The tenant that they act for. */
  tenant: string;
  /** How they have shown who they are. */
  kind: Open<"key" | "user">;
  /** Of the key or the user. */
  id: string;
  /** Of the key or the user. */
  name: string;
  /** The scopes whose calls they may make. */
  scopes: string[];
}

/** A JSON object of the API: part of answers. */
export interface Key {
  id: string;
  name: string;
  scopes: (Open<"publish" | "hooks" | "read" | "manage" | "admin" | "platform">)[];
  /** What the scope publish is limited to; null: everything may be published. */
  limits: KeyLimits | null;
  /** The key's first characters. */
  hint: string;
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  /** Null: it has not been used; other servers' requests are known after a minute. */
  lastUse: KeyUse | null;
  /** The key itself; shown only in the answers to create and replace. */
  key?: string | undefined;
}

/** A JSON object of the API: part of answers. */
export interface KeyLimits {
  /** Event types that the key may publish, in which * stands for any characters; empty: none. */
  types: string[];
  /**
   * Integrations by which the key may send respondents; none: it may add them directly; *: both,
   * and by every integration; empty: it may send none.
   */
  integrations: string[];
}

/** A JSON object of the API: part of answers. */
export interface KeyUse {
  /** Exact to a minute. */
  at: string;
  /**
   * Where the last request came from whose address was noted, which is not done for events
   * published on the fast path; empty: none was.
   */
  address: string;
}

/** A JSON object of the API: part of answers. */
export interface Portal {
  /** Stands in the portal's addresses. */
  id: string;
  name: string;
  /** As a data: address; empty: none. */
  logo: string;
  theme: PortalTheme;
  /** The page that is shown first. */
  start: Open<"webhooks" | "webhooks/new" | "log" | "types">;
  hideNavigation: boolean;
  noGutters: boolean;
  words: Record<string, string>;
  embedOrigins: string[];
  refreshUrl: string;
}

/** A JSON object of the API: part of answers. */
export interface PortalTheme {
  /** Of links and buttons. It is made darker or lighter until text has a contrast of 4.5 to 1. */
  accent: string;
  /** Of corners, in pixels. */
  radius: number;
  font: Open<"inter" | "system" | "serif">;
  /** Auto: as the customer's system. */
  theme: Open<"auto" | "light" | "dark">;
  language: Open<"en" | "de" | "da">;
}

/** A JSON object of the API: part of answers. */
export interface PortalWord {
  /** In English, as words names it. */
  phrase: string;
  /** In the language, before words of your own. */
  word: string;
}

/** A JSON object of the API: part of answers. */
export interface PortalLink {
  id: string;
  /**
   * For a frame or a tab; shown this once. The key is behind the #, which browsers send to nobody.
   */
  url?: string | undefined;
  /** Until then it can be opened, 20 times at most. */
  expiresAt: string;
  capabilities: string[];
  webhooks: string[];
  eventTypes: string[];
  filter: string;
  user: PortalUser;
  sessionId: string;
  /** How often it was opened. */
  opens: number;
  createdAt: string;
}

/** A JSON object of the API: part of answers. */
export interface PortalUser {
  /** The audit log has it with every change the customer makes. */
  id: string;
  name: string;
}

/** A JSON object of the API: part of answers. */
export interface User {
  id: string;
  email: string;
  name: string;
  role: Open<"viewer" | "member" | "admin" | "operator">;
  /**
   * Invited: the invitation has not been accepted yet; disabled: the person may do nothing here
   * until they are enabled again.
   */
  state: Open<"invited" | "active" | "disabled">;
  /** When they were invited. */
  createdAt: string;
  /** Their last request in this tenant, to the minute; null: none yet. */
  seenAt: string | null;
  /** They prove a second factor when they sign in. */
  secondFactor: boolean;
  /**
   * The right to sign in once, for the person; shown only in the answers to the calls that make it.
   */
  link?: LinkToken | null | undefined;
}

/** A JSON object of the API: part of answers. */
export interface LinkToken {
  /** Hand it to the person over a channel that you trust; see signInByLink. */
  token: string;
  expiresAt: string;
}

/** A JSON object of the API: part of answers. */
export interface SignIn {
  /** The roles that need a second factor: whoever has none may set it up, and do nothing else. */
  secondFactor: (Open<"viewer" | "member" | "admin" | "operator">)[];
  /**
   * Of=platform only: who signs in at Relay itself, by password; off: nobody but by a login link.
   */
  passwordLogin?: Open<"on" | "admins" | "off"> | undefined;
}

/** A JSON object of the API: part of answers. */
export interface SignInProvider {
  name: string;
  /** What the login page calls it. */
  label: string;
  issuer: string;
  clientId: string;
  /** *** if there is one; it is never shown. */
  clientSecret: string;
  /** Beside openid. */
  scopes: string[];
  /** Where roles are read from: a claim, or names with dots that lead into objects. */
  roleClaim: string;
  /**
   * Values of the claim, and the role that each stands for: viewer, member, admin, with @ and a
   * tenant unless it is the first one; or operator.
   */
  roles: Record<string, string>;
  /** For people with none of these values; empty: they are refused, unless they were invited. */
  defaultRole: string;
  /** Of the e-mail addresses that may sign in; empty: any. */
  allowedDomains: string[];
  /** Signing in makes an account for somebody who has none. */
  autoCreate: boolean;
  /**
   * Somebody whose verified e-mail address has an account gets it; this accepts their invitations.
   */
  linkByEmail: boolean;
  /**
   * E-mail addresses count as verified if the provider says nothing about that, as Entra ID does.
   */
  trustEmail: boolean;
  /** Signing out signs out at the provider, too. */
  logoutAtProvider: boolean;
  /** The login page leads to the provider at once, if it is the only one. */
  forceRedirect: boolean;
  /** Register publicUrl with this path at the provider as the address to come back to. */
  redirectPath: string;
  /** Likewise, where the provider tells of logouts (OpenID Connect Back-Channel Logout). */
  backChannelPath: string;
  createdAt: string;
  updatedAt: string;
}

/** A JSON object of the API: part of answers. */
export interface Account {
  id: string;
  email: string;
  /** Where they may act, the first one without the header Relay-Tenant. */
  tenants: Membership[];
  /** They run the installation, and may act in every tenant. */
  operator: boolean;
  session: Session | null;
  /**
   * The sign-in waits for the second factor: there is no session yet, and tenants are not listed.
   */
  secondFactor?: Waiting | null | undefined;
}

/** A JSON object of the API: part of answers. */
export interface Membership {
  /** For the header Relay-Tenant. */
  id: string;
  /** How the person is called there. */
  name: string;
  role: Open<"viewer" | "member" | "admin">;
}

/** A JSON object of the API: part of answers. */
export interface Session {
  id: string;
  /** By which this call is made. */
  current: boolean;
  method: Open<"password" | "invitation" | "loginLink" | "provider" | "passkey">;
  /** The identity provider by which the session began. */
  provider?: string | undefined;
  createdAt: string;
  /** The last request, to the minute; a session that is not used for 12 hours ends. */
  seenAt: string;
  /** When it ends even if it is in use. */
  expiresAt: string;
  /** From where the person signed in. */
  address: string;
  /** By which browser. */
  userAgent: string;
}

/** A JSON object of the API: part of answers. */
export interface Waiting {
  /** For signInByCode. */
  token: string;
  /** Until when it waits. */
  expiresAt: string;
}

/** A JSON object of the API: part of answers. */
export interface PasskeyOptions {
  /**
   * In the JSON form of WebAuthn level 3: for PublicKeyCredential.parseRequestOptionsFromJSON or
   * parseCreationOptionsFromJSON.
   */
  publicKey: unknown;
}

/** A JSON object of the API: part of answers. */
export interface Passkey {
  id: string;
  name: string;
  /** The name of the site that it belongs to; at other names it does not work. */
  site: string;
  /** It may be on several devices of its owner. */
  synced: boolean;
  createdAt: string;
  /** Null: not yet. */
  lastUsedAt: string | null;
}

/** A JSON object of the API: part of answers. */
export interface SecondFactor {
  /** It is asked for at each sign-in. */
  enabled: boolean;
  /** Null: it is not enabled. */
  enabledAt: string | null;
  /** How many are left. */
  recoveryCodes: number;
}

/** A JSON object of the API: part of answers. */
export interface SecondFactorSetup {
  /** In base32, to type into the app. */
  secret: string;
  /** The same with all that belongs to it, as QR codes hold it. */
  uri: string;
}

/** A JSON object of the API: part of answers. */
export interface RecoveryCodes {
  /** Shown once; each is taken once in place of a code of the app. */
  recoveryCodes: string[];
}

/** A JSON object of the API: part of answers. */
export interface Tenant {
  /** For the header Relay-Tenant. */
  id: string;
  /** What people call it. */
  name: string;
  /** The name of its plan. */
  plan: string;
  /** Its own limits, which hold instead of those of the plan; null: that of the plan. */
  limits: Limits;
  /** Its admins may see the signing secrets of webhooks again. */
  revealSecrets: boolean;
  /**
   * Suspended: it takes no events and no changes, its deliveries wait, and it can be looked at;
   * deleted: as suspended, and only for those who run the installation.
   */
  state: Open<"active" | "suspended" | "deleted">;
  usage: TenantUsage;
  createdAt: string;
  /** The last change; null: none. */
  updatedAt: string | null;
  /** Null unless it is suspended. */
  suspendedAt: string | null;
  /** Null unless it is deleted. */
  deletedAt: string | null;
  /** When all data of a deleted tenant are removed; it can be restored until then. */
  eraseAt: string | null;
}

/** A JSON object of the API: part of answers. */
export interface Limits {
  /** Paused and disabled ones included; null: no limit. */
  webhooks: number | null;
  /** REST hooks, which are counted apart from webhooks; null: no limit. */
  hooks: number | null;
  /** Invited and disabled ones included; null: no limit. */
  users: number | null;
  /** Custom connectors; the versions of one count once; null: no limit. */
  connectors: number | null;
  /** Null: no limit. */
  audiences: number | null;
  /** Null: no limit. */
  journeys: number | null;
  /** Links into the portal that can still be opened; null: no limit. */
  portalLinks: number | null;
  /** Events published in a second; null: no limit. */
  eventsPerSecond: number | null;
  /** Events published on a day, from midnight to midnight UTC; null: no limit. */
  eventsPerDay: number | null;
  /**
   * For how many days events, attempts and bodies are kept; null: as long as the installation keeps
   * them.
   */
  retentionDays: number | null;
}

/** A JSON object of the API: part of answers. */
export interface TenantUsage {
  /** REST hooks. */
  hooks: number;
  /** Paused and disabled ones included. */
  webhooks: number;
  /** Revoked and expired ones included. */
  keys: number;
}

/** A JSON object of the API: part of answers. */
export interface Plan {
  name: string;
  limits: Limits;
  /** It comes with Relay, and can be changed but not deleted. */
  shipped: boolean;
  /** A plan that comes with Relay is not as it was shipped; deleting it makes it so again. */
  changed: boolean;
}

/** A JSON object of the API: part of answers. */
export interface Usage {
  plan: string;
  limits: LimitUsage[];
}

/** A JSON object of the API: part of answers. */
export interface LimitUsage {
  limit: Open<"webhooks" | "hooks" | "users" | "connectors" | "audiences" | "portalLinks" | "eventsPerSecond" | "eventsPerDay">;
  /** Null: no limit. */
  allowed: number | null;
  /**
   * May be more than allowed after a change to a smaller plan; null: a rate without a limit is not
   * counted.
   */
  used: number | null;
}

/** A JSON object of the API: part of answers. */
export interface RotatedEncryption {
  /** Webhooks and other configuration whose secrets were sealed with the new key. */
  webhooks: number;
}

/** A JSON object of the API: part of answers. */
export interface Probe {
  status: string;
}

/** A JSON object of the API: part of answers. */
export interface OpenAPIDocument {
  openapi: string;
  info: unknown;
  paths: unknown;
}

/** What listEvents selects. */
export interface ListEventsParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only events of this type. */
  type?: string | undefined;
  /** Only events with this ordering key. */
  key?: string | undefined;
  /**
   * Only events whose data contains this text, with JSON escapes decoded or as published; composed
   * and decomposed characters are the same, upper and lower case differ.
   */
  text?: string | undefined;
  /** Only events accepted at or after this time. */
  since?: Timestamp | undefined;
  /** Only events accepted before this time. */
  until?: Timestamp | undefined;
}

/** What explainEvent selects. */
export interface ExplainEventParams {
  /** Only this webhook. */
  webhookId?: string | undefined;
}

/** What listEventTypes selects. */
export interface ListEventTypesParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only types of this pack; own for those of no pack. */
  pack?: string | undefined;
  /** Types that are archived: left out, only these, or with the others. Default: "false". */
  archived?: "false" | "true" | "all" | undefined;
  /** Only types with this text in their name or description, in any case. */
  query?: string | undefined;
}

/** What importEventTypes selects. */
export interface ImportEventTypesParams {
  /**
   * What the document is: the JSON Schema of one type, an OpenAPI 3 document whose webhooks (or
   * x-webhooks) become types, or a file of types and rules as relay serve --catalogue reads it.
   */
  format?: "json-schema" | "openapi" | "pack" | undefined;
  /** The type's name, for json-schema; left out: the schema's title. */
  name?: string | undefined;
  /** Only say what would happen. Default: "false". */
  dryRun?: boolean | undefined;
}

/** What getEventType selects. */
export interface GetEventTypeParams {
  /** A version other than the current one. */
  version?: string | undefined;
}

/** What getEventTypeExample selects. */
export interface GetEventTypeExampleParams {
  /** A version other than the current one. */
  version?: string | undefined;
}

/** What listWebhooks selects. */
export interface ListWebhooksParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
}

/** What listWebhookAttempts selects. */
export interface ListWebhookAttemptsParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only attempts that ended so. */
  status?: "delivered" | "retrying" | "failed" | undefined;
  /** Only answers with this status code, such as 500, or of this class, such as 5xx. */
  code?: string | undefined;
  /** Only attempts that failed in this way, as error.kind has it. */
  errorKind?: "status" | "timeout" | "connect" | "dns" | "tls" | "reset" | "protocol" | "response_too_large" | "blocked_address" | "proxy" | "auth" | "transform" | "request" | "answer" | "canceled" | undefined;
  /** Only attempts for events of this type. */
  eventType?: string | undefined;
  /** Only attempts begun at or after this time. */
  since?: Timestamp | undefined;
  /** Only attempts begun before this time. */
  until?: Timestamp | undefined;
}

/** What listHooks selects. */
export interface ListHooksParams {
  /** Only hooks with this target. */
  targetUrl?: string | undefined;
  /** Only hooks that subscribe this event type, or exactly this pattern. */
  event?: string | undefined;
  /**
   * Those that have not ended, those that have ended within 30 days, or both. Default: "current".
   */
  status?: "current" | "ended" | "all" | undefined;
  /** Only hooks behind the one with this id, for lists longer than limit. */
  after?: string | undefined;
  /** Default: 1000. */
  limit?: number | undefined;
}

/** What listHookSamples selects. */
export interface ListHookSamplesParams {
  /** The event type; * stands for any characters. Default: "*". */
  event?: string | undefined;
  /** Default: 3. */
  limit?: number | undefined;
}

/** What listAttempts selects. */
export interface ListAttemptsParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only attempts that ended so. */
  status?: "delivered" | "retrying" | "failed" | undefined;
  /** Only answers with this status code, such as 500, or of this class, such as 5xx. */
  code?: string | undefined;
  /** Only attempts that failed in this way, as error.kind has it. */
  errorKind?: "status" | "timeout" | "connect" | "dns" | "tls" | "reset" | "protocol" | "response_too_large" | "blocked_address" | "proxy" | "auth" | "transform" | "request" | "answer" | "canceled" | undefined;
  /** Only attempts for events of this type. */
  eventType?: string | undefined;
  /** Only attempts begun at or after this time. */
  since?: Timestamp | undefined;
  /** Only attempts begun before this time. */
  until?: Timestamp | undefined;
  /** Only attempts for this webhook, which may be a deleted one. */
  webhookId?: string | undefined;
  /** Only attempts for this event: its publisher's id or Relay's. */
  eventId?: string | undefined;
  /** Only attempts for this delivery. */
  deliveryId?: string | undefined;
}

/** What listDeliveries selects. */
export interface ListDeliveriesParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only those of this webhook, which may be a deleted one. */
  webhookId?: string | undefined;
  /** Only those in this state. */
  state?: "waiting" | "inFlight" | "held" | "delivered" | "failed" | "discarded" | "expired" | "canceled" | undefined;
}

/** What listCampaigns selects. */
export interface ListCampaignsParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
}

/** What listRespondents selects. */
export interface ListRespondentsParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Default: "stored". */
  state?: "stored" | "pending" | "held" | "rejected" | "discarded" | "forwarded" | undefined;
  /** Only of this campaign. */
  campaignId?: number | undefined;
  /**
   * Only those that came by this integration, written as in its address; none: those added
   * directly.
   */
  integration?: string | undefined;
  /** Only with this e-mail address. */
  emailAddress?: string | undefined;
  /** Only with this telephone number (write + as %2B). */
  phoneNumber?: string | undefined;
  /** Only with this text in name, address, number or company; upper and lower case are alike. */
  text?: string | undefined;
  doNotContact?: boolean | undefined;
  /** Only those received at or after this time. */
  since?: Timestamp | undefined;
  /** Only those received before this time. */
  until?: Timestamp | undefined;
}

/** What exportRespondents selects. */
export interface ExportRespondentsParams {
  /** Default: "stored". */
  state?: "stored" | "pending" | "held" | "rejected" | "discarded" | "forwarded" | undefined;
  /** Only of this campaign. */
  campaignId?: number | undefined;
  /**
   * Only those that came by this integration, written as in its address; none: those added
   * directly.
   */
  integration?: string | undefined;
  /** Only with this e-mail address. */
  emailAddress?: string | undefined;
  /** Only with this telephone number (write + as %2B). */
  phoneNumber?: string | undefined;
  /** Only with this text in name, address, number or company; upper and lower case are alike. */
  text?: string | undefined;
  doNotContact?: boolean | undefined;
  /** Only those received at or after this time. */
  since?: Timestamp | undefined;
  /** Only those received before this time. */
  until?: Timestamp | undefined;
  /**
   * Begin with a byte order mark, so that Excel takes the file for UTF-8; most other programs take
   * it for a part of the first name. Default: "false".
   */
  bom?: boolean | undefined;
}

/** What listGateAttempts selects. */
export interface ListGateAttemptsParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only attempts that ended so. */
  status?: "delivered" | "retrying" | "failed" | undefined;
  /** Only answers with this status code, such as 500, or of this class, such as 5xx. */
  code?: string | undefined;
  /** Only attempts that failed in this way, as error.kind has it. */
  errorKind?: "status" | "timeout" | "connect" | "dns" | "tls" | "reset" | "protocol" | "response_too_large" | "blocked_address" | "proxy" | "auth" | "transform" | "request" | "answer" | "canceled" | undefined;
  /** Only attempts begun at or after this time. */
  since?: Timestamp | undefined;
  /** Only attempts begun before this time. */
  until?: Timestamp | undefined;
}

/** What listConnectors selects. */
export interface ListConnectorsParams {
  /** Only those that ship with Relay, or only your own. */
  origin?: "standard" | "custom" | undefined;
}

/** What getConnector selects. */
export interface GetConnectorParams {
  /** Left out: the newest live one, else the newest. */
  version?: string | undefined;
}

/** What deleteConnector selects. */
export interface DeleteConnectorParams {
  /** Left out: the newest live one, else the newest. */
  version?: string | undefined;
}

/** What listSegments selects. */
export interface ListSegmentsParams {
  /** Only those with this text in name or id, in any case. */
  query?: string | undefined;
  /** Fetch them now, though they were fetched lately. */
  refresh?: boolean | undefined;
}

/** What listConnectionAttempts selects. */
export interface ListConnectionAttemptsParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only attempts that ended so. */
  status?: "delivered" | "retrying" | "failed" | undefined;
  /** Only answers with this status code, such as 500, or of this class, such as 5xx. */
  code?: string | undefined;
  /** Only attempts that failed in this way, as error.kind has it. */
  errorKind?: "status" | "timeout" | "connect" | "dns" | "tls" | "reset" | "protocol" | "response_too_large" | "blocked_address" | "proxy" | "auth" | "transform" | "request" | "answer" | "canceled" | undefined;
  /** Only attempts begun at or after this time. */
  since?: Timestamp | undefined;
  /** Only attempts begun before this time. */
  until?: Timestamp | undefined;
}

/** What listProfiles selects. */
export interface ListProfilesParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
}

/** What deleteAttachment selects. */
export interface DeleteAttachmentParams {
  /**
   * Remove: the partner is asked to remove them, and then the attachment goes; keep: they stay at
   * the partner, and it goes at once. Default: "remove".
   */
  members?: "remove" | "keep" | undefined;
}

/** What listAttachmentProfiles selects. */
export interface ListAttachmentProfilesParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only profiles that stand so. */
  state?: "pendingAdd" | "pendingUpdate" | "pendingRemove" | "sending" | "synced" | "rejected" | "skipped" | "suppressed" | "kept" | undefined;
}

/** What listMembers selects. */
export interface ListMembersParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
}

/** What listRejectedRows selects. */
export interface ListRejectedRowsParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
}

/** What listEnrolments selects. */
export interface ListEnrolmentsParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only those. */
  state?: "running" | "waiting" | "failed" | "done" | "exited" | undefined;
  /** Only those that stand there. */
  step?: string | undefined;
  /** Only those of a profile. */
  profileId?: string | undefined;
}

/** What listAudit selects. */
export interface ListAuditParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only changes of this kind: gate.update; or of all kinds below a name: webhook.*. */
  action?: string | undefined;
  /** Only changes by the key or the user with this id. */
  actor?: string | undefined;
  /** Only changes whose first target has this id. */
  target?: string | undefined;
  since?: Timestamp | undefined;
  until?: Timestamp | undefined;
  /**
   * Platform: the log of the installation, to whoever runs it: operators, and sign-ins with
   * addresses that nobody has. Default: "tenant".
   */
  of?: "tenant" | "platform" | undefined;
}

/** What exportAudit selects. */
export interface ExportAuditParams {
  /** Only changes of this kind: gate.update; or of all kinds below a name: webhook.*. */
  action?: string | undefined;
  /** Only changes by the key or the user with this id. */
  actor?: string | undefined;
  /** Only changes whose first target has this id. */
  target?: string | undefined;
  since?: Timestamp | undefined;
  until?: Timestamp | undefined;
  /**
   * Platform: the log of the installation, to whoever runs it: operators, and sign-ins with
   * addresses that nobody has. Default: "tenant".
   */
  of?: "tenant" | "platform" | undefined;
  /** Lines of JSON, or CSV. Default: "ndjson". */
  format?: "ndjson" | "csv" | undefined;
}

/** What getStats selects. */
export interface GetStatsParams {
  /** Only this webhook; left out: all, summed. */
  webhookId?: string | undefined;
  /** Left out: 24 hours before to. */
  from?: Timestamp | undefined;
  /** Left out: now. */
  to?: Timestamp | undefined;
  /** Length of a point's time, a whole number of minutes. Default: "1h". */
  step?: Duration | undefined;
}

/** What getStatsBreakdown selects. */
export interface GetStatsBreakdownParams {
  /** Only this webhook; events received are not counted then. */
  webhookId?: string | undefined;
  /** Also each webhook by itself; not with webhookId. */
  each?: boolean | undefined;
  /** Left out: 24 hours before to. */
  from?: Timestamp | undefined;
  /** Left out: now. */
  to?: Timestamp | undefined;
}

/** What listPortalWords selects. */
export interface ListPortalWordsParams {
  /** Default: "en". */
  language?: "en" | "de" | "da" | undefined;
}

/** What listPortalLinks selects. */
export interface ListPortalLinksParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only links made for it. */
  sessionId?: string | undefined;
}

/** What endPortalSession selects. */
export interface EndPortalSessionParams {
  /** As given with the links. */
  sessionId?: string | undefined;
}

/** What listUsers selects. */
export interface ListUsersParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only users with this role. */
  role?: "viewer" | "member" | "admin" | "operator" | undefined;
  /** Only users in this state. */
  state?: "invited" | "active" | "disabled" | undefined;
  /** Only the user with this address. */
  email?: string | undefined;
}

/** What getSignIn selects. */
export interface GetSignInParams {
  /**
   * Platform: of the installation, to whoever runs it: what is asked of operators. Default:
   * "tenant".
   */
  of?: "tenant" | "platform" | undefined;
}

/** What updateSignIn selects. */
export interface UpdateSignInParams {
  /**
   * Platform: of the installation, to whoever runs it: what is asked of operators. Default:
   * "tenant".
   */
  of?: "tenant" | "platform" | undefined;
}

/** What listTenants selects. */
export interface ListTenantsParams {
  /** Where to go on: nextCursor of the page before. */
  cursor?: string | undefined;
  /**
   * The largest number of entries to answer; a page may hold fewer, and only nextCursor tells
   * whether more follow. Default: 50.
   */
  limit?: number | undefined;
  /** Only tenants in this state. */
  state?: "active" | "suspended" | "deleted" | undefined;
}

/** What deleteTenant selects. */
export interface DeleteTenantParams {
  /** The tenant's id again. */
  confirm?: string | undefined;
}
