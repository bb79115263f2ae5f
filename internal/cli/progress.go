package cli

import (
	"encoding/json"
	"fmt"
	"time"
)

// progress shows how far something is, on one line of a terminal that is written anew. Elsewhere it shows nothing: what
// is piped gets the result only.
type progress struct {
	env   *Env
	style style
	shown time.Time // when the line was written last
	wide  int       // its length
}

// progressEvery spaces changes of the line, so that writing it costs nothing.
const progressEvery = 100 * time.Millisecond

func (e *Env) progress() *progress {
	return &progress{env: e, style: newStyle(e)}
}

// show replaces the line.
func (p *progress) show(format string, args ...any) {
	if !p.style.on || time.Since(p.shown) < progressEvery {
		return
	}
	p.shown = time.Now()
	text := clip(printable(fmt.Sprintf(format, args...)), 78)
	fmt.Fprintf(p.env.Stdout, "\r%-*s", p.wide, text)
	p.wide = len(text)
}

// end removes the line.
func (p *progress) end() {
	if p.wide > 0 {
		fmt.Fprintf(p.env.Stdout, "\r%-*s\r", p.wide, "")
		p.wide = 0
	}
}

// result prints lines for people on a terminal, and one line of JSON elsewhere.
func (e *Env) result(v any, people func()) error {
	if isTerminal(e.Stdout) {
		people()
		return nil
	}
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Stdout, "%s\n", line)
	return err
}

// bytesText returns a size as people read it.
func bytesText(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000_000:
		return fmt.Sprintf("%.0f KB", float64(n)/1e3)
	case n < 10_000_000_000:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
