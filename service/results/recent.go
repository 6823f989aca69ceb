package results

import (
	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// recentPages bounds what the hub keeps of what it was handed, for all groups
// together: reports of about a moment, which readers who keep up take at once.
// A report fits a message of the fabric, so this is 32 MiB at the most.
const recentPages = 64

// recent are the latest news, over which the next ones are written.
type recent struct {
	pages [recentPages]store.News
	next  int
}

func (r *recent) add(n store.News) {
	r.pages[r.next] = n
	r.next = (r.next + 1) % recentPages
}

// after returns what comes right after the cursor.
func (r *recent) after(group yonder.ID, cursor int64) (store.News, bool) {
	for i := range r.pages {
		if n := &r.pages[i]; n.Group == group && n.After == cursor && n.Cursor > cursor {
			return *n, true
		}
	}
	return store.News{}, false
}

// Hand tells all who watch one of the groups of results that were just
// committed, and keeps these for those who have read all before them. It does
// not block.
func (h *Hub) Hand(news []store.News) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range news {
		one := h.watches[n.Group]
		if one == nil {
			continue
		}
		h.recent.add(n)
		one.newest = max(one.newest, n.Cursor)
		h.mark(n.Group, false)
	}
}

// after returns what was handed right after the cursor, if it is still there;
// if not, whether there was anything after the cursor.
func (h *Hub) after(group yonder.ID, cursor int64) (news store.News, there, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if news, there = h.recent.after(group, cursor); there {
		return news, true, true
	}
	one := h.watches[group]
	return store.News{}, false, one == nil || one.newest > cursor
}
