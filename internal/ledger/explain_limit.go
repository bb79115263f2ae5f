package ledger

import (
	"context"
	"fmt"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// explainLimit says of a delivery that waits for the webhook's rate limit that
// it does, and how many are before it.
func (l *Ledger) explainLimit(ctx context.Context, w *webhook.Webhook, x *Explanation, row *delivery.Owed) error {
	if x.Delivery == nil {
		return nil
	}
	before, ok := l.limited(w, []*Delivery{x.Delivery}, []*delivery.Owed{row})[x.Delivery.ID]
	if !ok {
		return nil
	}
	about := "about"
	if row != nil && row.Token == 0 {
		// Those in the store have about the order of their due times.
		about = "at most"
		summaries, err := l.store.OwedSummaries(ctx)
		if err != nil {
			return fmt.Errorf("counting what is owed: %w", err)
		}
		for i := range summaries {
			if summaries[i].Webhook == w.Number {
				before += max(0, summaries[i].Count-1)
			}
		}
	}
	x.Verdict = VerdictLimit
	x.Detail = fmt.Sprintf("%s, with %s %d ahead of it", limitReason(w), about, before)
	if d := x.Delivery.Attempts; d > 0 {
		x.Detail += fmt.Sprintf("; attempts made: %d", d)
	}
	return nil
}

func limitReason(w *webhook.Webhook) string {
	return fmt.Sprintf("it waits for the rate limit of %g/s", w.RateLimit.PerSecond)
}

// nameLimits makes deliveries that wait for their webhook's rate limit say so.
// rows has the row of each, nil where there is none.
func (l *Ledger) nameLimits(list []Delivery, rows []*delivery.Owed) {
	type some struct {
		hook *webhook.Webhook
		list []*Delivery
		rows []*delivery.Owed
	}
	var byHook map[uint32]*some // of those with a limit
	for i := range list {
		d := &list[i]
		if d.State != StateWaiting && d.State != StateInFlight {
			continue
		}
		w, ok := l.hooks.ByNumber(d.ID.Webhook)
		if !ok || w.RateLimit == nil {
			continue
		}
		s := byHook[w.Number]
		if s == nil {
			if byHook == nil {
				byHook = make(map[uint32]*some)
			}
			s = &some{hook: w}
			byHook[w.Number] = s
		}
		s.list, s.rows = append(s.list, d), append(s.rows, rows[i])
	}
	for _, s := range byHook {
		limited := l.limited(s.hook, s.list, s.rows)
		for i, d := range s.list {
			if _, ok := limited[d.ID]; !ok {
				continue
			}
			if d.Reason = limitReason(s.hook); s.rows[i] != nil && s.rows[i].Reason == delivery.ReasonRetry && s.rows[i].Token == 0 {
				d.Reason = retryReason(s.rows[i], s.hook, d.Last) + ": " + limitReason(s.hook)
			}
		}
	}
}

// limited returns those of a webhook's deliveries that are due and wait for its
// rate limit, with how many are before each in the lane's queue. rows has the
// row of each, nil where there is none.
func (l *Ledger) limited(w *webhook.Webhook, list []*Delivery, rows []*delivery.Owed) map[event.DeliveryID]int {
	if w.RateLimit == nil {
		return nil
	}
	places := make(map[event.DeliveryID]int, len(list))
	for i, d := range list {
		if rows[i] == nil || rows[i].Token != 0 {
			places[d.ID] = -1 // in the memory of a node
		}
	}
	n, limited := l.machine.Places(w.Number, places)
	if !limited {
		return nil
	}
	now := l.machine.Now()
	for i, d := range list {
		place, queued := places[d.ID]
		switch {
		case queued && place < 0:
			delete(places, d.ID) // it is being sent, or is another node's
		case !queued && !rows[i].Due.After(now):
			places[d.ID] = n
		}
	}
	return places
}
