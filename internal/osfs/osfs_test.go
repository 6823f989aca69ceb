package osfs_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/osfs"
)

func TestFaultyFailsExactlyWhatItIsToldTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	for _, op := range []osfs.Op{
		osfs.OpOpen, osfs.OpWrite, osfs.OpSync, osfs.OpTruncate, osfs.OpRename, osfs.OpRemove, osfs.OpSyncDir, "",
	} {
		fs := &osfs.Faulty{FS: osfs.OS{}, Torn: 2, Fail: func(called osfs.Op, _ string) error {
			if called == op {
				return syscall.ENOSPC
			}
			return nil
		}}
		check := func(called osfs.Op, err error) {
			if called == op {
				require.ErrorIs(t, err, syscall.ENOSPC)
				return
			}
			require.NoError(t, err)
		}
		file, err := fs.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
		check(osfs.OpOpen, err)
		if err != nil {
			continue
		}
		_, err = file.WriteAt([]byte("abc"), 0)
		check(osfs.OpWrite, err)
		check(osfs.OpSync, file.Sync())
		if op == osfs.OpWrite {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			require.Equal(t, "ab", string(data))
		}
		check(osfs.OpTruncate, file.Truncate(0))
		require.NoError(t, file.Close())
		check(osfs.OpRename, fs.Rename(name, name+"2"))
		_ = os.Rename(name+"2", name)
		check(osfs.OpSyncDir, fs.SyncDir(dir))
		check(osfs.OpRemove, fs.Remove(name))
	}
}
