package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// ErrDamaged is wrapped by errors about what is stored but cannot be read back
// as it was written: the disk returned other bytes.
var ErrDamaged = errors.New("stored data is damaged")

// DamagedError names events that are stored but damaged. It wraps ErrDamaged.
type DamagedError struct {
	Why map[event.ID]error // never empty
}

// Error names the first of them.
func (e *DamagedError) Error() string {
	ids := slices.Sorted(maps.Keys(e.Why))
	if len(ids) == 1 {
		return e.Why[ids[0]].Error()
	}
	return fmt.Sprintf("%v, and %d more", e.Why[ids[0]], len(ids)-1)
}

// Is reports that it is ErrDamaged.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// eventDamaged is why something cannot be shown or sent.
const eventDamaged = "the stored event is damaged"

// nothingToSend tells why a delivery of the event cannot be sent again.
func (e *Engine) nothingToSend(ctx context.Context, id event.ID) error {
	if _, damaged, err := e.eventsOf(ctx, []event.ID{id}); err == nil && damaged[id] != nil {
		return problem.New(problem.Conflict, "%s: there is nothing to send", eventDamaged)
	}
	return errEventGone
}

// eventsOf returns the events with the ids that can be read, and those that are
// stored but damaged: one of them is no reason to fail for the others.
func (e *Engine) eventsOf(ctx context.Context, ids []event.ID) (found map[event.ID]*event.Event, damaged map[event.ID]error, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	events, err := e.store.EventGetMany(ctx, ids)
	var bad *DamagedError
	if errors.As(err, &bad) {
		damaged, err = bad.Why, nil
	}
	if err != nil {
		return nil, nil, err
	}
	found = make(map[event.ID]*event.Event, len(events))
	for i := range events {
		found[events[i].ID] = &events[i]
	}
	return found, damaged, nil
}
