package sqlite_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// largeSize is that of payloads that lie beside the database.
const largeSize = 100_000

// segmentsOf are the files beside a database.
func segmentsOf(t *testing.T, path string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(strings.NewReplacer("?", "\\?").Replace(strings.TrimSuffix(path, ".db")+".payloads"), "*"))
	require.NoError(t, err)
	return files
}

// bytesBeside is what lies beside a database.
func bytesBeside(t *testing.T, path string) (total int64) {
	t.Helper()
	for _, name := range segmentsOf(t, path) {
		info, err := os.Stat(name)
		require.NoError(t, err)
		total += osfs.Allocated(info)
	}
	return total
}

func result(epoch int64, n *store.NewBundle) wire.Report {
	return wire.Report{Epoch: epoch, Results: []wire.Entry{
		{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 1, Outcome: wire.OutcomeOK, Form: wire.FormEach},
	}}
}

// A row that lives beside them keeps their segment: what was refused has to go
// by itself.
func TestWhatIsRefusedLeavesNothingBesideTheDatabase(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("holes are of Linux")
	}
	path := fresh(t)
	s := open(t, path, true)
	p := newPlace(t, s)
	p.size = largeSize
	first := p.bundle()
	submitted, err := p.Submit(t.Context(), []store.NewBundle{first})
	require.NoError(t, err)
	before := bytesBeside(t, path)
	require.Greater(t, before, int64(largeSize))

	theirs := p.bundle()
	theirs.Group, theirs.Owner = first.Group, yonder.NewID()
	_, err = p.Submit(t.Context(), []store.NewBundle{theirs})
	require.Equal(t, yonder.CodeForbidden, yonder.CodeOf(err))
	require.Equal(t, before, bytesBeside(t, path))

	_, err = p.Submit(t.Context(), []store.NewBundle{p.bundle(), theirs})
	require.Equal(t, yonder.CodeForbidden, yonder.CodeOf(err))
	require.Equal(t, before, bytesBeside(t, path))

	_, err = p.ReportNews(t.Context(), p.endpoint, result(p.epoch+1, &first), first.Payloads, p.now)
	require.Equal(t, yonder.CodeSessionFenced, yonder.CodeOf(err))
	require.Equal(t, before, bytesBeside(t, path))

	require.Equal(t, first.Payloads, submitted.Offered[0].Payloads)
	again, err := p.Unanswered(t.Context(), p.endpoint, p.now.Add(time.Second), 1<<20)
	require.NoError(t, err)
	require.Equal(t, first.Payloads, again[0].Payloads, "what was accepted stays")
	require.NoError(t, s.Close())
}

// What a copy of the database names must still be beside it when that is
// copied, some time later.
func TestPayloadsOutliveTheirRowsByABackup(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("holes are of Linux")
	}
	path := fresh(t)
	s := open(t, path, true)
	p := newPlace(t, s)
	p.size = largeSize
	n := p.bundle()
	n.Payloads = [][]byte{bytes.Repeat([]byte{7}, 65<<20)} // a segment of its own
	_, err := p.Submit(t.Context(), []store.NewBundle{n})
	require.NoError(t, err)
	_, err = p.Submit(t.Context(), []store.NewBundle{p.bundle(), p.bundle()})
	require.NoError(t, err)
	before := bytesBeside(t, path)
	_, err = p.CancelTasks(t.Context(), store.Cancel{Bundle: n.ID})
	require.NoError(t, err)
	tidy := func(after time.Duration) int64 {
		for more := true; more; {
			more, err = s.Tidy(t.Context(), p.now.Add(after))
			require.NoError(t, err)
		}
		return bytesBeside(t, path)
	}
	require.Equal(t, before, tidy(50*time.Minute))
	require.Len(t, segmentsOf(t, path), 2)
	require.LessOrEqual(t, tidy(70*time.Minute), before-65<<20)
	require.Len(t, segmentsOf(t, path), 1)
	require.NoError(t, s.Close())
}

// What keeps one segment from going keeps no other space.
func TestASegmentThatCannotBeRemovedHoldsUpNothing(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("holes are of Linux")
	}
	path := fresh(t)
	stuck := filepath.Join(strings.TrimSuffix(path, ".db")+".payloads", "0000000000000001.payloads")
	require.NoError(t, os.MkdirAll(filepath.Join(stuck, "full"), 0o700)) // a directory that is not empty stays
	s := open(t, path, true)
	p := newPlace(t, s)
	p.size = largeSize
	n := p.bundle()
	_, err := p.Submit(t.Context(), []store.NewBundle{n})
	require.NoError(t, err)
	before := bytesBeside(t, path)
	_, err = p.CancelTasks(t.Context(), store.Cancel{Bundle: n.ID})
	require.NoError(t, err)
	_, err = s.Tidy(t.Context(), p.now.Add(2*time.Hour))
	require.ErrorContains(t, err, "removing a segment")
	require.LessOrEqual(t, bytesBeside(t, path), before-largeSize)
	require.NoError(t, s.Close())
}
