package bodies

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/yonder-run/yonder/wire"
)

const (
	// followBytes is the size from which it is worth while to pass a result on
	// before all of it has come. It takes more of the processor: a whole file goes
	// from the kernel's memory to the connection without a copy here.
	followBytes = 16 << 20
	// maxComing bounds news of results that nobody has taken: they are passed
	// on when they are here.
	maxComing = 16
)

// Coming is a large result of which the first piece is here.
type Coming struct {
	Span wire.Span
	Size int64
}

// Coming has results that may be followed.
func (s *Spool) Coming() <-chan Coming { return s.coming }

func (s *Spool) announce(c Coming) {
	if c.Size < followBytes {
		return
	}
	select {
	case s.coming <- c:
	default:
	}
}

var (
	errNotComing = errors.New("the result is not on its way any more")
	errCutOff    = errors.New("the result did not come whole")
)

// Follow reads a result that comes in, from its start, as far as it is here,
// and waits for the rest. It fails if that does not come.
func (s *Spool) Follow(span wire.Span) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.open[span]
	if p == nil {
		return nil, errNotComing
	}
	file, err := os.Open(p.file.Name())
	if err != nil {
		return nil, fmt.Errorf("following a result: %w", err)
	}
	return &follower{spool: s, part: p, file: file}, nil
}

// follower reads from a file that grows.
type follower struct {
	spool  *Spool
	part   *part
	file   *os.File
	at     int64
	closed bool // under the spool's lock
}

// Read waits until there is something to read.
func (f *follower) Read(b []byte) (int, error) {
	there, err := f.await()
	if err != nil {
		return 0, err
	}
	n, err := f.file.ReadAt(b[:min(int64(len(b)), there-f.at)], f.at)
	f.at += int64(n)
	if err != nil {
		return n, fmt.Errorf("following a result: %w", err)
	}
	return n, nil
}

// await returns how much is there; io.EOF says that this was all.
func (f *follower) await() (int64, error) {
	f.spool.mu.Lock()
	defer f.spool.mu.Unlock()
	for f.part.size == f.at && !f.part.over && !f.closed {
		f.spool.grown.Wait()
	}
	switch {
	case f.closed:
		return 0, os.ErrClosed
	case f.part.lost:
		return 0, errCutOff
	case f.part.size == f.at:
		return 0, io.EOF
	}
	return f.part.size, nil
}

// Close ends a Read that waits.
func (f *follower) Close() error {
	f.spool.mu.Lock()
	f.closed = true
	f.spool.mu.Unlock()
	f.spool.grown.Broadcast()
	return f.file.Close() //nolint:wrapcheck // as a file does
}
