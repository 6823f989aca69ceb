// Package explain makes sentences of facts: why a task, or an endpoint, is
// where it is, and what can be done about it. It is pure: who calls it has
// asked the store and the live agent, and says what they know.
package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// Facts are what is known about a task at a moment.
type Facts struct {
	store.TaskFacts

	Now time.Time
	// View is what the endpoint's agent says; nil if it was not asked or did
	// not answer, which Silence says then.
	View    *wire.View
	Silence string
	// Limited leaves out what is the task owner's alone: what the function
	// said, and the task's label.
	Limited bool
	// Output is what the task wrote; read for one that ended without a value.
	Output wire.Output
}

// quoted is how much of what a task wrote last an explanation quotes.
const quoted = 1 << 10

// Names of steps, in their order.
const (
	StepSubmitted = "submitted"
	StepAttempt   = "attempt" // one that ended without a result; as many as there are
	StepCancel    = "cancel"
	StepEndpoint  = "endpoint"
	StepQueue     = "queue"
	StepOffered   = "offered"
	StepAccepted  = "accepted"
	StepAgent     = "agent"
	StepBlocks    = "blocks"
	StepManager   = "manager"
	StepWorker    = "worker"
	StepRunning   = "running"
	StepOutput    = "output"
	StepResult    = "result"
)

// maker gathers an explanation's steps.
type maker struct {
	wire.Explanation

	now time.Time
}

type data = map[string]any

func (m *maker) addf(step, state string, since, until *time.Time, d data, format string, args ...any) {
	m.Steps = append(m.Steps, wire.Step{Step: step, State: state, Since: since, Until: until, Text: fmt.Sprintf(format, args...), Data: d})
}

// conclude sets the sentence and the advice, if nothing nearer has.
func (m *maker) concludef(next, format string, args ...any) {
	if m.Summary == "" {
		m.Summary, m.Next = fmt.Sprintf(format, args...), next
	}
}

// Task explains a task.
func Task(f Facts) wire.Explanation {
	m := &maker{now: f.Now}
	id := f.Task.ID
	m.Explanation = wire.Explanation{Task: &id, Endpoint: f.Task.Endpoint, State: f.Task.State, Asked: f.Now, Steps: []wire.Step{}}
	m.addf(StepSubmitted, wire.StepDone, &f.Task.Submitted, nil, nil, "submitted and stored")
	m.attempts(f)
	switch f.Task.State {
	case yonder.TaskSucceeded, yonder.TaskFailed, yonder.TaskCancelled:
		m.end(f)
	default:
		m.cancel(f)
		m.place(f)
	}
	return m.Explanation
}

func (m *maker) attempts(f Facts) {
	for _, a := range f.Attempts {
		where := ""
		if a.Place != "" {
			where = " on " + a.Place
		}
		message := ": " + a.Message
		if f.Limited || a.Message == "" {
			message = ""
		}
		if a.Written > 0 && !f.Limited {
			message += fmt.Sprintf("; \"yonder task logs %s --attempt %d\" shows what it wrote", f.Task.ID, a.Number)
		}
		m.addf(StepAttempt, wire.StepFailed, &a.Since, &a.Ended, data{"number": a.Number, "code": a.Code, "place": a.Place, "was": a.State},
			"attempt %d of %d%s ended without a result (%s)%s", a.Number, f.MaxAttempts, where, a.Code, message)
	}
}

// lastWords quotes what a task wrote last that brought no value.
func (m *maker) lastWords(f Facts) {
	if f.Limited {
		return
	}
	for _, said := range []struct {
		stream wire.Stream
		text   string
	}{{wire.StreamStdout, f.Output.Stdout}, {wire.StreamStderr, f.Output.Stderr}} {
		if text := strings.TrimSpace(said.text); text != "" {
			end := strings.ToValidUTF8(text[max(len(text)-quoted, 0):], "")
			m.addf(StepOutput, wire.StepDone, nil, nil, data{"stream": said.stream, "end": end}, "its %s ended with: %s", said.stream, end)
		}
	}
}

func (m *maker) end(f Facts) {
	t := f.Task
	if t.Started != nil {
		where := ""
		if f.Worker != "" {
			where = " on " + f.Worker
		}
		m.addf(StepRunning, wire.StepDone, t.Started, t.Finished, data{"worker": f.Worker, "attempt": t.Attempt},
			"attempt %d ran%s", t.Attempt, where)
	}
	m.lastWords(f)
	message := t.Message
	if f.Limited {
		message = ""
	}
	switch t.State {
	case yonder.TaskSucceeded:
		if t.Memo != nil {
			m.addf(StepResult, wire.StepDone, f.Accepted, nil, data{"memo": t.Memo}, "answered with the kept result of task %s", t.Memo)
			m.concludef(fmt.Sprintf(`"yonder function memo %s" says what is kept, and forgets it`, t.Function),
				"an equal call had been run: its result was kept, and no endpoint ran this one")
			return
		}
		m.addf(StepResult, wire.StepDone, f.Accepted, nil, nil, "the result is in the service")
		m.concludef(reading(f), "it succeeded in attempt %d", t.Attempt)
	case yonder.TaskCancelled:
		m.addf(StepResult, wire.StepDone, f.Accepted, nil, data{"code": t.Code}, "%s", orElse(message, "it was cancelled"))
		m.concludef("submit it again if it is still wanted", "%s", orElse(message, "it was cancelled"))
	default:
		m.addf(StepResult, wire.StepFailed, f.Accepted, nil, data{"code": t.Code}, "failed (%s)%s", t.Code, after(": ", message))
		m.concludef(adviceFor(t), "it failed in attempt %d of %d (%s)%s", t.Attempt, f.MaxAttempts, t.Code, after(": ", message))
	}
}

// reading says how to get at the value. Python's own format is for Python.
func reading(f Facts) string {
	if f.Codec == "pickle" {
		return fmt.Sprintf("yonder.Client().result(%q) in Python gives the result", f.Task.ID)
	}
	return fmt.Sprintf(`"yonder task result %s" shows the result`, f.Task.ID)
}

// adviceFor says what can be done about a failure.
func adviceFor(t yonder.Task) string {
	const mended = "submit it again once that is mended"
	switch t.Code {
	case yonder.CodeFunctionFailed:
		return fmt.Sprintf(`"yonder task result %s" shows the traceback and what the function printed`, t.ID)
	case yonder.CodeNoInterpreter:
		return "install that Python where the endpoint runs, or choose another endpoint"
	case yonder.CodeWalltimeExceeded:
		return "submit it again with a longer walltime"
	case yonder.CodeTaskExpired:
		return "submit it again with a later give-up time"
	case yonder.CodeTaskLost, yonder.CodeWorkerFailed:
		return `submit it again, with more attempts if it may run twice; "yonder endpoint explain" says how the endpoint is`
	default:
		return mended
	}
}

func (m *maker) cancel(f Facts) {
	if !f.Task.Cancel {
		return
	}
	m.addf(StepCancel, wire.StepNow, f.CancelAsked, nil, nil, "%s; its agent is asked to stop it", orElse(f.CancelWhy, "the task was cancelled"))
	m.concludef("wait for the grace period to end; the task's record then says how it ended",
		"it is being stopped: %s", orElse(f.CancelWhy, "the task was cancelled"))
}

// place is the task's way from the queue to a worker, as far as it has come.
func (m *maker) place(f Facts) {
	if !m.endpoint(f) {
		return
	}
	switch f.Task.State {
	case yonder.RangeQueued:
		m.queue(f)
	case yonder.RangeOffered:
		m.addf(StepOffered, wire.StepNow, &f.Since, nil, data{"attempt": f.Task.Attempt},
			"attempt %d is offered to the agent, which has to accept it", f.Task.Attempt)
		m.concludef("wait a moment; it is offered again until the agent answers", "it was offered to the agent %s ago", ago(m.now, f.Since))
	default:
		m.addf(StepAccepted, wire.StepDone, &f.Since, nil, data{"attempt": f.Task.Attempt},
			"the agent has accepted attempt %d of %d", f.Task.Attempt, f.MaxAttempts)
		m.agent(f)
	}
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func after(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}

// ago is a span of time as people say it.
func ago(now, then time.Time) string {
	d := max(now.Sub(then), 0)
	switch {
	case d < time.Minute:
		return "less than a minute" // and not another sentence every second
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func moment(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	t := time.UnixMicro(us).UTC()
	return &t
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
