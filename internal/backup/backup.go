// Package backup copies the data folder of a Relay that keeps running, and
// makes a folder of such a copy again.
//
// A backup is a folder, or a tar file, with the same files as the data folder
// and one more, backup.json, that names them with their checksums. It is made
// beside its place and moved there when it is complete and on the disk: what
// bears the name of a backup is whole. package sqlite says why the files fit
// each other (Cut).
//
// Known weak points: a backup is always a full one; and the file of keys in it
// is as it is in the data folder, in clear unless a master key encrypts it.
package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/store/sqlite"
)

const (
	// ManifestName is the name of the file that names the others.
	ManifestName = "backup.json"
	// KeyName is the name of the file of keys, in the data folder and in a backup.
	KeyName = "relay.key"

	format      = 1
	maxManifest = 16 << 20 // bytes; a file takes some 120
	maxKey      = 1 << 20
)

// Manifest says what a backup holds.
type Manifest struct {
	Format    int       `json:"relayBackup"`
	Version   string    `json:"version"` // of the Relay that made it
	StartedAt time.Time `json:"startedAt"`
	// Files are all files but the manifest, in the order in which they were copied.
	Files []File `json:"files"`
	// Damaged names what could not be read back when the backup was made, a
	// sentence each: the disk had changed it. The files hold it as it was.
	Damaged []string `json:"damaged,omitempty"`
}

// File is a file of a backup.
type File struct {
	Name   string `json:"name"` // with slashes, below the data folder
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // in hexadecimal
}

// Bytes returns the size of all files.
func (m *Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

// HasKey reports whether the file of keys is part of the backup.
func (m *Manifest) HasKey() bool {
	for _, f := range m.Files {
		if f.Name == KeyName {
			return true
		}
	}
	return false
}

// Progress is told how far a file is, in bytes.
type Progress func(name string, done, total int64)

// CreateOptions says what is copied, and where to.
type CreateOptions struct {
	// Data is the data folder.
	Data string
	// To is where the backup is made: a tar file if it ends in .tar, else a
	// folder. It must not exist.
	To string
	// Mkdir makes the folder that To is in, if it is not there; otherwise the
	// error wraps ErrNoFolder.
	Mkdir bool
	// NoKey leaves the file of keys out.
	NoKey bool
	// Version is that of this Relay.
	Version string
	// Progress may be nil.
	Progress Progress
}

// ErrExists is returned (wrapped) where something would have been overwritten.
var ErrExists = errors.New("it exists already")

// Create makes a backup. Everything that was acknowledged before the call is
// part of it. When it fails, or ctx ends, nothing is left.
func Create(ctx context.Context, o CreateOptions) (*Manifest, error) {
	m, err := create(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("making the backup %q: %w", o.To, err)
	}
	return m, nil
}

func create(ctx context.Context, o CreateOptions) (_ *Manifest, err error) {
	if _, err := os.Lstat(o.To); err == nil {
		return nil, ErrExists
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := outside(o.Data, o.To); err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	m := &Manifest{Format: format, Version: o.Version, StartedAt: time.Now().UTC().Truncate(time.Millisecond)}
	cut, err := sqlite.OpenCut(ctx, o.Data)
	if err != nil {
		return nil, err
	}
	defer cut.Close()
	out, err := newTarget(o.To, o.Mkdir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.discard()) }()
	if err := cut.Files(func(name string) error { return m.copyDatabase(ctx, cut, out, name, o.Progress) }); err != nil {
		return nil, err
	}
	m.Damaged = cut.Damaged()
	// After the configuration: a key that sealed something of it is in the file
	// by then, and no key ever leaves it.
	if !o.NoKey {
		if err := m.copyKey(o.Data, out); err != nil {
			return nil, err
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := out.write(ManifestName, append(text, '\n')); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return m, out.finish()
}

// outside refuses to make a backup within the folder it is of.
func outside(data, to string) error {
	data, err := filepath.Abs(data)
	if err != nil {
		return err
	}
	if to, err = filepath.Abs(to); err != nil {
		return err
	}
	rel, err := filepath.Rel(data, to)
	if err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("it is within the data folder %q: choose a place outside, best on another disk", data)
	}
	return nil
}

func (m *Manifest) copyDatabase(ctx context.Context, cut *sqlite.Cut, out target, name string, progress Progress) error {
	file, err := out.place(name)
	if err != nil {
		return err
	}
	gone, err := cut.Copy(ctx, name, file, func(done, total int64) { progress(name, done, total) })
	if err != nil || gone {
		return err
	}
	return m.add(ctx, out, name, file)
}

func (m *Manifest) copyKey(data string, out target) error {
	f, err := os.Open(filepath.Join(data, KeyName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever sealed
	}
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	m.Files = append(m.Files, File{Name: KeyName, Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:])})
	return out.write(KeyName, b)
}

// add puts a copied file into the manifest and the backup.
func (m *Manifest) add(ctx context.Context, out target, name, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, reader{ctx, f})
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("reading the copy of %q: %w", name, err)
	}
	m.Files = append(m.Files, File{Name: name, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))})
	return out.placed(name, file)
}

// reader is a reader that fails once a context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// check refuses a manifest that is none, or names files that no backup has.
func (m *Manifest) check() error {
	if m.Format > format {
		return fmt.Errorf("it was made by a newer Relay (%s, format %d), this one reads format %d", m.Version, m.Format, format)
	}
	if m.Format < 1 {
		return errNoBackup
	}
	seen := make(map[string]bool)
	for _, f := range m.Files {
		dir, base := path.Split(f.Name)
		known := f.Name == KeyName || strings.HasSuffix(base, ".db")
		if seen[f.Name] || !known || path.Clean(f.Name) != f.Name || strings.Count(dir, "/") > 1 || !filepath.IsLocal(filepath.FromSlash(f.Name)) || strings.ContainsAny(f.Name, "\\:") {
			return fmt.Errorf("%s names the file %q, which no backup has", ManifestName, f.Name)
		}
		seen[f.Name] = true
	}
	if !seen["relay.db"] {
		return errNoBackup
	}
	return nil
}

var errNoBackup = errors.New("it is no backup of Relay, or not a whole one: " + ManifestName + " is missing or damaged")
