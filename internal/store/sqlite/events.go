package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/utcday"
)

// listFor bounds how long EventList reads for one page. Tests shorten it.
var listFor = time.Second

// getMany calls f for each event that exists and can be read, in order, and
// damaged for each id whose block cannot.
func (l *eventLog) getMany(ctx context.Context, ids []event.ID, f func(event.Event), damaged func(event.ID, error)) error {
	if !slices.IsSorted(ids) {
		ids = slices.Clone(ids)
		slices.Sort(ids)
	}
	var r record
	for len(ids) > 0 {
		n := utcday.Of(ids[0])
		count := 1
		for count < len(ids) && utcday.Of(ids[count]) == n {
			count++
		}
		today := ids[:count]
		ids = ids[count:]
		file, err := l.acquire(n)
		if err != nil {
			return err
		}
		if file == nil {
			continue
		}
		err = file.read(ctx, func(c *conn) error {
			var b *block
			for i, id := range today {
				if i > 0 && id == today[i-1] {
					continue
				}
				if b == nil || id >= b.end() {
					if b, err = l.find(c, n, sqlBlockAt, id); err != nil {
						return err
					}
					if b != nil {
						l.cache.put(b)
					}
				}
				switch {
				case b == nil || id >= b.end():
				case b.damaged != nil:
					damaged(id, b.damaged)
				default:
					if err := b.record(id, &r); err != nil {
						damaged(id, fmt.Errorf("%w: event %d: %w", ErrDamaged, id, err))
						continue
					}
					f(r.event(id))
				}
			}
			return nil
		})
		l.release(file)
		if err != nil {
			return err
		}
	}
	return nil
}

// EventGetMany implements delivery.Store.
func (s *Store) EventGetMany(ctx context.Context, ids []event.ID) ([]event.Event, error) {
	events := make([]event.Event, 0, len(ids))
	var damaged map[event.ID]error
	err := s.events.getMany(ctx, ids,
		func(e event.Event) {
			if e.Tenant != erasedTenant {
				events = append(events, e)
			}
		},
		func(id event.ID, err error) {
			if damaged == nil {
				damaged = make(map[event.ID]error)
			}
			damaged[id] = err
		})
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading events: %w", err)
	case damaged != nil:
		return events, &delivery.DamagedError{Why: damaged}
	}
	return events, nil
}

// EventFind implements ingest.Store.
func (s *Store) EventFind(ctx context.Context, tenant event.TenantID, publicID string) (e event.Event, ok bool, err error) {
	var id event.ID
	hash := [1]keyHash{s.keys.hash(tenant, ingest.NameKey(publicID))}
	if err := s.keys.lookup(ctx, hash[:], func(_ int, u usedKey) { id = u.event }); err != nil {
		return e, false, fmt.Errorf("looking up event %q: %w", publicID, err)
	}
	if id != 0 {
		if e, ok, err = s.eventGet(ctx, tenant, id); ok || err != nil {
			return e, ok, err
		}
	}
	if id, err = event.ParseID(event.EventPrefix, publicID); err != nil {
		return e, false, nil
	}
	return s.eventGet(ctx, tenant, id)
}

func (s *Store) eventGet(ctx context.Context, tenant event.TenantID, id event.ID) (event.Event, bool, error) {
	list, err := s.EventGetMany(ctx, []event.ID{id})
	if err != nil || len(list) == 0 || list[0].Tenant != tenant {
		return event.Event{}, false, err
	}
	return list[0], true, nil
}

// matches reports whether the query selects the record by its contents. text
// is nil if the query has none.
func matches(q *ingest.Query, text *rawjson.Search, r *record) bool {
	return r.tenant == q.Tenant && bytes.IndexByte(r.typ, event.InternalMark) < 0 &&
		(q.Type == "" || string(r.typ) == q.Type) &&
		(q.Key == "" || string(r.key) == q.Key) &&
		(text == nil || text.In(r.data))
}

// EventList implements ingest.Store. Since and Until bound the time an event
// was accepted at, Until exclusively. Damaged blocks are left out.
func (s *Store) EventList(ctx context.Context, q ingest.Query) (page []event.Event, next event.ID, err error) {
	below := event.ID(1<<63 - 1)
	if q.Before != 0 {
		below = q.Before
	}
	if !q.Until.IsZero() {
		below = min(below, event.FirstID(q.Until))
	}
	var from event.ID
	if !q.Since.IsZero() {
		from = event.FirstID(q.Since)
	}
	limit := max(q.Limit, 1)
	var text *rawjson.Search
	if q.Text != "" {
		text = rawjson.NewSearch(q.Text)
	}
	start := time.Now()
	var r record
	days := s.events.days()
	for i := len(days) - 1; i >= 0 && below > from; i-- {
		n := days[i]
		if n.FirstID() >= below {
			continue
		}
		if n < utcday.Of(from) {
			break
		}
		for below > from {
			b, err := s.events.block(ctx, n, sqlBlockBefore, below)
			if err != nil {
				return nil, 0, fmt.Errorf("listing events: %w", err)
			}
			if b == nil {
				break
			}
			if b.damaged != nil {
				s.log.Error("a block of events was left out of a list", "error", b.damaged)
				below = b.id
				continue
			}
			for id := min(b.last(), below-1); id >= max(b.id, from); id-- {
				if err := b.record(id, &r); err != nil {
					s.log.Error("a damaged event was left out of a list", "event", int64(id), "error", err)
					continue
				}
				if !matches(&q, text, &r) {
					continue
				}
				if len(page) == limit {
					return page, page[limit-1].ID, nil
				}
				page = append(page, r.event(id))
			}
			below = b.id
			if time.Since(start) >= listFor {
				return page, below, nil
			}
		}
	}
	return page, 0, nil
}

// EventScan implements delivery.JobStore. Damaged blocks are left out.
func (s *Store) EventScan(ctx context.Context, tenant event.TenantID, after, until event.ID, f func(*event.Event) bool) error {
	var r record
	err := s.events.ascend(ctx, after, func(b *block) (bool, error) {
		if b.id > until {
			return false, nil
		}
		if b.damaged != nil {
			s.log.Error("a block of events was left out of a scan", "error", b.damaged)
			return true, nil
		}
		for id := max(b.id, after+1); id <= min(b.last(), until); id++ {
			if err := b.record(id, &r); err != nil {
				s.log.Error("a damaged event was left out of a scan", "event", int64(id), "error", err)
				continue
			}
			if r.tenant != tenant {
				continue
			}
			if e := r.event(id); !f(&e) {
				return false, nil
			}
		}
		return b.last() < until, nil
	})
	if err != nil {
		return fmt.Errorf("scanning events: %w", err)
	}
	return nil
}

// IntakeHas implements delivery.Store.
func (s *Store) IntakeHas(_ context.Context, id event.ID) (bool, error) {
	// An event can be read a moment before its intake is among those opened.
	return int64(id) > s.append.opened.Load() || s.work.hasOpen(id), nil
}

// IntakeOpen implements delivery.Store. An intake whose block is damaged is
// left out and stays open.
func (s *Store) IntakeOpen(ctx context.Context, f func(delivery.Intake) error) error {
	var r record
	for _, id := range s.openAtStart {
		b, err := s.events.block(ctx, utcday.Of(id), sqlBlockAt, id)
		if err != nil {
			return fmt.Errorf("reading open intakes: %w", err)
		}
		if b == nil || b.id != id {
			continue // its day was removed
		}
		if b.damaged != nil {
			s.log.Error("an intake that is not done cannot be read: its events are not delivered", "error", b.damaged)
			continue
		}
		in := delivery.Intake{ID: id, Events: make([]event.Event, len(b.starts))}
		for n := range in.Events {
			err = errors.Join(err, b.record(id+event.ID(n), &r))
			in.Events[n] = r.event(id + event.ID(n))
		}
		if err != nil {
			s.log.Error("an intake that is not done cannot be read: its events are not delivered", "intake", int64(id), "error", err)
			continue
		}
		if err := f(in); err != nil {
			return err
		}
	}
	return nil
}
