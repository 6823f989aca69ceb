package lease

import "math/bits"

// Bitmap has one bit for each task of a bundle, set once the task is done.
// Its bytes are what the store keeps.
type Bitmap []byte

// NewBitmap returns a bitmap of n clear bits.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+7)/8) }

// Has says whether bit i is set.
func (b Bitmap) Has(i int) bool { return b[i/8]&(1<<(i%8)) != 0 }

// Set sets the bits lo ≤ i < hi.
func (b Bitmap) Set(lo, hi int) {
	for i := lo; i < hi; i++ {
		b[i/8] |= 1 << (i % 8)
	}
}

// Count returns the number of set bits.
func (b Bitmap) Count() int {
	n := 0
	for _, v := range b {
		n += bits.OnesCount8(v)
	}
	return n
}
