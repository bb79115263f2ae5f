package api

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/webhook"
)

// Webhook is a subscription as the API shows it.
type Webhook struct {
	ID             string                   `json:"id" example:"\"wh_3f6q2mzk7ahx5w4e\""`
	URL            string                   `json:"url" example:"\"https://example.com/hook\""`
	Description    string                   `json:"description" doc:"a label for people" example:"\"CRM\""`
	Events         []string                 `json:"events" doc:"event types it wants; * stands for any characters" example:"[\"call.*\"]"`
	Filter         string                   `json:"filter" doc:"an expression that says which of these events it wants; empty: all" example:"\"event.data.urgency == 'urgent'\""`
	Transform      string                   `json:"transform" doc:"a script that makes the request; empty: the format does"`
	Format         string                   `json:"format" doc:"shape of the body; rest-hook and respondent are for Relay's own" enum:"relay,push,cloudevents,cloudevents-binary,raw,rest-hook,respondent" example:"\"relay\""`
	Signature      signature[SignatureForm] `json:"signature" doc:"headers that sign a request: a name, a SignatureForm, or a list of them" example:"\"relay\""`
	KeyPair        bool                     `json:"keyPair" doc:"requests are also signed with an ed25519 key"`
	PublicKey      *string                  `json:"publicKey" doc:"verifies the v1a signatures; null: it has no key pair" example:"\"whpk_…\""`
	Auth           Auth                     `json:"auth" doc:"how requests say who they come from"`
	Headers        map[string]string        `json:"headers" doc:"sent with every request"`
	Traceparent    bool                     `json:"traceparent" doc:"the endpoint gets the trace of the event, in the header traceparent"`
	Labels         map[string]string        `json:"labels" doc:"what the webhook belongs to, for portal links" example:"{\"customer\":\"acme\"}"`
	Retry          Retry                    `json:"retry" doc:"when to try again" example:"{\"preset\":\"relay\"}"`
	Timeout        rest.Duration            `json:"timeout" doc:"of an attempt"`
	MaxConcurrency int                      `json:"maxConcurrency" doc:"attempts under way at a time; 0: Relay adapts it"`
	DisableOn      []int                    `json:"disableOn" doc:"status codes that disable the webhook at once" example:"[410]"`
	RateLimit      *RateLimit               `json:"rateLimit" doc:"attempts that may start in a second; null: no bound"`
	Batch          *Batch                   `json:"batch" doc:"several events share a request; null: each has its own"`
	Ordering       string                   `json:"ordering" doc:"fifo: strictly in order, per key" enum:"none,fifo"`
	Maintenance    []Window                 `json:"maintenance" doc:"windows without deliveries"`
	Status         string                   `json:"status" enum:"active,paused,disabled" doc:"paused by a person, or disabled by Relay: see health"`
	Health         Health                   `json:"health"`
	FilterCost     *FilterCost              `json:"filterCost" doc:"what the filter has cost the server that answers since it started; null: it has not been evaluated"`
	CreatedAt      rest.Time                `json:"createdAt"`
	UpdatedAt      rest.Time                `json:"updatedAt"`
	RotatedAt      *rest.Time               `json:"secretRotatedAt" doc:"when the signing secret was last replaced; null: it is the first"`
	PreviousUntil  *rest.Time               `json:"previousSecretUntil" doc:"the previous secret signs requests as well until then; null: it no longer does"`
	Secret         string                   `json:"secret,omitempty" doc:"signs the requests; shown only in the answers to create and rotate-secret" example:"\"whsec_…\""`
	Warnings       []Warning                `json:"warnings,omitempty" doc:"problems with its event types, in the answer to a request that sets them; left out if there are none"`
}

// Retry says how often and when a delivery is attempted again.
type Retry struct {
	Preset      string          `json:"preset,omitempty" doc:"a ready policy; the other members are then left out"`
	Attempts    int             `json:"attempts,omitempty"`
	Waits       []rest.Duration `json:"waits,omitempty"`
	InitialWait *rest.Duration  `json:"initialWait,omitempty"`
	Factor      float64         `json:"factor,omitempty"`
	MaxWait     *rest.Duration  `json:"maxWait,omitempty"`
	MaxAge      *rest.Duration  `json:"maxAge,omitempty"`
	RetryOn     []string        `json:"retryOn,omitempty"`
}

// RateLimit bounds attempts to an endpoint.
type RateLimit struct {
	PerSecond float64 `json:"perSecond" doc:"attempts a second" example:"10"`
	Burst     int     `json:"burst" doc:"attempts that may start together" example:"20"`
}

// Window is a span of time.
type Window struct {
	From rest.Time `json:"from"`
	To   rest.Time `json:"to"`
}

// RateLimitFields is a rate limit as a caller sets it.
type RateLimitFields struct {
	PerSecond float64 `json:"perSecond" required:"true" doc:"attempts a second, 0.01 to 10000" example:"10"`
	Burst     int     `json:"burst" doc:"attempts that may start together; 0: as perSecond, at least 1" min:"0" max:"10000"`
}

// WindowFields is a span of time as a caller sets it.
type WindowFields struct {
	From rest.Time `json:"from" required:"true"`
	To   rest.Time `json:"to" required:"true"`
}

// Health is how the endpoint has answered lately, and the rule that disables it.
type Health struct {
	FailingSince   *rest.Time    `json:"failingSince" doc:"the first failure after the last success; null: it works"`
	Failures       int           `json:"failures" doc:"failed attempts since then"`
	LastError      *string       `json:"lastError" doc:"the last failure in words"`
	NoticedAt      *rest.Time    `json:"noticedAt" doc:"when the event webhook.failing was published about it"`
	DisabledAt     *rest.Time    `json:"disabledAt"`
	DisabledReason *string       `json:"disabledReason"`
	DisablesAt     *rest.Time    `json:"disablesAt" doc:"failures from then on disable the webhook, if no success comes before; null: it works, or is not active"`
	DisableAfter   rest.Duration `json:"disableAfter" doc:"the webhook is disabled after failing without a success for this long" example:"\"120h\""`
	// AuthenticationRejected is the flag of the contract push, shown whatever the policy.
	AuthenticationRejected *Rejection `json:"authenticationRejected" doc:"set while the endpoint answers 401 or 403; cleared by the next success or a change of auth"`
}

// FilterCost is what evaluating a webhook's filter has cost.
type FilterCost struct {
	Evaluations int64   `json:"evaluations" example:"1204"`
	TotalMs     float64 `json:"totalMs" doc:"time of all of them, in milliseconds" example:"2.5"`
	MeanUs      float64 `json:"meanUs" doc:"time of one, in microseconds" example:"2.1"`
	Postponed   int64   `json:"postponed" doc:"evaluations that take too long to be made while events are routed: they wait their turn, and so do their deliveries"`
}

// Rejection is that an endpoint does not accept who Relay says it is.
type Rejection struct {
	Since  rest.Time `json:"since" doc:"the first such answer"`
	Count  int       `json:"count" doc:"such answers since then"`
	Reason string    `json:"reason" example:"\"authentication rejected: the endpoint answered 401 Unauthorized\""`
}

func (a *API) showWebhook(w *webhook.Webhook) *Webhook {
	h := a.Engine.Health(w)
	v := &Webhook{
		ID: w.ID, URL: w.URL, Description: w.Description, Events: w.Events, Filter: w.Filter, Transform: w.Transform, Format: w.Format, Signature: showSignature(&w.Settings),
		KeyPair: w.KeyPair, Traceparent: w.Traceparent, PublicKey: rest.TextOrNil(w.Secrets.PublicKey()),
		Auth: showAuth(w.Auth), Headers: w.Headers, Retry: showRetry(&w.Retry), Timeout: rest.Duration(w.Timeout), MaxConcurrency: w.MaxConcurrency,
		DisableOn: w.DisableOn, Ordering: string(w.Ordering), Status: string(w.Status), CreatedAt: rest.Time(w.CreatedAt), UpdatedAt: rest.Time(w.UpdatedAt),
		Health: Health{
			FailingSince: rest.TimeOrNil(h.FailingSince), Failures: h.Failures, LastError: rest.TextOrNil(h.LastError),
			NoticedAt: rest.TimeOrNil(h.NoticedAt), DisabledAt: rest.TimeOrNil(h.DisabledAt),
			DisabledReason: rest.TextOrNil(h.DisabledReason), DisableAfter: rest.Duration(webhook.DisableAfter),
		},
	}
	if c := a.Engine.FilterCost(w.Number); w.Filter != "" && c.Evaluations+c.Postponed > 0 {
		v.FilterCost = &FilterCost{
			Evaluations: c.Evaluations, Postponed: c.Postponed, TotalMs: float64(c.Time.Microseconds()) / 1e3,
			MeanUs: math.Round(float64(c.Time.Nanoseconds())/float64(max(c.Evaluations, 1))/100) / 10,
		}
	}
	if !h.FailingSince.IsZero() && w.Status == webhook.Active {
		v.Health.DisablesAt = rest.TimeOrNil(h.FailingSince.Add(webhook.DisableAfter))
	}
	if !h.RejectedSince.IsZero() {
		v.Health.AuthenticationRejected = &Rejection{Since: rest.Time(h.RejectedSince), Count: h.Rejections, Reason: h.RejectedReason}
	}
	v.RotatedAt = rest.TimeOrNil(w.Secrets.RotatedAt)
	if s := &w.Secrets; len(s.Valid(time.Now())) > 1 {
		v.PreviousUntil = rest.TimeOrNil(s.PreviousUntil)
	}
	v.Batch = showBatch(w.Batch)
	if l := w.RateLimit; l != nil {
		v.RateLimit = &RateLimit{PerSecond: l.PerSecond, Burst: l.Burst}
	}
	v.Maintenance = make([]Window, len(w.Maintenance))
	for i, m := range w.Maintenance {
		v.Maintenance[i] = Window{From: rest.Time(m.From), To: rest.Time(m.To)}
	}
	if v.Headers == nil {
		v.Headers = map[string]string{}
	}
	if v.Labels = w.Labels; v.Labels == nil {
		v.Labels = map[string]string{}
	}
	if v.DisableOn == nil {
		v.DisableOn = []int{}
	}
	return v
}

func showRetry(r *webhook.Retry) Retry {
	if r.Preset != "" {
		return Retry{Preset: r.Preset}
	}
	v := Retry{Attempts: r.Attempts, Factor: r.Factor, RetryOn: r.RetryOn}
	for _, w := range r.Waits {
		v.Waits = append(v.Waits, rest.Duration(w))
	}
	some := func(d time.Duration) *rest.Duration {
		if d == 0 {
			return nil
		}
		return (*rest.Duration)(&d)
	}
	v.InitialWait, v.MaxWait, v.MaxAge = some(r.InitialWait), some(r.MaxWait), some(r.MaxAge)
	return v
}

// withSecret adds the secret, for the two answers that show it.
func (a *API) withSecret(w *webhook.Webhook) *Webhook {
	v := a.showWebhook(w)
	v.Secret = w.Secrets.Current
	return v
}

// webhookFields are the members of a webhook that a caller may set.
type webhookFields struct {
	URL            rest.Opt[string]                         `json:"url" doc:"where to send events: an https address. Addresses inside of private networks are refused" example:"\"https://example.com/hook\""`
	Description    rest.Opt[string]                         `json:"description" text:"label" doc:"a label for people" default:"\"\""`
	Events         rest.Opt[[]string]                       `json:"events" doc:"event types it wants; * stands for any characters, as in call.*" default:"[\"*\"]" maxItems:"100"`
	Filter         rest.Opt[filterText]                     `json:"filter" doc:"a CEL expression over event (type, data, attributes, time, key) that is true for the events it wants; empty: all. A member that is absent is no match. An object of operators is taken, too, and becomes an expression" default:"\"\"" example:"\"event.data.urgency == 'urgent'\""`
	Transform      rest.Opt[string]                         `json:"transform" doc:"JavaScript that defines transform(event), which returns {body, headers, query, url} of the request, all optional and on the same host, or null to drop the event; empty: none. It is compiled when it is saved" default:"\"\"" maxLength:"65536" example:"\"function transform(event) { return { body: { text: event.data.summary } } }\""`
	Format         rest.Opt[string]                         `json:"format" doc:"shape of the body, unless a transform returns one" default:"\"relay\"" enum:"relay,push,cloudevents,cloudevents-binary,raw"`
	Signature      rest.Opt[signature[SignatureFormFields]] `json:"signature" doc:"headers that sign a request: X-Relay-Signature, those of Standard Webhooks, both, none, those of another system by its name or as an object, or a list of several" default:"\"relay\"" example:"\"standard\""`
	KeyPair        rest.Opt[bool]                           `json:"keyPair" doc:"signs with an ed25519 key as well (v1a of Standard Webhooks), which receivers verify with publicKey and cannot sign with; needs the signature standard or relay+standard" default:"false"`
	Auth           rest.Opt[AuthFields]                     `json:"auth" doc:"how requests say who they come from. A PATCH changes the members it names; another type starts anew. Credentials are shown as ***, and *** keeps the one there is" default:"{\"type\":\"none\"}" example:"{\"type\":\"basic\",\"username\":\"relay\",\"password\":\"…\"}"`
	Headers        rest.Opt[map[string]string]              `json:"headers" doc:"sent with every request" default:"{}"`
	Traceparent    rest.Opt[bool]                           `json:"traceparent" doc:"hands the trace of the event on, in the header traceparent (W3C Trace Context), so that the receiver's spans join it. Only for receivers that may know the ids of your traces" default:"false"`
	Labels         rest.Opt[map[string]string]              `json:"labels" doc:"what the webhook belongs to, such as a customer: a portal link can be limited to webhooks with a label. Up to 16 names with values" default:"{}" example:"{\"customer\":\"acme\"}"`
	Retry          rest.Opt[RetryFields]                    `json:"retry" doc:"when to try again. A PATCH changes the members it names, and a preset becomes a custom policy by it"`
	Timeout        rest.Opt[rest.Duration]                  `json:"timeout" doc:"of an attempt, from looking up the name to the last byte of the answer; 100ms to 60s" default:"\"10s\""`
	MaxConcurrency rest.Opt[int]                            `json:"maxConcurrency" doc:"attempts under way at a time; 0: Relay adapts it" default:"0" min:"0" max:"1000"`
	DisableOn      rest.Opt[[]int]                          `json:"disableOn" doc:"status codes that disable the webhook at once, such as 410" default:"[]" example:"[410]"`
	RateLimit      rest.Opt[RateLimitFields]                `json:"rateLimit" doc:"bounds how many attempts start in a second" example:"{\"perSecond\":10,\"burst\":20}"`
	Batch          rest.Opt[BatchFields]                    `json:"batch" doc:"events share a request, sent as soon as one of the bounds is reached; the answer is for all of them, and a retry sends the same again. Not with ordering fifo. A PATCH changes the members it names" example:"{\"maxEvents\":100,\"maxWait\":\"1s\"}"`
	Ordering       rest.Opt[string]                         `json:"ordering" doc:"fifo delivers strictly in the order of acceptance, events with the same key among themselves; a delivery that waits for its retry holds those behind it" default:"\"none\"" enum:"none,fifo"`
	Maintenance    rest.Opt[[]WindowFields]                 `json:"maintenance" doc:"windows without deliveries; events are held and delivered afterwards" default:"[]" maxItems:"50"`
}

// RetryFields is a retry policy as a caller sets it.
type RetryFields struct {
	Preset      rest.Opt[string]          `json:"preset" enum:"relay,push" doc:"a ready policy; excludes the other members"`
	Attempts    rest.Opt[int]             `json:"attempts" min:"1" max:"50" doc:"in all, the first included"`
	Waits       rest.Opt[[]rest.Duration] `json:"waits" doc:"before the second, third … attempt; the last one repeats; excludes initialWait and factor" example:"[\"30s\",\"5m\",\"30m\"]"`
	InitialWait rest.Opt[rest.Duration]   `json:"initialWait" doc:"before the second attempt" example:"\"30s\""`
	Factor      rest.Opt[float64]         `json:"factor" min:"1" max:"100" doc:"each wait is this many times the one before"`
	MaxWait     rest.Opt[rest.Duration]   `json:"maxWait" doc:"the longest wait, also one asked for by Retry-After" example:"\"1h\""`
	MaxAge      rest.Opt[rest.Duration]   `json:"maxAge" doc:"how long after the first attempt was due the last one may begin; up to 744h" example:"\"24h\""`
	RetryOn     rest.Opt[[]string]        `json:"retryOn" doc:"failures that are retried: status codes, classes such as 5xx, timeout, network (no answer), other (any unsuccessful answer)" example:"[\"5xx\",\"429\",\"timeout\",\"network\"]"`
}

// apply changes settings as the caller asks.
func (f *webhookFields) apply(s *webhook.Settings) error {
	def := webhook.Default()
	f.URL.Apply(&s.URL, "")
	f.Description.Apply(&s.Description, "")
	f.Events.Apply(&s.Events, def.Events)
	f.Filter.Apply((*filterText)(&s.Filter), "")
	f.Transform.Apply(&s.Transform, "")
	f.Format.Apply(&s.Format, def.Format)
	switch {
	case !f.Signature.Given:
	case f.Signature.Null:
		s.Signature, s.Signatures = def.Signature, nil
	default:
		if err := applySignature(&f.Signature.Value, s); err != nil {
			return err
		}
	}
	f.KeyPair.Apply(&s.KeyPair, false)
	f.Headers.Apply(&s.Headers, nil)
	f.Traceparent.Apply(&s.Traceparent, false)
	f.Labels.Apply(&s.Labels, nil)
	switch {
	case !f.Auth.Given:
	case f.Auth.Null:
		s.Auth = def.Auth
	default:
		if err := s.Auth.Merge(f.Auth.Value.change()); err != nil {
			return err
		}
	}
	f.Timeout.Apply((*rest.Duration)(&s.Timeout), rest.Duration(def.Timeout))
	f.MaxConcurrency.Apply(&s.MaxConcurrency, def.MaxConcurrency)
	f.DisableOn.Apply(&s.DisableOn, nil)
	f.Ordering.Apply((*string)(&s.Ordering), string(def.Ordering))
	if f.RateLimit.Given {
		s.RateLimit = nil
		if l := f.RateLimit.Value; !f.RateLimit.Null {
			s.RateLimit = &webhook.RateLimit{PerSecond: l.PerSecond, Burst: l.Burst}
		}
	}
	if f.Batch.Given {
		if f.Batch.Null {
			s.Batch = nil
		} else {
			s.Batch = f.Batch.Value.apply(s.Batch)
		}
	}
	if f.Maintenance.Given {
		s.Maintenance = nil
		for _, w := range f.Maintenance.Value {
			s.Maintenance = append(s.Maintenance, webhook.Window{From: time.Time(w.From), To: time.Time(w.To)})
		}
	}
	switch {
	case !f.Retry.Given:
	case f.Retry.Null:
		s.Retry = def.Retry
	default:
		if err := f.Retry.Value.check(); err != nil {
			return err
		}
		s.Retry.Merge(f.Retry.Value.change())
	}
	return nil
}

// check refuses zeros, which mean "the default" further in.
func (f *RetryFields) check() error {
	zero := func(given, null, zero bool) bool { return given && !null && zero }
	switch {
	case zero(f.Attempts.Given, f.Attempts.Null, f.Attempts.Value == 0):
		return problem.InvalidField("retry.attempts", "must be 1 to %d, got 0", webhook.MaxAttempts)
	case zero(f.Factor.Given, f.Factor.Null, f.Factor.Value == 0):
		return problem.InvalidField("retry.factor", "must be 1 to 100, got 0")
	}
	for _, d := range []struct {
		name string
		rest.Opt[rest.Duration]
	}{{"initialWait", f.InitialWait}, {"maxWait", f.MaxWait}, {"maxAge", f.MaxAge}} {
		if zero(d.Given, d.Null, d.Value == 0) {
			return problem.InvalidField("retry."+d.name, "must be 1s or more, got 0s")
		}
	}
	return nil
}

// change returns the members as a change of a policy.
func (f *RetryFields) change() webhook.RetryChange {
	c := webhook.RetryChange{
		Preset: member(f.Preset), Attempts: member(f.Attempts), Factor: member(f.Factor), RetryOn: member(f.RetryOn),
		InitialWait: (*time.Duration)(member(f.InitialWait)), MaxWait: (*time.Duration)(member(f.MaxWait)), MaxAge: (*time.Duration)(member(f.MaxAge)),
	}
	if f.Waits.Given {
		var waits []time.Duration
		if !f.Waits.Null {
			waits = make([]time.Duration, 0, len(f.Waits.Value))
		}
		for _, w := range f.Waits.Value {
			waits = append(waits, time.Duration(w))
		}
		c.Waits = &waits
	}
	return c
}

// member returns the value of a member, zero for null, nil if it was left out.
func member[T any](o rest.Opt[T]) *T {
	if !o.Given {
		return nil
	}
	return &o.Value
}

var docWebhookList = rest.Doc{ID: "listWebhooks", Tag: "Webhooks", Summary: "List webhooks", Text: "The oldest first."}

func (a *API) webhookList(_ context.Context, c *access.Principal, in *rest.Page) (*rest.List[Webhook], error) {
	list := a.Webhooks.List(c.Tenant)
	if in.Cursor != "" { // the last one shown; it may be gone meanwhile, its number still has its place
		last, err := in.Before()
		if err != nil {
			return nil, err
		}
		i, found := slices.BinarySearchFunc(list, last, func(w *webhook.Webhook, n event.ID) int { return int(int64(w.Number) - int64(n)) })
		if found {
			i++
		}
		list = list[i:]
	}
	next := ""
	if len(list) > in.Limit {
		list = list[:in.Limit]
		next = rest.CursorOf(event.ID(list[len(list)-1].Number))
	}
	data := make([]Webhook, len(list))
	for i, w := range list {
		data[i] = *a.showWebhook(w)
	}
	return rest.PageOf(data, next), nil
}

// CreateWebhook is the request to create a webhook.
type CreateWebhook struct {
	webhookFields
	Preset rest.Opt[string] `json:"preset" enum:"relay,push,svix,github,stripe" default:"\"relay\"" doc:"a contract that fills format, signature, retry and timeout; every field can still be set by itself"`
	Secret rest.Opt[string] `json:"secret" maxLength:"512" doc:"the signing secret, such as the one that a receiver verifies already: any text that suits the signature; standard needs whsec_ and the base64 of 24 to 64 bytes. Left out: Relay makes one" example:"\"whsec_…\""`
}

// Requires implements rest.Requirer.
func (*CreateWebhook) Requires() []string { return []string{"url"} }

var docWebhookCreate = rest.Doc{ID: "createWebhook", Tag: "Webhooks", Summary: "Create a webhook", Status: 201,
	Text: "It receives the events accepted from now on. The answer shows the signing secret, for the only time."}

type createWebhookInput struct {
	Body CreateWebhook `body:"required"`
}

func (a *API) webhookCreate(ctx context.Context, c *access.Principal, in *createWebhookInput) (*Webhook, error) {
	preset := webhook.PresetRelay
	in.Body.Preset.Apply(&preset, preset)
	s, err := webhook.DefaultFor(preset)
	if err != nil {
		return nil, err
	}
	if s := in.Body.Secret; s.Given && !s.Null && s.Value == "" {
		return nil, problem.InvalidField("secret", "must not be empty")
	}
	if r := in.Body.Retry; r.Given && !r.Null {
		s.Retry = webhook.Retry{} // at creation a policy starts from nothing, not from the preset
	}
	if err := in.Body.apply(&s); err != nil {
		return nil, err
	}
	w, err := a.Webhooks.Create(ctx, c, s, in.Body.Secret.Value)
	if err != nil {
		return nil, err
	}
	v := a.withSecret(w)
	v.Warnings, err = a.oddNames(ctx, w)
	return v, err
}

// oddNames returns warnings about patterns of a webhook that match no known type.
func (a *API) oddNames(ctx context.Context, w *webhook.Webhook) ([]Warning, error) {
	odd, err := a.names.Odd(ctx, w.Tenant, w.Events)
	var list []Warning
	for _, o := range odd {
		list = append(list, Warning{Path: fmt.Sprintf("events[%d]", o.Index), Message: o.Reason})
	}
	return list, err
}

type webhookPath struct {
	ID string `path:"id" doc:"the webhook's id"`
}

var docWebhookGet = rest.Doc{ID: "getWebhook", Tag: "Webhooks", Summary: "Get a webhook"}

func (a *API) webhookGet(_ context.Context, c *access.Principal, in *webhookPath) (*Webhook, error) {
	w, err := a.Webhooks.Get(c.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	return a.showWebhook(w), nil
}

// UpdateWebhook is the request to change a webhook.
type UpdateWebhook struct {
	webhookFields
}

var docWebhookUpdate = rest.Doc{ID: "updateWebhook", Tag: "Webhooks", Summary: "Change a webhook",
	Text: "Members left out stay as they are, null resets a member to its default. Deliveries that wait for their retry follow the new settings."}

type updateWebhookInput struct {
	webhookPath
	Body UpdateWebhook `body:"required"`
}

func (a *API) webhookUpdate(ctx context.Context, c *access.Principal, in *updateWebhookInput) (*Webhook, error) {
	w, err := a.Webhooks.Update(ctx, c, in.ID, func(s *webhook.Settings) error {
		return in.Body.apply(s)
	})
	if err != nil {
		return nil, err
	}
	v := a.showWebhook(w)
	if in.Body.Events.Given {
		v.Warnings, err = a.oddNames(ctx, w)
	}
	return v, err
}

var docWebhookDelete = rest.Doc{ID: "deleteWebhook", Tag: "Webhooks", Summary: "Delete a webhook", Status: 204,
	Text: "What it was still owed is discarded. Its attempts stay in the log."}

func (a *API) webhookDelete(ctx context.Context, c *access.Principal, in *webhookPath) (*rest.None, error) {
	return nil, a.Webhooks.Delete(ctx, c, in.ID)
}

var docWebhookPause = rest.Doc{ID: "pauseWebhook", Tag: "Webhooks", Summary: "Pause a webhook",
	Text: "Events accepted while it is paused are not queued for it, and retries wait. Use replay to catch up afterwards."}

func (a *API) webhookPause(ctx context.Context, c *access.Principal, in *webhookPath) (*Webhook, error) {
	w, err := a.Webhooks.Pause(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return a.showWebhook(w), nil
}

var docWebhookResume = rest.Doc{ID: "resumeWebhook", Tag: "Webhooks", Summary: "Resume a paused or disabled webhook"}

func (a *API) webhookResume(ctx context.Context, c *access.Principal, in *webhookPath) (*Webhook, error) {
	w, err := a.Webhooks.Resume(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return a.showWebhook(w), nil
}

// RotateRequest asks for a new signing secret.
type RotateRequest struct {
	Overlap rest.Opt[rest.Duration] `json:"overlap" doc:"for how long the old secret signs as well, up to 168h; needs a signature that can be made twice, such as standard, svix or stripe" default:"\"0s\"" example:"\"24h\""`
	Secret  rest.Opt[string]        `json:"secret" maxLength:"512" doc:"the new secret, as when a webhook is created; left out: Relay makes one" example:"\"whsec_…\""`
}

var docWebhookRotate = rest.Doc{ID: "rotateWebhookSecret", Tag: "Webhooks", Summary: "Replace the signing secret",
	Text: "The answer shows the new secret, for the only time. The old one is invalid at once, or signs beside the new one for `overlap`. A key pair is replaced with it."}

type rotateInput struct {
	webhookPath
	Body RotateRequest `body:"optional"`
}

func (a *API) webhookRotate(ctx context.Context, c *access.Principal, in *rotateInput) (*Webhook, error) {
	if s := in.Body.Secret; s.Given && !s.Null && s.Value == "" {
		return nil, problem.InvalidField("secret", "must not be empty")
	}
	w, err := a.Webhooks.RotateSecret(ctx, c, in.ID, in.Body.Secret.Value, time.Duration(in.Body.Overlap.Value))
	if err != nil {
		return nil, err
	}
	return a.withSecret(w), nil
}

// RevealedSecret is a signing secret, shown again.
type RevealedSecret struct {
	Secret        string     `json:"secret" doc:"signs the requests" example:"\"whsec_…\""`
	Previous      *string    `json:"previousSecret" doc:"signs requests as well until previousSecretUntil; null: none does" example:"\"whsec_…\""`
	PreviousUntil *rest.Time `json:"previousSecretUntil" doc:"null: there is no previous secret"`
}

var docWebhookReveal = rest.Doc{ID: "revealWebhookSecret", Tag: "Webhooks", Summary: "Show the signing secret again",
	Text: "Where the tenant allows it: `revealSecrets`, which operators set with `PATCH /v1/tenants/{id}`. The audit log notes who has seen it."}

func (a *API) webhookReveal(ctx context.Context, c *access.Principal, in *webhookPath) (*RevealedSecret, error) {
	w, err := a.Webhooks.Get(c.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	if t := a.Tenants.ByID(c.Tenant); t == nil || !t.Settings.RevealSecrets {
		return nil, problem.New(problem.Forbidden, "the tenant does not let secrets be shown again: an operator can allow it with revealSecrets, or rotate-secret makes a new one")
	}
	entry, err := c.Entry("webhook.reveal-secret", nil, nil, access.Target{Type: "webhook", ID: w.ID, Name: w.Description})
	if err == nil {
		err = a.Audit.AuditAppend(ctx, entry)
	}
	if err != nil {
		return nil, fmt.Errorf("noting that a secret is shown: %w", err)
	}
	v := &RevealedSecret{Secret: w.Secrets.Current}
	if valid := w.Secrets.Valid(time.Now()); len(valid) > 1 {
		v.Previous, v.PreviousUntil = &valid[1], rest.TimeOrNil(w.Secrets.PreviousUntil)
	}
	return v, nil
}

// TestRequest asks for a test event.
type TestRequest struct {
	Type rest.Opt[string] `json:"type" doc:"the type whose example is sent; left out: the first type the webhook names, else one of the catalogue that it wants" example:"\"call.completed\""`
}

// TestAnswer is the endpoint's answer.
type TestAnswer struct {
	Attempt Attempt `json:"attempt"`
}

var docWebhookTest = rest.Doc{ID: "testWebhook", Tag: "Webhooks", Summary: "Send a test event",
	Text: "Sends an example event with the header `X-Relay-Test: true` at once, waits for the endpoint, and answers 200 with the attempt whatever it said. The attempt is in the log and is not repeated."}

type testInput struct {
	webhookPath
	Body TestRequest `body:"optional"`
}

func (a *API) webhookTest(ctx context.Context, c *access.Principal, in *testInput) (*TestAnswer, error) {
	w, err := a.Webhooks.Get(c.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.Type.Given && !in.Body.Type.Null && in.Body.Type.Value == "" {
		return nil, problem.InvalidField("type", "must not be empty")
	}
	example, err := a.names.TestEvent(ctx, w, in.Body.Type.Value)
	if err != nil {
		return nil, err
	}
	at, err := a.Engine.Test(ctx, w, example)
	if err != nil {
		return nil, err
	}
	return &TestAnswer{Attempt: a.showAttempt(at)}, nil
}

// SinceRequest asks for a background job over everything since a time.
type SinceRequest struct {
	Since rest.Time `json:"since" required:"true" doc:"from when on"`
}

type sinceInput struct {
	webhookPath
	Body SinceRequest `body:"required"`
}

var docWebhookRecover = rest.Doc{ID: "recoverWebhook", Tag: "Webhooks", Summary: "Retry all failed deliveries since a time", Status: 202,
	Text: "Runs in the background; the job in the answer shows how far it is."}

func (a *API) webhookRecover(ctx context.Context, c *access.Principal, in *sinceInput) (*Job, error) {
	return a.startJob(ctx, c, in, delivery.JobRecover)
}

var docWebhookReplay = rest.Doc{ID: "replayWebhook", Tag: "Webhooks", Summary: "Deliver all matching events since a time", Status: 202,
	Text: "Also those that came while the webhook was paused or disabled. Runs in the background; the job in the answer shows how far it is."}

func (a *API) webhookReplay(ctx context.Context, c *access.Principal, in *sinceInput) (*Job, error) {
	return a.startJob(ctx, c, in, delivery.JobReplay)
}

func (a *API) startJob(ctx context.Context, c *access.Principal, in *sinceInput, kind delivery.JobKind) (*Job, error) {
	w, err := a.Webhooks.Get(c.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	j, err := a.Engine.StartJob(ctx, c, w, kind, time.Time(in.Body.Since))
	if err != nil {
		return nil, err
	}
	return a.showJob(&j), nil
}
