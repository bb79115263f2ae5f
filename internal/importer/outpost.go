package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"
)

// The types below are of the public API of Outpost (docs/apis/openapi.yaml of its repository):
// Tenant and DestinationWebhook.

type outpostPage struct {
	Models     []outpostTenant `json:"models"`
	Pagination struct {
		Next string `json:"next"`
	} `json:"pagination"`
}

type outpostTenant struct {
	ID string `json:"id"`
}

type outpostDestination struct {
	ID     string          `json:"id"`
	Type   string          `json:"type"`
	Topics outpostTopics   `json:"topics"`
	Filter json.RawMessage `json:"filter"`
	Config struct {
		URL           string          `json:"url"`
		CustomHeaders json.RawMessage `json:"custom_headers"` // an object, or the text of one
	} `json:"config"`
	Credentials struct {
		Secret         string    `json:"secret"`
		Previous       string    `json:"previous_secret"`
		PreviousExpiry time.Time `json:"previous_secret_invalid_at"`
	} `json:"credentials"`
	DisabledAt       *time.Time     `json:"disabled_at"`
	Metadata         map[string]any `json:"metadata"`
	DeliveryMetadata map[string]any `json:"delivery_metadata"`
}

// outpostTopics is a list, or "*".
type outpostTopics []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *outpostTopics) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*t = []string{text}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// OutpostSignatures are the ways in which Outpost signs, by name: it does not tell which is set up. The
// first is the default of its current version, the second that of earlier ones.
var OutpostSignatures = map[string]any{
	"v0":       map[string]any{"header": "x-outpost-signature", "prefix": "v0=", "idHeader": "x-outpost-event-id"},
	"t-v0":     map[string]any{"header": "x-outpost-signature", "value": "t={timestamp},v0={signatures}", "content": "{timestamp}.{body}", "idHeader": "x-outpost-event-id", "timestampHeader": "x-outpost-timestamp"},
	"standard": "standard",
}

func readOutpost(ctx context.Context, o *Options) ([]Webhook, error) {
	owners := slices.Clone(o.Only) // listing tenants takes an extension of the database, which may be missing
	if len(owners) == 0 {
		tenants, err := pages(ctx, o.Source, "/tenants", url.Values{"limit": {"100"}}, "next", func(p outpostPage) ([]outpostTenant, string) {
			return p.Models, p.Pagination.Next
		})
		if errors.Is(err, ErrNone) {
			return nil, fmt.Errorf("%w: this installation does not list its tenants, so name them with --only", err)
		}
		if err != nil {
			return nil, err
		}
		for _, t := range tenants {
			owners = append(owners, t.ID)
		}
	}
	var all []Webhook
	for _, owner := range owners {
		list, err := outpostDestinations(ctx, o, owner)
		if err != nil {
			return nil, err
		}
		for i := range list {
			w := outpostWebhook(&list[i])
			w.Owner = owner
			all = append(all, w)
		}
	}
	return all, nil
}

// outpostDestinations reads the destinations of a tenant, at the path of this or of an earlier
// version.
func outpostDestinations(ctx context.Context, o *Options, tenant string) ([]outpostDestination, error) {
	list, err := one[[]outpostDestination](ctx, o.Source, "/tenants/"+url.PathEscape(tenant)+"/destinations")
	if errors.Is(err, ErrNone) {
		if before, found, beforeErr := optional[[]outpostDestination](ctx, o.Source, "/"+url.PathEscape(tenant)+"/destinations"); found || beforeErr != nil {
			return before, beforeErr
		}
	}
	return list, err
}

func outpostWebhook(d *outpostDestination) Webhook {
	w := Webhook{Origin: "outpost:" + d.ID, Paused: d.DisabledAt != nil, Request: map[string]any{
		"format": "raw", "url": d.Config.URL, "signature": OutpostSignatures["v0"],
	}}
	if d.Type != "webhook" {
		w.Skipped = fmt.Sprintf("it is of the type %s: Relay delivers over HTTP", d.Type)
		return w
	}
	w.types(d.Topics)
	w.outpostFilter(d.Filter)
	if d.Credentials.Secret != "" {
		w.Request["secret"] = d.Credentials.Secret
	} else {
		w.note("its secret cannot be read: Relay makes one, which the receiver must be given")
	}
	if d.Credentials.Previous != "" {
		w.note("its previous secret is not brought: requests are signed with the current one only")
	}
	headers := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(d.DeliveryMetadata)) {
		headers["x-outpost-"+name] = fmt.Sprint(d.DeliveryMetadata[name])
	}
	for name, value := range customHeaders(d.Config.CustomHeaders) {
		headers[name] = value
	}
	if len(headers) > 0 {
		w.Request["headers"] = headers
	}
	w.labelAll(d.Metadata)
	return w
}

func customHeaders(raw json.RawMessage) map[string]string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	var headers map[string]string
	_ = json.Unmarshal(raw, &headers) // Outpost has checked it; an empty text is none
	return headers
}

// outpostFilter brings a filter over the event: {"data": …, "topic": …, "metadata": …}.
func (w *Webhook) outpostFilter(raw json.RawMessage) {
	var object map[string]any
	if json.Unmarshal(raw, &object) != nil || len(object) == 0 {
		return
	}
	names := map[string]string{"topic": "type", "metadata": "attributes"}
	renamed := map[string]any{}
	for name, v := range object {
		if to, ok := names[name]; ok {
			name = to
		}
		renamed[name] = v
	}
	w.operators(renamed)
}
