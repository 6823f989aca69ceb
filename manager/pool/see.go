package pool

import (
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Seen is where a task is in the pool, for people who wait for it.
type Seen struct {
	Key      Key
	Waits    bool   // else a worker has it
	Worker   string // that has it, or that is being started for its key
	Stopping bool   // the worker was told to end
	Next     int    // first task of its worker's run that was not reported
	Siblings int    // tasks that its worker has with it
	Run      int64  // of the worker
	Since    time.Time
	Ahead    int // tasks that get a worker before it
	Failures int // workers in a row of its key that did not start
}

// See looks for a task; it is false if the pool does not have it.
func (p *Pool) See(span wire.Span) (Seen, bool) {
	for _, w := range p.workers {
		if r := w.run; r != nil && same(r.job, span) && r.left().Has(span.Lo) {
			return Seen{
				Key: w.key, Worker: w.id, Stopping: w.state == yonder.WorkerKilling, Next: r.next, Siblings: r.left().Len() - 1,
				Run: r.id, Since: r.heard,
			}, true
		}
	}
	ahead := 0
	for _, j := range p.queue {
		if same(j, span) && j.waiting.Has(span.Lo) {
			for _, r := range j.waiting {
				ahead += max(min(r.Hi, span.Lo)-r.Lo, 0)
			}
			return Seen{
				Key: j.Key, Waits: true, Worker: p.starting(j.Key), Since: j.added, Ahead: ahead, Failures: p.key(j.Key).starts.Failures(),
			}, true
		}
		ahead += j.waiting.Len()
	}
	return Seen{}, false
}

func same(j *job, s wire.Span) bool { return j.Span.Bundle == s.Bundle && j.Span.Attempt == s.Attempt }

// starting is a worker of the key that was forked and has not said hello.
func (p *Pool) starting(key Key) string {
	if p.keys[key] == nil || p.keys[key].starting == 0 {
		return ""
	}
	for _, w := range p.inOrder() {
		if w.key == key && w.state == yonder.WorkerForking {
			return w.id
		}
	}
	return ""
}
