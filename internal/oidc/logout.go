package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/relay-events/relay/internal/problem"
)

// Logout is what a provider says of somebody who has signed out there. One of the two may be empty.
type Logout struct {
	Subject string // the person
	Session string // the provider's id of its session (sid)
}

const (
	// logoutEvent names what a logout token is about: OpenID Connect Back-Channel Logout 1.0 section 2.4.
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	// logoutAge is how old a logout token may be, and how far the provider's clock may be ahead: a token that somebody has
	// kept must not end the sessions of later.
	logoutAge = 5 * time.Minute
)

var errLogout = problem.New(problem.Malformed, "this is not a logout token of the identity provider")

// ReadLogout checks a logout token and returns what it says. A Malformed problem says that it is not one for this client.
func (p *Provider) ReadLogout(ctx context.Context, text string) (Logout, error) {
	f, err := p.discover(ctx, false)
	if err != nil {
		return Logout{}, err
	}
	token, err := f.logouts.Verify(p.ask(ctx), text)
	if err != nil {
		return Logout{}, problem.Wrap(fmt.Errorf("checking a logout token: %w", err), problem.Malformed, "%s", errLogout.Detail)
	}
	var says struct {
		Session string                     `json:"sid"`
		Nonce   *string                    `json:"nonce"`
		Events  map[string]json.RawMessage `json:"events"`
	}
	age := p.c.Now().Sub(token.IssuedAt)
	expired := !token.Expiry.IsZero() && token.Expiry.Unix() > 0 && !p.c.Now().Before(token.Expiry)
	if err := token.Claims(&says); err != nil || says.Nonce != nil || says.Events[logoutEvent] == nil || says.Session == "" && token.Subject == "" ||
		age > logoutAge || age < -logoutAge || expired {
		return Logout{}, errLogout
	}
	return Logout{Subject: token.Subject, Session: says.Session}, nil
}

// EndSession returns the address at the provider where somebody signs out there, and comes back to the address back; empty:
// the provider has none, or cannot be reached.
func (p *Provider) EndSession(ctx context.Context, back string) string {
	f, err := p.discover(ctx, false)
	if err != nil || f.endSession == "" {
		return ""
	}
	u, err := url.Parse(f.endSession)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	q := u.Query()
	q.Set("client_id", p.c.ClientID)
	q.Set("post_logout_redirect_uri", back)
	u.RawQuery = q.Encode()
	return u.String()
}
