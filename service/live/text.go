package live

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// texts make text of bytes that come in pieces: a character may be cut where
// a piece ends. What is kept is the beginning of a character, by stream.
type texts map[wire.Stream][]byte

func (t texts) add(stream wire.Stream, data []byte) string {
	data = append(t[stream], data...)
	whole := len(data)
	for i := len(data) - 1; i >= max(0, len(data)-utf8.UTFMax+1); i-- {
		if utf8.RuneStart(data[i]) {
			if !utf8.FullRune(data[i:]) {
				whole = i
			}
			break
		}
	}
	t[stream] = append([]byte(nil), data[whole:]...)
	return strings.ToValidUTF8(string(data[:whole]), "\uFFFD")
}

// FormatMark is a mark as readers keep it. Progress is told again.
func FormatMark(m wire.Mark) string { return fmt.Sprintf("%d.%d.%d", m.Attempt, m.Output, m.Values) }

// ParseMark reads what FormatMark wrote; empty is the start.
func ParseMark(text string) (wire.Mark, error) {
	var m wire.Mark
	if text == "" {
		return m, nil
	}
	parts := strings.Split(text, ".")
	var numbers [3]int64
	for i := range numbers {
		n, err := strconv.ParseInt(at(parts, i), 10, 64)
		if err != nil || n < 0 || len(parts) != len(numbers) {
			return m, yonder.FieldErrorf(yonder.CodeInvalidRequest, "from",
				"%q is no place in a task's output: leave it out, or give the id of an event", text)
		}
		numbers[i] = n
	}
	return wire.Mark{Attempt: int(numbers[0]), Output: numbers[1], Values: numbers[2]}, nil
}

func at(parts []string, i int) string {
	if i < len(parts) {
		return parts[i]
	}
	return ""
}
