package gate

import (
	"context"
	"fmt"
	"sync"

	"github.com/relay-events/relay/internal/problem"
)

const (
	// writeGroup bounds the changes of one commit.
	writeGroup = 256
	// writeQueue bounds the changes that wait for theirs; more wait in their callers.
	writeQueue = 1024
)

// writer commits changes in groups, in one goroutine: those that come while a commit runs form the next one, so that the
// cost of a sync is shared by all that wait for it.
type writer struct {
	store Store
	queue chan *write
	stopC chan struct{}
	once  sync.Once
	ended chan struct{}
}

type write struct {
	change *Change
	done   chan error // buffered, 1
}

func newWriter(s Store) *writer {
	w := &writer{store: s, queue: make(chan *write, writeQueue), stopC: make(chan struct{}), ended: make(chan struct{})}
	go w.run()
	return w
}

// stop ends the loop after the commit under way; changes still waiting are refused.
func (w *writer) stop() {
	w.once.Do(func() { close(w.stopC) })
	<-w.ended
}

var errStopping = &problem.Error{Kind: problem.Unavailable, Detail: "Relay is stopping; nothing was stored"}

// do makes a change and returns when it is durable. When ctx ends first, it may or may not be made later on.
func (w *writer) do(ctx context.Context, c *Change) error {
	wait := &write{change: c, done: make(chan error, 1)}
	select {
	case w.queue <- wait:
	case <-w.stopC:
		return errStopping
	case <-ctx.Done():
		return fmt.Errorf("waiting to store a respondent: %w", ctx.Err())
	}
	select {
	case err := <-wait.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("waiting for a respondent to be stored: %w", ctx.Err())
	case <-w.ended:
		select {
		case err := <-wait.done:
			return err
		default:
			return errStopping
		}
	}
}

func (w *writer) run() {
	defer close(w.ended)
	var group []*write
	var changes []*Change
	for {
		group, changes = group[:0], changes[:0]
		select {
		case <-w.stopC:
			return
		case first := <-w.queue:
			group = append(group, first)
		}
	gather:
		for len(group) < writeGroup {
			select {
			case next := <-w.queue:
				group = append(group, next)
			default:
				break gather
			}
		}
		for _, wr := range group {
			changes = append(changes, wr.change)
		}
		// The callers' contexts are not the group's.
		err := w.store.RespondentWrite(context.Background(), changes)
		for _, wr := range group {
			wr.done <- err
		}
		clear(group)
		clear(changes)
	}
}
