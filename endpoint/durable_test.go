package endpoint_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/internal/testsignal"
)

// slowDisk is a file system whose next fsync waits to be told how it ends.
type slowDisk struct {
	osfs.Faulty

	armed   atomic.Bool
	syncing testsignal.Signal[string]
	outcome chan error
}

func newSlowDisk() *slowDisk {
	d := &slowDisk{outcome: make(chan error, 1)}
	d.syncing.Init()
	d.Faulty = osfs.Faulty{FS: osfs.OS{}, Fail: func(op osfs.Op, name string) error {
		if op != osfs.OpSync || !d.armed.CompareAndSwap(true, false) {
			return nil
		}
		d.syncing.Fire(name)
		return <-d.outcome
	}}
	return d
}

// The service may hear of a task before the disk has it; a manager may not,
// and never does if the disk refuses it.
func TestManagersGetOnlyWhatTheDiskHas(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]error{"slow": nil, "broken": errors.New("input/output error")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBrain(t, 1)
			s := newSite(t, b)
			s.cfg.Scaling.InitBlocks = 1
			disk := newSlowDisk()
			s.opts.FS = disk
			a := s.start(t)
			m := s.provider.made.Wait(t)
			m.welcome.Wait(t)
			disk.armed.Store(true)
			require.Eventually(t, func() bool { b.offer(1); return b.accepted() == 1 }, 20*time.Second, 20*time.Millisecond)
			disk.syncing.Wait(t)
			b.beats.Wait(t)
			b.beats.Wait(t)
			require.Zero(t, m.got.Pending())

			disk.outcome <- broken
			if broken == nil {
				m.got.Wait(t)
				b.pump(t, 1)
				return
			}
			lost := b.lost.Wait(t)
			require.Equal(t, yonder.CodeUnavailable, lost.Code)
			require.False(t, lost.Started, "no attempt is spent")
			room := b.beats.Wait(t).Capacity.Tasks
			for room != 0 { // until it asks for nothing more
				room = b.beats.Wait(t).Capacity.Tasks
			}
			require.Zero(t, m.got.Pending())
			a.Stop()
			s.opts.FS = nil
			s.start(t)
			b.pump(t, 1)
			require.Equal(t, 1, b.results.Wait(t).Attempt)
			require.Empty(t, m.twice())
		})
	}
}
