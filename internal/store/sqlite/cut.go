package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// Cut is one state of all files of a folder, for a backup, taken from beside
// the process that serves it, if one does.
//
// What makes the files fit each other is the order in which their states are
// fixed. An event is done when work.db says so, which rests on the log, which
// rests on what was changed besides: campaigns, respondents, settings. And a
// job that has got somewhere, says relay.db, rests on what work.db owes. So
// all files but those of events, the log and work.db are kept from changing
// while first work.db's state is fixed and then the log's; that takes some
// milliseconds, for which changes of the configuration wait. Events come last:
// those accepted meanwhile are open, as they would be after a crash, and are
// delivered. Nothing else waits for a backup; but while the state of a file is
// held, its WAL cannot begin anew, and grows with each write.
//
// A webhook that is made while a backup runs is not part of it; nor are its
// deliveries, since work.db and the log are not younger than relay.db.
type Cut struct {
	dir   string
	held  map[string]*conn // the state of a file, by its name
	names []string         // of held, in the order in which they are copied

	damaged []string // see Damaged
}

const (
	eventsFolder = "events"
	workFile     = "work.db"
	keysFile     = "keys.db"
	// heldDays of each folder have their state fixed at the cut: today's file,
	// yesterday's and one made ahead. Of older ones no part changes that is not
	// derived.
	heldDays = 3
	// copyPages are copied between two looks at whether to go on.
	copyPages = 512
)

// ErrNoData is returned (wrapped) for a folder that holds no data of Relay.
var ErrNoData = errors.New("there is no data of Relay here")

// OpenCut fixes the state of the files of a folder. Every event acknowledged
// before the call is part of it. Close ends it.
func OpenCut(ctx context.Context, dir string) (*Cut, error) {
	c := &Cut{dir: dir, held: make(map[string]*conn)}
	if err := c.open(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("reading %q: %w", dir, err)
	}
	return c, nil
}

func (c *Cut) open(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(c.dir, "relay.db")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return ErrNoData
		}
		return err
	}
	top, err := c.list(".")
	if err != nil {
		return err
	}
	// In one order, so that two backups do not wait for each other.
	for _, name := range top {
		if name == workFile || name == keysFile {
			continue
		}
		locker, err := c.dial(name)
		if err != nil {
			return err
		}
		defer locker.close() // lets go
		locker.raw.SetInterrupt(ctx)
		if err := locker.raw.Exec(`BEGIN IMMEDIATE`); err != nil {
			return fmt.Errorf("keeping %q from changing: %w", name, err)
		}
		if err := c.hold(name); err != nil {
			return err
		}
	}
	if slices.Contains(top, workFile) {
		if err := c.hold(workFile); err != nil {
			return err
		}
	}
	folders, err := c.folders()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		days, err := c.list(folder)
		if err != nil {
			return err
		}
		for _, name := range days[max(len(days)-heldDays, 0):] {
			// Retention may remove a day meanwhile, when few are there.
			if err := c.hold(name); err != nil && !c.gone(name) {
				return err
			}
		}
	}
	return ctx.Err()
}

// folders returns the folders of days, but that of events.
func (c *Cut) folders() (names []string, err error) {
	entries, err := os.ReadDir(c.dir)
	for _, e := range entries {
		if e.IsDir() && e.Name() != eventsFolder && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// list returns the names of the files of a folder, ascending.
func (c *Cut) list(folder string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(c.dir, folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".db") && e.Type().IsRegular() {
			names = append(names, path.Join(folder, e.Name()))
		}
	}
	return names, err
}

// gone reports whether retention has removed a file.
func (c *Cut) gone(name string) bool {
	_, err := os.Stat(filepath.Join(c.dir, filepath.FromSlash(name)))
	return errors.Is(err, fs.ErrNotExist)
}

// dial opens a file as it is. It changes none of its settings.
func (c *Cut) dial(name string) (*conn, error) {
	d := &db{path: filepath.Join(c.dir, filepath.FromSlash(name))}
	raw, err := d.dial()
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", name, err)
	}
	return &conn{raw: raw, stmts: make(map[string]*sqlite3.Stmt)}, nil
}

// hold fixes the state of a file.
func (c *Cut) hold(name string) error {
	file, err := c.dial(name)
	if err != nil {
		return err
	}
	// The state is that of the first read.
	if err := file.raw.Exec(`BEGIN; SELECT count(*) FROM sqlite_schema`); err != nil {
		file.close()
		return fmt.Errorf("reading %q: %w", name, err)
	}
	c.held[name] = file
	c.names = append(c.names, name)
	return nil
}

// Files calls f with the name of each file of the cut, slashes between its
// parts, in the order in which they must be copied.
func (c *Cut) Files(f func(name string) error) error {
	for _, name := range c.names {
		if err := f(name); err != nil {
			return err
		}
	}
	folders, err := c.folders()
	if err != nil {
		return err
	}
	// The keys are derived from events: keys that are there must not be
	// younger. Events come last.
	for _, folder := range append(folders, keysFile, eventsFolder) {
		names := []string{keysFile}
		if folder != keysFile {
			if names, err = c.list(folder); err != nil {
				return err
			}
		}
		for _, name := range names {
			if slices.Contains(c.names, name) || c.gone(name) {
				continue
			}
			if err := f(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Copy writes a file of the cut to a path where there is none, synced.
// progress, unless nil, is called with how many bytes are written and how many
// it will be. gone tells that retention has removed the file meanwhile, and
// that nothing was written. A file can be copied once. What is damaged in it is
// copied as it is; see Damaged.
func (c *Cut) Copy(ctx context.Context, name, to string, progress func(done, total int64)) (gone bool, err error) {
	file := c.held[name]
	if file == nil {
		if file, err = c.dial(name); err != nil {
			return c.gone(name), err
		}
	}
	delete(c.held, name)
	defer file.close()
	if err := c.check(ctx, name, file); err != nil {
		return false, err
	}
	if err := copyDatabase(ctx, file, to, progress); err != nil {
		return false, fmt.Errorf("copying %q: %w", name, err)
	}
	return false, nil
}

func copyDatabase(ctx context.Context, from *conn, to string, progress func(done, total int64)) error {
	to, err := filepath.Abs(to) // SQLite reads a name that begins with "file:" in its own way
	if err != nil {
		return err
	}
	// SQLite would create it readable by all.
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := from.integer(`PRAGMA page_size`)
	if err != nil {
		return err
	}
	b, err := from.raw.BackupInit("main", to)
	if err != nil {
		return err
	}
	defer b.Close()
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if done, err = b.Step(copyPages); err != nil {
			return err
		}
		if progress != nil {
			total := int64(b.PageCount()) * size
			progress(total-int64(b.Remaining())*size, total)
		}
	}
	if err := b.Close(); err != nil {
		return err
	}
	return f.Sync()
}

// Close releases the files. Closing twice is harmless.
func (c *Cut) Close() {
	for name, file := range c.held {
		file.close()
		delete(c.held, name)
	}
}
