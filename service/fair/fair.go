// Package fair decides whose tasks go next where several owners wait for one
// endpoint. It is pure: the store reads how much each owner has out, Divide
// hands out the free places, and the store claims as it says.
//
// Whoever has least out, for their weight, goes first: that shares the places
// of the endpoint, however long anybody's tasks run and however many wait.
// Where owners have equally much out, most of all where there are more owners
// than places, the one who was given least so far goes first. That is counted
// in virtual time, which grows with each task by 1/weight. Nobody saves up for
// later: who comes new, or comes back, starts where the others are now.
package fair

import (
	"bytes"
	"cmp"
	"container/heap"

	"github.com/yonder-run/yonder"
)

// Unit is the virtual time of one task at weight 1.
const Unit = 1_000_000

// MaxWeight bounds weights, so that a task always takes some virtual time.
const MaxWeight = 1000

// Queue is what one owner has at an endpoint.
type Queue struct {
	Owner  yonder.ID
	Queued int64 // tasks that wait
	Out    int64 // tasks given and not done
	Most   int64 // of Out; 0: as many as there are places
	Weight int64 // 1 to MaxWeight
	Served int64 // virtual time of all that was given
}

// Portion is how many tasks of an owner may go.
type Portion struct {
	Owner yonder.ID
	Tasks int64
	Start int64 // virtual time of the first: with the Cost of those that went, the queue's new Served
}

// rounds is into how many turns the places are cut for each owner at least:
// how even the division is where there are many places.
const rounds = 32

// Divide hands out free places to the queues, of which the first to go comes
// first. Virtual is the endpoint's virtual time.
func Divide(queues []Queue, virtual, free int64) []Portion {
	line := make(line, 0, len(queues))
	for _, q := range queues {
		q.Weight = min(max(q.Weight, 1), MaxWeight)
		if t := (&turn{Queue: q, start: max(q.Served, virtual)}); t.room() > 0 {
			line = append(line, t)
		}
	}
	heap.Init(&line)
	quantum := max(free/int64(rounds*max(len(line), 1)), 1)
	var served []*turn
	for free > 0 && len(line) > 0 {
		first := line[0]
		n := min(first.room(), free)
		if len(line) > 1 {
			n = min(n, quantum)
		}
		if first.given == 0 {
			served = append(served, first)
		}
		first.give(n)
		free -= n
		if first.room() > 0 {
			heap.Fix(&line, 0)
		} else {
			heap.Pop(&line)
		}
	}
	portions := make([]Portion, len(served))
	for i, t := range served {
		portions[i] = Portion{Owner: t.Owner, Tasks: t.given, Start: t.start - t.cost}
	}
	return portions
}

// Advance is the endpoint's virtual time once the queues are as they are now:
// that of the one who waits and was given least. It never goes back.
func Advance(queues []Queue, virtual int64) int64 {
	least, waits := int64(0), false
	for _, q := range queues {
		if q.Queued > 0 && (!waits || q.Served < least) {
			least, waits = q.Served, true
		}
	}
	if !waits {
		return virtual
	}
	return max(virtual, least)
}

// Cost is the virtual time that tasks take at a weight.
func Cost(tasks, weight int64) int64 { return tasks * Unit / min(max(weight, 1), MaxWeight) }

// turn is a queue while places are handed out.
type turn struct {
	Queue

	start int64 // virtual time of its next task
	given int64
	cost  int64 // of those given
}

// room is how many more tasks could go.
func (t *turn) room() int64 {
	if t.Most > 0 {
		return min(t.Queued, t.Most-t.Out)
	}
	return t.Queued
}

func (t *turn) give(n int64) {
	t.given += n
	t.Queued -= n
	t.Out += n
	t.start += Cost(n, t.Weight)
	t.cost += Cost(n, t.Weight)
}

// line is a heap of those who wait, the first to go at its top.
type line []*turn

func (l line) Len() int      { return len(l) }
func (l line) Swap(i, j int) { l[i], l[j] = l[j], l[i] }

func (l line) Less(i, j int) bool {
	a, b := l[i], l[j]
	return cmp.Or(
		cmp.Compare(Cost(a.Out, a.Weight), Cost(b.Out, b.Weight)),
		cmp.Compare(a.start, b.start),
		bytes.Compare(a.Owner[:], b.Owner[:]),
	) < 0
}

// Push implements heap.Interface.
func (l *line) Push(x any) { *l = append(*l, x.(*turn)) } //nolint:errcheck,forcetypeassert // nothing else is pushed

// Pop implements heap.Interface.
func (l *line) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}
