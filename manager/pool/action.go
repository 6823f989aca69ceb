package pool

import (
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Action is something to be done. Actions are carried out in order.
type Action interface{ action() }

// Fork starts a worker. Hello or Exited follows.
type Fork struct {
	Worker string
	Key    Key
}

// Run gives a worker tasks Lo..Hi of a job, of which it claims Block at a time.
// Ran or Exited follows.
type Run struct {
	Run    int64
	Worker string
	Job    JobID
	Lo, Hi int
	Block  int
}

// Take asks for the tasks of a run that its worker has not claimed, for others:
// Took is to be called.
type Take struct {
	Worker string
	Run    int64
}

// Signal ends a worker: SIGTERM, or SIGKILL with Kill, to its process group.
// Exited follows.
type Signal struct {
	Worker string
	Kill   bool
}

// Look asks where a worker is in its run: At is to be called with it.
type Look struct{ Worker string }

// End tells how tasks ended that brought no result of their own.
type End struct {
	Job     JobID
	Lo, Hi  int
	How     How
	Code    yonder.Code
	Message string
	// Worker had the tasks; empty: none had begun them. Took is the time from
	// its first signal to its end, and Killed says that one was SIGKILL.
	Worker string
	Took   time.Duration
	Killed bool
	// Output is that of the task that the worker was at.
	Output wire.Output
}

// Release says that no task of a job is left: its payloads are not needed any
// more.
type Release struct{ Job JobID }

// Retire says that a key has no workers and no work: what its workers are
// started from may go. A later Fork may name the key again.
type Retire struct{ Key Key }

func (Fork) action()    {}
func (Run) action()     {}
func (Take) action()    {}
func (Signal) action()  {}
func (Look) action()    {}
func (End) action()     {}
func (Release) action() {}
func (Retire) action()  {}

// How tasks ended without a result of their own.
type How string

// Ways to end.
const (
	EndLost      How = "lost"      // a worker may have begun: the attempt is spent
	EndReturned  How = "returned"  // no worker began
	EndCancelled How = "cancelled" // on request
	EndFailed    How = "failed"    // for good: another attempt would end the same way
)
