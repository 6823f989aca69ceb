package osfs_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/osfs"
)

// Whatever call fails, there is the old content or the new one, and the new one
// once somebody was told so; then it can be replaced again.
func TestReplaceUnderEveryFailingCall(t *testing.T) {
	t.Parallel()
	for _, write := range []func(osfs.FS, string, []byte) error{osfs.Replace, osfs.Place} {
		osfs.EachCall(osfs.OS{}, 1, []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS}, func(fs osfs.FS, fault error) {
			replaceUnder(t, write, fs, fault)
		})
	}
}

func replaceUnder(t *testing.T, write func(osfs.FS, string, []byte) error, fs osfs.FS, fault error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, write(osfs.OS{}, name, []byte("old")))
	err := write(fs, name, []byte("new"))
	data, reading := os.ReadFile(name)
	require.NoError(t, reading)
	require.Contains(t, []string{"old", "new"}, string(data))
	if err == nil {
		require.Equal(t, "new", string(data))
	} else {
		require.ErrorIs(t, err, fault)
		require.ErrorContains(t, err, name)
	}
	require.NoError(t, write(osfs.OS{}, name, []byte("newer")))
	data, reading = os.ReadFile(name)
	require.NoError(t, reading)
	require.Equal(t, "newer", string(data))
	info, reading := os.Stat(name)
	require.NoError(t, reading)
	require.Zero(t, info.Mode()&0o077, "nobody else may read it")
}
