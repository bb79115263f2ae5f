package egress

import (
	"math"
	"net/http"
	"strings"
	"time"
)

// ParseRetryAfter reads a Retry-After value (RFC 9110 section 10.2.3): seconds, or an HTTP date in one of its three forms.
// It also reads decimals, which are rounded up to whole seconds, numbers beyond all bounds, for which it returns the longest
// duration there is, and dates whose zone is written UTC or +0000. A date that has passed is a wait of zero. ok is false
// where the value says nothing.
func ParseRetryAfter(v string, now time.Time) (wait time.Duration, ok bool) {
	v = strings.TrimSpace(v)
	if whole, fraction, _ := strings.Cut(v, "."); isDigits(whole) && (fraction == "" || isDigits(fraction)) {
		seconds := 0.0
		for i := range len(whole) {
			seconds = seconds*10 + float64(whole[i]-'0')
		}
		if strings.Trim(fraction, "0") != "" {
			seconds++
		}
		if seconds >= math.MaxInt64/float64(time.Second) {
			return math.MaxInt64, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	for _, zone := range []string{" UTC", " +0000", " Z"} {
		if rest, found := strings.CutSuffix(v, zone); found {
			v = rest + " GMT"
		}
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
