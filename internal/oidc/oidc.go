// Package oidc speaks with an identity provider (OpenID Connect): where to send a browser, and what the provider says of the
// person who comes back.
//
// A sign-in is the authorization code flow with PKCE (S256), a state and a nonce. What the browser keeps of it meanwhile is
// an Attempt, for a cookie that is used once. Nothing is believed but an ID token that the provider has signed for this
// client, with an algorithm that takes a key.
//
// The provider is asked for its addresses at the first sign-in, and again after a failure, so that one which is down keeps
// no server from starting.
package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
	"github.com/relay-events/relay/internal/secret"
)

// attemptTime is how long a person has to sign in at the provider.
const attemptTime = 10 * time.Minute

// algorithms are those that ID tokens may be signed with: all take the provider's private key. "none" and those of a shared
// secret are not among them, whatever the provider announces.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// Config says which provider, and as whom Relay asks it. All fields are required unless they say otherwise.
type Config struct {
	Issuer       string // the provider's address, exactly as its tokens name it
	ClientID     string
	ClientSecret secret.Text // empty: the client is public
	Scopes       []string    // beside "openid"
	// Client makes all requests to the provider.
	Client *http.Client
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Provider is an identity provider. It is safe for concurrent use.
type Provider struct {
	c Config

	mu     sync.Mutex
	found  *found    // guarded by mu; nil: it has not been reached yet
	asked  time.Time // when it was asked last; guarded by mu
	failed error     // what came of that; guarded by mu
}

const (
	// askAgain is how long what the provider has said of itself is taken for its present word. A sign-in that begins later
	// asks again, so that a provider that is down is noticed here, and not by an error page of the browser.
	askAgain = 30 * time.Second
	// downFor is how long a provider that could not be reached is not asked again: those who wait must not wait in a row.
	downFor = 2 * time.Second
)

// found is what the provider has said of itself.
type found struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	// namesItself tells that its answers carry the parameter iss (RFC 9207).
	namesItself bool
	// logouts verifies logout tokens, which need not expire.
	logouts    *oidc.IDTokenVerifier
	endSession string // where people sign out at the provider; empty: nowhere
}

// New returns a provider; it asks nothing yet.
func New(c Config) (*Provider, error) {
	if c.Issuer == "" || c.ClientID == "" || c.Client == nil {
		return nil, errors.New("oidc: Config lacks Issuer, ClientID or Client")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Provider{c: c}, nil
}

// Attempt is a sign-in that has begun. It belongs to the browser that began it, and serves once.
type Attempt struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"` // of PKCE
	Until    time.Time `json:"until"`
}

// Claims are what the provider says of a person.
type Claims struct {
	Issuer, Subject string // the person, for ever
	Email           string
	EmailVerified   bool
	Session         string         // the provider's id of its session (sid); empty: it names none
	ProvedAt        time.Time      // when the person proved who they are (auth_time); zero: the provider does not say
	All             map[string]any // all claims, as JSON is read
}

var (
	// errDown is the answer while the provider cannot be reached.
	errDown = problem.New(problem.Unavailable, "the identity provider cannot be reached at this moment: try again")
	// errAnswer is the same whatever is wrong with what the browser brings back.
	errAnswer = problem.New(problem.Unauthorized, "this sign-in is not valid, or took too long: begin again")
)

// ask returns ctx with the client that requests to the provider go through.
func (p *Provider) ask(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.c.Client)
}

// discover returns what the provider says of itself. begins tells that a sign-in begins: then it must be reachable now;
// otherwise what it said once will do.
func (p *Provider) discover(ctx context.Context, begins bool) (*found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	age := p.c.Now().Sub(p.asked)
	switch {
	case p.found != nil && (!begins || p.failed == nil && age < askAgain):
		return p.found, nil
	case p.failed != nil && age < downFor:
		return nil, p.failed
	}
	f, err := p.announce(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err() // whoever asked has left, which says nothing of the provider
	}
	p.asked, p.failed = p.c.Now(), err
	if err == nil {
		p.found = f
	}
	return f, err
}

// Down reports whether the provider could not be reached when it was asked last, a short while ago.
func (p *Provider) Down() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed != nil && p.c.Now().Sub(p.asked) < askAgain
}

func (p *Provider) announce(ctx context.Context) (*found, error) {
	provider, err := oidc.NewProvider(p.ask(ctx), p.c.Issuer)
	if err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "%s", errDown.Detail)
	}
	var says struct {
		NamesItself bool     `json:"authorization_response_iss_parameter_supported"`
		Algorithms  []string `json:"id_token_signing_alg_values_supported"`
		EndSession  string   `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&says); err != nil {
		return nil, problem.Wrap(err, problem.Unavailable, "%s", errDown.Detail)
	}
	signed := slices.DeleteFunc(slices.Clone(algorithms), func(a string) bool { return len(says.Algorithms) > 0 && !slices.Contains(says.Algorithms, a) })
	if len(signed) == 0 {
		return nil, problem.New(problem.Unavailable, "the identity provider signs its tokens with %v, and Relay takes none of these", says.Algorithms)
	}
	// It asks for keys later by this context, which must not end with the request.
	later := p.ask(context.WithoutCancel(ctx))
	verifier := func(skipExpiry bool) *oidc.IDTokenVerifier {
		return provider.VerifierContext(later, &oidc.Config{ClientID: p.c.ClientID, SupportedSigningAlgs: signed, Now: p.c.Now, SkipExpiryCheck: skipExpiry})
	}
	return &found{provider: provider, namesItself: says.NamesItself, endSession: says.EndSession, verifier: verifier(false), logouts: verifier(true)}, nil
}

func (p *Provider) oauth(f *found, redirect string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.c.ClientID, ClientSecret: p.c.ClientSecret.Reveal(), Endpoint: f.provider.Endpoint(), RedirectURL: redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, p.c.Scopes...),
	}
}

// Begin returns the address at the provider to send a browser to, and what the browser must bring back. redirect is the
// address at Relay that it then comes to. again tells that the person must prove who they are, even if the provider knows
// them still. An Unavailable problem says that the provider cannot be reached.
func (p *Provider) Begin(ctx context.Context, redirect string, again bool) (address string, a Attempt, err error) {
	f, err := p.discover(ctx, true)
	if err != nil {
		return "", Attempt{}, err
	}
	a = Attempt{State: randomid.Token(""), Nonce: randomid.Token(""), Verifier: oauth2.GenerateVerifier(), Until: p.c.Now().UTC().Add(attemptTime)}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}
	if again {
		// The provider then says when, in auth_time: OpenID Connect Core section 3.1.2.1.
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return p.oauth(f, redirect).AuthCodeURL(a.State, options...), a, nil
}

// Finish returns what the provider says of the person who comes back with the answer, the query of the address that Begin
// was given. An Unauthorized problem says that the answer is not one to this attempt, or that the provider refused.
func (p *Provider) Finish(ctx context.Context, a Attempt, redirect string, answer url.Values) (Claims, error) {
	if a.State == "" || !p.c.Now().Before(a.Until) || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(a.State)) != 1 {
		return Claims{}, errAnswer
	}
	f, err := p.discover(ctx, false)
	if err != nil {
		return Claims{}, err
	}
	// Before anything else of the answer is believed: it may be another provider's (RFC 9207 section 2.4).
	if iss := answer.Get("iss"); iss != p.c.Issuer && (iss != "" || f.namesItself) {
		return Claims{}, errAnswer
	}
	if code := answer.Get("error"); code != "" {
		return Claims{}, problem.New(problem.Unauthorized, "the identity provider refused the sign-in: %s", problem.Clip(code))
	}
	if answer.Get("code") == "" {
		return Claims{}, errAnswer
	}
	tokens, err := p.oauth(f, redirect).Exchange(p.ask(ctx), answer.Get("code"), oauth2.VerifierOption(a.Verifier))
	if refused := new(oauth2.RetrieveError); errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError {
		return Claims{}, problem.Wrap(errors.New("the provider took no code: "+problem.Clip(refused.ErrorCode)), problem.Unauthorized, "%s", errAnswer.Detail)
	} else if err != nil {
		return Claims{}, problem.Wrap(errors.New("exchanging the code failed"), problem.Unavailable, "%s", errDown.Detail) // the cause may hold tokens
	}
	text, _ := tokens.Extra("id_token").(string)
	claims, err := p.read(ctx, f, text)
	if err != nil {
		return Claims{}, err
	}
	if nonce, _ := claims.All["nonce"].(string); subtle.ConstantTimeCompare([]byte(nonce), []byte(a.Nonce)) != 1 {
		return Claims{}, errAnswer
	}
	return claims, nil
}

// read checks an ID token and returns what it says.
func (p *Provider) read(ctx context.Context, f *found, text string) (Claims, error) {
	token, err := f.verifier.Verify(p.ask(ctx), text)
	if err != nil {
		return Claims{}, problem.Wrap(fmt.Errorf("checking an ID token: %w", err), problem.Unauthorized, "%s", errAnswer.Detail)
	}
	c := Claims{Issuer: token.Issuer, Subject: token.Subject}
	if err := token.Claims(&c.All); err != nil || c.Subject == "" {
		return Claims{}, errAnswer
	}
	c.Email, _ = c.All["email"].(string)
	c.EmailVerified, _ = c.All["email_verified"].(bool)
	c.Session, _ = c.All["sid"].(string)
	if at, ok := c.All["auth_time"].(float64); ok && at > 0 {
		c.ProvedAt = time.Unix(int64(at), 0).UTC()
	}
	return c, nil
}
