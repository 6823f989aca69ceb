package managers_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/managertest"
	"github.com/yonder-run/yonder/wire"
)

func TestBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.library.blob = bytes.Repeat([]byte("0123456789"), 60_000)
	b.start(t)
	c := b.dial(t, hello)
	task := yonder.NewID()
	require.NoError(t, c.Send(wire.KindNeed, wire.Need{Function: "known"}))
	body, columns, err := managertest.Expect[wire.Body](c, wire.KindBody)
	require.NoError(t, err)
	require.Nil(t, body.Error)
	require.Equal(t, "body", string(columns[0]))
	require.NoError(t, c.Send(wire.KindNeed, wire.Need{Function: "unknown"}))
	body, _, err = managertest.Expect[wire.Body](c, wire.KindBody)
	require.NoError(t, err)
	require.Equal(t, yonder.CodeNotFound, body.Error.Code)

	blob := wire.Blob{ID: yonder.NewID(), Size: int64(len(b.library.blob))}
	require.NoError(t, c.Send(wire.KindNeed, wire.Need{Blob: &blob, Task: &task}))
	var got []byte
	for {
		chunk, columns, err := managertest.Expect[wire.BlobChunk](c, wire.KindBlobChunk)
		require.NoError(t, err)
		require.EqualValues(t, len(got), chunk.Offset)
		got = append(got, columns[0]...)
		if chunk.Last {
			break
		}
	}
	require.Equal(t, sha(b.library.blob), sha(got))
}

func TestBodiesThatAreNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.library.full.Store(true)
	b.start(t)
	c := b.dial(t, hello)
	task := yonder.NewID()
	require.NoError(t, c.Send(wire.KindNeed, wire.Need{Blob: &wire.Blob{}, Task: &task}))
	chunk, _, err := managertest.Expect[wire.BlobChunk](c, wire.KindBlobChunk)
	require.NoError(t, err)
	require.Equal(t, yonder.CodeUnavailable, chunk.Error.Code)
	require.NoError(t, c.Send(wire.KindBlobChunk, wire.BlobChunk{Span: &wire.Span{Hi: 1}}, []byte("piece")))
	chunk, _, err = managertest.Expect[wire.BlobChunk](c, wire.KindBlobChunk)
	require.NoError(t, err)
	require.Equal(t, yonder.CodeStorageFull, chunk.Error.Code)
	require.Equal(t, 1, chunk.Span.Hi)
}

// A result that finds no room stays with its manager, whatever of it was under
// way, and keeps nothing else of the same report back.
func TestAResultWithoutRoomComesAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.library.full.Store(true)
	b.start(t)
	c := b.dial(t, hello)
	span := wire.Span{Bundle: yonder.NewBundleID(), Attempt: 1, Hi: 1}
	large := wire.Entry{Bundle: span.Bundle, Attempt: 1, Hi: 1, Outcome: wire.OutcomeOK, Blob: &wire.Blob{Size: 10}}
	small := wire.Entry{Bundle: span.Bundle, Attempt: 1, Lo: 1, Hi: 2, Outcome: wire.OutcomeOK}
	pieces := func() {
		require.NoError(t, c.Send(wire.KindBlobChunk, wire.BlobChunk{Span: &span}, []byte("first")))
		require.NoError(t, c.Send(wire.KindBlobChunk, wire.BlobChunk{Span: &span, Offset: 5, Last: true}, []byte("after")))
	}
	pieces()
	require.NoError(t, c.Send(wire.KindDone, wire.Done{Seq: 1, Results: []wire.Entry{large, small}}, nil, []byte("small")))
	chunk, _, err := managertest.Expect[wire.BlobChunk](c, wire.KindBlobChunk)
	require.NoError(t, err)
	require.Equal(t, yonder.CodeStorageFull, chunk.Error.Code)
	ack, _, err := managertest.Expect[wire.DoneAck](c, wire.KindDoneAck)
	require.NoError(t, err)
	require.EqualValues(t, 1, ack.Seq)
	require.Equal(t, []wire.Entry{small}, b.desk.dones.Wait(t).Results)

	b.library.full.Store(false)
	pieces()
	require.NoError(t, c.Send(wire.KindDone, wire.Done{Seq: 2, Results: []wire.Entry{large}}, nil))
	require.Equal(t, "first", b.library.kept.Wait(t))
	require.Equal(t, "after", b.library.kept.Wait(t))
	require.Equal(t, []wire.Entry{large}, b.desk.dones.Wait(t).Results)
}

func TestPiecesOfResultsAreKept(t *testing.T) {
	t.Parallel()
	b := setup(t).start(t)
	c := b.dial(t, hello)
	require.NoError(t, c.Send(wire.KindBlobChunk, wire.BlobChunk{Span: &wire.Span{Hi: 1}}, []byte("piece")))
	require.Equal(t, "piece", b.library.kept.Wait(t))
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
