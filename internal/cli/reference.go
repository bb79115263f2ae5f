package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// reference writes docs/cli.md: each command with its usage, its examples and its flags.
func reference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Command line\n\n" +
		"One program, `relay`, is the server and its command line. This page is generated from the commands' help.\n\n" +
		"**Which server?** `relay login https://relay.example.com` keeps an address and a key in `~/.config/relay/profiles.json` (mode 0600). " +
		"`RELAY_URL` and `RELAY_KEY` override it, and `--server` overrides `RELAY_URL`. There is no flag for a key: every user of a machine can read the flags of its programs.\n\n" +
		"**Output.** A terminal gets tables, a pipe or `--json` gets JSON: one object, or one a line for lists. Errors and progress go to standard error. No command asks a question unless standard input is a terminal.\n\n" +
		"| exit code | |\n| --- | --- |\n| 0 | success |\n| 1 | the command was tried and failed |\n| 2 | the command line, the configuration or an input file is invalid; nothing was done |\n" +
		fmt.Sprintf("| %d | `relay migrate status`: a migration is pending |\n| %d | `relay upgrade --check`: there is a newer release, or a migration is pending |\n"+
			"| %d | `relay backup`: the backup was made, but some of the data is damaged |\n| %d | `relay upgrade --check`: the releases could not be read |\n\n",
			exitPending, exitPending, exitDamaged, exitUnread) +
		"**Flags of all commands that call a server:** `--server` (the address), `--profile` (one that login made), `--tenant` (for a key of the platform), `--json`.\n\n" +
		"**Completion** of commands, flags, values and ids: `source <(relay completion bash)`, likewise `zsh`, `fish` and `powershell`.\n")
	for _, g := range root.Groups() {
		fmt.Fprintf(&b, "\n## %s\n", strings.TrimSuffix(g.Title, ":"))
		for _, c := range root.Commands() {
			if c.GroupID == g.ID && c.IsAvailableCommand() && c.Name() != "help" && c.Name() != "completion" {
				writeReference(&b, c)
			}
		}
	}
	return b.String()
}

// connectionFlags are those of all commands that call a server; they are explained once.
var connectionFlags = []string{"server", "tenant", "profile", "json"}

func writeReference(b *strings.Builder, c *cobra.Command) {
	if c.HasAvailableSubCommands() {
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				writeReference(b, sub)
			}
		}
		if !c.HasAvailableLocalFlags() {
			return
		}
	}
	fmt.Fprintf(b, "\n### %s\n\n", c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	b.WriteString(strings.TrimSpace(text) + "\n\n")
	fmt.Fprintf(b, "```sh\n%s\n```\n", strings.Join(append([]string{c.UseLine()}, exampleLines(c)...), "\n"))
	var rows, settingRows []string
	remote, settings := c.Flags().Lookup("server") != nil && c.Flags().Lookup("profile") != nil, 0
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		_, isSetting := f.Value.(*setting)
		switch {
		case f.Hidden || f.Name == "help" || remote && slices.Contains(connectionFlags, f.Name):
		case isSetting:
			settings++
			if settingRows = append(settingRows, flagRow(f)); settings > 8 {
				settingRows = []string{"| any setting | [operations.md](operations.md#settings) lists them |"}
			}
		default:
			rows = append(rows, flagRow(f))
		}
	})
	rows = append(rows, settingRows...)
	if rows != nil {
		b.WriteString("\n| flag | |\n| --- | --- |\n" + strings.Join(rows, "\n") + "\n")
	}
}

// exampleLines returns the examples, each as it is typed.
func exampleLines(c *cobra.Command) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(c.Example, "\n"), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func flagRow(f *pflag.Flag) string {
	kind, help := pflag.UnquoteUsage(f)
	name := "`--" + f.Name + "`"
	if f.Shorthand != "" {
		name = "`-" + f.Shorthand + "`, " + name
	}
	if kind != "" {
		name += " " + kind
	}
	if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "[]" && d != "0s" {
		help += " (default " + d + ")"
	}
	return "| " + strings.ReplaceAll(name, "|", `\|`) + " | " + strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`).Replace(help) + " |"
}
