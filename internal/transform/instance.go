package transform

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"

	"github.com/relay-events/relay/internal/event/rawjson"
)

// scriptName names the user's script in stack traces.
const scriptName = "transform.js"

// instance is a QuickJS with its own memory. It belongs to one goroutine at a time.
type instance struct {
	engine *engine
	module api.Module
	broken bool // trapped, ran out of time or of memory: must not be reused
	closed bool
	last   int // size of the memory when last read

	malloc, newRuntime, setMemoryLimit, setGCThreshold, newContext, runGC api.Function
	evalText, isFunction, getException, getIndex                          api.Function
	newString, callFunction, toText                                       api.Function

	stack [6]uint64
	buf   []byte
}

// functions yields the names of QuickJS's exports and the fields that hold them.
func (in *instance) functions() iter.Seq2[string, *api.Function] {
	return func(yield func(string, *api.Function) bool) {
		for _, f := range []struct {
			name string
			to   *api.Function
		}{
			{"malloc", &in.malloc}, {"JS_NewRuntime", &in.newRuntime}, {"JS_SetMemoryLimit", &in.setMemoryLimit}, {"JS_SetGCThreshold", &in.setGCThreshold},
			{"JS_NewContext", &in.newContext}, {"JS_RunGC", &in.runGC}, {"JS_Eval", &in.evalText}, {"JS_IsFunction", &in.isFunction},
			{"JS_GetException", &in.getException}, {"JS_GetPropertyUint32", &in.getIndex}, {"JS_NewStringLen", &in.newString},
			{"JS_Call", &in.callFunction}, {"JS_ToCStringLen2", &in.toText},
		} {
			if !yield(f.name, f.to) {
				return
			}
		}
	}
}

func (in *instance) close() {
	if !in.closed {
		in.closed = true
		_ = in.module.Close(context.Background())
	}
}

// size returns the size of the memory in bytes, or its last known size after close.
func (in *instance) size() int {
	if !in.closed && !in.module.IsClosed() {
		in.last = int(in.module.Memory().Size())
	}
	return in.last
}

// grown reports whether the memory is too large for reuse.
func (in *instance) grown() bool { return in.size() > len(in.engine.base)+maxGrowth }

// errTrap is returned by calls that did not return: the engine trapped, or its time ran out.
var errTrap = errors.New("the script engine stopped")

// callRaw calls an export. After an error the instance is broken.
func (in *instance) callRaw(ctx context.Context, f api.Function, args ...uint64) (uint64, error) {
	stack := in.stack[:]
	copy(stack, args)
	if err := f.CallWithStack(ctx, stack); err != nil {
		in.broken = true
		return 0, fmt.Errorf("%w: %w", errTrap, err)
	}
	return stack[0], nil
}

// place allocates memory for text with a zero byte after it, copies the text there, and returns the
// address.
func (in *instance) place(ctx context.Context, text []byte) (uint64, error) {
	at, err := in.callRaw(ctx, in.malloc, uint64(len(text)+1))
	if err != nil {
		return 0, err
	}
	if at == 0 {
		return 0, errMemory
	}
	return at, in.write(at, text)
}

// write copies text to an address in the memory, with a zero byte after it.
func (in *instance) write(at uint64, text []byte) error {
	mem, ok := in.module.Memory().Read(uint32(at), uint32(len(text)+1))
	if !ok {
		return errTrap
	}
	mem[copy(mem, text)] = 0
	return nil
}

// text creates a JavaScript string.
func (in *instance) text(ctx context.Context, text []byte) (uint64, error) {
	at := uint64(in.engine.frame + frameBytes)
	var err error
	if len(text) < scratchBytes {
		err = in.write(at, text)
	} else {
		at, err = in.place(ctx, text)
	}
	if err != nil {
		return 0, err
	}
	v, err := in.callRaw(ctx, in.newString, in.engine.ctx, at, uint64(len(text)))
	if err == nil && isException(v) {
		err = errMemory
	}
	return v, err
}

// eval runs a script and returns its value. If the script threw, the error is a *RunError.
func (in *instance) eval(ctx context.Context, source, name string) (uint64, error) {
	at, err := in.place(ctx, []byte(source))
	if err != nil {
		return 0, err
	}
	file, err := in.place(ctx, []byte(name))
	if err != nil {
		return 0, err
	}
	const global = 0 // JS_EVAL_TYPE_GLOBAL
	v, err := in.callRaw(ctx, in.evalText, in.engine.ctx, at, uint64(len(source)), file, global)
	if err != nil || !isException(v) {
		return v, err
	}
	return 0, in.thrown(ctx)
}

// thrown returns the engine's pending exception as an error.
func (in *instance) thrown(ctx context.Context) error {
	e, err := in.callRaw(ctx, in.getException, in.engine.ctx)
	if err != nil {
		return err
	}
	if in.engine.describe == 0 { // the harness itself failed
		return errTrap
	}
	out, err := in.callText(ctx, in.engine.describe, e)
	if err != nil {
		return err
	}
	return in.failure(out)
}

// errMemory means that an allocation outside the script failed.
var errMemory = &RunError{Kind: Memory, Message: "out of memory"}

// callText calls a JavaScript function that returns a text, and returns a copy of the text.
func (in *instance) callText(ctx context.Context, fn uint64, args ...uint64) ([]byte, error) {
	e := in.engine
	if !in.putFrame(args...) {
		return nil, errTrap
	}
	v, err := in.callRaw(ctx, in.callFunction, e.ctx, fn, jsUndefined, uint64(len(args)), uint64(e.frame))
	if err != nil {
		return nil, err
	}
	if isException(v) {
		return nil, errMemory // the harness catches all other exceptions
	}
	length := e.frame + frameBytes - 8
	at, err := in.callRaw(ctx, in.toText, e.ctx, uint64(length), v, 0)
	if err != nil {
		return nil, err
	}
	n, ok := in.module.Memory().ReadUint32Le(length)
	if at == 0 || !ok {
		return nil, errMemory
	}
	mem, ok := in.module.Memory().Read(uint32(at), n)
	if !ok {
		return nil, errTrap
	}
	return append([]byte(nil), mem...), nil
}

// wrap converts the errors of this file into those that callers get. Pool.use recognizes traps of
// runs that ran out of time, by their context.
func (in *instance) wrap(err error) error {
	var failed *RunError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failed):
		// If the engine has no memory left for an error, it throws null, and its memory is at the
		// limit.
		if failed.Kind == Exception && failed.Message == "null" && in.size() >= in.engine.memory-headroom {
			failed = &RunError{Kind: Memory, Line: failed.Line}
		}
		if failed.Kind == Memory {
			in.broken = true
			failed = &RunError{Kind: Memory, Line: failed.Line, Message: in.outOfMemory()}
		}
		return failed
	case errors.Is(err, errTrap) && in.size() >= in.engine.memory-headroom:
		in.broken = true
		return &RunError{Kind: Memory, Message: in.outOfMemory()}
	}
	in.broken = true
	return &RunError{Kind: Exception, Message: "the script engine stopped; the usual cause is endless recursion"}
}

func (in *instance) outOfMemory() string {
	return fmt.Sprintf("out of memory: the script, with the event's data as JavaScript values, needs more than %d MiB", in.engine.memory>>20)
}

// restore resets the memory to the image, or to the base if img is nil.
func (in *instance) restore(img *image) error {
	base := in.engine.base
	if img == nil {
		img = &image{size: len(base)}
	}
	m := in.module.Memory()
	if have := int(m.Size()); have < img.size {
		if _, ok := m.Grow(uint32((img.size - have) / wasmPage)); !ok {
			return errMemory
		}
	}
	mem, ok := m.Read(0, m.Size())
	if !ok {
		return errTrap
	}
	img.restore(mem, base)
	return nil
}

// load runs a script's top level and returns the image from which runs start.
func (in *instance) load(ctx context.Context, source string) (*image, error) {
	if err := in.restore(nil); err != nil {
		return nil, in.wrap(err)
	}
	if _, err := in.eval(ctx, source, scriptName); err != nil {
		return nil, in.wrap(err)
	}
	fn, err := in.eval(ctx, `typeof transform === "function" ? transform : undefined`, "relay.js")
	if err != nil {
		return nil, in.wrap(err)
	}
	is, err := in.callRaw(ctx, in.isFunction, in.engine.ctx, fn)
	if err != nil {
		return nil, in.wrap(err)
	}
	if uint32(is) == 0 {
		return nil, &Error{Message: "must define function transform(event)"}
	}
	if in.grown() {
		return nil, &Error{Message: fmt.Sprintf("the script takes more than %d bytes of memory outside transform", maxGrowth)}
	}
	mem, ok := in.module.Memory().Read(0, in.module.Memory().Size())
	if !ok {
		return nil, in.wrap(errTrap)
	}
	return takeImage(mem, in.engine.base, fn), nil
}

// run runs a script for an event.
func (in *instance) run(ctx context.Context, img *image, event *Input) (Output, error) {
	if err := in.restore(img); err != nil {
		return Output{}, in.wrap(err)
	}
	in.buf = appendMeta(in.buf[:0], event)
	cut := utf16Length(in.buf)
	in.buf = append(in.buf, event.Data...)
	input, err := in.text(ctx, in.buf)
	if cap(in.buf) > 64<<10 {
		in.buf = nil
	}
	if err != nil {
		return Output{}, in.wrap(err)
	}
	// An integer is a value whose upper half, the tag, is 0.
	seed := sha256.Sum256([]byte(event.ID))
	s0, s1, s2 := binary.LittleEndian.Uint32(seed[:]), binary.LittleEndian.Uint32(seed[4:]), binary.LittleEndian.Uint32(seed[8:])
	out, err := in.callText(ctx, in.engine.call, img.fn, input, uint64(uint32(cut)), uint64(s0), uint64(s1), uint64(s2))
	if err != nil {
		return Output{}, in.wrap(err)
	}
	return in.decode(out)
}

// utf16Length returns the length of a text in JavaScript.
func utf16Length(text []byte) int {
	n := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i, n = i+1, n+1
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		i, n = i+size, n+utf16.RuneLen(r)
	}
	return n
}

// appendMeta appends all of the event except its data, as JSON.
func appendMeta(b []byte, event *Input) []byte {
	b = append(b, `{"id":`...)
	b = rawjson.AppendQuoted(b, event.ID)
	b = append(b, `,"type":`...)
	b = rawjson.AppendQuoted(b, event.Type)
	b = append(b, `,"time":"`...)
	b = event.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, `","key":`...)
	b = rawjson.AppendQuoted(b, event.Key)
	b = append(b, `,"attributes":`...)
	if len(event.Attributes) == 0 {
		b = append(b, "{}"...)
	} else {
		b = append(b, event.Attributes...)
	}
	return append(b, '}')
}

// decode parses the harness's result.
func (in *instance) decode(out []byte) (Output, error) {
	if len(out) == 0 {
		return Output{}, in.wrap(errTrap)
	}
	switch out[0] {
	case 'D':
		return Output{Drop: true}, nil
	case 'R':
		return Output{}, &RunError{Kind: Result, Message: string(out[1:])}
	case 'B', 'T', 'F':
		head, body, ok := strings.Cut(string(out[1:]), "\n")
		var rest [3]json.RawMessage
		if !ok || json.Unmarshal([]byte(head), &rest) != nil {
			return Output{}, in.wrap(errTrap)
		}
		o := Output{Body: []byte(body), Text: out[0] == 'T', NoBody: out[0] == 'F'}
		if len(o.Body) > MaxBodyBytes {
			return Output{}, &RunError{Kind: Result, Message: fmt.Sprintf("the body has %d bytes, want at most %d", len(o.Body), MaxBodyBytes)}
		}
		if json.Unmarshal(rest[0], &o.Headers) != nil || json.Unmarshal(rest[1], &o.Query) != nil || json.Unmarshal(rest[2], &o.URL) != nil {
			return Output{}, in.wrap(errTrap)
		}
		return o, nil
	}
	return Output{}, in.wrap(in.failure(out))
}

// atLine finds the innermost position in the user's script in a stack trace.
var atLine = regexp.MustCompile(regexp.QuoteMeta(scriptName) + `:(\d+)(?::(\d+))?`)

// failure parses the harness's description of an exception.
func (in *instance) failure(out []byte) error {
	var words [2]string // message, stack
	if len(out) < 2 || json.Unmarshal(out[1:], &words) != nil {
		return errTrap
	}
	failed := &RunError{Kind: Exception, Message: words[0]}
	if out[0] == 'M' {
		failed.Kind = Memory
	}
	if m := atLine.FindStringSubmatch(words[1]); m != nil {
		failed.Line, _ = strconv.Atoi(m[1])
	}
	return failed
}

// The most frequent mistakes. QuickJS stores positions only of calls and throws. For these mistakes
// it therefore reports the last such position before, or the start of the function.
var (
	readsUndefined = regexp.MustCompile(`^TypeError: cannot (?:read|set) property '([^']+)' of (?:undefined|null)`)
	undefinedName  = regexp.MustCompile(`^ReferenceError: (\S+) is not defined`)
)

// refineLine corrects the line of a failure: if only one line of the script uses the missing name,
// it is that line.
func refineLine(err error, source string) error {
	var failed *RunError
	if !errors.As(err, &failed) || failed.Line == 0 {
		return err
	}
	before := `(?:\.\s*|\[\s*["']?)`
	m := readsUndefined.FindStringSubmatch(failed.Message)
	if m == nil {
		before = `(?:^|[^\w$.])`
		m = undefinedName.FindStringSubmatch(failed.Message)
	}
	if m == nil {
		return err
	}
	access, bad := regexp.Compile(before + regexp.QuoteMeta(m[1]) + `(?:[^\w$]|$)`)
	if bad != nil {
		return err
	}
	line := 0
	for i, text := range strings.Split(source, "\n") {
		if !access.MatchString(text) {
			continue
		}
		if line > 0 {
			return err
		}
		line = i + 1
	}
	if line > 0 {
		failed.Line = line
	}
	return failed
}
