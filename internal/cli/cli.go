// Package cli implements the commands of the program relay.
//
// A command prints text on a terminal and JSON elsewhere, logs to standard error, and reports a
// failure with a message that names the way out. It reaches the outside only through an Env, so
// that tests can run commands as they are typed.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/internal/bench"
	"github.com/relay-events/relay/internal/config"
)

// Env is a command's access to the outside.
type Env struct {
	Stdout, Stderr io.Writer
	// LookupEnv looks up a variable, like os.LookupEnv; nil means no variables.
	LookupEnv func(name string) (string, bool)
	// Signals asks the program to end: the first signal ends the context of the command, and a
	// second one makes a server stop immediately. Nil means no signals.
	Signals <-chan os.Signal
}

func (e *Env) getenv(name string) string {
	if e.LookupEnv == nil {
		return ""
	}
	v, _ := e.LookupEnv(name)
	return v
}

// untilSignal returns a context that ends with ctx or the first signal. The caller must call
// release.
func (e *Env) untilSignal(ctx context.Context) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-e.Signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-ended }
}

// Exit codes.
const (
	exitOK    = 0
	exitError = 1 // the command was tried and failed
	exitUsage = 2 // the command line or the configuration is invalid
)

// usageError is a mistake in the command line or the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Run runs the command line, without the program's name, and returns the exit code.
func Run(args []string, env Env) int {
	root := newRoot(&env)
	root.SetArgs(args)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	ctx, release := env.untilSignal(context.Background())
	defer release()
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if errors.As(err, new(pendingError)) {
		return exitPending
	}
	fmt.Fprintf(env.Stderr, "relay: %s\n", strings.ReplaceAll(printableLines(err.Error()), "\n", "\n       "))
	if errors.As(err, new(*damagedError)) {
		return exitDamaged
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(env.Stderr, "Run %q for usage.\n", cmd.CommandPath()+" --help")
		return exitUsage
	}
	return exitError
}

func newRoot(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "relay",
		Short: "A self-hosted event relay",
		Long: "Relay stores the events that an application publishes and delivers them over HTTPS to their subscribers:\n" +
			"signed, retried and logged.\n\n" +
			"New here? Run \"relay demo\" to see it at work in ten seconds.",
		SilenceErrors: true, // Run prints them
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs, // otherwise cobra answers unknown commands itself
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usageError{unknownCommand(cmd, args[0])}
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newServe(env), newDemo(env), newBackup(env), newRestore(env), newMigrate(env), newVersion(env))
	root.AddCommand(bench.Commands()...)
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	return root
}

func unknownCommand(root *cobra.Command, name string) error {
	if near := root.SuggestionsFor(name); len(near) > 0 {
		return fmt.Errorf("there is no command %q; did you mean %q?", name, strings.Join(near, `" or "`))
	}
	return fmt.Errorf("there is no command %q", name)
}

// noArgs rejects arguments, which are usually flags without their dashes.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", args[0])}
	}
	return nil
}

func newVersion(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(env.Stdout, "relay "+config.Version)
			return err
		},
	}
}
