package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var nodeSQL = sqltext.Load(sqlFiles, "node")

// DefaultLease is for how long a node that cannot reach the database keeps its
// claims and open intakes before others may take them.
const DefaultLease = 15 * time.Second

// A fencing token counts the registrations of all nodes. The claims of a
// registration are fence<<claimBits + a counter: 24 bits hold 16 million
// registrations, 39 bits half a trillion claims of each.
const (
	claimBits = 39
	maxFence  = 1<<24 - 1
)

// ErrFenced is delivery.ErrFenced.
var ErrFenced = delivery.ErrFenced

// registration is a node's identity from joining to losing its lease.
type registration struct {
	fence  int64
	number int
	server string // when the server it was made on began; see heartbeat
}

// sequences give the ids of a registration.
type sequences struct {
	events, attempts *event.Sequence
}

// register gives this process a number that no live node has, with a new
// fencing token, and lets it write.
func (s *Store) register(caller context.Context) error {
	ctx, cancel := bounded(caller)
	defer cancel()
	host, _ := os.Hostname() // only a label
	name := fmt.Sprintf("%s/%d", host, os.Getpid())
	now := time.Now()
	r, seq := new(registration), new(sequences)
	err := begin(ctx, s.control, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, nodeSQL.Get("Register")).Scan(&r.fence, &r.server); err != nil {
			return err
		}
		if r.fence > maxFence {
			return errors.New("all fencing tokens are used")
		}
		free := func() error {
			return tx.QueryRow(ctx, nodeSQL.Get("FreeNumber"), event.MaxNode).Scan(&r.number)
		}
		err := free()
		if errors.Is(err, pgx.ErrNoRows) {
			if _, err = tx.Exec(ctx, nodeSQL.Get("FenceExpired"), r.fence); err == nil {
				err = free()
			}
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("all %d node numbers are in use", event.MaxNode+1)
		}
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, nodeSQL.Get("NodeInsert"), r.fence, r.number, name, s.lease.Milliseconds()); err != nil {
			return err
		}
		// Ids rise with the clock. Only where the clock of the number's last
		// holder was ahead of ours there are ids to stay above.
		last := func(sql string) (id event.ID, err error) {
			var n *int64
			err = tx.QueryRow(ctx, nodeSQL.Get(sql), int64(event.FirstID(now)), r.number).Scan(&n)
			if n != nil {
				id = event.ID(*n)
			}
			return id, err
		}
		lastEvent, err := last("LastEvent")
		if err != nil {
			return err
		}
		lastAttempt, err := last("LastAttempt")
		if err != nil {
			return err
		}
		seq.events, seq.attempts = event.NewSequence(r.number, lastEvent), event.NewSequence(r.number, lastAttempt)
		// Without a row all of the number's attempts are counted.
		_, err = tx.Exec(ctx, nodeSQL.Get("RolledInsert"), r.number, int64(max(lastAttempt, event.FirstID(now)-1)))
		return err
	})
	if err != nil {
		return storeError(caller, fmt.Errorf("joining as a node: %w", err))
	}
	s.seq.Store(seq)
	s.marks.forget()
	s.setLease(now.Add(s.lease))
	s.mu.Lock()
	s.reg = r
	close(s.registered)
	s.registered = make(chan struct{})
	s.mu.Unlock()
	s.log.Info("joined as a node", "node", r.number, "fence", r.fence)
	return nil
}

// current returns the registration, or ErrFenced while there is none.
func (s *Store) current() (*registration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reg == nil {
		return nil, ErrFenced
	}
	return s.reg, nil
}

// rejoined waits until there is a registration other than old.
func (s *Store) rejoined(ctx context.Context, old *registration) (*registration, error) {
	for {
		s.mu.Lock()
		r, changed := s.reg, s.registered
		s.mu.Unlock()
		if r != nil && r != old {
			return r, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ErrFenced
		case <-s.stop:
			return nil, ErrFenced
		}
	}
}

// lost notes that a registration has ended and has the node join again.
func (s *Store) lost(r *registration) {
	s.mu.Lock()
	mine := s.reg == r && r != nil
	if mine {
		s.reg, s.ended = nil, r
	}
	s.mu.Unlock()
	if mine {
		s.setLease(time.Time{})
		s.losses.Add(1)
		s.log.Error("this node's lease has ended: it gives up what it holds and joins again", "node", r.number, "fence", r.fence)
		signal(s.kickLease)
	}
}

// Lease returns until when the node may act on what it has claimed, by this
// machine's clock; zero when it has no lease. A node that cannot reach the
// database starts no delivery after that.
func (s *Store) Lease() time.Time {
	if ns := s.leaseUntil.Load(); ns != nil {
		return *ns
	}
	return time.Time{}
}

// The time keeps its monotonic reading, so that a clock set back gives no node
// a longer lease.
func (s *Store) setLease(until time.Time) { s.leaseUntil.Store(&until) }

// OnLost implements delivery.SharedStore.
func (s *Store) OnLost(f func(below int64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onLost = f
}

// StaleWrites returns how many rows were not changed because their claims had
// ended, since the store was opened.
func (s *Store) StaleWrites() int64 { return s.stale.Load() }

// RefusedWrites returns how many transactions were refused because the lease
// had been lost, since the store was opened.
func (s *Store) RefusedWrites() int64 { return s.refused.Load() }

// Losses returns how often the lease was lost since the store was opened.
func (s *Store) Losses() int64 { return s.losses.Load() }

// retryLease is how soon a heartbeat that failed is tried again.
const retryLease = 500 * time.Millisecond

// keepLease is the goroutine that renews the lease.
func (s *Store) keepLease() {
	failing := false
	for {
		wait := s.lease / 3
		if failing {
			wait = min(wait, retryLease)
		}
		timer := time.NewTimer(wait)
		select {
		case <-s.stop:
			timer.Stop()
			return
		case <-s.kickLease:
			timer.Stop()
			if failing { // whoever fails kicks: not more often than this
				select {
				case <-s.stop:
					return
				case <-time.After(retryLease / 5):
				}
			}
		case <-timer.C:
		}
		if s.holdLease.Load() {
			continue
		}
		err := s.heartbeat()
		if err != nil && !failing {
			s.log.Error("the node's lease could not be renewed, trying again", "error", err)
		}
		if failing = err != nil; failing {
			now := time.Now()
			s.leaseFailed.Store(&now)
		}
	}
}

// heartbeat renews the lease, or joins again when it was lost.
//
// A server that has crashed, or a standby that has taken its place, lacks what
// was committed last without waiting for the disk: settled deliveries are owed
// or claimed again there, closed intakes open. What this node knows does not
// fit that any more: no write of its is let through (schema_05.sql), and it
// joins anew and takes over from itself. Where the table of nodes outlives
// that, the time at which the server began tells.
func (s *Store) heartbeat() error {
	r, err := s.current()
	if err == nil {
		ctx, cancel := bounded(context.Background())
		defer cancel()
		sent := time.Now()
		var server string
		err := s.control.QueryRow(ctx, nodeSQL.Get("Renew"), r.fence, s.lease.Milliseconds()).Scan(&server)
		switch {
		case err == nil && server == r.server:
			s.setLease(sent.Add(s.lease))
			return nil
		case err == nil:
			s.log.Warn("the database was started anew, or another has taken its place")
			if _, err := s.control.Exec(ctx, nodeSQL.Get("Leave"), r.fence); err != nil {
				return err
			}
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
		s.lost(r)
	}
	s.mu.Lock()
	f, ended := s.onLost, s.ended
	s.mu.Unlock()
	if f != nil && ended != nil {
		f((ended.fence + 1) << claimBits)
	}
	if err := s.register(context.Background()); err != nil {
		return err
	}
	signal(s.kickWork)
	return nil
}

// leave gives the lease up, so that others take over at once.
func (s *Store) leave() {
	s.mu.Lock()
	r := s.reg
	s.reg = nil
	s.mu.Unlock()
	if r == nil {
		return
	}
	ctx, cancel := bounded(context.Background())
	defer cancel()
	if _, err := s.control.Exec(ctx, nodeSQL.Get("Leave"), r.fence); err != nil {
		s.log.Warn("the lease was not given up: others wait until it has run out", "error", err)
	}
}

// signal wakes a goroutine that waits on a channel of capacity one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will wake for the signal before
	}
}
