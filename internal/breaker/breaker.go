// Package breaker decides when something that keeps failing is not tried
// again: blocks that end before they serve, interpreters that start no worker.
// It is a state machine without I/O; the clock is handed in.
//
// A row of failures with one cause opens a circuit, and so does a longer row
// of any causes, or failures that take turns would go on for ever. An open
// circuit allows one try after a long time: its success closes the circuit,
// its failure starts the time anew, so there is one such try in each.
package breaker

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Policy says how much failure is enough.
type Policy struct {
	Failures int           // in a row, with one cause
	Probe    time.Duration // after which an open circuit allows one try
}

// state of a circuit: closed, trip → open, probe → probing, trip → open; a
// success and a reset lead to closed from everywhere.
type state int

const (
	closed state = iota
	open
	probing
)

// anyCause is how many times as many failures of different causes it takes.
const anyCause = 3

// Circuit is about one thing that is tried. The zero value is not usable.
type Circuit struct {
	policy Policy
	state  state
	same   int // failures in a row with the cause
	all    int // failures in a row
	cause  string
	reason string
	opened time.Time // or probed
}

// New returns a closed circuit.
func New(policy Policy) *Circuit {
	return &Circuit{policy: policy}
}

// Fail takes note of a failure and says whether it has opened the circuit.
func (c *Circuit) Fail(now time.Time, reason string) bool {
	cause := Cause(reason)
	if cause != c.cause {
		c.same = 0
	}
	c.cause, c.reason = cause, reason
	c.same++
	c.all++
	enough := c.state == probing || c.same >= c.policy.Failures || c.all >= anyCause*c.policy.Failures
	if c.state == open || !enough {
		return false // open: the end of what was tried before
	}
	c.state, c.opened = open, now
	return true
}

// Succeed takes note of a success, also of one that was begun before the
// circuit opened.
func (c *Circuit) Succeed() { *c = Circuit{policy: c.policy} }

// Reset closes the circuit on request.
func (c *Circuit) Reset() { *c = Circuit{policy: c.policy} }

// Allows says whether anything may be tried now, and how many at once: any
// number while nothing has failed, one after a failure, none while it is open.
func (c *Circuit) Allows(now time.Time, wanted int) int {
	switch {
	case c.state != closed && c.resting(now):
		return 0
	case c.all > 0:
		return min(wanted, 1)
	}
	return wanted
}

// Try takes note that something is tried. It is the probe of an open circuit.
func (c *Circuit) Try(now time.Time) {
	if c.state == open && !c.Open(now) {
		c.state, c.opened = probing, now
	}
}

// Open says whether the circuit is open and its time is not over.
func (c *Circuit) Open(now time.Time) bool {
	return c.state == open && c.resting(now)
}

// resting says that no other try is due, be it that the one under way was
// forgotten, or that the clock was set back.
func (c *Circuit) resting(now time.Time) bool {
	passed := now.Sub(c.opened)
	return passed < c.policy.Probe && passed >= -c.policy.Probe
}

// Broken says why the circuit is not closed, and since when; false if it is.
func (c *Circuit) Broken() (reason string, since time.Time, broken bool) {
	return c.reason, c.opened, c.state != closed
}

// Failures is how many there were in a row.
func (c *Circuit) Failures() int { return c.all }

// String says what happened, for people.
func (c *Circuit) String() string {
	return fmt.Sprintf("%d times in a row: %s", c.all, c.reason)
}

// names are what differs between two failures of one cause: numbers of
// processes and ports, times, ids, names of temporary files.
var names = regexp.MustCompile(`[0-9A-Za-z_-]*\d[0-9A-Za-z_-]*`)

// maxCause is how much of a reason tells one cause from another.
const maxCause = 500

// Cause shortens a reason to what it has in common with others of its cause.
func Cause(reason string) string {
	reason = strings.ToValidUTF8(reason[:min(len(reason), maxCause)], "")
	return names.ReplaceAllString(reason, "#")
}
