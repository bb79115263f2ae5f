package api

import (
	"context"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/rest"
)

// GateSettings is the gate as an admin sees it.
type GateSettings struct {
	Enabled      bool          `json:"enabled" doc:"off: respondents are stored in their campaigns at once"`
	URL          *string       `json:"url" doc:"the endpoint; null: none was set yet" example:"\"https://example.com/respondents\""`
	Auth         Auth          `json:"auth" doc:"how requests say who they come from"`
	Integrations []string      `json:"integrations" doc:"those whose respondents go through the gate" example:"[\"miralix\",\"dixa\"]"`
	Mode         string        `json:"mode" enum:"forward,decide" doc:"forward hands respondents over, and the endpoint adds whom it wants; decide has it answer whom Relay stores"`
	Deadline     rest.Duration `json:"deadline" doc:"how long an integration's call waits for the verdict in mode decide; 0s: not at all" example:"\"5s\""`
	OnFailure    string        `json:"onFailure" enum:"hold,store,discard" doc:"what becomes of respondents about whom the endpoint could not be asked"`
	Timeout      rest.Duration `json:"timeout" doc:"of an attempt" example:"\"10s\""`
	Retry        Retry         `json:"retry" doc:"when to try again" example:"{\"preset\":\"relay\"}"`
	Health       *Health       `json:"health" doc:"how the endpoint answers; null: there is none. The gate is never disabled by itself: disableAfter is 0s"`
	Pending      int           `json:"pending" doc:"respondents on their way to the endpoint; counted up to 10000"`
	Held         int           `json:"held" doc:"respondents that a person must decide about; counted up to 10000"`
	UpdatedAt    *rest.Time    `json:"updatedAt"`
}

func (a *API) showGate(ctx context.Context, c *access.Principal, v *gate.View) (*GateSettings, error) {
	s := &GateSettings{
		Enabled: v.Enabled, URL: rest.TextOrNil(v.Endpoint.URL), Auth: showAuth(v.Endpoint.Auth), Integrations: v.Integrations,
		Mode: string(v.Mode), Deadline: rest.Duration(v.Deadline), OnFailure: string(v.OnFailure), Timeout: rest.Duration(v.Endpoint.Timeout),
		Retry: showRetry(&v.Endpoint.Retry), UpdatedAt: rest.TimeOrNil(v.UpdatedAt),
	}
	if s.Integrations == nil {
		s.Integrations = []string{}
	}
	if s.Auth.Type == "" {
		s.Auth.Type = "none"
	}
	if v.Webhook != nil {
		s.Health = &a.showWebhook(v.Webhook).Health
		s.Health.DisablesAt, s.Health.DisableAfter = nil, 0
	}
	for state, into := range map[gate.State]*int{gate.Pending: &s.Pending, gate.Held: &s.Held} {
		n, err := a.Gate.Count(ctx, c.Tenant, state)
		if err != nil {
			return nil, err
		}
		*into = int(n)
	}
	return s, nil
}

// UpdateGate changes the gate.
type UpdateGate struct {
	Enabled      rest.Opt[bool]          `json:"enabled" default:"false"`
	URL          rest.Opt[string]        `json:"url" doc:"the endpoint: an https address" example:"\"https://example.com/respondents\""`
	Auth         rest.Opt[AuthFields]    `json:"auth" doc:"as for a webhook; credentials are shown as ***, and *** keeps the one there is" default:"{\"type\":\"none\"}" example:"{\"type\":\"apiKey\",\"token\":\"…\"}"`
	Integrations rest.Opt[[]string]      `json:"integrations" doc:"null: miralix, dixa, 3kontakt, telia-touchpoint, dstny, tele2" example:"[\"miralix\",\"dixa\"]"`
	Mode         rest.Opt[string]        `json:"mode" enum:"forward,decide" default:"\"forward\""`
	Deadline     rest.Opt[rest.Duration] `json:"deadline" doc:"0s to 25s; needs mode decide" default:"\"0s\""`
	OnFailure    rest.Opt[string]        `json:"onFailure" enum:"hold,store,discard" default:"\"hold\""`
	Timeout      rest.Opt[rest.Duration] `json:"timeout" doc:"of an attempt, 100ms to 60s" default:"\"10s\""`
	Retry        rest.Opt[RetryFields]   `json:"retry" doc:"when to try again, as for a webhook"`
}

func (u *UpdateGate) apply(v *gate.View) error {
	def := gate.DefaultSettings()
	u.Enabled.Apply(&v.Enabled, def.Enabled)
	u.Integrations.Apply(&v.Integrations, def.Integrations)
	u.Mode.Apply((*string)(&v.Mode), string(def.Mode))
	u.Deadline.Apply((*rest.Duration)(&v.Deadline), 0)
	u.OnFailure.Apply((*string)(&v.OnFailure), string(def.OnFailure))
	if u.Mode.Given && !u.Deadline.Given && v.Mode != gate.Decide { // a mode given alone takes the deadline along
		v.Deadline = 0
	}
	return (&webhookFields{URL: u.URL, Auth: u.Auth, Timeout: u.Timeout, Retry: u.Retry}).apply(&v.Endpoint)
}

var docGateGet = rest.Doc{ID: "getGate", Tag: "Gate", Summary: "Get the gate's settings"}

func (a *API) gateGet(ctx context.Context, c *access.Principal, _ *rest.None) (*GateSettings, error) {
	v := a.Gate.View(c.Tenant)
	return a.showGate(ctx, c, &v)
}

var docGateUpdate = rest.Doc{ID: "updateGate", Tag: "Gate", Summary: "Change the gate's settings",
	Text: "Members left out stay as they are, null resets one to its default. What is on its way follows the new settings; a gate that is turned off still asks about those it has. The change is in the audit log."}

type updateGateInput struct {
	Body UpdateGate `body:"required"`
}

func (a *API) gateUpdate(ctx context.Context, c *access.Principal, in *updateGateInput) (*GateSettings, error) {
	_, after, err := a.Gate.Change(ctx, c, in.Body.apply)
	if err != nil {
		return nil, err
	}
	return a.showGate(ctx, c, &after)
}

var docGateTest = rest.Doc{ID: "testGate", Tag: "Gate", Summary: "Send an example to the gate's endpoint",
	Text: "With the header `X-Relay-Test: true`, at once, whether the gate is on or not. Answers 200 with the attempt whatever the endpoint said; in mode decide an answer that is no decision is a failure. Nobody is stored."}

func (a *API) gateTest(ctx context.Context, c *access.Principal, _ *rest.None) (*TestAnswer, error) {
	at, err := a.Gate.Test(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	return &TestAnswer{Attempt: a.showAttempt(at)}, nil
}

var docGateAttempts = rest.Doc{ID: "listGateAttempts", Tag: "Gate", Summary: "List the gate's attempts",
	Text: "The log of requests to the endpoint, the newest first, with the bodies of those that were not erased. A search that matches rarely may answer a short or empty page with a `nextCursor`: go on from there."}

type gateAttemptQuery struct {
	rest.Page
	Status    string    `query:"status" enum:"delivered,retrying,failed" doc:"only attempts that ended so"`
	Code      string    `query:"code" doc:"only answers with this status code, such as 500, or of this class, such as 5xx"`
	ErrorKind string    `query:"errorKind" enum:"status,timeout,connect,dns,tls,reset,protocol,response_too_large,blocked_address,proxy,auth,transform,request,answer,canceled" doc:"only attempts that failed in this way, as error.kind has it"`
	Since     rest.Time `query:"since" doc:"only attempts begun at or after this time"`
	Until     rest.Time `query:"until" doc:"only attempts begun before this time"`
}

func (a *API) gateAttempts(ctx context.Context, c *access.Principal, in *gateAttemptQuery) (*rest.List[Attempt], error) {
	w := a.Gate.View(c.Tenant).Webhook
	if w == nil {
		return rest.PageOf[Attempt](nil, ""), nil
	}
	filter := attemptFilter{Status: in.Status, Code: in.Code, ErrorKind: in.ErrorKind, Since: in.Since, Until: in.Until}
	q, err := filter.query(c.Tenant)
	if err != nil {
		return nil, err
	}
	q.Webhook = w.Number
	return a.attemptsOf(ctx, q, &in.Page)
}

var docGateReceive = rest.Doc{ID: "receiveRespondent", Tag: "Respondents", Summary: "Receive a respondent from an integration", Status: 202,
	Text: "With the gate off it is stored in its campaign. With the gate on, `state` is `pending` and the endpoint is asked; with a `deadline` the call waits for the verdict, and `state` is what it came to, " +
		"or `pending` if there was none in time. `202` is answered when the respondent is durable.\n\n" +
		"With the header `Idempotency-Key`, or an `id` of the integration's own, sending it again answers how the first one stands, with `\"duplicate\":true`; " +
		"the same key with other data is a `409`.",
	Once: onceRespondent}

type receiveInput struct {
	Name string        `path:"name" doc:"the integration's name"`
	Body NewRespondent `body:"required"`
}

func (a *API) receiveRoute(needs access.Permission) rest.Route {
	return handleRespondent(a, "POST /v1/integrations/{name}/respondents", needs, docGateReceive,
		func(ctx context.Context, c *access.Principal, in *receiveInput, p *gate.Payload, key string) (gate.Received, error) {
			return a.Gate.Receive(ctx, c, in.Name, p, key)
		})
}

var docRespondentRetry = rest.Doc{ID: "retryRespondent", Tag: "Respondents", Summary: "Retry a held respondent", Status: 202,
	Text: "The gate's endpoint is asked again, with a new round of attempts."}

func (a *API) respondentRetry(ctx context.Context, c *access.Principal, in *respondentPath) (*Respondent, error) {
	r, err := a.Gate.Retry(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	v := showRespondent(&r)
	return &v, nil
}

// Integration is a source of respondents.
type Integration struct {
	Name        string     `json:"name" example:"\"miralix\""`
	Description string     `json:"description" example:"\"Miralix\""`
	BuiltIn     bool       `json:"builtIn" doc:"it ships with Relay"`
	CreatedAt   *rest.Time `json:"createdAt" doc:"null: it ships with Relay"`
}

func showIntegration(in *gate.Integration) *Integration {
	return &Integration{Name: in.Name, Description: in.Description, BuiltIn: in.CreatedAt.IsZero(), CreatedAt: rest.TimeOrNil(in.CreatedAt)}
}

var docIntegrationList = rest.Doc{ID: "listIntegrations", Tag: "Gate", Summary: "List integrations", Text: "The list is never paged."}

func (a *API) integrationList(_ context.Context, c *access.Principal, _ *rest.None) (*rest.List[Integration], error) {
	var data []Integration
	for _, in := range a.Gate.Integrations(c.Tenant) {
		data = append(data, *showIntegration(&in))
	}
	return rest.PageOf(data, ""), nil
}

// CreateIntegration adds an integration.
type CreateIntegration struct {
	Name        string `json:"name" required:"true" maxLength:"64" doc:"a-z, 0-9, - and _: it is part of the address that respondents are sent to" example:"\"webshop\""`
	Description string `json:"description" text:"label" maxLength:"200" doc:"a label for people"`
}

type createIntegrationInput struct {
	Body CreateIntegration `body:"required"`
}

var docIntegrationCreate = rest.Doc{ID: "createIntegration", Tag: "Gate", Summary: "Add an integration", Status: 201,
	Text: "Its respondents go through the gate once its name is in the gate's `integrations`."}

func (a *API) integrationCreate(ctx context.Context, c *access.Principal, in *createIntegrationInput) (*Integration, error) {
	added, err := a.Gate.AddIntegration(ctx, c, in.Body.Name, in.Body.Description)
	if err != nil {
		return nil, err
	}
	return showIntegration(&added), nil
}

type integrationPath struct {
	Name string `path:"name" doc:"the integration's name"`
}

var docIntegrationDelete = rest.Doc{ID: "deleteIntegration", Tag: "Gate", Summary: "Remove an integration that was added", Status: 204, Text: "Its respondents stay."}

func (a *API) integrationDelete(ctx context.Context, c *access.Principal, in *integrationPath) (*rest.None, error) {
	return nil, a.Gate.RemoveIntegration(ctx, c, in.Name)
}

// hidden reports whether an attempt or delivery belongs to a product's webhook: the calls for webhooks do not show those.
func (a *API) hidden(number uint32) bool {
	w, ok := a.Webhooks.ByNumber(number)
	return ok && w.Owner != ""
}
