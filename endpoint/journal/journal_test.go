package journal

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/wire"
)

// writerDir, when set, makes the test binary a process that appends until it
// is killed.
const writerDir = "YONDER_TEST_JOURNAL"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		os.Exit(appendForEver(dir))
	}
	goleak.VerifyTestMain(m)
}

func frame(text string) wire.Frame {
	f, _ := wire.NewFrame(100, text, []byte(text), nil)
	return f
}

func open(t *testing.T, dir string, opts Options) *Journal {
	t.Helper()
	j, err := tryOpen(t, dir, opts)
	require.NoError(t, err)
	return j
}

func tryOpen(t *testing.T, dir string, opts Options) (*Journal, error) {
	t.Helper()
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	j, err := Open(dir, opts)
	if err == nil {
		t.Cleanup(func() { _ = j.Close() })
	}
	return j, err
}

func write(t *testing.T, j *Journal, texts ...string) []uint64 {
	t.Helper()
	frames := make([]wire.Frame, 0, len(texts))
	for _, text := range texts {
		frames = append(frames, frame(text))
	}
	ids, err := j.Append(frames...)
	require.NoError(t, err)
	return ids
}

func contents(t *testing.T, j *Journal) []string {
	t.Helper()
	var texts []string
	require.NoError(t, j.Replay(func(id uint64, f wire.Frame) error {
		var text string
		if err := f.Decode(100, &text); err != nil {
			return err
		}
		require.Equal(t, text, string(f.Columns[0]))
		texts = append(texts, text)
		return nil
	}))
	return texts
}

func onlyFile(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "journal*"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	return names[0]
}

func TestRecordsSurviveReopening(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{})
	require.False(t, j.Certain(), "there was nobody before")
	ids := write(t, j, "a", "b", "c")
	require.NoError(t, j.Drop(ids[1], 999))
	write(t, j, "d")
	require.NoError(t, j.Close())

	again := open(t, dir, Options{})
	require.Equal(t, j.ID(), again.ID())
	require.Equal(t, bootID() != "", again.Certain())
	require.Equal(t, []string{"a", "c", "d"}, contents(t, again))
	_, err := again.Read(ids[1])
	require.ErrorContains(t, err, "no record")
	write(t, again, "e")
	require.NoError(t, again.Close())
	require.Equal(t, []string{"a", "c", "d", "e"}, contents(t, open(t, dir, Options{})))
}

func TestAnotherBootIsNotCertain(t *testing.T) {
	t.Parallel()
	now := Header{Hostname: "h", Boot: "1"}
	require.True(t, now.sameBoot(now))
	for _, other := range []Header{{Hostname: "h", Boot: "2"}, {Hostname: "i", Boot: "1"}, {Hostname: "h"}} {
		require.False(t, now.sameBoot(other))
		require.False(t, other.sameBoot(now))
	}
}

// failing returns options whose n-th call of op fails, counted from when it
// is armed.
func failing(op osfs.Op, torn int) (Options, func()) {
	var mu sync.Mutex
	armed := false
	fs := &osfs.Faulty{FS: osfs.OS{}, Torn: torn, Fail: func(called osfs.Op, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		if armed && called == op {
			armed = false
			return syscall.ENOSPC
		}
		return nil
	}}
	return Options{FS: fs}, func() { mu.Lock(); armed = true; mu.Unlock() }
}

func TestFailedWriteLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opts, arm := failing(osfs.OpWrite, 11)
	j := open(t, dir, opts)
	ids := write(t, j, "a")
	arm()
	_, err := j.Append(frame("b"), frame("c"))
	require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err))
	arm()
	require.Error(t, j.Drop(ids...))
	require.Equal(t, []string{"a"}, contents(t, j))
	write(t, j, "d")
	require.NoError(t, j.Close())
	require.Equal(t, []string{"a", "d"}, contents(t, open(t, dir, Options{})))
}

func TestFailedSyncEndsTheJournal(t *testing.T) {
	t.Parallel()
	opts, arm := failing(osfs.OpSync, 0)
	j := open(t, t.TempDir(), opts)
	write(t, j, "a")
	require.NoError(t, j.Sync())
	arm()
	require.NoError(t, j.Sync(), "nothing was written since")
	write(t, j, "b")
	require.Error(t, j.Sync())
	_, err := j.Append(frame("c"))
	require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err))
	require.Error(t, j.Sync())
}

func TestCompaction(t *testing.T) {
	t.Parallel()
	for _, op := range []osfs.Op{"", osfs.OpOpen, osfs.OpWrite, osfs.OpSync, osfs.OpRename, osfs.OpSyncDir, osfs.OpRemove} {
		t.Run("failing "+string(op), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			opts, arm := failing(op, 3)
			opts.CompactAfter = 1000
			j := open(t, dir, opts)
			keep := write(t, j, "keep")
			ids := write(t, j, strings.Repeat("x", 3000), "also")
			require.NoError(t, j.drop(ids[:1]))
			arm()
			require.NoError(t, j.compactIfDue())
			require.Equal(t, []string{"keep", "also"}, contents(t, j))
			write(t, j, "more")
			total, _ := j.Size()
			require.Equal(t, op == "" || op == osfs.OpRemove, total < 1000)
			require.NoError(t, j.compactIfDue())
			require.NoError(t, j.Drop(keep...))
			require.NoError(t, j.Close())
			again := open(t, dir, Options{})
			require.Equal(t, []string{"also", "more"}, contents(t, again))
			require.Equal(t, again.name, onlyFile(t, dir))
			require.Equal(t, j.ID(), again.ID())
		})
	}
}

func TestSyncAndCompactionSideBySide(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, Options{CompactAfter: 2000})
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for range 50 {
				ids, err := j.Append(frame("kept"), frame(strings.Repeat("y", 200)))
				if err != nil || j.Sync() != nil || j.Drop(ids[1]) != nil {
					t.Error("append, sync or drop failed")
				}
			}
		})
	}
	running.Wait()
	require.Len(t, contents(t, j), 400)
	require.NoError(t, j.Close())
	require.Len(t, contents(t, open(t, dir, Options{})), 400)
}

func TestOneAgentPerDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock, err := TakeLock(dir)
	require.NoError(t, err)
	_, err = TakeLock(dir)
	require.Equal(t, yonder.CodeAlreadyRunning, yonder.CodeOf(err))
	require.ErrorContains(t, err, fmt.Sprintf("process %d", os.Getpid()))
	lock.Release()
	lock, err = TakeLock(dir)
	require.NoError(t, err)
	lock.Release()
}

// appendForEver appends records and prints how many were appended.
func appendForEver(dir string) int {
	j, err := Open(dir, Options{Logger: slog.New(slog.DiscardHandler), CompactAfter: 20000})
	if err != nil {
		return 1
	}
	for n := 0; ; n++ {
		ids, err := j.Append(frame(fmt.Sprint("kept ", n)), frame(strings.Repeat("z", 500)))
		if err != nil || j.Drop(ids[1]) != nil {
			return 1
		}
		fmt.Println(n)
	}
}

func TestKilledProcessLosesNothing(t *testing.T) {
	t.Parallel()
	for round := range 5 {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), writerDir+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		said := 0
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			said++
			if said == 100*(round+1) {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		require.Error(t, cmd.Wait())
		got := contents(t, open(t, dir, Options{}))
		kept := 0
		for _, text := range got {
			if strings.HasPrefix(text, "kept") {
				require.Equal(t, fmt.Sprint("kept ", kept), text)
				kept++
			}
		}
		require.GreaterOrEqual(t, kept, said)
	}
}
