//go:build linux

package shellworker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

func TestWhatIsNotBegunIsTakenBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := command("while [ ! -e {file} ]; do sleep 0.01; done", shell.Param{Name: "file"})
	here, later := filepath.Join(t.TempDir(), "here"), filepath.Join(t.TempDir(), "later")
	require.NoError(t, os.WriteFile(here, nil, 0o600))
	payloads := [][]byte{workertest.Call(here), workertest.Call(here), workertest.Call(later), workertest.Call(here), workertest.Call(here)}
	b.give(f, payloads, wire.Run{Hi: len(payloads), Block: 1})
	require.Eventually(t, func() bool {
		_, index := b.Whereabouts("w1")
		return index == 2
	}, patience, time.Millisecond)
	hi, ok := b.Take("w1", b.runs)
	require.True(t, ok)
	require.Equal(t, 3, hi)
	require.NoError(t, os.WriteFile(later, nil, 0o600))
	for i := range hi {
		report := next(t, b.reports)
		require.Equal(t, i, report.Entries[0].Lo)
		require.Equal(t, i == hi-1, report.Last)
	}
	b.give(f, payloads, wire.Run{Hi: len(payloads), Block: 2})
	for i := range payloads {
		require.Equal(t, i == len(payloads)-1, next(t, b.reports).Last, "all of the next run is done")
	}
}
