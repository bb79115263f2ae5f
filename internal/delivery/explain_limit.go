package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// explainLimit says of a delivery that waits for the webhook's rate limit that
// it does, and how many are before it.
func (e *Engine) explainLimit(ctx context.Context, w *webhook.Webhook, x *Explanation, row *Owed) error {
	if x.Delivery == nil {
		return nil
	}
	before, ok := e.limited(w, []*Delivery{x.Delivery}, []*Owed{row})[x.Delivery.ID]
	if !ok {
		return nil
	}
	about := "about"
	if row != nil && row.Token == 0 {
		// Those in the store have about the order of their due times.
		about = "at most"
		summaries, err := e.store.OwedSummaries(ctx)
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
func (e *Engine) nameLimits(list []Delivery, rows []*Owed) {
	type some struct {
		hook *webhook.Webhook
		list []*Delivery
		rows []*Owed
	}
	var byHook map[uint32]*some // of those with a limit
	for i := range list {
		d := &list[i]
		if d.State != StateWaiting && d.State != StateInFlight {
			continue
		}
		w, ok := e.hooks.ByNumber(d.ID.Webhook)
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
		limited := e.limited(s.hook, s.list, s.rows)
		for i, d := range s.list {
			if _, ok := limited[d.ID]; !ok {
				continue
			}
			if d.Reason = limitReason(s.hook); s.rows[i] != nil && s.rows[i].Reason == ReasonRetry && s.rows[i].Token == 0 {
				d.Reason = retryReason(s.rows[i], s.hook, d.Last) + ": " + limitReason(s.hook)
			}
		}
	}
}

// limited returns those of a webhook's deliveries that are due and wait for its
// rate limit, with how many are before each in the lane's queue. rows has the
// row of each, nil where there is none.
func (e *Engine) limited(w *webhook.Webhook, list []*Delivery, rows []*Owed) map[event.DeliveryID]int {
	l := e.laneOf(w.Number)
	if w.RateLimit == nil || l == nil {
		return nil
	}
	places := make(map[event.DeliveryID]int, len(list))
	for i, d := range list {
		if rows[i] == nil || rows[i].Token != 0 {
			places[d.ID] = -1 // in the memory of a node
		}
	}
	n, limited := l.places(places)
	if !limited {
		return nil
	}
	now := e.wall()
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

// places sets for each of the deliveries how many are before it in the queue,
// where it is there. It returns the length of the queue, and whether the user's
// rate limit lets none of them start now.
func (l *lane) places(of map[event.DeliveryID]int) (n int, limited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pace.user.delay(time.Now()) == 0 {
		return 0, false
	}
	for i := range l.queue.n {
		for t := l.queue.ring[(l.queue.head+i)%len(l.queue.ring)]; t != nil; t = t.next {
			if _, ok := of[t.owed.Delivery()]; ok {
				of[t.owed.Delivery()] = n
			}
			n++
		}
	}
	return n, true
}
