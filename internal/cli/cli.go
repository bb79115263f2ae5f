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
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/relay-events/relay/internal/bench"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/nearest"
)

// Env is a command's access to the outside.
type Env struct {
	Stdout, Stderr io.Writer
	// Stdin is what commands read that take input; nil means that there is none.
	Stdin io.Reader
	// LookupEnv looks up a variable, like os.LookupEnv; nil means no variables.
	LookupEnv func(name string) (string, bool)
	// Environ lists all variables, like os.Environ; nil means no variables. It only serves to warn
	// of misspelt ones.
	Environ func() []string
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
	exitUsage = 2 // the command line, the configuration or an input file is invalid
)

// usageError is a mistake in the command line or the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Run runs the command line, without the program's name, and returns the exit code.
func Run(args []string, env Env) int {
	root := newRoot(&env, func(name string) bool { return slices.Contains(args, name) })
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
	if errors.As(err, new(unreadError)) {
		return exitUnread
	}
	if isProblems(err) {
		return exitError
	}
	fmt.Fprintf(env.Stderr, "relay: %s\n", strings.ReplaceAll(printableLines(errorText(err)), "\n", "\n       "))
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

// newRoot makes the tree of commands. The commands below a resource are made only if asked says so of
// its name: each has dozens of flags, which a server would keep in memory all its life.
func newRoot(env *Env, asked func(name string) bool) *cobra.Command {
	root := &cobra.Command{
		Use:   "relay",
		Short: "A self-hosted event relay",
		Long: "Relay stores the events that an application publishes and delivers them over HTTPS to their subscribers:\n" +
			"signed, retried and logged.\n\n" +
			"New here? Run \"relay demo\" to see it at work in ten seconds.\n\n" +
			"Commands print a table on a terminal and JSON elsewhere. Errors go to standard error.\n" +
			"Exit codes: 0 success, 1 the command failed, 2 the command line or the configuration is invalid.",
		SilenceErrors: true, // Run prints them
		SilenceUsage:  true,
		Version:       config.Version,
		Args:          cobra.ArbitraryArgs, // otherwise cobra answers unknown commands itself
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usageError{unknownCommand(cmd, args[0])}
		},
	}
	root.SetVersionTemplate("relay {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError{unknownFlag(cmd, err)} })
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	for _, g := range groups(env, asked) {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	return root
}

// group is a part of the list of commands.
type group struct {
	id, title string
	commands  []*cobra.Command
}

func groups(env *Env, asked func(name string) bool) []group {
	return []group{
		{"start", "Start here:", []*cobra.Command{newDemo(env), newServe(env)}},
		{"events", "Publish and receive:", []*cobra.Command{newPublish(env), newTrigger(env), newSink(env), newListen(env), newTail(env), newMCP(env)}},
		{"deliveries", "Look into deliveries and repair them:", []*cobra.Command{newExplain(env), newRetry(env), newResend(env), newRecover(env), newReplay(env)}},
		{"resources", "Manage:", append(newResources(env, asked), newExport(env), newDiff(env), newApply(env), newImport(env))},
		{"access", "Reach a server:", []*cobra.Command{newLogin(env), newLogout(env), newWhoami(env), newUse(env)}},
		{"maintain", "Look after a server:", append([]*cobra.Command{
			newDoctor(env), newConfig(env), newHealthcheck(env), newBackup(env), newRestore(env), newMigrate(env), newUpgrade(env),
		}, bench.Commands()...)},
		{"other", "Other commands:", []*cobra.Command{newVersion(env), newMan(env)}},
	}
}

// unknownFlag suggests the intended flag for one that does not exist.
func unknownFlag(cmd *cobra.Command, err error) error {
	name, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return err
	}
	near := nearest.Of(name, func(yield func(string) bool) {
		stop := false
		cmd.Flags().VisitAll(func(f *pflag.Flag) { stop = stop || !f.Hidden && !yield(f.Name) })
	})
	if near == "" {
		return err
	}
	return fmt.Errorf("%w; did you mean --%s?", err, near)
}

func unknownCommand(root *cobra.Command, name string) error {
	near := nearest.Of(name, func(yield func(string) bool) {
		for _, c := range root.Commands() {
			if !c.Hidden && !yield(c.Name()) {
				return
			}
		}
	})
	if similar := root.SuggestionsFor(name); near == "" && len(similar) > 0 {
		near = similar[0]
	}
	if near != "" {
		return fmt.Errorf("there is no command %q; did you mean %q?", name, near)
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
