// Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT.

package client

import (
	"time"
)

// ResendRequest is the request of [Client.ResendEvent].
type ResendRequest struct {
	// Only to this webhook; left out: to all that match.
	WebhookID Opt[string] `json:"webhookId,omitzero"`
}

// CreateEventType is the request of [Client.CreateEventType].
type CreateEventType struct {
	// Letters, digits, _ and -, in parts joined by dots.
	Name string `json:"name"`
	// What happened, what it is used for.
	Description Opt[string] `json:"description,omitzero"`
	// When such an event is published.
	Fires Opt[string] `json:"fires,omitzero"`
	// Of the schema. At creation 1 when left out; in a change the version that is changed or made:
	// left out, the current one, or a new one if a schema changes.
	Version Opt[string] `json:"version,omitzero"`
	// Other names of the type. Default: [].
	Aliases Opt[[]string] `json:"aliases,omitzero"`
	// JSON Schema of the data, 2020-12 unless it says otherwise. References lead into itself; nothing
	// is fetched.
	Schema any `json:"schema,omitzero"`
	// JSON Schema of the attributes.
	AttributesSchema any `json:"attributesSchema,omitzero"`
	// The data of such an event, which fits the schema; left out: made from the schema.
	Example any `json:"example,omitzero"`
	// Its attributes, an object.
	ExampleAttributes any `json:"exampleAttributes,omitzero"`
	// What becomes of events that violate the schema; null or left out: as the catalogue's settings
	// say. One of "off", "warn", "strict".
	Validation Opt[string] `json:"validation,omitzero"`
	// Default: false.
	Deprecated Opt[bool] `json:"deprecated,omitzero"`
	// Default: false.
	Archived Opt[bool] `json:"archived,omitzero"`
}

// UpdateEventType is the request of [Client.UpdateEventType].
type UpdateEventType struct {
	// What happened, what it is used for.
	Description Opt[string] `json:"description,omitzero"`
	// When such an event is published.
	Fires Opt[string] `json:"fires,omitzero"`
	// Of the schema. At creation 1 when left out; in a change the version that is changed or made:
	// left out, the current one, or a new one if a schema changes.
	Version Opt[string] `json:"version,omitzero"`
	// Other names of the type.
	Aliases Opt[[]string] `json:"aliases,omitzero"`
	// JSON Schema of the data, 2020-12 unless it says otherwise. References lead into itself; nothing
	// is fetched.
	Schema any `json:"schema,omitzero"`
	// JSON Schema of the attributes.
	AttributesSchema any `json:"attributesSchema,omitzero"`
	// The data of such an event, which fits the schema; left out: made from the schema.
	Example any `json:"example,omitzero"`
	// Its attributes, an object.
	ExampleAttributes any `json:"exampleAttributes,omitzero"`
	// What becomes of events that violate the schema; null or left out: as the catalogue's settings
	// say. One of "off", "warn", "strict".
	Validation Opt[string] `json:"validation,omitzero"`
	//
	Deprecated Opt[bool] `json:"deprecated,omitzero"`
	//
	Archived Opt[bool] `json:"archived,omitzero"`
}

// UpdateCatalogue is the request of [Client.UpdateCatalogue].
type UpdateCatalogue struct {
	// One of "off", "warn", "strict".
	Validation Opt[string] `json:"validation,omitzero"`
}

// CreateDerivationRule is the request of [Client.CreateDerivationRule].
type CreateDerivationRule struct {
	// Lower case letters, digits and -.
	Name string `json:"name"`
	//
	Description Opt[string] `json:"description,omitzero"`
	// The type of the events it looks at.
	On string `json:"on"`
	// Its condition, a CEL expression over event as filters are; empty: always. A member that is
	// absent makes it false.
	When Opt[string] `json:"when,omitzero"`
	// The path of a list, for each element of which (item) an event follows; empty: one event follows.
	ForEach Opt[string] `json:"forEach,omitzero"`
	// The type of the events that follow.
	Type string `json:"type"`
	// Their data: paths of event and item, literals, objects, merge(a, b) and pick(object, ["a"]).
	Data string `json:"data"`
	// Their attributes, likewise; empty: none.
	Attributes Opt[string] `json:"attributes,omitzero"`
	// Store them before their cause instead of behind it. Default: false.
	Before Opt[bool] `json:"before,omitzero"`
	// Default: true.
	Enabled Opt[bool] `json:"enabled,omitzero"`
}

// UpdateDerivationRule is the request of [Client.UpdateDerivationRule].
type UpdateDerivationRule struct {
	//
	Description Opt[string] `json:"description,omitzero"`
	// The type of the events it looks at.
	On Opt[string] `json:"on,omitzero"`
	// Its condition, a CEL expression over event as filters are; empty: always. A member that is
	// absent makes it false.
	When Opt[string] `json:"when,omitzero"`
	// The path of a list, for each element of which (item) an event follows; empty: one event follows.
	ForEach Opt[string] `json:"forEach,omitzero"`
	// The type of the events that follow.
	Type Opt[string] `json:"type,omitzero"`
	// Their data: paths of event and item, literals, objects, merge(a, b) and pick(object, ["a"]).
	Data Opt[string] `json:"data,omitzero"`
	// Their attributes, likewise; empty: none.
	Attributes Opt[string] `json:"attributes,omitzero"`
	// Store them before their cause instead of behind it.
	Before Opt[bool] `json:"before,omitzero"`
	//
	Enabled Opt[bool] `json:"enabled,omitzero"`
}

// CreateWebhook is the request of [Client.CreateWebhook].
type CreateWebhook struct {
	// Where to send events: an https address. Addresses inside of private networks are refused.
	URL string `json:"url"`
	// A label for people. Default: "".
	Description Opt[string] `json:"description,omitzero"`
	// Event types it wants; * stands for any characters, as in call.*. Default: [ "*" ].
	Events Opt[[]string] `json:"events,omitzero"`
	// A CEL expression over event (type, data, attributes, time, key) that is true for the events it
	// wants; empty: all. A member that is absent is no match. An object of operators is taken, too,
	// and becomes an expression. Default: "".
	Filter any `json:"filter,omitzero"`
	// JavaScript that defines transform(event), which returns {body, headers, query, url} of the
	// request, all optional and on the same host, or null to drop the event; empty: none. It is
	// compiled when it is saved. Default: "".
	Transform Opt[string] `json:"transform,omitzero"`
	// Shape of the body, unless a transform returns one. One of "relay", "push", "cloudevents",
	// "cloudevents-binary", "raw". Default: "relay".
	Format Opt[string] `json:"format,omitzero"`
	// Headers that sign a request: X-Relay-Signature, those of Standard Webhooks, both, none, those of
	// another system by its name or as an object, or a list of several. Default: "relay".
	Signature any `json:"signature,omitzero"`
	// Signs with an ed25519 key as well (v1a of Standard Webhooks), which receivers verify with
	// publicKey and cannot sign with; needs the signature standard or relay+standard. Default: false.
	KeyPair Opt[bool] `json:"keyPair,omitzero"`
	// How requests say who they come from. A PATCH changes the members it names; another type starts
	// anew. Credentials are shown as ***, and *** keeps the one there is. Default: { "type": "none" }.
	Auth Opt[AuthFields] `json:"auth,omitzero"`
	// Sent with every request. Default: {}.
	Headers Opt[map[string]string] `json:"headers,omitzero"`
	// Hands the trace of the event on, in the header traceparent (W3C Trace Context), so that the
	// receiver's spans join it. Only for receivers that may know the ids of your traces. Default:
	// false.
	Traceparent Opt[bool] `json:"traceparent,omitzero"`
	// What the webhook belongs to, such as a customer: a portal link can be limited to webhooks with a
	// label. Up to 16 names with values. Default: {}.
	Labels Opt[map[string]string] `json:"labels,omitzero"`
	// When to try again. A PATCH changes the members it names, and a preset becomes a custom policy by
	// it.
	Retry Opt[RetryFields] `json:"retry,omitzero"`
	// Of an attempt, from looking up the name to the last byte of the answer; 100ms to 60s. Default:
	// "10s".
	Timeout Opt[Duration] `json:"timeout,omitzero"`
	// Attempts under way at a time; 0: Relay adapts it. Default: 0.
	MaxConcurrency Opt[int] `json:"maxConcurrency,omitzero"`
	// Status codes that disable the webhook at once, such as 410. Default: [].
	DisableOn Opt[[]int] `json:"disableOn,omitzero"`
	// Bounds how many attempts start in a second.
	RateLimit Opt[RateLimitFields] `json:"rateLimit,omitzero"`
	// Events share a request, sent as soon as one of the bounds is reached; the answer is for all of
	// them, and a retry sends the same again. Not with ordering fifo. A PATCH changes the members it
	// names.
	Batch Opt[BatchFields] `json:"batch,omitzero"`
	// Fifo delivers strictly in the order of acceptance, events with the same key among themselves; a
	// delivery that waits for its retry holds those behind it. One of "none", "fifo". Default: "none".
	Ordering Opt[string] `json:"ordering,omitzero"`
	// Windows without deliveries; events are held and delivered afterwards. Default: [].
	Maintenance Opt[[]WindowFields] `json:"maintenance,omitzero"`
	// A contract that fills format, signature, retry and timeout; every field can still be set by
	// itself. One of "relay", "push", "svix", "github", "stripe". Default: "relay".
	Preset Opt[string] `json:"preset,omitzero"`
	// The signing secret, such as the one that a receiver verifies already: any text that suits the
	// signature; standard needs whsec_ and the base64 of 24 to 64 bytes. Left out: Relay makes one.
	Secret Opt[string] `json:"secret,omitzero"`
}

// SignatureFormFields is a part of [CreateWebhook] and a part of [UpdateWebhook].
type SignatureFormFields struct {
	// The header with the signature.
	Header string `json:"header"`
	// The header's value: {signatures}, and as wanted {timestamp} in unix seconds and {id} of the
	// delivery. Default: "{signatures}".
	Value Opt[string] `json:"value,omitzero"`
	// The signed text: {body}, and as wanted {timestamp} and {id}. Default: "{body}".
	Content Opt[string] `json:"content,omitzero"`
	// The hash of the HMAC. One of "sha256", "sha1", "sha512". Default: "sha256".
	Algorithm Opt[string] `json:"algorithm,omitzero"`
	// One of "hex", "base64". Default: "hex".
	Encoding Opt[string] `json:"encoding,omitzero"`
	// Of each signature. Default: "".
	Prefix Opt[string] `json:"prefix,omitzero"`
	// Between two signatures, while a rotation overlaps; empty: there is room for one. Default: "".
	Separator Opt[string] `json:"separator,omitzero"`
	// The key: the secret's bytes (text), or those it encodes; a beginning whsec_ is no part of
	// base64. One of "text", "base64", "hex". Default: "text".
	Key Opt[string] `json:"key,omitzero"`
	// A header with the id; empty: none. Default: "".
	IDHeader Opt[string] `json:"idHeader,omitzero"`
	// A header with the timestamp; empty: none. Default: "".
	TimestampHeader Opt[string] `json:"timestampHeader,omitzero"`
}

// AuthFields is a part of [CreateWebhook], a part of [UpdateWebhook] and a part of [UpdateGate].
type AuthFields struct {
	// One of "none", "basic", "apiKey", "oauth2", "mtls". Default: "none".
	Type Opt[string] `json:"type,omitzero"`
	// Of basic; required with the type, as is password; one of them may be "".
	Username Opt[string] `json:"username,omitzero"`
	// Of basic; write-only.
	Password Opt[string] `json:"password,omitzero"`
	// Of apiKey; write-only.
	Token Opt[string] `json:"token,omitzero"`
	// Of apiKey: the header it is sent in. Default: "ApiKey".
	Header Opt[string] `json:"header,omitzero"`
	// Of apiKey: put before the token as it is. Default: "".
	Prefix Opt[string] `json:"prefix,omitzero"`
	// Of oauth2, the client credentials grant.
	ClientID Opt[string] `json:"clientId,omitzero"`
	// Of oauth2; write-only.
	ClientSecret Opt[string] `json:"clientSecret,omitzero"`
	// Of oauth2: the https address that gives out tokens.
	TokenURL Opt[string] `json:"tokenUrl,omitzero"`
	// Of oauth2; required with the type, "" for none. Default: "".
	Scope Opt[string] `json:"scope,omitzero"`
	// Of oauth2. Default: "".
	Audience Opt[string] `json:"audience,omitzero"`
	// Of oauth2: further parameters of the token request, all of them; shown, so no secrets. Default:
	// {}.
	Parameters Opt[map[string]string] `json:"parameters,omitzero"`
	// Of oauth2: where the token request carries clientId and clientSecret. One of "header", "body".
	// Default: "header".
	Style Opt[string] `json:"style,omitzero"`
	// Of mtls: the client certificate and its intermediates, PEM.
	Cert Opt[string] `json:"cert,omitzero"`
	// Of mtls: the certificate's key, PEM; write-only.
	Key Opt[string] `json:"key,omitzero"`
}

// RetryFields is a part of [CreateWebhook], a part of [UpdateWebhook] and a part of [UpdateGate].
type RetryFields struct {
	// A ready policy; excludes the other members. One of "relay", "push".
	Preset Opt[string] `json:"preset,omitzero"`
	// In all, the first included.
	Attempts Opt[int] `json:"attempts,omitzero"`
	// Before the second, third … attempt; the last one repeats; excludes initialWait and factor.
	Waits Opt[[]Duration] `json:"waits,omitzero"`
	// Before the second attempt.
	InitialWait Opt[Duration] `json:"initialWait,omitzero"`
	// Each wait is this many times the one before.
	Factor Opt[float64] `json:"factor,omitzero"`
	// The longest wait, also one asked for by Retry-After.
	MaxWait Opt[Duration] `json:"maxWait,omitzero"`
	// How long after the first attempt was due the last one may begin; up to 744h.
	MaxAge Opt[Duration] `json:"maxAge,omitzero"`
	// Failures that are retried: status codes, classes such as 5xx, timeout, network (no answer),
	// other (any unsuccessful answer).
	RetryOn Opt[[]string] `json:"retryOn,omitzero"`
}

// RateLimitFields is a part of [CreateWebhook] and a part of [UpdateWebhook].
type RateLimitFields struct {
	// Attempts a second, 0.01 to 10000.
	PerSecond float64 `json:"perSecond"`
	// Attempts that may start together; 0: as perSecond, at least 1.
	Burst Opt[int] `json:"burst,omitzero"`
}

// BatchFields is a part of [CreateWebhook] and a part of [UpdateWebhook].
type BatchFields struct {
	// Events in a request at most. Default: 100.
	MaxEvents Opt[int] `json:"maxEvents,omitzero"`
	// How long the first waits for others; 0s to 1h. Default: "1s".
	MaxWait Opt[Duration] `json:"maxWait,omitzero"`
	// Of the body at most; a larger event goes alone. Default: 1048576.
	MaxBytes Opt[int] `json:"maxBytes,omitzero"`
}

// WindowFields is a part of [CreateWebhook] and a part of [UpdateWebhook].
type WindowFields struct {
	//
	From time.Time `json:"from"`
	//
	To time.Time `json:"to"`
}

// UpdateWebhook is the request of [Client.UpdateWebhook].
type UpdateWebhook struct {
	// Where to send events: an https address. Addresses inside of private networks are refused.
	URL Opt[string] `json:"url,omitzero"`
	// A label for people.
	Description Opt[string] `json:"description,omitzero"`
	// Event types it wants; * stands for any characters, as in call.*.
	Events Opt[[]string] `json:"events,omitzero"`
	// A CEL expression over event (type, data, attributes, time, key) that is true for the events it
	// wants; empty: all. A member that is absent is no match. An object of operators is taken, too,
	// and becomes an expression.
	Filter any `json:"filter,omitzero"`
	// JavaScript that defines transform(event), which returns {body, headers, query, url} of the
	// request, all optional and on the same host, or null to drop the event; empty: none. It is
	// compiled when it is saved.
	Transform Opt[string] `json:"transform,omitzero"`
	// Shape of the body, unless a transform returns one. One of "relay", "push", "cloudevents",
	// "cloudevents-binary", "raw".
	Format Opt[string] `json:"format,omitzero"`
	// Headers that sign a request: X-Relay-Signature, those of Standard Webhooks, both, none, those of
	// another system by its name or as an object, or a list of several.
	Signature any `json:"signature,omitzero"`
	// Signs with an ed25519 key as well (v1a of Standard Webhooks), which receivers verify with
	// publicKey and cannot sign with; needs the signature standard or relay+standard.
	KeyPair Opt[bool] `json:"keyPair,omitzero"`
	// How requests say who they come from. A PATCH changes the members it names; another type starts
	// anew. Credentials are shown as ***, and *** keeps the one there is.
	Auth Opt[AuthFields] `json:"auth,omitzero"`
	// Sent with every request.
	Headers Opt[map[string]string] `json:"headers,omitzero"`
	// Hands the trace of the event on, in the header traceparent (W3C Trace Context), so that the
	// receiver's spans join it. Only for receivers that may know the ids of your traces.
	Traceparent Opt[bool] `json:"traceparent,omitzero"`
	// What the webhook belongs to, such as a customer: a portal link can be limited to webhooks with a
	// label. Up to 16 names with values.
	Labels Opt[map[string]string] `json:"labels,omitzero"`
	// When to try again. A PATCH changes the members it names, and a preset becomes a custom policy by
	// it.
	Retry Opt[RetryFields] `json:"retry,omitzero"`
	// Of an attempt, from looking up the name to the last byte of the answer; 100ms to 60s.
	Timeout Opt[Duration] `json:"timeout,omitzero"`
	// Attempts under way at a time; 0: Relay adapts it.
	MaxConcurrency Opt[int] `json:"maxConcurrency,omitzero"`
	// Status codes that disable the webhook at once, such as 410.
	DisableOn Opt[[]int] `json:"disableOn,omitzero"`
	// Bounds how many attempts start in a second.
	RateLimit Opt[RateLimitFields] `json:"rateLimit,omitzero"`
	// Events share a request, sent as soon as one of the bounds is reached; the answer is for all of
	// them, and a retry sends the same again. Not with ordering fifo. A PATCH changes the members it
	// names.
	Batch Opt[BatchFields] `json:"batch,omitzero"`
	// Fifo delivers strictly in the order of acceptance, events with the same key among themselves; a
	// delivery that waits for its retry holds those behind it. One of "none", "fifo".
	Ordering Opt[string] `json:"ordering,omitzero"`
	// Windows without deliveries; events are held and delivered afterwards.
	Maintenance Opt[[]WindowFields] `json:"maintenance,omitzero"`
}

// TestRequest is the request of [Client.TestWebhook].
type TestRequest struct {
	// The type whose example is sent; left out: the first type the webhook names, else one of the
	// catalogue that it wants.
	Type Opt[string] `json:"type,omitzero"`
}

// PreviewRequest is the request of [Client.PreviewWebhook].
type PreviewRequest struct {
	// The filter to try; left out: the webhook's.
	Filter any `json:"filter,omitzero"`
	// The transform to try; left out: the webhook's.
	Transform Opt[string] `json:"transform,omitzero"`
	// The format to try; left out: the webhook's. One of "relay", "push", "cloudevents",
	// "cloudevents-binary", "raw".
	Format Opt[string] `json:"format,omitzero"`
	// Try the last so many events of the types that the webhook asks for, of the last 1000. Default:
	// 10.
	Last Opt[int] `json:"last,omitzero"`
	// Try these past events.
	EventIDs Opt[[]string] `json:"eventIds,omitzero"`
	// Try these events, given as for publishing; they are not stored.
	Events Opt[[]NewEvent] `json:"events,omitzero"`
}

// RotateRequest is the request of [Client.RotateWebhookSecret].
type RotateRequest struct {
	// For how long the old secret signs as well, up to 168h; needs a signature that can be made twice,
	// such as standard, svix or stripe. Default: "0s".
	Overlap Opt[Duration] `json:"overlap,omitzero"`
	// The new secret, as when a webhook is created; left out: Relay makes one.
	Secret Opt[string] `json:"secret,omitzero"`
}

// SinceRequest is the request of [Client.RecoverWebhook] and the request of [Client.ReplayWebhook].
type SinceRequest struct {
	// From when on.
	Since time.Time `json:"since"`
}

// CreateHook is the request of [Client.CreateHook].
type CreateHook struct {
	// Where to send events: an https address. target_url and url are taken as well; exactly one of the
	// three must be given.
	TargetURL Opt[string] `json:"targetUrl,omitzero"`
	// As targetUrl.
	Target_url Opt[string] `json:"target_url,omitzero"`
	// As targetUrl.
	URL Opt[string] `json:"url,omitzero"`
	// The event type; * stands for any characters. Left out, with events: all events.
	Event Opt[string] `json:"event,omitzero"`
	// Several event types, in place of event.
	Events Opt[[]string] `json:"events,omitzero"`
	// A CEL expression that is true for the events it wants, as webhooks have it; empty: all. Default:
	// "".
	Filter any `json:"filter,omitzero"`
}

// CreateLogView is the request of [Client.CreateLogView].
type CreateLogView struct {
	// 1 to 60 characters; other views of yours, or that the tenant shares, have other names.
	Name string `json:"name"`
	// With everybody in the tenant. Required to be true of keys: only people have views of their own.
	Shared Opt[bool] `json:"shared,omitzero"`
	//
	Filter LogViewFilterFields `json:"filter"`
}

// LogViewFilterFields is a part of [CreateLogView].
type LogViewFilterFields struct {
	// One of "delivered", "retrying", "failed".
	Status Opt[string] `json:"status,omitzero"`
	// A status code such as 500, or a class such as 5xx.
	Code Opt[string] `json:"code,omitzero"`
	// One of "status", "timeout", "connect", "dns", "tls", "reset", "protocol", "response_too_large",
	// "blocked_address", "proxy", "auth", "transform", "request", "answer", "canceled".
	ErrorKind Opt[string] `json:"errorKind,omitzero"`
	//
	EventType Opt[string] `json:"eventType,omitzero"`
	//
	WebhookID Opt[string] `json:"webhookId,omitzero"`
	// How far back, as seen from the moment of reading: a duration such as 24h.
	Within Opt[string] `json:"within,omitzero"`
}

// CreateCampaign is the request of [Client.CreateCampaign].
type CreateCampaign struct {
	// Its number, of your choice.
	ID int `json:"id"`
	// A label for people.
	Name Opt[string] `json:"name,omitzero"`
}

// UpdateCampaign is the request of [Client.UpdateCampaign].
type UpdateCampaign struct {
	// A label for people.
	Name Opt[string] `json:"name,omitzero"`
}

// NewRespondent is the request of [Client.AddRespondent] and the request of
// [Client.ReceiveRespondent].
type NewRespondent struct {
	// The campaign's number; it comes into being with its first respondent.
	CampaignID int `json:"campaignId"`
	//
	Respondent NewPerson `json:"respondent"`
	//
	Note Opt[string] `json:"note,omitzero"`
	// Whom the respondent dealt with.
	Employee Opt[Employee] `json:"employee,omitzero"`
	// In whose name the respondent is written to.
	Sender Opt[Sender] `json:"sender,omitzero"`
	// Default: false.
	DoNotContact Opt[bool] `json:"doNotContact,omitzero"`
	//
	Custom any `json:"custom,omitzero"`
	// The sender's own id of it: sending it again stores it only once. Left out: equal data is a new
	// respondent.
	ID Opt[string] `json:"id,omitzero"`
}

// NewPerson is a part of [NewRespondent].
type NewPerson struct {
	//
	Address1 Opt[string] `json:"address1,omitzero"`
	//
	City Opt[string] `json:"city,omitzero"`
	//
	Country Opt[string] `json:"country,omitzero"`
	//
	ZipCode Opt[string] `json:"zipCode,omitzero"`
	// One that looks wrong is warned about.
	EmailAddress Opt[string] `json:"emailAddress,omitzero"`
	//
	FirstName Opt[string] `json:"firstName,omitzero"`
	//
	LastName Opt[string] `json:"lastName,omitzero"`
	//
	Title Opt[string] `json:"title,omitzero"`
	//
	Company Opt[Company] `json:"company,omitzero"`
	// In E.164 form; another is warned about.
	PhoneNumber Opt[string] `json:"phoneNumber,omitzero"`
}

// Company is a part of [NewPerson].
type Company struct {
	//
	Name Opt[string] `json:"name,omitzero"`
	//
	EmailAddress Opt[string] `json:"emailAddress,omitzero"`
	//
	Industry Opt[string] `json:"industry,omitzero"`
}

// Employee is a part of [NewRespondent].
type Employee struct {
	//
	Email Opt[string] `json:"email,omitzero"`
	//
	FirstName Opt[string] `json:"firstName,omitzero"`
	//
	LastName Opt[string] `json:"lastName,omitzero"`
	//
	Title Opt[string] `json:"title,omitzero"`
	//
	Department Opt[string] `json:"department,omitzero"`
	//
	Team Opt[string] `json:"team,omitzero"`
	//
	Division Opt[string] `json:"division,omitzero"`
}

// Sender is a part of [NewRespondent].
type Sender struct {
	//
	Email Opt[string] `json:"email,omitzero"`
	//
	FirstName Opt[string] `json:"firstName,omitzero"`
	//
	LastName Opt[string] `json:"lastName,omitzero"`
}

// EraseRequest is the request of [Client.ErasePerson].
type EraseRequest struct {
	//
	EmailAddress Opt[string] `json:"emailAddress,omitzero"`
	//
	PhoneNumber Opt[string] `json:"phoneNumber,omitzero"`
}

// UpdateGate is the request of [Client.UpdateGate].
type UpdateGate struct {
	//
	Enabled Opt[bool] `json:"enabled,omitzero"`
	// The endpoint: an https address.
	URL Opt[string] `json:"url,omitzero"`
	// As for a webhook; credentials are shown as ***, and *** keeps the one there is.
	Auth Opt[AuthFields] `json:"auth,omitzero"`
	// Null: miralix, dixa, 3kontakt, telia-touchpoint, dstny, tele2.
	Integrations Opt[[]string] `json:"integrations,omitzero"`
	// One of "forward", "decide".
	Mode Opt[string] `json:"mode,omitzero"`
	// 0s to 25s; needs mode decide.
	Deadline Opt[Duration] `json:"deadline,omitzero"`
	// One of "hold", "store", "discard".
	OnFailure Opt[string] `json:"onFailure,omitzero"`
	// Of an attempt, 100ms to 60s.
	Timeout Opt[Duration] `json:"timeout,omitzero"`
	// When to try again, as for a webhook.
	Retry Opt[RetryFields] `json:"retry,omitzero"`
}

// CreateIntegration is the request of [Client.CreateIntegration].
type CreateIntegration struct {
	// A-z, 0-9, - and _: it is part of the address that respondents are sent to.
	Name string `json:"name"`
	// A label for people.
	Description Opt[string] `json:"description,omitzero"`
}

// CreateConnector is the request of [Client.CreateConnector] and the request of
// [Client.CheckConnector].
type CreateConnector struct {
	// The definition, in YAML or JSON.
	Document string `json:"document"`
}

// UpdateConnector is the request of [Client.UpdateConnector].
type UpdateConnector struct {
	// The version that is changed.
	Version string `json:"version"`
	// Of a draft: the definition instead of the one there is.
	Document Opt[string] `json:"document,omitzero"`
	// Live only with tests that pass and a plan that is done. One of "draft", "testing", "live",
	// "retired".
	State Opt[string] `json:"state,omitzero"`
}

// DoneStep is the request of [Client.TickConnectorPlan].
type DoneStep struct {
	//
	Version string `json:"version"`
	// The step, as the definition has it.
	Step string `json:"step"`
	// How one can see that, such as the id of an attempt.
	Evidence Opt[string] `json:"evidence,omitzero"`
}

// ConnectorPayload is the request of [Client.TryConnector].
type ConnectorPayload struct {
	// Left out: the newest live one, else the newest.
	Version Opt[string] `json:"version,omitzero"`
	// A connection whose fields are taken; left out: examples.
	Connection Opt[string] `json:"connection,omitzero"`
	// The payload that the connector receives; members may be left out.
	Payload any `json:"payload"`
	// What has happened to the profile; left out: enter. One of "enter", "update", "leave". Default:
	// "enter".
	Operation Opt[string] `json:"operation,omitzero"`
	// Send it to the partner, by the connection.
	Send Opt[bool] `json:"send,omitzero"`
}

// CreateConnection is the request of [Client.CreateConnection].
type CreateConnection struct {
	//
	Connector string `json:"connector"`
	// A label for people.
	Name Opt[string] `json:"name,omitzero"`
	// Of a connector of your own; left out: the newest live one.
	Version Opt[string] `json:"version,omitzero"`
	// Instead of the connector's. Default: 0.
	PartnerNumber Opt[int] `json:"partnerNumber,omitzero"`
	// Specific to your organization. Default: 0.
	SiteNumber Opt[int] `json:"siteNumber,omitzero"`
	// By the names that the connector gives; an empty text resets one, *** keeps a secret. Default:
	// {}.
	Fields Opt[map[string]string] `json:"fields,omitzero"`
}

// UpdateConnection is the request of [Client.UpdateConnection].
type UpdateConnection struct {
	// A label for people.
	Name Opt[string] `json:"name,omitzero"`
	// Of a connector of your own; left out: the newest live one.
	Version Opt[string] `json:"version,omitzero"`
	// Instead of the connector's.
	PartnerNumber Opt[int] `json:"partnerNumber,omitzero"`
	// Specific to your organization.
	SiteNumber Opt[int] `json:"siteNumber,omitzero"`
	// By the names that the connector gives; an empty text resets one, *** keeps a secret.
	Fields Opt[map[string]string] `json:"fields,omitzero"`
}

// PutProfile is the request of [Client.PutProfile] and the request of [Client.EnterAudience].
type PutProfile struct {
	// As given. Default: "".
	SourceID Opt[string] `json:"sourceId,omitzero"`
	// Identifiers by partner number, all of them, the oldest first. Default: {}.
	PartnerIDs Opt[map[string][]string] `json:"partnerIds,omitzero"`
	// An object, all of it.
	Variables any `json:"variables,omitzero"`
	// Connectors in testing send it. Default: false.
	Test Opt[bool] `json:"test,omitzero"`
	// Nothing but its removal is sent. Default: false.
	DoNotContact Opt[bool] `json:"doNotContact,omitzero"`
	// The purposes that change.
	Consent Opt[map[string]PutConsent] `json:"consent,omitzero"`
}

// PutConsent is a part of [PutProfile] and a part of [DryProfile].
type PutConsent struct {
	// Unknown takes the answer back. One of "granted", "denied", "unknown".
	State string `json:"state"`
	// When.
	At Opt[time.Time] `json:"at,omitzero"`
	// Where it is written down.
	Proof Opt[string] `json:"proof,omitzero"`
}

// CreateAudience is the request of [Client.CreateAudience].
type CreateAudience struct {
	// Unique; relay42AudienceNumber of the payload.
	Number int `json:"number"`
	//
	Name string `json:"name"`
	// An object, part of each payload.
	Data any `json:"data,omitzero"`
}

// UpdateAudience is the request of [Client.UpdateAudience].
type UpdateAudience struct {
	//
	Name Opt[string] `json:"name,omitzero"`
	// An object, part of each payload; a change is not sent by itself.
	Data any `json:"data,omitzero"`
}

// CreateAttachment is the request of [Client.CreateAttachment].
type CreateAttachment struct {
	//
	Connection string `json:"connection"`
	// The segment or event at the partner; sent byte for byte. An error where the connector uses it
	// and it is blank.
	ExternalID Opt[string] `json:"externalId,omitzero"`
	// The partner is told of changes of members, too.
	OnUpdate Opt[bool] `json:"onUpdate,omitzero"`
	// Only profiles that have granted it are sent; one that takes it back is removed.
	ConsentPurpose Opt[string] `json:"consentPurpose,omitzero"`
}

// UpdateAttachment is the request of [Client.UpdateAttachment].
type UpdateAttachment struct {
	// True: nothing is sent; false: what is wanted by then is sent, and what was rejected is tried
	// again.
	Paused Opt[bool] `json:"paused,omitzero"`
	// The partner is told of changes of members, too.
	OnUpdate Opt[bool] `json:"onUpdate,omitzero"`
	// Another segment at the partner: the audience is detached from the old one, and attached anew
	// with another id.
	ExternalID Opt[string] `json:"externalId,omitzero"`
	// With externalId: whether the members are removed from the old segment. One of "remove", "keep".
	Members Opt[string] `json:"members,omitzero"`
}

// PutMembers is the request of [Client.PutMembers].
type PutMembers struct {
	// Whether they enter or leave. One of "add", "remove". Default: "add".
	Mode Opt[string] `json:"mode,omitzero"`
	// Objects with profileId, sourceId, partnerIds, variables, test and doNotContact.
	Rows []any `json:"rows"`
}

// CreateImport is the request of [Client.CreateImport].
type CreateImport struct {
	// Add: the profiles of the rows enter; remove: they leave; replace: they enter, and all others
	// leave. One of "add", "remove", "replace".
	Mode string `json:"mode"`
}

// ImportRows is the request of [Client.AddImportRows].
type ImportRows struct {
	// Number of the first row; a line that the import has is passed over, so that a table can be sent
	// again from any line. Default: 1.
	Line Opt[int] `json:"line,omitzero"`
	// Objects with profileId, sourceId, partnerIds, variables, test and doNotContact.
	Rows Opt[[]any] `json:"rows,omitzero"`
	// Instead of rows: lines of such objects, or CSV whose first line names the columns.
	Text Opt[string] `json:"text,omitzero"`
	// Of the text. One of "ndjson", "csv". Default: "ndjson".
	Format Opt[string] `json:"format,omitzero"`
	// Of CSV, by column: profileId, sourceId, test, doNotContact, partnerIds.NUMBER, variables.NAME,
	// with :number, :bool or :json behind a variable. Empty: by the names of the columns, others are
	// variables.
	Mapping Opt[map[string]string] `json:"mapping,omitzero"`
}

// StartImport is the request of [Client.StartImport].
type StartImport struct {
	// Also if a replacement removes more than 20 % of the members, or leaves rows out.
	Force Opt[bool] `json:"force,omitzero"`
}

// CreateJourney is the request of [Client.CreateJourney].
type CreateJourney struct {
	// Unique among journeys and audiences; relay42AudienceNumber of the payload.
	Number int `json:"number"`
	// The journey, in YAML or JSON: see docs/journeys.md.
	Document string `json:"document"`
	// Paused: who enters waits until it goes on; draining: nobody enters. One of "live", "paused",
	// "draining". Default: "live".
	Mode Opt[string] `json:"mode,omitzero"`
}

// DryRun is the request of [Client.DryRunJourney].
type DryRun struct {
	// The journey, in YAML or JSON. Left out: the current version of number.
	Document Opt[string] `json:"document,omitzero"`
	// Of the journey; of the payload, where a document is given.
	Number Opt[int] `json:"number,omitzero"`
	//
	Profile DryProfile `json:"profile"`
	// What happens, in any order.
	Events []DryEvent `json:"events"`
	// Of sends, by step: delivered, rejected or skipped; others are delivered.
	Outcomes Opt[map[string]string] `json:"outcomes,omitzero"`
	// When the run ends at the latest; left out: two years after the last event.
	Until Opt[time.Time] `json:"until,omitzero"`
	// Another text may take another way where a split decides.
	Seed Opt[string] `json:"seed,omitzero"`
}

// DryProfile is a part of [DryRun].
type DryProfile struct {
	//
	ProfileID string `json:"profileId"`
	// As given. Default: "".
	SourceID Opt[string] `json:"sourceId,omitzero"`
	// Identifiers by partner number, all of them, the oldest first. Default: {}.
	PartnerIDs Opt[map[string][]string] `json:"partnerIds,omitzero"`
	// An object, all of it.
	Variables any `json:"variables,omitzero"`
	// Connectors in testing send it. Default: false.
	Test Opt[bool] `json:"test,omitzero"`
	// Nothing but its removal is sent. Default: false.
	DoNotContact Opt[bool] `json:"doNotContact,omitzero"`
	// The purposes that change.
	Consent Opt[map[string]PutConsent] `json:"consent,omitzero"`
	// Those that it is in at the beginning.
	Audiences Opt[[]int] `json:"audiences,omitzero"`
}

// DryEvent is a part of [DryRun].
type DryEvent struct {
	//
	At time.Time `json:"at"`
	// Of an event.
	Type Opt[string] `json:"type,omitzero"`
	// Of an event.
	Data any `json:"data,omitzero"`
	// Of an event.
	Key Opt[string] `json:"key,omitzero"`
	// Instead of an event: the audience that the profile enters or leaves.
	Audience Opt[int] `json:"audience,omitzero"`
	// With audience. One of "enter", "leave". Default: "enter".
	On Opt[string] `json:"on,omitzero"`
}

// UpdateJourney is the request of [Client.UpdateJourney].
type UpdateJourney struct {
	// A new version, for those who enter from now on; who is inside stays in theirs.
	Document Opt[string] `json:"document,omitzero"`
	// Stopped takes everybody out at once. One of "live", "paused", "draining", "stopped".
	Mode Opt[string] `json:"mode,omitzero"`
	// Needed to end a pause. shift: waits are longer by it, but times of day and dates stay; catchUp:
	// what was due in between is due now. One of "shift", "catchUp".
	Resume Opt[string] `json:"resume,omitzero"`
}

// MoveJourney is the request of [Client.MoveJourney].
type MoveJourney struct {
	// The version they are in; left out: any older one.
	From Opt[int] `json:"from,omitzero"`
	// Where those go on who stand in a step: in another one, or at the "end". Others go on in the step
	// of the same name and kind, and waits keep their times.
	Steps Opt[map[string]string] `json:"steps,omitzero"`
	// Only say what would happen.
	Preview Opt[bool] `json:"preview,omitzero"`
}

// CreateKey is the request of [Client.CreateKey].
type CreateKey struct {
	// A label for people.
	Name string `json:"name"`
	// What it may do: publish events, hooks (REST hooks of automation platforms), read, manage
	// (webhooks, retries; includes read and hooks), admin (keys; includes all of these), platform (act
	// for any tenant). One of "publish", "hooks", "read", "manage", "admin", "platform".
	Scopes []string `json:"scopes"`
	// Narrow the scope publish to these event types and integrations; null: everything may be
	// published.
	Limits Opt[KeyLimitsFields] `json:"limits,omitzero"`
	// From when on it is refused; null: never.
	ExpiresAt Opt[time.Time] `json:"expiresAt,omitzero"`
}

// KeyLimitsFields is a part of [CreateKey].
type KeyLimitsFields struct {
	// Event types that the key may publish, in which * stands for any characters; empty: none.
	Types Opt[[]string] `json:"types,omitzero"`
	// Integrations by which the key may send respondents; none: it may add them directly; *: both, and
	// by every integration; empty: it may send none.
	Integrations Opt[[]string] `json:"integrations,omitzero"`
}

// ReplaceKey is the request of [Client.ReplaceKey].
type ReplaceKey struct {
	// How long the old key stays valid, up to 720h. Default: "0s".
	Overlap Opt[Duration] `json:"overlap,omitzero"`
	// From when on the new key is refused; null: never.
	ExpiresAt Opt[time.Time] `json:"expiresAt,omitzero"`
}

// UpdatePortal is the request of [Client.UpdatePortal].
type UpdatePortal struct {
	// In the title and the head of the pages.
	Name Opt[string] `json:"name,omitzero"`
	// A PNG or SVG image of up to 100 KiB, as a data: address in base 64; null or empty: none.
	Logo Opt[string] `json:"logo,omitzero"`
	// Those that are left out stay as they are.
	Theme Opt[PortalThemeFields] `json:"theme,omitzero"`
	// The page that is shown first, unless a link says otherwise. One of "webhooks", "webhooks/new",
	// "log", "types".
	Start Opt[string] `json:"start,omitzero"`
	// Leaves out the head with logo, name and menu, for a frame below a menu of your own.
	HideNavigation Opt[bool] `json:"hideNavigation,omitzero"`
	// Leaves out the space around the pages.
	NoGutters Opt[bool] `json:"noGutters,omitzero"`
	// What the pages say instead of a phrase, by the phrase in English; see listPortalWords.
	Words Opt[map[string]string] `json:"words,omitzero"`
	// The sites that may show the portal in a frame, exactly: scheme, host, and the port if it is not
	// the usual one. None by default.
	EmbedOrigins Opt[[]string] `json:"embedOrigins,omitzero"`
	// Your page with the portal; people whose session has ended are offered the way there.
	RefreshURL Opt[string] `json:"refreshUrl,omitzero"`
}

// PortalThemeFields is a part of [UpdatePortal] and a part of [CreatePortalLink].
type PortalThemeFields struct {
	// Of links and buttons: a color such as #0b5fc4. It is made darker or lighter until text has a
	// contrast of 4.5 to 1.
	Accent Opt[string] `json:"accent,omitzero"`
	// Of corners, in pixels.
	Radius Opt[int] `json:"radius,omitzero"`
	// One of "inter", "system", "serif".
	Font Opt[string] `json:"font,omitzero"`
	// Auto: as the customer's system. One of "auto", "light", "dark".
	Theme Opt[string] `json:"theme,omitzero"`
	// One of "en", "de", "da".
	Language Opt[string] `json:"language,omitzero"`
}

// CreatePortalLink is the request of [Client.CreatePortalLink].
type CreatePortalLink struct {
	// View: see webhooks and their log, which every link allows; manage: add, change, pause and delete
	// webhooks; test; replay: retry, cancel and recover; secret: see and rotate secrets; transform:
	// change filters and transforms. Default: [ "view" ].
	Capabilities Opt[[]string] `json:"capabilities,omitzero"`
	// Ids of webhooks, or labels such as customer=acme, one of which a webhook must have to be seen.
	// Webhooks added in the portal get the labels. Empty: all webhooks of the tenant. Default: [].
	Webhooks Opt[[]string] `json:"webhooks,omitzero"`
	// Names and globs of the event types that can be chosen and seen; empty: all. Default: [].
	EventTypes Opt[[]string] `json:"eventTypes,omitzero"`
	// The filter of webhooks added in the portal, which cannot be changed there: where customers share
	// a tenant, it keeps their events apart. Default: "".
	Filter Opt[string] `json:"filter,omitzero"`
	// How long the link can be opened, up to 168h. A session lasts 8 hours from then on. Default:
	// "1h".
	ExpiresIn Opt[Duration] `json:"expiresIn,omitzero"`
	// The session of your product; deleting links by it ends the customer's sessions in the portal,
	// too.
	SessionID Opt[string] `json:"sessionId,omitzero"`
	// Who the link is for, for the audit log.
	User Opt[PortalUserFields] `json:"user,omitzero"`
	// The page that is shown first; left out: as the portal's settings say. One of "webhooks",
	// "webhooks/new", "log", "types".
	Next Opt[string] `json:"next,omitzero"`
	// In place of the portal's.
	Theme Opt[PortalThemeFields] `json:"theme,omitzero"`
}

// PortalUserFields is a part of [CreatePortalLink].
type PortalUserFields struct {
	// The audit log has it with every change the customer makes.
	ID Opt[string] `json:"id,omitzero"`
	//
	Name Opt[string] `json:"name,omitzero"`
}

// InviteUser is the request of [Client.InviteUser].
type InviteUser struct {
	// By which the person signs in.
	Email string `json:"email"`
	// A label for people; the person may choose another when they accept.
	Name Opt[string] `json:"name,omitzero"`
	// Viewer: look at everything but secrets; member: also change webhooks and event types, retry and
	// replay; admin: also keys, users, the gate and the audit log; operator: run the installation,
	// which only the platform may give. One of "viewer", "member", "admin", "operator".
	Role string `json:"role"`
}

// UpdateUser is the request of [Client.UpdateUser].
type UpdateUser struct {
	// Null: none.
	Name Opt[string] `json:"name,omitzero"`
	// One of "viewer", "member", "admin".
	Role Opt[string] `json:"role,omitzero"`
}

// UpdateSignIn is the request of [Client.UpdateSignIn].
type UpdateSignIn struct {
	// Null: none; operator is a role of the installation. One of "viewer", "member", "admin",
	// "operator".
	SecondFactor Opt[[]string] `json:"secondFactor,omitzero"`
	// Of=platform only; null: on. One of "on", "admins", "off".
	PasswordLogin Opt[string] `json:"passwordLogin,omitzero"`
}

// CreateSignInProvider is the request of [Client.CreateSignInProvider].
type CreateSignInProvider struct {
	// A part of the addresses that the provider knows; lower-case letters, digits and hyphens; it
	// never changes.
	Name string `json:"name"`
	// The provider's address, exactly as it names itself; Relay reads the rest below
	// /.well-known/openid-configuration.
	Issuer string `json:"issuer"`
	//
	ClientID string `json:"clientId"`
	// Null: the name.
	Label Opt[string] `json:"label,omitzero"`
	// Null: none, the client is public.
	ClientSecret Opt[string] `json:"clientSecret,omitzero"`
	// Null: profile and email.
	Scopes Opt[[]string] `json:"scopes,omitzero"`
	// Null: roles are read from no claim.
	RoleClaim Opt[string] `json:"roleClaim,omitzero"`
	// In place of all that there were; null: none.
	Roles Opt[map[string]string] `json:"roles,omitzero"`
	// Null: none.
	DefaultRole Opt[string] `json:"defaultRole,omitzero"`
	// Null: any.
	AllowedDomains Opt[[]string] `json:"allowedDomains,omitzero"`
	//
	AutoCreate Opt[bool] `json:"autoCreate,omitzero"`
	//
	LinkByEmail Opt[bool] `json:"linkByEmail,omitzero"`
	//
	TrustEmail Opt[bool] `json:"trustEmail,omitzero"`
	//
	LogoutAtProvider Opt[bool] `json:"logoutAtProvider,omitzero"`
	//
	ForceRedirect Opt[bool] `json:"forceRedirect,omitzero"`
}

// UpdateSignInProvider is the request of [Client.UpdateSignInProvider].
type UpdateSignInProvider struct {
	// People are known by issuer and subject: another issuer's are others.
	Issuer Opt[string] `json:"issuer,omitzero"`
	//
	ClientID Opt[string] `json:"clientId,omitzero"`
	// Null: the name.
	Label Opt[string] `json:"label,omitzero"`
	// Null: none, the client is public.
	ClientSecret Opt[string] `json:"clientSecret,omitzero"`
	// Null: profile and email.
	Scopes Opt[[]string] `json:"scopes,omitzero"`
	// Null: roles are read from no claim.
	RoleClaim Opt[string] `json:"roleClaim,omitzero"`
	// In place of all that there were; null: none.
	Roles Opt[map[string]string] `json:"roles,omitzero"`
	// Null: none.
	DefaultRole Opt[string] `json:"defaultRole,omitzero"`
	// Null: any.
	AllowedDomains Opt[[]string] `json:"allowedDomains,omitzero"`
	//
	AutoCreate Opt[bool] `json:"autoCreate,omitzero"`
	//
	LinkByEmail Opt[bool] `json:"linkByEmail,omitzero"`
	//
	TrustEmail Opt[bool] `json:"trustEmail,omitzero"`
	//
	LogoutAtProvider Opt[bool] `json:"logoutAtProvider,omitzero"`
	//
	ForceRedirect Opt[bool] `json:"forceRedirect,omitzero"`
}

// Login is the request of [Client.SignIn].
type Login struct {
	//
	Email string `json:"email"`
	//
	Password string `json:"password"`
}

// LoginByLink is the request of [Client.SignInByLink].
type LoginByLink struct {
	//
	Token string `json:"token"`
	// The password to have from now on, 12 characters or more; to accept an invitation with a password
	// at this installation, that one.
	Password string `json:"password"`
	// How you want to be called in the tenant that has invited you; left out: as the invitation says.
	Name Opt[string] `json:"name,omitzero"`
}

// LoginByCode is the request of [Client.SignInByCode].
type LoginByCode struct {
	// SecondFactor.token of the answer to the first step.
	Token string `json:"token"`
	// The six digits that the app shows, or a recovery code; each is taken once.
	Code string `json:"code"`
}

// LoginByPasskey is the request of [Client.SignInByPasskey].
type LoginByPasskey struct {
	// What navigator.credentials.get answers, in its JSON form (toJSON).
	Credential any `json:"credential"`
	// SecondFactor.token of a sign-in that waits: the passkey then takes the place of a code.
	Token Opt[string] `json:"token,omitzero"`
}

// ConfirmSession is the request of [Client.ConfirmSession].
type ConfirmSession struct {
	// Yours; or else a code or a passkey.
	Password Opt[string] `json:"password,omitzero"`
	// Of the app, or a recovery code; each is taken once.
	Code Opt[string] `json:"code,omitzero"`
	// The answer of a passkey to getPasskeyOptions.
	Credential any `json:"credential,omitzero"`
}

// ChangePassword is the request of [Client.ChangePassword].
type ChangePassword struct {
	// The present one.
	Password string `json:"password"`
	// 12 characters or more.
	NewPassword string `json:"newPassword"`
}

// AddPasskey is the request of [Client.AddPasskey].
type AddPasskey struct {
	// By which you tell it from others.
	Name string `json:"name"`
	// What navigator.credentials.create answers, in its JSON form (toJSON).
	Credential any `json:"credential"`
}

// UpdatePasskey is the request of [Client.RenamePasskey].
type UpdatePasskey struct {
	//
	Name string `json:"name"`
}

// SetUpSecondFactor is the request of [Client.SetUpSecondFactor].
type SetUpSecondFactor struct {
	// Your password; it may be left out within ten minutes after signing in.
	Password Opt[string] `json:"password,omitzero"`
}

// Code is the request of [Client.ConfirmSecondFactor], the request of [Client.RenewRecoveryCodes]
// and the request of [Client.DisableSecondFactor].
type Code struct {
	// The six digits that the app shows, or a recovery code; each is taken once.
	Code string `json:"code"`
}

// CreateTenant is the request of [Client.CreateTenant].
type CreateTenant struct {
	// Letters a to z, digits, -, _ and .; it never changes.
	ID string `json:"id"`
	// What people call it; left out: as its id.
	Name Opt[string] `json:"name,omitzero"`
	// The name of its plan. Default: "unlimited".
	Plan Opt[string] `json:"plan,omitzero"`
	// Its own limits, which hold instead of those of the plan.
	Limits Opt[LimitFields] `json:"limits,omitzero"`
	// Its admins may see the signing secrets of webhooks again. Default: false.
	RevealSecrets Opt[bool] `json:"revealSecrets,omitzero"`
}

// LimitFields is a part of [CreateTenant], a part of [UpdateTenant], a part of [CreatePlan] and a
// part of [UpdatePlan].
type LimitFields struct {
	// Null: no limit, or that of the plan.
	Webhooks Opt[int] `json:"webhooks,omitzero"`
	// Null: no limit, or that of the plan.
	Hooks Opt[int] `json:"hooks,omitzero"`
	// Null: no limit, or that of the plan.
	Users Opt[int] `json:"users,omitzero"`
	// Null: no limit, or that of the plan.
	Connectors Opt[int] `json:"connectors,omitzero"`
	// Null: no limit, or that of the plan.
	Audiences Opt[int] `json:"audiences,omitzero"`
	// Null: no limit, or that of the plan.
	Journeys Opt[int] `json:"journeys,omitzero"`
	// Null: no limit, or that of the plan.
	PortalLinks Opt[int] `json:"portalLinks,omitzero"`
	// Null: no limit, or that of the plan.
	EventsPerSecond Opt[int] `json:"eventsPerSecond,omitzero"`
	// Null: no limit, or that of the plan.
	EventsPerDay Opt[int] `json:"eventsPerDay,omitzero"`
	// For how many days events, attempts and bodies are kept, at most as many as the installation
	// keeps them; null: as many, or as the plan says.
	RetentionDays Opt[int] `json:"retentionDays,omitzero"`
}

// UpdateTenant is the request of [Client.UpdateTenant].
type UpdateTenant struct {
	// What people call it; null: as its id.
	Name Opt[string] `json:"name,omitzero"`
	// The name of its plan; null: unlimited. After a change to a smaller plan the tenant keeps what it
	// has, and can create and resume nothing that it has too much of.
	Plan Opt[string] `json:"plan,omitzero"`
	// Its own limits, which hold instead of those of the plan; null: it has none.
	Limits Opt[LimitFields] `json:"limits,omitzero"`
	// Its admins may see the signing secrets of webhooks again; null: they may not.
	RevealSecrets Opt[bool] `json:"revealSecrets,omitzero"`
}

// CreatePlan is the request of [Client.CreatePlan].
type CreatePlan struct {
	// Letters a to z, digits, -, _ and .; it never changes.
	Name string `json:"name"`
	// What is left out has no limit.
	Limits Opt[LimitFields] `json:"limits,omitzero"`
}

// UpdatePlan is the request of [Client.UpdatePlan].
type UpdatePlan struct {
	// Those that are left out stay as they are.
	Limits Opt[LimitFields] `json:"limits,omitzero"`
}

// RotateEncryption is the request of [Client.RotateEncryptionKeys].
type RotateEncryption struct {
	// A master key of at least 32 random bytes that encrypts the key file from now on; set
	// RELAY_SECRET_KEY to it before the next start. Left out: the one there is, if there is one.
	SecretKey Opt[string] `json:"secretKey,omitzero"`
}
