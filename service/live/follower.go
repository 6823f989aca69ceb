package live

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// follower is one reader of one task.
type follower struct {
	live  *Live
	task  yonder.ID
	wants Wants
	tell  Tell
	mark  wire.Mark

	state    yonder.State // told last
	why      string       // it waits, told last
	complete bool         // all output of the attempt was told live
	texts    texts
}

func (l *Live) follower(task yonder.ID, from wire.Mark, wants Wants, tell Tell) *follower {
	return &follower{live: l, task: task, wants: wants, tell: tell, mark: from, texts: texts{}}
}

// look reads the task's state and tells it when it has changed. Another
// attempt begins from nothing.
func (f *follower) look(ctx context.Context) (yonder.Task, error) {
	t, err := f.live.Tasks.Task(ctx, f.task)
	if err != nil {
		return t, err
	}
	if f.mark.Attempt != t.Attempt {
		f.mark, f.complete, f.state = wire.Mark{Attempt: t.Attempt}, false, ""
		f.texts = texts{}
	}
	if t.State == f.state || ended(t.State) {
		return t, nil
	}
	f.state, f.why = t.State, ""
	return t, f.say(wire.TaskEvent{Event: wire.EventState, State: t.State})
}

func (f *follower) say(e wire.TaskEvent) error {
	e.Attempt = f.mark.Attempt
	return f.tell(e, f.mark)
}

// ask asks the agent once and tells what it says. It returns how the task is
// there, and how long not to ask again.
func (f *follower) ask(ctx context.Context, t yonder.Task, wait time.Duration) (wire.TailState, time.Duration, error) {
	told, columns, err := f.question(ctx, t, wait)
	switch {
	case ctx.Err() != nil:
		return "", 0, context.Cause(ctx)
	case err != nil:
		f.live.Log.DebugContext(ctx, "an agent was not asked about a task", "task", f.task, "error", err)
		told = wire.Tailed{State: wire.TailAway, Next: f.mark, Message: yonder.Public(err).Message}
	}
	pause := time.Duration(min(told.Pause, time.Minute.Seconds()) * float64(time.Second))
	if told.State == wire.TailAway {
		return told.State, max(pause, time.Second), f.waits(told.Message)
	}
	f.complete = told.State == wire.TailEnded
	for i, p := range told.Pieces {
		if err := f.piece(p, columns[i]); err != nil {
			return told.State, pause, err
		}
	}
	f.mark = told.Next
	if told.Progress != nil && f.wants.Progress {
		err = f.say(wire.TaskEvent{Event: wire.EventProgress, Progress: told.Progress})
	}
	return told.State, pause, err
}

// question is one question and its answer, which is checked: nothing in it
// may lead a reader astray.
func (f *follower) question(ctx context.Context, t yonder.Task, wait time.Duration) (told wire.Tailed, columns [][]byte, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, wait+askGrace, errSilent)
	defer cancel()
	frame, err := wire.NewFrame(wire.KindTail, wire.Tail{
		Task: f.task, After: f.mark, Wait: wait.Seconds(), Bytes: askBytes, Output: f.wants.Output, Values: f.wants.Values,
	})
	if err != nil {
		return told, nil, err
	}
	answer, err := f.live.Agent.Ask(ctx, t.Endpoint, "tail", frame)
	if err != nil {
		return told, nil, err
	}
	if err := answer.Decode(wire.KindTailed, &told); err != nil {
		return told, nil, err
	}
	n := told.Next
	if len(told.Pieces) != len(answer.Columns) || n.Attempt != f.mark.Attempt || n.Output < f.mark.Output || n.Values < f.mark.Values {
		return told, nil, yonder.Errorf(yonder.CodeMalformedFrame, "the endpoint's answer makes no sense")
	}
	return told, answer.Columns, nil
}

var errSilent = yonder.Errorf(yonder.CodeTimeout, "the endpoint's agent does not answer")

// waits tells why nothing comes, once.
func (f *follower) waits(why string) error {
	if why == "" || why == f.why {
		return nil
	}
	f.why = why
	return f.say(wire.TaskEvent{Event: wire.EventState, State: f.state, Message: why})
}

// piece tells a piece; the mark is after it by then, and not after the next.
func (f *follower) piece(p wire.Piece, data []byte) error {
	e := wire.TaskEvent{Event: wire.EventOutput, Stream: p.Stream}
	mark, after := &f.mark.Output, p.At+int64(len(data))
	if p.Stream == wire.StreamValue {
		e.Event, e.Index, e.Payload = wire.EventValue, p.At, data
		mark, after = &f.mark.Values, p.At+1
	}
	switch {
	case p.Skipped > 0:
		e = wire.TaskEvent{Event: wire.EventSkipped, Stream: p.Stream, Skipped: p.Skipped}
		after = p.At + p.Skipped
	case e.Event == wire.EventOutput:
		e.Text = f.texts.add(p.Stream, data)
	}
	*mark = max(*mark, after)
	if e.Event == wire.EventOutput && e.Text == "" {
		return nil
	}
	return f.say(e)
}

// finish tells what is left of a task that has ended: the rest of its output,
// or all of it as it is stored if it was not followed from start to end.
func (f *follower) finish(ctx context.Context, t yonder.Task) error {
	for last := int64(0); f.mark.Output > last && !f.complete; {
		last = f.mark.Output
		if _, _, err := f.ask(ctx, t, 0); err != nil {
			return err
		}
	}
	if !f.complete && f.wants.Output {
		if err := f.stored(ctx); err != nil {
			return err
		}
	}
	return f.say(wire.TaskEvent{Event: wire.EventEnd, State: t.State, Code: t.Code, Message: t.Message})
}

// stored tells the output that came with the result, or with the end of a task
// that was stopped or lost. There is none of one whose result has expired.
func (f *follower) stored(ctx context.Context) error {
	r, _, err := f.live.Tasks.TaskResult(ctx, f.task)
	if code := yonder.CodeOf(err); code == yonder.CodeNotFound || code == yonder.CodeResultExpired {
		return nil
	}
	if err != nil {
		return err
	}
	var of wire.TaskEvent
	if r.Hi-r.Lo > 1 {
		of.Lo, of.Hi = r.Lo, r.Hi
	}
	return f.output(wire.Output{Stdout: r.Stdout, Stderr: r.Stderr}, of)
}

// output tells what is stored, of the tasks that the event names.
func (f *follower) output(o wire.Output, e wire.TaskEvent) error {
	e.Event, e.Stored = wire.EventOutput, true
	for _, part := range []struct {
		stream wire.Stream
		text   string
	}{{wire.StreamStdout, o.Stdout}, {wire.StreamStderr, o.Stderr}} {
		if part.text == "" {
			continue
		}
		e.Stream, e.Text = part.stream, part.text
		if err := f.say(e); err != nil {
			return err
		}
	}
	return nil
}
