package webhook

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
)

// Retry says how often and when a delivery is attempted again.
type Retry struct {
	// Preset names a ready policy; the other fields are filled from it. Empty: custom.
	Preset string `json:"preset,omitempty"`
	// Attempts is how many are made in all, the first included: 1 to 50.
	Attempts int `json:"attempts"`
	// Waits are the waits before the second, third … attempt. The last one
	// repeats. Empty: InitialWait × Factor^n, at most MaxWait.
	Waits       []time.Duration `json:"waits,omitempty"`
	InitialWait time.Duration   `json:"initialWait,omitempty"`
	Factor      float64         `json:"factor,omitempty"`
	// MaxWait bounds each wait, also one asked for by Retry-After.
	MaxWait time.Duration `json:"maxWait"`
	// MaxAge is how long after the first attempt was due the last may begin.
	MaxAge time.Duration `json:"maxAge"`
	// RetryOn lists the answers that are tried again: status codes ("429"),
	// classes ("5xx") and "timeout", "network" (any failure without an
	// answer), "other" (any answer that is no success). Others fail at once.
	RetryOn []string `json:"retryOn"`
}

// PresetRelay is the contract of the developer webhooks: any 2xx within 10
// seconds succeeds, anything else is retried, 5 attempts in all, backing off
// exponentially from 30 seconds to 1 hour, nothing later than 24 hours
// (call-webhooks.txt, "Retry and idempotency").
const PresetRelay = "relay"

// PresetPush is the contract of the push-event webhook: any 2xx succeeds; 5xx,
// 408, 429 and no answer are tried again, four attempts in all, after 30
// seconds, 5 and 30 minutes; any other answer fails at once
// (push-event-webhook.txt, "Retry Logic"; the waits are Relay's).
const PresetPush = "push"

// PushRetry returns the preset "push".
func PushRetry() Retry {
	return Retry{
		Preset:   PresetPush,
		Attempts: 4,
		Waits:    []time.Duration{30 * time.Second, 5 * time.Minute, 30 * time.Minute},
		MaxWait:  time.Hour,
		MaxAge:   24 * time.Hour,
		RetryOn:  []string{"5xx", "408", "429", "timeout", "network"},
	}
}

// presetOf returns the policy of a preset.
func presetOf(name string) (Retry, bool) {
	switch name {
	case PresetRelay:
		return RelayRetry(), true
	case PresetPush:
		return PushRetry(), true
	default:
		return Retry{}, false
	}
}

// Bounds of a custom policy.
const (
	MaxAttempts = 50
	maxMaxAge   = 31 * 24 * time.Hour
	minWait     = time.Second
)

// DefaultTimeout is the time an endpoint has to answer, MaxTimeout the most it can be given.
const (
	DefaultTimeout = 10 * time.Second
	MaxTimeout     = 60 * time.Second
)

// RelayRetry returns the preset "relay". Its factor takes three steps from 30
// seconds to one hour: the third root of 120.
func RelayRetry() Retry {
	return Retry{
		Preset:      PresetRelay,
		Attempts:    5,
		InitialWait: 30 * time.Second,
		Factor:      4.932424148661106,
		MaxWait:     time.Hour,
		MaxAge:      24 * time.Hour,
		RetryOn:     []string{"other", "network", "timeout"},
	}
}

// jitter spreads waits so that deliveries that failed together do not come back
// together: by ±10 %, and by ±30 % where a wait is shorter than shortWait. Ten
// per cent of a few seconds would bring all of them within one or two.
const (
	jitter      = 0.1
	shortJitter = 0.3
	shortWait   = 30 * time.Second
)

// Wait returns how long to wait after the n-th attempt of a round (1 for the
// first), without jitter.
func (r *Retry) Wait(n int) time.Duration {
	if len(r.Waits) > 0 {
		return min(r.Waits[min(n, len(r.Waits))-1], r.MaxWait)
	}
	w := float64(r.InitialWait)
	for range n - 1 {
		if w *= r.Factor; w >= float64(r.MaxWait) {
			return r.MaxWait
		}
	}
	return min(time.Duration(w).Round(time.Millisecond), r.MaxWait)
}

// Result is the end of one attempt, as far as a policy looks at it.
type Result struct {
	Status int           // of the answer; zero: none came
	Kind   exchange.Kind // of the failure when none came
	After  time.Duration // how long the endpoint asks to be left alone; zero: it does not say
	Again  bool          // the endpoint asks for another attempt: RetryOn is not asked
}

// Decision is the consequence of an attempt.
type Decision struct {
	// Retry: the delivery is attempted again at At. Otherwise it is settled.
	Retry bool
	At    time.Time
	// Expired: the policy would have tried again, but MaxAge has passed.
	Expired bool
}

// Decide returns the consequence of the n-th attempt of a round, which ended at
// now without success. since is when the round began.
func (r *Retry) Decide(res Result, n int, since, now time.Time) Decision {
	if n >= r.Attempts || !res.Again && !r.retries(res) {
		return Decision{}
	}
	wait := r.Wait(n)
	spread := jitter
	if wait < shortWait {
		spread = shortJitter
	}
	wait += time.Duration((rand.Float64()*2 - 1) * spread * float64(wait))
	wait = max(wait, min(res.After, r.MaxWait))
	at := now.Add(wait)
	if at.Sub(since) > r.MaxAge {
		return Decision{Expired: true}
	}
	return Decision{Retry: true, At: at}
}

// retries reports whether the policy tries again after such a failure.
func (r *Retry) retries(res Result) bool {
	for _, on := range r.RetryOn {
		switch on {
		case "timeout":
			if res.Status == 0 && res.Kind == exchange.Timeout {
				return true
			}
		case "network":
			if res.Status == 0 && res.Kind != exchange.Timeout {
				return true
			}
		case "other":
			if res.Status != 0 {
				return true
			}
		default:
			if res.Status != 0 && matchesStatus(on, res.Status) {
				return true
			}
		}
	}
	return false
}

// matchesStatus reports whether a pattern, "429" or "5xx", names the status.
func matchesStatus(pattern string, status int) bool {
	if d, ok := strings.CutSuffix(pattern, "xx"); ok {
		return len(d) == 1 && int(d[0]-'0') == status/100
	}
	return pattern == strconv.Itoa(status)
}

// normalize fills a preset and checks a custom policy; field is the path to
// name in errors.
func (r *Retry) normalize(field string) error {
	if r.Preset != "" {
		preset, ok := presetOf(r.Preset)
		if !ok {
			return problem.InvalidField(field+".preset", "must be %q or %q, or left out for a custom policy, got %q", PresetRelay, PresetPush, r.Preset)
		}
		custom := *r
		custom.Preset = preset.Preset
		if !custom.same(&Retry{Preset: preset.Preset}) && !custom.same(&preset) {
			return problem.InvalidField(field+".preset", "fixes the whole policy: leave %q out to set the other fields", "preset")
		}
		*r = preset
		return nil
	}
	if r.Attempts == 0 && r.InitialWait == 0 && len(r.Waits) == 0 && r.Factor == 0 && r.MaxWait == 0 && r.MaxAge == 0 && len(r.RetryOn) == 0 {
		*r = RelayRetry()
		return nil
	}
	def := RelayRetry()
	if r.Attempts == 0 {
		r.Attempts = def.Attempts
	}
	if r.Attempts < 1 || r.Attempts > MaxAttempts {
		return problem.InvalidField(field+".attempts", "must be 1 to %d, got %d", MaxAttempts, r.Attempts)
	}
	if len(r.Waits) > 0 && (r.InitialWait != 0 || r.Factor != 0) {
		return problem.InvalidField(field+".waits", "excludes initialWait and factor")
	}
	if len(r.Waits) >= MaxAttempts {
		return problem.InvalidField(field+".waits", "must list fewer than %d waits, got %d", MaxAttempts, len(r.Waits))
	}
	if r.MaxAge == 0 {
		r.MaxAge = def.MaxAge
	}
	if r.MaxAge < minWait || r.MaxAge > maxMaxAge {
		return problem.InvalidField(field+".maxAge", "must be %v to %v, got %v", minWait, maxMaxAge, r.MaxAge)
	}
	longest := def.MaxWait
	for i, w := range r.Waits {
		if w < minWait || w > maxMaxAge {
			return problem.InvalidField(fmt.Sprintf("%s.waits[%d]", field, i), "must be %v to %v, got %v", minWait, maxMaxAge, w)
		}
		longest = max(longest, w)
	}
	if r.MaxWait == 0 {
		r.MaxWait = min(longest, r.MaxAge)
	}
	if r.MaxWait < minWait || r.MaxWait > maxMaxAge {
		return problem.InvalidField(field+".maxWait", "must be %v to %v, got %v", minWait, maxMaxAge, r.MaxWait)
	}
	if len(r.Waits) == 0 {
		if r.InitialWait == 0 {
			r.InitialWait = min(def.InitialWait, r.MaxWait)
		}
		if r.InitialWait < minWait || r.InitialWait > r.MaxWait {
			return problem.InvalidField(field+".initialWait", "must be %v to maxWait (%v), got %v", minWait, r.MaxWait, r.InitialWait)
		}
		if r.Factor == 0 {
			r.Factor = def.Factor
		}
		if !(r.Factor >= 1 && r.Factor <= 100) {
			return problem.InvalidField(field+".factor", "must be 1 to 100, got %v", r.Factor)
		}
	}
	if len(r.RetryOn) == 0 {
		r.RetryOn = def.RetryOn
	}
	for i, on := range r.RetryOn {
		if !validRetryOn(on) {
			return problem.InvalidField(fmt.Sprintf("%s.retryOn[%d]", field, i),
				`must be a status code ("429"), a class ("5xx"), "timeout", "network" or "other", got %q`, on)
		}
	}
	return nil
}

func validRetryOn(on string) bool {
	if slices.Contains([]string{"timeout", "network", "other"}, on) {
		return true
	}
	if d, ok := strings.CutSuffix(on, "xx"); ok {
		return len(d) == 1 && d[0] >= '1' && d[0] <= '5' && d[0] != '2'
	}
	n, err := strconv.Atoi(on)
	return err == nil && len(on) == 3 && n >= 100 && n <= 599 && (n < 200 || n > 299)
}

// same reports whether two policies say the same.
func (r *Retry) same(o *Retry) bool {
	return r.Preset == o.Preset && r.Attempts == o.Attempts && slices.Equal(r.Waits, o.Waits) &&
		r.InitialWait == o.InitialWait && r.Factor == o.Factor && r.MaxWait == o.MaxWait &&
		r.MaxAge == o.MaxAge && slices.Equal(r.RetryOn, o.RetryOn)
}
