package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/service/store/sqlite"
)

// On a real file system without space, nothing but space is missing.
func TestAFullDiskServesReadsAndRecovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m")
	if errors.Is(err, os.ErrPermission) {
		t.Skip("making a small file system takes root")
	}
	require.NoError(t, err)
	// A process that another test is just starting may have its files open until it is there.
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	ballast := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 4<<20), 0o600))
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "yonder.db")})
	require.NoError(t, err)
	fillAndRecover(t, s, func(*place) { require.NoError(t, os.Remove(ballast)) })
}
