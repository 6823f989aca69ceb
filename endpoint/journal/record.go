package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/yonder-run/yonder/wire"
)

// A record on disk, little endian:
//
//	u32 length of the body, u32 CRC-32C of the body
//	body: u8 op, u64 id, payload
//
// Ids count up over all records, so that a stretch of old bytes is not taken
// for records that follow.
type record struct {
	op      op
	id      uint64
	payload []byte
}

type op uint8

const (
	opHeader op = iota + 1 // payload: Header as JSON; the last one counts
	opAppend               // payload: a frame
	opDrop                 // payload: n × u64, ids that are not needed any more
	ops
)

const (
	headLen   = 8
	prefixLen = headLen + 1 + 8
	maxBody   = wire.MaxLocalFrame + 1<<16
	// maxSkip bounds how far apart the ids of neighbours can be: compaction
	// leaves gaps where dropped records were.
	maxSkip = 1 << 40
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord encodes the record at the end of b.
func appendRecord(b []byte, r record) []byte {
	return appendWith(b, r.op, r.id, func(b []byte) []byte { return append(b, r.payload...) })
}

// appendWith encodes a record whose payload is what write appends.
func appendWith(b []byte, op op, id uint64, write func([]byte) []byte) []byte {
	le := binary.LittleEndian
	start := len(b)
	b = append(b, make([]byte, headLen)...)
	b = append(b, byte(op))
	b = write(le.AppendUint64(b, id))
	body := b[start+headLen:]
	le.PutUint32(b[start:], uint32(len(body)))
	le.PutUint32(b[start+4:], crc32.Checksum(body, castagnoli))
	return b
}

func encodeIDs(ids []uint64) []byte {
	b := make([]byte, 0, 8*len(ids))
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint64(b, id)
	}
	return b
}

func decodeIDs(b []byte) []uint64 {
	ids := make([]uint64, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		ids = append(ids, binary.LittleEndian.Uint64(b))
	}
	return ids
}

// errBad is a record that is not whole.
var errBad = errors.New("record is not whole")

// readRecord reads the next record; io.EOF means that there is none, errBad
// that what is there is not one, or not all of one.
func readRecord(r io.Reader, last uint64) (record, error) {
	var head [headLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return record{}, ended(err)
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	if n < prefixLen-headLen || n > maxBody {
		return record{}, errBad
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		if errors.Is(err, io.EOF) {
			return record{}, errBad
		}
		return record{}, ended(err)
	}
	return decodeBody(body, binary.LittleEndian.Uint32(head[4:]), last)
}

func decodeBody(body []byte, sum uint32, last uint64) (record, error) {
	rec := record{op: op(body[0]), id: binary.LittleEndian.Uint64(body[1:]), payload: body[9:]}
	plausible := rec.op >= opHeader && rec.op < ops && rec.id > last && rec.id-last < maxSkip
	if !plausible || crc32.Checksum(body, castagnoli) != sum {
		return record{}, errBad
	}
	return rec, nil
}

func ended(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errBad
	}
	return err
}

// findRecord returns where in data a whole record starts, or -1.
func findRecord(data []byte, last uint64) int {
	le := binary.LittleEndian
	for off := 0; off+prefixLen <= len(data); off++ {
		n := int(le.Uint32(data[off:]))
		if n < prefixLen-headLen || n > maxBody || n > len(data)-off-headLen {
			continue
		}
		body := data[off+headLen:][:n]
		if _, err := decodeBody(body, le.Uint32(data[off+4:]), last); err == nil {
			return off
		}
	}
	return -1
}
