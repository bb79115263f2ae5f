package receivertest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// startTimeout bounds how long a receiver may take to start listening. Both need well under a
// second on an idle machine.
const startTimeout = 2 * time.Minute

// StartExpress runs the Express receiver of call-webhooks.txt with a secret until the test ends and
// returns the URL to send to. npm installs Express once, below the user's cache folder. Without
// Node.js or npm the test is skipped, or fails under RELAY_TEST_NO_SKIP=1.
func StartExpress(t testing.TB, secret string) (url string) {
	t.Helper()
	node := testenv.Binary(t, "node")
	dir := sampleDir(t)
	modules := installExpress(t, dir)
	return start(t, secret, exec.Command(node, filepath.Join(dir, "express_main.js")), "RELAY_TEST_NODE_MODULES="+modules)
}

// StartFlask runs the Flask receiver of call-webhooks.txt with a secret until the test ends and
// returns the URL to send to. Flask is optional: without a Python that has it the test is skipped,
// even under RELAY_TEST_NO_SKIP=1.
func StartFlask(t testing.TB, secret string) (url string) {
	t.Helper()
	python := flaskPython()
	if python == "" {
		const reason = "neither python3 nor /usr/bin/python3 can import flask (Debian: python3-flask)"
		fmt.Fprintf(os.Stderr, "\n*** SKIPPED %s: %s\n", t.Name(), reason)
		t.Skip(reason)
	}
	return start(t, secret, exec.Command(python, filepath.Join(sampleDir(t), "flask_main.py")))
}

// flaskPython also tries Debian's interpreter, because only that one sees python3-flask. It does
// not use testenv.Python, which fails under RELAY_TEST_NO_SKIP=1.
var flaskPython = sync.OnceValue(func() string {
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import flask").Run() == nil {
			return python
		}
	}
	return ""
})

func sampleDir(t testing.TB) string {
	t.Helper()
	return filepath.Join(testenv.Root(t), "receiver", "testdata", "callwebhooks")
}

// installExpress returns a node_modules folder with the packages of package-lock.json. Folders are
// named after a hash of the lock file and appear by renaming, so an existing folder is always
// complete.
func installExpress(t testing.TB, dir string) string {
	t.Helper()
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatalf("installing express: %v", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // no home folder, as in some containers
	}
	parent := filepath.Join(cache, "relay-test")
	installed := filepath.Join(parent, fmt.Sprintf("express-%x", sha256.Sum256(lock))[:len("express-")+16])
	modules := filepath.Join(installed, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}

	npm := testenv.Binary(t, "npm")
	if err := os.MkdirAll(parent, 0o755); err != nil {
		t.Fatalf("installing express: %v", err)
	}
	tmp, err := os.MkdirTemp(parent, "installing-")
	if err != nil {
		t.Fatalf("installing express: %v", err)
	}
	defer os.RemoveAll(tmp) // left over only if a step before the rename failed
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(tmp, name), content, 0o644)
		}
		if err != nil {
			t.Fatalf("installing express: %v", err)
		}
	}
	cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("installing express: npm ci: %v\n%s", err, out)
	}
	if err := os.Rename(tmp, installed); err != nil {
		if _, statErr := os.Stat(modules); errors.Is(statErr, fs.ErrNotExist) {
			t.Fatalf("installing express: %v", err)
		} // otherwise another test process was faster
	}
	return modules
}

// start runs a receiver on a free loopback port and waits until it prints "listening PORT". The
// process is killed when the test ends; if this process dies first, the receiver ends at the end of
// its standard input.
func start(t testing.TB, secret string, cmd *exec.Cmd, env ...string) string {
	t.Helper()
	var stderr lockedBuffer
	cmd.Env = append(os.Environ(), "RELAY_WEBHOOK_SECRET="+secret, "RELAY_TEST_PORT=0")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("starting %q: %v", cmd.Path, err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatalf("starting %q: %v", cmd.Path, err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting %q: %v", cmd.Path, err)
	}
	listening := make(chan string, 1)
	read := make(chan struct{})
	go func() { // ends with the process, for which the cleanup waits
		defer close(read)
		defer close(listening)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if port, ok := strings.CutPrefix(lines.Text(), "listening "); ok {
				listening <- port
				break
			}
		}
		io.Copy(io.Discard, stdout)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-read
		cmd.Wait() // an error, because it was killed
		if t.Failed() {
			t.Logf("%s wrote to standard error:\n%s", filepath.Base(cmd.Path), stderr.String())
		}
	})
	select {
	case port, ok := <-listening:
		if !ok {
			t.Fatalf("%q ended before it listened", cmd.Args)
		}
		return "http://127.0.0.1:" + port + "/relay-hook"
	case <-time.After(startTimeout):
		t.Fatalf("%q does not listen after %s", cmd.Args, startTimeout)
	}
	return ""
}

// lockedBuffer is written by the goroutine of exec and read by the test.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
