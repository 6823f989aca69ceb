package manager

import (
	"fmt"
	"time"

	"github.com/yonder-run/yonder/wire"
)

// lookTask answers a question about a task.
func (d *desk) lookTask(look wire.LookTask) error {
	frame, err := wire.NewFrame(wire.KindTaskView, d.look(look))
	if err != nil {
		return fmt.Errorf("answering where task %s is: %w", look.Task, err)
	}
	d.outbox.Tell(frame)
	return nil
}

// look says where a task is on this node.
func (d *desk) look(look wire.LookTask) wire.TaskView {
	span := wire.Span{Bundle: look.Task.Bundle(), Attempt: look.Attempt, Lo: look.Task.Index(), Hi: look.Task.Index() + 1}
	beat := d.pool.Status()
	view := wire.TaskView{ID: look.ID, State: wire.ManagerUnknown, Busy: beat.Busy, Slots: d.cfg.Slots, Trouble: d.trouble}
	seen, inPool := d.pool.See(span)
	set := d.held[attemptOf(span)]
	switch {
	case inPool:
		view.Environment, view.Worker, view.Since = seen.Key.Environment, seen.Worker, seen.Since.UnixMicro()
		view.Ahead, view.Siblings, view.Failures = seen.Ahead, seen.Siblings, seen.Failures
		d.lookAtWorker(&view)
		switch {
		case seen.Stopping:
			view.State = wire.ManagerStopping
		case !seen.Waits:
			view.State = wire.ManagerRunning
			// Its neighbours of the slice that come first are ahead of it.
			if run, at := d.host.Whereabouts(seen.Worker); run == seen.Run && at < span.Lo {
				view.State, view.Ahead = wire.ManagerQueued, span.Lo-max(at, seen.Next)
			}
		case seen.Worker != "":
			view.State = wire.ManagerStarting
		default:
			view.State = wire.ManagerQueued
		}
	case d.fetching(span):
		view.State, view.Trouble = wire.ManagerFetching, d.noRoom.trouble()
	case set.Has(span.Lo):
		view.State = wire.ManagerEnded
	}
	return view
}

func (d *desk) lookAtWorker(view *wire.TaskView) {
	if view.Worker == "" {
		return
	}
	pid, printed := d.host.Process(view.Worker)
	view.PID, view.Printed = pid, micros(printed)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// fetching says whether a task waits for its function or a large argument.
func (d *desk) fetching(span wire.Span) bool {
	for w := range d.works {
		if attemptOf(w.lease.Span) == attemptOf(span) && w.waiting.Has(span.Lo) {
			return true
		}
	}
	return false
}
