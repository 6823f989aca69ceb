//go:build unix

package workerproc

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// claimsMost is how many blocks a pipe has room for at least: it is that small
// when its owner has very many.
const claimsMost = 4096

// claims is the pipe.
type claims struct {
	file *os.File
	raw  syscall.RawConn
}

func openClaims(path string) (*claims, error) {
	file, raw, err := openFifo(path)
	if err != nil {
		return nil, err
	}
	return &claims{file, raw}, nil
}

// put writes a byte for each block.
func (c *claims) put(blocks int) error {
	if blocks > claimsMost {
		return fmt.Errorf("a run of %d blocks is too many: %d fit a pipe", blocks, claimsMost)
	}
	n, err := again(c.raw, func(fd int) (int, error) { return syscall.Write(fd, make([]byte, blocks)) })
	if err == nil && n < blocks {
		err = errors.New("the pipe is full")
	}
	if err != nil {
		return fmt.Errorf("offering tasks to a worker: %w", err)
	}
	return nil
}

// take reads all that is there, and returns how many blocks that is.
func (c *claims) take() int {
	n, err := again(c.raw, func(fd int) (int, error) { return syscall.Read(fd, make([]byte, claimsMost)) })
	if err != nil {
		return 0
	}
	return n
}

// again calls once, without waiting, and again after an interruption.
func again(raw syscall.RawConn, call func(fd int) (int, error)) (n int, err error) {
	closed := raw.Control(func(fd uintptr) {
		for {
			if n, err = call(int(fd)); !errors.Is(err, syscall.EINTR) {
				return
			}
		}
	})
	return n, errors.Join(err, closed)
}

// Close lets go of the pipe.
func (c *claims) Close() {
	if c != nil {
		c.file.Close()
	}
}
