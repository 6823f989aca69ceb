package manager_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/smalldisktest"
	"github.com/yonder-run/yonder/manager"
	"github.com/yonder-run/yonder/wire"
)

func TestALimitOfMemoryIsAMemoryError(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, func(c *manager.Config) { c.WorkerBytes = 1 << 30 })
	raised := a.run("exhaust_memory", 4096)
	require.Equal(t, wire.OutcomeException, raised.Outcome)
	require.Equal(t, "MemoryError", raised.error()["type"])
	require.EqualValues(t, 1<<20, a.run("exhaust_memory", 1).value(t))
}

// memoryGroup makes a control group that holds little.
func memoryGroup(t *testing.T) (tasks string) {
	t.Helper()
	for _, limit := range []string{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"} {
		root, name := filepath.Split(limit)
		dir, err := os.MkdirTemp(root, "yonder-test-") //nolint:usetesting // where groups are
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(dir) })
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err != nil {
			continue // a directory like any other
		}
		require.NoError(t, os.WriteFile(file, []byte("134217728"), 0o600))
		return filepath.Join(dir, "cgroup.procs")
	}
	t.Skip("needs root and control groups")
	return ""
}

func TestTheKernelsOutOfMemoryKillerIsNamed(t *testing.T) {
	t.Parallel()
	tasks := memoryGroup(t)
	a := oneSlot(t, nil)
	o := a.run("exhaust_group", tasks, 512)
	lost := o.lost
	require.NotNil(t, lost, "%+v", o)
	require.Equal(t, yonder.CodeWorkerFailed, lost.Code)
	require.Contains(t, lost.Message, "SIGKILL")
	require.Contains(t, lost.Message, "MiB of memory; out of memory: the kernel's out-of-memory killer")
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
}

func TestEndlessOutputIsCut(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	mebibytes := 256 // a gigabyte takes its time on a busy machine
	if os.Getenv("YONDER_TEST_ALL") != "" {
		mebibytes = 1024
	}
	o := a.run("flood", mebibytes)
	require.Equal(t, wire.OutcomeOK, o.Outcome)
	require.Contains(t, o.Stdout, "bytes left out")
	require.True(t, strings.HasPrefix(o.Stdout, "first\n"))
	require.True(t, strings.HasSuffix(o.Stdout, "last\n"))
	require.Less(t, len(o.Stdout), 100<<10)
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
}

func TestATaskThatFillsTheDiskFailsAlone(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 16<<20).Dir
	a := oneSlot(t, func(c *manager.Config) { c.Dir, c.RoomPatience = disk, time.Nanosecond })
	file := filepath.Join(disk, "full")
	full := a.run("fill", file)
	require.Equal(t, wire.OutcomeException, full.Outcome)
	require.Equal(t, "OSError", full.error()["type"])
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t), "a small result needs no disk")

	large := a.run("large", 1<<20)
	require.Equal(t, wire.OutcomeFailed, large.Outcome)
	require.Equal(t, "storage_full", large.error()["code"])
	require.Contains(t, large.error()["message"], "No space left on device")

	calls := make([][]any, 300)
	for i := range calls {
		calls[i] = []any{i, 1}
	}
	a.work("add", calls...)
	for i, o := range a.outcomes(300) {
		require.EqualValues(t, i+1, o.value(t), "there is no room to keep outcomes: they are told at once")
	}
	require.NoError(t, os.Remove(file))
	require.NotNil(t, a.run("large", 1<<20).Blob, "there is room again")
}

func TestADiskThatBecomesReadOnlyFailsOnlyWhatNeedsIt(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 16<<20)
	a := oneSlot(t, func(c *manager.Config) { c.Dir, c.RoomPatience = disk.Dir, time.Nanosecond })
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
	unseal := disk.Seal()
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t), "a small result needs no disk")
	large := a.run("large", 1<<20)
	require.Equal(t, wire.OutcomeFailed, large.Outcome)
	require.Equal(t, "storage_full", large.error()["code"])
	unseal()
	require.NotNil(t, a.run("large", 1<<20).Blob, "it can be written again")
}

func TestConnectionsThatSayNothingAreBounded(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	before := a.run("look_around")
	require.EqualValues(t, 500, a.run("connect_often", 500).value(t))
	unharmed(t, a, before)
	descriptors, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	require.Less(t, len(descriptors), 2000)
}
