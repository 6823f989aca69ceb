package simworker

import (
	"container/heap"
	"time"
)

// occasion is what a sink is told.
type occasion byte

const (
	born     occasion = iota
	finished          // a run
	gone
)

// entry is something to be told at a time; order keeps what is due at the same
// moment as it came.
type entry struct {
	at     time.Time
	order  uint64
	worker *worker
	what   occasion
}

// schedule has what is due first.
type schedule struct {
	entries entries
	last    uint64
}

func (s *schedule) first() (entry, bool) {
	if len(s.entries) == 0 {
		return entry{}, false
	}
	return s.entries[0], true
}

// push says whether the entry is the first one now.
func (s *schedule) push(e entry) bool {
	s.last++
	e.order = s.last
	heap.Push(&s.entries, e)
	return s.entries[0].order == e.order
}

func (s *schedule) pop() entry {
	return heap.Pop(&s.entries).(entry) //nolint:forcetypeassert,errcheck // container/heap hands back what it was given
}

type entries []entry

func (e entries) Len() int { return len(e) }

func (e entries) Less(i, j int) bool {
	if !e[i].at.Equal(e[j].at) {
		return e[i].at.Before(e[j].at)
	}
	return e[i].order < e[j].order
}

func (e entries) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

func (e *entries) Push(x any) {
	*e = append(*e, x.(entry)) //nolint:forcetypeassert,errcheck // container/heap hands back what it was given
}

func (e *entries) Pop() any {
	all := *e
	last := all[len(all)-1]
	all[len(all)-1] = entry{}
	*e = all[:len(all)-1]
	return last
}
