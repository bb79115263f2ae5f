// Package observe shows operators what the program does: it sets up the log and serves the metrics page.
//
// Neither shows tenants' data: no bodies, no URLs of webhooks, no keys. Metrics are read from the counters that the
// packages keep anyway, when the page is asked for, so that watching costs the hot path nothing.
package observe

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"

	"github.com/lmittmann/tint"
)

// LogFormat is how log lines are written.
type LogFormat string

// The formats.
const (
	LogAuto LogFormat = "auto" // text on a terminal, else JSON
	LogText LogFormat = "text" // for people
	LogJSON LogFormat = "json" // for machines, an object a line
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *LogFormat) UnmarshalText(text []byte) error {
	switch v := LogFormat(text); v {
	case LogAuto, LogText, LogJSON:
		*f = v
		return nil
	default:
		return errors.New("must be auto, text or json")
	}
}

// LogOptions says how to log.
type LogOptions struct {
	Level  slog.Level
	Format LogFormat
	// Terminal tells that the writer is one.
	Terminal bool
	// NoColor switches colours off; they are only used on a terminal.
	NoColor bool
}

// NewLogger returns a logger that writes lines to w.
func NewLogger(w io.Writer, o LogOptions) *slog.Logger {
	if o.Format == LogJSON || o.Format != LogText && !o.Terminal {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: o.Level}))
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{
		Level: o.Level, TimeFormat: "15:04:05.000", NoColor: o.NoColor || !o.Terminal, ReplaceAttr: quoteControls,
	}))
}

// quoteControls keeps what comes from outside from moving the cursor or forging lines: tint writes escape sequences in
// values as they are.
func quoteControls(_ []string, a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	if v.Kind() != slog.KindString && v.Kind() != slog.KindAny {
		return a
	}
	text := fmt.Sprint(v.Any())
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		quoted := strconv.Quote(text)
		return slog.String(a.Key, quoted[1:len(quoted)-1])
	}
	return a
}
