package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestVersionOf(t *testing.T) {
	const commit = "0123456789abcdef"
	for _, tt := range []struct {
		described, count string
		dirty            bool
		want             string
	}{
		{"v1.2.3-0-g0123456", "90", false, "1.2.3"},
		{"v1.2.3-0-g0123456", "90", true, "1.2.3+0.g0123456.dirty"},
		{"v1.2.3-4-g0123456", "90", false, "1.2.3+4.g0123456"},
		{"v1.2.3-rc.1-4-g0123456", "90", false, "1.2.3-rc.1+4.g0123456"},
		{"v1.2.3-rc.1-0-g0123456", "90", false, "1.2.3-rc.1"},
		{"", "90", false, "0.0.0+90.g0123456"},
		{"nonsense", "90", false, ""},
		{"v1-g", "90", false, ""},
	} {
		got, err := versionOf(tt.described, tt.count, commit, tt.dirty)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%q, dirty %v: got %q, %v, want %q", tt.described, tt.dirty, got, err, tt.want)
		}
	}
}

func TestChoose(t *testing.T) {
	if got, err := choose("linux/arm64,windows/amd64"); err != nil || len(got) != 2 || got[1] != (platform{"windows", "amd64"}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, wrong := range []string{"plan9/amd64", "linux", "linux/amd64,"} {
		if got, err := choose(wrong); err == nil {
			t.Errorf("%q: got %v, want an error", wrong, got)
		}
	}
}

// TestDescribeRefuses: a version that was asked for must stand for a commit.
func TestDescribeRefuses(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	git("init", "-q")
	file := filepath.Join(dir, "file")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a")
	git("add", ".")
	git("commit", "-q", "-m", "first")
	if r, err := describe(dir, "v1.2.3"); err != nil || r.version != "1.2.3" || len(r.commit) != 40 || r.date.IsZero() {
		t.Errorf("a clean checkout: got %+v, %v", r, err)
	}
	git("tag", "v1.0.0")
	if r, err := describe(dir, ""); err != nil || r.version != "1.0.0" {
		t.Errorf("a tagged commit: got %+v, %v", r, err)
	}
	write("b")
	if r, err := describe(dir, "1.2.3"); err == nil {
		t.Errorf("a changed checkout: got %+v, want an error", r)
	}
	if r, err := describe(dir, ""); err != nil || !strings.HasSuffix(r.version, ".dirty") {
		t.Errorf("a changed checkout without a version: got %+v, %v", r, err)
	}
}

// TestArchivesHaveNothingOfTheMachine packs the same files twice, the second time newer and with other
// permissions, and gets the same bytes.
func TestArchivesHaveNothingOfTheMachine(t *testing.T) {
	r := &release{date: time.Unix(1_700_000_000, 0).UTC()}
	var packed [][]byte
	for i, mode := range []os.FileMode{0o644, 0o600} {
		dir := t.TempDir()
		file := filepath.Join(dir, "x")
		if err := os.WriteFile(file, []byte("text"), mode); err != nil {
			t.Fatal(err)
		}
		later := time.Now().Add(time.Duration(i) * time.Hour)
		if err := os.Chtimes(file, later, later); err != nil {
			t.Fatal(err)
		}
		entries := []entry{{"top/x", file, 0o644}}
		for _, pack := range []func(string, []entry) error{r.tarball, r.zip} {
			to := filepath.Join(dir, "packed")
			if err := pack(to, entries); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(to)
			if err != nil {
				t.Fatal(err)
			}
			packed = append(packed, b)
		}
	}
	if !bytes.Equal(packed[0], packed[2]) || !bytes.Equal(packed[1], packed[3]) {
		t.Error("archives of the same files differ")
	}
}

// TestImageFiles: the image has the certificates, a folder for data that its user and any user of group 0 may
// write, and one for temporary files.
func TestImageFiles(t *testing.T) {
	r := &release{root: "../..", stage: t.TempDir(), date: time.Unix(1_700_000_000, 0)}
	if err := os.WriteFile(filepath.Join(r.stage, thirdParty), []byte("licences"), 0o644); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.imageFiles(&b, []byte("program")); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]*tar.Header)
	for files := tar.NewReader(&b); ; {
		h, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got[h.Name] = h
	}
	for name, mode := range map[string]int64{"relay": 0o755, "data/": 0o770, "tmp/": 0o1777, "etc/ssl/certs/ca-certificates.crt": 0o644, "licenses/LICENSE": 0o644} {
		if h := got[name]; h == nil || h.Mode != mode {
			t.Errorf("%s: got %+v, want mode %o", name, h, mode)
		}
	}
	if h := got["data/"]; h != nil && (h.Uid != uid || h.Gid != 0) {
		t.Errorf("the data folder belongs to %d:%d, want %d:0", h.Uid, h.Gid, uid)
	}
	if h := got["etc/ssl/certs/ca-certificates.crt"]; h != nil && h.Size < 100_000 {
		t.Errorf("got %d bytes of certificates", h.Size)
	}
}

// TestAssetsAreMaterials: the bill names the npm packages of the dashboard, and not the tools that build it.
func TestAssetsAreMaterials(t *testing.T) {
	list, err := (&release{root: "../.."}).assets()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"htmx.org": true, "lucide-static": true, "esbuild": false} {
		if got := strings.Contains(string(text), `"`+name+`"`); got != want {
			t.Errorf("%s: got %v, want %v, in %s", name, got, want, text)
		}
	}
}
