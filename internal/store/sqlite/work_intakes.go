package sqlite

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/event"
)

// intakes knows which intakes are open. They are opened in rising order and
// mostly closed so, too; what is stored is up to where all are closed, and a
// row for each one that is closed above that.
type intakes struct {
	through  event.ID   // all up to this one are closed, and that is stored
	list     []intake   // rising, above through
	unstored []event.ID // closed, and not yet stored
}

type intake struct {
	id     event.ID
	closed bool
	stored bool // closed has a row
}

func (n *intakes) find(id event.ID) (int, bool) {
	return slices.BinarySearchFunc(n.list, id, func(i intake, id event.ID) int { return cmp.Compare(i.id, id) })
}

// close marks intakes as closed; due returns the marks to be stored.
func (n *intakes) close(ids []event.ID) {
	for _, id := range ids {
		if id <= n.through {
			continue
		}
		i, ok := n.find(id)
		if !ok {
			n.list = slices.Insert(n.list, i, intake{id: id})
		}
		if !n.list[i].closed {
			n.list[i].closed = true
			n.unstored = append(n.unstored, id)
		}
	}
}

// closedIntakes is a change to be stored.
type closedIntakes struct {
	any     bool
	through event.ID
	rows    []event.ID // closed above through
	taken   int        // of unstored, which this change stores
	prune   bool       // rows exist up to through
}

// due returns what closing has changed.
func (n *intakes) due() closedIntakes {
	if len(n.unstored) == 0 {
		return closedIntakes{}
	}
	c := closedIntakes{any: true, through: n.through, taken: len(n.unstored)}
	for _, i := range n.list {
		if !i.closed {
			break
		}
		c.through = i.id
		c.prune = c.prune || i.stored
	}
	for _, id := range n.unstored {
		if id > c.through {
			c.rows = append(c.rows, id)
		}
	}
	return c
}

// write stores the change.
func (c *closedIntakes) write(to *conn) error {
	if !c.any {
		return nil
	}
	for _, id := range c.rows {
		if err := to.exec(workSQL.Get("ClosedInsert"), id); err != nil {
			return err
		}
	}
	if c.prune {
		if err := to.exec(workSQL.Get("ClosedDelete"), c.through); err != nil {
			return err
		}
	}
	return to.exec(workSQL.Get("ClosedThroughSet"), c.through)
}

// written notes that the change is stored.
func (n *intakes) written(c closedIntakes) {
	if !c.any {
		return
	}
	n.unstored = n.unstored[c.taken:]
	if len(n.unstored) == 0 {
		n.unstored = nil
	}
	n.through = max(n.through, c.through)
	done := 0
	for done < len(n.list) && n.list[done].id <= n.through {
		done++
	}
	n.list = n.list[done:]
	for _, id := range c.rows {
		if i, ok := n.find(id); ok {
			n.list[i].stored = true
		}
	}
}

// opened tells of new intakes, in rising order, and, once when the store is
// opened, of those still open.
func (w *workDB) opened(ids ...event.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if id <= w.intakes.through {
			continue
		}
		if i, ok := w.intakes.find(id); !ok {
			w.intakes.list = slices.Insert(w.intakes.list, i, intake{id: id})
		}
	}
}

// closedThrough returns the id up to which all intakes are closed.
func (w *workDB) closedThrough() event.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.intakes.through
}

// isClosed reports whether an intake was closed.
func (w *workDB) isClosed(id event.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if id <= w.intakes.through {
		return true
	}
	i, ok := w.intakes.find(id)
	return ok && w.intakes.list[i].closed
}

// hasOpen reports whether a stored event is in an open intake: of all above
// through, it is in the last one that does not begin after it.
func (w *workDB) hasOpen(id event.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, begins := w.intakes.find(id)
	if !begins {
		i--
	}
	return i >= 0 && !w.intakes.list[i].closed
}

// flush stores the closing of intakes that waits for it.
func (w *workDB) flush() error {
	w.change.Lock()
	defer w.change.Unlock()
	w.mu.Lock()
	waiting := len(w.intakes.unstored) > 0
	w.mu.Unlock()
	if !waiting {
		return nil
	}
	return w.commit(context.Background(), func(*workChange) error { return nil })
}

// flushLoop is the goroutine that closes intakes when no other commit does.
func (w *workDB) flushLoop() {
	failing := false
	for {
		select {
		case <-w.stop:
			return
		case <-w.kick:
		}
		timer := time.NewTimer(closeEvery)
		select {
		case <-w.stop:
			timer.Stop()
			return
		case <-timer.C:
		}
		err := w.flush()
		if err != nil {
			signal(w.kick)
		}
		if err != nil && !failing {
			w.log.Error("closing intakes failed, will be tried again", "error", err)
		}
		failing = err != nil
	}
}
