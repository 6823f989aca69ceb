package pool

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
)

// move follows the table of states; what it does not have is a bug here. Every
// change of state comes by: workers are counted and found by what they do, so
// that no event costs more where there are thousands.
func (p *Pool) move(now time.Time, w *worker, event yonder.Event) {
	next, err := yonder.WorkerMachine.Next(w.state, event)
	if err != nil {
		panic(err)
	}
	p.leave(w)
	w.state, w.since = next, now
	p.enter(w)
}

// enter files a worker by its state.
func (p *Pool) enter(w *worker) {
	k := p.key(w.key)
	if w.state != yonder.WorkerDead {
		p.states[w.state]++
	}
	switch w.state {
	case yonder.WorkerForking:
		k.starting++
	case yonder.WorkerIdle:
		at, _ := slices.BinarySearchFunc(k.idle, w, oldest)
		k.idle = slices.Insert(k.idle, at, w)
	default: // only counted
	}
	p.watch(w)
}

// leave is the opposite of enter.
func (p *Pool) leave(w *worker) {
	k := p.key(w.key)
	p.states[w.state]--
	switch w.state {
	case yonder.WorkerForking:
		k.starting--
	case yonder.WorkerIdle:
		if at, found := slices.BinarySearchFunc(k.idle, w, oldest); found {
			k.idle = slices.Delete(k.idle, at, at+1)
		}
	case yonder.WorkerBusy:
		p.catchUp(w)
	default:
	}
}

// oldest puts the worker first that is idle for longest. The last one was used
// last: its memory is warm, and the others grow old enough to end. Equal times
// are told apart by number, so that the same events give the same decisions.
func oldest(a, b *worker) int {
	return cmp.Or(a.since.Compare(b.since), cmp.Compare(b.number, a.number))
}

// watch notes when something is due for a worker. It is to be called after
// every change of what that follows from.
func (p *Pool) watch(w *worker) {
	at, limited := p.due(w)
	switch {
	case !limited && w.place >= 0:
		heap.Remove(&p.times, w.place)
	case !limited:
	case w.place < 0:
		w.at = at
		heap.Push(&p.times, w)
	case !w.at.Equal(at):
		w.at = at
		heap.Fix(&p.times, w.place)
	}
}

// overdue takes the workers off the watch for which something is due, by age,
// so that the same events give the same actions.
func (p *Pool) overdue(now time.Time) []*worker {
	var all []*worker
	for len(p.times) > 0 && !now.Before(p.times[0].at) {
		w := heap.Pop(&p.times).(*worker) //nolint:forcetypeassert,errcheck // container/heap hands back what it was given
		all = append(all, w)
	}
	slices.SortFunc(all, byNumber)
	return all
}

func byNumber(a, b *worker) int { return cmp.Compare(a.number, b.number) }

// inOrder lists workers by age, for what concerns them all.
func (p *Pool) inOrder() []*worker {
	all := make([]*worker, 0, len(p.workers))
	for _, w := range p.workers {
		all = append(all, w)
	}
	slices.SortFunc(all, byNumber)
	return all
}

// times has the worker first for which something is due first.
type times []*worker

func (t times) Len() int           { return len(t) }
func (t times) Less(i, j int) bool { return t[i].at.Before(t[j].at) }

func (t times) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}

func (t *times) Push(x any) {
	w := x.(*worker) //nolint:forcetypeassert,errcheck // container/heap hands back what it was given
	w.place = len(*t)
	*t = append(*t, w)
}

func (t *times) Pop() any {
	all := *t
	w := all[len(all)-1]
	all[len(all)-1] = nil
	*t, w.place = all[:len(all)-1], -1
	return w
}
