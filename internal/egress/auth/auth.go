// Package auth is how requests to an endpoint say who they come from: by a password, a key, a token of an OAuth 2.0
// server, or a client certificate.
//
// The idea: a user chooses Settings, which are checked when they are saved. An Authenticator is made from them
// once and is shared by all requests to the endpoint. For most types it hands out one and the same header field; for
// OAuth it keeps a token, and gets a new one before the old one expires or after an endpoint has refused it, one
// request at a time however many deliveries wait.
//
// golang.org/x/oauth2 is not used for that. It takes answers in form encoding, reads up to 1 MiB of them, repeats them
// in its errors (where a server may have put the secret it was sent), has nothing to say "this token was refused", and
// lets no caller that waits for a refresh give up. What remains is one POST.
package auth

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/relay-events/relay/internal/egress"
)

// Authenticator gives requests to one endpoint their credentials. It is safe for concurrent use. Make it
// with New and end it with Close.
type Authenticator struct {
	kind     Type
	field    egress.Field     // of basic and apiKey
	identity *egress.Identity // of mtls
	tokens   *tokens          // of oauth2
}

// New returns an Authenticator for settings that Check has passed. Tokens are asked for through client, which must
// outlive it. Nothing is sent before the first call of Header.
func New(s Settings, client *egress.Client) (*Authenticator, error) {
	a := &Authenticator{kind: s.Type}
	var err error
	switch s.Type {
	case None, "":
		a.kind = None
	case Basic:
		a.field = egress.Field{Name: "Authorization", Value: basic(s.Username, s.Password.Reveal())}
	case APIKey:
		a.field = egress.Field{Name: s.header(), Value: s.Prefix + s.Token.Reveal()}
	case OAuth2:
		var q *tokenRequest
		if q, err = newTokenRequest(s, client); err == nil {
			a.tokens = newTokens(q.fetch)
			a.tokens.key = q.req.Target.String()
		}
	case MTLS:
		a.identity, err = egress.NewIdentity([]byte(s.Cert), []byte(s.Key.Reveal()))
	default:
		err = fmt.Errorf("unknown type %q", s.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("authentication of type %q: %w", s.Type, err)
	}
	return a, nil
}

// PaceBy has Authenticators of one owner with the same token server share the pauses behind failures. It is called before
// Header is.
func (a *Authenticator) PaceBy(p *Pacer, owner string) {
	if a.tokens != nil {
		a.tokens.pacer, a.tokens.key = p, owner+" "+a.tokens.key
	}
}

// Header returns the field to send, and false where there is none to send (none, mtls). For oauth2 it may ask the token
// server first, and then wait for it, but not longer than ctx; the end of ctx does not end the request to the token
// server, for which others may wait too. The error is an *Error, ErrClosed, or that of ctx.
func (a *Authenticator) Header(ctx context.Context) (egress.Field, bool, error) {
	switch a.kind {
	case Basic, APIKey:
		return a.field, true, nil
	case OAuth2:
		t, err := a.tokens.get(ctx)
		if err != nil {
			return egress.Field{}, false, err
		}
		return t.field, true, nil
	}
	return egress.Field{}, false, nil
}

// Refused says that the endpoint answered 401 to a request that carried the field used. It reports whether the request
// is worth sending once more, with the field that Header returns now. Without oauth2 it never is. With it, a token that
// is still the current one is replaced, by one request that all who were refused wait for; an endpoint that goes on
// refusing fresh tokens gets them at growing intervals, and in between it reports false at once. The error says why
// there is no other token; it is as of Header, and comes with false.
func (a *Authenticator) Refused(ctx context.Context, used egress.Field) (retry bool, err error) {
	if a.tokens == nil {
		return false, nil
	}
	return a.tokens.refused(ctx, used)
}

// Identity returns the client certificate to set in egress.Request, nil for none. It is always the same one.
func (a *Authenticator) Identity() *egress.Identity { return a.identity }

// Close ends a request to the token server that is under way, and waits for its end. Calls that wait for it return
// ErrClosed, and later ones do when they would need a token that is not there. Closing twice is harmless.
func (a *Authenticator) Close() {
	if a.tokens != nil {
		a.tokens.close()
	}
}

// String tells the type and no credentials.
func (a *Authenticator) String() string { return "authentication of type " + string(a.kind) }

// Masked returns a field that Header returned as the log of attempts may show it: "Bearer ***", or "***".
func Masked(f egress.Field) egress.Field {
	scheme, _, ok := strings.Cut(f.Value, " ")
	if ok && (scheme == "Basic" || scheme == "Bearer") {
		return egress.Field{Name: f.Name, Value: scheme + " ***"}
	}
	return egress.Field{Name: f.Name, Value: "***"}
}

// basic returns the value of RFC 7617.
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
