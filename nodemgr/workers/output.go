//go:build unix

package workers

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// output keeps the beginning and the end of what a worker writes to one of
// its streams, however much that is: its pipe is always read, so that a
// function that prints never stalls and never fills memory or disk.
type output struct {
	mu    sync.Mutex
	limit int // bytes kept of the beginning, and of the end
	head  []byte
	tail  []byte // a ring once full
	at    int
	total int64
	file  *os.File
	raw   syscall.RawConn
}

// newOutput makes the named pipe. It is opened for both directions, so that
// it has no end while the worker lives or dies.
func newOutput(path string, limit int) (*output, error) {
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, fmt.Errorf("making a pipe for output: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0) //nolint:gosec // in the manager's own directory
	if err != nil {
		return nil, fmt.Errorf("opening a pipe for output: %w", err)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("preparing a pipe for output: %w", err)
	}
	return &output{limit: limit, file: file, raw: raw}, nil
}

// pump reads until the pipe is closed. Reading and keeping are one step under
// the lock, so that take finds all that was written before it was called.
func (o *output) pump() {
	buffer := make([]byte, 64<<10)
	for {
		err := o.raw.Read(func(fd uintptr) bool {
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.drain(int(fd), buffer)
		})
		if err != nil {
			return
		}
	}
}

// drain reads what is there; false means that there was nothing.
func (o *output) drain(fd int, buffer []byte) bool {
	some := false
	for {
		n, err := unix.Read(fd, buffer)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 {
			return some
		}
		o.keep(buffer[:n])
		some = true
		if n < len(buffer) {
			return some
		}
	}
}

func (o *output) keep(data []byte) {
	o.total += int64(len(data))
	if room := o.limit - len(o.head); room > 0 {
		n := min(room, len(data))
		o.head = append(o.head, data[:n]...)
		data = data[n:]
	}
	if len(data) > o.limit {
		data = data[len(data)-o.limit:]
	}
	for len(data) > 0 {
		if len(o.tail) < o.limit {
			n := min(o.limit-len(o.tail), len(data))
			o.tail = append(o.tail, data[:n]...)
			data = data[n:]
			continue
		}
		n := copy(o.tail[o.at:], data)
		o.at = (o.at + n) % o.limit
		data = data[n:]
	}
}

// take returns the text written since the last call, without its middle if it
// was too long, and forgets it.
func (o *output) take() string {
	buffer := make([]byte, 4<<10)
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.raw.Control(func(fd uintptr) { o.drain(int(fd), buffer) })
	text := string(o.head)
	if left := o.total - int64(len(o.head)+len(o.tail)); left > 0 {
		text += fmt.Sprintf("\n… %d bytes left out …\n", left)
	}
	text += string(o.tail[o.at:]) + string(o.tail[:o.at])
	o.head, o.tail, o.at, o.total = nil, nil, 0, 0
	return strings.ToValidUTF8(text, "�")
}

func (o *output) close() { _ = o.file.Close() }
