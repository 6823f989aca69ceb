// Package runtime is the seam to how a manager isolates its workers. Drivers:
// process, which does not isolate at all. Every driver passes runtimetest.
package runtime

import (
	"context"
	"io"
)

// Spec says what to start: the zygote of one identity and environment, which
// forks workers on its own.
type Spec struct {
	Command []string  // program and arguments; "--socket" and Socket follow
	Socket  string    // Unix socket to connect to
	Dir     string    // everything that the zygote and its workers may write to
	Output  io.Writer // what the zygote itself says, for when it does not come up
}

// Runtime starts zygotes.
//
// Start returns when the zygote's process runs or with the reason why it
// cannot; nothing is left behind then. That the zygote comes up is known by
// its connection. The context bounds the start only, not the life. It is safe
// for concurrent use.
//
// A process started here, with all it starts, ends at the latest when the
// manager's process does, however that ends.
type Runtime interface {
	Start(ctx context.Context, spec Spec) (Process, error)
}

// Process is a running zygote.
//
// Kill ends it at once; killing what has ended does nothing. Done is closed
// when the process is gone and its output is written; after that, Reason says
// how it ended.
type Process interface {
	Kill()
	Done() <-chan struct{}
	Reason() string
}
