package dashboard

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// A back-test compares what was typed with the webhook as it is, on past events. The server keeps nothing of it: each
// answer looks at events for a moment, and holds the counts so far, and where to go on, in a form that the page sends
// again at once. So it ends when the page is left.

const (
	// backTestSlice is how long an answer takes.
	backTestSlice = 700 * time.Millisecond
	// maxBackTest bounds the events of a back-test that the webhook asks for, and maxBackTestScan all that are looked at.
	maxBackTest     = 10_000
	maxBackTestScan = 200_000
	// backTestPage is how many events are read at a time; each may have 1 MiB.
	backTestPage = 100
	// maxChanges bounds the events of a kind of change that a page shows.
	maxChanges = 3
)

var backTestPeriods = []choice{{"1h", "last hour"}, {"24h", "last 24 hours"}, {"168h", "last 7 days"}, {"720h", "last 30 days"}}

// backTestView is how far a back-test is.
type backTestView struct {
	ledger.Tally
	Scanned int    // events looked at, of all types
	Since   string // from when on, as the form carries it
	Before  string // where to go on; empty: it is done
	Until   string // when it began
	Seen    string // ids of the events in Changes, as the form carries them
	Back    time.Time
	All     bool // no limit ended it
	Percent int
	Changes []changeView
}

// Done reports whether it has come to its end.
func (t *backTestView) Done() bool { return t.Before == "" }

// Unchanged is how many events fare as they do now.
func (t *backTestView) Unchanged() int {
	return t.Events - t.In - t.Out - t.Requests - t.Failed
}

// changeView is an event for which something would change.
type changeView struct {
	kind          ledger.Change
	State         state
	ID, Type      string
	At            time.Time
	Before, After string // in words
	Request       []diffLine
}

// shapeBackTest is one answer of a back-test.
func (d *Dashboard) shapeBackTest(ctx context.Context, q *request) (answer, error) {
	v, draft, err := d.readShape(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if draft == nil {
		return d.showShape(ctx, q, v, "shape-result")
	}
	t, err := d.readBackTest(q, v)
	if err != nil {
		return answer{}, err
	}
	leave, err := d.Searches.Enter(ctx, q.who.Tenant)
	if err != nil {
		return answer{}, err
	}
	defer leave()
	if err := d.backTest(ctx, q, v.Webhook, draft, t); err != nil {
		return answer{}, err
	}
	v.Test = t
	return d.showShape(ctx, q, v, "shape-result")
}

// readBackTest takes the state of a back-test from the form; without one it begins.
func (d *Dashboard) readBackTest(q *request, v *shapeView) (*backTestView, error) {
	now := d.now().UTC()
	if q.value("before") == "" {
		back, err := past(v.Period, backTestPeriods)
		if err != nil {
			return nil, err
		}
		return &backTestView{Since: now.Add(-back).Format(time.RFC3339Nano), Until: now.Format(time.RFC3339Nano)}, nil
	}
	t := &backTestView{Since: q.value("since"), Until: q.value("until"), Before: q.value("before"), Seen: q.value("seen"), Scanned: number(q.value("scanned"))}
	for name, to := range map[string]*int{
		"events": &t.Events, "sentBefore": &t.Tally.Before, "sentAfter": &t.After, "in": &t.In, "out": &t.Out, "requests": &t.Requests, "failed": &t.Failed,
	} {
		*to = number(q.value(name))
	}
	return t, nil
}

// backTest goes on for a moment.
func (d *Dashboard) backTest(ctx context.Context, q *request, w, draft *webhook.Webhook, t *backTestView) error {
	until := time.Now().Add(backTestSlice)
	since, err := time.Parse(time.RFC3339Nano, t.Since)
	if err != nil {
		return problem.MalformedField("since", "is no time")
	}
	began, err := time.Parse(time.RFC3339Nano, t.Until)
	if err != nil {
		return problem.MalformedField("until", "is no time")
	}
	query := ingest.Query{Tenant: q.who.Tenant, Since: since, Limit: backTestPage}
	if t.Before != "" {
		if query.Before, err = event.ParseID(event.EventPrefix, t.Before); err != nil {
			return problem.MalformedField("before", "is no id of an event")
		}
	}
	if err := d.seenChanges(ctx, q, w, draft, t); err != nil {
		return err
	}
	t.Before, t.Back = "", began
	for {
		list, next, err := d.Events.EventList(ctx, query)
		if err != nil {
			return fmt.Errorf("listing events: %w", err)
		}
		counts, changed, done, err := d.Ledger.BackTest(ctx, w, draft, list, until, maxChanges)
		if err != nil {
			return err
		}
		t.Add(counts)
		t.Scanned += done
		for i := range changed {
			t.show(&changed[i])
		}
		if done > 0 {
			t.Back = list[done-1].ID.Time()
		}
		if done < len(list) {
			next = list[done-1].ID
		}
		switch {
		case next == 0:
			t.All, t.Back = true, since
		case t.Events < maxBackTest && t.Scanned < maxBackTestScan:
			if query.Before = next; time.Now().Before(until) {
				continue
			}
			t.Before = next.Public(event.EventPrefix)
			t.Percent = percent(t, since, began, next.Time())
			return nil
		}
		t.Percent = 100
		return nil
	}
}

// percent is how much is done: of the time, or of the events that it may look at, whatever is more.
func percent(t *backTestView, since, began, at time.Time) int {
	done := max(t.Events*100/maxBackTest, t.Scanned*100/maxBackTestScan)
	if all := began.Sub(since); all > 0 {
		done = max(done, int(began.Sub(at)*100/all))
	}
	return min(done, 99)
}

// seenChanges compares the events again that earlier answers have shown.
func (d *Dashboard) seenChanges(ctx context.Context, q *request, w, draft *webhook.Webhook, t *backTestView) error {
	var list []event.Event
	ids := strings.Fields(t.Seen)
	t.Seen = ""
	for _, id := range ids[:min(len(ids), 4*maxChanges)] {
		e, err := d.findEvent(ctx, q, id)
		if problem.KindOf(err) == problem.NotFound {
			continue // its time to be kept has ended meanwhile
		}
		if err != nil {
			return err
		}
		list = append(list, *e)
	}
	if len(list) == 0 {
		return nil
	}
	_, changed, _, err := d.Ledger.BackTest(ctx, w, draft, list, time.Now().Add(backTestSlice), maxChanges)
	for i := range changed {
		t.show(&changed[i])
	}
	return err
}

// show adds an event to those that the page shows.
func (t *backTestView) show(c *ledger.Changed) {
	e := c.After.Event
	v := changeView{ID: e.PublicID(), Type: e.Type, At: e.ID.Time(), Before: sentence(c.Before.Detail), After: sentence(c.After.Detail)}
	shown := 0
	for i := range t.Changes {
		if t.Changes[i].kind == c.Change {
			shown++
		}
	}
	if shown >= maxChanges {
		return
	}
	v.kind = c.Change
	switch c.Change {
	case ledger.ChangeIn:
		v.State = state{"ok", "newly in", ""}
	case ledger.ChangeOut:
		v.State = state{"warn", "newly out", ""}
	case ledger.ChangeFails:
		v.State = state{"bad", "fails", ""}
	default:
		v.State = state{"", "changed", ""}
		v.Request = diffLines(requestText(&c.Before), requestText(&c.After))
	}
	t.Changes = append(t.Changes, v)
	t.Seen = strings.TrimSpace(t.Seen + " " + v.ID)
}

// requestText writes a request for a comparison, line by line. The time of a signature is left out.
func requestText(p *ledger.Previewed) string {
	r := p.Request
	if r == nil {
		return p.Detail
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL)
	for _, f := range ledger.Timeless(r.Header) {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	body := showBody(r.Body, headerValue(r.Header, "Content-Type"), false, int64(len(r.Body)))
	text := body.Pretty
	if text == "" {
		text = body.Raw
	}
	if text == "" && body.Hex != "" {
		text = strconv.Itoa(len(r.Body)) + " bytes that are no text"
	}
	return b.String() + "\n" + clip(text, 16<<10)
}
