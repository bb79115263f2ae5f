package deps

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// elsewhere matches references to documents that do not lie in this repository, which nobody who reads the code could follow.
var elsewhere = regexp.MustCompile(`\bSPEC section|\bRELIABILITY [A-Z(]|\b(SPEC|FAULTS|REDESIGN|NEWCOMER|CONNECTORS|DASHBOARD)\.md`)

func TestReferencesCanBeFollowed(t *testing.T) {
	root := filepath.Join("..", "..")
	read := 0
	for _, dir := range []string{"internal", "client", "clients", "receiver", "cmd", "docs", "deploy", "tools"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			switch {
			case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata"):
				return filepath.SkipDir
			case d.IsDir(), filepath.Base(path) == "references_test.go":
				return nil
			}
			if !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".md") && !strings.HasSuffix(path, ".sql") {
				return nil
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			read++
			for n, line := range strings.Split(string(raw), "\n") {
				if found := elsewhere.FindString(line); found != "" {
					t.Errorf("%s:%d: %q refers to a document that is not here", path, n+1, found)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 500 {
		t.Errorf("read only %d files", read)
	}
}
