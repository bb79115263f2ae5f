package dashboard

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/web"
)

const (
	// anyTenant asks user.Sessions for the first tenant that a person belongs to.
	anyTenant event.TenantID = -1
	// noTenant is an id that no tenant has, for names of tenants that do not exist: they are answered like others'.
	noTenant event.TenantID = 1<<31 - 1
)

// cookieName is the session's cookie, the same as the API's. Over HTTPS the browser itself holds it to this host and path.
func (d *Dashboard) cookieName() string {
	if d.Secure {
		return "__Host-relay"
	}
	return "relay"
}

// maySignIn refuses sessions that others could read on the way: without HTTPS it takes an operator who says so by publicUrl,
// or a way that does not leave the machine.
func (d *Dashboard) maySignIn(r *http.Request) error {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if d.Secure || d.Unencrypted || strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback() {
		return nil
	}
	return problem.New(problem.Forbidden, "people sign in over HTTPS, or on the machine that Relay runs on: put a proxy with TLS in front and set publicUrl")
}

func (d *Dashboard) sessionToken(r *http.Request) string {
	if d.maySignIn(r) != nil {
		return ""
	}
	c, err := r.Cookie(d.cookieName())
	if err != nil {
		return ""
	}
	return c.Value
}

// sessionCookie carries a session's token, or ends it when token is empty.
func (d *Dashboard) sessionCookie(token string) *http.Cookie {
	c := &http.Cookie{
		Name: d.cookieName(), Value: token, Path: "/", Secure: d.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int(user.SessionLasts / time.Second),
	}
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
}

func (d *Dashboard) loginPage(_ context.Context, q *request) (answer, error) {
	if q.who != nil {
		return answer{to: next(q.FormValue("next"))}, nil
	}
	return answer{page: "login", title: "Sign in", data: loginView{Next: next(q.FormValue("next"))}}, nil
}

func (d *Dashboard) login(ctx context.Context, q *request) (answer, error) {
	if err := d.maySignIn(q.Request); err != nil {
		return answer{}, err
	}
	v := loginView{Email: q.value("email"), Next: next(q.value("next"))}
	in, err := d.Sessions.Login(ctx, d.client(q), v.Email, q.form.Get("password"))
	switch problem.KindOf(err) {
	case problem.Unauthorized, problem.TooMany, problem.Unavailable:
		p := asProblem(err)
		v.Wrong = sentence(p.Detail)
		return answer{page: "login", title: "Sign in", status: p.Kind.Status(), data: v}, nil
	}
	if err != nil {
		return answer{}, err
	}
	return answer{to: v.Next, cookies: []*http.Cookie{d.sessionCookie(in.Token)}}, nil
}

func (d *Dashboard) logout(ctx context.Context, q *request) (answer, error) {
	if q.who != nil {
		if err := d.Sessions.End(ctx, q.who, q.session.ID); err != nil {
			return answer{}, err
		}
	}
	return answer{to: "/login", cookies: []*http.Cookie{d.sessionCookie("")}}, nil
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
		return answer{to: "/", cookies: []*http.Cookie{d.sessionCookie(in.Token)}}, nil
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

// firstPage is the page of a tenant that people come to first.
const firstPage = "/home"

// appearance stores whether the pages are light, dark, or as the system is.
func (d *Dashboard) appearance(_ context.Context, q *request) (answer, error) {
	theme := q.value("theme")
	if theme != "light" && theme != "dark" {
		theme = ""
	}
	c := &http.Cookie{Name: themeCookie, Value: theme, Path: "/", Secure: d.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600}
	if theme == "" {
		c.MaxAge = -1
	}
	return answer{to: next(q.value("next")), cookies: []*http.Cookie{c}}, nil
}

const themeCookie = "relay_theme"
