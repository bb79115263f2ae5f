package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
)

// Audit is the audit log; the store keeps it. The entry of a change is written with the change.
type Audit = access.AuditStore

// AuditEntry is one change that somebody made.
type AuditEntry struct {
	ID      string          `json:"id" example:"\"aud_0000000000001\""`
	At      rest.Time       `json:"at"`
	Actor   AuditActor      `json:"actor"`
	Action  string          `json:"action" example:"\"webhook.update\""`
	Target  *string         `json:"target" doc:"the id of the changed object; null where a tenant has only one, such as the gate"`
	Targets []AuditTarget   `json:"targets" doc:"everything the change was about, the most important first"`
	Before  json.RawMessage `json:"before" doc:"the object before; null: it did not exist, or only secrets have changed" example:"null"`
	After   json.RawMessage `json:"after" doc:"the object after the change" example:"null"`
	Request AuditRequest    `json:"request"`
}

// AuditActor is whoever made a change.
type AuditActor struct {
	Kind  string `json:"kind" enum:"key,user,portal,system,anonymous" doc:"user: a person who has signed in; portal: somebody who has opened a portal link; system: Relay itself, such as when it disables a webhook; anonymous: somebody whose sign-in has failed"`
	ID    string `json:"id" doc:"of the key, the user or the portal link; empty for the others"`
	KeyID string `json:"keyId" doc:"the id again if it is a key's, else empty"`
	Name  string `json:"name" doc:"the label of the key, or the user's name, at the time; of a portal link its user, with the id that the link gave"`
}

// AuditTarget is something that was changed.
type AuditTarget struct {
	Type string `json:"type" example:"\"webhook\""`
	ID   string `json:"id"`
	Name string `json:"name" doc:"its label or description at the time"`
}

// AuditRequest is the request by which a change was made.
type AuditRequest struct {
	ID        string `json:"id" doc:"as in the answer's header X-Request-Id"`
	Address   string `json:"address" doc:"where it came from" example:"\"192.0.2.1\""`
	UserAgent string `json:"userAgent"`
}

const auditPrefix = "aud_"

var docAuditList = rest.Doc{ID: "listAudit", Tag: "Audit", Summary: "List changes",
	Text: "Who made which change, from where, the newest first. An entry and its change are stored in one transaction. Only actions on deliveries " +
		"(`delivery.retry`, `delivery.cancel`, `event.resend`) and encryption keys are logged just before they happen. Credentials are shown as `***`; of objects larger than 64 KiB only the size is kept."}

type auditQuery struct {
	rest.Page
	auditFilter
}

type auditFilter struct {
	Action string    `query:"action" doc:"only changes of this kind: gate.update; or of all kinds below a name: webhook.*"`
	Actor  string    `query:"actor" doc:"only changes by the key or the user with this id"`
	Target string    `query:"target" doc:"only changes whose first target has this id"`
	Since  rest.Time `query:"since"`
	Until  rest.Time `query:"until"`
	Of     string    `query:"of" enum:"tenant,platform" default:"\"tenant\"" doc:"platform: the log of the installation, to whoever runs it: operators, and sign-ins with addresses that nobody has"`
}

func (f *auditFilter) query(c *access.Principal) (access.Query, error) {
	tenant := c.Tenant
	if f.Of == "platform" {
		if !c.Allows(access.RunPlatform) {
			return access.Query{}, problem.New(problem.Forbidden, "the log of the installation is for those who run it: use a key with the scope %q, or sign in as an operator", access.ScopePlatform)
		}
		tenant = access.Platform
	}
	return access.Query{Tenant: tenant, Action: f.Action, Actor: f.Actor, Target: f.Target, Since: time.Time(f.Since), Until: time.Time(f.Until)}, nil
}

func (a *API) auditList(ctx context.Context, c *access.Principal, in *auditQuery) (*rest.List[AuditEntry], error) {
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	q, err := in.query(c)
	if err != nil {
		return nil, err
	}
	q.Before, q.Limit = before, in.Limit
	list, next, err := a.Audit.AuditList(ctx, q)
	if err != nil {
		return nil, err
	}
	data := make([]AuditEntry, len(list))
	for i := range list {
		data[i] = showEntry(&list[i])
	}
	return rest.PageOf(data, rest.CursorOf(next)), nil
}

func showActor(a access.Actor) AuditActor {
	v := AuditActor{Kind: string(a.Kind), ID: a.ID, Name: a.Name}
	if a.Kind == access.ActorKey {
		v.KeyID = a.ID
	}
	return v
}

func showEntry(e *access.Entry) AuditEntry {
	v := AuditEntry{
		ID: e.ID.Public(auditPrefix), At: rest.Time(e.At), Actor: showActor(e.Actor),
		Action: e.Action, Targets: make([]AuditTarget, len(e.Targets)), Before: e.Before, After: e.After,
		Request: AuditRequest{ID: e.Request.ID, Address: e.Request.Address, UserAgent: e.Request.UserAgent},
	}
	for i, t := range e.Targets {
		v.Targets[i] = AuditTarget(t)
	}
	if len(e.Targets) > 0 {
		v.Target = &v.Targets[0].ID
	}
	return v
}
