package pool

import "time"

const (
	// A slice takes about this long at most, so that slots stay balanced and
	// a cancel or a crash concerns few neighbours.
	sliceAtMost = 100 * time.Millisecond
	// What takes less than this is not worth another message.
	sliceAtLeast = 2 * time.Millisecond
	// keptSpeeds bounds what is remembered about functions.
	keptSpeeds = 4096
	// fastest is what a call takes at least: a clock may show none at all.
	fastest = 20 * time.Nanosecond
	// trusted is from how many tasks on a slice tells a function's speed by
	// itself: one that took a while to begin is soon taken for what it is.
	trusted = 64
	// ahead is how many jobs of the queue are looked at for what else waits.
	ahead = 16
)

// speed is what is known of a function.
type speed struct {
	mean   time.Duration // of a task
	prints bool          // it has written to stdout or stderr
}

type speeds map[string]*speed

// learn takes a finished slice into account. Slower than thought counts at
// once, faster slowly: a slice that is too long hurts more.
func (s speeds) learn(function string, tasks int, took time.Duration, printed bool) {
	if tasks == 0 {
		return
	}
	mean := max(took/time.Duration(tasks), fastest)
	known := s[function]
	if known == nil {
		if len(s) >= keptSpeeds {
			clear(s)
		}
		s[function] = &speed{mean: mean, prints: printed}
		return
	}
	step := (known.mean - mean) / 4
	if tasks >= trusted {
		step *= 3
	}
	known.mean = max(mean, known.mean-step)
	known.prints = known.prints || printed
}

// slice is how many of a job's tasks one worker is given. Nothing is known of
// a new function, so its first tasks go one by one. The same holds for an
// attempt that follows a loss, because one of its tasks may end its worker and
// take its neighbours' results along, and for single calls that print, because
// output is told apart by message.
func (p *Pool) slice(j *job) int {
	known := p.speeds[j.Function]
	if known == nil || j.Span.Attempt > 1 || known.prints && !j.Chunk {
		return 1
	}
	balanced := p.similar(j) / (2 * p.cfg.Slots)
	n := min(max(balanced, int(sliceAtLeast/known.mean)), int(sliceAtMost/known.mean))
	if j.MaxSlice > 0 {
		n = min(n, j.MaxSlice)
	}
	return max(n, 1)
}

// similar is how many tasks of the job's function wait, as far as the next jobs
// tell: where many chunks wait, slots are balanced without cutting each up.
func (p *Pool) similar(j *job) int {
	tasks := 0
	for _, other := range p.queue[:min(len(p.queue), ahead)] {
		if other.Function == j.Function && other.Key == j.Key {
			tasks += other.waiting.Len()
		}
	}
	return max(tasks, j.waiting.Len())
}

// demand is how many workers a job can make use of now.
func (p *Pool) demand(j *job) int {
	tasks := j.waiting.Len()
	if known := p.speeds[j.Function]; known != nil {
		tasks = min(tasks, int(time.Duration(tasks)*known.mean/sliceAtMost)+1)
	}
	return min(tasks, p.cfg.Slots)
}
