package lease

import (
	"encoding/binary"
	"math/bits"
)

// Bitmap has one bit for each task of a bundle, set once the task is done.
// Its bytes are what the store keeps.
type Bitmap []byte

// NewBitmap returns a bitmap of n clear bits.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+7)/8) }

// Has says whether bit i is set.
func (b Bitmap) Has(i int) bool { return b[i/8]&(1<<(i%8)) != 0 }

// Set sets the bits lo ≤ i < hi.
func (b Bitmap) Set(lo, hi int) {
	b.visit(lo, hi, func(at int, mask byte) { b[at] |= mask })
}

// Count returns the number of set bits.
func (b Bitmap) Count() int {
	n, rest := 0, []byte(b)
	for ; len(rest) >= 8; rest = rest[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(rest))
	}
	for _, v := range rest {
		n += bits.OnesCount8(v)
	}
	return n
}

// CountIn returns the number of set bits in lo ≤ i < hi.
func (b Bitmap) CountIn(lo, hi int) int {
	first, last := (lo+7)/8, hi/8
	if first >= last {
		n := 0
		b.visit(lo, hi, func(at int, mask byte) { n += bits.OnesCount8(b[at] & mask) })
		return n
	}
	return b.CountIn(lo, 8*first) + b[first:last].Count() + b.CountIn(8*last, hi)
}

// visit goes through the bytes of the bits lo ≤ i < hi, with a mask of those
// that are meant.
func (Bitmap) visit(lo, hi int, f func(at int, mask byte)) {
	for lo < hi {
		end := min(hi, lo-lo%8+8)
		f(lo/8, byte(1<<(end-lo)-1)<<(lo%8))
		lo = end
	}
}
