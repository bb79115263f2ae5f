//go:build linux

package faulttest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
)

// history holds all facts known after a run.
type history struct {
	items    []*item   // published events
	requests []request // requests in the order in which the receiver got them
	kills    []kill
	hooks    []*hook

	events   []storedEvent   // events in the server's store
	attempts []loggedAttempt // attempts in the server's log
	states   map[string]int  // number of listed deliveries in each state that is not final
	complain []string        // failures during the run

	// storeFailed means that the log may contain an entry twice, see delivery.Store.Record.
	storeFailed bool
	// foreign means that events beside the published ones are stored, too: those of the gate and of
	// audiences. Their types do not begin with "load.".
	foreign bool
	// refusedMayCome means that a server was killed while its store failed, so refused events may
	// be stored.
	refusedMayCome bool
}

// kill is the kill of a process.
//
// In flight at a kill are the requests whose results were not stored: those that the receiver had
// begun and not answered, and those answered too late to be recorded. The log shows whether a
// result was stored, and a success in the log must not be repeated.
//
// window bounds how late is too late. Results are recorded in groups, a few milliseconds after the
// answer (delivery's recorder waits 5 ms for more results, then commits without a sync), which on
// an idle machine is well below 100 ms. The window is 250 ms, or a second under strace, which stops
// every thread at every call, plus twice the slowest answer to a publisher during the process's
// life, which included a commit and a sync. If the store failed before the kill, all results since
// then were in flight.
type kill struct {
	from   time.Time // the last moment at which it certainly ran, or at which its store began to fail
	until  time.Time // the first moment at which it certainly did not run
	window time.Duration
	// held means that the process was frozen and then continued. It may then still send a request
	// although others have taken over and sent the same.
	held bool
}

// inFlight reports whether the request was in flight at the kill.
func (k *kill) inFlight(q *request) bool {
	return q.begun.Before(k.until) && (q.ended.IsZero() || q.ended.After(k.from.Add(-k.window)))
}

type storedEvent struct{ id, token string }

// loggedAttempt is an entry of the log.
type loggedAttempt struct {
	hook     string
	delivery string
	number   int
	outcome  string
	status   int // zero for no answer
	seq      int // of the request it describes; -1 for no answer
	header   map[string]string
	body     string
}

// figures summarize a run.
type figures struct {
	published, acked, stored, delivered, requests, duplicates, unlogged, inFlight int
	leastWindow, mostWindow                                                       time.Duration // of the kills
	slowestStart                                                                  time.Duration
	lost, unexcused, unsettled                                                    int // what the checker complained about
}

// report tells the figures of a run with so many faults. recovery is the slowest one; zero if only
// starts were measured.
func (f figures) report(t testing.TB, faults int, recovery time.Duration) {
	testenv.Report(t, testenv.Figures{
		Faults: faults, Accepted: f.acked, Lost: f.lost, Repeated: f.duplicates - f.unexcused, Duplicated: f.unexcused,
		Overdue: f.unsettled, Recovery: max(recovery, f.slowestStart),
	})
}

func (f figures) String() string {
	return fmt.Sprintf("ready within %v; %d events published, %d acknowledged, %d stored; %d requests, %d of them in the window of a kill, %d in flight there (not logged); %d deliveries, %d duplicates; windows of %v to %v",
		f.slowestStart.Round(time.Millisecond), f.published, f.acked, f.stored, f.requests, f.inFlight, f.unlogged, f.delivered, f.duplicates,
		f.leastWindow.Round(time.Millisecond), f.mostWindow.Round(time.Millisecond))
}

// mostShown bounds the complaints listed per kind.
const mostShown = 5

// check compares the published, stored, received and logged events, and returns the differences, a
// sentence each. An empty result means:
//
//   - accepted ⊆ stored ⊆ delivered, each event once per hook that wants it, and no delivery is
//     still owed
//   - no inventions: every stored event and every request stems from a published event
//   - a delivery was repeated, or its attempt's number, only if the attempt before was in flight at
//     a kill; none was repeated after a success in the log, except by a server that was frozen
//     before it sent the request
//   - the log equals what the receiver got, byte for byte, except for requests in flight at a kill
func (h *history) check() (figures, []string) {
	c := &checker{history: h, shown: make(map[string]int), wrong: slices.Clone(h.complain)}
	c.entries = make(map[int]int)
	for i := range h.attempts {
		c.entries[h.attempts[i].seq]++
	}
	c.stored()
	c.received()
	c.logged()
	for _, state := range slices.Sorted(maps.Keys(h.states)) {
		if n := h.states[state]; n > 0 {
			c.figures.unsettled += n
			c.say("unsettled", "%d deliveries are %s at the end, want 0", n, state)
		}
	}
	c.figures.lost, c.figures.unexcused = c.shown["lost"], c.shown["duplicate"]
	return c.figures, c.wrong
}

type checker struct {
	*history
	figures figures
	wrong   []string
	shown   map[string]int

	byToken map[string]*item
	have    map[string]int // how often an event is stored
	flying  []bool         // whether each request was in flight at a kill
	entries map[int]int    // log entries about each request
}

// say adds a complaint; of each kind only the first few are spelled out.
func (c *checker) say(kind, format string, args ...any) {
	switch c.shown[kind]++; {
	case c.shown[kind] <= mostShown:
		c.wrong = append(c.wrong, kind+": "+fmt.Sprintf(format, args...))
	case c.shown[kind] == mostShown+1:
		c.wrong = append(c.wrong, kind+": … and more")
	}
}

// stored compares the published events with the stored ones.
func (c *checker) stored() {
	c.byToken = make(map[string]*item, len(c.items))
	for _, it := range c.items {
		c.byToken[it.token] = it
	}
	ids := make(map[string]string)
	c.have = make(map[string]int)
	for _, e := range c.events {
		if c.byToken[e.token] == nil {
			c.say("from nowhere", "event %s is stored, nobody published its token %q", e.id, e.token)
			continue
		}
		c.have[e.token]++
		ids[e.token] = e.id
	}
	c.figures.published, c.figures.stored = len(c.items), len(c.events)
	for _, it := range c.items {
		n := c.have[it.token]
		if it.acked {
			c.figures.acked++
		}
		switch {
		case it.acked && n == 0:
			c.say("lost", "event %s was acknowledged (as %q) and is not stored", it.token, it.ids)
		case n > 1:
			c.say("stored twice", "event %s (keyed: %v) is stored %d times", it.token, it.keyed, n)
		case n == 1 && it.refused && !it.acked && !it.unsure && !c.refusedMayCome:
			c.say("refused and stored", "event %s was answered 503 each time and is stored", it.token)
		}
		for _, id := range it.ids {
			if n > 0 && id != ids[it.token] {
				c.say("another id", "event %s was acknowledged as %q and is stored as %q", it.token, id, ids[it.token])
			}
		}
	}
}

// received compares the stored events with the received requests.
func (c *checker) received() {
	type name struct{ hook, token string }
	deliveries := make(map[string]name)   // by delivery id
	requests := make(map[name][]*request) // in order of arrival
	c.flying = make([]bool, len(c.requests))
	c.figures.requests = len(c.requests)
	for i, k := range c.kills {
		if i == 0 || k.window < c.figures.leastWindow {
			c.figures.leastWindow = k.window
		}
		c.figures.mostWindow = max(c.figures.mostWindow, k.window)
	}
	for i := range c.requests {
		q := &c.requests[i]
		for k := range c.kills {
			c.flying[i] = c.flying[i] || c.kills[k].inFlight(q)
		}
		if c.flying[i] {
			c.figures.inFlight++
		}
		n := name{q.hook, q.token}
		switch {
		case q.wrong != "":
			c.say("bad request", "request %d to %s, delivery %s: %s", q.seq, q.hook, q.delivery, q.wrong)
			continue
		case c.byToken[q.token] == nil:
			c.say("from nowhere", "request %d to %s carries the token %q, which nobody published", q.seq, q.hook, q.token)
			continue
		case c.have[q.token] == 0:
			c.say("from nowhere", "request %d to %s carries event %s, which is not stored", q.seq, q.hook, q.token)
		}
		if was, ok := deliveries[q.delivery]; ok && was != n {
			c.say("shared id", "delivery %s was used for %v and for %v", q.delivery, was, n)
		}
		deliveries[q.delivery] = n
		if list := requests[n]; len(list) > 0 && list[0].delivery != q.delivery {
			c.say("two ids", "event %s came to %s as delivery %s and as %s", q.token, q.hook, list[0].delivery, q.delivery)
		}
		requests[n] = append(requests[n], q)
	}
	for token := range c.have {
		for _, h := range c.hooks {
			list := requests[name{h.name, token}]
			if !h.wants(c.byToken[token].eventType) {
				if len(list) > 0 {
					c.say("not wanted", "event %s came to %s, which does not want its type", token, h.name)
				}
				continue
			}
			c.delivery(h, token, list)
		}
	}
}

// delivery checks the requests of one delivery.
func (c *checker) delivery(h *hook, token string, list []*request) {
	taken := 0
	for i, q := range list {
		if q.accepted() {
			taken++
		}
		if i == 0 {
			if q.number != 1 {
				c.say("numbers", "the first request for %s to %s has number %d, want 1", token, h.name, q.number)
			}
			continue
		}
		last := list[i-1]
		again := c.flying[last.seq] // its result is unknown
		if last.accepted() && !again {
			c.say("duplicate", "delivery %s (%s to %s) was repeated, request %d after %d, which was answered %d at %s, in flight at no kill%s",
				q.delivery, token, h.name, q.seq, last.seq, last.status, last.ended.Format(clock), c.nearest(last))
		}
		// A first attempt is recorded in one step. An attempt of an owed delivery is logged first,
		// and then its owed row is removed: a kill in between repeats an attempt that is in the
		// log.
		if last.accepted() && again && c.entries[last.seq] > 0 && last.number == 1 && !c.late(q) {
			c.say("duplicate", "delivery %s (%s to %s) was repeated, request %d after %d, whose success is in the log",
				q.delivery, token, h.name, q.seq, last.seq)
		}
		if q.number != last.number+1 && !(again && q.number == last.number) {
			c.say("numbers", "delivery %s: request %d has number %d after request %d with %d (in flight at a kill: %v)",
				q.delivery, q.seq, q.number, last.seq, last.number, again)
		}
	}
	if taken == 0 {
		it := c.byToken[token]
		c.say("lost", "event %s (acknowledged: %v) was never accepted by %s, requests: %d", token, it.acked, h.name, len(list))
		return
	}
	c.figures.delivered++
	if taken > 1 {
		c.figures.duplicates += taken - 1
	}
}

// late reports whether the request may come from a server that was frozen just before it sent the
// request. The result of such a request is refused, so that it is not in the log.
func (c *checker) late(q *request) bool {
	return c.entries[q.seq] == 0 && slices.ContainsFunc(c.kills, func(k kill) bool { return k.held && k.inFlight(q) })
}

const clock = "15:04:05.000"

// nearest describes the first kill after a request's answer.
func (c *checker) nearest(q *request) string {
	for _, k := range c.kills {
		if k.from.After(q.ended) {
			return fmt.Sprintf(" (the next was %v later, with a window of %v)", k.from.Sub(q.ended), k.window)
		}
	}
	return ""
}

// logged compares the log with the received requests.
func (c *checker) logged() {
	for i := range c.attempts {
		a := &c.attempts[i]
		if a.seq < 0 {
			// The receiver answers every request. An unanswered attempt met a fault that is not
			// ours.
			c.say("log", "delivery %s, attempt %d to %s is logged as %s without an answer", a.delivery, a.number, a.hook, a.outcome)
			continue
		}
		if a.seq >= len(c.requests) {
			c.say("log", "delivery %s is logged with request %d, which was never made", a.delivery, a.seq)
			continue
		}
		if n := c.entries[a.seq]; n > 1 && !c.storeFailed {
			c.say("log", "request %d (delivery %s) is logged %d times", a.seq, a.delivery, n)
		}
		c.compare(a, &c.requests[a.seq])
	}
	for i := range c.requests {
		if c.entries[i] > 0 {
			continue
		}
		q := &c.requests[i]
		c.figures.unlogged++
		if !c.flying[i] {
			c.say("not logged", "request %d (delivery %s, attempt %d, answered %d at %s) is not in the log and was in flight at no kill%s",
				q.seq, q.delivery, q.number, q.status, q.ended.Format(clock), c.nearest(q))
		}
	}
}

// compare compares a log entry with its request.
func (c *checker) compare(a *loggedAttempt, q *request) {
	outcome := "retrying"
	if q.accepted() {
		outcome = "delivered"
	}
	differ := func(what string, got, want any) {
		c.say("log differs", "request %d, delivery %s: %s is logged as %v, was %v", q.seq, q.delivery, what, got, want)
	}
	switch {
	case a.delivery != q.delivery || a.hook != q.hook:
		differ("delivery", a.hook+"/"+a.delivery, q.hook+"/"+q.delivery)
	case a.number != q.number:
		differ("attempt", a.number, q.number)
	case a.status != q.status || a.outcome != outcome:
		differ("outcome", fmt.Sprint(a.status, a.outcome), fmt.Sprint(q.status, outcome))
	case a.body != q.body:
		differ("body", strconv.Quote(a.body), strconv.Quote(q.body))
	}
	got := make(map[string]string, len(a.header))
	for k, v := range a.header {
		got[http.CanonicalHeaderKey(k)] = v
	}
	for k, v := range got {
		if values := q.header.Values(k); len(values) != 1 || values[0] != v {
			differ("header "+k, v, values)
		}
	}
	for k := range q.header {
		// Added by the transport; the log omits them.
		if _, ok := got[k]; !ok && k != "Content-Length" && k != "Accept-Encoding" {
			differ("header "+k, "absent", q.header[k])
		}
	}
}

// tell reads the stored events and the log from the server.
func (h *history) tell(t testing.TB, r *relay) {
	t.Helper()
	ctx := context.Background()
	h.events, h.attempts, h.states = nil, nil, make(map[string]int)
	for q := (client.ListEventsParams{Limit: 250}); ; {
		page, err := r.api.ListEventsPage(ctx, q)
		if err != nil {
			t.Fatalf("listing events: %v", err)
		}
		for _, e := range page.Data {
			if h.foreign && !strings.HasPrefix(e.Type, "load.") {
				continue
			}
			h.events = append(h.events, storedEvent{id: e.ID, token: tokenOf(e.Data)})
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	for _, hook := range h.hooks {
		for q := (client.ListWebhookAttemptsParams{Limit: 250}); ; {
			page, err := r.api.ListWebhookAttemptsPage(ctx, hook.id, q)
			if err != nil {
				t.Fatalf("listing attempts: %v", err)
			}
			for i := range page.Data {
				h.attempts = append(h.attempts, logged(hook.name, &page.Data[i]))
			}
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
	}
	for _, state := range []string{"waiting", "inFlight", "held", "failed", "expired", "discarded", "canceled"} {
		n, err := r.deliveries(state)
		if err != nil {
			t.Fatalf("listing deliveries: %v", err)
		}
		h.states[state] = n
	}
}

func logged(hook string, a *client.Attempt) loggedAttempt {
	l := loggedAttempt{
		hook: hook, delivery: a.DeliveryID, number: a.Number, outcome: a.Outcome, seq: -1,
		header: a.Request.Headers, body: a.Request.Body,
	}
	if a.Response != nil {
		l.status = a.Response.Status
		if seq, err := strconv.Atoi(a.Response.Headers[headerSeq]); err == nil {
			l.seq = seq
		}
	}
	return l
}
