package randomid

import (
	"regexp"
	"slices"
	"testing"
	"time"
)

func TestIDs(t *testing.T) {
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name  string
		fresh func() string
		want  string
	}{
		{"New", func() string { return New("wh_") }, `^wh_[0-9a-v]{16}$`},
		{"At", func() string { return At("enr_", at) }, `^enr_[0-9a-v]{23}$`},
		{"Token", func() string { return Token("rs_") }, `^rs_[A-Za-z0-9_-]{43}$`},
	} {
		seen := make(map[string]bool)
		for range 100 {
			id := test.fresh()
			if !regexp.MustCompile(test.want).MatchString(id) || seen[id] {
				t.Errorf("%s: got %q, want a fresh one that matches %s", test.name, id, test.want)
			}
			seen[id] = true
		}
	}
}

func TestAtSorts(t *testing.T) {
	var ids []string
	for _, ms := range []int64{0, 1, 31, 32, 1 << 20, 1_790_000_000_000, 1_790_000_000_001, 1_800_000_000_000} {
		ids = append(ids, At("x_", time.UnixMilli(ms)))
	}
	if !slices.IsSorted(ids) {
		t.Errorf("got %q, want them in the order of their times", ids)
	}
}
