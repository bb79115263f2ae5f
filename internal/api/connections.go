package api

import (
	"context"
	"maps"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/secret"
)

// Connection is a connector with an account at its partner.
type Connection struct {
	ID            string            `json:"id" example:"\"con_6xfkskvosjcfykau\""`
	Connector     string            `json:"connector" example:"\"http\""`
	Version       string            `json:"version" doc:"of the connector"`
	Name          string            `json:"name" example:"\"Loyalty, Denmark\""`
	PartnerNumber int64             `json:"partnerNumber" doc:"the type of identifier that is sent: the connector's, or this connection's own"`
	SiteNumber    int64             `json:"siteNumber" doc:"specific to your organization; part of each payload" example:"1234"`
	Fields        map[string]string `json:"fields" doc:"secret ones are shown as ***"`
	CreatedAt     rest.Time         `json:"createdAt"`
	UpdatedAt     rest.Time         `json:"updatedAt"`
}

func (a *API) showConnection(it *connector.ConnectionItem) (*Connection, error) {
	e, err := a.Connectors.DefinitionOf(it.Tenant, &it.Value)
	if err != nil {
		return nil, err
	}
	v := &Connection{
		ID: it.Name, Connector: it.Value.Connector, Version: e.Version, Name: it.Value.Name, SiteNumber: it.Value.SiteNumber,
		PartnerNumber: a.Connectors.PartnerNumberOf(e.Definition, &it.Value),
		Fields:        make(map[string]string), CreatedAt: rest.Time(it.CreatedAt), UpdatedAt: rest.Time(it.UpdatedAt),
	}
	maps.Copy(v.Fields, it.Value.Fields)
	for name := range it.Value.Secrets {
		v.Fields[name] = secret.Hidden
	}
	return v, nil
}

var docConnectionList = rest.Doc{ID: "listConnections", Tag: "Connectors", Summary: "List the connections", Text: "The list is never paged."}

func (a *API) connectionList(_ context.Context, c *access.Principal, _ *rest.None) (*rest.List[Connection], error) {
	var data []Connection
	for _, it := range a.Connectors.Connections(c.Tenant) {
		v, err := a.showConnection(it)
		if err != nil {
			return nil, err
		}
		data = append(data, *v)
	}
	return rest.PageOf(data, ""), nil
}

type connectionPath struct {
	ID string `path:"id" doc:"the connection's id"`
}

var docConnectionGet = rest.Doc{ID: "getConnection", Tag: "Connectors", Summary: "Get a connection"}

func (a *API) connectionGet(_ context.Context, c *access.Principal, in *connectionPath) (*Connection, error) {
	it, err := a.Connectors.Connection(c.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	return a.showConnection(it)
}

// UpdateConnection has the members of a connection that a caller may set.
type UpdateConnection struct {
	Name          rest.Opt[string]            `json:"name" text:"label" maxLength:"100" doc:"a label for people" example:"\"Loyalty, Denmark\""`
	Version       rest.Opt[string]            `json:"version" doc:"of a connector of your own; left out: the newest live one" example:"\"\""`
	PartnerNumber rest.Opt[int64]             `json:"partnerNumber" doc:"instead of the connector's" default:"0" example:"2001"`
	SiteNumber    rest.Opt[int64]             `json:"siteNumber" doc:"specific to your organization" default:"0" example:"1234"`
	Fields        rest.Opt[map[string]string] `json:"fields" doc:"by the names that the connector gives; an empty text resets one, *** keeps a secret" default:"{}" example:"{\"url\":\"https://example.com/in\"}"`
}

func (f *UpdateConnection) change() *connector.Change {
	ch := &connector.Change{Fields: make(map[string]*string)}
	for _, t := range []struct {
		from *rest.Opt[string]
		to   **string
	}{{&f.Name, &ch.Name}, {&f.Version, &ch.Version}} {
		if t.from.Given {
			*t.to = &t.from.Value
		}
	}
	for _, n := range []struct {
		from *rest.Opt[int64]
		to   **int64
	}{{&f.PartnerNumber, &ch.PartnerNumber}, {&f.SiteNumber, &ch.SiteNumber}} {
		if n.from.Given {
			*n.to = &n.from.Value
		}
	}
	for name, value := range f.Fields.Value {
		ch.Fields[name] = &value
	}
	return ch
}

// CreateConnection makes a connection.
type CreateConnection struct {
	Connector string `json:"connector" required:"true" example:"\"http\""`
	UpdateConnection
}

type createConnectionInput struct {
	Body CreateConnection `body:"required"`
}

var docConnectionCreate = rest.Doc{ID: "createConnection", Tag: "Connectors", Summary: "Connect to a partner", Status: 201,
	Text: "Where the connector has a check, the partner is asked whether it accepts the credentials, and nothing is stored if it does not. A connector may have several connections: accounts, regions."}

func (a *API) connectionCreate(ctx context.Context, c *access.Principal, in *createConnectionInput) (*Connection, error) {
	it, err := a.Connectors.CreateConnection(ctx, c, in.Body.Connector, in.Body.change())
	if err != nil {
		return nil, err
	}
	return a.showConnection(it)
}

type updateConnectionInput struct {
	connectionPath
	Body UpdateConnection `body:"required"`
}

var docConnectionUpdate = rest.Doc{ID: "updateConnection", Tag: "Connectors", Summary: "Change a connection",
	Text: "Members left out stay as they are. What waits to be sent is sent with the new settings."}

func (a *API) connectionUpdate(ctx context.Context, c *access.Principal, in *updateConnectionInput) (*Connection, error) {
	it, err := a.Connectors.UpdateConnection(ctx, c, in.ID, in.Body.change())
	if err != nil {
		return nil, err
	}
	return a.showConnection(it)
}

var docConnectionDelete = rest.Doc{ID: "deleteConnection", Tag: "Connectors", Summary: "Delete a connection", Status: 204, Text: "What waits to be sent is discarded."}

func (a *API) connectionDelete(ctx context.Context, c *access.Principal, in *connectionPath) (*rest.None, error) {
	return nil, a.Connectors.DeleteConnection(ctx, c, in.ID)
}

var docConnectionCheck = rest.Doc{ID: "checkConnection", Tag: "Connectors", Summary: "Ask the partner whether it accepts the credentials", Pure: true, Status: 204,
	Text: "A `422` has the partner's words if it does not."}

func (a *API) connectionCheck(ctx context.Context, c *access.Principal, in *connectionPath) (*rest.None, error) {
	return nil, a.Connectors.CheckConnection(ctx, c.Tenant, in.ID)
}

// Segments are the lists of a partner.
type Segments struct {
	Data      []Segment  `json:"data"`
	FetchedAt *rest.Time `json:"fetchedAt" doc:"null: they could not be fetched yet"`
	Problem   *string    `json:"problem" doc:"why fetching them has failed, or why the list is not whole; the last list stays"`
}

// Segment is a list at a partner.
type Segment struct {
	ID   string `json:"id" doc:"what an attachment takes as its External ID" example:"\"2582431\""`
	Name string `json:"name" example:"\"Newsletter\""`
}

type segmentQuery struct {
	connectionPath
	Query   string `query:"query" doc:"only those with this text in name or id, in any case"`
	Refresh bool   `query:"refresh" doc:"fetch them now, though they were fetched lately"`
}

var docSegmentList = rest.Doc{ID: "listSegments", Tag: "Connectors", Summary: "List the segments at the partner",
	Text: "They are fetched from the partner and kept for a while. A `409` says that the connector lists none: enter the External ID. The list is never paged."}

func (a *API) segmentList(ctx context.Context, c *access.Principal, in *segmentQuery) (*Segments, error) {
	list, err := a.Connectors.Segments(ctx, c.Tenant, in.ID, in.Query, in.Refresh)
	if err != nil {
		return nil, err
	}
	v := &Segments{Data: []Segment{}, FetchedAt: rest.TimeOrNil(list.FetchedAt), Problem: rest.TextOrNil(list.Problem)}
	for _, s := range list.Segments {
		v.Data = append(v.Data, Segment(s))
	}
	return v, nil
}

type connectionAttemptQuery struct {
	rest.Page
	connectionPath
	Status    string    `query:"status" enum:"delivered,retrying,failed" doc:"only attempts that ended so"`
	Code      string    `query:"code" doc:"only answers with this status code, such as 500, or of this class, such as 5xx"`
	ErrorKind string    `query:"errorKind" enum:"status,timeout,connect,dns,tls,reset,protocol,response_too_large,blocked_address,proxy,auth,transform,request,answer,canceled" doc:"only attempts that failed in this way, as error.kind has it"`
	Since     rest.Time `query:"since" doc:"only attempts begun at or after this time"`
	Until     rest.Time `query:"until" doc:"only attempts begun before this time"`
}

var docConnectionAttempts = rest.Doc{ID: "listConnectionAttempts", Tag: "Connectors", Summary: "List the requests of a connection",
	Text: "The newest first. A search that matches rarely may answer a short or empty page with a `nextCursor`: go on from there."}

func (a *API) connectionAttempts(ctx context.Context, c *access.Principal, in *connectionAttemptQuery) (*rest.List[Attempt], error) {
	it, err := a.Connectors.Connection(c.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	w, err := a.Connectors.Webhook(ctx, it)
	if err != nil {
		return nil, err
	}
	filter := attemptFilter{Status: in.Status, Code: in.Code, ErrorKind: in.ErrorKind, Since: in.Since, Until: in.Until}
	q, err := filter.query(c.Tenant)
	if err != nil {
		return nil, err
	}
	q.Webhook = w.Number
	return a.attemptsOf(ctx, q, &in.Page)
}
