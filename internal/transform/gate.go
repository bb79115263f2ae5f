package transform

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"
)

type scriptKey = [sha256.Size]byte

// gate hands out the turns. Scripts with runs waiting get them in rotation, whatever number waits for each. Scripts that are not
// proven, because they have not run yet or ended badly last time, leave at least one turn to those that are, when there are two;
// among them those that ended badly come last, and after a run that ended badly none of them has a turn for as long as it took: so
// what they can keep busy is half of a core, however many they are. A script whose runs end well but usually take long is not proven
// either: a hundred of those would keep all turns, and the others waiting for most of a minute.
type gate struct {
	mu      sync.Mutex
	free    int
	doubted int // turns taken by scripts that were not proven
	most    int // of those at the same time
	total   int
	waiting int
	room    int // how many may wait
	order   []*line
	lines   map[scriptKey]*line
	slow    time.Duration // a script that usually takes longer is not proven
	known   map[scriptKey]record
	rest    time.Time     // until then no script has a turn that ended badly
	timer   *time.Timer   // ends the rest; nil before the first
	drained chan struct{} // closed when the gate is shut and all turns are back; nil while it is open
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
	last  outcome
	usual time.Duration // what its runs take, smoothed: one that the machine held up hardly changes it
}

// smoothing is how many runs it takes, about, until usual is what they take.
const smoothing = 8

// proven tells that a script may have any turn.
func (g *gate) proven(r record) bool { return r.last == well && r.usual <= g.slow }

// line is the runs of one script that wait.
type line struct {
	key   scriptKey
	turns []*turn
}

// turn is the right to use an instance.
type turn struct {
	key     scriptKey
	doubted bool          // its script is not proven
	lowly   bool          // nor did it end well last time: it runs on a thread of the lowest priority
	ready   chan struct{} // closed when it is granted
}

// maxKnown bounds how many scripts' outcomes are remembered. Forgetting one costs it little.
const maxKnown = 10_000

func newGate(turns, room int, slow time.Duration) *gate {
	return &gate{
		free: turns, total: turns, most: max(turns-1, 1), room: room, slow: slow,
		lines: make(map[scriptKey]*line), known: make(map[scriptKey]record),
	}
}

// enter waits for a turn. It returns ErrBusy, ErrClosed or the context's error.
func (g *gate) enter(ctx, stop context.Context, key scriptKey) (*turn, error) {
	t := &turn{key: key, ready: make(chan struct{})}
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
	l := g.lines[key]
	if l == nil {
		l = &line{key: key}
		g.lines[key] = l
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

// leave gives a turn back and tells how it ended and how long it took.
func (g *gate) leave(t *turn, end outcome, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free++
	if t.doubted {
		g.doubted--
	}
	if end != unknown {
		r, known := g.known[t.key]
		if !known && len(g.known) >= maxKnown {
			clear(g.known)
		}
		g.known[t.key] = record{end, r.usual + (took-r.usual)/smoothing}
	}
	if g.drained != nil {
		if g.free == g.total {
			close(g.drained)
		}
		return
	}
	if until := time.Now().Add(took); end == badly && until.After(g.rest) {
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

// grantLocked gives free turns to those who may have them, script after script.
func (g *gate) grantLocked() {
	for i := 0; g.free > 0 && g.drained == nil && i < len(g.order); {
		l := g.order[i]
		known := g.known[l.key]
		doubted := !g.proven(known)
		if doubted && g.doubted >= g.most || known.last == badly && (time.Now().Before(g.rest) || g.newWaitingLocked()) {
			i++
			continue
		}
		t := l.turns[0]
		l.turns = l.turns[1:]
		g.waiting--
		g.free--
		if t.doubted = doubted; doubted {
			g.doubted++
			t.lowly = known.last != well
		}
		// To the end of the rotation, or out of it.
		g.order = append(g.order[:i], g.order[i+1:]...)
		if len(l.turns) > 0 {
			g.order = append(g.order, l)
		} else {
			delete(g.lines, l.key)
		}
		close(t.ready)
	}
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
	l := g.lines[t.key]
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
	delete(g.lines, t.key)
	for i, other := range g.order {
		if other == l {
			g.order = append(g.order[:i], g.order[i+1:]...)
			break
		}
	}
}
