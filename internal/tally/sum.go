package tally

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/delivery"
)

// Named is the count of something that has a name.
type Named struct {
	Name  string
	Count int64
}

// Sum is what came of the attempts to a webhook, or of all of a tenant, in some hours. Lists begin with the largest count.
type Sum struct {
	Webhook  uint32 // zero: of all
	Attempts int64
	Classes  []Named
	Errors   []Named
	Types    []Named
	// Received are the events that were accepted, by type, derived ones included. Only of all webhooks.
	Received []Named
	latency  [buckets]int64
}

// Percentile returns how long an attempt took that is slower than the fraction p of all, zero without attempts. It lies
// between the bounds of its bucket of delivery.DurationBuckets; beyond the last bound it is that.
func (s *Sum) Percentile(p float64) time.Duration {
	if s.Attempts == 0 {
		return 0
	}
	rank, below := p*float64(s.Attempts), int64(0)
	low := 0.0
	for i, n := range s.latency {
		if i == len(delivery.DurationBuckets) {
			break
		}
		high := delivery.DurationBuckets[i]
		if n > 0 && float64(below+n) >= rank {
			part := min(max((rank-float64(below))/float64(n), 0), 1)
			return time.Duration((low + (high-low)*part) * float64(time.Second))
		}
		below, low = below+n, high
	}
	return time.Duration(low * float64(time.Second))
}

// Sums returns the sums of the query's webhooks over all hours that have a part between From and To, those without any count
// left out. What other servers have counted in the last seconds is missing.
func (t *Tally) Sums(ctx context.Context, q Query) ([]Sum, error) {
	if t.from != nil {
		if from := t.from(q.Tenant); from.After(q.From) {
			q.From = from
		}
	}
	if q.From = q.From.UTC().Truncate(time.Hour); !q.To.Truncate(time.Hour).Equal(q.To) {
		q.To = q.To.Truncate(time.Hour).Add(time.Hour)
	}
	if !q.From.Before(q.To) {
		return nil, nil
	}
	if err := t.Flush(ctx); err != nil {
		return nil, err
	}
	rows, err := t.store.TallySum(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", err)
	}
	var list []Sum
	at := make(map[uint32]int)
	for _, r := range rows {
		i, ok := at[r.Webhook]
		if !ok {
			i = len(list)
			at[r.Webhook] = i
			list = append(list, Sum{Webhook: r.Webhook})
		}
		s := &list[i]
		switch r.Kind {
		case Class:
			s.Attempts += r.Count
			s.Classes = append(s.Classes, Named{r.Name, r.Count})
		case Error:
			s.Errors = append(s.Errors, Named{r.Name, r.Count})
		case Type:
			s.Types = append(s.Types, Named{r.Name, r.Count})
		case Received:
			s.Received = append(s.Received, Named{r.Name, r.Count})
		case Latency:
			if n, err := strconv.Atoi(r.Name); err == nil && n >= 0 && n < buckets {
				s.latency[n] += r.Count
			}
		}
	}
	for i := range list {
		for _, l := range [][]Named{list[i].Classes, list[i].Errors, list[i].Types, list[i].Received} {
			slices.SortFunc(l, func(a, b Named) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
		}
	}
	slices.SortFunc(list, func(a, b Sum) int { return cmp.Compare(a.Webhook, b.Webhook) })
	return list, nil
}
