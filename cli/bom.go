package cli

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"github.com/yonder-run/yonder/cli/kit"
)

// Marks that some programs write before a text.
var (
	markUTF8  = []byte("\xef\xbb\xbf")
	marks16LE = []byte("\xff\xfe")
	marks16BE = []byte("\xfe\xff")
)

// plainText reads a text without the byte order mark before it, which is no
// part of the first line, and refuses what is not UTF-8 by its mark.
type plainText struct {
	in    *bufio.Reader
	begun bool
}

func newPlainText(in io.Reader) *plainText { return &plainText{in: bufio.NewReader(in)} }

// Read looks for the mark at its first call: somebody may be typing.
func (p *plainText) Read(data []byte) (int, error) {
	if !p.begun {
		p.begun = true
		start, _ := p.in.Peek(1) // no more than there may be, and of an error Read tells
		if len(start) > 0 && start[0] >= markUTF8[0] {
			start, _ = p.in.Peek(len(markUTF8))
		}
		switch {
		case bytes.HasPrefix(start, markUTF8):
			_, _ = p.in.Discard(len(markUTF8)) // they are there
		case bytes.HasPrefix(start, marks16LE), bytes.HasPrefix(start, marks16BE):
			return 0, kit.Usagef("the arguments are in UTF-16: save them as UTF-8")
		}
	}
	return p.in.Read(data) //nolint:wrapcheck // the source's own
}

// unixText is a program for the shell that an editor of Windows may have
// written: to the shell, a mark and carriage returns are parts of words.
func unixText(text []byte) string {
	return strings.ReplaceAll(string(bytes.TrimPrefix(text, markUTF8)), "\r\n", "\n")
}
