package bench

import (
	"fmt"
	"io"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars shows how far each step is, on a terminal only; elsewhere there are
// just the lines of logf.
type bars struct {
	out      io.Writer
	mu       sync.Mutex
	progress *mpb.Progress // nil off a terminal, and after close
}

func newBars(out io.Writer, terminal bool) *bars {
	b := &bars{out: out}
	if terminal {
		b.progress = mpb.New(mpb.WithOutput(out), mpb.WithWidth(48), mpb.WithAutoRefresh())
	}
	return b
}

// start shows a bar of total steps. done tells of n more; finish takes the bar away.
func (b *bars) start(title string, total int) (done func(n int), finish func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.progress == nil {
		return func(int) {}, func() {}
	}
	bar := b.progress.AddBar(int64(total), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(title, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.CountersNoUnit("%d/%d", decor.WCSyncSpace), decor.AverageSpeed(0, "%8.0f/s")))
	return func(n int) { bar.IncrBy(n) }, func() { bar.Abort(true); bar.Wait() }
}

// logf writes a line, above the bars.
func (b *bars) logf(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.out
	if b.progress != nil {
		out = b.progress
	}
	fmt.Fprintf(out, format+"\n", args...)
}

// close ends the display.
func (b *bars) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.progress != nil {
		b.progress.Shutdown()
		b.progress = nil
	}
}
