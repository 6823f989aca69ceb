package kit

import (
	"io"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/yonder-run/yonder"
)

// LogFlags are how a daemon's log is to be.
type LogFlags struct {
	Level, Format string
}

// Add adds the flags.
func (l *LogFlags) Add(flags *pflag.FlagSet) {
	flags.StringVar(&l.Level, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&l.Format, "log-format", "auto", "text, json, or auto: text on a terminal")
}

// Logger returns a logger on Err.
func (c *Console) Logger(l LogFlags) (*slog.Logger, error) { return NewLogger(c.Err, l) }

// NewLogger returns a logger on out.
func NewLogger(out io.Writer, l LogFlags) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		return nil, yonder.FieldErrorf(yonder.CodeInvalidConfig, "log-level", "%q is none of debug, info, warn, error", l.Level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch {
	case l.Format == "text" || l.Format == "auto" && isTerminal(out):
		return slog.New(slog.NewTextHandler(out, options)), nil
	case l.Format == "json" || l.Format == "auto":
		return slog.New(slog.NewJSONHandler(out, options)), nil
	}
	return nil, yonder.FieldErrorf(yonder.CodeInvalidConfig, "log-format", "%q is none of text, json, auto", l.Format)
}
