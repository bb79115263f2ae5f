package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/account"
)

// lab holds the resources shared by several measurements: the receiver, the pool of events and the
// temporary folder.
type lab struct {
	o        *Options
	dir      string // parent of the data folders; removed by close
	folders  int
	receiver *process
	addr     string // of the receiver
	control  *http.Client
	prefix   string // of event types
	samples  []sample
	bars     *bars
	running  []*process         // relays for close to end
	schemas  map[string]*schema // by data folder, if there is a database; dropped by close
}

func newLab(ctx context.Context, o Options) (*lab, error) {
	l := &lab{o: &o, prefix: "bench", control: &http.Client{Transport: &http.Transport{}}, bars: newBars(o.Log, o.Terminal), schemas: make(map[string]*schema)}
	if o.Target != "" { // events of an earlier bench may still be owed there
		l.prefix += fmt.Sprintf("-%08x", rand.Uint32())
	}
	l.samples = newSamples(l.prefix, o.EventSize, poolSize)
	executable := o.Executable
	if executable == "" {
		var err error
		if executable, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("finding this program's file to start it again: %w", err)
		}
	}
	var err error
	if l.dir, err = os.MkdirTemp(o.Dir, "relay-bench-"); err != nil {
		return nil, fmt.Errorf("creating a temporary folder: %w", err)
	}
	if l.receiver, l.addr, err = startReceiver(ctx, executable); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// close ends all remaining processes and removes the temporary folder.
func (l *lab) close() {
	for _, p := range l.running {
		p.kill()
	}
	if l.receiver != nil {
		_ = l.receiver.stop() // it stores nothing, so it does not matter how it ends
	}
	l.control.CloseIdleConnections()
	for _, s := range l.schemas {
		if err := s.drop(); err != nil {
			fmt.Fprintf(l.o.Log, "relay bench: %v\n", err)
		}
	}
	if err := os.RemoveAll(l.dir); err != nil {
		fmt.Fprintf(l.o.Log, "relay bench: cannot remove the temporary folder: %v\n", err)
	}
}

// logf reports progress.
func (l *lab) logf(format string, args ...any) { l.bars.logf(format, args...) }

// server is a relay being measured.
type server struct {
	*relay
	lab     *lab
	process *process // nil for a remote target
	dir     string
	hooks   []string // ids of the webhooks created
	ready   time.Duration
}

// start starts a relay on a fresh folder, or uses the target.
func (l *lab) start(ctx context.Context) (*server, error) {
	if l.o.Target != "" {
		return &server{relay: newRelay(l.o.Target, l.o.Key, l.samples), lab: l}, nil
	}
	return l.startIn(ctx, l.folder(), adminKey())
}

// folder returns the name of a data folder that does not exist yet.
func (l *lab) folder() string {
	l.folders++
	return filepath.Join(l.dir, strconv.Itoa(l.folders))
}

// adminKey generates a key for RELAY_ADMIN_KEY.
func adminKey() string { return account.NewKeyText() }

// startIn starts a relay on a folder.
func (l *lab) startIn(ctx context.Context, dir, key string) (*server, error) {
	database := ""
	if l.o.Database != "" {
		if l.schemas[dir] == nil {
			s, err := newSchema(ctx, l.o.Database)
			if err != nil {
				return nil, err
			}
			l.schemas[dir] = s
		}
		database = l.schemas[dir].address()
	}
	p, base, took, err := startRelay(ctx, l.o, dir, key, database)
	if err != nil {
		return nil, err
	}
	l.running = append(l.running, p)
	r := newRelay(base, key, l.samples)
	for len(p.more) < l.o.Nodes-1 {
		other, base, _, err := startRelay(ctx, l.o, dir, key, database)
		if err != nil {
			return nil, err
		}
		p.more, r.more = append(p.more, other), append(r.more, base)
	}
	return &server{relay: r, lab: l, process: p, dir: dir, ready: took}, nil
}

// on starts a relay on a fresh folder, or uses the target, runs f against it and stops it. The
// context passed to f ends when the relay ends.
func (l *lab) on(ctx context.Context, f func(ctx context.Context, s *server) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, measureLimit, fmt.Errorf("the measurement took longer than %v", measureLimit))
	defer cancel()
	s, err := l.start(ctx)
	if err != nil {
		return err
	}
	err = s.watched(ctx, f)
	return errors.Join(err, s.stop(ctx))
}

// watched runs f with a context that ends when the relay ends.
func (s *server) watched(ctx context.Context, f func(ctx context.Context, s *server) error) error {
	if s.process == nil {
		return f(ctx, s)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	over := make(chan struct{})
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case <-s.process.ended:
			cancel(s.process.gone())
		case <-over:
		}
	}()
	err := f(ctx, s)
	close(over)
	<-watching
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// stop ends the relay as an operator would. From a target it removes the webhooks.
func (s *server) stop(ctx context.Context) error {
	defer s.relay.close()
	if s.process == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
		defer cancel()
		return s.remove(ctx, s.hooks)
	}
	s.forget()
	return s.process.stop()
}

// kill ends the relay as a crash would.
func (s *server) kill() {
	s.relay.close()
	s.forget()
	s.process.kill()
}

func (s *server) forget() {
	s.lab.running = slices.DeleteFunc(s.lab.running, func(p *process) bool { return p == s.process })
}

// webhooks creates webhooks and stores their ids.
func (s *server) webhooks(ctx context.Context, hooks []hook) error {
	done, finish := s.lab.bars.start("creating webhooks", len(hooks))
	defer finish()
	ids, err := s.create(ctx, hooks, done)
	s.hooks = append(s.hooks, ids...)
	if err == nil && len(ids) > 0 {
		err = s.known(ctx, ids[len(ids)-1])
	}
	return err
}

// hook returns the settings of a webhook. behaviour is the first part of the receiver's path, and
// to lists the addresses to subscribe to.
func (l *lab) hook(behaviour string, n int, to ...address) hook {
	h := hook{url: fmt.Sprintf("http://%s/%s/%d", l.addr, behaviour, n)}
	for _, a := range to {
		h.events = append(h.events, l.prefix+"."+string(a[:]))
	}
	return h
}

// stats, reset and wait send requests to the receiver.
func (l *lab) stats(ctx context.Context) (Stats, error) { return l.ask(ctx, "/_stats", requestTime) }

func (l *lab) reset(ctx context.Context) error {
	_, err := l.ask(ctx, "/_reset", requestTime)
	return err
}

// wait waits for count requests to healthy endpoints or, with attempts, to any endpoint. If fewer
// arrive within limit, it returns no error; the Stats show it.
func (l *lab) wait(ctx context.Context, count int, attempts bool, limit time.Duration) (Stats, error) {
	q := url.Values{"count": {strconv.Itoa(count)}, "timeout": {limit.String()}}
	if attempts {
		q.Set("of", "attempts")
	}
	return l.ask(ctx, "/_wait?"+q.Encode(), limit+requestTime)
}

func (l *lab) ask(ctx context.Context, path string, limit time.Duration) (s Stats, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.addr+path, nil)
	if err != nil {
		return s, err
	}
	res, err := l.control.Do(req)
	if err != nil {
		return s, fmt.Errorf("asking the receiver: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", res.StatusCode, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &s)
	}
	if err != nil {
		return s, fmt.Errorf("asking the receiver for %q: %w", path, err)
	}
	return s, nil
}

// raw measures the ceiling once.
func (l *lab) raw(ctx context.Context, count, endpoints int) (Raw, error) {
	if err := l.reset(ctx); err != nil {
		return Raw{}, err
	}
	done, finish := l.bars.start("raw ceiling", count)
	defer finish()
	before, known := l.ownCPU()
	perSecond, err := rawCeiling(ctx, l.addr, l.samples, count, endpoints, done)
	if err != nil {
		return Raw{}, err
	}
	s, err := l.stats(ctx)
	if err == nil && (s.Delivered != int64(rawWarm+count) || s.Duplicates != 0) {
		err = fmt.Errorf("raw ceiling: the receiver counted %d requests and %d duplicates, want %d and 0", s.Delivered, s.Duplicates, rawWarm+count)
	}
	raw := Raw{PerSecond: digits(perSecond)}
	if after, _ := l.ownCPU(); known {
		raw.cpu = float64((after - before).Microseconds()) / float64(rawWarm+count)
	}
	return raw, err
}

// ownCPU returns the processor time used by this process and the receiver.
func (l *lab) ownCPU() (sum time.Duration, known bool) {
	own, other := usageOf(os.Getpid()), l.receiver.usage()
	return own.cpu + other.cpu, own.known && other.known
}

// checkArrived returns an error if deliveries were lost or made twice.
func checkArrived(s Stats, want int) error {
	var errs []error
	if s.Delivered < int64(want) {
		errs = append(errs, fmt.Errorf("%d deliveries have not arrived: got %d, want %d", int64(want)-s.Delivered, s.Delivered, want))
	}
	if s.Delivered > int64(want) {
		errs = append(errs, fmt.Errorf("got %d deliveries, want %d", s.Delivered, want))
	}
	if s.Duplicates > 0 {
		errs = append(errs, fmt.Errorf("%d deliveries arrived more than once", s.Duplicates))
	}
	return errors.Join(errs...)
}
