// Package live tells readers what a task says while it runs. It asks the
// agent that has the task, and keeps nothing: a reader that is slow, gone or
// at another replica than the agent holds up nobody, and goes on from its mark.
package live

import (
	"context"
	"log/slog"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/results"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// Tasks is the part of the store that is read.
type Tasks interface {
	Task(ctx context.Context, id yonder.ID) (yonder.Task, error)
	TaskResult(ctx context.Context, task yonder.ID) (wire.ResultEntry, []byte, error)
	Attempt(ctx context.Context, task yonder.ID, number int) (yonder.Attempt, wire.Output, error)
}

// Asker reaches an endpoint's agent.
type Asker interface {
	Ask(ctx context.Context, endpoint yonder.ID, verb string, frame wire.Frame) (wire.Frame, error)
}

// Live serves readers.
type Live struct {
	Tasks Tasks
	Agent Asker
	Hub   *results.Hub
	Log   *slog.Logger
}

var _ Tasks = store.Store(nil)

// Wants is what a reader wants to be told, besides states and the end.
type Wants struct {
	Output, Progress, Values bool
}

// Tell takes an event, and the mark from which to go on after it. An event
// without a name says that nothing has come for a while; the reader may be
// gone. After an error nothing more is told.
type Tell func(event wire.TaskEvent, after wire.Mark) error

const (
	// askWait is how long the agent may wait for news: less than what proxies
	// allow, so that there is a sign of life in time.
	askWait = 10 * time.Second
	// askGrace is for the way there and back.
	askGrace = 5 * time.Second
	// askBytes bounds what is held in memory for a reader: the pieces of one
	// answer.
	askBytes = 64 << 10
	// pace is the least time between two questions of one reader.
	pace = 50 * time.Millisecond
	// A task that waits is looked at so often, less and less; one that waits
	// at its endpoint will not wait for long.
	lookFirst, lookSeldom = 100 * time.Millisecond, 5 * time.Second
	lookWaiting           = time.Second / 2
)

// Now tells what there is at the moment.
func (l *Live) Now(ctx context.Context, task yonder.ID, from wire.Mark, wants Wants, tell Tell) error {
	f := l.follower(task, from, wants, tell)
	t, err := f.look(ctx)
	if err != nil {
		return err
	}
	if ended(t.State) {
		return f.finish(ctx, t)
	}
	if asked(t.State) {
		_, _, err = f.ask(ctx, t, 0)
	}
	return err
}

// Attempt tells what there is of one attempt: of one that another followed,
// what it had written and why it ended.
func (l *Live) Attempt(ctx context.Context, task yonder.ID, number int, wants Wants, tell Tell) error {
	t, err := l.Tasks.Task(ctx, task)
	if err != nil {
		return err
	}
	if number == t.Attempt {
		return l.Now(ctx, task, wire.Mark{}, wants, tell)
	}
	a, output, err := l.Tasks.Attempt(ctx, task, number)
	if err != nil {
		return err
	}
	f := l.follower(task, wire.Mark{Attempt: number}, wants, tell)
	if wants.Output {
		if err := f.output(output, wire.TaskEvent{}); err != nil {
			return err
		}
	}
	return f.say(wire.TaskEvent{Event: wire.EventEnd, Code: a.Code, Message: a.Message})
}

// Follow tells what comes, to the end of the task.
func (l *Live) Follow(ctx context.Context, task yonder.ID, from wire.Mark, wants Wants, tell Tell) error {
	f := l.follower(task, from, wants, tell)
	t, err := f.look(ctx)
	if err != nil {
		return err
	}
	watch := l.Hub.Watch()
	defer watch.Close()
	watch.Add(t.Group)
	pause := lookFirst
	for !ended(t.State) {
		state, wait := wire.TailWaiting, pause
		if asked(t.State) && !f.complete {
			if state, wait, err = f.ask(ctx, t, askWait); err != nil {
				return err
			}
		}
		switch state {
		case wire.TailUnknown: // its result is on the way, or it is lost
			wait = max(wait, pause)
		case wire.TailWaiting:
			wait = max(wait, min(pause, lookWaiting))
		case wire.TailRunning, wire.TailEnded, wire.TailAway:
		}
		pause = min(2*pause, lookSeldom)
		if state == wire.TailRunning {
			pause = lookFirst
		}
		if err := rest(ctx, watch, max(wait, pace), state); err != nil {
			return err
		}
		if err := f.say(wire.TaskEvent{}); err != nil {
			return err
		}
		if state == wire.TailRunning {
			continue // it is where it was
		}
		if t, err = f.look(ctx); err != nil {
			return err
		}
	}
	return f.finish(ctx, t)
}

// rest waits; the news of a result ends it early, but for a task that is
// known to run.
func rest(ctx context.Context, watch *results.Watch, pause time.Duration, state wire.TailState) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	news := watch.C
	if state == wire.TailRunning {
		news = nil
	}
	select {
	case <-timer.C:
	case <-news:
		watch.Take()
		// Other results of the group are news, too: not for each one a look.
		return rest(ctx, watch, pace, wire.TailRunning)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

func ended(s yonder.State) bool {
	return s == yonder.TaskSucceeded || s == yonder.TaskFailed || s == yonder.TaskCancelled
}

// asked says whether the agent knows more of a task in the state.
func asked(s yonder.State) bool { return s == yonder.RangeAccepted || s == yonder.RangeStarted }
