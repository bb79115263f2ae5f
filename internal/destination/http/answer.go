package httpdest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/webhook"
)

// classify returns the meaning of a status to the engine's pacing.
func classify(status int) destination.Class {
	switch {
	case status >= 200 && status <= 299:
		return destination.Done
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return destination.Overloaded
	default:
		return destination.Refused
	}
}

// after returns how long an answer asks to be left alone: RFC 9110 section 10.2.3. Only two statuses ask a client to
// wait.
func after(res *exchange.Response, now time.Time) time.Duration {
	if res.Status != http.StatusTooManyRequests && res.Status != http.StatusServiceUnavailable {
		return 0
	}
	wait, _ := egress.ParseRetryAfter(exchange.Value(res.Header, "Retry-After"), now)
	return wait
}

// denied reports whether the endpoint did not accept who the request says it comes from.
func denied(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// statusText returns a status as people write it: "404 Not Found".
func statusText(code int) string {
	if text := http.StatusText(code); text != "" {
		return strconv.Itoa(code) + " " + text
	}
	return strconv.Itoa(code)
}

// recentChange is how long before a refusal a change of the webhook counts as what may have caused it.
const recentChange = 24 * time.Hour

// Advise implements destination.Adviser. Where requests are signed but carry no credentials, the answers 401 and 403 most
// likely refuse the signature, for which there are few causes.
func (s *sender) Advise(at time.Time, res *exchange.Response) string {
	w := s.hook
	if res == nil || !denied(res.Status) || w.Auth.Type != auth.None && w.Auth.Type != "" || !w.Signed() {
		return ""
	}
	text := "the webhook has no auth, so the endpoint most likely refuses the signature"
	ago := func(t time.Time) (string, bool) {
		d := at.Sub(t)
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
	if len(w.Signatures) > 0 {
		return text + ". Check the receiver: the right secret, the bytes of the body before parsing, its clock"
	}
	return text + ". Check the receiver: the right secret, the bytes of the body before parsing, the period between timestamp and body, " + signed + ", its clock"
}
