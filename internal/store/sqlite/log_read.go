package sqlite

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/store/logentry"
	"github.com/relay-events/relay/internal/store/utcday"
)

const (
	// listTime bounds how long one list query looks for matches.
	listTime = time.Second
	// maxOfEvent is how many entries of an event are returned.
	maxOfEvent = 1000
	// sinceSlack is how much earlier than its beginning an attempt could have
	// been recorded, by a clock set back in between: a day's files are opened
	// to see, older ones are not.
	sinceSlack = 24 * time.Hour
)

// logFilter decides about entries, and about blocks by their kinds.
type logFilter struct {
	tenant               event.TenantID
	webhook              uint32
	except               []uint32
	outcomes             int64 // bits as in kinds
	classes, statuses    int64 // likewise; -1: any
	statusMin, statusMax int32
	eventType            string
	errorKind            exchange.Kind
	followers            bool
	since, until         int64 // ms
}

func newLogFilter(q *delivery.LogQuery) logFilter {
	f := logFilter{
		tenant: q.Tenant, webhook: q.Webhook, except: q.Except, eventType: q.EventType, errorKind: q.ErrorKind, followers: q.Followers,
		classes: -1, statuses: -1,
		statusMin: int32(q.StatusMin), statusMax: int32(q.StatusMax),
		since: math.MinInt64, until: math.MaxInt64,
	}
	for _, o := range q.Outcomes {
		f.outcomes |= outcomeKind(o)
	}
	if len(q.Outcomes) == 0 {
		f.outcomes = outcomeKind(delivery.Delivered) | outcomeKind(delivery.Retrying) | outcomeKind(delivery.Failed)
	}
	if f.errorKind != "" { // blocks know outcomes, which spares reading those in which everything arrived
		f.outcomes &= outcomeKind(delivery.Retrying) | outcomeKind(delivery.Failed)
	}
	if f.statusMin != 0 || f.statusMax != 0 {
		if f.statusMax == 0 {
			f.statusMax = math.MaxInt32
		}
		f.classes, f.statuses = 0, 0
		for s := f.statusMin; s <= min(f.statusMax, 600); s++ {
			f.classes |= classKind(int(s))
			f.statuses |= statusKind(int(s))
		}
		if f.statusMax > 600 {
			f.classes |= classKind(600)
			f.statuses = -1
		}
	}
	if !q.Since.IsZero() {
		f.since = ceilMilli(q.Since)
	}
	if !q.Until.IsZero() {
		f.until = ceilMilli(q.Until)
	}
	return f
}

// ceilMilli returns the first whole millisecond not before t: entries have
// whole ones, so comparing with it is comparing with t.
func ceilMilli(t time.Time) int64 {
	return t.Add(time.Millisecond - 1).UnixMilli()
}

// mayMatch reports whether a block with these kinds may hold a match.
func (f *logFilter) mayMatch(kinds int64) bool {
	return kinds&f.outcomes != 0 && kinds&f.classes != 0 && kinds&f.statuses != 0
}

func (f *logFilter) matches(e *logEntry) bool {
	return e.tenant == f.tenant &&
		(f.webhook == 0 || e.webhook == f.webhook) && !slices.Contains(f.except, e.webhook) &&
		(f.followers || e.flags&logentry.Follower == 0) &&
		outcomeKind(e.outcome)&f.outcomes != 0 &&
		(f.classes == -1 || e.status >= f.statusMin && e.status <= f.statusMax && e.flags&logentry.Response != 0) &&
		e.at >= f.since && e.at < f.until
}

// logScan is a list query under way.
type logScan struct {
	logFilter
	l        *attemptLog
	limit    int
	before   event.ID // entries with lower ids remain to be looked at
	deadline time.Time
	list     []*delivery.Attempt
	found    []foundEntry // of the block being read
}

type foundEntry struct {
	entry  logEntry
	id     event.ID
	detail []byte
}

var (
	errScanFull = errors.New("page full")     // there is at least one match more
	errScanTime = errors.New("time used up")  // there may be more
	errEnough   = errors.New("stopped early") // by the caller's function
)

// list implements delivery.LogStore's AttemptList.
func (l *attemptLog) list(ctx context.Context, q delivery.LogQuery) ([]*delivery.Attempt, event.ID, error) {
	s := &logScan{
		logFilter: newLogFilter(&q), l: l, limit: q.Limit, before: q.Before,
		deadline: time.Now().Add(listTime),
	}
	if s.before == 0 {
		s.before = math.MaxInt64
	}
	for _, d := range l.daysFrom(0, true) {
		if s.before <= d.FirstID() {
			continue
		}
		if s.since != math.MinInt64 && d.End().Add(sinceSlack).UnixMilli() <= s.since {
			break
		}
		err := l.view(ctx, d, func(c *conn, v *dayView) error { return s.day(c, d, v) })
		switch {
		case errors.Is(err, errDayGone):
		case errors.Is(err, errScanFull):
			return s.list, s.list[len(s.list)-1].ID, nil
		case errors.Is(err, errScanTime):
			return s.list, s.before, nil
		case err != nil:
			return nil, 0, err
		}
	}
	return s.list, 0, nil
}

// bounds returns which blocks of the day may hold matches: from <= id < to.
func (s *logScan) bounds(d day, lagMin, lagMax int64) (from, to event.ID) {
	from, to = d.FirstID(), min((d+1).FirstID(), s.before)
	if lagMin > lagMax {
		return from, to // nothing is there
	}
	// A block's id has the same millisecond as those of its entries.
	if s.since != math.MinInt64 {
		from = max(from, event.FirstID(time.UnixMilli(s.since+lagMin)))
	}
	if s.until != math.MaxInt64 {
		to = min(to, event.FirstID(time.UnixMilli(s.until+lagMax)))
	}
	return from, to
}

// day looks through a day, newest first.
func (s *logScan) day(c *conn, d day, v *dayView) error {
	from, to := s.bounds(d, v.lagMin, v.lagMax)
	for i := len(v.tail) - 1; i >= 0; i-- {
		b := &v.tail[i]
		if b.id < from {
			return nil
		}
		if b.id < to && slices.ContainsFunc(b.entries, func(e logEntry) bool { return s.matches(&e) }) {
			if err := s.block(c, b.id); err != nil {
				return err
			}
		}
	}
	sql, owner := logSQL.Get("TenantNewest"), int64(s.tenant)
	if s.webhook != 0 {
		sql, owner = logSQL.Get("WebhookNewest"), int64(s.webhook)
	}
	var blocks []blockKinds
	return c.query(func(st *sqlite3.Stmt) (err error) {
		chunk := event.ID(st.ColumnInt64(0))
		if !s.mayMatch(st.ColumnInt64(1)) {
			return s.passed(chunk)
		}
		if blocks, err = readBlocks(blocks[:0], chunk, st.ColumnRawBlob(2)); err != nil {
			return err
		}
		for i := len(blocks) - 1; i >= 0; i-- {
			b := &blocks[i]
			if b.id < from {
				return nil
			}
			if b.id < to && s.mayMatch(b.kinds) {
				if err := s.block(c, b.id); err != nil {
					return err
				}
			}
		}
		return s.passed(chunk)
	}, sql, owner, from, to)
}

// passed notes that everything from id on was looked at.
func (s *logScan) passed(id event.ID) error {
	s.before = id
	if time.Now().After(s.deadline) {
		return errScanTime
	}
	return nil
}

// block adds a block's matches to the list, newest first.
func (s *logScan) block(c *conn, id event.ID) error {
	s.found = s.found[:0]
	err := s.l.block(c, id, func(r *logReader) error {
		for at := id; r.next(); at++ {
			if at < s.before && s.matches(&r.entry) && (s.eventType == "" || string(r.eventType()) == s.eventType) &&
				(s.errorKind == "" || string(r.errorKind()) == string(s.errorKind)) {
				s.found = append(s.found, foundEntry{r.entry, at, r.detail})
			}
		}
		for i := len(s.found) - 1; i >= 0 && r.err == nil; i-- {
			if len(s.list) == s.limit {
				return errScanFull
			}
			f := &s.found[i]
			var a *delivery.Attempt
			if a, r.err = f.entry.attempt(f.id, f.detail); r.err == nil {
				s.list = append(s.list, a)
			}
		}
		return r.err
	})
	if err := s.l.passBad(id, err); err != nil {
		return err
	}
	return s.passed(id)
}

// block calls f with the block's content, which is valid only meanwhile. It
// returns a *badBlockError if the block is damaged or missing.
func (l *attemptLog) block(c *conn, id event.ID, f func(r *logReader) error) error {
	found := false
	err := c.query(func(s *sqlite3.Stmt) error {
		found = true
		return l.openBlock(s, id, f)
	}, logSQL.Get("BlockGet"), id)
	if err == nil && !found {
		return &badBlockError{id, errors.New("it is missing")}
	}
	return err
}

// get implements delivery.LogStore's AttemptGet.
func (l *attemptLog) get(ctx context.Context, tenant event.TenantID, id event.ID) (*delivery.Attempt, bool, error) {
	var a *delivery.Attempt
	err := l.view(ctx, utcday.Of(id), func(c *conn, _ *dayView) error {
		list, err := l.materialise(c, []event.ID{id}, false, func(e *logEntry) bool { return e.tenant == tenant })
		if len(list) > 0 {
			a = list[0]
		}
		return err
	})
	if errors.Is(err, errDayGone) {
		err = nil
	}
	return a, a != nil, err
}

// materialise returns the entries with the ids, which rise, that keep accepts.
// Those that are not there are left out; a damaged block is passed over, or is
// an error.
func (l *attemptLog) materialise(c *conn, ids []event.ID, passDamaged bool, keep func(*logEntry) bool) ([]*delivery.Attempt, error) {
	var list []*delivery.Attempt
	for len(ids) > 0 {
		start, end := event.ID(0), event.ID(0)
		err := c.query(func(s *sqlite3.Stmt) error {
			start = event.ID(s.ColumnInt64(0))
			end = start + event.ID(s.ColumnInt64(1))
			return nil
		}, logSQL.Get("BlockAt"), ids[0])
		if err != nil {
			return nil, err
		}
		n := 0
		for n < len(ids) && ids[n] < end {
			n++
		}
		if n == 0 {
			ids = ids[1:]
			continue
		}
		err = l.block(c, start, func(r *logReader) error {
			for at := start; len(ids) > 0 && r.next(); at++ {
				if at != ids[0] {
					continue
				}
				ids, n = ids[1:], n-1
				if keep(&r.entry) {
					a, err := r.entry.attempt(at, r.detail)
					if err != nil {
						return err
					}
					list = append(list, a)
				}
			}
			return r.err
		})
		if err != nil && passDamaged {
			err = l.passBad(start, err)
		}
		if err != nil {
			return nil, err
		}
		ids = ids[n:] // those a damaged block did not give
	}
	return list, nil
}

// ofEvent implements delivery.LogStore's AttemptsOfEvent, and with a webhook
// AttemptsOfDelivery.
func (l *attemptLog) ofEvent(ctx context.Context, tenant event.TenantID, id event.ID, webhook uint32) ([]*delivery.Attempt, error) {
	var newest [][]*delivery.Attempt // per day, newest day first
	count := 0
	// An attempt's id is above its event's.
	for _, d := range l.daysFrom(utcday.Of(id), true) {
		var list []*delivery.Attempt
		err := l.view(ctx, d, func(c *conn, v *dayView) error {
			ids, err := idsOfEvent(c, v.tail, id, webhook)
			if err != nil {
				return err
			}
			ids = ids[max(0, len(ids)-(maxOfEvent-count)):]
			list, err = l.materialise(c, ids, true, func(e *logEntry) bool { return e.tenant == tenant && e.event == id })
			return err
		})
		if err != nil && !errors.Is(err, errDayGone) {
			return nil, err
		}
		newest = append(newest, list)
		if count += len(list); count >= maxOfEvent {
			break
		}
	}
	slices.Reverse(newest)
	return slices.Concat(newest...), nil
}

// idsOfEvent returns the ids of the event's entries in a day, rising.
func idsOfEvent(c *conn, tail []tailBlock, id event.ID, webhook uint32) (ids []event.ID, err error) {
	add := func(s *sqlite3.Stmt) error {
		ids = append(ids, event.ID(s.ColumnInt64(0)))
		return nil
	}
	if webhook != 0 {
		err = c.query(add, logSQL.Get("OfDelivery"), id, webhook)
	} else {
		err = c.query(add, logSQL.Get("OfEvent"), id)
	}
	for _, b := range tail {
		for i := range b.entries {
			if e := &b.entries[i]; e.event == id && (webhook == 0 || e.webhook == webhook) {
				ids = append(ids, b.id+event.ID(i))
			}
		}
	}
	slices.Sort(ids)
	return ids, err
}
