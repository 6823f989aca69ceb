package bodies

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/osfs"
	"github.com/yonder-run/yonder/wire"
)

// Whatever call fails while a result is kept: nobody is told that it is kept
// when it is not whole, what it took is given back, and it can come again.
func TestKeepingUnderEveryFailingCall(t *testing.T) {
	t.Parallel()
	osfs.EachCall(osfs.OS{}, 2, []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS}, func(fs osfs.FS, fault error) {
		keepUnder(t, fs, fault)
	})
}

const body = "a large result"

func keepAll(s *Spool, span wire.Span) error {
	sum := sha256.Sum256([]byte(body))
	chunk := wire.BlobChunk{Span: &span, Blob: wire.Blob{Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:])}}
	for _, piece := range []string{body[:5], body[5:]} {
		chunk.Last = chunk.Offset > 0
		if err := s.Keep(chunk, []byte(piece)); err != nil {
			return err
		}
		chunk.Offset += int64(len(piece))
	}
	return nil
}

func keepUnder(t *testing.T, fs osfs.FS, fault error) {
	t.Helper()
	dir := t.TempDir()
	s, err := newSpool(fs, dir, 2*int64(len(body)))
	require.NoError(t, err)
	span := wire.Span{Bundle: yonder.NewBundleID(), Attempt: 1, Hi: 1}
	for err = keepAll(s, span); err != nil; err = keepAll(s, span) {
		require.ErrorIs(t, err, fault)
		if !errors.Is(fault, syscall.EIO) {
			require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err))
		}
		require.False(t, s.Has(span, int64(len(body))))
		require.Zero(t, s.size, "what it took is given back")
	}
	again, err := NewSpool(dir, 1<<20)
	require.NoError(t, err)
	kept, size, err := again.Open(span)
	require.NoError(t, err)
	defer kept.Close()
	data, err := io.ReadAll(kept)
	require.NoError(t, err)
	require.Equal(t, body, string(data))
	require.EqualValues(t, len(body), size)
}
