package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/client"
)

func sortStrings(list []string) { slices.Sort(list) }

// tailed is something that can be followed.
type tailed struct {
	path string // of the list
	at   string // member with the time by which the list is ordered
}

var tailedThings = map[string]tailed{
	"attempts": {"/v1/attempts", "at"},
	"events":   {"/v1/events", "acceptedAt"},
}

func newTail(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "tail [attempts|events]", Short: "Follow the log or the published events", Args: atMost(1),
		Long: "Print new attempts (the default) or new events as they come, until Ctrl-C. A pipe gets one JSON object a line.\n" +
			"After an interruption of the connection it continues where it was. --since and --after begin in the past.",
		Example:   "  relay tail\n  relay tail attempts --webhook wh_… --status failed\n  relay tail events --type order.paid --since 1h | jq .data",
		ValidArgs: []string{"attempts", "events"},
	}
	f := cmd.Flags()
	since := f.String("since", "", "begin at this `time`, or as long ago, such as 10m (default: now)")
	after := f.String("after", "", "begin after the attempt or event with this `id`, to continue an earlier tail")
	hook := f.String("webhook", "", "only attempts of this `webhook`")
	status := f.String("status", "", "only attempts with this `outcome`, as GET /v1/attempts takes it")
	kind := f.String("error-kind", "", "only attempts that failed in this `way`, such as timeout")
	eventType := f.String("type", "", "only this event `type`")
	count := f.Int("count", 0, "end after this `number` of lines; 0: never")
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name := "attempts"
		if len(args) == 1 {
			name = args[0]
		}
		thing, ok := tailedThings[name]
		if !ok {
			return usageError{fmt.Errorf("the argument must be attempts or events, got %q", name)}
		}
		c, err := conn.client()
		if err != nil {
			return err
		}
		t := &tail{env: env, conn: conn, client: c, thing: thing, query: make(url.Values), seen: make(map[string]time.Time), left: *count}
		if name == "attempts" {
			set(t.query, "webhookId", *hook)
			set(t.query, "status", *status)
			set(t.query, "errorKind", *kind)
			set(t.query, "eventType", *eventType)
		} else {
			if *hook != "" || *status != "" || *kind != "" {
				return usageError{errors.New("--webhook, --status and --error-kind are for attempts")}
			}
			set(t.query, "type", *eventType)
		}
		switch {
		case *after != "":
			err = t.continueAfter(cmd.Context(), *after)
		case *since != "":
			if t.from, err = parseSince(*since, time.Now()); err != nil {
				err = usageError{fmt.Errorf("--since %w", err)}
			}
		default:
			err = t.skip(cmd.Context())
		}
		if err != nil {
			return err
		}
		return t.run(cmd.Context())
	}
	return cmd
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

// tail follows a list of the API. Lists are ordered by time, and an entry may appear a little after
// a later one, so that each look goes back by tailOverlap and leaves out what was seen.
type tail struct {
	env    *Env
	conn   *connection
	client *client.Client
	thing  tailed
	query  url.Values
	from   time.Time            // entries since then are wanted
	seen   map[string]time.Time // entries printed, with their times, since from less the overlap
	left   int                  // lines to print; 0: no bound
	lost   bool                 // the server could not be reached the last time
}

const (
	tailEvery   = 250 * time.Millisecond
	tailOverlap = 5 * time.Second
	tailPage    = 250
)

// continueAfter makes the tail begin after an entry.
func (t *tail) continueAfter(ctx context.Context, id string) error {
	var entry map[string]any
	if err := t.client.Do(ctx, "GET", t.thing.path+"/"+url.PathEscape(id), nil, nil, &entry); err != nil {
		return err
	}
	at, err := entryTime(entry, t.thing.at)
	if err != nil {
		return err
	}
	t.from, t.seen[id] = at, at
	return nil
}

// skip leaves out what there is. It asks the server for its newest entry instead of looking at the
// clock of this machine, which may differ.
func (t *tail) skip(ctx context.Context) error {
	var page client.Page[map[string]any]
	q := url.Values{"limit": {"1"}}
	for name, values := range t.query {
		q[name] = values
	}
	if err := t.client.Do(ctx, "GET", t.thing.path, q, nil, &page); err != nil {
		return err
	}
	if len(page.Data) == 0 {
		return nil
	}
	at, err := entryTime(page.Data[0], t.thing.at)
	if err != nil {
		return err
	}
	t.from = at
	list, err := t.fresh(ctx, at.Add(-tailOverlap))
	for _, e := range list {
		t.seen[e.id] = e.at
	}
	return err
}

func entryTime(entry map[string]any, member string) (time.Time, error) {
	text, _ := entry[member].(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, fmt.Errorf("reading an answer: member %q: %w", member, err)
	}
	return at, nil
}

func (t *tail) run(ctx context.Context) error {
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	bound := t.from // nothing from before the start is printed, though a look goes back further
	for {
		end, err := t.look(ctx, bound)
		switch {
		case ctx.Err() != nil || end:
			return nil
		case err != nil && !temporary(err):
			return err
		case err != nil && !t.lost:
			t.lost = true
			fmt.Fprintf(t.env.Stderr, "connection lost: %s; trying again\n", printable(err.Error()))
		case err == nil && t.lost:
			t.lost = false
			fmt.Fprintln(t.env.Stderr, "connected again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// tailEntry is an entry of the list.
type tailEntry struct {
	id  string
	at  time.Time
	raw json.RawMessage
}

// fresh returns the entries since a time that were not seen, the oldest first; a zero time stands for
// all. Entries of the same time are in the order of the server.
func (t *tail) fresh(ctx context.Context, since time.Time) ([]tailEntry, error) {
	var fresh []tailEntry
	q := url.Values{"limit": {strconv.Itoa(tailPage)}}
	for name, values := range t.query {
		q[name] = values
	}
	if !since.IsZero() {
		q.Set("since", since.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	for {
		var page client.Page[json.RawMessage]
		if err := t.client.Do(ctx, "GET", t.thing.path, q, nil, &page); err != nil {
			return nil, err
		}
		for _, raw := range page.Data {
			var v map[string]any
			if err := json.Unmarshal(raw, &v); err != nil {
				return nil, fmt.Errorf("reading an answer: %w", err)
			}
			at, err := entryTime(v, t.thing.at)
			if err != nil {
				return nil, err
			}
			id, _ := v["id"].(string)
			if _, seen := t.seen[id]; !seen {
				fresh = append(fresh, tailEntry{id, at, raw})
			}
		}
		if page.NextCursor == "" {
			slices.Reverse(fresh) // the server lists the newest first
			slices.SortStableFunc(fresh, func(a, b tailEntry) int { return a.at.Compare(b.at) })
			return fresh, nil
		}
		q.Set("cursor", page.NextCursor)
	}
}

// look prints the entries that are new, the oldest first, and reports whether the wanted number was
// printed.
func (t *tail) look(ctx context.Context, bound time.Time) (end bool, err error) {
	since := t.from
	if !since.IsZero() {
		since = since.Add(-tailOverlap)
	}
	if since.Before(bound) {
		since = bound
	}
	fresh, err := t.fresh(ctx, since)
	if err != nil {
		return false, err
	}
	for _, e := range fresh {
		if err := t.print(e.raw); err != nil {
			return false, err
		}
		t.seen[e.id] = e.at
		if e.at.After(t.from) {
			t.from = e.at
		}
		if t.left > 0 {
			if t.left--; t.left == 0 {
				return true, nil
			}
		}
	}
	for id, at := range t.seen {
		if at.Before(t.from.Add(-2 * tailOverlap)) {
			delete(t.seen, id)
		}
	}
	return false, nil
}

func (t *tail) print(raw json.RawMessage) error {
	if !t.conn.people() {
		return t.env.printJSON(raw)
	}
	st := newStyle(t.env)
	if t.thing.path == "/v1/events" {
		var e client.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("reading an answer: %w", err)
		}
		_, err := fmt.Fprintf(t.env.Stdout, "%s  %-24s  %s  %s\n", e.AcceptedAt.Local().Format("15:04:05"), printable(e.Type), printable(e.ID), st.dim(clip(printable(string(e.Data)), 100)))
		return err
	}
	var a client.Attempt
	if err := json.Unmarshal(raw, &a); err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	status := "no answer"
	if a.Response != nil {
		status = strconv.Itoa(a.Response.Status)
	}
	outcome := st.yellow(a.Outcome)
	if a.Outcome == "delivered" {
		outcome = st.green(a.Outcome)
	}
	line := fmt.Sprintf("%s  %-24s  %s  attempt %d  %s  %s", a.At.Local().Format("15:04:05"), printable(a.EventType), printable(a.WebhookID), a.Number, status, outcome)
	if a.Error != nil && a.Outcome != "delivered" {
		line += "  " + st.dim(clip(printable(a.Error.Message), 80))
	}
	_, err := fmt.Fprintln(t.env.Stdout, line)
	return err
}
