package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/receiver"
)

// demoReceiver is a receiver as a user would write it with package receiver, except that it prints
// lines and refuses every fifth event once.
type demoReceiver struct {
	out    *Env
	style  style
	listen net.Listener
	server *http.Server
	ended  chan error // receives when the server has ended
	want   int        // accepted deliveries after which reached is closed; zero means never

	reached chan struct{}

	mu       sync.Mutex // guards the fields below and the order of lines
	started  map[sample]time.Time
	events   int             // events seen
	refused  map[string]bool // by webhookId
	accepted int
}

// sample identifies a sample event on arrival: by its type, and its time in ms.
type sample struct {
	eventType string
	at        int64
}

// Every everyNth event is refused once.
const everyNth = 5

// maxTracked bounds the events whose start time is stored.
const maxTracked = 1000

func newDemoReceiver(out *Env, want int) (*demoReceiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the demo's receiver: %w", err)
	}
	return &demoReceiver{
		out: out, style: newStyle(out), listen: l, ended: make(chan error, 1), want: want, reached: make(chan struct{}),
		started: make(map[sample]time.Time), refused: make(map[string]bool),
	}, nil
}

func (d *demoReceiver) url() string { return "http://" + d.listen.Addr().String() + "/hook" }

// start begins to accept deliveries signed with the secret.
func (d *demoReceiver) start(secret string) error {
	rc, err := receiver.New(receiver.Config{
		Secrets: []string{secret},
		OnError: func(_ *http.Request, err error) { d.say("refused a request: " + printable(err.Error())) },
	})
	if err != nil {
		return fmt.Errorf("creating the demo's receiver: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /hook", rc.Middleware(http.HandlerFunc(d.take)))
	d.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	go func() { d.ended <- d.server.Serve(d.listen) }()
	return nil
}

// stop ends the server, whether it was started or not.
func (d *demoReceiver) stop() error {
	if d.server == nil {
		return d.listen.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := d.server.Shutdown(ctx); err != nil {
		d.server.Close()
	}
	if err := <-d.ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the demo's receiver: %w", err)
	}
	return nil
}

// publishing records that a sample event of the type is being published, and returns a time for it
// that differs from the times of other pending samples of the type.
func (d *demoReceiver) publishing(eventType string, now time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.started) >= maxTracked {
		clear(d.started)
	}
	key := sample{eventType, now.UnixMilli()}
	for _, taken := d.started[key]; taken; _, taken = d.started[key] {
		key.at++
	}
	d.started[key] = now
	return time.UnixMilli(key.at)
}

// take answers a request whose signature has been verified.
func (d *demoReceiver) take(w http.ResponseWriter, r *http.Request) {
	e, ok := receiver.EventFrom(r.Context())
	if !ok { // set by Middleware
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	arrived := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.want > 0 && d.accepted >= d.want {
		return // the demo is ending: it has shown the requested number
	}
	key := sample{e.Type, e.Timestamp.UnixMilli()}
	begun, ours := d.started[key]
	if !ours {
		begun = e.Timestamp
	}
	attempt := r.Header.Get("X-Relay-Attempt")
	refuse := false
	if attempt == "1" {
		d.events++
		if refuse = d.events%everyNth == 0; refuse {
			d.refused[e.WebhookID] = true
		}
	}

	verdict := d.style.green("signature ok")
	switch {
	case refuse:
		verdict += d.style.yellow(", answering 503: it will be tried again")
	case d.refused[e.WebhookID]:
		verdict += ", accepted this time"
		delete(d.refused, e.WebhookID)
	}
	d.print(fmt.Sprintf("%s  %-20s  %-24s  attempt %-2s %9s  %s", arrived.Format("15:04:05"), clip(printable(e.Type), 40),
		printable(e.WebhookID), printable(clip(attempt, 4)), latency(arrived.Sub(begun)), verdict))
	if !ours { // not one of the samples, so its sender wants to see the data
		d.print("          " + d.style.dim(clip(printable(string(e.Data)), 120)))
	}
	if refuse {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	delete(d.started, key)
	if d.accepted++; d.accepted == d.want {
		close(d.reached)
	}
}

// latency formats the time from publishing to arrival.
func latency(t time.Duration) string {
	switch {
	case t < 0 || t > time.Hour: // an event with its own time
		return ""
	case t < 100*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(t)/float64(time.Millisecond))
	case t < time.Second:
		return fmt.Sprintf("%d ms", t.Milliseconds())
	default:
		return fmt.Sprintf("%.2f s", t.Seconds())
	}
}

// count returns the number of accepted deliveries.
func (d *demoReceiver) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.accepted
}

// say prints a line between the others.
func (d *demoReceiver) say(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.print(line)
}

func (d *demoReceiver) print(line string) {
	fmt.Fprintln(d.out.Stdout, strings.TrimRight(line, " "))
}
