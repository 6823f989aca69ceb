// Package results brings results to those who wait for them: streams of many
// groups, server-sent events of one, and waits for a page or a task. Readers
// are woken by hints and look into the store, which alone knows the order;
// a reader that is slow holds up nobody else.
package results

import (
	"sync"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// Hub knows who waits for which groups, and what these were given last.
type Hub struct {
	mu      sync.Mutex
	watches map[yonder.ID]*watched // by group
	recent  recent
}

// watched is a group that somebody watches.
type watched struct {
	by     map[*Watch]struct{}
	newest int64 // cursor that was handed
}

// NewHub returns a hub that nobody watches.
func NewHub() *Hub { return &Hub{watches: map[yonder.ID]*watched{}} }

// Wake tells all who watch one of the groups to look for new results. It does
// not block.
func (h *Hub) Wake(groups store.Woken) {
	if len(groups) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, group := range groups {
		h.mark(group, true)
	}
}

// mark is called with the lock held.
func (h *Hub) mark(group yonder.ID, look bool) {
	if one := h.watches[group]; one != nil {
		for w := range one.by {
			w.mark(group, look)
		}
	}
}

// Watch is one reader's set of groups, and which of them to look at. It is
// used by one goroutine; only marking comes from others.
type Watch struct {
	// C has an element whenever groups are marked.
	C chan struct{}

	hub    *Hub
	groups map[yonder.ID]struct{}

	mu     sync.Mutex
	marked map[yonder.ID]bool // whether the store must be looked at
}

// Watch returns a watch of no groups, to be closed by the caller.
func (h *Hub) Watch() *Watch {
	return &Watch{
		C: make(chan struct{}, 1), hub: h,
		groups: map[yonder.ID]struct{}{}, marked: map[yonder.ID]bool{},
	}
}

// Add watches the group, marked: what was there before must be looked at.
func (w *Watch) Add(group yonder.ID) {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	if w.hub.watches[group] == nil {
		w.hub.watches[group] = &watched{by: map[*Watch]struct{}{}}
	}
	w.hub.watches[group].by[w] = struct{}{}
	w.groups[group] = struct{}{}
	w.mark(group, true)
}

// Remove ends watching the group.
func (w *Watch) Remove(group yonder.ID) {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	delete(w.groups, group)
	one := w.hub.watches[group]
	if one == nil {
		return
	}
	if delete(one.by, w); len(one.by) == 0 {
		delete(w.hub.watches, group)
	}
}

// Close ends watching all groups.
func (w *Watch) Close() {
	for group := range w.groups {
		w.Remove(group)
	}
}

// MarkAll marks every group: the look that needs no hint.
func (w *Watch) MarkAll() {
	for group := range w.groups {
		w.mark(group, true)
	}
}

// Take returns the marked groups and clears the marks.
func (w *Watch) Take() []yonder.ID {
	marks := w.take()
	groups := make([]yonder.ID, len(marks))
	for i, m := range marks {
		groups[i] = m.group
	}
	return groups
}

// mark is a group that has news. Unless the store must be looked at, the hub
// was handed all of them.
type mark struct {
	group yonder.ID
	look  bool
}

func (w *Watch) take() []mark {
	w.mu.Lock()
	defer w.mu.Unlock()
	marks := make([]mark, 0, len(w.marked))
	for group, look := range w.marked {
		marks = append(marks, mark{group, look})
	}
	clear(w.marked)
	return marks
}

func (w *Watch) mark(group yonder.ID, look bool) {
	w.mu.Lock()
	w.marked[group] = w.marked[group] || look
	w.mu.Unlock()
	select {
	case w.C <- struct{}{}:
	default:
	}
}
