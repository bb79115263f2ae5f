package httpdest

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
)

// authentication is what all requests to a webhook authenticate with, those of tests too. It outlives changes of the
// webhook that are not its own, so that a token is kept.
type authentication struct {
	*auth.Authenticator // nil: err says why

	err         error          // of settings that cannot be used
	shown       exchange.Field // the field that it sends, as the log shows it; it replaces a header of the webhook's own. Zero: none
	credentials []string       // beside tokens: texts to mask in answers that echo requests
}

// authenticationOf returns the authentication that the settings ask for, nil for none. It sends nothing.
func (k *Kind) authenticationOf(tenant event.TenantID, s auth.Settings) *authentication {
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
	if s.Type == auth.OAuth2 && k.tokens == nil {
		a.err = errors.New("this relay asks for no tokens")
		return a
	}
	var err error
	if a.Authenticator, err = auth.New(s, k.tokens); err != nil {
		a.err = fmt.Errorf("the webhook's authentication cannot be used, set it again: %w", err)
		return a
	}
	a.PaceBy(&k.pacer, strconv.Itoa(int(tenant)))
	return a
}

// end closes the authentication, which may be nil. An attempt that waits for a token ends then.
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

// field returns the header field to send, and false where there is none. It waits for a token for at most the limit.
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

// isShortage reports whether there is no token because this server lacks a resource that requests need.
func isShortage(err error) bool {
	var fail *egress.Error
	return errors.As(err, &fail) && fail.Kind == exchange.Local
}

// call makes the request of an attempt that began at start, and once more with a fresh token if the endpoint refuses the
// one that field holds. The header of req has no such field yet. It returns with an error if there is no fresh token:
// the answer is then the one that refused the old one.
func (s *sender) call(ctx context.Context, req *egress.Request, field exchange.Field, start time.Time) (
	res *exchange.Response, timing exchange.Timing, fail *egress.Error, err error,
) {
	header := req.Header
	limit := req.Timeout
	req.Header = append(slices.Clip(header), field)
	req.Timeout = remaining(limit, start)
	res, timing, fail = s.kind.client.Do(ctx, req)
	if fail != nil && !fail.Body || res.Status != http.StatusUnauthorized {
		return s.conceal(res, field), timing, fail, nil
	}
	waiting, cancel := context.WithDeadline(ctx, start.Add(limit))
	defer cancel()
	again, err := s.auth.Refused(waiting, field)
	var fresh exchange.Field
	if again && err == nil {
		fresh, _, err = s.auth.Header(waiting)
	}
	if left := remaining(limit, start); again && err == nil && left > 0 {
		req.Header = append(slices.Clip(header), fresh)
		req.Timeout = left
		field = fresh
		res, timing, fail = s.kind.client.Do(ctx, req)
	}
	return s.conceal(res, field), timing, fail, err
}

// remaining returns the rest of an attempt's limit. Instants are not counted: "within 10s" says more than "within
// 9.99998s".
func remaining(limit time.Duration, start time.Time) time.Duration {
	return limit - time.Since(start).Truncate(10*time.Millisecond)
}

// leastConcealed is the length, in bytes, from which on a credential is looked for in answers: a shorter one would be
// found everywhere.
const leastConcealed = 8

// conceal removes credentials from an answer that repeats the request, as endpoints for tests and some error pages do:
// the log must not hold them.
func (s *sender) conceal(res *exchange.Response, field exchange.Field) *exchange.Response {
	if res == nil {
		return nil
	}
	_, bare, _ := strings.Cut(field.Value, " ") // without the scheme
	var secrets [][]byte
	for _, text := range append([]string{field.Value, bare}, s.auth.credentials...) {
		if len(text) >= leastConcealed {
			secrets = append(secrets, []byte(text))
		}
	}
	res.Body = Mask(res.Body, secrets)
	for i := range res.Header {
		if masked := Mask([]byte(res.Header[i].Value), secrets); len(masked) != len(res.Header[i].Value) || string(masked) != res.Header[i].Value {
			res.Header[i].Value = string(masked)
		}
	}
	return res
}
