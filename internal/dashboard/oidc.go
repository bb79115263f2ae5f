package dashboard

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/oidc"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/provider"
)

// away is what a browser keeps in a cookie while the person is at an identity provider.
type away struct {
	Provider string       `json:"provider"`
	Attempt  oidc.Attempt `json:"attempt"`
	Next     string       `json:"next"`
	Test     bool         `json:"test,omitempty"` // nobody signs in: the claims are shown
}

func (d *Dashboard) awayCookie(a *away) (*http.Cookie, error) {
	if a == nil {
		c := d.SignIn.AwayCookie("")
		c.MaxAge = -1
		return c, nil
	}
	b, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	c := d.SignIn.AwayCookie(base64.RawURLEncoding.EncodeToString(b))
	c.MaxAge = int(a.Attempt.Until.Sub(d.now()).Seconds())
	return c, nil
}

// away returns what the browser has kept; false: nothing that can be read.
func (d *Dashboard) away(q *request) (a away, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(d.SignIn.Away(q.Request))
	return a, err == nil && json.Unmarshal(b, &a) == nil && a.Provider == q.PathValue("provider")
}

// providerBegin sends a browser to an identity provider. It is a link, and not a form: the content security policy lets no
// form lead to another site. The query again makes people prove who they are though the provider knows them still; test is
// for operators who try the settings.
func (d *Dashboard) providerBegin(ctx context.Context, q *request) (answer, error) {
	if err := d.maySignIn(q.Request); err != nil {
		return answer{}, err
	}
	name, query := q.PathValue("provider"), q.URL.Query()
	a := away{Provider: name, Next: next(query.Get("next")), Test: query.Get("test") != ""}
	if a.Test && (q.who == nil || !q.who.Allows(access.RunPlatform)) {
		return answer{}, problem.New(problem.Forbidden, "operators test sign-ins")
	}
	address, attempt, err := d.Providers.Begin(ctx, name, q.address()+provider.RedirectPath(name), query.Get("again") != "")
	switch {
	case problem.KindOf(err) == problem.Unavailable:
		return d.providerFailed(ctx, q, &a, err), nil
	case err != nil:
		return answer{}, err
	}
	a.Attempt = attempt
	c, err := d.awayCookie(&a)
	return answer{away: address, cookies: []*http.Cookie{c}}, err
}

// providerBack is where browsers come back to. What they bring is used once, however this ends.
func (d *Dashboard) providerBack(ctx context.Context, q *request) (answer, error) {
	if err := d.maySignIn(q.Request); err != nil {
		return answer{}, err
	}
	used, err := d.awayCookie(nil)
	if err != nil {
		return answer{}, err
	}
	a, ok := d.away(q)
	var ans answer
	switch {
	case !ok:
		ans = d.providerFailed(ctx, q, &a, problem.New(problem.Unauthorized, "this sign-in is not valid, or took too long: begin again"))
	case a.Test:
		ans, err = d.providerTrial(ctx, q, &a)
	default:
		in, err := d.Providers.Finish(ctx, d.client(q), a.Provider, a.Attempt, q.address()+provider.RedirectPath(a.Provider), q.URL.Query())
		if err != nil {
			ans = d.providerFailed(ctx, q, &a, err)
		} else {
			ans = d.signedIn(in, next(a.Next))
		}
	}
	ans.cookies = append(ans.cookies, used)
	return ans, err
}

// refusedView is why an identity provider's word was not enough.
type refusedView struct {
	Provider, Reason string
	NoRole           *provider.NoRoleError // nil: it was something else
	Next             string
}

// providerFailed is the page that says why a sign-in at an identity provider failed.
func (d *Dashboard) providerFailed(ctx context.Context, q *request, a *away, err error) answer {
	p := asProblem(err)
	d.Log.LogAttrs(ctx, slog.LevelWarn, "a sign-in at an identity provider failed", slog.String("request", q.id), slog.String("provider", q.PathValue("provider")), slog.String("error", err.Error()))
	label := d.Providers.Label(q.PathValue("provider"))
	if p.Kind == problem.Unavailable {
		form, err := d.loginForm(q, loginView{Next: next(a.Next), Wrong: label + ": " + sentence(p.Detail)}, p.Kind.Status())
		if err != nil {
			return d.failure(q, err)
		}
		return form
	}
	v := refusedView{Provider: label, Reason: sentence(p.Detail), Next: next(a.Next)}
	if p.Kind == problem.Internal {
		v.Reason = "Something went wrong inside Relay. Its log has the details under the id " + q.id + "."
	}
	errors.As(err, &v.NoRole)
	q.who = nil // the page stands by itself
	return answer{page: "refused", title: "Not signed in", status: p.Kind.Status(), data: v}
}

// providerTrial shows the claims of a sign-in and what would follow.
func (d *Dashboard) providerTrial(ctx context.Context, q *request, a *away) (answer, error) {
	if q.who == nil || !q.who.Allows(access.RunPlatform) {
		return answer{}, problem.New(problem.Forbidden, "operators test sign-ins")
	}
	t, err := d.Providers.Try(ctx, a.Provider, a.Attempt, q.address()+provider.RedirectPath(a.Provider), q.URL.Query())
	if err != nil {
		return d.providerFailed(ctx, q, a, err), nil
	}
	d.inFirstTenant(q)
	claims, err := json.MarshalIndent(t.Claims, "", "  ")
	return answer{page: "trial", title: "Test sign-in", section: "account", data: trialView{t, string(claims)}, secret: true}, err
}

type trialView struct {
	provider.Trial
	JSON string
}

// providerLogout ends sessions because the provider says that the person has signed out there: OpenID Connect Back-Channel
// Logout 1.0. Providers read the status only.
func (d *Dashboard) providerLogout(ctx context.Context, q *request) (answer, error) {
	if err := d.Providers.Logout(ctx, q.PathValue("provider"), q.form.Get("logout_token")); err != nil {
		p := asProblem(err)
		d.Log.LogAttrs(ctx, slog.LevelWarn, "a logout by an identity provider failed", slog.String("request", q.id), slog.String("provider", q.PathValue("provider")), slog.String("error", err.Error()))
		return answer{status: p.Kind.Status()}, nil
	}
	return answer{}, nil
}

const (
	// leftName is the cookie of a browser that has just signed out, which is not sent to the provider at once.
	leftName = "relay_left"
	leftFor  = time.Minute
)

func (d *Dashboard) leftCookie() *http.Cookie {
	return &http.Cookie{Name: leftName, Value: "1", Path: "/", Secure: d.SignIn.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(leftFor.Seconds())}
}

type leftView struct{ To, Label string }

// only returns the name of the provider that the login page leads to at once, empty if people choose.
func (d *Dashboard) only(q *request) string {
	ways := d.Providers.Ways()
	_, err := q.Cookie(leftName)
	if len(ways) != 1 || !ways[0].ForceRedirect || ways[0].Down || err == nil || q.URL.Query().Get("stay") != "" {
		return ""
	}
	return ways[0].Name
}
