package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/semver"

	"github.com/relay-events/relay/internal/backup"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/store/postgres"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/webhook"
)

const (
	// releasesURL answers with the latest release that is not a candidate.
	releasesURL = "https://api.github.com/repos/relay-events/relay/releases/latest"
	// maxRelease bounds what is read of the answer, in bytes: release notes included, one takes some KiB.
	maxRelease = 1 << 20
	// exitUnread is the exit code of "relay upgrade --check" if the releases could not be read.
	exitUnread = 4
)

// unreadError ends a command with exitUnread and without a further message.
type unreadError struct{}

func (unreadError) Error() string { return "the releases could not be read" }

// upgradeReport is the output of "relay upgrade --check".
type upgradeReport struct {
	Version  string       `json:"version"`            // of this Relay
	Releases *releaseNews `json:"releases,omitempty"` // absent with --offline
	Data     dataNews     `json:"data"`
}

// releaseNews compares this Relay with the latest release.
type releaseNews struct {
	// State is "newer" if there is a newer release, "current" if there is none, "development" for a
	// build without a version that could be compared, or "unread".
	State     string     `json:"state"`
	Latest    string     `json:"latest,omitempty"`
	Published *time.Time `json:"published,omitempty"`
	Notes     string     `json:"notes,omitempty"` // address of the release's page
	Source    string     `json:"source"`
	Error     string     `json:"error,omitempty"`
}

// dataNews says what this Relay would do to a data folder or a database.
type dataNews struct {
	Store string `json:"store"` // "sqlite" or "postgres"
	Place string `json:"place"`
	// State is "none" without data of Relay, "current", "pending" if migrations are, "newer" if a
	// newer Relay has changed it, or "unread".
	State      string            `json:"state"`
	Opens      bool              `json:"opens"`
	Error      string            `json:"error,omitempty"` // why it does not open
	Migrations []schemaMigration `json:"migrations"`
}

// schemaMigration is a migration that a file or the database lacks.
type schemaMigration struct {
	Part    string `json:"part"`
	Version int    `json:"version"`
	About   string `json:"about,omitempty"`
}

func newUpgrade(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "upgrade --check", Short: "Check for a newer release, and whether this one can open the data", Args: noArgs,
		Long: "Say whether there is a newer release than this program, whether this program can open the data folder or\n" +
			"database, and which migrations it would apply at its next start. Nothing is changed, and a server may be running.\n" +
			"Before an upgrade, run the new program with the server's settings, while the old one is still in place.\n\n" +
			"Relay does not replace itself: install the new version as you installed this one.\n\n" +
			fmt.Sprintf("Exit codes: 0 nothing to do; %d there is a newer release, or migrations are pending; %d the releases could not be\n"+
				"read, and no migration is pending; 1 this program cannot open the data.", exitPending, exitUnread),
		Example: "  relay upgrade --check --config /etc/relay/relay.yaml\n  ./relay-1.3.0 upgrade --check --data /var/lib/relay --offline\n" +
			"  relay upgrade --check | jq .releases.latest",
	}
	f := cmd.Flags()
	check := f.Bool("check", false, "only look; required")
	source := f.String("releases", "", "`address` that answers with the latest release in GitHub's form, such as that of a mirror (RELAY_RELEASES; default "+releasesURL+")")
	within := f.Duration("timeout", 10*time.Second, "how long the answer of that address may take")
	offline := f.Bool("offline", false, "do not ask for releases")
	file := placeFlags(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !*check {
			return usageError{errors.New("relay does not replace itself: install the new version as you installed this one, and give --check to see what it would change")}
		}
		if *within <= 0 {
			return usageError{errors.New("--timeout must be positive")}
		}
		cfg, err := env.place(f, *file)
		if err != nil {
			return err
		}
		report := upgradeReport{Version: config.Version}
		if !*offline {
			at := cmp.Or(*source, env.getenv("RELAY_RELEASES"), releasesURL)
			if report.Releases, err = readReleases(cmd.Context(), &cfg, at, *within); err != nil {
				return err
			}
		}
		report.Data = examine(cmd.Context(), &cfg)
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		if err := env.result(report, func() { env.showUpgrade(&report) }); err != nil {
			return err
		}
		return report.outcome()
	}
	return cmd
}

// outcome returns the error that stands for the report's exit code.
func (r *upgradeReport) outcome() error {
	switch {
	case !r.Data.Opens:
		return problemsError{}
	case r.Data.State == "pending" || r.Releases != nil && r.Releases.State == "newer":
		return pendingError{}
	case r.Releases != nil && r.Releases.State == "unread":
		return unreadError{}
	}
	return nil
}

// readReleases asks for the latest release. The error is a mistake in the address or the settings: an
// answer that fails is part of the news.
func readReleases(ctx context.Context, cfg *config.Config, source string, within time.Duration) (*releaseNews, error) {
	o, err := cfg.Egress.Options()
	if err != nil {
		return nil, usageError{err}
	}
	o.Dev, o.UserAgent = true, "Relay/"+config.Version // a mirror on this machine needs no TLS
	way := egress.New(o)
	defer way.Close()
	client, err := way.HTTPClientTo(source, within)
	if err != nil {
		return nil, usageError{fmt.Errorf("the address of the releases: %w", err)}
	}
	news := &releaseNews{State: "unread", Source: source}
	if err := news.read(ctx, client); err != nil {
		news.Error = err.Error()
	}
	return news, nil
}

func (n *releaseNews) read(ctx context.Context, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.Source, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	res, err := client.Do(req)
	if err != nil {
		if outer := new(url.Error); errors.As(err, &outer) { // it repeats the address
			err = outer.Err
		}
		return fmt.Errorf("no answer: %w", err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound:
		return errors.New("it answers 404: no release is published there")
	case res.StatusCode/100 == 3:
		return fmt.Errorf("it redirects to %q: give that address with --releases", res.Header.Get("Location"))
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("it answers %s", res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxRelease+1))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if len(b) > maxRelease {
		return fmt.Errorf("its answer is longer than %d bytes", maxRelease)
	}
	var latest struct {
		Tag       string     `json:"tag_name"`
		Page      string     `json:"html_url"`
		Published *time.Time `json:"published_at"`
	}
	if err := json.Unmarshal(b, &latest); err != nil {
		return fmt.Errorf("its answer is not a release: %w", err)
	}
	there, here := canonical(latest.Tag), canonical(config.Version)
	if there == "" {
		return fmt.Errorf("its answer is not a release: tag_name is %q, not a version", latest.Tag)
	}
	n.Latest, n.Published, n.Notes = there[1:], latest.Published, latest.Page
	switch {
	case here == "":
		n.State = "development"
	case semver.Compare(there, here) > 0:
		n.State = "newer"
	default:
		n.State = "current"
	}
	return nil
}

// canonical returns a version as package semver compares it, empty for one that is none, such as "dev".
func canonical(version string) string {
	return semver.Canonical("v" + strings.TrimPrefix(version, "v"))
}

// examine looks at the data without changing it.
func examine(ctx context.Context, cfg *config.Config) dataNews {
	d := dataNews{Store: "sqlite", Place: cfg.Data, Migrations: []schemaMigration{}}
	var err error
	if cfg.Database != "" {
		d.Store, d.Place = "postgres", cfg.Database.Place()
		err = d.database(ctx, cfg)
	} else {
		err = d.folder(cfg)
	}
	if d.Opens = err == nil; !d.Opens {
		d.Error = err.Error()
		d.State = cmp.Or(d.State, "unread")
	}
	return d
}

var errNewerSchema = errors.New("a newer Relay has changed it: run that version or a later one")

func (d *dataNews) folder(cfg *config.Config) error {
	_, err := os.Stat(filepath.Join(cfg.Data, "relay.db"))
	switch {
	case errors.Is(err, fs.ErrNotExist) && cfg.Data == config.Default().Data:
		d.State = "none"
		return nil
	case errors.Is(err, fs.ErrNotExist): // named, so that it is a mistake rather than a first start
		return errors.New("it contains no data of Relay: name the server's folder with --data")
	case err != nil:
		return err
	}
	if err := sameUser(cfg.Data); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(cfg.Data, sqlite.UnfinishedName)); err == nil {
		return errors.New("a restore into it was interrupted: run relay restore again")
	}
	files, err := sqlite.Schema(cfg.Data)
	if err != nil {
		return err
	}
	d.State = "current"
	for _, f := range files {
		if f.Newer() {
			d.State = "newer"
			return fmt.Errorf("%s: %w", f.Name, errNewerSchema)
		}
		d.add(f.Name, f.Version, f.Pending())
	}
	_, err = secret.Peek(filepath.Join(cfg.Data, backup.KeyName), []byte(cfg.SecretKey.Reveal()))
	return err
}

func (d *dataNews) database(ctx context.Context, cfg *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	x, err := postgres.Examine(ctx, cfg.Database.Reveal())
	if err != nil {
		return postgres.Explain(err)
	}
	d.State = "current"
	switch {
	case x.Schema.Newer():
		d.State = "newer"
		return errNewerSchema
	case x.Schema.Version == 0:
		d.State = "none"
	default:
		d.add("database", x.Schema.Version, x.Schema.Pending())
	}
	switch {
	case x.Encoding != "UTF8":
		return fmt.Errorf("its encoding is %q: create one with ENCODING 'UTF8'", x.Encoding)
	case x.ReadOnly:
		return errors.New("it takes no writes: it is a standby, or read-only")
	case !x.MayCreate && d.State != "current":
		return fmt.Errorf("the user %q may not create tables, which the migrations do: GRANT CREATE ON SCHEMA public TO %q", x.User, x.User)
	case d.State == "none":
		return nil
	}
	// As a server opens the keys, without making or writing any.
	path, master := filepath.Join(cfg.Data, backup.KeyName), []byte(cfg.SecretKey.Reveal())
	err = postgres.TryKeys(ctx, cfg.Database.Reveal(), func(kept []byte) (webhook.Sealer, error) {
		if kept == nil {
			return secret.Peek(path, master)
		}
		keys, _, err := secret.OpenShared(path, master, kept)
		return keys, err
	})
	return postgres.Explain(err)
}

// add adds the migrations that a part lacks.
func (d *dataNews) add(part string, version int, pending []string) {
	for i, about := range pending {
		d.State = "pending"
		d.Migrations = append(d.Migrations, schemaMigration{part, version + 1 + i, about})
	}
}

func (e *Env) showUpgrade(r *upgradeReport) {
	st := newStyle(e)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(e.Stdout, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("program", "relay %s", r.Version)
	if n := r.Releases; n != nil {
		switch n.State {
		case "unread":
			line("releases", "%s", st.yellow("not read from "+printable(n.Source))+": "+printable(n.Error))
		case "newer":
			line("releases", "%s %s", st.yellow("there is a newer one, "+n.Latest+":"), printable(cmp.Or(n.Notes, n.Source)))
		case "development":
			line("releases", "the latest is %s; this is a development build", n.Latest)
		default:
			line("releases", "%s, the latest is %s", st.green("there is no newer one"), n.Latest)
		}
	}
	name, d := map[string]string{"sqlite": "folder", "postgres": "database"}[r.Data.Store], &r.Data
	switch {
	case !d.Opens:
		line(name, "%s %s: %s", st.yellow("this program cannot open"), printable(d.Place), printable(d.Error))
	case d.State == "none":
		line(name, "%s has no data yet", printable(d.Place))
	case d.State == "current":
		line(name, "%s %s: the schema is up to date", st.green("this program can open"), printable(d.Place))
	default:
		line(name, "%s %s, and %s it first:", st.green("this program can open"), printable(d.Place), st.yellow("migrates"))
		for _, m := range d.Migrations {
			fmt.Fprintf(e.Stdout, "  %-26s %3d  %s\n", printable(m.Part), m.Version, st.dim(m.About))
		}
		if d.Store == "sqlite" {
			line("next", "make a backup: relay backup --data %s --to FILE.tar", printable(d.Place))
		} else {
			line("next", "make a backup with PostgreSQL's tools")
		}
	}
}
