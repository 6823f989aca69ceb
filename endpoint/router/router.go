// Package router decides, without any I/O, which manager gets which lease.
//
// Managers are grouped by the environments they have, which are interpreters
// and Native; a lease asks for one environment and goes to the manager of that group with the most free room.
// Room is free slots plus an allowance of work given ahead, so that a slot
// does not wait for the agent. It follows the manager's speed: of tasks that take
// seconds nothing is given ahead, because whoever has a free slot first is to
// have them, and whoever comes next is not to wait for them. A decision costs the
// logarithm of the number of managers.
package router

import (
	"container/heap"
	"slices"
	"time"
)

const (
	// A manager is given as many tasks ahead as it has ended in this time: less,
	// and quick ones wait for the agent's disk; more, and they would be missed
	// elsewhere.
	window = 250 * time.Millisecond
	// maxAhead bounds that for calls of chunks, of others prefetch does: what is
	// given ahead is in the manager's memory.
	maxAhead = 1 << 18
)

// Manager is what routing needs to know of one.
type Manager struct {
	ID    string
	Slots int
	// Environments are minors of Python, "3.11", and Native.
	Environments []string
}

// Native is the environment of functions that need no interpreter.
const Native = "native"

// Router holds the connected managers. It is not safe for concurrent use.
type Router struct {
	prefetch int
	managers map[string]*manager
	groups   map[string]*group // by minor
	slots    int
}

// New returns a router that gives each manager at most prefetch tasks per slot
// more than it has slots.
func New(prefetch int) *Router {
	return &Router{prefetch: prefetch, managers: map[string]*manager{}, groups: map[string]*group{}}
}

type manager struct {
	Manager

	given    int
	room     int
	most     int // tasks that may ever be given ahead
	position map[*group]int

	ahead int       // tasks that ended in the window before
	ended int       // tasks since then
	since time.Time // when ahead was worked out
}

// Join adds a manager that has given tasks already, or replaces it.
func (r *Router) Join(m Manager, given int) {
	r.Leave(m.ID)
	slices.Sort(m.Environments)
	m.Environments = slices.Compact(m.Environments)
	joined := &manager{
		Manager: m, given: given, room: m.Slots - given, most: m.Slots * r.prefetch, position: map[*group]int{},
	}
	r.managers[m.ID] = joined
	r.slots += m.Slots
	for _, minor := range m.Environments {
		if r.groups[minor] == nil {
			r.groups[minor] = &group{}
		}
		heap.Push(r.groups[minor], joined)
	}
}

// Leave takes a manager out: it is gone, or it drains.
func (r *Router) Leave(id string) {
	m := r.managers[id]
	if m == nil {
		return
	}
	delete(r.managers, id)
	r.slots -= m.Slots
	for g, at := range m.position {
		heap.Remove(g, at)
	}
	for _, minor := range m.Environments {
		if len(*r.groups[minor]) == 0 {
			delete(r.groups, minor)
		}
	}
}

// Place reserves room for tasks that need the environment, and returns the
// manager and how many of the tasks it may be given: all of them if they must
// stay together, as soon as it has any room or has less than it is known to
// end in a moment. It returns 0 if no manager fits.
func (r *Router) Place(now time.Time, minor string, tasks int, together bool) (id string, n int) {
	g := r.groups[minor]
	if g == nil || tasks < 1 {
		return "", 0
	}
	best := (*g)[0]
	for ; best.stale(now); best = (*g)[0] {
		best.measure(now)
	}
	if best.room < 1 && (!together || best.given >= best.ahead) {
		return "", 0
	}
	n = tasks
	if !together {
		n = min(tasks, best.share(len(*g)))
	}
	best.give(n)
	return best.ID, n
}

// share is how much of a lease that can be split the best manager gets at
// once: its free slots while it has some and is not the only one, so that
// the others get theirs before any is given work ahead.
func (m *manager) share(of int) int {
	if free := m.Slots - m.given; of > 1 && free > 0 {
		return free
	}
	return m.room
}

// Freed says that the manager has so many tasks less.
func (r *Router) Freed(id string, tasks int) {
	if m := r.managers[id]; m != nil {
		m.give(-tasks)
	}
}

// Ended says that the manager has ended so many of its tasks.
func (r *Router) Ended(now time.Time, id string, tasks int) {
	m := r.managers[id]
	if m == nil {
		return
	}
	m.given -= tasks
	m.ended += tasks
	if now.Sub(m.since) >= window {
		m.measure(now)
	} else {
		m.settle()
	}
}

// Given is the number of tasks that the manager has.
func (r *Router) Given(id string) int {
	if m := r.managers[id]; m != nil {
		return m.given
	}
	return 0
}

// Serves says whether some manager has the environment.
func (r *Router) Serves(minor string) bool { return r.groups[minor] != nil }

// Slots is the number of slots of all managers.
func (r *Router) Slots() int { return r.slots }

// stale says whether the manager is allowed for a speed that it may not have
// any more.
func (m *manager) stale(now time.Time) bool {
	return m.allowance() > 0 && now.Sub(m.since) >= 2*window
}

// measure works out how fast the manager is.
func (m *manager) measure(now time.Time) {
	m.ahead = min(int(float64(m.ended)*float64(window)/float64(now.Sub(m.since))), maxAhead)
	m.ended, m.since = 0, now
	m.settle()
}

// allowance is how many tasks may be given ahead. What ended in a window that
// is not over counts at once: quick tasks are known from their first few.
func (m *manager) allowance() int { return min(max(m.ahead, m.ended), m.most) }

func (m *manager) give(tasks int) {
	m.given += tasks
	m.settle()
}

// settle brings the manager to its place among others.
func (m *manager) settle() {
	m.room = m.Slots + m.allowance() - m.given
	for g, at := range m.position {
		heap.Fix(g, at)
	}
}

// group is a heap of managers, the one with the most room first.
type group []*manager

func (g group) Len() int { return len(g) }

func (g group) Less(i, j int) bool {
	if g[i].free() != g[j].free() {
		return g[i].free() > g[j].free()
	}
	if g[i].room != g[j].room {
		return g[i].room > g[j].room
	}
	return g[i].ID < g[j].ID
}

func (m *manager) free() int { return max(m.Slots-m.given, 0) }

func (g *group) Swap(i, j int) {
	h := *g
	h[i], h[j] = h[j], h[i]
	h[i].position[g], h[j].position[g] = i, j
}

// Push is for container/heap.
func (g *group) Push(x any) {
	m := x.(*manager) //nolint:forcetypeassert,errcheck // container/heap hands back what it was given
	m.position[g] = len(*g)
	*g = append(*g, m)
}

// Pop is for container/heap.
func (g *group) Pop() any {
	h := *g
	m := h[len(h)-1]
	h[len(h)-1] = nil
	*g = h[:len(h)-1]
	delete(m.position, g)
	return m
}
