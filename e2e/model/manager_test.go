package model_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// manager keeps tasks over its agents' lives. What it does is what package
// manager does: see its desk and outbox.
type manager struct {
	w     *world
	site  *site
	id    string
	life  int    // a new process has another name
	dead  bool   // and the next one is not there yet
	seen  int64  // newest epoch it was welcomed by
	agent *agent // nil while it is not connected

	waiting map[int]int // task → attempt
	running map[int]int
	stopped map[int]bool // running, and told to stop
	held    map[[2]int]bool
	outbox  []wire.Done
}

func (m *manager) name() string { return fmt.Sprintf("%s%d", m.id, m.life) }

func (m *manager) revive() {
	m.life++
	m.dead, m.agent, m.outbox = false, nil, nil
	m.waiting, m.running, m.stopped = map[int]int{}, map[int]int{}, map[int]bool{}
	m.held = map[[2]int]bool{}
}

func (m *manager) span(i, attempt int) wire.Span {
	return wire.Span{Bundle: m.w.bundle.ID, Attempt: attempt, Lo: i, Hi: i + 1}
}

// act is the manager doing one of its own things.
func (m *manager) act() {
	if m.dead {
		if m.w.rng.IntN(4) == 0 {
			m.revive()
		}
		return
	}
	if m.agent != nil && (!m.agent.alive || m.agent.fenced) {
		m.disconnect() // its process has ended
	}
	n := m.w.rng.IntN(10)
	if m.agent == nil && (n == 0 || m.w.healed) { // a partition may be long
		m.connect()
		return
	}
	switch {
	case m.w.chance(12):
		m.giveBack()
	case n < 4:
		m.begin()
	case n < 8:
		m.end()
	default:
		m.deliver()
	}
}

// connect finds the newest agent of the site that listens, by its rendezvous
// file, and compares with it.
func (m *manager) connect() {
	var newest *agent
	for _, a := range m.w.agents {
		if a.usable() && slices.Contains(a.site.managers, m) && a.epoch >= m.seen && (newest == nil || a.epoch > newest.epoch) {
			newest = a
		}
	}
	if newest == nil {
		return
	}
	m.agent, m.seen = newest, newest.epoch
	drop, fx := newest.ledger.Returned(m.name(), m.holdings())
	m.w.logf("%s connects to epoch %d holding %v, drops %v", m.name(), newest.epoch, m.holdings(), drop)
	m.stop(drop)
	newest.apply(fx)
	if newest.draining {
		m.giveBack()
	}
}

func (m *manager) holdings() []wire.Holding {
	var all []wire.Holding
	for _, key := range slices.SortedFunc(maps.Keys(m.held), func(a, b [2]int) int { return slices.Compare(a[:], b[:]) }) {
		h := wire.Holding{Span: m.span(key[0], key[1]), State: yonder.RangeStarted}
		if m.waiting[key[0]] == key[1] {
			h.State = yonder.RangeAccepted
		}
		all = append(all, h)
	}
	return all
}

func (m *manager) disconnect() { m.agent = nil }

// die loses everything that was on the node.
func (m *manager) die() {
	if m.dead {
		return
	}
	m.w.logf("%s dies", m.name())
	m.revive()
	m.life--
	m.dead = true
}

// take ignores what is here already.
func (m *manager) take(spans []wire.Span) {
	each(spans, func(i, attempt int) {
		if !m.held[[2]int{i, attempt}] {
			m.held[[2]int{i, attempt}] = true
			m.waiting[i] = attempt
		}
	})
	m.w.logf("%s takes %v", m.name(), spans)
}

// first is the lowest of the tasks.
func first(tasks map[int]int) (task, attempt int, some bool) {
	for i, n := range tasks {
		if !some || i < task {
			task, attempt, some = i, n, true
		}
	}
	return task, attempt, some
}

func (m *manager) begin() {
	i, attempt, some := first(m.waiting)
	if !some {
		return
	}
	delete(m.waiting, i)
	m.running[i] = attempt
	m.w.began(i, attempt)
	if m.agent != nil && m.agent.usable() {
		m.agent.apply(m.agent.ledger.Begun([]wire.Span{m.span(i, attempt)}))
	}
}

// end is a task that finishes, fails with its worker, or is stopped.
func (m *manager) end() {
	i, attempt, some := first(m.running)
	if !some {
		return
	}
	s := m.span(i, attempt)
	switch {
	case m.stopped[i] && m.w.rng.IntN(2) == 0:
		m.outbox = append(m.outbox, wire.Done{Cancelled: []wire.Stopped{{Span: s, How: wire.StoppedTerminated}}})
	case m.w.chance(5):
		m.outbox = append(m.outbox, wire.Done{Lost: []wire.Loss{{Span: s, Started: true}}})
	default:
		m.outbox = append(m.outbox, wire.Done{Results: []wire.Entry{
			{Bundle: s.Bundle, Attempt: attempt, Lo: i, Hi: i + 1, Outcome: wire.OutcomeOK},
		}})
	}
	delete(m.running, i)
	delete(m.stopped, i)
}

// giveBack returns what was not begun: the manager is to end, or has no
// interpreter for it.
func (m *manager) giveBack() {
	for _, i := range slices.Sorted(maps.Keys(m.waiting)) {
		s := m.span(i, m.waiting[i])
		delete(m.waiting, i)
		m.outbox = append(m.outbox, wire.Done{Lost: []wire.Loss{{Span: s}}})
	}
}

// stop ends what waits at once, and what runs a little later.
func (m *manager) stop(spans []wire.Span) {
	each(spans, func(i, attempt int) {
		switch attempt {
		case m.waiting[i]:
			delete(m.waiting, i)
			m.outbox = append(m.outbox, wire.Done{Cancelled: []wire.Stopped{{Span: m.span(i, attempt), How: wire.StoppedWaiting}}})
		case m.running[i]:
			m.stopped[i] = true
		}
	})
}

// deliver hands the oldest message to the agent, which journals it; the
// acknowledgement may be lost with the connection.
func (m *manager) deliver() {
	if m.agent == nil || len(m.outbox) == 0 || !m.agent.usable() {
		return
	}
	a, done := m.agent, m.outbox[0]
	finished, columns := a.ledger.Sift(m.name(), done, make([][]byte, len(done.Results)))
	a.apply(a.ledger.Done(finished, make([]int, len(columns)), a.journal.append(finished)))
	if m.w.chance(8) {
		m.disconnect()
		return
	}
	m.outbox = m.outbox[1:]
	each(spansOf(done), func(i, attempt int) { delete(m.held, [2]int{i, attempt}) })
}

func spansOf(done wire.Done) (spans []wire.Span) {
	for _, e := range done.Results {
		spans = append(spans, wire.Span{Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi})
	}
	for _, l := range done.Lost {
		spans = append(spans, l.Span)
	}
	for _, s := range done.Cancelled {
		spans = append(spans, s.Span)
	}
	return spans
}
