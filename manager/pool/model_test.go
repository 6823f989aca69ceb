package pool

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/ranges"
	"github.com/yonder-run/yonder/wire"
)

// model is a node whose workers do anything that processes can do. It checks
// that every task ends exactly once, that no worker ever serves two keys and
// that slots are respected.
type model struct {
	t       *rapid.T
	pool    *Pool
	now     time.Time
	slots   int
	workers map[string]*modelWorker
	jobs    map[JobID]*modelJob
	closed  bool
}

type modelWorker struct {
	key   Key
	hello bool
	ended bool // was asked or made to end
	run   *Run
	next  int // first task without a result
	at    int // task it has begun, -1 before the first
}

type modelJob struct {
	Job
	ended    map[int]bool // reported or ended
	released bool
}

const modelKeys = 3

func (m *model) act(actions []Action) {
	for _, action := range actions {
		switch a := action.(type) {
		case Fork:
			require.NotContains(m.t, m.workers, a.Worker)
			require.False(m.t, m.closed)
			m.workers[a.Worker] = &modelWorker{key: a.Key, at: -1}
		case Run:
			m.start(a)
		case Take:
			m.take(a)
		case Signal:
			require.Contains(m.t, m.workers, a.Worker)
			m.workers[a.Worker].ended = true
		case End:
			for i := a.Lo; i < a.Hi; i++ {
				m.end(a.Job, i)
			}
		case Look:
			if w := m.workers[a.Worker]; w.run != nil && w.at >= 0 {
				m.act(m.pool.At(m.now, a.Worker, w.run.Run, w.at))
			}
		case Release:
			m.release(a.Job)
		case Retire:
			for _, w := range m.workers {
				require.NotEqual(m.t, a.Key, w.key, "a key with workers was retired")
			}
		}
	}
}

func (m *model) start(a Run) {
	w, j := m.workers[a.Worker], m.jobs[a.Job]
	require.True(m.t, w.hello && !w.ended && w.run == nil, "the worker cannot take a run")
	require.Equal(m.t, j.Key, w.key, "identities or environments were mixed")
	require.Less(m.t, a.Lo, a.Hi)
	if j.MaxSlice > 0 {
		require.LessOrEqual(m.t, a.Hi-a.Lo, j.MaxSlice)
	}
	for i := a.Lo; i < a.Hi; i++ {
		require.False(m.t, j.ended[i], "task %d runs after it ended", i)
		for _, other := range m.workers {
			busy := other.run != nil && other.run.Job == a.Job && i >= other.next && i < other.run.Hi
			require.False(m.t, busy, "task %d runs twice at the same time", i)
		}
	}
	w.run, w.next, w.at = &a, a.Lo, -1
}

// take leaves a worker what it has begun, and maybe more: it claims in blocks.
func (m *model) take(a Take) {
	w := m.workers[a.Worker]
	require.Equal(m.t, a.Run, w.run.Run)
	w.run.Hi = rapid.IntRange(max(w.next, w.at+1), w.run.Hi).Draw(m.t, "keeps up to")
	m.act(m.pool.Took(m.now, a.Worker, a.Run, w.run.Hi))
}

func (m *model) end(id JobID, i int) {
	j := m.jobs[id]
	require.False(m.t, j.released)
	require.False(m.t, j.ended[i], "task %d of job %d ended twice", i, id)
	require.True(m.t, j.Span.Lo <= i && i < j.Span.Hi)
	j.ended[i] = true
}

func (m *model) release(id JobID) {
	j := m.jobs[id]
	require.False(m.t, j.released)
	require.Len(m.t, j.ended, j.Span.Tasks(), "a job was let go before its last task ended")
	j.released = true
}

func (m *model) any(fits func(*modelWorker) bool) (string, *modelWorker) {
	var ids []string
	for id, w := range m.workers {
		if fits(w) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return "", nil
	}
	slices.Sort(ids)
	id := rapid.SampledFrom(ids).Draw(m.t, "worker")
	return id, m.workers[id]
}

func (m *model) add(t *rapid.T) {
	if m.closed {
		return
	}
	lo := rapid.IntRange(0, 3).Draw(t, "lo")
	spec := Job{
		Span: wire.Span{
			Bundle: yonder.ID{byte(len(m.jobs))}, Attempt: rapid.IntRange(1, 2).Draw(t, "attempt"),
			Lo: lo, Hi: lo + rapid.IntRange(1, 40).Draw(t, "tasks"),
		},
		Key:      Key{Identity: yonder.ID{byte(rapid.IntRange(1, modelKeys).Draw(t, "key"))}},
		Function: rapid.SampledFrom([]string{"f", "g"}).Draw(t, "function"),
		Chunk:    rapid.Bool().Draw(t, "chunk"),
		Priority: rapid.IntRange(0, 1).Draw(t, "priority"),
		Walltime: rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "walltime"),
		MaxSlice: rapid.SampledFrom([]int{0, 3}).Draw(t, "max slice"),
	}
	// The pool numbers jobs in the order they come.
	id := JobID(len(m.jobs) + 1)
	m.jobs[id] = &modelJob{Job: spec, ended: map[int]bool{}}
	got, actions := m.pool.Add(m.now, spec)
	require.Equal(t, id, got)
	m.act(actions)
}

func (m *model) hello(*rapid.T) {
	if id, w := m.any(func(w *modelWorker) bool { return !w.hello }); w != nil {
		w.hello = true
		m.act(m.pool.Hello(m.now, id))
	}
}

// report sends outcomes of some tasks, or of all that are left.
func (m *model) report(t *rapid.T) {
	id, w := m.any(func(w *modelWorker) bool { return w.run != nil })
	if w == nil {
		return
	}
	hi := rapid.IntRange(w.next, w.run.Hi).Draw(t, "up to")
	m.reportTo(id, w, hi, hi == w.run.Hi && rapid.Bool().Draw(t, "last"))
}

func (m *model) reportTo(id string, w *modelWorker, hi int, last bool) {
	report := Ran{Worker: id, Run: w.run.Run, Lo: w.next, Hi: hi, Last: last, Took: time.Duration(hi-w.next) * time.Millisecond}
	for i := w.next; i < hi; i++ {
		m.end(w.run.Job, i)
	}
	w.next, w.at = hi, max(w.at, hi-1)
	if last {
		w.run = nil
	}
	ok, actions := m.pool.Ran(m.now, report)
	require.True(m.t, ok)
	m.act(actions)
}

func (m *model) nonsense(t *rapid.T) {
	if id, w := m.any(func(w *modelWorker) bool { return w.hello }); w != nil {
		ok, actions := m.pool.Ran(m.now, Ran{Worker: id, Run: rapid.Int64Range(1e6, 1e7).Draw(t, "run")})
		require.False(t, ok)
		m.act(actions)
		require.True(t, w.ended, "a worker that lies must go")
	}
}

func (m *model) exit(t *rapid.T) {
	id, w := m.any(func(w *modelWorker) bool { return w.ended || rapid.IntRange(0, 3).Draw(t, "crash") == 0 })
	if w == nil {
		return
	}
	exit := Exit{Worker: id, Message: "gone"}
	if w.run != nil && rapid.Bool().Draw(t, "begun") {
		exit.Run, exit.Index = w.run.Run, rapid.IntRange(w.next, w.run.Hi).Draw(t, "index")
	}
	m.exitOf(exit)
}

func (m *model) exitOf(exit Exit) {
	delete(m.workers, exit.Worker)
	m.act(m.pool.Exited(m.now, exit))
}

func (m *model) cancel(t *rapid.T) {
	if len(m.jobs) == 0 {
		return
	}
	j := m.jobs[JobID(rapid.IntRange(1, len(m.jobs)).Draw(t, "job"))]
	span := j.Span
	span.Lo = rapid.IntRange(span.Lo, span.Hi).Draw(t, "lo")
	m.act(m.pool.Cancel(m.now, span))
	for _, held := range m.pool.Holdings() {
		over := ranges.Range{Lo: held.Lo, Hi: held.Hi}.And(ranges.Range{Lo: span.Lo, Hi: span.Hi})
		waits := held.Bundle == span.Bundle && held.Attempt == span.Attempt && held.State == yonder.RangeAccepted
		require.False(t, waits && over.Len() > 0, "a cancelled task still waits")
	}
}

func (m *model) tick(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
	m.act(m.pool.Tick(m.now))
}

func (m *model) close(t *rapid.T) {
	if rapid.IntRange(0, 20).Draw(t, "close") == 0 {
		m.closed = true
		m.act(m.pool.Close(m.now))
	}
}

func (m *model) check(t *rapid.T) {
	require.LessOrEqual(t, len(m.workers), m.slots)
	require.Equal(t, len(m.workers), m.pool.Workers())
	m.held(t)
	m.filed(t)
	if m.closed {
		return
	}
	for _, w := range m.pool.late {
		require.True(t, m.pool.spare() <= 0 || m.pool.key(w.key).waiting > 0, "worker %s keeps what an idle one could begin", w.id)
	}
	// Nothing waits beside a free slot or an idle worker of its key.
	for _, j := range m.pool.queue {
		require.NotEmpty(t, j.waiting)
		require.Empty(t, m.pool.key(j.Key).idle, "a worker of its key is idle while a task waits")
		require.True(t, len(m.workers) == m.slots || m.pool.key(j.Key).workers > 0, "a slot is free while a key waits for its first worker")
	}
}

// filed compares what the pool has noted of its workers with what they are.
func (m *model) filed(t *rapid.T) {
	p := m.pool
	states, starting, idle, running := map[yonder.State]int{}, map[Key]int{}, map[Key]int{}, 0
	due := 0
	for _, w := range p.workers {
		states[w.state]++
		switch w.state {
		case yonder.WorkerForking:
			starting[w.key]++
		case yonder.WorkerIdle:
			idle[w.key]++
		default:
		}
		if w.run != nil {
			running++
		}
		if at, limited := p.due(w); limited {
			due++
			require.Equal(t, w, p.times[w.place])
			require.Equal(t, at, w.at, "worker %s", w.id)
			require.False(t, at.Before(p.times[0].at))
		}
	}
	for state, n := range p.states {
		require.Equal(t, states[state], n, state)
	}
	for key, k := range p.keys {
		require.Equal(t, starting[key], k.starting)
		require.Len(t, k.idle, idle[key])
		require.True(t, slices.IsSortedFunc(k.idle, oldest))
	}
	require.Equal(t, wire.Beat{Workers: len(p.workers), Busy: running, Free: p.cfg.Slots - running}, p.Status())
	require.Len(t, p.times, due)
}

// held compares what the pool says it has with what has not ended.
func (m *model) held(t *rapid.T) {
	holdings := m.pool.Holdings()
	for id, j := range m.jobs {
		var s ranges.Set
		for _, h := range holdings {
			if h.Bundle == j.Span.Bundle && h.Attempt == j.Span.Attempt {
				s.Add(ranges.Range{Lo: h.Lo, Hi: h.Hi})
			}
		}
		for i := j.Span.Lo; i < j.Span.Hi; i++ {
			require.Equal(t, !j.ended[i], s.Has(i), "task %d of job %d", i, id)
		}
		require.Equal(t, len(j.ended) == j.Span.Tasks(), j.released, "job %d", id)
	}
}

// drain lets every worker do its work to the end.
func (m *model) drain() {
	for range 100_000 {
		if len(m.pool.jobs) == 0 {
			return
		}
		id, w := m.any(func(*modelWorker) bool { return true })
		switch {
		case w == nil:
			m.now = m.now.Add(time.Second)
			m.act(m.pool.Tick(m.now))
		case w.ended:
			exit := Exit{Worker: id, Message: "ended", Short: rapid.Bool().Draw(m.t, "short")}
			if w.run != nil {
				exit.Run, exit.Index = w.run.Run, w.next
			}
			m.exitOf(exit)
		case !w.hello:
			w.hello = true
			m.act(m.pool.Hello(m.now, id))
		case w.run != nil:
			m.reportTo(id, w, w.run.Hi, true)
		default:
			m.now = m.now.Add(100 * time.Millisecond)
			m.act(m.pool.Tick(m.now))
		}
	}
	require.Fail(m.t, "tasks are stuck", "%+v", m.pool.Holdings())
}

func TestEveryTaskEndsOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 4).Draw(t, "slots")
		m := &model{
			t: t, slots: slots, now: time.Unix(1e9, 0), workers: map[string]*modelWorker{}, jobs: map[JobID]*modelJob{},
			pool: New(Config{Slots: slots, Grace: 5 * time.Second, StartTimeout: time.Minute, IdleAfter: time.Minute, Breaker: starts}),
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": m.add, "hello": m.hello, "report": m.report, "nonsense": m.nonsense, "exit": m.exit,
			"cancel": m.cancel, "tick": m.tick, "close": m.close, "": m.check,
		})
		m.drain()
		m.held(t)
		require.Empty(t, m.pool.queue)
	})
}
