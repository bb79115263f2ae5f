package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A demo works without a place for temporary files.
func TestDemoFolder(t *testing.T) {
	data := t.TempDir()
	t.Setenv("RELAY_DATA", data)
	t.Setenv("TMPDIR", filepath.Join(data, "none"))
	t.Setenv("TMP", filepath.Join(data, "none"))
	folder, err := demoFolder()
	if err != nil || filepath.Dir(folder) != data {
		t.Errorf("without a folder for temporary files: got %q, %v, want one in %s", folder, err, data)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Error(err)
	}
	t.Setenv("RELAY_DATA", filepath.Join(data, "none"))
	if _, err := demoFolder(); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("with no place at all: got %v, want an error that names --data", err)
	}
	t.Setenv("TMPDIR", data)
	t.Setenv("TMP", data)
	if folder, err := demoFolder(); err != nil || filepath.Dir(folder) != data {
		t.Errorf("with a folder for temporary files: got %q, %v", folder, err)
	}
}
