package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Log is a log file of bounded size: when it is full, its content moves to a
// second file, whose former content is lost. It is copied and cut, not renamed,
// so that whatever else writes to the same file goes on in the right place.
type Log struct {
	name  string
	limit int64

	mu   sync.Mutex
	file *os.File
	size int64
}

// OpenLog opens the file for appending; both files together take about twice
// the limit.
func OpenLog(name string, limit int64) (*Log, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return &Log{name: name, limit: limit, file: file, size: info.Size()}, nil
}

// Write appends a line.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size > 0 && l.size+int64(len(line)) > l.limit {
		if err := l.turn(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("writing to the log: %w", err)
	}
	return n, nil
}

// turn moves the content to the second file.
func (l *Log) turn() error {
	old, err := os.OpenFile(l.name+".1", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("turning the log: %w", err)
	}
	_, err = io.Copy(old, io.NewSectionReader(l.file, 0, l.limit+l.size))
	if err := errors.Join(err, old.Close(), l.file.Truncate(0)); err != nil {
		return fmt.Errorf("turning the log: %w", err)
	}
	l.size = 0
	return nil
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close() //nolint:wrapcheck // nothing to add
}
