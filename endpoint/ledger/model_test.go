package ledger

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// world is a ledger between a service and managers that are as simple as can
// be, and a journal that survives restarts.
type world struct {
	*Ledger
	t       *rapid.T
	next    Record
	grants  int64
	records map[Record]any
	service map[int]int // index → see below
	given   map[int]string
	begun   map[int]bool
	told    []wire.Done
}

// What the service believes of a task.
const (
	queued = iota
	offered
	taken
	ended
)

const tasks = 12

var managers = []string{"m", "n"}

type dispatchRecord struct {
	manager string
	note    Note
}

func (w *world) append(what any) Record {
	w.next++
	w.records[w.next] = what
	return w.next
}

func (w *world) do(fx Effects) {
	for _, note := range fx.Note {
		record := w.append(note)
		w.do(w.Noted(note.Lease, record))
	}
	for _, record := range fx.Drop {
		require.Contains(w.t, w.records, record)
		delete(w.records, record)
	}
	for manager, spans := range fx.Stop {
		for i := range indexes(spans) {
			require.Equal(w.t, manager, w.holder(i))
		}
	}
	for _, lease := range fx.Ready {
		for i := range indexes([]wire.Span{lease.Span}) {
			require.Equal(w.t, taken, w.service[i], "ready before it was accepted")
		}
	}
}

// holder is who was given a task, also when it never arrived there.
func (w *world) holder(i int) string {
	for _, r := range w.held[key{bundle, 1}].within(i, i+1) {
		return r.manager
	}
	return ""
}

func indexes(spans []wire.Span) map[int]bool {
	all := map[int]bool{}
	for _, s := range spans {
		for i := s.Lo; i < s.Hi; i++ {
			all[i] = true
		}
	}
	return all
}

func (w *world) drawSpan() wire.Span {
	lo := rapid.IntRange(0, tasks-1).Draw(w.t, "lo")
	return span(lo, rapid.IntRange(lo+1, tasks).Draw(w.t, "hi"))
}

// offer offers queued tasks, accepts, and lets the answer refuse some.
func (w *world) offer() {
	s := w.drawSpan()
	for i := range indexes([]wire.Span{s}) {
		if w.service[i] != queued {
			return
		}
	}
	w.grants++
	s.Grant = w.grants
	lease := wire.Lease{Span: s}
	if !w.Offer(lease) {
		return
	}
	require.False(w.t, w.Offer(lease))
	w.Journalled(s, w.append(lease))
	if rapid.Bool().Draw(w.t, "cancel first") {
		w.do(w.Cancel([]wire.Span{w.drawSpan()}))
	}
	if rapid.IntRange(0, 4).Draw(w.t, "crash before accept") == 0 {
		for i := range indexes([]wire.Span{s}) {
			w.service[i] = offered
		}
		w.restart()
		return
	}
	var refused []wire.Span
	if rapid.Bool().Draw(w.t, "refuse") {
		refused = append(refused, span(s.Lo, rapid.IntRange(s.Lo+1, s.Hi).Draw(w.t, "refused")))
	}
	for i := range indexes([]wire.Span{s}) {
		if !indexes(refused)[i] {
			w.service[i] = taken
		}
	}
	w.do(w.Answered([]wire.Span{s}, refused))
}

func (w *world) dispatch() {
	manager := rapid.SampledFrom(managers).Draw(w.t, "manager")
	s := w.drawSpan()
	for _, given := range w.Dispatch(s, manager) {
		_, lease := w.LeaseOf(given)
		w.do(w.Noted(lease, w.append(dispatchRecord{manager, Note{lease, []wire.Span{given}}})))
		if rapid.IntRange(0, 4).Draw(w.t, "message is lost") == 0 {
			continue
		}
		for i := range indexes([]wire.Span{given}) {
			require.NotContains(w.t, w.given, i, "dispatched twice in one attempt")
			require.Equal(w.t, taken, w.service[i])
			w.given[i] = manager
		}
	}
}

func (w *world) begin() {
	for i := range w.given {
		if rapid.Bool().Draw(w.t, "begin") {
			w.begun[i] = true
			w.do(w.Begun([]wire.Span{span(i, i+1)}))
		}
	}
}

func (w *world) finish() {
	var done wire.Done
	for _, i := range slices.Sorted(maps.Keys(w.given)) {
		switch rapid.IntRange(0, 5).Draw(w.t, "how") {
		case 0:
			done.Results = append(done.Results, entry(i, i+1))
		case 1:
			done.Lost = append(done.Lost, wire.Loss{Span: span(i, i+1), Started: true})
		case 2:
			done.Cancelled = append(done.Cancelled, stopped(span(i, i+1))...)
		default:
			continue
		}
		delete(w.given, i)
	}
	w.tell(done)
	w.told = append(w.told, done)
}

func (w *world) tell(done wire.Done) {
	finished, columns := w.Sift("", done, make([][]byte, len(done.Results)))
	w.do(w.Done(finished, make([]int, len(columns)), w.append(finished)))
}

// repeat is a manager that did not hear that its results were kept.
func (w *world) repeat() {
	if len(w.told) > 0 {
		w.tell(wire.Done{Results: rapid.SampledFrom(w.told).Draw(w.t, "told").Results})
	}
}

func (w *world) reconnect() {
	manager := rapid.SampledFrom(managers).Draw(w.t, "manager")
	var holds []wire.Holding
	for i, who := range w.given {
		if who == manager {
			holds = append(holds, wire.Holding{Span: span(i, i+1), State: yonder.RangeAccepted})
		}
	}
	drop, fx := w.Returned(manager, holds)
	w.do(fx)
	for i := range indexes(drop) {
		delete(w.given, i)
	}
}

func (w *world) die() {
	manager := rapid.SampledFrom(managers).Draw(w.t, "manager")
	maps.DeleteFunc(w.given, func(_ int, who string) bool { return who == manager })
	w.do(w.Lost(manager, "died"))
}

func (w *world) report() {
	batch := w.Batch(rapid.IntRange(1, 5).Draw(w.t, "items"), 3)
	if rapid.IntRange(0, 3).Draw(w.t, "fails") == 0 {
		w.Unreported(batch)
		return
	}
	w.accept(batch)
	w.do(w.Reported(batch))
}

// accept is the service's part of a report.
func (w *world) accept(b Batch) {
	for _, item := range b.Items {
		for i := range indexes([]wire.Span{item.Span}) {
			if w.service[i] != taken {
				continue
			}
			w.service[i] = ended
			if item.Loss != nil && !item.Loss.Started {
				require.NotContains(w.t, w.given, i, "lost, and yet a manager has it")
				w.service[i] = queued
			}
		}
	}
}

// restart loses all but the journal, and reconciles.
func (w *world) restart() {
	l := New()
	drops := []Record{}
	for _, record := range slices.Sorted(maps.Keys(w.records)) {
		var fx Effects
		switch what := w.records[record].(type) {
		case wire.Lease:
			l.RestoreLease(what, true, record)
		case dispatchRecord:
			fx = l.RestoreDispatch(what.manager, what.note, true, record)
		case Note:
			fx = l.RestoreNote(what, record)
		case Finished:
			fx = l.Done(what, make([]int, len(what.Results)), record)
		}
		drops = append(drops, fx.Drop...)
	}
	w.Ledger = l
	w.do(Effects{Drop: drops})
	w.do(w.Restored())
	held := map[int]bool{}
	var all, drop []wire.Span
	for _, h := range w.Holdings() {
		all = append(all, h.Span)
		for i := range indexes([]wire.Span{h.Span}) {
			held[i] = true
			if w.service[i] == ended || w.service[i] == queued {
				drop = append(drop, span(i, i+1))
				continue
			}
			w.service[i] = taken
		}
	}
	for i := range tasks {
		if w.service[i] == taken {
			require.True(w.t, held[i], "task %d was accepted and is forgotten", i)
		}
		if w.service[i] == offered && !held[i] {
			w.service[i] = queued
		}
	}
	fx := w.Drop(drop)
	for _, spans := range fx.Stop {
		for i := range indexes(spans) {
			delete(w.given, i)
		}
	}
	fx.Stop = nil
	w.do(fx)
	w.do(w.Answered(all, nil))
	for range managers {
		w.reconnect()
	}
}

func (w *world) check(*rapid.T) {
	counted, running := map[State]int{}, 0
	for _, held := range w.held {
		for n, r := range held {
			counted[r.state] += r.tasks()
			if r.manager != "" {
				running += r.tasks()
			}
			require.Less(w.t, r.lo, r.hi)
			if n > 0 {
				require.LessOrEqual(w.t, held[n-1].hi, r.lo)
			}
		}
	}
	require.Equal(w.t, running, w.Running(yonder.ID{}), "all are of one owner")
	for s := Offered; s < states; s++ {
		require.Equal(w.t, counted[s], w.Count(s), fmt.Sprintf("state %d", s))
	}
	for i, who := range w.given {
		require.Equal(w.t, who, w.holder(i), "a manager runs what the ledger does not know")
	}
}

// settle lets everything end: all must be reported and no record remain.
func (w *world) settle() {
	for _, manager := range managers {
		w.do(w.Lost(manager, "end"))
	}
	w.given = map[int]string{}
	w.do(w.Return(wire.Loss{Code: yonder.CodeUnavailable}))
	for b := w.Batch(3, 3); !b.Empty(); b = w.Batch(3, 3) {
		w.accept(b)
		w.do(w.Reported(b))
	}
	require.Zero(w.t, w.Held())
	require.Empty(w.t, w.records, "records that nothing needs")
	for i := range tasks {
		require.NotEqual(w.t, taken, w.service[i], "task %d was accepted and never reported", i)
	}
}

func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			Ledger: New(), t: t, records: map[Record]any{}, service: map[int]int{},
			given: map[int]string{}, begun: map[int]bool{},
		}
		t.Repeat(map[string]func(*rapid.T){
			"offer": func(*rapid.T) { w.offer() }, "dispatch": func(*rapid.T) { w.dispatch() },
			"begin": func(*rapid.T) { w.begin() }, "finish": func(*rapid.T) { w.finish() },
			"reconnect": func(*rapid.T) { w.reconnect() }, "die": func(*rapid.T) { w.die() },
			"report": func(*rapid.T) { w.report() }, "restart": func(*rapid.T) { w.restart() },
			"cancel": func(*rapid.T) { w.do(w.Cancel([]wire.Span{w.drawSpan()})) },
			"repeat": func(*rapid.T) { w.repeat() },
			"":       w.check,
		})
		w.settle()
	})
}
