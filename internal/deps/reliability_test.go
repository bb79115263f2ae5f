package deps_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/testenv"
)

// TestReliabilityNamesTests checks that docs/reliability.md names tests and variables that exist: a
// row whose test was renamed would claim something that nobody can repeat.
func TestReliabilityNamesTests(t *testing.T) {
	root := testenv.Root(t)
	b, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	var source strings.Builder
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && slices.Contains([]string{"bin", "node_modules", ".git"}, d.Name()) {
			return errOrSkip(err)
		}
		if strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testenv") && strings.HasSuffix(path, ".go") {
			text, err := os.ReadFile(path)
			source.Write(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(source.String(), -1) {
		tests[m[1]] = true
	}
	found := 0
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(doc, -1) {
		if found++; !tests[m[1]] {
			t.Errorf("docs/reliability.md names %s, which there is not", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`RELAY_[A-Z_]+`).FindAllString(doc, -1) {
		if !strings.Contains(source.String(), `"`+m+`"`) {
			t.Errorf("docs/reliability.md names %s, which no test reads", m)
		}
	}
	if found < 100 {
		t.Errorf("got %d names of tests, want all those of the tables", found)
	}
}

func errOrSkip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}
