package yonder

import (
	"cmp"
	"fmt"
	"time"
)

// Names of limits, as errors and configurations use them.
const (
	LimitQueuedTasks  = "queued_tasks"
	LimitQueuedBytes  = "queued_bytes"
	LimitRunningTasks = "running_tasks"
	LimitBundles      = "bundles"
	LimitBlobBytes    = "blob_bytes"
	LimitStreams      = "streams"
	LimitRequests     = "requests"
	LimitRequestBytes = "request_bytes"
)

// Allowance bounds what one identity, or one endpoint, may hold of a service. In
// what is set for one of them, 0 means: as the service's configuration has it.
type Allowance struct {
	QueuedTasks  int64 `json:"queued_tasks,omitempty" minimum:"0" doc:"tasks that wait"`
	QueuedBytes  int64 `json:"queued_bytes,omitempty" minimum:"0" doc:"bytes of arguments that wait"`
	RunningTasks int64 `json:"running_tasks,omitempty" minimum:"0" doc:"tasks of one identity that one endpoint has been given; more wait"`
	Bundles      int64 `json:"bundles,omitempty" minimum:"0" doc:"bundles with unfinished tasks"`
	BlobBytes    int64 `json:"blob_bytes,omitempty" minimum:"0" doc:"of an identity: bytes of large payloads and results kept"`
	Streams      int64 `json:"streams,omitempty" minimum:"0" doc:"of an identity: streams of results and waiting requests at one time"`
	Weight       int64 `json:"weight,omitempty" minimum:"0" maximum:"1000" doc:"of an identity: its share of an endpoint, 1 by default"`
}

// Or returns the allowance with what is not set taken from others.
func (l Allowance) Or(others Allowance) Allowance {
	return Allowance{
		QueuedTasks: cmp.Or(l.QueuedTasks, others.QueuedTasks), QueuedBytes: cmp.Or(l.QueuedBytes, others.QueuedBytes),
		RunningTasks: cmp.Or(l.RunningTasks, others.RunningTasks), Bundles: cmp.Or(l.Bundles, others.Bundles),
		BlobBytes: cmp.Or(l.BlobBytes, others.BlobBytes), Streams: cmp.Or(l.Streams, others.Streams), Weight: cmp.Or(l.Weight, others.Weight),
	}
}

// Reached says which limit was reached, with an error of CodeLimitReached.
type Reached struct {
	Limit   string `json:"limit" doc:"its name"`
	Current int64  `json:"current" doc:"what counts against it now"`
	Maximum int64  `json:"maximum"`
}

// LimitError refuses to add to what counts against a limit. What says in a few
// words what is counted: "of yours wait".
func LimitError(limit string, current, maximum, added int64, what string) *Error {
	e := FieldErrorf(CodeLimitReached, limit, "%d %s, and with %d more they would be over the limit of %d: try again when some are done",
		current, counted(limit, what), added, maximum)
	e.Reached = &Reached{Limit: limit, Current: current, Maximum: maximum}
	return e
}

func counted(limit, what string) string {
	units := map[string]string{
		LimitQueuedTasks: "tasks", LimitQueuedBytes: "bytes", LimitBundles: "bundles", LimitBlobBytes: "bytes",
		LimitStreams: "streams", LimitRequests: "requests", LimitRequestBytes: "bytes",
	}
	return fmt.Sprintf("%s %s", units[limit], what)
}

// Retry says after which time it makes sense to try again.
func (e *Error) Retry() time.Duration {
	switch {
	case e.Reached == nil:
		return time.Second
	case e.Reached.Limit == LimitBlobBytes:
		return time.Minute
	case e.Reached.Limit == LimitQueuedTasks, e.Reached.Limit == LimitQueuedBytes, e.Reached.Limit == LimitBundles:
		return 2 * time.Second
	}
	return time.Second
}
