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
		for _, fault := range []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS} {
			for length := 1; length <= 3; length++ {
				n := 1
				for replaceUnder(t, write, n, length, fault) {
					n++
				}
			}
		}
	}
}

// replaceUnder says whether anything failed.
func replaceUnder(t *testing.T, write func(osfs.FS, string, []byte) error, n, length int, fault error) bool {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, write(osfs.OS{}, name, []byte("old")))
	fs, struck := osfs.Nth(osfs.OS{}, n, length, 1, fault)
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
	return struck() > 0
}
