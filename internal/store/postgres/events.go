package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var (
	eventSQL    = sqltext.Load(sqlFiles, "event")
	maintainSQL = sqltext.Load(sqlFiles, "maintain")
)

const (
	// listFor bounds how long a list query looks for matches.
	listFor = time.Second
	// firstRows and maxRows are how many rows a list query looks at in one
	// statement, at first and later: matches are mostly close together.
	firstRows, maxRows = 1000, 32_000
	// scanRows is how many rows a scan reads in one statement.
	scanRows = 1000
	// getMany is how many events one statement gets.
	getMany = 2000
)

// scanEvent reads the columns of an event.
func scanEvent(row pgx.CollectableRow) (event.Event, error) {
	var e event.Event
	var id, at, deliverAt, cause int64
	var tenant int32
	var version, warnings, trace []byte
	err := row.Scan(&id, &tenant, &e.Name, &e.Type, &at, &version, &e.Key, &deliverAt, &cause, &e.Attributes, &e.Data, &warnings, &trace)
	e.ID, e.Tenant, e.Cause, e.Version = event.ID(id), event.TenantID(tenant), event.ID(cause), string(version)
	e.Time, e.DeliverAt, e.Warnings = time.UnixMilli(at).UTC(), column.Time(deliverAt), string(warnings)
	e.Trace = traceOf(trace)
	return e, err
}

// traceOf returns the trace in a column, nil for none.
func traceOf(b []byte) *event.Trace {
	if len(b) != event.TraceBytes {
		return nil
	}
	t := event.Trace(b)
	return &t
}

// EventGetMany implements delivery.Store.
func (s *Store) EventGetMany(ctx context.Context, ids []event.ID) ([]event.Event, error) {
	list := make([]event.Event, 0, len(ids))
	for part := range slices.Chunk(ids, getMany) {
		numbers := make([]int64, len(part))
		for i, id := range part {
			numbers[i] = int64(id)
		}
		err := s.query(ctx, func(row pgx.CollectableRow) error {
			e, err := scanEvent(row)
			list = append(list, e)
			return err
		}, eventSQL.Get("GetMany"), numbers)
		if err != nil {
			return nil, fmt.Errorf("reading events: %w", err)
		}
	}
	return list, nil
}

// usedKey is the event stored under an idempotency key.
type usedKey struct {
	event  event.Event // only its ID unless found
	digest [16]byte
	found  bool // the event exists
}

// keysGet returns the events stored under the keys.
func (s *Store) keysGet(ctx context.Context, hashes []keyHash) (map[keyHash]usedKey, error) {
	keys := make(map[keyHash]usedKey)
	for part := range slices.Chunk(hashes, getMany) {
		err := s.query(ctx, func(row pgx.CollectableRow) error {
			var hash, digest [16]byte
			var of, id, at, deliverAt, cause int64
			var tenant int32
			var version, warnings, trace []byte
			var u usedKey
			e := &u.event
			err := row.Scan(&hash, &of, &digest, &u.found, &id, &tenant, &e.Name, &e.Type, &at, &version, &e.Key, &deliverAt, &cause, &e.Attributes, &e.Data, &warnings, &trace)
			e.ID, e.Tenant, e.Cause, e.Version = event.ID(of), event.TenantID(tenant), event.ID(cause), string(version)
			e.Time, e.DeliverAt, e.Warnings = time.UnixMilli(at).UTC(), column.Time(deliverAt), string(warnings)
			e.Trace = traceOf(trace)
			u.digest = digest
			keys[hash] = u
			return err
		}, eventSQL.Get("Keys"), part)
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// EventFind implements ingest.Store.
func (s *Store) EventFind(ctx context.Context, tenant event.TenantID, publicID string) (e event.Event, ok bool, err error) {
	hash := hashKey(tenant, ingest.NameKey(publicID))
	keys, err := s.keysGet(ctx, []keyHash{hash})
	if err != nil {
		return e, false, fmt.Errorf("looking up event %q: %w", publicID, err)
	}
	if u := keys[hash]; u.found && u.event.Tenant == tenant {
		return u.event, true, nil
	}
	id, err := event.ParseID(event.EventPrefix, publicID)
	if err != nil {
		return e, false, nil
	}
	list, err := s.EventGetMany(ctx, []event.ID{id})
	if err != nil || len(list) == 0 || list[0].Tenant != tenant {
		return e, false, err
	}
	return list[0], true, nil
}

// pages goes down through ids from below to from, in growing steps, until the
// time for a list is used up or f returns false. bound gives the lowest id of
// so many rows below an id; zero: all remaining rows are fewer. pages returns
// the id from which on all was looked at, zero if that is everything.
func pages(ctx context.Context, below, from int64, bound func(below int64, rows int) (int64, error), f func(below, from int64) (bool, error)) (int64, error) {
	start := time.Now()
	for rows := firstRows; below > from; rows = min(4*rows, maxRows) {
		low, err := bound(below, rows)
		if err != nil {
			return 0, err
		}
		last := low == 0
		if last {
			low = from
		}
		if more, err := f(below, low); err != nil || !more {
			return 0, err
		}
		if last {
			return 0, nil
		}
		below = low
		if time.Since(start) >= listFor {
			return below, nil
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// EventList implements ingest.Store. Since and Until bound the time an event
// was accepted at, Until exclusively.
func (s *Store) EventList(ctx context.Context, q ingest.Query) (page []event.Event, next event.ID, err error) {
	below, from := int64(math.MaxInt64), int64(0)
	if q.Before != 0 {
		below = int64(q.Before)
	}
	if !q.Until.IsZero() {
		below = min(below, int64(event.FirstID(q.Until)))
	}
	if !q.Since.IsZero() {
		from = int64(event.FirstID(q.Since))
	}
	limit := max(q.Limit, 1)
	search := pageSearch{query: q}
	if q.Text != "" {
		search.text = rawjson.NewSearch(q.Text)
	}
	through, err := pages(ctx, below, from, func(below int64, rows int) (int64, error) {
		return s.integer(ctx, eventSQL.Get("PageBound"), below, from, rows-1)
	}, func(below, from int64) (bool, error) {
		err := s.eventPage(ctx, &search, below, from, limit+1, &page)
		return len(page) <= limit, err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("listing events: %w", err)
	}
	if len(page) > limit {
		return page[:limit], page[limit-1].ID, nil
	}
	return page, event.ID(through), nil
}

// pageSearch is the condition for the events of a page.
type pageSearch struct {
	query ingest.Query
	text  *rawjson.Search // nil: any data
}

// textRows bounds how many rows a statement returns that may have a text, and
// so what is read in vain when the page is full before.
const textRows = 250

// eventPage adds the events below an id, down to from, that match, until the
// page has so many.
func (s *Store) eventPage(ctx context.Context, m *pageSearch, below, from int64, full int, page *[]event.Event) error {
	var text []byte
	limit := full - len(*page)
	if m.text != nil {
		text, limit = []byte(m.query.Text), textRows
	}
	for {
		rows := 0
		err := s.query(ctx, func(row pgx.CollectableRow) error {
			e, err := scanEvent(row)
			if err != nil {
				return err
			}
			rows++
			below = int64(e.ID)
			if len(*page) < full && (m.text == nil || m.text.In(e.Data)) {
				*page = append(*page, e)
			}
			return nil
		}, eventSQL.Get("Page"), below, from, int32(m.query.Tenant), m.query.Type, m.query.Key, text, m.text != nil && !m.text.ASCII(), limit)
		if err != nil || rows < limit || len(*page) >= full {
			return err
		}
	}
}

// EventScan implements delivery.JobStore.
func (s *Store) EventScan(ctx context.Context, tenant event.TenantID, after, until event.ID, f func(*event.Event) bool) error {
	for after < until {
		bound, err := s.integer(ctx, eventSQL.Get("ScanBound"), int64(after), int64(until), scanRows-1)
		var list []event.Event
		upTo := event.ID(bound)
		if bound == 0 {
			upTo = until
		}
		if err == nil {
			list, err = collect(ctx, s, scanEvent, eventSQL.Get("Scan"), int64(after), int64(upTo), int32(tenant))
		}
		if err != nil {
			return fmt.Errorf("scanning events: %w", err)
		}
		for i := range list {
			if !f(&list[i]) {
				return nil
			}
		}
		after = upTo
	}
	return nil
}
