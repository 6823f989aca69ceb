//go:build unix

package workerproc

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/yonder-run/yonder/manager/live"
	"github.com/yonder-run/yonder/manager/output"
)

// chunk is how much is read at once: what a pipe holds by default.
const chunk = 64 << 10

// drainAtMost bounds what one drain reads: all that can have been in the pipe
// before it, even of one that was enlarged, but no endless stream.
const drainAtMost = 2 << 20

// pipe is a named pipe that a worker has as its stdout or stderr.
type pipe struct {
	file   *os.File
	raw    syscall.RawConn
	mu     sync.Mutex
	buffer *output.Buffer
	data   []byte
	tap    tap
}

// openFifo makes a named pipe and opens it.
func openFifo(path string) (*os.File, syscall.RawConn, error) {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, nil, fmt.Errorf("making %s: %w", path, err)
	}
	// For reading and writing: so the pipe neither waits for its first writer
	// nor ends with its last.
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("opening a pipe: %w", err)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("opening a pipe: %w", err)
	}
	return file, raw, nil
}

func openPipe(path string, keep int, tap tap) (*pipe, error) {
	file, raw, err := openFifo(path)
	if err != nil {
		return nil, err
	}
	return &pipe{file: file, raw: raw, buffer: output.NewBuffer(keep), data: make([]byte, chunk), tap: tap}, nil
}

// pump reads until the pipe is closed, so that the worker never waits. What it
// reads belongs to the task where the worker is then.
func (p *pipe) pump(where func() live.Place) {
	_ = p.raw.Read(func(fd uintptr) bool {
		p.pull(int(fd), where)
		return false // wait until there is more
	})
}

// take returns what was written up to now; what the pump has not read of it
// belongs to the task at the place.
func (p *pipe) take(at live.Place) string {
	// Not Read, which the pump is in.
	_ = p.raw.Control(func(fd uintptr) { p.pull(int(fd), func() live.Place { return at }) })
	return p.buffer.Take()
}

// last is when something was written.
func (p *pipe) last() time.Time { return p.buffer.Last() }

// pull reads what is there.
func (p *pipe) pull(fd int, where func() live.Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for read := 0; read < drainAtMost; {
		n, err := syscall.Read(fd, p.data)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if n <= 0 {
			return
		}
		_, _ = p.buffer.Write(p.data[:n])
		p.tap(where(), p.data[:n])
		read += n
	}
}

// Close ends the pump. Writers get SIGPIPE from then on.
func (p *pipe) Close() {
	if p != nil {
		p.file.Close()
	}
}
