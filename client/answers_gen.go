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
	// Shape of the body.
	Format string `json:"format"`
	// Headers that sign a request.
	Signature string `json:"signature"`
	// Requests are also signed with an ed25519 key.
	KeyPair bool `json:"keyPair"`
	// Verifies the v1a signatures; null: it has no key pair.
	PublicKey string `json:"publicKey"`
	// How requests say who they come from.
	Auth Auth `json:"auth"`
	// Sent with every request.
	Headers map[string]string `json:"headers"`
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
	// User: a person who has signed in; system: Relay itself, such as when it disables a webhook;
	// anonymous: somebody whose sign-in has failed. One of "key", "user", "system", "anonymous".
	Kind string `json:"kind"`
	// Of the key or the user; empty for the others.
	ID string `json:"id"`
	// The id again if it is a key's, else empty.
	KeyID string `json:"keyId"`
	// The label of the key, or the user's name, at the time.
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

// EgressIPs is the answer of [Client.GetEgressIPs].
type EgressIPs struct {
	// Addresses and networks, in the form of CIDR; empty when the operator has not stated them.
	IPs []string `json:"ips"`
}

// Key is an entry of the answer of [Client.ListKeys] and the answer of [Client.CreateKey].
type Key struct {
	//
	ID string `json:"id"`
	//
	Name string `json:"name"`
	// One of "publish", "read", "manage", "admin", "platform".
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
	// The key itself; shown only in the answer to create.
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

// Account is the answer of [Client.SignIn], the answer of [Client.GetSession] and the answer of
// [Client.SignInByLink].
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
	// One of "password", "invitation", "loginLink".
	Method string `json:"method"`
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
