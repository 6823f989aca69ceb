package depot_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/depot"
	"github.com/yonder-run/yonder/wire"
)

func hashOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func TestFunctionsAreKeptWhileUsedAndUpToALimit(t *testing.T) {
	t.Parallel()
	f := depot.NewFunctions(10)
	put := func(data string) { require.NoError(t, f.Put(hashOf(data), []byte(data))) }
	require.False(t, f.Use(hashOf("aaaa")))
	put("aaaa")
	require.True(t, f.Use(hashOf("aaaa")))
	put("bbbb")
	put("cccc")
	require.Equal(t, "aaaa", string(f.Body(hashOf("aaaa"))), "it is in use")
	require.Nil(t, f.Body(hashOf("bbbb")), "it was used least recently")
	require.NotNil(t, f.Body(hashOf("cccc")))
	f.Release(hashOf("aaaa"))
	put("dddd")
	require.Nil(t, f.Body(hashOf("aaaa")))
	f.Release(hashOf("aaaa"))

	err := f.Put(hashOf("right"), []byte("wrong"))
	require.Equal(t, yonder.CodeMalformedFrame, yonder.CodeOf(err))
	put(strings.Repeat("x", 100))
	require.NotNil(t, f.Body(hashOf(strings.Repeat("x", 100))), "one is always kept: somebody waits for it")
}

func blobOf(id byte, data string) wire.Blob {
	return wire.Blob{ID: yonder.ID{id}, Size: int64(len(data)), SHA256: hashOf(data)}
}

func write(t *testing.T, b *depot.Blobs, blob wire.Blob, data string) {
	t.Helper()
	half := len(data) / 2
	whole, err := b.Write(wire.BlobChunk{Blob: blob}, []byte(data[:half]))
	require.NoError(t, err)
	require.False(t, whole)
	whole, err = b.Write(wire.BlobChunk{Blob: blob, Offset: int64(half), Last: true}, []byte(data[half:]))
	require.NoError(t, err)
	require.True(t, whole)
}

func TestBlobsComeInPieces(t *testing.T) {
	t.Parallel()
	b := depot.NewBlobs(t.TempDir(), 100)
	blob := blobOf(1, "hello world")
	here, first := b.Use(blob)
	require.False(t, here)
	require.True(t, first)
	_, first = b.Use(blob)
	require.False(t, first, "it was asked for already")
	require.Empty(t, b.Path(blob.ID))
	write(t, b, blob, "hello world")
	data, err := os.ReadFile(b.Path(blob.ID))
	require.NoError(t, err)
	require.Equal(t, "hello world", string(data))
	here, _ = b.Use(blob)
	require.True(t, here)
}

func TestWrongPiecesAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := depot.NewBlobs(dir, 100)
	blob := blobOf(1, "hello")
	b.Use(blob)
	for name, chunk := range map[string]struct {
		wire.BlobChunk
		data string
	}{
		"a later piece first": {wire.BlobChunk{Blob: blob, Offset: 3}, "lo"},
		"too much":            {wire.BlobChunk{Blob: blob}, "hello!"},
		"too little":          {wire.BlobChunk{Blob: blob, Last: true}, "hell"},
		"another content":     {wire.BlobChunk{Blob: blob, Last: true}, "HELLO"},
	} {
		_, err := b.Write(chunk.BlobChunk, []byte(chunk.data))
		require.Equal(t, yonder.CodeMalformedFrame, yonder.CodeOf(err), name)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left, name)
	}
	require.Equal(t, []wire.Blob{blob}, b.Wanted())
	write(t, b, blob, "hello")
	require.Empty(t, b.Wanted())
	whole, err := b.Write(wire.BlobChunk{Blob: blobOf(9, "x")}, []byte("x"))
	require.NoError(t, err, "what nobody wants any more is no fault")
	require.False(t, whole)
}

func TestBlobsGoWhenNobodyNeedsThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := depot.NewBlobs(dir, 12)
	for i := range byte(3) {
		b.Use(blobOf(i, "0123456789"))
		write(t, b, blobOf(i, "0123456789"), "0123456789")
	}
	require.NotEmpty(t, b.Path(yonder.ID{0}), "in use")
	b.Release(yonder.ID{1})
	require.Empty(t, b.Path(yonder.ID{1}))
	b.Release(yonder.ID{0})
	require.Empty(t, b.Path(yonder.ID{0}))
	require.NotEmpty(t, b.Path(yonder.ID{2}))

	b.Use(blobOf(7, "later"))
	_, err := b.Write(wire.BlobChunk{Blob: blobOf(7, "later")}, []byte("la"))
	require.NoError(t, err)
	b.Release(yonder.ID{7})
	require.Empty(t, b.Wanted(), "the rest is not wanted any more")
	b.Close()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestNoPlaceForABlob(t *testing.T) {
	t.Parallel()
	b := depot.NewBlobs(t.TempDir()+"/missing", 12)
	blob := blobOf(1, "x")
	b.Use(blob)
	_, err := b.Write(wire.BlobChunk{Blob: blob, Last: true}, []byte("x"))
	require.ErrorContains(t, err, "keeping a payload")
}

func TestABlobOnItsWayIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	b := depot.NewBlobs(t.TempDir(), 100)
	blob := blobOf(1, "hello")
	piece := func(offset int, data string, last bool) (bool, error) {
		return b.Write(wire.BlobChunk{Blob: blob, Offset: int64(offset), Last: last}, []byte(data))
	}
	_, ask := b.Use(blob)
	require.True(t, ask)
	require.Empty(t, b.Wanted(), "its pieces would mix with those of another transfer")
	_, err := piece(0, "hel", false)
	require.NoError(t, err)
	require.Empty(t, b.Wanted())

	b.Release(blob.ID)
	_, ask = b.Use(blob)
	require.False(t, ask, "the rest of the first transfer is still to come")
	whole, err := piece(3, "lo", true)
	require.NoError(t, err, "what was given up is no fault")
	require.False(t, whole)
	require.Equal(t, []wire.Blob{blob}, b.Wanted())

	_, err = piece(0, "hel", false)
	require.NoError(t, err)
	b.Refused(blob.ID)
	require.Equal(t, []wire.Blob{blob}, b.Wanted(), "the agent could not go on")
	b.Restart()
	require.Equal(t, []wire.Blob{blob}, b.Wanted(), "there is another connection")
	write(t, b, blob, "hello")
	require.Empty(t, b.Wanted())
}
