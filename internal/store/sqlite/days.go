package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/relay-events/relay/internal/store/utcday"
)

// day is the day a file is of.
type day = utcday.Day

// maxOpenDays bounds the files kept open without being in use.
const maxOpenDays = 8

// dayFiles is a folder with one file for each day.
type dayFiles struct {
	dir string
	o   dbOptions
	log *slog.Logger

	mu     sync.Mutex // guards everything below and the fields of each dayFile
	have   []day      // the days with a file, ascending
	open   map[day]*dayFile
	uses   uint64
	closed bool
}

// dayFile is an open file of a day. Whoever got it releases it.
type dayFile struct {
	*db
	day      day
	writable bool
	refs     int
	used     uint64
	orphan   bool // no longer in open: closed when the last user is gone
}

// openDays opens a folder, which it creates.
func openDays(dir string, o dbOptions, log *slog.Logger) (*dayFiles, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	o.Data, o.BusyTimeout = filepath.Dir(dir), promptTimeout
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	d := &dayFiles{dir: dir, o: o, log: log, open: make(map[day]*dayFile)}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".db")
		if !ok {
			continue
		}
		if n, err := utcday.Parse(name); err == nil {
			d.have = append(d.have, n)
		}
	}
	slices.Sort(d.have)
	// A crash may have cut short the making of the newest file and of the one
	// prepared for the next day: opening them for writing completes them.
	for _, n := range d.have[max(len(d.have)-2, 0):] {
		f, err := d.writableDay(n)
		if err != nil {
			d.close()
			return nil, err
		}
		d.release(f)
	}
	return d, nil
}

func (d *dayFiles) path(n day) string { return filepath.Join(d.dir, n.String()+".db") }

// days returns the days that have a file, ascending.
func (d *dayFiles) days() []day {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.have)
}

// has reports whether the day has a file.
func (d *dayFiles) has(n day) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := slices.BinarySearch(d.have, n)
	return ok
}

// acquire opens a day for reading; nil when it has no file.
func (d *dayFiles) acquire(n day) (*dayFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	if f := d.open[n]; f != nil {
		return d.useLocked(f), nil
	}
	if _, ok := slices.BinarySearch(d.have, n); !ok {
		return nil, nil
	}
	o := d.o
	o.ReadOnly = true
	return d.openLocked(n, o)
}

// writableDay opens or creates the file of a day for writing.
func (d *dayFiles) writableDay(n day) (*dayFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	if f := d.open[n]; f != nil {
		if f.writable {
			return d.useLocked(f), nil
		}
		d.dropLocked(f)
	}
	f, err := d.openLocked(n, d.o)
	if err != nil {
		return nil, err
	}
	if i, ok := slices.BinarySearch(d.have, n); !ok {
		d.have = slices.Insert(d.have, i, n)
	}
	return f, nil
}

func (d *dayFiles) openLocked(n day, o dbOptions) (*dayFile, error) {
	o.Log = d.log
	b, err := openDB(d.path(n), o)
	if err != nil {
		return nil, err
	}
	f := &dayFile{db: b, day: n, writable: !o.ReadOnly}
	d.open[n] = f
	return d.useLocked(f), nil
}

func (d *dayFiles) useLocked(f *dayFile) *dayFile {
	d.uses++
	f.refs, f.used = f.refs+1, d.uses
	return f
}

// dropLocked takes a file out of the open ones; it is closed when its last
// user releases it.
func (d *dayFiles) dropLocked(f *dayFile) {
	delete(d.open, f.day)
	f.orphan = true
	if f.refs == 0 {
		d.closeFile(f) // quick: it was only read
	}
}

func (d *dayFiles) closeFile(f *dayFile) {
	if err := f.db.close(); err != nil {
		d.log.Error("closing a day's file failed", "error", err)
	}
}

// release gives a file back.
func (d *dayFiles) release(f *dayFile) {
	if f == nil {
		return
	}
	d.mu.Lock()
	f.refs--
	var victim *dayFile
	if f.orphan && f.refs == 0 {
		victim = f
	} else if len(d.open) > maxOpenDays && !d.closed {
		for _, o := range d.open {
			if o.refs == 0 && (victim == nil || o.used < victim.used) {
				victim = o
			}
		}
		if victim != nil {
			delete(d.open, victim.day)
		}
	}
	d.mu.Unlock()
	if victim != nil {
		// Its readers are gone. Somebody may open the file again meanwhile,
		// which SQLite's own locks allow.
		d.closeFile(victim)
	}
}

// remove deletes the file of a day. Whoever still reads it may finish.
func (d *dayFiles) remove(n day) error {
	d.mu.Lock()
	if i, ok := slices.BinarySearch(d.have, n); ok {
		d.have = slices.Delete(d.have, i, i+1)
	}
	f := d.open[n]
	if f != nil {
		delete(d.open, n)
		f.orphan = true
		if f.refs > 0 {
			f = nil // its last user closes it
		}
	}
	d.mu.Unlock()
	if f != nil {
		d.closeFile(f)
	}
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(d.path(n) + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("removing the file of %v: %w", n, err))
		}
	}
	return errors.Join(errs...)
}

// close closes all files. Reads under way are waited for, later ones fail.
func (d *dayFiles) close() error {
	d.mu.Lock()
	d.closed = true
	open := d.open
	d.open = make(map[day]*dayFile)
	d.mu.Unlock()
	var errs []error
	for _, f := range open {
		errs = append(errs, f.db.close())
	}
	return errors.Join(errs...)
}
