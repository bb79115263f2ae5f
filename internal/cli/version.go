package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/internal/config"
)

// build is the output of "relay version --json".
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Date    string `json:"date,omitempty"` // of the commit
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// commit and date are set by a release build with -ldflags "-X …". What Go stamps by itself depends on how
// much of the history a checkout has, and a release must not.
var commit, date string

func thisBuild() build {
	b := build{Version: config.Version, Commit: commit, Date: date, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if commit != "" {
		return b
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.time":
				b.Date = s.Value
			}
		}
	}
	return b
}

func newVersion(env *Env) *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Print the version", Args: noArgs, Example: "  relay version --json"}
	asJSON := cmd.Flags().Bool("json", false, "print the version, the commit, and the builder as JSON")
	cmd.RunE = func(*cobra.Command, []string) error {
		if *asJSON {
			line, err := json.Marshal(thisBuild())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(env.Stdout, "%s\n", line)
			return err
		}
		_, err := fmt.Fprintln(env.Stdout, "relay "+config.Version)
		return err
	}
	return cmd
}
