package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/relay-events/relay/client"
)

// profile is a server, and the key that "relay login" keeps for it.
type profile struct {
	URL    string `json:"url"`
	Key    string `json:"key"`
	Tenant string `json:"tenant,omitempty"`
}

// profiles is the content of the file of profiles.
type profiles struct {
	Current  string             `json:"current"`
	Profiles map[string]profile `json:"profiles"`
}

const defaultProfile = "default"

// profilesFile returns the path of the file: $XDG_CONFIG_HOME/relay/profiles.json, by default in
// ~/.config.
func (e *Env) profilesFile() (string, error) {
	dir := e.getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home := cmp.Or(e.getenv("HOME"), e.getenv("USERPROFILE"))
		if home == "" {
			return "", errors.New("there is no home folder for profiles: set HOME, or give the server and the key in RELAY_URL and RELAY_KEY")
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "relay", "profiles.json"), nil
}

// readProfiles returns the stored profiles, none if there is no file.
func (e *Env) readProfiles() (profiles, error) {
	p := profiles{Current: defaultProfile, Profiles: make(map[string]profile)}
	file, err := e.profilesFile()
	if err != nil {
		return p, nil // commands work with variables alone
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("reading the profiles: %w", err)
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("reading the profiles in %q: %w", file, err)
	}
	if p.Profiles == nil {
		p.Profiles = make(map[string]profile)
	}
	return p, nil
}

// writeProfiles replaces the file in one step, readable only by its owner.
func (e *Env) writeProfiles(p profiles) error {
	file, err := e.profilesFile()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("creating the folder of the profiles: %w", err)
	}
	return replaceFile(file, append(b, '\n'))
}

// replaceFile writes a file in one step, with the mode 0600.
func replaceFile(file string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // has the mode 0600
	if err != nil {
		return fmt.Errorf("writing %q: %w", file, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %q: %w", file, err), os.Remove(f.Name()))
	}
	return nil
}

// connection is how a command reaches a server.
type connection struct {
	env     *Env
	server  string // --url
	tenant  string // --tenant
	profile string // --profile
	asJSON  bool
}

// connect adds the flags by which a command reaches a server.
func (e *Env) connect(cmd *cobra.Command) *connection {
	c := &connection{env: e}
	f := cmd.Flags()
	f.StringVar(&c.server, "server", "", "`address` of the server (RELAY_URL; default: the profile's, else http://127.0.0.1:8080)")
	f.StringVar(&c.tenant, "tenant", "", "`tenant` to act for, with a key of the platform (RELAY_TENANT)")
	f.StringVar(&c.profile, "profile", "", "`name` of a profile made by relay login (RELAY_PROFILE)")
	_ = cmd.RegisterFlagCompletionFunc("profile", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		p, _ := e.readProfiles()
		return p.names(), cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

// output adds the flag --json.
func (c *connection) output(cmd *cobra.Command) *connection {
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "print JSON, also on a terminal")
	return c
}

func (p profiles) names() []string {
	var names []string
	for name := range p.Profiles {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// target returns the server, and where its address and its key come from. Flags come before
// variables, and variables before the profile.
func (c *connection) target() (profile, error) {
	stored, err := c.env.readProfiles()
	if err != nil {
		return profile{}, err
	}
	name := cmp.Or(c.profile, c.env.getenv("RELAY_PROFILE"))
	p, ok := stored.Profiles[cmp.Or(name, stored.Current)]
	if name != "" && !ok {
		return p, usageError{fmt.Errorf("there is no profile %q: make it with \"relay login --profile %s\"", name, name)}
	}
	given := cmp.Or(c.server, c.env.getenv("RELAY_URL"))
	if given != "" && given != p.URL {
		p = profile{URL: given} // a profile's key is for its own server only
	}
	p.URL = cmp.Or(p.URL, "http://127.0.0.1:8080")
	p.Key = cmp.Or(c.env.getenv("RELAY_KEY"), p.Key)
	p.Tenant = cmp.Or(c.tenant, c.env.getenv("RELAY_TENANT"), p.Tenant)
	return p, nil
}

// client returns a client of the server.
func (c *connection) client() (*client.Client, error) {
	p, err := c.target()
	if err != nil {
		return nil, err
	}
	if p.Key == "" {
		return nil, usageError{fmt.Errorf("there is no key for %s: run \"relay login\", or set RELAY_KEY", p.URL)}
	}
	return newClient(p)
}

func newClient(p profile) (*client.Client, error) {
	c, err := client.New(client.Options{URL: p.URL, Key: p.Key, Tenant: p.Tenant})
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

func newLogin(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "login [URL]", Short: "Keep a server's address and key for later commands", Args: atMost(1),
		Long: "Check a key and keep it, with the address of its server, in ~/.config/relay/profiles.json, which only you can read.\n" +
			"The key is asked for on a terminal, and read from standard input elsewhere. RELAY_URL and RELAY_KEY override what\n" +
			"is kept here.",
		Example: "  relay login\n  relay login https://relay.example.com --profile production\n  pass relay/key | relay login https://relay.example.com",
	}
	name := cmd.Flags().String("profile", "", "`name` to keep it under (RELAY_PROFILE; default: default)")
	tenant := cmd.Flags().String("tenant", "", "`tenant` to act for, with a key of the platform (RELAY_TENANT)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p := profile{URL: cmp.Or(env.getenv("RELAY_URL"), "http://127.0.0.1:8080"), Tenant: cmp.Or(*tenant, env.getenv("RELAY_TENANT"))}
		if len(args) == 1 {
			p.URL = args[0]
		}
		p.URL = strings.TrimRight(p.URL, "/")
		return env.login(cmd.Context(), cmp.Or(*name, env.getenv("RELAY_PROFILE"), defaultProfile), p)
	}
	return cmd
}

func (e *Env) login(ctx context.Context, name string, p profile) error {
	var err error
	if p.Key = e.getenv("RELAY_KEY"); p.Key == "" {
		if p.Key, err = e.ask("Key for " + p.URL + ": "); err != nil {
			return err
		}
	}
	c, err := newClient(p)
	if err != nil {
		return err
	}
	who, err := c.Whoami(ctx)
	if err != nil {
		return err
	}
	stored, err := e.readProfiles()
	if err != nil {
		return err
	}
	stored.Current, stored.Profiles[name] = name, p
	if err := e.writeProfiles(stored); err != nil {
		return err
	}
	return e.result(whoOutput{name, p.URL, who}, func() {
		fmt.Fprintf(e.Stdout, "Logged in to %s as %s, for the tenant %s.\n", p.URL, printable(cmp.Or(who.Name, who.ID)), printable(who.Tenant))
	})
}

// ask reads a secret from the terminal without showing it, or a line from standard input.
func (e *Env) ask(prompt string) (string, error) {
	if f, ok := e.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(e.Stderr, prompt)
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(e.Stderr)
		if err != nil {
			return "", fmt.Errorf("reading the key: %w", err)
		}
		return strings.TrimSpace(string(b)), nil
	}
	if e.Stdin == nil {
		return "", usageError{errors.New("there is no key: set RELAY_KEY, or write the key to standard input")}
	}
	line, err := bufio.NewReader(io.LimitReader(e.Stdin, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the key: %w", err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", usageError{errors.New("there is no key: set RELAY_KEY, or write the key to standard input")}
	}
	return line, nil
}

func newLogout(env *Env) *cobra.Command {
	cmd := &cobra.Command{Use: "logout", Short: "Forget a key that login kept", Args: noArgs, Example: "  relay logout\n  relay logout --profile production"}
	name := cmd.Flags().String("profile", "", "`name` of the profile (RELAY_PROFILE; default: the current one)")
	cmd.RunE = func(*cobra.Command, []string) error {
		stored, err := env.readProfiles()
		if err != nil {
			return err
		}
		which := cmp.Or(*name, env.getenv("RELAY_PROFILE"), stored.Current)
		if _, ok := stored.Profiles[which]; !ok {
			return fmt.Errorf("there is no profile %q", which)
		}
		delete(stored.Profiles, which)
		if err := env.writeProfiles(stored); err != nil {
			return err
		}
		return env.result(map[string]string{"forgotten": which}, func() { fmt.Fprintf(env.Stdout, "The profile %q is forgotten.\n", printable(which)) })
	}
	return cmd
}

func newUse(env *Env) *cobra.Command {
	cmd := &cobra.Command{Use: "use [PROFILE]", Short: "Choose the profile of later commands, or list profiles", Args: atMost(1), Example: "  relay use\n  relay use production"}
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		p, _ := env.readProfiles()
		return p.names(), cobra.ShellCompDirectiveNoFileComp
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		stored, err := env.readProfiles()
		if err != nil {
			return err
		}
		if len(args) == 1 {
			if _, ok := stored.Profiles[args[0]]; !ok {
				return fmt.Errorf("there is no profile %q: make it with \"relay login --profile %[1]s\"", args[0])
			}
			stored.Current = args[0]
			if err := env.writeProfiles(stored); err != nil {
				return err
			}
		}
		for _, name := range stored.names() {
			line := struct {
				Profile string `json:"profile"`
				URL     string `json:"url"`
				Current bool   `json:"current"`
			}{name, stored.Profiles[name].URL, name == stored.Current}
			err := env.result(line, func() {
				mark := " "
				if line.Current {
					mark = "*"
				}
				fmt.Fprintf(env.Stdout, "%s %-16s %s\n", mark, printable(name), printable(line.URL))
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// whoOutput is the output of login and whoami for programs.
type whoOutput struct {
	Profile string `json:"profile,omitempty"`
	URL     string `json:"url"`
	client.Whoami
}

func newWhoami(env *Env) *cobra.Command {
	cmd := &cobra.Command{Use: "whoami", Short: "Show the server, the key and what it may do", Args: noArgs, Example: "  relay whoami"}
	conn := env.connect(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := conn.client()
		if err != nil {
			return err
		}
		who, err := c.Whoami(cmd.Context())
		if err != nil {
			return err
		}
		return env.result(whoOutput{URL: c.URL(), Whoami: who}, func() {
			fmt.Fprintf(env.Stdout, "Server  %s\nTenant  %s\nKey     %s (%s)\nScopes  %s\n", c.URL(), printable(who.Tenant), printable(who.Name), who.ID, strings.Join(who.Scopes, ", "))
		})
	}
	return cmd
}

// atMost accepts up to n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError{fmt.Errorf("unexpected argument %q", args[n])}
		}
		return nil
	}
}

// exactly accepts n arguments, which the usage line names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usageError{fmt.Errorf("the argument %s is missing", names[len(args)])}
		}
		return atMost(len(names))(nil, args)
	}
}

// errorText returns an error for people: of an answer by Relay each wrong field on a line of its own.
func errorText(err error) string {
	e := new(client.Error)
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err.Error()
	}
	around, _ := strings.CutSuffix(err.Error(), e.Error())
	text := around + cmp.Or(e.Detail, e.Title)
	for _, f := range e.Fields {
		text += "\n" + f.Field + " " + f.Reason
	}
	if e.RequestID != "" {
		text += "\n(status " + fmt.Sprint(e.Status) + ", request " + e.RequestID + ")"
	}
	return text
}
