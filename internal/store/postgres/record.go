package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/utcday"
)

const (
	// maxAhead is how far ahead of the clock an event's id is believed: other
	// nodes' clocks, or thousands of events in a millisecond, may cause that.
	maxAhead = 24 * time.Hour
	// usualLag is how far, in ms, the times of attempts may lie from those of
	// their ids without a row in attempt_lag.
	usualLag = 60_000
)

// recorder is the state of the log's writing: one append runs at a time, so
// that ids rise in the order of commits.
type recorder struct {
	mu    sync.Mutex // held while attempts are stored; guards everything here
	rows  copyRows
	lag   map[day]lag // what attempt_lag is known to allow
	last  event.ID    // of the last attempt stored
	fresh int         // attempts stored that are not rolled up
}

// lag bounds how far attempts' times lie from those of their ids, in ms.
type lag struct{ behind, ahead int64 }

// Record implements delivery.Store: everything in one transaction. It becomes
// durable a moment later (synchronous_commit off), except when it holds what a
// person asked for: the database's log is written in order, so that a crash
// never keeps the closing of an intake without the attempts before it.
func (s *Store) Record(ctx context.Context, rec *delivery.Record) error {
	if len(rec.Attempts)+len(rec.Owe)+len(rec.Settle)+len(rec.Close) == 0 {
		return nil
	}
	defer s.marks.lowerAll(rec.Owe) // also after an error: it may be stored
	r, err := s.current()
	if err == nil {
		if len(rec.Attempts) > 0 {
			err = s.recordAttempts(ctx, r, rec)
		} else {
			owed := newOwedChange(rec)
			err = s.recordOwed(ctx, r, owed, change{lazy: owed.lazy, sql: append(owed.sql, closeSQL(r, rec.Close)...)})
		}
	}
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	return nil
}

// recordOwed commits a change whose results are those of o, and counts what
// was stale in it.
func (s *Store) recordOwed(ctx context.Context, r *registration, o *owedChange, c change) error {
	results, err := s.change(ctx, r, c)
	if err != nil {
		return err
	}
	for i, want := range o.want {
		if n := want - results[i].CommandTag.RowsAffected(); want >= 0 && n > 0 {
			s.stale.Add(n)
		}
	}
	return nil
}

// recordAttempts commits a record that has attempts.
func (s *Store) recordAttempts(ctx context.Context, r *registration, rec *delivery.Record) error {
	w := &s.record
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.rows.shrink()
	err := s.tryAttempts(ctx, r, rec)
	if noPartition(err) {
		s.forgetDays()
		err = s.tryAttempts(ctx, r, rec)
	}
	return err
}

func (s *Store) tryAttempts(ctx context.Context, r *registration, rec *delivery.Record) error {
	w := &s.record
	now := s.now()
	// Above the ids of their events, also when those ran ahead of the clock:
	// recovery and lookups by event look for attempts behind the event.
	for _, a := range rec.Attempts {
		if t := a.Event.Time().Add(time.Millisecond); t.After(now) && t.Sub(now) < maxAhead {
			now = t
		}
	}
	ids := make([]event.ID, 0, len(rec.Attempts))
	seq := s.seq.Load().attempts
	for len(ids) < len(rec.Attempts) {
		n := min(len(rec.Attempts)-len(ids), event.MaxReserve)
		first := seq.Reserve(now, n)
		for i := range n {
			ids = append(ids, first+event.ID(i))
		}
	}
	if err := s.ensureDays(ctx, ids[0], ids[len(ids)-1]); err != nil {
		return err
	}
	lags := w.encode(rec.Attempts, ids)
	owed := newOwedChange(rec)
	c := change{
		lazy: owed.lazy,
		copy: copyAttempts,
		rows: w.rows.b,
	}
	for d, l := range lags {
		c.sql = append(c.sql, lagSQL(d, l))
	}
	// Without owed rows one exchange does it all.
	if closing := closeSQL(r, rec.Close); len(owed.sql) == 0 {
		c.sql = append(c.sql, closing...)
	} else {
		c.after = append(owed.sql, closing...)
	}
	if err := s.recordOwed(ctx, r, owed, c); err != nil {
		return err
	}
	for i, a := range rec.Attempts {
		a.ID = ids[i]
	}
	for d, l := range lags {
		w.lag[d] = l
	}
	w.last = ids[len(ids)-1]
	if w.fresh += len(ids); w.fresh >= rollNow {
		signal(s.kickWork)
	}
	return nil
}

// encode makes the rows of the table attempt, and returns by how much more
// than known the times of a day's attempts lie from those of their ids.
func (w *recorder) encode(attempts []*delivery.Attempt, ids []event.ID) (lags map[day]lag) {
	c := &w.rows
	c.reset()
	for i, a := range attempts {
		at := a.At.UnixMilli()
		c.row(10)
		c.int64(int64(ids[i]))
		c.int32(int32(a.Tenant))
		c.int64(int64(a.Webhook))
		c.int64(int64(a.Event))
		c.int64(at)
		c.int64(a.Timing.Total.Microseconds())
		c.int16(int16(a.Outcome))
		switch {
		case a.Follows():
			c.int32(statusFollower)
		case a.Response == nil:
			c.null()
		default:
			c.int32(int32(a.Response.Status))
		}
		c.text(a.EventType)
		mark := c.begin()
		c.b = appendDetail(c.b, a)
		c.finish(mark)

		d := utcday.Of(ids[i])
		known := w.lag[d]
		if l, ok := lags[d]; ok {
			known = l
		}
		behind := ids[i].Time().UnixMilli() - at
		if behind <= max(known.behind, usualLag) && -behind <= max(known.ahead, usualLag) {
			continue
		}
		// With room, so that a delay that grows is not written each time.
		if behind > max(known.behind, usualLag) {
			known.behind = 2 * behind
		} else {
			known.ahead = -2 * behind
		}
		if lags == nil {
			lags = make(map[day]lag)
		}
		lags[d] = known
	}
	c.end()
	return lags
}

// copyAttempts takes the rows that recorder.encode makes.
const copyAttempts = "COPY attempt(id, tenant, webhook, event, at, total_us, outcome, status, type, detail) FROM STDIN BINARY"

// lagSQL stores the lag of a day.
func lagSQL(d day, l lag) string {
	return fmt.Sprintf("INSERT INTO attempt_lag(day, behind, ahead) VALUES (%d, %d, %d) "+
		"ON CONFLICT (day) DO UPDATE SET behind = greatest(attempt_lag.behind, excluded.behind), ahead = greatest(attempt_lag.ahead, excluded.ahead)",
		d, l.behind, l.ahead)
}

// closeSQL closes intakes: those of this node, or of none that lives. Another
// node's are its own business.
func closeSQL(r *registration, ids []event.ID) []string {
	if len(ids) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("DELETE FROM intake WHERE id IN (%s) AND fence >= 0 "+
		"AND (fence = %d OR NOT EXISTS (SELECT FROM node WHERE node.fence = intake.fence))", numberList(ids), r.fence)}
}

// owedChange is a record's change of the table owed.
type owedChange struct {
	sql  []string
	want []int64 // per statement, rows it changes if no claim is stale; -1: any number
	lazy bool
}

func newOwedChange(rec *delivery.Record) *owedChange {
	o := &owedChange{lazy: true}
	o.owe(rec.Owe)
	o.settle(rec.Settle)
	return o
}

// owe adds or replaces rows. Of several for one delivery the last without a
// token counts, of several with one the first, after which it is stale.
func (o *owedChange) owe(rows []delivery.Owed) {
	if len(rows) == 0 {
		return
	}
	plain := make(map[event.DeliveryID]int)
	claimed := make(map[event.DeliveryID]int)
	for i := range rows {
		d := rows[i].Delivery()
		if rows[i].Token == 0 {
			plain[d] = i
		} else if _, ok := claimed[d]; !ok {
			claimed[d] = i
		}
		// A person waits for it, and no open intake would bring it back.
		o.lazy = o.lazy && rows[i].Reason != delivery.ReasonManual
	}
	if len(plain) > 0 {
		b := []byte("INSERT INTO owed(event, webhook, tenant, due, since, attempts, base, reason, ord) VALUES ")
		first := true
		for i := range rows {
			if w := &rows[i]; w.Token == 0 && plain[w.Delivery()] == i {
				b, first = appendOwed(b, w, first), false
				b = append(b, ')')
			}
		}
		o.add(string(b)+" ON CONFLICT (event, webhook) DO UPDATE SET tenant = excluded.tenant, due = excluded.due, "+
			"since = excluded.since, attempts = excluded.attempts, base = excluded.base, reason = excluded.reason, ord = excluded.ord, claim = 0", -1)
	}
	if len(claimed) > 0 {
		b := []byte("UPDATE owed SET tenant = v.tenant, due = v.due, since = v.since, attempts = v.attempts, base = v.base, " +
			"reason = v.reason, ord = v.ord, claim = 0 FROM (VALUES ")
		first := true
		for i := range rows {
			if w := &rows[i]; w.Token != 0 && claimed[w.Delivery()] == i {
				b, first = appendOwed(b, w, first), false
				b = append(b, ',')
				b = strconv.AppendInt(b, w.Token, 10)
				b = append(b, ')')
			}
		}
		o.add(string(b)+") v(event, webhook, tenant, due, since, attempts, base, reason, ord, claim) "+
			"WHERE owed.event = v.event AND owed.webhook = v.webhook AND owed.claim = v.claim", int64(len(claimed)))
	}
}

// appendOwed appends the values of a row, without the closing parenthesis.
func appendOwed(b []byte, w *delivery.Owed, first bool) []byte {
	if !first {
		b = append(b, ',')
	}
	for i, v := range [...]int64{
		int64(w.Event), int64(w.Webhook), int64(w.Tenant), w.Due.UnixMilli(), w.Since.UnixMilli(),
		int64(w.Attempts), int64(w.Base), int64(w.Reason), w.Order,
	} {
		if i == 0 {
			b = append(b, '(')
		} else {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, v, 10)
	}
	return b
}

// settle deletes rows.
func (o *owedChange) settle(rows []delivery.Owed) {
	for _, claimed := range []bool{false, true} {
		var b []byte
		seen := make(map[event.DeliveryID]bool)
		for i := range rows {
			w := &rows[i]
			if (w.Token != 0) != claimed || seen[w.Delivery()] && !claimed {
				continue
			}
			seen[w.Delivery()] = true
			if len(b) > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, "(%d,%d", w.Event, w.Webhook)
			if claimed {
				b = fmt.Appendf(b, ",%d", w.Token)
			}
			b = append(b, ')')
		}
		switch {
		case len(b) == 0:
		case claimed:
			o.add("DELETE FROM owed USING (VALUES "+string(b)+") v(event, webhook, claim) "+
				"WHERE owed.event = v.event AND owed.webhook = v.webhook AND owed.claim = v.claim", int64(len(seen)))
		default:
			o.add("DELETE FROM owed USING (VALUES "+string(b)+") v(event, webhook) "+
				"WHERE owed.event = v.event AND owed.webhook = v.webhook", -1)
		}
	}
}

func (o *owedChange) add(sql string, want int64) {
	o.sql = append(o.sql, sql)
	o.want = append(o.want, want)
}

// OwedRelease implements delivery.Store. Claims of an earlier registration
// have ended already. What fails is tried again, see settleUncertain.
func (s *Store) OwedRelease(ctx context.Context, claims []delivery.Owed) error {
	defer s.marks.lowerAll(claims)
	r, err := s.current()
	if errors.Is(err, ErrFenced) {
		return nil
	}
	b := []byte("UPDATE owed SET claim = 0 FROM (VALUES ")
	n := 0
	for i := range claims {
		if c := &claims[i]; c.Token != 0 {
			if n > 0 {
				b = append(b, ',')
			}
			n++
			b = fmt.Appendf(b, "(%d,%d,%d)", c.Event, c.Webhook, c.Token)
		}
	}
	if n == 0 {
		return nil
	}
	b = append(b, ") v(event, webhook, claim) WHERE owed.event = v.event AND owed.webhook = v.webhook AND owed.claim = v.claim"...)
	if _, err = s.change(ctx, r, change{lazy: true, sql: []string{string(b)}}); err != nil {
		s.doubtOwed(claims)
		return fmt.Errorf("giving claims back: %w", err)
	}
	return nil
}
