package cli

import (
	"encoding/json"
	"fmt"

	"github.com/relay-events/relay/internal/statusline"
)

// progress returns a line on the terminal that shows the progress of a task.
func (e *Env) progress() *statusline.Line { return statusline.New(e.Stdout, newStyle(e).on) }

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

// bytesText formats a size for people.
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
