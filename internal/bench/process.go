package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child process of the bench.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.Closer
	errors *tail
	ended  chan struct{} // closed when the process has ended
	err    error         // the reason, valid after ended

	more []*process // other processes that belong to it
}

// stopTime is how long a process may take to end on request.
const stopTime = 30 * time.Second

// startProcess starts a program. stdout may be nil.
func startProcess(name, executable string, args, env []string, stdout io.Writer) (*process, error) {
	cmd := exec.Command(executable, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = childAttributes()
	p := &process{name: name, cmd: cmd, errors: &tail{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = stdout, p.errors
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the %s: %w", name, err)
	}
	p.stdin = in
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the %s, %q: %w", name, executable, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stop asks the process to end, and kills it if it does not.
func (p *process) stop() error {
	var errs []error
	for _, other := range p.more {
		errs = append(errs, other.stop())
	}
	return errors.Join(append(errs, p.stopSelf())...)
}

func (p *process) stopSelf() error {
	p.stdin.Close()
	if p.cmd.Process.Signal(syscall.SIGTERM) != nil {
		_ = p.cmd.Process.Kill() // on systems without signals
	}
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
		p.kill()
		return fmt.Errorf("the %s did not end within %v of the request and was killed", p.name, stopTime)
	}
}

// kill ends the process as a crash would.
func (p *process) kill() {
	for _, other := range p.more {
		other.kill()
	}
	_ = p.cmd.Process.Kill() // it may have ended already
	p.stdin.Close()
	<-p.ended
}

// gone describes the unexpected end of a process.
func (p *process) gone() error {
	return fmt.Errorf("the %s ended unexpectedly: %v\n%s", p.name, p.err, p.errors.text())
}

// tail keeps the last output of a process.
type tail struct {
	mu   sync.Mutex
	last []byte
}

const tailBytes = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	if n := len(t.last) - tailBytes; n > 0 {
		t.last = append(t.last[:0], t.last[n:]...)
	}
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.last)
}

// usage is the resources used by a process. known is false if /proc cannot be read.
type usage struct {
	known   bool
	cpu     time.Duration // user and system, since its start
	written int64         // bytes that it caused to be written to a disk, since its start
	rss     int64         // current memory, bytes
	peak    int64         // maximum memory since its start or resetPeak, bytes
}

// ticksPerSecond is USER_HZ, which is 100 on every Linux since 2.6 (proc(5), /proc/pid/stat).
const ticksPerSecond = 100

// usage returns the resources used by the process; a nil process means a remote one.
func (p *process) usage() usage {
	if p == nil {
		return usage{}
	}
	u := usageOf(p.cmd.Process.Pid)
	for _, other := range p.more {
		o := other.usage()
		u.known = u.known && o.known
		u.cpu, u.written, u.rss, u.peak = u.cpu+o.cpu, u.written+o.written, u.rss+o.rss, u.peak+o.peak
	}
	return u
}

// usageOf reads /proc/PID/stat, io and status, proc(5).
func usageOf(pid int) usage {
	dir := fmt.Sprintf("/proc/%d/", pid)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return usage{}
	}
	var u usage
	// The second field is the program's name, in parentheses, which may contain any characters.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return usage{}
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	io, err3 := procField(dir+"io", "write_bytes:")
	rss, err4 := procField(dir+"status", "VmRSS:")
	peak, err5 := procField(dir+"status", "VmHWM:")
	if errors.Join(err1, err2, err3, err4, err5) != nil {
		return usage{}
	}
	u.cpu = time.Duration(user+system) * (time.Second / ticksPerSecond)
	u.written, u.rss, u.peak, u.known = io, rss<<10, peak<<10, true
	return u
}

// resetPeak resets the maximum memory, by writing 5 to clear_refs, proc(5).
func (p *process) resetPeak() {
	if p != nil {
		for _, other := range p.more {
			other.resetPeak()
		}
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0) // if it fails, the peak is counted since the start
	}
}

func procField(path, name string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		}
	}
	return 0, fmt.Errorf("%q has no field %q", path, name)
}

// settle waits, at most for limit, until the process is almost idle: it uses less than share of a
// core and writes nothing for half a second.
func (p *process) settle(ctx context.Context, share float64, limit time.Duration) error {
	if p == nil { // a remote relay
		return pause(ctx, time.Second)
	}
	const step, steps = 100 * time.Millisecond, 5
	deadline := time.Now().Add(limit)
	history := []usage{p.usage()}
	for time.Now().Before(deadline) && history[0].known {
		if err := pause(ctx, step); err != nil {
			return err
		}
		history = append(history, p.usage())
		if len(history) <= steps {
			continue
		}
		history = history[len(history)-steps-1:]
		first, last := history[0], history[steps]
		// One tick is the inaccuracy of the measurement.
		allowed := time.Duration(share*float64(step*steps)) + time.Second/ticksPerSecond
		if last.cpu-first.cpu <= allowed && last.written == first.written {
			return nil
		}
	}
	return ctx.Err()
}

// pause sleeps unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startReceiver starts the receiver's process and returns its address.
func startReceiver(ctx context.Context, executable string) (*process, string, error) {
	pr, pw := io.Pipe()
	// A receiver that collects garbage rarely disturbs the measurement less.
	p, err := startProcess("receiver", executable, []string{receiverCommand}, []string{"GOGC=400"}, pw)
	if err != nil {
		return nil, "", err
	}
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() { // ends with the receiver's output at the latest
		text, err := bufio.NewReader(pr).ReadString('\n')
		read <- line{strings.TrimSpace(text), err}
		_, _ = io.Copy(io.Discard, pr)
	}()
	go func() { <-p.ended; pw.Close() }()
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case l := <-read:
		if _, _, splitErr := net.SplitHostPort(l.text); l.err != nil || splitErr != nil {
			p.kill()
			return nil, "", p.gone()
		}
		return p, l.text, nil
	case <-timer.C:
		err = errors.New("starting the receiver: it did not name its address within 10s")
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.kill()
	return nil, "", err
}

// readyLimit is how long a relay may take to become ready, regardless of its backlog.
const readyLimit = 2 * time.Minute

// startRelay starts relay serve and waits until it is ready; took is the time this took.
func startRelay(ctx context.Context, o *Options, dir, key, database string) (p *process, base string, took time.Duration, err error) {
	port, err := freePort()
	if err != nil {
		return nil, "", 0, err
	}
	listen := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	args := append([]string{"serve", "--dev", "--listen", listen, "--data", dir}, o.ServeArgs...)
	env := append([]string{"RELAY_ADMIN_KEY=" + key}, o.ServeEnv...)
	if database != "" {
		env = append(env, "RELAY_DATABASE="+database)
	}
	start := time.Now()
	if p, err = startProcess("relay", o.Executable, args, env, io.Discard); err != nil {
		return nil, "", 0, err
	}
	base = "http://" + listen
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		res, err := client.Get(base + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return p, base, time.Since(start), nil
			}
		}
		select {
		case <-p.ended:
			return nil, "", 0, p.gone()
		case <-ctx.Done():
			p.kill()
			return nil, "", 0, ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
		if time.Since(start) > readyLimit {
			p.kill()
			return nil, "", 0, fmt.Errorf("the relay was not ready within %v\n%s", readyLimit, p.errors.text())
		}
	}
}

// freePort returns a port that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// folderBytes returns the disk space of the files below dir. For a running relay it omits SQLite's
// journals, because they are reused and removed at the stop.
func folderBytes(dir string, running bool) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if running && (strings.HasSuffix(d.Name(), "-wal") || strings.HasSuffix(d.Name(), "-shm")) {
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			sum += diskBytes(info.Sys(), info.Size())
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measuring the data folder: %w", err)
	}
	return sum, nil
}
