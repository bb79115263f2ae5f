package dashboard

import (
	"context"
	"html/template"
	"net/http"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/user"
)

// OwnAccount is what people do about their own account; user.Sessions does it.
type OwnAccount interface {
	Passkeys
	List(ctx context.Context, p *access.Principal) ([]user.Session, error)
	SetPassword(ctx context.Context, p *access.Principal, from user.Client, keep, present, password string) error
	LoginCode(ctx context.Context, from user.Client, token, code string) (user.SignedIn, error)
	Factor(ctx context.Context, p *access.Principal) (user.FactorStatus, error)
	Proved(session *user.Session) bool
	Confirm(ctx context.Context, p *access.Principal, from user.Client, password, code string) error
	Fresh(ctx context.Context, p *access.Principal) (bool, error)
	SetUpFactor(ctx context.Context, p *access.Principal, from user.Client, password, issuer string) (user.Setup, error)
	ConfirmFactor(ctx context.Context, p *access.Principal, from user.Client, code string) ([]string, error)
	RenewRecoveryCodes(ctx context.Context, p *access.Principal, from user.Client, code string) ([]string, error)
	DisableFactor(ctx context.Context, p *access.Principal, from user.Client, code string) error
}

// signedIn is the answer to a sign-in: the page that the person wanted, or the question for the second factor.
func (d *Dashboard) signedIn(in user.SignedIn, to string) answer {
	if in.Token != "" {
		return answer{to: to, cookies: []*http.Cookie{d.sessionCookie(in.Token), d.waitingCookie("", time.Time{})}}
	}
	return answer{to: "/login/code?next=" + template.URLQueryEscaper(to), cookies: []*http.Cookie{d.waitingCookie(in.Waiting.Token, in.Waiting.ExpiresAt)}}
}

// waitingCookie carries the token of a sign-in that waits for the second factor, or ends it when token is empty.
func (d *Dashboard) waitingCookie(token string, until time.Time) *http.Cookie {
	c := d.SignIn.WaitingCookie(token)
	if c.MaxAge = int(until.Sub(d.now()).Seconds()); token == "" {
		c.MaxAge = -1
	}
	return c
}

type codeView struct {
	Next, Wrong string
	Passkey     string // what to ask an authenticator for; empty: nothing
}

// codeAnswer is the page that asks for the second factor.
func (d *Dashboard) codeAnswer(ctx context.Context, q *request, v codeView, status int) (answer, error) {
	waits, err := d.Sessions.WaitsForPasskey(ctx, d.SignIn.Waiting(q.Request), d.party(q))
	if err == nil && waits {
		v.Passkey, err = d.askPasskey(q)
	}
	return answer{page: "code", title: "Sign in", status: status, data: v}, err
}

// codePage asks for the second factor.
func (d *Dashboard) codePage(ctx context.Context, q *request) (answer, error) {
	if d.SignIn.Waiting(q.Request) == "" {
		return answer{to: "/login"}, nil
	}
	return d.codeAnswer(ctx, q, codeView{Next: next(q.FormValue("next"))}, http.StatusOK)
}

func (d *Dashboard) code(ctx context.Context, q *request) (answer, error) {
	if err := d.maySignIn(q.Request); err != nil {
		return answer{}, err
	}
	v := codeView{Next: next(q.value("next"))}
	waiting := d.SignIn.Waiting(q.Request)
	var in user.SignedIn
	var err error
	if q.form.Get(passkeyField) != "" {
		in, err = d.loginPasskey(ctx, q, waiting)
	} else {
		in, err = d.Sessions.LoginCode(ctx, d.client(q), waiting, q.value("code"))
	}
	if err == nil {
		return d.signedIn(in, v.Next), nil
	}
	p := asProblem(err)
	if p.Kind == problem.Internal {
		return answer{}, err
	}
	v.Wrong = sentence(p.Detail)
	return d.codeAnswer(ctx, q, v, p.Kind.Status())
}

type meView struct {
	Email    string
	Factor   user.FactorStatus
	Passkeys int
	Sessions []user.Session
	Current  string
	Saved    bool
	Wrong    string            // about the password
	Fields   map[string]string // what is wrong with them
}

// inFirstTenant surrounds a page that belongs to no tenant with the navigation of the one that the person acts in.
func (d *Dashboard) inFirstTenant(q *request) {
	for _, t := range d.Tenants.Tenants() {
		if t.ID == q.who.Tenant {
			q.within(t)
		}
	}
}

func (d *Dashboard) mePage(ctx context.Context, q *request) (answer, error) {
	return d.me(ctx, q, meView{Saved: q.URL.Query().Get("saved") == "1"}, http.StatusOK)
}

func (d *Dashboard) me(ctx context.Context, q *request, v meView, status int) (answer, error) {
	d.inFirstTenant(q)
	person, err := d.Sessions.Whoami(ctx, q.who)
	if err != nil {
		return answer{}, err
	}
	v.Email, v.Current = person.Email, q.session.ID
	if v.Factor, err = d.Sessions.Factor(ctx, q.who); err != nil {
		return answer{}, err
	}
	passkeys, err := d.Sessions.Passkeys(ctx, q.who)
	if err != nil {
		return answer{}, err
	}
	v.Passkeys = len(passkeys)
	if v.Sessions, err = d.Sessions.List(ctx, q.who); err != nil {
		return answer{}, err
	}
	return answer{page: "me", title: "Your account", status: status, data: v}, nil
}

func (d *Dashboard) mePassword(ctx context.Context, q *request) (answer, error) {
	err := d.Sessions.SetPassword(ctx, q.who, d.client(q), q.session.ID, q.form.Get("password"), q.form.Get("newPassword"))
	if err == nil {
		return answer{to: "/me?saved=1"}, nil
	}
	p := asProblem(err)
	if p.Kind == problem.Internal {
		return answer{}, err
	}
	v := meView{Fields: map[string]string{}}
	for _, f := range p.Fields {
		v.Fields[f.Name] = f.Reason
	}
	if len(p.Fields) == 0 {
		v.Wrong = sentence(p.Detail)
	}
	return d.me(ctx, q, v, p.Kind.Status())
}

func (d *Dashboard) meSessionEnd(ctx context.Context, q *request) (answer, error) {
	id := q.PathValue("id")
	if id == q.session.ID {
		return d.logout(ctx, q)
	}
	if err := d.Sessions.End(ctx, q.who, id); err != nil && problem.KindOf(err) != problem.NotFound {
		return answer{}, err
	}
	return answer{to: "/me"}, nil
}

func (d *Dashboard) meLogoutEverywhere(ctx context.Context, q *request) (answer, error) {
	if err := d.Sessions.End(ctx, q.who, ""); err != nil {
		return answer{}, err
	}
	return answer{to: "/login", cookies: []*http.Cookie{d.sessionCookie("")}}, nil
}

type factorView struct {
	Factor   user.FactorStatus
	Fresh    bool // no password is needed
	Required bool
	Setup    user.Setup
	QR       template.HTML
	Again    bool     // the code was wrong: asks for another, and shows the secret no more
	Codes    []string // shown once
	Wrong    string
}

// factorPage shows where the person stands with their second factor. A POST does one step, and the answer shows the next.
func (d *Dashboard) factorPage(ctx context.Context, q *request) (answer, error) {
	return d.factor(ctx, q, factorView{}, http.StatusOK)
}

func (d *Dashboard) factor(ctx context.Context, q *request, v factorView, status int) (answer, error) {
	d.inFirstTenant(q)
	var err error
	if v.Factor, err = d.Sessions.Factor(ctx, q.who); err != nil {
		return answer{}, err
	}
	if v.Fresh, err = d.Sessions.Fresh(ctx, q.who); err != nil {
		return answer{}, err
	}
	v.Required = q.who.NeedsFactor && !v.Factor.Enabled
	if v.Setup.URI != "" {
		if v.QR, err = qrCode(v.Setup.URI); err != nil {
			return answer{}, err
		}
	}
	return answer{page: "factor", title: "Second factor", status: status, data: v, secret: true}, nil
}

// factorStep runs a step and shows the page with what came of it.
func (d *Dashboard) factorStep(ctx context.Context, q *request, step func(v *factorView) error) (answer, error) {
	var v factorView
	err := step(&v)
	if err == nil {
		return d.factor(ctx, q, v, http.StatusOK)
	}
	p := asProblem(err)
	if p.Kind == problem.Internal {
		return answer{}, err
	}
	v.Wrong = sentence(p.Detail)
	return d.factor(ctx, q, v, p.Kind.Status())
}

func (d *Dashboard) factorSetUp(ctx context.Context, q *request) (answer, error) {
	return d.factorStep(ctx, q, func(v *factorView) (err error) {
		v.Setup, err = d.Sessions.SetUpFactor(ctx, q.who, d.client(q), q.form.Get("password"), d.SignIn.Issuer())
		return err
	})
}

func (d *Dashboard) factorConfirm(ctx context.Context, q *request) (answer, error) {
	return d.factorStep(ctx, q, func(v *factorView) (err error) {
		v.Codes, err = d.Sessions.ConfirmFactor(ctx, q.who, d.client(q), q.value("code"))
		v.Again = problem.KindOf(err) == problem.Forbidden
		return err
	})
}

func (d *Dashboard) factorCodes(ctx context.Context, q *request) (answer, error) {
	return d.factorStep(ctx, q, func(v *factorView) (err error) {
		v.Codes, err = d.Sessions.RenewRecoveryCodes(ctx, q.who, d.client(q), q.value("code"))
		return err
	})
}

func (d *Dashboard) factorDisable(ctx context.Context, q *request) (answer, error) {
	return d.factorStep(ctx, q, func(v *factorView) error {
		return d.Sessions.DisableFactor(ctx, q.who, d.client(q), q.value("code"))
	})
}
