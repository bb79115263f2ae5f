// Package sqlite implements Relay's storage contracts on SQLite files in one
// folder, for one process.
//
// The idea: data that is written most is only appended. Accepted events and
// finished attempts go into one file each per UTC day, packed, compressed and
// checksummed in blocks, so that a group commit is one row and retention is a
// file removed. Indexes that such a commit would otherwise have to change
// (idempotency keys, attempts by webhook) are derived data: they are written
// later, in order, and made again from the blocks when they are lost.
//
//	relay.lock               held while a process uses the folder
//	relay.db                 configuration
//	gate.db                  campaigns and respondents
//	work.db                  owed deliveries, closed intakes
//	keys.db                  idempotency keys; derived
//	events/2026-11-21.db     accepted events of a day
//	attempts/2026-11-21.db   the log of a day, and its indexes; these are derived
//
// Known weak points: retention works by whole days; a block whose bytes the
// disk has changed is noticed and named, but cannot be repaired.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/sqlite/osfile"
	"github.com/relay-events/relay/internal/store/tables"
	"github.com/relay-events/relay/internal/store/utcday"
	"github.com/relay-events/relay/internal/webhook"
)

// Options says which folder a Store uses.
type Options struct {
	// Dir is the folder of the files; it is created, readable by its owner only.
	Dir string
	// Node is the node number in the ids, 0 to event.MaxNode.
	Node int
	// Sealer encrypts the webhooks' secrets. Nil stores them in clear: for tests.
	Sealer webhook.Sealer
	// Log receives what happens in the background. Nil: slog.Default.
	Log *slog.Logger
	// Now is the clock that ids are made by. Nil: time.Now.
	Now func() time.Time
}

// Store implements the storage contracts of all domain packages. Its methods
// are safe for concurrent use. Open makes it, Close ends it.
type Store struct {
	*tables.Tables // what lies in plain tables

	dir  string
	log  *slog.Logger
	now  func() time.Time
	lock *os.File
	// opened is when: what the requests before that have left is nobody's any more.
	opened time.Time

	sealer   webhook.Sealer
	config   *db
	gate     *db // campaigns and respondents
	events   *eventLog
	keys     *keyIndex
	work     *workDB
	attempts *attemptLog
	append   appender
	jobs     jobClaims

	respondents *event.Sequence // ids of respondents
	audits      *event.Sequence // ids of entries of the audit log

	// openAtStart lists the intakes that were open when the store was opened.
	openAtStart []event.ID
	// lastAtOpen is the newest id there was when the store was opened.
	lastAtOpen event.ID
}

var (
	_ ingest.Store        = (*Store)(nil)
	_ delivery.Store      = (*Store)(nil)
	_ webhook.Store       = (*Store)(nil)
	_ account.Store       = (*Store)(nil)
	_ catalogue.Store     = (*Store)(nil)
	_ gate.Store          = (*Store)(nil)
	_ access.AuditStore   = (*Store)(nil)
	_ account.AnswerStore = (*Store)(nil)
)

// Open opens the store in a folder, and creates missing files. It fails at
// once when another process has it open.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Node < 0 || o.Node > event.MaxNode {
		return nil, fmt.Errorf("opening the store: node is %d, must be 0 to %d", o.Node, event.MaxNode)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Sealer == nil {
		o.Sealer = webhook.InClear{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{dir: o.Dir, now: o.Now, opened: time.Now(), log: o.Log.With("component", "store"), sealer: o.Sealer}
	if err := s.open(ctx, o.Node); err != nil {
		return nil, fmt.Errorf("opening the store in %q: %w", o.Dir, errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, node int) (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lockDir(s.dir); err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(s.dir, UnfinishedName)); err == nil {
		return errUnfinished
	}
	if err := s.openTables(ctx, node); err != nil {
		return err
	}
	lastRespondent, err := s.RespondentLast(ctx)
	if err != nil {
		return err
	}
	s.respondents = event.NewSequence(node, lastRespondent)
	days, err := openDays(filepath.Join(s.dir, "events"), dbOptions{
		Full: true, SecureDelete: true, PageSize: 8192, CacheKB: 2 << 10, Schema: loadMigrations("events"),
	}, s.log)
	if err != nil {
		return err
	}
	s.events = &eventLog{dayFiles: days}
	if s.keys, err = openKeys(ctx, filepath.Join(s.dir, "keys.db"), s.log); err != nil {
		return err
	}
	if s.work, err = openWork(filepath.Join(s.dir, "work.db"), s.log); err != nil {
		return err
	}
	closed := s.work.closedThrough()
	last, err := s.events.lastID(ctx)
	if err != nil {
		return err
	}
	// Retention may have removed the last events, and the clock may have been
	// set back since: ids must rise all the same.
	last = max(last, closed, s.keys.through)

	attemptSeq := event.NewSequence(node, 0)
	if s.attempts, err = openAttemptLog(filepath.Join(s.dir, "attempts"), attemptSeq, s.log, s.now); err != nil {
		return err
	}
	lastAttempt, err := s.attempts.lastID()
	if err != nil {
		return err
	}
	// Settlings are looked up by the id of the intake they follow.
	last = max(last, lastAttempt)
	s.lastAtOpen = last
	s.append.seq = event.NewSequence(node, last)
	attemptSeq.Reserve(last.Time().Add(time.Millisecond), 1)

	if err := s.keys.catchUp(ctx, s.events); err != nil {
		return err
	}
	for _, n := range s.events.days() {
		if n < utcday.Of(closed) {
			continue
		}
		err := s.events.blockIDs(ctx, n, closed, func(id event.ID) {
			if !s.work.isClosed(id) {
				s.openAtStart = append(s.openAtStart, id)
			}
		})
		if err != nil {
			return err
		}
	}
	s.work.opened(s.openAtStart...)
	s.append.opened.Store(int64(last))
	return osfile.SyncFolder(s.dir)
}

// UnfinishedName is the file that marks a folder into which a backup is being
// restored: it holds a part of one, on which no server may start.
const UnfinishedName = "restore.unfinished"

var errUnfinished = errors.New("a restore into this folder was interrupted: run it again, it begins anew")

// lockDir takes the lock of the folder.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "relay.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("another Relay uses this folder: stop it, or give this one a folder of its own: %w", err)
	}
	return f, nil
}

// Close ends all work and closes the files. The Store must not be used any more.
func (s *Store) Close() error {
	var errs []error
	s.append.mu.Lock()
	defer s.append.mu.Unlock()
	s.append.work.Wait()
	if s.attempts != nil {
		errs = append(errs, s.attempts.close())
	}
	if s.work != nil {
		errs = append(errs, s.work.close())
	}
	if s.keys != nil {
		errs = append(errs, s.keys.close())
	}
	if s.events != nil {
		s.events.release(s.append.file)
		s.append.file = nil
		errs = append(errs, s.events.close())
	}
	if s.gate != nil {
		errs = append(errs, s.gate.close())
	}
	if s.config != nil {
		errs = append(errs, s.config.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
