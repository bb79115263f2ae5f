package gate

import (
	"time"

	"github.com/relay-events/relay/internal/event"
)

// waiter is the calls that wait for the verdict on a respondent.
type waiter struct {
	decided chan struct{} // closed when there is one
	calls   int
}

// lookAround is how often a server that shares its database looks whether another one has decided about those it has
// calls waiting for: the delivery may have been given to any of them.
const lookAround = 100 * time.Millisecond

// lookAroundPage is how many it asks about at a time.
const lookAroundPage = 1000

// wait has a call wait for the respondent. Each call is followed by one of forget.
func (g *Gate) wait(id event.ID) *waiter {
	g.waitMu.Lock()
	defer g.waitMu.Unlock()
	w := g.waiting[id]
	if w == nil {
		w = &waiter{decided: make(chan struct{})}
		g.waiting[id] = w
	}
	w.calls++
	select {
	case g.someone <- struct{}{}:
	default: // it was told
	}
	return w
}

func (g *Gate) forget(id event.ID, w *waiter) {
	g.waitMu.Lock()
	defer g.waitMu.Unlock()
	if w.calls--; w.calls == 0 && g.waiting[id] == w {
		delete(g.waiting, id)
	}
}

// decided tells who waits for the respondent.
func (g *Gate) decided(id event.ID) {
	g.waitMu.Lock()
	defer g.waitMu.Unlock()
	if w := g.waiting[id]; w != nil {
		close(w.decided)
		delete(g.waiting, id)
	}
}

// StopWaiting has all calls that wait for a verdict answer now: none will come, since the engine was stopped.
func (g *Gate) StopWaiting() { g.giveUp() }

// pollShared tells those who wait about verdicts that other servers have stored, while anybody waits.
func (g *Gate) pollShared(s SharedStore) {
	for {
		select {
		case <-g.someone:
		case <-g.ctx.Done():
			return
		}
		for failed := false; g.anyoneWaits(); {
			t := time.NewTimer(lookAround)
			select {
			case <-t.C:
			case <-g.ctx.Done():
				t.Stop()
				return
			}
			err := g.askAbout(s)
			if err != nil && !failed && g.ctx.Err() == nil {
				g.log.Warn("calls that wait for verdicts are told at their deadlines, if at all", "err", err)
			}
			failed = err != nil
		}
	}
}

func (g *Gate) anyoneWaits() bool {
	g.waitMu.Lock()
	defer g.waitMu.Unlock()
	return len(g.waiting) > 0
}

func (g *Gate) askAbout(s SharedStore) error {
	g.waitMu.Lock()
	ids := make([]event.ID, 0, len(g.waiting))
	for id := range g.waiting {
		ids = append(ids, id)
	}
	g.waitMu.Unlock()
	for len(ids) > 0 {
		page := ids[:min(len(ids), lookAroundPage)]
		ids = ids[len(page):]
		list, err := s.RespondentStillPending(g.ctx, page)
		if err != nil {
			return err
		}
		pending := make(map[event.ID]bool, len(list))
		for _, id := range list {
			pending[id] = true
		}
		for _, id := range page {
			if !pending[id] {
				g.decided(id)
			}
		}
	}
	return nil
}
