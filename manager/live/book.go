// Package live keeps the latest that running tasks have said: output, values
// of generators, progress. It is bounded for every task; what nobody reads in
// time is forgotten, and readers are told how much that was.
package live

import (
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Config bounds a Book.
type Config struct {
	OutputBytes int           // kept of a running task
	ValueBytes  int           // the same of a generator's values
	Kept        int           // tasks that have ended and were followed
	KeptFor     time.Duration // after the last question about them
}

// Run is tasks Lo ≤ index < Hi of a bundle, given to a worker.
type Run struct {
	ID   int64
	Span wire.Span
}

// Place is where a worker is: the task of a run that it has begun last.
type Place struct {
	Run   int64
	Index int
}

// Book is safe for concurrent use.
type Book struct {
	cfg Config

	mu      sync.Mutex
	workers map[string]*page
	ended   map[Key]*page
	wanted  map[Key]time.Time // tasks that were asked about before they began
}

// Key names a task under one attempt.
type Key struct {
	Task    yonder.ID
	Attempt int
}

// page is what one task has said.
type page struct {
	run      Run
	index    int // of the task
	output   ring
	values   values
	progress *yonder.Progress
	asked    time.Time // when it was asked about last
}

func (p *page) key() Key {
	return Key{Task: p.run.Span.Bundle.Task(p.index), Attempt: p.run.Span.Attempt}
}

// NewBook returns an empty book.
func NewBook(cfg Config) *Book {
	return &Book{cfg: cfg, workers: map[string]*page{}, ended: map[Key]*page{}, wanted: map[Key]time.Time{}}
}

// Begin says which run a worker has been given. What it says of another is
// nobody's.
func (b *Book) Begin(worker string, run Run) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.close(worker)
	b.workers[worker] = b.blank(run, run.Span.Lo)
}

func (b *Book) blank(run Run, index int) *page {
	return &page{run: run, index: index, output: ring{limit: b.cfg.OutputBytes}, values: values{limit: b.cfg.ValueBytes}}
}

// Shorten says that a run ends before an index: what comes after is somebody
// else's.
func (b *Book) Shorten(worker string, run int64, hi int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.workers[worker]; p != nil && p.run.ID == run {
		p.run.Span.Hi = min(p.run.Span.Hi, hi)
	}
}

// End says that a worker is not at its run any more. The last word about the
// progress is read for those who follow.
func (b *Book) End(worker string, source Source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.workers[worker]; p != nil && b.followed(p) {
		if place, progress := source(worker); place == (Place{p.run.ID, p.index}) {
			p.progress = progress
		}
	}
	b.close(worker)
	delete(b.workers, worker)
}

// Said is what the task wrote that the worker is at, as far as it is kept:
// what a task that ends its worker leaves behind.
func (b *Book) Said(worker string, place Place) wire.Output {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.at(worker, place)
	if p == nil || p.index != place.Index {
		return wire.Output{}
	}
	return p.output.text()
}

// followed says whether somebody has asked about the page's task.
func (b *Book) followed(p *page) bool {
	if p.asked.IsZero() {
		p.asked = b.wanted[p.key()]
	}
	return !p.asked.IsZero()
}

// close keeps a page whose readers may not have come to its end.
func (b *Book) close(worker string) {
	p := b.workers[worker]
	if p == nil || !b.followed(p) {
		return
	}
	delete(b.wanted, p.key())
	b.ended[p.key()] = p
	oldest := p
	for key, other := range b.ended {
		if p.asked.Sub(other.asked) > b.cfg.KeptFor {
			delete(b.ended, key)
		} else if other != p && !other.asked.After(oldest.asked) { // of those alike, not the one that has just ended
			oldest = other
		}
	}
	if len(b.ended) > b.cfg.Kept {
		delete(b.ended, oldest.key())
	}
}

// at is the page of the task that a worker is at, or nil.
func (b *Book) at(worker string, place Place) *page {
	p := b.workers[worker]
	if p == nil || p.run.ID != place.Run || place.Index < p.run.Span.Lo || place.Index >= p.run.Span.Hi {
		return nil
	}
	if place.Index > p.index {
		b.close(worker)
		p = b.blank(p.run, place.Index)
		b.workers[worker] = p
	}
	return p // what comes late from a task before belongs to the next one
}

// Wrote takes output of the task that the worker is at.
func (b *Book) Wrote(worker string, place Place, stream wire.Stream, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.at(worker, place); p != nil {
		p.output.write(stream, data)
	}
}

// maxValue is more than any generator will yield: a number beyond it is a lie.
const maxValue = 1 << 53

// Yielded takes values of a generator.
func (b *Book) Yielded(worker string, yield wire.Yield, columns [][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.at(worker, Place{Run: yield.Run, Index: yield.Index})
	if p == nil || p.index != yield.Index || yield.First < 0 || yield.First > maxValue {
		return
	}
	for i, data := range columns {
		p.values.add(yield.First+int64(i), data)
	}
}

// Source tells of a worker what only looking tells: where it is, and the
// progress of the task there, if there is any.
type Source func(worker string) (Place, *yonder.Progress)

// Answer is what there is for a reader.
type Answer struct {
	wire.Tailed
	Columns [][]byte
	News    bool // something that the reader does not have
}

// Read looks for what the task has said after the mark. It is false if the
// task is at no worker, and was not when it was asked about last.
func (b *Book) Read(now time.Time, t wire.Tail, source Source) (Answer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := Key{Task: t.Task, Attempt: t.After.Attempt}
	for worker, p := range b.workers {
		s := p.run.Span
		if s.Bundle != key.Task.Bundle() || s.Attempt != key.Attempt || t.Task.Index() < p.index || t.Task.Index() >= s.Hi {
			continue
		}
		place, progress := source(worker)
		if p = b.at(worker, place); p == nil || p.index != t.Task.Index() {
			break // of another run by now, or not begun
		}
		p.progress, p.asked = progress, now
		return p.answer(t, wire.TailRunning), true
	}
	if p := b.ended[key]; p != nil {
		p.asked = now
		return p.answer(t, wire.TailEnded), true
	}
	b.want(key, now)
	return Answer{}, false
}

// want remembers a question that came too early. Those who wait ask again;
// the others are forgotten when there are many.
func (b *Book) want(key Key, now time.Time) {
	if b.wanted[key] = now; len(b.wanted) <= b.cfg.Kept {
		return
	}
	for other, asked := range b.wanted {
		if now.Sub(asked) > b.cfg.KeptFor {
			delete(b.wanted, other)
		}
	}
	if len(b.wanted) > b.cfg.Kept {
		delete(b.wanted, key)
	}
}

// answer is what comes after the mark. It has ended only when all was said.
func (p *page) answer(t wire.Tail, state wire.TailState) Answer {
	a := Answer{Tailed: wire.Tailed{Seq: t.Seq, State: state, Next: t.After}}
	take := func(found answer, next *int64) {
		a.Pieces, a.Columns, *next = append(a.Pieces, found.pieces...), append(a.Columns, found.columns...), found.next
	}
	if t.Output {
		take(p.output.read(t.After.Output, t.Bytes), &a.Next.Output)
	}
	if t.Values {
		take(p.values.read(t.After.Values, t.Bytes), &a.Next.Values)
	}
	if p.progress != nil && p.progress.Calls != t.After.Calls {
		a.Progress, a.Next.Calls = p.progress, p.progress.Calls
	}
	a.News = len(a.Pieces) > 0 || a.Progress != nil
	more := t.Output && a.Next.Output < p.output.end || t.Values && a.Next.Values < p.values.end
	if state == wire.TailEnded && more {
		a.State = wire.TailRunning
	}
	return a
}
