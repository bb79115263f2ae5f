// Package transform runs the JavaScript that reshapes events for a webhook. A script defines
//
//	function transform(event) {
//	  return { body: { text: "New order " + event.data.id }, headers: { "X-Kind": event.type } };
//	}
//
// event has id, type, time (RFC 3339), key, attributes (an object) and data. The result is null to drop the event, or an
// object: body (a text is sent as it is, anything else as JSON; left out, the body is the caller's to choose), and if wanted
// headers, query and url. What headers and URL are allowed is the caller's to check.
//
// Numbers in JavaScript are doubles: an integer beyond 2^53 in the data loses digits on its way through event.data.
// event.rawData is the data's JSON exactly as it was published, for a body written as text.
//
// # The sandbox
//
// The engine is QuickJS-NG compiled to WebAssembly, run by wazero: a script that breaks the engine is still inside the
// instance's memory, a few calls that answer "no", and a clock. There is no file, network, process, environment, timer,
// console or module to reach. The memory has a limit, every run a time limit that also ends loops inside the engine.
//
// A run begins on a copy of the memory taken right after the script's top level ran, and is put back afterwards: nothing stays
// from one run to another. So the top level runs once in a while, without an event, and must not depend on the time; it cannot see
// what runs have done. An instance that trapped, ran out of time or grew is thrown away.
//
// Date shows the time that the caller gives, see [Input]: it stands still during a run, so that it tells nothing about
// the machine. At the top level it shows the beginning of 1970. Math.random is seeded with the event's id. So what a script can see
// is the same whenever it runs for an event, and attempts to deliver it send the same bytes.
//
// There are few instances. Tenants with runs waiting take turns by the processor time they have had, and so do the scripts of
// each. A script that has not yet run, ended badly last time (out of time or memory) or usually takes more than a two-hundredth of
// its time, and one that is being saved, never gets the last free instance, and runs on a thread of the lowest priority, where there is
// such a thing (Linux). Those that ended badly together run half of the time at most. So do the scripts of tenants that have had their
// share of the processors, while scripts take more than half of these. The time limit is one of processor time, where
// that can be told (Linux): a script that works does not fail because the machine is busy.
//
// Weak points: the first use compiles the engine, about half a second of CPU. The limit of the engine's stack cannot be set in this
// build, so endless recursion ends in a trap and costs the instance.
package transform

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/relay-events/relay/internal/event"
)

// Limits of scripts and results.
const (
	// MaxSourceBytes bounds a script.
	MaxSourceBytes = 64 << 10
	// MaxBodyBytes bounds the body a transform returns: as much as an event may have.
	MaxBodyBytes = 1 << 20
)

// slowShare of the time a run may take is what makes a script a slow one, if it usually takes longer. Most take a
// four-thousandth.
const slowShare = 200

// Options are the settings of a Pool. Zero values mean the defaults.
type Options struct {
	// Instances is how many scripts run at the same time. Default 2. With 1, a script that has never succeeded can
	// keep all others waiting for as long as the time limit.
	Instances int
	// Timeout is the processor time a run may take. Default 1 s. A run on a busy machine ends after five times as much
	// time at the latest.
	Timeout time.Duration
	// MemoryMB is the memory of an instance in MiB, engine included. Default 64, at least 8. In the worst case a pool
	// takes Instances × MemoryMB, and some 10 MiB for the compiled engine and its cache of scripts.
	MemoryMB int
	// Waiting is how many runs may wait for an instance; further ones fail with ErrBusy. Default 4096.
	Waiting int

	// Started is called once, with the number of instances, when the first use is about to start the engine. A script that runs
	// holds one of the Go scheduler's processors (GOMAXPROCS) for milliseconds at a time, so a program that must stay quick
	// meanwhile adds so many. May be nil.
	Started func(instances int)

	// compiled lets tests compile the engine once for all their pools.
	compiled wazero.CompilationCache
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

// Errors of a pool itself. They say nothing about the script.
var (
	// ErrClosed is returned once Close was called.
	ErrClosed = errors.New("transform pool is closed")
	// ErrBusy is returned when too many runs wait for an instance.
	ErrBusy = errors.New("too many transforms are waiting")
)

// Error says why a source cannot be a transform.
type Error struct {
	// Line and Column point into the source, both from 1; 0 where the whole source is meant.
	Line, Column int
	// Message is a phrase for people: "SyntaxError: unexpected token".
	Message string
}

// Error gives the position, if there is one, and the message.
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
	Result    Kind = "result"    // what it returned cannot be used
)

// RunError says why a run failed. The message may hold what the script chose to throw.
type RunError struct {
	Kind Kind
	// Line is the line of the script, from 1; 0 where there is none to blame.
	Line int
	// Message is a phrase for people.
	Message string
}

// Error gives kind, line and message.
func (e *RunError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("transform failed (%s, line %d): %s", e.Kind, e.Line, e.Message)
	}
	return fmt.Sprintf("transform failed (%s): %s", e.Kind, e.Message)
}

// Input is the event a transform gets. The JSON must have been checked.
type Input struct {
	ID, Type, Key string
	Time          time.Time
	// Now is the time that Date shows. It must be the same for all attempts to deliver the event.
	Now time.Time
	// Tenant is who the processor time is charged to.
	Tenant event.TenantID
	// Data is the payload; empty: null.
	Data []byte
	// Attributes is an object; empty: {}.
	Attributes []byte
}

// Output is what a transform returned.
type Output struct {
	// Drop means the event shall not be delivered; the other fields are empty then.
	Drop bool
	// Body is the body to send, at most MaxBodyBytes.
	Body []byte
	// Text means the script wrote the body as text; else it is JSON.
	Text bool
	// NoBody means the script gave none: the event's usual one is wanted.
	NoBody bool
	// Headers and Query are to be set; nil when not given. Nothing of them has been checked.
	Headers, Query map[string]string
	// URL is where to send it instead; empty when not given. It has not been checked.
	URL string
}

// Script is a transform that compiled. It is immutable and costs little: what a run starts from is kept by the pool for the
// scripts used last and made anew for others.
type Script struct {
	source string
	key    [sha256.Size]byte
}

// NewScript returns the script of a source that Compile accepted before, maybe another pool's, without running anything. If it does
// not compile any more, its runs fail with a *[RunError].
func NewScript(source string) *Script {
	return &Script{source: source, key: sha256.Sum256([]byte(source))}
}

// Source returns the script as it was given to Compile.
func (s *Script) Source() string { return s.source }

// Pool runs scripts in a bounded number of instances. It is safe for concurrent use. Nothing is compiled or allocated before
// the first use.
type Pool struct {
	o    Options
	gate *gate

	stop   context.Context // ends when the pool is closed
	cancel context.CancelFunc

	mu     sync.Mutex // guards all below
	engine *engine    // nil until first used
	idle   []*instance
	images *images
	closed bool
}

// NewPool returns a pool. Close it.
func NewPool(o Options) *Pool {
	p := &Pool{o: o.withDefaults(), images: newImages()}
	p.gate = newGate(p.o.Instances, p.o.Waiting, p.o.Timeout/slowShare)
	p.stop, p.cancel = context.WithCancel(context.Background())
	return p
}

// Close ends all runs, waits for them and frees the instances. Closing twice is harmless.
func (p *Pool) Close() {
	p.cancel()
	p.gate.drain()
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

// Compile checks a source by running its top level in the sandbox, for a tenant. The error is an *[Error] if the source is to blame,
// [ErrClosed], [ErrBusy] or the context's error otherwise.
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

// Run runs a script for an event. The error is a *[RunError] if the script is to blame, [ErrClosed], [ErrBusy] or the
// context's error otherwise; the wait for an instance ends with the context.
func (p *Pool) Run(ctx context.Context, s *Script, input Input) (Output, error) {
	var out Output
	err := p.use(ctx, user{input.Tenant, s.key, false}, func(ctx context.Context, in *instance) error {
		img, err := p.load(ctx, in, s)
		if err != nil {
			return err
		}
		out, err = in.run(withClock(ctx, input.Now), img, &input)
		return blame(err, s.source)
	})
	var bad *Error
	if errors.As(err, &bad) { // it compiled once, so its top level depends on something
		err = &RunError{Kind: Exception, Line: bad.Line, Message: bad.Message}
	}
	return out, err
}

// use takes a turn with an instance and calls f with a context that ends after the time limit, with ctx, and with the pool.
func (p *Pool) use(ctx context.Context, u user, f func(context.Context, *instance) error) error {
	t, err := p.gate.enter(ctx, p.stop, u)
	if err != nil {
		return err
	}
	end, took := unknown, time.Duration(0)
	defer func() { p.gate.leave(t, end, took) }()
	in, err := p.instance() // which may start the engine: not the script's doing
	if err != nil {
		return err
	}
	if t.doubted {
		lowly(p.gate.most, func() { end, took, err = p.take(ctx, in, u.saving, f) })
	} else {
		end, took, err = p.take(ctx, in, u.saving, f)
	}
	return err
}

// maxStall is how many times its time limit a run may take on a machine that is too busy to let it work.
const maxStall = 5

// limitTime calls end when the thread has used the time limit since start, or has had no chance to for long, until stop is called.
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

// take is use, once there are a turn and an instance; it also tells how the turn ended, and what processor time it took. That a
// script is saved says nothing about its runs.
func (p *Pool) take(ctx context.Context, in *instance, saving bool, f func(context.Context, *instance) error) (end outcome, took time.Duration, err error) {
	runtime.LockOSThread() // whose time is measured
	defer runtime.UnlockOSThread()
	start, clock := time.Now(), startThreadClock()
	run, cancel := context.WithCancel(withClock(ctx, time.Time{}))
	defer cancel()
	defer context.AfterFunc(p.stop, cancel)()
	stop := p.limitTime(clock, start, cancel)

	err = f(run, in)
	stop()
	took = clock.used()
	p.giveBack(in)
	end, err = p.judge(ctx, run, in, saving, err)
	return end, took, err
}

// judge says how a turn ended, from the error of the work in it.
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

// instance returns one that waits for work, or a new one.
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
		// Under the lock: others would have to wait for it anyway.
		e, err := newEngine(p.o)
		if err != nil {
			return nil, fmt.Errorf("starting the script engine: %w", err)
		}
		p.engine = e
	}
	in, err := p.engine.instantiate()
	if err != nil {
		return nil, fmt.Errorf("starting a script engine's instance: %w", err)
	}
	return in, nil
}

// giveBack keeps an instance for the next run, unless something is wrong with it.
func (p *Pool) giveBack(in *instance) {
	if in.broken || in.grown() {
		in.broken = in.broken || in.size() > in.engine.memory/2
		in.close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, in)
}

// load returns the image of a script's memory after its top level ran, which it runs if there is none.
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
