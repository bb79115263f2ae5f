package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/doctor"
)

// problemsError ends "relay doctor" with exitError and without a further message.
type problemsError struct{}

func (problemsError) Error() string { return "there are problems" }

func newDoctor(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor", Short: "Find what is broken on an installation", Args: noArgs,
		Long: "Look at the settings, the data folder or database (owner, permissions, room, key, schema), the clock, open files,\n" +
			"certificates and names of publicUrl and of endpoints, backups, and at how deliveries are going. Each finding has a\n" +
			"place, a cause, and what to do next. Nothing is changed, and no request is sent to an endpoint.\n\n" +
			"Run it on the server's machine, as its user, with the flags, variables and file that the server has. With a key\n" +
			"(RELAY_KEY or relay login) it also looks at webhooks and deliveries. A pipe gets one JSON object a finding.\n\n" +
			"Exit codes: 0 no problem was found, though perhaps warnings; 1 there are problems.",
		Example: "  relay doctor\n  relay doctor --config /etc/relay/relay.yaml --backups /backup\n  relay doctor --json | jq 'select(.level == \"problem\")'",
	}
	backups := cmd.Flags().String("backups", "", "`folder` with backups, whose age is looked at")
	conn := env.connect(cmd).output(cmd)
	sources := env.settingsCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		target, err := conn.target()
		if err != nil {
			return err
		}
		problems, warnings := 0, 0
		found := func(f doctor.Finding) {
			switch f.Level {
			case doctor.Problem:
				problems++
			case doctor.Warning:
				warnings++
			}
			env.printFinding(conn, &f)
		}
		o := doctor.Options{URL: target.URL, Key: target.Key, Backups: *backups, Version: config.Version, Unknown: env.unknownVariables(), Now: time.Now}
		cfg, err := config.Load(sources())
		if err == nil {
			o.Config = &cfg
			if conn.server == "" && env.getenv("RELAY_URL") == "" && cmp.Or(conn.profile, env.getenv("RELAY_PROFILE")) == "" {
				o.URL = "http://" + reachable(cfg.Listen) // the server of these settings
			}
		} else {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				found(doctor.Finding{Level: doctor.Problem, Check: "settings", Cause: line, Next: "correct it; relay config check says whether all are valid"})
			}
		}
		if target.Key != "" && (o.URL == target.URL || env.getenv("RELAY_KEY") != "") { // a profile's key is for its own server only
			target.URL = o.URL
			if o.Client, err = newClient(target); err != nil {
				return err
			}
		}
		doctor.Run(cmd.Context(), o, found)
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		if conn.people() {
			fmt.Fprintf(env.Stderr, "\n%s, %s.\n", counted(problems, "problem"), counted(warnings, "warning"))
		}
		if problems > 0 {
			return problemsError{}
		}
		return nil
	}
	return cmd
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (e *Env) printFinding(conn *connection, f *doctor.Finding) {
	if !conn.people() {
		if b, err := json.Marshal(f); err == nil { // texts only: cannot fail
			fmt.Fprintf(e.Stdout, "%s\n", b)
		}
		return
	}
	st := newStyle(e)
	what := f.Check
	if f.Place != "" {
		what += " (" + printable(f.Place) + ")"
	}
	line := fmt.Sprintf("%-8s %s: %s", f.Level, what, printable(f.Cause))
	switch f.Level {
	case doctor.Problem, doctor.Warning:
		line = st.yellow(fmt.Sprintf("%-8s", f.Level)) + strings.TrimPrefix(line, fmt.Sprintf("%-8s", f.Level))
	default:
		line = st.dim(line)
	}
	fmt.Fprintln(e.Stdout, line)
	if f.Next != "" {
		fmt.Fprintf(e.Stdout, "         → %s\n", printable(f.Next))
	}
}

// isProblems reports whether an error only says that there are problems, which have been printed.
func isProblems(err error) bool { return errors.As(err, new(problemsError)) }
