package importer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// The types below are of the public API of Svix (api.svix.com/docs), ApplicationOut, EndpointOut,
// EndpointSecretOut, EndpointHeadersOut and EndpointTransformationOut.

type svixPage[T any] struct {
	Data     []T    `json:"data"`
	Iterator string `json:"iterator"`
	Done     bool   `json:"done"`
}

type svixApplication struct {
	ID   string `json:"id"`
	UID  string `json:"uid"`
	Name string `json:"name"`
}

type svixEndpoint struct {
	ID           string         `json:"id"`
	UID          string         `json:"uid"`
	URL          string         `json:"url"`
	Description  string         `json:"description"`
	FilterTypes  []string       `json:"filterTypes"`
	Channels     []string       `json:"channels"`
	Disabled     bool           `json:"disabled"`
	RateLimit    float64        `json:"rateLimit"`    // messages a second
	ThrottleRate float64        `json:"throttleRate"` // its newer name
	Metadata     map[string]any `json:"metadata"`
}

type svixHeaders struct {
	Headers   map[string]string `json:"headers"`
	Sensitive []string          `json:"sensitive"` // names whose values are not shown
}

type svixTransformation struct {
	Enabled bool `json:"enabled"`
}

func svixList[T any](ctx context.Context, o *Options, path string) ([]T, error) {
	return pages(ctx, o.Source, path, url.Values{"limit": {"100"}}, "iterator", func(p svixPage[T]) ([]T, string) {
		if p.Done {
			return p.Data, ""
		}
		return p.Data, p.Iterator
	})
}

func readSvix(ctx context.Context, o *Options) ([]Webhook, error) {
	apps, err := svixList[svixApplication](ctx, o, "/app")
	if err != nil {
		return nil, err
	}
	var all []Webhook
	for _, app := range apps {
		if !o.wanted(app.ID, app.UID) {
			continue
		}
		owner := app.UID
		if owner == "" {
			owner = app.ID
		}
		at := "/app/" + url.PathEscape(app.ID) + "/endpoint"
		endpoints, err := svixList[svixEndpoint](ctx, o, at)
		if err != nil {
			return nil, err
		}
		for i := range endpoints {
			w, err := svixWebhook(ctx, o, at+"/"+url.PathEscape(endpoints[i].ID), &endpoints[i])
			if err != nil {
				return nil, err
			}
			w.Owner = owner
			all = append(all, w)
		}
	}
	return all, nil
}

func svixWebhook(ctx context.Context, o *Options, at string, e *svixEndpoint) (Webhook, error) {
	w := Webhook{
		Origin: "svix:" + e.ID, Paused: e.Disabled,
		Request: map[string]any{"preset": "svix", "format": "raw", "signature": "svix", "url": e.URL, "description": e.Description},
	}
	w.types(e.FilterTypes)
	if len(e.Channels) > 0 {
		quoted := make([]string, len(e.Channels))
		for i, name := range e.Channels {
			quoted[i] = strconv.Quote(name)
		}
		w.also("event.attributes.channels.exists(c, c in [" + strings.Join(quoted, ", ") + "])")
		w.note("its channels become a filter on the attribute channels, a list that your events must have")
	}
	w.perSecond(max(e.RateLimit, e.ThrottleRate))
	w.labelAll(e.Metadata)
	if e.UID != "" {
		w.label("uid", e.UID)
	}
	secret, found, err := optional[struct {
		Key string `json:"key"`
	}](ctx, o.Source, at+"/secret")
	switch {
	case err != nil:
		return w, err
	case !found:
		w.note("its secret cannot be read: Relay makes one, which the receiver must be given")
	case !strings.HasPrefix(secret.Key, "whsec_"):
		w.Request["keyPair"], w.Request["signature"] = true, "standard"
		w.hold("it signs with a key pair, whose private key Svix does not give away: the receiver must verify with the public key of the new webhook")
	default:
		w.Request["secret"] = secret.Key
	}
	headers, _, err := optional[svixHeaders](ctx, o.Source, at+"/headers")
	if err != nil {
		return w, err
	}
	if len(headers.Headers) > 0 {
		own := map[string]any{}
		for name, value := range headers.Headers {
			own[name] = value
		}
		w.Request["headers"] = own
	}
	for _, name := range headers.Sensitive {
		w.note("the value of its header %s is not shown by Svix: set it in headers", name)
	}
	// Only the hosted service has transformations; others answer 404 or 501.
	transformation, _, err := optional[svixTransformation](ctx, o.Source, at+"/transformation")
	if err != nil && !errors.Is(err, ErrRefused) && !strings.Contains(err.Error(), "501") {
		return w, fmt.Errorf("reading a transformation: %w", err)
	}
	if transformation.Enabled {
		w.hold("its transformation has another form: write it as a transform")
	}
	return w, nil
}
