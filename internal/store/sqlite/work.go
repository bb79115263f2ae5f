package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var workSQL = sqltext.Load(sqlFiles, "work")

// closeEvery is how long closing an intake may wait for company: nothing is
// lost when a closed intake appears open after a crash.
const closeEvery = 100 * time.Millisecond

// workDB holds unfinished work: owed deliveries and open intakes.
//
// Claims are kept in memory only. One process uses the files, so that a claim
// can have no other owner, and claims need not outlive the process.
type workDB struct {
	db  *db
	log *slog.Logger

	// change is held by whatever changes rows, from deciding to having
	// committed, and by claiming: a claim never rests on a row that is just
	// being changed.
	change sync.Mutex

	mu     sync.Mutex
	claims map[event.DeliveryID]int64 // tokens of the claimed rows; guarded by mu
	token  int64                      // the last one given; guarded by mu
	counts map[uint32]*owedCount      // per webhook with rows; guarded by mu
	total  atomic.Int64               // rows in all

	intakes intakes // guarded by mu

	kick    chan struct{} // intakes wait to be closed
	stop    chan struct{}
	closing sync.Once
	stopped sync.WaitGroup
}

// owedCount counts a webhook's rows.
type owedCount struct {
	tenant event.TenantID
	rows   int64
}

// openWork opens the file and counts its rows.
func openWork(path string, log *slog.Logger) (*workDB, error) {
	file, err := openDB(path, dbOptions{PageSize: 4096, CacheKB: 8 << 10, BusyTimeout: promptTimeout, Schema: loadMigrations("work"), Log: log})
	if err != nil {
		return nil, err
	}
	w := &workDB{
		db: file, log: log,
		claims: make(map[event.DeliveryID]int64),
		// Not the same in every process: a token kept from an earlier one is
		// then stale, as it should be.
		token:  rand.Int64N(1 << 60),
		counts: make(map[uint32]*owedCount),
		kick:   make(chan struct{}, 1),
		stop:   make(chan struct{}),
	}
	if err := file.read(context.Background(), w.load); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %q: %w", path, err), file.close())
	}
	w.stopped.Go(w.flushLoop)
	return w, nil
}

func (w *workDB) load(c *conn) error {
	first := make(map[uint32]event.ID)
	err := c.query(func(s *sqlite3.Stmt) error {
		webhook := uint32(s.ColumnInt64(0))
		n := s.ColumnInt64(1)
		w.counts[webhook] = &owedCount{rows: n}
		w.total.Add(n)
		first[webhook] = event.ID(s.ColumnInt64(2))
		return nil
	}, workSQL.Get("OwedCount"))
	if err != nil {
		return err
	}
	// All rows of a webhook have the same tenant.
	for webhook, id := range first {
		err := c.query(func(s *sqlite3.Stmt) error {
			w.counts[webhook].tenant = scanOwed(s).Tenant
			return nil
		}, workSQL.Get("OwedGet"), id, webhook)
		if err != nil {
			return err
		}
	}
	through, err := c.integer(workSQL.Get("ClosedThrough"))
	if err != nil {
		return err
	}
	w.intakes.through = event.ID(through)
	return c.query(func(s *sqlite3.Stmt) error {
		w.intakes.list = append(w.intakes.list, intake{id: event.ID(s.ColumnInt64(0)), closed: true, stored: true})
		return nil
	}, workSQL.Get("ClosedList"))
}

// close writes what waits to be written and closes the file.
func (w *workDB) close() error {
	w.closing.Do(func() { close(w.stop) })
	w.stopped.Wait()
	if err := w.flush(); err != nil && !errors.Is(err, errClosed) {
		w.log.Warn("closed intakes were not stored, the next start looks at them again", "error", err)
	}
	return w.db.close()
}

// oldestOwed returns the lowest id of an event with a row; ok is false without one.
func (w *workDB) oldestOwed() (id event.ID, ok bool, err error) {
	err = w.db.read(context.Background(), func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) error {
			id, ok = event.ID(s.ColumnInt64(0)), true
			return nil
		}, workSQL.Get("OwedOldest"))
	})
	return id, ok, err
}

// workChange is a transaction being made: its changes in memory once it
// has committed.
type workChange struct {
	w       *workDB
	c       *conn
	cleared map[event.DeliveryID]struct{} // rows whose claims end
	deltas  []countDelta
}

type countDelta struct {
	webhook uint32
	tenant  event.TenantID
	rows    int64
}

// commit runs f in a transaction, together with the closing of intakes that
// waits, and then makes its changes in memory. The caller holds w.change.
func (w *workDB) commit(ctx context.Context, f func(x *workChange) error) error {
	return w.commitWith(ctx, w.db.write, f)
}

// commitWith is commit by write or writeSynced.
func (w *workDB) commitWith(ctx context.Context, write func(context.Context, func(*conn) error) error, f func(x *workChange) error) error {
	x := &workChange{w: w}
	var closed closedIntakes
	err := write(ctx, func(c *conn) error {
		x.c = c
		if err := f(x); err != nil {
			return err
		}
		w.mu.Lock()
		closed = w.intakes.due()
		w.mu.Unlock()
		return closed.write(c)
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for d := range x.cleared {
		delete(w.claims, d)
	}
	for _, d := range x.deltas {
		n := w.counts[d.webhook]
		if n == nil {
			n = &owedCount{tenant: d.tenant}
			w.counts[d.webhook] = n
		}
		n.rows += d.rows
		if n.rows <= 0 {
			delete(w.counts, d.webhook)
		}
		w.total.Add(d.rows)
	}
	w.intakes.written(closed)
	return nil
}

// claimed reports whether the row carries the claim.
func (x *workChange) claimed(d event.DeliveryID, token int64) bool {
	if _, ok := x.cleared[d]; ok {
		return false
	}
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	return x.w.claims[d] == token
}

func (x *workChange) clear(d event.DeliveryID) {
	if x.cleared == nil {
		x.cleared = make(map[event.DeliveryID]struct{})
	}
	x.cleared[d] = struct{}{}
}

// count notes that a webhook has more rows, or fewer.
func (x *workChange) count(webhook uint32, tenant event.TenantID, rows int64) {
	if n := len(x.deltas); n > 0 && x.deltas[n-1].webhook == webhook {
		x.deltas[n-1].rows += rows
		return
	}
	x.deltas = append(x.deltas, countDelta{webhook, tenant, rows})
}

// record implements the second half of delivery.Store's Record.
func (w *workDB) record(ctx context.Context, owe, settle []delivery.Owed, closing []event.ID) error {
	if len(owe) == 0 && len(settle) == 0 {
		if len(closing) > 0 {
			w.mu.Lock()
			w.intakes.close(closing)
			w.mu.Unlock()
			signal(w.kick)
		}
		return nil
	}
	w.change.Lock()
	defer w.change.Unlock()
	write := w.db.write
	if slices.ContainsFunc(owe, askedFor) {
		write = w.db.writeSynced
	}
	err := w.commitWith(ctx, write, func(x *workChange) error {
		for i := range owe {
			if err := x.owe(&owe[i]); err != nil {
				return err
			}
		}
		for i := range settle {
			if err := x.settle(&settle[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("recording owed deliveries: %w", err)
	}
	// After the rows the closing rests on; with the next commit.
	if len(closing) > 0 {
		w.mu.Lock()
		w.intakes.close(closing)
		w.mu.Unlock()
		signal(w.kick)
	}
	return nil
}

// askedFor reports whether a row is what a person has asked for, and not what
// became of it: nothing would ask for it again if a power cut lost it. Who
// asked has the answer, and relay.db, which is synced, says how far a job is.
func askedFor(o delivery.Owed) bool { return o.Reason == delivery.ReasonManual && o.Token == 0 }

// owe adds or replaces a row.
func (x *workChange) owe(o *delivery.Owed) error {
	d := o.Delivery()
	if o.Token == 0 {
		added, err := x.insert(o)
		if err != nil || added {
			return err
		}
	} else if !x.claimed(d, o.Token) {
		return nil
	}
	x.clear(d)
	if err := x.row(workSQL.Get("OwedUpdate"), o); err != nil || x.c.changes() == 1 {
		return err
	}
	// It changes its order: into a batch, or out of one.
	if removed, err := x.remove(d, o.Tenant); err != nil || !removed {
		return err
	}
	_, err := x.insert(o)
	return err
}

// insert adds a row, unless there is one.
func (x *workChange) insert(o *delivery.Owed) (added bool, err error) {
	err = x.row(workSQL.Get("OwedInsert"), o)
	if err != nil || x.c.changes() != 1 {
		return false, err
	}
	x.count(o.Webhook, o.Tenant, 1)
	if o.Order == 0 {
		return true, nil
	}
	return true, x.c.exec(workSQL.Get("OwedBlock"), o.Webhook, o.Order, o.Event)
}

// row runs a statement with the columns of a row as its parameters.
func (x *workChange) row(sql string, o *delivery.Owed) error {
	s, err := x.c.stmt(sql)
	if err != nil {
		return err
	}
	columns := [...]int64{
		int64(o.Event), int64(o.Webhook), int64(o.Tenant), o.Due.UnixMilli(), o.Since.UnixMilli(),
		int64(o.Attempts), int64(o.Base), int64(o.Reason), o.Order,
	}
	for i, v := range columns[:s.BindCount()] {
		if err := s.BindInt64(i+1, v); err != nil {
			return err
		}
	}
	return s.Exec()
}

// settle deletes a row.
func (x *workChange) settle(o *delivery.Owed) error {
	d := o.Delivery()
	if o.Token != 0 && !x.claimed(d, o.Token) {
		return nil
	}
	_, err := x.remove(d, o.Tenant)
	return err
}

// remove deletes a row, if there is one.
func (x *workChange) remove(d event.DeliveryID, tenant event.TenantID) (removed bool, err error) {
	order := int64(0)
	err = x.c.query(func(s *sqlite3.Stmt) error {
		removed, order = true, s.ColumnInt64(0)
		return nil
	}, workSQL.Get("OwedDelete"), d.Event, d.Webhook)
	if err != nil || !removed {
		return false, err
	}
	x.clear(d)
	x.count(d.Webhook, tenant, -1)
	if order == 0 {
		return true, nil
	}
	return true, x.c.exec(workSQL.Get("OwedUnblock"), d.Webhook, order)
}

// move implements delivery.Store's OwedMove.
func (w *workDB) move(ctx context.Context, tenant event.TenantID, d event.DeliveryID, due time.Time) (bool, error) {
	w.change.Lock()
	defer w.change.Unlock()
	w.mu.Lock()
	_, claimed := w.claims[d]
	w.mu.Unlock()
	if claimed {
		return false, nil
	}
	moved := false
	err := w.commitWith(ctx, w.db.writeSynced, func(x *workChange) error {
		order := int64(0)
		err := x.c.query(func(s *sqlite3.Stmt) error {
			order = scanOwed(s).Order
			return nil
		}, workSQL.Get("OwedGet"), d.Event, d.Webhook)
		switch {
		case err != nil:
			return err
		case order < 0:
			err = x.c.exec(workSQL.Get("OwedMoveBatch"), d.Webhook, order, tenant, due.UnixMilli(), int(delivery.ReasonManual))
		default:
			err = x.c.exec(workSQL.Get("OwedMove"), d.Event, d.Webhook, tenant, due.UnixMilli(), int(delivery.ReasonManual))
		}
		moved = x.c.changes() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("moving an owed delivery: %w", err)
	}
	return moved, nil
}

// discardStep is how many rows one step of discarding removes: some 10 ms.
const discardStep = 1000

// discard implements delivery.Store's OwedDiscard.
func (w *workDB) discard(ctx context.Context, tenant event.TenantID, webhook uint32) error {
	for {
		n, err := w.discardSome(ctx, tenant, webhook)
		if err != nil {
			return fmt.Errorf("discarding owed deliveries: %w", err)
		}
		if n < discardStep {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (w *workDB) discardSome(ctx context.Context, tenant event.TenantID, webhook uint32) (int, error) {
	w.change.Lock()
	defer w.change.Unlock()
	w.mu.Lock()
	n := w.counts[webhook]
	ours := n != nil && n.tenant == tenant
	w.mu.Unlock()
	if !ours {
		return 0, nil
	}
	var events []event.ID
	err := w.commit(ctx, func(x *workChange) error {
		events = events[:0]
		err := x.c.query(func(s *sqlite3.Stmt) error {
			events = append(events, event.ID(s.ColumnInt64(0)))
			return nil
		}, workSQL.Get("OwedSome"), webhook, discardStep)
		if err != nil {
			return err
		}
		for _, id := range events {
			if _, err := x.remove(event.DeliveryID{Event: id, Webhook: webhook}, tenant); err != nil {
				return err
			}
		}
		return nil
	})
	return len(events), err
}

// scanOwed reads a row's columns.
func scanOwed(s *sqlite3.Stmt) delivery.Owed {
	return delivery.Owed{
		Event:    event.ID(s.ColumnInt64(0)),
		Webhook:  uint32(s.ColumnInt64(1)),
		Tenant:   event.TenantID(s.ColumnInt64(2)),
		Due:      time.UnixMilli(s.ColumnInt64(3)).UTC(),
		Since:    time.UnixMilli(s.ColumnInt64(4)).UTC(),
		Attempts: s.ColumnInt(5),
		Base:     s.ColumnInt(6),
		Reason:   delivery.Reason(s.ColumnInt(7)),
		Order:    s.ColumnInt64(8),
	}
}

// anyTime is later than every due time.
const anyTime = math.MaxInt64
