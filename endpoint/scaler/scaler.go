// Package scaler decides, without any I/O, how many blocks an endpoint should
// have: enough slots for the tasks that are there, within limits, and fewer
// when nothing has run on a block for long. Blocks that end before a manager
// of theirs connected make it slow down and say so.
package scaler

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
)

// Policy is what the endpoint's owner wants.
type Policy struct {
	Init, Min, Max int
	Slots          int // of one block
	Idle           time.Duration
}

// Block is what scaling needs to know of one that has not ended.
type Block struct {
	ID    string
	State yonder.State // intended, requested, running or draining
	Since time.Time    // of the state
	Busy  bool         // its managers have tasks
	Idle  time.Time    // since when it is not busy
}

// Failures are blocks that ended without ever having a manager, one after
// another. A block that gets one ends the row.
type Failures struct {
	Count  int
	Last   time.Time
	Reason string
}

// Input is the moment to decide about.
type Input struct {
	Now      time.Time
	Tasks    int // held and not ended, given to managers or not
	Blocks   []Block
	Failures Failures
	Broken   bool // the failures were too many: no block is tried for now
	Fresh    bool // nothing was started yet in this agent's life
}

// Decision is what to do.
type Decision struct {
	Start   int
	Drain   []string
	Trouble string
}

const (
	firstPause  = time.Second
	longest     = 5 * time.Minute
	inARow      = 3           // failures that are worth a word
	slowConnect = time.Minute // a manager that takes longer is worth a word
)

// Decide applies the policy.
func Decide(p Policy, in Input) Decision {
	var d Decision
	here := slices.DeleteFunc(slices.Clone(in.Blocks), func(b Block) bool { return b.State == yonder.BlockDraining })
	want := Wanted(p, in)
	if missing := want - len(here); missing > 0 && !in.Broken && !in.Now.Before(nextTry(in.Failures)) {
		d.Start = missing
		if in.Failures.Count > 0 {
			d.Start = 1 // one will show whether it works again
		}
	}
	d.Drain = idle(p, in, here, max(want, p.Min))
	d.Trouble = trouble(in, here)
	return d
}

// Wanted is how many blocks there should be.
func Wanted(p Policy, in Input) int {
	want := (in.Tasks + p.Slots - 1) / p.Slots
	if in.Fresh {
		want = max(want, p.Init)
	}
	return min(max(want, p.Min), p.Max)
}

// nextTry is when another block may be started after failures.
func nextTry(f Failures) time.Time {
	if f.Count == 0 {
		return time.Time{}
	}
	return f.Last.Add(min(longest, firstPause<<min(f.Count-1, 16)))
}

// idle picks blocks above the number to keep that have done nothing for long,
// the longest idle first.
func idle(p Policy, in Input, here []Block, keep int) []string {
	slices.SortFunc(here, func(a, b Block) int {
		return cmp.Or(a.Idle.Compare(b.Idle), cmp.Compare(a.ID, b.ID))
	})
	var drain []string
	for _, b := range here {
		spare := len(here) - len(drain) - keep
		if spare > 0 && b.State == yonder.BlockRunning && !b.Busy && in.Now.Sub(b.Idle) >= p.Idle {
			drain = append(drain, b.ID)
		}
	}
	return drain
}

func trouble(in Input, here []Block) string {
	if f := in.Failures; in.Broken {
		return fmt.Sprintf("no more blocks are tried after the last %d ended before a manager connected: %s; "+
			"once it is mended, \"yonder endpoint reset-breaker\" on the endpoint's machine goes on at once", f.Count, f.Reason)
	}
	if f := in.Failures; f.Count >= inARow {
		return fmt.Sprintf("the last %d blocks ended before a manager connected: %s; next try at %s",
			f.Count, f.Reason, nextTry(f).UTC().Format(time.TimeOnly))
	}
	for _, b := range here {
		if age := in.Now.Sub(b.Since); b.State == yonder.BlockRequested && age > slowConnect && in.Tasks > 0 {
			return fmt.Sprintf("block %s was requested %s ago and no manager of it has connected yet", b.ID, age.Round(time.Second))
		}
	}
	return ""
}
