package main

import (
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// binary returns the place of the program for a platform.
func (r *release) binary(p platform) string {
	name := "relay"
	if p.os == "windows" {
		name += ".exe"
	}
	return filepath.Join(r.stage, p.String(), name)
}

func (r *release) programs() error {
	for _, p := range r.platforms {
		if err := r.program(p); err != nil {
			return err
		}
	}
	return nil
}

// program builds Relay. -buildvcs stays off, because what Go stamps depends on the tags that the checkout has.
func (r *release) program(p platform) error {
	const module = "github.com/relay-events/relay"
	flags := []string{
		"-s", "-w", "-buildid=",
		"-X", module + "/internal/config.Version=" + r.version,
		"-X", module + "/internal/cli.commit=" + r.commit,
		"-X", module + "/internal/cli.date=" + r.date.Format(time.RFC3339),
	}
	_, err := output(r.goCommand(p, "build", "-trimpath", "-buildvcs=false", "-ldflags", strings.Join(flags, " "), "-o", r.binary(p), "./cmd/relay"))
	return err
}

// manual asks the program for its manual pages and completions, which are the same on every platform.
func (r *release) manual() error {
	here := platform{runtime.GOOS, runtime.GOARCH}
	relay := r.binary(here)
	if _, err := os.Stat(relay); err != nil { // not among the chosen platforms
		if err := r.program(here); err != nil {
			return err
		}
		defer os.RemoveAll(filepath.Dir(relay))
	}
	man, completions := filepath.Join(r.stage, "man"), filepath.Join(r.stage, "completions")
	for _, dir := range []string{man, completions} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	call := func(args ...string) (string, error) {
		cmd := exec.Command(relay, args...)
		cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.date.Unix()))
		return output(cmd)
	}
	if _, err := call("man", man); err != nil {
		return err
	}
	pages, err := filepath.Glob(filepath.Join(man, "*.1"))
	if err != nil || len(pages) == 0 {
		return fmt.Errorf("got %d manual pages, %w", len(pages), err)
	}
	for _, page := range pages {
		if err := compress(page, page+".gz"); err != nil {
			return err
		}
	}
	for shell, file := range map[string]string{"bash": "relay.bash", "zsh": "_relay", "fish": "relay.fish", "powershell": "relay.ps1"} {
		script, err := call("completion", shell)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(completions, file), []byte(script), 0o644); err != nil {
			return err
		}
	}
	return compress(filepath.Join(r.root, "CHANGELOG.md"), filepath.Join(r.stage, "CHANGELOG.md.gz"))
}

// compress writes a file with gzip, without a name and a time, as packages must hold it.
func compress(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Close()
}
