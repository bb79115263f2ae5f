package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/hook"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// perHookPage is how many REST hooks a page shows: the log is asked about each.
const perHookPage = 25

// restHookView is a REST hook in the list.
type restHookView struct {
	*webhook.Webhook
	State         state
	Platform, Why string
	Last          *delivery.Attempt // the last one; nil: there was none, or the log no longer has it
	Until         time.Time         // of one that has ended: from then on it cannot be restored
}

// Code is what the last attempt came to: the answer's status, or the failure in words.
func (v restHookView) Code() string {
	switch {
	case v.Last == nil:
		return ""
	case v.Last.Response != nil:
		return fmt.Sprint(v.Last.Response.Status)
	}
	return clip(v.Last.Error, 60)
}

type restHooksView struct {
	Hooks, Ended []restHookView
	Used         int
	Limited      bool
	Allowed      int64
	Plan         string
	Page, Pages  int
	Newer, Older string // addresses of the pages beside this one
	MayKey       bool
}

// restHookState tells how a REST hook fares.
func restHookState(w *webhook.Webhook, h webhook.Health) state {
	switch {
	case w.Hook.Ended != nil:
		return state{Word: "ended"}
	case w.Status == webhook.Disabled && h.Absent():
		return state{Class: "bad", Word: "inactive there"}
	case w.Status == webhook.Disabled:
		return state{Class: "bad", Word: "disabled"}
	case w.Refused != "":
		return state{Class: "bad", Word: "refused"}
	case h.Absent():
		return state{Class: "warn", Word: "inactive there"}
	case !h.FailingSince.IsZero():
		return state{Class: "warn", Word: "failing"}
	}
	return state{Class: "ok", Word: "active"}
}

func (d *Dashboard) restHook(ctx context.Context, w *webhook.Webhook) (restHookView, error) {
	h := d.Engine.Health(w)
	v := restHookView{Webhook: w, State: restHookState(w, h), Platform: hook.Platform(w.URL), Why: hook.Why(w, h)}
	if e := w.Hook.Ended; e != nil {
		v.Until = e.At.Add(webhook.HookKept)
	}
	list, _, err := d.Ledger.Attempts(ctx, delivery.LogQuery{Tenant: w.Tenant, Webhook: w.Number, Limit: 1})
	if err != nil {
		return v, err
	}
	if len(list) > 0 {
		v.Last = list[0]
	}
	return v, nil
}

// restHookList shows a page of the REST hooks; those that have ended follow the others.
func (d *Dashboard) restHookList(ctx context.Context, q *request) (answer, error) {
	current, ended := d.Hooks.List(q.who.Tenant), d.Hooks.Ended(q.who.Tenant)
	all := append(current, ended...)
	v := restHooksView{Used: len(current), MayKey: q.who.Allows(access.ManageKeys)}
	plan, limits := d.Plans.PlanOf(q.who.Tenant)
	v.Plan = plan
	v.Allowed, v.Limited = limits[account.LimitHooks]
	params := q.URL.Query()
	v.Pages = max((len(all)+perHookPage-1)/perHookPage, 1)
	v.Page = min(max(number(params.Get("page")), 1), v.Pages)
	if v.Page > 1 {
		v.Newer = with(params, "page", fmt.Sprint(v.Page-1))
	}
	if v.Page < v.Pages {
		v.Older = with(params, "page", fmt.Sprint(v.Page+1))
	}
	from := (v.Page - 1) * perHookPage
	for _, w := range all[from:min(from+perHookPage, len(all))] {
		one, err := d.restHook(ctx, w)
		if err != nil {
			return answer{}, fmt.Errorf("reading the last attempt of a REST hook: %w", err)
		}
		if w.Hook.Ended != nil {
			v.Ended = append(v.Ended, one)
		} else {
			v.Hooks = append(v.Hooks, one)
		}
	}
	return answer{page: "hooks", title: "REST hooks", section: "hooks", data: v}, nil
}

func (d *Dashboard) restHookRestore(ctx context.Context, q *request) (answer, error) {
	_, err := d.Hooks.Restore(ctx, q.who, q.PathValue("id"))
	return answer{to: q.path("hooks")}, err
}

func (d *Dashboard) restHookResume(ctx context.Context, q *request) (answer, error) {
	_, err := d.Hooks.Resume(ctx, q.who, q.PathValue("id"))
	return answer{to: q.path("hooks")}, err
}

func (d *Dashboard) restHookRemove(ctx context.Context, q *request) (answer, error) {
	return answer{to: q.path("hooks")}, d.Hooks.End(ctx, q.who, q.PathValue("id"))
}

// restHookPackage answers with a package for a platform, as a file.
func (d *Dashboard) restHookPackage(_ context.Context, q *request) (answer, error) {
	name := q.PathValue("name")
	mediaType := map[string]string{"zapier.zip": "application/zip", "n8n.zip": "application/zip", "make.json": "application/json"}[name]
	if mediaType == "" {
		return answer{}, problem.New(problem.NotFound, "there is no such package")
	}
	body, err := d.Hooks.Package(q.who.Tenant, name, d.PublicURL)
	if err != nil {
		return answer{}, err
	}
	return answer{stream: func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
		_, _ = w.Write(body) // a client that has gone misses nothing
	}}, nil
}
