package wire

import (
	"time"

	"github.com/yonder-run/yonder"
)

// How a step of an explanation stands.
const (
	StepDone    = "done"
	StepNow     = "now"     // under way
	StepWaiting = "waiting" // for something that the text names
	StepFailed  = "failed"
)

// Explanation says why a task, or an endpoint, is where it is.
type Explanation struct {
	Task     *yonder.ID   `json:"task,omitempty"`
	Endpoint yonder.ID    `json:"endpoint"`
	State    yonder.State `json:"state,omitempty" doc:"of the task"`
	Summary  string       `json:"summary" doc:"one sentence"`
	Next     string       `json:"next,omitempty" doc:"what you can do about it"`
	Steps    []Step       `json:"steps" doc:"in the order in which they happen"`
	Asked    time.Time    `json:"asked" doc:"the service's clock; all that is not dated is of this moment"`
}

// Step is one link of the chain from submission to result.
type Step struct {
	Step  string         `json:"step" doc:"which one: a short stable name"`
	State string         `json:"state" enum:"done,now,waiting,failed"`
	Since *time.Time     `json:"since,omitempty"`
	Until *time.Time     `json:"until,omitempty"`
	Text  string         `json:"text" doc:"for people"`
	Data  map[string]any `json:"data,omitempty" doc:"the same for programs"`
}
