package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/webhook"
)

// authentication is what all requests to a webhook authenticate with, those of
// tests too. It outlives changes of the webhook that are not its own, so that
// a token is kept.
type authentication struct {
	*auth.Authenticator // nil: err says why

	err         error          // of settings that cannot be used
	shown       exchange.Field // what it sends as the log shows it, in place of a header of the webhook's own; zero: none
	credentials []string       // beside tokens: what an answer that echoes requests is cleared of
}

// authenticationOf returns what the settings ask for, nil for none. It sends nothing.
func (e *Engine) authenticationOf(tenant event.TenantID, s auth.Settings) *authentication {
	if s.Type == auth.None || s.Type == "" {
		return nil
	}
	a := &authentication{credentials: []string{s.Password.Reveal(), s.Token.Reveal()}}
	switch s.Type {
	case auth.Basic:
		a.shown = auth.Masked(exchange.Field{Name: "Authorization", Value: "Basic "})
	case auth.OAuth2:
		a.shown = auth.Masked(exchange.Field{Name: "Authorization", Value: "Bearer "})
	case auth.APIKey:
		a.shown = auth.Masked(exchange.Field{Name: s.Header, Value: s.Prefix + s.Token.Reveal()})
	}
	if s.Type == auth.OAuth2 && e.tokens == nil {
		a.err = errors.New("this relay asks for no tokens")
		return a
	}
	var err error
	if a.Authenticator, err = auth.New(s, e.tokens); err != nil {
		a.err = fmt.Errorf("the webhook's authentication cannot be used, set it again: %w", err)
		return a
	}
	a.PaceBy(&e.tokenPacer, strconv.Itoa(int(tenant)))
	return a
}

// end closes the authentication, which may be nil. What waits for a token then
// is given back uncounted.
func (a *authentication) end() {
	if a != nil && a.Authenticator != nil {
		a.Close()
	}
}

// identity returns the client certificate to show, nil for none.
func (a *authentication) identity() *egress.Identity {
	if a == nil || a.Authenticator == nil {
		return nil
	}
	return a.Identity()
}

// field returns the header field to send, and false where there is none. It
// waits for a token for at most the limit.
func (a *authentication) field(ctx context.Context, limit time.Duration) (exchange.Field, bool, error) {
	if a == nil {
		return exchange.Field{}, false, nil
	}
	if a.err != nil {
		return exchange.Field{}, false, a.err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return a.Header(ctx)
}

// authError says in words why there is nothing to authenticate with.
func authError(err error, limit time.Duration) string {
	var why *auth.Error
	switch {
	case errors.As(err, &why):
		return why.Message
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("the limit of %v for the attempt ran out while waiting for a token", limit)
	default:
		return err.Error()
	}
}

// call makes the request of an attempt that began at start, and once more with
// a fresh token if the endpoint refuses the one that field holds. header is
// the request's without field. It returns with an error if there is no fresh
// token: what came of the request is then the answer that refused the old one.
func (e *Engine) call(ctx context.Context, ep *endpoint, req *egress.Request, field exchange.Field, start time.Time) (
	res *exchange.Response, timing exchange.Timing, fail *egress.Error, err error,
) {
	header := req.Header
	limit := req.Timeout
	req.Header = append(slices.Clip(header), field)
	req.Timeout = remaining(limit, start)
	res, timing, fail = e.sender.Do(ctx, req)
	if fail != nil && !fail.Body || res.Status != http.StatusUnauthorized {
		return conceal(ep, res, field), timing, fail, nil
	}
	waiting, cancel := context.WithDeadline(ctx, start.Add(limit))
	defer cancel()
	again, err := ep.auth.Refused(waiting, field)
	var fresh exchange.Field
	if again && err == nil {
		fresh, _, err = ep.auth.Header(waiting)
	}
	if left := remaining(limit, start); again && err == nil && left > 0 {
		req.Header = append(slices.Clip(header), fresh)
		req.Timeout = left
		field = fresh
		res, timing, fail = e.sender.Do(ctx, req)
	}
	return conceal(ep, res, field), timing, fail, err
}

// remaining returns what is left of an attempt's limit. Instants are not
// counted: "within 10s" says more than "within 9.99998s".
func remaining(limit time.Duration, start time.Time) time.Duration {
	return limit - time.Since(start).Truncate(10*time.Millisecond)
}

// leastConcealed is the length, in bytes, from which on a credential is looked
// for in answers: a shorter one would be found everywhere.
const leastConcealed = 8

// conceal removes credentials from an answer that repeats the request, as
// endpoints for tests and some error pages do: the log must not hold them.
func conceal(ep *endpoint, res *exchange.Response, field exchange.Field) *exchange.Response {
	if res == nil {
		return nil
	}
	_, bare, _ := strings.Cut(field.Value, " ") // without the scheme
	var secrets [][]byte
	for _, s := range append([]string{field.Value, bare}, ep.auth.credentials...) {
		if len(s) >= leastConcealed {
			secrets = append(secrets, []byte(s))
		}
	}
	res.Body = mask(res.Body, secrets)
	for i := range res.Header {
		if masked := mask([]byte(res.Header[i].Value), secrets); len(masked) != len(res.Header[i].Value) || string(masked) != res.Header[i].Value {
			res.Header[i].Value = string(masked)
		}
	}
	return res
}

// rejected reports whether the endpoint did not accept who we say we are.
func rejected(a *Attempt) bool {
	return a.ErrorKind == exchange.Status && a.Response != nil &&
		(a.Response.Status == http.StatusUnauthorized || a.Response.Status == http.StatusForbidden)
}

// recentChange is how long before a refusal a change of the webhook counts as
// what may have caused it.
const recentChange = 24 * time.Hour

// refusal says what the answer 401 or 403 most likely refuses where requests
// are signed but carry no credentials: the signature, for which there are few
// causes. Empty for any other attempt.
func refusal(w *webhook.Webhook, a *Attempt) string {
	if a == nil || !rejected(a) || w.Auth.Type != auth.None && w.Auth.Type != "" || w.Signature == webhook.SignNone {
		return ""
	}
	text := "the webhook has no auth, so the endpoint most likely refuses the signature"
	ago := func(t time.Time) (string, bool) {
		d := a.At.Sub(t)
		if t.IsZero() || d < 0 || d > recentChange {
			return "", false
		}
		if d < time.Minute {
			return "less than a minute before", true
		}
		return fmt.Sprintf("%s before", strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")), true
	}
	if when, ok := ago(w.Secrets.RotatedAt); ok {
		text += fmt.Sprintf(": the secret was rotated %s (does every instance of the receiver have the new one?)", when)
	} else if when, ok := ago(w.UpdatedAt); ok && w.UpdatedAt.After(w.CreatedAt) {
		text += fmt.Sprintf(": the webhook was changed %s", when)
	}
	signed := "the header's sha256= not hashed along"
	if w.Signature == webhook.SignStandard {
		signed = "the key decoded from base64 without whsec_"
	}
	return text + ". Check the receiver: the right secret, the bytes of the body before parsing, the period between timestamp and body, " + signed + ", its clock"
}

// withoutAuth returns the webhook's own headers but for the one that its
// authentication sets, sorted by name.
func withoutAuth(w *webhook.Webhook, a *authentication) (custom []exchange.Field) {
	for name, value := range w.Headers {
		if a == nil || !strings.EqualFold(name, a.shown.Name) {
			custom = append(custom, exchange.Field{Name: name, Value: value})
		}
	}
	slices.SortFunc(custom, func(a, b exchange.Field) int { return strings.Compare(a.Name, b.Name) })
	return custom
}
