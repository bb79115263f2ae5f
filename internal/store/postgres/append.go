package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/idempotency"
)

const (
	// intakeBytes of events end an intake, so that taking one over does not
	// need more memory than that. A larger event is an intake of its own.
	intakeBytes = 4 << 20
	// appendTries bounds how often a group is put together anew because other
	// nodes have stored some of its keys meanwhile.
	appendTries = 8
)

// keyHash is an idempotency key as it is stored: half of a SHA-256, so that
// nobody can make two keys that agree.
type keyHash = [16]byte

func hashKey(tenant event.TenantID, key string) keyHash {
	b := make([]byte, 4, 4+len(key))
	binary.BigEndian.PutUint32(b, uint32(tenant))
	sum := sha256.Sum256(append(b, key...))
	return keyHash(sum[:16])
}

// appender is the state of Append: one runs at a time.
type appender struct {
	mu   sync.Mutex // held during Append; guards everything here
	rows copyRows
	// The following are reused and hold nothing between calls.
	intakes []newIntake
	group   idempotency.Group[keyHash]
	stale   []event.ID      // per keyed item: the event that the key was stored for, which is gone
	owed    []delivery.Owed // with the events
	token   int64           // of the registration they are stored under

	oweWith func(ev *event.Event, owe func(delivery.Owed)) // see OweWith; nil: nothing
}

// newIntake is an intake about to be stored.
type newIntake struct {
	id    event.ID
	items []*ingest.Item
	owed  []event.DeliveryID // with the events
}

// Append implements ingest.Store. Of a group whose storing was interrupted,
// TakeOver later gives the intakes that were stored all the same; publishers
// who try again with their keys find the events there.
func (s *Store) Append(ctx context.Context, pubs []*ingest.Publication) ([]delivery.Intake, error) {
	a := &s.append
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.reset()
	ctx, cancel := detached(ctx)
	defer cancel()
	intakes, err := s.appendGroup(ctx, pubs)
	if err != nil {
		return nil, fmt.Errorf("storing events: %w", err)
	}
	return intakes, nil
}

// Probe implements ingest.Store.
func (s *Store) Probe(ctx context.Context) error {
	r, err := s.current()
	if err == nil {
		_, err = s.change(ctx, r, change{sql: []string{"SELECT 1"}})
	}
	if err != nil {
		return fmt.Errorf("looking at the database: %w", err)
	}
	return nil
}

func (a *appender) reset() {
	a.group.Reset()
	clear(a.intakes)
	a.intakes, a.stale = a.intakes[:0], a.stale[:0]
	a.rows.shrink()
}

func (s *Store) appendGroup(ctx context.Context, pubs []*ingest.Publication) ([]delivery.Intake, error) {
	a := &s.append
	a.group.Collect(pubs, hashKey)
	a.stale = append(a.stale[:0], make([]event.ID, len(a.group.Keyed))...)
	// Nothing that an earlier registration knew is needed here: a node that
	// has lost its lease goes on under its next one.
	var r *registration
	for try := 1; ; try++ {
		a.group.Choose(pubs)
		a.intakes = a.intakes[:0]
		if len(a.group.Items) == 0 {
			break
		}
		var err error
		if r, err = s.rejoined(ctx, r); err != nil {
			return nil, err
		}
		if err = s.appendStore(ctx, r); noPartition(err) {
			s.forgetDays()
			err = s.appendStore(ctx, r)
		}
		if err == nil {
			break
		}
		// Keys that somebody has stored before? Each of our own went into its
		// row only with this transaction.
		var e *pgconn.PgError
		taken := errors.As(err, &e) && e.Code == stateUniqueViolation && e.ConstraintName == "event_key_pkey"
		switch {
		case try == appendTries:
			return nil, storeError(ctx, err)
		case errors.Is(err, ErrFenced):
			continue // rejoined waits for the next one
		case strings.HasPrefix(sqlState(err), stateData):
			return nil, problem.Wrap(err, problem.Invalid, "it holds something that the database cannot store, such as a NUL character in a text")
		case !taken:
			return nil, storeError(ctx, err)
		}
		r = nil
		if err := s.findKeys(ctx); err != nil {
			return nil, err
		}
	}
	return a.finish(pubs), nil
}

// finish sets the results of the items, and returns the intakes.
func (a *appender) finish(pubs []*ingest.Publication) []delivery.Intake {
	var intakes []delivery.Intake
	for i := range a.intakes {
		b := &a.intakes[i]
		in := delivery.Intake{ID: b.id, Events: make([]event.Event, len(b.items)), Token: a.token, Owed: b.owed}
		for n, it := range b.items {
			it.Event.ID = b.id + event.ID(n)
			if it.Cause != 0 {
				it.Event.Cause = it.Event.ID + event.ID(it.Cause)
			}
			in.Events[n] = it.Event
		}
		intakes = append(intakes, in)
	}
	a.group.Finish(pubs)
	return intakes
}

// findKeys looks up the stored events with the keys of the group. A key whose
// event is gone is free again.
func (s *Store) findKeys(ctx context.Context) error {
	a := &s.append
	keys, err := s.keysGet(ctx, a.group.Hashes)
	if err != nil {
		return fmt.Errorf("looking up idempotency keys: %w", err)
	}
	for i, hash := range a.group.Hashes {
		var stored event.Event
		a.stale[i] = 0
		u, ok := keys[hash]
		switch {
		case !ok:
		case u.found:
			stored = u.event
		default:
			a.stale[i] = u.event.ID
		}
		a.group.Stored(i, stored, u.digest)
	}
	return nil
}

// appendStore stores the items under a registration, all or none.
func (s *Store) appendStore(ctx context.Context, r *registration) error {
	a := &s.append
	now, err := s.afterOrders(ctx, s.now())
	if err != nil {
		return err
	}
	a.cut(s.seq.Load().events, now)
	first, last := a.intakes[0].id, a.intakes[len(a.intakes)-1].id
	if err := s.ensureDays(ctx, first, last); err != nil {
		return err
	}
	a.encode()
	a.owe()
	a.token = r.fence << claimBits
	_, err = s.change(ctx, r, change{
		sql:  append(append(a.keySQL(), a.intakeSQL(r)), a.oweSQL()...),
		copy: a.rows.copyEvents(),
		rows: a.rows.b,
	})
	if inDoubt(err) {
		var ids []event.ID
		for i := range a.intakes {
			ids = append(ids, a.intakes[i].id)
		}
		s.doubt(ids)
	}
	return err
}

// cut makes intakes of the items, and gives them their ids. Events derived from
// an event are in one intake with it, however large that gets.
func (a *appender) cut(seq *event.Sequence, now time.Time) {
	items := a.group.Items
	a.intakes = a.intakes[:0]
	from, size := 0, 0
	root, first, before := -1, 0, 0 // of the items that stay together; before is size up to them
	for i, it := range items {
		if r := i + int(it.Root); r != root {
			root, first, before = r, i, size
		}
		size += it.Event.Size()
		if first > from && (size > intakeBytes || i-from >= event.MaxReserve) {
			a.intakes = append(a.intakes, newIntake{items: items[from:first]})
			from, size, before = first, size-before, 0
		}
	}
	a.intakes = append(a.intakes, newIntake{items: items[from:]})
	for i := range a.intakes {
		a.intakes[i].id = seq.Reserve(now, len(a.intakes[i].items))
	}
}

// encode makes the rows of the table event.
func (a *appender) encode() {
	w := &a.rows
	w.reset()
	w.traced = slices.ContainsFunc(a.group.Items, func(it *ingest.Item) bool { return it.Event.Trace != nil })
	for i := range a.intakes {
		id := a.intakes[i].id
		for _, it := range a.intakes[i].items {
			cause := it.Event.Cause
			if it.Cause != 0 {
				cause = id + event.ID(it.Cause)
			}
			w.event(id, cause, &it.Event)
			id++
		}
	}
	w.end()
}

// copyEvents returns the statement that takes the rows that event made. Only rows with traces name that column: others
// stay as they were, byte for byte.
func (c *copyRows) copyEvents() string {
	if c.traced {
		return "COPY event(id, tenant, name, type, time, version, key, deliver_at, cause, attributes, data, warnings, trace) FROM STDIN BINARY"
	}
	return "COPY event(id, tenant, name, type, time, version, key, deliver_at, cause, attributes, data, warnings) FROM STDIN BINARY"
}

// event adds a row of the table event. With traced it has the column trace, as all rows of the statement then have.
func (c *copyRows) event(id, cause event.ID, e *event.Event) {
	if c.traced {
		c.row(13)
	} else {
		c.row(12)
	}
	c.int64(int64(id))
	c.int32(int32(e.Tenant))
	c.text(e.Name)
	c.text(e.Type)
	c.int64(e.Time.UnixMilli())
	c.text(e.Version)
	c.text(e.Key)
	c.int64(column.Millis(e.DeliverAt))
	c.int64(int64(cause))
	if e.Attributes == nil {
		c.null()
	} else {
		c.bytes(e.Attributes)
	}
	c.bytes(e.Data)
	if e.Warnings == "" {
		c.null()
	} else {
		c.text(e.Warnings)
	}
	switch {
	case !c.traced:
	case e.Trace == nil:
		c.null()
	default:
		c.bytes(e.Trace[:])
	}
}

// intakeSQL stores the intakes. A row of that id, which is there if the node
// has come to doubt it (see settleUncertain), is an error.
func (a *appender) intakeSQL(r *registration) string {
	b := []byte("INSERT INTO intake(id, events, fence) VALUES ")
	for i := range a.intakes {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "(%d,%d,%d)", a.intakes[i].id, len(a.intakes[i].items), r.fence)
	}
	return string(b)
}

// keySQL stores the keys of the items; a key that is there is an error.
func (a *appender) keySQL() []string {
	type row struct {
		hash   keyHash
		event  event.ID
		digest [16]byte
	}
	var rows []row
	var stale strings.Builder
	k := 0
	for i := range a.intakes {
		for n, it := range a.intakes[i].items {
			if it.Key == "" {
				continue
			}
			for a.group.Keyed[k].Item != it {
				k++
			}
			hash := a.group.Hashes[k]
			rows = append(rows, row{hash, a.intakes[i].id + event.ID(n), it.Digest})
			if old := a.stale[k]; old != 0 {
				if stale.Len() > 0 {
					stale.WriteByte(',')
				}
				fmt.Fprintf(&stale, "('%x'::uuid,%d)", hash[:], old)
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	// In one order, so that nodes that store the same keys do not block each other.
	slices.SortFunc(rows, func(a, b row) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	b := make([]byte, 0, 64+len(rows)*110)
	b = append(b, "INSERT INTO event_key(id, event, digest) VALUES "...)
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "('%x',%d,'%x')", rows[i].hash[:], rows[i].event, rows[i].digest[:])
	}
	var sql []string
	if stale.Len() > 0 {
		sql = append(sql, "DELETE FROM event_key WHERE (id, event) IN ("+stale.String()+")")
	}
	return append(sql, string(b))
}

// EventReserve implements delivery.Store.
func (s *Store) EventReserve() event.ID { return s.seq.Load().events.Reserve(s.now(), 1) }
