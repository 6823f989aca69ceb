package wire

import "github.com/yonder-run/yonder"

// Capacity is how much an agent will hold at once: its credit.
type Capacity struct {
	Tasks int   `json:"tasks"`
	Bytes int64 `json:"bytes"`
}

// Interpreter is a Python that an endpoint's workers can run.
type Interpreter struct {
	Version string `json:"version"` // "3.11.7"
	Path    string `json:"path,omitempty"`
}

// Capabilities are what an endpoint says of itself.
type Capabilities struct {
	Pythons   []Interpreter `json:"pythons"`
	Kinds     []string      `json:"kinds"`   // of functions: "python", "shell"
	Runtime   string        `json:"runtime"` // "process"
	Isolated  bool          `json:"isolated"`
	Provider  string        `json:"provider"`
	Hostname  string        `json:"hostname"`
	System    string        `json:"system"` // "linux/amd64"
	Version   string        `json:"version"`
	CPUs      int           `json:"cpus"`
	MemoryMiB int64         `json:"memory_mib"`
}

// Status is an endpoint's report of the moment.
type Status struct {
	Managers int    `json:"managers"`
	Blocks   int    `json:"blocks"`
	Slots    int    `json:"slots"`
	Busy     int    `json:"busy"`
	Held     int    `json:"held"`              // tasks accepted, not yet delivered
	Trouble  string `json:"trouble,omitempty"` // why nothing moves, in a sentence
	// Breakers are what the agent has stopped to try.
	Breakers []yonder.Breaker `json:"breakers,omitempty"`
}

// SessionOpen asks for a session: a new epoch that fences all older ones.
type SessionOpen struct {
	WireOldest int `json:"wire_oldest"`
	WireNewest int `json:"wire_newest"`
	// Instance names this agent process: asking again, because an answer was
	// lost, grants the same epoch again.
	Instance yonder.ID `json:"instance"`
	// Journal names the agent's journal.
	Journal      yonder.ID    `json:"journal"`
	Capabilities Capabilities `json:"capabilities"`
	Capacity     Capacity     `json:"capacity"`
}

// SessionOpened grants the epoch. Nothing is offered before Reconcile ends.
type SessionOpened struct {
	Epoch            int64     `json:"epoch"`
	Owner            yonder.ID `json:"owner"` // of the endpoint
	HeartbeatSeconds float64   `json:"heartbeat_s"`
	Wire             int       `json:"wire"`
}

// Turn says whether the endpoint is to work. It comes with the last page of a
// reconciliation, with every heartbeat, and as a hint; of two the one with the higher number is
// the later one.
type Turn struct {
	Number int64         `json:"number"`
	Paused *yonder.Pause `json:"paused,omitempty"` // nil: it works
}

// Holding is a span as the agent's journal has it.
type Holding struct {
	Span
	State yonder.State `json:"state"` // accepted or started
}

// Reconcile compares what the agent holds with what the service believes, in
// pages. After the page marked Last, every range of older epochs that no page
// held goes back to the queue or, where it may have started, is lost.
type Reconcile struct {
	Epoch int64     `json:"epoch"`
	Held  []Holding `json:"held"`
	Last  bool      `json:"last"`
}

// Reconciled lists what the agent must drop: done, cancelled or given away.
type Reconciled struct {
	Drop []Span `json:"drop"`
	Turn Turn   `json:"turn,omitzero"`
}

// Lease is a span offered to a session, with what is common to its tasks.
type Lease struct {
	Span
	Owner    yonder.ID `json:"owner"`
	Function yonder.ID `json:"function"`
	Hash     string    `json:"hash"` // of the function's body
	Kind     string    `json:"kind"`
	Requires Requires  `json:"requires,omitzero"`
	Form     Form      `json:"form"`
	Total    int       `json:"total"` // tasks in the whole bundle
	Codec    string    `json:"codec"`
	Priority int       `json:"priority,omitempty"`
	// Weight is the owner's beside that of others who wait here; none is 1.
	Weight   int64   `json:"weight,omitempty"`
	Walltime float64 `json:"walltime_s,omitempty"`
	// Blobs maps an index of Lease's own columns to its out-of-line payload.
	Blobs map[int]Blob `json:"blobs,omitempty"`
	// Columns is how many of the frame's columns are this lease's: one per
	// task, or one for a chunk.
	Columns int `json:"columns"`
}

// Requires is what a function needs of its environment.
type Requires struct {
	Python   string   `json:"python,omitempty"`   // exact minor, "3.11"; empty: any from 3.9 on
	Packages []string `json:"packages,omitempty"` // importable top-level modules
}

// Offer gives leases to a session. It is a hint: it may be lost and repeated.
type Offer struct {
	Epoch  int64   `json:"epoch"`
	Leases []Lease `json:"leases"`
}

// Accept says that the spans are in the agent's journal. A span may be given
// to a worker only after the answer (Spans: those refused).
type Accept struct {
	Epoch int64  `json:"epoch"`
	Spans []Span `json:"spans"`
	// Declined spans go back to the queue; they never started.
	Declined []Span `json:"declined,omitempty"`
}

// Loss ends an attempt without a result.
type Loss struct {
	Span
	// Started is false when no worker can have begun: no attempt is spent.
	Started bool        `json:"started"`
	Code    yonder.Code `json:"code"`
	Message string      `json:"message"`
	Where   string      `json:"where,omitempty"` // it was: "host/worker", for people
	// Output is that of the task that a worker was at when it ended.
	Output
}

// Report carries what happened to accepted spans. Column i is the payload of
// Results[i]. The answer lists results that were refused as stale; the agent
// forgets a result once it is answered, refused or not.
type Report struct {
	Epoch     int64     `json:"epoch"`
	Started   []Span    `json:"started,omitempty"`
	Results   []Entry   `json:"results,omitempty"`
	Lost      []Loss    `json:"lost,omitempty"`
	Cancelled []Stopped `json:"cancelled,omitempty"`
}

// Heartbeat renews the session.
type Heartbeat struct {
	Epoch    int64    `json:"epoch"`
	Capacity Capacity `json:"capacity"`
	Status   Status   `json:"status"`
}

// HeartbeatReply repeats what hints may have failed to bring.
type HeartbeatReply struct {
	Cancel []Span `json:"cancel,omitempty"`
	Turn   Turn   `json:"turn,omitzero"`
}

// FunctionGet asks for the body of a function of a lease.
type FunctionGet struct {
	Epoch int64  `json:"epoch"`
	Hash  string `json:"hash"`
}

// FunctionBody answers FunctionGet; the body is column 0, or a Blob when it
// does not fit the fabric.
type FunctionBody struct {
	Hash string `json:"hash"`
	Blob *Blob  `json:"blob,omitempty"`
}

// Fence tells an agent that its epoch is over: stop taking work.
type Fence struct {
	Epoch int64 `json:"epoch"` // the newer one; 0: the endpoint was deleted
}
