package router

import "container/heap"

// Queue holds what waits for a manager: for each interpreter, by priority and
// then in the order of coming.
type Queue[T any] struct {
	pools map[string]*pool[T]
	next  int64
}

type waiting[T any] struct {
	item     T
	priority int
	order    int64
}

// Push adds an item that needs the interpreter.
func (q *Queue[T]) Push(minor string, priority int, item T) {
	q.next++
	q.put(minor, waiting[T]{item, priority, q.next})
}

func (q *Queue[T]) put(minor string, w waiting[T]) {
	if q.pools == nil {
		q.pools = map[string]*pool[T]{}
	}
	if q.pools[minor] == nil {
		q.pools[minor] = &pool[T]{}
	}
	heap.Push(q.pools[minor], w)
}

// Each calls place for the first item of each interpreter until it returns
// false for that one. Place returns the item's rest, which keeps its turn, and
// whether there is a rest.
func (q *Queue[T]) Each(place func(minor string, item T) (rest T, more, placed bool)) {
	for minor, p := range q.pools {
		for len(*p) > 0 {
			first := &(*p)[0]
			rest, more, placed := place(minor, first.item)
			if !placed {
				break
			}
			if more {
				first.item = rest
				continue
			}
			heap.Pop(p)
		}
		if len(*p) == 0 {
			delete(q.pools, minor)
		}
	}
}

// Drain empties the queue.
func (q *Queue[T]) Drain() { q.pools = nil }

// Minors lists the interpreters that something waits for.
func (q *Queue[T]) Minors() []string {
	minors := make([]string, 0, len(q.pools))
	for minor := range q.pools {
		minors = append(minors, minor)
	}
	return minors
}

type pool[T any] []waiting[T]

func (p pool[T]) Len() int { return len(p) }

func (p pool[T]) Less(i, j int) bool {
	if p[i].priority != p[j].priority {
		return p[i].priority > p[j].priority
	}
	return p[i].order < p[j].order
}

func (p pool[T]) Swap(i, j int) { p[i], p[j] = p[j], p[i] }

// Push is for container/heap.
func (p *pool[T]) Push(x any) {
	*p = append(*p, x.(waiting[T])) //nolint:forcetypeassert,errcheck // container/heap hands back what it was given
}

// Pop is for container/heap.
func (p *pool[T]) Pop() any {
	h := *p
	w := h[len(h)-1]
	h[len(h)-1] = waiting[T]{}
	*p = h[:len(h)-1]
	return w
}
