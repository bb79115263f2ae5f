package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/internal/config"
)

func newConfig(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Show or check the settings of a server",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usageError{unknownCommand(cmd, args[0])}
		},
	}
	cmd.AddCommand(newConfigShow(env), newConfigCheck(env))
	return cmd
}

// settingsCommand adds the flags that "relay serve" has, and returns what reads them.
func (e *Env) settingsCommand(cmd *cobra.Command) func() config.Sources {
	file := cmd.Flags().String("config", "", "YAML `file` with settings (RELAY_CONFIG)")
	addSettings(cmd.Flags(), func(config.Setting) bool { return true })
	return func() config.Sources {
		return config.Sources{File: *file, Getenv: e.LookupEnv, Flags: given(cmd.Flags())}
	}
}

// shownSetting is a line of "relay config show" for programs.
type shownSetting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

func newConfigShow(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show", Short: "Show each setting in force, and the source of its value", Args: noArgs,
		Long: "Show each setting as \"relay serve\" with the same flags, variables and file would use it, and the source of its\n" +
			"value: a flag, a variable, the file, or the default. Secrets are not shown. A pipe gets one JSON object a line.",
		Example: "  relay config show\n  relay config show --config /etc/relay/relay.yaml --changed",
	}
	changed := cmd.Flags().Bool("changed", false, "show only the settings that are not defaults")
	sources := env.settingsCommand(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		values, err := config.Values(sources())
		if err != nil {
			return usageError{err}
		}
		st, people := newStyle(env), isTerminal(env.Stdout)
		for _, v := range values {
			if *changed && v.Source == "default" {
				continue
			}
			if people {
				line := fmt.Sprintf("%-26s %-28s ", v.Name, printable(v.Text))
				fmt.Fprintln(env.Stdout, line+st.dim(printable(v.Source)))
				continue
			}
			line, err := json.Marshal(shownSetting{v.Name, v.Text, v.Source})
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(env.Stdout, "%s\n", line); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func newConfigCheck(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "check", Short: "Check the settings without starting a server", Args: noArgs,
		Long: "Check the file, the variables and the flags as \"relay serve\" does, without starting a server.\n\n" +
			"Exit codes: 0 they are valid, 2 they are not, or a RELAY_ variable is misspelt.",
		Example: "  relay config check --config /etc/relay/relay.yaml",
	}
	sources := env.settingsCommand(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		if _, err := config.Load(sources()); err != nil {
			return usageError{err}
		}
		if lines := env.unknownVariables(); lines != nil {
			return usageError{fmt.Errorf("%s", strings.Join(lines, "\n"))}
		}
		return env.result(map[string]bool{"valid": true}, func() { fmt.Fprintln(env.Stdout, "The settings are valid.") })
	}
	return cmd
}

// clientVariables are the RELAY_ variables that are read by commands and are not settings.
var clientVariables = []string{"RELAY_CONFIG", "RELAY_URL", "RELAY_KEY", "RELAY_TENANT", "RELAY_PROFILE", "RELAY_WEBHOOK_SECRET", "RELAY_IMPORT_TOKEN", "RELAY_RELEASES"}

// unknownVariables returns a line for each RELAY_ variable that has no effect.
func (e *Env) unknownVariables() []string {
	if e.Environ == nil {
		return nil
	}
	return config.Unknown(e.Environ(), clientVariables...)
}
