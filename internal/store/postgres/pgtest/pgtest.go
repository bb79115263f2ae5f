//go:build unix

package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/relay-events/relay/internal/testenv"
)

// Server is a PostgreSQL server with a data folder of its own.
type Server struct {
	bin  string // folder of the programs
	dir  string // holds data/ and the socket
	args []string
	cred *syscall.Credential // who runs it; nil: ourselves

	mu   sync.Mutex
	cmd  *exec.Cmd     // guarded by mu; nil while stopped
	done chan struct{} // closed once cmd has ended; guarded by mu
	log  string

	databases atomic.Int64
}

// speed switches off what only matters when the machine fails.
var speed = []string{"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"}

var shared struct {
	sync.Mutex
	server *Server
	err    error
}

// Main runs a package's tests and stops the shared server afterwards. It does
// not return.
func Main(m *testing.M) {
	code := m.Run()
	StopShared()
	os.Exit(code)
}

// StopShared stops the shared server, for packages that have a TestMain of
// their own: after all tests.
func StopShared() {
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.remove()
		shared.server = nil
	}
}

// Shared returns the server that the tests of the package share, and starts it
// for the first of them. The test is skipped when PostgreSQL is not installed.
func Shared(t testing.TB) *Server {
	t.Helper()
	bin := binaries(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start(bin, speed)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// Start starts a durable server that is the test's alone, and removes it when
// the test ends. The test is skipped when PostgreSQL is not installed.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := start(binaries(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.remove)
	return s
}

// binaries returns the folder of PostgreSQL's programs: that of initdb in
// PATH, else Debian's of the newest version.
func binaries(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is valid
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4]) // 0 if it is no version
		return n
	}
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }))
	}
	testenv.Skip(t, "PostgreSQL is not installed (make test installs it)")
	return ""
}

func start(bin string, args []string) (s *Server, err error) {
	// Not a folder below t.TempDir, whose parents root alone may enter; and
	// short, because a socket's path holds at most 107 bytes (unix(7)).
	dir, err := os.MkdirTemp("", "relaypg")
	if err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	s = &Server{bin: bin, dir: dir, args: args}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if os.Geteuid() == 0 { // initdb and postgres refuse to run as root
		if s.cred, err = unprivileged(); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
			return nil, fmt.Errorf("starting PostgreSQL: %w", err)
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"),
		"-U", "relay", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir = dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s, s.Start()
}

// unprivileged returns the user postgres, else nobody.
func unprivileged() (*syscall.Credential, error) {
	var errs []error
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32) // numbers on every Unix
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("looking for a user to run PostgreSQL as: %w", errors.Join(errs...))
}

// readyWithin bounds how long a server may take to start, recovery included.
const readyWithin = 60 * time.Second

// Start starts the server again after Stop or Crash and waits until it answers.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		return nil
	}
	s.log = filepath.Join(s.dir, "log")
	logFile, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	args := append([]string{"-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=100"}, s.args...)
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, logFile, logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
	started, done := make(chan error, 1), make(chan struct{})
	go func() {
		// Pdeathsig is sent when the thread that started the process ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer logFile.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		close(done)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	s.cmd, s.done = cmd, done
	deadline := time.Now().Add(readyWithin)
	for {
		err := s.exec("postgres", "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-done:
			s.cmd = nil
			out, _ := os.ReadFile(s.log) // only to say more
			return fmt.Errorf("PostgreSQL ended at once:\n%s", bytes.TrimSpace(out))
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("PostgreSQL did not answer within %v: %w", readyWithin, err)
		}
	}
}

// Stop shuts the server down and breaks its connections: pg_ctl's mode "fast".
func (s *Server) Stop() { s.signal(syscall.SIGINT) }

// Crash ends the server as pg_ctl's mode "immediate" does: without a
// checkpoint, so that the next start recovers from the log.
func (s *Server) Crash() { s.signal(syscall.SIGQUIT) }

func (s *Server) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(sig) // it may have ended by itself
	<-s.done
	s.cmd = nil
}

func (s *Server) remove() {
	s.Crash()
	os.RemoveAll(s.dir)
}

// Socket returns the path of the server's Unix socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

// URL returns the address of a database on the server.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=relay", url.PathEscape(database), url.QueryEscape(s.dir))
}

// Database creates a database and returns its URL. It is dropped when the test ends.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	// Copying files takes a fifth of the time; servers before version 15 do
	// nothing else and do not know the word.
	create := "CREATE DATABASE " + name + " TEMPLATE template0"
	err := s.exec("postgres", create+" STRATEGY file_copy")
	if e := new(pgconn.PgError); errors.As(err, &e) && e.Code == "42601" {
		err = s.exec("postgres", create)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.mu.Lock()
		running := s.cmd != nil
		s.mu.Unlock()
		if running {
			if err := s.exec("postgres", "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
				t.Error(err)
			}
		}
	})
	return s.URL(name)
}

// CPU returns the processor time that the server's processes have used so far,
// in steps of 10 ms; those that have ended count, too. Linux only, else zero.
func (s *Server) CPU() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return groupCPU(s.cmd.Process.Pid)
}

func (s *Server) exec(database, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}
