package bodies_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/bodies"
	"github.com/yonder-run/yonder/wire"
)

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// library serves bodies and counts how often it is asked.
type library struct {
	asked atomic.Int32
	books map[string]string
}

func (l *library) fetch(_ context.Context, h string) ([]byte, error) {
	l.asked.Add(1)
	body, ok := l.books[h]
	if !ok {
		return nil, errors.New("no such function")
	}
	return []byte(body), nil
}

func newLibrary(texts ...string) *library {
	l := &library{books: map[string]string{}}
	for _, text := range texts {
		l.books[hash(text)] = text
	}
	return l
}

func TestFunctionsAreFetchedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := newLibrary("one")
	f, err := bodies.NewFunctions(dir, 100, l.fetch)
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			body, err := f.Get(t.Context(), hash("one"))
			if err != nil || string(body) != "one" {
				t.Errorf("got %q, %v", body, err)
			}
		})
	}
	all.Wait()
	before := l.asked.Load()
	again, err := bodies.NewFunctions(dir, 100, l.fetch)
	require.NoError(t, err)
	_, err = again.Get(t.Context(), hash("one"))
	require.NoError(t, err)
	require.Equal(t, before, l.asked.Load(), "it is on disk")

	require.NoError(t, os.WriteFile(filepath.Join(dir, hash("one")), []byte("damaged"), 0o600))
	body, err := again.Get(t.Context(), hash("one"))
	require.NoError(t, err)
	require.Equal(t, "one", string(body))

	_, err = again.Get(t.Context(), hash("two"))
	require.ErrorContains(t, err, "no such function")
	_, err = again.Get(t.Context(), "../../etc/passwd")
	require.Equal(t, yonder.CodeInvalidRequest, yonder.CodeOf(err))
}

func TestFunctionsMakeRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := newLibrary("aaaa", "bbbb", "cccc")
	f, err := bodies.NewFunctions(dir, 9, l.fetch)
	require.NoError(t, err)
	for _, text := range []string{"aaaa", "bbbb", "aaaa", "cccc"} {
		_, err := f.Get(t.Context(), hash(text))
		require.NoError(t, err)
	}
	require.NoFileExists(t, filepath.Join(dir, hash("bbbb")))
	require.FileExists(t, filepath.Join(dir, hash("aaaa")))
	_, err = bodies.NewFunctions(dir, 5, l.fetch)
	require.NoError(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func spanAt(lo int) wire.Span { return wire.Span{Attempt: 1, Lo: lo, Hi: lo + 1} }

func keep(s *bodies.Spool, lo int, text string, piece int) error {
	span := spanAt(lo)
	blob := wire.Blob{Size: int64(len(text)), SHA256: hash(text)}
	for off := 0; ; off += piece {
		end := min(off+piece, len(text))
		chunk := wire.BlobChunk{Blob: blob, Span: &span, Offset: int64(off), Last: end == len(text)}
		if err := s.Keep(chunk, []byte(text[off:end])); err != nil || chunk.Last {
			return err
		}
	}
}

func read(t *testing.T, s *bodies.Spool, lo int) string {
	t.Helper()
	file, size, err := s.Open(spanAt(lo))
	require.NoError(t, err)
	defer file.Close()
	data, err := io.ReadAll(file)
	require.NoError(t, err)
	require.EqualValues(t, len(data), size)
	return string(data)
}

func TestSpoolKeepsWholeResults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := bodies.NewSpool(dir, 100)
	require.NoError(t, err)
	require.NoError(t, keep(s, 0, "a large result", 4))
	require.Equal(t, "a large result", read(t, s, 0))
	span := spanAt(1)
	require.NoError(t, s.Keep(wire.BlobChunk{Span: &span}, []byte("begun")))
	err = s.Keep(wire.BlobChunk{Span: &span, Offset: 3}, []byte("gap"))
	require.Equal(t, yonder.CodeMalformedFrame, yonder.CodeOf(err))
	require.NoError(t, keep(s, 1, "from its start again", 6))

	again, err := bodies.NewSpool(dir, 100)
	require.NoError(t, err)
	require.Equal(t, "from its start again", read(t, again, 1))
	again.Retain([]wire.Span{spanAt(1)})
	_, _, err = again.Open(spanAt(0))
	require.ErrorIs(t, err, os.ErrNotExist)
	again.Remove(spanAt(1))
	require.NoError(t, keep(again, 2, strings.Repeat("x", 100), 50), "all room is back")
}

func TestSpoolRefusesWhatIsWrongOrTooMuch(t *testing.T) {
	t.Parallel()
	s, err := bodies.NewSpool(t.TempDir(), 10)
	require.NoError(t, err)
	require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(keep(s, 0, "more than there is room", 4)))
	span := spanAt(0)
	err = s.Keep(wire.BlobChunk{Span: &span, Blob: wire.Blob{Size: 4, SHA256: hash("good")}, Last: true}, []byte("goo"))
	require.Equal(t, yonder.CodeMalformedFrame, yonder.CodeOf(err))
	for round := range 5 {
		require.NoError(t, keep(s, 0, fmt.Sprint("0123456", round), 3), "nothing of it is left")
		s.Remove(spanAt(0))
	}
}

func TestUnfinishedResultsAreForgottenAtStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := bodies.NewSpool(dir, 10)
	require.NoError(t, err)
	span := spanAt(0)
	require.NoError(t, s.Keep(wire.BlobChunk{Span: &span}, []byte("123456")))
	again, err := bodies.NewSpool(dir, 10)
	require.NoError(t, err)
	require.NoError(t, keep(again, 0, "1234567890", 5))
}
