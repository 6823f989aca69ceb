package bodies_test

import (
	"bytes"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/endpoint/bodies"
	"github.com/yonder-run/yonder/wire"
)

const large = 16 << 20

func followed(t *testing.T) (*bodies.Spool, func(text []byte, at, size int64, last bool) error) {
	t.Helper()
	s, err := bodies.NewSpool(t.TempDir(), 1<<30)
	require.NoError(t, err)
	span := spanAt(0)
	return s, func(text []byte, at, size int64, last bool) error {
		return s.Keep(wire.BlobChunk{Span: &span, Offset: at, Blob: wire.Blob{Size: size}, Last: last}, text)
	}
}

func TestAResultIsReadWhileItComesIn(t *testing.T) {
	t.Parallel()
	s, put := followed(t)
	text := bytes.Repeat([]byte("0123456789abcdef"), large/16)
	require.NoError(t, put(text[:1000], 0, large, false))
	coming := <-s.Coming()
	require.Equal(t, bodies.Coming{Span: spanAt(0), Size: large}, coming)
	body, err := s.Follow(coming.Span)
	require.NoError(t, err)
	start := make([]byte, 1000)
	_, err = io.ReadFull(body, start)
	require.NoError(t, err)
	read := make(chan []byte)
	go func() {
		rest, err := io.ReadAll(body)
		if err != nil {
			rest = nil
		}
		read <- slices.Concat(start, rest)
	}()
	require.NoError(t, put(text[1000:2000], 1000, large, false))
	require.NoError(t, put(text[2000:], 2000, large, true))
	require.True(t, bytes.Equal(text, <-read))
	require.NoError(t, body.Close())
	_, err = s.Follow(coming.Span)
	require.ErrorContains(t, err, "not on its way")
}

func TestAResultThatBeginsAnewEndsItsReader(t *testing.T) {
	t.Parallel()
	s, put := followed(t)
	require.NoError(t, put([]byte("first"), 0, large, false))
	body, err := s.Follow((<-s.Coming()).Span)
	require.NoError(t, err)
	require.NoError(t, put([]byte("second"), 0, large, false))
	_, err = io.ReadAll(body)
	require.ErrorContains(t, err, "did not come whole")
	require.NoError(t, body.Close())
	require.Equal(t, spanAt(0), (<-s.Coming()).Span, "the next try is announced as well")
}

func TestClosingEndsAReadThatWaits(t *testing.T) {
	t.Parallel()
	s, put := followed(t)
	require.NoError(t, put(nil, 0, large, false))
	body, err := s.Follow((<-s.Coming()).Span)
	require.NoError(t, err)
	ended := make(chan error)
	go func() {
		_, err := body.Read(make([]byte, 10))
		ended <- err
	}()
	require.NoError(t, body.Close())
	require.ErrorIs(t, <-ended, os.ErrClosed)
}

func TestSmallResultsAreNotAnnounced(t *testing.T) {
	t.Parallel()
	s, put := followed(t)
	require.NoError(t, put([]byte("x"), 0, large-1, false))
	require.Empty(t, s.Coming())
	for range 100 { // nobody takes the news: nothing waits for that
		require.NoError(t, put([]byte("x"), 0, large, false))
	}
}
