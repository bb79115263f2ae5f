package webhook

import (
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestRelayPresetWaits(t *testing.T) {
	// 30 s, about 2.5 min, about 12 min, 1 h.
	r := RelayRetry()
	for n, want := range map[int]time.Duration{1: 30 * time.Second, 2: 148 * time.Second, 3: 730 * time.Second, 4: time.Hour} {
		if got := r.Wait(n); (got - want).Abs() > time.Second {
			t.Errorf("Wait(%d) = %v, want %v", n, got, want)
		}
	}
}

func TestDecideRelayPreset(t *testing.T) {
	r := RelayRetry()
	for _, tc := range []struct {
		name  string
		res   Result
		n     int
		retry bool
	}{
		{"500", Result{Status: 500}, 1, true},
		{"404", Result{Status: 404}, 1, true},
		{"301", Result{Status: 301}, 1, true},
		{"timeout", Result{Kind: exchange.Timeout}, 1, true},
		{"reset", Result{Kind: exchange.Reset}, 4, true},
		{"the fifth attempt", Result{Status: 500}, 5, false},
	} {
		d := r.Decide(tc.res, tc.n, start, start)
		if d.Retry != tc.retry {
			t.Errorf("%s: Retry = %v, want %v", tc.name, d.Retry, tc.retry)
		}
	}
}

func TestDecidePushPreset(t *testing.T) {
	r := PushRetry()
	for _, tc := range []struct {
		res   Result
		n     int
		retry bool
	}{
		{Result{Status: 500}, 1, true}, {Result{Status: 503}, 3, true}, {Result{Status: 503}, 4, false},
		{Result{Status: 408}, 1, true}, {Result{Status: 429}, 1, true}, {Result{Kind: exchange.Timeout}, 1, true},
		{Result{Kind: exchange.Reset}, 1, true}, {Result{Status: 400}, 1, false}, {Result{Status: 401}, 1, false},
		{Result{Status: 403}, 1, false}, {Result{Status: 404}, 1, false}, {Result{Status: 410}, 1, false}, {Result{Status: 302}, 1, false},
	} {
		if got := r.Decide(tc.res, tc.n, start, start).Retry; got != tc.retry {
			t.Errorf("%d %s after attempt %d: retry = %v, want %v", tc.res.Status, tc.res.Kind, tc.n, got, tc.retry)
		}
	}
	for n, want := range map[int]time.Duration{1: 30 * time.Second, 2: 5 * time.Minute, 3: 30 * time.Minute} {
		if got := r.Wait(n); got != want {
			t.Errorf("Wait(%d) = %v, want %v", n, got, want)
		}
	}
}

func TestDecideJitterStaysWithinTenPercent(t *testing.T) {
	r := RelayRetry()
	low, high := time.Hour, time.Duration(0)
	for range 10_000 {
		w := r.Decide(Result{Status: 500}, 1, start, start).At.Sub(start)
		low, high = min(low, w), max(high, w)
	}
	if low < 27*time.Second || high > 33*time.Second {
		t.Errorf("waits from %v to %v, want within 27 s to 33 s", low, high)
	}
	if high-low < 4*time.Second {
		t.Errorf("waits from %v to %v: want them spread", low, high)
	}
}

func TestDecideWaitsAsLongAsAsked(t *testing.T) {
	r := RelayRetry()
	for _, tc := range []struct{ after, min, max time.Duration }{
		{2 * time.Minute, 2 * time.Minute, 2 * time.Minute},
		{24 * time.Hour, time.Hour, time.Hour},                 // up to the maximum wait
		{time.Second, 27 * time.Second, 33 * time.Second},      // never sooner than the schedule
		{-5 * time.Second, 27 * time.Second, 33 * time.Second}, // not a wait
		{0, 27 * time.Second, 33 * time.Second},
	} {
		got := r.Decide(Result{Status: 429, After: tc.after}, 1, start, start).At.Sub(start)
		if got < tc.min || got > tc.max {
			t.Errorf("asked to wait %v: wait %v, want %v to %v", tc.after, got, tc.min, tc.max)
		}
	}
}

func TestDecideNothingAfterMaxAge(t *testing.T) {
	r := RelayRetry()
	d := r.Decide(Result{Status: 500}, 4, start, start.Add(23*time.Hour+30*time.Minute))
	if d.Retry || !d.Expired {
		t.Errorf("an hour's wait at 23 h 30 min: got %+v, want no retry, expired", d)
	}
	if d := r.Decide(Result{Status: 500}, 1, start, start.Add(23*time.Hour+30*time.Minute)); !d.Retry {
		t.Errorf("30 s at 23 h 30 min: got %+v, want a retry", d)
	}
}

func TestRetryNormalize(t *testing.T) {
	for _, tc := range []struct {
		name  string
		in    Retry
		field string // empty: accepted
	}{
		{"nothing given", Retry{}, ""},
		{"preset", Retry{Preset: "relay"}, ""},
		{"preset as it is read", RelayRetry(), ""},
		{"preset push", Retry{Preset: "push"}, ""},
		{"preset push as it is read", PushRetry(), ""},
		{"unknown preset", Retry{Preset: "stripe"}, "retry.preset"},
		{"preset and more", Retry{Preset: "relay", Attempts: 3}, "retry.preset"},
		{"attempts only", Retry{Attempts: 3}, ""},
		{"1 attempt", Retry{Attempts: 1}, ""},
		{"50 attempts", Retry{Attempts: 50}, ""},
		{"51 attempts", Retry{Attempts: 51}, "retry.attempts"},
		{"-1 attempts", Retry{Attempts: -1}, "retry.attempts"},
		{"waits", Retry{Attempts: 4, Waits: []time.Duration{time.Second, time.Minute}}, ""},
		{"long wait", Retry{Attempts: 4, Waits: []time.Duration{5 * time.Hour}}, ""},
		{"negative wait", Retry{Attempts: 4, Waits: []time.Duration{-1}}, "retry.waits[0]"},
		{"waits and factor", Retry{Waits: []time.Duration{time.Second}, Factor: 2}, "retry.waits"},
		{"factor below 1", Retry{Factor: 0.5}, "retry.factor"},
		{"31 days", Retry{MaxAge: 31 * 24 * time.Hour}, ""},
		{"32 days", Retry{MaxAge: 32 * 24 * time.Hour}, "retry.maxAge"},
		{"initial above max", Retry{InitialWait: 2 * time.Hour, MaxWait: time.Hour}, "retry.initialWait"},
		{"retryOn", Retry{RetryOn: []string{"5xx", "429", "408", "timeout", "network"}}, ""},
		{"retryOn success", Retry{RetryOn: []string{"2xx"}}, "retry.retryOn[0]"},
		{"retryOn nonsense", Retry{RetryOn: []string{"5xx", "sometimes"}}, "retry.retryOn[1]"},
	} {
		r := tc.in
		err := r.normalize("retry")
		if tc.field == "" {
			if err != nil {
				t.Errorf("%s: %v, want accepted", tc.name, err)
			} else if r.Attempts < 1 || r.MaxWait <= 0 || r.MaxAge <= 0 || len(r.RetryOn) == 0 || r.Wait(1) <= 0 {
				t.Errorf("%s: incomplete policy %+v", tc.name, r)
			}
			continue
		}
		if problem.KindOf(err) != problem.Invalid || !strings.HasPrefix(err.Error(), tc.field+" ") {
			t.Errorf("%s: %v, want %s named", tc.name, err, tc.field)
		}
	}
}

func TestRetryOn(t *testing.T) {
	r := Retry{Attempts: 5, RetryOn: []string{"5xx", "429", "timeout"}}
	if err := r.normalize("retry"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		res  Result
		want bool
	}{
		{Result{Status: 500}, true}, {Result{Status: 599}, true}, {Result{Status: 429}, true},
		{Result{Status: 428}, false}, {Result{Status: 404}, false}, {Result{Status: 302}, false},
		{Result{Kind: exchange.Timeout}, true}, {Result{Kind: exchange.Reset}, false},
	} {
		if got := r.Decide(tc.res, 1, start, start).Retry; got != tc.want {
			t.Errorf("status %d, kind %q: retry = %v, want %v", tc.res.Status, tc.res.Kind, got, tc.want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		pattern, typ string
		want         bool
	}{
		{"call.completed", "call.completed", true},
		{"call.completed", "call.completed.x", false},
		{"*", "call.completed", true},
		{"call.*", "call.completed", true},
		{"call.*", "calls.completed", false},
		{"*.completed", "call.completed", true},
		{"n*.auth_*_used", "notification.auth_link_used", true},
		{"*", "webhook.disabled", false}, // operational events are asked for by name
		{"webhook.*", "webhook.disabled", true},
		{"web*", "webhook.disabled", false},
		{"webhook.disabled", "webhook.disabled", true},
		{"*a*a*a*a*", strings.Repeat("a", 100) + "b", true},
	} {
		if got := Matches(tc.pattern, tc.typ); got != tc.want {
			t.Errorf("Matches(%q, %q) = %v, want %v", tc.pattern, tc.typ, got, tc.want)
		}
	}
}

// TestShortWaitsSpread: endpoints that failed together and wait for some seconds do not come back together: the busiest
// second has at most three times the mean of the window from their failure to the last of them.
func TestShortWaitsSpread(t *testing.T) {
	const endpoints = 60_000 // of so many that chance hardly shows; with 600 it adds some 20 %
	for _, wait := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 29 * time.Second} {
		r := Retry{Attempts: 5, Waits: []time.Duration{wait}, MaxWait: time.Hour, MaxAge: time.Hour, RetryOn: []string{"other"}}
		seconds := map[int]int{}
		last := time.Duration(0)
		for range endpoints {
			at := r.Decide(Result{Status: 500}, 1, start, start).At.Sub(start)
			seconds[int(at/time.Second)]++
			last = max(last, at)
		}
		busiest := 0
		for _, n := range seconds {
			busiest = max(busiest, n)
		}
		if mean := endpoints / last.Seconds(); float64(busiest) > 2.5*mean {
			t.Errorf("waits of %v: the busiest second has %d of %d, %.1f times the mean", wait, busiest, endpoints, float64(busiest)/mean)
		}
	}
}
