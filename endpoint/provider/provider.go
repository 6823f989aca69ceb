// Package provider is the seam to where machines come from. A driver turns a
// block, which is one job that runs managers, into a job of its system.
package provider

import (
	"context"
	"time"
)

// Handle names a block's job in its system. It is kept in the journal and
// means the same to every later process.
type Handle string

// Spec is what a block runs.
type Spec struct {
	// Block is the agent's own name for it, chosen before Submit and kept by
	// the job where Finder can see it: an agent that died between Submit and
	// noting the handle finds the job by it.
	Block string
	// Command starts a manager on each node of the block. It holds no secrets:
	// other users may see it.
	Command []string
	Dir     string // to run in; exists
	Log     string // file for what the command writes
}

// State is what a system says of a job.
type State string

// States of a job.
const (
	Pending State = "pending"
	Running State = "running"
	Ended   State = "ended"
)

// Status is a job's state.
type Status struct {
	State  State
	Reason string // the system's own words, for people
	Since  time.Time
}

// Provider is a driver. It is safe for concurrent use.
type Provider interface {
	// Submit asks for a block and returns its job's handle, without waiting
	// until it runs. After an error there is no job, unless the system itself
	// has lost count; Finder settles that.
	Submit(ctx context.Context, spec Spec) (Handle, error)
	// Status tells the state of each handle. One that the system does not know
	// any more has ended. An error means that nothing could be learnt.
	Status(ctx context.Context, handles []Handle) (map[Handle]Status, error)
	// Cancel asks a job to end; it may take its time. A job that ended before
	// is no error.
	Cancel(ctx context.Context, handle Handle) error
}

// Finder is a driver that can find a job by its block's name.
type Finder interface {
	// Find returns the handle of the block's job, or false if there is none.
	Find(ctx context.Context, block string) (Handle, bool, error)
}
