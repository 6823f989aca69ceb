package endpoint

import (
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/wire"
)

const (
	// maxTails bounds questions about running tasks that wait for managers.
	maxTails = 256
	// tailPatience is how much longer than it may wait a manager has for an
	// answer before the question is forgotten.
	tailPatience = 30 * time.Second
	// hadFor is how long it is known which manager a followed task was at,
	// after the last question: as long as the manager keeps its output.
	hadFor = 2 * time.Minute
	// tailPause is after how long it is worth asking again about a task that
	// cannot be asked about now.
	tailPause = time.Second
)

// answerTail gives the service an answer with its columns.
type answerTail func(told wire.Tailed, columns [][]byte)

// tails are the questions of the service that managers are asked. The agent
// keeps nothing else of what running tasks say.
type tails struct {
	last    int64
	waiting map[int64]question
	// had says which manager a followed task was at: when it has ended, there
	// is still the end of its output.
	had  map[subject]holder
	rate *rate.Limiter // of bytes to the service, for all readers together
}

type subject struct {
	task    yonder.ID
	attempt int
}

type holder struct {
	manager string
	asked   time.Time
}

type question struct {
	wire.Tail

	manager string
	answer  answerTail
	over    time.Time
}

func newTails(bytesPerSecond int64) tails {
	return tails{
		waiting: map[int64]question{}, had: map[subject]holder{},
		rate: rate.NewLimiter(rate.Limit(bytesPerSecond), int(max(bytesPerSecond, wire.MaxFabricFrame))),
	}
}

// Tail is a question of the service about a task that it believes to be here.
func (d *desk) Tail(t wire.Tail, answer func(told wire.Tailed, columns [][]byte)) {
	d.mu.Lock()
	told, asked := d.ask(t, answer)
	d.mu.Unlock()
	if !asked {
		told.Next = t.After
		answer(told, nil)
	}
}

// ask passes the question on to the manager that has the task, or answers it.
func (d *desk) ask(t wire.Tail, answer answerTail) (wire.Tailed, bool) {
	if !d.live {
		return away("the agent has just begun or is about to end"), false
	}
	seen := d.ledger.See(t.Task.Bundle(), t.After.Attempt, t.Task.Index())
	if seen.State == ledger.Offered || seen.State == ledger.Accepted {
		return wire.Tailed{State: wire.TailWaiting}, false
	}
	id := d.tails.manager(t, seen.Manager, d.now())
	if id == "" {
		return wire.Tailed{State: wire.TailUnknown}, false
	}
	m := d.managers[id]
	if m == nil || m.peer == nil {
		return away(fmt.Sprintf("manager %s, which runs it, is not connected", id)), false
	}
	if !d.tails.room(d.now()) {
		return away("too many readers follow tasks of this endpoint"), false
	}
	d.tails.last++
	d.tails.waiting[d.tails.last] = question{
		Tail: t, manager: id, answer: answer,
		over: d.now().Add(time.Duration(t.Wait*float64(time.Second)) + tailPatience),
	}
	t.Seq = d.tails.last
	m.peer.Send(wire.KindTail, t) // if it fails the manager is about to be gone
	return wire.Tailed{}, true
}

func away(why string) wire.Tailed {
	return wire.Tailed{State: wire.TailAway, Message: why, Pause: tailPause.Seconds()}
}

// manager is who has the task, by the ledger or, now that the ledger has
// forgotten it, who had it when it was asked about last.
func (t *tails) manager(question wire.Tail, now string, at time.Time) string {
	of := subject{question.Task, question.After.Attempt}
	if now == "" {
		now = t.had[of].manager
	}
	if now == "" {
		return ""
	}
	t.had[of] = holder{now, at}
	for other, h := range t.had {
		if len(t.had) > maxTails || at.Sub(h.asked) > hadFor {
			if other != of {
				delete(t.had, other)
			}
		}
	}
	return now
}

// room says whether one more may wait; those without hope make place.
func (t *tails) room(now time.Time) bool {
	if len(t.waiting) < maxTails {
		return true
	}
	for seq, one := range t.waiting {
		if now.After(one.over) {
			delete(t.waiting, seq)
		}
	}
	return len(t.waiting) < maxTails
}

// tailed passes a manager's answer on. It says when the next question is
// welcome: all readers together get so many bytes a second.
func (d *desk) tailed(manager string, told wire.Tailed, columns [][]byte) error {
	if len(columns) != len(told.Pieces) {
		return yonder.Errorf(yonder.CodeMalformedFrame, "%d columns for %d pieces of output", len(columns), len(told.Pieces))
	}
	d.mu.Lock()
	t, known := d.tails.waiting[told.Seq]
	if known = known && t.manager == manager; known {
		delete(d.tails.waiting, told.Seq)
	}
	d.mu.Unlock()
	if known {
		told.Seq = t.Seq
		told.Pause = max(told.Pause, d.tails.cost(d.now(), columns).Seconds())
		t.answer(told, columns)
	}
	return nil
}

// cost is how long nothing more should be asked after so many bytes.
func (t *tails) cost(now time.Time, columns [][]byte) time.Duration {
	bytes := 0
	for _, column := range columns {
		bytes += len(column)
	}
	return t.rate.ReserveN(now, min(bytes, t.rate.Burst())).DelayFrom(now)
}

// forsake returns what a manager that is gone was asked.
func (t *tails) forsake(manager string) []question {
	var all []question
	for seq, q := range t.waiting {
		if q.manager == manager {
			delete(t.waiting, seq)
			all = append(all, q)
		}
	}
	return all
}

// refuse says why there are no answers.
func refuse(questions []question, why string) {
	for _, q := range questions {
		told := away(why)
		told.Next = q.After
		q.answer(told, nil)
	}
}
