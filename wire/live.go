package wire

import "github.com/yonder-run/yonder"

// Mark is a place in what the attempts of a task have said: where a reader
// goes on, whoever it asks.
type Mark struct {
	Attempt int   `json:"attempt"`
	Output  int64 `json:"output"` // bytes of stdout and stderr together, in the order of their coming
	Values  int64 `json:"values"` // that a generator has yielded
	Calls   int64 `json:"calls"`  // see yonder.Progress
}

// Tail asks whoever holds a running task for what it has said since a mark:
// the service its agent, the agent a manager. It is answered once, at the
// latest after Wait; who wants more asks again. Nothing is sent unasked.
type Tail struct {
	Seq    int64     `json:"seq,omitempty"` // pairs question and answer between agent and manager
	Task   yonder.ID `json:"task"`
	After  Mark      `json:"after"`  // of the attempt that is meant
	Wait   float64   `json:"wait_s"` // for something new, in seconds
	Bytes  int       `json:"bytes"`  // most bytes of each, output and values; one value is sent in any case
	Output bool      `json:"output"` // what is wanted besides progress
	Values bool      `json:"values"`
}

// TailState is what the one who holds a task says of it.
type TailState string

// States of a task that is followed.
const (
	TailWaiting TailState = "waiting" // it has not begun
	TailRunning TailState = "running"
	TailEnded   TailState = "ended"   // nothing comes after Next: its result is on the way
	TailUnknown TailState = "unknown" // the attempt is not here, or not any more
	TailAway    TailState = "away"    // it is here, and cannot be asked now
)

// Tailed answers Tail. Column i is the bytes of Pieces[i].
type Tailed struct {
	Seq      int64            `json:"seq,omitempty"`
	State    TailState        `json:"state"`
	Next     Mark             `json:"next"` // to ask from the next time
	Pieces   []Piece          `json:"pieces,omitempty"`
	Progress *yonder.Progress `json:"progress,omitempty"` // only when it is new
	Pause    float64          `json:"pause_s,omitempty"`  // seconds until the next question is welcome
	Message  string           `json:"message,omitempty"`  // why it is away
}

// Stream is what a piece belongs to.
type Stream string

// Streams of a task. StreamOutput is only in pieces about what was skipped,
// of which nobody knows any more which of the two it was.
const (
	StreamStdout Stream = "stdout"
	StreamStderr Stream = "stderr"
	StreamOutput Stream = "output"
	StreamValue  Stream = "value"
)

// Piece is some output, a value, or what is gone because nobody read it in
// time.
type Piece struct {
	Stream Stream `json:"stream"`
	// At is the mark that it begins at: a byte of the output, the index of a value.
	At int64 `json:"at"`
	// Skipped is how many bytes or values are gone; the column is empty then.
	Skipped int64 `json:"skipped,omitempty"`
}

// Yield brings values of a generator from its worker as they come, besides
// the result that will have all of them. Column i is value First+i.
type Yield struct {
	Run   int64 `json:"run"`
	Index int   `json:"index"` // of the task
	First int64 `json:"first"`
}

// Events of a task that is followed.
const (
	EventState    = "state"    // State and Attempt have changed, or Message says what it waits for
	EventOutput   = "output"   // Text of Stream
	EventProgress = "progress" // Progress
	EventValue    = "value"    // Payload of the value with this Index
	EventSkipped  = "skipped"  // Skipped bytes of output, or values, are gone
	EventEnd      = "end"      // State, Code and Message are final; no State: the attempt was lost
)

// TaskEvent is what a reader of a task is told.
type TaskEvent struct {
	Event    string           `json:"event" enum:"state,output,progress,value,skipped,end"`
	Attempt  int              `json:"attempt"`
	State    yonder.State     `json:"state,omitempty"`
	Stream   Stream           `json:"stream,omitempty" enum:"stdout,stderr,output,value"`
	Text     string           `json:"text,omitempty"`
	Stored   bool             `json:"stored,omitempty" doc:"the output is that of the result, from its start, and not what came live"`
	Lo       int              `json:"lo,omitempty" doc:"stored output of a stretch of a chunk is that of its tasks lo to hi-1 together"`
	Hi       int              `json:"hi,omitempty"`
	Skipped  int64            `json:"skipped,omitempty"`
	Index    int64            `json:"index,omitempty" doc:"of the value, from 0"`
	Payload  []byte           `json:"payload,omitempty" doc:"of the value, base64"`
	Progress *yonder.Progress `json:"progress,omitempty"`
	Code     yonder.Code      `json:"code,omitempty"`
	Message  string           `json:"message,omitempty"`
}

// TaskLogs answers GET /v1/tasks/{id}/logs when it does not follow.
type TaskLogs struct {
	Task   yonder.ID   `json:"task"`
	Events []TaskEvent `json:"events"`
	Next   string      `json:"next" doc:"give as from= to go on from here"`
}
