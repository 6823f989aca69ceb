package checks

import (
	"fmt"
	"slices"
	"testing"
)

// pure are the packages that decide: state and events in, new state and
// commands out, the clock handed in. Others carry the decisions out.
var pure = []string{
	"",
	"service/fair",
	"service/lease",
	"endpoint/router",
	"endpoint/scaler",
	"internal/breaker",
	"manager/pool",
}

// clockwork are files of pure packages that may ask the clock after all.
var clockwork = map[string]string{
	"id.go": "an ID carries the time it was made, and its other half is random anyway",
}

// world is what a decision must not touch.
var world = []string{"database/sql", "io/ioutil", "log", "log/slog", "net", "net/http", "os", "os/exec", "os/signal", "syscall"}

// clocks are the ways to ask what time it is, or to wait.
var clocks = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

func TestDecisionsTouchNothing(t *testing.T) {
	t.Parallel()

	var found []string
	for _, f := range goFiles(t) {
		if f.test() || !slices.Contains(pure, f.dir()) {
			continue
		}
		for _, p := range f.imports() {
			if slices.Contains(world, p) {
				found = append(found, fmt.Sprintf("%s imports %s", f.path, p))
			}
		}
		for _, at := range f.calls("time", clocks...) {
			if clockwork[f.path] == "" {
				found = append(found, at.String()+" asks the clock")
			}
		}
	}
	none(t, found, "these packages decide without touching the world: "+
		"take the time as a parameter and return commands for others to carry out")
}

func TestNobodySleeps(t *testing.T) {
	t.Parallel()

	var found []string
	for _, f := range goFiles(t) {
		for _, at := range f.calls("time", "Sleep") {
			found = append(found, at.String())
		}
	}
	none(t, found, "do not sleep: in tests wait for a testsignal.Signal, elsewhere for a timer or the context's end")
}
