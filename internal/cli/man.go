package cli

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/relay-events/relay/internal/config"
)

// newMan writes the manual pages that packages and archives contain. It is hidden because most people
// get the pages with the program.
func newMan(env *Env) *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages into a folder", Hidden: true,
		Long:    "Write one manual page for each command into an existing folder.",
		Example: "  relay man ~/.local/share/man/man1",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("got %d arguments, want the folder for the pages", len(args))}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return env.writeMan(args[0])
		},
	}
}

func (e *Env) writeMan(dir string) error {
	// The pages of one commit are always the same: SOURCE_DATE_EPOCH is the time that they name
	// (https://reproducible-builds.org/specs/source-date-epoch/).
	written := time.Now()
	if text := e.getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return usageError{fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)}
		}
		written = time.Unix(seconds, 0)
	}
	written = written.UTC()
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usageError{fmt.Errorf("%q is not a folder", dir)}
	}
	// With the commands below resources, which are usually made only when they are called.
	root := newRoot(e, func(string) bool { return true })
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	if err := doc.GenManTree(root, &doc.GenManHeader{
		Section: "1", Source: "relay " + config.Version, Manual: "Relay", Date: &written,
	}, dir); err != nil {
		return fmt.Errorf("writing the manual pages: %w", err)
	}
	return nil
}
