package wire_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder/wire"
)

// chunkOf is a piece of a blob with the given bytes.
func chunkOf(data string) wire.Frame {
	return wire.Frame{Version: wire.Version, Kind: wire.KindBlobChunk, Header: []byte(`{}`), Columns: [][]byte{[]byte(data)}}
}

func TestOnlyPiecesOfBlobsShareAPlace(t *testing.T) {
	t.Parallel()
	beat := wire.Frame{Version: wire.Version, Kind: wire.KindBeat, Header: []byte(`{"a":1}`)}
	large := chunkOf(strings.Repeat("x", 300<<10))
	var stream bytes.Buffer
	for _, frame := range []wire.Frame{beat, chunkOf("first"), large, chunkOf("second"), chunkOf("third"), beat} {
		_, err := frame.WriteTo(&stream)
		require.NoError(t, err)
	}
	frames := wire.NewReader(&stream, 1<<20)
	var read []wire.Frame
	for {
		frame, err := frames.Next()
		if err != nil {
			require.Equal(t, io.EOF, err)
			break
		}
		read = append(read, frame)
	}
	require.Len(t, read, 6)
	sameFrame(t, beat, read[0])
	require.Equal(t, "third", string(read[1].Columns[0]), "its place was taken by the next but one")
	sameFrame(t, large, read[2])
	sameFrame(t, chunkOf("second"), read[3])
	sameFrame(t, chunkOf("third"), read[4])
	sameFrame(t, beat, read[5])
}

func TestWriteToWritesWhatBytesHas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		frame := wire.Frame{Version: wire.Version, Kind: wire.KindDone, Header: []byte(`{}`)}
		for _, size := range rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 1000, 32<<10 - 1, 32 << 10, 40 << 10}), 0, 6).Draw(t, "sizes") {
			frame.Columns = append(frame.Columns, bytes.Repeat([]byte{byte(size)}, size))
		}
		var written bytes.Buffer
		n, err := frame.WriteTo(&written)
		require.NoError(t, err)
		require.EqualValues(t, frame.Size(), n)
		require.True(t, bytes.Equal(frame.Bytes(), written.Bytes()))
	})
}

// failing takes so many writes.
type failing struct{ left int }

func (f *failing) Write(b []byte) (int, error) {
	if f.left == 0 {
		return 0, io.ErrClosedPipe
	}
	f.left--
	return len(b), nil
}

func TestWriteToEndsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	frame := chunkOf(strings.Repeat("x", 40<<10))
	frame.Columns = append(frame.Columns, []byte("end"))
	for left := range 3 {
		_, err := frame.WriteTo(&failing{left: left})
		require.ErrorIs(t, err, io.ErrClosedPipe)
	}
	_, err := frame.WriteTo(&failing{left: 3})
	require.NoError(t, err)
}
