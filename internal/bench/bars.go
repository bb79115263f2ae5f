package bench

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/statusline"
)

// bars shows how far each step is, on a terminal only; elsewhere there are
// just the lines of logf.
type bars struct {
	line     *statusline.Line
	terminal bool
}

func newBars(out io.Writer, terminal bool) *bars {
	return &bars{statusline.New(out, terminal), terminal}
}

// start shows a step of total parts. done tells of n more; finish takes the step off the screen.
func (b *bars) start(title string, total int) (done func(n int), finish func()) {
	if !b.terminal {
		return func(int) {}, func() {}
	}
	begun := time.Now()
	var sum atomic.Int64
	done = func(n int) {
		all := sum.Add(int64(n))
		b.line.Show("%s  %d of %d  %.0f/s", title, all, total, float64(all)/max(time.Since(begun).Seconds(), 1e-3))
	}
	b.line.Show("%s", title)
	return done, b.line.Clear
}

// logf writes a line, above the step.
func (b *bars) logf(format string, args ...any) { b.line.Logf(format, args...) }
