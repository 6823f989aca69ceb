package dir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/yonder-run/yonder/wire"
)

const (
	copyBuf = 256 << 10
	// writebackEvery is how many bytes the disk is given at once. A sync at
	// the end would wait for all of a large body; a small one has its sync soon.
	writebackEvery = 8 << 20
)

// buffers are reused: a body needs two.
var buffers = sync.Pool{New: func() any { return new([2][copyBuf]byte) }}

// copier copies a body into a file. The hash of a piece is worked out while it
// is written and the next one comes in.
type copier struct {
	file    durable
	hash    hash.Hash
	hashing sync.WaitGroup
	size    int64
	begun   int64 // bytes that the disk was given
}

// store copies all that r has, and says what it was.
func store(file durable, r io.Reader) (wire.Blob, error) {
	c := copier{file: file, hash: sha256.New()}
	if err := c.copy(r); err != nil {
		return wire.Blob{}, fmt.Errorf("storing a blob: %w", err)
	}
	return wire.Blob{Size: c.size, SHA256: hex.EncodeToString(c.hash.Sum(nil))}, nil
}

func (c *copier) copy(r io.Reader) error {
	places, _ := buffers.Get().(*[2][copyBuf]byte)
	defer buffers.Put(places)
	defer c.hashing.Wait() // it reads from them
	for i := 0; ; i++ {
		n, read := fill(places[i%2][:], r)
		if n > 0 {
			if err := c.add(places[i%2][:n]); err != nil {
				return err
			}
		}
		if errors.Is(read, io.EOF) {
			return nil
		}
		if read != nil {
			return read
		}
	}
}

// fill is io.ReadFull with the reader's own error: to a request that was cut
// off, io.ErrUnexpectedEOF is no end.
func fill(b []byte, r io.Reader) (n int, err error) {
	for n < len(b) && err == nil {
		var more int
		more, err = r.Read(b[n:])
		n += more
	}
	return n, err //nolint:wrapcheck // of store, and io.EOF as it is
}

// add takes a piece, which must hold until the next but one.
func (c *copier) add(piece []byte) error {
	c.hashing.Wait()
	c.hashing.Go(func() { c.hash.Write(piece) })
	if _, err := c.file.Write(piece); err != nil {
		return err //nolint:wrapcheck // of store
	}
	if c.size += int64(len(piece)); c.size-c.begun >= writebackEvery {
		if file, can := c.file.(eager); can {
			file.Writeback(c.begun, c.size-c.begun)
		}
		c.begun = c.size
	}
	return nil
}
