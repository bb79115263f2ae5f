package backup

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// target is a backup being made: a folder or a tar file.
type target interface {
	// place returns the path to which to write a file, and placed adds the written file to the
	// backup.
	place(name string) (file string, err error)
	placed(name, file string) error
	// write adds a small file.
	write(name string, content []byte) error
	// finish syncs the backup and moves it to its final path.
	finish() error
	// discard removes the backup unless finish has moved it.
	discard() error
}

// isTar reports whether a backup is a tar file.
func isTar(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".tar") }

// ErrNoFolder is returned (wrapped) if the parent folder of the backup does not exist, because a
// disk is not mounted or the path is misspelt.
var ErrNoFolder = errors.New("the folder for the backup does not exist")

// newTarget creates a temporary folder next to the backup's final path, and the backup inside it.
func newTarget(to string, mkdir bool) (target, error) {
	to, err := filepath.Abs(to)
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(to)
	if mkdir {
		if err := os.MkdirAll(parent, 0o700); err != nil {
			return nil, err
		}
	} else if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %q", ErrNoFolder, parent)
	}
	dir, err := os.MkdirTemp(filepath.Dir(to), filepath.Base(to)+".partial-*")
	if err != nil {
		return nil, err
	}
	d := dirTarget{dir: dir, to: to}
	if !isTar(to) {
		return &d, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, "backup.tar"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, errors.Join(err, d.discard())
	}
	return &tarTarget{dirTarget: d, f: f, tar: tar.NewWriter(f)}, nil
}

// dirTarget is a backup in a folder.
type dirTarget struct {
	dir string // temporary folder
	to  string
}

func (d *dirTarget) place(name string) (string, error) {
	file := filepath.Join(d.dir, filepath.FromSlash(name))
	return file, os.MkdirAll(filepath.Dir(file), 0o700)
}

func (d *dirTarget) placed(string, string) error { return nil }

func (d *dirTarget) write(name string, content []byte) error {
	return writeFile(filepath.Join(d.dir, name), content)
}

func (d *dirTarget) finish() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			err = errors.Join(err, syncDir(filepath.Join(d.dir, e.Name())))
		}
	}
	if err := errors.Join(err, syncDir(d.dir)); err != nil {
		return err
	}
	// Renaming a folder never replaces a non-empty folder and, on Windows, no existing folder at
	// all.
	if err := os.Rename(d.dir, d.to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(d.to))
}

func (d *dirTarget) discard() error { return os.RemoveAll(d.dir) }

// tarTarget is a backup in a tar file.
type tarTarget struct {
	dirTarget
	f   *os.File
	tar *tar.Writer
}

func (t *tarTarget) place(string) (string, error) {
	file := filepath.Join(t.dir, "file")
	return file, nil
}

func (t *tarTarget) header(name string, size int64) error {
	return t.tar.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: time.Now()})
}

func (t *tarTarget) placed(name, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err == nil {
		err = t.header(name, st.Size())
	}
	if err == nil {
		_, err = io.Copy(t.tar, f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("adding %q: %w", name, err)
	}
	return os.Remove(file)
}

func (t *tarTarget) write(name string, content []byte) error {
	if err := t.header(name, int64(len(content))); err != nil {
		return err
	}
	_, err := t.tar.Write(content)
	return err
}

func (t *tarTarget) finish() error {
	err := t.tar.Close()
	if err == nil {
		err = t.f.Sync()
	}
	if err := errors.Join(err, t.f.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, never replaces a file.
	if err := os.Link(t.f.Name(), t.to); err != nil {
		if errors.Is(err, os.ErrExist) {
			return ErrExists
		}
		if err := os.Rename(t.f.Name(), t.to); err != nil { // some file systems have no hard links
			return err
		}
	}
	return syncDir(filepath.Dir(t.to))
}

func (t *tarTarget) discard() error {
	_ = t.f.Close() // already closed when the backup is complete
	return t.dirTarget.discard()
}

// writeFile creates a file, which must not exist, and syncs it.
func writeFile(file string, content []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the entries of a folder durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be opened there; NTFS logs such changes
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
