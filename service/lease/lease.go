// Package lease decides the life of a bundle's task ranges: who may run what,
// and which result counts. It is pure: the store loads a Bundle inside a
// transaction, applies one operation, and writes back what changed; no rule
// about ranges exists anywhere else.
//
// Every task that is not done lies in exactly one Range. A range carries the
// number of its current attempt (from 1) and the epoch of the session that it
// was last given to. Operations split ranges where tasks diverge and join
// them again where they agree. Spans an operation names may reach over ranges
// of several states: it acts on the parts that fit and returns the others.
package lease

import (
	"fmt"
	"slices"
	"sort"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Range is tasks Lo ≤ index < Hi of one state.
type Range struct {
	Lo, Hi  int
	State   yonder.State
	Attempt int   // the current one, or the next while queued or offered
	Epoch   int64 // of the session that has it; 0 while queued
	Grant   int64 // number of the offer; stays when a later session adopts it
	Cancel  bool  // an agent has been asked to stop it
	// NotBefore is until when a queued range rests after a lost attempt, in
	// Unix microseconds; 0: it does not. Wake ends the rest.
	NotBefore int64
	// Since is when the state was entered, in Unix microseconds, by the clock
	// of whoever applied the operation. No decision depends on it.
	Since int64
}

// Bundle is the mutable state of a bundle's tasks.
type Bundle struct {
	ID          yonder.ID
	Tasks       int
	MaxAttempts int
	Retry       yonder.Retry // which causes are tried again, and when; MaxAttempts counts
	Done        Bitmap
	Ranges      []Range // sorted, apart from each other, covering what is not done
	Now         int64   // Unix microseconds, given to ranges that change state
}

// New returns a bundle whose tasks are all queued for their first attempt.
func New(id yonder.ID, tasks, maxAttempts int, now int64) *Bundle {
	return &Bundle{ID: id, Tasks: tasks, MaxAttempts: maxAttempts, Done: NewBitmap(tasks), Now: now, Ranges: []Range{
		{Lo: 0, Hi: tasks, State: yonder.RangeMachine.Start, Attempt: 1, Since: now},
	}}
}

// Offer claims the queued tasks of lo..hi for a session and returns their
// spans. No two offers of a task may have the same grant.
func (b *Bundle) Offer(epoch, grant int64, lo, hi int) []wire.Span {
	var offered []wire.Span
	b.each(lo, hi, func(r *Range) {
		if r.State == yonder.RangeQueued && r.NotBefore == 0 {
			b.step(r, yonder.EventOffer)
			r.Epoch, r.Grant = epoch, grant
			offered = append(offered, b.span(*r))
		}
	}, nil)
	return offered
}

// Accept records that the session's agent has journalled the span, and
// returns the parts that it must not start. Accepting twice is harmless.
func (b *Bundle) Accept(epoch int64, s wire.Span) (refused []wire.Span) {
	b.each(s.Lo, s.Hi, func(r *Range) {
		switch {
		case !given(r, epoch, s):
			refused = append(refused, cut(s, r.Lo, r.Hi))
		case r.State == yonder.RangeOffered:
			b.step(r, yonder.EventAccept)
		}
	}, func(lo, hi int) { refused = append(refused, cut(s, lo, hi)) })
	return join(refused)
}

// Decline takes back tasks that certainly never started; no attempt is spent.
func (b *Bundle) Decline(epoch int64, s wire.Span) Ended {
	var ended Ended
	b.each(s.Lo, s.Hi, func(r *Range) {
		if given(r, epoch, s) && r.State != yonder.RangeStarted {
			b.lose(r, false, yonder.CodeTaskLost, &ended)
		}
	}, nil)
	return ended
}

// Start records that a worker has the span.
func (b *Bundle) Start(epoch int64, s wire.Span) {
	b.each(s.Lo, s.Hi, func(r *Range) {
		if given(r, epoch, s) && r.State == yonder.RangeAccepted {
			b.step(r, yonder.EventStart)
		}
	}, nil)
}

// Result compares and sets: it returns the parts of the span whose result
// counts, now and for ever. A result counts if its attempt is the current one
// and was accepted, or if it is a late one of an earlier attempt and no agent
// has accepted a newer one yet.
func (b *Bundle) Result(s wire.Span) (counted []wire.Span) {
	b.each(s.Lo, s.Hi, func(r *Range) {
		waiting := r.State == yonder.RangeQueued || r.State == yonder.RangeOffered
		if late := s.Attempt < r.Attempt; late != waiting || s.Attempt < 1 || s.Attempt > r.Attempt {
			return
		}
		b.step(r, yonder.EventResult)
		counted = append(counted, cut(s, r.Lo, r.Hi))
	}, nil)
	return join(counted)
}

// Ended is what an operation without a result leaves to be told: tasks that
// are over, and why.
type Ended struct {
	Exhausted []wire.Span // lost, and no other attempt is allowed
	Cancelled []wire.Span
	Attempts  []Attempt // all that were spent by this, whatever follows
}

// Attempt is one that ended without a result, with what its tasks were doing
// until then.
type Attempt struct {
	wire.Span

	State yonder.State
	Since int64
}

// Lose ends an attempt without a result: its worker, manager or node is gone,
// or the agent stopped it because it was asked to. If no worker can have begun
// (started is false), no attempt is spent. Whether another one follows, and
// when, depends on the cause.
func (b *Bundle) Lose(epoch int64, s wire.Span, started bool, cause yonder.Code) Ended {
	var ended Ended
	b.each(s.Lo, s.Hi, func(r *Range) {
		if given(r, epoch, s) {
			b.lose(r, started, cause, &ended)
		}
	}, nil)
	return ended
}

func (b *Bundle) lose(r *Range, started bool, cause yonder.Code, ended *Ended) {
	if r.State == yonder.RangeOffered || !r.Cancel && !started && r.State == yonder.RangeAccepted {
		b.step(r, yonder.EventReturn)
		return
	}
	ended.Attempts = append(ended.Attempts, Attempt{Span: b.span(*r), State: r.State, Since: r.Since})
	switch {
	case r.Cancel:
		ended.Cancelled = append(ended.Cancelled, b.span(*r))
		b.step(r, yonder.EventCancelled)
	case r.Attempt >= b.MaxAttempts || !b.Retry.Retries(cause):
		ended.Exhausted = append(ended.Exhausted, b.span(*r))
		b.step(r, yonder.EventExhaust)
	default:
		b.step(r, yonder.EventLose)
		if wait := b.Retry.Wait(r.Attempt).Microseconds(); wait > 0 {
			r.NotBefore = b.Now + wait
		}
		r.Attempt++
	}
}

// Cancel ends the tasks of lo..hi that no agent has accepted, and marks the
// others. Stop names everything that an agent may have seen: offered spans
// are over already and only dropped there.
func (b *Bundle) Cancel(lo, hi int) (ended, marked, stop []wire.Span) {
	b.each(lo, hi, func(r *Range) {
		switch r.State {
		case yonder.RangeAccepted, yonder.RangeStarted:
			r.Cancel = true
			marked = append(marked, b.span(*r))
			stop = append(stop, b.span(*r))
		case yonder.RangeOffered:
			stop = append(stop, b.span(*r))
			fallthrough
		default:
			ended = append(ended, b.span(*r))
			b.step(r, yonder.EventCancel)
		}
	}, nil)
	return ended, marked, stop
}

// Expire ends all tasks of lo..hi; stop names those that an agent has seen.
func (b *Bundle) Expire(lo, hi int) (ended, stop []wire.Span) {
	b.each(lo, hi, func(r *Range) {
		if r.State != yonder.RangeQueued {
			stop = append(stop, b.span(*r))
		}
		ended = append(ended, b.span(*r))
		b.step(r, yonder.EventExpire)
	}, nil)
	return ended, stop
}

// Adopt moves what a new session's agent holds to its epoch, and returns the
// parts that the agent must drop. An offer that the agent had journalled and
// not yet heard back about is accepted by this.
func (b *Bundle) Adopt(epoch int64, h wire.Holding) (drop []wire.Span) {
	b.each(h.Lo, h.Hi, func(r *Range) {
		if r.State == yonder.RangeQueued || r.Attempt != h.Attempt || r.Grant != h.Grant {
			drop = append(drop, cut(h.Span, r.Lo, r.Hi))
			return
		}
		if r.State == yonder.RangeOffered {
			b.step(r, yonder.EventAccept)
		}
		if r.State == yonder.RangeAccepted && h.State == yonder.RangeStarted {
			b.step(r, yonder.EventStart)
		}
		r.Epoch = epoch
	}, func(lo, hi int) { drop = append(drop, cut(h.Span, lo, hi)) })
	return join(drop)
}

// Orphan ends what sessions older than epoch had and its agent does not hold:
// an offer returns, anything accepted may have started and is lost.
func (b *Bundle) Orphan(epoch int64) Ended {
	var ended Ended
	b.each(0, b.Tasks, func(r *Range) {
		if r.State != yonder.RangeQueued && r.Epoch < epoch {
			b.lose(r, true, yonder.CodeTaskLost, &ended)
		}
	}, nil)
	return ended
}

// Release returns the session's offers to the queue: it says goodbye.
func (b *Bundle) Release(epoch int64) {
	b.each(0, b.Tasks, func(r *Range) {
		if r.State == yonder.RangeOffered && r.Epoch == epoch {
			b.step(r, yonder.EventReturn)
		}
	}, nil)
}

// Remaining is the number of tasks that are not done.
func (b *Bundle) Remaining() int {
	n := 0
	for _, r := range b.Ranges {
		n += r.Hi - r.Lo
	}
	return n
}

// Check returns an error if the bundle breaks an invariant: it is called in
// tests and by the store before it writes.
func (b *Bundle) Check() error {
	next := 0
	for _, r := range b.Ranges {
		if r.Lo < next || r.Hi <= r.Lo || r.Hi > b.Tasks {
			return fmt.Errorf("bundle %s: range %d..%d out of place", b.ID, r.Lo, r.Hi)
		}
		if r.NotBefore != 0 && r.State != yonder.RangeQueued {
			return fmt.Errorf("bundle %s: range %d..%d is %s and rests", b.ID, r.Lo, r.Hi, r.State)
		}
		if r.Attempt < 1 || r.Attempt > max(b.MaxAttempts, 1) {
			return fmt.Errorf("bundle %s: attempt %d of %d", b.ID, r.Attempt, b.MaxAttempts)
		}
		if b.Done.CountIn(next, r.Lo) != r.Lo-next || b.Done.CountIn(r.Lo, r.Hi) != 0 {
			return fmt.Errorf("bundle %s: a task of %d..%d is both done and in a range, or neither", b.ID, next, r.Hi)
		}
		next = r.Hi
	}
	if b.Done.Count()+b.Remaining() != b.Tasks {
		return fmt.Errorf("bundle %s: %d done and %d in ranges of %d tasks", b.ID, b.Done.Count(), b.Remaining(), b.Tasks)
	}
	return nil
}

func (b *Bundle) span(r Range) wire.Span {
	return wire.Span{Bundle: b.ID, Attempt: r.Attempt, Lo: r.Lo, Hi: r.Hi, Grant: r.Grant}
}

// step moves the range along the state table. A step that the table does not
// have is a bug in this package and must not reach the store.
func (b *Bundle) step(r *Range, event yonder.Event) {
	next, err := yonder.RangeMachine.Next(r.State, event)
	if err != nil {
		panic(err)
	}
	r.State, r.Since, r.NotBefore = next, b.Now, 0
	if next == yonder.RangeQueued {
		r.Epoch, r.Grant, r.Cancel = 0, 0, false
	}
}

// each visits the parts of ranges that lie in lo..hi, splitting ranges at its
// ends, and the gaps of done tasks between them. Done parts leave the list.
// Only the ranges touched are looked at: a bundle may lie in thousands of pieces.
func (b *Bundle) each(lo, hi int, visit func(*Range), gap func(lo, hi int)) {
	first := sort.Search(len(b.Ranges), func(i int) bool { return b.Ranges[i].Hi > lo })
	end := first
	next := lo
	var out []Range
	for ; end < len(b.Ranges) && b.Ranges[end].Lo < hi; end++ {
		r := b.Ranges[end]
		before, inside, after := r, r, r
		before.Hi, after.Lo = max(r.Lo, lo), min(r.Hi, hi)
		inside.Lo, inside.Hi = before.Hi, after.Lo
		if gap != nil && inside.Lo > next {
			gap(next, inside.Lo)
		}
		next = inside.Hi
		visit(&inside)
		out = append(out, before, inside, after)
	}
	if gap != nil && next < hi {
		gap(next, hi)
	}
	b.replace(first, end, out)
}

// replace puts parts in the place of ranges, joined with each other and with
// their neighbours where they agree.
func (b *Bundle) replace(first, end int, parts []Range) {
	if first > 0 {
		first--
		parts = slices.Insert(parts, 0, b.Ranges[first])
	}
	if end < len(b.Ranges) {
		parts = append(parts, b.Ranges[end])
		end++
	}
	kept := parts[:0]
	for _, r := range parts {
		switch {
		case r.Lo >= r.Hi:
		case r.State == yonder.RangeDone:
			b.Done.Set(r.Lo, r.Hi)
		default:
			kept = append(kept, r)
		}
	}
	b.Ranges = slices.Replace(b.Ranges, first, end, merge(kept)...)
}

// merge joins neighbours that agree in everything.
func merge(ranges []Range) []Range {
	out := ranges[:0]
	for _, r := range ranges {
		if n := len(out); n > 0 && out[n-1].Hi == r.Lo {
			last := out[n-1]
			last.Lo, last.Hi = r.Lo, r.Hi
			if last == r {
				out[n-1].Hi = r.Hi
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// given says whether the session has the range by the very offer that the
// span speaks of. A message about an earlier offer is old news.
func given(r *Range, epoch int64, s wire.Span) bool {
	return r.State != yonder.RangeQueued && r.Epoch == epoch && r.Attempt == s.Attempt && r.Grant == s.Grant
}

func cut(s wire.Span, lo, hi int) wire.Span {
	s.Lo, s.Hi = lo, hi
	return s
}

// join merges neighbouring spans.
func join(spans []wire.Span) []wire.Span {
	var out []wire.Span
	for _, s := range spans {
		if n := len(out); n > 0 && out[n-1].Hi == s.Lo && out[n-1].Attempt == s.Attempt && out[n-1].Grant == s.Grant {
			out[n-1].Hi = s.Hi
			continue
		}
		out = append(out, s)
	}
	return out
}
