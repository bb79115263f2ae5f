package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestManualPages finds a page for each command that people can call, which names its flags, and the same
// pages when they are written again on another day.
func TestManualPages(t *testing.T) {
	write := func(epoch string) map[string]string {
		dir := t.TempDir()
		var errors strings.Builder
		env := Env{Stdout: io.Discard, Stderr: &errors, LookupEnv: func(name string) (string, bool) {
			return epoch, name == "SOURCE_DATE_EPOCH"
		}}
		if code := Run([]string{"man", dir}, env); code != 0 {
			t.Fatalf("got exit code %d: %s", code, errors.String())
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		pages := make(map[string]string)
		for _, f := range files {
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			pages[f.Name()] = string(text)
		}
		return pages
	}
	pages := write("1700000000")
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		page, ok := pages[name]
		if !ok || !strings.Contains(page, "Nov 2023") {
			t.Errorf("%s: got %q, want a page of November 2023", name, page)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(strings.ReplaceAll(page, `\-`, "-"), "--"+f.Name) {
				t.Errorf("%s does not mention --%s", name, f.Name)
			}
		})
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" && sub.Name() != "completion" {
				walk(sub)
			}
		}
	}
	walk(testRoot())
	if _, ok := pages["relay-man.1"]; ok {
		t.Error("the hidden command has a page")
	}
	again := write("1700000000")
	for name, page := range pages {
		if again[name] != page {
			t.Errorf("%s differs when it is written again", name)
		}
	}
}

// TestManualPagesRefuses checks what the command says about a folder or a time that it cannot use.
func TestManualPagesRefuses(t *testing.T) {
	for _, tt := range []struct{ dir, epoch, want string }{
		{filepath.Join(t.TempDir(), "missing"), "", "is not a folder"},
		{t.TempDir(), "yesterday", "SOURCE_DATE_EPOCH"},
	} {
		var errors strings.Builder
		env := Env{Stdout: io.Discard, Stderr: &errors, LookupEnv: func(string) (string, bool) { return tt.epoch, tt.epoch != "" }}
		if code := Run([]string{"man", tt.dir}, env); code != exitUsage || !strings.Contains(errors.String(), tt.want) {
			t.Errorf("%q with the time %q: got exit code %d and %q, want %d and %q", tt.dir, tt.epoch, code, errors.String(), exitUsage, tt.want)
		}
	}
}
