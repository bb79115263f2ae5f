// Package postgres implements Relay's storage contracts on PostgreSQL, for any
// number of nodes that share a database and nothing else.
//
// The idea: data that is written most is only appended, by COPY, to partitions of a
// day with as few indexes as can be, in one exchange with the database per
// group commit. Retention is a partition dropped. Everything is plain SQL: no
// extensions, no advisory locks, no LISTEN.
//
// A node has a row in the table node: a number, which goes into its ids, and a
// fencing token, larger than every one before. Every write locks that row, in
// the same transaction, in a mode that heartbeats pass. A node whose lease has
// run out, by the database's clock, is fenced by deleting the row: that waits
// for its writes under way, and each later one fails with ErrFenced. Its open
// intakes and claims are then nobody's, and are taken over (TakeOver). A node
// that finds itself fenced tells its engine (OnLost) and joins again under a
// new token. A lease that ran out while nobody fenced the node is renewed as
// if nothing had happened.
//
// Accepted events are durable when Append returns. Records are committed with
// synchronous_commit off; the database writes one log in order, so that a
// crash undoes the last ones but never an earlier one alone.
//
// Each call returns within 2 s, with problem.ErrUnavailable, when the
// database is silent. If the connection breaks while a group is being
// committed, nobody can know whether it was; package-internally such intakes
// are kept in mind until the database has said so (settleUncertain).
//
// With a pooler such as PgBouncer in transaction mode the URL needs
// default_query_exec_mode=exec, and the pooler ignore_startup_parameters =
// statement_timeout, idle_in_transaction_session_timeout.
//
// Known weak points: the event and attempt tables have no index by tenant, so
// that lists of a small tenant among large ones read the others' rows (for a
// second at most, then they give a cursor); if a transaction elsewhere in the
// cluster keeps VACUUM from removing rows for long, claims get slower.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/tables"
	"github.com/relay-events/relay/internal/webhook"
)

// Options says which database a Store uses.
type Options struct {
	// URL is a connection string as libpq and pgx read it, with several hosts
	// and target_session_attrs=read-write if need be, and pgx's pool_ settings.
	URL string
	// Lease is how long a node may be silent before others take its work over;
	// the same on all nodes. Zero: DefaultLease.
	Lease time.Duration
	// Sealer encrypts the webhooks' secrets. Nil stores them in clear: for tests.
	Sealer webhook.Sealer
	// Keys makes the Sealer, if set, in place of the field Sealer. kept is the
	// value that it returned last, nil at first; the database keeps the new one:
	// the keys that the nodes share, sealed with a key that is not in the
	// database, or nil. It is called once; other nodes that start wait for it.
	Keys func(kept []byte) (s webhook.Sealer, keep []byte, err error)
	// Log receives what happens in the background. Nil: slog.Default.
	Log *slog.Logger
	// Now is the clock that ids are made by. Nil: time.Now.
	Now func() time.Time
}

// Store implements the storage contracts of all domain packages. Its methods
// are safe for concurrent use. Open makes it, Close ends it.
type Store struct {
	now            func() time.Time
	*tables.Tables // what lies in plain tables; nil until the keys are known

	log     *slog.Logger
	sealer  webhook.Sealer
	lease   time.Duration
	pool    *pgxpool.Pool
	control *pgxpool.Pool // one connection, for the lease
	syncOff bool          // the server's default for synchronous_commit is off

	append   appender
	record   recorder
	settling sync.Mutex // held by settleUncertain
	seq      atomic.Pointer[sequences]
	marks    marks

	leaseUntil  atomic.Pointer[time.Time]
	leaseFailed atomic.Pointer[time.Time] // the last heartbeat that failed
	holdLease   atomic.Bool               // for tests: no heartbeats
	stale       atomic.Int64
	refused     atomic.Int64
	losses      atomic.Int64
	claims      atomic.Int64 // claims made by this process

	kickLease chan struct{}
	kickWork  chan struct{}
	stop      chan struct{}
	closing   sync.Once
	stopped   sync.WaitGroup

	mu          sync.Mutex
	reg         *registration    // nil between two; guarded by mu, as all below
	registered  chan struct{}    // closed when reg is set anew
	ended       *registration    // the last one that was lost
	onLost      func(int64)      // see OnLost
	days        map[day]bool     // whose partitions are there
	doubts      doubts           // what may be ours without our knowing
	turns       map[uint32]int64 // per webhook, behind which order the next claim looks
	rolled      event.ID         // our attempts are rolled up to here
	owedCount   int64
	owedCounted time.Time
}

var (
	_ catalogue.Store = (*Store)(nil)
	_ gate.Store      = (*Store)(nil)
	_ ingest.Store    = (*Store)(nil)
	_ account.Store   = (*Store)(nil)
	_ webhook.Store   = (*Store)(nil)

	_ webhook.ChangeLog    = (*Store)(nil)
	_ delivery.SharedStore = (*Store)(nil)
	_ access.AuditStore    = (*Store)(nil)
)

// Open connects to the database, brings its schema up to date and joins as a
// node. It fails when the database cannot be reached.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Sealer == nil {
		o.Sealer = webhook.InClear{}
	}
	if o.Lease <= 0 {
		o.Lease = DefaultLease
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{
		now: o.Now,
		log: o.Log.With("component", "store"), sealer: o.Sealer, lease: o.Lease,
		kickLease: make(chan struct{}, 1), kickWork: make(chan struct{}, 1),
		stop: make(chan struct{}), registered: make(chan struct{}),
		days: make(map[day]bool), turns: make(map[uint32]int64),
	}
	s.record.lag = make(map[day]lag)
	if err := s.open(ctx, o.URL, o.Keys); err != nil {
		return nil, fmt.Errorf("opening the database: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, url string, keys func([]byte) (webhook.Sealer, []byte, error)) (err error) {
	if s.pool, s.control, err = openPools(url); err != nil {
		return err
	}
	if err := s.checkServer(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.importing(ctx); err != nil {
		return err
	}
	if err := s.openKeys(ctx, keys); err != nil {
		return err
	}
	if err := s.register(ctx); err != nil {
		return err
	}
	s.stopped.Go(s.keepLease)
	s.stopped.Go(s.work)
	if err := s.prepareDays(ctx, s.now()); err != nil {
		return err
	}
	err = s.TenantEnsure(ctx, account.Tenant{ID: event.DefaultTenant, Name: defaultTenantName, CreatedAt: time.Now()})
	if err != nil {
		return err
	}
	if _, none := s.sealer.(webhook.InClear); !none {
		n, err := s.Reseal(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			s.log.Info("secrets were sealed with the newest key", "resealed", n)
		}
	}
	return s.releaseOrphans(ctx)
}

// checkServer looks at the server's settings on which promises rest.
func (s *Store) checkServer(ctx context.Context) error {
	var fsync, sync, encoding string
	err := s.query(ctx, func(row pgx.CollectableRow) error { return row.Scan(&fsync, &sync, &encoding) },
		`SELECT current_setting('fsync'), current_setting('synchronous_commit'), current_setting('server_encoding')`)
	if err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %q: create one with ENCODING 'UTF8'", encoding)
	}
	if fsync == "off" {
		s.log.Warn("the database runs with fsync off: a crash of its machine loses accepted events")
	}
	s.syncOff = sync == "off"
	return nil
}

// Close gives the node's work up for others to take over, and ends all
// connections. The Store must not be used any more.
func (s *Store) Close() error {
	s.closing.Do(func() { close(s.stop) })
	s.stopped.Wait()
	if s.pool == nil {
		return nil
	}
	s.leave()
	s.pool.Close()
	s.control.Close()
	return nil
}
