package depot

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/wire"
)

// Whatever call fails while a payload comes in: no task is given one that is
// not whole, and it can come again.
func TestWritingUnderEveryFailingCall(t *testing.T) {
	t.Parallel()
	osfs.EachCall(osfs.OS{}, 2, []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS}, func(fs osfs.FS, fault error) {
		writeUnder(t, fs, fault)
	})
}

const text = "a large payload"

func writeUnder(t *testing.T, fs osfs.FS, fault error) {
	t.Helper()
	b := NewBlobs(t.TempDir(), 1<<20)
	b.fs = fs
	defer b.Close()
	sum := sha256.Sum256([]byte(text))
	want := wire.Blob{ID: yonder.NewID(), Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:])}
	b.Use(want)
	for whole := false; !whole; {
		for _, piece := range []wire.BlobChunk{{Blob: want, Offset: 0}, {Blob: want, Offset: 5, Last: true}} {
			data := text[:5]
			if piece.Last {
				data = text[5:]
			}
			var err error
			if whole, err = b.Write(piece, []byte(data)); err != nil {
				require.ErrorIs(t, err, fault)
				require.Empty(t, b.Path(want.ID))
				break
			}
		}
	}
	data, err := os.ReadFile(b.Path(want.ID))
	require.NoError(t, err)
	require.Equal(t, text, string(data))
}
