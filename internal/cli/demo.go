package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/app"
	"github.com/relay-events/relay/internal/builtin"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/config"
)

// demoTypes are the events that the demo publishes in turn, from the pack "calls".
var demoTypes = []string{"call.completed", "call.urgent", "appointment.booked"}

// demoWebhook is the description by which the demo finds the webhook of an earlier run.
const demoWebhook = "receiver of relay demo"

// demoOptions holds the flags of the demo.
type demoOptions struct {
	listen      string
	listenGiven bool
	data        string
	count       int
	every       time.Duration
	logLevel    string
	open        bool
}

func newDemo(env *Env) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use: "demo", Short: "Run a demo: a server, a receiver that checks signatures, and sample events", Args: noArgs,
		Long: "Run a server, a receiver that checks signatures, and a program that publishes sample events.\n" +
			"The demo leaves no files behind, unless --data names a folder. To show a retry, the receiver answers every\n" +
			"fifth event with 503 the first time.",
		Example: "  relay demo\n  relay demo --count 10 --every 100ms",
	}
	def := config.Default()
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.listen, "listen", def.Listen, "`address` of the API; without this flag any free port, if the address is taken")
	f.StringVar(&o.data, "data", "", "keep the data in this `folder` and replace its admin key (default: a temporary folder)")
	f.IntVar(&o.count, "count", 0, "end after this many deliveries (default: run until Ctrl-C)")
	f.DurationVar(&o.every, "every", time.Second, "interval between events")
	f.StringVar(&o.logLevel, "log-level", "warn", "lowest `level` of the server's log: debug, info, warn, error")
	f.BoolVar(&o.open, "open", false, "open the dashboard in a browser")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.listenGiven = cmd.Flags().Changed("listen")
		if o.count < 0 || o.every <= 0 {
			return usageError{errors.New("--count must not be negative, and --every must be positive")}
		}
		return env.demo(cmd.Context(), o)
	}
	return cmd
}

// demo runs the demo until ctx ends, the count is reached, or an error occurs.
func (e *Env) demo(ctx context.Context, o demoOptions) (err error) {
	undo := func(f func() error) { err = errors.Join(err, f()) }

	folder := o.data
	if folder == "" {
		if folder, err = demoFolder(); err != nil {
			return err
		}
		defer undo(func() error { return os.RemoveAll(folder) })
	}
	key := account.NewKeyText()
	cfg, err := config.Load(config.Sources{Flags: map[string]string{
		"listen": o.listen, "data": folder, "dev": "true", "log-level": o.logLevel, "shutdown-timeout": "2s",
	}})
	if err != nil {
		return usageError{err}
	}
	cfg.AdminKey = config.Secret(key)

	rec, err := newDemoReceiver(e, o.count)
	if err != nil {
		return err
	}
	defer undo(rec.stop) // after the server, whose last deliveries it receives

	a, err := e.startDemo(ctx, cfg, o)
	if err != nil {
		return err
	}
	defer undo(func() error { return e.stop(a, cfg.ShutdownTimeout) })

	c, err := client.New(client.Options{URL: a.URL(), Key: key})
	if err != nil {
		return err
	}
	hook, err := demoHook(ctx, c, rec.url())
	if err != nil {
		return err
	}
	if err := rec.start(hook.Secret); err != nil {
		return err
	}
	// The same events go to the built-in receiver, whose page shows them arrive.
	if err := demoReceiverHook(ctx, c); err != nil {
		return err
	}
	e.introduce(a, key, hook.ID, o)
	if o.open {
		e.openBrowser(ctx, demoPage(a))
	}

	publishing, stopPublishing := context.WithCancel(ctx)
	defer stopPublishing()
	var publishErr error
	published := make(chan struct{})
	go func() {
		defer close(published)
		publishErr = publishSamples(publishing, c, rec, o.every)
	}()
	select {
	case <-ctx.Done():
	case <-rec.reached:
	case err = <-a.Failed():
	case <-published:
	}
	stopPublishing()
	<-published
	switch n := rec.count(); n {
	case 1:
		rec.say("\n1 delivery arrived, verified by its signature.")
	default:
		rec.say(fmt.Sprintf("\n%d deliveries arrived, each verified by its signature.", n))
	}
	rec.say("Run \"relay serve\" to start a server of your own.")
	return errors.Join(err, publishErr)
}

// startDemo starts the server. If the default address is taken and was not requested, it uses any
// free port.
func (e *Env) startDemo(ctx context.Context, cfg config.Config, o demoOptions) (*app.App, error) {
	log := e.logger(cfg.Log)
	a, err := app.New(ctx, cfg, log)
	if err != nil && !o.listenGiven && addressTaken(err) {
		cfg.Listen = "127.0.0.1:0"
		a, err = app.New(ctx, cfg, log)
	}
	if err != nil {
		return nil, explain(err, &cfg)
	}
	if err := a.Start(ctx); err != nil {
		return nil, errors.Join(err, stopNow(a))
	}
	return a, nil
}

// demoHook creates the demo's webhook, replacing one from an earlier run.
func demoHook(ctx context.Context, c *client.Client, url string) (client.Webhook, error) {
	page, err := c.ListWebhooksPage(ctx, client.ListWebhooksParams{Limit: 250})
	if err != nil {
		return client.Webhook{}, fmt.Errorf("looking for the webhook of an earlier demo: %w", err)
	}
	for _, w := range page.Data {
		if w.Description == demoWebhook {
			if err := c.DeleteWebhook(ctx, w.ID); err != nil {
				return client.Webhook{}, fmt.Errorf("deleting the webhook of an earlier demo: %w", err)
			}
		}
	}
	hook, err := c.CreateWebhook(ctx, client.CreateWebhook{
		URL: url, Description: client.Set(demoWebhook),
		// The default policy waits 30 s before the first retry, which is too long to watch.
		Retry: client.Set(client.RetryFields{Attempts: client.Set(5), Waits: client.Set([]client.Duration{client.Duration(time.Second)})}),
	})
	if err != nil {
		return client.Webhook{}, fmt.Errorf("creating the demo's webhook: %w", err)
	}
	return hook, nil
}

// demoReceiverHook has the built-in receiver get the demo's events, unless it does from an earlier run.
func demoReceiverHook(ctx context.Context, c *client.Client) error {
	page, err := c.ListWebhooksPage(ctx, client.ListWebhooksParams{Limit: 250})
	if err != nil {
		return fmt.Errorf("looking for the built-in receiver: %w", err)
	}
	for _, w := range page.Data {
		if builtin.IsURL(w.URL) {
			return nil
		}
	}
	if _, err := c.CreateWebhook(ctx, client.CreateWebhook{URL: builtin.NewURL("default"), Description: client.Set("Built-in receiver")}); err != nil {
		return fmt.Errorf("creating a webhook to the built-in receiver: %w", err)
	}
	return nil
}

// demoPage is the page that shows the demo's events arriving, behind the first sign-in.
func demoPage(a *app.App) string {
	const receiver = "/t/default/receiver"
	if link := a.SignInLink(); link != "" {
		return link + "?next=" + receiver
	}
	return a.PublicURL() + receiver
}

// openBrowser shows a page in the user's browser. Where there is none the address is on the terminal.
func (e *Env) openBrowser(ctx context.Context, page string) {
	program := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if program == nil {
		if e.getenv("DISPLAY") == "" && e.getenv("WAYLAND_DISPLAY") == "" {
			return
		}
		program = []string{"xdg-open"}
	}
	cmd := exec.CommandContext(ctx, program[0], append(program[1:], page)...)
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }() // ends with the context
	}
}

// introduce explains the running demo and lists commands to try.
func (e *Env) introduce(a *app.App, key, hook string, o demoOptions) {
	s := newStyle(e)
	auth := "-H 'Authorization: Bearer " + key + "'"
	fmt.Fprintf(e.Stdout, "%s A receiver checks what it delivers; sample events come every %v.\n\n",
		s.bold("Relay "+config.Version+" is running at "+a.URL()+"."), o.every)
	// --json would be shorter, but needs curl 7.82.
	fmt.Fprintf(e.Stdout, "Publish an event of your own, from another terminal:\n\n"+
		"  curl %s/v1/events \\\n    %s \\\n    -H 'Content-Type: application/json' \\\n    -d '%s'\n\n",
		a.URL(), auth, `{"type":"hello.world","data":{"message":"Hi!"}}`)
	fmt.Fprintf(e.Stdout, "See what was sent and answered:\n\n  curl '%s/v1/webhooks/%s/attempts?limit=1' \\\n    %s\n\n", a.URL(), hook, auth)
	fmt.Fprintf(e.Stdout, "The whole API: %s\n", a.URL()+"/docs")
	fmt.Fprintf(e.Stdout, "The same in the dashboard: %s\n", s.bold(demoPage(a)))
	if o.count == 0 {
		fmt.Fprintln(e.Stdout, "Ctrl-C ends the demo.")
	}
	fmt.Fprintf(e.Stdout, "\n%s\n", s.dim(fmt.Sprintf("%-8s  %-20s  %-24s  %-10s %9s", "time", "event type", "webhookId", "attempt", "latency")))
}

// publishSamples publishes the sample events over the API, in turn, until ctx ends.
func publishSamples(ctx context.Context, c *client.Client, rec *demoReceiver, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		name := demoTypes[n%len(demoTypes)]
		data, ok := catalogue.Example(name)
		if !ok {
			return fmt.Errorf("internal error: no example of %q", name)
		}
		at := rec.publishing(name, time.Now())
		if _, err := c.Publish(ctx, client.NewEvent{Type: name, Data: data, Time: at}); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("publishing a sample event: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// demoFolder creates a temporary folder for a demo's data: in the system's temporary folder or, if
// there is none, as in a container with only the binary, in the server's data folder.
func demoFolder() (string, error) {
	folder, err := os.MkdirTemp("", "relay-demo-")
	if err == nil {
		return folder, nil
	}
	data := cmp.Or(os.Getenv("RELAY_DATA"), config.Default().Data)
	if folder, second := os.MkdirTemp(data, "relay-demo-"); second == nil {
		return folder, nil
	}
	return "", fmt.Errorf("creating a folder for the demo (use --data to choose one): %w", err)
}
