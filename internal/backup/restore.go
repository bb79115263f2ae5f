package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/relay-events/relay/internal/store/sqlite"
)

// RestoreOptions selects the backup to restore, and the target folder.
type RestoreOptions struct {
	// From is the path of a backup.
	From string
	// Data is the data folder to create; it must be empty or not exist.
	Data string
	// Progress may be nil.
	Progress Progress
}

// errDamaged is returned (wrapped) if the files of a backup differ from those that were copied.
var errDamaged = errors.New("the backup is damaged")

// Restore creates a data folder from a backup and compares every file with its checksum. Servers do
// not start on an incomplete folder; running Restore into it again completes it.
func Restore(ctx context.Context, o RestoreOptions) (*Manifest, error) {
	m, err := restore(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("restoring %q to %q: %w", o.From, o.Data, err)
	}
	return m, nil
}

func restore(ctx context.Context, o RestoreOptions) (*Manifest, error) {
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	src, m, err := openSource(o.From)
	if err != nil {
		return nil, err
	}
	if err := prepare(o.Data); err != nil {
		return nil, errors.Join(err, src.close())
	}
	want := make(map[string]File)
	for _, f := range m.Files {
		want[f.Name] = f
	}
	dirs := map[string]bool{o.Data: true}
	err = src.files(m, func(name string, r io.Reader) error {
		f, ok := want[name]
		if !ok {
			return fmt.Errorf("%w: it contains a file %q that %s does not name", errDamaged, name, ManifestName)
		}
		delete(want, name)
		to := filepath.Join(o.Data, filepath.FromSlash(name))
		dirs[filepath.Dir(to)] = true
		return restoreFile(ctx, f, r, to, o.Progress)
	})
	if err := errors.Join(err, src.close()); err != nil {
		return nil, err
	}
	for name := range want {
		return nil, fmt.Errorf("%w: the file %q is missing", errDamaged, name)
	}
	for dir := range dirs {
		if err := syncDir(dir); err != nil {
			return nil, err
		}
	}
	if err := os.Remove(filepath.Join(o.Data, sqlite.UnfinishedName)); err != nil {
		return nil, err
	}
	return m, syncDir(o.Data)
}

// prepare creates the data folder, with a marker that it is incomplete. It removes the remains of
// an interrupted restore.
func prepare(data string) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	mark := filepath.Join(data, sqlite.UnfinishedName)
	entries, err := os.ReadDir(data)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(mark); errors.Is(err, fs.ErrNotExist) {
		if len(entries) > 0 {
			return fmt.Errorf("the folder is not empty (it contains %q): move it away, or restore to another folder", entries[0].Name())
		}
		if err := writeFile(mark, []byte("A restore into this folder is in progress, or was interrupted.\n")); err != nil {
			return err
		}
		return syncDir(data)
	}
	for _, e := range entries {
		if e.Name() != sqlite.UnfinishedName {
			if err := os.RemoveAll(filepath.Join(data, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func restoreFile(ctx context.Context, want File, r io.Reader, to string, progress Progress) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	buf := make([]byte, 1<<20)
	var n int64
	for {
		k, err := reader{ctx, r}.Read(buf)
		if n += int64(k); n > want.Bytes {
			return fmt.Errorf("%w: %q is longer than it was", errDamaged, want.Name)
		}
		sum.Write(buf[:k])
		if _, err := f.Write(buf[:k]); err != nil {
			return err
		}
		progress(want.Name, n, want.Bytes)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading %q: %w", want.Name, err)
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); n != want.Bytes || got != want.SHA256 {
		return fmt.Errorf("%w: %q has %d bytes with the checksum %s, it had %d with %s", errDamaged, want.Name, n, got, want.Bytes, want.SHA256)
	}
	return errors.Join(f.Sync(), f.Close())
}

// source is a backup being read.
type source interface {
	// files calls f for each file except the manifest.
	files(m *Manifest, f func(name string, r io.Reader) error) error
	close() error
}

// openSource opens a backup and reads its manifest.
func openSource(from string) (source, *Manifest, error) {
	st, err := os.Stat(from)
	if err != nil {
		return nil, nil, err
	}
	var src source
	var text []byte
	if st.IsDir() {
		src = dirSource(from)
		text, err = os.ReadFile(filepath.Join(from, ManifestName))
	} else {
		var t *tarSource
		if t, err = openTar(from); err != nil {
			return nil, nil, err
		}
		src = t
		text, err = t.manifest()
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = errNoBackup
	}
	m := new(Manifest)
	if err == nil && json.Unmarshal(text, m) != nil {
		err = errNoBackup
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, nil, errors.Join(err, src.close())
	}
	return src, m, nil
}

// dirSource is a backup in a folder.
type dirSource string

func (d dirSource) close() error { return nil }

func (d dirSource) files(m *Manifest, f func(name string, r io.Reader) error) error {
	for _, want := range m.Files {
		file, err := os.Open(filepath.Join(string(d), filepath.FromSlash(want.Name)))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: the file %q is missing", errDamaged, want.Name)
		}
		if err != nil {
			return err
		}
		if err := errors.Join(f(want.Name, file), file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// tarSource is a backup in a tar file. Its manifest comes last, when the checksums are known, so
// the file is read twice.
type tarSource struct{ f *os.File }

func openTar(name string) (*tarSource, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return &tarSource{f}, nil
}

func (t *tarSource) close() error { return t.f.Close() }

func (t *tarSource) each(f func(name string, r io.Reader) error) error {
	if _, err := t.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := tar.NewReader(t.f)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errNoBackup, err)
		}
		if h.Typeflag != tar.TypeReg {
			return fmt.Errorf("%w: %q is not a file", errDamaged, h.Name)
		}
		if err := f(h.Name, r); err != nil {
			return err
		}
	}
}

func (t *tarSource) manifest() (text []byte, err error) {
	err = t.each(func(name string, r io.Reader) error {
		if name == ManifestName {
			text, err = io.ReadAll(io.LimitReader(r, maxManifest))
		}
		return err
	})
	if err == nil && text == nil {
		err = errNoBackup
	}
	return text, err
}

func (t *tarSource) files(_ *Manifest, f func(name string, r io.Reader) error) error {
	return t.each(func(name string, r io.Reader) error {
		if name == ManifestName {
			return nil
		}
		return f(name, r)
	})
}
