package webhook

import (
	"testing"
	"time"
)

// What several nodes have seen of an endpoint is put together.
func TestHealthMerge(t *testing.T) {
	at := func(minutes int) time.Time { return time.Date(2026, 11, 21, 12, minutes, 0, 0, time.UTC) }
	failing := func(since, failures int) Health { return Health{FailingSince: at(since), Failures: failures} }
	noticed := func(h Health, when int) Health { h.NoticedAt = at(when); return h }
	tests := []struct {
		name            string
		h, stored, base Health
		want            Health
	}{
		{"nobody else", failing(1, 5), failing(1, 3), failing(1, 3), failing(1, 5)},
		{"both fail", failing(1, 5), failing(1, 9), failing(1, 3), failing(1, 11)},
		{"both began to fail", failing(2, 2), failing(1, 4), Health{}, failing(2, 6)},
		{"another saw a success, and failures since", failing(1, 5), failing(7, 1), failing(1, 3), failing(7, 3)},
		{"another saw a success", failing(1, 5), Health{}, failing(1, 3), failing(30, 2)},
		{"another saw a success, we nothing since", failing(1, 3), Health{}, failing(1, 3), failing(30, 1)},
		{"we saw a success", Health{}, failing(1, 9), failing(1, 3), Health{}},
		{"another made it known", noticed(failing(1, 5), 20), noticed(failing(1, 5), 19), failing(1, 4), noticed(failing(1, 6), 20)},
		{"another made it known before we would", failing(1, 5), noticed(failing(1, 5), 19), failing(1, 4), noticed(failing(1, 6), 19)},
		{"a new streak is not known", noticed(failing(1, 5), 20), failing(7, 1), noticed(failing(1, 4), 20), failing(7, 2)},
	}
	for _, tt := range tests {
		if got := tt.h.Merge(tt.stored, tt.base, at(30)); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
