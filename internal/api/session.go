package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/passkey"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/web"
)

// Sessions signs people in and out; user.Sessions does.
type Sessions interface {
	Factors
	Passkeys
	Login(ctx context.Context, from user.Client, email, password string) (user.SignedIn, error)
	UseLink(ctx context.Context, from user.Client, token, password, name string) (user.SignedIn, error)
	Resume(ctx context.Context, token string, tenant event.TenantID) (user.Session, *access.Principal, error)
	Whoami(ctx context.Context, p *access.Principal) (user.Person, error)
	List(ctx context.Context, p *access.Principal) ([]user.Session, error)
	End(ctx context.Context, p *access.Principal, id string) error
	Proved(session *user.Session) bool
	Confirm(ctx context.Context, p *access.Principal, from user.Client, password, code string) error
	SetPassword(ctx context.Context, p *access.Principal, from user.Client, keep, present, password string) error
}

// identifySession tells who makes a request by the cookie of their session. The header Relay-Tenant names the tenant they
// act in; without it, the first one they belong to.
func (a *API) identifySession(r *http.Request, token string) (*rest.Caller, error) {
	if err := a.SignIn.OwnPage(r, true); err != nil {
		return nil, err
	}
	name, tenant, known := r.Header.Get("Relay-Tenant"), event.TenantID(-1), true
	if name != "" {
		var t account.Tenant
		if t, known = a.Tenants.Tenant(name); known {
			tenant = t.ID
		}
	}
	session, p, err := a.Sessions.Resume(r.Context(), token, tenant)
	switch {
	case problem.KindOf(err) == problem.Unauthorized:
		return nil, a.failed(r, err)
	case err == nil && !known, problem.KindOf(err) == problem.NotFound:
		return nil, account.ErrNoTenant(name)
	case err != nil:
		return nil, err
	}
	if !a.Tenants.Bound(p) && p.Tenant != access.Platform {
		return nil, account.ErrNoTenant(name)
	}
	p.Request = a.requestOf(r)
	if needsProof(r.Method, r.URL.Path) && !a.Sessions.Proved(&session) {
		return nil, errProof
	}
	return &rest.Caller{Principal: p, Secret: token}, nil
}

// client is where a request to sign in comes from.
func (a *API) client(r *http.Request) user.Client {
	c := user.Client{Request: a.requestOf(r), Addr: web.ClientAddr(r, a.TrustedProxies), Before: a.SignIn.Token(r)}
	c.Request.ID = web.RequestIDOf(r)
	return c
}

// Login is the request to sign in.
type Login struct {
	Email    string `json:"email" required:"true" maxLength:"254" example:"\"ann@example.com\""`
	Password string `json:"password" required:"true" maxLength:"1024" example:"\"…\""`
}

// Room implements rest.Roomy: nobody has shown who they are yet.
func (*Login) Room() (bytes int64, depth int) { return 16 << 10, 2 }

// LoginByLink is the request to use a link's token.
type LoginByLink struct {
	Token    string           `json:"token" required:"true" maxLength:"100" example:"\"rl_…\""`
	Password string           `json:"password" required:"true" maxLength:"1024" doc:"the password to have from now on, 12 characters or more; to accept an invitation with a password at this installation, that one" example:"\"…\""`
	Name     rest.Opt[string] `json:"name" maxLength:"100" doc:"how you want to be called in the tenant that has invited you; left out: as the invitation says" example:"\"Ann\""`
}

// Room implements rest.Roomy.
func (*LoginByLink) Room() (bytes int64, depth int) { return 16 << 10, 2 }

// Session is a sign-in.
type Session struct {
	ID        string    `json:"id" example:"\"ses_6b1f0c9d2e8a47530f61\""`
	Current   bool      `json:"current" doc:"by which this call is made" example:"true"`
	Method    string    `json:"method" enum:"password,invitation,loginLink,provider,passkey"`
	Provider  string    `json:"provider,omitempty" doc:"the identity provider by which the session began" example:"\"company\""`
	CreatedAt rest.Time `json:"createdAt"`
	SeenAt    rest.Time `json:"seenAt" doc:"the last request, to the minute; a session that is not used for 12 hours ends"`
	ExpiresAt rest.Time `json:"expiresAt" doc:"when it ends even if it is in use"`
	Address   string    `json:"address" doc:"from where the person signed in" example:"\"192.0.2.1\""`
	UserAgent string    `json:"userAgent" doc:"by which browser"`
}

func showSession(s *user.Session, current string) Session {
	return Session{
		ID: s.ID, Current: s.ID == current, Method: string(s.Method), Provider: s.Provider, CreatedAt: rest.Time(s.CreatedAt), SeenAt: rest.Time(s.SeenAt),
		ExpiresAt: rest.Time(s.ExpiresAt), Address: s.Address, UserAgent: s.UserAgent,
	}
}

// Account is a person who has signed in.
type Account struct {
	ID      string       `json:"id" example:"\"usr_6b1f0c9d2e8a47530f61\""`
	Email   string       `json:"email" example:"\"ann@example.com\""`
	Tenants []Membership `json:"tenants" doc:"where they may act, the first one without the header Relay-Tenant"`
	// Operator says that they run the installation.
	Operator bool     `json:"operator" doc:"they run the installation, and may act in every tenant"`
	Session  *Session `json:"session"`
	// SecondFactor is set while the sign-in waits for it.
	SecondFactor *Waiting `json:"secondFactor,omitempty" doc:"the sign-in waits for the second factor: there is no session yet, and tenants are not listed"`

	cookie *http.Cookie // nil: it stays
}

// SetHeaders implements rest.Headed.
func (v *Account) SetHeaders(h http.Header) {
	if v.cookie != nil {
		h.Add("Set-Cookie", v.cookie.String())
	}
}

// Membership is a tenant of a person.
type Membership struct {
	ID   string `json:"id" doc:"for the header Relay-Tenant" example:"\"default\""`
	Name string `json:"name" doc:"how the person is called there" example:"\"Ann\""`
	Role string `json:"role" enum:"viewer,member,admin"`
}

func (a *API) showAccount(p *user.Person, s *user.Session) *Account {
	v := &Account{ID: p.ID, Email: p.Email, Tenants: []Membership{}}
	for _, u := range p.Active() {
		if u.Tenant == access.Platform {
			v.Operator = true
		} else if name, ok := a.Tenants.TenantName(u.Tenant); ok {
			v.Tenants = append(v.Tenants, Membership{ID: name, Name: u.Name, Role: string(u.Role)})
		}
	}
	if s != nil {
		shown := showSession(s, s.ID)
		v.Session = &shown
	}
	return v
}

var docLogin = rest.Doc{ID: "signIn", Tag: "Sign-in", Summary: "Sign in", Status: 201,
	Text: "For browsers: the answer sets a cookie, by which every other call knows the person. Programs send a key instead. The answer to a wrong address or password is the same whatever is wrong. " +
		"After five failures for an account, or from an address, each further one doubles the wait that `429` and `Retry-After` tell, up to 15 minutes. " +
		"Without HTTPS, sessions begin on this machine only, unless `publicUrl` says so."}

type loginInput struct {
	Request *http.Request
	Body    Login `body:"required"`
}

func (a *API) login(ctx context.Context, _ *access.Principal, in *loginInput) (*Account, error) {
	if err := a.maySignIn(in.Request); err != nil {
		return nil, err
	}
	signedIn, err := a.Sessions.Login(ctx, a.client(in.Request), in.Body.Email, in.Body.Password)
	return a.signedIn(in.Request, signedIn, err)
}

var docLoginByLink = rest.Doc{ID: "signInByLink", Tag: "Sign-in", Summary: "Accept an invitation, or set a new password", Status: 201,
	Text: "Uses up the token of an invitation or of a login link, and signs in as `signIn` does. Passwords have 12 characters or more and are not among those that everybody tries first."}

type loginByLinkInput struct {
	Request *http.Request
	Body    LoginByLink `body:"required"`
}

func (a *API) loginByLink(ctx context.Context, _ *access.Principal, in *loginByLinkInput) (*Account, error) {
	if err := a.maySignIn(in.Request); err != nil {
		return nil, err
	}
	signedIn, err := a.Sessions.UseLink(ctx, a.client(in.Request), in.Body.Token, in.Body.Password, in.Body.Name.Value)
	return a.signedIn(in.Request, signedIn, err)
}

func (a *API) maySignIn(r *http.Request) error {
	if err := a.SignIn.OwnPage(r, false); err != nil {
		return err
	}
	if !a.SignIn.Allowed(r) {
		return problem.New(problem.Forbidden, "sign in over HTTPS: the operator sets publicUrl to the address that browsers use")
	}
	return nil
}

func (a *API) signedIn(r *http.Request, in user.SignedIn, err error) (*Account, error) {
	if err != nil {
		return nil, err
	}
	if in.Token == "" {
		return &Account{ID: in.Person.ID, Email: in.Person.Email, Tenants: []Membership{}, SecondFactor: &Waiting{in.Waiting.Token, rest.Time(in.Waiting.ExpiresAt)}}, nil
	}
	v := a.showAccount(&in.Person, &in.Session)
	v.cookie = a.SignIn.Cookie(in.Token)
	v.cookie.MaxAge = int(user.SessionLasts.Seconds())
	return v, nil
}

var docSessionGet = rest.Doc{ID: "getSession", Tag: "Sign-in", Summary: "Who am I?"}

func (a *API) sessionGet(ctx context.Context, c *access.Principal, _ *rest.None) (*Account, error) {
	p, err := a.Sessions.Whoami(ctx, c)
	if err != nil {
		return nil, err
	}
	list, err := a.Sessions.List(ctx, c)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(list, func(s user.Session) bool { return s.ID == c.Session }); i >= 0 {
		return a.showAccount(&p, &list[i]), nil
	}
	return a.showAccount(&p, nil), nil
}

// gone is the answer of a call that ends the caller's session.
type gone struct{ cookie *http.Cookie }

// SetHeaders implements rest.Headed.
func (g *gone) SetHeaders(h http.Header) { h.Add("Set-Cookie", g.cookie.String()) }

func (a *API) gone(r *http.Request) *gone {
	c := a.SignIn.Cookie("")
	c.MaxAge = -1
	return &gone{c}
}

var docLogout = rest.Doc{ID: "signOut", Tag: "Sign-in", Summary: "Sign out", Status: 204}

type logoutInput struct {
	Request *http.Request
}

func (a *API) logout(ctx context.Context, c *access.Principal, in *logoutInput) (*gone, error) {
	if err := a.Sessions.End(ctx, c, c.Session); err != nil {
		return nil, err
	}
	return a.gone(in.Request), nil
}

var docSessionList = rest.Doc{ID: "listSessions", Tag: "Sign-in", Summary: "List your sessions", Text: "The last used first, at most 100. The list is never paged."}

func (a *API) sessionList(ctx context.Context, c *access.Principal, _ *rest.None) (*rest.List[Session], error) {
	list, err := a.Sessions.List(ctx, c)
	if err != nil {
		return nil, err
	}
	data := make([]Session, len(list))
	for i := range list {
		data[i] = showSession(&list[i], c.Session)
	}
	return rest.PageOf(data, ""), nil
}

type sessionPath struct {
	ID string `path:"id" doc:"the session's id"`
}

var docSessionEnd = rest.Doc{ID: "endSession", Tag: "Sign-in", Summary: "End one of your sessions", Status: 204}

func (a *API) sessionEnd(ctx context.Context, c *access.Principal, in *sessionPath) (*rest.None, error) {
	return nil, a.Sessions.End(ctx, c, in.ID)
}

var docSessionEndAll = rest.Doc{ID: "signOutEverywhere", Tag: "Sign-in", Summary: "Sign out everywhere", Status: 204, Text: "Ends all your sessions, this one as well, at every server at once."}

func (a *API) sessionEndAll(ctx context.Context, c *access.Principal, in *logoutInput) (*gone, error) {
	if err := a.Sessions.End(ctx, c, ""); err != nil {
		return nil, err
	}
	return a.gone(in.Request), nil
}

// ChangePassword is the request to change one's password.
type ChangePassword struct {
	Password    string `json:"password" required:"true" maxLength:"1024" doc:"the present one" example:"\"…\""`
	NewPassword string `json:"newPassword" required:"true" maxLength:"1024" doc:"12 characters or more" example:"\"…\""`
}

var docPassword = rest.Doc{ID: "changePassword", Tag: "Sign-in", Summary: "Change your password", Status: 204, Text: "Ends all your other sessions."}

type passwordInput struct {
	Request *http.Request
	Body    ChangePassword `body:"required"`
}

func (a *API) passwordChange(ctx context.Context, c *access.Principal, in *passwordInput) (*rest.None, error) {
	return nil, a.Sessions.SetPassword(ctx, c, a.client(in.Request), c.Session, in.Body.Password, in.Body.NewPassword)
}

// needsProof reports whether a call of somebody who has signed in needs a proof of who they are that is no older than
// user.ConfirmLasts: what opens the installation to others, or cannot be taken back.
func needsProof(method, path string) bool {
	if path == "/v1/passkeys/options" {
		return true // the answer lets the browser add one
	}
	if method == http.MethodGet || method == http.MethodHead {
		return false
	}
	if rest, ok := strings.CutPrefix(path, "/v1/tenants/"); ok {
		return method == http.MethodDelete && !strings.Contains(rest, "/")
	}
	for _, of := range []string{"/v1/keys", "/v1/users", "/v1/sign-in", "/v1/passkeys", "/v1/encryption-keys"} {
		if path == of || strings.HasPrefix(path, of+"/") {
			return true
		}
	}
	return false
}

// errProof asks for the proof.
var errProof = problem.New(problem.Forbidden, "prove that it is you: confirmSession (POST /v1/session/confirm) takes your password, a code or a passkey, and then this call works for ten minutes")

// ConfirmSession is the request to prove who one is.
type ConfirmSession struct {
	Password   rest.Opt[string]       `json:"password" maxLength:"1024" doc:"yours; or else a code or a passkey" example:"\"…\""`
	Code       rest.Opt[string]       `json:"code" maxLength:"40" doc:"of the app, or a recovery code; each is taken once" example:"\"123456\""`
	Credential rest.Opt[rest.RawJSON] `json:"credential" doc:"the answer of a passkey to getPasskeyOptions"`
}

// Room implements rest.Roomy.
func (*ConfirmSession) Room() (bytes int64, depth int) { return passkey.MaxAnswer + 1<<10, 8 }

var docConfirm = rest.Doc{ID: "confirmSession", Tag: "Sign-in", Summary: "Prove that it is you", Status: 204,
	Text: "For ten minutes after a sign-in, or after this call, a session may change keys, users and how people sign in, delete a tenant and replace encryption keys. Programs send a key, which needs none of this. " +
		"A session that begins by a passkey counts as proved. Somebody who signs in by an identity provider, and has neither password nor second factor here, signs in again at `/login/oidc/NAME?again=1`."}

type confirmInput struct {
	Request *http.Request
	Body    ConfirmSession `body:"required"`
}

func (a *API) confirm(ctx context.Context, c *access.Principal, in *confirmInput) (*rest.None, error) {
	if len(in.Body.Credential.Value) > 0 {
		return nil, a.Sessions.ConfirmPasskey(ctx, c, a.client(in.Request), a.SignIn.Party(in.Request), in.Body.Credential.Value)
	}
	return nil, a.Sessions.Confirm(ctx, c, a.client(in.Request), in.Body.Password.Value, in.Body.Code.Value)
}
