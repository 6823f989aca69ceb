package wire_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

func TestPayloads(t *testing.T) {
	t.Parallel()
	packed, err := wire.PackCall(wire.Call{})
	require.NoError(t, err)
	require.Equal(t, "Y1j\x00\x00\x00\x00\x00"+`{"args":[],"kwargs":{}}`, string(packed))
	p, err := wire.ParsePayload(packed)
	require.NoError(t, err)
	require.Equal(t, wire.Payload{Codec: "json", Body: packed[8:]}, p)
	p, err = wire.ParsePayload([]byte("Y1p\x03\x03\x0b\x00\x00abc"))
	require.NoError(t, err)
	require.Equal(t, wire.Payload{Codec: "pickle", Chunk: true, Body: []byte("abc")}, p)
	for _, text := range []string{"", "Y1j", "Y2j\x00\x00\x00\x00\x00", "Y1x\x00\x00\x00\x00\x00", "Y1p\x04\x03\x0b\x00\x00"} {
		_, err := wire.ParsePayload([]byte(text))
		require.Equal(t, yonder.CodeCodecMismatch, yonder.CodeOf(err), "%q", text)
	}
	_, err = wire.PackCall(wire.Call{Args: []any{make(chan int)}})
	require.Equal(t, yonder.CodeUnserialisable, yonder.CodeOf(err))
}

func table(kind byte, shared uint32, items ...string) []byte {
	data := binary.LittleEndian.AppendUint32([]byte{kind, 0, 0, 0}, uint32(len(items)))
	data = binary.LittleEndian.AppendUint32(data, shared)
	for _, item := range items {
		data = binary.LittleEndian.AppendUint32(data, uint32(len(item)))
	}
	for _, item := range items {
		data = append(data, item...)
	}
	return data
}

func TestChunks(t *testing.T) {
	t.Parallel()
	whole := table(wire.ChunkOfCalls, 0, "a", "", "bc")
	items, err := wire.ChunkItems(whole, wire.ChunkOfCalls)
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("a"), {}, []byte("bc")}, items)
	for name, damaged := range map[string][]byte{
		"empty": {}, "values": table(wire.ChunkOfValues, 0, "a"), "shared": table(wire.ChunkOfCalls, 1, "a"),
		"short": whole[:len(whole)-1], "long": append(table(wire.ChunkOfCalls, 0, "a"), 'x'), "cut": whole[:14],
		"huge": {'c', 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
	} {
		_, err := wire.ChunkItems(damaged, wire.ChunkOfCalls)
		require.Equal(t, yonder.CodeCodecMismatch, yonder.CodeOf(err), name)
	}
}

func FuzzChunkItems(f *testing.F) {
	f.Add(table(wire.ChunkOfCalls, 0, "a", "", "bc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		items, err := wire.ChunkItems(data, wire.ChunkOfCalls)
		if err != nil {
			return
		}
		size := 12 + 4*len(items)
		for _, item := range items {
			size += len(item)
		}
		require.Len(t, data, size)
	})
}
