package wire

// WorkerHello is the first frame of every process that connects to a
// manager's socket.
type WorkerHello struct {
	Wire   int    `json:"wire"`
	Role   string `json:"role"` // "zygote" or "worker"
	Worker string `json:"worker,omitempty"`
	PID    int    `json:"pid"`
	Python string `json:"python"` // "3.11.7"
}

// Fork asks the zygote for one more worker. Stdout and Stderr are named pipes
// that the manager reads.
type Fork struct {
	Worker string `json:"worker"`
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	Dir    string `json:"dir"` // working directory and place for large results
	// Progress is a file of two u64, little endian, that the worker maps: the
	// run it is in and the index of the task it is at. It outlives the worker
	// and tells which task ended it and which ones it had not begun.
	Progress string `json:"progress"`
	// Kept is a file that the worker makes for outcomes which it has not
	// reported yet; see python/src/yonder/worker/kept.py.
	Kept string `json:"kept,omitempty"`
	// Claims is a named pipe with the claims of a Run.
	Claims string `json:"claims,omitempty"`
	// Memory is how many bytes it may use; 0: no limit.
	Memory int64 `json:"memory,omitempty"`
}

// Exited tells that a forked worker is gone.
type Exited struct {
	Worker string `json:"worker"`
	PID    int    `json:"pid"`
	Code   int    `json:"code"`   // exit code, -1 when killed
	Signal int    `json:"signal"` // 0 when it exited
	// Memory is the most that it has used at a time, in KiB; 0: unknown.
	Memory int64 `json:"memory_kib,omitempty"`
}

// Load gives a worker a function's body (column 0) before its first Run.
type Load struct {
	Function string `json:"function"` // content hash
	Name     string `json:"name,omitempty"`
}

// Run asks a worker to run tasks Lo..Hi of one lease, in order. Columns are
// the payloads: one per task, or one for the whole chunk of Total tasks.
//
// The worker may begin the first Block tasks. For every further Block there is
// a byte in the pipe Fork.Claims, and the worker begins them when it has read
// that byte. The manager reads there as well if somebody else could begin what
// is left: a run ends before the first block for which there is no byte any more.
type Run struct {
	Run      int64  `json:"run"`
	Function string `json:"function"`
	Form     Form   `json:"form"`
	Codec    string `json:"codec"`
	Lo       int    `json:"lo"`
	Hi       int    `json:"hi"`
	Total    int    `json:"total"`
	Block    int    `json:"block,omitempty"` // 0: all tasks at once
	Task     string `json:"task"`            // id of the first task, for messages
	Attempt  int    `json:"attempt"`         // shown to the function's context
	// Files maps a column's index to the file that holds its payload.
	Files map[int]string `json:"files,omitempty"`
	// Inline is the size in bytes above which a result goes to a file in Dir.
	Inline int64 `json:"inline"`
	// Patience is for how many seconds such a file is tried again while the
	// disk takes nothing.
	Patience float64 `json:"patience_s,omitempty"`
}

// Ran reports outcomes of a Run; column i is the payload of Entries[i], empty
// when it is in Files[i]. Last marks the end of the run: the worker is idle.
// A worker may send several Ran frames for one Run.
type Ran struct {
	Run     int64          `json:"run"`
	Entries []RanEntry     `json:"entries"`
	Files   map[int]string `json:"files,omitempty"`
	Last    bool           `json:"last"`
}

// RanEntry is the outcome of tasks Lo..Hi of the run's bundle.
type RanEntry struct {
	Lo       int     `json:"lo"`
	Hi       int     `json:"hi"`
	Outcome  Outcome `json:"outcome"`
	Form     Form    `json:"form"`
	Started  int64   `json:"started_us"`
	Finished int64   `json:"finished_us"`
	Message  string  `json:"message,omitempty"` // an exception in one line, for listings
}
