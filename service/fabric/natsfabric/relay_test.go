package natsfabric

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// pieces reads so many bytes at a time as it is told to, if there is room.
type pieces struct {
	sizes  []int
	buffer []int // that each read was offered
}

func (p *pieces) Read(into []byte) (int, error) {
	if len(p.sizes) == 0 {
		return 0, io.EOF
	}
	p.buffer = append(p.buffer, len(into))
	n := min(p.sizes[0], len(into))
	if p.sizes[0] -= n; p.sizes[0] == 0 {
		p.sizes = p.sizes[1:]
	}
	return n, nil
}

func TestRelayTakesMemoryForLargeMessagesOnly(t *testing.T) {
	t.Parallel()
	p := &pieces{sizes: []int{100, 512 << 10}}
	for range calm {
		p.sizes = append(p.sizes, 10)
	}
	p.sizes = append(p.sizes, 10)
	written := 0
	err := relay(p, []byte("hello"), func(data []byte) error { written += len(data); return nil })
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, len("hello")+100+512<<10+10*(calm+1), written)
	require.Equal(t, leastBuffer, p.buffer[0])
	require.Contains(t, p.buffer, mostBuffer)
	require.LessOrEqual(t, len(p.buffer), 1+2+17+calm+1, "not a read for each kilobyte")
	require.Equal(t, leastBuffer, p.buffer[len(p.buffer)-1], "given back when it is not needed")
}

func TestRelayCarriesEverythingAndEnds(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	for name, reader := range map[string]io.Reader{
		"whole": bytes.NewReader(data), "halves": iotest.HalfReader(bytes.NewReader(data)), "bytes": iotest.OneByteReader(bytes.NewReader(data)),
		"with its end": iotest.DataErrReader(bytes.NewReader(data)),
	} {
		var got bytes.Buffer
		err := relay(reader, nil, func(b []byte) error { _, err := got.Write(b); return err })
		require.ErrorIs(t, err, io.EOF, name)
		require.True(t, bytes.Equal(data, got.Bytes()), name)
	}
	full := errors.New("full")
	require.ErrorIs(t, relay(bytes.NewReader(data), nil, func([]byte) error { return full }), full)
	require.ErrorIs(t, relay(bytes.NewReader(data), []byte("x"), func([]byte) error { return full }), full)
}
