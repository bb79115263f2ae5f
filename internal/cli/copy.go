package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/internal/backup"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/store/postgres"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/transfer"
	"github.com/relay-events/relay/internal/webhook"
)

func newMigrateCopy(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "copy --from sqlite:DIR --to postgres://…", Short: "Copy an installation from a folder to PostgreSQL", Args: noArgs,
		Long: "Copy an installation with its history from a data folder to a PostgreSQL database that no Relay has used. Stop the\n" +
			"server first. The folder stays unchanged. The copy is compared with it before servers may use the database.\n\n" +
			"If the copy is interrupted, run the command again: it resumes the copy. No server starts on the database until the\n" +
			"copy is done. Without --to, set the database in RELAY_DATABASE or RELAY_DATABASE_FILE, which other users of this\n" +
			"machine cannot read. Set RELAY_SECRET_KEY to the server's value.",
		Example: "  RELAY_DATABASE=postgres://relay:secret@db/relay relay migrate copy --from sqlite:/var/lib/relay",
	}
	f := cmd.Flags()
	from := f.String("from", "", "the `folder`, in the form sqlite:DIR")
	to := f.String("to", "", "the `database`, in the form postgres://user@host/name")
	file := f.String("config", "", "YAML `file` with settings (RELAY_CONFIG)")
	addSettings(f, func(s config.Setting) bool { return s.Name == "databaseFile" || s.Name == "secretKeyFile" })
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, ok := strings.CutPrefix(*from, "sqlite:")
		if !ok || dir == "" {
			return usageError{errors.New("--from must name the data folder in the form sqlite:DIR")}
		}
		settings := given(f)
		if *to != "" {
			settings["database"] = *to
		}
		cfg, err := config.Load(config.Sources{File: *file, Getenv: env.LookupEnv, Flags: settings})
		if err != nil {
			return usageError{err}
		}
		if cfg.Database == "" {
			return usageError{errors.New("--to or RELAY_DATABASE must name the database in the form postgres://user@host/name")}
		}
		cfg.Data = dir
		return env.migrateCopy(cmd.Context(), &cfg)
	}
	return cmd
}

func (e *Env) migrateCopy(ctx context.Context, cfg *config.Config) (err error) {
	if _, err := os.Stat(filepath.Join(cfg.Data, "relay.db")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%q contains no data of Relay", cfg.Data)
	}
	if err := sameUser(cfg.Data); err != nil {
		return err
	}
	path, master := filepath.Join(cfg.Data, backup.KeyName), []byte(cfg.SecretKey.Reveal())
	keys, err := secret.Open(path, master)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: cfg.Data, Sealer: keys, Log: log})
	if err != nil {
		return explain(err, cfg)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	start := time.Now()
	p, style := e.progress(), newStyle(e)
	r, err := transfer.Copy(ctx, transfer.Options{
		From: store, FromSealer: keys,
		To: postgres.Options{URL: cfg.Database.Reveal(), Log: log, Keys: func(kept []byte) (webhook.Sealer, []byte, error) {
			return secret.OpenShared(path, master, kept)
		}},
		Progress: func(what string, n int64) { p.Show("%s  %d", printable(what), n) },
		Damaged:  func(err error) { log.Warn("omitting a damaged part of the folder", "error", err) },
	})
	p.Clear()
	if ctx.Err() != nil {
		return errors.New("interrupted: run the command again to resume")
	}
	if err != nil {
		return err
	}
	return e.result(struct {
		transfer.Result
		Seconds float64 `json:"seconds"`
	}{r, time.Since(start).Round(time.Millisecond).Seconds()}, func() {
		fmt.Fprintf(e.Stdout, "%s %d events, %d attempts, %d deliveries owed, %d webhooks, in %.1f s; %d compared in full\n",
			style.green("Copied:"), r.Events, r.Attempts, r.Owed, r.Webhooks, time.Since(start).Seconds(), r.Compared)
		if r.Damaged > 0 {
			fmt.Fprintln(e.Stdout, style.yellow(fmt.Sprintf("%d blocks of the folder are damaged and were omitted, see above.", r.Damaged)))
		}
		if r.Replaced > 0 {
			fmt.Fprintln(e.Stdout, style.yellow(fmt.Sprintf("In %d rows, characters that PostgreSQL cannot store (NUL, invalid UTF-8) were replaced by U+FFFD:", r.Replaced)))
			for _, row := range r.ReplacedIn {
				fmt.Fprintln(e.Stdout, "  "+printable(row))
			}
			if more := r.Replaced - int64(len(r.ReplacedIn)); more > 0 {
				fmt.Fprintf(e.Stdout, "  and %d more\n", more)
			}
		}
		if len(master) == 0 {
			fmt.Fprintln(e.Stdout, style.yellow("Give each server a copy of "+printable(path)+" in its data folder: it opens the webhooks' secrets."))
		}
	})
}
