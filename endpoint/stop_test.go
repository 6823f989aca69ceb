package endpoint_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/wire"
)

func TestFencedAgentEnds(t *testing.T) {
	t.Parallel()
	for name, fence := range map[string]func(b *brain){
		"by a hint":      func(b *brain) { b.Hint("fence", wire.KindFence, wire.Fence{Epoch: 2}) },
		"by an answer":   func(b *brain) { b.with(func() { b.epoch = 2 }) },
		"as its end":     func(b *brain) { b.Hint("fence", wire.KindFence, wire.Fence{}) },
		"and by nothing": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBrain(t, 1)
			s := newSite(t, b)
			s.cfg.Scaling.InitBlocks = 1
			a := s.start(t)
			m := s.provider.made.Wait(t)
			m.welcome.Wait(t)
			b.beats.Wait(t)
			if fence == nil {
				b.Hint("fence", wire.KindFence, wire.Fence{Epoch: 1}) // its own
				b.pump(t, 1)
				require.NoError(t, a.Err())
				return
			}
			fence(b)
			<-a.Done()
			require.Equal(t, yonder.CodeSessionFenced, yonder.CodeOf(a.Err()))
			m.drained.Wait(t)
			_, err := endpoint.ReadStatus(s.cfg.StateDir)
			require.Equal(t, yonder.CodeNotRunning, yonder.CodeOf(err))
		})
	}
}

func TestShutdownReturnsWhatDidNotStart(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 60)
	s := newSite(t, b)
	s.provider.setup = func(m *fakeManager) { m.hold, m.slots = true, 36 }
	a := s.start(t)
	require.Eventually(t, func() bool { b.offer(60); return b.accepted() == 60 }, 20*time.Second, 20*time.Millisecond)
	m := s.provider.made.Wait(t)
	m.got.Wait(t)
	ended := make(chan error)
	go func() { ended <- a.Shutdown(t.Context()) }()
	m.drained.Wait(t)
	loss := b.lost.Wait(t)
	require.False(t, loss.Started)
	require.Equal(t, b.granted(36, 60), loss.Span)
	m.release()
	require.NoError(t, <-ended)
	require.Equal(t, 36, b.done())
	b.closes.Wait(t)
	s.empty(t)
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 4)
	s := newSite(t, b)
	s.cfg.DrainGrace = 10 * time.Millisecond
	s.provider.setup = func(m *fakeManager) { m.hold = true }
	a := s.start(t)
	require.Eventually(t, func() bool { b.offer(4); return b.accepted() == 4 }, 20*time.Second, 20*time.Millisecond)
	s.provider.made.Wait(t).got.Wait(t)
	require.NoError(t, a.Shutdown(t.Context()))
	require.True(t, b.lost.Wait(t).Started)
	s.empty(t)
}
