package simworker

import (
	"fmt"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
)

// Work is what a task does: nothing, or nothing for a while.
type Work struct {
	Sleep time.Duration
}

// of is how long so many tasks take, one after another.
func (w Work) of(tasks int) time.Duration { return time.Duration(tasks) * w.Sleep }

// longest bounds a task's sleep, so that no sum of a bundle's overflows.
const longest = 24 * time.Hour

// ParseWork reads "noop" or "sleep:10s".
func ParseWork(text string) (Work, error) {
	name, argument, _ := strings.Cut(text, ":")
	if text == "noop" {
		return Work{}, nil
	}
	sleep, err := time.ParseDuration(argument)
	if name != "sleep" || err != nil || sleep <= 0 || sleep > longest {
		return Work{}, yonder.FieldErrorf(yonder.CodeInvalidConfig, "work",
			"%q is no work: there are noop and sleep with a time up to %s, such as sleep:10s", text, longest)
	}
	return Work{Sleep: sleep}, nil
}

// String is what ParseWork reads.
func (w Work) String() string {
	if w.Sleep == 0 {
		return "noop"
	}
	return fmt.Sprintf("sleep:%s", w.Sleep)
}
