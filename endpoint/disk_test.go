package endpoint_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/internal/smalldisktest"
)

// An agent whose disk is full accepts nothing more, says so, loses nothing of
// what it has accepted, and goes on when there is room again.
func TestAnAgentOutlivesAFullDisk(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 8<<20)
	const tasks = 40
	b := newBrain(t, tasks)
	s := newSite(t, b)
	s.cfg.StateDir = filepath.Join(disk.Dir, "state")
	s.provider.file = filepath.Join(s.cfg.StateDir, "rendezvous.json")
	s.provider.setup = func(m *fakeManager) { m.hold = true }
	a := s.start(t)
	require.Eventually(t, func() bool { b.offer(5); return b.accepted() == tasks }, 20*time.Second, 20*time.Millisecond)
	m := s.provider.made.Wait(t)

	disk.Fill()
	m.release()
	for {
		if status := b.beats.Wait(t); strings.Contains(status.Status.Trouble, "the disk is full") {
			require.Zero(t, status.Capacity.Tasks, "it asks for nothing")
			break
		}
	}
	b.again()
	b.offer(5)
	select {
	case <-a.Done():
		require.Fail(t, "the agent has ended", "%v", a.Err())
	case <-time.After(time.Second):
	}

	disk.Free()
	b.pump(t, 5)
	require.Empty(t, m.twice())
	require.NoError(t, a.Detach(t.Context()))
}

func TestAnAgentOnAReadOnlyDiskSaysSo(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 8<<20)
	b := newBrain(t, 1)
	s := newSite(t, b)
	s.cfg.StateDir = filepath.Join(disk.Dir, "state")
	require.True(t, disk.ReadOnly(true))
	a, err := endpoint.New(s.cfg, s.opts)
	require.NoError(t, err)
	err = a.Start(t.Context())
	require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err))
	require.ErrorContains(t, err, "the disk is read-only: mount it for writing")
	require.True(t, disk.ReadOnly(false))
	again, err := endpoint.New(s.cfg, s.opts)
	require.NoError(t, err)
	require.NoError(t, again.Start(t.Context()))
	again.Stop()
}
