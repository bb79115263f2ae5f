package delivery

import (
	"container/heap"
	"sync"
	"time"
)

// dueLoop brings owed deliveries back when their time has come. It sleeps
// until the earliest time any lane knows of, or until it is woken.
type dueLoop struct {
	engine *Engine
	signal chan struct{} // buffered, 1

	failing bool // the last fetch failed; of run alone

	mu    sync.Mutex
	heap  dueHeap
	index map[*lane]*dueEntry
}

type dueEntry struct {
	lane *lane
	at   time.Time
	pos  int
}

func newDueLoop(e *Engine) *dueLoop {
	return &dueLoop{engine: e, signal: make(chan struct{}, 1), index: make(map[*lane]*dueEntry)}
}

// wake has the lane looked at as soon as possible; the lane itself knows when
// its next delivery is due.
func (d *dueLoop) wake(l *lane) { d.schedule(l, time.Time{}) }

// schedule has the lane looked at at the time, or earlier if that was asked for.
func (d *dueLoop) schedule(l *lane, at time.Time) {
	d.mu.Lock()
	first := false
	if en := d.index[l]; en == nil {
		en = &dueEntry{lane: l, at: at}
		d.index[l] = en
		heap.Push(&d.heap, en)
		first = en.pos == 0
	} else if at.Before(en.at) {
		en.at = at
		heap.Fix(&d.heap, en.pos)
		first = en.pos == 0
	}
	d.mu.Unlock()
	if first {
		d.again()
	}
}

// again has the loop look at the clock again.
func (d *dueLoop) again() {
	select {
	case d.signal <- struct{}{}:
	default:
	}
}

// run looks at lanes whose time has come until the engine stops.
func (d *dueLoop) run() {
	e := d.engine
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := e.wall()
		wait := d.serve(now)
		timer.Reset(wait)
		select {
		case <-e.claiming.Done():
			return
		case <-timer.C:
		case <-d.signal:
		}
	}
}

// serve fetches for every lane that is due and returns how long to sleep.
func (d *dueLoop) serve(now time.Time) time.Duration {
	e := d.engine
	for !e.stopping() {
		d.mu.Lock()
		if len(d.heap) == 0 {
			d.mu.Unlock()
			return time.Hour
		}
		en := d.heap[0]
		if wait := en.at.Sub(now); wait > 0 {
			d.mu.Unlock()
			return wait
		}
		heap.Pop(&d.heap)
		delete(d.index, en.lane)
		d.mu.Unlock()

		again, err := en.lane.claimDue(e.claiming, now)
		if err != nil && !d.failing && !e.stopping() {
			e.log.Error("fetching owed deliveries failed, trying again", "err", err)
		}
		d.failing = err != nil
		if !again.IsZero() {
			d.schedule(en.lane, again.Add(time.Nanosecond))
		}
		now = e.wall()
	}
	return time.Hour
}

// dueHeap implements heap.Interface, earliest first.
type dueHeap []*dueEntry

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}
func (h *dueHeap) Push(x any) {
	en := x.(*dueEntry)
	en.pos = len(*h)
	*h = append(*h, en)
}
func (h *dueHeap) Pop() any {
	old := *h
	en := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return en
}
