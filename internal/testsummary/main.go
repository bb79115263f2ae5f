// Command testsummary runs the steps of "make test" one after the other and sums them up. It is not part of the
// shipped binary.
//
//	testsummary [-allow-skip REGEX] KIND:NAME=COMMAND ...
//
// Each COMMAND is a line for the shell. A step of kind "check" passes when its command exits with 0. A step of kind
// "test" must print what "go test -json" prints; packages are shown as they finish, failing and skipped tests with
// their output. All steps run even if an earlier one failed, so that one run tells everything.
//
// Nothing may skip: a skipped test fails the run unless -allow-skip matches its name. The commands see that as
// RELAY_TEST_NO_SKIP=1 and RELAY_TEST_ALLOW_SKIP, which package testenv reads.
//
// The last line is "N passed, N failed, N skipped", the tests and subtests of all test steps together; a test that runs
// in two steps counts twice. The exit status is 0 if all is well, 1 if a step failed, 2 if the arguments are wrong.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// step is one argument of the command line, and what became of it.
type step struct {
	kind, name, command string

	took    time.Duration
	results *results // of a test step
	err     error    // what went wrong with the command itself
}

// failed tells whether the step spoils the run.
func (s *step) failed() bool {
	return s.err != nil || s.results != nil && (s.results.failed > 0 || len(s.results.forbidden) > 0)
}

// parseStep reads KIND:NAME=COMMAND.
func parseStep(arg string) (*step, error) {
	head, command, ok := strings.Cut(arg, "=")
	kind, name, ok2 := strings.Cut(head, ":")
	if !ok || !ok2 || name == "" || strings.TrimSpace(command) == "" || kind != "check" && kind != "test" {
		return nil, fmt.Errorf("step %q: want check:NAME=COMMAND or test:NAME=COMMAND", arg)
	}
	return &step{kind: kind, name: name, command: command}, nil
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("testsummary", flag.ContinueOnError)
	flags.SetOutput(stderr)
	allow := flags.String("allow-skip", "", "regular `expression` for the full names of tests that may skip")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	var allowed *regexp.Regexp
	if *allow != "" {
		re, err := regexp.Compile(*allow)
		if err != nil {
			fmt.Fprintf(stderr, "testsummary: -allow-skip: %v\n", err)
			return 2
		}
		allowed = re
	}
	var steps []*step
	for _, arg := range flags.Args() {
		s, err := parseStep(arg)
		if err != nil {
			fmt.Fprintf(stderr, "testsummary: %v\n", err)
			return 2
		}
		steps = append(steps, s)
	}
	if len(steps) == 0 {
		fmt.Fprintln(stderr, "testsummary: no steps given")
		return 2
	}

	env := append(os.Environ(), "RELAY_TEST_NO_SKIP=1", "RELAY_TEST_ALLOW_SKIP="+*allow)
	for _, s := range steps {
		s.run(env, allowed, stdout, stderr)
	}
	return summarize(steps, stdout)
}

// run executes the step's command and fills in what became of it.
func (s *step) run(env []string, allowed *regexp.Regexp, stdout, stderr io.Writer) {
	fmt.Fprintf(stdout, "==> %s\n", s.name)
	begin := time.Now()
	defer func() { s.took = time.Since(begin) }()

	cmd := exec.Command("bash", "-c", s.command)
	cmd.Env = env
	cmd.Stderr = stderr
	if s.kind == "check" {
		cmd.Stdout = stdout
		s.err = cmd.Run()
		return
	}

	s.results = newResults(stdout, allowed)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.err = err
		return
	}
	if s.err = cmd.Start(); s.err != nil {
		return
	}
	readErr := s.results.read(out)
	waitErr := cmd.Wait()
	s.results.finish()

	switch {
	case readErr != nil:
		s.err = readErr
	case waitErr != nil && s.results.failed == 0:
		// go test said no without naming a test: a flag it does not know, a go.mod it cannot read, a signal.
		s.err = waitErr
	case s.results.passed+s.results.failed == 0:
		s.err = errors.New("ran no test")
	}
}

// summarize prints the closing lines and returns the exit status.
func summarize(steps []*step, w io.Writer) int {
	fmt.Fprintln(w)
	var passed, failed, skipped, status int
	for _, s := range steps {
		verdict, detail := "ok", ""
		if s.failed() {
			verdict, status = "FAILED", 1
		}
		if r := s.results; r != nil {
			passed, failed, skipped = passed+r.passed, failed+r.failed, skipped+r.skipped
			detail = fmt.Sprintf("   %d passed, %d failed, %d skipped in %d packages", r.passed, r.failed, r.skipped, r.packages)
		}
		if s.err != nil {
			detail += "   " + s.err.Error()
		}
		fmt.Fprintf(w, "%-12s %-6s %7.1fs%s\n", s.name, verdict, s.took.Seconds(), detail)
	}
	for _, s := range steps {
		if s.results == nil {
			continue
		}
		for _, name := range s.results.failures {
			fmt.Fprintf(w, "failed in %s: %s\n", s.name, name)
		}
		for _, name := range s.results.forbidden {
			fmt.Fprintf(w, "skipped in %s, which is not allowed here: %s\n", s.name, name)
		}
	}
	fmt.Fprintf(w, "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	return status
}
