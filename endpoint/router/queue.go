package router

import (
	"container/heap"
	"math"

	"github.com/yonder-run/yonder"
)

// quantum is how many tasks of one owner go before it is looked who is next,
// where several wait: few enough to share a node, enough to be worth a message.
const quantum = 8

// Turn says whose an item is, and when its turn comes among that owner's.
type Turn struct {
	Owner    yonder.ID
	Weight   int64 // of the owner beside others; 0 is 1
	Priority int
}

// Step is what came of an item.
type Step[T any] struct {
	Full  bool // nobody takes it now
	Tasks int  // that were placed
	Rest  T    // what is left of it, which keeps its turn
	More  bool // something is left
}

// Queue holds what waits for a manager: for each interpreter by owner, and what
// is of one owner by priority and then in the order of coming. Whose tasks have
// least running, for their weight, goes first, so that owners share an endpoint
// however much one of them has brought; package fair of the service does the same for
// what comes here.
type Queue[T any] struct {
	lanes map[string]lane[T] // by interpreter
	count int64              // of items and turns so far
}

type lane[T any] map[yonder.ID]*line[T]

// line is what an owner has waiting. It is never empty.
type line[T any] struct {
	items  items[T]
	owner  yonder.ID
	weight int64
	turn   int64 // its last one
}

type waiting[T any] struct {
	item     T
	priority int
	order    int64
}

// Push adds an item that needs the interpreter.
func (q *Queue[T]) Push(minor string, turn Turn, item T) {
	if q.lanes == nil {
		q.lanes = map[string]lane[T]{}
	}
	if q.lanes[minor] == nil {
		q.lanes[minor] = lane[T]{}
	}
	own := q.lanes[minor][turn.Owner]
	if own == nil {
		own = &line[T]{owner: turn.Owner}
		q.lanes[minor][turn.Owner] = own
	}
	own.weight = max(turn.Weight, 1)
	q.count++
	heap.Push(&own.items, waiting[T]{item, turn.Priority, q.count})
}

// Each calls place for the item whose turn it is, of each interpreter, until
// that is full; most is how many of its tasks may be placed. Running is how many
// tasks of an owner were placed before, and have not ended.
func (q *Queue[T]) Each(running func(owner yonder.ID) int, place func(minor string, item T, most int) Step[T]) {
	placed := map[yonder.ID]int{}
	for minor, l := range q.lanes {
		for len(l) > 0 {
			own, most := l.first(func(owner yonder.ID) int { return running(owner) + placed[owner] })
			first := &own.items[0]
			step := place(minor, first.item, most)
			if step.Full {
				break
			}
			placed[own.owner] += step.Tasks
			q.count++
			own.turn = q.count
			if step.More {
				first.item = step.Rest
			} else if heap.Pop(&own.items); len(own.items) == 0 {
				delete(l, own.owner)
			}
		}
		if len(l) == 0 {
			delete(q.lanes, minor)
		}
	}
}

// first is whose turn it is, and how many tasks may go.
func (l lane[T]) first(running func(owner yonder.ID) int) (first *line[T], most int) {
	if len(l) == 1 {
		for _, first = range l {
			return first, math.MaxInt
		}
	}
	least := math.Inf(1)
	for _, own := range l {
		load := float64(running(own.owner)) / float64(own.weight)
		if load < least || load == least && own.turn < first.turn {
			first, least = own, load
		}
	}
	return first, quantum
}

// Drain empties the queue.
func (q *Queue[T]) Drain() { q.lanes = nil }

// Minors lists the interpreters that something waits for.
func (q *Queue[T]) Minors() []string {
	minors := make([]string, 0, len(q.lanes))
	for minor := range q.lanes {
		minors = append(minors, minor)
	}
	return minors
}

type items[T any] []waiting[T]

func (p items[T]) Len() int { return len(p) }

func (p items[T]) Less(i, j int) bool {
	if p[i].priority != p[j].priority {
		return p[i].priority > p[j].priority
	}
	return p[i].order < p[j].order
}

func (p items[T]) Swap(i, j int) { p[i], p[j] = p[j], p[i] }

// Push is for container/heap.
func (p *items[T]) Push(x any) {
	*p = append(*p, x.(waiting[T])) //nolint:forcetypeassert,errcheck // container/heap hands back what it was given
}

// Pop is for container/heap.
func (p *items[T]) Pop() any {
	h := *p
	w := h[len(h)-1]
	h[len(h)-1] = waiting[T]{}
	*p = h[:len(h)-1]
	return w
}
