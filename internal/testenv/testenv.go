// Package testenv provides what tests of every package need from the machine: a program, a free
// port, a relay binary, and a common way to skip a test when something is missing.
//
// Only tests may import it; internal/deps checks that.
//
// It reads these environment variables:
//
//	RELAY_TEST_NO_SKIP=1        a test that cannot run fails ("make test" sets it)
//	RELAY_TEST_ALLOW_SKIP=REGEX tests that may still skip, by full name
//	RELAY_TEST_RACE_FLAGS=FLAGS how go build turns the race detector on, else -race
//	RELAY_TEST_BINARY=FILE      a relay to test instead of building one
//	RELAY_FAULT_SEED=N          seed of random choices, see Random
//	RELAY_TEST_REPORT=FILE      where tests of faults add their figures, see Report
package testenv

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Skip skips the test and gives the reason on standard error, so that a green run does not hide the
// gap. (go test prints reasons only with -v, or when it tests the package of the current folder.)
//
// Under RELAY_TEST_NO_SKIP=1 it fails the test instead, unless RELAY_TEST_ALLOW_SKIP matches the
// test's name: a test that a developer's laptop cannot run must not be left out silently in CI.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("RELAY_TEST_NO_SKIP") == "1" && !maySkip(t.Name()) {
		t.Fatalf("cannot run: %s (RELAY_TEST_NO_SKIP=1 turns this skip into a failure)", reason)
	}
	fmt.Fprintf(os.Stderr, "\n*** SKIPPED %s: %s\n", t.Name(), reason)
	t.Skip(reason)
}

// maySkip reports whether RELAY_TEST_ALLOW_SKIP matches the test's name. An expression that does
// not compile matches no test.
func maySkip(test string) bool {
	expr := os.Getenv("RELAY_TEST_ALLOW_SKIP")
	if expr == "" {
		return false
	}
	re, err := regexp.Compile(expr)
	return err == nil && re.MatchString(test)
}

// Binary returns the path of a program found in PATH, or in the folders that Debian leaves out of
// an ordinary user's PATH. It skips the test when the program is not installed.
func Binary(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	Skip(t, fmt.Sprintf("program %q is not installed (make test installs it)", name))
	return ""
}

// Python returns the path of a Python 3 that can import module. It tries Debian's own interpreter
// as well, because only that one sees packages such as python3-flask. It skips the test when no
// interpreter has the module.
func Python(t testing.TB, module string) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if exec.Command(path, "-c", "import "+module).Run() == nil {
			return path
		}
	}
	Skip(t, fmt.Sprintf("no python3 that can import %q (make test installs it)", module))
	return ""
}

// FreePort returns a TCP port that was free on 127.0.0.1 a moment ago. Use it only for programs
// that cannot listen on port 0: another process may take the port before the program does.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("finding a free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Root returns the folder that holds the module's go.mod.
func Root(t testing.TB) string {
	t.Helper()
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// findRoot searches upwards from the working directory, which go test sets to the package's folder.
func findRoot() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("finding the module: no go.mod in %q or above", wd)
		}
	}
}

var (
	plainRelay = sync.OnceValues(func() (string, error) {
		if path := os.Getenv("RELAY_TEST_BINARY"); path != "" {
			return path, nil
		}
		return build("relay", "CGO_ENABLED=0")
	})
	raceRelay = sync.OnceValues(func() (string, error) {
		flags := strings.Fields(cmp.Or(os.Getenv("RELAY_TEST_RACE_FLAGS"), "-race"))
		return build("relay-race", "CGO_ENABLED=1", flags...)
	})
)

// BuildRelay builds ./cmd/relay as it is shipped, once per test process, and returns the path of
// the binary, or the one that RELAY_TEST_BINARY names. It fails the test when the build fails.
func BuildRelay(t testing.TB) string {
	t.Helper()
	return built(t, plainRelay)
}

// BuildRelayRace is BuildRelay with the race detector. It skips the test without a C compiler,
// which the race detector needs. The binary is five to twenty times slower.
func BuildRelayRace(t testing.TB) string {
	t.Helper()
	Binary(t, "gcc")
	return built(t, raceRelay)
}

func built(t testing.TB, get func() (string, error)) string {
	t.Helper()
	path, err := get()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// build compiles into bin/test below the module. All test processes share that folder, so that
// binaries do not pile up in the temporary folder. Each process links under its own name and then
// renames the file: no process starts a half-written binary or has a running one overwritten.
func build(name, env string, flags ...string) (string, error) {
	root, err := findRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "bin", "test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("building relay: %w", err)
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	own := filepath.Join(dir, fmt.Sprintf("%d-%s", os.Getpid(), name))
	defer os.Remove(own) // left over only when a step before the rename failed

	args := append([]string{"build", "-trimpath", "-o", own}, flags...)
	cmd := exec.Command("go", append(args, "./cmd/relay")...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building relay: go %s: %w\n%s", strings.Join(cmd.Args[1:], " "), err, out.Bytes())
	}
	path := filepath.Join(dir, name)
	if err := os.Rename(own, path); err != nil {
		return "", fmt.Errorf("building relay: %w", err)
	}
	return path, nil
}
