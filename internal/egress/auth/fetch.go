package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/egress"
)

const (
	// fetchTimeout bounds a token request, from resolving the name to the last byte of the answer.
	fetchTimeout = 10 * time.Second

	// defaultLife is taken where an answer names no lifetime. Relay asks again soon enough not to meet a token's end,
	// and an endpoint that refuses one earlier gets another.
	defaultLife = 10 * time.Minute

	// maxLife is the longest lifetime that is believed. Servers whose tokens never end write numbers such as 2^63.
	maxLife = 24 * time.Hour

	// maxToken is the longest token taken, in bytes: receivers refuse header sections above 8 KiB.
	maxToken = 7 << 10

	// maxAfter bounds how long a token server's Retry-After is obeyed.
	maxAfter = 5 * time.Minute
)

// tokenRequest is the request for a token (RFC 6749 section 4.4.2). It goes through egress.Client.Do, whose limits are
// tighter than those of its HTTPClient: 64 KiB of the answer, and errors in words without credentials.
type tokenRequest struct {
	client *egress.Client
	req    egress.Request
}

// ownScope marks the connections of token requests: each Authenticator has its own, and no webhook has such a number.
const ownScope = 1 << 63

var scopes atomic.Uint64

func newTokenRequest(s Settings, client *egress.Client) (*tokenRequest, error) {
	target, err := client.ParseURL(s.TokenURL)
	if err != nil {
		return nil, fmt.Errorf("tokenUrl: %w", err)
	}
	form, err := url.ParseQuery(s.Parameters)
	if err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	form.Set("grant_type", "client_credentials")
	if s.Scope != "" {
		form.Set("scope", s.Scope)
	}
	if s.Audience != "" {
		form.Set("audience", s.Audience)
	}
	header := []egress.Field{
		{Name: "Content-Type", Value: "application/x-www-form-urlencoded"},
		{Name: "Accept", Value: "application/json"},
	}
	if s.Style == StyleBody {
		form.Set("client_id", s.ClientID)
		form.Set("client_secret", s.ClientSecret.Reveal())
	} else {
		// Both are form-encoded before they are joined: RFC 6749 section 2.3.1.
		header = append(header, egress.Field{Name: "Authorization", Value: basic(url.QueryEscape(s.ClientID), url.QueryEscape(s.ClientSecret.Reveal()))})
	}
	return &tokenRequest{client, egress.Request{
		Method: http.MethodPost, Target: target, Header: header, Body: []byte(form.Encode()), Timeout: fetchTimeout,
		Scope: ownScope | scopes.Add(1),
	}}, nil
}

// fetch asks for a token once.
func (q *tokenRequest) fetch(ctx context.Context) (*token, *Error) {
	asked := time.Now()
	req := q.req
	req.Body = slices.Clone(req.Body) // Do may still hold it for a moment after an error
	res, _, err := q.client.Do(ctx, &req)
	if err != nil && !err.Body {
		return nil, q.fail(err, "%s", err.Message)
	}
	if res.Status < 200 || res.Status > 299 {
		e := q.fail(nil, "%s", refusal(res))
		e.after = retryAfter(res, time.Now())
		return nil, e
	}
	value, life, why := parseToken(res)
	switch {
	case why != "" && err != nil:
		return nil, q.fail(err, "%s", err.Message)
	case why != "":
		return nil, q.fail(nil, "%s", why)
	}
	return newToken(value, asked, life), nil
}

func (q *tokenRequest) fail(cause *egress.Error, format string, args ...any) *Error {
	e := &Error{Message: "no token from " + q.req.Target.Host() + ": " + fmt.Sprintf(format, args...)}
	if cause != nil {
		e.Err = cause
	}
	return e
}

// tokenErrors are the codes of RFC 6749 section 5.2, with the way out. Other text of an answer is not shown: it is the
// server's, which has just been sent the secret.
var tokenErrors = map[string]string{
	"invalid_request":        "the request was not understood",
	"invalid_client":         "clientId or clientSecret is wrong, or style should be the other one",
	"invalid_grant":          "the grant was refused",
	"unauthorized_client":    "the client may not use the client credentials grant",
	"unsupported_grant_type": "the server does not know the client credentials grant",
	"invalid_scope":          "the scope is unknown or not allowed",
}

// refusal explains an answer other than 2xx.
func refusal(res *egress.Response) string {
	if res.Status >= 300 && res.Status < 400 {
		return fmt.Sprintf("the answer is a redirect (%d), which is not followed: set tokenUrl to where it leads", res.Status)
	}
	var doc struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(jsonOf(res), &doc) == nil {
		if words, ok := tokenErrors[doc.Error]; ok {
			return fmt.Sprintf("refused with %d %s: %s", res.Status, doc.Error, words)
		}
	}
	return fmt.Sprintf("the answer is %d", res.Status)
}

// parseToken reads a successful answer (RFC 6749 section 5.1). why describes the fault in words, empty if
// nothing is.
func parseToken(res *egress.Response) (value string, life time.Duration, why string) {
	if res.Truncated {
		return "", 0, "the answer is longer than 64 KiB"
	}
	var doc struct {
		AccessToken string          `json:"access_token"`
		TokenType   string          `json:"token_type"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
	}
	// The body decides, not its Content-Type: servers that are reached by a browser as well say text/html or nothing.
	if json.Unmarshal(jsonOf(res), &doc) != nil {
		return "", 0, "the answer is not a JSON object with an access_token"
	}
	// RFC 6749 section 7.1: a token of a type that is not understood must not be used. Servers leave the type out
	// though they must not; "BearerToken" is what Apigee writes.
	if t := strings.TrimSpace(doc.TokenType); t != "" && !strings.EqualFold(t, "Bearer") && !strings.EqualFold(t, "BearerToken") {
		return "", 0, "the answer's token_type is not Bearer"
	}
	switch t := doc.AccessToken; {
	case t == "":
		return "", 0, "the answer has no access_token"
	case len(t) > maxToken:
		return "", 0, fmt.Sprintf("the answer's access_token is longer than %d bytes", maxToken)
	case strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r >= 0x7f }): // RFC 6750 section 2.1
		return "", 0, "the answer's access_token has characters that a token cannot have"
	}
	return doc.AccessToken, parseLife(doc.ExpiresIn), ""
}

// parseLife reads expires_in: a number, or, as some servers write it, a number in quotes. Zero, less than that or nothing
// sensible is how servers write "unknown" or "never".
func parseLife(raw json.RawMessage) time.Duration {
	s := strings.TrimSpace(string(bytes.Trim(raw, `"`)))
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" { // null, objects; no "inf", "nan", "0x1p4"
		return defaultLife
	}
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case n >= maxLife.Seconds(): // also beyond the range, which is an error
		return maxLife
	case err != nil || n <= 0:
		return defaultLife
	}
	return max(time.Duration(n*float64(time.Second)), time.Second)
}

// jsonOf returns an answer's body without the byte order mark that some servers begin JSON with (RFC 8259 section 8.1
// lets a parser ignore it).
func jsonOf(res *egress.Response) []byte { return bytes.TrimPrefix(res.Body, []byte("\xef\xbb\xbf")) }

// retryAfter reads Retry-After (RFC 9110 section 10.2.3), 0 if there is none.
func retryAfter(res *egress.Response, now time.Time) time.Duration {
	wait, _ := egress.ParseRetryAfter(field(res, "Retry-After"), now)
	return min(wait, maxAfter)
}

// field returns the first field of a name.
func field(res *egress.Response, name string) string {
	for _, f := range res.Header {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}
