package journal

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/wire"
)

// Whatever call fails in the life of a journal, through rewrites of its file:
// the next agent finds every record that was appended and synced, and none that
// was dropped.
func TestEveryCallMayFail(t *testing.T) {
	t.Parallel()
	osfs.EachCall(fast{}, 7, []error{syscall.ENOSPC, syscall.EIO}, func(fs osfs.FS, fault error) {
		liveUnder(t, fs, fault)
	})
}

// book is what a journal's owner was told.
type book struct {
	kept    map[string]uint64 // appended and synced
	unsure  map[string]bool   // appending it, syncing it or dropping it failed
	dropped map[string]bool
}

// fast leaves out the real syncs: here it is told to fail them, and power stays on.
type fast struct{ osfs.OS }

type fastFile struct{ osfs.File }

func (fastFile) Sync() error { return nil }

func (fast) SyncDir(string) error { return nil }

func (f fast) OpenFile(name string, flag int, perm os.FileMode) (osfs.File, error) {
	file, err := f.OS.OpenFile(name, flag, perm)
	return fastFile{file}, err
}

func liveUnder(t *testing.T, fs osfs.FS, fault error) {
	t.Helper()
	dir := t.TempDir()
	b := &book{kept: map[string]uint64{}, unsure: map[string]bool{}, dropped: map[string]bool{}}
	for life := range 4 {
		if j, err := Open(dir, Options{FS: fs, Logger: slog.New(slog.DiscardHandler), CompactAfter: 300}); err == nil {
			b.write(t, j, life)
			_ = j.Close()
		} else {
			require.ErrorIs(t, err, fault)
		}
	}
	j, err := Open(dir, Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer j.Close()
	found := map[string]int{}
	require.NoError(t, j.Replay(func(_ uint64, frame wire.Frame) error {
		found[string(frame.Columns[0])]++
		return nil
	}))
	for name := range b.kept {
		require.Equal(t, 1, found[name], "%s: %s", fault, name)
	}
	for name, times := range found {
		_, kept := b.kept[name]
		require.True(t, kept || b.unsure[name], "%s: %s", fault, name)
		require.Equal(t, 1, times)
	}
}

// write appends records and drops most of them.
func (b *book) write(t *testing.T, j *Journal, life int) {
	t.Helper()
	for i := range 8 {
		name := fmt.Sprintf("record %d of life %d, of some length", i, life)
		frame, err := wire.NewFrame(200, nil, []byte(name))
		require.NoError(t, err)
		ids, err := j.Append(frame)
		if err == nil {
			err = j.Sync()
		}
		if err != nil {
			b.unsure[name] = true
			continue
		}
		b.kept[name] = ids[0]
		if i%3 == 2 {
			b.dropOldest(j)
		}
	}
}

func (b *book) dropOldest(j *Journal) {
	names := make([]string, 0, len(b.kept))
	for name := range b.kept {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int { return int(b.kept[x]) - int(b.kept[y]) })
	for _, name := range names[:min(3, len(names))] {
		id := b.kept[name]
		delete(b.kept, name)
		if j.Drop(id) != nil {
			b.unsure[name] = true
		}
	}
}

// What cannot be begun is nothing that a caller could close.
func TestAJournalThatCannotBeBegun(t *testing.T) {
	t.Parallel()
	opts, arm := failing(osfs.OpWrite, 0)
	arm()
	j, err := Open(t.TempDir(), opts)
	require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err))
	require.Nil(t, j)
}
