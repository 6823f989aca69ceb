package wire_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

func TestReadSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := wire.Frame{Version: wire.Version, Kind: wire.KindBeat, Header: []byte(`{}`), Columns: [][]byte{{1}}}
	broken := func(change func(b []byte) []byte) []byte { return change(good.Bytes()) }
	set := func(at int, value byte) []byte {
		return broken(func(b []byte) []byte { b[at] = value; return b })
	}
	tests := []struct {
		name string
		data []byte
		code yonder.Code
	}{
		{"version of the future", set(4, wire.Version+1), yonder.CodeUnsupportedWire},
		{"version zero", set(4, 0), yonder.CodeUnsupportedWire},
		{"over the limit", []byte{0, 0, 0, 0x7f}, yonder.CodeTooLarge},
		{"shorter than a prefix", []byte{3, 0, 0, 0, 1, 2, 3}, yonder.CodeMalformedFrame},
		{"header beyond the frame", set(8, 200), yonder.CodeMalformedFrame},
		{"more columns than bytes", set(14, 200), yonder.CodeMalformedFrame},
		{"column beyond the frame", set(18, 200), yonder.CodeMalformedFrame},
		{"bytes after the last column", set(18, 0), yonder.CodeMalformedFrame},
		{"cut columns", broken(func(b []byte) []byte { b[0] -= 7; return b[:len(b)-7] }), yonder.CodeMalformedFrame},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := wire.Read(bytes.NewReader(test.data), 1<<10)
			require.Equal(t, test.code, yonder.CodeOf(err), "%v", err)
		})
	}
}

func TestReadTellsTheEndFromACut(t *testing.T) {
	t.Parallel()
	frame := wire.Frame{Version: wire.Version, Kind: wire.KindBeat, Header: []byte(`{}`)}
	data := frame.Bytes()
	for n := range data {
		_, err := wire.Read(bytes.NewReader(data[:n]), 1<<10)
		if n == 0 {
			require.Equal(t, io.EOF, err)
			continue
		}
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut after %d bytes", n)
	}
}

func TestParseRefusesWhatFollows(t *testing.T) {
	t.Parallel()
	frame := wire.Frame{Version: wire.Version, Kind: wire.KindBeat, Header: []byte(`{}`)}
	two := frame.Append(frame.Bytes())
	_, err := wire.Parse(two)
	require.Equal(t, yonder.CodeMalformedFrame, yonder.CodeOf(err))
	frames, err := wire.ParseAll(two)
	require.NoError(t, err)
	require.Len(t, frames, 2)
	_, err = wire.ParseAll(two[:len(two)-1])
	require.ErrorContains(t, err, "frame 1")
}

func TestDecodeIgnoresUnknownFieldsAndChecksTheKind(t *testing.T) {
	t.Parallel()
	frame := wire.Frame{Version: wire.Version, Kind: wire.KindDoneAck, Header: []byte(`{"seq":3,"later":{"x":[1]}}`)}
	var ack wire.DoneAck
	require.NoError(t, frame.Decode(wire.KindDoneAck, &ack))
	require.EqualValues(t, 3, ack.Seq)
	require.Equal(t, yonder.CodeMalformedFrame, yonder.CodeOf(frame.Decode(wire.KindDone, &ack)))
	frame.Header = []byte(`{"seq":"three"}`)
	require.Equal(t, yonder.CodeMalformedFrame, yonder.CodeOf(frame.Decode(wire.KindDoneAck, &ack)))
}

func TestFramesSurviveTheJourney(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		frame := wire.Frame{
			Version: wire.Version,
			Kind:    wire.Kind(rapid.Uint8().Draw(t, "kind")),
			Header:  rapid.SliceOf(rapid.Byte()).Draw(t, "header"),
			Columns: rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "columns"),
		}
		require.Len(t, frame.Bytes(), frame.Size())
		read, err := wire.Read(bytes.NewReader(frame.Bytes()), frame.Size())
		require.NoError(t, err)
		sameFrame(t, frame, read)
	})
}

// FuzzParse holds that arbitrary bytes are either refused with a code or are a
// frame that survives being written again.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/v*/*.frame")
	require.NoError(f, err)
	for _, path := range files {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, err := wire.Parse(data)
		if err != nil {
			var coded *yonder.Error
			require.ErrorAs(t, err, &coded, "%v has no code", err)
			return
		}
		again, err := wire.Parse(frame.Bytes())
		require.NoError(t, err)
		sameFrame(t, frame, again)
	})
}

// FuzzRead holds that a stream is read as its frames are parsed.
func FuzzRead(f *testing.F) {
	frame := wire.Frame{Version: wire.Version, Kind: wire.KindBeat, Header: []byte(`{}`), Columns: [][]byte{{1, 2}, {}}}
	f.Add(frame.Append(frame.Bytes()))
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, wholeErr := wire.ParseAll(data)
		stream := bytes.NewReader(data)
		var read []wire.Frame
		for {
			frame, err := wire.Read(stream, 1<<20)
			if err != nil {
				require.Equal(t, wholeErr == nil, errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF))
				break
			}
			read = append(read, frame)
		}
		if wholeErr == nil {
			require.Len(t, read, len(whole))
		}
	})
}

type tb interface {
	require.TestingT
	Helper()
}

func sameFrame(t tb, want, got wire.Frame) {
	t.Helper()
	require.Equal(t, want.Kind, got.Kind)
	require.Equal(t, want.Version, got.Version)
	require.True(t, bytes.Equal(want.Header, got.Header))
	require.Len(t, got.Columns, len(want.Columns))
	for i := range want.Columns {
		require.True(t, bytes.Equal(want.Columns[i], got.Columns[i]), "column %d", i)
	}
}
