package event

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestUUID checks that every id becomes a UUID of version 7, which parses back to the id in either
// case.
func TestUUID(t *testing.T) {
	v7 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	r := rand.New(rand.NewPCG(3, 4))
	ids := []ID{0, 1, MaxReserve - 1, MaxReserve, math.MaxInt64, FirstID(time.Now())}
	for range 10_000 {
		ids = append(ids, ID(r.Int64()))
	}
	seen := make(map[string]ID)
	for _, id := range ids {
		s := string(id.AppendUUID(nil))
		if !v7.MatchString(s) {
			t.Fatalf("id %d: got %q, want a UUID of version 7", id, s)
		}
		if other, has := seen[s]; has && other != id {
			t.Fatalf("ids %d and %d are both %q", id, other, s)
		}
		seen[s] = id
		for _, text := range []string{s, strings.ToUpper(s)} {
			if got, ok := ParseUUID(text); !ok || got != id {
				t.Fatalf("ParseUUID(%q): got %d, %t, want %d", text, got, ok, id)
			}
		}
		bad := []byte(s)
		i := r.IntN(len(bad))
		bad[i] ^= 1 // changes a digit, or makes it invalid
		if got, ok := ParseUUID(string(bad)); ok {
			t.Fatalf("ParseUUID(%q), which is %q with a digit changed: got %d, want none", bad, s, got)
		}
	}
}

func TestUUIDRefuses(t *testing.T) {
	for _, s := range []string{
		"", "evt_0dqv5r8k0000g", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", strings.Repeat("-", 36), strings.Repeat("0", 36),
	} {
		if id, ok := ParseUUID(s); ok {
			t.Errorf("ParseUUID(%q): got %d, want none", s, id)
		}
	}
}

func TestCheckOwnID(t *testing.T) {
	for _, s := range []string{"order-7", "evt-1", "EVT_1", "my_evt_1", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"} {
		if err := CheckOwnID(s); err != nil {
			t.Errorf("CheckOwnID(%q): got %v, want nil", s, err)
		}
	}
	for _, s := range []string{
		"evt_", "evt_0dqv5r8k0000g", "whk_1", "att_x", "bat_x", "wh_x", "rsp_x", "job_1", "key_admin", "aud_1", "", "a b",
		string(FirstID(time.Now()).AppendUUID(nil)),
	} {
		if CheckOwnID(s) == nil {
			t.Errorf("CheckOwnID(%q): got nil, want an error", s)
		}
	}
}

func TestCheckTexts(t *testing.T) {
	for _, tt := range []struct {
		s                  string
		text, label, lines bool
	}{
		{"plain text", true, true, true}, {"Ærø 日本 🙂", true, true, true}, {"", true, true, true},
		{"a\nb", false, false, true}, {"a\tb", false, false, true},
		{"a\x00b", false, false, false}, {"a\x1b[31m", false, false, false}, {"a\x7f", false, false, false}, {"a\u0085", false, false, false},
		{"a\u202eb", true, false, false}, {"a\u2066b", true, false, false}, {"a\u200fb", true, false, false}, {"a\u2028b", true, false, false},
		{"a\xff", false, false, false}, {"👨\u200d👩", true, true, true}, // a joiner within an emoji
	} {
		if got := CheckText(tt.s) == nil; got != tt.text {
			t.Errorf("CheckText(%q): got %t, want %t", tt.s, got, tt.text)
		}
		if got := CheckLabel(tt.s, false) == nil; got != tt.label {
			t.Errorf("CheckLabel(%q, false): got %t, want %t", tt.s, got, tt.label)
		}
		if got := CheckLabel(tt.s, true) == nil; got != tt.lines {
			t.Errorf("CheckLabel(%q, true): got %t, want %t", tt.s, got, tt.lines)
		}
	}
}
