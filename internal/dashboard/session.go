package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/provider"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/web"
)

const (
	// anyTenant asks user.Sessions for the first tenant that a person belongs to.
	anyTenant event.TenantID = -1
	// noTenant is an id that no tenant has, for names of tenants that do not exist: they are answered like others'.
	noTenant event.TenantID = 1<<31 - 1
)

// maySignIn refuses sessions that others could read on the way.
func (d *Dashboard) maySignIn(r *http.Request) error {
	if d.SignIn.Allowed(r) {
		return nil
	}
	return problem.New(problem.Forbidden, "people sign in over HTTPS, or on the machine that Relay runs on: put a proxy with TLS in front and set publicUrl")
}

func (d *Dashboard) sessionToken(r *http.Request) string {
	if !d.SignIn.Allowed(r) {
		return ""
	}
	return d.SignIn.Token(r)
}

// sessionCookie carries a session's token, or ends it when token is empty.
func (d *Dashboard) sessionCookie(token string) *http.Cookie {
	c := d.SignIn.Cookie(token)
	c.MaxAge = int(user.SessionLasts / time.Second)
	if token == "" {
		c.MaxAge = -1
	}
	return c
}

func (d *Dashboard) client(q *request) user.Client {
	return user.Client{Request: d.from(q), Addr: web.ClientAddr(q.Request, d.TrustedProxies), Before: q.token}
}

// next returns where somebody wanted to go before they were asked to sign in: a path of ours, or the first page.
func next(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(u.Path, "/t/") || strings.Contains(raw, `\`) {
		return "/"
	}
	return u.RequestURI()
}

type loginView struct {
	Email, Next, Wrong string
	Passkey            string // what to ask an authenticator for; empty: nothing
	Ways               []provider.Way
	Passwords          user.PasswordLogin
}

func (d *Dashboard) loginPage(_ context.Context, q *request) (answer, error) {
	to := next(q.FormValue("next"))
	if q.who != nil {
		return answer{to: to}, nil
	}
	if way := d.only(q); way != "" {
		return answer{to: "/login/oidc/" + url.PathEscape(way) + "?next=" + url.QueryEscape(to)}, nil
	}
	return d.loginForm(q, loginView{Next: to}, http.StatusOK)
}

// loginForm is the page on which people sign in.
func (d *Dashboard) loginForm(q *request, v loginView, status int) (a answer, err error) {
	v.Ways, v.Passwords = d.Providers.Ways(), d.SignInSettings.PasswordLogin()
	if v.Passwords != user.PasswordsOff {
		v.Passkey, err = d.askPasskey(q)
	}
	return answer{page: "login", title: "Sign in", status: status, data: v}, err
}

// loginFailed shows the page again with what went wrong.
func (d *Dashboard) loginFailed(q *request, v loginView, err error) (answer, error) {
	switch p := asProblem(err); p.Kind {
	case problem.Unauthorized, problem.TooMany, problem.Unavailable, problem.Forbidden, problem.Conflict:
		v.Wrong = sentence(p.Detail)
		return d.loginForm(q, v, p.Kind.Status())
	}
	return answer{}, err
}

func (d *Dashboard) login(ctx context.Context, q *request) (answer, error) {
	if err := d.maySignIn(q.Request); err != nil {
		return answer{}, err
	}
	v := loginView{Email: q.value("email"), Next: next(q.value("next"))}
	in, err := d.Sessions.Login(ctx, d.client(q), v.Email, q.form.Get("password"))
	if err != nil {
		return d.loginFailed(q, v, err)
	}
	return d.signedIn(in, v.Next), nil
}

// logout ends the session, and leads to where the person signs out at their identity provider, if they do.
func (d *Dashboard) logout(ctx context.Context, q *request) (answer, error) {
	left := []*http.Cookie{d.sessionCookie(""), d.leftCookie()}
	if q.who == nil {
		return answer{to: "/login", cookies: left}, nil
	}
	if err := d.Sessions.End(ctx, q.who, q.session.ID); err != nil {
		return answer{}, err
	}
	if q.session.Provider != "" {
		if at := d.Providers.EndSession(ctx, q.session.Provider, q.address()+"/login"); at != "" {
			q.who = nil
			return answer{page: "left", title: "Signed out", data: leftView{at, d.Providers.Label(q.session.Provider)}, cookies: left}, nil
		}
	}
	return answer{to: "/login", cookies: left}, nil
}

type welcomeView struct {
	user.Invitee
	Invited     bool
	Name, Wrong string
	Fields      map[string]string // what is wrong with them
}

// welcomePage shows the form of a link that is used once. Looking at it uses nothing up.
func (d *Dashboard) welcomePage(ctx context.Context, q *request) (answer, error) {
	v := welcomeView{}
	err := d.look(ctx, q, &v)
	return answer{page: "welcome", title: "Welcome", data: v, secret: true}, err
}

func (d *Dashboard) look(ctx context.Context, q *request, v *welcomeView) (err error) {
	if err := d.maySignIn(q.Request); err != nil {
		return err
	}
	v.Invitee, err = d.Sessions.Look(ctx, d.client(q), q.PathValue("token"))
	v.Invited = v.Kind == user.Invitation
	return err
}

func (d *Dashboard) welcome(ctx context.Context, q *request) (answer, error) {
	v := welcomeView{Name: q.value("name"), Fields: map[string]string{}}
	if err := d.look(ctx, q, &v); err != nil {
		return answer{}, err
	}
	in, err := d.Sessions.UseLink(ctx, d.client(q), q.PathValue("token"), q.form.Get("password"), v.Name)
	if err == nil {
		return answer{to: next(q.URL.Query().Get("next")), cookies: []*http.Cookie{d.sessionCookie(in.Token)}}, nil
	}
	p := asProblem(err)
	if p.Kind == problem.Internal || p.Kind == problem.NotFound {
		return answer{}, err
	}
	for _, f := range p.Fields {
		v.Fields[f.Name] = f.Reason
	}
	if len(p.Fields) == 0 {
		v.Wrong = sentence(p.Detail)
	}
	return answer{page: "welcome", title: "Welcome", status: p.Kind.Status(), data: v, secret: true}, nil
}

// start sends people to the first page of the first tenant they belong to.
func (d *Dashboard) start(_ context.Context, q *request) (answer, error) {
	if q.who == nil {
		return answer{to: "/login"}, nil
	}
	for _, t := range d.Tenants.Tenants() {
		if t.ID == q.who.Tenant {
			return answer{to: "/t/" + url.PathEscape(t.Name) + firstPage}, nil
		}
	}
	return answer{}, problem.New(problem.NotFound, "you belong to no tenant: ask an administrator to invite you")
}

type switchView struct {
	Query string
	Found []account.Tenant
	More  bool
}

// switchTenant finds one of the tenants that the person belongs to by a part of its name.
func (d *Dashboard) switchTenant(_ context.Context, q *request) (answer, error) {
	d.inFirstTenant(q)
	v := switchView{Query: strings.TrimSpace(q.URL.Query().Get("q"))}
	for _, t := range d.reachable(q) {
		switch name := strings.ToLower(t.Name + " " + t.Settings.Title); {
		case t.Name == v.Query:
			return answer{to: "/t/" + url.PathEscape(t.Name) + firstPage}, nil
		case !strings.Contains(name, strings.ToLower(v.Query)):
		case len(v.Found) == mostTenants:
			v.More = true
		default:
			v.Found = append(v.Found, t)
		}
	}
	if len(v.Found) == 1 {
		return answer{to: "/t/" + url.PathEscape(v.Found[0].Name) + firstPage}, nil
	}
	return answer{page: "switch", title: "Tenants", data: v}, nil
}

// firstPage is the page of a tenant that people come to first.
const firstPage = "/home"

// appearance stores whether the pages are light, dark, or as the system is.
func (d *Dashboard) appearance(_ context.Context, q *request) (answer, error) {
	theme := q.value("theme")
	if theme != "light" && theme != "dark" {
		theme = ""
	}
	c := &http.Cookie{Name: themeCookie, Value: theme, Path: d.Base + "/", Secure: d.SignIn.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600}
	if theme == "" {
		c.MaxAge = -1
	}
	return answer{to: next(q.value("next")), cookies: []*http.Cookie{c}}, nil
}

const themeCookie = "relay_theme"
