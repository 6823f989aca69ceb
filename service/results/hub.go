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

// Hub knows who waits for which groups.
type Hub struct {
	mu      sync.Mutex
	watches map[yonder.ID]map[*Watch]struct{} // by group
}

// NewHub returns a hub that nobody watches.
func NewHub() *Hub { return &Hub{watches: map[yonder.ID]map[*Watch]struct{}{}} }

// Wake tells all who watch one of the groups to look for new results. It does
// not block.
func (h *Hub) Wake(groups store.Woken) {
	if len(groups) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, group := range groups {
		for w := range h.watches[group] {
			w.mark(group)
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
	marked map[yonder.ID]struct{}
}

// Watch returns a watch of no groups, to be closed by the caller.
func (h *Hub) Watch() *Watch {
	return &Watch{
		C: make(chan struct{}, 1), hub: h,
		groups: map[yonder.ID]struct{}{}, marked: map[yonder.ID]struct{}{},
	}
}

// Add watches the group, marked: what was there before must be looked at.
func (w *Watch) Add(group yonder.ID) {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	if w.hub.watches[group] == nil {
		w.hub.watches[group] = map[*Watch]struct{}{}
	}
	w.hub.watches[group][w] = struct{}{}
	w.groups[group] = struct{}{}
	w.mark(group)
}

// Remove ends watching the group.
func (w *Watch) Remove(group yonder.ID) {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	delete(w.hub.watches[group], w)
	if len(w.hub.watches[group]) == 0 {
		delete(w.hub.watches, group)
	}
	delete(w.groups, group)
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
		w.mark(group)
	}
}

// Take returns the marked groups and clears the marks.
func (w *Watch) Take() []yonder.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	groups := make([]yonder.ID, 0, len(w.marked))
	for group := range w.marked {
		groups = append(groups, group)
	}
	clear(w.marked)
	return groups
}

func (w *Watch) mark(group yonder.ID) {
	w.mu.Lock()
	w.marked[group] = struct{}{}
	w.mu.Unlock()
	select {
	case w.C <- struct{}{}:
	default:
	}
}
