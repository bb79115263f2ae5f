package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/relay-events/relay/internal/backup"
	"github.com/relay-events/relay/internal/config"
)

// placeFlags adds the flags for the location of the data, and for the configuration file.
func placeFlags(flags *pflag.FlagSet) (file *string) {
	file = flags.String("config", "", "YAML `file` with settings (RELAY_CONFIG)")
	addSettings(flags, func(s config.Setting) bool {
		return s.Name == "data" || s.Name == "database" || s.Name == "databaseFile" || s.Name == "secretKeyFile"
	})
	return file
}

// place reads the settings that placeFlags has flags for.
func (e *Env) place(flags *pflag.FlagSet, file string) (config.Config, error) {
	cfg, err := config.Load(config.Sources{File: file, Getenv: e.LookupEnv, Flags: given(flags)})
	if err != nil {
		return cfg, usageError{err}
	}
	return cfg, nil
}

// errInDatabase is returned for commands on a data folder when the server stores in PostgreSQL.
var errInDatabase = errors.New("this installation stores everything in PostgreSQL: back it up with PostgreSQL's tools (pg_dump or archived WAL), and back up the key file separately")

func newBackup(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "backup --to FILE.tar|DIR", Short: "Copy the data folder while the server runs", Args: noArgs,
		Long: "Copy the data folder, whether a server runs on it or not, to a tar file or a folder that does not exist yet.\n" +
			"The backup contains every event acknowledged before it began. Run it as the server's user.\n\n" +
			"The backup contains the key file (relay.key), which opens the webhooks' secrets, unless you give --no-key. In that\n" +
			"case keep a separate copy: a server does not start on a restored folder without it.\n\n" +
			"A backup that fails or is interrupted leaves no files; one that is killed leaves a folder NAME.partial-…,\n" +
			"which you can remove. Use \"relay restore\" to create a data folder from a backup.\n\n" +
			fmt.Sprintf("Exit codes: 0 the backup was made, %d it was made but some of the data is damaged, 1 it was not made.", exitDamaged),
		Example: "  relay backup --data /var/lib/relay --to /backup/relay-$(date +%F).tar\n  relay backup --to /mnt/backup/relay",
	}
	f := cmd.Flags()
	to := f.String("to", "", "`path` of the backup: a tar file if it ends in .tar, else a folder")
	mkdir := f.Bool("mkdir", false, "create the folder that contains the backup")
	noKey := f.Bool("no-key", false, "omit the key file")
	file := placeFlags(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := env.place(f, *file)
		if err != nil {
			return err
		}
		switch {
		case *to == "":
			return usageError{errors.New("--to must give the path of the backup")}
		case cfg.Database != "":
			return usageError{errInDatabase}
		}
		if err := sameUser(cfg.Data); err != nil {
			return err
		}
		return env.backup(cmd.Context(), backup.CreateOptions{Data: cfg.Data, To: *to, Mkdir: *mkdir, NoKey: *noKey, Version: config.Version})
	}
	return cmd
}

// backupResult is the output of the commands for programs.
type backupResult struct {
	Backup    string    `json:"backup"`
	Data      string    `json:"data"`
	Files     int       `json:"files"`
	Bytes     int64     `json:"bytes"`
	Key       bool      `json:"key"` // the backup contains the key file
	Damaged   []string  `json:"damaged,omitempty"`
	StartedAt time.Time `json:"startedAt"`
	Seconds   float64   `json:"seconds"`
}

func newBackupResult(place, data string, m *backup.Manifest, start time.Time) backupResult {
	abs := func(path string) string {
		if a, err := filepath.Abs(path); err == nil {
			return a
		}
		return path
	}
	return backupResult{
		Backup: abs(place), Data: abs(data), Files: len(m.Files), Bytes: m.Bytes(), Key: m.HasKey(), Damaged: m.Damaged,
		StartedAt: m.StartedAt, Seconds: time.Since(start).Round(time.Millisecond).Seconds(),
	}
}

func (e *Env) backup(ctx context.Context, o backup.CreateOptions) error {
	start := time.Now()
	p, style := e.progress(), newStyle(e)
	o.Progress = func(name string, done, total int64) {
		p.Show("%s  %s of %s", printable(name), bytesText(done), bytesText(total))
	}
	m, err := backup.Create(ctx, o)
	p.Clear()
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: no backup was made")
	case errors.Is(err, backup.ErrExists):
		return fmt.Errorf("%q already exists: choose another path with --to", o.To)
	case errors.Is(err, backup.ErrNoFolder):
		return fmt.Errorf("%w: is its disk mounted? Use --mkdir to create the folder", err)
	case err != nil:
		return err
	}
	r := newBackupResult(o.To, o.Data, m, start)
	err = e.result(r, func() {
		fmt.Fprintf(e.Stdout, "%s %s: %d files, %s, in %.1f s\n", style.green("Backup made:"), printable(r.Backup), r.Files, bytesText(r.Bytes), r.Seconds)
		if r.Key {
			fmt.Fprintln(e.Stdout, style.yellow("It contains the key file: anyone who has it can read the webhooks' secrets, unless secretKey encrypts that file."))
		}
	})
	if err == nil && len(m.Damaged) > 0 {
		err = &damagedError{m.Damaged}
	}
	return err
}

// exitDamaged is the exit code of "relay backup" for a backup of damaged data.
const exitDamaged = 3

// damagedError ends a command with exitDamaged.
type damagedError struct{ damaged []string }

func (e *damagedError) Error() string {
	return "the backup was made, but the disk has damaged some of the data, which the backup contains in its damaged form:\n" +
		strings.Join(e.damaged, "\n") + "\nKeep an older backup that still has it."
}

func newRestore(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "restore --from FILE.tar|DIR", Short: "Restore a data folder from a backup", Args: noArgs,
		Long: "Restore a data folder from a backup. The folder must be empty or not exist; files are never overwritten. Every file\n" +
			"is compared with its checksum. Run the command as the server's user.\n\n" +
			"A server does not start on a folder whose restore was interrupted. Restore into it again to start over.",
		Example: "  relay restore --from /backup/relay-2026-11-21.tar --data /var/lib/relay",
	}
	f := cmd.Flags()
	from := f.String("from", "", "the `backup`: a tar file or a folder")
	file := placeFlags(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := env.place(f, *file)
		if err != nil {
			return err
		}
		if *from == "" {
			return usageError{errors.New("--from must name the backup")}
		}
		return env.restore(cmd.Context(), backup.RestoreOptions{From: *from, Data: cfg.Data})
	}
	return cmd
}

func (e *Env) restore(ctx context.Context, o backup.RestoreOptions) error {
	start := time.Now()
	p, style := e.progress(), newStyle(e)
	o.Progress = func(name string, done, total int64) {
		p.Show("%s  %s of %s", printable(name), bytesText(done), bytesText(total))
	}
	m, err := backup.Restore(ctx, o)
	p.Clear()
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: the folder is incomplete, run the restore again")
	case err != nil:
		return err
	}
	r := newBackupResult(o.From, o.Data, m, start)
	// To standard error, so that scripts do not take it for the result.
	fmt.Fprintln(e.Stderr, "relay: warning: never run two servers on copies of one folder: they assign the same ids to different events, and\n"+
		"       receivers drop these as duplicates. If the original still runs, keep this copy away from its receivers.")
	return e.result(r, func() {
		fmt.Fprintf(e.Stdout, "%s %s: %d files, %s, of %s\n", style.green("Restored to"), printable(r.Data), r.Files, bytesText(r.Bytes), r.StartedAt.Format(time.DateTime+" MST"))
		if _, err := os.Stat(filepath.Join(o.Data, backup.KeyName)); err != nil {
			fmt.Fprintln(e.Stdout, style.yellow("The backup has no key file: put relay.key into the folder before you start the server."))
		}
	})
}
