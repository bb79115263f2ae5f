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

// UpdateCatalogue is the request of [Client.UpdateCatalogue].
type UpdateCatalogue struct {
	// One of "off", "warn", "strict". Default: "warn".
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
	// Store them before their cause instead of behind it. Default: false.
	Before Opt[bool] `json:"before,omitzero"`
	// Default: true.
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
	// Headers that sign a request: X-Relay-Signature, those of Standard Webhooks, both, or none. One
	// of "relay", "standard", "relay+standard", "none". Default: "relay".
	Signature Opt[string] `json:"signature,omitzero"`
	// Signs with an ed25519 key as well (v1a of Standard Webhooks), which receivers verify with
	// publicKey and cannot sign with; needs the signature standard or relay+standard. Default: false.
	KeyPair Opt[bool] `json:"keyPair,omitzero"`
	// How requests say who they come from. A PATCH changes the members it names; another type starts
	// anew. Credentials are shown as ***, and *** keeps the one there is. Default: { "type": "none" }.
	Auth Opt[AuthFields] `json:"auth,omitzero"`
	// Sent with every request. Default: {}.
	Headers Opt[map[string]string] `json:"headers,omitzero"`
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
	// itself. One of "relay", "push". Default: "relay".
	Preset Opt[string] `json:"preset,omitzero"`
	// The signing secret: whsec_ and the base64 of 24 to 64 bytes; left out: Relay makes one.
	Secret Opt[string] `json:"secret,omitzero"`
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
	// Headers that sign a request: X-Relay-Signature, those of Standard Webhooks, both, or none. One
	// of "relay", "standard", "relay+standard", "none". Default: "relay".
	Signature Opt[string] `json:"signature,omitzero"`
	// Signs with an ed25519 key as well (v1a of Standard Webhooks), which receivers verify with
	// publicKey and cannot sign with; needs the signature standard or relay+standard. Default: false.
	KeyPair Opt[bool] `json:"keyPair,omitzero"`
	// How requests say who they come from. A PATCH changes the members it names; another type starts
	// anew. Credentials are shown as ***, and *** keeps the one there is. Default: { "type": "none" }.
	Auth Opt[AuthFields] `json:"auth,omitzero"`
	// Sent with every request. Default: {}.
	Headers Opt[map[string]string] `json:"headers,omitzero"`
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
	// For how long the old secret signs as well, up to 168h; needs the signature standard or
	// relay+standard. Default: "0s".
	Overlap Opt[Duration] `json:"overlap,omitzero"`
}

// SinceRequest is the request of [Client.RecoverWebhook] and the request of [Client.ReplayWebhook].
type SinceRequest struct {
	// From when on.
	Since time.Time `json:"since"`
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
	// Default: false.
	Enabled Opt[bool] `json:"enabled,omitzero"`
	// The endpoint: an https address.
	URL Opt[string] `json:"url,omitzero"`
	// As for a webhook; credentials are shown as ***, and *** keeps the one there is. Default: {
	// "type": "none" }.
	Auth Opt[AuthFields] `json:"auth,omitzero"`
	// Null: miralix, dixa, 3kontakt, telia-touchpoint, dstny, tele2.
	Integrations Opt[[]string] `json:"integrations,omitzero"`
	// One of "forward", "decide". Default: "forward".
	Mode Opt[string] `json:"mode,omitzero"`
	// 0s to 25s; needs mode decide. Default: "0s".
	Deadline Opt[Duration] `json:"deadline,omitzero"`
	// One of "hold", "store", "discard". Default: "hold".
	OnFailure Opt[string] `json:"onFailure,omitzero"`
	// Of an attempt, 100ms to 60s. Default: "10s".
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

// CreateKey is the request of [Client.CreateKey].
type CreateKey struct {
	// A label for people.
	Name string `json:"name"`
	// What it may do: publish events, read, manage (webhooks, retries; includes read), admin (keys;
	// includes all of these), platform (act for any tenant). One of "publish", "read", "manage",
	// "admin", "platform".
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

// ChangePassword is the request of [Client.ChangePassword].
type ChangePassword struct {
	// The present one.
	Password string `json:"password"`
	// 12 characters or more.
	NewPassword string `json:"newPassword"`
}

// RotateEncryption is the request of [Client.RotateEncryptionKeys].
type RotateEncryption struct {
	// A master key of at least 32 random bytes that encrypts the key file from now on; set
	// RELAY_SECRET_KEY to it before the next start. Left out: the one there is, if there is one.
	SecretKey Opt[string] `json:"secretKey,omitzero"`
}
