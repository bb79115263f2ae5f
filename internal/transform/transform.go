// Package transform runs the JavaScript that reshapes events for a webhook. A script defines
//
//	function transform(event) {
//	  return { body: { text: "New order " + event.data.id }, headers: { "X-Kind": event.type } };
//	}
//
// event has id, type, time (RFC 3339), key, attributes (an object) and data. The result is null to
// drop the event, or an object with a body and optionally headers, query and url. A body that is a
// text is sent as it is, and any other value as JSON; without a body, the caller chooses one. The
// caller checks headers and URL.
//
// Numbers in JavaScript are doubles: an integer beyond 2^53 in the data loses digits in event.data.
// event.rawData is the data's JSON exactly as published, for bodies written as text.
//
// # The sandbox
//
// The engine is QuickJS-NG compiled to WebAssembly and run by wazero. A script that breaks the
// engine is still confined to the instance's memory, a clock, and a few calls that always fail.
// There is no file, network, process, environment, timer, console or module to reach. The memory is
// limited, and so is the time of every run; the time limit also ends loops inside the engine.
//
// A run starts on a copy of the memory as it was right after the script's top level ran, and the
// copy is restored afterwards: nothing persists from one run to the next. The top level therefore
// runs only occasionally, without an event, and cannot see results of runs. It must not depend on
// the time. An instance that trapped, ran out of time or grew is discarded.
//
// Date shows the caller's time, see [Input]. It stands still during a run, so that it reveals
// nothing about the machine. At the top level it shows the beginning of 1970. Math.random is seeded
// with the event's id. A script therefore sees the same input whenever it runs for an event, and
// all attempts to deliver the event send the same bytes.
//
// # Sharing the instances
//
// There are few instances. Tenants with waiting runs take turns by the processor time they have
// used, and so do the scripts of each tenant. These runs get low priority: they never get the last
// free instance, and run on a thread of the lowest priority where the system has such threads
// (Linux):
//
//   - runs of scripts that have not yet run, or ended badly last time (out of time or memory)
//   - runs of scripts that usually take more than a two-hundredth of the time limit
//   - runs that check a script that is being saved
//   - runs of tenants that have used up their share, while scripts use more than half of the
//     processors
//
// Scripts that ended badly run at most half of the time, all together. The time limit is one of
// processor time where the system can measure it (Linux): a script that works does not fail because
// the machine is busy.
//
// Known weak points: the first use compiles the engine, which takes about half a second of CPU.
// This build cannot set the limit of the engine's stack, so endless recursion ends in a trap and
// costs the instance.
package transform

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/priority"
)

// Limits of scripts and results.
const (
	// MaxSourceBytes bounds a script.
	MaxSourceBytes = 64 << 10
	// MaxBodyBytes bounds the body that a transform returns, like the limit of an event.
	MaxBodyBytes = 1 << 20
)

// slowShare defines slow scripts: those that usually take more than this fraction of the time
// limit. Most take a four-thousandth.
const slowShare = 200

// Options are the settings of a Pool. Zero values mean the defaults.
type Options struct {
	// Instances is how many scripts run at the same time, 2 by default. With 1, a script that has
	// never succeeded can block all others for the whole time limit.
	Instances int
	// Timeout is the processor time that a run may take, 1 s by default. On a busy machine a run
	// ends after at most five times as much wall-clock time.
	Timeout time.Duration
	// MemoryMB is the memory of an instance in MiB, including the engine: 64 by default, at least
	// 8. In the worst case a pool takes Instances × MemoryMB, and about 10 MiB for the compiled
	// engine and its cache of scripts.
	MemoryMB int
	// Waiting is how many runs may wait for an instance, 4096 by default; further ones fail with
	// ErrBusy.
	Waiting int

	// Started is called once, with the number of instances, before the first use starts the engine.
	// It may be nil. A running script holds one of the Go scheduler's processors (GOMAXPROCS) for
	// milliseconds at a time; a program that must stay responsive can add that many processors
	// here.
	Started func(instances int)
}

func (o Options) withDefaults() Options {
	if o.Instances <= 0 {
		o.Instances = 2
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	if o.MemoryMB <= 0 {
		o.MemoryMB = 64
	}
	o.MemoryMB = min(max(o.MemoryMB, 8), 1024)
	if o.Waiting <= 0 {
		o.Waiting = 4096
	}
	return o
}

// Errors of the pool itself, unrelated to the script.
var (
	// ErrClosed is returned after Close was called.
	ErrClosed = errors.New("transform pool is closed")
	// ErrBusy is returned when too many runs are waiting for an instance.
	ErrBusy = errors.New("too many transforms are waiting")
)

// Error says why a source is not a valid transform.
type Error struct {
	// Line and Column are a position in the source, both from 1; 0 if unknown or if the error
	// concerns the whole source.
	Line, Column int
	// Message is a phrase for people: "SyntaxError: unexpected token".
	Message string
}

// Error returns the position, if there is one, and the message.
func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return e.Message
	case e.Column == 0:
		return fmt.Sprintf("line %d: %s", e.Line, e.Message)
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Kind is a kind of failure of a run.
type Kind string

// The kinds of failure of a run.
const (
	Timeout   Kind = "timeout"   // it took longer than allowed
	Memory    Kind = "memory"    // it needed more memory than allowed
	Exception Kind = "exception" // it threw, or recursed until the engine trapped
	Result    Kind = "result"    // its return value is unusable
)

// RunError says why a run failed. The message may contain text that the script threw.
type RunError struct {
	Kind Kind
	// Line is the line of the script, from 1, or 0 if unknown.
	Line int
	// Message is a phrase for people.
	Message string
}

// Error returns kind, line and message.
func (e *RunError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("transform failed (%s, line %d): %s", e.Kind, e.Line, e.Message)
	}
	return fmt.Sprintf("transform failed (%s): %s", e.Kind, e.Message)
}

// Input is the event for a transform. Its JSON must have been checked.
type Input struct {
	ID, Type, Key string
	Time          time.Time
	// Now is the time that Date shows. It must be the same for all attempts to deliver the event.
	Now time.Time
	// Tenant is the tenant whose processor time is charged.
	Tenant event.TenantID
	// Data is the payload; empty means null.
	Data []byte
	// Attributes is an object; empty means {}.
	Attributes []byte
}

// Output is the result of a transform.
type Output struct {
	// Drop means that the event must not be delivered; the other fields are then empty.
	Drop bool
	// Body is the body to send, at most MaxBodyBytes.
	Body []byte
	// Text means that the script returned the body as text; otherwise it is JSON.
	Text bool
	// NoBody means that the script returned no body: send the event's usual one.
	NoBody bool
	// Headers and Query are values to set, nil if not given. They have not been checked.
	Headers, Query map[string]string
	// URL replaces the destination, empty if not given. It has not been checked.
	URL string
}

// Script is a transform that has compiled. It is immutable and small: the pool caches the starting
// points of recently used scripts and recreates others.
type Script struct {
	source string
	key    [sha256.Size]byte
}

// NewScript returns the script for a source that Compile has accepted before, possibly in another
// pool, without running it. If the source no longer compiles, its runs fail with a *[RunError].
func NewScript(source string) *Script {
	return &Script{source: source, key: sha256.Sum256([]byte(source))}
}

// Source returns the script that was given to Compile.
func (s *Script) Source() string { return s.source }

// Pool runs scripts in a bounded number of instances. It is safe for concurrent use. It compiles
// and allocates nothing before the first use.
type Pool struct {
	o         Options
	scheduler *scheduler

	stop   context.Context // canceled when the pool is closed
	cancel context.CancelFunc

	mu     sync.Mutex // guards the fields below
	engine *engine    // nil until the first use
	idle   []*instance
	images *images
	closed bool
}

// NewPool returns a pool. The caller must close it.
func NewPool(o Options) *Pool {
	p := &Pool{o: o.withDefaults(), images: newImages()}
	p.scheduler = newScheduler(p.o.Instances, p.o.Waiting, p.o.Timeout/slowShare)
	p.stop, p.cancel = context.WithCancel(context.Background())
	return p
}

// Close ends all runs, waits for them and frees the instances. Closing twice is harmless.
func (p *Pool) Close() {
	p.cancel()
	p.scheduler.drain()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, in := range p.idle {
		in.close()
	}
	p.idle = nil
	if p.engine != nil {
		p.engine.close()
		p.engine = nil
	}
}

// Compile checks a source by running its top level in the sandbox, on the tenant's account. The
// error is an *[Error] if the source is invalid, otherwise [ErrClosed], [ErrBusy] or the context's
// error.
func (p *Pool) Compile(ctx context.Context, tenant event.TenantID, source string) (*Script, error) {
	if len(source) > MaxSourceBytes {
		return nil, &Error{Message: fmt.Sprintf("must have at most %d bytes, got %d", MaxSourceBytes, len(source))}
	}
	s := NewScript(source)
	err := p.use(ctx, user{tenant, s.key, true}, func(ctx context.Context, in *instance) error {
		_, err := p.load(ctx, in, s)
		return err
	})
	var failed *RunError
	if errors.As(err, &failed) {
		return nil, &Error{Line: failed.Line, Message: failed.Message}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Run runs a script for an event. The error is a *[RunError] if the script failed, otherwise
// [ErrClosed], [ErrBusy] or the context's error. Waiting for an instance ends with the context.
func (p *Pool) Run(ctx context.Context, s *Script, input Input) (Output, error) {
	var out Output
	err := p.use(ctx, user{input.Tenant, s.key, false}, func(ctx context.Context, in *instance) error {
		img, err := p.load(ctx, in, s)
		if err != nil {
			return err
		}
		out, err = in.run(withClock(ctx, input.Now), img, &input)
		return refineLine(err, s.source)
	})
	var bad *Error
	if errors.As(err, &bad) { // it compiled before, so its top level depends on changing conditions
		err = &RunError{Kind: Exception, Line: bad.Line, Message: bad.Message}
	}
	return out, err
}

// use acquires a slot and an instance, and calls f with a context that ends with the time limit,
// with ctx, and with the pool.
func (p *Pool) use(ctx context.Context, u user, f func(context.Context, *instance) error) error {
	t, err := p.scheduler.acquire(ctx, p.stop, u)
	if err != nil {
		return err
	}
	end, took := unknown, time.Duration(0)
	defer func() { p.scheduler.release(t, end, took) }()
	in, err := p.instance() // may start the engine, whose failure is not the script's
	if err != nil {
		return err
	}
	if t.low {
		thread := priority.Start(priority.Lowest)
		thread.Do(func() { end, took, err = p.execute(ctx, in, u.saving, f) })
		thread.End()
	} else {
		end, took, err = p.execute(ctx, in, u.saving, f)
	}
	return err
}

// maxStall is how many times the time limit a run may last on a machine that is too busy to run it.
const maxStall = 5

// limitTime calls end when the thread has used the time limit since start, or when maxStall times
// the limit has passed. It returns a function that stops the watch.
func (p *Pool) limitTime(c threadClock, start time.Time, end func()) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	done := false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(p.o.Timeout, func() {
		mu.Lock()
		defer mu.Unlock()
		left := p.o.Timeout - c.used()
		switch {
		case done:
		case left < p.o.Timeout/20 || time.Since(start) >= maxStall*p.o.Timeout:
			end()
		default:
			timer.Reset(left)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		done = true
		timer.Stop()
	}
}

// execute calls f with an instance under the time limit. It returns how the run ended and the
// processor time it took. Checking a script that is being saved does not count as a run of it.
func (p *Pool) execute(ctx context.Context, in *instance, saving bool, f func(context.Context, *instance) error) (end outcome, took time.Duration, err error) {
	runtime.LockOSThread() // measures the time of this thread
	defer runtime.UnlockOSThread()
	start, clock := time.Now(), startThreadClock()
	run, cancel := context.WithCancel(withClock(ctx, time.Time{}))
	defer cancel()
	defer context.AfterFunc(p.stop, cancel)()
	stop := p.limitTime(clock, start, cancel)

	err = f(run, in)
	stop()
	took = clock.used()
	p.putInstance(in)
	end, err = p.judge(ctx, run, in, saving, err)
	return end, took, err
}

// judge classifies the end of a run by its error.
func (p *Pool) judge(ctx, run context.Context, in *instance, saving bool, err error) (outcome, error) {
	fine := well
	if saving {
		fine = unknown
	}
	var failed *RunError
	var refused *Error
	switch {
	case err == nil || errors.As(err, &refused):
		return fine, err
	case p.stop.Err() != nil:
		return unknown, ErrClosed
	case ctx.Err() != nil:
		return unknown, ctx.Err()
	case run.Err() != nil:
		return badly, &RunError{Kind: Timeout, Message: fmt.Sprintf("took longer than %v", p.o.Timeout)}
	case errors.As(err, &failed) && (failed.Kind == Result || failed.Kind == Exception && !in.broken):
		return fine, err
	}
	return badly, err
}

// instance returns an idle instance or a new one.
func (p *Pool) instance() (*instance, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		in := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return in, nil
	}
	if p.engine == nil {
		if p.o.Started != nil {
			p.o.Started(p.o.Instances)
			p.o.Started = nil
		}
		// Under the lock, because other callers would have to wait for the engine anyway.
		e, err := newEngine(p.o)
		if err != nil {
			return nil, fmt.Errorf("starting the script engine: %w", err)
		}
		p.engine = e
	}
	in, err := p.engine.instantiate()
	if err != nil {
		return nil, fmt.Errorf("starting an instance of the script engine: %w", err)
	}
	return in, nil
}

// putInstance keeps an instance for the next run, unless it is broken or has grown.
func (p *Pool) putInstance(in *instance) {
	if in.broken || in.grown() {
		in.broken = in.broken || in.size() > in.engine.memory/2
		in.close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, in)
}

// load returns the image of a script, running its top level if the image is not cached.
func (p *Pool) load(ctx context.Context, in *instance, s *Script) (*image, error) {
	p.mu.Lock()
	img := p.images.get(s.key)
	p.mu.Unlock()
	if img != nil {
		return img, nil
	}
	img, err := in.load(ctx, s.source)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.images.put(s.key, img)
	p.mu.Unlock()
	return img, nil
}
