package dashboard_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// TestAssetsAreBuilt builds the pages' files from their sources and from the packages of the lockfile, and finds the bytes
// that are committed.
func TestAssetsAreBuilt(t *testing.T) {
	npm, root := testenv.Binary(t, "npm"), testenv.Root(t)
	cache, err := os.UserCacheDir()
	if err != nil {
		testenv.Skip(t, "no cache folder: "+err.Error())
	}
	lock, err := os.ReadFile(filepath.Join(root, "tools", "assets", "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	packages := filepath.Join(cache, "relay-test", "dashboard-assets")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if installed, err := os.ReadFile(filepath.Join(packages, "installed-lock.json")); err != nil || !bytes.Equal(installed, lock) {
		if err := os.MkdirAll(packages, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
			b, err := os.ReadFile(filepath.Join(root, "tools", "assets", name))
			if err == nil {
				err = os.WriteFile(filepath.Join(packages, name), b, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		install := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		install.Dir = packages
		if out, err := install.CombinedOutput(); err != nil {
			testenv.Skip(t, "the packages cannot be installed: npm ci: "+err.Error()+"\n"+string(out))
		}
		if err := os.WriteFile(filepath.Join(packages, "installed-lock.json"), lock, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := t.TempDir()
	build := exec.CommandContext(ctx, "go", "run", "./assets", "-modules", filepath.Join(packages, "node_modules"), "-out", out)
	build.Dir = filepath.Join(root, "tools")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, b)
	}
	committed := filepath.Join(root, "internal", "dashboard", "assets", "dist")
	names := map[string]bool{}
	for _, dir := range []string{out, committed} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				names[filepath.Base(path)] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range names {
		want, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Errorf("%s is committed, but is not built from anything", name)
			continue
		}
		if got, err := os.ReadFile(filepath.Join(committed, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what its sources make (%d bytes, want %d): run \"make assets\"", name, len(got), len(want))
		}
	}
}

// TestSizes holds the files to what a page may cost before anybody has clicked, compressed.
func TestSizes(t *testing.T) {
	dist := filepath.Join(testenv.Root(t), "internal", "dashboard", "assets", "dist")
	for name, most := range map[string]int{"app.css": 12 << 10, "app.js": 30 << 10, "icons.svg": 4 << 10} {
		b, err := os.ReadFile(filepath.Join(dist, name))
		if err != nil {
			t.Fatal(err)
		}
		if n := zippedSize(b); n > most {
			t.Errorf("%s takes %d bytes compressed, want at most %d", name, n, most)
		}
	}
}

func zippedSize(b []byte) int {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return len(b)
	}
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Len()
}
