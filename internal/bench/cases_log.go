package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/webhook"
)

// caseLog reads pages of a log of five million attempts, and measures the effect on publishing.
func caseLog(ctx context.Context, l *lab) ([]Row, error) {
	const (
		webhooks = 10
		rate     = 200 // events published per second
		pages    = 20  // pages read per second
	)
	count := l.scaled(5_000_000)
	dir, key, ids, p, err := l.withLog(ctx, webhooks, count)
	if err != nil {
		return nil, err
	}

	var page, filtered histogram
	var alone, beside Stats
	s, err := l.startIn(ctx, dir, key)
	if err != nil {
		return nil, err
	}
	err = s.watched(ctx, func(ctx context.Context, s *server) error {
		if err := l.warm(ctx, s, &p); err != nil {
			return err
		}
		var err error
		if alone, err = l.published(ctx, s, rate, 2*l.o.Duration, &p); err != nil {
			return err
		}
		reading, cancel := context.WithCancel(ctx)
		defer cancel()
		read := make(chan error, 1)
		go func() { read <- s.readLog(reading, ids, pages, &page, &filtered) }()
		beside, err = l.published(ctx, s, rate, 2*l.o.Duration, &p)
		cancel()
		if readErr := <-read; err == nil && !errors.Is(readErr, context.Canceled) {
			err = readErr
		}
		return err
	})
	if err = errors.Join(err, s.stop(ctx)); err != nil {
		return nil, err
	}
	rows := []Row{
		atMost("page of 50 of 5,000,000 attempts, p95", ms(int64(page.quantile(.95))), "ms", 50, 0),
		atMost("filtered page, p95", ms(int64(filtered.quantile(.95))), "ms", 50, 0),
		atMost("publish p99 meanwhile", float64(beside.P99Ns)/float64(alone.P99Ns), "× alone", 1.2, 0),
	}
	rows[0].Note = l.scaleNote(count)
	rows[1].Note = fmt.Sprintf("longest %s ms", short(ms(filtered.most.Load())))
	rows[2].Note = fmt.Sprintf("%s ms beside %s ms, %d pages/s", short(ms(beside.P99Ns)), short(ms(alone.P99Ns)), pages)
	return rows, nil
}

// caseExpire measures the effect on publishing of removing a day with a million attempts.
func caseExpire(ctx context.Context, l *lab) ([]Row, error) {
	const (
		rate = 500
		// sweep is when the first sweep after a start has certainly ended; it begins after 5 to 15
		// seconds.
		sweep = 20 * time.Second
	)
	count := l.scaled(1_000_000)
	dir, key, _, p, err := l.withLog(ctx, 10, count)
	if err != nil {
		return nil, err
	}
	// The log written today is renamed to a day that has expired.
	folder := filepath.Join(dir, "attempts")
	old := filepath.Join(folder, time.Now().UTC().AddDate(0, 0, -60).Format(time.DateOnly)+".db")
	days, err := filepath.Glob(filepath.Join(folder, "*.db"))
	if err == nil && len(days) != 1 {
		err = fmt.Errorf("the log has %d days, not one: did it turn midnight?", len(days))
	}
	if err == nil {
		err = os.Rename(days[0], old)
	}
	if err != nil {
		return nil, err
	}
	var beside, alone Stats
	s, err := l.startIn(ctx, dir, key)
	if err != nil {
		return nil, err
	}
	err = s.watched(ctx, func(ctx context.Context, s *server) error {
		var err error
		if beside, err = l.published(ctx, s, rate, sweep, &p); err != nil {
			return err
		}
		if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the day was not removed within %v: %w", sweep, err)
		}
		alone, err = l.published(ctx, s, rate, sweep, &p)
		return err
	})
	if err = errors.Join(err, s.stop(ctx)); err != nil {
		return nil, err
	}
	r := atMost("deleting 1,000,000 expired attempts: publish p99", float64(beside.P99Ns)/float64(alone.P99Ns), "× alone", 2, 0)
	r.Note = fmt.Sprintf("%s ms beside %s ms at %d/s; %s", short(ms(beside.P99Ns)), short(ms(alone.P99Ns)), rate, l.scaleNote(count))
	return []Row{r}, nil
}

// withLog creates a folder with webhooks and a log of count attempts. p publishes to the first
// webhook; ids are the other webhooks, to which the log belongs.
func (l *lab) withLog(ctx context.Context, webhooks, count int) (dir, key string, ids []string, p spread, err error) {
	dir, key = l.folder(), adminKey()
	// A relay creates the webhooks; afterwards the store itself writes the log.
	s, err := l.startIn(ctx, dir, key)
	if err != nil {
		return "", "", nil, p, err
	}
	p = l.plain(1)
	err = s.watched(ctx, func(ctx context.Context, s *server) error {
		hooks := p.hooks
		for i := range webhooks {
			hooks = append(hooks, l.hook("e", i+1, group(1)))
		}
		return s.webhooks(ctx, hooks)
	})
	ids = s.hooks[min(1, len(s.hooks)):]
	if err = errors.Join(err, s.stop(ctx)); err == nil {
		err = l.fillLog(ctx, dir, ids, count)
	}
	return dir, key, ids, p, err
}

// published returns the times to the 202 in place of the times to arrival.
func (l *lab) published(ctx context.Context, s *server, rate float64, d time.Duration, p *spread) (Stats, error) {
	st, answered, err := l.openLoop(ctx, s, rate, d, p)
	if err == nil {
		st.P99Ns = int64(answered.quantile(.99))
	}
	return st, err
}

// readLog reads pages of the log until ctx ends, as a person browsing it would: for each webhook
// the first page, the next page, and a filtered page.
func (s *server) readLog(ctx context.Context, ids []string, perSecond int, page, filtered *histogram) error {
	filters := []string{"status=failed", "code=5xx", "code=503&status=retrying", "eventType=call.urgent"}
	for i := 0; ; i++ {
		path := "/v1/webhooks/" + ids[i%len(ids)] + "/attempts?limit=50"
		next, err := s.timedPage(ctx, path, page)
		if err == nil && next != "" {
			_, err = s.timedPage(ctx, path+"&cursor="+next, page)
		}
		if err == nil {
			_, err = s.timedPage(ctx, path+"&"+filters[i%len(filters)], filtered)
		}
		if err == nil {
			err = pause(ctx, 3*time.Second/time.Duration(perSecond))
		}
		if err != nil {
			return err
		}
	}
}

// timedPage reads one page, which must not be empty, and returns the cursor of the next.
func (s *server) timedPage(ctx context.Context, path string, h *histogram) (next string, err error) {
	start := time.Now()
	answer, err := s.call(ctx, http.MethodGet, path, "", nil, http.StatusOK)
	if err != nil {
		return "", err
	}
	h.add(time.Since(start))
	var list struct {
		Data       []json.RawMessage
		NextCursor string
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return "", fmt.Errorf("reading the page %q: %w", path, err)
	}
	if len(list.Data) == 0 {
		return "", fmt.Errorf("the page %q is empty", path)
	}
	return list.NextCursor, nil
}

// fillLog writes count attempts for the webhooks: out of a hundred, ninety delivered, nine to be
// retried and one failed.
func (l *lab) fillLog(ctx context.Context, dir string, ids []string, count int) (err error) {
	keys, err := secret.Open(filepath.Join(dir, "relay.key"), nil) // created by the relay that created the webhooks
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Sealer: keys, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	all, err := store.WebhookList(ctx)
	if err != nil {
		return err
	}
	hooks := make(map[string]*webhook.Webhook, len(all))
	for _, w := range all {
		hooks[w.ID] = w
	}
	done, finish := l.bars.start("writing the log", count)
	defer finish()
	const group = 1000
	for from := 0; from < count; from += group {
		r := delivery.Record{Attempts: make([]*delivery.Attempt, 0, group)}
		for i := from; i < min(from+group, count); i++ {
			w := hooks[ids[i%len(ids)]]
			if w == nil {
				return fmt.Errorf("webhook %q is not in the store", ids[i%len(ids)])
			}
			r.Attempts = append(r.Attempts, logEntry(i, store.EventReserve(), w))
		}
		if err := store.Record(ctx, &r); err != nil {
			return fmt.Errorf("writing the log: %w", err)
		}
		done(len(r.Attempts))
	}
	return nil
}

func logEntry(i int, id event.ID, w *webhook.Webhook) *delivery.Attempt {
	a := &delivery.Attempt{
		Tenant: event.DefaultTenant, Event: id, EventType: "call.completed", Webhook: w.Number, Number: 1,
		At: time.Now().UTC(), Outcome: delivery.Delivered,
		Request: exchange.Request{Method: http.MethodPost, URL: w.URL, BodyFormat: format.Relay, Header: []exchange.Field{
			{Name: "Content-Type", Value: format.ContentType},
			{Name: "X-Relay-Delivery", Value: event.DeliveryID{Event: id, Webhook: w.Number}.String()},
		}},
		Response: &exchange.Response{Status: 200, Body: []byte("ok"), BodyBytes: 2},
		Timing:   exchange.Timing{FirstByte: time.Duration(100+i%900) * time.Microsecond, Total: time.Duration(120+i%900) * time.Microsecond},
	}
	if i%1000 < 10 { // runs of ten, so that each webhook gets one
		a.EventType = "call.urgent"
	}
	switch at := i / 10 % 100; {
	case at == 0:
		a.Outcome, a.Number, a.ErrorKind, a.Error, a.Response.Status = delivery.Failed, 5, "status", "the endpoint answered 500", 500
	case at < 10:
		a.Outcome, a.ErrorKind, a.Error, a.Response.Status = delivery.Retrying, "status", "the endpoint answered 503", 503
		a.NextAt = a.At.Add(30 * time.Second)
	}
	return a
}
