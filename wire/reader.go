package wire

import "io"

// pieceRoom is what a Reader keeps for pieces of blobs: one and its header.
const pieceRoom = 260 << 10

// Reader reads the frames of a connection. Pieces of blobs, which come in
// great numbers and are passed on at once, share two places.
type Reader struct {
	from  io.Reader
	limit int
	piece [2][]byte
	next  int
}

// NewReader reads frames of at most limit bytes.
func NewReader(from io.Reader, limit int) *Reader { return &Reader{from: from, limit: limit} }

// Next is Read. A frame of KindBlobChunk holds until the second one after it is
// read: what is done with a piece may go on while the next one comes in.
func (r *Reader) Next() (Frame, error) { return read(r.from, r.limit, r.room) }

func (r *Reader) room(kind Kind, size int) []byte {
	if kind != KindBlobChunk || size > pieceRoom {
		return make([]byte, size)
	}
	place := &r.piece[r.next]
	r.next = 1 - r.next
	if *place == nil {
		*place = make([]byte, pieceRoom)
	}
	return (*place)[:size]
}
