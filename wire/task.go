package wire

import (
	"time"

	"github.com/yonder-run/yonder"
)

// Form says how payloads belong to tasks.
type Form string

const (
	// FormEach has one payload for every task.
	FormEach Form = "each"
	// FormChunk has one payload for all tasks of a bundle, or all values of a
	// result entry: a map that was packed once.
	FormChunk Form = "chunk"
)

// Blob refers to a payload that travels out of line. ID is the service's name
// for the upload; knowing SHA256 opens nothing.
type Blob struct {
	ID     yonder.ID `json:"id"`
	Size   int64     `json:"size"`
	SHA256 string    `json:"sha256"`
}

// Shape is how a call looks from outside: the service checks it against the
// function's signature without opening the payload.
type Shape struct {
	Positional int      `json:"positional"`
	Keywords   []string `json:"keywords,omitempty"`
}

// Retry says when a lost attempt is tried again. What is not set is the
// function's, or else the service's default.
type Retry = yonder.Retry

// Bundle is the submission of N tasks of one function to one endpoint.
type Bundle struct {
	ID       yonder.ID  `json:"id"` // made by the client: the idempotency key
	Group    yonder.ID  `json:"group"`
	Endpoint yonder.ID  `json:"endpoint"`
	Function yonder.ID  `json:"function"`
	Version  int        `json:"version,omitempty"` // of the function; 0: newest
	Tasks    int        `json:"tasks"`
	Form     Form       `json:"form"`
	Codec    string     `json:"codec"`            // "pickle", "json" or "raw"
	Python   string     `json:"python,omitempty"` // "3.11" when only that minor may load it
	Shapes   []Shape    `json:"shapes,omitempty"` // distinct shapes of the calls
	Priority int        `json:"priority,omitempty"`
	Retry    Retry      `json:"retry,omitzero"`
	Walltime float64    `json:"walltime_s,omitempty"` // seconds a task may run; 0: no limit
	GiveUpAt *time.Time `json:"give_up_at,omitempty"`
	Label    string     `json:"label,omitempty"`
	// Retention is for how many seconds results are to be kept after they came.
	// It is the group's: it makes it longer, never shorter. 0: as it is.
	Retention int64 `json:"retention_s,omitempty"`
	// Fresh runs the tasks even if the function's memo knows their results.
	Fresh bool `json:"fresh,omitempty"`
	// Blobs maps a column's index to its out-of-line payload; that column is empty.
	Blobs map[int]Blob `json:"blobs,omitempty"`
}

// Outcome is how a task ended.
type Outcome string

// Outcomes. Only OutcomeOK carries a value; the others carry an error payload
// (JSON, see TaskError, or the codec's own for an exception).
const (
	OutcomeOK        Outcome = "ok"
	OutcomeException Outcome = "exception" // raised by the function
	OutcomeFailed    Outcome = "failed"    // the platform could not run it; see TaskError
)

// TaskError is the payload of an OutcomeFailed result.
type TaskError struct {
	Code    yonder.Code `json:"code"`
	Message string      `json:"message"`
}

// Entry is the outcome of the tasks Lo ≤ index < Hi of a bundle under one
// attempt. Entries of more than one task have FormChunk.
type Entry struct {
	Bundle   yonder.ID `json:"bundle"`
	Attempt  int       `json:"attempt"`
	Lo       int       `json:"lo"`
	Hi       int       `json:"hi"`
	Outcome  Outcome   `json:"outcome"`
	Form     Form      `json:"form,omitempty"`
	Stdout   string    `json:"stdout,omitempty"` // its bounded tail, valid UTF-8
	Stderr   string    `json:"stderr,omitempty"`
	Started  int64     `json:"started_us,omitempty"` // Unix microseconds, worker's clock
	Finished int64     `json:"finished_us,omitempty"`
	Worker   string    `json:"worker,omitempty"`  // where it ran, for people
	Message  string    `json:"message,omitempty"` // an exception in one line, for listings
	Blob     *Blob     `json:"blob,omitempty"`    // the column is empty then
}

// Span names tasks Lo ≤ index < Hi of a bundle under one attempt.
type Span struct {
	Bundle  yonder.ID `json:"bundle"`
	Attempt int       `json:"attempt"`
	Lo      int       `json:"lo"`
	Hi      int       `json:"hi"`
	// Grant numbers the offer that gave the span to an endpoint, from 1. An
	// attempt that comes back unstarted is offered again under the same
	// number, even to the same session: only the grant tells a late message
	// about the first offer from one about the second. Managers never see it.
	Grant int64 `json:"grant,omitempty"`
}

// Tasks is the number of tasks in the span.
func (s Span) Tasks() int { return s.Hi - s.Lo }

// How a cancelled span ended at its endpoint.
const (
	StoppedWaiting    = "waiting"    // no worker had begun it
	StoppedTerminated = "terminated" // its worker ended after SIGTERM
	StoppedKilled     = "killed"     // its worker ended after SIGKILL, when the grace period was over
)

// Stopped is a span that an agent was asked to stop, once it has ended.
type Stopped struct {
	Span
	Output // of the task that the worker was at; empty: it wrote nothing, or no worker had begun

	How     string  `json:"how,omitempty"`    // empty: an older peer does not say
	Seconds float64 `json:"took_s,omitempty"` // from SIGTERM to the worker's end
}

// Spans lists spans; as an answer, those that were refused.
type Spans struct {
	Epoch int64  `json:"epoch,omitempty"`
	Spans []Span `json:"spans"`
	Cause string `json:"cause,omitempty"`
}

// ResultPage is a run of a group's results in cursor order.
type ResultPage struct {
	Group   yonder.ID     `json:"group"`
	Cursor  int64         `json:"cursor"` // after the last entry: resume here
	Entries []ResultEntry `json:"entries"`
}

// ResultEntry is an accepted outcome with its place in the group's stream.
type ResultEntry struct {
	Entry
	Cursor int64 `json:"cursor"`
	// Skip is how many values of a chunk's payload come before Lo's: more than
	// 0 only if earlier tasks of the entry had a result already.
	Skip      int       `json:"skip,omitempty"`
	Endpoint  yonder.ID `json:"endpoint"`
	Submitted int64     `json:"submitted_us,omitempty"` // Unix microseconds, service's clock
	Accepted  int64     `json:"accepted_us,omitempty"`  // by the service
	// Memo is the task whose result was kept and answered this one, which no
	// endpoint ran. Its attempt is 0.
	Memo *yonder.ID `json:"memo,omitempty"`
}
