package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/store/sqlite/sqlitetest"
	"github.com/relay-events/relay/internal/store/storetest"
)

// A script that makes backups must notice that the disk has changed what is backed up: there is a backup, and an exit
// code that is neither that of success nor that of failure.
func TestBackupOfDamagedData(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	p := storetest.Publication(storetest.Event("", "a", `"`+strings.Repeat("abcdefgh", 40)+`"`))
	storetest.MustAppend(t, s, p)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{exitOK, exitDamaged} {
		to := filepath.Join(t.TempDir(), "b.tar")
		code, out, errs := script(nil, nil, "backup", "--data", dir, "--to", to)
		if code != want || !strings.Contains(out, "b.tar") || (want == exitDamaged) != strings.Contains(errs, "events/") {
			t.Errorf("backup %d: got exit code %d, %q and %q, want code %d", i, code, out, errs, want)
		}
		sqlitetest.Damage(t, dir, p.Items[0].Event.ID)
	}
}
