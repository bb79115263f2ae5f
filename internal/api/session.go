package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/web"
)

// Sessions signs people in and out; user.Sessions does.
type Sessions interface {
	Login(ctx context.Context, from user.Client, email, password string) (user.SignedIn, error)
	UseLink(ctx context.Context, from user.Client, token, password, name string) (user.SignedIn, error)
	Resume(ctx context.Context, token string, tenant event.TenantID) (user.Session, *access.Principal, error)
	Whoami(ctx context.Context, p *access.Principal) (user.Person, error)
	List(ctx context.Context, p *access.Principal) ([]user.Session, error)
	End(ctx context.Context, p *access.Principal, id string) error
	SetPassword(ctx context.Context, p *access.Principal, from user.Client, keep, present, password string) error
}

// The names of the cookie that holds a session's token. Browsers take the first one over HTTPS only, from this very host
// (RFC 6265bis section 4.1.3.2).
const (
	secureCookie = "__Host-relay"
	plainCookie  = "relay"
)

// cookie returns the name of the cookie of a session, and whether sessions may begin here. Without HTTPS, a session is
// readable on the way, so it takes an operator who says so by publicUrl, or a way that does not leave the machine.
func (a *API) cookie(r *http.Request) (name string, ok bool) {
	switch {
	case a.PublicURL == nil:
		return plainCookie, loopback(r.Host)
	case a.PublicURL.Scheme == "https":
		return secureCookie, true
	}
	return plainCookie, true
}

// loopback reports whether the host, with or without a port, is this machine to the browser.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.IsLoopback()
}

// sessionToken returns the token in the request's cookie, empty without one.
func (a *API) sessionToken(r *http.Request) string {
	name, _ := a.cookie(r)
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// ownPage refuses a request by a browser that another site has caused. fromBrowser says that the request must tell where
// it comes from: it rests on a cookie, which a browser sends whoever causes the request, and browsers that send neither
// Sec-Fetch-Site nor Origin are too old to be told apart.
func (a *API) ownPage(r *http.Request, fromBrowser bool) error {
	if err := a.crossOrigin.Check(r); err != nil {
		return problem.Wrap(err, problem.Forbidden, "another site has caused this request, or a proxy has changed its Host: set publicUrl to the address that browsers use")
	}
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	if fromBrowser && !safe && r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return problem.New(problem.Forbidden, "a change by a session needs the header Origin or Sec-Fetch-Site, which browsers send; programs send a key instead")
	}
	return nil
}

// identifySession tells who makes a request by the cookie of their session. The header Relay-Tenant names the tenant they
// act in; without it, the first one they belong to.
func (a *API) identifySession(r *http.Request, token string) (*rest.Caller, error) {
	if err := a.ownPage(r, true); err != nil {
		return nil, err
	}
	name, tenant, known := r.Header.Get("Relay-Tenant"), event.TenantID(-1), true
	if name != "" {
		var t account.Tenant
		if t, known = a.Keys.Tenant(name); known {
			tenant = t.ID
		}
	}
	_, p, err := a.Sessions.Resume(r.Context(), token, tenant)
	switch {
	case problem.KindOf(err) == problem.Unauthorized:
		return nil, a.failed(r, err)
	case err == nil && !known, problem.KindOf(err) == problem.NotFound:
		return nil, errNoTenant(name)
	case err != nil:
		return nil, err
	}
	p.Request = a.requestOf(r)
	return &rest.Caller{Principal: p, Secret: token}, nil
}

// client is where a request to sign in comes from.
func (a *API) client(r *http.Request) user.Client {
	c := user.Client{Request: a.requestOf(r), Addr: web.ClientAddr(r, a.TrustedProxies), Before: a.sessionToken(r)}
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
	Method    string    `json:"method" enum:"password,invitation,loginLink"`
	CreatedAt rest.Time `json:"createdAt"`
	SeenAt    rest.Time `json:"seenAt" doc:"the last request, to the minute; a session that is not used for 12 hours ends"`
	ExpiresAt rest.Time `json:"expiresAt" doc:"when it ends even if it is in use"`
	Address   string    `json:"address" doc:"from where the person signed in" example:"\"192.0.2.1\""`
	UserAgent string    `json:"userAgent" doc:"by which browser"`
}

func showSession(s *user.Session, current string) Session {
	return Session{
		ID: s.ID, Current: s.ID == current, Method: string(s.Method), CreatedAt: rest.Time(s.CreatedAt), SeenAt: rest.Time(s.SeenAt),
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
		} else if name, ok := a.Keys.TenantName(u.Tenant); ok {
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
	if err := a.ownPage(r, false); err != nil {
		return err
	}
	if _, ok := a.cookie(r); !ok {
		return problem.New(problem.Forbidden, "sign in over HTTPS: the operator sets publicUrl to the address that browsers use")
	}
	return nil
}

func (a *API) signedIn(r *http.Request, in user.SignedIn, err error) (*Account, error) {
	if err != nil {
		return nil, err
	}
	v := a.showAccount(&in.Person, &in.Session)
	v.cookie = a.sessionCookie(r, in.Token)
	v.cookie.MaxAge = int(user.SessionLasts.Seconds())
	return v, nil
}

// sessionCookie returns the cookie that holds a token; the caller says for how long.
func (a *API) sessionCookie(r *http.Request, token string) *http.Cookie {
	name, _ := a.cookie(r)
	// Lax: a link from a mail or a chat finds the person signed in, and no other site can make them change anything.
	return &http.Cookie{Name: name, Value: token, Path: "/", HttpOnly: true, Secure: name == secureCookie, SameSite: http.SameSiteLaxMode}
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
	c := a.sessionCookie(r, "")
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

// trust makes a check of where requests come from that takes the public address for this server's own.
func trust(public *url.URL) (*http.CrossOriginProtection, error) {
	c := http.NewCrossOriginProtection()
	if public == nil {
		return c, nil
	}
	return c, c.AddTrustedOrigin(public.Scheme + "://" + public.Host)
}
