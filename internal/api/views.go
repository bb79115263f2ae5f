package api

import (
	"context"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/logview"
	"github.com/relay-events/relay/internal/rest"
)

// LogView is a filter of the log with a name.
type LogView struct {
	ID        string        `json:"id" example:"\"view_3f6q2mzk7ahx5w4e\""`
	Name      string        `json:"name" example:"\"Timeouts of the CRM\""`
	Shared    bool          `json:"shared" doc:"with everybody in the tenant; false: it is your own"`
	Filter    LogViewFilter `json:"filter"`
	CreatedBy string        `json:"createdBy" doc:"the name of whoever saved it, at the time" example:"\"Ana\""`
	CreatedAt rest.Time     `json:"createdAt"`
}

// LogViewFilter is what a view selects, in the words of GET /v1/attempts.
type LogViewFilter struct {
	Status    *string `json:"status" enum:"delivered,retrying,failed"`
	Code      *string `json:"code" example:"\"5xx\""`
	ErrorKind *string `json:"errorKind" enum:"status,timeout,connect,dns,tls,reset,protocol,response_too_large,blocked_address,proxy,auth,transform,request,answer,canceled"`
	EventType *string `json:"eventType"`
	WebhookID *string `json:"webhookId" doc:"it may have been deleted since"`
	Within    *string `json:"within" doc:"how far back, as seen from the moment of reading" example:"\"24h\""`
}

// LogViewFilterFields are the filters of a view that is saved; one at least.
type LogViewFilterFields struct {
	Status    rest.Opt[string] `json:"status" enum:"delivered,retrying,failed"`
	Code      rest.Opt[string] `json:"code" doc:"a status code such as 500, or a class such as 5xx" example:"\"5xx\""`
	ErrorKind rest.Opt[string] `json:"errorKind" enum:"status,timeout,connect,dns,tls,reset,protocol,response_too_large,blocked_address,proxy,auth,transform,request,answer,canceled"`
	EventType rest.Opt[string] `json:"eventType"`
	WebhookID rest.Opt[string] `json:"webhookId"`
	Within    rest.Opt[string] `json:"within" doc:"how far back, as seen from the moment of reading: a duration such as 24h" example:"\"24h\""`
}

// CreateLogView is a view to save.
type CreateLogView struct {
	Name   string              `json:"name" required:"true" maxLength:"100" doc:"1 to 60 characters; other views of yours, or that the tenant shares, have other names" example:"\"Timeouts of the CRM\""`
	Shared rest.Opt[bool]      `json:"shared" doc:"with everybody in the tenant. Required to be true of keys: only people have views of their own"`
	Filter LogViewFilterFields `json:"filter" required:"true"`
}

func showView(v *logview.View) *LogView {
	f := &v.Filter
	return &LogView{
		ID: v.ID, Name: v.Name, Shared: v.Shared(), CreatedBy: v.By, CreatedAt: rest.Time(v.At),
		Filter: LogViewFilter{
			Status: rest.TextOrNil(f.Outcome), Code: rest.TextOrNil(f.Code), ErrorKind: rest.TextOrNil(string(f.ErrorKind)),
			EventType: rest.TextOrNil(f.EventType), WebhookID: rest.TextOrNil(f.Webhook), Within: rest.TextOrNil(f.Within),
		},
	}
}

var docLogViewList = rest.Doc{ID: "listLogViews", Tag: "Log", Summary: "List saved views of the log",
	Text: "By name: those that the tenant shares, and your own if you have signed in. The list is never paged."}

func (a *API) logViewList(ctx context.Context, c *access.Principal, _ *rest.None) (*rest.List[LogView], error) {
	list, err := a.Views.List(ctx, c)
	if err != nil {
		return nil, err
	}
	data := make([]LogView, len(list))
	for i := range list {
		data[i] = *showView(&list[i])
	}
	return rest.PageOf(data, ""), nil
}

var docLogViewCreate = rest.Doc{ID: "createLogView", Tag: "Log", Summary: "Save a view of the log", Status: 201,
	Text: "A filter under a name, for people: the dashboard lists it beside the log. A tenant shares at most 50, and each person has at most 50 in a tenant."}

type createLogViewInput struct {
	Body CreateLogView `body:"required"`
}

func (a *API) logViewCreate(ctx context.Context, c *access.Principal, in *createLogViewInput) (*LogView, error) {
	f := &in.Body.Filter
	v, err := a.Views.Save(ctx, c, in.Body.Name, in.Body.Shared.Value, logview.Filter{
		Outcome: f.Status.Value, Code: f.Code.Value, ErrorKind: exchange.Kind(f.ErrorKind.Value), EventType: f.EventType.Value, Webhook: f.WebhookID.Value, Within: f.Within.Value,
	})
	if err != nil {
		return nil, err
	}
	return showView(&v), nil
}

var docLogViewDelete = rest.Doc{ID: "deleteLogView", Tag: "Log", Summary: "Delete a saved view of the log", Status: 204}

type logViewPath struct {
	ID string `path:"id" doc:"the view's id"`
}

func (a *API) logViewDelete(ctx context.Context, c *access.Principal, in *logViewPath) (*rest.None, error) {
	return nil, a.Views.Delete(ctx, c, in.ID)
}
