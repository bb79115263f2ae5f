package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/user"
)

// accountTab is a tab of the account's configuration.
type accountTab struct {
	Name, Path string
	needs      access.Permission
}

// accountTabs are the tabs in their order. The first is called as the gate's document has it.
var accountTabs = []accountTab{
	{"Relay", "relay", access.Configure}, {"Keys", "keys", access.ManageKeys}, {"Users", "users", access.ManageUsers}, {"Sign-in", "sign-in", access.ManageUsers},
	{"Portal", "portal", access.Configure},
	{"Audit log", "audit", access.ViewAudit}, {"Network and retention", "network", access.View},
}

// accountView is the data of a tab.
type accountView struct {
	Tabs []accountTab
	Tab  string
	V    any
}

// accountAnswer puts a tab's data into the page with the tabs.
func (q *request) accountAnswer(page, tab, title string, v any) answer {
	view := accountView{Tab: tab, V: v}
	for _, t := range accountTabs {
		if q.who.Allows(t.needs) {
			view.Tabs = append(view.Tabs, t)
		}
	}
	return answer{page: page, title: title, section: "account", data: view}
}

// accountStart leads to the first tab that the person may see.
func (d *Dashboard) accountStart(_ context.Context, q *request) (answer, error) {
	i := slices.IndexFunc(accountTabs, func(t accountTab) bool { return q.who.Allows(t.needs) })
	return answer{to: q.path("account", accountTabs[max(i, 0)].Path)}, nil
}

type networkView struct {
	EgressIPs        []string
	Events, Attempts string
}

func (d *Dashboard) networkPage(_ context.Context, q *request) (answer, error) {
	return q.accountAnswer("network", "network", "Network and retention", networkView{d.EgressIPs, span(d.kept(q, d.EventRetention)), span(d.kept(q, d.Retention))}), nil
}

// scopeView is a scope as the form for keys tells it.
type scopeView struct {
	Scope    access.Scope
	Sentence string
	Checked  bool
}

var scopeSentences = map[access.Scope]string{
	access.ScopePublish: "Publish events and respondents. For your application.", access.ScopeRead: "See webhooks, events, the log and respondents, but no secrets.",
	access.ScopeHooks:  "Subscribe and end REST hooks, nothing else. For Zapier, n8n and Make.",
	access.ScopeManage: "Also change webhooks and event types, retry and replay.", access.ScopeAdmin: "Also keys, users, the gate and the audit log.",
	access.ScopePlatform: "Run the installation and act for every tenant.",
}

// keyView is a key in the list.
type keyView struct {
	account.Key
	LastUsed time.Time
	State    state
	Operator bool // given by the settings, not to be changed here
}

type keysView struct {
	Keys       []keyView
	Scopes     []scopeView
	Name       string
	Expiry     string
	Expiries   []choice
	Wrong      map[string]string
	Text       string // of a key that was just created, shown this once
	New        string // its name
	Until      time.Time
	WithClosed bool // keys that are no longer valid are shown as well
	Closed     int
}

var expiries = []choice{{"2160h", "in 90 days"}, {"720h", "in 30 days"}, {"8760h", "in a year"}, {"", "never"}}

// keysOf returns the tab with the tenant's keys.
func (d *Dashboard) keysOf(ctx context.Context, q *request) (*keysView, error) {
	v := &keysView{Expiries: expiries, Expiry: "8760h", Wrong: map[string]string{}, WithClosed: q.URL.Query().Get("all") != ""}
	for _, s := range access.Scopes {
		if s == access.ScopePlatform && !q.who.Allows(access.RunPlatform) {
			continue
		}
		v.Scopes = append(v.Scopes, scopeView{Scope: s, Sentence: scopeSentences[s], Checked: s == access.ScopePublish})
	}
	uses, err := d.Keys.Uses(ctx, q.who.Tenant)
	if err != nil {
		return nil, fmt.Errorf("reading when keys were used: %w", err)
	}
	now := d.now()
	for _, k := range slices.Backward(d.Keys.List(q.who.Tenant)) {
		shown := keyView{Key: k, LastUsed: uses[k.ID].At, State: state{Class: "ok", Word: "valid"}, Operator: k.ID == account.AdminKeyID}
		switch {
		case !k.RevokedAt.IsZero():
			shown.State = state{Word: "revoked"}
		case !k.Valid(now):
			shown.State = state{Word: "expired"}
		case !k.ExpiresAt.IsZero() && k.ExpiresAt.Sub(now) < 14*24*time.Hour:
			shown.State = state{Class: "warn", Word: "ends in " + span(k.ExpiresAt.Sub(now).Truncate(time.Hour))}
		}
		if !k.Valid(now) {
			if v.Closed++; !v.WithClosed {
				continue
			}
		}
		v.Keys = append(v.Keys, shown)
	}
	return v, nil
}

func (d *Dashboard) keysPage(ctx context.Context, q *request) (answer, error) {
	v, err := d.keysOf(ctx, q)
	return q.accountAnswer("keys", "keys", "Keys", v), err
}

func (d *Dashboard) keyCreate(ctx context.Context, q *request) (answer, error) {
	n := account.NewKey{Name: q.value("name")}
	for _, s := range q.form["scopes"] {
		n.Scopes = append(n.Scopes, access.Scope(s))
	}
	lasts := q.value("expiry")
	if span, err := time.ParseDuration(lasts); err == nil && span > 0 {
		n.ExpiresAt = d.now().Add(span)
	}
	k, text, err := d.Keys.Create(ctx, q.who, n)
	v, listErr := d.keysOf(ctx, q)
	if listErr != nil {
		return answer{}, listErr
	}
	a := q.accountAnswer("keys", "keys", "Keys", v)
	if err != nil {
		v.Name, v.Expiry = n.Name, lasts
		for i := range v.Scopes {
			v.Scopes[i].Checked = slices.Contains(n.Scopes, v.Scopes[i].Scope)
		}
		a.status = 422
		return a, refuseFields(err, v.Wrong, "name", "scopes", "expiresAt")
	}
	v.Text, v.New, a.secret, a.address = text, k.Name, true, q.path("account", "keys")
	return a, nil
}

// refuseFields notes what a problem says about fields; it returns an error that says nothing about these.
func refuseFields(err error, wrong map[string]string, names ...string) error {
	p := asProblem(err)
	if p.Kind != problem.Invalid && p.Kind != problem.Malformed && p.Kind != problem.Conflict {
		return err
	}
	noted := false
	for _, f := range p.Fields {
		for _, name := range names {
			if f.Name == name || strings.HasPrefix(f.Name, name+"[") {
				wrong[name], noted = f.Reason, true
			}
		}
	}
	if !noted {
		text := p.Detail
		for _, f := range p.Fields {
			text += " " + f.Name + " " + f.Reason
		}
		wrong[""] = sentence(strings.TrimSpace(text))
	}
	return nil
}

func (d *Dashboard) keyReplace(ctx context.Context, q *request) (answer, error) {
	const overlap = 24 * time.Hour
	k, text, err := d.Keys.Replace(ctx, q.who, q.PathValue("id"), account.Replacement{Overlap: overlap})
	if err != nil {
		return answer{}, err
	}
	v, err := d.keysOf(ctx, q)
	if err != nil {
		return answer{}, err
	}
	v.Text, v.New, v.Until = text, k.Name, d.now().Add(overlap)
	a := q.accountAnswer("keys", "keys", "Keys", v)
	a.secret, a.address = true, q.path("account", "keys")
	return a, nil
}

func (d *Dashboard) keyRevoke(ctx context.Context, q *request) (answer, error) {
	if err := d.Keys.Revoke(ctx, q.who, q.PathValue("id")); err != nil {
		return answer{}, err
	}
	return answer{to: q.path("account", "keys")}, nil
}

// userView is a person in the list.
type userView struct {
	user.User
	Shown state
	Self  bool
}

type usersView struct {
	Users       []userView
	Roles       []roleView
	Email, Role string
	Wrong       map[string]string
	Link, Who   string // an invitation that was just made, and for whom
	Until       time.Time
	More        bool
}

type roleView struct {
	Role     access.Role
	Sentence string
}

var roleSentences = []roleView{
	{access.RoleViewer, "Looks at everything but secrets."}, {access.RoleMember, "Also changes webhooks and event types, retries and replays."},
	{access.RoleAdmin, "Also keys, users, the gate and the audit log."},
}

var userStates = map[user.State]state{user.Active: {Class: "ok", Word: "active"}, user.Invited: {Class: "warn", Word: "invited"}, user.Disabled: {Class: "bad", Word: "disabled"}}

// perUserPage is how many people a page shows.
const perUserPage = 100

func (d *Dashboard) usersOf(ctx context.Context, q *request) (*usersView, error) {
	v := &usersView{Roles: roleSentences, Role: string(access.RoleMember), Wrong: map[string]string{}}
	list, more, err := d.Users.List(ctx, q.who, user.Query{Email: strings.TrimSpace(q.URL.Query().Get("email")), Limit: perUserPage})
	if err != nil {
		return nil, err
	}
	v.More = more
	for _, u := range list {
		v.Users = append(v.Users, userView{User: u, Shown: userStates[u.State], Self: u.ID == q.who.Actor.ID})
	}
	return v, nil
}

func (d *Dashboard) usersPage(ctx context.Context, q *request) (answer, error) {
	v, err := d.usersOf(ctx, q)
	return q.accountAnswer("users", "users", "Users", v), err
}

func (d *Dashboard) userInvite(ctx context.Context, q *request) (answer, error) {
	n := user.New{Email: q.value("email"), Role: access.Role(q.value("role"))}
	if !slices.ContainsFunc(roleSentences, func(r roleView) bool { return r.Role == n.Role }) {
		return answer{}, problem.InvalidField("role", "must be one of those the form offers")
	}
	u, token, err := d.Users.Invite(ctx, q.who, n)
	return d.invited(ctx, q, u, token, err, n)
}

func (d *Dashboard) userReinvite(ctx context.Context, q *request) (answer, error) {
	u, token, err := d.Users.Reinvite(ctx, q.who, q.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	return d.invited(ctx, q, u, token, nil, user.New{})
}

// invited shows the link of an invitation, for the only time, or the form again.
func (d *Dashboard) invited(ctx context.Context, q *request, u user.User, token user.Token, failed error, n user.New) (answer, error) {
	v, err := d.usersOf(ctx, q)
	if err != nil {
		return answer{}, err
	}
	a := q.accountAnswer("users", "users", "Users", v)
	if failed != nil {
		v.Email, v.Role, a.status = n.Email, string(n.Role), 422
		return a, refuseFields(failed, v.Wrong, "email", "role")
	}
	v.Link, v.Who, v.Until = q.address()+"/invite/"+token.Text, u.Email, token.ExpiresAt
	a.secret, a.address = true, q.path("account", "users")
	return a, nil
}

func (d *Dashboard) userChange(ctx context.Context, q *request) (answer, error) {
	id := q.PathValue("id")
	var err error
	switch what := q.value("do"); what {
	case "disable":
		_, err = d.Users.Disable(ctx, q.who, id)
	case "enable":
		_, err = d.Users.Enable(ctx, q.who, id)
	case "remove":
		err = d.Users.Remove(ctx, q.who, id)
	default:
		role := access.Role(what)
		if !slices.ContainsFunc(roleSentences, func(r roleView) bool { return r.Role == role }) {
			return answer{}, problem.InvalidField("do", "must be one of the page's buttons")
		}
		_, err = d.Users.Change(ctx, q.who, id, user.Edit{Role: &role})
	}
	if err != nil {
		return answer{}, err
	}
	return answer{to: q.path("account", "users")}, nil
}

// entryView is an entry of the audit log.
type entryView struct {
	access.Entry
	Before, After *body
}

type auditView struct {
	Entries                       []entryView
	Action, Actor, Target, Period string
	Areas, Periods                []choice
	Older, Newest                 string
	Filtered                      bool
}

var auditAreas = []choice{
	{"", "Everything"}, {"webhook.*", "Webhooks"}, {"delivery.*", "Deliveries"}, {"event.*", "Events sent again"}, {"key.*", "Keys"}, {"user.*", "Users and sign-ins"},
	{"gate.*", "Gate"}, {"respondent.*", "Respondents"}, {"campaign.*", "Campaigns"}, {"eventType.*", "Event types"}, {"derivationRule.*", "Derivation rules"}, {"job.*", "Jobs"},
}

const auditPrefix = "aud_"

func (d *Dashboard) auditPage(ctx context.Context, q *request) (answer, error) {
	p := q.URL.Query()
	v := auditView{
		Action: p.Get("action"), Actor: strings.TrimSpace(p.Get("actor")), Target: strings.TrimSpace(p.Get("target")), Period: p.Get("period"),
		Areas: auditAreas, Periods: append(slices.Clone(periodChoices), choice{"720h", "Last 30 days"}),
	}
	v.Filtered = cmp.Or(v.Action, v.Actor, v.Target, v.Period) != ""
	query := access.Query{Tenant: q.who.Tenant, Action: v.Action, Actor: v.Actor, Target: v.Target, Limit: perLogPage}
	if period, err := time.ParseDuration(v.Period); err == nil && period > 0 {
		query.Since = d.now().Add(-period)
	}
	if id, err := event.ParseID(auditPrefix, p.Get("before")); err == nil {
		query.Before = id
		v.Newest = with(p, "before", "")
	}
	list, next, err := d.Audit.AuditList(ctx, query)
	if err != nil {
		return answer{}, fmt.Errorf("reading the audit log: %w", err)
	}
	for _, e := range list {
		shown := entryView{Entry: e}
		for _, side := range []struct {
			json []byte
			to   **body
		}{{e.Before, &shown.Before}, {e.After, &shown.After}} {
			if len(side.json) > 0 {
				*side.to = showBody(side.json, "application/json", false, int64(len(side.json)))
			}
		}
		v.Entries = append(v.Entries, shown)
	}
	if next != 0 {
		v.Older = with(p, "before", next.Public(auditPrefix))
	}
	return q.accountAnswer("audit", "audit", "Audit log", v), nil
}
