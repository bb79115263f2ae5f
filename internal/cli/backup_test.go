package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/store/sqlite/sqlitetest"
	"github.com/relay-events/relay/internal/store/storetest"
)

// A backup script must notice that the disk has damaged the data: the backup is made, with an exit
// code that means neither success nor failure.
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

// Restoring always warns about running a second server on a copy, even if the result cannot be
// printed; a failed restore has made no copy.
func TestRestoreWarnsOfTwoServers(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: filepath.Join(dir, "data")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const warning = "never run two servers on copies of one folder"
	for _, place := range []string{"b.tar", "b"} {
		place = filepath.Join(dir, place)
		if code, _, errs := script(nil, nil, "backup", "--data", filepath.Join(dir, "data"), "--to", place); code != exitOK || strings.Contains(errs, warning) {
			t.Fatalf("backup: got exit code %d, %q, want 0 and no warning", code, errs)
		}
		to := place + "-restored"
		code, out, errs := script(nil, nil, "restore", "--from", place, "--data", to)
		if code != exitOK || !strings.Contains(errs, warning) || strings.Contains(out, warning) || !strings.HasPrefix(out, "{") {
			t.Errorf("restore: got exit code %d, %q and %q, want the result and a warning beside it", code, out, errs)
		}
		if code, _, errs := script(nil, nil, "restore", "--from", place, "--data", to); code == exitOK || strings.Contains(errs, warning) {
			t.Errorf("restoring again: got exit code %d, %q, want a refusal without a warning", code, errs)
		}
	}
}
