package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/hook"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/web"
	"github.com/relay-events/relay/internal/webhook"
)

// Hook is a REST hook as the API shows it.
type Hook struct {
	ID        string     `json:"id" example:"\"hook_3f6q2mzk7ahx5w4e\""`
	TargetURL string     `json:"targetUrl" doc:"as the subscriber gave it" example:"\"https://hooks.zapier.com/hooks/standard/1/abc/\""`
	Event     string     `json:"event" doc:"the event type, the first of several; * stands for any characters" example:"\"call.completed\""`
	Events    []string   `json:"events" example:"[\"call.completed\"]"`
	Filter    string     `json:"filter" doc:"an expression that says which of these events it wants; empty: all"`
	Status    string     `json:"status" enum:"active,disabled,ended" doc:"disabled by Relay, or ended: see why"`
	Platform  string     `json:"platform" doc:"the platform that the target's address tells of, else its host" example:"\"Zapier\""`
	Why       *string    `json:"why" doc:"why it gets no events, or may soon get none; null: it works" example:"\"unsubscribed with the key \\\"Zapier\\\"\""`
	CreatedBy HookActor  `json:"createdBy"`
	CreatedAt rest.Time  `json:"createdAt"`
	Ended     *HookEnd   `json:"ended" doc:"how it ended; null: it has not"`
	Absent    *rest.Time `json:"inactiveThereSince" doc:"set while the target answers 404, at least five times in a row: the workflow there is not active"`
	// Expiration is asked for by the specification of REST hooks. They end as the fields above say, not at a time.
	Expiration *rest.Time `json:"expiration_date" doc:"always null: it does not expire"`
	Secret     string     `json:"secret,omitempty" doc:"signs the requests; shown only to the key that created it, in the answer to its creation" example:"\"whsec_…\""`

	created bool
}

// HookActor is somebody who created or ended a REST hook.
type HookActor struct {
	Kind string `json:"kind" enum:"key,user,system"`
	ID   string `json:"id" doc:"of the key or the user"`
	Name string `json:"name" doc:"at the time" example:"\"Zapier\""`
}

// HookEnd is how a REST hook ended.
type HookEnd struct {
	At    rest.Time `json:"at"`
	Cause string    `json:"cause" enum:"unsubscribed,gone,removed" doc:"unsubscribed with a key, gone (its target answered 410), or removed by a person"`
	By    HookActor `json:"by"`
	Until rest.Time `json:"restorableUntil" doc:"from then on it is no longer listed"`
}

// HTTPStatus implements rest.Statused.
func (h *Hook) HTTPStatus() int {
	if h.created {
		return http.StatusCreated
	}
	return http.StatusOK
}

func showHookActor(a webhook.HookActor) HookActor {
	return HookActor{Kind: string(a.Kind), ID: a.ID, Name: a.Name}
}

func (a *API) showHook(w *webhook.Webhook) *Hook {
	health := a.Engine.Health(w)
	v := &Hook{
		ID: w.ID, TargetURL: w.Hook.Target, Event: w.Events[0], Events: w.Events, Filter: w.Filter, Status: string(w.Status),
		Platform: hook.Platform(w.URL), Why: rest.TextOrNil(hook.Why(w, health)),
		CreatedBy: showHookActor(w.Hook.By), CreatedAt: rest.Time(w.CreatedAt),
	}
	if health.Absent() {
		v.Absent = rest.TimeOrNil(health.AbsentSince)
	}
	if e := w.Hook.Ended; e != nil {
		v.Ended = &HookEnd{At: rest.Time(e.At), Cause: string(e.Cause), By: showHookActor(e.By), Until: rest.Time(e.At.Add(webhook.HookKept))}
	}
	return v
}

var docHookList = rest.Doc{ID: "listHooks", Tag: "REST hooks", Summary: "List REST hooks",
	Text: "A plain list, the newest first. With `targetUrl` and `event` it tells whether a subscription exists already."}

type hookQuery struct {
	Target string `query:"targetUrl" doc:"only hooks with this target"`
	Event  string `query:"event" doc:"only hooks that subscribe this event type, or exactly this pattern"`
	Status string `query:"status" enum:"current,ended,all" default:"\"current\"" doc:"those that have not ended, those that have ended within 30 days, or both"`
	After  string `query:"after" doc:"only hooks behind the one with this id, for lists longer than limit"`
	Limit  int    `query:"limit" default:"1000" min:"1" max:"1000"`
}

func (a *API) hookList(_ context.Context, c *access.Principal, in *hookQuery) (*[]*Hook, error) {
	var list []*webhook.Webhook
	if in.Status != "ended" {
		list = a.Hooks.List(c.Tenant)
	}
	if in.Status != "current" {
		list = append(list, a.Hooks.Ended(c.Tenant)...)
	}
	list = a.Hooks.Select(list, in.Target, in.Event)
	if in.After != "" {
		at := 0
		for at < len(list) && list[at].ID != in.After {
			at++
		}
		list = list[min(at+1, len(list)):]
	}
	out := []*Hook{} // [], not null
	for _, w := range list[:min(in.Limit, len(list))] {
		out = append(out, a.showHook(w))
	}
	return &out, nil
}

var docHookCreate = rest.Doc{ID: "createHook", Tag: "REST hooks", Summary: "Subscribe a REST hook", Status: 201, Also: 200,
	Text: "The same target, events and filter again answer `200` with the same hook. What is delivered is the envelope with the member `id`, the same as `webhookId`. " +
		"A target that answers `410` ends its hook. The answer shows the signing secret to the key that created the hook."}

// CreateHook is the request to subscribe.
type CreateHook struct {
	TargetURL rest.Opt[string]     `json:"targetUrl" doc:"where to send events: an https address. target_url and url are taken as well; exactly one of the three must be given" example:"\"https://hooks.zapier.com/hooks/standard/1/abc/\""`
	Target2   rest.Opt[string]     `json:"target_url" doc:"as targetUrl" goName:"SnakeTargetURL"`
	URL       rest.Opt[string]     `json:"url" doc:"as targetUrl"`
	Event     rest.Opt[string]     `json:"event" doc:"the event type; * stands for any characters. Left out, with events: all events" example:"\"call.completed\""`
	Events    rest.Opt[[]string]   `json:"events" doc:"several event types, in place of event" maxItems:"100"`
	Filter    rest.Opt[filterText] `json:"filter" doc:"a CEL expression that is true for the events it wants, as webhooks have it; empty: all" default:"\"\""`
}

type createHookInput struct {
	Body CreateHook `body:"required"`
}

func (b *CreateHook) subscription() (s hook.Subscription, err error) {
	given := 0
	for _, o := range []rest.Opt[string]{b.TargetURL, b.Target2, b.URL} {
		if o.Given && !o.Null {
			given++
			s.Target = o.Value
		}
	}
	switch {
	case given == 0:
		return s, problem.InvalidField("targetUrl", "must be given: the https:// address events are sent to")
	case given > 1:
		return s, problem.InvalidField("targetUrl", "must be given once: as targetUrl, target_url or url")
	case b.Event.Value != "" && len(b.Events.Value) > 0:
		return s, problem.InvalidField("event", "must be left out where events is given")
	case b.Event.Value != "":
		s.Events = []string{b.Event.Value}
	default:
		s.Events = b.Events.Value
	}
	s.Filter = string(b.Filter.Value)
	return s, nil
}

func (a *API) hookCreate(ctx context.Context, c *access.Principal, in *createHookInput) (*Hook, error) {
	s, err := in.Body.subscription()
	if err != nil {
		return nil, err
	}
	w, created, err := a.Hooks.Subscribe(ctx, c, s)
	if err != nil {
		return nil, err
	}
	v := a.showHook(w)
	v.created = created
	if by := w.Hook.By; created || string(by.Kind) == string(c.Actor.Kind) && by.ID == c.Actor.ID {
		v.Secret = w.Secrets.Current
	}
	return v, nil
}

type hookPath struct {
	ID string `path:"id" doc:"the hook's id"`
}

// HookDeleted is the answer to an unsubscription.
type HookDeleted struct {
	ID      string `json:"id"`
	Deleted bool   `json:"deleted"`
}

var docHookDelete = rest.Doc{ID: "deleteHook", Tag: "REST hooks", Summary: "Unsubscribe a REST hook",
	Text: "Answers the same for a hook that has ended already. What it was owed is discarded. It is listed for 30 days, with `status=ended`, and can be restored."}

func (a *API) hookDelete(ctx context.Context, c *access.Principal, in *hookPath) (*HookDeleted, error) {
	if err := a.Hooks.End(ctx, c, in.ID); err != nil {
		return nil, err
	}
	return &HookDeleted{ID: in.ID, Deleted: true}, nil
}

var docHookRestore = rest.Doc{ID: "restoreHook", Tag: "REST hooks", Summary: "Restore a REST hook that has ended",
	Text: "It keeps its id and secret, and gets events from now on. Its platform may not know it any more; then its target answers `410` again."}

func (a *API) hookRestore(ctx context.Context, c *access.Principal, in *hookPath) (*Hook, error) {
	w, err := a.Hooks.Restore(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return a.showHook(w), nil
}

var docHookResume = rest.Doc{ID: "resumeHook", Tag: "REST hooks", Summary: "Resume a REST hook that Relay has disabled"}

func (a *API) hookResume(ctx context.Context, c *access.Principal, in *hookPath) (*Hook, error) {
	w, err := a.Hooks.Resume(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return a.showHook(w), nil
}

var docHookSamples = rest.Doc{ID: "listHookSamples", Tag: "REST hooks", Summary: "Show events as a REST hook gets them",
	Text: "A plain list, the newest first: events of the last 30 days in the form in which they are delivered, or the catalogue's examples where there are none. The ids are not those of deliveries."}

type sampleQuery struct {
	Event string `query:"event" default:"\"*\"" doc:"the event type; * stands for any characters"`
	Limit int    `query:"limit" default:"3" min:"1" max:"25"`
}

func (a *API) hookSamples(ctx context.Context, c *access.Principal, in *sampleQuery) (*[]json.RawMessage, error) {
	if err := event.CheckPattern(in.Event); err != nil {
		return nil, problem.MalformedField("query event", "%v", err)
	}
	leave, err := a.Searches.Enter(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	defer leave()
	list, err := a.Hooks.Samples(ctx, c.Tenant, in.Event, in.Limit)
	return &list, err
}

var docHookMe = rest.Doc{ID: "getHookAccount", Tag: "REST hooks", Summary: "Name the connection",
	Text: "The tenant and the key, for the label that a platform shows beside a connection, and to test a key."}

// HookAccount is whom a key belongs to.
type HookAccount struct {
	ID     string `json:"id" doc:"of the tenant" example:"\"default\""`
	Tenant string `json:"tenant" doc:"the tenant's name" example:"\"Default\""`
	Key    string `json:"key" doc:"the key's name" example:"\"Zapier\""`
	Label  string `json:"label" doc:"both" example:"\"Default: Zapier\""`
}

func (a *API) hookMe(_ context.Context, c *access.Principal, _ *rest.None) (*HookAccount, error) {
	id, _ := a.Tenants.TenantName(c.Tenant)
	v := &HookAccount{ID: id, Tenant: id, Key: c.Actor.Name}
	if t, ok := a.Tenants.Tenant(id); ok && t.Settings.Title != "" {
		v.Tenant = t.Settings.Title
	}
	v.Label = strings.TrimSuffix(fmt.Sprintf("%s: %s", v.Tenant, v.Key), ": ")
	return v, nil
}

// HookEvent is an event type to choose from.
type HookEvent struct {
	Key         string `json:"key" doc:"the value of event" example:"\"call.completed\""`
	Label       string `json:"label" example:"\"Call completed\""`
	Description string `json:"description"`
}

var docHookEvents = rest.Doc{ID: "listHookEvents", Tag: "REST hooks", Summary: "List the event types to choose from", Text: "A plain list, by name, for the dropdowns of platforms."}

func (a *API) hookEvents(_ context.Context, c *access.Principal, _ *rest.None) (*[]HookEvent, error) {
	out := []HookEvent{}
	for _, e := range a.Hooks.Choices(c.Tenant) {
		out = append(out, HookEvent(e))
	}
	return &out, nil
}

// hookPackageRoutes returns the routes of the packages that platforms install.
func (a *API) hookPackageRoutes() []rest.Route {
	route := func(name, id, summary, mediaType, text string) rest.Route {
		doc := rest.Doc{ID: id, Tag: "REST hooks", Summary: summary, Text: text, Answer: mediaType}
		return rest.Raw[rest.None, rest.None](a.face, "GET /v1/hooks/packages/"+name, access.UseHooks, doc, func(w http.ResponseWriter, _ *http.Request, c *access.Principal, _ *rest.None) error {
			body, err := a.Hooks.Package(c.Tenant, name, a.PublicURL)
			if err != nil {
				return err
			}
			w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
			web.Send(w, http.StatusOK, mediaType, body)
			return nil
		})
	}
	return []rest.Route{
		route("zapier.zip", "getZapierPackage", "Download the integration for Zapier", "application/zip", "A CLI app, made from the catalogue: a trigger for each event type, with its sample and fields."),
		route("n8n.zip", "getN8nPackage", "Download the node for n8n", "application/zip", "A package with a trigger node, made from the catalogue."),
		route("make.json", "getMakeApp", "Download the app for Make", "application/json", "The sections of a custom app of Make, made from the catalogue."),
	}
}
