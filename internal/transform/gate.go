package transform

import (
	"context"
	"crypto/sha256"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/event"
)

type scriptKey = [sha256.Size]byte

// gate hands out the turns. Scripts with runs waiting get them in rotation, whatever number waits for each, first those of the
// tenant whose scripts have taken the least processor time lately.
//
// A run is doubted if its script is not proven (it has not run yet, ended badly last time, or usually takes long), if it is there
// to save the script, or if its tenant has had its share of the processors. Doubted runs leave at least one turn to the others,
// when there are two, and run on threads of the lowest priority. Among them those that ended badly come last, and
// after a run that ended badly none of them has a turn for as long as it took: so what they can keep busy is half of a core,
// however many they are.
type gate struct {
	mu      sync.Mutex
	free    int
	doubted int // turns taken by doubted runs
	most    int // of those at the same time
	total   int
	waiting int
	room    int // how many may wait
	order   []*line
	lines   map[user]*line
	slow    time.Duration // a script that usually takes longer is not proven
	known   map[scriptKey]record
	rest    time.Time     // until then no script has a turn that ended badly
	timer   *time.Timer   // ends the rest; nil before the first
	drained chan struct{} // closed when the gate is shut and all turns are back; nil while it is open

	// allowance is how many processors all runs together may keep busy at normal priority, each tenant its share, and each script
	// that of its tenant.
	allowance float64
	normal    usage // at normal priority
	usedBy    map[event.TenantID]*tenantUsage
}

// tenantUsage is what a tenant's runs have taken.
type tenantUsage struct{ all, normal usage }

// user is who wants a turn.
type user struct {
	tenant event.TenantID
	key    scriptKey
	saving bool // the script is being saved, and not run for an event
}

// usage is processor time taken lately: what was taken a second ago counts half. It settles at 1.44 s for a processor that is kept
// busy.
type usage struct {
	seconds float64
	at      time.Time
}

const busyProcessor = 1 / math.Ln2 // the usage of a processor kept busy

func (u *usage) now(now time.Time) float64 {
	if age := now.Sub(u.at).Seconds(); age > 0 {
		return u.seconds * math.Exp2(-age)
	}
	return u.seconds
}

func (u *usage) add(took time.Duration, now time.Time) {
	u.seconds, u.at = u.now(now)+took.Seconds(), now
}

// outcome says how a turn ended.
type outcome uint8

const (
	unknown outcome = iota // interrupted, or nothing ran but the top level
	well                   // with a result, or an error of its own
	badly                  // out of time or memory, or trapped
)

// record is what is known of a script. The zero value is that of one that has not run.
type record struct {
	last   outcome
	usual  time.Duration // what its runs take, smoothed: one that is unlike the others hardly changes it
	normal usage         // at normal priority
}

// smoothing is how many runs it takes, about, until usual is what they take.
const smoothing = 8

// proven tells that a script may have any turn.
func (g *gate) proven(r record) bool { return r.last == well && r.usual <= g.slow }

// line is the runs of one user that wait.
type line struct {
	user
	turns []*turn
}

// turn is the right to use an instance.
type turn struct {
	user
	doubted bool          // see gate: it must be used on a thread of the lowest priority
	ready   chan struct{} // closed when it is granted
}

// maxKnown bounds how many scripts' outcomes are remembered, and maxUsers how many tenants' usage. Forgetting one costs it little.
const (
	maxKnown = 10_000
	maxUsers = 1000
)

func newGate(turns, room int, slow time.Duration) *gate {
	return &gate{
		free: turns, total: turns, most: max(turns-1, 1), room: room, slow: slow,
		lines: make(map[user]*line), known: make(map[scriptKey]record),
		allowance: float64(runtime.NumCPU()) / 2, usedBy: make(map[event.TenantID]*tenantUsage),
	}
}

// enter waits for a turn. It returns ErrBusy, ErrClosed or the context's error.
func (g *gate) enter(ctx, stop context.Context, u user) (*turn, error) {
	t := &turn{user: u, ready: make(chan struct{})}
	g.mu.Lock()
	switch {
	case g.drained != nil || stop.Err() != nil:
		g.mu.Unlock()
		return nil, ErrClosed
	case ctx.Err() != nil:
		g.mu.Unlock()
		return nil, ctx.Err()
	case g.waiting >= g.room:
		g.mu.Unlock()
		return nil, ErrBusy
	}
	l := g.lines[u]
	if l == nil {
		l = &line{user: u}
		g.lines[u] = l
		g.order = append(g.order, l)
	}
	l.turns = append(l.turns, t)
	g.waiting++
	g.grantLocked()
	g.mu.Unlock()

	select {
	case <-t.ready:
		return t, nil
	case <-ctx.Done():
	case <-stop.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-t.ready: // granted meanwhile
		return t, nil
	default:
	}
	g.forgetLocked(t)
	if stop.Err() != nil {
		return nil, ErrClosed
	}
	return nil, ctx.Err()
}

// leave gives a turn back and tells how it ended and what processor time it took.
func (g *gate) leave(t *turn, end outcome, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.chargeLocked(t, took, now)
	g.free++
	if t.doubted {
		g.doubted--
	}
	if end != unknown {
		r, known := g.known[t.key]
		if !known && len(g.known) >= maxKnown {
			clear(g.known)
		}
		r.last, r.usual = end, r.usual+(took-r.usual)/smoothing
		if !t.doubted {
			r.normal.add(took, now)
		}
		g.known[t.key] = r
	}
	if g.drained != nil {
		if g.free == g.total {
			close(g.drained)
		}
		return
	}
	if until := now.Add(took); end == badly && until.After(g.rest) {
		g.rest = until
		if g.timer == nil {
			g.timer = time.AfterFunc(took, func() {
				g.mu.Lock()
				defer g.mu.Unlock()
				g.grantLocked()
			})
		} else {
			g.timer.Reset(took)
		}
	}
	g.grantLocked()
}

// drain shuts the gate and waits until all turns are back.
func (g *gate) drain() {
	g.mu.Lock()
	if g.drained == nil {
		g.drained = make(chan struct{})
		if g.timer != nil {
			g.timer.Stop()
		}
		if g.free == g.total {
			close(g.drained)
		}
	}
	drained := g.drained
	g.mu.Unlock()
	<-drained
}

// chargeLocked notes what a run has taken.
func (g *gate) chargeLocked(t *turn, took time.Duration, now time.Time) {
	u := g.usedBy[t.tenant]
	if u == nil {
		if len(g.usedBy) >= maxUsers {
			for id, u := range g.usedBy {
				if u.all.now(now) < 0.001 {
					delete(g.usedBy, id)
				}
			}
		}
		u = new(tenantUsage)
		g.usedBy[t.tenant] = u
	}
	u.all.add(took, now)
	if !t.doubted {
		u.normal.add(took, now)
		g.normal.add(took, now)
	}
}

// usedLocked returns what a tenant's scripts have taken lately.
func (g *gate) usedLocked(tenant event.TenantID, now time.Time) float64 {
	if u := g.usedBy[tenant]; u != nil {
		return u.all.now(now)
	}
	return 0
}

// overLocked reports whether a script has had its share of the processors at normal priority, while all together have had what there
// is for them.
func (g *gate) overLocked(u user, now time.Time) bool {
	limit := g.allowance * busyProcessor
	if g.normal.now(now) <= limit {
		return false
	}
	own := g.usedBy[u.tenant]
	if own == nil {
		return false
	}
	active, waiting := 0, 0
	for _, other := range g.usedBy {
		if other.normal.now(now) > limit/100 {
			active++
		}
	}
	share := limit / float64(max(active, 1))
	if own.normal.now(now) <= share {
		return false
	}
	for _, l := range g.order {
		if l.tenant == u.tenant {
			waiting++
		}
	}
	r := g.known[u.key]
	return r.normal.now(now) > share/float64(max(waiting, 1))
}

// grantLocked gives free turns to those who may have them.
func (g *gate) grantLocked() {
	for g.free > 0 && g.drained == nil {
		i, doubted := g.nextLocked()
		if i < 0 {
			return
		}
		l := g.order[i]
		t := l.turns[0]
		l.turns = l.turns[1:]
		g.waiting--
		g.free--
		if t.doubted = doubted; doubted {
			g.doubted++
		}
		// To the end of the rotation, or out of it.
		g.order = append(g.order[:i], g.order[i+1:]...)
		if len(l.turns) > 0 {
			g.order = append(g.order, l)
		} else {
			delete(g.lines, l.user)
		}
		close(t.ready)
	}
}

// nextLocked returns who has the next turn, as a place in the order, and whether his run is doubted; -1 if nobody may have one.
func (g *gate) nextLocked() (next int, doubted bool) {
	now := time.Now()
	next = -1
	var least float64
	for i, l := range g.order {
		used := g.usedLocked(l.tenant, now)
		if next >= 0 && used >= least {
			continue
		}
		known := g.known[l.key]
		inDoubt := l.saving || !g.proven(known) || g.overLocked(l.user, now)
		if inDoubt && g.doubted >= g.most || known.last == badly && (now.Before(g.rest) || g.newWaitingLocked()) {
			continue
		}
		next, doubted, least = i, inDoubt, used
	}
	return next, doubted
}

// newWaitingLocked reports whether a script waits of which nothing is known.
func (g *gate) newWaitingLocked() bool {
	for _, l := range g.order {
		if g.known[l.key].last == unknown {
			return true
		}
	}
	return false
}

// forgetLocked takes a turn that nobody waits for any more out of its line.
func (g *gate) forgetLocked(t *turn) {
	l := g.lines[t.user]
	for i, other := range l.turns {
		if other == t {
			l.turns = append(l.turns[:i], l.turns[i+1:]...)
			g.waiting--
			break
		}
	}
	if len(l.turns) > 0 {
		return
	}
	delete(g.lines, t.user)
	for i, other := range g.order {
		if other == l {
			g.order = append(g.order[:i], g.order[i+1:]...)
			break
		}
	}
}
