package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/definition"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/web"
)

// Connector is a definition of a partner platform.
type Connector struct {
	Connector      string           `json:"connector" doc:"its name in addresses" example:"\"http\""`
	Version        string           `json:"version" example:"\"1.0.0\""`
	Origin         string           `json:"origin" enum:"standard,custom" doc:"standard: it ships with Relay"`
	State          string           `json:"state" enum:"draft,testing,live,retired" doc:"testing sends to test profiles only; no new connections are made with a retired one"`
	Kind           string           `json:"kind" enum:"list,message" doc:"list: what counts is that the partner ends up with the right members; message: each send is an act of its own"`
	Name           string           `json:"name" example:"\"HTTP endpoint\""`
	Logo           *string          `json:"logo"`
	Description    string           `json:"description"`
	Docs           *string          `json:"docs" doc:"where the partner describes its API"`
	PartnerNumber  int64            `json:"partnerNumber" doc:"the type of identifier that it sends"`
	Categories     []string         `json:"categories"`
	Capabilities   []string         `json:"capabilities" doc:"of add, update, remove, message, forget, segments and check"`
	CheckedAgainst *string          `json:"checkedAgainst" doc:"what the definition was compared with, and when"`
	Authentication string           `json:"authentication" enum:"none,basic,bearer,apiKey,query,oauth2"`
	Fields         []ConnectorField `json:"fields" doc:"what a connection gives"`
	ExternalID     ExternalIDRule   `json:"externalId" doc:"whether the free text External ID is used, which names the segment or event at the partner"`
	Request        ConnectorRequest `json:"request" doc:"what the people who asked for it have told"`
	Plan           []PlanStep       `json:"plan" doc:"what people check before it goes live"`
	Problems       []string         `json:"problems" doc:"what a draft lacks"`
	UpdatedAt      *rest.Time       `json:"updatedAt" doc:"null: it ships with Relay"`
}

// ConnectorField is a field of a connection.
type ConnectorField struct {
	Name     string   `json:"name" example:"\"url\""`
	Title    string   `json:"title"`
	Help     string   `json:"help"`
	Type     string   `json:"type" enum:"text,url,number,boolean"`
	Secret   bool     `json:"secret" doc:"it is stored encrypted and never shown"`
	Optional bool     `json:"optional"`
	Enum     []string `json:"enum"`
	Default  *string  `json:"default"`
	Pattern  *string  `json:"pattern"`
}

// ExternalIDRule says how a connector uses the External ID.
type ExternalIDRule struct {
	Use      string  `json:"use" enum:"required,optional,unused" doc:"required: leaving it blank is an error"`
	Help     string  `json:"help"`
	Pattern  *string `json:"pattern"`
	MaxBytes int     `json:"maxBytes" example:"512"`
}

// ConnectorRequest is what somebody who asks for a connector tells.
type ConnectorRequest struct {
	APIDocs string `json:"apiDocs"`
	Contact string `json:"contact"`
	UseCase string `json:"useCase"`
	DueDate string `json:"dueDate"`
}

// PlanStep is a step of the testing plan.
type PlanStep struct {
	Step     string     `json:"step"`
	Done     bool       `json:"done"`
	By       *string    `json:"by"`
	At       *rest.Time `json:"at"`
	Evidence *string    `json:"evidence"`
}

// ConnectorDocument is a connector with its document.
type ConnectorDocument struct {
	Connector
	Document string `json:"document" doc:"the definition, in YAML or JSON, as it was given"`
}

func showConnector(e *connector.Entry) Connector {
	d := e.Definition
	v := Connector{
		Connector: d.Connector, Version: d.Version, Origin: "custom", State: string(e.State), Kind: string(d.Kind), Name: d.Name,
		Logo: rest.TextOrNil(d.Logo), Description: d.Description, Docs: rest.TextOrNil(d.Docs), PartnerNumber: d.PartnerNumber,
		Categories: append([]string{}, d.Categories...), Capabilities: append([]string{}, d.Capabilities()...), CheckedAgainst: rest.TextOrNil(d.CheckedAgainst),
		Authentication: d.Authentication(), Fields: []ConnectorField{},
		ExternalID: ExternalIDRule{string(d.ExternalID.Use), d.ExternalID.Help, rest.TextOrNil(d.ExternalID.Pattern), d.ExternalID.MaxBytes},
		Request:    ConnectorRequest(d.Request), Plan: []PlanStep{}, Problems: []string{}, UpdatedAt: rest.TimeOrNil(e.UpdatedAt),
	}
	if e.Standard {
		v.Origin = "standard"
	}
	for i := range d.Fields {
		f := &d.Fields[i]
		v.Fields = append(v.Fields, ConnectorField{f.Name, f.Title, f.Help, f.Type, f.Secret, f.Optional, append([]string{}, f.Enum...), rest.TextOrNil(f.Default), rest.TextOrNil(f.Pattern)})
	}
	for _, step := range d.Plan {
		s := PlanStep{Step: step}
		for _, done := range e.Plan {
			if done.Step == step {
				s.Done, s.By, s.At, s.Evidence = true, rest.TextOrNil(done.By), rest.TimeOrNil(done.At), rest.TextOrNil(done.Evidence)
			}
		}
		v.Plan = append(v.Plan, s)
	}
	for _, f := range e.Faults {
		v.Problems = append(v.Problems, f.Path+" "+f.Reason)
	}
	return v
}

func showDocument(e *connector.Entry) *ConnectorDocument {
	return &ConnectorDocument{showConnector(e), e.Document()}
}

var docConnectorList = rest.Doc{ID: "listConnectors", Tag: "Connectors", Summary: "List the connectors",
	Text: "The standard ones, then your own with all their versions. The list is never paged."}

type connectorQuery struct {
	Origin string `query:"origin" enum:"standard,custom" doc:"only those that ship with Relay, or only your own"`
}

func (a *API) connectorList(_ context.Context, c *access.Principal, in *connectorQuery) (*rest.List[Connector], error) {
	var data []Connector
	for _, e := range a.Connectors.List(c.Tenant) {
		if in.Origin == "" || (in.Origin == "standard") == e.Standard {
			data = append(data, showConnector(&e))
		}
	}
	return rest.PageOf(data, ""), nil
}

type connectorPath struct {
	Name string `path:"name" doc:"the connector's name"`
}

type connectorVersion struct {
	connectorPath
	Version string `query:"version" doc:"left out: the newest live one, else the newest"`
}

var docConnectorGet = rest.Doc{ID: "getConnector", Tag: "Connectors", Summary: "Get a connector with its document"}

func (a *API) connectorGet(_ context.Context, c *access.Principal, in *connectorVersion) (*ConnectorDocument, error) {
	e, err := a.Connectors.Get(c.Tenant, in.Name, in.Version)
	if err != nil {
		return nil, err
	}
	return showDocument(&e), nil
}

// CreateConnector adds a definition.
type CreateConnector struct {
	Document string `json:"document" required:"true" text:"lines" maxLength:"262144" doc:"the definition, in YAML or JSON" example:"\"connector: loyalty\\nversion: 1.0.0\\nrequest: {useCase: members in and out of campaigns}\\n\""`
}

// Room implements rest.Roomy.
func (*CreateConnector) Room() (bytes int64, depth int) { return 2 * connector.MaxDocument, 4 }

type createConnectorInput struct {
	Body CreateConnector `body:"required"`
}

var docConnectorCreate = rest.Doc{ID: "createConnector", Tag: "Connectors", Summary: "Add a connector, or a version of one", Status: 201,
	Text: "It begins as a draft, which may lack what it does not have yet. What is wrong is told with line and column."}

func (a *API) connectorCreate(ctx context.Context, c *access.Principal, in *createConnectorInput) (*ConnectorDocument, error) {
	e, err := a.Connectors.Create(ctx, c, in.Body.Document)
	if err != nil {
		return nil, err
	}
	return showDocument(&e), nil
}

// UpdateConnector changes a version of a definition.
type UpdateConnector struct {
	Version  string           `json:"version" required:"true" doc:"the version that is changed" example:"\"1.0.0\""`
	Document rest.Opt[string] `json:"document" text:"lines" maxLength:"262144" doc:"of a draft: the definition instead of the one there is"`
	State    rest.Opt[string] `json:"state" enum:"draft,testing,live,retired" doc:"live only with tests that pass and a plan that is done" example:"\"testing\""`
}

// Room implements rest.Roomy.
func (*UpdateConnector) Room() (bytes int64, depth int) { return 2 * connector.MaxDocument, 4 }

type updateConnectorInput struct {
	connectorPath
	Body UpdateConnector `body:"required"`
}

var docConnectorUpdate = rest.Doc{ID: "updateConnector", Tag: "Connectors", Summary: "Change a draft, or move a version on",
	Text: "Only drafts change. `draft` becomes `testing` or `live`, `testing` becomes `live`, `draft` or `retired`, `live` becomes `retired`."}

func (a *API) connectorUpdate(ctx context.Context, c *access.Principal, in *updateConnectorInput) (*ConnectorDocument, error) {
	e, err := a.Connectors.Get(c.Tenant, in.Name, in.Body.Version)
	if err == nil && in.Body.Document.Given && !in.Body.Document.Null {
		e, err = a.Connectors.Replace(ctx, c, in.Name, in.Body.Version, in.Body.Document.Value)
	}
	if err == nil && in.Body.State.Given && !in.Body.State.Null {
		e, err = a.Connectors.SetState(ctx, c, in.Name, in.Body.Version, connector.State(in.Body.State.Value))
	}
	if err != nil {
		return nil, err
	}
	return showDocument(&e), nil
}

var docConnectorDelete = rest.Doc{ID: "deleteConnector", Tag: "Connectors", Summary: "Delete a version that no connection uses", Status: 204}

func (a *API) connectorDelete(ctx context.Context, c *access.Principal, in *connectorVersion) (*rest.None, error) {
	return nil, a.Connectors.Delete(ctx, c, in.Name, in.Version)
}

// DoneStep says that a step of the plan is done.
type DoneStep struct {
	Version  string `json:"version" required:"true" example:"\"1.0.0\""`
	Step     string `json:"step" required:"true" doc:"the step, as the definition has it" example:"\"Contact confirms three test members arrived\""`
	Evidence string `json:"evidence" maxLength:"2000" doc:"how one can see that, such as the id of an attempt"`
}

type doneStepInput struct {
	connectorPath
	Body DoneStep `body:"required"`
}

var docConnectorPlan = rest.Doc{ID: "tickConnectorPlan", Tag: "Connectors", Summary: "Note that a step of the plan is done"}

func (a *API) connectorPlan(ctx context.Context, c *access.Principal, in *doneStepInput) (*Connector, error) {
	e, err := a.Connectors.TickPlan(ctx, c, in.Name, in.Body.Version, in.Body.Step, in.Body.Evidence)
	if err != nil {
		return nil, err
	}
	v := showConnector(&e)
	return &v, nil
}

// ConnectorCheck has the faults of a document, and the results of its tests.
type ConnectorCheck struct {
	Valid    bool                  `json:"valid" doc:"it can be read as a whole"`
	Problems []ConnectorProblem    `json:"problems"`
	Tests    []ConnectorTestResult `json:"tests"`
}

// ConnectorProblem is a mistake in a document.
type ConnectorProblem struct {
	Line    int    `json:"line" example:"3"`
	Column  int    `json:"column" example:"1"`
	Path    string `json:"path" example:"\"mesage\""`
	Reason  string `json:"reason" example:"\"is not known; did you mean \\\"message\\\"?\""`
	Missing bool   `json:"missing" doc:"it is not there yet, which a draft may do without"`
}

// ConnectorTestResult is how a test of a definition ended.
type ConnectorTestResult struct {
	Name   string  `json:"name"`
	Passed bool    `json:"passed"`
	Reason *string `json:"reason" doc:"why it failed"`
}

var docConnectorSchema = rest.Doc{ID: "getConnectorSchema", Tag: "Connectors", Summary: "The JSON Schema of definitions", Answer: "application/schema+json",
	Text: "For editors and for programs that write definitions. Relay itself checks more, expressions for example: see checkConnector."}

// connectorSchemaRoute needs no key: editors that read a schema have none, and it is the same everywhere.
func (a *API) connectorSchemaRoute() rest.Route {
	rt := rest.Describe[rest.None, rest.None]("GET "+connector.SchemaPath, access.Anybody, docConnectorSchema)
	rt.Handler = web.Handler(func(w http.ResponseWriter, _ *http.Request) error {
		web.APIHeaders(w.Header())
		w.Header().Set("Cache-Control", "max-age=3600")
		web.Send(w, http.StatusOK, docConnectorSchema.Answer, connector.Schema())
		return nil
	})
	return rt
}

var docConnectorCheck = rest.Doc{ID: "checkConnector", Tag: "Connectors", Summary: "Check a document and run its tests", Pure: true,
	Text: "Nothing is stored and nothing is sent."}

func (a *API) connectorCheck(ctx context.Context, c *access.Principal, in *createConnectorInput) (*ConnectorCheck, error) {
	v := &ConnectorCheck{Valid: true, Problems: []ConnectorProblem{}, Tests: []ConnectorTestResult{}}
	d, err := connector.Parse(in.Body.Document)
	if faults, ok := err.(definition.Faults); ok { //nolint:errorlint // Parse returns no other
		v.Valid = false
		for _, f := range faults {
			v.Problems = append(v.Problems, ConnectorProblem(f))
		}
		return v, nil
	}
	for _, r := range a.Connectors.RunTests(ctx, c.Tenant, d) {
		v.Tests = append(v.Tests, ConnectorTestResult{r.Name, r.Reason == "", rest.TextOrNil(r.Reason)})
	}
	return v, nil
}

// ConnectorPayload asks for the request that a definition makes of a payload.
type ConnectorPayload struct {
	Version    string       `json:"version" doc:"left out: the newest live one, else the newest"`
	Connection string       `json:"connection" doc:"a connection whose fields are taken; left out: examples"`
	Payload    rest.RawJSON `json:"payload" required:"true" doc:"the payload that the connector receives; members may be left out" example:"{\"partnerAudienceId\":\"2582431\",\"partnerIds\":[\"037f9dcf\"],\"audienceVariables\":{\"TestVar\":\"testValue\"}}"`
	Operation  string       `json:"operation" enum:"enter,update,leave" default:"\"enter\"" doc:"what has happened to the profile; left out: enter"`
	Send       bool         `json:"send" doc:"send it to the partner, by the connection"`
}

// Room implements rest.Roomy.
func (*ConnectorPayload) Room() (bytes int64, depth int) { return 1 << 20, event.MaxDepth }

type tryConnectorInput struct {
	connectorPath
	Body ConnectorPayload `body:"required"`
}

// ConnectorTrial are the four stages of a payload.
type ConnectorTrial struct {
	Payload json.RawMessage `json:"payload" doc:"what the connector receives"`
	Skipped *string         `json:"skipped" doc:"why nothing is sent, such as the connector's filter; null: it is"`
	Item    json.RawMessage `json:"item" doc:"the profile's entry, after filter and transform; null: it did not come so far"`
	Request *TriedRequest   `json:"request" doc:"the request, credentials masked; null: it did not come so far"`
	Attempt *Attempt        `json:"attempt" doc:"what came of sending it; null: it was not sent"`
}

// TriedRequest is a request as it would be sent.
type TriedRequest struct {
	Method  string            `json:"method" example:"\"POST\""`
	URL     string            `json:"url" example:"\"https://partner.example/in\""`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

var docConnectorTry = rest.Doc{ID: "tryConnector", Tag: "Connectors", Summary: "Show what a connector makes of a payload",
	Text: "Four stages: payload, filter, transform, request. With `send` the request is made, waited for, and in the log of the connection."}

func (a *API) connectorTry(ctx context.Context, c *access.Principal, in *tryConnectorInput) (*ConnectorTrial, error) {
	e, err := a.Connectors.Get(c.Tenant, in.Name, in.Body.Version)
	if err != nil {
		return nil, err
	}
	t, err := a.Connectors.Try(ctx, c, e, in.Body.Connection, in.Body.Payload, connector.Operation(in.Body.Operation), in.Body.Send)
	if err != nil {
		return nil, err
	}
	v := &ConnectorTrial{Payload: t.Payload, Skipped: rest.TextOrNil(t.Skipped), Item: t.Item}
	if t.Request != nil {
		v.Request = showTried(t.Request)
	}
	if t.Attempt != nil {
		at := a.showAttempt(t.Attempt)
		v.Attempt = &at
	}
	return v, nil
}

func showTried(r *exchange.Request) *TriedRequest {
	return &TriedRequest{r.Method, r.URL, showHeaders(r.Header), string(r.Body)}
}
