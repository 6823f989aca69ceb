package e2e_test

import (
	"net/url"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/e2e/system"
)

// whole is a system with one slot, so that of several tasks one runs and the
// others wait with it, and what is killed in it.
type whole struct {
	*system.System

	t              *testing.T
	service, agent *system.Process
}

const local = "local"

func newWhole(t *testing.T) *whole {
	t.Helper()
	w := &whole{System: system.New(t), t: t}
	w.service = w.StartService()
	w.Login()
	w.ConfigureEndpoint(local, "--slots", "1")
	t.Cleanup(func() { w.StopManagers(local) })
	return w
}

// launch starts an agent without waiting until the service sees it.
func (w *whole) launch() *system.Process {
	w.agent = w.Start("agent", "--dir", filepath.Join(w.Home, "endpoints", local))
	return w.agent
}

// in waits until so many tasks are in the state.
func (w *whole) in(state yonder.State, tasks int) {
	w.t.Helper()
	c := w.Client()
	w.Until(string(state), func() bool {
		page, err := client.List[yonder.Task](w.t.Context(), c, "tasks", url.Values{"state": {string(state)}})
		return err == nil && len(page.Items) == tasks
	})
}

// states brings tasks into a state of the range and leaves them there.
var states = map[yonder.State]func(*whole) *heldRun{
	yonder.RangeQueued: func(w *whole) *heldRun {
		h := submitHeld(w.t, w.System, 2)
		w.in(yonder.RangeQueued, heldTasks)
		w.launch()
		return h
	},
	yonder.RangeOffered: func(w *whole) *heldRun {
		w.launch()
		w.AwaitOnline(local)
		w.agent.Pause()
		h := submitHeld(w.t, w.System, 2)
		w.in(yonder.RangeOffered, heldTasks)
		return h
	},
	yonder.RangeAccepted: func(w *whole) *heldRun {
		w.launch()
		w.AwaitOnline(local)
		h := submitHeld(w.t, w.System, 2)
		w.in(yonder.RangeAccepted, heldTasks-1) // behind the one that runs
		return h
	},
	yonder.RangeStarted: func(w *whole) *heldRun {
		w.launch()
		w.AwaitOnline(local)
		h := submitHeld(w.t, w.System, 2)
		h.awaitRunning(w.System, 1)
		w.in(yonder.RangeStarted, 1)
		return h
	},
	yonder.RangeDone: func(w *whole) *heldRun {
		w.launch()
		w.AwaitOnline(local)
		h := submitHeld(w.t, w.System, 2)
		h.client.Pause() // nobody has read the results
		h.release()
		w.in(yonder.TaskSucceeded, heldTasks)
		return h
	},
}

// victims are killed, and started again where nobody else does.
var victims = map[string]func(*whole){
	"service": func(w *whole) {
		w.service.Kill9()
		w.service = w.StartService()
	},
	"agent": func(w *whole) {
		w.agent.Kill9()
		w.launch()
	},
	"manager": func(w *whole) { w.StopManagers(local) },
	"all": func(w *whole) {
		w.service.Kill9()
		w.agent.Kill9()
		w.StopManagers(local)
		w.service = w.StartService()
		w.launch()
	},
}

// Every process is killed while tasks are in every state. Each task has its
// one result, and none starts more often than it may.
func TestKillInEveryStateOfATask(t *testing.T) {
	t.Parallel()
	limit := make(chan struct{}, 3) // each is a whole system
	for state, reach := range states {
		for victim, kill := range victims {
			t.Run(string(state)+" "+victim, func(t *testing.T) {
				t.Parallel()
				limit <- struct{}{}
				defer func() { <-limit }()
				w := newWhole(t)
				h := reach(w)
				kill(w)
				w.agent.Resume()
				h.client.Resume()
				h.release()
				results := h.results()
				require.Len(t, results, heldTasks)
				for i, result := range results {
					require.Regexp(t, `^(0 0|1 1|2 4) [12]$`, result, "result %d", i)
				}
				require.LessOrEqual(t, h.runs(), 2*heldTasks)
				if victim == "service" || victim == "agent" || state == yonder.RangeDone {
					require.Equal(t, heldTasks, h.runs(), "work survives its supervisors")
				}
			})
		}
	}
}

// Everything is killed while the agent's block is in every state that it can be
// seen in: no block is forgotten, and none is started for nothing.
func TestKillInEveryStateOfABlock(t *testing.T) {
	t.Parallel()
	limit := make(chan struct{}, 3) // each is a whole system
	for _, state := range []yonder.State{yonder.BlockRequested, yonder.BlockRunning, yonder.BlockDraining} {
		for _, victim := range []string{"service", "agent", "manager"} {
			t.Run(string(state)+" "+victim, func(t *testing.T) {
				t.Parallel()
				limit <- struct{}{}
				defer func() { <-limit }()
				killWithBlock(t, state, victim)
			})
		}
	}
}

func killWithBlock(t *testing.T, state yonder.State, victim string) {
	t.Helper()
	w := newWhole(t)
	agent := w.launch()
	w.AwaitOnline(local)
	// What had been sent to a manager and did not reach it spends an
	// attempt: the agent cannot tell it from what was begun and lost.
	h := submitHeld(t, w.System, 2)
	if state == yonder.BlockDraining {
		h.awaitRunning(w.System, 1)
		agent.Interrupt() // ends its blocks, once their tasks have
	}
	agent.Await(`"to":"` + string(state) + `"`)
	victims[victim](w)
	h.release()
	if state == yonder.BlockDraining && victim != "agent" {
		agent.Wait() // it has drained, whoever was killed
		w.launch()
	}
	for i, result := range h.results() {
		require.Regexp(t, `^(0 0|1 1|2 4) [12]$`, result, "result %d", i)
	}
	if victim == "manager" {
		require.LessOrEqual(t, h.runs(), 2*heldTasks)
		return
	}
	require.Equal(t, heldTasks, h.runs(), "a task ran twice")
	if state != yonder.BlockDraining {
		require.Len(t, blocksOf(agent.Output()+w.agent.Output()), 1, "the block was kept")
	}
}

// A block that has ended is over for whoever comes next: nobody looks for it,
// and what is submitted then has a block of its own.
func TestKillAfterABlockHasEnded(t *testing.T) {
	t.Parallel()
	for _, victim := range []string{"service", "agent"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			w := newWhole(t)
			agent := w.launch()
			w.AwaitOnline(local)
			first := submitHeld(t, w.System, 1)
			first.release()
			first.results()
			w.Run("", "endpoint", "drain", local)
			agent.Await(`"to":"ended"`)
			victims[victim](w)
			w.Run("", "endpoint", "resume", local)
			second := submitHeld(t, w.System, 1)
			second.release()
			require.ElementsMatch(t, squares(1), second.results())
			require.Len(t, blocksOf(agent.Output()+w.agent.Output()), 2)
		})
	}
}

// blocksOf are the blocks that a log tells of.
func blocksOf(log string) map[string]bool {
	found := map[string]bool{}
	for _, match := range regexp.MustCompile(`"block":"([^"]+)"`).FindAllStringSubmatch(log, -1) {
		found[match[1]] = true
	}
	return found
}
