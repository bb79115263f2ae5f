package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/relay-events/relay/internal/store/sqlite"
)

// ready returns the reason why requests cannot be served now, or nil.
func (a *App) ready(context.Context) error {
	s := a.engine.Snapshot()
	intake := a.ingester.Failing()
	switch {
	case a.stopping.Load():
		return errors.New("Relay is stopping") //nolint:staticcheck,revive // the name of the program
	case !a.serving.Load():
		return errors.New("Relay is starting") //nolint:staticcheck,revive // the name of the program
	case s.Idle:
		return errors.New("the database cannot be reached, or this server was taken for dead: see the log")
	case intake != nil:
		return notStored(intake, "events cannot be stored")
	case s.StoreDown:
		var err error
		if a.data != "" {
			err = sqlite.CheckDisk(a.data)
		}
		return notStored(err, "the store cannot record deliveries")
	}
	return nil
}

// notStored describes a failure that an operator can fix: it names a full or failing disk, and
// refers to the log otherwise.
func notStored(err error, what string) error {
	var disk *sqlite.DiskError
	switch {
	case !errors.As(err, &disk):
		return fmt.Errorf("%s, see the log", what)
	case disk.Full && disk.Free >= 0:
		return fmt.Errorf("the disk of %s is full: %d bytes free", disk.Dir, disk.Free)
	case disk.Full:
		return fmt.Errorf("the disk of %s is full", disk.Dir)
	default:
		return fmt.Errorf("the disk of %s fails: %w", disk.Dir, disk.Unwrap())
	}
}
