package event

import (
	"errors"
	"fmt"
	"time"
)

// MinTime and MaxTime bound the times that callers may supply: stores count milliseconds from 1970,
// with 0 for "none", and RFC 3339 has four digits for the year.
var (
	MinTime = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	MaxTime = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)
)

// ErrTimeFormat and ErrTimeRange are the errors of ParseTime. Their texts complete "NAME …".
var (
	ErrTimeFormat = errors.New(`must be a time in RFC 3339, such as "2026-05-05T14:23:00.000Z"`)
	ErrTimeRange  = fmt.Errorf("must lie between the years %d and %d in UTC", MinTime.Year(), MaxTime.Year())
)

// ParseTime parses a time exactly as RFC 3339 section 5.6 defines it, and returns it in UTC,
// truncated to milliseconds. "t" and "z" may be in lower case. It accepts second 60 where a leap
// second is possible, at the end of a month in UTC, and returns the second after it, as in POSIX
// time. Package time is not used, because it accepts other forms ("9:00", a comma, "+24:00") and
// rejects some valid ones.
func ParseTime(s string) (time.Time, error) {
	const seconds = len("2006-01-02T15:04:05")
	if len(s) < seconds+1 || s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, ErrTimeFormat
	}
	ok := true
	number := func(from, to, low, high int) (n int) {
		for _, c := range []byte(s[from:to]) {
			if c < '0' || c > '9' {
				ok = false
			}
			n = n*10 + int(c-'0')
		}
		ok = ok && n >= low && n <= high
		return n
	}
	year, month, day := number(0, 4, 0, 9999), number(5, 7, 1, 12), number(8, 10, 1, 31)
	hour, minute, second := number(11, 13, 0, 23), number(14, 16, 0, 59), number(17, 19, 0, 60)
	i, nanos := seconds, 0
	if s[i] == '.' {
		begin := i + 1
		for i = begin; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			if i < begin+3 {
				nanos = nanos*10 + int(s[i]-'0')
			}
		}
		for n := i - begin; n < 3; n++ {
			nanos *= 10
		}
		nanos *= 1e6
		ok = ok && i > begin
	}
	offset := 0 // in minutes
	switch zone := s[i:]; {
	case len(zone) == 1:
		ok = ok && zone[0]|0x20 == 'z'
	case len(zone) == len("+00:00") && zone[3] == ':' && (zone[0] == '+' || zone[0] == '-'):
		offset = number(i+1, i+3, 0, 23)*60 + number(i+4, i+6, 0, 59)
		if zone[0] == '-' {
			offset = -offset
		}
	default:
		ok = false
	}
	if !ok {
		return time.Time{}, ErrTimeFormat
	}
	t := time.Date(year, time.Month(month), day, hour, minute-offset, min(second, 59), nanos, time.UTC)
	if time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() != day {
		return time.Time{}, ErrTimeFormat // 31 April
	}
	if second == 60 {
		next := t.Add(time.Second).Truncate(time.Second)
		if next.Day() != 1 || next.Hour() != 0 || next.Minute() != 0 {
			return time.Time{}, ErrTimeFormat
		}
		t = next.Add(time.Duration(nanos))
	}
	if t.Before(MinTime) || t.After(MaxTime) {
		return time.Time{}, ErrTimeRange
	}
	return t, nil
}
