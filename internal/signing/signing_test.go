package signing

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// encodeSecret encodes a secret of n bytes in the documented form.
func encodeSecret(n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x5a}, n))
}

func TestNewSecret(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		s := NewSecret()
		if err := CheckSecret(s); err != nil {
			t.Fatalf("CheckSecret(NewSecret()): got %v, want nil", err)
		}
		if want := len("whsec_") + 44; len(s) != want || seen[s] {
			t.Fatalf("NewSecret: got %q, want %d characters, never the same twice", s, want)
		}
		seen[s] = true
	}
}

func TestCheckSecret(t *testing.T) {
	for _, c := range []struct {
		secret string
		want   error
	}{
		{encodeSecret(24), nil},
		{encodeSecret(32), nil},
		{encodeSecret(64), nil},
		{encodeSecret(23), ErrSecret},
		{encodeSecret(65), ErrSecret},
		{encodeSecret(0), ErrSecret},
		{"", ErrSecret},
		{strings.TrimPrefix(encodeSecret(32), "whsec_"), ErrSecret},
		{"WHSEC_" + encodeSecret(32)[6:], ErrSecret},
		{" " + encodeSecret(32), ErrSecret},
		{encodeSecret(32) + "\n", ErrSecret},
		{encodeSecret(32) + "=", ErrSecret},
		{strings.TrimRight(encodeSecret(32), "="), ErrSecret},
		{"whsec_" + strings.Repeat("_", 32), ErrSecret},        // the URL alphabet
		{"whsec_" + strings.Repeat("A", 42) + "B=", ErrSecret}, // padding bits set
		{"whsec_correct horse battery staple", ErrSecret},
	} {
		err := CheckSecret(c.secret)
		if !errors.Is(err, c.want) {
			t.Errorf("CheckSecret(%q): got %v, want %v", c.secret, err, c.want)
		}
		checkNoSecret(t, err, c.secret)
	}
}

func TestParseKeysRefuses(t *testing.T) {
	private := NewPrivateKey()
	foreign := append(bytes.Clone(private.Seed()), NewPrivateKey().Public().(ed25519.PublicKey)...)
	for _, s := range []string{
		"", "whsk_", vectorPublicKey, strings.TrimPrefix(vectorPrivateKey, "whsk_"), vectorPrivateKey + "\n",
		vectorPrivateKey[:len(vectorPrivateKey)-4],
		"whsk_" + base64.StdEncoding.EncodeToString(private.Seed()),
		"whsk_" + base64.StdEncoding.EncodeToString(foreign),
	} {
		if _, err := ParsePrivateKey(s); !errors.Is(err, ErrKey) {
			t.Errorf("ParsePrivateKey(%q): got %v, want %v", s, err, ErrKey)
		}
	}
	for _, s := range []string{"", "whpk_", vectorPrivateKey, strings.TrimPrefix(vectorPublicKey, "whpk_"), vectorPublicKey + "A"} {
		if _, err := ParsePublicKey(s); !errors.Is(err, ErrKey) {
			t.Errorf("ParsePublicKey(%q): got %v, want %v", s, err, ErrKey)
		}
	}
}

func TestNewStandardRefuses(t *testing.T) {
	foreign := append(bytes.Clone(NewPrivateKey().Seed()), NewPrivateKey().Public().(ed25519.PublicKey)...)
	for _, c := range []struct {
		name    string
		secrets []string
		keys    []ed25519.PrivateKey
		want    error
	}{
		{"nothing", nil, nil, ErrSecret},
		{"an empty secret", []string{testSecret, ""}, nil, ErrSecret},
		{"a short secret", []string{encodeSecret(16)}, nil, ErrSecret},
		{"17 secrets", strings.Fields(strings.Repeat(testSecret+" ", 17)), nil, ErrSecret},
		{"a nil key", nil, []ed25519.PrivateKey{nil}, ErrKey},
		{"a foreign public half", nil, []ed25519.PrivateKey{foreign}, ErrKey},
	} {
		if _, err := NewStandard(c.secrets, c.keys); !errors.Is(err, c.want) {
			t.Errorf("%s: NewStandard: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestNothingIsSignedWithoutSecretOrID(t *testing.T) {
	if got := NewRelay("").AppendSignature([]byte("x"), testTime, []byte(testBody)); string(got) != "x" {
		t.Errorf("a Relay without secret appended %q, want no signature", got[1:])
	}
	s := newStandard(t, []string{testSecret}, nil)
	for _, id := range []string{"", "a.b", "a b", "é", strings.Repeat("a", 257)} {
		if got := s.AppendSignature([]byte("x"), id, testTime, []byte(testBody)); string(got) != "x" {
			t.Errorf("id %q: appended %q, want no signature", id, got[1:])
		}
	}
}

// One signer signs bodies of every length around SHA-256's block size, so that state left over from
// a signature would show.
func TestSignThenVerify(t *testing.T) {
	relay := NewRelay(testSecret)
	old, private := NewSecret(), NewPrivateKey()
	standard := newStandard(t, []string{testSecret, old}, []ed25519.PrivateKey{private})
	keys := []ed25519.PublicKey{private.Public().(ed25519.PublicKey)}
	for n := range 300 {
		body, ts := bytes.Repeat([]byte{byte(n)}, n), int64(testTime+n)
		header, now := strconv.FormatInt(ts, 10), time.Unix(ts, 0)
		if err := VerifyRelay(testSecret, header, string(relay.AppendSignature(nil, ts, body)), body, now, 0); err != nil {
			t.Fatalf("%d bytes: VerifyRelay: got %v, want nil", n, err)
		}
		signature := string(standard.AppendSignature(nil, "msg_1", ts, body))
		parts := strings.Split(signature, " ")
		if len(parts) != 3 {
			t.Fatalf("AppendSignature: got %q, want two secrets and a key to give three signatures", signature)
		}
		for i, verify := range []func(string) error{
			func(s string) error {
				return VerifyStandard([]string{testSecret}, nil, "msg_1", header, s, body, now, 0)
			},
			func(s string) error { return VerifyStandard([]string{old}, nil, "msg_1", header, s, body, now, 0) },
			func(s string) error { return VerifyStandard(nil, keys, "msg_1", header, s, body, now, 0) },
		} {
			if err := verify(signature); err != nil {
				t.Fatalf("%d bytes: VerifyStandard(%q), signer %d: got %v, want nil", n, signature, i, err)
			}
			if err := verify(parts[i]); err != nil {
				t.Fatalf("%d bytes: VerifyStandard(%q), signer %d: got %v, want nil: order changed", n, parts[i], i, err)
			}
		}
	}
}

func TestSignersAreSafeForConcurrentUse(t *testing.T) {
	relay := NewRelay(testSecret)
	standard := newStandard(t, []string{testSecret}, []ed25519.PrivateKey{NewPrivateKey()})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			body := []byte(strings.Repeat(strconv.Itoa(g), 100*g))
			wantRelay := string(NewRelay(testSecret).AppendSignature(nil, testTime, body))
			wantStandard := string(standard.AppendSignature(nil, "msg_1", testTime, body))
			for range 200 {
				if got := string(relay.AppendSignature(nil, testTime, body)); got != wantRelay {
					t.Errorf("goroutine %d: Relay: got %q, want %q", g, got, wantRelay)
					return
				}
				if got := string(standard.AppendSignature(nil, "msg_1", testTime, body)); got != wantStandard {
					t.Errorf("goroutine %d: Standard: got %q, want %q", g, got, wantStandard)
					return
				}
			}
		})
	}
	wg.Wait()
}

// The benchmarks report these figures; this test keeps them from growing unnoticed.
func TestSigningDoesNotAllocate(t *testing.T) {
	if testenv.Race {
		return // sync.Pool deliberately drops states under the race detector
	}
	dst, body := make([]byte, 0, 512), bytes.Repeat([]byte("a"), 1024)
	relay := NewRelay(testSecret)
	standard := newStandard(t, []string{testSecret, encodeSecret(32)}, nil)
	withKey := newStandard(t, []string{testSecret}, []ed25519.PrivateKey{NewPrivateKey()})
	for name, sign := range map[string]func(){
		"Relay":             func() { relay.AppendSignature(dst, testTime, body) },
		"Standard":          func() { standard.AppendSignature(dst, "msg_1", testTime, body) },
		"Standard, ed25519": func() { withKey.AppendSignature(dst, "msg_1", testTime, body) },
	} {
		if got := testing.AllocsPerRun(1000, sign); got != 0 {
			t.Errorf("%s: got %v allocations a signature, want 0", name, got)
		}
	}
}

func BenchmarkAppendSignature(b *testing.B) {
	dst := make([]byte, 0, 512)
	for _, size := range []int{256, 1024, 16 << 10} {
		body := bytes.Repeat([]byte("a"), size)
		relay := NewRelay(testSecret)
		one := newStandard(b, []string{testSecret}, nil)
		two := newStandard(b, []string{testSecret, encodeSecret(32)}, nil)
		key := newStandard(b, nil, []ed25519.PrivateKey{NewPrivateKey()})
		for _, c := range []struct {
			name string
			sign func()
		}{
			{"relay", func() { relay.AppendSignature(dst, testTime, body) }},
			{"standard", func() { one.AppendSignature(dst, "msg_p5jXN8AQM9LWM0D4loKWxJek", testTime, body) }},
			{"rotation", func() { two.AppendSignature(dst, "msg_p5jXN8AQM9LWM0D4loKWxJek", testTime, body) }},
			{"ed25519", func() { key.AppendSignature(dst, "msg_p5jXN8AQM9LWM0D4loKWxJek", testTime, body) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					c.sign()
				}
			})
		}
	}
}
