package observe

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/relay-events/relay/internal/delivery"
)

// TopWebhooks counts the attempts of each webhook, and shows those of the webhooks with the most: a
// page with series of all of them could be of any size.
type TopWebhooks struct {
	most    int
	webhook func(number uint32) (id string)

	mu     sync.Mutex
	counts map[uint32]*webhookCounts // guarded by mu

	attempts, seconds *prometheus.Desc
}

type webhookCounts struct {
	outcomes [delivery.Failed + 1]int64
	time     time.Duration
}

func (c *webhookCounts) all() (n int64) {
	for _, k := range c.outcomes {
		n += k
	}
	return n
}

// NewTopWebhooks returns a TopWebhooks that shows at most the number of webhooks. webhook returns
// the id of one, empty if it is gone.
func NewTopWebhooks(most int, webhook func(number uint32) string) *TopWebhooks {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("relay_webhook_"+name, help, labels, nil)
	}
	return &TopWebhooks{
		most: most, webhook: webhook, counts: make(map[uint32]*webhookCounts),
		attempts: desc("attempts_total", "Requests made to a webhook's endpoint, by outcome; of the metricsWebhooks webhooks with the most.", "webhook", "outcome"),
		seconds:  desc("attempt_seconds_total", "Time taken by a webhook's attempts; of the same webhooks.", "webhook"),
	}
}

// Attempts counts attempts, for delivery.Engine.CountBy.
func (t *TopWebhooks) Attempts(list []*delivery.Attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range list {
		if !a.Outcome.IsAttempt() || a.Follows() {
			continue // a batch is one request
		}
		c := t.counts[a.Webhook]
		if c == nil {
			c = new(webhookCounts)
			t.counts[a.Webhook] = c
		}
		c.outcomes[a.Outcome]++
		c.time += a.Timing.Total
	}
}

// Describe implements prometheus.Collector.
func (t *TopWebhooks) Describe(ch chan<- *prometheus.Desc) { ch <- t.attempts; ch <- t.seconds }

// Collect implements prometheus.Collector.
func (t *TopWebhooks) Collect(ch chan<- prometheus.Metric) {
	type row struct {
		number uint32
		id     string
		counts webhookCounts
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := make([]row, 0, len(t.counts))
	for number, c := range t.counts {
		if id := t.webhook(number); id != "" {
			rows = append(rows, row{number, id, *c})
		} else {
			delete(t.counts, number)
		}
	}
	slices.SortFunc(rows, func(a, b row) int { // a tie goes to the older webhook, so that series do not come and go
		return cmp.Or(cmp.Compare(b.counts.all(), a.counts.all()), cmp.Compare(a.number, b.number))
	})
	for i := range rows[:min(len(rows), t.most)] {
		r := &rows[i]
		for o := delivery.Delivered; o <= delivery.Failed; o++ {
			ch <- prometheus.MustNewConstMetric(t.attempts, prometheus.CounterValue, float64(r.counts.outcomes[o]), r.id, o.String())
		}
		ch <- prometheus.MustNewConstMetric(t.seconds, prometheus.CounterValue, r.counts.time.Seconds(), r.id)
	}
}
