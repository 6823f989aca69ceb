package workerproc_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/manager/workerproc"
	"github.com/yonder-run/yonder/manager/workertest"
)

func TestArchiveIsNamedByItsContents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := workerproc.WriteArchive(dir, workertest.Zipapp(t))
	require.NoError(t, err)
	before, err := os.Stat(first)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), before.Mode().Perm())

	again, err := workerproc.WriteArchive(dir, workertest.Zipapp(t))
	require.NoError(t, err)
	require.Equal(t, first, again, "the same sources give the same bytes")
	after, err := os.Stat(again)
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime(), "what is there is left alone")

	other, err := workerproc.WriteArchive(dir, []byte("another"))
	require.NoError(t, err)
	require.NotEqual(t, first, other)
	_, err = workerproc.WriteArchive(dir+"/missing", nil)
	require.ErrorContains(t, err, "writing the worker")
}
