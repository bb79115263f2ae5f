package connector

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	httpdest "github.com/relay-events/relay/internal/destination/http"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/secret"
)

// requestError says that a request cannot be made of the definition and the profile.
type requestError struct{ text string }

func (e *requestError) Error() string { return e.text }

// call makes a request, once more with a fresh token where the partner refuses the first.
func (c *Connectors) call(ctx context.Context, d *Definition, account *Account, a *auth.Authenticator, r *Request, timeout time.Duration, scope uint64) (*exchange.Response, exchange.Timing, *egress.Error, error) {
	address := r.URL
	if d.auth.kind == "query" {
		v := d.scopeOf(account, false)
		name, _ := d.auth.values["name"].text(v, nil)
		token, _ := d.auth.values["token"].text(v, nil)
		address = withQuery(address, name, token)
	}
	target, err := c.target(d, account, address)
	if err != nil {
		return nil, exchange.Timing{}, nil, err
	}
	req := egress.Request{Method: r.Method, Target: target, Body: r.Body, Timeout: timeout, Scope: scope}
	for _, h := range r.Header {
		if err := egress.CheckHeader(h.Name, h.Value); err != nil && h.Name != headerOperation && h.Name != headerDelivery {
			return nil, exchange.Timing{}, nil, &requestError{err.Error()}
		}
		req.Header = append(req.Header, egress.Field(h))
	}
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	field, has, err := a.Header(limited)
	if err != nil {
		return nil, exchange.Timing{}, nil, err
	}
	plain := req.Header
	if has {
		req.Header = append(slices.Clip(plain), field)
	}
	req.Timeout = max(timeout-time.Since(start), time.Millisecond)
	res, timing, fail := c.o.Client.Do(ctx, &req)
	if has && fail == nil && res.Status == http.StatusUnauthorized {
		again, err := a.Refused(limited, field)
		if err != nil {
			return conceal(res, account, field.Value), timing, nil, fmt.Errorf("the partner answered 401, and there is no fresh token: %w", err)
		}
		if left := timeout - time.Since(start); again && left > 0 {
			if field, _, err = a.Header(limited); err != nil {
				return conceal(res, account, field.Value), timing, nil, err
			}
			req.Header, req.Timeout = append(slices.Clip(plain), field), left
			res, timing, fail = c.o.Client.Do(ctx, &req)
		}
	}
	timing.Total = time.Since(start)
	return conceal(res, account, field.Value), timing, fail, nil
}

// target checks an address: it must be one of the definition's hosts.
func (c *Connectors) target(d *Definition, a *Account, address string) (egress.Target, error) {
	target, err := c.o.Client.ParseURL(address)
	if err != nil {
		return target, &requestError{"the request's address cannot be used: " + err.Error()}
	}
	hosts, err := d.allowed(a)
	if err != nil {
		return target, &requestError{err.Error()}
	}
	if len(hosts) > 0 && !slices.Contains(hosts, strings.ToLower(target.Host())) {
		return target, &requestError{fmt.Sprintf("the request would go to %s, which is none of the connector's hosts", target.Host())}
	}
	return target, nil
}

func withQuery(address, name, value string) string {
	sep := "?"
	if strings.Contains(address, "?") {
		sep = "&"
	}
	escaped := value
	if value != masked {
		escaped = url.QueryEscape(value)
	}
	return address + sep + url.QueryEscape(name) + "=" + escaped
}

// authSettings returns how requests of an account say who they come from.
func (d *Definition) authSettings(a *Account) (auth.Settings, error) {
	v := d.scopeOf(a, false)
	get := func(name string) string {
		t := d.auth.values[name]
		if t == nil {
			return ""
		}
		s, err := t.text(v, nil)
		if err != nil {
			return ""
		}
		return s
	}
	s := auth.Settings{Type: auth.None}
	switch d.auth.kind {
	case "basic":
		s = auth.Settings{Type: auth.Basic, Username: get("username")}
		s.Password = secret.Text(get("password"))
	case "bearer":
		s = auth.Settings{Type: auth.APIKey, Header: "Authorization", Prefix: "Bearer "}
		s.Token = secret.Text(get("token"))
	case "apiKey":
		s = auth.Settings{Type: auth.APIKey, Header: get("header"), Prefix: get("prefix")}
		s.Token = secret.Text(get("token"))
	case "oauth2":
		s = auth.Settings{Type: auth.OAuth2, ClientID: get("clientId"), TokenURL: get("tokenUrl"), Scope: get("scope"), Audience: get("audience"), Style: auth.Style(get("style"))}
		s.ClientSecret = secret.Text(get("clientSecret"))
	}
	return s, nil
}

// authenticator returns the credentials for requests of the connection as it is now.
func (s *sender) authenticator(comp *composed) (*auth.Authenticator, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, auth.ErrClosed
	}
	if s.auth != nil && s.item == comp.item {
		return s.auth, nil
	}
	settings, err := comp.def.authSettings(comp.account)
	if err != nil {
		return nil, err
	}
	a, err := auth.New(settings, s.connectors.o.Client)
	if err != nil {
		return nil, err
	}
	if s.auth != nil {
		s.auth.Close()
	}
	s.auth, s.item = a, comp.item
	return a, nil
}

// conceal removes credentials from an answer that repeats them.
func conceal(res *exchange.Response, a *Account, token string) *exchange.Response {
	if res == nil {
		return nil
	}
	var secrets [][]byte
	_, bare, _ := strings.Cut(token, " ")
	for _, text := range []string{token, bare} {
		if len(text) >= leastConcealed {
			secrets = append(secrets, []byte(text))
		}
	}
	for _, text := range a.Secrets {
		if len(text) >= leastConcealed {
			secrets = append(secrets, []byte(text))
		}
	}
	res.Body = httpdest.Mask(res.Body, secrets)
	for i := range res.Header {
		res.Header[i].Value = string(httpdest.Mask([]byte(res.Header[i].Value), secrets))
	}
	return res
}

// leastConcealed is the length, in bytes, from which on a credential is looked for in answers.
const leastConcealed = 8
