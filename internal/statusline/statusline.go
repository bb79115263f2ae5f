// Package statusline shows on a terminal how far a command is: one line, written anew as it changes. On anything else it
// shows nothing, so that a pipe gets results only.
package statusline

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// every spaces the changes of the line, so that writing it costs nothing.
	every = 100 * time.Millisecond
	// width bounds the line in characters: a longer one would wrap on a narrow terminal and stay behind.
	width = 78
)

// Line is the line. It is safe for concurrent use.
type Line struct {
	out      io.Writer
	terminal bool

	mu    sync.Mutex
	shown time.Time // when it was written last
	wide  int       // characters on the screen
}

// New returns a line on out, which shows nothing unless out is a terminal.
func New(out io.Writer, terminal bool) *Line { return &Line{out: out, terminal: terminal} }

// Show replaces the line, unless that was done a moment ago. The text must have no control characters.
func (l *Line) Show(format string, args ...any) {
	if !l.terminal {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.shown) < every {
		return
	}
	l.shown = time.Now()
	text := fmt.Sprintf(format, args...)
	n := utf8.RuneCountInString(text)
	if n > width {
		text, n = string([]rune(text)[:width-1])+"…", width
	}
	fmt.Fprint(l.out, "\r", text, strings.Repeat(" ", max(l.wide-n, 0)))
	l.wide = max(n, l.wide)
}

// Clear removes the line. It may be shown again.
func (l *Line) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clearLocked()
}

func (l *Line) clearLocked() {
	if l.wide > 0 {
		fmt.Fprint(l.out, "\r", strings.Repeat(" ", l.wide), "\r")
		l.wide, l.shown = 0, time.Time{}
	}
}

// Logf writes a line of text that stays, above the line that changes.
func (l *Line) Logf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clearLocked()
	fmt.Fprintf(l.out, format+"\n", args...)
}
