// Package kit is what every command of the command line shares: where it
// reads and writes, tables, JSON, progress and errors.
package kit

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Console is the terminal, or the pipes, that a command talks to. Results go
// to Out, everything else to Err.
type Console struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string

	// JSON asks for one JSON document on Out instead of tables.
	JSON bool
}

// OS is the console of this process.
func OS() *Console {
	return &Console{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv}
}

// Printf writes to Out, for people.
func (c *Console) Printf(format string, args ...any) {
	fmt.Fprintf(c.Out, format, args...)
}

// Notef writes to Err: what a person should know and a program need not.
func (c *Console) Notef(format string, args ...any) {
	fmt.Fprintf(c.Err, format, args...)
}

// Show prints v as a JSON document, or has human print it.
func (c *Console) Show(v any, human func()) error {
	if !c.JSON {
		human()
		return nil
	}
	return c.writeJSON(c.Out, v)
}

func (c *Console) writeJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

// Interactive says whether a person can be asked something.
func (c *Console) Interactive() bool { return isTerminal(c.In) && isTerminal(c.Err) }

// Colour is an escape code of a terminal.
type Colour string

// Colours.
const (
	Red    Colour = "\x1b[31m"
	Green  Colour = "\x1b[32m"
	Yellow Colour = "\x1b[33m"
	Grey   Colour = "\x1b[90m"
)

// Paint colours a text for Out, where that is shown and wanted.
func (c *Console) Paint(colour Colour, text string) string {
	if !c.colour(c.Out) {
		return text
	}
	return string(colour) + text + "\x1b[0m"
}

// colour says whether w shows escape codes, and is wanted to.
func (c *Console) colour(w io.Writer) bool {
	return isTerminal(w) && c.Getenv("NO_COLOR") == "" && c.Getenv("TERM") != "dumb"
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// width is how many columns Err has.
func (c *Console) width() int {
	if file, ok := c.Err.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}
