// Package backup copies the data folder of a running Relay, and restores a data folder from the
// copy.
//
// A backup is a folder, or a tar file, with the same files as the data folder, and with
// backup.json, which lists them with their checksums. It is created under a temporary name and
// renamed when it is complete and synced, so that any file or folder with the name of a backup is
// complete. Package sqlite explains why the files are consistent with each other (Cut).
//
// Known weak points: a backup is always a full one. It contains the key file as it is in the data
// folder: unencrypted unless a master key encrypts it.
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
	// ManifestName is the name of the file that lists the others.
	ManifestName = "backup.json"
	// KeyName is the name of the key file, in the data folder and in a backup.
	KeyName = "relay.key"

	format      = 1
	maxManifest = 16 << 20 // bytes; a file takes about 120
	maxKey      = 1 << 20
)

// Manifest lists the content of a backup.
type Manifest struct {
	Format    int       `json:"relayBackup"`
	Version   string    `json:"version"` // of the Relay that made it
	StartedAt time.Time `json:"startedAt"`
	// Files lists all files except the manifest, in the order in which they were copied.
	Files []File `json:"files"`
	// Damaged describes data that could not be read back when the backup was made, one sentence
	// each, because the disk had changed it. The files contain the data as it was.
	Damaged []string `json:"damaged,omitempty"`
}

// File is a file of a backup.
type File struct {
	Name   string `json:"name"` // with slashes, relative to the data folder
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

// HasKey reports whether the backup contains the key file.
func (m *Manifest) HasKey() bool {
	for _, f := range m.Files {
		if f.Name == KeyName {
			return true
		}
	}
	return false
}

// Progress receives the progress of a file, in bytes.
type Progress func(name string, done, total int64)

// CreateOptions selects the folder to copy, and the target.
type CreateOptions struct {
	// Data is the data folder.
	Data string
	// To is the path of the backup: a tar file if it ends in .tar, else a folder. It must not
	// exist.
	To string
	// Mkdir creates the folder that contains To, if it does not exist; without Mkdir the error then
	// wraps ErrNoFolder.
	Mkdir bool
	// NoKey omits the key file.
	NoKey bool
	// Version is the version of this Relay.
	Version string
	// Progress may be nil.
	Progress Progress
}

// ErrExists is returned (wrapped) instead of overwriting a file or folder.
var ErrExists = errors.New("it already exists")

// Create makes a backup, which contains all events acknowledged before the call. If it fails, or
// ctx ends, it leaves no files.
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
	// The key file is copied after the configuration: by then it contains every key that sealed a
	// part of the configuration, and no key is ever removed from it while in use.
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

// outside returns an error if the backup would be inside the folder to back up.
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
		return fmt.Errorf("it is inside the data folder %q: choose a place outside, preferably on another disk", data)
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
		return nil // no value was ever sealed
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

// add adds a copied file to the manifest and the backup.
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

// reader is a reader that fails when its context ends.
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

// check returns an error if the manifest is invalid or names files that a backup cannot contain.
func (m *Manifest) check() error {
	if m.Format > format {
		return fmt.Errorf("it was made by a newer Relay (%s, format %d); this Relay reads format %d", m.Version, m.Format, format)
	}
	if m.Format < 1 {
		return errNoBackup
	}
	seen := make(map[string]bool)
	for _, f := range m.Files {
		dir, base := path.Split(f.Name)
		known := f.Name == KeyName || strings.HasSuffix(base, ".db")
		if seen[f.Name] || !known || path.Clean(f.Name) != f.Name || strings.Count(dir, "/") > 1 || !filepath.IsLocal(filepath.FromSlash(f.Name)) || strings.ContainsAny(f.Name, "\\:") {
			return fmt.Errorf("%s names the file %q, which a backup cannot contain", ManifestName, f.Name)
		}
		seen[f.Name] = true
	}
	if !seen["relay.db"] {
		return errNoBackup
	}
	return nil
}

var errNoBackup = errors.New("it is not a backup of Relay, or it is incomplete: " + ManifestName + " is missing or damaged")
