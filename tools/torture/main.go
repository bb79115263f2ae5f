// Torture runs the long forms of the tests that break Relay, one after the other and again with other
// random choices, until the time is up. It prints how far it is, and ends with a table: what was
// broken, what was accepted, and what was lost, repeated or out of order. It fails if a promise was
// broken. Each part prints the seed of its choices, and -seed with -only repeats them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	root := flag.String("root", ".", "the folder with go.mod")
	duration := flag.Duration("duration", time.Hour, "how long to go on; a part that has begun is finished")
	seed := flag.Uint64("seed", 0, "of the random choices; 0: the time")
	only := flag.String("only", "", "a regular expression for the parts to run")
	list := flag.Bool("list", false, "list the parts and end")
	flag.Parse()
	chosen, err := choose(parts, *only)
	if err != nil {
		log.Fatal(err)
	}
	if *list {
		for _, p := range chosen {
			fmt.Printf("%-12s %s\n", p.name, p.what)
		}
		return
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w, err := newWorkshop(ctx, *root)
	if err != nil {
		log.Fatal(err)
	}
	t := &torture{parts: chosen, run: w.run, now: time.Now, out: os.Stdout}
	ok := t.through(ctx, *duration, *seed)
	fmt.Printf("\nThe output of each run is in %s.\n", w.dir)
	if !ok {
		os.Exit(1)
	}
}

// choose returns the parts whose names match the expression.
func choose(all []part, expr string) (chosen []part, err error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	for _, p := range all {
		if re.MatchString(p.name) {
			chosen = append(chosen, p)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-only: no part matches %q; -list names them", expr)
	}
	return chosen, nil
}

// workshop builds test programs and runs them.
type workshop struct {
	root, dir string            // absolute: of the module, and of what is built and printed
	relay     string            // the program under test
	built     map[string]string // test programs by package
	runs      int
}

// newWorkshop builds the program under test.
func newWorkshop(ctx context.Context, root string) (*workshop, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	w := &workshop{root: root, dir: filepath.Join(root, "bin", "torture"), built: make(map[string]string)}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return nil, err
	}
	w.relay = filepath.Join(w.dir, "relay")
	fmt.Println("building relay and the tests")
	return w, w.build(ctx, "build", "-trimpath", "-o", w.relay, "./cmd/relay")
}

func (w *workshop) build(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = w.root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// run runs a part once. The error is that of the test program, or of what kept it from running; its
// text ends with what failed.
func (w *workshop) run(ctx context.Context, p part, seed uint64) ([]line, error) {
	program := w.built[p.folder]
	if program == "" {
		program = filepath.Join(w.dir, strings.ReplaceAll(p.folder, "/", "-")+".test")
		if err := w.build(ctx, "test", "-c", "-o", program, "./internal/"+p.folder); err != nil {
			return nil, err
		}
		w.built[p.folder] = program
	}
	w.runs++
	name := filepath.Join(w.dir, fmt.Sprintf("%03d-%s", w.runs, p.name))
	report := name + ".json"
	os.Remove(report) // of an earlier torture
	out, err := os.Create(name + ".log")
	if err != nil {
		return nil, err
	}
	defer out.Close()
	args := append([]string{"-test.v", "-test.count=1", "-test.timeout=" + p.limit().String(), "-test.run=^(" + p.tests + ")$"}, p.args...)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = filepath.Join(w.root, "internal", p.folder)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), append(p.env, "RELAY_TEST_NO_SKIP=1", "RELAY_TEST_BINARY="+w.relay,
		"RELAY_TEST_REPORT="+report, fmt.Sprint("RELAY_FAULT_SEED=", seed))...)
	ran := cmd.Run()
	lines, err := readReport(report)
	if ran != nil {
		if text, err := os.ReadFile(out.Name()); err == nil {
			ran = fmt.Errorf("%w\n%s", ran, failures(string(text)))
		}
	}
	return lines, errors.Join(ran, err)
}

// failures returns the lines of a test's output that say what failed.
func failures(output string) string {
	const most = 30
	var kept []string
	for text := range strings.Lines(output) {
		trimmed := strings.TrimSpace(text)
		if strings.HasPrefix(trimmed, "--- FAIL") || strings.HasPrefix(trimmed, "panic:") || strings.Contains(text, "_test.go:") {
			kept = append(kept, strings.TrimRight(text, "\n"))
		}
	}
	if n := len(kept) - most; n > 0 {
		kept = kept[n:]
	}
	return strings.Join(kept, "\n")
}

// readReport returns the figures that the tests of a part reported; none if there is no file.
func readReport(path string) ([]line, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return parseLines(b)
}
