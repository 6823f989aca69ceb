package wire

import "github.com/yonder-run/yonder"

// ManagerHello is a manager's first frame to its agent, over TLS whose
// certificate the rendezvous file pins.
type ManagerHello struct {
	WireOldest int           `json:"wire_oldest"`
	WireNewest int           `json:"wire_newest"`
	Manager    string        `json:"manager"` // stable over reconnects
	Block      string        `json:"block"`
	Secret     string        `json:"secret"`
	Epoch      int64         `json:"epoch"` // highest seen; an older agent is refused
	Hostname   string        `json:"hostname"`
	PID        int           `json:"pid"`
	Slots      int           `json:"slots"`
	Pythons    []Interpreter `json:"pythons"`
	Kinds      []string      `json:"kinds,omitempty"` // of functions; none: python only
	// Looks says that the manager answers LookTask.
	Looks bool `json:"looks,omitempty"`
	// Broken are interpreters of the endpoint that do not work on this node.
	Broken []BrokenInterpreter `json:"broken,omitempty"`
	// Holds are the spans this manager has: waiting, running or finished and
	// not yet acknowledged. Done frames for the finished ones follow.
	Holds []Holding `json:"holds"`
}

// BrokenInterpreter is one that does not work, and why.
type BrokenInterpreter struct {
	Interpreter
	Reason string `json:"reason"`
}

// ManagerWelcome answers the hello. Drop lists spans that are not the
// agent's any more.
type ManagerWelcome struct {
	Wire      int     `json:"wire"`
	Epoch     int64   `json:"epoch"`
	BeatEvery float64 `json:"beat_s"`
	// InlineBytes is the size above which a result travels as BlobChunks
	// before its Done; 0: the manager's own limit.
	InlineBytes int64  `json:"inline_bytes,omitempty"`
	Drop        []Span `json:"drop,omitempty"`
}

// Work gives leases to a manager; columns as in Offer.
type Work struct {
	Leases []Lease `json:"leases"`
}

// Done reports spans that ended on a manager; column i belongs to Results[i].
// The manager keeps them until DoneAck.
type Done struct {
	Seq       int64     `json:"seq"`
	Results   []Entry   `json:"results,omitempty"`
	Lost      []Loss    `json:"lost,omitempty"`
	Cancelled []Stopped `json:"cancelled,omitempty"`
}

// DoneAck says that Done frames up to and including Seq are journalled.
type DoneAck struct {
	Seq int64 `json:"seq"`
}

// Beat is the heartbeat both ways between manager and agent.
type Beat struct {
	Busy    int    `json:"busy"`
	Free    int    `json:"free"`
	Workers int    `json:"workers"`
	Trouble string `json:"trouble,omitempty"`
	// Reset, of an agent: whatever failed to start before may be tried again.
	Reset bool `json:"reset,omitempty"`
}

// Drain asks a manager to take no new work and to end when idle.
type Drain struct {
	Reason string `json:"reason"`
}

// Need asks the agent for a function's body or a blob.
type Need struct {
	Function string     `json:"function,omitempty"` // content hash
	Blob     *Blob      `json:"blob,omitempty"`
	Task     *yonder.ID `json:"task,omitempty"` // on whose behalf: access is per task
}

// Body answers a Need for a function, or says why there is none.
type Body struct {
	Function string        `json:"function"`
	Error    *yonder.Error `json:"error,omitempty"`
}

// BlobChunk carries a piece of a blob down to a manager (Blob.ID set) or up to
// the agent (a result's blob, named by its Span).
type BlobChunk struct {
	Blob   Blob          `json:"blob"`
	Span   *Span         `json:"span,omitempty"`
	Offset int64         `json:"offset"`
	Last   bool          `json:"last"`
	Error  *yonder.Error `json:"error,omitempty"`
}
