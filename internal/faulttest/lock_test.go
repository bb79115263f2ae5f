//go:build linux

package faulttest

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSecondServer starts a second server on the folder of a running one: the second says at once
// why it does not start, and the first is unaffected.
func TestSecondServer(t *testing.T) {
	w := newWorld(t, filepath.Join(t.TempDir(), "data"))
	w.pubs.run(t, w.rng, 2)
	const limit = time.Second
	fastest := time.Hour
	for range 3 { // a single measurement may meet a busy machine
		cmd := exec.Command(w.relay.binary, "serve", "--dev", "--data", w.relay.dir, "--listen", "127.0.0.1:0")
		cmd.Env = append(cmd.Environ(), "RELAY_ADMIN_KEY="+adminKey)
		timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		start := time.Now()
		out, err := cmd.CombinedOutput()
		fastest = min(fastest, time.Since(start))
		timer.Stop()
		if err == nil {
			t.Errorf("a second server on the same folder: got exit code 0, want a failure:\n%s", out)
		}
		if text := string(out); !strings.Contains(text, "another Relay") || !strings.Contains(text, w.relay.dir) {
			t.Errorf("a second server on the same folder said %q, want it to name another Relay and %q", text, w.relay.dir)
		}
		w.relay.running()
		if err := w.pubs.probe(w.rng); err != nil {
			t.Errorf("publishing to the first server: %v", err)
		}
	}
	if fastest > limit {
		t.Errorf("a second server on the same folder gave up after %v, want within %v", fastest, limit)
	}
	t.Logf("a second server gave up after %v; %v", fastest.Round(time.Millisecond), w.finish())
}
