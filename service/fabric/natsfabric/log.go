package natsfabric

import (
	"fmt"
	"log/slog"
)

// natsLog passes the server's messages on. They hold no secrets: the server
// prints what clients send only when tracing, which is never switched on.
type natsLog struct{ log *slog.Logger }

func (l natsLog) say(level func(string, ...any), format string, args []any) {
	level("fabric server", "message", fmt.Sprintf(format, args...))
}

func (l natsLog) Noticef(format string, args ...any) { l.say(l.log.Debug, format, args) }
func (l natsLog) Warnf(format string, args ...any)   { l.say(l.log.Warn, format, args) }
func (l natsLog) Errorf(format string, args ...any)  { l.say(l.log.Warn, format, args) }
func (l natsLog) Fatalf(format string, args ...any)  { l.say(l.log.Error, format, args) }
func (l natsLog) Debugf(string, ...any)              {}
func (l natsLog) Tracef(string, ...any)              {}
