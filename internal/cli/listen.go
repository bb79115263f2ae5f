package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
	"github.com/relay-events/relay/receiver"
)

func newListen(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "listen --forward TYPES=URL", Short: "Forward events to programs on this machine", Args: noArgs,
		Long: "Forward this tenant's events to programs on this machine, signed as a webhook of the format relay is. No address of\n" +
			"this machine has to be reachable: the command asks the server. An event that several --forward name goes to each.\n\n" +
			"Events wait at the server, for as long as it keeps events, while the command does not run, the server cannot be\n" +
			"reached, or the program does not answer with a status of 200 to 299. The command keeps its position in\n" +
			"~/.config/relay/listen and continues there; each event arrives at least once, in the order of acceptance, with the\n" +
			"same webhookId each time. It begins with the events from its first start on, or at --since.\n\n" +
			"The signing secret stays the same; --print-secret shows it. Standard error says connecting, connected and lost.",
		Example: "  relay listen --forward 'order.*=http://localhost:3000/orders' --forward '*=http://localhost:3000/all'\n" +
			"  export WEBHOOK_SECRET=$(relay listen --print-secret)\n" +
			"  relay listen --forward '*=http://localhost:3000' --since 1h",
	}
	f := cmd.Flags()
	var o listenOptions
	forwards := f.StringArray("forward", nil, "send events of these types to an address: `types=url`, such as 'order.*=http://localhost:3000'; repeat it for several")
	f.StringVar(&o.name, "name", "", "`name` of the position; commands with different names each get all events (default: one for each server and tenant)")
	f.StringVar(&o.since, "since", "", "begin at this `time`, or as long ago, such as 1h, instead of the position")
	f.BoolVar(&o.printSecret, "print-secret", false, "print the signing secret and end")
	f.IntVar(&o.count, "count", 0, "end after this `number` of events; 0: never")
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, text := range *forwards {
			rule, err := parseForward(text)
			if err != nil {
				return usageError{fmt.Errorf("--forward %q %w", text, err)}
			}
			o.rules = append(o.rules, rule)
		}
		if len(o.rules) == 0 && !o.printSecret {
			return usageError{errors.New("--forward must be given, such as --forward 'order.*=http://localhost:3000'")}
		}
		return env.listen(cmd.Context(), conn, o)
	}
	return cmd
}

type listenOptions struct {
	rules       []forward
	name, since string
	printSecret bool
	count       int
}

// forward is where events of some types go.
type forward struct{ types, url string }

func parseForward(text string) (forward, error) {
	types, to, ok := strings.Cut(text, "=")
	if !ok {
		return forward{}, errors.New("must be types=url, such as order.*=http://localhost:3000")
	}
	if err := event.CheckPattern(types); err != nil {
		return forward{}, fmt.Errorf("names types that cannot be: %w", err)
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return forward{}, errors.New("must end in an address, such as http://localhost:3000")
	}
	return forward{types, to}, nil
}

// position is the file of a listener: what it signs with and how far it is.
type position struct {
	Secret string `json:"secret"`
	// From is the time of the last event that was forwarded; zero: none was.
	From  time.Time `json:"from"`
	Begun bool      `json:"begun"`
	// Seen are the events forwarded shortly before From: one that was accepted at the same moment may
	// become visible later.
	Seen map[string]time.Time `json:"seen"`
}

// listener forwards events.
type listener struct {
	env   *Env
	tail  *tail
	rules []forward
	file  string
	at    position
	sign  *signing.Relay
	http  *http.Client
	left  int
	state string // last said about the connection
}

func (e *Env) listen(ctx context.Context, conn *connection, o listenOptions) error {
	target, err := conn.target()
	if err != nil {
		return err
	}
	profilesAt, err := e.profilesFile()
	if err != nil {
		return err
	}
	name := o.name
	if name == "" {
		sum := sha256.Sum256([]byte(target.URL + "\n" + target.Tenant))
		name = hex.EncodeToString(sum[:8])
	} else if strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
		return usageError{fmt.Errorf("--name must be a plain word, got %q", name)}
	}
	l := &listener{env: e, rules: o.rules, file: filepath.Join(filepath.Dir(profilesAt), "listen", name+".json"), left: o.count}
	if err := l.load(); err != nil {
		return err
	}
	if o.printSecret {
		_, err := fmt.Fprintln(e.Stdout, l.at.Secret)
		return err
	}
	c, err := conn.client()
	if err != nil {
		return err
	}
	l.sign = signing.NewRelay(l.at.Secret)
	l.http = &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer l.http.CloseIdleConnections()
	l.tail = &tail{env: e, conn: conn, client: c, thing: tailedThings["events"], query: make(url.Values), from: l.at.From, seen: l.at.Seen}
	if o.since != "" {
		if l.tail.from, err = parseSince(o.since, time.Now()); err != nil {
			return usageError{fmt.Errorf("--since %w", err)}
		}
		clear(l.tail.seen)
		l.at.Begun = true
	}
	return l.run(ctx)
}

// load reads the position, or makes one with a secret of its own.
func (l *listener) load() error {
	b, err := os.ReadFile(l.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.at = position{Secret: signing.NewSecret()}
	case err != nil:
		return fmt.Errorf("reading the position: %w", err)
	default:
		if err := json.Unmarshal(b, &l.at); err != nil {
			return fmt.Errorf("reading the position in %q: %w", l.file, err)
		}
	}
	if l.at.Seen == nil {
		l.at.Seen = make(map[string]time.Time)
	}
	if err := os.MkdirAll(filepath.Dir(l.file), 0o700); err != nil {
		return fmt.Errorf("creating the folder of positions: %w", err)
	}
	return l.save()
}

func (l *listener) save() error {
	b, err := json.Marshal(l.at)
	if err != nil {
		return err
	}
	return replaceFile(l.file, append(b, '\n'))
}

// say tells a change of the connection, once, with its time.
func (l *listener) say(state, detail string) {
	if l.state == state {
		return
	}
	l.state = state
	fmt.Fprintf(l.env.Stderr, "%s  %s%s\n", time.Now().Format("15:04:05"), state, printable(detail))
}

func (l *listener) run(ctx context.Context) error {
	server := " " + l.tail.client.URL()
	l.say("connecting", " to"+server)
	for ctx.Err() == nil {
		fresh, err := l.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !temporary(err):
			return err
		case err != nil:
			l.say("lost", server+": "+err.Error()+"; trying again, the events wait")
		default:
			l.say("connected", " to"+server)
			end, err := l.forwardAll(ctx, fresh)
			if err != nil && ctx.Err() == nil && temporary(err) {
				l.say("lost", server+": "+err.Error()+"; trying again, the events wait")
				break
			}
			if end || err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(tailEvery/2 + rand.N(tailEvery)):
		}
	}
	return nil
}

// heldEntries bounds the events of one look whose content is kept in memory; that of the others is
// asked for again when it is their turn.
const heldEntries = 250

// look returns the events to forward next, the oldest first.
func (l *listener) look(ctx context.Context) ([]tailEntry, error) {
	if !l.at.Begun { // the first start: from here on
		if err := l.tail.skip(ctx); err != nil {
			return nil, err
		}
		l.at.Begun, l.at.From = true, l.tail.from
		if err := l.save(); err != nil {
			return nil, err
		}
	}
	since := l.tail.from
	if !since.IsZero() {
		since = since.Add(-tailOverlap)
	}
	fresh, err := l.tail.fresh(ctx, since)
	if err != nil {
		return nil, err
	}
	for i := heldEntries; i < len(fresh); i++ {
		fresh[i].raw = nil
	}
	return fresh, nil
}

// forwardAll forwards events one after the other, and reports whether the wanted number was reached.
func (l *listener) forwardAll(ctx context.Context, list []tailEntry) (end bool, err error) {
	for i := range list {
		entry := &list[i]
		if entry.raw == nil {
			if err := l.tail.client.Do(ctx, "GET", "/v1/events/"+url.PathEscape(entry.id), nil, nil, &entry.raw); err != nil {
				return false, err
			}
		}
		var e client.Event
		if err := json.Unmarshal(entry.raw, &e); err != nil {
			return false, fmt.Errorf("reading an event: %w", err)
		}
		entry.raw = nil
		wanted := false
		for _, rule := range l.rules {
			if !webhook.Matches(rule.types, e.Type) {
				continue
			}
			wanted = true
			if !l.deliver(ctx, rule, &e) {
				return true, nil // interrupted: the event is forwarded again by the next start
			}
		}
		l.tail.seen[entry.id] = entry.at
		if entry.at.After(l.tail.from) {
			l.tail.from = entry.at
		}
		for id, at := range l.tail.seen {
			if at.Before(l.tail.from.Add(-2 * tailOverlap)) {
				delete(l.tail.seen, id)
			}
		}
		l.at.From, l.at.Seen = l.tail.from, l.tail.seen
		if wanted || i == len(list)-1 {
			if err := l.save(); err != nil {
				return false, err
			}
		}
		if wanted && l.left > 0 {
			if l.left--; l.left == 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// deliver sends an event to a program until it takes it. It reports whether it did before the
// command was interrupted.
func (l *listener) deliver(ctx context.Context, rule forward, e *client.Event) bool {
	id := listenID(e.ID, rule.url)
	body, err := json.Marshal(struct {
		Version   string    `json:"version"`
		Event     string    `json:"event"`
		Timestamp time.Time `json:"timestamp"`
		WebhookID string    `json:"webhookId"`
	}{receiver.Version, e.Type, e.Timestamp.UTC(), id})
	if err != nil {
		return false
	}
	// The data as they were published, byte for byte.
	body = append(append(append(body[:len(body)-1], `,"data":`...), e.Data...), '}')
	wait := 100 * time.Millisecond
	for attempt := 1; ; attempt++ {
		status, problem := l.post(ctx, rule.url, id, e.Type, attempt, body)
		if ctx.Err() != nil {
			return false
		}
		l.report(e, rule, attempt, status, problem)
		if problem == "" {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait/2 + rand.N(wait)):
		}
		wait = min(2*wait, 10*time.Second)
	}
}

// listenID identifies an event at an address; it is the same each time the event is sent there.
func listenID(event, to string) string {
	sum := sha256.Sum256([]byte(event + "\n" + to))
	return "whk_" + hex.EncodeToString(sum[:12])
}

func (l *listener) post(ctx context.Context, to, id, eventType string, attempt int, body []byte) (status int, problem string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	now := time.Now().Unix()
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "Relay-listen", "X-Relay-Event": eventType, "X-Relay-Delivery": id,
		"X-Relay-Attempt": strconv.Itoa(attempt), "X-Relay-Timestamp": strconv.FormatInt(now, 10),
		"X-Relay-Signature": string(l.sign.AppendSignature(nil, now, body)),
	} {
		req.Header.Set(name, value)
	}
	res, err := l.http.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)) // so that the connection can be used again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return res.StatusCode, "answered " + res.Status
	}
	return res.StatusCode, ""
}

// forwarded is a line of the output for programs.
type forwarded struct {
	EventID   string `json:"eventId"`
	EventType string `json:"eventType"`
	URL       string `json:"url"`
	Attempt   int    `json:"attempt"`
	Status    int    `json:"status,omitempty"`
	Error     string `json:"error,omitempty"`
}

// report prints an attempt. Of an event that is not taken only the first attempts are printed, and
// then every tenth.
func (l *listener) report(e *client.Event, rule forward, attempt, status int, problem string) {
	if problem != "" && attempt > 3 && attempt%10 != 0 {
		return
	}
	if !l.tail.conn.people() {
		line, err := json.Marshal(forwarded{e.ID, e.Type, rule.url, attempt, status, problem})
		if err == nil { // texts and numbers: cannot fail
			fmt.Fprintf(l.env.Stdout, "%s\n", line)
		}
		return
	}
	st := newStyle(l.env)
	verdict := st.green(strconv.Itoa(status))
	if problem != "" {
		verdict = st.yellow(printable(problem) + ", the event waits")
	}
	fmt.Fprintf(l.env.Stdout, "%s  %-24s  %s  %s  %s\n", time.Now().Format("15:04:05"), printable(e.Type), printable(e.ID), printable(rule.url), verdict)
}
