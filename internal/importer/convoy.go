package importer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The types below are of the public API of Convoy (docs/v3/openapi3.yaml of its repository):
// models.EndpointResponse, models.SubscriptionResponse and models.ProjectResponse.

type convoyAnswer[T any] struct {
	Data T `json:"data"`
}

type convoyPage[T any] struct {
	Content    []T `json:"content"`
	Pagination struct {
		HasNext bool   `json:"has_next_page"`
		Next    string `json:"next_page_cursor"`
	} `json:"pagination"`
}

type convoyProject struct {
	Type   string `json:"type"` // incoming or outgoing
	Config struct {
		Signature struct {
			Header   string          `json:"header"`
			Versions []convoyVersion `json:"versions"`
		} `json:"signature"`
		Strategy convoyRetry `json:"strategy"`
	} `json:"config"`
}

type convoyVersion struct {
	Hash     string `json:"hash"`     // SHA256 or SHA512
	Encoding string `json:"encoding"` // hex or base64
}

type convoyRetry struct {
	Type     string        `json:"type"` // linear or exponential
	Duration convoySeconds `json:"duration"`
	Count    int           `json:"retry_count"`
}

type convoyEndpoint struct {
	UID               string         `json:"uid"`
	Name              string         `json:"name"`
	Title             string         `json:"title"` // its older name
	URL               string         `json:"url"`
	TargetURL         string         `json:"target_url"` // its older name
	OwnerID           string         `json:"owner_id"`
	Description       string         `json:"description"`
	Status            string         `json:"status"` // active, inactive, pending or paused
	Secrets           []convoySecret `json:"secrets"`
	Advanced          bool           `json:"advanced_signatures"`
	Timeout           convoySeconds  `json:"http_timeout"`
	RateLimit         float64        `json:"rate_limit"`
	RateLimitDuration convoySeconds  `json:"rate_limit_duration"`
	SlackURL          string         `json:"slack_webhook_url"`
	SupportEmail      string         `json:"support_email"`
	ContentType       string         `json:"content_type"`
	Authentication    *struct {
		Type   string `json:"type"`
		APIKey struct {
			Header string `json:"header_name"`
			Value  string `json:"header_value"`
		} `json:"api_key"`
		Basic struct {
			Username string `json:"username"`
			Password string `json:"password"`
		} `json:"basic_auth"`
	} `json:"authentication"`
}

type convoySecret struct {
	Value     string `json:"value"`
	ExpiresAt string `json:"expires_at"` // empty: it does not expire
}

type convoySubscription struct {
	UID      string `json:"uid"`
	Name     string `json:"name"`
	Type     string `json:"type"` // api or cli
	Endpoint struct {
		UID string `json:"uid"`
	} `json:"endpoint_metadata"`
	Filter struct {
		EventTypes []string        `json:"event_types"`
		Raw        json.RawMessage `json:"filter"`
	} `json:"filter_config"`
	Retry    *convoyRetry `json:"retry_config"`
	Function string       `json:"function"`
	Rate     *struct {
		Count    float64       `json:"count"`
		Duration convoySeconds `json:"duration"`
	} `json:"rate_limit_config"`
}

// convoySeconds is a time that Convoy writes as seconds, and older versions as a text such as "30s".
type convoySeconds time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (s *convoySeconds) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "null" || text == "" {
		return nil
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		*s = convoySeconds(n * float64(time.Second))
		return nil
	}
	d, err := time.ParseDuration(text)
	*s = convoySeconds(d)
	return err
}

func convoyList[T any](ctx context.Context, o *Options, path string) ([]T, error) {
	return pages(ctx, o.Source, path, url.Values{"perPage": {"100"}, "direction": {"next"}}, "next_page_cursor",
		func(a convoyAnswer[convoyPage[T]]) ([]T, string) {
			if p := a.Data.Pagination; p.HasNext {
				return a.Data.Content, p.Next
			}
			return a.Data.Content, ""
		})
}

func readConvoy(ctx context.Context, o *Options) ([]Webhook, error) {
	if len(o.Projects) == 0 {
		return nil, errors.New("the project is missing")
	}
	var all []Webhook
	for _, id := range o.Projects {
		list, err := readConvoyProject(ctx, o, id)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func readConvoyProject(ctx context.Context, o *Options, id string) ([]Webhook, error) {
	at := "/projects/" + url.PathEscape(id)
	project, err := one[convoyAnswer[convoyProject]](ctx, o.Source, at)
	unknown := errors.Is(err, ErrNone) || errors.Is(err, ErrRefused) // a key of a project may not read it
	if err != nil && !unknown {
		return nil, err
	}
	if project.Data.Type == "incoming" {
		return nil, fmt.Errorf("the project %q is an incoming one: it receives webhooks of others, for which Relay has no counterpart", id)
	}
	endpoints, err := convoyList[convoyEndpoint](ctx, o, at+"/endpoints")
	if err != nil {
		return nil, err
	}
	subscriptions, err := convoyList[convoySubscription](ctx, o, at+"/subscriptions")
	if err != nil {
		return nil, err
	}
	var all []Webhook
	for i := range endpoints {
		e := &endpoints[i]
		owner := cmp.Or(e.OwnerID, e.UID) // without an owner, events are published to the endpoint itself
		if !o.wanted(owner) {
			continue
		}
		found := false
		for j := range subscriptions {
			s := &subscriptions[j]
			if s.Endpoint.UID != e.UID || s.Type == "cli" {
				continue
			}
			found = true
			w := convoyWebhook(&project.Data, e, s)
			if w.Owner = owner; unknown && o.Signature == nil {
				w.note("the project's settings cannot be read with this token: the signature is taken to be in X-Convoy-Signature, as hexadecimal SHA-256")
			}
			all = append(all, w)
		}
		if !found {
			all = append(all, Webhook{Origin: "convoy:" + e.UID, Owner: owner, Skipped: "it has no subscription, so that nothing is sent to it",
				Request: map[string]any{"url": cmp.Or(e.URL, e.TargetURL)}})
		}
	}
	return all, nil
}

func convoyWebhook(p *convoyProject, e *convoyEndpoint, s *convoySubscription) Webhook {
	w := Webhook{Origin: "convoy:" + s.UID, Paused: e.Status != "" && e.Status != "active", Request: map[string]any{
		"format": "raw", "url": cmp.Or(e.URL, e.TargetURL), "description": cmp.Or(e.Description, e.Name, e.Title, s.Name),
		"signature": convoySignature(p, e.Advanced),
	}}
	w.types(slices.DeleteFunc(slices.Clone(s.Filter.EventTypes), func(t string) bool { return t == "" }))
	w.convoyFilter(s.Filter.Raw)
	if strings.TrimSpace(s.Function) != "" {
		w.hold("its function has another form: write it as a transform")
	}
	valid := 0
	for _, secret := range e.Secrets {
		if secret.ExpiresAt == "" {
			w.Request["secret"] = secret.Value
		}
		valid++
	}
	switch {
	case w.Request["secret"] == nil && valid > 0:
		w.Request["secret"] = e.Secrets[valid-1].Value
	case valid == 0:
		w.note("its secret cannot be read: Relay makes one, which the receiver must be given")
	case valid > 1:
		w.note("it has further secrets, which are not brought: requests are signed with the newest only")
	}
	if t := time.Duration(e.Timeout); t > 0 {
		if most := time.Minute; t > most {
			w.note("its timeout of %v becomes %v", t, most)
			t = most
		}
		w.Request["timeout"] = t.String()
	}
	rate, span := e.RateLimit, time.Duration(e.RateLimitDuration)
	if r := s.Rate; r != nil && r.Count > 0 {
		rate, span = r.Count, time.Duration(r.Duration)
	}
	if span > 0 {
		w.perSecond(rate / span.Seconds())
	}
	retry := &p.Config.Strategy
	if s.Retry != nil && s.Retry.Type != "" {
		retry = s.Retry
	}
	w.convoyRetries(retry)
	w.convoyCredentials(e)
	if e.SlackURL != "" || e.SupportEmail != "" {
		w.note("Relay does not write to Slack or e-mail about failures: subscribe to the event webhook.failing")
	}
	if e.ContentType != "" && !strings.HasPrefix(e.ContentType, "application/json") {
		w.hold("it is sent as %s, and Relay sends JSON", e.ContentType)
	}
	return w
}

// convoySignature describes the header in which Convoy signs (its pkg/signature): simple ones have
// the last version only, advanced ones the time and a signature of each version.
func convoySignature(p *convoyProject, advanced bool) map[string]any {
	versions := p.Config.Signature.Versions
	v, n := convoyVersion{"SHA256", "hex"}, 1
	if len(versions) > 0 {
		n = len(versions)
		v = versions[n-1]
	}
	form := map[string]any{
		"header": cmp.Or(p.Config.Signature.Header, "X-Convoy-Signature"), "algorithm": strings.ToLower(cmp.Or(v.Hash, "SHA256")), "encoding": cmp.Or(v.Encoding, "hex"),
	}
	if advanced {
		form["content"], form["value"] = "{timestamp},{body}", "t={timestamp},{signatures}"
		form["prefix"], form["separator"] = fmt.Sprintf("v%d=", n), ","
	}
	return form
}

// convoyFilter brings the filter of a subscription: {"body": …, "headers": …}.
func (w *Webhook) convoyFilter(raw json.RawMessage) {
	var parts map[string]any
	if len(raw) == 0 || json.Unmarshal(raw, &parts) != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		object, ok := parts[name].(map[string]any)
		switch {
		case !ok || len(object) == 0:
		case name == "body":
			w.operators(map[string]any{"data": object})
		default:
			w.hold("its filter of %s has no counterpart: Relay's filters see the event", name)
		}
	}
}

func (w *Webhook) convoyRetries(r *convoyRetry) {
	d := time.Duration(r.Duration)
	if r.Type == "" || d <= 0 {
		return
	}
	const most = 50 // attempts of Relay
	attempts := r.Count + 1
	if attempts > most {
		w.note("its %d retries become %d", r.Count, most-1)
		attempts = most
	}
	retry := map[string]any{"attempts": attempts, "initialWait": d.String(), "factor": 1}
	if r.Type == "exponential" {
		retry["factor"] = 2
	}
	w.Request["retry"] = retry
}

func (w *Webhook) convoyCredentials(e *convoyEndpoint) {
	a := e.Authentication
	switch {
	case a == nil || a.Type == "":
	case a.Type == "api_key" && a.APIKey.Header == "":
	case a.Type == "api_key":
		w.Request["auth"] = map[string]any{"type": "apiKey", "header": a.APIKey.Header, "token": a.APIKey.Value}
	case a.Type == "basic_auth":
		w.Request["auth"] = map[string]any{"type": "basic", "username": a.Basic.Username, "password": a.Basic.Password}
	default:
		w.hold("its authentication %q is not brought: set auth", a.Type)
	}
}
