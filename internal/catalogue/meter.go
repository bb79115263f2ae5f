package catalogue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/priority"
	"github.com/relay-events/relay/internal/problem"
)

// DefaultWork is the default of Limits.Work.
const DefaultWork = 2_000_000

const (
	// checkpointSteps is the number of steps between two checks of the caller's context: about 2
	// ms.
	checkpointSteps = 5_000
	// heavySteps is the work after which a request waits for other requests of its tenant that have
	// done as much.
	heavySteps = 20_000
	// maxWaiting bounds the requests of a tenant that wait for its share of work. Each of them
	// holds its body in memory.
	maxWaiting = 32
	// stepBytes is how many bytes an expression skips or copies in a step.
	stepBytes = 64
	// payTime is the time in which a tenant may use Limits.Work again, for any number of requests.
	payTime = 2 * time.Second
)

// Limits bound the cost of a tenant's catalogue. Zero fields mean the defaults.
type Limits struct {
	// Work bounds the checks and rules of one request, in steps of about 0.3 µs, and those of a
	// tenant in two seconds on average. Checks against simple schemas do not count: see fastNode.
	// The default is DefaultWork.
	Work int
	// Bytes bounds a tenant's additions to the catalogue, as stored. The default is DefaultBytes.
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

// Stats counts the effects of the limits since the start.
type Stats struct {
	Steps                                atomic.Int64 // of checks, rules and imports
	Waits                                atomic.Int64 // requests that waited for their tenant's share
	RequestWork, TenantWork, Bytes, Size atomic.Int64 // rejections by Limits.Work for one request and for a tenant, by Limits.Bytes, and by the limits of imports
}

// errRequestWork is returned when a request has used up its work budget.
var errRequestWork = errors.New("the checks and rules of one request take more work than is allowed")

// Work is the work budget of one request. It belongs to one goroutine. A nil *Work is unlimited.
type Work struct {
	ctx      context.Context
	meter    *meter
	stopping <-chan struct{} // closed by StopWaiting
	left     int             // remaining part of Limits.Work
	pending  int             // steps taken since the last checkpoint
	bytes    int             // bytes of expressions that do not make up a step yet
	used     int             // steps taken up to the last checkpoint
	holds    bool            // holds the tenant's slot for heavy requests
	hurry    bool            // see Hurry
	stop     error
	thread   *priority.Thread // nil until Aside needs it
}

// ErrWait is returned instead of waiting; see Hurry.
var ErrWait = errors.New("the request would have to wait for its tenant's share of work")

// errStopping is returned to waiting requests when the server stops.
var errStopping = &problem.Error{Kind: problem.Unavailable, Detail: "Relay is stopping; nothing was stored"}

// Hurry makes the work fail with ErrWait instead of waiting for the tenant's share. It is for callers
// that cannot detect that their client has disconnected.
func (w *Work) Hurry() { w.hurry = true }

// StopWaiting rejects all requests that wait for their tenants' shares, now and later. It must be
// called at most once.
func (r *Registry) StopWaiting() { close(r.stopping) }

// Aside calls f, which does some of the work. If the tenant has done much work lately, f runs on a
// thread of low priority, so that other tenants' requests do not wait for a processor.
func (w *Work) Aside(f func()) {
	if w == nil || w.thread == nil && !w.meter.busy() {
		f()
		return
	}
	if w.thread == nil {
		w.thread = priority.Start(priority.Low)
	}
	w.thread.Do(f)
}

// wait counts a waiting request, or returns an error if too many are waiting. The caller decrements
// the count.
func (w *Work) wait() error {
	if w.hurry {
		w.stop = ErrWait
	} else {
		w.stop = w.meter.wait()
	}
	return w.stop
}

func (w *Work) stopped() error {
	w.stop = errStopping
	return w.stop
}

// meter is a tenant's share of work. Requests pay after the work; a tenant in debt waits before it
// does more. Its other requests, whose events are unchecked or fit a simple schema, do not wait.
type meter struct {
	stats   *Stats
	limit   int           // Limits.Work
	heavy   chan struct{} // one slot, for the current heavy request
	waiting atomic.Int32

	mu      sync.Mutex
	balance float64 // in steps, at most limit
	at      time.Time
}

func newMeter(limit int, stats *Stats) *meter {
	return &meter{stats: stats, limit: limit, heavy: make(chan struct{}, 1), balance: float64(limit), at: time.Now()}
}

// pay subtracts steps from the balance and returns how long the tenant must wait until it is out of
// debt.
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

// busy reports whether the tenant has lately done more work than a request may do beside others of its
// tenant.
func (m *meter) busy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	rate := float64(m.limit) / payTime.Seconds()
	return m.balance+time.Since(m.at).Seconds()*rate < float64(m.limit-heavySteps)
}

// wait counts a waiting request, or returns an error if too many are waiting.
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

// Work returns the work budget of one request, which ends with ctx. The caller must call End.
func (v View) Work(ctx context.Context) *Work { return v.r.work(ctx, v.tenant) }

// Importing returns the work budget of an import. The tenant's other costly requests wait for the
// import. The caller must call End.
func (r *Registry) Importing(ctx context.Context, tenant event.TenantID) (*Work, error) {
	w := r.work(ctx, tenant)
	if err := w.begin(); err != nil {
		return nil, err
	}
	return w, w.hold()
}

// paced waits until the tenant is out of debt and then charges it for compiling the schemas.
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
	w.chargeTenant(n * compileSteps)
	return nil
}

func (r *Registry) work(ctx context.Context, tenant event.TenantID) *Work {
	return &Work{ctx: ctx, meter: r.meter(tenant), stopping: r.stopping, left: r.limits.Work}
}

// begin must be called before costly work. It waits while the tenant is in debt.
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
	if err := w.wait(); err != nil {
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
		case <-w.stopping:
			timer.Stop()
			return w.stopped()
		}
	}
	return nil
}

func (w *Work) ended() error {
	w.stop = fmt.Errorf("checking events: %w", w.ctx.Err())
	return w.stop
}

// spend takes n steps from the budget; call it before doing the work.
func (w *Work) spend(n int) error {
	if w == nil {
		return nil
	}
	if w.pending += n; w.pending < checkpointSteps && w.stop == nil {
		return nil
	}
	return w.checkpoint()
}

// spendBytes takes the cost of skipping or copying n bytes.
func (w *Work) spendBytes(n int) error {
	if w == nil {
		return nil
	}
	w.bytes += n
	steps := w.bytes / stepBytes
	w.bytes %= stepBytes
	return w.spend(steps)
}

// chargeTenant charges the tenant n steps that do not count for the request: the first publisher
// after a start must not be rejected for the cost of compiling.
func (w *Work) chargeTenant(n int) {
	if w != nil {
		w.meter.pay(n)
		w.meter.stats.Steps.Add(int64(n))
	}
}

// checkpoint pays for the steps taken and returns an error if the request must stop.
func (w *Work) checkpoint() error {
	if w.stop != nil {
		return w.stop
	}
	if w.ctx.Err() != nil {
		w.pending = 0 // the work will not be done
		return w.ended()
	}
	w.left -= w.pending
	if w.left < 0 {
		w.pending = 0 // the work will not be done
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

// hold waits for the tenant's slot for heavy requests, of which only one runs at a time.
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
	if err := w.wait(); err != nil {
		return err
	}
	defer w.meter.waiting.Add(-1)
	select {
	case w.meter.heavy <- struct{}{}:
		w.holds = true
		return nil
	case <-w.ctx.Done():
		return w.ended()
	case <-w.stopping:
		return w.stopped()
	}
}

// End pays for the remaining steps. Calling it again, or on nil, is harmless.
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
	if w.thread != nil {
		w.thread.End()
		w.thread = nil
	}
}

// failure returns why the request must end: its context has ended, or too many requests are
// waiting. An exhausted work budget alone is not a failure of the request.
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
