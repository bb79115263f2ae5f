// Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT.

package client

import (
	"encoding/json"
	"time"
)

// PublishedEvent is an answer to published events and a part of [PublishedEvents].
type PublishedEvent struct {
	//
	ID string `json:"id"`
	//
	Type string `json:"type"`
	//
	Timestamp time.Time `json:"timestamp"`
	// It was stored before; this is the first result.
	Duplicate bool `json:"duplicate"`
	// Problems found in it; left out if there are none.
	Warnings []Warning `json:"warnings"`
}

// Warning is a part of [Event], a part of [EventDetail], a part of [Webhook], a part of
// [EraseAnswer] and others.
type Warning struct {
	//
	Path string `json:"path"`
	// Completes the path to a sentence.
	Message string `json:"message"`
}

// PublishedEvents is an answer to published events.
type PublishedEvents struct {
	// Stored by this request.
	Accepted int `json:"accepted"`
	// Stored before.
	Duplicates int `json:"duplicates"`
	// In the order of the request.
	Events []PublishedEvent `json:"events"`
}

// Event is an entry of the answer of [Client.ListEvents].
type Event struct {
	// The id its publisher chose, else Relay's.
	ID string `json:"id"`
	//
	Type string `json:"type"`
	// When it happened.
	Timestamp time.Time `json:"timestamp"`
	// When Relay stored it.
	AcceptedAt time.Time `json:"acceptedAt"`
	// Version of the data's shape.
	Version string `json:"version"`
	// Ordering key.
	Key string `json:"key"`
	// Extra members, an object or null.
	Attributes json.RawMessage `json:"attributes"`
	// The payload, any JSON value.
	Data json.RawMessage `json:"data"`
	// Delivery is held back until then.
	DeliverAt time.Time `json:"deliverAt"`
	// The event this one was derived from.
	CauseID string `json:"causeId"`
	// Problems found when it was published: differences from its type's schema, and derivation rules
	// that failed.
	Warnings []Warning `json:"warnings"`
}

// EventDetail is the answer of [Client.GetEvent].
type EventDetail struct {
	// The id its publisher chose, else Relay's.
	ID string `json:"id"`
	//
	Type string `json:"type"`
	// When it happened.
	Timestamp time.Time `json:"timestamp"`
	// When Relay stored it.
	AcceptedAt time.Time `json:"acceptedAt"`
	// Version of the data's shape.
	Version string `json:"version"`
	// Ordering key.
	Key string `json:"key"`
	// Extra members, an object or null.
	Attributes json.RawMessage `json:"attributes"`
	// The payload, any JSON value.
	Data json.RawMessage `json:"data"`
	// Delivery is held back until then.
	DeliverAt time.Time `json:"deliverAt"`
	// The event this one was derived from.
	CauseID string `json:"causeId"`
	// Problems found when it was published: differences from its type's schema, and derivation rules
	// that failed.
	Warnings []Warning `json:"warnings"`
	// Webhooks whose filter, as it is now, cannot be evaluated for this event, which counts as no
	// match; at most 100.
	FilterErrors []FilterError `json:"filterErrors"`
	// The events that were derived from it, and from those; causeId tells from which.
	Derived []DerivedEvent `json:"derived"`
}

// FilterError is a part of [EventDetail].
type FilterError struct {
	//
	WebhookID string `json:"webhookId"`
	// The part of the filter that fails, and why.
	Message string `json:"message"`
}

// DerivedEvent is a part of [EventDetail].
type DerivedEvent struct {
	//
	ID string `json:"id"`
	//
	Type string `json:"type"`
	//
	CauseID string `json:"causeId"`
}

// Delivery is an entry of the answer of [Client.ListEventDeliveries], a part of [Explanation], an
// entry of the answer of [Client.ListDeliveries], the answer of [Client.GetDelivery] and others.
type Delivery struct {
	// The webhookId in the body that the endpoint receives.
	ID string `json:"id"`
	//
	EventID string `json:"eventId"`
	//
	EventType string `json:"eventType"`
	// Null when the webhook was deleted.
	WebhookID string `json:"webhookId"`
	// One of "waiting", "inFlight", "held", "delivered", "failed", "discarded", "expired", "canceled".
	State string `json:"state"`
	// Made so far.
	Attempts int `json:"attempts"`
	//
	NextAttemptAt time.Time `json:"nextAttemptAt"`
	// Why it is in this state, in words.
	Reason string `json:"reason"`
}

// Explanation is an entry of the answer of [Client.ExplainEvent].
type Explanation struct {
	//
	WebhookID string `json:"webhookId"`
	// What happened, or why nothing did: it waits for the rate limit or the end of a maintenance
	// window, its transform dropped the event, the webhook does not ask for the type, its filter says
	// no, it was paused or disabled, was created after the event or has changed since, or the event is
	// an operational one that must be asked for by name. One of "delivered", "waiting", "rateLimit",
	// "maintenance", "failed", "canceled", "expired", "transform", "type", "filter", "paused",
	// "disabled", "created", "changed", "operation".
	Verdict string `json:"verdict"`
	// The same in a sentence.
	Detail string `json:"detail"`
	//
	Delivery *Delivery `json:"delivery"`
}

// ResendAnswer is the answer of [Client.ResendEvent].
type ResendAnswer struct {
	// Ids of the deliveries that will be attempted again.
	Deliveries []string `json:"deliveries"`
}

// EventType is an entry of the answer of [Client.ListEventTypes], the answer of
// [Client.CreateEventType], the answer of [Client.GetEventType] and the answer of
// [Client.UpdateEventType].
type EventType struct {
	//
	Name string `json:"name"`
	// The pack it came with: calls, push, or file for the operator's; null for your own.
	Pack string `json:"pack"`
	//
	Description string `json:"description"`
	// When such an event is published.
	Fires string `json:"fires"`
	// Of the schema.
	Version string `json:"version"`
	// All versions of a type of your own, the oldest first.
	Versions []TypeVersion `json:"versions"`
	// Other names; events published under them get the type's name.
	Aliases []string `json:"aliases"`
	// What becomes of events that violate the schema: they are not checked, accepted with warnings, or
	// refused. One of "off", "warn", "strict".
	Validation string `json:"validation"`
	// May be published still, but should not be used for new work.
	Deprecated bool `json:"deprecated"`
	// Hidden from lists, and not checked.
	Archived bool `json:"archived"`
	// The JSON Schema of the data, or null.
	Schema json.RawMessage `json:"schema"`
	// That of the attributes, or null.
	AttributesSchema json.RawMessage `json:"attributesSchema"`
	// The data of such an event.
	Example json.RawMessage `json:"example"`
	// Its attributes, or null.
	ExampleAttributes json.RawMessage `json:"exampleAttributes"`
	// The example was made from a schema too intricate for that, and violates it.
	ExampleSketch bool `json:"exampleSketch"`
	// Patterns of the schemas that events are not held against.
	Unchecked []UncheckedPart `json:"unchecked"`
	// When this version was made; null for types of packs.
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
}

// TypeVersion is a part of [EventType].
type TypeVersion struct {
	//
	Version string `json:"version"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
}

// UncheckedPart is a part of [EventType] and a part of [ImportedType].
type UncheckedPart struct {
	// A JSON pointer into schema or attributesSchema.
	Path string `json:"path"`
	//
	Reason string `json:"reason"`
}

// ImportedTypes is the answer of [Client.ImportEventTypes].
type ImportedTypes struct {
	// Nothing was changed.
	DryRun bool `json:"dryRun"`
	//
	Types []ImportedType `json:"types"`
	// Names of derivation rules, with the format pack.
	Rules []string `json:"rules"`
}

// ImportedType is a part of [ImportedTypes].
type ImportedType struct {
	//
	Name string `json:"name"`
	//
	Version string `json:"version"`
	// Skipped: it cannot be a type, for the reason given. One of "created", "updated", "unchanged",
	// "skipped".
	Outcome string `json:"outcome"`
	// Of what was skipped.
	Reason string `json:"reason"`
	// Patterns of its schemas that events are not held against.
	Unchecked []UncheckedPart `json:"unchecked"`
}

// EventExample is the answer of [Client.GetEventTypeExample].
type EventExample struct {
	//
	Type string `json:"type"`
	//
	Data json.RawMessage `json:"data"`
	// Left out where the example has none.
	Attributes json.RawMessage `json:"attributes"`
}

// Catalogue is the answer of [Client.GetCatalogue] and the answer of [Client.UpdateCatalogue].
type Catalogue struct {
	// For every type without a mode of its own; strict also refuses events of types that are not in
	// the catalogue. One of "off", "warn", "strict".
	Validation string `json:"validation"`
	// How many there are, archived ones among them.
	Types int `json:"types"`
	// How many derivation rules are on.
	Rules int `json:"rules"`
}

// DerivationRule is an entry of the answer of [Client.ListDerivationRules], the answer of
// [Client.CreateDerivationRule], the answer of [Client.GetDerivationRule] and the answer of
// [Client.UpdateDerivationRule].
type DerivationRule struct {
	//
	Name string `json:"name"`
	// The pack it came with; null for your own.
	Pack string `json:"pack"`
	//
	Enabled bool `json:"enabled"`
	//
	Description string `json:"description"`
	// The type of the events it looks at.
	On string `json:"on"`
	// Its condition; empty: always.
	When string `json:"when"`
	// A list, for each element of which an event follows; empty: one event follows.
	ForEach string `json:"forEach"`
	// The type of the events that follow.
	Type string `json:"type"`
	// Their data.
	Data string `json:"data"`
	// Their attributes; empty: none.
	Attributes string `json:"attributes"`
	// They are stored before their cause instead of behind it.
	Before bool `json:"before"`
}

// Webhook is an entry of the answer of [Client.ListWebhooks], the answer of [Client.CreateWebhook],
// the answer of [Client.GetWebhook], the answer of [Client.UpdateWebhook] and others.
type Webhook struct {
	//
	ID string `json:"id"`
	//
	URL string `json:"url"`
	// A label for people.
	Description string `json:"description"`
	// Event types it wants; * stands for any characters.
	Events []string `json:"events"`
	// An expression that says which of these events it wants; empty: all.
	Filter string `json:"filter"`
	// A script that makes the request; empty: the format does.
	Transform string `json:"transform"`
	// Shape of the body; rest-hook and respondent are for Relay's own. One of "relay", "push",
	// "cloudevents", "cloudevents-binary", "raw", "rest-hook", "respondent".
	Format string `json:"format"`
	// Headers that sign a request: a name, a SignatureForm, or a list of them.
	Signature any `json:"signature"`
	// Requests are also signed with an ed25519 key.
	KeyPair bool `json:"keyPair"`
	// Verifies the v1a signatures; null: it has no key pair.
	PublicKey string `json:"publicKey"`
	// How requests say who they come from.
	Auth Auth `json:"auth"`
	// Sent with every request.
	Headers map[string]string `json:"headers"`
	// The endpoint gets the trace of the event, in the header traceparent.
	Traceparent bool `json:"traceparent"`
	// What the webhook belongs to, for portal links.
	Labels map[string]string `json:"labels"`
	// When to try again.
	Retry Retry `json:"retry"`
	// Of an attempt.
	Timeout Duration `json:"timeout"`
	// Attempts under way at a time; 0: Relay adapts it.
	MaxConcurrency int `json:"maxConcurrency"`
	// Status codes that disable the webhook at once.
	DisableOn []int `json:"disableOn"`
	// Attempts that may start in a second; null: no bound.
	RateLimit *RateLimit `json:"rateLimit"`
	// Several events share a request; null: each has its own.
	Batch *Batch `json:"batch"`
	// Fifo: strictly in order, per key. One of "none", "fifo".
	Ordering string `json:"ordering"`
	// Windows without deliveries.
	Maintenance []Window `json:"maintenance"`
	// Paused by a person, or disabled by Relay: see health. One of "active", "paused", "disabled".
	Status string `json:"status"`
	//
	Health Health `json:"health"`
	// What the filter has cost the server that answers since it started; null: it has not been
	// evaluated.
	FilterCost *FilterCost `json:"filterCost"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
	// When the signing secret was last replaced; null: it is the first.
	SecretRotatedAt time.Time `json:"secretRotatedAt"`
	// The previous secret signs requests as well until then; null: it no longer does.
	PreviousSecretUntil time.Time `json:"previousSecretUntil"`
	// Signs the requests; shown only in the answers to create and rotate-secret.
	Secret string `json:"secret"`
	// Problems with its event types, in the answer to a request that sets them; left out if there are
	// none.
	Warnings []Warning `json:"warnings"`
}

// SignatureForm is a part of [Webhook].
type SignatureForm struct {
	// The header with the signature.
	Header string `json:"header"`
	// The header's value.
	Value string `json:"value"`
	// The signed text.
	Content string `json:"content"`
	// The hash of the HMAC. One of "sha256", "sha1", "sha512".
	Algorithm string `json:"algorithm"`
	// One of "hex", "base64".
	Encoding string `json:"encoding"`
	// Of each signature.
	Prefix string `json:"prefix"`
	// Between two signatures, while a rotation overlaps; empty: there is room for one.
	Separator string `json:"separator"`
	// The key: the secret's bytes, or those it encodes. One of "text", "base64", "hex".
	Key string `json:"key"`
	// A header with the id; empty: none.
	IDHeader string `json:"idHeader"`
	// A header with the timestamp; empty: none.
	TimestampHeader string `json:"timestampHeader"`
}

// Auth is a part of [Webhook] and a part of [GateSettings].
type Auth struct {
	// One of "none", "basic", "apiKey", "oauth2", "mtls".
	Type string `json:"type"`
	//
	Username string `json:"username"`
	// Always ***.
	Password string `json:"password"`
	// Always ***.
	Token string `json:"token"`
	//
	Header string `json:"header"`
	//
	Prefix string `json:"prefix"`
	//
	ClientID string `json:"clientId"`
	// Always ***.
	ClientSecret string `json:"clientSecret"`
	//
	TokenURL string `json:"tokenUrl"`
	//
	Scope string `json:"scope"`
	//
	Audience string `json:"audience"`
	//
	Parameters map[string]string `json:"parameters"`
	//
	Style string `json:"style"`
	//
	Cert string `json:"cert"`
	// Always ***.
	Key string `json:"key"`
}

// Retry is a part of [Webhook] and a part of [GateSettings].
type Retry struct {
	// A ready policy; the other members are then left out.
	Preset string `json:"preset"`
	//
	Attempts int `json:"attempts"`
	//
	Waits []Duration `json:"waits"`
	//
	InitialWait Duration `json:"initialWait"`
	//
	Factor float64 `json:"factor"`
	//
	MaxWait Duration `json:"maxWait"`
	//
	MaxAge Duration `json:"maxAge"`
	//
	RetryOn []string `json:"retryOn"`
}

// RateLimit is a part of [Webhook].
type RateLimit struct {
	// Attempts a second.
	PerSecond float64 `json:"perSecond"`
	// Attempts that may start together.
	Burst int `json:"burst"`
}

// Batch is a part of [Webhook].
type Batch struct {
	// Events in a request at most.
	MaxEvents int `json:"maxEvents"`
	// How long the first waits for others.
	MaxWait Duration `json:"maxWait"`
	// Of the body at most; a larger event goes alone.
	MaxBytes int `json:"maxBytes"`
}

// Window is a part of [Webhook].
type Window struct {
	//
	From time.Time `json:"from"`
	//
	To time.Time `json:"to"`
}

// Health is a part of [Webhook] and a part of [GateSettings].
type Health struct {
	// The first failure after the last success; null: it works.
	FailingSince time.Time `json:"failingSince"`
	// Failed attempts since then.
	Failures int `json:"failures"`
	// The last failure in words.
	LastError string `json:"lastError"`
	// When the event webhook.failing was published about it.
	NoticedAt time.Time `json:"noticedAt"`
	//
	DisabledAt time.Time `json:"disabledAt"`
	//
	DisabledReason string `json:"disabledReason"`
	// Failures from then on disable the webhook, if no success comes before; null: it works, or is not
	// active.
	DisablesAt time.Time `json:"disablesAt"`
	// The webhook is disabled after failing without a success for this long.
	DisableAfter Duration `json:"disableAfter"`
	// Set while the endpoint answers 401 or 403; cleared by the next success or a change of auth.
	AuthenticationRejected *Rejection `json:"authenticationRejected"`
}

// Rejection is a part of [Health].
type Rejection struct {
	// The first such answer.
	Since time.Time `json:"since"`
	// Such answers since then.
	Count int `json:"count"`
	//
	Reason string `json:"reason"`
}

// FilterCost is a part of [Webhook].
type FilterCost struct {
	//
	Evaluations int `json:"evaluations"`
	// Time of all of them, in milliseconds.
	TotalMs float64 `json:"totalMs"`
	// Time of one, in microseconds.
	MeanUs float64 `json:"meanUs"`
	// Evaluations that take too long to be made while events are routed: they wait their turn, and so
	// do their deliveries.
	Postponed int `json:"postponed"`
}

// TestAnswer is the answer of [Client.TestWebhook] and the answer of [Client.TestGate].
type TestAnswer struct {
	//
	Attempt Attempt `json:"attempt"`
}

// Attempt is a part of [TestAnswer], an entry of the answer of [Client.ListWebhookAttempts], an
// entry of the answer of [Client.ListAttempts], the answer of [Client.GetAttempt] and others.
type Attempt struct {
	//
	ID string `json:"id"`
	//
	DeliveryID string `json:"deliveryId"`
	//
	EventID string `json:"eventId"`
	//
	EventType string `json:"eventType"`
	// Null when the webhook was deleted.
	WebhookID string `json:"webhookId"`
	// 1 for the first attempt of the delivery.
	Number int `json:"number"`
	// When it began.
	At time.Time `json:"at"`
	// One of "delivered", "retrying", "failed".
	Outcome string `json:"outcome"`
	// Made by the call test.
	Test bool `json:"test"`
	//
	Error *AttemptError `json:"error"`
	//
	Request SentRequest `json:"request"`
	// Null when no answer came.
	Response *Response `json:"response"`
	//
	Timing Timing `json:"timing"`
	//
	NextAttemptAt time.Time `json:"nextAttemptAt"`
	// The batch that shared the request; null: a single delivery. The other members are about its
	// first delivery, or the one asked for.
	Batch *AttemptBatch `json:"batch"`
}

// AttemptError is a part of [Attempt].
type AttemptError struct {
	// One of a closed set: status for an unwelcome answer, else what went wrong on the way.
	Kind string `json:"kind"`
	//
	Message string `json:"message"`
}

// SentRequest is a part of [Attempt].
type SentRequest struct {
	//
	Method string `json:"method"`
	//
	URL string `json:"url"`
	// Fields of the same name are joined by commas.
	Headers map[string]string `json:"headers"`
	// Null: see bodyMissing.
	Body string `json:"body"`
	// Why body is null, in words; null: body is what was sent.
	BodyMissing string `json:"bodyMissing"`
}

// Response is a part of [Attempt].
type Response struct {
	//
	Status int `json:"status"`
	//
	Headers map[string]string `json:"headers"`
	// The first 64 KiB, as bodyEncoding says.
	Body string `json:"body"`
	// Base64 where body is binary or compressed; in a text, bytes that are not UTF-8 are shown as
	// U+FFFD. One of "text", "base64".
	BodyEncoding string `json:"bodyEncoding"`
	// Why the rest of the body is missing, though the answer counts; null: it is complete.
	BodyError string `json:"bodyError"`
	// How many bytes of it were read.
	BodyBytes int `json:"bodyBytes"`
	// The answer was longer than body.
	Truncated bool `json:"truncated"`
}

// Timing is a part of [Attempt].
type Timing struct {
	//
	DNSMs float64 `json:"dnsMs"`
	//
	ConnectMs float64 `json:"connectMs"`
	//
	TLSMs float64 `json:"tlsMs"`
	//
	FirstByteMs float64 `json:"firstByteMs"`
	//
	TotalMs float64 `json:"totalMs"`
}

// AttemptBatch is a part of [Attempt].
type AttemptBatch struct {
	// The X-Relay-Delivery of the request, the same in each attempt of the batch.
	ID string `json:"id"`
	// How many events it had.
	Events int `json:"events"`
	// In the order of the body; empty in lists, where the request's body is null.
	Deliveries []BatchItem `json:"deliveries"`
}

// BatchItem is a part of [AttemptBatch].
type BatchItem struct {
	//
	DeliveryID string `json:"deliveryId"`
	//
	EventID string `json:"eventId"`
	// Null when the event is no longer stored.
	EventType string `json:"eventType"`
}

// PreviewedEvent is an entry of the answer of [Client.PreviewWebhook].
type PreviewedEvent struct {
	// Null for one that was given without an id.
	EventID string `json:"eventId"`
	//
	EventType string `json:"eventType"`
	// What would happen: it would be sent; the webhook does not ask for the type; the filter says no,
	// or cannot be evaluated; the transform drops it, or fails; or time ran out before it was tried.
	// One of "send", "type", "filter", "filterError", "drop", "transformError", "notTried".
	Verdict string `json:"verdict"`
	// The same in a sentence.
	Detail string `json:"detail"`
	// Of a filter or transform that fails.
	Error *PreviewError `json:"error"`
	// The first attempt's request; null: none would be made.
	Request *Preview `json:"request"`
}

// PreviewError is a part of [PreviewedEvent].
type PreviewError struct {
	// One of "filter", "transform".
	Kind string `json:"kind"`
	//
	Message string `json:"message"`
	// Of the transform, where there is one to blame.
	Line *int `json:"line"`
}

// Preview is a part of [PreviewedEvent].
type Preview struct {
	//
	Method string `json:"method"`
	//
	URL string `json:"url"`
	// With signatures and credentials masked.
	Headers map[string]string `json:"headers"`
	// The first 64 KiB.
	Body string `json:"body"`
	// The length of the whole body.
	BodyBytes int `json:"bodyBytes"`
	// The whole body is longer than body.
	Truncated bool `json:"truncated"`
}

// RevealedSecret is the answer of [Client.RevealWebhookSecret].
type RevealedSecret struct {
	// Signs the requests.
	Secret string `json:"secret"`
	// Signs requests as well until previousSecretUntil; null: none does.
	PreviousSecret string `json:"previousSecret"`
	// Null: there is no previous secret.
	PreviousSecretUntil time.Time `json:"previousSecretUntil"`
}

// Job is the answer of [Client.RecoverWebhook], the answer of [Client.ReplayWebhook], an entry of
// the answer of [Client.ListJobs], the answer of [Client.GetJob] and others.
type Job struct {
	//
	ID string `json:"id"`
	// One of "recover", "replay".
	Kind string `json:"kind"`
	// Null when the webhook was deleted.
	WebhookID string `json:"webhookId"`
	// One of "running", "done", "canceled", "failed".
	State string `json:"state"`
	//
	Since time.Time `json:"since"`
	// The moment it was asked for.
	Until time.Time `json:"until"`
	// Events or failures looked at so far.
	Scanned int `json:"scanned"`
	// Deliveries asked for so far.
	Deliveries int `json:"deliveries"`
	// How much of the time from since to until is done, 0 to 1.
	Progress float64 `json:"progress"`
	// Why it failed.
	Error string `json:"error"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	FinishedAt time.Time `json:"finishedAt"`
}

// Hook is the answer of [Client.ListHooks], the answer of [Client.CreateHook], the answer of
// [Client.RestoreHook] and the answer of [Client.ResumeHook].
type Hook struct {
	//
	ID string `json:"id"`
	// As the subscriber gave it.
	TargetURL string `json:"targetUrl"`
	// The event type, the first of several; * stands for any characters.
	Event string `json:"event"`
	//
	Events []string `json:"events"`
	// An expression that says which of these events it wants; empty: all.
	Filter string `json:"filter"`
	// Disabled by Relay, or ended: see why. One of "active", "disabled", "ended".
	Status string `json:"status"`
	// The platform that the target's address tells of, else its host.
	Platform string `json:"platform"`
	// Why it gets no events, or may soon get none; null: it works.
	Why string `json:"why"`
	//
	CreatedBy HookActor `json:"createdBy"`
	//
	CreatedAt time.Time `json:"createdAt"`
	// How it ended; null: it has not.
	Ended *HookEnd `json:"ended"`
	// Set while the target answers 404, at least five times in a row: the workflow there is not
	// active.
	InactiveThereSince time.Time `json:"inactiveThereSince"`
	// Always null: it does not expire.
	Expiration_date time.Time `json:"expiration_date"`
	// Signs the requests; shown only to the key that created it, in the answer to its creation.
	Secret string `json:"secret"`
}

// HookActor is a part of [Hook] and a part of [HookEnd].
type HookActor struct {
	// One of "key", "user", "system".
	Kind string `json:"kind"`
	// Of the key or the user.
	ID string `json:"id"`
	// At the time.
	Name string `json:"name"`
}

// HookEnd is a part of [Hook].
type HookEnd struct {
	//
	At time.Time `json:"at"`
	// Unsubscribed with a key, gone (its target answered 410), or removed by a person. One of
	// "unsubscribed", "gone", "removed".
	Cause string `json:"cause"`
	//
	By HookActor `json:"by"`
	// From then on it is no longer listed.
	RestorableUntil time.Time `json:"restorableUntil"`
}

// HookDeleted is the answer of [Client.DeleteHook].
type HookDeleted struct {
	//
	ID string `json:"id"`
	//
	Deleted bool `json:"deleted"`
}

// HookAccount is the answer of [Client.GetHookAccount].
type HookAccount struct {
	// Of the tenant.
	ID string `json:"id"`
	// The tenant's name.
	Tenant string `json:"tenant"`
	// The key's name.
	Key string `json:"key"`
	// Both.
	Label string `json:"label"`
}

// HookEvent is the answer of [Client.ListHookEvents].
type HookEvent struct {
	// The value of event.
	Key string `json:"key"`
	//
	Label string `json:"label"`
	//
	Description string `json:"description"`
}

// LogView is an entry of the answer of [Client.ListLogViews] and the answer of
// [Client.CreateLogView].
type LogView struct {
	//
	ID string `json:"id"`
	//
	Name string `json:"name"`
	// With everybody in the tenant; false: it is your own.
	Shared bool `json:"shared"`
	//
	Filter LogViewFilter `json:"filter"`
	// The name of whoever saved it, at the time.
	CreatedBy string `json:"createdBy"`
	//
	CreatedAt time.Time `json:"createdAt"`
}

// LogViewFilter is a part of [LogView].
type LogViewFilter struct {
	// One of "delivered", "retrying", "failed".
	Status string `json:"status"`
	//
	Code string `json:"code"`
	// One of "status", "timeout", "connect", "dns", "tls", "reset", "protocol", "response_too_large",
	// "blocked_address", "proxy", "auth", "transform", "request", "answer", "canceled".
	ErrorKind string `json:"errorKind"`
	//
	EventType string `json:"eventType"`
	// It may have been deleted since.
	WebhookID string `json:"webhookId"`
	// How far back, as seen from the moment of reading.
	Within string `json:"within"`
}

// Campaign is an entry of the answer of [Client.ListCampaigns], the answer of
// [Client.CreateCampaign], the answer of [Client.GetCampaign] and the answer of
// [Client.UpdateCampaign].
type Campaign struct {
	//
	ID int `json:"id"`
	// A label for people; empty for one that came into being with its first respondent.
	Name string `json:"name"`
	// How many are stored in it.
	Respondents int `json:"respondents"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
}

// ReceivedRespondent is the answer of [Client.AddRespondent] and the answer of
// [Client.ReceiveRespondent].
type ReceivedRespondent struct {
	//
	ID string `json:"id"`
	//
	CampaignID int `json:"campaignId"`
	// The integration it came by; null: it was added directly.
	Integration string `json:"integration"`
	// Stored: in the campaign. pending: on its way to the gate's endpoint. held: the endpoint could
	// not be asked. rejected, discarded, forwarded: not in the campaign; kept as long as the log. One
	// of "stored", "pending", "held", "rejected", "discarded", "forwarded".
	State string `json:"state"`
	// Why it is in this state, in words.
	Reason string `json:"reason"`
	// As received, or as the gate's endpoint changed it.
	Respondent json.RawMessage `json:"respondent"`
	//
	Note json.RawMessage `json:"note"`
	//
	Employee json.RawMessage `json:"employee"`
	//
	Sender json.RawMessage `json:"sender"`
	// Relay must not contact this person.
	DoNotContact bool `json:"doNotContact"`
	//
	Custom json.RawMessage `json:"custom"`
	// Members of the payload that are not documented; null: none.
	Extra json.RawMessage `json:"extra"`
	// Problems with the contact data.
	Warnings []ContactWarning `json:"warnings"`
	//
	CreatedAt time.Time `json:"createdAt"`
	// When it got its state; null while it is pending for the first time.
	DecidedAt time.Time `json:"decidedAt"`
	// It was received before; this is how it stands now.
	Duplicate bool `json:"duplicate"`
}

// ContactWarning is a part of [ReceivedRespondent] and a part of [Respondent].
type ContactWarning struct {
	//
	Field string `json:"field"`
	//
	Reason string `json:"reason"`
}

// Respondent is an entry of the answer of [Client.ListRespondents], the answer of
// [Client.GetRespondent] and the answer of [Client.RetryRespondent].
type Respondent struct {
	//
	ID string `json:"id"`
	//
	CampaignID int `json:"campaignId"`
	// The integration it came by; null: it was added directly.
	Integration string `json:"integration"`
	// Stored: in the campaign. pending: on its way to the gate's endpoint. held: the endpoint could
	// not be asked. rejected, discarded, forwarded: not in the campaign; kept as long as the log. One
	// of "stored", "pending", "held", "rejected", "discarded", "forwarded".
	State string `json:"state"`
	// Why it is in this state, in words.
	Reason string `json:"reason"`
	// As received, or as the gate's endpoint changed it.
	Respondent json.RawMessage `json:"respondent"`
	//
	Note json.RawMessage `json:"note"`
	//
	Employee json.RawMessage `json:"employee"`
	//
	Sender json.RawMessage `json:"sender"`
	// Relay must not contact this person.
	DoNotContact bool `json:"doNotContact"`
	//
	Custom json.RawMessage `json:"custom"`
	// Members of the payload that are not documented; null: none.
	Extra json.RawMessage `json:"extra"`
	// Problems with the contact data.
	Warnings []ContactWarning `json:"warnings"`
	//
	CreatedAt time.Time `json:"createdAt"`
	// When it got its state; null while it is pending for the first time.
	DecidedAt time.Time `json:"decidedAt"`
}

// EraseAnswer is the answer of [Client.ErasePerson].
type EraseAnswer struct {
	// Respondents that were erased.
	Erased int `json:"erased"`
	// Of a number or an address that may not find every record of its person, as it is none that can
	// be compared with certainty.
	Warnings []Warning `json:"warnings"`
}

// GateSettings is the answer of [Client.GetGate] and the answer of [Client.UpdateGate].
type GateSettings struct {
	// Off: respondents are stored in their campaigns at once.
	Enabled bool `json:"enabled"`
	// The endpoint; null: none was set yet.
	URL string `json:"url"`
	// How requests say who they come from.
	Auth Auth `json:"auth"`
	// Those whose respondents go through the gate.
	Integrations []string `json:"integrations"`
	// Forward hands respondents over, and the endpoint adds whom it wants; decide has it answer whom
	// Relay stores. One of "forward", "decide".
	Mode string `json:"mode"`
	// How long an integration's call waits for the verdict in mode decide; 0s: not at all.
	Deadline Duration `json:"deadline"`
	// What becomes of respondents about whom the endpoint could not be asked. One of "hold", "store",
	// "discard".
	OnFailure string `json:"onFailure"`
	// Of an attempt.
	Timeout Duration `json:"timeout"`
	// When to try again.
	Retry Retry `json:"retry"`
	// How the endpoint answers; null: there is none. The gate is never disabled by itself:
	// disableAfter is 0s.
	Health *Health `json:"health"`
	// Respondents on their way to the endpoint; counted up to 10000.
	Pending int `json:"pending"`
	// Respondents that a person must decide about; counted up to 10000.
	Held int `json:"held"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
}

// Integration is an entry of the answer of [Client.ListIntegrations] and the answer of
// [Client.CreateIntegration].
type Integration struct {
	//
	Name string `json:"name"`
	//
	Description string `json:"description"`
	// It ships with Relay.
	BuiltIn bool `json:"builtIn"`
	// Null: it ships with Relay.
	CreatedAt time.Time `json:"createdAt"`
}

// Connector is an entry of the answer of [Client.ListConnectors] and the answer of
// [Client.TickConnectorPlan].
type Connector struct {
	// Its name in addresses.
	Connector string `json:"connector"`
	//
	Version string `json:"version"`
	// Standard: it ships with Relay. One of "standard", "custom".
	Origin string `json:"origin"`
	// Testing sends to test profiles only; no new connections are made with a retired one. One of
	// "draft", "testing", "live", "retired".
	State string `json:"state"`
	// List: what counts is that the partner ends up with the right members; message: each send is an
	// act of its own. One of "list", "message".
	Kind string `json:"kind"`
	//
	Name string `json:"name"`
	//
	Logo string `json:"logo"`
	//
	Description string `json:"description"`
	// Where the partner describes its API.
	Docs string `json:"docs"`
	// The type of identifier that it sends.
	PartnerNumber int `json:"partnerNumber"`
	//
	Categories []string `json:"categories"`
	// Of add, update, remove, message, forget, segments and check.
	Capabilities []string `json:"capabilities"`
	// What the definition was compared with, and when.
	CheckedAgainst string `json:"checkedAgainst"`
	// One of "none", "basic", "bearer", "apiKey", "query", "oauth2".
	Authentication string `json:"authentication"`
	// What a connection gives.
	Fields []ConnectorField `json:"fields"`
	// Whether the free text External ID is used, which names the segment or event at the partner.
	ExternalID ExternalIDRule `json:"externalId"`
	// What the people who asked for it have told.
	Request ConnectorRequest `json:"request"`
	// What people check before it goes live.
	Plan []PlanStep `json:"plan"`
	// What a draft lacks.
	Problems []string `json:"problems"`
	// Null: it ships with Relay.
	UpdatedAt time.Time `json:"updatedAt"`
}

// ConnectorField is a part of [Connector] and a part of [ConnectorDocument].
type ConnectorField struct {
	//
	Name string `json:"name"`
	//
	Title string `json:"title"`
	//
	Help string `json:"help"`
	// One of "text", "url", "number", "boolean".
	Type string `json:"type"`
	// It is stored encrypted and never shown.
	Secret bool `json:"secret"`
	//
	Optional bool `json:"optional"`
	//
	Enum []string `json:"enum"`
	//
	Default string `json:"default"`
	//
	Pattern string `json:"pattern"`
}

// ExternalIDRule is a part of [Connector] and a part of [ConnectorDocument].
type ExternalIDRule struct {
	// Required: leaving it blank is an error. One of "required", "optional", "unused".
	Use string `json:"use"`
	//
	Help string `json:"help"`
	//
	Pattern string `json:"pattern"`
	//
	MaxBytes int `json:"maxBytes"`
}

// ConnectorRequest is a part of [Connector] and a part of [ConnectorDocument].
type ConnectorRequest struct {
	//
	APIDocs string `json:"apiDocs"`
	//
	Contact string `json:"contact"`
	//
	UseCase string `json:"useCase"`
	//
	DueDate string `json:"dueDate"`
}

// PlanStep is a part of [Connector] and a part of [ConnectorDocument].
type PlanStep struct {
	//
	Step string `json:"step"`
	//
	Done bool `json:"done"`
	//
	By string `json:"by"`
	//
	At time.Time `json:"at"`
	//
	Evidence string `json:"evidence"`
}

// ConnectorDocument is the answer of [Client.CreateConnector], the answer of [Client.GetConnector]
// and the answer of [Client.UpdateConnector].
type ConnectorDocument struct {
	// Its name in addresses.
	Connector string `json:"connector"`
	//
	Version string `json:"version"`
	// Standard: it ships with Relay. One of "standard", "custom".
	Origin string `json:"origin"`
	// Testing sends to test profiles only; no new connections are made with a retired one. One of
	// "draft", "testing", "live", "retired".
	State string `json:"state"`
	// List: what counts is that the partner ends up with the right members; message: each send is an
	// act of its own. One of "list", "message".
	Kind string `json:"kind"`
	//
	Name string `json:"name"`
	//
	Logo string `json:"logo"`
	//
	Description string `json:"description"`
	// Where the partner describes its API.
	Docs string `json:"docs"`
	// The type of identifier that it sends.
	PartnerNumber int `json:"partnerNumber"`
	//
	Categories []string `json:"categories"`
	// Of add, update, remove, message, forget, segments and check.
	Capabilities []string `json:"capabilities"`
	// What the definition was compared with, and when.
	CheckedAgainst string `json:"checkedAgainst"`
	// One of "none", "basic", "bearer", "apiKey", "query", "oauth2".
	Authentication string `json:"authentication"`
	// What a connection gives.
	Fields []ConnectorField `json:"fields"`
	// Whether the free text External ID is used, which names the segment or event at the partner.
	ExternalID ExternalIDRule `json:"externalId"`
	// What the people who asked for it have told.
	Request ConnectorRequest `json:"request"`
	// What people check before it goes live.
	Plan []PlanStep `json:"plan"`
	// What a draft lacks.
	Problems []string `json:"problems"`
	// Null: it ships with Relay.
	UpdatedAt time.Time `json:"updatedAt"`
	// The definition, in YAML or JSON, as it was given.
	Document string `json:"document"`
}

// ConnectorCheck is the answer of [Client.CheckConnector].
type ConnectorCheck struct {
	// It can be read as a whole.
	Valid bool `json:"valid"`
	//
	Problems []ConnectorProblem `json:"problems"`
	//
	Tests []ConnectorTestResult `json:"tests"`
}

// ConnectorProblem is a part of [ConnectorCheck].
type ConnectorProblem struct {
	//
	Line int `json:"line"`
	//
	Column int `json:"column"`
	//
	Path string `json:"path"`
	//
	Reason string `json:"reason"`
	// It is not there yet, which a draft may do without.
	Missing bool `json:"missing"`
}

// ConnectorTestResult is a part of [ConnectorCheck].
type ConnectorTestResult struct {
	//
	Name string `json:"name"`
	//
	Passed bool `json:"passed"`
	// Why it failed.
	Reason string `json:"reason"`
}

// ConnectorTrial is the answer of [Client.TryConnector].
type ConnectorTrial struct {
	// What the connector receives.
	Payload json.RawMessage `json:"payload"`
	// Why nothing is sent, such as the connector's filter; null: it is.
	Skipped string `json:"skipped"`
	// The profile's entry, after filter and transform; null: it did not come so far.
	Item json.RawMessage `json:"item"`
	// The request, credentials masked; null: it did not come so far.
	Request *TriedRequest `json:"request"`
	// What came of sending it; null: it was not sent.
	Attempt *Attempt `json:"attempt"`
}

// TriedRequest is a part of [ConnectorTrial].
type TriedRequest struct {
	//
	Method string `json:"method"`
	//
	URL string `json:"url"`
	//
	Headers map[string]string `json:"headers"`
	//
	Body string `json:"body"`
}

// Connection is an entry of the answer of [Client.ListConnections], the answer of
// [Client.CreateConnection], the answer of [Client.GetConnection] and the answer of
// [Client.UpdateConnection].
type Connection struct {
	//
	ID string `json:"id"`
	//
	Connector string `json:"connector"`
	// Of the connector.
	Version string `json:"version"`
	//
	Name string `json:"name"`
	// The type of identifier that is sent: the connector's, or this connection's own.
	PartnerNumber int `json:"partnerNumber"`
	// Specific to your organization; part of each payload.
	SiteNumber int `json:"siteNumber"`
	// Secret ones are shown as ***.
	Fields map[string]string `json:"fields"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
}

// Segments is the answer of [Client.ListSegments].
type Segments struct {
	//
	Data []Segment `json:"data"`
	// Null: they could not be fetched yet.
	FetchedAt time.Time `json:"fetchedAt"`
	// Why fetching them has failed, or why the list is not whole; the last list stays.
	Problem string `json:"problem"`
}

// Segment is a part of [Segments].
type Segment struct {
	// What an attachment takes as its External ID.
	ID string `json:"id"`
	//
	Name string `json:"name"`
}

// Profile is an entry of the answer of [Client.ListProfiles], the answer of [Client.GetProfile] and
// the answer of [Client.PutProfile].
type Profile struct {
	//
	ProfileID string `json:"profileId"`
	//
	SourceID string `json:"sourceId"`
	// Identifiers by partner number.
	PartnerIDs map[string][]string `json:"partnerIds"`
	//
	Variables json.RawMessage `json:"variables"`
	// Connectors in testing send it.
	Test bool `json:"test"`
	// Nothing but its removal is sent.
	DoNotContact bool `json:"doNotContact"`
	// By purpose.
	Consent map[string]Consent `json:"consent"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
}

// Consent is a part of [Profile].
type Consent struct {
	// One of "granted", "denied".
	State string `json:"state"`
	// When, if it was told.
	At time.Time `json:"at"`
	// Where it is written down.
	Proof string `json:"proof"`
}

// Audience is an entry of the answer of [Client.ListAudiences], the answer of
// [Client.CreateAudience], the answer of [Client.GetAudience], the answer of
// [Client.UpdateAudience] and others.
type Audience struct {
	// Relay42AudienceNumber of the payload.
	Number int `json:"number"`
	//
	Name string `json:"name"`
	// Part of each payload.
	Data json.RawMessage `json:"data"`
	//
	Attachments []Attachment `json:"attachments"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
}

// Attachment is a part of [Audience] and the answer of [Client.CreateAttachment].
type Attachment struct {
	//
	ID string `json:"id"`
	//
	Connection string `json:"connection"`
	// The segment or event at the partner, byte for byte.
	ExternalID string `json:"externalId"`
	// The partner is told of changes of members, too.
	OnUpdate bool `json:"onUpdate"`
	//
	Paused bool `json:"paused"`
	// Empty; else only profiles that have granted it are sent.
	ConsentPurpose string `json:"consentPurpose"`
	// Empty; else it is being detached: remove (its members are removed at the partner first) or keep.
	Detaching string `json:"detaching"`
}

// AttachmentCounts is the answer of [Client.GetAttachmentCounts].
type AttachmentCounts struct {
	// By state, as in the list of profiles.
	States map[string]int `json:"states"`
}

// AttachmentProfile is an entry of the answer of [Client.ListAttachmentProfiles].
type AttachmentProfile struct {
	//
	ProfileID string `json:"profileId"`
	// PendingAdd, pendingUpdate, pendingRemove, sending, synced, rejected, skipped, suppressed or
	// kept; empty: it is not there, and not wanted there.
	State string `json:"state"`
	//
	Wanted bool `json:"wanted"`
	// The partner has it.
	Sent bool `json:"sent"`
	// Why it was rejected or skipped, in the partner's words.
	Reason string `json:"reason"`
	//
	At time.Time `json:"at"`
}

// ProfileExplanation is the answer of [Client.ExplainProfile].
type ProfileExplanation struct {
	// Null: it is not in the audience.
	MemberSince time.Time `json:"memberSince"`
	// As in the list of profiles.
	State string `json:"state"`
	//
	Wanted bool `json:"wanted"`
	// The partner has it.
	Sent bool `json:"sent"`
	//
	At time.Time `json:"at"`
	// Sentences, the most important first.
	Reasons []string `json:"reasons"`
}

// Member is an entry of the answer of [Client.ListMembers].
type Member struct {
	//
	ProfileID string `json:"profileId"`
	//
	Since time.Time `json:"since"`
}

// Import is an entry of the answer of [Client.ListImports], the answer of [Client.CreateImport],
// the answer of [Client.GetImport] and the answer of [Client.StartImport].
type Import struct {
	//
	ID string `json:"id"`
	// One of "add", "remove", "replace".
	Mode string `json:"mode"`
	// Open: it takes rows. One of "open", "running", "done", "failed", "canceled".
	State string `json:"state"`
	//
	Rows int `json:"rows"`
	// Rows that are left out, see its rejected rows.
	Rejected int `json:"rejected"`
	// Profiles that enter; of an open import as of now, else as of its start.
	Added int `json:"added"`
	// Members that leave.
	Removed int `json:"removed"`
	// Members that stay.
	Unchanged int `json:"unchanged"`
	// How many of the steps in total are done.
	Done int `json:"done"`
	//
	Total int `json:"total"`
	//
	Error string `json:"error"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
}

// RejectedRow is an entry of the answer of [Client.ListRejectedRows].
type RejectedRow struct {
	//
	Line int `json:"line"`
	//
	Reason string `json:"reason"`
}

// Journey is an entry of the answer of [Client.ListJourneys].
type Journey struct {
	// Relay42AudienceNumber of the payload.
	Number int `json:"number"`
	//
	Name string `json:"name"`
	// Paused: nobody goes on; draining: nobody enters; stopped: everybody was taken out. One of
	// "live", "paused", "draining", "stopped".
	Mode string `json:"mode"`
	// Of those who enter.
	Version int `json:"version"`
	// Those that somebody may be inside of, the oldest first.
	Versions []JourneyVersion `json:"versions"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
}

// JourneyVersion is a part of [Journey] and a part of [JourneyDetail].
type JourneyVersion struct {
	//
	Version int `json:"version"`
	//
	PublishedAt time.Time `json:"publishedAt"`
}

// JourneyDetail is the answer of [Client.CreateJourney], the answer of [Client.GetJourney] and the
// answer of [Client.UpdateJourney].
type JourneyDetail struct {
	// Relay42AudienceNumber of the payload.
	Number int `json:"number"`
	//
	Name string `json:"name"`
	// Paused: nobody goes on; draining: nobody enters; stopped: everybody was taken out. One of
	// "live", "paused", "draining", "stopped".
	Mode string `json:"mode"`
	// Of those who enter.
	Version int `json:"version"`
	// Those that somebody may be inside of, the oldest first.
	Versions []JourneyVersion `json:"versions"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
	// Of the current version, as it was given.
	Document string `json:"document"`
	// Where those stand who are inside.
	Places []JourneyPlace `json:"places"`
	// How many came to the end, as far as it is remembered.
	Done int `json:"done"`
	// How many were taken out, as far as it is remembered.
	Exited int `json:"exited"`
}

// JourneyPlace is a part of [JourneyDetail].
type JourneyPlace struct {
	//
	Version int `json:"version"`
	//
	Step string `json:"step"`
	// One of "running", "waiting", "failed".
	State string `json:"state"`
	//
	Count int `json:"count"`
}

// DryRunResult is the answer of [Client.DryRunJourney].
type DryRunResult struct {
	// One for each time that the profile entered; empty: it did not.
	Runs []DryRunWalk `json:"runs"`
}

// DryRunWalk is a part of [DryRunResult].
type DryRunWalk struct {
	// One of "running", "waiting", "failed", "done", "exited".
	State string `json:"state"`
	// Where it is at the end of the run; null: at the end.
	Step string `json:"step"`
	//
	Due time.Time `json:"due"`
	// Why it failed or ended.
	Words string `json:"words"`
	// Those it has taken, in order.
	Steps []EnrolmentStep `json:"steps"`
	// What would have been sent.
	Sends []DrySend `json:"sends"`
}

// EnrolmentStep is a part of [DryRunWalk] and a part of [EnrolmentDetail].
type EnrolmentStep struct {
	//
	At time.Time `json:"at"`
	//
	Step string `json:"step"`
	// Of the step, or enter, exit, move, retry or fail.
	Kind string `json:"kind"`
	// What it came to.
	Words string `json:"words"`
}

// DrySend is a part of [DryRunWalk].
type DrySend struct {
	//
	Step string `json:"step"`
	//
	Connection string `json:"connection"`
	// One of "enter", "update", "leave".
	Operation string `json:"operation"`
	// One of "delivered", "rejected", "skipped".
	State string `json:"state"`
	//
	Words string `json:"words"`
	//
	At time.Time `json:"at"`
	// What the connector gets; null: nothing.
	Payload json.RawMessage `json:"payload"`
}

// JourneyMove is the answer of [Client.MoveJourney].
type JourneyMove struct {
	// The current one, which they go to.
	Version int `json:"version"`
	// 0 in a preview.
	Moved int `json:"moved"`
	//
	Places []JourneyMovePlace `json:"places"`
}

// JourneyMovePlace is a part of [JourneyMove].
type JourneyMovePlace struct {
	//
	Version int `json:"version"`
	//
	Step string `json:"step"`
	// One of "running", "waiting", "failed".
	State string `json:"state"`
	//
	Count int `json:"count"`
	// The step, or end; null: steps must say it.
	To string `json:"to"`
}

// RetriedEnrolments is the answer of [Client.RetryJourney].
type RetriedEnrolments struct {
	//
	Retried int `json:"retried"`
}

// Enrolment is an entry of the answer of [Client.ListEnrolments] and the answer of
// [Client.RetryEnrolment].
type Enrolment struct {
	//
	ID string `json:"id"`
	//
	Journey int `json:"journey"`
	//
	Version int `json:"version"`
	//
	ProfileID string `json:"profileId"`
	// Tells the runs of a profile apart.
	Key string `json:"key"`
	// The event that started it, or the audience.
	Entry string `json:"entry"`
	// One of "running", "waiting", "failed", "done", "exited".
	State string `json:"state"`
	// The one to be taken next, or where it waits; null: the end.
	Step string `json:"step"`
	// When it goes on by itself.
	Due time.Time `json:"due"`
	// Why it failed or ended.
	Words string `json:"words"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
	//
	EndedAt time.Time `json:"endedAt"`
}

// EnrolmentDetail is the answer of [Client.GetEnrolment].
type EnrolmentDetail struct {
	//
	ID string `json:"id"`
	//
	Journey int `json:"journey"`
	//
	Version int `json:"version"`
	//
	ProfileID string `json:"profileId"`
	// Tells the runs of a profile apart.
	Key string `json:"key"`
	// The event that started it, or the audience.
	Entry string `json:"entry"`
	// One of "running", "waiting", "failed", "done", "exited".
	State string `json:"state"`
	// The one to be taken next, or where it waits; null: the end.
	Step string `json:"step"`
	// When it goes on by itself.
	Due time.Time `json:"due"`
	// Why it failed or ended.
	Words string `json:"words"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
	//
	EndedAt time.Time `json:"endedAt"`
	// Those it has taken, in order.
	Steps []EnrolmentStep `json:"steps"`
	//
	Sends []JourneySend `json:"sends"`
}

// JourneySend is a part of [EnrolmentDetail].
type JourneySend struct {
	// The same in each attempt.
	ID string `json:"id"`
	//
	Step string `json:"step"`
	//
	Connection string `json:"connection"`
	// One of "enter", "update", "leave".
	Operation string `json:"operation"`
	// One of "new", "pending", "sending", "delivered", "rejected", "skipped", "canceled".
	State string `json:"state"`
	// Why it was not delivered.
	Words string `json:"words"`
	//
	At time.Time `json:"at"`
}

// AuditEntry is an entry of the answer of [Client.ListAudit].
type AuditEntry struct {
	//
	ID string `json:"id"`
	//
	At time.Time `json:"at"`
	//
	Actor AuditActor `json:"actor"`
	//
	Action string `json:"action"`
	// The id of the changed object; null where a tenant has only one, such as the gate.
	Target string `json:"target"`
	// Everything the change was about, the most important first.
	Targets []AuditTarget `json:"targets"`
	// The object before; null: it did not exist, or only secrets have changed.
	Before json.RawMessage `json:"before"`
	// The object after the change.
	After json.RawMessage `json:"after"`
	//
	Request AuditRequest `json:"request"`
}

// AuditActor is a part of [AuditEntry].
type AuditActor struct {
	// User: a person who has signed in; portal: somebody who has opened a portal link; system: Relay
	// itself, such as when it disables a webhook; anonymous: somebody whose sign-in has failed. One of
	// "key", "user", "portal", "system", "anonymous".
	Kind string `json:"kind"`
	// Of the key, the user or the portal link; empty for the others.
	ID string `json:"id"`
	// The id again if it is a key's, else empty.
	KeyID string `json:"keyId"`
	// The label of the key, or the user's name, at the time; of a portal link its user, with the id
	// that the link gave.
	Name string `json:"name"`
}

// AuditTarget is a part of [AuditEntry].
type AuditTarget struct {
	//
	Type string `json:"type"`
	//
	ID string `json:"id"`
	// Its label or description at the time.
	Name string `json:"name"`
}

// AuditRequest is a part of [AuditEntry].
type AuditRequest struct {
	// As in the answer's header X-Request-Id.
	ID string `json:"id"`
	// Where it came from.
	Address string `json:"address"`
	//
	UserAgent string `json:"userAgent"`
}

// Stats is the answer of [Client.GetStats].
type Stats struct {
	// Null: all webhooks summed.
	WebhookID string `json:"webhookId"`
	//
	From time.Time `json:"from"`
	//
	To time.Time `json:"to"`
	//
	Step Duration `json:"step"`
	// Steps without attempts are left out.
	Points []StatsPoint `json:"points"`
	//
	Totals StatsTotals `json:"totals"`
}

// StatsPoint is a part of [Stats].
type StatsPoint struct {
	// When the step begins.
	At time.Time `json:"at"`
	//
	Delivered int `json:"delivered"`
	//
	Retrying int `json:"retrying"`
	//
	Failed int `json:"failed"`
	// Mean duration of an attempt.
	AverageMs float64 `json:"averageMs"`
	// Longest duration of an attempt.
	MaxMs int `json:"maxMs"`
}

// StatsTotals is a part of [Stats].
type StatsTotals struct {
	//
	Delivered int `json:"delivered"`
	//
	Retrying int `json:"retrying"`
	//
	Failed int `json:"failed"`
	// Mean duration of an attempt.
	AverageMs float64 `json:"averageMs"`
	// Longest duration of an attempt.
	MaxMs int `json:"maxMs"`
}

// Breakdown is the answer of [Client.GetStatsBreakdown].
type Breakdown struct {
	// The beginning of the first hour that is counted.
	From time.Time `json:"from"`
	// The end of the last.
	To time.Time `json:"to"`
	//
	Totals BreakdownCounts `json:"totals"`
	// Events that were accepted, those derived by rules included.
	Received int `json:"received"`
	// The same by type of the event, the most frequent first.
	ReceivedByType []NamedCount `json:"receivedByType"`
	// With each: those with attempts, in the order in which they were made.
	Webhooks []WebhookBreakdown `json:"webhooks"`
}

// BreakdownCounts is a part of [Breakdown].
type BreakdownCounts struct {
	//
	Attempts int `json:"attempts"`
	// By class of the status, such as 2xx; none: without an answer.
	ByStatus []NamedCount `json:"byStatus"`
	// Those that failed, by errorKind.
	ByError []NamedCount `json:"byError"`
	// By type of the event; *: all beyond the 200 of an hour that are counted apart.
	ByEventType []NamedCount `json:"byEventType"`
	// Half of the attempts were faster; from histograms, and so within the bounds of a bucket.
	P50Ms float64 `json:"p50Ms"`
	// 95 of 100 were faster.
	P95Ms float64 `json:"p95Ms"`
	// 99 of 100 were faster.
	P99Ms float64 `json:"p99Ms"`
}

// NamedCount is a part of [BreakdownCounts], a part of [Breakdown] and a part of
// [WebhookBreakdown].
type NamedCount struct {
	//
	Name string `json:"name"`
	//
	Count int `json:"count"`
}

// WebhookBreakdown is a part of [Breakdown].
type WebhookBreakdown struct {
	//
	WebhookID string `json:"webhookId"`
	//
	Attempts int `json:"attempts"`
	// By class of the status, such as 2xx; none: without an answer.
	ByStatus []NamedCount `json:"byStatus"`
	// Those that failed, by errorKind.
	ByError []NamedCount `json:"byError"`
	// By type of the event; *: all beyond the 200 of an hour that are counted apart.
	ByEventType []NamedCount `json:"byEventType"`
	// Half of the attempts were faster; from histograms, and so within the bounds of a bucket.
	P50Ms float64 `json:"p50Ms"`
	// 95 of 100 were faster.
	P95Ms float64 `json:"p95Ms"`
	// 99 of 100 were faster.
	P99Ms float64 `json:"p99Ms"`
}

// Backlog is the answer of [Client.GetBacklog].
type Backlog struct {
	// Deliveries that wait for their time or turn, or are being attempted again; on PostgreSQL at most
	// 10,000 of a webhook are counted.
	Waiting int `json:"waiting"`
	// Deliveries that wait until their webhook, or the tenant, is resumed.
	Held int `json:"held"`
	// Since when the one that is due for the longest has been due; null: none is due.
	OldestDueAt time.Time `json:"oldestDueAt"`
	// When the next one becomes due; null: none will.
	NextDueAt time.Time `json:"nextDueAt"`
	// Those for which something waits, in the order in which they were made.
	Webhooks []WebhookBacklog `json:"webhooks"`
}

// WebhookBacklog is a part of [Backlog].
type WebhookBacklog struct {
	//
	WebhookID string `json:"webhookId"`
	// Deliveries that wait for their time or turn, or are being attempted again; on PostgreSQL at most
	// 10,000 of a webhook are counted.
	Waiting int `json:"waiting"`
	// Deliveries that wait until their webhook, or the tenant, is resumed.
	Held int `json:"held"`
	// Since when the one that is due for the longest has been due; null: none is due.
	OldestDueAt time.Time `json:"oldestDueAt"`
	// When the next one becomes due; null: none will.
	NextDueAt time.Time `json:"nextDueAt"`
}

// EgressIPs is the answer of [Client.GetEgressIPs].
type EgressIPs struct {
	// Addresses and networks, in the form of CIDR; empty when the operator has not stated them.
	IPs []string `json:"ips"`
}

// Whoami is the answer of [Client.Whoami].
type Whoami struct {
	// The tenant that they act for.
	Tenant string `json:"tenant"`
	// How they have shown who they are. One of "key", "user".
	Kind string `json:"kind"`
	// Of the key or the user.
	ID string `json:"id"`
	// Of the key or the user.
	Name string `json:"name"`
	// The scopes whose calls they may make.
	Scopes []string `json:"scopes"`
}

// Key is an entry of the answer of [Client.ListKeys], the answer of [Client.CreateKey] and the
// answer of [Client.ReplaceKey].
type Key struct {
	//
	ID string `json:"id"`
	//
	Name string `json:"name"`
	// One of "publish", "hooks", "read", "manage", "admin", "platform".
	Scopes []string `json:"scopes"`
	// What the scope publish is limited to; null: everything may be published.
	Limits *KeyLimits `json:"limits"`
	// The key's first characters.
	Hint string `json:"hint"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	ExpiresAt time.Time `json:"expiresAt"`
	//
	RevokedAt time.Time `json:"revokedAt"`
	// Null: it has not been used; other servers' requests are known after a minute.
	LastUse *KeyUse `json:"lastUse"`
	// The key itself; shown only in the answers to create and replace.
	Key string `json:"key"`
}

// KeyLimits is a part of [Key].
type KeyLimits struct {
	// Event types that the key may publish, in which * stands for any characters; empty: none.
	Types []string `json:"types"`
	// Integrations by which the key may send respondents; none: it may add them directly; *: both, and
	// by every integration; empty: it may send none.
	Integrations []string `json:"integrations"`
}

// KeyUse is a part of [Key].
type KeyUse struct {
	// Exact to a minute.
	At time.Time `json:"at"`
	// Where the last request came from whose address was noted, which is not done for events published
	// on the fast path; empty: none was.
	Address string `json:"address"`
}

// Portal is the answer of [Client.GetPortal] and the answer of [Client.UpdatePortal].
type Portal struct {
	// Stands in the portal's addresses.
	ID string `json:"id"`
	//
	Name string `json:"name"`
	// As a data: address; empty: none.
	Logo string `json:"logo"`
	//
	Theme PortalTheme `json:"theme"`
	// The page that is shown first. One of "webhooks", "webhooks/new", "log", "types".
	Start string `json:"start"`
	//
	HideNavigation bool `json:"hideNavigation"`
	//
	NoGutters bool `json:"noGutters"`
	//
	Words map[string]string `json:"words"`
	//
	EmbedOrigins []string `json:"embedOrigins"`
	//
	RefreshURL string `json:"refreshUrl"`
}

// PortalTheme is a part of [Portal].
type PortalTheme struct {
	// Of links and buttons. It is made darker or lighter until text has a contrast of 4.5 to 1.
	Accent string `json:"accent"`
	// Of corners, in pixels.
	Radius int `json:"radius"`
	// One of "inter", "system", "serif".
	Font string `json:"font"`
	// Auto: as the customer's system. One of "auto", "light", "dark".
	Theme string `json:"theme"`
	// One of "en", "de", "da".
	Language string `json:"language"`
}

// PortalWord is an entry of the answer of [Client.ListPortalWords].
type PortalWord struct {
	// In English, as words names it.
	Phrase string `json:"phrase"`
	// In the language, before words of your own.
	Word string `json:"word"`
}

// PortalLink is an entry of the answer of [Client.ListPortalLinks] and the answer of
// [Client.CreatePortalLink].
type PortalLink struct {
	//
	ID string `json:"id"`
	// For a frame or a tab; shown this once. The key is behind the #, which browsers send to nobody.
	URL string `json:"url"`
	// Until then it can be opened, 20 times at most.
	ExpiresAt time.Time `json:"expiresAt"`
	//
	Capabilities []string `json:"capabilities"`
	//
	Webhooks []string `json:"webhooks"`
	//
	EventTypes []string `json:"eventTypes"`
	//
	Filter string `json:"filter"`
	//
	User PortalUser `json:"user"`
	//
	SessionID string `json:"sessionId"`
	// How often it was opened.
	Opens int `json:"opens"`
	//
	CreatedAt time.Time `json:"createdAt"`
}

// PortalUser is a part of [PortalLink].
type PortalUser struct {
	// The audit log has it with every change the customer makes.
	ID string `json:"id"`
	//
	Name string `json:"name"`
}

// User is an entry of the answer of [Client.ListUsers], the answer of [Client.InviteUser], the
// answer of [Client.GetUser], the answer of [Client.UpdateUser] and others.
type User struct {
	//
	ID string `json:"id"`
	//
	Email string `json:"email"`
	//
	Name string `json:"name"`
	// One of "viewer", "member", "admin", "operator".
	Role string `json:"role"`
	// Invited: the invitation has not been accepted yet; disabled: the person may do nothing here
	// until they are enabled again. One of "invited", "active", "disabled".
	State string `json:"state"`
	// When they were invited.
	CreatedAt time.Time `json:"createdAt"`
	// Their last request in this tenant, to the minute; null: none yet.
	SeenAt time.Time `json:"seenAt"`
	// They prove a second factor when they sign in.
	SecondFactor bool `json:"secondFactor"`
	// The right to sign in once, for the person; shown only in the answers to the calls that make it.
	Link *LinkToken `json:"link"`
}

// LinkToken is a part of [User].
type LinkToken struct {
	// Hand it to the person over a channel that you trust; see signInByLink.
	Token string `json:"token"`
	//
	ExpiresAt time.Time `json:"expiresAt"`
}

// SignIn is the answer of [Client.GetSignIn] and the answer of [Client.UpdateSignIn].
type SignIn struct {
	// The roles that need a second factor: whoever has none may set it up, and do nothing else. One of
	// "viewer", "member", "admin", "operator".
	SecondFactor []string `json:"secondFactor"`
	// Of=platform only: who signs in at Relay itself, by password; off: nobody but by a login link.
	// One of "on", "admins", "off".
	PasswordLogin string `json:"passwordLogin"`
}

// SignInProvider is an entry of the answer of [Client.ListSignInProviders], the answer of
// [Client.CreateSignInProvider], the answer of [Client.GetSignInProvider] and the answer of
// [Client.UpdateSignInProvider].
type SignInProvider struct {
	//
	Name string `json:"name"`
	// What the login page calls it.
	Label string `json:"label"`
	//
	Issuer string `json:"issuer"`
	//
	ClientID string `json:"clientId"`
	// *** if there is one; it is never shown.
	ClientSecret string `json:"clientSecret"`
	// Beside openid.
	Scopes []string `json:"scopes"`
	// Where roles are read from: a claim, or names with dots that lead into objects.
	RoleClaim string `json:"roleClaim"`
	// Values of the claim, and the role that each stands for: viewer, member, admin, with @ and a
	// tenant unless it is the first one; or operator.
	Roles map[string]string `json:"roles"`
	// For people with none of these values; empty: they are refused, unless they were invited.
	DefaultRole string `json:"defaultRole"`
	// Of the e-mail addresses that may sign in; empty: any.
	AllowedDomains []string `json:"allowedDomains"`
	// Signing in makes an account for somebody who has none.
	AutoCreate bool `json:"autoCreate"`
	// Somebody whose verified e-mail address has an account gets it; this accepts their invitations.
	LinkByEmail bool `json:"linkByEmail"`
	// E-mail addresses count as verified if the provider says nothing about that, as Entra ID does.
	TrustEmail bool `json:"trustEmail"`
	// Signing out signs out at the provider, too.
	LogoutAtProvider bool `json:"logoutAtProvider"`
	// The login page leads to the provider at once, if it is the only one.
	ForceRedirect bool `json:"forceRedirect"`
	// Register publicUrl with this path at the provider as the address to come back to.
	RedirectPath string `json:"redirectPath"`
	// Likewise, where the provider tells of logouts (OpenID Connect Back-Channel Logout).
	BackChannelPath string `json:"backChannelPath"`
	//
	CreatedAt time.Time `json:"createdAt"`
	//
	UpdatedAt time.Time `json:"updatedAt"`
}

// Account is the answer of [Client.SignIn], the answer of [Client.GetSession], the answer of
// [Client.SignInByLink], the answer of [Client.SignInByCode] and others.
type Account struct {
	//
	ID string `json:"id"`
	//
	Email string `json:"email"`
	// Where they may act, the first one without the header Relay-Tenant.
	Tenants []Membership `json:"tenants"`
	// They run the installation, and may act in every tenant.
	Operator bool `json:"operator"`
	//
	Session *Session `json:"session"`
	// The sign-in waits for the second factor: there is no session yet, and tenants are not listed.
	SecondFactor *Waiting `json:"secondFactor"`
}

// Membership is a part of [Account].
type Membership struct {
	// For the header Relay-Tenant.
	ID string `json:"id"`
	// How the person is called there.
	Name string `json:"name"`
	// One of "viewer", "member", "admin".
	Role string `json:"role"`
}

// Session is a part of [Account] and an entry of the answer of [Client.ListSessions].
type Session struct {
	//
	ID string `json:"id"`
	// By which this call is made.
	Current bool `json:"current"`
	// One of "password", "invitation", "loginLink", "provider", "passkey".
	Method string `json:"method"`
	// The identity provider by which the session began.
	Provider string `json:"provider"`
	//
	CreatedAt time.Time `json:"createdAt"`
	// The last request, to the minute; a session that is not used for 12 hours ends.
	SeenAt time.Time `json:"seenAt"`
	// When it ends even if it is in use.
	ExpiresAt time.Time `json:"expiresAt"`
	// From where the person signed in.
	Address string `json:"address"`
	// By which browser.
	UserAgent string `json:"userAgent"`
}

// Waiting is a part of [Account].
type Waiting struct {
	// For signInByCode.
	Token string `json:"token"`
	// Until when it waits.
	ExpiresAt time.Time `json:"expiresAt"`
}

// PasskeyOptions is the answer of [Client.GetPasskeyOptions] and the answer of
// [Client.GetNewPasskeyOptions].
type PasskeyOptions struct {
	// In the JSON form of WebAuthn level 3: for PublicKeyCredential.parseRequestOptionsFromJSON or
	// parseCreationOptionsFromJSON.
	PublicKey json.RawMessage `json:"publicKey"`
}

// Passkey is an entry of the answer of [Client.ListPasskeys], the answer of [Client.AddPasskey] and
// the answer of [Client.RenamePasskey].
type Passkey struct {
	//
	ID string `json:"id"`
	//
	Name string `json:"name"`
	// The name of the site that it belongs to; at other names it does not work.
	Site string `json:"site"`
	// It may be on several devices of its owner.
	Synced bool `json:"synced"`
	//
	CreatedAt time.Time `json:"createdAt"`
	// Null: not yet.
	LastUsedAt time.Time `json:"lastUsedAt"`
}

// SecondFactor is the answer of [Client.GetSecondFactor].
type SecondFactor struct {
	// It is asked for at each sign-in.
	Enabled bool `json:"enabled"`
	// Null: it is not enabled.
	EnabledAt time.Time `json:"enabledAt"`
	// How many are left.
	RecoveryCodes int `json:"recoveryCodes"`
}

// SecondFactorSetup is the answer of [Client.SetUpSecondFactor].
type SecondFactorSetup struct {
	// In base32, to type into the app.
	Secret string `json:"secret"`
	// The same with all that belongs to it, as QR codes hold it.
	Uri string `json:"uri"`
}

// RecoveryCodes is the answer of [Client.ConfirmSecondFactor] and the answer of
// [Client.RenewRecoveryCodes].
type RecoveryCodes struct {
	// Shown once; each is taken once in place of a code of the app.
	RecoveryCodes []string `json:"recoveryCodes"`
}

// Tenant is an entry of the answer of [Client.ListTenants], the answer of [Client.CreateTenant],
// the answer of [Client.GetTenant], the answer of [Client.UpdateTenant] and others.
type Tenant struct {
	// For the header Relay-Tenant.
	ID string `json:"id"`
	// What people call it.
	Name string `json:"name"`
	// The name of its plan.
	Plan string `json:"plan"`
	// Its own limits, which hold instead of those of the plan; null: that of the plan.
	Limits Limits `json:"limits"`
	// Its admins may see the signing secrets of webhooks again.
	RevealSecrets bool `json:"revealSecrets"`
	// Suspended: it takes no events and no changes, its deliveries wait, and it can be looked at;
	// deleted: as suspended, and only for those who run the installation. One of "active",
	// "suspended", "deleted".
	State string `json:"state"`
	//
	Usage TenantUsage `json:"usage"`
	//
	CreatedAt time.Time `json:"createdAt"`
	// The last change; null: none.
	UpdatedAt time.Time `json:"updatedAt"`
	// Null unless it is suspended.
	SuspendedAt time.Time `json:"suspendedAt"`
	// Null unless it is deleted.
	DeletedAt time.Time `json:"deletedAt"`
	// When all data of a deleted tenant are removed; it can be restored until then.
	EraseAt time.Time `json:"eraseAt"`
}

// Limits is a part of [Tenant] and a part of [Plan].
type Limits struct {
	// Paused and disabled ones included; null: no limit.
	Webhooks *int `json:"webhooks"`
	// REST hooks, which are counted apart from webhooks; null: no limit.
	Hooks *int `json:"hooks"`
	// Invited and disabled ones included; null: no limit.
	Users *int `json:"users"`
	// Custom connectors; the versions of one count once; null: no limit.
	Connectors *int `json:"connectors"`
	// Null: no limit.
	Audiences *int `json:"audiences"`
	// Null: no limit.
	Journeys *int `json:"journeys"`
	// Links into the portal that can still be opened; null: no limit.
	PortalLinks *int `json:"portalLinks"`
	// Events published in a second; null: no limit.
	EventsPerSecond *int `json:"eventsPerSecond"`
	// Events published on a day, from midnight to midnight UTC; null: no limit.
	EventsPerDay *int `json:"eventsPerDay"`
	// For how many days events, attempts and bodies are kept; null: as long as the installation keeps
	// them.
	RetentionDays *int `json:"retentionDays"`
}

// TenantUsage is a part of [Tenant].
type TenantUsage struct {
	// REST hooks.
	Hooks int `json:"hooks"`
	// Paused and disabled ones included.
	Webhooks int `json:"webhooks"`
	// Revoked and expired ones included.
	Keys int `json:"keys"`
}

// Plan is an entry of the answer of [Client.ListPlans], the answer of [Client.CreatePlan], the
// answer of [Client.GetPlan] and the answer of [Client.UpdatePlan].
type Plan struct {
	//
	Name string `json:"name"`
	//
	Limits Limits `json:"limits"`
	// It comes with Relay, and can be changed but not deleted.
	Shipped bool `json:"shipped"`
	// A plan that comes with Relay is not as it was shipped; deleting it makes it so again.
	Changed bool `json:"changed"`
}

// Usage is the answer of [Client.GetUsage].
type Usage struct {
	//
	Plan string `json:"plan"`
	//
	Limits []LimitUsage `json:"limits"`
}

// LimitUsage is a part of [Usage].
type LimitUsage struct {
	// One of "webhooks", "hooks", "users", "connectors", "audiences", "portalLinks",
	// "eventsPerSecond", "eventsPerDay".
	Limit string `json:"limit"`
	// Null: no limit.
	Allowed *int `json:"allowed"`
	// May be more than allowed after a change to a smaller plan; null: a rate without a limit is not
	// counted.
	Used *int `json:"used"`
}

// RotatedEncryption is the answer of [Client.RotateEncryptionKeys].
type RotatedEncryption struct {
	// Webhooks and other configuration whose secrets were sealed with the new key.
	Webhooks int `json:"webhooks"`
}

// Probe is the answer of [Client.GetLiveness] and the answer of [Client.GetReadiness].
type Probe struct {
	//
	Status string `json:"status"`
}

// OpenAPIDocument is the answer of [Client.GetDocument].
type OpenAPIDocument struct {
	//
	OpenAPI string `json:"openapi"`
	//
	Info json.RawMessage `json:"info"`
	//
	Paths json.RawMessage `json:"paths"`
}
