package endpoint_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

func (b *brain) turn(number int64, pause *yonder.Pause) {
	b.Hint("turn", wire.KindTurn, wire.Turn{Number: number, Paused: pause})
}

// acceptAll offers until the agent has accepted all tasks.
func (b *brain) acceptAll(t *testing.T, size int) {
	t.Helper()
	b.opens.Wait(t)
	require.Eventually(t, func() bool { b.offer(size); return b.accepted() == len(b.tasks) }, 20*time.Second, 20*time.Millisecond)
}

// awaitBeat waits for a heartbeat that is as wanted.
func (b *brain) awaitBeat(t *testing.T, wanted func(wire.Heartbeat) bool) {
	t.Helper()
	for !wanted(b.beats.Wait(t)) { //nolint:revive // waiting is all there is to do
	}
}

func TestAPausedAgentReturnsWhatNoManagerHas(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 10)
	s := newSite(t, b)
	s.cfg.Managers.Prefetch = 0
	s.provider.setup = func(m *fakeManager) { m.hold = true }
	s.start(t)
	b.acceptAll(t, 1)
	m := s.provider.made.Wait(t)
	for range 4 {
		m.got.Wait(t)
	}
	b.turn(2, &yonder.Pause{Reason: "a new disk"})
	for range 6 {
		loss := b.lost.Wait(t)
		require.False(t, loss.Started, "no attempt is spent")
		require.Equal(t, yonder.CodeUnavailable, loss.Code)
	}
	b.awaitBeat(t, func(h wire.Heartbeat) bool { return h.Capacity.Tasks == 0 })
	m.release()
	for range 4 {
		b.results.Wait(t)
	}
	b.turn(1, nil) // late news of long ago
	b.offer(1)
	b.awaitBeat(t, func(h wire.Heartbeat) bool { return h.Status.Held == 0 })
	require.Equal(t, 4, b.done())
	b.turn(3, nil)
	b.awaitBeat(t, func(h wire.Heartbeat) bool { return h.Capacity.Tasks > 0 })
	b.pump(t, 3)
	require.Empty(t, m.twice())
}

func TestADrainedAgentLetsItsNodesGo(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 6)
	s := newSite(t, b)
	s.cfg.Managers.Prefetch = 0
	s.provider.setup = func(m *fakeManager) { m.hold = true }
	a := s.start(t)
	b.acceptAll(t, 1)
	m := s.provider.made.Wait(t)
	m.got.Wait(t)
	b.turn(1, &yonder.Pause{Drain: true, Exit: true})
	b.awaitBeat(t, func(h wire.Heartbeat) bool { return h.Capacity.Tasks == 0 })
	require.Eventually(t, func() bool { m.release(); return b.done() == 6 }, 20*time.Second, 10*time.Millisecond, "what was taken is finished")
	m.drained.Wait(t)
	select {
	case <-a.Done():
		require.Fail(t, "the agent left before its nodes were gone")
	default:
	}
	for h := range s.provider.all {
		s.provider.kill(h)
	}
	b.closes.Wait(t)
	<-a.Done()
	require.NoError(t, a.Err())
	require.Zero(t, s.provider.made.Pending(), "no block more than was needed")
}

func look(t *testing.T, b *brain, index int) wire.View {
	t.Helper()
	task := b.bundle.Task(index)
	answer := b.Ask("look", wire.KindLook, wire.Look{Task: &task, Attempt: 1})
	var view wire.View
	require.NoError(t, answer.Decode(wire.KindView, &view))
	return view
}

func TestTheAgentSaysWhereATaskIs(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 6)
	s := newSite(t, b)
	s.cfg.Managers.Prefetch = 0
	s.provider.setup = func(m *fakeManager) { m.hold = true }
	s.provider.fail = errors.New("sbatch: error: invalid partition")
	s.start(t)
	b.acceptAll(t, 1)
	var view wire.View
	require.Eventually(t, func() bool { view = look(t, b, 5); return view.Failures > 0 }, 20*time.Second, 10*time.Millisecond)
	require.Contains(t, view.Failure, "invalid partition")
	require.Equal(t, wire.AgentTask{State: wire.AgentWaiting, Python: "3.11", Waiting: 6}, *view.Task)

	s.provider.mu.Lock()
	s.provider.fail = nil
	s.provider.mu.Unlock()
	m := s.provider.made.Wait(t)
	for range 4 {
		m.got.Wait(t)
	}
	view = look(t, b, 0)
	require.Equal(t, wire.AgentDispatched, view.Task.State)
	require.Equal(t, m.id, view.Task.Manager)
	require.Equal(t, "node", view.Task.Host)
	require.Nil(t, view.Task.Detail, "a manager that does not say that it answers is not asked")
	require.Len(t, view.Managers, 1)
	require.Equal(t, 4, view.Managers[0].Given)
	task := yonder.NewBundleID()
	answer := b.Ask("look", wire.KindLook, wire.Look{Task: &task, Attempt: 1})
	require.NoError(t, answer.Decode(wire.KindView, &view))
	require.Equal(t, wire.AgentUnknown, view.Task.State)
}

// A manager that does not answer keeps nobody waiting.
func TestASilentManagerIsSaidToBeSilent(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 1)
	s := newSite(t, b)
	s.provider.setup = func(m *fakeManager) { m.hold, m.looks = true, true }
	s.start(t)
	b.acceptAll(t, 1)
	m := s.provider.made.Wait(t)
	m.got.Wait(t)
	view := look(t, b, 0)
	require.Contains(t, view.Task.Silence, "did not answer within 1s")
	m.mu.Lock()
	m.answer = &wire.TaskView{State: wire.ManagerRunning, Worker: "w1", PID: 17}
	m.mu.Unlock()
	view = look(t, b, 0)
	require.Empty(t, view.Task.Silence)
	require.Equal(t, 17, view.Task.Detail.PID)
}

// What the service waits for is told at once, not with the next heartbeat.
func TestAResumedAgentAsksForWorkAtOnce(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 1)
	b.every = 3600
	s := newSite(t, b)
	s.cfg.Scaling.InitBlocks = 1
	s.start(t)
	s.provider.made.Wait(t).welcome.Wait(t)
	b.awaitBeat(t, func(h wire.Heartbeat) bool { return h.Status.Managers == 1 })
	b.turn(1, &yonder.Pause{Reason: "a new disk"})
	b.awaitBeat(t, func(h wire.Heartbeat) bool { return h.Capacity.Tasks == 0 })
	b.turn(2, nil)
	b.awaitBeat(t, func(h wire.Heartbeat) bool { return h.Capacity.Tasks > 0 })
}
