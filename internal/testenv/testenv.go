// Package testenv holds the few things every package's tests need from the machine: a program, a free port, a
// relay binary, and one way to skip when something is missing.
//
// Nothing outside tests may import it; internal/deps checks that.
//
// The environment it reads:
//
//	RELAY_TEST_NO_SKIP=1        a test that cannot run fails ("make test" sets it)
//	RELAY_TEST_ALLOW_SKIP=REGEX tests that may skip all the same; matched against the test's full name
package testenv

import (
	"bytes"
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

// Skip ends the test as skipped and says why on standard error, so that a green run does not hide what it left out.
// (go test shows that only with -v, or when it tests the package of the current folder.)
//
// Under RELAY_TEST_NO_SKIP=1 it fails the test instead, unless RELAY_TEST_ALLOW_SKIP matches the test's name: what
// cannot run on a developer's laptop must not stay silently unrun in CI.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("RELAY_TEST_NO_SKIP") == "1" && !maySkip(t.Name()) {
		t.Fatalf("cannot run: %s (RELAY_TEST_NO_SKIP=1 turns this skip into a failure)", reason)
	}
	fmt.Fprintf(os.Stderr, "\n*** SKIPPED %s: %s\n", t.Name(), reason)
	t.Skip(reason)
}

// maySkip tells whether RELAY_TEST_ALLOW_SKIP names the test. An expression that does not compile allows nothing.
func maySkip(test string) bool {
	expr := os.Getenv("RELAY_TEST_ALLOW_SKIP")
	if expr == "" {
		return false
	}
	re, err := regexp.Compile(expr)
	return err == nil && re.MatchString(test)
}

// Binary returns the path of a program found in PATH, or in the folders Debian keeps out of an ordinary user's
// PATH. The test is skipped when it is not installed.
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

// Python returns the path of a Python 3 that can import module. Debian's own interpreter is tried too, because a
// package such as python3-flask serves only that one. The test is skipped when there is none.
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

// FreePort returns a TCP port that was free on 127.0.0.1 a moment ago. It is for programs that cannot be told to
// listen on port 0; whoever can should do that, because another process may take the port in between.
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

// findRoot climbs from the working directory, which go test sets to the package's folder.
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
	plainRelay = sync.OnceValues(func() (string, error) { return build("relay", "CGO_ENABLED=0") })
	raceRelay  = sync.OnceValues(func() (string, error) { return build("relay-race", "CGO_ENABLED=1", "-race") })
)

// BuildRelay builds ./cmd/relay as it is shipped, once per test process, and returns the path of the binary.
// The test fails when it does not build.
func BuildRelay(t testing.TB) string {
	t.Helper()
	return built(t, plainRelay)
}

// BuildRelayRace is BuildRelay with the race detector, which needs a C compiler: without one the test is skipped.
// Such a binary is five to twenty times slower.
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

// build compiles into bin/test below the module. That folder is shared by all test processes, so nothing piles up
// in the temporary folder; each process links under its own name and renames, so that no other process ever starts a
// half-written file or finds the one it runs overwritten.
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
	defer os.Remove(own) // only there when something failed before the rename

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
