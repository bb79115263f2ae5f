package api

import (
	"cmp"
	"context"
	"net/http"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/user"
)

// Factors are the second factors of people; user.Sessions has them.
type Factors interface {
	LoginCode(ctx context.Context, from user.Client, token, code string) (user.SignedIn, error)
	Factor(ctx context.Context, p *access.Principal) (user.FactorStatus, error)
	SetUpFactor(ctx context.Context, p *access.Principal, from user.Client, password, issuer string) (user.Setup, error)
	ConfirmFactor(ctx context.Context, p *access.Principal, from user.Client, code string) ([]string, error)
	RenewRecoveryCodes(ctx context.Context, p *access.Principal, from user.Client, code string) ([]string, error)
	DisableFactor(ctx context.Context, p *access.Principal, from user.Client, code string) error
}

// SignInSettings are what tenants ask of people who sign in; user.SettingsStore is it.
type SignInSettings interface {
	Get(p *access.Principal) user.Settings
	Change(ctx context.Context, p *access.Principal, edit func(*user.Settings)) (user.Settings, error)
}

// Waiting is a sign-in that waits for the second factor.
type Waiting struct {
	Token     string    `json:"token" doc:"for signInByCode" example:"\"rp_…\""`
	ExpiresAt rest.Time `json:"expiresAt" doc:"until when it waits"`
}

// Code is a code of a second factor.
type Code struct {
	Code string `json:"code" required:"true" maxLength:"40" doc:"the six digits that the app shows, or a recovery code; each is taken once" example:"\"123456\""`
}

// Room implements rest.Roomy.
func (*Code) Room() (bytes int64, depth int) { return 1 << 10, 2 }

// LoginByCode is the request to end a sign-in by a code.
type LoginByCode struct {
	Token string `json:"token" required:"true" maxLength:"100" doc:"secondFactor.token of the answer to the first step" example:"\"rp_…\""`
	Code  string `json:"code" required:"true" maxLength:"40" doc:"the six digits that the app shows, or a recovery code; each is taken once" example:"\"123456\""`
}

// Room implements rest.Roomy: nobody has shown who they are yet.
func (*LoginByCode) Room() (bytes int64, depth int) { return 1 << 10, 2 }

var docLoginByCode = rest.Doc{ID: "signInByCode", Tag: "Sign-in", Summary: "Prove the second factor", Status: 201,
	Text: "The second step of somebody who has a second factor: `signIn` and `signInByLink` then answer a token, which waits for five minutes, and set no cookie. Wrong codes are counted as wrong passwords are."}

type loginByCodeInput struct {
	Request *http.Request
	Body    LoginByCode `body:"required"`
}

func (a *API) loginByCode(ctx context.Context, _ *access.Principal, in *loginByCodeInput) (*Account, error) {
	if err := a.maySignIn(in.Request); err != nil {
		return nil, err
	}
	signedIn, err := a.Sessions.LoginCode(ctx, a.client(in.Request), in.Body.Token, in.Body.Code)
	return a.signedIn(in.Request, signedIn, err)
}

// SecondFactor is where somebody stands with their second factor.
type SecondFactor struct {
	Enabled       bool       `json:"enabled" doc:"it is asked for at each sign-in"`
	EnabledAt     *rest.Time `json:"enabledAt" doc:"null: it is not enabled"`
	RecoveryCodes int        `json:"recoveryCodes" doc:"how many are left" example:"10"`
}

var docFactorGet = rest.Doc{ID: "getSecondFactor", Tag: "Sign-in", Summary: "Get your second factor"}

func (a *API) factorGet(ctx context.Context, c *access.Principal, _ *rest.None) (*SecondFactor, error) {
	f, err := a.Sessions.Factor(ctx, c)
	if err != nil {
		return nil, err
	}
	return &SecondFactor{Enabled: f.Enabled, EnabledAt: rest.TimeOrNil(f.ConfirmedAt), RecoveryCodes: f.Codes}, nil
}

// SetUpSecondFactor is the request to begin with a second factor.
type SetUpSecondFactor struct {
	Password rest.Opt[string] `json:"password" maxLength:"1024" doc:"your password; it may be left out within ten minutes after signing in" example:"\"…\""`
}

// SecondFactorSetup is the secret for an authenticator app. It is shown once.
type SecondFactorSetup struct {
	Secret string `json:"secret" doc:"in base32, to type into the app" example:"\"JBSWY3DPEHPK3PXP…\""`
	URI    string `json:"uri" doc:"the same with all that belongs to it, as QR codes hold it" example:"\"otpauth://totp/…\""`
}

var docFactorSetUp = rest.Doc{ID: "setUpSecondFactor", Tag: "Sign-in", Summary: "Begin to set up a second factor", Status: 201,
	Text: "Makes a new secret for an authenticator app: codes of six digits, a new one every 30 seconds, as in RFC 6238. It holds once `confirmSecondFactor` has seen a code, within ten minutes."}

type factorSetUpInput struct {
	Request *http.Request
	Body    SetUpSecondFactor `body:"optional"`
}

func (a *API) factorSetUp(ctx context.Context, c *access.Principal, in *factorSetUpInput) (*SecondFactorSetup, error) {
	s, err := a.Sessions.SetUpFactor(ctx, c, a.client(in.Request), in.Body.Password.Value, a.SignIn.Issuer())
	if err != nil {
		return nil, err
	}
	return &SecondFactorSetup{Secret: s.Secret, URI: s.URI}, nil
}

// RecoveryCodes are for when the app is lost.
type RecoveryCodes struct {
	RecoveryCodes []string `json:"recoveryCodes" doc:"shown once; each is taken once in place of a code of the app" example:"[\"ABCD-EFGH-IJKL-MNOP\"]"`
}

var docFactorConfirm = rest.Doc{ID: "confirmSecondFactor", Tag: "Sign-in", Summary: "Enable your second factor", Text: "Takes a code of the app. Ends all your other sessions, and answers ten recovery codes, for the only time."}

type codeInput struct {
	Request *http.Request
	Body    Code `body:"required"`
}

func (a *API) factorConfirm(ctx context.Context, c *access.Principal, in *codeInput) (*RecoveryCodes, error) {
	codes, err := a.Sessions.ConfirmFactor(ctx, c, a.client(in.Request), in.Body.Code)
	if err != nil {
		return nil, err
	}
	return &RecoveryCodes{codes}, nil
}

var docFactorRenew = rest.Doc{ID: "renewRecoveryCodes", Tag: "Sign-in", Summary: "Replace your recovery codes", Text: "Takes a code. Those before are no longer taken."}

func (a *API) factorRenew(ctx context.Context, c *access.Principal, in *codeInput) (*RecoveryCodes, error) {
	codes, err := a.Sessions.RenewRecoveryCodes(ctx, c, a.client(in.Request), in.Body.Code)
	if err != nil {
		return nil, err
	}
	return &RecoveryCodes{codes}, nil
}

var docFactorDisable = rest.Doc{ID: "disableSecondFactor", Tag: "Sign-in", Summary: "Disable your second factor", Status: 204, Text: "Takes a code, or a recovery code."}

func (a *API) factorDisable(ctx context.Context, c *access.Principal, in *codeInput) (*rest.None, error) {
	return nil, a.Sessions.DisableFactor(ctx, c, a.client(in.Request), in.Body.Code)
}

var docUserFactorDisable = rest.Doc{ID: "disableUserSecondFactor", Tag: "Users", Summary: "Disable a user's second factor",
	Text: "For somebody who has lost their app and their recovery codes, or the device with their passkey. Removes their passkeys, too. Of a person who signs in elsewhere, too, only the platform can do it."}

func (a *API) userFactorDisable(ctx context.Context, c *access.Principal, in *userPath) (*User, error) {
	return shown(a.Users.DisableFactor(ctx, c, in.ID))
}

// SignIn is a tenant's requirements of people who sign in.
type SignIn struct {
	SecondFactor []string `json:"secondFactor" enum:"viewer,member,admin,operator" doc:"the roles that need a second factor: whoever has none may set it up, and do nothing else" example:"[\"admin\"]"`
	// PasswordLogin is shown of the installation only.
	PasswordLogin string `json:"passwordLogin,omitempty" enum:"on,admins,off" doc:"of=platform only: who signs in at Relay itself, by password; off: nobody but by a login link" example:"\"on\""`
}

// UpdateSignIn is the request to change it.
type UpdateSignIn struct {
	SecondFactor  rest.Opt[[]string] `json:"secondFactor" enum:"viewer,member,admin,operator" doc:"null: none; operator is a role of the installation" example:"[\"admin\"]"`
	PasswordLogin rest.Opt[string]   `json:"passwordLogin" enum:"on,admins,off" doc:"of=platform only; null: on" example:"\"on\""`
}

type ofQuery struct {
	Of string `query:"of" enum:"tenant,platform" default:"\"tenant\"" doc:"platform: of the installation, to whoever runs it: what is asked of operators"`
}

// principal returns the caller as they act in the scope of the question.
func (q *ofQuery) principal(c *access.Principal) (*access.Principal, error) {
	if q.Of != "platform" {
		return c, nil
	}
	if !c.Allows(access.RunPlatform) {
		return nil, problem.New(problem.Forbidden, "the installation is for those who run it: use a key with the scope %q, or sign in as an operator", access.ScopePlatform)
	}
	p := *c
	p.Tenant = access.Platform
	return &p, nil
}

func showSignIn(p *access.Principal, s user.Settings) *SignIn {
	v := &SignIn{SecondFactor: []string{}}
	if p.Tenant == access.Platform {
		v.PasswordLogin = cmp.Or(string(s.PasswordLogin), string(user.PasswordsOn))
	}
	for _, r := range s.SecondFactor {
		v.SecondFactor = append(v.SecondFactor, string(r))
	}
	return v
}

var docSignInGet = rest.Doc{ID: "getSignIn", Tag: "Users", Summary: "Get how people sign in"}

func (a *API) signInGet(_ context.Context, c *access.Principal, in *ofQuery) (*SignIn, error) {
	p, err := in.principal(c)
	if err != nil {
		return nil, err
	}
	return showSignIn(p, a.SignInSettings.Get(p)), nil
}

var docSignInUpdate = rest.Doc{ID: "updateSignIn", Tag: "Users", Summary: "Change how people sign in", Text: "Holds from everybody's next request on. An operator has the role of an admin in each tenant."}

type signInUpdateInput struct {
	ofQuery
	Body UpdateSignIn `body:"required"`
}

func (a *API) signInUpdate(ctx context.Context, c *access.Principal, in *signInUpdateInput) (*SignIn, error) {
	p, err := in.principal(c)
	if err != nil {
		return nil, err
	}
	s, err := a.SignInSettings.Change(ctx, p, func(s *user.Settings) {
		if in.Body.SecondFactor.Given {
			s.SecondFactor = nil
			for _, r := range in.Body.SecondFactor.Value {
				s.SecondFactor = append(s.SecondFactor, access.Role(r))
			}
		}
		if in.Body.PasswordLogin.Given {
			s.PasswordLogin = user.PasswordLogin(in.Body.PasswordLogin.Value)
		}
	})
	if err != nil {
		return nil, err
	}
	return showSignIn(p, s), nil
}
