package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Event is a stored event.
type Event struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	Timestamp  time.Time       `json:"timestamp"`
	AcceptedAt time.Time       `json:"acceptedAt"`
	Version    string          `json:"version"`
	Key        string          `json:"key"`
	Attributes json.RawMessage `json:"attributes"`
	Data       json.RawMessage `json:"data"`
	DeliverAt  time.Time       `json:"deliverAt"` // zero: at once
	CauseID    string          `json:"causeId"`   // the event it was derived from; empty: it was published
	Warnings   []Warning       `json:"warnings"`
}

// EventQuery selects events; zero fields select everything.
type EventQuery struct {
	PageQuery
	Type         string
	Key          string
	Text         string    // found in the data as published
	Since, Until time.Time // of acceptance; Until is exclusive
}

// Events returns events, the newest first.
func (c *Client) Events(ctx context.Context, q EventQuery) (Page[Event], error) {
	v := q.values()
	add(v, "type", q.Type)
	add(v, "key", q.Key)
	add(v, "text", q.Text)
	addTime(v, "since", q.Since)
	addTime(v, "until", q.Until)
	return ask[Page[Event]](ctx, c, http.MethodGet, "/v1/events", v, nil)
}

// Event returns the event with the id, yours or Relay's.
func (c *Client) Event(ctx context.Context, id string) (Event, error) {
	return ask[Event](ctx, c, http.MethodGet, "/v1/events/"+url.PathEscape(id), nil, nil)
}

// Delivery is what one webhook is or was owed of one event.
type Delivery struct {
	ID            string    `json:"id"` // the webhookId that the endpoint sees
	EventID       string    `json:"eventId"`
	EventType     string    `json:"eventType"`
	WebhookID     string    `json:"webhookId"`
	State         string    `json:"state"`
	Attempts      int       `json:"attempts"`
	NextAttemptAt time.Time `json:"nextAttemptAt"` // zero: none is planned
	Reason        string    `json:"reason"`
}

// EventDeliveries returns the deliveries of an event, one for each webhook it was owed to.
func (c *Client) EventDeliveries(ctx context.Context, id string) ([]Delivery, error) {
	out, err := ask[Page[Delivery]](ctx, c, http.MethodGet, "/v1/events/"+url.PathEscape(id)+"/deliveries", nil, nil)
	return out.Data, err
}

// Delivery returns where a delivery stands.
func (c *Client) Delivery(ctx context.Context, id string) (Delivery, error) {
	return ask[Delivery](ctx, c, http.MethodGet, "/v1/deliveries/"+url.PathEscape(id), nil, nil)
}

// Duration is a length of time as the API writes it: "10s", "24h".
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(b []byte) error {
	s := ""
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(s)
	*d = Duration(parsed)
	return err
}

// Retry says how often and when a delivery is attempted again. Preset excludes the other fields; the zero values of
// those are the server's defaults.
type Retry struct {
	Preset      string     `json:"preset,omitempty"`
	Attempts    int        `json:"attempts,omitempty"` // in all, the first included
	Waits       []Duration `json:"waits,omitempty"`    // the last one repeats
	InitialWait Duration   `json:"initialWait,omitempty"`
	Factor      float64    `json:"factor,omitempty"`
	MaxWait     Duration   `json:"maxWait,omitempty"`
	MaxAge      Duration   `json:"maxAge,omitempty"`
	RetryOn     []string   `json:"retryOn,omitempty"`
}

// Webhook is a subscription.
type Webhook struct {
	ID             string            `json:"id"`
	URL            string            `json:"url"`
	Description    string            `json:"description"`
	Events         []string          `json:"events"`
	Format         string            `json:"format"`
	Signature      string            `json:"signature"`
	KeyPair        bool              `json:"keyPair"`
	PublicKey      string            `json:"publicKey"` // "whpk_…" of a webhook with a key pair
	Auth           Auth              `json:"auth"`      // credentials are "***"
	Headers        map[string]string `json:"headers"`
	Retry          Retry             `json:"retry"`
	Timeout        Duration          `json:"timeout"`
	MaxConcurrency int               `json:"maxConcurrency"`
	Ordering       string            `json:"ordering"` // "none" or "fifo"
	Batch          *Batch            `json:"batch"`    // nil: each event has its own request
	DisableOn      []int             `json:"disableOn"`
	Status         string            `json:"status"` // "active", "paused" or "disabled"
	Health         Health            `json:"health"`
	CreatedAt      time.Time         `json:"createdAt"`
	UpdatedAt      time.Time         `json:"updatedAt"`
	// SecretRotatedAt is when the signing secret was last replaced; zero: it is the first.
	SecretRotatedAt time.Time `json:"secretRotatedAt"`
	// PreviousSecretUntil is until when the secret before signs as well; zero: it does not.
	PreviousSecretUntil time.Time `json:"previousSecretUntil"`
	// Secret signs the requests. Only CreateWebhook and RotateSecret return it.
	Secret string `json:"secret"`
}

// Batch says when events that share a request are sent: as soon as one of the bounds is reached.
type Batch struct {
	MaxEvents int      `json:"maxEvents"` // 1 to 1000
	MaxWait   Duration `json:"maxWait"`   // 0 to an hour
	MaxBytes  int      `json:"maxBytes"`  // of the body, 1 KiB to 16 MiB; a larger event goes alone
}

// Health is how a webhook's endpoint has answered lately.
type Health struct {
	FailingSince   time.Time `json:"failingSince"` // zero: it works
	Failures       int       `json:"failures"`
	LastError      string    `json:"lastError"`
	NoticedAt      time.Time `json:"noticedAt"`
	DisabledAt     time.Time `json:"disabledAt"`
	DisabledReason string    `json:"disabledReason"`
	DisablesAt     time.Time `json:"disablesAt"` // failures from then on disable it; zero: it works, or is not active
	DisableAfter   Duration  `json:"disableAfter"`
	// AuthenticationRejected is set while the endpoint answers 401 or 403.
	AuthenticationRejected *Rejection `json:"authenticationRejected"`
}

// Rejection is that an endpoint does not accept who Relay says it is.
type Rejection struct {
	Since  time.Time `json:"since"`
	Count  int       `json:"count"`
	Reason string    `json:"reason"`
}

// Auth is how requests to an endpoint say who they come from. Which fields are used depends on Type: "none"; "basic"
// (Username, Password); "apiKey" (Token, Header, Prefix); "oauth2" (ClientID, ClientSecret, TokenURL, Scope, Audience,
// Parameters, Style); "mtls" (Cert, Key). Fields left empty stay as they are in an update that does not change Type.
type Auth struct {
	Type         string            `json:"type"`
	Username     string            `json:"username,omitempty"`
	Password     string            `json:"password,omitempty"`
	Token        string            `json:"token,omitempty"`
	Header       string            `json:"header,omitempty"`
	Prefix       string            `json:"prefix,omitempty"`
	ClientID     string            `json:"clientId,omitempty"`
	ClientSecret string            `json:"clientSecret,omitempty"`
	TokenURL     string            `json:"tokenUrl,omitempty"`
	Scope        string            `json:"scope,omitempty"`
	Audience     string            `json:"audience,omitempty"`
	Parameters   map[string]string `json:"parameters,omitempty"` // of the token request, beyond those above
	Style        string            `json:"style,omitempty"`      // "header" or "body"
	Cert         string            `json:"cert,omitempty"`
	Key          string            `json:"key,omitempty"`
}

// whole returns what is sent of a new authentication: also the empty fields that the server wants to be named.
func (a *Auth) whole() any {
	switch {
	case a == nil:
		return nil
	case a.Type == "basic":
		return struct {
			Auth
			Username string `json:"username"`
			Password string `json:"password"`
		}{*a, a.Username, a.Password}
	case a.Type == "oauth2":
		return struct {
			Auth
			Scope string `json:"scope"`
		}{*a, a.Scope}
	default:
		return a
	}
}

// WebhookSettings is what a caller sets of a webhook. Nil fields are left out: the default at creation, unchanged in
// an update. Ptr makes pointers of constants.
type WebhookSettings struct {
	URL            *string           `json:"url,omitempty"` // required at creation
	Description    *string           `json:"description,omitempty"`
	Events         []string          `json:"events,omitempty"` // exact types and globs, "call.*"; default "*"
	Format         *string           `json:"format,omitempty"`
	Signature      *string           `json:"signature,omitempty"` // "relay", "standard", "relay+standard" or "none"
	KeyPair        *bool             `json:"keyPair,omitempty"`   // sign with an ed25519 key as well; needs "standard"
	Auth           *Auth             `json:"auth,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
	Retry          *Retry            `json:"retry,omitempty"`
	Timeout        *Duration         `json:"timeout,omitempty"`
	MaxConcurrency *int              `json:"maxConcurrency,omitempty"`
	Ordering       *string           `json:"ordering,omitempty"` // "none", or "fifo": in order of the events' keys
	Batch          *Batch            `json:"batch,omitempty"`    // events share a request; not with fifo
	DisableOn      []int             `json:"disableOn,omitempty"`
	Preset         *string           `json:"preset,omitempty"` // at creation only
	Secret         *string           `json:"secret,omitempty"` // at creation only; left out: Relay makes one
}

// Ptr returns a pointer to v.
func Ptr[T any](v T) *T { return &v }

// CreateWebhook adds a webhook, which receives the events accepted from now on.
func (c *Client) CreateWebhook(ctx context.Context, s WebhookSettings) (Webhook, error) {
	return ask[Webhook](ctx, c, http.MethodPost, "/v1/webhooks", nil, struct {
		WebhookSettings
		Auth any `json:"auth,omitempty"`
	}{s, s.Auth.whole()})
}

// Webhooks returns webhooks, the oldest first.
func (c *Client) Webhooks(ctx context.Context, q PageQuery) (Page[Webhook], error) {
	return ask[Page[Webhook]](ctx, c, http.MethodGet, "/v1/webhooks", q.values(), nil)
}

func webhookPath(id string, rest ...string) string {
	return strings.Join(append([]string{"/v1/webhooks", url.PathEscape(id)}, rest...), "/")
}

// Webhook returns the webhook with the id.
func (c *Client) Webhook(ctx context.Context, id string) (Webhook, error) {
	return ask[Webhook](ctx, c, http.MethodGet, webhookPath(id), nil, nil)
}

// UpdateWebhook changes the settings that are given.
func (c *Client) UpdateWebhook(ctx context.Context, id string, s WebhookSettings) (Webhook, error) {
	return ask[Webhook](ctx, c, http.MethodPatch, webhookPath(id), nil, s)
}

// DeleteWebhook removes a webhook; what it was still owed is discarded.
func (c *Client) DeleteWebhook(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, webhookPath(id), nil, nil, nil)
}

// PauseWebhook stops deliveries: events that come meanwhile are not queued, retries wait.
func (c *Client) PauseWebhook(ctx context.Context, id string) (Webhook, error) {
	return ask[Webhook](ctx, c, http.MethodPost, webhookPath(id, "pause"), nil, nil)
}

// ResumeWebhook starts the deliveries of a paused or disabled webhook again.
func (c *Client) ResumeWebhook(ctx context.Context, id string) (Webhook, error) {
	return ask[Webhook](ctx, c, http.MethodPost, webhookPath(id, "resume"), nil, nil)
}

// RotateSecret replaces the signing secret. The old one is invalid at once, or signs beside the new one for overlap.
func (c *Client) RotateSecret(ctx context.Context, id string, overlap time.Duration) (Webhook, error) {
	in := map[string]Duration{"overlap": Duration(overlap)}
	return ask[Webhook](ctx, c, http.MethodPost, webhookPath(id, "rotate-secret"), nil, in)
}

// TestWebhook sends an example event of the type (empty: one that the webhook wants) at once, and returns the attempt
// whatever the endpoint said.
func (c *Client) TestWebhook(ctx context.Context, id, eventType string) (Attempt, error) {
	in := map[string]string{}
	if eventType != "" {
		in["type"] = eventType
	}
	var out struct {
		Attempt Attempt `json:"attempt"`
	}
	err := c.call(ctx, http.MethodPost, webhookPath(id, "test"), nil, in, &out)
	return out.Attempt, err
}

// Attempt is one request made for a delivery.
type Attempt struct {
	ID         string    `json:"id"`
	DeliveryID string    `json:"deliveryId"`
	EventID    string    `json:"eventId"`
	EventType  string    `json:"eventType"`
	WebhookID  string    `json:"webhookId"`
	Number     int       `json:"number"` // 1 for the first of the delivery
	At         time.Time `json:"at"`
	Outcome    string    `json:"outcome"` // "delivered", "retrying" or "failed"
	Test       bool      `json:"test"`
	Error      *struct {
		Kind    string `json:"kind"`
		Message string `json:"message"`
	} `json:"error"` // nil: none
	Request struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"` // empty where BodyMissing says why
		// BodyMissing says in words why the log does not show the body; empty: Body is what was sent.
		BodyMissing string `json:"bodyMissing"`
	} `json:"request"`
	Response *struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"` // the first 64 KiB
		// BodyEncoding is "text" or, for what is binary or compressed, "base64".
		BodyEncoding string `json:"bodyEncoding"`
		// BodyError says why the rest of the body is missing, though the answer counts; empty: nothing is.
		BodyError string `json:"bodyError"`
		BodyBytes int64  `json:"bodyBytes"`
		Truncated bool   `json:"truncated"`
	} `json:"response"` // nil: no answer came
	Timing struct {
		DNSMs       float64 `json:"dnsMs"`
		ConnectMs   float64 `json:"connectMs"`
		TLSMs       float64 `json:"tlsMs"`
		FirstByteMs float64 `json:"firstByteMs"`
		TotalMs     float64 `json:"totalMs"`
	} `json:"timing"`
	NextAttemptAt time.Time     `json:"nextAttemptAt"` // zero: none
	Batch         *AttemptBatch `json:"batch"`         // what shared the request; nil: nothing
}

// AttemptBatch is what shared the request of an attempt.
type AttemptBatch struct {
	ID     string `json:"id"` // the same in each attempt of the batch
	Events int    `json:"events"`
	// Deliveries are in the order of the body. Lists leave them out, and the body.
	Deliveries []struct {
		DeliveryID string `json:"deliveryId"`
		EventID    string `json:"eventId"`
		EventType  string `json:"eventType"`
	} `json:"deliveries"`
}

// AttemptQuery selects attempts; zero fields select everything.
type AttemptQuery struct {
	PageQuery
	Status       string // "delivered", "retrying" or "failed"
	Code         string // of the answer, as "500", or its class, as "5xx"
	EventType    string
	Since, Until time.Time // Until is exclusive

	// The following are for AllAttempts.
	WebhookID, EventID, DeliveryID string
}

func (q AttemptQuery) query() url.Values {
	v := q.values()
	add(v, "status", q.Status)
	add(v, "code", q.Code)
	add(v, "eventType", q.EventType)
	addTime(v, "since", q.Since)
	addTime(v, "until", q.Until)
	return v
}

// Attempts returns a webhook's attempts, the newest first.
func (c *Client) Attempts(ctx context.Context, webhookID string, q AttemptQuery) (Page[Attempt], error) {
	return ask[Page[Attempt]](ctx, c, http.MethodGet, webhookPath(webhookID, "attempts"), q.query(), nil)
}

// AllAttempts returns attempts for all webhooks, the newest first.
func (c *Client) AllAttempts(ctx context.Context, q AttemptQuery) (Page[Attempt], error) {
	v := q.query()
	add(v, "webhookId", q.WebhookID)
	add(v, "eventId", q.EventID)
	add(v, "deliveryId", q.DeliveryID)
	return ask[Page[Attempt]](ctx, c, http.MethodGet, "/v1/attempts", v, nil)
}

// Attempt returns an attempt.
func (c *Client) Attempt(ctx context.Context, id string) (Attempt, error) {
	return ask[Attempt](ctx, c, http.MethodGet, "/v1/attempts/"+url.PathEscape(id), nil, nil)
}

// Ready reports why the server cannot serve requests now; nil: it can.
func (c *Client) Ready(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/readyz", nil, nil, nil)
}
