package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/backup"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/store/sqlite"
)

// Bounds from which room is reported, in bytes.
const (
	fewBytes = 64 << 20 // less is a problem: a day's file may grow by that within minutes
	lowBytes = 1 << 30
)

// bigLog is the size from which a write-ahead log is reported: usual ones have a few megabytes.
const bigLog = 256 << 20

// folder looks at the data folder.
func (r *run) folder(ctx context.Context) {
	dir := r.Config.Data
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && r.reachable:
		r.add(Skipped, "data folder", dir, "it is not on this machine; the server answers", "run this where the server runs, with --data")
		return
	case errors.Is(err, fs.ErrNotExist):
		r.add(Problem, "data folder", dir, "there is none", "name it with --data, or start a server that makes it: relay serve --data "+dir)
		return
	case err != nil:
		r.add(Problem, "data folder", dir, err.Error(), "run this as the server's user")
		return
	case !st.IsDir():
		r.add(Problem, "data folder", dir, "it is a file", "--data must name a folder")
		return
	}
	mayRead := r.permissions(dir, st)
	r.room(dir)
	r.lock(dir)
	r.logs(dir)
	if _, err := os.Stat(filepath.Join(dir, sqlite.UnfinishedName)); err == nil {
		r.add(Problem, "data folder", dir, "a restore into it was interrupted", "run relay restore again: it begins anew")
		return
	}
	if !mayRead {
		return
	}
	if _, err := os.Stat(filepath.Join(dir, "relay.db")); errors.Is(err, fs.ErrNotExist) {
		r.add(Skipped, "schema", dir, "the folder has no relay.db: no server has used it yet", "name the server's folder with --data, or start it")
		return
	}
	r.key(dir)
	r.schema(ctx, dir)
}

// key looks at the key file.
func (r *run) key(dir string) {
	path := filepath.Join(dir, backup.KeyName)
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		r.add(Problem, "encryption key", path, "it is missing: secrets in relay.db cannot be opened", "restore the file from a backup; do not let a server make another one")
		return
	}
	if err == nil {
		_, err = secret.Peek(path, []byte(r.Config.SecretKey.Reveal()))
	}
	if err != nil {
		r.add(Problem, "encryption key", path, err.Error(), "if the cause does not say it: give the server's secretKey, or restore the file from a backup")
		return
	}
	r.ok("encryption key", path, "it opens")
}

// schema compares the files' schemas with those of this version.
func (r *run) schema(_ context.Context, dir string) {
	files, err := sqlite.Schema(dir)
	if err != nil {
		r.add(Problem, "schema", dir, err.Error(), "see which file is named; a damaged one can be restored from a backup")
		return
	}
	for _, f := range files {
		at := filepath.Join(dir, filepath.FromSlash(f.Name))
		switch {
		case f.Newer():
			r.add(Problem, "schema", at, fmt.Sprintf("a newer Relay has written it (schema %d, this one knows %d)", f.Version, f.Latest), "run that version or a later one")
			return
		case f.Version < f.Latest:
			r.add(Warning, "schema", at, fmt.Sprintf("it has the schema %d, and this Relay %d: the next start updates it", f.Version, f.Latest), "make a backup first: relay backup --data "+dir+" --to FILE.tar")
			return
		}
	}
	r.ok("schema", dir, "it is up to date")
}

// room looks at the disk: how much is free, and for how many days that lasts.
func (r *run) room(dir string) {
	free, nodes, known := freeRoom(dir)
	if !known {
		return
	}
	perDay := yesterday(dir, r.Now())
	next := "free some space, move the folder to a larger disk, or keep less: retention.events, retention.attempts"
	switch {
	case free < fewBytes:
		r.add(Problem, "disk", dir, size(free)+" are free: accepting events soon fails, or does already", next)
	case free < lowBytes:
		r.add(Warning, "disk", dir, size(free)+" are free", next)
	case perDay > 0 && free/perDay < 3:
		r.add(Warning, "disk", dir, fmt.Sprintf("%s are free, and yesterday took %s", size(free), size(perDay)), next)
	default:
		r.ok("disk", dir, "%s are free", size(free))
	}
	if nodes >= 0 && nodes < 1000 {
		r.add(Problem, "inodes", dir, fmt.Sprintf("%d are free: no files can be made soon", nodes), "remove small files on this disk; df -i shows how many it may have")
	}
}

// yesterday returns how many bytes the files of the last whole day have.
func yesterday(dir string, now time.Time) (n int64) {
	day := now.UTC().Add(-24*time.Hour).Format("2006-01-02") + ".db"
	for _, folder := range []string{"events", "attempts"} {
		if st, err := os.Stat(filepath.Join(dir, folder, day)); err == nil {
			n += st.Size()
		}
	}
	return n
}

// lock says which process uses the folder, and whether it answers.
func (r *run) lock(dir string) {
	file := filepath.Join(dir, "relay.lock")
	pid, known := lockHolder(file)
	switch {
	case !known:
	case pid > 0 && !r.reachable:
		r.process = pid
		r.add(Problem, "server", file, fmt.Sprintf("the process %d uses the folder, and nothing answers at %s", pid, r.URL), "name the server's address with --server; if it hangs, look at its log")
	case pid > 0:
		r.process = pid
	case pid == 0 && r.reachable:
		r.add(Warning, "server", dir, "no server uses the folder, but one answers at "+r.URL+": it has another one", "name the server's folder with --data")
	}
}

// logs looks at the write-ahead logs of the databases.
func (r *run) logs(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "-wal") {
			return nil // what cannot be read is a finding of permissions
		}
		st, err := d.Info()
		if err == nil && st.Size() > bigLog {
			r.add(Warning, "write-ahead log", path, "it has "+size(st.Size())+": something keeps an old view of the database open", "see whether a backup or another program that reads the file still runs; a restart of the server shortens it")
		}
		return nil
	})
}

// backups looks for the newest backup.
func (r *run) backups() {
	if r.Backups == "" {
		return
	}
	entries, err := os.ReadDir(r.Backups)
	if err != nil {
		r.add(Problem, "backups", r.Backups, err.Error(), "is the disk mounted?")
		return
	}
	var newest time.Time
	name := ""
	for _, e := range entries {
		if strings.Contains(e.Name(), ".partial-") || !e.IsDir() && !strings.HasSuffix(e.Name(), ".tar") {
			continue
		}
		if e.IsDir() {
			if _, err := os.Stat(filepath.Join(r.Backups, e.Name(), backup.ManifestName)); err != nil {
				continue
			}
		}
		if st, err := e.Info(); err == nil && st.ModTime().After(newest) {
			newest, name = st.ModTime(), e.Name()
		}
	}
	next := "relay backup --to " + filepath.Join(r.Backups, "relay-$(date +%F).tar")
	switch age := r.Now().Sub(newest); {
	case name == "":
		r.add(Problem, "backups", r.Backups, "there is none", next)
	case age > 48*time.Hour:
		r.add(Warning, "backups", filepath.Join(r.Backups, name), "the newest is "+span(age)+" old", next)
	default:
		r.ok("backups", filepath.Join(r.Backups, name), "the newest is %s old", span(age))
	}
}
