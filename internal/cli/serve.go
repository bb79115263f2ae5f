package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/relay-events/relay/internal/app"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/observe"
	"github.com/relay-events/relay/internal/store/postgres"
)

func newServe(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the server", Args: noArgs,
		Long: "Run the server. It starts with no configuration; the first start prints an API key.\n\n" +
			"Each setting can be a flag, a variable (--log-level is RELAY_LOG_LEVEL) or a line in the file that --config\n" +
			"names (log: {level: warn}). Flags override variables, and variables override the file. RELAY_ADMIN_KEY sets the\n" +
			"operator's API key, which cannot be a flag; RELAY_ADMIN_KEY_FILE names a file that contains it.\n\n" +
			"/metrics needs a key with the scope read. Use --metrics-listen to serve it without a key on another address.",
		Example: "  relay serve\n  relay serve --data /var/lib/relay --listen :8080\n  RELAY_ADMIN_KEY=$(openssl rand -hex 24) relay serve",
	}
	file := cmd.Flags().String("config", "", "YAML `file` with settings (RELAY_CONFIG)")
	addSettings(cmd.Flags(), func(config.Setting) bool { return true })
	profile := cmd.Flags().String("cpuprofile", "", "write a processor profile to `file`")
	_ = cmd.Flags().MarkHidden("cpuprofile") // the flag exists
	completeSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *profile != "" {
			end, err := profileTo(*profile)
			if err != nil {
				return err
			}
			defer end()
		}
		sources := config.Sources{File: *file, Getenv: env.LookupEnv, Flags: given(cmd.Flags())}
		cfg, err := config.Load(sources)
		if err != nil {
			return usageError{err}
		}
		values, err := config.Values(sources)
		if err != nil {
			return usageError{err}
		}
		return env.serve(cmd.Context(), cfg, values, sources.Flags)
	}
	return cmd
}

// profileTo writes a processor profile to a file until end is called.
func profileTo(file string) (end func(), err error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("creating the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the profile: %w", err), f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close() // readers detect a truncated profile
	}, nil
}

// setting is a flag for one setting; package config parses its text.
type setting struct{ kind, text string }

func (s *setting) String() string     { return s.text }
func (s *setting) Set(v string) error { s.text = v; return nil }
func (s *setting) Type() string       { return s.kind }

// addSettings adds a flag for each wanted setting that can be a flag.
func addSettings(flags *pflag.FlagSet, want func(config.Setting) bool) {
	flags.SortFlags = false
	for _, s := range config.Settings() {
		if s.Flag == "" || !want(s) {
			continue
		}
		flags.Var(&setting{s.Kind, s.Default}, s.Flag, s.Help+" ("+s.Env+")")
		if s.Bool {
			flags.Lookup(s.Flag).NoOptDefVal = "true"
		}
	}
}

// completeSettings lets shells complete the values of settings that are a choice of words.
func completeSettings(cmd *cobra.Command) {
	for _, s := range config.Settings() {
		if words := strings.Split(s.Kind, "|"); len(words) > 1 && cmd.Flags().Lookup(s.Flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(s.Flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // the flag exists
		}
	}
}

// given returns the settings given as flags.
func given(flags *pflag.FlagSet) map[string]string {
	m := make(map[string]string)
	flags.Visit(func(f *pflag.Flag) {
		if _, ok := f.Value.(*setting); ok {
			m[f.Name] = f.Value.String()
		}
	})
	return m
}

// logger returns the logger of a server, to standard error.
func (e *Env) logger(cfg config.Log) *slog.Logger {
	return observe.NewLogger(e.Stderr, observe.LogOptions{
		Level: cfg.Level, Format: cfg.Format, Terminal: isTerminal(e.Stderr), NoColor: e.getenv("NO_COLOR") != "",
	})
}

// serve runs a server until ctx ends or it fails. The flags are only looked at for warnings.
func (e *Env) serve(ctx context.Context, cfg config.Config, values []config.Value, flags map[string]string) error {
	log := e.logger(cfg.Log)
	for _, line := range e.unknownVariables() {
		log.Warn(line)
	}
	if u, err := url.Parse(flags["database"]); err == nil && u.User != nil {
		if _, ok := u.User.Password(); ok {
			log.Warn("every user of this machine can read the password in --database: use --database-file or RELAY_DATABASE")
		}
	}
	if cfg.Database == "" && holdsOthers(cfg.Data) {
		log.Warn("the data folder contains files that are not Relay's: give Relay a folder of its own with --data", "data", cfg.Data)
	}
	a, err := start(ctx, cfg, values, log)
	if err != nil {
		return err
	}
	e.announce(a, &cfg)
	warn(log, a, &cfg)
	defer e.tellSystemd(ctx, a)()

	select {
	case <-ctx.Done():
		e.notify("STOPPING=1")
		log.Info("shutting down; send the signal again to stop immediately", "atMost", cfg.ShutdownTimeout.String())
	case err = <-a.Failed():
	}
	if stopErr := e.stop(a, cfg.ShutdownTimeout); stopErr != nil {
		err = errors.Join(err, stopErr)
	} else {
		log.Info("stopped")
	}
	return err
}

// tellSystemd says that the server is ready, and goes on to say that it answers until stopped is
// called, which says that the server stops.
func (e *Env) tellSystemd(ctx context.Context, a *app.App) (stopped func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.watchdog(ctx, func(ctx context.Context) error { return answers(ctx, a.URL()) })
	}()
	e.notify("READY=1")
	return func() {
		cancel()
		<-ended
	}
}

// A database that is started together with the server may take a while to accept connections.
const (
	waitForDatabase = 30 * time.Second
	betweenLooks    = 500 * time.Millisecond
)

// start builds and starts a server.
func start(ctx context.Context, cfg config.Config, values []config.Value, log *slog.Logger) (*app.App, error) {
	a, err := app.New(ctx, cfg, log)
	for until, said := time.Now().Add(waitForDatabase), false; err != nil && cfg.Database != "" && postgres.Absent(err) && time.Now().Before(until) && ctx.Err() == nil; {
		if !said {
			said = true
			log.Warn("waiting for the database", "database", cfg.Database.Place(), "atMost", waitForDatabase.String(), "error", postgres.Explain(err).Error())
		}
		select {
		case <-ctx.Done():
		case <-time.After(betweenLooks):
			a, err = app.New(ctx, cfg, log)
		}
	}
	if err != nil {
		return nil, explain(err, &cfg)
	}
	a.ShowSettings(values)
	if err := a.Start(ctx); err != nil {
		return nil, errors.Join(err, stopNow(a))
	}
	return a, nil
}

// stopNow stops a server without work in progress.
func stopNow(a *app.App) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return a.Stop(ctx)
}

// stop stops a server within the time, or immediately on another signal.
func (e *Env) stop(a *app.App, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-e.Signals:
			cancel()
		case <-done:
		}
	}()
	return a.Stop(ctx)
}

// announce prints where the server is and how to log in.
func (e *Env) announce(a *app.App, cfg *config.Config) {
	data, err := filepath.Abs(cfg.Data)
	if err != nil {
		data = cfg.Data
	}
	if !isTerminal(e.Stdout) {
		line, err := json.Marshal(struct {
			Ready    bool   `json:"ready"`
			URL      string `json:"url"`
			Docs     string `json:"docs"`
			Data     string `json:"data"`
			Database string `json:"database,omitempty"`
			Version  string `json:"version"`
			FirstKey string `json:"firstKey,omitempty"`
			SignIn   string `json:"signIn,omitempty"`
		}{true, a.URL(), a.URL() + "/docs", data, cfg.Database.Place(), config.Version, a.FirstKey(), a.SignInLink()})
		if err == nil { // strings only: cannot fail
			fmt.Fprintf(e.Stdout, "%s\n", line)
		}
		return
	}
	s := newStyle(e)
	fmt.Fprintf(e.Stdout, "%s\n\n", s.bold("Relay "+config.Version+" is ready."))
	if place := cfg.Database.Place(); place != "" {
		data = place
	}
	dashboard := a.PublicURL()
	if link := a.SignInLink(); link != "" {
		dashboard = s.bold(link) + "\n        " + s.yellow("Open it to choose a password. It works once; each start makes a new one until then.")
	}
	fmt.Fprintf(e.Stdout, "  Open  %s\n  API   %s\n  Docs  %s\n  Data  %s\n", dashboard, a.URL(), a.URL()+"/docs", printable(data))
	switch {
	case a.FirstKey() != "":
		fmt.Fprintf(e.Stdout, "  Key   %s\n        %s\n", s.bold(a.FirstKey()), s.yellow("Save it now: it has all permissions and will not be shown again."))
	case cfg.AdminKey != "":
		fmt.Fprintln(e.Stdout, "  Key   the one you gave (adminKey)")
	default:
		fmt.Fprintln(e.Stdout, "  Key   was shown at the first start; RELAY_ADMIN_KEY=… relay serve sets a new one")
	}
	fmt.Fprintf(e.Stdout, "\n%s\n\n", s.dim("Ctrl-C stops it."))
}

// warn logs settings that are dangerous unless intended.
func warn(log *slog.Logger, a *app.App, cfg *config.Config) {
	here := false
	if addr, ok := a.Addr().(*net.TCPAddr); ok {
		here = addr.IP.IsLoopback()
	}
	if !here {
		log.Warn("listening for unencrypted connections from other machines: put a proxy with TLS in front", "listen", cfg.Listen)
	}
	if cfg.Dev && !here {
		log.Warn("with dev, everyone with a key can reach the programs on this machine's loopback interface")
	}
}

// explain adds the way out to the error of a failed start.
func explain(err error, cfg *config.Config) error {
	listening := isListen(err)
	switch {
	case addressTaken(err):
		return fmt.Errorf("address %s is already in use: stop the other program or choose another with --listen", cfg.Listen)
	case listening && isErrno(err, syscall.EACCES, wsaAccess):
		return fmt.Errorf("no permission to listen on %s; ports below 1024 need privileges: choose another address with --listen", cfg.Listen)
	case listening && isErrno(err, syscall.EADDRNOTAVAIL, wsaAddrNotAvail):
		return fmt.Errorf("this machine does not have the address %s: choose another with --listen", cfg.Listen)
	case listening:
		return fmt.Errorf("%w: choose another address with --listen", err)
	case errors.As(err, new(*app.SettingError)):
		return usageError{err}
	case cfg.Database != "":
		return postgres.Explain(err)
	case isErrno(err, syscall.ENOTDIR):
		return fmt.Errorf("%q is a file: --data must name a folder", cfg.Data)
	case isErrno(err, syscall.EACCES, syscall.EPERM):
		if owner := otherOwner(cfg.Data); owner != "" {
			return fmt.Errorf("%w: the folder %s; run this as that user, or change the folder's owner with chown", err, owner)
		}
		return err
	case isErrno(err, syscall.EAGAIN, errLockViolation()):
		return fmt.Errorf("another Relay is using %q: stop it, or choose another folder with --data", cfg.Data)
	}
	return err
}

// holdsOthers reports whether a folder has files and none of them tells that Relay uses it.
func holdsOthers(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false // there is none yet, or the start says why not
	}
	others := false
	for _, e := range entries {
		switch name := e.Name(); {
		case name == "relay.lock" || name == "relay.db" || name == "relay.key":
			return false
		case name != "lost+found" && !strings.HasPrefix(name, "."):
			others = true
		}
	}
	return others
}

func isListen(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "listen"
}

func addressTaken(err error) bool {
	return isListen(err) && isErrno(err, syscall.EADDRINUSE, wsaAddrInUse)
}

// The numbers of the same failures on Windows (winerror.h); other systems do not use them.
const (
	wsaAccess       = syscall.Errno(10013)
	wsaAddrInUse    = syscall.Errno(10048)
	wsaAddrNotAvail = syscall.Errno(10049)
)

// errLockViolation returns ERROR_LOCK_VIOLATION, whose number has another meaning on other systems.
func errLockViolation() syscall.Errno {
	if runtime.GOOS == "windows" {
		return 33
	}
	return syscall.EAGAIN
}

func isErrno(err error, numbers ...syscall.Errno) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	for _, n := range numbers {
		if errno == n {
			return true
		}
	}
	return false
}
