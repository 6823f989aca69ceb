package wire

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/yonder-run/yonder"
)

// PrefixLen is the length of what stands before every payload: "Y1", the
// codec, flags, the packing Python's major and minor version, two zero bytes.
const PrefixLen = 8

// FlagsAt is where the flags are in it.
const FlagsAt = 3

// Flags of a prefix.
const (
	flagChunk  = 2
	flagSource = 4
)

// codecLetters are the codecs by the third byte of the prefix.
var codecLetters = map[byte]string{'p': "pickle", 'j': "json", 'r': "raw"}

// Payload is a payload taken apart.
type Payload struct {
	Codec string // "pickle", "json" or "raw"
	Chunk bool   // Body is a table of many calls or values
	Body  []byte
}

// ParsePayload reads the prefix. A payload that carries Python source is
// refused: whoever reads payloads in Go cannot load it.
func ParsePayload(data []byte) (Payload, error) {
	if len(data) < PrefixLen || data[0] != 'Y' || data[1] != '1' {
		return Payload{}, yonder.Errorf(yonder.CodeCodecMismatch, "%d bytes are not a payload of this version", len(data))
	}
	codec, known := codecLetters[data[2]]
	if !known || data[FlagsAt]&flagSource != 0 {
		return Payload{}, yonder.Errorf(yonder.CodeCodecMismatch,
			"the payload has codec %q and flags %d, which only Python can read", data[2], data[3])
	}
	return Payload{Codec: codec, Chunk: data[FlagsAt]&flagChunk != 0, Body: data[PrefixLen:]}, nil
}

// PackJSON makes a payload of JSON that any reader may load.
func PackJSON(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, yonder.Errorf(yonder.CodeUnserialisable, "not JSON: %w", err)
	}
	return append([]byte{'Y', '1', 'j', 0, 0, 0, 0, 0}, data...), nil
}

// PackCall makes the payload of one call with JSON arguments.
func PackCall(call Call) ([]byte, error) {
	if call.Args == nil {
		call.Args = []any{}
	}
	if call.Kwargs == nil {
		call.Kwargs = map[string]any{}
	}
	return PackJSON(struct { // both parts are always there
		Args   []any          `json:"args"`
		Kwargs map[string]any `json:"kwargs"`
	}{call.Args, call.Kwargs})
}

// Kinds of a chunk's table.
const (
	ChunkOfCalls  = 'c'
	ChunkOfValues = 'v'
)

// chunkHead is the kind, three zero bytes, the number of items and that of
// shared arguments; python/src/yonder/codec/chunk.py has the whole layout.
const chunkHead = 12

// ChunkItems splits a chunk of JSON into its calls or values. Only pickled
// chunks have shared arguments.
func ChunkItems(body []byte, kind byte) ([][]byte, error) {
	if len(body) < chunkHead || body[0] != kind {
		return nil, badChunk("it does not begin with a table of kind %q", kind)
	}
	n, shared := uint64(binary.LittleEndian.Uint32(body[4:])), binary.LittleEndian.Uint32(body[8:])
	if shared != 0 || n > yonder.MaxBundleTasks || uint64(len(body)) < chunkHead+4*n {
		return nil, badChunk("its table says %d items and %d shared arguments", n, shared)
	}
	items := make([][]byte, n)
	lengths, rest := body[chunkHead:], body[chunkHead+4*n:]
	for i := range items {
		length := uint64(binary.LittleEndian.Uint32(lengths[4*i:]))
		if length > uint64(len(rest)) {
			return nil, badChunk("it ends inside item %d", i)
		}
		items[i], rest = rest[:length], rest[length:]
	}
	if len(rest) > 0 {
		return nil, badChunk("%d bytes follow its last item", len(rest))
	}
	return items, nil
}

func badChunk(format string, args ...any) error {
	return yonder.Errorf(yonder.CodeCodecMismatch, "the chunk is damaged: %s", fmt.Sprintf(format, args...))
}
