package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/receiver"
)

// maxSinkBody bounds the body of a request to the sink, in bytes.
const maxSinkBody = 16 << 20

func newSink(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "sink", Short: "Receive webhooks on this machine, check their signatures, and show them", Args: noArgs,
		Long: "Listen for webhooks on this machine, check their signatures, and print each request. With --subscribe the command\n" +
			"makes a webhook for itself and deletes it at the end; the server needs --dev, or it does not deliver to this machine.\n" +
			"Without it, --secret-file or RELAY_WEBHOOK_SECRET gives the signing secret of the webhook that delivers here.\n" +
			"A pipe gets one JSON object a request.",
		Example: "  relay sink --subscribe 'order.*'\n  RELAY_WEBHOOK_SECRET=whsec_… relay sink --listen 127.0.0.1:9000\n  relay sink --subscribe '*' --status 503",
	}
	f := cmd.Flags()
	var o sinkOptions
	f.StringVar(&o.listen, "listen", "127.0.0.1:9000", "`host:port` to listen on")
	f.StringArrayVar(&o.events, "subscribe", nil, "make a webhook for these event `types` while the command runs; repeat it for several")
	f.StringVar(&o.secretFile, "secret-file", "", "`file` with the signing secret (RELAY_WEBHOOK_SECRET gives the secret itself)")
	f.IntVar(&o.status, "status", 200, "status `code` to answer valid requests with, to see retries")
	f.IntVar(&o.count, "count", 0, "end after this `number` of valid requests; 0: never")
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.status < 200 || o.status > 599 {
			return usageError{fmt.Errorf("--status must be 200 to 599, got %d", o.status)}
		}
		return env.sink(cmd.Context(), conn, o)
	}
	return cmd
}

type sinkOptions struct {
	listen, secretFile string
	events             []string
	status, count      int
}

// sunk is a request as a program sees it.
type sunk struct {
	At        time.Time           `json:"at"`
	Valid     bool                `json:"valid"`
	Error     string              `json:"error,omitempty"`
	Status    int                 `json:"status"` // answered
	EventType string              `json:"eventType,omitempty"`
	WebhookID string              `json:"webhookId,omitempty"`
	Headers   map[string][]string `json:"headers"`
	Body      string              `json:"body"`
}

func (e *Env) sink(ctx context.Context, conn *connection, o sinkOptions) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		if addressTaken(err) {
			return fmt.Errorf("address %s is already in use: stop the other program or choose another with --listen", o.listen)
		}
		return fmt.Errorf("listening on %q: %w", o.listen, err)
	}
	secret := e.getenv("RELAY_WEBHOOK_SECRET")
	if o.secretFile != "" {
		b, err := e.readInput(o.secretFile)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		secret = string(bytes.TrimSpace(b))
	}
	if len(o.events) > 0 {
		var forget func() error
		if secret, forget, err = e.subscribeSink(ctx, conn, "http://"+reachable(listener.Addr().String())+"/", o.events, secret); err != nil {
			return errors.Join(err, listener.Close())
		}
		defer func() { err = errors.Join(err, forget()) }()
	}
	s := &sink{env: e, people: conn.people(), style: newStyle(e), status: o.status, left: o.count, done: cancel}
	if secret != "" {
		if s.receiver, err = receiver.New(receiver.Config{Secrets: []string{secret}}); err != nil {
			return errors.Join(usageError{err}, listener.Close())
		}
	} else {
		fmt.Fprintln(e.Stderr, "Signatures are not checked: give the secret in RELAY_WEBHOOK_SECRET, or use --subscribe.")
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Fprintf(e.Stderr, "Listening on http://%s/. Ctrl-C ends it.\n", listener.Addr())
	select {
	case <-ctx.Done():
	case err = <-ended:
		return fmt.Errorf("receiving webhooks: %w", err)
	}
	stop, release := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer release()
	if server.Shutdown(stop) != nil {
		server.Close()
	}
	<-ended //nolint:errcheck // http.ErrServerClosed
	return nil
}

// subscribeSink makes the webhook of a sink and returns its secret. forget deletes it.
func (e *Env) subscribeSink(ctx context.Context, conn *connection, at string, events []string, secret string) (_ string, forget func() error, err error) {
	c, err := conn.client()
	if err != nil {
		return "", nil, err
	}
	in := client.CreateWebhook{
		URL: at, Events: client.Set(events), Description: client.Set("relay sink"),
		// The default policy waits 30 s before the first retry, which is too long to watch.
		Retry: client.Set(client.RetryFields{Waits: client.Set([]client.Duration{client.Duration(2 * time.Second)}), Attempts: client.Set(10)}),
	}
	if secret != "" {
		in.Secret = client.Set(secret)
	}
	hook, err := c.CreateWebhook(ctx, in)
	if e := new(client.Error); errors.As(err, &e) && e.Status == http.StatusUnprocessableEntity {
		return "", nil, fmt.Errorf("%w\nA server delivers to this machine only with --dev; \"relay listen\" needs no address", err)
	}
	if err != nil {
		return "", nil, err
	}
	return cmp.Or(hook.Secret, secret), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // the command's context has ended
		defer cancel()
		err := c.DeleteWebhook(ctx, hook.ID)
		if e := new(client.Error); errors.As(err, &e) && e.Status == http.StatusNotFound {
			return nil // somebody has deleted it
		}
		if err != nil && temporary(err) { // usual where both were stopped together
			fmt.Fprintf(e.Stderr, "The server does not answer any more. If it comes back: relay webhooks delete %s\n", hook.ID)
			return nil
		}
		if err != nil {
			return fmt.Errorf("deleting the webhook %s of this sink: %w", hook.ID, err)
		}
		return nil
	}, nil
}

// sink answers requests and prints them.
type sink struct {
	env      *Env
	people   bool
	style    style
	receiver *receiver.Receiver // nil: signatures are not checked
	status   int
	done     func() // ends the command

	mu   sync.Mutex // guards left and the order of lines
	left int        // valid requests to wait for; 0: no bound
}

// ServeHTTP implements http.Handler.
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSinkBody))
	got := sunk{At: time.Now().UTC(), Valid: true, Status: s.status, Headers: r.Header, Body: string(body)}
	switch {
	case err != nil:
		got.Valid, got.Error, got.Status = false, "reading the body: "+err.Error(), http.StatusBadRequest
	case s.receiver != nil:
		if err := s.receiver.Verify(r.Header, body); err != nil {
			got.Valid, got.Error, got.Status = false, err.Error(), http.StatusUnauthorized
		}
	}
	var envelope struct {
		Event     string `json:"event"`
		Type      string `json:"type"`
		WebhookID string `json:"webhookId"`
	}
	if json.Unmarshal(body, &envelope) == nil {
		got.EventType, got.WebhookID = cmp.Or(envelope.Event, envelope.Type), envelope.WebhookID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.print(&got, r.Header.Get("X-Relay-Attempt"))
	w.WriteHeader(got.Status)
	if got.Valid && s.left > 0 {
		if s.left--; s.left == 0 {
			s.done()
		}
	}
}

func (s *sink) print(got *sunk, attempt string) {
	if !s.people {
		line, err := json.Marshal(got)
		if err == nil { // texts and numbers: cannot fail
			fmt.Fprintf(s.env.Stdout, "%s\n", line)
		}
		return
	}
	verdict := s.style.green("signature ok")
	switch {
	case !got.Valid:
		verdict = s.style.yellow("REFUSED: " + printable(got.Error))
	case s.receiver == nil:
		verdict = s.style.dim("signature not checked")
	}
	fmt.Fprintf(s.env.Stdout, "%s  %-24s  attempt %s  answered %d  %s\n", got.At.Local().Format("15:04:05"), printable(clip(got.EventType, 60)),
		printable(clip(cmp.Or(attempt, "-"), 4)), got.Status, verdict)
	fmt.Fprintf(s.env.Stdout, "          %s\n", s.style.dim(clip(printable(got.Body), 300)))
}
