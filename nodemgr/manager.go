// Package manager is the daemon on each node: it takes work from its agent,
// runs it in warm workers, and keeps results until the agent has them. It
// goes on without an agent, and finds a restarted one by itself.
package manager

import (
	"log/slog"
	"time"
)

// Config of a manager. The zero values of all but Rendezvous and Block are
// replaced by defaults.
type Config struct {
	Rendezvous string // file through which the agent is found
	Block      string // that this manager belongs to
	Slots      int    // tasks at a time; 0: what the agent says, or the number of CPUs
	Hostname   string
	PID        int
	Grace      time.Duration // between SIGTERM and SIGKILL; 5 s: enough to write a file
	WorkerIdle time.Duration // after which an unused worker ends; 5 min
	// OrphanIdle and OrphanBusy are how long a manager without an agent waits
	// when it has nothing and when it has work or results: 10 min and 24 h.
	OrphanIdle, OrphanBusy time.Duration
	CacheBytes             int64 // of function bodies; 256 MiB
	InlineBytes            int64 // larger results travel in chunks; 128 KiB
	OutputBytes            int   // kept of each stream of a run; 64 KiB
	Logger                 *slog.Logger
}
