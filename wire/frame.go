// Package wire holds every message that crosses a process boundary: between
// client and service, service and agent, agent and manager, manager and
// worker. One frame format serves all of them; Python's copy is
// python/src/yonder/wire.py, and both are held together by testdata.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	fastjson "github.com/segmentio/encoding/json"

	"github.com/yonder-run/yonder"
)

// Version is the wire format written here; Oldest is the oldest one read.
// A change that an older reader would misread raises Version; a new optional
// header field does not, because unknown fields are ignored.
const (
	Version = 1
	Oldest  = 1
)

// Kind tells what a frame's header decodes into. Kinds are never reused.
type Kind uint8

// MaxFabricFrame is the largest frame on the fabric and the target size of
// bulk frames elsewhere: small enough that one endpoint's payloads never hold
// up another's messages. Larger bodies travel as blobs.
const MaxFabricFrame = 512 << 10

// MaxLocalFrame bounds a frame between agent, manager and worker, which may
// carry a whole chunk; it bounds what a broken peer can make us allocate.
const MaxLocalFrame = 64 << 20

const prefixLen = 12 // length u32, version u8, kind u8, reserved u16, header length u32

// Frame is one message: a JSON header and columns of opaque bytes.
//
// Layout, little endian:
//
//	u32 length of all that follows
//	u8  version, u8 kind, u16 reserved (zero)
//	u32 header length, header (JSON, UTF-8)
//	u32 column count n, n × u32 column length, the columns' bytes
//
// A frame without columns ends after its header.
type Frame struct {
	Version uint8
	Kind    Kind
	Header  []byte
	Columns [][]byte
}

// NewFrame encodes the header and pairs it with columns, which are not copied.
func NewFrame(kind Kind, header any, columns ...[]byte) (Frame, error) {
	data, err := json.Marshal(header)
	if err != nil {
		return Frame{}, fmt.Errorf("encoding %v header: %w", kind, err)
	}
	return Frame{Version: Version, Kind: kind, Header: data, Columns: columns}, nil
}

// Decode reads the header into v after checking that the frame is of kind.
func (f *Frame) Decode(kind Kind, v any) error {
	if f.Kind != kind {
		return yonder.Errorf(yonder.CodeMalformedFrame, "expected a %v message, got %v", kind, f.Kind)
	}
	// Headers are the most of what the service reads: this decoder takes a fifth
	// of the time of the standard library's, which FuzzDecode holds it to.
	if err := fastjson.Unmarshal(f.Header, v); err != nil {
		return yonder.Errorf(yonder.CodeMalformedFrame, "header of a %v message: %w", kind, err)
	}
	return nil
}

// Size is the number of bytes that Append writes.
func (f *Frame) Size() int {
	n := prefixLen + len(f.Header)
	if len(f.Columns) > 0 {
		n += 4 + 4*len(f.Columns)
		for _, c := range f.Columns {
			n += len(c)
		}
	}
	return n
}

// Append writes the frame's bytes to b.
func (f *Frame) Append(b []byte) []byte {
	b = f.appendHead(b)
	for _, c := range f.Columns {
		b = append(b, c...)
	}
	return b
}

// appendHead writes all but the columns' bytes.
func (f *Frame) appendHead(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, clampU32(f.Size()-4))
	b = append(b, f.Version, byte(f.Kind), 0, 0)
	b = le.AppendUint32(b, clampU32(len(f.Header)))
	b = append(b, f.Header...)
	if len(f.Columns) == 0 {
		return b
	}
	b = le.AppendUint32(b, clampU32(len(f.Columns)))
	for _, c := range f.Columns {
		b = le.AppendUint32(b, clampU32(len(c)))
	}
	return b
}

// Bytes returns the encoded frame.
func (f *Frame) Bytes() []byte { return f.Append(make([]byte, 0, f.Size())) }

// direct is the size from which a column is written as it is: below, one copy
// is cheaper than one more write.
const direct = 32 << 10

// WriteTo writes the encoded frame without copying large columns.
func (f *Frame) WriteTo(w io.Writer) (int64, error) {
	if f.Size() < direct {
		n, err := w.Write(f.Bytes())
		return int64(n), err
	}
	var written int64
	write := func(b []byte) error {
		n, err := w.Write(b)
		written += int64(n)
		return err //nolint:wrapcheck // the writer's own, as of any io.WriterTo
	}
	waiting := f.appendHead(nil)
	for _, c := range f.Columns {
		if len(c) < direct {
			waiting = append(waiting, c...)
			continue
		}
		if err := write(waiting); err != nil {
			return written, err
		}
		if err := write(c); err != nil {
			return written, err
		}
		waiting = waiting[:0]
	}
	if len(waiting) == 0 {
		return written, nil
	}
	err := write(waiting)
	return written, err
}

// clampU32 makes an oversize length unreadable for the peer instead of wrong;
// writers check their sizes before they get here.
func clampU32(n int) uint32 { return uint32(min(n, math.MaxUint32)) }

// Parse decodes one frame that fills data. The frame's slices share data.
func Parse(data []byte) (Frame, error) {
	f, rest, err := parseOne(data)
	if err == nil && len(rest) > 0 {
		err = malformed("%d bytes after the end of the frame", len(rest))
	}
	return f, err
}

// ParseAll decodes a sequence of frames.
func ParseAll(data []byte) ([]Frame, error) {
	var frames []Frame
	for len(data) > 0 {
		f, rest, err := parseOne(data)
		if err != nil {
			return nil, fmt.Errorf("frame %d: %w", len(frames), err)
		}
		frames, data = append(frames, f), rest
	}
	return frames, nil
}

// Read reads one frame of at most limit bytes from a stream; io.EOF means
// that the stream ended between frames.
func Read(r io.Reader, limit int) (Frame, error) {
	return read(r, limit, func(_ Kind, size int) []byte { return make([]byte, size) })
}

// kindAt is where a frame's kind is.
const kindAt = 5

// read reads a frame into the bytes that room has for one of its kind and size.
func read(r io.Reader, limit int, room func(kind Kind, size int) []byte) (Frame, error) {
	var head [kindAt + 1]byte
	if _, err := io.ReadFull(r, head[:4]); err != nil {
		if errors.Is(err, io.EOF) {
			return Frame{}, io.EOF
		}
		return Frame{}, fmt.Errorf("reading frame length: %w", err)
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	if n > limit {
		return Frame{}, yonder.Errorf(yonder.CodeTooLarge, "frame of %d bytes is over the limit of %d", n, limit)
	}
	if n < prefixLen-4 {
		return Frame{}, malformed("length %d is too small for a frame", n)
	}
	if _, err := io.ReadFull(r, head[4:]); err != nil {
		return Frame{}, cutOff(n, err)
	}
	data := room(Kind(head[kindAt]), 4+n)
	if _, err := io.ReadFull(r, data[copy(data, head[:]):]); err != nil {
		return Frame{}, cutOff(n, err)
	}
	return Parse(data)
}

func cutOff(size int, err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // right after the length is no end between frames
	}
	return fmt.Errorf("reading frame of %d bytes: %w", size, err)
}

func parseOne(data []byte) (Frame, []byte, error) {
	if len(data) < prefixLen {
		return Frame{}, nil, malformed("%d bytes are too few for a frame", len(data))
	}
	le := binary.LittleEndian
	length := uint64(le.Uint32(data))
	if length < prefixLen-4 || length > uint64(len(data)-4) {
		return Frame{}, nil, malformed("length %d does not fit %d bytes", length, len(data)-4)
	}
	rest := data[4+length:]
	data = data[:4+length]
	f := Frame{Version: data[4], Kind: Kind(data[5])}
	if f.Version < Oldest || f.Version > Version {
		return Frame{}, nil, yonder.Errorf(yonder.CodeUnsupportedWire,
			"wire version %d; this side reads %d to %d: upgrade the older side", f.Version, Oldest, Version)
	}
	headerLen := uint64(le.Uint32(data[8:]))
	if headerLen > uint64(len(data)-prefixLen) {
		return Frame{}, nil, malformed("header of %d bytes in %d", headerLen, len(data)-prefixLen)
	}
	f.Header = data[prefixLen : prefixLen+headerLen]
	var err error
	f.Columns, err = parseColumns(data[prefixLen+headerLen:])
	return f, rest, err
}

func parseColumns(data []byte) ([][]byte, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if len(data) < 4 {
		return nil, malformed("%d bytes are too few for columns", len(data))
	}
	le := binary.LittleEndian
	n := uint64(le.Uint32(data))
	lengths := data[4:]
	if n > uint64(len(lengths))/4 {
		return nil, malformed("%d columns in %d bytes", n, len(data))
	}
	body := lengths[4*n:]
	columns := make([][]byte, n)
	for i := range columns {
		size := uint64(le.Uint32(lengths[4*i:]))
		if size > uint64(len(body)) {
			return nil, malformed("column %d of %d bytes, %d left", i, size, len(body))
		}
		columns[i], body = body[:size:size], body[size:]
	}
	if len(body) > 0 {
		return nil, malformed("%d bytes after the last column", len(body))
	}
	return columns, nil
}

func malformed(format string, args ...any) error {
	return yonder.Errorf(yonder.CodeMalformedFrame, format, args...)
}
