package dir

import (
	"bytes"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
)

// Whatever call fails while a blob is stored: nobody is told that it is there
// when it is not whole, others are as they were, and the next try succeeds.
func TestPutUnderEveryFailingCall(t *testing.T) {
	t.Parallel()
	osfs.EachCall(osfs.OS{}, 2, []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS}, func(fs osfs.FS, fault error) {
		putUnder(t, fs, fault)
	})
}

func putUnder(t *testing.T, fs osfs.FS, fault error) {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "blobs"))
	require.NoError(t, err)
	before := put(t, d, "the same")
	for _, body := range []string{"another", "the same"} {
		d.fs = fs
		id := yonder.NewID()
		b, err := d.Put(t.Context(), id, bytes.NewReader([]byte(body)), 1000)
		d.fs = osfs.OS{}
		if err != nil {
			require.ErrorIs(t, err, fault)
			if !errors.Is(fault, syscall.EIO) {
				require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err))
			}
			b, err = d.Put(t.Context(), id, bytes.NewReader([]byte(body)), 1000)
			require.NoError(t, err)
		}
		require.Equal(t, body, read(t, d, b))
		require.NoError(t, d.Delete(t.Context(), b))
	}
	require.Equal(t, "the same", read(t, d, before))
}
