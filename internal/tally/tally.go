// Package tally counts attempts by what came of them, and events by their type, hour by hour: for charts and tables over
// many webhooks, whatever their number.
//
// Counts are kept in memory and added to those in the store every few seconds, so that recording an attempt costs no write
// of its own. A crash loses the counts of these seconds, but nothing else: the log has the attempts themselves.
package tally

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// Kind is what is counted. Stored as numbers: never change one's value.
type Kind uint8

// The kinds.
const (
	Class    Kind = 1 // attempts by class of status: "2xx" to "5xx", or NoAnswer
	Error    Kind = 2 // attempts that failed, by exchange.Kind
	Type     Kind = 3 // attempts by type of the event
	Latency  Kind = 4 // attempts by bucket of delivery.DurationBuckets: its number, that beyond all included
	Received Kind = 5 // events that were accepted, by type; only of a tenant
)

const (
	// NoAnswer names attempts without an answer.
	NoAnswer = "none"
	// Others names the types of an hour beyond maxTypes.
	Others = "*"
)

const (
	// flushEvery is how often counts are stored.
	flushEvery = 5 * time.Second
	// maxCells bounds the hours of webhooks that are counted between two flushes; beyond it a flush comes early, and while
	// the store does not take any, further ones are not counted.
	maxCells = 50_000
	// maxTypes bounds the types that are counted apart in an hour of a webhook, between two flushes.
	maxTypes = 200
	// addRows is how many rows are added in one transaction.
	addRows = 2000
	buckets = len(delivery.DurationBuckets) + 1
)

// Row is a count of one hour.
type Row struct {
	Tenant  event.TenantID
	Webhook uint32    // zero: of all webhooks of the tenant
	Hour    time.Time // its beginning, UTC
	Kind    Kind
	Name    string
	Count   int64
}

// Query selects hours of a tenant.
type Query struct {
	Tenant   event.TenantID
	Webhooks []uint32  // zero among them: the sum of all
	From, To time.Time // whole hours
}

// Store keeps counts. All methods are safe for concurrent use.
type Store interface {
	Expirer
	// TallyAdd adds counts to those that are there, in one transaction. The rows are in the order of their keys.
	TallyAdd(ctx context.Context, rows []Row) error
	// TallySum returns the sums over the query's hours, in one read. Hour is not set in them.
	TallySum(ctx context.Context, q Query) ([]Row, error)
}

// Tally counts. It is safe for concurrent use.
type Tally struct {
	store Store
	log   *slog.Logger
	from  func(tenant event.TenantID) time.Time // nil: all is shown; see ShowFrom
	full  chan struct{}                         // buffered, 1: a flush should come early

	flushing sync.Mutex // one flush at a time
	left     []Row      // that the last flush could not store; guarded by flushing

	mu      sync.Mutex
	cells   map[cellKey]*cell // guarded by mu
	dropped int64             // attempts that were not counted; guarded by mu
}

type cellKey struct {
	tenant  event.TenantID
	webhook uint32
	hour    int64 // since 1970
}

// cell is an hour of a webhook, or of a tenant.
type cell struct {
	classes  [6]int64 // none, 1xx to 5xx
	latency  [buckets]int64
	errors   map[string]int64
	types    map[string]int64
	received map[string]int64
}

// New returns a Tally on the counts in the store. Run stores what it counts.
func New(store Store, log *slog.Logger) *Tally {
	return &Tally{store: store, log: log, full: make(chan struct{}, 1), cells: make(map[cellKey]*cell)}
}

// ShowFrom sets the function that returns the moment before which nothing of a tenant is shown; zero: all is. It must be
// called before the Tally is shared.
func (t *Tally) ShowFrom(f func(tenant event.TenantID) time.Time) { t.from = f }

const hourMs = int64(time.Hour / time.Millisecond)

func hourOf(at time.Time) int64 {
	ms := at.UnixMilli()
	return (ms - (ms%hourMs+hourMs)%hourMs) / hourMs
}

// cellLocked returns the cell of a key, nil if there are too many.
func (t *Tally) cellLocked(k cellKey) *cell {
	c := t.cells[k]
	if c == nil {
		if len(t.cells) >= maxCells {
			select {
			case t.full <- struct{}{}:
			default:
			}
			return nil
		}
		c = new(cell)
		t.cells[k] = c
	}
	return c
}

// count adds to one of few names.
func count(m *map[string]int64, name string, n int64) {
	if *m == nil {
		*m = make(map[string]int64)
	}
	if _, ok := (*m)[name]; !ok && len(*m) >= maxTypes {
		name = Others
	}
	(*m)[name] += n
}

// Attempts counts recorded attempts. It is called by the engine's recorder, and never waits.
func (t *Tally) Attempts(list []*delivery.Attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range list {
		if !a.Outcome.IsAttempt() || a.Follows() {
			continue
		}
		c := t.cellLocked(cellKey{a.Tenant, a.Webhook, hourOf(a.At)})
		if c == nil {
			t.dropped++
			continue
		}
		class := 0
		if a.Response != nil {
			class = min(max(a.Response.Status/100, 0), 5)
		}
		c.classes[class]++
		c.latency[bucketOf(a.Timing.Total)]++
		if a.ErrorKind != "" {
			count(&c.errors, string(a.ErrorKind), 1)
		}
		count(&c.types, a.EventType, 1)
	}
}

func bucketOf(d time.Duration) int {
	s, i := d.Seconds(), 0
	for i < len(delivery.DurationBuckets) && s > delivery.DurationBuckets[i] {
		i++
	}
	return i
}

// Received counts accepted events; internal ones are left out.
func (t *Tally) Received(events []event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range events {
		e := &events[i]
		if event.IsInternal(e.Type) {
			continue
		}
		if c := t.cellLocked(cellKey{e.Tenant, 0, hourOf(e.ID.Time())}); c != nil {
			count(&c.received, e.Type, 1)
		} else {
			t.dropped++
		}
	}
}

// Run stores what is counted until ctx ends, and the rest then.
func (t *Tally) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	failing := false
	for done := false; !done; {
		select {
		case <-tick.C:
		case <-t.full:
		case <-ctx.Done():
			done = true
		}
		err := t.Flush(context.WithoutCancel(ctx))
		if err != nil && !failing {
			t.log.ErrorContext(ctx, "storing statistics failed, trying again", "error", err)
		}
		failing = err != nil
	}
}

// Flush stores what has been counted.
func (t *Tally) Flush(ctx context.Context) error {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	if err := t.storeLeft(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	var cells map[cellKey]*cell
	if len(t.cells) > 0 { // else others go on with the empty map
		cells, t.cells = t.cells, make(map[cellKey]*cell)
	}
	dropped := t.dropped
	t.dropped = 0
	t.mu.Unlock()
	if dropped > 0 {
		t.log.WarnContext(ctx, "attempts and events are missing in the statistics: too many webhooks at a time", "missing", dropped)
	}
	t.left = rowsOf(cells)
	return t.storeLeft(ctx)
}

// storeLeft stores rows a part at a time, until one fails. The caller holds flushing.
func (t *Tally) storeLeft(ctx context.Context) error {
	for len(t.left) > 0 {
		n := min(len(t.left), addRows)
		if err := t.store.TallyAdd(ctx, t.left[:n]); err != nil {
			return fmt.Errorf("storing statistics: %w", err)
		}
		t.left = t.left[n:]
	}
	t.left = nil
	return nil
}

var classNames = [...]string{NoAnswer, "1xx", "2xx", "3xx", "4xx", "5xx"}

// add adds what another cell holds.
func (c *cell) add(o *cell) {
	for i, n := range o.classes {
		c.classes[i] += n
	}
	for i, n := range o.latency {
		c.latency[i] += n
	}
	for name, n := range o.errors {
		count(&c.errors, name, n)
	}
	for name, n := range o.types {
		count(&c.types, name, n)
	}
}

// rowsOf returns what cells hold, with the sums of tenants, in the order of the keys: servers that add to the same rows do it
// in one order.
func rowsOf(cells map[cellKey]*cell) []Row {
	sums := make(map[cellKey]*cell)
	for k, c := range cells {
		if k.webhook == 0 {
			continue
		}
		k.webhook = 0
		if sums[k] == nil {
			if sums[k] = cells[k]; sums[k] == nil {
				sums[k] = new(cell)
			}
		}
		sums[k].add(c)
	}
	maps.Copy(cells, sums)
	var rows []Row
	for k, c := range cells {
		base := Row{Tenant: k.tenant, Webhook: k.webhook, Hour: time.UnixMilli(k.hour * hourMs).UTC()}
		add := func(kind Kind, name string, n int64) {
			if n != 0 {
				r := base
				r.Kind, r.Name, r.Count = kind, name, n
				rows = append(rows, r)
			}
		}
		for i, n := range c.classes {
			add(Class, classNames[i], n)
		}
		for i, n := range c.latency {
			add(Latency, strconv.Itoa(i), n)
		}
		for kind, m := range map[Kind]map[string]int64{Error: c.errors, Type: c.types, Received: c.received} {
			for name, n := range m {
				add(kind, name, n)
			}
		}
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Webhook, b.Webhook), a.Hour.Compare(b.Hour), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return rows
}

// Expirer removes counts; see Store.
type Expirer interface {
	// TallyExpire removes counts of hours before the time, at most a few more than limit, and returns how many it removed.
	TallyExpire(ctx context.Context, before time.Time, limit int) (int, error)
}

// Expire removes counts of hours before the time.
func Expire(ctx context.Context, store Expirer, before time.Time) error {
	const batch = 2000
	for {
		if n, err := store.TallyExpire(ctx, before, batch); err != nil || n < batch {
			return err
		}
	}
}
