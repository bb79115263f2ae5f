package api

import (
	"context"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/tally"
)

// Tally has the counts of attempts and events; tally.Tally does.
type Tally interface {
	Sums(ctx context.Context, q tally.Query) ([]tally.Sum, error)
}

// Breakdown says what came of attempts, in whole hours.
type Breakdown struct {
	From     rest.Time          `json:"from" doc:"the beginning of the first hour that is counted"`
	To       rest.Time          `json:"to" doc:"the end of the last"`
	Totals   BreakdownCounts    `json:"totals"`
	Received int64              `json:"received" doc:"events that were accepted, those derived by rules included" example:"1200"`
	ByType   []NamedCount       `json:"receivedByType" doc:"the same by type of the event, the most frequent first"`
	Webhooks []WebhookBreakdown `json:"webhooks" doc:"with each: those with attempts, in the order in which they were made"`
}

// WebhookBreakdown is that of one webhook.
type WebhookBreakdown struct {
	WebhookID string `json:"webhookId" example:"\"wh_9f2ctr8h4p5kq6m1n3s7v0xz2d\""`
	BreakdownCounts
}

// BreakdownCounts counts attempts in several ways.
type BreakdownCounts struct {
	Attempts int64        `json:"attempts" example:"1200"`
	ByStatus []NamedCount `json:"byStatus" doc:"by class of the status, such as 2xx; none: without an answer"`
	ByError  []NamedCount `json:"byError" doc:"those that failed, by errorKind"`
	ByEvent  []NamedCount `json:"byEventType" doc:"by type of the event; *: all beyond the 200 of an hour that are counted apart"`
	P50Ms    float64      `json:"p50Ms" doc:"half of the attempts were faster; from histograms, and so within the bounds of a bucket"`
	P95Ms    float64      `json:"p95Ms" doc:"95 of 100 were faster"`
	P99Ms    float64      `json:"p99Ms" doc:"99 of 100 were faster"`
}

// NamedCount is the count of something that has a name.
type NamedCount struct {
	Name  string `json:"name" example:"\"2xx\""`
	Count int64  `json:"count" example:"1180"`
}

func named(list []tally.Named) []NamedCount {
	v := make([]NamedCount, len(list))
	for i, n := range list {
		v[i] = NamedCount(n)
	}
	return v
}

func breakdownOf(s *tally.Sum) BreakdownCounts {
	ms := func(p float64) float64 {
		return float64(s.Percentile(p).Round(100*time.Microsecond).Microseconds()) / 1000
	}
	return BreakdownCounts{
		Attempts: s.Attempts, ByStatus: named(s.Classes), ByError: named(s.Errors), ByEvent: named(s.Types), P50Ms: ms(.5), P95Ms: ms(.95), P99Ms: ms(.99),
	}
}

var docBreakdown = rest.Doc{ID: "getStatsBreakdown", Tag: "Stats", Summary: "Count attempts by status, error, type and duration",
	Text: "In whole hours, UTC: those that have a part between `from` and `to`. Attempts count some seconds after they were made; a server that crashes loses those of its last seconds here, and not in the log. Several attempts in one request of a batch count once."}

type breakdownQuery struct {
	WebhookID string    `query:"webhookId" doc:"only this webhook; events received are not counted then"`
	Each      bool      `query:"each" doc:"also each webhook by itself; not with webhookId"`
	From      rest.Time `query:"from" doc:"left out: 24 hours before to"`
	To        rest.Time `query:"to" doc:"left out: now"`
}

func (a *API) breakdown(ctx context.Context, c *access.Principal, in *breakdownQuery) (*Breakdown, error) {
	q := tally.Query{Tenant: c.Tenant, Webhooks: []uint32{0}, From: time.Time(in.From), To: time.Time(in.To)}
	if q.To.IsZero() {
		q.To = time.Now().UTC()
	}
	if q.From.IsZero() {
		q.From = q.To.Add(-24 * time.Hour)
	}
	if !q.From.Before(q.To) {
		return nil, problem.MalformedField("query from", "must lie before to")
	}
	ids := make(map[uint32]string)
	switch {
	case in.WebhookID != "" && in.Each:
		return nil, problem.MalformedField("query each", "cannot be asked for together with webhookId")
	case in.WebhookID != "":
		number, err := a.Webhooks.Logged(ctx, c.Tenant, in.WebhookID)
		if err != nil {
			return nil, err
		}
		q.Webhooks[0] = number
	case in.Each:
		for _, w := range a.Webhooks.List(c.Tenant) {
			ids[w.Number] = w.ID
			q.Webhooks = append(q.Webhooks, w.Number)
		}
	}
	sums, err := a.Tally.Sums(ctx, q)
	if err != nil {
		return nil, err
	}
	to := q.To.UTC().Truncate(time.Hour)
	if to.Before(q.To) {
		to = to.Add(time.Hour)
	}
	v := &Breakdown{From: rest.Time(q.From.UTC().Truncate(time.Hour)), To: rest.Time(to), Totals: breakdownOf(&tally.Sum{}), ByType: []NamedCount{}, Webhooks: []WebhookBreakdown{}}
	for i := range sums {
		s := &sums[i]
		if id, ok := ids[s.Webhook]; ok {
			v.Webhooks = append(v.Webhooks, WebhookBreakdown{id, breakdownOf(s)})
			continue
		}
		v.Totals, v.ByType = breakdownOf(s), named(s.Received)
		for _, n := range s.Received {
			v.Received += n.Count
		}
	}
	return v, nil
}
