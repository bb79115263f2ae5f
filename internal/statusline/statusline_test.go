package statusline_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/statusline"
)

// screen returns what a terminal shows after it was sent s, line by line, without spaces at the ends.
func screen(s string) []string {
	lines := [][]rune{nil}
	at := 0
	for _, r := range s {
		last := &lines[len(lines)-1]
		switch r {
		case '\n':
			lines, at = append(lines, nil), 0
		case '\r':
			at = 0
		default:
			if at == len(*last) {
				*last = append(*last, r)
			} else {
				(*last)[at] = r
			}
			at++
		}
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimRight(string(l), " ")
	}
	return out
}

func TestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		l := statusline.New(&out, true)
		want := func(lines ...string) {
			t.Helper()
			if got := screen(out.String()); strings.Join(got, "\n") != strings.Join(lines, "\n") {
				t.Errorf("the screen shows %q, want %q", got, lines)
			}
		}
		l.Show("copying %d of %d", 1000, 2000)
		want("copying 1000 of 2000")
		l.Show("too early")
		want("copying 1000 of 2000")
		time.Sleep(time.Second)
		l.Show("über")
		want("über")
		l.Logf("half of it")
		want("half of it", "")
		l.Show("%s", strings.Repeat("ü", 100))
		want("half of it", strings.Repeat("ü", 77)+"…")
		l.Clear()
		l.Clear()
		want("half of it", "")
	})
}

func TestNoTerminal(t *testing.T) {
	var out strings.Builder
	l := statusline.New(&out, false)
	l.Show("copying")
	l.Logf("copied %d", 3)
	l.Clear()
	if got := out.String(); got != "copied 3\n" {
		t.Errorf("got %q, want the logged line only", got)
	}
}
