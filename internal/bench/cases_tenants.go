package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/webhook"
)

// caseTenants starts a relay with 10,000 tenants that have a webhook each, and compares publishing for each in turn with
// publishing for the only tenant of another relay. The two are measured by turns.
func caseTenants(ctx context.Context, l *lab) ([]Row, error) {
	const rate = 200 // events published per second
	count := l.scaled(10_000)
	key, dir := adminKey(), l.folder()
	made, err := l.startIn(ctx, dir, key)
	if err == nil {
		err = errors.Join(made.tenants(ctx, l, count), made.stop(ctx))
	}
	if err != nil {
		return nil, err
	}
	many, err := l.startIn(ctx, dir, key)
	if err != nil {
		return nil, err
	}
	ready := many.ready
	if err := many.process.settle(ctx, quietShare, quietLimit); err != nil {
		return nil, err
	}
	idle := many.process.usage()
	if !idle.known {
		return nil, errUnknown
	}
	one, err := l.startIn(ctx, l.folder(), key)
	if err == nil {
		err = one.tenants(ctx, l, 1)
	}
	if err != nil {
		return nil, err
	}
	var single, each []float64
	for range max(3, l.o.Runs) {
		for _, side := range []struct {
			s     *server
			count int
			p99   *[]float64
		}{{one, 1, &single}, {many, count, &each}} {
			var answered histogram
			_, err := paced(ctx, rate, l.o.Duration, func(ctx context.Context, i int, due time.Time, body *[]byte) error {
				*body = side.s.put((*body)[:0], group(0), due.UnixNano())
				_, err := side.s.as(ctx, fmt.Sprint("t", i%side.count), "/v1/events", *body, http.StatusAccepted)
				answered.add(time.Since(due))
				return err
			})
			if err != nil {
				return nil, err
			}
			*side.p99 = append(*side.p99, ms(int64(answered.quantile(.99))))
		}
	}
	if err := errors.Join(one.stop(ctx), many.stop(ctx)); err != nil {
		return nil, err
	}
	rows := []Row{
		atMost("10,000 tenants with a webhook each: start", ready.Seconds(), "s", 3, 0),
		atMost("memory, idle", mib(idle.rss), "MiB", 150, 0),
		atMost("publish p99, each tenant in turn", median(each)/median(single), "× one tenant", 1.2, 0),
	}
	for i := range rows {
		rows[i].Note = l.scaleNote(count)
	}
	rows[2].Note = fmt.Sprintf("%s ms beside %s ms, medians of %d × %v by turns, %d/s %s", short(median(each)), short(median(single)), len(each), l.o.Duration, rate, l.scaleNote(count))
	return rows, nil
}

// tenants creates tenants t0, t1 and so on with a webhook each.
func (s *server) tenants(ctx context.Context, l *lab, count int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < count && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				name := fmt.Sprint("t", i)
				_, err := s.call(ctx, http.MethodPost, "/v1/tenants", typeJSON, []byte(`{"id":"`+name+`"}`), http.StatusCreated)
				if err == nil {
					h := l.hook("e", 0, group(0))
					var body []byte
					body, err = json.Marshal(map[string]any{"url": h.url, "events": h.events})
					if err == nil {
						_, err = s.as(ctx, name, "/v1/webhooks", body, http.StatusCreated)
					}
				}
				if err != nil {
					cancel(fmt.Errorf("creating tenant %s: %w", name, err))
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// as posts a body for a tenant, with the platform key.
func (r *relay) as(ctx context.Context, tenant, path string, body []byte, want int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", typeJSON)
	req.Header.Set("Relay-Tenant", tenant)
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != want {
		err = fmt.Errorf("POST %s for %s: got status %d, want %d: %.500s", path, tenant, res.StatusCode, want, answer)
	}
	return answer, err
}

// eraseCanary is in all data of the tenant that caseErase erases.
const eraseCanary = "canary-4f1c9e"

// caseErase erases a tenant with a million events and three webhooks from a store, while another one publishes. It is made
// with the store and the group commits of a relay, without its server: a relay erases only seven days after a deletion.
func caseErase(ctx context.Context, l *lab) (rows []Row, err error) {
	const (
		rate  = 500
		hooks = 3
		gone  = event.DefaultTenant + 1
	)
	count := l.scaled(1_000_000)
	dir := l.folder()
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := fillTenant(ctx, store, gone, hooks, count); err != nil {
		return nil, fmt.Errorf("filling the tenant: %w", err)
	}
	in := ingest.New(store, closing{ctx, store}, nil)
	defer in.Stop()
	publish := func(ctx context.Context, d time.Duration) (float64, error) {
		var answered histogram
		_, err := paced(ctx, rate, d, func(ctx context.Context, _ int, due time.Time, body *[]byte) error {
			*body = l.samples[0].put((*body)[:0], group(0), due.UnixNano(), 1)
			p := &ingest.Publication{Tenant: event.DefaultTenant, Items: []ingest.Item{{Event: event.Event{
				Tenant: event.DefaultTenant, Type: "a.b", Data: bytes.Clone(*body), Time: due.UTC().Truncate(time.Millisecond),
			}}}}
			err := in.Publish(ctx, p)
			answered.add(time.Since(due))
			return err
		})
		return ms(int64(answered.quantile(.99))), err
	}
	var alone, beside []float64
	measure := func(list *[]float64) error {
		p99, err := publish(ctx, l.o.Duration)
		*list = append(*list, p99)
		return err
	}
	if _, err := publish(ctx, time.Second); err != nil { // warms up
		return nil, err
	}
	if err := measure(&alone); err != nil {
		return nil, err
	}
	begun := time.Now()
	erased := make(chan error, 1)
	var took time.Duration
	go func() {
		err := store.TenantErase(ctx, gone)
		took = time.Since(begun)
		erased <- err
	}()
	for done := false; !done; {
		if err := measure(&beside); err != nil {
			return nil, errors.Join(err, <-erased)
		}
		select {
		case err := <-erased:
			if done = true; err != nil {
				return nil, err
			}
		default:
		}
	}
	for range len(beside) {
		if len(alone) > l.o.Runs {
			break
		}
		if err := measure(&alone); err != nil {
			return nil, err
		}
	}
	left, err := remains(ctx, store, dir, gone)
	if err != nil {
		return nil, err
	}
	rows = []Row{
		atMost("tenant of 1,000,000 events and 3,000,000 attempts erased: another's publish p99", median(beside)/median(alone), "× alone", 1.5, 0),
		atMost("its canary afterwards", float64(left), "files and rows", 0, 0),
	}
	rows[0].Note = fmt.Sprintf("%s ms beside %s ms at %d/s, medians of %d and %d × %v; erased in %v %s",
		short(median(beside)), short(median(alone)), rate, len(beside), len(alone), l.o.Duration, took.Round(time.Millisecond), l.scaleNote(count))
	return rows, nil
}

// closing closes the intakes of events that nobody wants.
type closing struct {
	ctx   context.Context
	store *sqlite.Store
}

// Accept implements ingest.Router.
func (c closing) Accept(intakes []delivery.Intake) {
	var r delivery.Record
	for _, in := range intakes {
		r.Close = append(r.Close, in.ID)
	}
	_ = c.store.Record(c.ctx, &r) // an intake that stays open costs this measurement nothing
}

// fillTenant stores events of a tenant, each with an attempt by each webhook.
func fillTenant(ctx context.Context, store *sqlite.Store, tenant event.TenantID, hooks, count int) error {
	const array = 1000
	for from := 0; from < count; from += array {
		p := &ingest.Publication{Tenant: tenant}
		for i := from; i < min(from+array, count); i++ {
			p.Items = append(p.Items, ingest.Item{Event: event.Event{
				Tenant: tenant, Type: eraseCanary, Time: time.Now().UTC().Truncate(time.Millisecond),
				Data: fmt.Appendf(nil, `{"n":%d,"text":%q,"hash":"%x"}`, i, eraseCanary, uint64(i)*0x9e3779b97f4a7c15),
			}})
		}
		intakes, err := store.Append(ctx, []*ingest.Publication{p})
		if err != nil {
			return err
		}
		var r delivery.Record
		for _, in := range intakes {
			r.Close = append(r.Close, in.ID)
		}
		for i := range p.Items {
			e := &p.Items[i].Event
			for n := range hooks {
				w := &webhook.Webhook{Number: uint32(n + 1)}
				w.URL = "https://" + eraseCanary + ".example.com/hook"
				a := logEntry(from+i, e.ID, w)
				a.Tenant, a.EventType = tenant, e.Type
				r.Attempts = append(r.Attempts, a)
			}
		}
		if err := store.Record(ctx, &r); err != nil {
			return err
		}
	}
	return nil
}

// remains counts what can be found of an erased tenant: files that hold the canary, and rows that the store shows of it.
func remains(ctx context.Context, store *sqlite.Store, dir string, tenant event.TenantID) (left int, err error) {
	events, _, err := store.EventList(ctx, ingest.Query{Tenant: tenant, Limit: 250})
	if err != nil {
		return 0, err
	}
	left = len(events)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err == nil && bytes.Contains(raw, []byte(eraseCanary)) {
			left++
		}
		return err
	})
	return left, err
}
