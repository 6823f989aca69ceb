package wire

import (
	"fmt"
	"unicode/utf8"
)

// MaxOutput bounds the output of a task that is kept with its result. Whoever
// cuts leaves a mark, and outputRoom is for the marks: or they would be cut.
const (
	MaxOutput  = 64 << 10
	outputRoom = 1 << 10
	// MaxLostOutput bounds that of an attempt that another one follows: there
	// may be many of them beside the result.
	MaxLostOutput = 16 << 10
)

// Output is the end of what a task wrote, as valid UTF-8.
type Output struct {
	Stdout string `json:"stdout,omitempty"`
	Stderr string `json:"stderr,omitempty"`
}

// Len is how many bytes it takes.
func (o Output) Len() int { return len(o.Stdout) + len(o.Stderr) }

// CutLost returns what is kept of it after another attempt has begun.
func (o Output) CutLost() Output {
	return Output{Stdout: cutOutput(o.Stdout, MaxLostOutput), Stderr: cutOutput(o.Stderr, MaxLostOutput)}
}

// Cut returns what is kept of it.
func (o Output) Cut() Output { return Output{Stdout: CutOutput(o.Stdout), Stderr: CutOutput(o.Stderr)} }

// CutOutput returns the text or, of more than is kept, its beginning and its
// end with a mark that says how many bytes are gone.
func CutOutput(text string) string { return cutOutput(text, MaxOutput) }

func cutOutput(text string, most int) string {
	if len(text) <= most+outputRoom {
		return text
	}
	from, to := most/2, len(text)-most/2
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	return fmt.Sprintf("%s\n… %d bytes left out …\n%s", text[:from], to-from, text[to:])
}
