package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

const canary = "canary-7f3a9b1e"

func newRing(t testing.TB, path string, master []byte) *Keyring {
	t.Helper()
	k, err := Open(path, master)
	if err != nil {
		t.Fatalf("Open(%q): got %v, want no error", path, err)
	}
	if err := k.Save(); err != nil {
		t.Fatalf("Save of %q: got %v, want no error", path, err)
	}
	return k
}

func ringPath(t testing.TB) string { return filepath.Join(t.TempDir(), "data", "relay.key") }

func seal(t testing.TB, k *Keyring, plain, context string) []byte {
	t.Helper()
	b, err := k.Seal([]byte(plain), context)
	if err != nil {
		t.Fatalf("Seal(%q, %q): got %v, want no error", plain, context, err)
	}
	return b
}

func wantOpens(t *testing.T, what string, k *Keyring, sealed []byte, context, want string) {
	t.Helper()
	if got, err := k.Open(sealed, context); err != nil || string(got) != want {
		t.Errorf("%s: Open: got %q, %v, want %q", what, got, err, want)
	}
}

func master(c string) []byte { return []byte(strings.Repeat(c, MinMaster)) }

func TestSealAndOpen(t *testing.T) {
	k := newRing(t, ringPath(t), nil)
	for _, plain := range []string{"", "x", `{"current":"` + canary + `"}`, strings.Repeat("a", 1<<20)} {
		sealed := seal(t, k, plain, "webhook/1/wh_a")
		wantOpens(t, fmt.Sprintf("%.30q", plain), k, sealed, "webhook/1/wh_a", plain)
		if plain != "" && plain != "x" && bytes.Contains(sealed, []byte(plain[:10])) {
			t.Errorf("%.30q is readable in its sealed form", plain)
		}
		if k.Stale(sealed) {
			t.Errorf("%.30q: Stale right after Seal: got true, want false", plain)
		}
	}
	if a, b := seal(t, k, canary, "c"), seal(t, k, canary, "c"); bytes.Equal(a, b) {
		t.Error("sealing the same twice: got the same bytes, want another nonce")
	}
}

// TestOpenRefuses checks that only a sealed value opens, and only in its own context.
func TestOpenRefuses(t *testing.T) {
	k := newRing(t, ringPath(t), nil)
	sealed := seal(t, k, canary, "webhook/1/wh_a")
	for _, context := range []string{"", "webhook/2/wh_a", "webhook/1/wh_b", "webhook/1/wh_a "} {
		if got, err := k.Open(sealed, context); !errors.Is(err, ErrDamaged) {
			t.Errorf("Open in %q: got %q, %v, want ErrDamaged", context, got, err)
		}
	}
	for i := range sealed {
		for bit := range 8 {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1 << bit
			got, err := k.Open(bad, "webhook/1/wh_a")
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnknownKey) {
				t.Fatalf("bit %d of byte %d changed: got %q, %v, want it refused", bit, i, got, err)
			}
		}
	}
	for n := range sealed {
		if got, err := k.Open(sealed[:n], "webhook/1/wh_a"); err == nil {
			t.Errorf("first %d bytes: got %q, want them refused", n, got)
		}
	}
	other := newRing(t, ringPath(t), nil)
	if got, err := other.Open(sealed, "webhook/1/wh_a"); !errors.Is(err, ErrUnknownKey) || strings.Contains(err.Error(), canary) {
		t.Errorf("with another key file: got %q, %v, want ErrUnknownKey", got, err)
	}
}

func TestPlainValuesFromBefore(t *testing.T) {
	k := newRing(t, ringPath(t), nil)
	const plain = `{"current":"whsec_x"}`
	wantOpens(t, "plain", k, []byte(plain), "anything", plain)
	if !k.Stale([]byte(plain)) {
		t.Error("Stale of a plain value: got false, want true")
	}
	if !k.Stale(nil) {
		t.Error("Stale of no bytes: got false, want true")
	}
}

func TestRotate(t *testing.T) {
	path := ringPath(t)
	for _, m := range [][]byte{nil, master("m")} { // the second round encrypts the file of the first
		k := newRing(t, path, m)
		old := seal(t, k, canary, "c")
		for range 3 {
			if err := k.Rotate(); err != nil {
				t.Fatal(err)
			}
		}
		fresh := seal(t, k, canary, "c")
		for name, k := range map[string]*Keyring{"same": k, "opened again": newRing(t, path, m)} {
			wantOpens(t, name+", old", k, old, "c", canary)
			wantOpens(t, name+", new", k, fresh, "c", canary)
			if !k.Stale(old) || k.Stale(fresh) {
				t.Errorf("%s: Stale: got old %t, new %t, want true, false", name, k.Stale(old), k.Stale(fresh))
			}
		}
	}
}

// TestRotateNeedsItsFile checks that a key that could not be stored is never used to seal a value.
func TestRotateNeedsItsFile(t *testing.T) {
	path := ringPath(t)
	k := newRing(t, path, nil)
	sealed := seal(t, k, canary, "c")
	if err := os.Rename(filepath.Dir(path), filepath.Dir(path)+".away"); err != nil {
		t.Fatal(err)
	}
	if err := k.Rotate(); err == nil {
		t.Fatal("Rotate without a folder: got nil, want an error")
	}
	if k.Stale(sealed) {
		t.Error("after a failed Rotate another key seals")
	}
}

func TestRotateWhileInUse(t *testing.T) {
	k := newRing(t, ringPath(t), nil)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 50 {
				plain := fmt.Sprint(i, j)
				sealed, err := k.Seal([]byte(plain), "c")
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := k.Open(sealed, "c"); err != nil || string(got) != plain {
					t.Errorf("Open: got %q, %v, want %q", got, err, plain)
				}
			}
		})
	}
	for range 5 {
		if err := k.Rotate(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func TestMasterKey(t *testing.T) {
	path := ringPath(t)
	k := newRing(t, path, nil)
	sealed := seal(t, k, canary, "c")
	clear, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wantOpens(t, "file in clear, master key given", newRing(t, path, master("a")), sealed, "c", canary)
	wrapped, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var before, after keyFile
	if json.Unmarshal(clear, &before) != nil || json.Unmarshal(wrapped, &after) != nil {
		t.Fatalf("key files: got %s and %s, want JSON", clear, wrapped)
	}
	material := before.Keyset[len(before.Keyset)-40:]
	if bytes.Contains(after.Keyset, material[:16]) || after.Salt == nil {
		t.Error("the file holds its keys in clear after a master key was given")
	}
	for _, tc := range []struct {
		name   string
		master []byte
		want   string
	}{
		{"none", nil, "set RELAY_SECRET_KEY"},
		{"another", master("b"), "not the master key"},
		{"one byte more", append(master("a"), 'a'), "not the master key"},
		{"short", []byte("hunter2"), "at least 32"},
	} {
		_, err := Open(path, tc.master)
		if err == nil || !strings.Contains(err.Error(), tc.want) || len(tc.master) > 0 && strings.Contains(err.Error(), string(tc.master)) {
			t.Errorf("master key %s: got %v, want …%s…", tc.name, err, tc.want)
		}
	}
	k = newRing(t, path, master("a"))
	if err := k.SetMaster(master("b")); err != nil {
		t.Fatal(err)
	}
	if err := k.Rotate(); err != nil { // still uses the new master key
		t.Fatal(err)
	}
	if _, err := Open(path, master("a")); err == nil {
		t.Error("the old master key still opens the file")
	}
	wantOpens(t, "new master key", newRing(t, path, master("b")), sealed, "c", canary)
	if err := k.SetMaster([]byte("short")); err == nil {
		t.Error("SetMaster with a short key: got nil, want an error")
	}
}

func TestKeyFileIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name, content, want string
	}{
		{"empty", "", "not a Relay key file"},
		{"not JSON", "hello", "not a Relay key file"},
		{"other JSON", `{"a":1}`, "not a Relay key file"},
		{"newer", `{"relayKeyFile":2}`, "newer Relay"},
		{"no keys", `{"relayKeyFile":1}`, "not a Relay key file"},
		{"broken keys", `{"relayKeyFile":1,"keyset":"AAAA"}`, "not a Relay key file"},
		{"cut short", `{"relayKeyFile":1,"keyset":"CN`, "not a Relay key file"},
	} {
		path := filepath.Join(t.TempDir(), "relay.key")
		if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, nil)
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want the path and …%s…", tc.name, err, tc.want)
		}
		if b, _ := os.ReadFile(path); string(b) != tc.content {
			t.Errorf("%s: the file was changed to %q", tc.name, b)
		}
	}
	if _, err := Open(t.TempDir(), nil); err == nil {
		t.Error("a folder in place of the file: got nil, want an error")
	}
}

func TestKeyFileMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions on Windows")
	}
	path := ringPath(t)
	newRing(t, path, nil)
	for _, p := range []string{path, filepath.Dir(path)} {
		if st, err := os.Stat(p); err != nil || st.Mode().Perm()&0o077 != 0 {
			t.Errorf("mode of %q: got %v, %v, want no permissions for others", p, st.Mode(), err)
		}
	}
	for _, tc := range []struct {
		mode   os.FileMode
		master []byte
		want   string
	}{
		{0o644, nil, "everybody"}, {0o604, nil, "everybody"}, {0o602, nil, "everybody"}, {0o640, nil, "group"}, {0o660, nil, "group"},
		{0o600, nil, ""}, {0o400, nil, ""},
		{0o600, master("m"), ""}, {0o660, master("m"), ""}, {0o664, master("m"), "everybody"},
	} {
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, tc.master)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "chmod 600")) {
			t.Errorf("mode %04o, master %t: got %v, want …%s…", tc.mode, tc.master != nil, err, tc.want)
		}
	}
}

// TestFirstStartIsOneKey saves several keyrings at once; all must use the key that was stored first.
func TestFirstStartIsOneKey(t *testing.T) {
	path := ringPath(t)
	rings := make([]*Keyring, 8)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() {
			k, err := Open(path, nil)
			if err == nil {
				err = k.Save()
			}
			if err != nil {
				t.Error(err)
			}
			rings[i] = k
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	sealed := seal(t, rings[0], canary, "c")
	for i, k := range rings {
		wantOpens(t, fmt.Sprint("ring ", i), k, sealed, "c", canary)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, %v, want the key file only", left, err)
	}
}

// TestNothingIsWrittenUnasked checks that Open alone writes no file: a start that is refused must not
// replace a lost key file with a new one.
func TestNothingIsWrittenUnasked(t *testing.T) {
	lost := seal(t, newRing(t, ringPath(t), nil), canary, "c")
	for name, change := range map[string]func(k *Keyring) error{
		"Save":      func(k *Keyring) error { return k.Save() },
		"Seal":      func(k *Keyring) error { _, err := k.Seal([]byte("x"), "c"); return err },
		"Rotate":    func(k *Keyring) error { return k.Rotate() },
		"SetMaster": func(k *Keyring) error { return k.SetMaster(master("m")) },
	} {
		path := ringPath(t)
		k, err := Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !k.Stale(lost) {
			t.Errorf("%s: a value of other keys is not stale", name)
		}
		if _, err := k.Open(lost, "c"); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%s: opening a value of lost keys: got %v, want %v", name, err, ErrUnknownKey)
		}
		if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the folder of the key file, before: got %v, want none", name, err)
		}
		if err := change(k); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: the key file, afterwards: %v", name, err)
		}
	}
}

func TestKeyringDoesNotPrintKeys(t *testing.T) {
	path := ringPath(t)
	k := newRing(t, path, master("m"))
	if got := fmt.Sprintf("%v %s", k, k); !strings.Contains(got, path) || strings.Contains(got, "mmmm") {
		t.Errorf("got %q, want the path and no key", got)
	}
}

func TestTextDoesNotPrint(t *testing.T) {
	type box struct {
		Secret Text  `json:"secret,omitempty" yaml:"secret"`
		Point  *Text `json:"point,omitempty" yaml:"point,omitempty"`
	}
	x := Text(canary)
	v := box{Secret: x, Point: &x}
	var out strings.Builder
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "#q", "x", "X", "d", "T", "10s", "t", "c", "U", "e"} {
		fmt.Fprintf(&out, "%"+verb+"\n%"+verb+"\n%"+verb+"\n", x, v, []Text{x})
	}
	fmt.Fprint(&out, x, v, &v, errors.New(x.String()), map[Text]Text{x: x})
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("m", "a", x, "b", v, "c", &x, slog.Group("g", "d", x))
	}
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal, xml.Marshal} {
		b, err := marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	hex, b64 := fmt.Sprintf("%x", []byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary))
	for _, form := range []string{canary, hex, strings.ToUpper(hex), b64} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the secret was printed as %q in\n%s", form, out.String())
		}
	}
	if x.Reveal() != canary {
		t.Errorf("Reveal: got %q, want %q", x.Reveal(), canary)
	}
	if b, err := json.Marshal(box{Secret: x}); err != nil || string(b) != `{"secret":"***"}` {
		t.Errorf("JSON: got %s, %v, want *** in it", b, err)
	}
	if b, err := json.Marshal(box{}); err != nil || string(b) != `{}` {
		t.Errorf("JSON of an empty Text: got %s, %v, want {}", b, err)
	}
	var read box
	if err := json.Unmarshal([]byte(`{"secret":"`+canary+`"}`), &read); err != nil || read.Secret.Reveal() != canary {
		t.Errorf("from JSON: got %q, %v, want the text", read.Secret.Reveal(), err)
	}
}

// FuzzOpen checks that bytes that were not sealed do not open.
func FuzzOpen(f *testing.F) {
	k, err := Open(filepath.Join(f.TempDir(), "relay.key"), nil)
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := k.Seal([]byte(canary), "c")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:6])
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := k.Open(b, "c")
		if err == nil && !bytes.Equal(b, sealed) && (len(b) == 0 || b[0] != plainMark) {
			t.Errorf("Open(%q): got %q, want it refused", b, got)
		}
		k.Stale(b)
	})
}

func BenchmarkOpen(b *testing.B) {
	k := newRing(b, ringPath(b), nil)
	sealed := seal(b, k, `{"current":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`, "webhook.secrets/1/wh_abcdefghijklmnop")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open(sealed, "webhook.secrets/1/wh_abcdefghijklmnop"); err != nil {
			b.Fatal(err)
		}
	}
}

// TestOldKeysAreBounded replaces the key often: the file stays readable, and recent values open.
func TestOldKeysAreBounded(t *testing.T) {
	path := ringPath(t)
	k := newRing(t, path, nil)
	var last []byte
	for i := range maxKeys + 10 {
		last = seal(t, k, fmt.Sprint(i), "x")
		if err := k.Rotate(); err != nil {
			t.Fatalf("Rotate %d: got %v, want no error", i, err)
		}
		wantOpens(t, fmt.Sprint("after rotation ", i), k, last, "x", fmt.Sprint(i))
	}
	if n := len(k.now.Load().ids); n != maxKeys {
		t.Errorf("the file holds %d keys, want %d", n, maxKeys)
	}
	wantOpens(t, "opened again", newRing(t, path, nil), last, "x", fmt.Sprint(maxKeys+9))
}

// TestSharedKeysAreNotReplaced checks that shared keys cannot be rotated: other servers would not
// have the new ones.
func TestSharedKeysAreNotReplaced(t *testing.T) {
	master := []byte("0123456789abcdef0123456789abcdef")
	k, _, err := OpenShared(ringPath(t), master, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"Rotate": k.Rotate(), "SetMaster": k.SetMaster(master)} {
		if !errors.Is(err, errNoFile) {
			t.Errorf("%s: got %v, want %v", name, err, errNoFile)
		}
	}
}

// TestPeekWritesNothing: neither a missing key file nor one that a master key would encrypt.
func TestPeekWritesNothing(t *testing.T) {
	path := ringPath(t)
	if k, err := Peek(path, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: got %v, %v, want an error", k, err)
	}
	sealed := seal(t, newRing(t, path, nil), canary, "c")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	k, err := Peek(path, master("m"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := k.Open(sealed, "c"); err != nil || string(plain) != canary {
		t.Errorf("got %q, %v, want what was sealed", plain, err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("got %s, %v, want the file as it was", after, err)
	}
}
