package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/store/sqltext"
)

// FileSchema says which version of its schema a file has.
type FileSchema struct {
	Name    string // with slashes, below the data folder
	Version int    // migrations applied
	Latest  int    // migrations this Relay knows

	scripts []string
}

// Newer reports whether a newer Relay has written the file.
func (f FileSchema) Newer() bool { return f.Version > f.Latest }

// Pending returns what each migration that the file lacks is about, the next one first.
func (f FileSchema) Pending() []string { return sqltext.Pending(f.scripts, f.Version) }

// schemaDays of each folder are migrated, the newest; older ones are only read,
// as they are.
const schemaDays = 2

// Schema returns the versions of the files of a folder that are migrated. It
// may be called while a server uses the folder, and changes nothing in it.
func Schema(dir string) ([]FileSchema, error) {
	c := &Cut{dir: dir}
	names, err := c.migrated()
	var list []FileSchema
	for _, name := range names {
		if err != nil {
			break
		}
		f := FileSchema{Name: name, scripts: loadMigrations(schemaOf(name))}
		f.Latest = len(f.scripts)
		f.Version, err = c.schemaVersion(name)
		list = append(list, f)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the schema of %q: %w", dir, err)
	}
	return list, nil
}

// schemaVersion reads a file's version as the next server would find it. A connection that is the
// only one would leave shared memory behind, and write the WAL into the file when it closes: this one
// keeps its index of the WAL to itself, and leaves the WAL as it is.
func (c *Cut) schemaVersion(name string) (int, error) {
	for _, alone := range []bool{true, false} {
		file, err := c.dial(name)
		if err != nil {
			return 0, err
		}
		_, err = file.raw.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
		if alone && err == nil {
			if err = file.raw.BusyTimeout(0); err == nil {
				err = file.raw.Exec(`PRAGMA locking_mode=EXCLUSIVE`)
			}
		}
		version := int64(0)
		if err == nil {
			version, err = file.integer(`PRAGMA user_version`)
		}
		file.close()
		if alone && errors.Is(err, sqlite3.BUSY) {
			continue // a server has it open, and keeps the shared memory
		}
		if err != nil {
			err = fmt.Errorf("reading %q: %w", name, err)
		}
		return int(version), err
	}
	panic("internal error: the second try returns")
}

// schemaOf returns the name of a file's migrations: that of its folder, or its own.
func schemaOf(name string) string {
	if folder := path.Dir(name); folder != "." {
		return folder
	}
	return strings.TrimSuffix(name, ".db")
}

// migrated returns the names of the files that are migrated.
func (c *Cut) migrated() ([]string, error) {
	if _, err := os.Stat(filepath.Join(c.dir, "relay.db")); err != nil {
		return nil, errors.Join(ErrNoData, err)
	}
	names, err := c.list(".")
	if err != nil {
		return nil, err
	}
	folders, err := c.folders()
	if err != nil {
		return nil, err
	}
	for _, folder := range append(folders, eventsFolder) {
		days, err := c.list(folder)
		if err != nil {
			return nil, err
		}
		names = append(names, days[max(len(days)-schemaDays, 0):]...)
	}
	return names, nil
}

// Migrate brings the schemas of a folder's files up to date, as Open does, and
// calls progress, unless nil, before each file that lacks something. It fails
// when a server uses the folder, and changes nothing where a newer Relay has
// written a file.
func Migrate(ctx context.Context, dir string, progress func(FileSchema)) error {
	list, err := Schema(dir)
	if err != nil {
		return err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, f := range list {
		if f.Newer() {
			return fmt.Errorf("%q was written by a newer Relay (schema %d, this one knows %d): run that version or a later one", f.Name, f.Version, f.Latest)
		}
	}
	for _, f := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.Version == f.Latest {
			continue
		}
		if progress != nil {
			progress(f)
		}
		d, err := openDB(filepath.Join(dir, filepath.FromSlash(f.Name)), dbOptions{
			Full: true, Schema: loadMigrations(schemaOf(f.Name)), Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return err
		}
		if err := d.close(); err != nil {
			return err
		}
	}
	return nil
}
