package manager_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/smalldisktest"
	"github.com/yonder-run/yonder/manager"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

// largeArgument leases a call whose argument comes as a blob of its own.
func largeArgument(a *agent) wire.Lease {
	data := workertest.Call(strings.Repeat("y", 3<<20))
	sum := sha256.Sum256(data)
	blob := wire.Blob{ID: yonder.NewID(), Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	a.blobs = map[yonder.ID][]byte{blob.ID: data}
	lease, _ := a.lease("length", []any{})
	lease.Blobs = map[int]wire.Blob{0: blob}
	a.give(lease, nil)
	return lease
}

// look asks about a task until the answer suits.
func (a *agent) look(lease wire.Lease, suits func(wire.TaskView) bool) wire.TaskView {
	a.t.Helper()
	for {
		a.send(wire.KindLookTask, wire.LookTask{Task: lease.Bundle.Task(lease.Lo), Attempt: lease.Attempt})
		var view wire.TaskView
		frame := a.recv(wire.KindTaskView)
		require.NoError(a.t, frame.Decode(frame.Kind, &view))
		if suits == nil || suits(view) {
			return view
		}
	}
}

func TestALargeArgumentWaitsForRoom(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 16<<20)
	a := oneSlot(t, func(c *manager.Config) { c.Dir = disk.Dir })
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
	disk.Fill()
	lease := largeArgument(a)
	view := a.look(lease, func(v wire.TaskView) bool { return v.Trouble != "" })
	require.Equal(t, wire.ManagerFetching, view.State)
	require.Contains(t, view.Trouble, "the disk is full: free some space")
	disk.Free()
	require.EqualValues(t, 3<<20, a.outcomes(1)[0].value(t))
	require.Empty(t, a.look(lease, nil).Trouble)
}

func TestTasksGoElsewhereIfThereIsNoRoomForLong(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 16<<20)
	a := oneSlot(t, func(c *manager.Config) { c.Dir, c.RoomPatience = disk.Dir, time.Nanosecond })
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
	disk.Fill()
	lease := largeArgument(a)
	var done wire.Done
	frame := a.recv(wire.KindDone)
	require.NoError(t, frame.Decode(frame.Kind, &done))
	a.send(wire.KindDoneAck, wire.DoneAck{Seq: done.Seq})
	require.Len(t, done.Lost, 1)
	require.Equal(t, lease.Span, done.Lost[0].Span)
	require.Equal(t, yonder.CodeStorageFull, done.Lost[0].Code)
	require.False(t, done.Lost[0].Started, "another node may do it with the same attempt")
}

func TestALargeResultWaitsForRoom(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 16<<20)
	a := oneSlot(t, func(c *manager.Config) { c.Dir = disk.Dir })
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
	disk.Fill()
	lease := a.work("large", []any{1 << 20})
	for r := a.reader(lease.Span, 0); !strings.Contains(r.text, "waits for room"); {
		r.ask()
	}
	disk.Free()
	o := a.outcomes(1)[0]
	require.Equal(t, wire.OutcomeOK, o.Outcome)
	require.Len(t, a.chunks[lease.Span], int(o.Blob.Size))
	require.Contains(t, o.Stderr, "yonder: a result of 1048", "who asks why it took so long finds out")
}
