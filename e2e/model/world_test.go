// Package model_test runs the rules of the service (service/lease) against the
// rules of the agent (endpoint/ledger), both as shipped: a service whose
// replicas apply operations in transactions, agents that may be killed,
// doubled or told to stop, managers that outlive their agents, journals, and a
// network that loses, repeats and reorders every message. What is modelled here
// is only what carries the rules' decisions out.
package model_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/lease"
	"github.com/yonder-run/yonder/wire"
)

const (
	modelTasks  = 6
	modelRuns   = 4000 // 25 times as many with YONDER_TEST_ALL
	modelSteps  = 250
	healedSteps = 8000
	// stepTakes is in microseconds: a lost task rests for some tens of steps.
	stepTakes = 100_000
)

// world is everything, and the invariants over it.
type world struct {
	t      *testing.T
	rng    *rand.Rand
	seed   uint64
	net    []func()
	agents []*agent
	sites  []*site
	boots  int // after power cuts
	calm   int // one step in ten, divided by this, is a fault
	healed bool
	trace  []string

	// The service.
	bundle  *lease.Bundle
	epoch   int64 // newest granted
	grants  int64 // newest offer
	live    bool  // reconciled
	owner   *agent
	results map[int]int
	begun   map[[2]int]int  // (task, attempt) → times a worker began
	spent   map[[2]int]bool // (task, attempt) that ended without a result
}

func TestNoInterleavingBreaksAPromise(t *testing.T) {
	t.Parallel()
	runs := modelRuns
	if os.Getenv("YONDER_TEST_ALL") != "" {
		runs *= 25
	}
	for seed := range uint64(runs) {
		w := newWorld(t, seed)
		for range modelSteps {
			w.step()
		}
		w.heal()
		w.finish()
	}
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	w := &world{
		t: t, rng: rng, seed: seed, calm: 1 + rng.IntN(20), results: map[int]int{}, begun: map[[2]int]int{}, spent: map[[2]int]bool{},
		bundle: lease.New(yonder.NewBundleID(), modelTasks, 1+rng.IntN(3), 0),
	}
	w.bundle.Retry.Backoff = float64(rng.IntN(3)) // seconds
	for i := range modelTasks {
		if rng.IntN(10) == 0 && w.bundle.Recall(i) { // a memo knew it
			w.results[i]++
		}
	}
	s := w.newSite()
	w.spawn(s, s.journal, true)
	return w
}

func (w *world) logf(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf(format, args...))
}

// chance is true once in n times, until the faults end.
func (w *world) chance(n int) bool { return !w.healed && w.rng.IntN(n) == 0 }

// send puts a message on a network that may lose, repeat and reorder it.
func (w *world) send(arrive func()) {
	if w.chance(8) {
		return
	}
	w.net = append(w.net, arrive)
	if w.chance(8) {
		w.net = append(w.net, arrive)
	}
}

func (w *world) deliver() {
	if len(w.net) == 0 {
		return
	}
	i := w.rng.IntN(len(w.net))
	arrive := w.net[i]
	w.net = append(w.net[:i], w.net[i+1:]...)
	arrive()
}

// step does one random thing.
func (w *world) step() {
	w.bundle.Now += stepTakes
	a := w.agents[w.rng.IntN(len(w.agents))]
	s := w.sites[w.rng.IntN(len(w.sites))]
	if w.healed { // the others are dead
		a, s = w.agents[len(w.agents)-1], w.sites[0]
	}
	m := s.managers[w.rng.IntN(len(s.managers))]
	switch n := w.rng.IntN(100); {
	case n < 35:
		w.deliver()
	case n < 43:
		w.offer()
	case n < 58:
		a.act()
	case n < 65:
		a.retry()
	case n < 90:
		m.act()
	case w.chance(w.calm):
		w.fault(a, m)
	}
	require.NoError(w.t, w.bundle.Check(), "seed %d", w.seed)
}

// fault is one of what comes from outside.
func (w *world) fault(a *agent, m *manager) {
	switch n := w.rng.IntN(20); {
	case n < 5:
		w.kill(a)
	case n < 7:
		w.twin()
	case n < 9:
		m.die()
	case n < 15:
		m.disconnect()
	case n < 18:
		a.drain()
	default:
		w.cancel()
	}
}

// heal ends all faults; one fresh agent takes over for good.
func (w *world) heal() {
	w.healed = true
	for _, a := range w.agents {
		a.alive = false
	}
	w.net = nil
	first := w.sites[0]
	w.spawn(first, first.journal, true)
}

// finish runs until every task has a result, and looks at the whole.
func (w *world) finish() {
	last := w.agents[len(w.agents)-1]
	for range healedSteps {
		if w.bundle.Remaining() == 0 && last.ledger.Held() == 0 {
			break
		}
		w.step()
	}
	w.logf("ranges %+v", w.bundle.Ranges)
	for _, s := range w.sites {
		for _, m := range s.managers {
			w.logf("manager %s waiting %v running %v held %v outbox %+v agent %v", m.name(), m.waiting, m.running, m.held, m.outbox, m.agent != nil)
		}
	}
	w.logf("calls %v, unanswered %d, outstanding %v", slices.Collect(maps.Keys(last.calls)), last.ledger.Unanswered(), last.ledger.Outstanding())
	require.Zero(w.t, w.bundle.Remaining(), "seed %d strands tasks\n%v", w.seed, w.trace)
	require.Zero(w.t, last.ledger.Held(), "seed %d: the agent never lets go\n%v", w.seed, w.trace)
	runs := map[int]int{}
	for key := range w.begun {
		runs[key[0]]++
	}
	for i := range modelTasks {
		require.Equal(w.t, 1, w.results[i], "seed %d: results of task %d\n%v", w.seed, i, w.trace)
		require.LessOrEqual(w.t, runs[i], w.bundle.MaxAttempts, "seed %d: task %d\n%v", w.seed, i, w.trace)
	}
}

// began is a worker that starts a task.
func (w *world) began(i, attempt int) {
	w.begun[[2]int{i, attempt}]++
	w.logf("begin task %d attempt %d", i, attempt)
	require.Equal(w.t, 1, w.begun[[2]int{i, attempt}], "seed %d: task %d attempt %d began twice\n%v", w.seed, i, attempt, w.trace)
}

func (w *world) count(s wire.Span) {
	for i := s.Lo; i < s.Hi; i++ {
		w.results[i]++
		require.Equal(w.t, 1, w.results[i], "seed %d: task %d has two results\n%v", w.seed, i, w.trace)
	}
}

func (w *world) end(e lease.Ended) {
	for _, s := range append(e.Exhausted, e.Cancelled...) {
		w.count(s)
	}
	for _, a := range e.Attempts {
		for i := a.Lo; i < a.Hi; i++ {
			key := [2]int{i, a.Attempt}
			require.False(w.t, w.spent[key], "seed %d: attempt %d of task %d ended twice\n%v", w.seed, a.Attempt, i, w.trace)
			w.spent[key] = true
		}
	}
}

// each visits the tasks of spans one by one.
func each(spans []wire.Span, visit func(task, attempt int)) {
	for _, s := range spans {
		for i := s.Lo; i < s.Hi; i++ {
			visit(i, s.Attempt)
		}
	}
}
