package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/wire"
)

// jsonLines reads a call from each line.
type jsonLines struct {
	lines *bufio.Scanner
	read  int
}

func newJSONLines(in io.Reader) *jsonLines {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	return &jsonLines{lines: lines}
}

func (j *jsonLines) next() (wire.Call, int, error) {
	if !j.lines.Scan() {
		if err := j.lines.Err(); err != nil {
			return wire.Call{}, 0, kit.Usagef("reading line %d: %w; a line may have %d bytes", j.read+1, err, maxLine)
		}
		return wire.Call{}, 0, io.EOF
	}
	j.read++
	line := bytes.TrimSpace(j.lines.Bytes())
	if len(line) == 0 {
		return wire.Call{}, 0, kit.Usagef("line %d is empty: each line is the arguments of one call, in JSON", j.read)
	}
	call, err := lineCall(bytes.Clone(line))
	if err != nil {
		return call, 0, kit.Usagef("line %d is not JSON: %w; a text is written in quotes, and a table needs --format csv", j.read, err)
	}
	return call, len(line), nil
}

// lineCall takes an array as positional arguments, an object as keyword
// arguments, and anything else as the only argument.
func lineCall(line []byte) (wire.Call, error) {
	var call wire.Call
	var err error
	switch line[0] {
	case '[':
		var args []json.RawMessage
		err = json.Unmarshal(line, &args)
		for _, arg := range args {
			call.Args = append(call.Args, arg)
		}
	case '{':
		var kwargs map[string]json.RawMessage
		err = json.Unmarshal(line, &kwargs)
		call.Kwargs = map[string]any{}
		for name, arg := range kwargs {
			call.Kwargs[name] = arg
		}
	default:
		var only json.RawMessage
		err = json.Unmarshal(line, &only)
		call.Args = []any{only}
	}
	return call, err //nolint:wrapcheck // the caller names the line
}
