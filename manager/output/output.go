// Package output keeps the beginning and the end of what a process writes,
// however much it is.
package output

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// Buffer keeps at most Limit bytes: the first half and the last half. It is
// safe for concurrent use.
type Buffer struct {
	mu    sync.Mutex
	limit int
	head  []byte
	tail  []byte // a ring once it is full
	at    int    // where the ring begins
	total int64
	last  time.Time
}

// NewBuffer returns an empty buffer.
func NewBuffer(limit int) *Buffer { return &Buffer{limit: limit} }

// Write never fails.
func (b *Buffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(data)
	b.last = time.Now()
	b.total += int64(n)
	fits := min(b.limit/2-len(b.head), len(data))
	b.head = append(b.head, data[:fits]...)
	b.keep(data[fits:])
	return n, nil
}

// Last is when something was written.
func (b *Buffer) Last() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// keep writes to the ring.
func (b *Buffer) keep(data []byte) {
	size := b.limit - b.limit/2
	data = data[max(len(data)-size, 0):]
	fits := min(size-len(b.tail), len(data))
	b.tail = append(b.tail, data[:fits]...)
	for data = data[fits:]; len(data) > 0; {
		n := copy(b.tail[b.at:], data)
		data, b.at = data[n:], (b.at+n)%size
	}
}

// Take returns what was written since the last call as valid UTF-8 and
// forgets it.
func (b *Buffer) Take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.total == 0 {
		return ""
	}
	ring := append(append([]byte(nil), b.tail[b.at:]...), b.tail[:b.at]...)
	left := b.total - int64(len(b.head)) - int64(len(ring))
	text := valid(b.head) + valid(ring)
	switch {
	case left > 0:
		text = fmt.Sprintf("%s\n… %d bytes left out …\n%s", valid(b.head), left, valid(ring))
	case len(ring) > 0: // in one piece, or a character at the seam would be lost
		text = valid(append(b.head, ring...))
	}
	b.head, b.tail, b.at, b.total = b.head[:0], b.tail[:0], 0, 0
	return text
}

func valid(data []byte) string { return strings.ToValidUTF8(string(data), "\uFFFD") }
