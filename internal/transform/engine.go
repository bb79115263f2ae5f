package transform

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	quickjs "github.com/aperturerobotics/go-quickjs-wasi-reactor"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

import _ "embed"

//go:embed harness.js
var harness string

const (
	// wasmPage is the unit of the size of a WebAssembly memory.
	wasmPage = 64 << 10
	// maxGrowth bounds the growth of an instance's memory up to which it may be reused. The
	// engine's allocator can grow memory but never shrink it, so it grows a little with every run
	// whose event does not fit, and restoring must clear all of it.
	maxGrowth = 1 << 20
	// headroom is memory withheld from scripts, so that running out of memory is an error in the
	// script and not a trap.
	headroom = 2 << 20
	// gcThreshold is how much a script may allocate before the engine searches for cycles.
	// Reference counting frees everything else, and the end of a run frees all, so few runs ever
	// need a collection.
	gcThreshold = 4 << 20
	// frameBytes is the space for the arguments of calls: six values of eight bytes, and a length.
	frameBytes = 6*8 + 8
	// scratchBytes is the space for input text. Shorter text needs no allocation, which saves a
	// call.
	scratchBytes = 8 << 10
)

// engine is the compiled QuickJS and the initial memory of all instances. Instances are identical
// down to the addresses in their memory, so an image taken from one fits all.
type engine struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
	memory  int // the limit of an instance's memory in bytes

	base     []byte // the memory after the harness ran
	ctx      uint64 // JSContext*
	frame    uint32 // frameBytes of memory at this address, followed by scratchBytes
	call     uint64 // JSValues of the harness's functions
	describe uint64
}

// compiled keeps what was compiled for all pools of the process. A server has one; a test that starts many servers would spend
// most of its time on compiling.
var compiled = wazero.NewCompilationCache()

// newEngine compiles the engine, which takes about half a second of CPU the first time, and creates the base.
func newEngine(o Options) (*engine, error) {
	ctx := context.Background()
	e := &engine{memory: o.MemoryMB << 20}
	config := wazero.NewRuntimeConfig() // compiles on amd64 and arm64; elsewhere it interprets, about twenty times slower
	// Support for interrupting runs makes them two to three times slower (wazero issue 2466), but
	// only an interrupt can end a loop inside the engine.
	e.runtime = wazero.NewRuntimeWithConfig(ctx, config.
		WithCompilationCache(compiled).
		WithCloseOnContextDone(true).
		WithMemoryLimitPages(uint32(e.memory/wasmPage)).
		WithDebugInfoEnabled(false))
	fail := func(err error) (*engine, error) {
		e.close()
		return nil, err
	}
	var err error
	if e.module, err = e.runtime.CompileModule(ctx, quickjs.QuickJSWASM); err != nil {
		return fail(fmt.Errorf("compiling QuickJS: %w", err))
	}
	if err := stubWASI(ctx, e.runtime, e.module); err != nil {
		return fail(err)
	}
	first, err := e.instantiate()
	if err != nil {
		return fail(err)
	}
	defer first.close()
	if err := first.makeBase(); err != nil {
		return fail(fmt.Errorf("preparing QuickJS: %w", err))
	}
	return e, nil
}

func (e *engine) close() { _ = e.runtime.Close(context.Background()) }

// instantiate creates an instance with memory for the base.
func (e *engine) instantiate() (in *instance, err error) {
	defer func() {
		if r := recover(); r != nil { // wazero panics if the system refuses memory
			in, err = nil, fmt.Errorf("allocating memory: %v", r)
		}
	}()
	ctx := experimental.WithMemoryAllocator(withClock(context.Background(), time.Time{}), allocator)
	m, err := e.runtime.InstantiateModule(ctx, e.module, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return nil, err
	}
	in = &instance{engine: e, module: m}
	for name, f := range in.functions() {
		if *f = m.ExportedFunction(name); *f == nil {
			in.close()
			return nil, fmt.Errorf("QuickJS exports no %s", name)
		}
	}
	if have := int(m.Memory().Size()); have < len(e.base) {
		if _, ok := m.Memory().Grow(uint32((len(e.base) - have) / wasmPage)); !ok {
			in.close()
			return nil, fmt.Errorf("growing memory to %d bytes: refused", len(e.base))
		}
	}
	return in, nil
}

// clockKey is the context key of a run's time.
type clockKey struct{}

// withClock returns a context that carries the sandbox's time, to the millisecond.
func withClock(ctx context.Context, t time.Time) context.Context {
	ms := t.UnixMilli()
	if t.IsZero() {
		ms = 0
	}
	return context.WithValue(ctx, clockKey{}, ms)
}

// Error numbers of WASI preview 1.
// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno
const (
	wasiOK    = 0
	wasiBADF  = 8
	wasiNOSYS = 52
)

// stubWASI supplies the module's imports with minimal stubs: there are no files and no environment,
// the clock is the run's, and all other functions report that they are not implemented.
func stubWASI(ctx context.Context, r wazero.Runtime, m wazero.CompiledModule) error {
	const wasi = "wasi_snapshot_preview1"
	b := r.NewHostModuleBuilder(wasi)
	for _, f := range m.ImportedFunctions() {
		from, name, _ := f.Import()
		if from != wasi {
			return fmt.Errorf("QuickJS imports %q of %q, want only WASI", name, from)
		}
		var stub api.GoModuleFunc
		switch name {
		case "environ_sizes_get":
			stub = func(_ context.Context, m api.Module, stack []uint64) {
				stack[0] = errno(m.Memory().WriteUint32Le(uint32(stack[0]), 0) && m.Memory().WriteUint32Le(uint32(stack[1]), 0))
			}
		case "environ_get":
			stub = func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = wasiOK }
		case "clock_time_get":
			stub = func(ctx context.Context, m api.Module, stack []uint64) {
				ms, _ := ctx.Value(clockKey{}).(int64)
				stack[0] = errno(m.Memory().WriteUint64Le(uint32(stack[2]), uint64(ms)*uint64(time.Millisecond)))
			}
		case "proc_exit":
			stub = func(context.Context, api.Module, []uint64) { panic("QuickJS gave up") } // becomes a trap
		case "fd_close", "fd_fdstat_get", "fd_fdstat_set_flags", "fd_prestat_get", "fd_prestat_dir_name", "fd_read", "fd_seek", "fd_write":
			stub = func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = wasiBADF }
		default:
			stub = func(_ context.Context, _ api.Module, stack []uint64) { stack[0] = wasiNOSYS }
		}
		b.NewFunctionBuilder().WithGoModuleFunction(stub, f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("providing the imports of QuickJS: %w", err)
	}
	return nil
}

func errno(ok bool) uint64 {
	if ok {
		return wasiOK
	}
	return wasiBADF
}

// makeBase starts QuickJS, runs the harness and stores its memory as the engine's base.
func (in *instance) makeBase() error {
	e := in.engine
	ctx := withClock(context.Background(), time.Time{})
	rt, err := in.callRaw(ctx, in.newRuntime)
	if err != nil || rt == 0 {
		return fmt.Errorf("creating a runtime: %w", orRefused(err))
	}
	if _, err := in.callRaw(ctx, in.setMemoryLimit, rt, uint64(e.memory-headroom)); err != nil {
		return fmt.Errorf("limiting memory: %w", err)
	}
	if _, err := in.callRaw(ctx, in.setGCThreshold, rt, gcThreshold); err != nil {
		return fmt.Errorf("setting up the garbage collector: %w", err)
	}
	if e.ctx, err = in.callRaw(ctx, in.newContext, rt); err != nil || e.ctx == 0 {
		return fmt.Errorf("creating a context: %w", orRefused(err))
	}
	frame, err := in.callRaw(ctx, in.malloc, frameBytes+scratchBytes)
	if err != nil || frame == 0 {
		return fmt.Errorf("allocating: %w", orRefused(err))
	}
	e.frame = uint32(frame)
	pair, err := in.eval(ctx, harness, "relay.js")
	if err != nil {
		return fmt.Errorf("running the harness: %w", err)
	}
	for i, f := range []*uint64{&e.call, &e.describe} {
		if *f, err = in.callRaw(ctx, in.getIndex, e.ctx, pair, uint64(i)); err != nil || isException(*f) {
			return fmt.Errorf("running the harness: %w", orRefused(err))
		}
	}
	if _, err := in.callRaw(ctx, in.runGC, rt); err != nil {
		return fmt.Errorf("collecting garbage: %w", err)
	}
	mem, ok := in.module.Memory().Read(0, in.module.Memory().Size())
	if !ok {
		return fmt.Errorf("reading memory: refused")
	}
	e.base = append([]byte(nil), mem...)
	return nil
}

func orRefused(err error) error {
	if err == nil {
		return fmt.Errorf("refused")
	}
	return err
}

// jsUndefined and jsTagException are from quickjs.h, where JS_NAN_BOXING is set: the upper half of
// a value is its tag.
const (
	jsUndefined    = 3 << 32
	jsTagException = 6
)

func isException(v uint64) bool { return v>>32 == jsTagException }

// putFrame writes the arguments for a JavaScript function.
func (in *instance) putFrame(values ...uint64) bool {
	var b [frameBytes]byte
	for i, v := range values {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
	return in.module.Memory().Write(in.engine.frame, b[:])
}
