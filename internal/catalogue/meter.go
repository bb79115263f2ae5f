package catalogue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// DefaultWork is the default of Limits.Work.
const DefaultWork = 2_000_000

const (
	// lookEvery is how many steps pass between two looks at the caller's context: about 2 ms.
	lookEvery = 5_000
	// heavySteps is what a request may take before it waits for others of its tenant that have taken as much.
	heavySteps = 20_000
	// maxWaiting bounds the requests of a tenant that wait for its share of work. Each of them holds its body.
	maxWaiting = 32
	// stepBytes is how many bytes an expression passes over or copies in a step.
	stepBytes = 64
	// payTime is the time in which a tenant may take Limits.Work again, however many requests it sends.
	payTime = 2 * time.Second
)

// Limits bound what a tenant's catalogue may cost. Zero fields have their defaults.
type Limits struct {
	// Work is what the checks and rules of one request may take, in steps of about 0.3 µs, and what all of a tenant may
	// take in two seconds on average. Only what is not plain counts: see fastNode. Default: DefaultWork.
	Work int
	// Bytes bounds what a tenant adds to the catalogue, as stored. Default: DefaultBytes.
	Bytes int64
}

func (l Limits) withDefaults() Limits {
	if l.Work <= 0 {
		l.Work = DefaultWork
	}
	if l.Bytes <= 0 {
		l.Bytes = DefaultBytes
	}
	return l
}

// Stats counts what the limits did since the start.
type Stats struct {
	Steps                                atomic.Int64 // of checks, rules and imports
	Waits                                atomic.Int64 // requests that waited for their tenant's share
	RequestWork, TenantWork, Bytes, Size atomic.Int64 // refusals by Limits.Work, of one request and of a tenant's; by Limits.Bytes; by the bounds of imports
}

// errRequestWork is returned when a request has taken all that it may.
var errRequestWork = errors.New("the checks and rules of one request take more work than is allowed")

// Work is the checking and deriving for one request. It belongs to one goroutine. A nil *Work is unbounded.
type Work struct {
	ctx     context.Context
	meter   *meter
	left    int  // of Limits.Work
	pending int  // steps taken since the last look
	bytes   int  // of expressions, not yet a step
	used    int  // steps up to the last look
	holds   bool // the tenant's place for heavy requests
	stop    error
}

// meter is a tenant's share of work. What requests take is paid afterwards; a tenant that is in debt waits before it takes
// more. Its other requests, whose events are not checked or fit a plain schema, do not.
type meter struct {
	stats   *Stats
	limit   int           // Limits.Work
	heavy   chan struct{} // holds one: the heavy request under way
	waiting atomic.Int32

	mu      sync.Mutex
	balance float64 // steps, at most limit
	at      time.Time
}

func newMeter(limit int, stats *Stats) *meter {
	return &meter{stats: stats, limit: limit, heavy: make(chan struct{}, 1), balance: float64(limit), at: time.Now()}
}

// pay takes steps from the balance, and returns how long the tenant has to wait until it is out of debt.
func (m *meter) pay(steps int) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	rate := float64(m.limit) / payTime.Seconds()
	now := time.Now()
	m.balance = min(float64(m.limit), m.balance+now.Sub(m.at).Seconds()*rate) - float64(steps)
	m.at = now
	if m.balance >= 0 {
		return 0
	}
	return time.Duration(-m.balance / rate * float64(time.Second))
}

// wait counts a waiting request, unless too many do.
func (m *meter) wait() error {
	if m.waiting.Add(1) > maxWaiting {
		m.waiting.Add(-1)
		m.stats.TenantWork.Add(1)
		return &problem.Error{Kind: problem.TooMany, After: payTime,
			Detail: fmt.Sprintf("the schemas and rules of this tenant take more work than its share (catalogueWork, %d steps in %v): make them simpler, or publish more slowly", m.limit, payTime)}
	}
	m.stats.Waits.Add(1)
	return nil
}

func (r *Registry) meter(tenant event.TenantID) *meter {
	if m, ok := r.meters.Load(tenant); ok {
		return m.(*meter)
	}
	m, _ := r.meters.LoadOrStore(tenant, newMeter(r.limits.Work, &r.stats))
	return m.(*meter)
}

// Stats returns the counters of the limits.
func (r *Registry) Stats() *Stats { return &r.stats }

// Work returns the budget of one request, which ends with ctx. The caller calls End.
func (v View) Work(ctx context.Context) *Work { return v.r.work(ctx, v.tenant) }

// Importing returns the budget of an import, which the tenant's other costly requests wait for. The caller calls End.
func (r *Registry) Importing(ctx context.Context, tenant event.TenantID) (*Work, error) {
	w := r.work(ctx, tenant)
	if err := w.begin(); err != nil {
		return nil, err
	}
	return w, w.hold()
}

// paced lets the tenant pay for compiling schemas of so many bytes, once it is out of debt.
func (r *Registry) paced(ctx context.Context, tenant event.TenantID, schemas ...[]byte) error {
	w := r.work(ctx, tenant)
	defer w.End()
	if err := w.begin(); err != nil {
		return err
	}
	n := 0
	for _, s := range schemas {
		n += len(s)
	}
	w.owe(n * compileSteps)
	return nil
}

func (r *Registry) work(ctx context.Context, tenant event.TenantID) *Work {
	return &Work{ctx: ctx, meter: r.meter(tenant), left: r.limits.Work}
}

// begin is called before work that is not plain. It waits while the tenant is in debt.
func (w *Work) begin() error {
	if w == nil || w.stop != nil && !errors.Is(w.stop, errRequestWork) {
		return w.failure()
	}
	if w.ctx.Err() != nil {
		return w.ended()
	}
	wait := w.meter.pay(0)
	if wait == 0 {
		return nil
	}
	if err := w.meter.wait(); err != nil {
		w.stop = err
		return err
	}
	defer w.meter.waiting.Add(-1)
	for ; wait > 0; wait = w.meter.pay(0) {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-w.ctx.Done():
			timer.Stop()
			return w.ended()
		}
	}
	return nil
}

func (w *Work) ended() error {
	w.stop = fmt.Errorf("checking events: %w", w.ctx.Err())
	return w.stop
}

// spend takes n steps. It is called before the work is done.
func (w *Work) spend(n int) error {
	if w == nil {
		return nil
	}
	if w.pending += n; w.pending < lookEvery && w.stop == nil {
		return nil
	}
	return w.look()
}

// spendBytes takes what passing over or copying n bytes costs.
func (w *Work) spendBytes(n int) error {
	if w == nil {
		return nil
	}
	w.bytes += n
	steps := w.bytes / stepBytes
	w.bytes %= stepBytes
	return w.spend(steps)
}

// owe has the tenant pay for n steps that do not count for the request: who publishes first after a start must not be refused
// for the compiling.
func (w *Work) owe(n int) {
	if w != nil {
		w.meter.pay(n)
		w.meter.stats.Steps.Add(int64(n))
	}
}

// look pays for what was taken, and tells whether to go on.
func (w *Work) look() error {
	if w.stop != nil {
		return w.stop
	}
	if w.ctx.Err() != nil {
		w.pending = 0 // it is not done any more
		return w.ended()
	}
	w.left -= w.pending
	if w.left < 0 {
		w.pending = 0 // likewise
		w.meter.stats.RequestWork.Add(1)
		w.stop = errRequestWork
		return w.stop
	}
	w.settle()
	if w.used >= heavySteps {
		return w.hold()
	}
	return nil
}

func (w *Work) settle() {
	w.meter.pay(w.pending)
	w.meter.stats.Steps.Add(int64(w.pending))
	w.used += w.pending
	w.pending = 0
}

// hold waits for the tenant's place for heavy requests, of which one is under way at a time.
func (w *Work) hold() error {
	if w == nil || w.holds {
		return nil
	}
	select {
	case w.meter.heavy <- struct{}{}:
		w.holds = true
		return nil
	default:
	}
	if err := w.meter.wait(); err != nil {
		w.stop = err
		return err
	}
	defer w.meter.waiting.Add(-1)
	select {
	case w.meter.heavy <- struct{}{}:
		w.holds = true
		return nil
	case <-w.ctx.Done():
		return w.ended()
	}
}

// End pays for the rest. Calling it again, or on nil, is harmless.
func (w *Work) End() {
	if w == nil {
		return
	}
	if w.pending > 0 {
		w.settle()
	}
	if w.holds {
		w.holds = false
		<-w.meter.heavy
	}
}

// failure returns why the request must end: its context has, or too many wait. Having taken all its steps is no failure of
// the request by itself.
func (w *Work) failure() error {
	if w == nil || errors.Is(w.stop, errRequestWork) {
		return nil
	}
	return w.stop
}

func (w *Work) done() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.ctx.Done()
}
