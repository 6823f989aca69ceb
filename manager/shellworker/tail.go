package shellworker

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// tail passes on what is written to it and keeps the end.
type tail struct {
	to    io.Writer
	limit int
	data  []byte
	total int64
}

// Write never fails: a command must not end because nobody listens.
func (t *tail) Write(data []byte) (int, error) {
	_, _ = t.to.Write(data)
	t.total += int64(len(data))
	t.data = append(t.data, data[max(len(data)-2*t.limit, 0):]...)
	if over := len(t.data) - t.limit; over > t.limit {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(data), nil
}

// take returns the end, at most so many lines of it, and how many bytes came
// before.
func (t *tail) take(lines int) (string, int64) {
	data := t.data[max(len(t.data)-t.limit, 0):]
	if t.total > int64(len(data)) {
		for i := 0; i < utf8.UTFMax && len(data) > 0 && !utf8.RuneStart(data[0]); i++ {
			data = data[1:] // of a character that was cut
		}
	}
	at := len(bytes.TrimSuffix(data, []byte("\n")))
	for range lines {
		if at = bytes.LastIndexByte(data[:at], '\n'); at < 0 {
			break
		}
	}
	data = data[at+1:]
	return strings.ToValidUTF8(string(data), "\uFFFD"), t.total - int64(len(data))
}
