package manager

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
)

// roomless are the payloads that there was no room for, and since when.
type roomless map[yonder.ID]shortage

type shortage struct {
	since time.Time
	why   string
}

// tried notes that there was no room at a time, and says since when.
func (r roomless) tried(id yonder.ID, now time.Time, why error) time.Time {
	s := r[id]
	if s.since.IsZero() {
		s.since = now
	}
	s.why = why.Error()
	r[id] = s
	return s.since
}

// ended forgets a payload that is here, or that nobody waits for.
func (r roomless) ended(id yonder.ID) { delete(r, id) }

// trouble says in a sentence what there was no room for.
func (r roomless) trouble() string {
	if len(r) == 0 {
		return ""
	}
	first := slices.MinFunc(slices.Collect(maps.Values(r)), func(a, b shortage) int { return a.since.Compare(b.since) })
	return first.why + "; it is asked for again every " + retryEvery.String()
}

// lackRoom waits for room for a payload. Works that have waited for long are
// given back: they have not begun, so another node may take them.
func (d *desk) lackRoom(id yonder.ID, why error) {
	since := d.noRoom.tried(id, time.Now(), why)
	waited := time.Since(since)
	d.log.Warn("there is no room for a payload, which is asked for again later",
		slog.String("blob", id.String()), slog.Duration("waited", waited), slog.Any("error", why))
	if waited < d.cfg.RoomPatience {
		return
	}
	d.noRoom.ended(id)
	for _, w := range d.awaiting[id] {
		d.giveBack(w, yonder.CodeStorageFull, why.Error())
	}
	delete(d.awaiting, id)
}
