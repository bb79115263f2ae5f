package event

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	for _, tt := range []struct{ give, want string }{
		{"2026-05-05T14:23:00Z", "2026-05-05T14:23:00Z"},
		{"2026-05-05t14:23:00z", "2026-05-05T14:23:00Z"},
		{"2026-05-05T16:23:00.1239+02:00", "2026-05-05T14:23:00.123Z"},
		{"2026-05-05T14:23:00.5-00:00", "2026-05-05T14:23:00.5Z"},
		{"2026-05-05T14:23:00." + strings.Repeat("9", 60) + "Z", "2026-05-05T14:23:00.999Z"},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
		{"2016-12-31T15:59:60.25-08:00", "2017-01-01T00:00:00.25Z"},
		{"2015-07-01T01:59:60+02:00", "2015-07-01T00:00:00Z"},
		{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{"1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00Z"},
		{"9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.999Z"},
		{"2024-02-29T00:00:00+23:59", "2024-02-28T00:01:00Z"},
	} {
		got, err := ParseTime(tt.give)
		want, _ := time.Parse(time.RFC3339Nano, tt.want)
		if err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("ParseTime(%q): got %v, %v, want %v", tt.give, got, err, want)
		}
	}
	for give, want := range map[string]error{
		"9999-12-31T23:59:59-01:00": ErrTimeRange,
		"9999-12-31T23:59:59-23:59": ErrTimeRange,
		"9999-12-31T23:59:60Z":      ErrTimeRange,
		"1970-01-01T00:00:00+14:00": ErrTimeRange,
		"1969-12-31T23:59:59Z":      ErrTimeRange,
		"0000-01-01T00:00:00Z":      ErrTimeRange,
		"":                          ErrTimeFormat,
		"2026-05-05":                ErrTimeFormat,
		"2026-05-05T14:23:00":       ErrTimeFormat,
		"2026-05-05T14:23:00.Z":     ErrTimeFormat,
		"2026-05-05T14:23:00.5":     ErrTimeFormat,
		"2026-05-05T9:01:30Z":       ErrTimeFormat,
		"2026-05-05T09:01:30,5Z":    ErrTimeFormat,
		"2026-05-05T09:01:30+24:00": ErrTimeFormat,
		"2026-05-05T09:01:30+01:60": ErrTimeFormat,
		"2026-05-05T09:01:30+0100":  ErrTimeFormat,
		"2026-05-05T09:01:30 01:00": ErrTimeFormat,
		"2026-05-05 09:01:30Z":      ErrTimeFormat,
		"2026-05-05T24:00:00Z":      ErrTimeFormat,
		"2026-05-05T23:60:00Z":      ErrTimeFormat,
		"2026-05-05T14:23:60Z":      ErrTimeFormat,
		"2026-05-05T23:59:60Z":      ErrTimeFormat,
		"2016-12-31T23:59:60+01:00": ErrTimeFormat,
		"2016-12-31T23:59:61Z":      ErrTimeFormat,
		"2026-02-29T00:00:00Z":      ErrTimeFormat,
		"2026-04-31T00:00:00Z":      ErrTimeFormat,
		"2026-00-01T00:00:00Z":      ErrTimeFormat,
		"+026-01-01T00:00:00Z":      ErrTimeFormat,
		"2026-05-05T14:23:00ZZ":     ErrTimeFormat,
		"２０２６-05-05T14:23:00Z":      ErrTimeFormat,
		"2026-05-05T14:23:00\x1a":   ErrTimeFormat,
		"2026-05-05T14:23:00Z\x00":  ErrTimeFormat,
		"2026-05-05\x5414:23:0aZ":   ErrTimeFormat,
	} {
		if got, err := ParseTime(give); !errors.Is(err, want) {
			t.Errorf("ParseTime(%q): got %v, %v, want %v", give, got, err, want)
		}
	}
}

// TestParseTimeReads compares ParseTime with package time for random instants in random zones.
func TestParseTimeReads(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		at := time.Unix(r.Int64N(MaxTime.Unix()), r.Int64N(1e9)).In(time.FixedZone("", (r.IntN(2*1439+1)-1439)*60))
		if y := at.Year(); y < 1 || y > 9999 {
			continue
		}
		text := at.Format(time.RFC3339Nano)
		if got, err := ParseTime(text); err != nil || !got.Equal(at.Truncate(time.Millisecond)) {
			t.Fatalf("ParseTime(%q): got %v, %v", text, got, err)
		}
	}
}

var rfc3339 = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// FuzzParseTime checks that every accepted text is RFC 3339, lies in range, and prints as a time
// that is accepted again.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-05-05T14:23:00.000Z", "9999-12-31T23:59:59-23:59", "2016-12-31T23:59:60Z", "1970-01-01t00:00:00.1+00:01", "2026-05-05T14:23:00,5Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTime(s)
		if err != nil {
			if reference, e := time.Parse(time.RFC3339, s); e == nil && rfc3339.MatchString(s) && !reference.UTC().Before(MinTime) && !reference.UTC().After(MaxTime) {
				t.Fatalf("%q is refused: %v", s, err)
			}
			return
		}
		if !rfc3339.MatchString(s) {
			t.Fatalf("%q is accepted as %v and is not RFC 3339", s, got)
		}
		if got.Before(MinTime) || got.After(MaxTime) || got.Nanosecond()%1e6 != 0 {
			t.Fatalf("%q is accepted as %v", s, got)
		}
		shown := fmt.Sprint(got.Format("2006-01-02T15:04:05.000Z"))
		if again, err := ParseTime(shown); err != nil || !again.Equal(got) {
			t.Fatalf("%q is shown as %q, which reads %v, %v", s, shown, again, err)
		}
	})
}

func BenchmarkParseTime(b *testing.B) {
	for b.Loop() {
		if _, err := ParseTime("2026-05-05T14:23:00.000Z"); err != nil {
			b.Fatal(err)
		}
	}
}
