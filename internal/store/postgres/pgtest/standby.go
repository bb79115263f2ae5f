//go:build unix

package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Standby starts a standby of the server and has the server's commits wait for
// it. It is removed when the test ends.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "relaypg")
	if err != nil {
		t.Fatal(err)
	}
	b := &Server{bin: s.bin, dir: dir, args: s.args, cred: s.cred}
	t.Cleanup(b.remove)
	if s.cred != nil {
		if err := os.Chown(dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	backup := exec.Command(filepath.Join(s.bin, "pg_basebackup"), "-h", s.dir, "-U", "relay",
		"-D", filepath.Join(dir, "data"), "-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
	backup.Dir = dir
	backup.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	if out, err := backup.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		if err := s.exec("postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(readyWithin); ; time.Sleep(10 * time.Millisecond) {
		err := s.exec("postgres", "SELECT 1/count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
		if err == nil {
			return b
		}
		if time.Now().After(deadline) {
			t.Fatalf("the standby does not follow: %v", err)
		}
	}
}

// Promote makes a standby a primary.
func (s *Server) Promote() error {
	if err := s.exec("postgres", "SELECT 1 / pg_promote()::int"); err != nil {
		return fmt.Errorf("promoting a standby: %w", err)
	}
	return nil
}

// Folder is where the server's socket is: its host for libpq.
func (s *Server) Folder() string { return s.dir }
