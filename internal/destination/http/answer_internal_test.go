package httpdest

import (
	"math"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/exchange"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		status int
		value  string
		want   time.Duration
	}{
		{429, "120", 2 * time.Minute},
		{503, "Sat, 21 Nov 2026 12:10:00 GMT", 10 * time.Minute},
		{503, "Sat, 21 Nov 2026 12:10:00 UTC", 10 * time.Minute},
		{503, "Sat, 21 Nov 2020 12:10:00 GMT", 0},
		{429, "soon", 0}, // not understood
		{429, "-5", 0},   // not a wait
		{500, "120", 0},  // only 429 and 503 ask
		{429, "120.5", 121 * time.Second},
		{429, "99999999999999999999", math.MaxInt64},
	} {
		res := &exchange.Response{Status: tc.status, Header: []exchange.Field{{Name: "retry-after", Value: tc.value}}}
		if got := after(res, now); got != tc.want {
			t.Errorf("%d with Retry-After %q: got %v, want %v", tc.status, tc.value, got, tc.want)
		}
	}
	if got := after(&exchange.Response{Status: 429}, now); got != 0 {
		t.Errorf("without Retry-After: got %v", got)
	}
}

func TestClasses(t *testing.T) {
	for status, want := range map[int]destination.Class{
		200: destination.Done, 204: destination.Done, 299: destination.Done,
		301: destination.Refused, 400: destination.Refused, 404: destination.Refused, 410: destination.Refused,
		408: destination.Overloaded, 429: destination.Overloaded, 500: destination.Overloaded, 503: destination.Overloaded,
	} {
		if got := classify(status); got != want {
			t.Errorf("%d: got class %d, want %d", status, got, want)
		}
	}
}
