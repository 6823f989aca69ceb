// Package runtime is the seam to what isolates workers from the node and from
// each other. Drivers: process.
package runtime

import "context"

// Runtime starts zygotes: processes that workers are forked from.
type Runtime interface {
	// Start starts a zygote in an environment (for the process runtime: the
	// path of an interpreter), which connects to the Unix socket and ends with
	// that connection, with all its workers. wait blocks until it has ended
	// and returns why, with what it last wrote to its standard error, or nil
	// for an end that was asked for. An error of Start leaves nothing behind;
	// *yonder.Error with CodeNoInterpreter says that the environment cannot be
	// had on this node. Safe for concurrent use.
	Start(ctx context.Context, environment, socket string) (wait func() error, err error)
	// Isolated says whether a function is kept from seeing the agent's state
	// and other identities' workers.
	Isolated() bool
}
