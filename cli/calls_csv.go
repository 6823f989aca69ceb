package cli

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/wire"
)

// csvRows reads a call from each row of a table. The first row has the names
// of the arguments.
type csvRows struct {
	rows  *csv.Reader
	names []string
}

func newCSVRows(in io.Reader) *csvRows {
	rows := csv.NewReader(in)
	rows.TrimLeadingSpace = true
	return &csvRows{rows: rows}
}

func (c *csvRows) next() (wire.Call, int, error) {
	var call wire.Call
	if c.names == nil {
		names, err := c.row()
		if err != nil {
			return call, 0, err
		}
		if len(names) == 1 && strings.ContainsAny(names[0], ";\t") {
			return call, 0, kit.Usagef("the first row is one name, %q: columns are separated by commas", names[0])
		}
		if slices.Contains(names, "") {
			return call, 0, kit.Usagef("the first row has to name the argument of each column, and one of its %d names is empty", len(names))
		}
		c.names = names
	}
	cells, err := c.row()
	if err != nil {
		return call, 0, err
	}
	call.Kwargs = make(map[string]any, len(cells))
	size := 0
	for i, cell := range cells {
		call.Kwargs[c.names[i]] = cellValue(cell)
		size += len(cell)
	}
	return call, size, nil
}

func (c *csvRows) row() ([]string, error) {
	row, err := c.rows.Read()
	var wrong *csv.ParseError
	switch {
	case errors.Is(err, csv.ErrFieldCount) && errors.As(err, &wrong):
		return nil, kit.Usagef("line %d has %d cells, and the first row has %d", wrong.Line, len(row), len(c.names))
	case errors.As(err, &wrong):
		return nil, kit.Usagef("line %d is not CSV: %w", wrong.Line, wrong.Err)
	}
	return row, err //nolint:wrapcheck // io.EOF, or the source's own
}

// cellValue takes what reads as JSON so: a table has no quotes to tell the
// number 1 from the text.
func cellValue(cell string) any {
	if json.Valid([]byte(cell)) {
		return json.RawMessage(cell)
	}
	return cell
}
