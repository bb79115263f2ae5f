package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// Bounds of the streams by which pages stay live.
const (
	// streamsPerSession leaves connections for pages: browsers open six to a server over HTTP/1.1.
	streamsPerSession = 4
	streamsPerUser    = 12
	// streamRows is how many rows a message has; of more, the newest.
	streamRows = 20
	// streamPause keeps messages at four a second.
	streamPause = 250 * time.Millisecond
	// streamBeat is how often a stream without news says that it lives. Proxies close connections that are silent for long,
	// and the page notices one that broke without a word.
	streamBeat = 10 * time.Second
	// streamCheck is how often the session is looked up again, a bit more often than the 30 s that are promised.
	streamCheck = 20 * time.Second
	// streamBehind is how far before the making of a page its stream begins: an attempt has its id a moment before it can be
	// read.
	streamBehind = 5 * time.Second
)

// streams counts the open ones.
type streams struct {
	most int

	mu  sync.Mutex
	all int            // guarded by mu
	of  map[string]int // guarded by mu; by session and by person
}

// enter counts a stream; it reports false where there are as many as may be.
func (s *streams) enter(session, person string) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= s.most || s.of[session] >= streamsPerSession || s.of[person] >= streamsPerUser {
		return nil, false
	}
	if s.of == nil {
		s.of = make(map[string]int)
	}
	s.all++
	s.of[session]++
	s.of[person]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		for _, who := range []string{session, person} {
			if s.of[who]--; s.of[who] == 0 {
				delete(s.of, who)
			}
		}
	}, true
}

// open is how many there are.
func (s *streams) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

// live is what a page with a table of attempts needs to keep it up to date.
type live struct {
	Query  string // of the stream
	After  string // the attempt behind which the stream begins
	Most   int    // rows in the table
	Paused bool
}

// newLive returns the stream of a table that shows the list.
func (d *Dashboard) newLive(q *request, list []*delivery.Attempt, most int) *live {
	if q.visit != nil {
		return nil // portals have no streams
	}
	p := q.URL.Query()
	l := &live{Most: most, Paused: p.Get("live") == "off"}
	p.Del("live")
	p.Del("at")
	after := event.FirstID(d.now().Add(-streamBehind))
	if len(list) > 0 {
		after = max(after, list[0].ID)
	}
	l.After = after.Public(event.AttemptPrefix)
	l.Query = "?" + p.Encode()
	return l
}

// stream sends attempts as they are recorded, as server-sent events; its filters are those of the log. The page says with
// "after", or with the header Last-Event-ID, which attempt it has last.
func (d *Dashboard) stream(_ context.Context, q *request) (answer, error) {
	var v logView
	v.read(q)
	query, wrong := d.logQuery(q, &v, q.URL.Query())
	if wrong != "" {
		return answer{}, problem.New(problem.Malformed, "%s", wrong)
	}
	last := q.Header.Get("Last-Event-ID")
	if last == "" {
		last = q.URL.Query().Get("after")
	}
	after, err := event.ParseID(event.AttemptPrefix, last)
	if err != nil {
		after = event.FirstID(d.now().Add(-streamBehind))
	}
	query.Before = 0
	leave, ok := d.streams.enter(q.session.ID, q.who.Actor.ID)
	if !ok {
		return answer{}, problem.New(problem.TooMany, "as many pages are live as may be at a time")
	}
	return answer{stream: func(w http.ResponseWriter) {
		defer leave()
		d.follow(w, q, query, after)
	}}, nil
}

// follow writes the stream until the page leaves, its session ends or the server stops.
func (d *Dashboard) follow(w http.ResponseWriter, q *request, query delivery.LogQuery, after event.ID) {
	ctx := q.Context()
	watch := d.Engine.Watch(query)
	defer watch.Close()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx
	s := &eventStream{w: w}
	fail := func(err error) {
		if ctx.Err() == nil && s.err == nil {
			d.Log.ErrorContext(ctx, "a live page could not be kept up to date", "request", q.id, "error", err)
		}
	}
	show, err := d.rows(q, query.Webhook)
	if err != nil {
		fail(err)
		return
	}
	s.send("open", "", "{}")
	// What was recorded since the page was made, or while it was not connected. The subscription came first.
	missed, all, err := d.missed(ctx, query, after)
	switch {
	case err != nil:
		fail(err)
		return
	case !all:
		s.send("stale", "", "{}")
	case len(missed) > 0:
		if err := show(s, missed, 0); err != nil {
			fail(err)
			return
		}
	}

	beat, check := time.NewTicker(d.beat), time.NewTicker(d.check)
	defer beat.Stop()
	defer check.Stop()
	news := watch.Recorded()
	var rested <-chan time.Time
	for s.err == nil {
		select {
		case <-ctx.Done():
			return
		case <-web.Stopping(w):
			s.send("restart", "", "{}")
			return
		case <-beat.C:
			s.send("beat", "", "{}")
		case <-check.C:
			if who, err := d.Sessions.Holds(ctx, q.token, q.tenant.ID); err != nil || !who.Allows(access.View) {
				if err != nil && problem.KindOf(err) != problem.Unauthorized && problem.KindOf(err) != problem.Forbidden {
					fail(err)
				}
				s.send("gone", "", "{}")
				return
			}
		case <-news:
			list, dropped := watch.Take()
			slices.Reverse(list)
			if len(list) > 0 {
				if err := show(s, list, dropped); err != nil {
					fail(err)
					return
				}
			}
			news, rested = nil, time.After(streamPause)
		case <-rested:
			news, rested = watch.Recorded(), nil
		}
	}
}

// missed returns the attempts behind the given one, newest first; all is false when there are too many for a message.
func (d *Dashboard) missed(ctx context.Context, query delivery.LogQuery, after event.ID) (list []*delivery.Attempt, all bool, err error) {
	query.Limit = streamRows + 1
	// An attempt is made before it has its id, and waits for its answer in between.
	if from := after.Time().Add(-streamLongest); query.Since.Before(from) {
		query.Since = from
	}
	list, _, err = d.Ledger.Attempts(ctx, query)
	if at := slices.IndexFunc(list, func(a *delivery.Attempt) bool { return a.ID <= after }); at >= 0 {
		list = list[:at]
	}
	return list, len(list) <= streamRows, err
}

// streamLongest is more than an attempt takes.
const streamLongest = 2 * time.Minute

// rows returns what writes attempts, the newest first, as rows of the page's table.
func (d *Dashboard) rows(q *request, webhook uint32) (func(s *eventStream, list []*delivery.Attempt, dropped int) error, error) {
	pages, err := d.templates()
	if err != nil {
		return nil, err
	}
	f := d.frame(q, &answer{})
	selects := q.URL.Query().Get("select") != ""
	f.Nav, f.Tenants = nil, nil // a stream lasts; rows have neither
	return func(s *eventStream, list []*delivery.Attempt, dropped int) error {
		if webhook == 0 {
			list = slices.DeleteFunc(list, func(a *delivery.Attempt) bool { // those of products are in their own pages
				w, ok := d.Webhooks.ByNumber(a.Webhook)
				return ok && w.Owner != ""
			})
		}
		if len(list) == 0 {
			return nil
		}
		if more := len(list) - streamRows; more > 0 {
			list, dropped = list[:streamRows], dropped+more
		}
		v := rowsView{Attempts: d.showAttempts(list), More: dropped}
		if selects {
			v.Attempts = selectable(q, v.Attempts)
		}
		var b bytes.Buffer
		if err := pages["log"].ExecuteTemplate(&b, "attempt-rows", f.With(v)); err != nil {
			return fmt.Errorf("making rows: %w", err)
		}
		m, err := json.Marshal(rowsMessage{HTML: b.String(), Rows: len(list), More: dropped})
		if err != nil {
			return fmt.Errorf("making rows: %w", err)
		}
		s.send("rows", list[0].ID.Public(event.AttemptPrefix), string(m))
		return nil
	}, nil
}

type rowsView struct {
	Attempts []attemptView
	More     int // attempts that are not shown
}

type rowsMessage struct {
	HTML string `json:"html"`
	Rows int    `json:"rows"`
	More int    `json:"more"`
}

// eventStream writes server-sent events (HTML Standard, section 9.2).
type eventStream struct {
	w   http.ResponseWriter
	err error // the first; nothing is written after it
}

// send writes an event; data has no line ends.
func (s *eventStream) send(name, id, data string) {
	if s.err != nil {
		return
	}
	text := "event: " + name + "\n"
	if id != "" {
		text += "id: " + id + "\n"
	}
	if _, s.err = s.w.Write([]byte(text + "data: " + data + "\n\n")); s.err == nil {
		s.err = web.Flush(s.w)
	}
}
