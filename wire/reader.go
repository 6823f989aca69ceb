package wire

import "io"

// pieceRoom is what a Reader keeps for pieces of blobs: one and its header.
const pieceRoom = 260 << 10

// Reader reads the frames of a connection. Pieces of blobs, which come in
// great numbers and are passed on at once, share one place.
type Reader struct {
	from  io.Reader
	limit int
	piece []byte
}

// NewReader reads frames of at most limit bytes.
func NewReader(from io.Reader, limit int) *Reader { return &Reader{from: from, limit: limit} }

// Next is Read. A frame of KindBlobChunk holds until the next call.
func (r *Reader) Next() (Frame, error) { return read(r.from, r.limit, r.room) }

func (r *Reader) room(kind Kind, size int) []byte {
	if kind != KindBlobChunk || size > pieceRoom {
		return make([]byte, size)
	}
	if r.piece == nil {
		r.piece = make([]byte, pieceRoom)
	}
	return r.piece[:size]
}
