package lease_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/lease"
	"github.com/yonder-run/yonder/wire"
)

// The model: a service whose replicas apply operations of this package in
// transactions, agents that may be killed, doubled or cut off, a manager per
// site that outlives its agents, and a network that loses, repeats and
// reorders every message. The rules of the agents are those of
// docs/protocol.md, "Life of a span".

const (
	modelTasks  = 6
	modelRuns   = 3000
	modelSteps  = 120
	healedSteps = 4000
)

type message struct {
	to   string // "service" or "agent"
	op   string
	from *agent
	// epoch the message was sent under, or offers were made for
	epoch int64
	spans []wire.Span
	held  []wire.Holding
}

// site is what survives an agent: its journal and its manager.
type site struct {
	journal map[int]entry // by task
	running map[int]int   // task -> attempt, on the manager
	ran     map[int]int   // task -> highest attempt that the manager ever began
}

type entry struct {
	by      *agent // that accepted it
	grant   int64  // epoch of the offer
	attempt int
	state   string // journalled, dispatched, finished
}

type agent struct {
	site    *site
	epoch   int64
	alive   bool
	fenced  bool
	settled bool // its reconcile was answered; later answers are ignored
	locked  bool // it holds the journal's lock: earlier holders are dead
	// held is what this process read from the journal when it started, with
	// its own records since; a twin's records are not seen.
	held map[int]entry
	// cleared are accepts that the service has confirmed to this process.
	cleared map[int]int
}

// write appends to the journal, remove too.
func (a *agent) write(i int, e entry) {
	a.held[i], a.site.journal[i] = e, e
}

func (a *agent) remove(i int) {
	delete(a.held, i)
	delete(a.site.journal, i)
}

type model struct {
	t       *testing.T
	rng     *rand.Rand
	bundle  *lease.Bundle
	epoch   int64  // newest granted
	live    bool   // reconciled
	owner   *agent // instance of the newest session
	net     []message
	agents  []*agent
	sites   []*site
	healed  bool
	results map[int]int
	begun   map[[2]int]int // (task, attempt) -> times a worker began
	trace   []string
}

func TestNoInterleavingBreaksAPromise(t *testing.T) {
	t.Parallel()
	for seed := range uint64(modelRuns) {
		m := newModel(t, seed)
		for range modelSteps {
			m.step()
		}
		m.heal()
		m.finish(seed)
	}
}

func newModel(t *testing.T, seed uint64) *model {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	m := &model{
		t: t, rng: rng, results: map[int]int{}, begun: map[[2]int]int{},
		bundle: lease.New(yonder.NewBundleID(), modelTasks, 1+rng.IntN(3), 0),
	}
	m.spawn(m.newSite(), true)
	return m
}

func (m *model) newSite() *site {
	s := &site{journal: map[int]entry{}, running: map[int]int{}, ran: map[int]int{}}
	m.sites = append(m.sites, s)
	return s
}

// spawn starts an agent process: it asks for a session at once.
func (m *model) spawn(s *site, locked bool) {
	a := &agent{site: s, alive: true, locked: locked, held: maps.Clone(s.journal), cleared: map[int]int{}}
	m.agents = append(m.agents, a)
	m.send(message{to: "service", op: "open", from: a})
}

func (m *model) logf(format string, args ...any) {
	m.trace = append(m.trace, fmt.Sprintf(format, args...))
}

func (m *model) send(msg message) {
	if !m.healed && m.rng.IntN(8) == 0 {
		return // lost
	}
	m.net = append(m.net, msg)
	if !m.healed && m.rng.IntN(8) == 0 {
		m.net = append(m.net, msg) // repeated
	}
}

// step does one random thing.
func (m *model) step() {
	switch n := m.rng.IntN(100); {
	case n < 45:
		m.deliver()
	case n < 60:
		m.offer()
	case n < 80:
		m.work()
	case n < 90:
		m.retry()
	case m.healed:
	case n < 93:
		m.kill()
	case n < 95:
		m.twin()
	case n < 97:
		m.loseManager()
	case n < 98 && m.rng.IntN(4) == 0:
		m.cancel()
	}
	require.NoError(m.t, m.bundle.Check())
}

func (m *model) deliver() {
	if len(m.net) == 0 {
		return
	}
	i := m.rng.IntN(len(m.net))
	msg := m.net[i]
	m.net = append(m.net[:i], m.net[i+1:]...)
	if msg.to == "service" {
		m.serve(msg)
	} else if msg.from.alive {
		m.hear(msg)
	}
}

// offer is any replica claiming; its hint may be lost like every message.
func (m *model) offer() {
	if !m.live {
		return
	}
	lo := m.rng.IntN(modelTasks)
	hi := lo + 1 + m.rng.IntN(modelTasks-lo)
	m.bundle.Offer(m.epoch, lo, hi)
	var spans []wire.Span // new offers, and old ones that nobody answered
	for _, r := range m.bundle.Ranges {
		if r.State == yonder.RangeOffered && r.Epoch == m.epoch {
			spans = append(spans, wire.Span{Attempt: r.Attempt, Lo: r.Lo, Hi: r.Hi})
		}
	}
	for _, a := range m.agents {
		if a.epoch == m.epoch && len(spans) > 0 {
			m.send(message{to: "agent", op: "offer", from: a, epoch: m.epoch, spans: spans})
		}
	}
}

// serve is one request handled in one transaction by any replica.
func (m *model) serve(msg message) {
	if msg.op == "open" {
		m.open(msg.from)
		return
	}
	if msg.epoch != m.epoch {
		m.send(message{to: "agent", op: "fenced", from: msg.from, epoch: msg.epoch})
		return
	}
	answer := message{to: "agent", op: msg.op + "ed", from: msg.from, epoch: msg.epoch}
	switch msg.op {
	case "reconcile":
		for _, h := range msg.held {
			answer.spans = append(answer.spans, m.bundle.Adopt(m.epoch, h)...)
		}
		m.end(m.bundle.Orphan(m.epoch))
		m.live = true
		answer.held = msg.held
	case "accept":
		for _, s := range msg.spans {
			answer.spans = append(answer.spans, m.bundle.Accept(m.epoch, s)...)
		}
		answer.held = holdings(msg.spans)
	case "report":
		for _, s := range msg.spans {
			for _, c := range m.bundle.Result(s) {
				m.count(c)
			}
		}
		answer.spans = msg.spans
	case "lost":
		for _, s := range msg.spans {
			m.end(m.bundle.Lose(m.epoch, s, true))
		}
	}
	m.logf("%s epoch %d %v -> %+v", msg.op, msg.epoch, msg.spans, m.bundle.Ranges)
	m.send(answer)
}

// open grants an epoch. A dead process's request dies with its connection.
func (m *model) open(a *agent) {
	if !a.alive {
		return
	}
	if m.owner != a {
		m.owner = a
		m.epoch++
		m.live = false
		m.logf("open epoch %d", m.epoch)
	}
	m.send(message{to: "agent", op: "opened", from: a, epoch: m.epoch})
}

func (m *model) count(s wire.Span) {
	for i := s.Lo; i < s.Hi; i++ {
		m.results[i]++
		require.Equal(m.t, 1, m.results[i], "task %d has two results\n%v", i, m.trace)
	}
}

func (m *model) end(e lease.Ended) {
	for _, s := range append(e.Exhausted, e.Cancelled...) {
		m.count(s)
	}
}

// hear is an agent handling a message.
func (m *model) hear(msg message) {
	a := msg.from
	if msg.op == "opened" && msg.epoch > a.epoch && !a.fenced {
		a.epoch = msg.epoch
		a.cleared, a.settled = map[int]int{}, false
		m.reconcile(a)
		return
	}
	if msg.epoch != a.epoch || a.fenced {
		return
	}
	switch msg.op {
	case "fenced":
		a.fenced = true
	case "offer":
		if a.settled {
			m.accept(a, msg.spans)
		}
	case "accepted":
		refused := map[int]bool{}
		each(msg.spans, func(i, _ int) { refused[i] = true })
		for _, h := range msg.held {
			for i := h.Lo; i < h.Hi; i++ {
				m.confirm(a, i, h.Attempt, refused[i])
			}
		}
	case "reconcileed":
		if a.settled {
			return
		}
		a.settled = true
		each(msg.spans, func(i, attempt int) { m.drop(a, i, attempt) })
		for _, h := range msg.held {
			if e, ok := a.held[h.Lo]; ok && e.attempt == h.Attempt && e.state == "journalled" {
				a.cleared[h.Lo] = e.attempt
			}
		}
	case "reported":
		each(msg.spans, func(i, attempt int) {
			if e := a.held[i]; e.attempt == attempt && e.state == "finished" {
				a.remove(i)
			}
		})
	}
}

func (m *model) accept(a *agent, spans []wire.Span) {
	var fresh []wire.Span
	each(spans, func(i, attempt int) {
		if e, ok := a.held[i]; !ok {
			a.write(i, entry{by: a, grant: a.epoch, attempt: attempt, state: "journalled"})
		} else if e.attempt != attempt || e.state != "journalled" {
			return
		}
		fresh = append(fresh, wire.Span{Attempt: attempt, Lo: i, Hi: i + 1})
	})
	if len(fresh) > 0 {
		m.send(message{to: "service", op: "accept", from: a, epoch: a.epoch, spans: fresh})
	}
}

func (m *model) confirm(a *agent, i, attempt int, refused bool) {
	if refused {
		m.drop(a, i, attempt)
		return
	}
	if e := a.held[i]; e.attempt == attempt && e.state == "journalled" {
		a.cleared[i] = attempt
	}
}

// drop forgets a span that never started, and stops one that did.
func (m *model) drop(a *agent, i, attempt int) {
	if e := a.held[i]; e.attempt == attempt {
		a.remove(i)
		delete(a.site.running, i)
	}
}

// reconcile reports the journal, but does not vouch for what was never
// dispatched unless the instance that accepted it is certainly dead.
func (m *model) reconcile(a *agent) {
	var held []wire.Holding
	for _, i := range slices.Sorted(maps.Keys(a.held)) {
		e := a.held[i]
		state := yonder.RangeStarted
		if e.state == "journalled" {
			if e.by != a && (!a.locked || !e.by.locked) {
				a.remove(i)
				continue
			}
			state = yonder.RangeAccepted
		}
		held = append(held, wire.Holding{Span: wire.Span{Attempt: e.attempt, Lo: i, Hi: i + 1}, State: state, Grant: e.grant})
	}
	m.send(message{to: "service", op: "reconcile", from: a, epoch: a.epoch, held: held})
}

// work is a dispatch, or a task that finishes on a manager.
func (m *model) work() {
	a := m.agents[m.rng.IntN(len(m.agents))]
	i := m.rng.IntN(modelTasks)
	e, ok := a.held[i]
	if !ok || !a.alive || a.fenced || a.epoch < m.siteEpoch(a.site) {
		return // the manager obeys a newer agent
	}
	if attempt, runs := a.site.running[i]; runs {
		delete(a.site.running, i) // finished, or stopped as unknown to its agent
		if e.attempt == attempt && e.state == "dispatched" {
			a.write(i, entry{e.by, e.grant, attempt, "finished"})
			m.report(a, i)
		}
		return
	}
	if a.cleared[i] != e.attempt || e.state != "journalled" {
		return
	}
	e.state = "dispatched"
	a.write(i, e)
	if a.site.ran[i] >= e.attempt {
		return // the manager has had it already
	}
	a.site.ran[i] = e.attempt
	a.site.running[i] = e.attempt
	m.begun[[2]int{i, e.attempt}]++
	m.logf("begin task %d attempt %d under epoch %d", i, e.attempt, a.epoch)
	require.Equal(m.t, 1, m.begun[[2]int{i, e.attempt}], "task %d attempt %d began twice\n%v", i, e.attempt, m.trace)
}

// siteEpoch is the highest epoch that the site's manager has seen.
func (m *model) siteEpoch(s *site) int64 {
	var top int64
	for _, a := range m.agents {
		if a.site == s {
			top = max(top, a.epoch)
		}
	}
	return top
}

func (m *model) report(a *agent, i int) {
	e := a.held[i]
	m.send(message{to: "service", op: "report", from: a, epoch: a.epoch, spans: []wire.Span{{Attempt: e.attempt, Lo: i, Hi: i + 1}}})
}

// retry repeats what was not answered, as agents do until they are.
func (m *model) retry() {
	a := m.agents[m.rng.IntN(len(m.agents))]
	switch {
	case !a.alive || a.fenced:
	case a.epoch == 0:
		m.send(message{to: "service", op: "open", from: a})
	case !a.settled:
		m.reconcile(a)
	default:
		for _, i := range slices.Sorted(maps.Keys(a.held)) {
			e := a.held[i]
			switch {
			case e.state == "finished":
				m.report(a, i)
			case e.state == "journalled" && a.cleared[i] != e.attempt:
				m.accept(a, []wire.Span{{Attempt: e.attempt, Lo: i, Hi: i + 1}})
			case e.state == "dispatched" && a.site.running[i] != e.attempt:
				m.lost(a, i, e.attempt)
			}
		}
	}
}

// lost reports a dispatched task that no manager has.
func (m *model) lost(a *agent, i, attempt int) {
	a.remove(i)
	m.send(message{to: "service", op: "lost", from: a, epoch: a.epoch, spans: []wire.Span{{Attempt: attempt, Lo: i, Hi: i + 1}}})
}

func (m *model) kill() {
	a := m.agents[m.rng.IntN(len(m.agents))]
	if !a.alive {
		return
	}
	a.alive = false
	m.logf("kill agent of epoch %d", a.epoch)
	for _, other := range m.agents {
		if other.site == a.site && other.alive && other.locked {
			return
		}
	}
	m.spawn(a.site, true)
}

// twin starts a second agent, on the same journal or on a new one.
func (m *model) twin() {
	if len(m.agents) > 5 {
		return
	}
	if s := m.agents[0].site; m.rng.IntN(2) == 0 {
		m.spawn(s, false)
	} else {
		m.spawn(m.newSite(), false)
	}
}

func (m *model) loseManager() {
	s := m.sites[m.rng.IntN(len(m.sites))]
	s.running = map[int]int{}
}

func (m *model) cancel() {
	i := m.rng.IntN(modelTasks)
	ended, _, _ := m.bundle.Cancel(i, i+1)
	for _, s := range ended {
		m.count(s)
	}
}

// heal ends all faults; one fresh agent takes over for good.
func (m *model) heal() {
	m.healed = true
	for _, a := range m.agents {
		a.alive = false
	}
	m.net = nil
	m.spawn(m.agents[0].site, true)
}

// finish runs until every task has a result.
func (m *model) finish(seed uint64) {
	for range healedSteps {
		if m.bundle.Remaining() == 0 {
			break
		}
		m.step()
	}
	last := m.agents[len(m.agents)-1]
	require.Zero(m.t, m.bundle.Remaining(), "seed %d strands tasks: %+v\nagent %+v\nsite %+v\n%v", seed, m.bundle.Ranges, last, last.site, m.trace)
	for i := range modelTasks {
		require.Equal(m.t, 1, m.results[i])
	}
	runs := map[int]int{}
	for key := range m.begun {
		runs[key[0]]++
	}
	for i, n := range runs {
		require.LessOrEqual(m.t, n, m.bundle.MaxAttempts, "seed %d: task %d\n%v", seed, i, m.trace)
	}
}

func holdings(spans []wire.Span) []wire.Holding {
	out := make([]wire.Holding, 0, len(spans))
	for _, s := range spans {
		out = append(out, wire.Holding{Span: s})
	}
	return out
}

func each(spans []wire.Span, visit func(task, attempt int)) {
	for _, s := range spans {
		for i := s.Lo; i < s.Hi; i++ {
			visit(i, s.Attempt)
		}
	}
}
