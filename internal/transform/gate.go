package transform

import (
	"context"
	"crypto/sha256"
	"sync"
)

type scriptKey = [sha256.Size]byte

// gate hands out the turns. Scripts with runs waiting get them in rotation, whatever number waits for each; scripts that are not
// proven, because they never ended well or did not last time, leave at least one turn to those that are, when there are two.
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
	proven  map[scriptKey]bool
	drained chan struct{} // closed when the gate is shut and all turns are back; nil while it is open
}

// line is the runs of one script that wait.
type line struct {
	key   scriptKey
	turns []*turn
}

// turn is the right to use an instance.
type turn struct {
	key     scriptKey
	doubted bool
	ready   chan struct{} // closed when it is granted
}

// maxProven bounds how many scripts are remembered as proven. Forgetting one costs it little.
const maxProven = 10_000

func newGate(turns, room int) *gate {
	return &gate{
		free: turns, total: turns, most: max(turns-1, 1), room: room,
		lines: make(map[scriptKey]*line), proven: make(map[scriptKey]bool),
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

// leave gives a turn back and tells whether the script ended well.
func (g *gate) leave(t *turn, well bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free++
	if t.doubted {
		g.doubted--
	}
	if !well {
		delete(g.proven, t.key)
	} else if !g.proven[t.key] {
		if len(g.proven) >= maxProven {
			clear(g.proven)
		}
		g.proven[t.key] = true
	}
	if g.drained != nil && g.free == g.total {
		close(g.drained)
		return
	}
	g.grantLocked()
}

// drain shuts the gate and waits until all turns are back.
func (g *gate) drain() {
	g.mu.Lock()
	if g.drained == nil {
		g.drained = make(chan struct{})
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
		doubted := !g.proven[l.key]
		if doubted && g.doubted >= g.most {
			i++
			continue
		}
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
			delete(g.lines, l.key)
		}
		close(t.ready)
	}
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
