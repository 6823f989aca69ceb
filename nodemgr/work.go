//go:build unix

package manager

import (
	"log/slog"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/nodemgr/pool"
	"github.com/yonder-run/yonder/nodemgr/ranges"
	"github.com/yonder-run/yonder/wire"
)

// work is a lease with its payloads, kept until its last task has ended.
type work struct {
	lease   *wire.Lease
	columns [][]byte
	files   map[int]string // of columns that are blobs
	fresh   ranges.Set     // tasks that were not here already
	left    int            // tasks without an end
	needs   int            // bodies and blobs that are not here yet
}

// attempt names the tasks that indexes are of.
type attempt struct {
	bundle yonder.ID
	number int
}

func attemptOf(s wire.Span) attempt { return attempt{s.Bundle, s.Attempt} }

// seen knows which tasks are here: a span that comes twice runs once.
type seen map[attempt]ranges.Set

func (s seen) add(span wire.Span) (fresh ranges.Set) {
	k, r := attemptOf(span), ranges.Range{Lo: span.Lo, Hi: span.Hi}
	set := s[k]
	fresh = set.Without(r)
	set.Add(r)
	s[k] = set
	return fresh
}

func (s seen) remove(spans []wire.Span) {
	for _, span := range spans {
		k := attemptOf(span)
		set := s[k]
		set.Remove(ranges.Range{Lo: span.Lo, Hi: span.Hi})
		if s[k] = set; len(set) == 0 {
			delete(s, k)
		}
	}
}

// take accepts leases with their columns, in order.
func (d *desk) take(leases []wire.Lease, columns [][]byte) {
	for i := range leases {
		l := &leases[i]
		if l.Columns > len(columns) || l.Columns < 1 || (l.Form == wire.FormEach && l.Columns != l.Tasks()) {
			d.log.Error("a lease without its payloads", slog.String("bundle", l.Bundle.String()))
			return
		}
		own := columns[:l.Columns]
		columns = columns[l.Columns:]
		if fresh := d.seen.add(l.Span); fresh.Len() > 0 {
			d.prepare(&work{lease: l, columns: own, files: map[int]string{}, fresh: fresh, left: fresh.Len()})
		}
	}
}

// prepare asks for what the work needs, and queues it when all is there.
func (d *desk) prepare(w *work) {
	d.works[w.lease] = w
	if d.bodies.get(w.lease.Hash) == nil {
		w.needs++
		if d.bodies.wait(w.lease.Hash, w) {
			d.send(wire.KindNeed, wire.Need{Function: w.lease.Hash})
		}
	}
	for column, blob := range w.lease.Blobs {
		task := w.lease.Bundle.Task(w.lease.Lo)
		if w.lease.Form == wire.FormEach {
			task = w.lease.Bundle.Task(w.lease.Lo + column)
		}
		if path := d.blobs.use(blob, task, w, column); path != "" {
			w.files[column] = path
			continue
		}
		w.needs++
		if need, first := d.blobs.need(blob.ID); first {
			d.send(wire.KindNeed, need)
		}
	}
	if w.needs == 0 {
		d.enqueue(w)
	}
}

// got says that one of the work's needs is met.
func (d *desk) got(w *work) {
	if w.needs--; w.needs == 0 && w.left > 0 {
		d.enqueue(w)
	}
}

func (d *desk) enqueue(w *work) {
	key := pool.Key{Owner: w.lease.Owner, Environment: d.environment(w.lease.Requires)}
	if key.Environment == "" {
		for _, r := range w.fresh {
			d.fail(w.lease, r.Lo, r.Hi, yonder.CodeNoInterpreter, "this node has no Python "+w.lease.Requires.Python)
		}
		return
	}
	for _, r := range w.fresh {
		step := r.Len()
		if w.lease.Form == wire.FormEach {
			step = 1
		}
		for lo := r.Lo; lo < r.Hi; lo += step {
			d.pool.Add(pool.Job{Lease: w.lease, Key: key, Lo: lo, Hi: lo + step})
		}
	}
}

// environment is the interpreter that a function needs, or the endpoint's
// first if it runs on any.
func (d *desk) environment(requires wire.Requires) string {
	for _, python := range d.pythons {
		if requires.Python == "" || minor(python.Version) == requires.Python {
			return python.Path
		}
	}
	return ""
}

// unready takes tasks of the span out of works that still wait for something.
func (d *desk) unready(s wire.Span) []wire.Span {
	var out []wire.Span
	for _, w := range d.works {
		if w.needs == 0 || attemptOf(w.lease.Span) != attemptOf(s) {
			continue
		}
		for _, part := range w.fresh.Remove(ranges.Range{Lo: s.Lo, Hi: s.Hi}) {
			cut := s
			cut.Lo, cut.Hi = part.Lo, part.Hi
			out = append(out, cut)
		}
	}
	return out
}

func (d *desk) leaseOf(s wire.Span) *wire.Lease {
	for l := range d.works {
		if attemptOf(l.Span) == attemptOf(s) && l.Lo <= s.Lo && s.Hi <= l.Hi {
			return l
		}
	}
	return nil
}

// release counts tasks of a lease that have ended, and forgets it with the last.
func (d *desk) release(l *wire.Lease, tasks int) {
	w := d.works[l]
	if w == nil {
		return
	}
	if w.left -= tasks; w.left > 0 {
		return
	}
	delete(d.works, l)
	d.blobs.release(w)
}

// holds lists all that this manager has, for the agent to compare.
func (d *desk) holds() []wire.Holding {
	var all []wire.Holding
	begun := seen{}
	d.pool.Each(func(j pool.Job, runs bool) {
		if runs {
			begun.add(j.Span())
		}
	})
	add := func(k attempt, r ranges.Range, state yonder.State) {
		span := wire.Span{Bundle: k.bundle, Attempt: k.number, Lo: r.Lo, Hi: r.Hi}
		all = append(all, wire.Holding{Span: span, State: state})
	}
	for _, span := range d.outbox.spans() {
		begun.add(span)
	}
	for k, set := range d.seen {
		for _, r := range set {
			for _, runs := range begun[k].And(r) {
				add(k, runs, yonder.RangeStarted)
			}
			for _, waits := range begun[k].Without(r) {
				add(k, waits, yonder.RangeAccepted)
			}
		}
	}
	return slices.Clip(all)
}
