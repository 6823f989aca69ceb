package yonder

import "time"

// Outward states of a task: its range's state, or how it ended.
const (
	TaskSucceeded State = "succeeded"
	TaskFailed    State = "failed"
	TaskCancelled State = "cancelled"
)

// Task is one invocation of a function.
type Task struct {
	ID        ID         `json:"id"`
	Group     ID         `json:"group"`
	Function  ID         `json:"function"`
	Version   int        `json:"version"`
	Endpoint  ID         `json:"endpoint"`
	Owner     ID         `json:"owner"`
	Label     string     `json:"label,omitempty"`
	State     State      `json:"state" enum:"queued,offered,accepted,started,succeeded,failed,cancelled"`
	Attempt   int        `json:"attempt" doc:"the current one, or the one that gave the result"`
	Priority  int        `json:"priority,omitempty"`
	Submitted time.Time  `json:"submitted"`
	Started   *time.Time `json:"started,omitempty"`
	NotBefore *time.Time `json:"not_before,omitempty" doc:"when its next attempt may begin, while it rests after a lost one"`
	Finished  *time.Time `json:"finished,omitempty"`
	Code      Code       `json:"code,omitempty" doc:"why it failed"`
	Message   string     `json:"message,omitempty"`
	Cancel    bool       `json:"cancel_requested,omitempty"`
	Memo      *ID        `json:"memo,omitempty" doc:"the task whose result was kept and is this one's too"`
}

// Group is tasks submitted together, or by one executor.
type Group struct {
	ID      ID        `json:"id"`
	Label   string    `json:"label,omitempty"`
	Owner   ID        `json:"owner"`
	Tasks   int64     `json:"tasks"`
	Done    int64     `json:"done"`
	Failed  int64     `json:"failed"`
	Cursor  int64     `json:"cursor" doc:"of the newest result"`
	Created time.Time `json:"created"`
	// Retention is for how many seconds each result is kept.
	Retention int64 `json:"retention_s" doc:"how long each result is kept, in seconds"`
	Expired   int64 `json:"expired,omitempty" doc:"up to this cursor only records are left"`
	Forgotten int64 `json:"forgotten,omitempty" doc:"up to this cursor nothing is left: read on from it"`
}

// Attempt is a try at a task that ended without a result.
type Attempt struct {
	Number   int       `json:"number"`
	Endpoint ID        `json:"endpoint"`
	Epoch    int64     `json:"epoch" doc:"of the session that had it"`
	Place    string    `json:"place,omitempty" doc:"the manager or worker"`
	State    State     `json:"state" enum:"accepted,started" doc:"what it was doing until it ended"`
	Since    time.Time `json:"since" doc:"in that state"`
	Ended    time.Time `json:"ended"`
	Code     Code      `json:"code"`
	Message  string    `json:"message"`
	Written  int64     `json:"written,omitempty" doc:"bytes of its output that are kept"`
}
