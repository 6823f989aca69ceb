package kit

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Table is rows under a header, with columns as wide as they need to be.
type Table struct {
	header []string
	rows   [][]string
}

// NewTable returns a table with the header.
func NewTable(header ...string) *Table { return &Table{header: header} }

// Add adds a row; a nil or zero cell is shown as a dash.
func (t *Table) Add(cells ...any) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = text(cell)
	}
	t.rows = append(t.rows, row)
}

// Table prints the table, or a sentence if it has no rows.
func (c *Console) Table(t *Table, empty string) {
	if len(t.rows) == 0 {
		c.Printf("%s\n", empty)
		return
	}
	widths := t.widths()
	header := line(t.header, widths)
	if c.colour(c.Out) {
		header = "\x1b[1m" + header + "\x1b[0m"
	}
	c.Printf("%s\n", header)
	for _, row := range t.rows {
		c.Printf("%s\n", line(row, widths))
	}
}

func (t *Table) widths() []int {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// line pads every cell but the last.
func line(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// Fields prints names and values of one thing, leaving out what is empty.
func (c *Console) Fields(pairs ...any) {
	width := 0
	for i := 0; i < len(pairs); i += 2 {
		if text(pairs[i+1]) != none {
			width = max(width, len(text(pairs[i])))
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if value := text(pairs[i+1]); value != none {
			c.Printf("%-*s  %s\n", width, text(pairs[i]), value)
		}
	}
}

// none stands for what is not there.
const none = "-"

// maxCell is how much of a text a table shows.
const maxCell = 60

// text is how a value looks to people: in one line, without escape codes that
// somebody put into a name.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return none
	case time.Time:
		if v.IsZero() {
			return none
		}
		return ago(time.Since(v))
	case *time.Time:
		if v == nil {
			return none
		}
		return ago(time.Since(*v))
	case bool:
		if !v {
			return "no"
		}
		return "yes"
	}
	s := Clean(fmt.Sprint(value))
	if s == "" {
		return none
	}
	return s
}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// ago is how long something is past, or to come, in its largest unit.
func ago(d time.Duration) string {
	if d > -time.Second && d < time.Second {
		return "now"
	}
	if d < 0 {
		return "in " + Span(-d)
	}
	return Span(d) + " ago"
}

// Span is a length of time in its largest unit.
func Span(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{week, "w"}, {day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if d >= 2*unit.length {
			return fmt.Sprintf("%d%s", d/unit.length, unit.name)
		}
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// Short cuts a text to what fits into a cell.
func Short(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return cut(s, maxCell)
}

func cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:max(width, 1)-1]) + "…"
}

// Clean makes text from elsewhere harmless for a terminal: control characters
// become spaces.
func Clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s))
}

// Harmless makes output that comes in pieces harmless for a terminal: of
// control characters only ends of lines and tabs stay as they are.
func Harmless(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n' // of a line that is written over: each state on its own
		case r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0):
			return ' '
		}
		return r
	}, s)
}

// Printable makes a text of several lines harmless for a terminal.
func Printable(s string) string {
	lines := strings.Split(strings.TrimRight(s, " \n"), "\n")
	for i, line := range lines {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		lines[i] = indent + Clean(line)
	}
	return strings.Join(lines, "\n")
}

// shownLine is how many characters of a line an excerpt has.
const shownLine = 400

// Excerpt is the beginning and the end of a text of several lines, made
// harmless for a terminal, and how many lines it leaves out between them.
func Excerpt(s string, most int) (string, int) {
	lines := strings.Split(Printable(s), "\n")
	left := max(len(lines)-most, 0)
	if left > 0 {
		head, tail := lines[:most/2], lines[len(lines)-(most-most/2):]
		lines = slices.Concat(head, []string{fmt.Sprintf("… %d lines left out", left)}, tail)
	}
	for i, line := range lines {
		lines[i] = cut(line, shownLine)
	}
	return strings.Join(lines, "\n"), left
}
