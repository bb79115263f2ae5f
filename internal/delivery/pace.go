package delivery

import (
	"time"

	"github.com/relay-events/relay/internal/webhook"
)

// Bounds of the pace.
const (
	// maxConcurrency bounds attempts under way to one endpoint that sets no bound.
	maxConcurrency = 256
	// busyConcurrency is how many are granted to an endpoint that answers,
	// however much slower it gets under load. Where many endpoints are busy,
	// each gets less: then it is we, not they, who are slow. See slots.busy.
	busyConcurrency = 16
	// busyTotal is how many attempts under way, over all lanes, keep a machine
	// busy whose endpoints answer fast.
	busyTotal = 64
	// unprovenConcurrency is granted to an endpoint that just failed, or is new.
	unprovenConcurrency = 4

	// downAfter failures in a row make an endpoint count as down.
	downAfter = 10
	// downRate is how many attempts a second an endpoint that is down gets.
	downRate = 8
	// rampWindow is the step in which a recovering endpoint's rate changes: it
	// doubles each second while nothing fails.
	rampWindow = 250 * time.Millisecond
	rampGrowth = 1.19 // per window: 2^(1/4)
	// careCut lowers the rate when the endpoint refuses some of it, and for
	// careWindows after that careGrowth replaces rampGrowth.
	careCut     = 0.85
	careGrowth  = 1.02
	careWindows = 20
	// careShare is the share of failures taken as a refusal of the rate.
	careShare = 0.02
	// rampDone is the rate at which an endpoint that refuses nothing is let go.
	rampDone = 4000
	// calmWindows without need for the rate's limit let the endpoint go, too.
	calmWindows = 40
)

// pace decides how hard to press an endpoint: how many attempts may be under
// way, and after an outage how many may start in a second. It grows while
// answers are fast and shrinks on errors and slowness, so that a hanging
// endpoint holds one attempt and a fast one as many as help. Its owner locks.
type pace struct {
	max      int
	conc     float64 // attempts that may be under way
	probing  bool    // conc doubles per round trip until something fails
	best     float64 // the shortest latency, slowly forgotten; seconds
	usual    float64 // the smoothed latency; seconds
	streak   int     // failures since the last success
	answered bool    // it has accepted an attempt

	// ramp limits attempts a second; its rate is zero: unlimited. It is set
	// when the endpoint is down, and raised step by step when it is back.
	ramp bucket
	// limit is the user's own rate limit.
	user   bucket
	window time.Time // when the window began
	ended  int       // attempts that ended in the window
	failed int       // of these, failed
	care   int       // windows for which the rate grows carefully
	calm   int       // windows in a row that did not need the limit
}

// bucket is a token bucket. golang.org/x/time/rate does not fit: an attempt needs
// a token of two buckets or of neither, asking must not reserve one, and a token
// is given back whose attempt was not made although its time has come. It would
// also lock each bucket again under the lane's lock.
type bucket struct {
	rate   float64 // tokens a second; zero: no limit
	burst  float64
	tokens float64
	filled time.Time // when tokens was brought up to date
}

// delay returns how long to wait for a token; zero: there is one.
func (b *bucket) delay(now time.Time) time.Duration {
	if b.rate == 0 {
		return 0
	}
	b.tokens = min(b.burst, b.tokens+max(0, now.Sub(b.filled).Seconds())*b.rate)
	b.filled = now
	if b.tokens >= 1 {
		return 0
	}
	return max(time.Duration((1-b.tokens)/b.rate*float64(time.Second)), time.Millisecond)
}

func (b *bucket) take() {
	if b.rate > 0 {
		b.tokens--
	}
}

// undo returns the token of a take that led to no attempt.
func (b *bucket) undo() {
	if b.rate > 0 {
		b.tokens++
	}
}

// init begins with an endpoint nothing is known of. nodes is how many share
// the user's limits.
func (p *pace) init(w *webhook.Webhook, nodes int, now time.Time) {
	p.conc = 1
	p.probing = true
	p.divide(w, nodes, now)
}

// divide sets this node's share of the user's limits: an attempt at a time
// and a burst of one is the least.
func (p *pace) divide(w *webhook.Webhook, nodes int, now time.Time) {
	p.max = maxConcurrency
	if w.MaxConcurrency > 0 {
		p.max = max(1, w.MaxConcurrency/nodes)
	}
	l := w.RateLimit
	if l == nil {
		return
	}
	fresh := p.user.rate == 0
	p.user.delay(now) // settles the tokens accrued at the old rate
	p.user.rate, p.user.burst = l.PerSecond/float64(nodes), max(1, float64(l.Burst)/float64(nodes))
	if fresh {
		p.user.tokens, p.user.filled = p.user.burst, now
	}
	p.user.tokens = min(p.user.tokens, p.user.burst)
}

// startDown begins as if the endpoint had just been seen to be down, for one
// that was down when Relay stopped.
func (p *pace) startDown(now time.Time) {
	p.streak = downAfter
	p.limitRate(now)
}

// limitRate lets only a few attempts through, until the endpoint is back.
func (p *pace) limitRate(now time.Time) {
	p.setRamp(downRate)
	p.ramp.tokens, p.ramp.filled, p.window = 0, now, now
	p.ended, p.failed, p.care, p.calm = 0, 0, 0, 0
	p.conc, p.probing = 1, true
}

// setRamp sets the rate of the ramp; it allows the attempts of 50 ms at once.
func (p *pace) setRamp(rate float64) { p.ramp.rate, p.ramp.burst = rate, max(1, rate/20) }

// failing reports whether the endpoint counts as down.
func (p *pace) failing() bool { return p.streak >= downAfter }

// class returns how the endpoint has answered so far.
func (p *pace) class() class {
	if p.streak == 0 && p.answered {
		return proven
	}
	return unproven
}

// limit returns how many attempts may be under way. scarce tells that slots
// run out for everybody.
func (p *pace) limit(scarce bool) int {
	n := int(p.conc)
	if !scarce && p.class() == unproven {
		n = max(n, unprovenConcurrency)
	}
	return max(1, min(n, p.max))
}

// delay returns how long to wait before the next attempt may start; zero or
// less: it may start now, and with take it counts as started.
func (p *pace) delay(now time.Time, take bool) time.Duration {
	wait := max(p.ramp.delay(now), p.user.delay(now))
	if wait == 0 && take {
		p.ramp.take()
		p.user.take()
	}
	return wait
}

// undo returns the permission that delay gave, for a delivery that ends without an attempt: expired
// and canceled deliveries must not use up the rate of others.
func (p *pace) undo() {
	p.ramp.undo()
	p.user.undo()
}

// loadSignal is an attempt's hint at the endpoint's load.
type loadSignal uint8

const (
	loadNone     loadSignal = iota // it accepted
	loadRefused                    // it answered, but said no to this delivery
	loadStrained                   // it was slow, refused the load, or did not answer
)

// done takes in the result of an attempt. busy is how much concurrency an
// endpoint is granted though it gets slower under load.
func (p *pace) done(s loadSignal, latency time.Duration, now time.Time, busy float64) {
	if s == loadNone {
		if p.failing() {
			p.window, p.ended, p.failed = now, 0, 0 // it is back: its failures were of another time
		}
		p.succeeded(latency.Seconds(), busy)
	} else {
		p.streak++
		if s == loadStrained {
			p.probing = false
			p.conc = max(1, p.conc*0.9)
		}
		if p.streak == downAfter {
			p.limitRate(now)
		}
	}
	if p.ramp.rate > 0 {
		p.ended++
		if s != loadNone {
			p.failed++
		}
		if now.Sub(p.window) >= rampWindow {
			p.nextWindow(now)
		}
	}
}

func (p *pace) succeeded(latency, busy float64) {
	p.streak = 0
	if !p.answered {
		p.answered = true
		p.best, p.usual = latency, latency
	}
	p.usual += (latency - p.usual) / 16
	if latency < p.best {
		p.best = latency
	} else {
		p.best += (latency - p.best) / 4096
	}
	const slack = 0.002 // latency that says nothing about load, seconds
	slower := p.usual > 2*p.best+slack
	switch {
	case slower && p.conc > busy:
		p.probing = false
		p.conc = max(busy, p.conc-1/p.conc)
	case p.conc >= float64(p.max):
	case slower:
		// Below the granted minimum it still grows: the answers of many
		// endpoints differ widely, whatever their load.
		p.probing = false
		p.conc = max(p.conc, min(busy, float64(p.max), p.conc+1/p.conc))
	case p.probing:
		p.conc = min(float64(p.max), p.conc+1)
	default:
		p.conc = min(float64(p.max), p.conc+1/p.conc)
	}
}

// nextWindow closes a window of the ramp and sets the rate for the next.
func (p *pace) nextWindow(now time.Time) {
	rate := p.ramp.rate
	used := float64(p.ended) >= 0.5*rate*now.Sub(p.window).Seconds()
	p.window = now
	switch {
	case p.failing():
		rate, p.care, p.calm = downRate, 0, 0
	case float64(p.failed) > careShare*float64(p.ended):
		rate, p.care, p.calm = max(downRate, rate*careCut), careWindows, 0
	case !used:
		p.calm++
	case p.care > 0:
		p.care--
		rate, p.calm = rate*careGrowth, 0
	default:
		rate, p.calm = rate*rampGrowth, 0
	}
	p.ended, p.failed = 0, 0
	if rate >= rampDone || p.calm >= calmWindows {
		rate = 0
	}
	p.setRamp(rate)
}
