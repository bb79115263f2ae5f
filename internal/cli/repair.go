package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/client"
)

// printAnswer prints a value of the API for people or programs.
func (c *connection) printAnswer(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if c.people() {
		return c.env.printObject(b)
	}
	return c.env.printJSON(b)
}

func newExplain(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain EVENT", Short: "Say what became of an event for each webhook, and why", Args: exactly("EVENT"),
		Example: "  relay explain order-1\n  relay explain order-1 --webhook wh_…",
	}
	hook := cmd.Flags().String("webhook", "", "only this `webhook`")
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := conn.client()
		if err != nil {
			return err
		}
		q := url.Values{}
		set(q, "webhookId", *hook)
		var page client.Page[json.RawMessage]
		if err := c.Do(cmd.Context(), "GET", "/v1/events/"+url.PathEscape(args[0])+"/explain", q, nil, &page); err != nil {
			return err
		}
		st := newStyle(env)
		for _, raw := range page.Data {
			if !conn.people() {
				if err := env.printJSON(raw); err != nil {
					return err
				}
				continue
			}
			var x client.Explanation
			if err := json.Unmarshal(raw, &x); err != nil {
				return fmt.Errorf("reading an answer: %w", err)
			}
			verdict := st.yellow(x.Verdict)
			if x.Verdict == "delivered" {
				verdict = st.green(x.Verdict)
			}
			fmt.Fprintf(env.Stdout, "%-24s  %s  %s\n", printable(x.WebhookID), verdict, printable(x.Detail))
			if x.Delivery != nil {
				line := fmt.Sprintf("%d attempts", x.Delivery.Attempts)
				if at := x.Delivery.NextAttemptAt; !at.IsZero() {
					line += ", the next " + ago(time.Since(at))
				}
				fmt.Fprintf(env.Stdout, "%-24s  %s\n", "", st.dim(x.Delivery.ID+", "+line))
			}
		}
		if len(page.Data) == 0 && conn.people() {
			fmt.Fprintln(env.Stderr, "There are no webhooks.")
		}
		return nil
	}
	return cmd
}

func newRetry(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "retry DELIVERY", Short: "Make the next attempt of a delivery now", Args: exactly("DELIVERY"),
		Example: "  relay retry whk_…",
	}
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := conn.client()
		if err != nil {
			return err
		}
		return conn.post(cmd.Context(), c, "/v1/deliveries/"+url.PathEscape(args[0])+"/retry", nil)
	}
	return cmd
}

func newResend(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "resend EVENT", Short: "Send an event again, to one webhook or all that want it", Args: exactly("EVENT"),
		Example: "  relay resend order-1\n  relay resend order-1 --webhook wh_…",
	}
	hook := cmd.Flags().String("webhook", "", "only to this `webhook`")
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := conn.client()
		if err != nil {
			return err
		}
		in := client.ResendRequest{}
		if *hook != "" {
			in.WebhookID = client.Set(*hook)
		}
		return conn.post(cmd.Context(), c, "/v1/events/"+url.PathEscape(args[0])+"/resend", in)
	}
	return cmd
}

// post makes a call and prints its answer.
func (c *connection) post(ctx context.Context, api *client.Client, path string, in any) error {
	var answer json.RawMessage
	if err := api.Do(ctx, "POST", path, nil, in, &answer); err != nil {
		return err
	}
	if c.people() {
		return c.env.printObject(answer)
	}
	return c.env.printJSON(answer)
}

// jobCommand is "relay recover" or "relay replay".
func jobCommand(env *Env, name, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use: name + " WEBHOOK --since TIME", Short: short, Args: exactly("WEBHOOK"),
		Long: short + ".\n\nThe work is a job of the server. With --follow the command shows its progress until it ends; interrupting the\n" +
			"command does not end the job, \"relay jobs cancel\" does.",
		Example: "  relay " + name + " wh_… --since 2h --follow\n  relay " + name + " wh_… --since 2026-05-05T00:00:00Z",
	}
	since := cmd.Flags().String("since", "", "only events accepted since then: a `time`, or how long ago, such as 2h or 3d")
	follow := cmd.Flags().Bool("follow", false, "show the progress until the job ends")
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		at, err := parseSince(*since, time.Now())
		if err != nil {
			return usageError{fmt.Errorf("--since %w", err)}
		}
		c, err := conn.client()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		var job client.Job
		err = c.Do(cmd.Context(), "POST", "/v1/webhooks/"+url.PathEscape(args[0])+"/"+name, nil, client.SinceRequest{Since: at}, &raw)
		if err == nil {
			err = json.Unmarshal(raw, &job)
		}
		if err == nil && *follow {
			job, raw, err = env.follow(cmd.Context(), c, job)
		}
		if err != nil {
			return err
		}
		if err := conn.printAnswer(raw); err != nil {
			return err
		}
		if job.State == "failed" || job.State == "canceled" {
			return fmt.Errorf("the job %s: %s", job.State, job.Error)
		}
		return nil
	}
	return cmd
}

func newRecover(env *Env) *cobra.Command {
	return jobCommand(env, "recover", "Send again what failed for a webhook since a time")
}

func newReplay(env *Env) *cobra.Command {
	return jobCommand(env, "replay", "Send all that a webhook wants again since a time")
}

// followEvery is the interval between two looks at a job.
const followEvery = 200 * time.Millisecond

// follow waits until a job ends and shows its progress. A server that cannot be reached for a while
// is asked again.
func (e *Env) follow(ctx context.Context, c *client.Client, job client.Job) (client.Job, json.RawMessage, error) {
	p := e.progress()
	defer p.Clear()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		var raw json.RawMessage
		err := c.Do(ctx, "GET", "/v1/jobs/"+url.PathEscape(job.ID), nil, nil, &raw)
		if err == nil {
			err = json.Unmarshal(raw, &job)
		}
		switch {
		case err == nil && job.State != "running":
			return job, raw, nil
		case err == nil:
			p.Show("%s  %d %%, %d events looked at, %d deliveries", job.Kind, int(job.Progress*100), job.Scanned, job.Deliveries)
		case ctx.Err() == nil && !temporary(err):
			return job, nil, err
		}
		select {
		case <-ctx.Done():
			return job, nil, fmt.Errorf("interrupted: the job %s goes on", job.ID)
		case <-tick.C:
		}
	}
}

// temporary reports whether the same call may succeed later: the server cannot be reached, or says
// so itself.
func temporary(err error) bool {
	e := new(client.Error)
	if errors.As(err, &e) {
		return e.Temporary() || e.Status >= 500
	}
	return !errors.Is(err, context.Canceled)
}

// parseSince reads a time, or how long before now it is.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, errors.New("must be given: a time such as 2026-05-05T00:00:00Z, or how long ago, such as 2h or 3d")
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, text, time.UTC); err == nil {
		return at, nil
	}
	var days int
	rest := text
	if n, err := fmt.Sscanf(text, "%dd", &days); n == 1 && err == nil {
		rest = text[len(fmt.Sprint(days))+1:]
		if rest == "" {
			rest = "0s"
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || days < 0 {
		return time.Time{}, fmt.Errorf("must be a time such as 2026-05-05T00:00:00Z, or how long ago, such as 2h or 3d, got %q", text)
	}
	return now.Add(-d - time.Duration(days)*24*time.Hour), nil
}
