package testenv

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Modules installs npm packages for a test and returns their folder, name in the user's cache, which is kept for the next
// run: a test names the version in it. from has package.json, package-lock.json and .npmrc; the other files, scripts that
// use the packages, are copied beside them. probe is a file below node_modules that tells that they are installed. The test
// is skipped if they cannot be.
func Modules(t testing.TB, name, probe, from string, files ...string) string {
	t.Helper()
	npm := Binary(t, "npm")
	cache, err := os.UserCacheDir()
	if err != nil {
		Skip(t, "no cache folder: "+err.Error())
	}
	dir := filepath.Join(cache, "relay-test", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{"package.json", "package-lock.json", ".npmrc"} {
		files = append(files, filepath.Join(from, base))
	}
	for _, file := range files {
		to := filepath.Join(dir, filepath.Base(file))
		b, err := os.ReadFile(file)
		if old, oldErr := os.ReadFile(to); err == nil && (oldErr != nil || !bytes.Equal(old, b)) { // another test may be reading it
			err = os.WriteFile(to, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", filepath.FromSlash(probe))); err == nil {
		return dir
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		Skip(t, name+" cannot be installed: npm ci: "+err.Error()+"\n"+string(out))
	}
	return dir
}

// Serve starts a program that prints its address as its first line and ends when its standard input does. It returns the
// address and a function that ends the program, which the end of the test calls as well. Further lines go to read, if it is
// not nil. The test fails if the program does.
func Serve(t testing.TB, cmd *exec.Cmd, read func(line string)) (address string, end func()) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		err := cmd.Wait()
		t.Fatalf("%s ended: %v\n%s", cmd, err, stderr.String())
	}
	address = lines.Text()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
			if read != nil {
				read(lines.Text())
			}
		}
	}()
	end = sync.OnceFunc(func() {
		stdin.Close()
		<-drained
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", cmd, err, stderr.String())
		}
	})
	t.Cleanup(end)
	return address, end
}
