package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/internal/config"
)

func newHealthcheck(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "healthcheck", Short: "Ask the server of this machine whether it is ready", Args: noArgs,
		Long: "Ask a server whether it can accept events. It needs no key, and suits the health check of a container.\n\n" +
			"Exit codes: 0 it is ready, 1 it is not, or does not answer.",
		Example: "  relay healthcheck\n  relay healthcheck --server http://127.0.0.1:8080",
	}
	f := cmd.Flags()
	server := f.String("server", "", "`address` of the server (RELAY_URL; default: the one that RELAY_LISTEN makes a server of this machine listen on)")
	within := f.Duration("timeout", 5*time.Second, "how long the answer may take")
	wait := f.Bool("wait", false, "try again until the server is ready, for up to 30s if --timeout says nothing else")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *wait && !f.Changed("timeout") {
			*within = 30 * time.Second
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), *within)
		defer cancel()
		at := strings.TrimRight(*server, "/")
		if at == "" {
			at = strings.TrimRight(env.getenv("RELAY_URL"), "/")
		}
		if at == "" {
			at = "http://" + reachable(cmp.Or(env.getenv("RELAY_LISTEN"), config.Default().Listen))
		}
		for {
			err := env.healthcheck(ctx, at)
			if err == nil || !*wait || errors.As(err, new(usageError)) {
				return err
			}
			select {
			case <-ctx.Done():
				return err
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return cmd
}

// reachable returns the address by which a program on this machine reaches a server that listens on
// the given one, which may stand for all interfaces.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func (e *Env) healthcheck(ctx context.Context, server string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/readyz", nil)
	if err != nil {
		return usageError{fmt.Errorf("the address of the server: %w", err)}
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("no answer from %s: %w", server, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", server, err)
	}
	if res.StatusCode == http.StatusOK {
		return e.result(map[string]string{"status": "ok"}, func() { fmt.Fprintln(e.Stdout, "ready") })
	}
	var answer struct{ Detail string }
	if json.Unmarshal(b, &answer) != nil || answer.Detail == "" {
		answer.Detail = "status " + res.Status
	}
	return fmt.Errorf("%s is not ready: %s", server, answer.Detail)
}

// answers reports whether a server answers at all.
func answers(ctx context.Context, server string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/livez", nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
