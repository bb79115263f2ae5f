package egress

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"120": 120 * time.Second, " 120 ": 120 * time.Second, "0": 0, "007": 7 * time.Second,
		"120.0": 120 * time.Second, "120.5": 121 * time.Second, "0.001": time.Second, "3.": 3 * time.Second,
		"9223372036854775807": math.MaxInt64, "99999999999999999999": math.MaxInt64, strings.Repeat("9", 5000): math.MaxInt64,
		"Mon, 30 Nov 2026 12:02:00 GMT": 2 * time.Minute, "Mon, 30 Nov 2026 12:02:00 UTC": 2 * time.Minute, "Mon, 30 Nov 2026 12:02:00 +0000": 2 * time.Minute,
		"Monday, 30-Nov-26 12:02:00 GMT": 2 * time.Minute, "Mon Nov 30 12:02:00 2026": 2 * time.Minute,
		"Mon, 30 Nov 2026 11:00:00 GMT": 0,
	} {
		if got, ok := ParseRetryAfter(v, now); !ok || got != want {
			t.Errorf("%.60q: got %v, %t, want %v", v, got, ok, want)
		}
	}
	for _, v := range []string{"", "-1", "+5", "1e3", "0x10", "NaN", "inf", "soon", ".5", "1.2.3", "1,5", "12 s", "2026-11-30T12:02:00Z", "Mon, 30 Nov 2026 12:02:00 CET"} {
		if got, ok := ParseRetryAfter(v, now); ok {
			t.Errorf("%q: got %v, want it to say nothing", v, got)
		}
	}
}

// FuzzParseRetryAfter: no value makes a wait below zero.
func FuzzParseRetryAfter(f *testing.F) {
	for _, v := range []string{"120.5", "99999999999999999999", "Mon, 30 Nov 2026 12:02:00 UTC", "-1"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if wait, _ := ParseRetryAfter(v, time.Unix(1e9, 0)); wait < 0 {
			t.Errorf("%q: got %v, want none below zero", v, wait)
		}
	})
}
