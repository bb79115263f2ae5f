package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/relay-events/relay/internal/event"
)

// ErrDamaged is wrapped by errors about stored data that cannot be read back
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

// Why something cannot be shown or sent.
const (
	EventGone    = "the event is no longer stored"
	EventDamaged = "the stored event is damaged"
)

// EventsOf returns the events with the ids that can be read, and those that are
// stored but damaged: one of them is no reason to fail for the others.
func EventsOf(ctx context.Context, store Store, ids []event.ID) (found map[event.ID]*event.Event, damaged map[event.ID]error, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	events, err := store.EventGetMany(ctx, ids)
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
