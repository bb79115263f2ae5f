package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/store/postgres"
	"github.com/relay-events/relay/internal/store/sqlite"
)

// exitPending is the exit code of "relay migrate status" if a migration is pending.
const exitPending = 3

// pendingError ends a command with exitPending and without a further message.
type pendingError struct{}

func (pendingError) Error() string { return "a migration of the schema is pending" }

func newMigrate(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "migrate", Short: "Check or update the schema, or move to PostgreSQL",
		Long: "A server updates the schema when it starts. Use these commands to update it beforehand, to check whether an\n" +
			"update is pending, and to move an installation from a folder to PostgreSQL.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usageError{unknownCommand(cmd, args[0])}
		},
	}
	cmd.AddCommand(newMigrateStatus(env), newMigrateUp(env), newMigrateCopy(env))
	return cmd
}

// schemaPart is a database or file with its own schema, as printed for programs.
type schemaPart struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	Latest  int    `json:"latest"`
}

// schema is the output of "relay migrate status".
type schema struct {
	Store string       `json:"store"` // "sqlite" or "postgres"
	State string       `json:"state"` // "current", "pending" or "newer"
	Parts []schemaPart `json:"parts"`
}

func newMigrateStatus(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Check whether the schema is up to date", Args: noArgs, Example: "  relay migrate status --data /var/lib/relay",
		Long: fmt.Sprintf("Check whether the schema is up to date, without changing it. A server may be running.\n\n"+
			"Exit codes: 0 it is up to date, %d a migration is pending, 1 a newer Relay has changed it or it cannot be read.", exitPending),
	}
	file := placeFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := env.place(cmd.Flags(), *file)
		if err != nil {
			return err
		}
		s, err := readSchema(cmd.Context(), &cfg)
		if err != nil {
			return err
		}
		if err := env.result(s, func() { env.showSchema(s) }); err != nil {
			return err
		}
		switch s.State {
		case "newer":
			return errors.New("the schema was changed by a newer Relay: run that version or a later one")
		case "pending":
			return pendingError{}
		}
		return nil
	}
	return cmd
}

func readSchema(ctx context.Context, cfg *config.Config) (s schema, err error) {
	if cfg.Database != "" {
		st, err := postgres.Schema(ctx, cfg.Database.Reveal())
		err = postgres.Explain(err)
		s.Store, s.Parts = "postgres", []schemaPart{{"database", st.Version, st.Latest}}
		return s.judged(), err
	}
	if err := sameUser(cfg.Data); err != nil {
		return s, err
	}
	files, err := sqlite.Schema(cfg.Data)
	s.Store = "sqlite"
	for _, f := range files {
		s.Parts = append(s.Parts, schemaPart{f.Name, f.Version, f.Latest})
	}
	return s.judged(), err
}

// judged returns the schema with its state filled in.
func (s schema) judged() schema {
	s.State = "current"
	for _, p := range s.Parts {
		if p.Version > p.Latest {
			s.State = "newer"
			break
		}
		if p.Version < p.Latest {
			s.State = "pending"
		}
	}
	return s
}

func (e *Env) showSchema(s schema) {
	st := newStyle(e)
	for _, p := range s.Parts {
		state := st.green("up to date")
		switch {
		case p.Version > p.Latest:
			state = st.yellow(fmt.Sprintf("newer: this Relay knows %d", p.Latest))
		case p.Version < p.Latest:
			state = st.yellow(fmt.Sprintf("migration to %d pending", p.Latest))
		}
		fmt.Fprintf(e.Stdout, "%-28s schema %d  %s\n", printable(p.Name), p.Version, state)
	}
}

func newMigrateUp(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "up", Short: "Update the schema", Args: noArgs, Example: "  relay migrate up --data /var/lib/relay",
		Long: "Update the schema, as a server does when it starts. With PostgreSQL, servers of the previous version may keep\n" +
			"running; with a folder, no server may be running.\n\n" +
			"Exit codes: 0 the schema is up to date, 1 the update failed or a newer Relay has changed the schema. A failed\n" +
			"update leaves no half-done step.",
	}
	file := placeFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := env.place(cmd.Flags(), *file)
		if err != nil {
			return err
		}
		return env.migrateUp(cmd.Context(), &cfg)
	}
	return cmd
}

func (e *Env) migrateUp(ctx context.Context, cfg *config.Config) error {
	step := func(name string, version, latest int) {
		if isTerminal(e.Stdout) {
			fmt.Fprintf(e.Stdout, "%s: schema %d of %d\n", printable(name), version, latest)
		}
	}
	var err error
	if cfg.Database != "" {
		err = postgres.Migrate(ctx, cfg.Database.Reveal(), func(s postgres.SchemaStatus) { step("database", s.Version, s.Latest) })
	} else {
		if _, statErr := os.Stat(filepath.Join(cfg.Data, "relay.db")); errors.Is(statErr, fs.ErrNotExist) {
			return fmt.Errorf("%q contains no data of Relay: name the right folder with --data", cfg.Data)
		}
		if err = sameUser(cfg.Data); err == nil {
			err = sqlite.Migrate(ctx, cfg.Data, func(f sqlite.FileSchema) { step(f.Name, f.Latest, f.Latest) })
		}
	}
	if err != nil {
		return explain(err, cfg)
	}
	s, err := readSchema(ctx, cfg)
	if err != nil {
		return err
	}
	return e.result(s, func() { e.showSchema(s) })
}
