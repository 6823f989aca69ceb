package store

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Histories say how tasks and endpoints came to be where they are. They are
// for people: what could be much is counted up to a limit.
type Histories interface {
	ExplainTask(ctx context.Context, id yonder.ID) (TaskFacts, error)
	ExplainEndpoint(ctx context.Context, id yonder.ID) (EndpointFacts, error)
	// Attempt is one of the task's that ended without a result, and what it
	// wrote if another one followed; CodeNotFound if there is no such one.
	Attempt(ctx context.Context, task yonder.ID, number int) (yonder.Attempt, wire.Output, error)
}

// CountLimit is how many ranges of a queue are looked at to explain it.
const CountLimit = 10_000

// TaskFacts are all that the store has about a task.
type TaskFacts struct {
	Task        yonder.Task
	Since       time.Time // in its state
	MaxAttempts int
	Walltime    time.Duration
	GiveUpAt    *time.Time
	Requires    wire.Requires
	Codec       string           // of its arguments, and of its value
	Ahead       Ahead            // while it is queued
	Attempts    []yonder.Attempt // that ended without a result, the oldest first
	CancelWhy   string           // while it is being stopped
	CancelAsked *time.Time
	Worker      string     // that gave the result
	Accepted    *time.Time // the result, by the service
	Endpoint    EndpointFacts
}

// Ahead is what waits for an endpoint beside a queued task.
type Ahead struct {
	Own    int  // tasks of the same owner that come first
	More   bool // there are more of them than were counted
	Others int  // tasks of others, which have their turns besides
}

// EndpointFacts are all that the store has about an endpoint. Those of a task
// have no Shares, Failures and Visits.
type EndpointFacts struct {
	yonder.Endpoint

	Capacity wire.Capacity
	Bytes    int64 // outstanding
	Opened   time.Time
	Shares   []Share
	More     bool             // there are more ranges than were counted for Shares
	Failures []yonder.Attempt // the last that ended without a result here, the newest first
	Visits   []Visit          // the newest first
}

// Share is what an owner has at an endpoint, in tasks.
type Share struct {
	Owner         yonder.ID
	Name          string
	Queued, Given int
}

// Visit is a session of an endpoint, past or present.
type Visit struct {
	Epoch   int64
	Opened  time.Time
	Closed  *time.Time // by a goodbye
	Host    string
	Version string
}
