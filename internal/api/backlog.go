package api

import (
	"context"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/webhook"
)

// Backlog is what waits to be delivered.
type Backlog struct {
	BacklogCounts
	Webhooks []WebhookBacklog `json:"webhooks" doc:"those for which something waits, in the order in which they were made"`
}

// WebhookBacklog is what waits to be delivered to one webhook.
type WebhookBacklog struct {
	WebhookID string `json:"webhookId" example:"\"wh_9f2ctr8h4p5kq6m1n3s7v0xz2d\""`
	BacklogCounts
}

// BacklogCounts says how much waits, and since when.
type BacklogCounts struct {
	Waiting     int        `json:"waiting" doc:"deliveries that wait for their time or turn, or are being attempted again; on PostgreSQL at most 10,000 of a webhook are counted" example:"12"`
	Held        int        `json:"held" doc:"deliveries that wait until their webhook, or the tenant, is resumed" example:"0"`
	OldestDueAt *rest.Time `json:"oldestDueAt" doc:"since when the one that is due for the longest has been due; null: none is due"`
	NextDueAt   *rest.Time `json:"nextDueAt" doc:"when the next one becomes due; null: none will"`
}

// add puts others beside those counted.
func (b *BacklogCounts) add(o *BacklogCounts) {
	earliest := func(a, b *rest.Time) *rest.Time {
		if a == nil || b != nil && time.Time(*b).Before(time.Time(*a)) {
			return b
		}
		return a
	}
	b.Waiting, b.Held = b.Waiting+o.Waiting, b.Held+o.Held
	b.OldestDueAt, b.NextDueAt = earliest(b.OldestDueAt, o.OldestDueAt), earliest(b.NextDueAt, o.NextDueAt)
}

var docBacklog = rest.Doc{ID: "getBacklog", Tag: "Stats", Summary: "Count what waits to be delivered",
	Text: "Deliveries in the memory of a server, which go out at once, do not wait and are not counted. Webhooks of REST hooks, of the gate and of connections are left out."}

func (a *API) backlog(ctx context.Context, c *access.Principal, _ *rest.None) (*Backlog, error) {
	list, err := a.Ledger.Backlog(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	at := make(map[uint32]BacklogCounts, len(list))
	for _, b := range list {
		at[b.Webhook] = BacklogCounts{Waiting: b.Count, OldestDueAt: rest.TimeOrNil(b.Oldest), NextDueAt: rest.TimeOrNil(b.Next)}
	}
	suspended := !a.Tenants.Publishes(c.Tenant)
	v := &Backlog{Webhooks: []WebhookBacklog{}}
	for _, w := range a.Webhooks.List(c.Tenant) {
		counts, ok := at[w.Number]
		if !ok {
			continue
		}
		if suspended || w.Status != webhook.Active {
			counts = BacklogCounts{Held: counts.Waiting} // its times mean nothing until then
		}
		v.Webhooks = append(v.Webhooks, WebhookBacklog{w.ID, counts})
		v.add(&counts)
	}
	return v, nil
}
