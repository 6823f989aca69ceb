package manager

import (
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/live"
	"github.com/yonder-run/yonder/manager/pool"
	"github.com/yonder-run/yonder/manager/ranges"
	"github.com/yonder-run/yonder/wire"
)

const (
	// lookEvery is how often there is a look at tasks that are asked about. It
	// puts what a talkative function writes into few answers, and bounds them.
	lookEvery = 50 * time.Millisecond
	// maxTails bounds questions that wait, of all readers together.
	maxTails = 256
	// maxTailWait and maxTailBytes bound what one may ask for.
	maxTailWait  = time.Minute
	maxTailBytes = 256 << 10
	// What is kept of tasks that have ended while they were followed: long
	// enough for a reader whose connection broke at the end.
	keptTasks = 64
	keptFor   = 2 * time.Minute
)

// tail is a question that waits for something new.
type tail struct {
	wire.Tail

	until time.Time
}

// tail takes a question. It is answered when it is looked at next, now if
// there is an answer.
func (d *desk) tail(t wire.Tail) error {
	if t.Bytes < 0 || t.Wait < 0 || t.After.Output < 0 || t.After.Values < 0 {
		return yonder.Errorf(yonder.CodeMalformedFrame, "a question about task %s has negative numbers", t.Task)
	}
	now := time.Now()
	if len(d.tails) >= maxTails {
		d.answer(t, live.Answer{Tailed: wire.Tailed{State: wire.TailAway, Next: t.After, Message: "too many readers follow tasks on its node"}})
		return nil
	}
	t.Bytes = min(t.Bytes, maxTailBytes)
	wait := time.Duration(min(t.Wait, maxTailWait.Seconds()) * float64(time.Second))
	d.tails = append(d.tails, tail{t, now.Add(wait)})
	d.answerTails(now)
	return nil
}

// answerTails answers the questions that can be answered.
func (d *desk) answerTails(now time.Time) {
	d.looked = now
	d.tails = slices.DeleteFunc(d.tails, func(t tail) bool {
		a, final := d.latest(now, t.Tail)
		done := final || a.News || !now.Before(t.until)
		if done {
			d.answer(t.Tail, a)
		}
		return done
	})
}

// latest is what there is to say of a task now, and whether waiting would
// change nothing.
func (d *desk) latest(now time.Time, t wire.Tail) (a live.Answer, final bool) {
	if a, here := d.live.Read(now, t, d.host.Look); here {
		return a, a.State == wire.TailEnded
	}
	span := wire.Span{Bundle: t.Task.Bundle(), Attempt: t.After.Attempt, Lo: t.Task.Index(), Hi: t.Task.Index() + 1}
	state := wire.TailUnknown
	if set := d.held[attemptOf(span)]; len(set.And(rangeOf(span))) > 0 {
		state = wire.TailWaiting
	}
	return live.Answer{Tailed: wire.Tailed{State: state, Next: t.After}}, state == wire.TailUnknown
}

func (d *desk) answer(t wire.Tail, a live.Answer) {
	a.Seq = t.Seq
	frame, err := wire.NewFrame(wire.KindTailed, a.Tailed, a.Columns...)
	if err != nil {
		d.log.Error("could not answer a question about a task", "task", t.Task, "error", err)
		return
	}
	d.outbox.Tell(frame)
}

// beginLive says whose the output of a worker is from now on.
func (d *desk) beginLive(a pool.Run, w *work) {
	span := attemptOf(w.lease.Span).span(ranges.Range{Lo: a.Lo, Hi: a.Hi})
	d.live.Begin(a.Worker, live.Run{ID: a.Run, Span: span})
}
