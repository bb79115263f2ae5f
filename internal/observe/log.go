// Package observe shows operators what the program does: it sets up the log and serves the metrics page.
//
// Neither shows tenants' data: no bodies, no URLs of webhooks, no keys. Metrics are read from the counters that the
// packages keep anyway, when the page is asked for, so that watching costs the hot path nothing.
package observe

import (
	"errors"
	"io"
	"log/slog"

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
		Level: o.Level, TimeFormat: "15:04:05.000", NoColor: o.NoColor || !o.Terminal,
	}))
}
