package dir

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
)

func random(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

func TestBodiesOfManyPiecesAreStoredAsTheyCome(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, size := range []int{0, 1, copyBuf - 1, copyBuf, copyBuf + 1, 3*copyBuf + 7, 2*writebackEvery + 5} {
		body := random(size)
		as := func(r io.Reader) io.Reader { return r }
		for _, comes := range []func(io.Reader) io.Reader{as, iotest.HalfReader, iotest.DataErrReader} {
			b, err := d.Put(t.Context(), yonder.NewID(), comes(bytes.NewReader(body)), int64(size))
			require.NoError(t, err)
			require.EqualValues(t, size, b.Size)
			require.Equal(t, fmt.Sprintf("%x", sha256.Sum256(body)), b.SHA256)
			r, err := d.Open(t.Context(), b)
			require.NoError(t, err)
			stored, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			require.True(t, bytes.Equal(body, stored), "%d bytes", size)
		}
	}
}

// A request whose client is gone ends like that, which is not the end of a body.
func TestCutBodyIsNotStored(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, size := range []int{0, 10, copyBuf, copyBuf + 10} {
		cut := io.MultiReader(bytes.NewReader(random(size)), iotest.ErrReader(io.ErrUnexpectedEOF))
		_, err := d.Put(t.Context(), yonder.NewID(), cut, 1<<30)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	require.Empty(t, files(t, d))
}
