package wire

import "github.com/yonder-run/yonder"

// Look asks an agent how things are: with a task, or with the endpoint alone.
type Look struct {
	Task    *yonder.ID `json:"task,omitempty"`
	Attempt int        `json:"attempt,omitempty"`
}

// View is an endpoint as its agent sees it at this moment. Times are Unix
// microseconds by the agent's clock.
type View struct {
	Status   Status        `json:"status"`
	Capacity Capacity      `json:"capacity"` // what it lets the service give it in all
	Pythons  []Interpreter `json:"pythons,omitempty"`
	Blocks   []BlockView   `json:"blocks,omitempty"`
	Managers []ManagerView `json:"managers,omitempty"`
	// MaxBlocks is how many blocks the agent may have; Failures are those that
	// ended, one after the other, before a manager connected.
	MaxBlocks int        `json:"max_blocks"`
	Failures  int        `json:"failures,omitempty"`
	Failure   string     `json:"failure,omitempty"` // of the last: the provider's own words and its output
	Failed    int64      `json:"failed_us,omitempty"`
	Task      *AgentTask `json:"task,omitempty"` // if a task was asked about
}

// BlockView is a block, in the agent's and in its provider's words.
type BlockView struct {
	ID     string       `json:"id"`
	Handle string       `json:"handle,omitempty"` // of the provider
	State  yonder.State `json:"state"`
	Since  int64        `json:"since_us"`
	Reason string       `json:"reason,omitempty"` // the provider's own, for waiting for instance
}

// ManagerView is a manager that is connected, or was and may come back.
type ManagerView struct {
	ID       string   `json:"id"`
	Block    string   `json:"block,omitempty"`
	Host     string   `json:"host"`
	Slots    int      `json:"slots"`
	Busy     int      `json:"busy"`
	Given    int      `json:"given"` // tasks that it was given and has not finished
	Pythons  []string `json:"pythons,omitempty"`
	Draining bool     `json:"draining,omitempty"`
	Lost     int64    `json:"lost_us,omitempty"` // since when it is not connected
	Trouble  string   `json:"trouble,omitempty"`
}

// States of a task at its agent.
const (
	AgentUnknown    = "unknown"    // it does not hold the task
	AgentAccepting  = "accepting"  // journalled, being confirmed
	AgentWaiting    = "waiting"    // for a manager with room
	AgentDispatched = "dispatched" // given to a manager
	AgentEnded      = "ended"      // its end is being reported
)

// AgentTask is one task as its agent has it.
type AgentTask struct {
	State   string `json:"state"`
	Cancel  bool   `json:"cancel,omitempty"`  // it is to be stopped
	Python  string `json:"python,omitempty"`  // the minor that it needs
	Waiting int    `json:"waiting,omitempty"` // tasks that wait for a manager, with this one
	Manager string `json:"manager,omitempty"` // that has it
	Host    string `json:"host,omitempty"`
	Block   string `json:"block,omitempty"`
	// Detail is what the manager says, and Silence why it does not.
	Detail  *TaskView `json:"detail,omitempty"`
	Silence string    `json:"silence,omitempty"`
}

// LookTask asks a manager about a task.
type LookTask struct {
	ID      int64     `json:"id"` // of the question
	Task    yonder.ID `json:"task"`
	Attempt int       `json:"attempt"`
}

// States of a task at its manager.
const (
	ManagerUnknown  = "unknown"  // it is not here
	ManagerFetching = "fetching" // for its function or a large argument
	ManagerQueued   = "queued"   // for a worker
	ManagerStarting = "starting" // its worker is being started
	ManagerRunning  = "running"
	ManagerStopping = "stopping" // its worker was told to end
	ManagerEnded    = "ended"    // its end is on its way to the agent
)

// TaskView answers LookTask. Times are Unix microseconds by the manager's clock.
type TaskView struct {
	ID          int64  `json:"id"`
	State       string `json:"state"`
	Environment string `json:"environment,omitempty"` // path of the interpreter
	Worker      string `json:"worker,omitempty"`
	PID         int    `json:"pid,omitempty"`
	Since       int64  `json:"since_us,omitempty"`   // in the state
	Printed     int64  `json:"printed_us,omitempty"` // when the worker last wrote something
	Ahead       int    `json:"ahead,omitempty"`      // tasks that get a worker before it
	Siblings    int    `json:"siblings,omitempty"`   // tasks that the worker was given with it
	Busy        int    `json:"busy"`
	Slots       int    `json:"slots"`
	Failures    int    `json:"failures,omitempty"` // workers in a row that did not start
	Trouble     string `json:"trouble,omitempty"`
}
