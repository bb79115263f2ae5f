// Package observe shows operators how the program works: it sets up the log and serves the metrics
// page.
//
// Neither shows tenants' data: no bodies, no URLs of webhooks, no keys. When the page is requested,
// metrics are read from counters that the packages keep anyway, so that observing costs the hot
// path nothing.
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

// LogFormat is the format of log lines.
type LogFormat string

// The formats.
const (
	LogAuto LogFormat = "auto" // text on a terminal, otherwise JSON
	LogText LogFormat = "text" // for people
	LogJSON LogFormat = "json" // for machines, one object per line
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

// LogOptions configures a logger.
type LogOptions struct {
	Level  slog.Level
	Format LogFormat
	// Terminal means that the writer is a terminal.
	Terminal bool
	// NoColor disables colours; they are only used on a terminal.
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

// quoteControls escapes control characters, so that external text cannot move the cursor or forge
// lines: tint writes escape sequences in values unchanged.
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
