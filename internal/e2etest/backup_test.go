package e2etest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// numbers is an endpoint that records the numbered events it accepted. Until open is set, it
// refuses the even ones.
type numbers struct {
	mu       sync.Mutex
	open     bool
	accepted map[int]bool
}

func (v *numbers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var e struct{ Data struct{ N int } }
	if err != nil || json.Unmarshal(body, &e) != nil {
		w.WriteHeader(400)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if e.Data.N%2 == 0 && !v.open {
		w.WriteHeader(503)
		return
	}
	v.accepted[e.Data.N] = true
}

func (v *numbers) missing(ids map[int]string) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range ids {
		if !v.accepted[i] {
			n++
		}
	}
	return n
}

// run runs a command of the binary and returns its output.
func (r *relay) run(args ...string) (stdout string, err error) {
	cmd := exec.Command(r.binary, args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("relay %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), err
}

// A backup is made while events are published, delivered, refused and owed; a second one is killed
// halfway. Then the server is lost, and another one starts on the restored folder: it has every
// event acknowledged before the backup began, and delivers it.
func TestBackupUnderLoadRestores(t *testing.T) {
	r := startRelay(t)
	v := &numbers{accepted: make(map[int]bool)}
	s := httptest.NewServer(v)
	t.Cleanup(s.Close)
	hook := r.webhook(`{"url":"` + s.URL + `","retry":{"attempts":50,"waits":["1s"]}}`)

	acked := make(map[int]string) // ids of events; guarded by mu
	var mu sync.Mutex
	stop := make(chan struct{})
	var publishing sync.WaitGroup
	end := sync.OnceFunc(func() { close(stop); publishing.Wait() })
	t.Cleanup(end)
	for p := range 2 {
		publishing.Go(func() {
			for n := p; ; n += 2 {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond): // all of them are delivered again
				}
				a, err := r.try("POST", "/v1/events", fmt.Sprintf(`{"type":"a.b","data":{"n":%d}}`, n))
				var doc publishedDoc
				if err == nil {
					err = json.Unmarshal(a.body, &doc)
				}
				if err != nil || a.status != 202 {
					t.Errorf("publishing: got %d %s, %v", a.status, a.body, err)
					return
				}
				mu.Lock()
				acked[n] = doc.ID
				mu.Unlock()
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	eventually(t, "events are published", func() bool { return count() >= 150 })

	dir := t.TempDir()
	tar := filepath.Join(dir, "relay.tar")
	before := make(map[int]string)
	mu.Lock()
	for n, id := range acked {
		before[n] = id
	}
	mu.Unlock()
	out, err := r.run("backup", "--data", r.dir, "--to", tar)
	if err != nil {
		t.Fatal(err)
	}
	var result struct {
		Backup string
		Files  int
		Bytes  int64
		Key    bool
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil || result.Backup != tar || result.Files < 5 || !result.Key {
		t.Errorf("got %s, %v, want what was made", out, err)
	}
	if _, err := r.run("backup", "--data", r.dir, "--to", tar); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("a second backup of the same name: got %v, want a refusal", err)
	}

	// Killed at some moment: there is no backup, or a complete one.
	for i := range 3 {
		place := filepath.Join(dir, fmt.Sprint("killed", i))
		cmd := exec.Command(r.binary, "backup", "--data", r.dir, "--to", place)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the backup has begun", func() bool {
			found, _ := filepath.Glob(place + "*")
			return len(found) > 0
		})
		time.Sleep(time.Duration(i) * 10 * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		if _, err := os.Stat(place); err == nil {
			if _, err := r.run("restore", "--from", place, "--data", filepath.Join(dir, fmt.Sprint("of-killed", i))); err != nil {
				t.Errorf("a backup that bears its name: %v", err)
			}
		}
	}
	end()
	r.kill()

	r.dir = filepath.Join(dir, "restored")
	if _, err := r.run("restore", "--from", tar, "--data", r.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := r.run("restore", "--from", tar, "--data", r.dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("restoring again: got %v, want a refusal", err)
	}
	v.mu.Lock()
	v.open = true
	v.mu.Unlock()
	r.start()
	eventually(t, "all that was acknowledged before the backup is delivered", func() bool { return v.missing(before) == 0 })
	for n, id := range before {
		if n%50 == 0 {
			r.waitState(id, hook.ID, "delivered")
		}
	}
}
