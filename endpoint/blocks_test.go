package endpoint_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/endpoint/provider"
)

func TestTasksOfADeadBlockAreTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 4)
	s := newSite(t, b)
	first := true
	s.provider.setup = func(m *fakeManager) { m.hold, first = first, false }
	s.start(t)
	require.Eventually(t, func() bool { b.offer(4); return b.accepted() == 4 }, 20*time.Second, 20*time.Millisecond)
	m := s.provider.made.Wait(t)
	m.got.Wait(t)
	for h := range s.provider.all {
		s.provider.kill(h)
	}
	loss := b.lost.Wait(t)
	require.True(t, loss.Started)
	require.Contains(t, loss.Message, "killed by the test")
	b.pump(t, 4)
	require.Equal(t, 2, b.results.Wait(t).Attempt)
}

// Neither a lost manager nor a block that ended while the agent was away waits
// for the time at which the provider is asked anyhow.
func TestALostManagerIsLookedForAtOnce(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 4)
	s := newSite(t, b)
	s.opts.LookEvery = time.Hour
	held := 2
	s.provider.setup = func(m *fakeManager) { m.hold = held > 0; held-- }
	a := s.start(t)
	require.Eventually(t, func() bool { b.offer(4); return b.accepted() == 4 }, 20*time.Second, 20*time.Millisecond)
	first := s.provider.made.Wait(t)
	first.got.Wait(t)
	s.provider.kill(provider.Handle(first.block))
	require.True(t, b.lost.Wait(t).Started)

	require.Eventually(t, func() bool { b.offer(4); return b.accepted() == 4 }, 20*time.Second, 20*time.Millisecond)
	second := s.provider.made.Wait(t)
	second.got.Wait(t)
	a.Stop()
	s.provider.kill(provider.Handle(second.block))
	s.start(t)
	require.True(t, b.lost.Wait(t).Started)
	b.pump(t, 4)
	require.Equal(t, 3, b.results.Wait(t).Attempt)
}

// A manager that says nothing any more, on a block that goes on, has its grace
// and not a moment longer.
func TestASilentManagerIsGivenUpInTime(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 4)
	s := newSite(t, b)
	s.opts.LookEvery, s.cfg.Managers.Grace = time.Hour, 300*time.Millisecond
	s.provider.setup = func(m *fakeManager) { m.hold = true }
	s.start(t)
	require.Eventually(t, func() bool { b.offer(4); return b.accepted() == 4 }, 20*time.Second, 20*time.Millisecond)
	m := s.provider.made.Wait(t)
	m.got.Wait(t)
	m.Stop()
	loss := b.lost.Wait(t)
	require.True(t, loss.Started)
	require.Contains(t, loss.Message, "not heard of")
}

func TestFailingBlocksAreTold(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 1)
	s := newSite(t, b)
	s.provider.fail = errors.New("sbatch: no such partition")
	s.start(t)
	require.Eventually(t, func() bool {
		b.offer(1)
		for b.beats.Pending() > 0 {
			if strings.Contains(b.beats.Wait(t).Status.Trouble, "no such partition") {
				return true
			}
		}
		return false
	}, 20*time.Second, 20*time.Millisecond)
}
