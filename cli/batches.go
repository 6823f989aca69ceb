package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/wire"
)

const (
	batchTasks = 1000     // of a bundle
	batchBytes = 1 << 20  // of its arguments
	maxLine    = 16 << 20 // of one call
)

// batches reads calls from lines, as many at a time as fit into a bundle.
// Reading pauses while a bundle is being submitted.
type batches struct {
	lines *bufio.Scanner
	read  int
}

func newBatches(in io.Reader) *batches {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	return &batches{lines: lines}
}

// next returns no calls at the end.
func (b *batches) next() ([]wire.Call, error) {
	var calls []wire.Call
	for size := 0; len(calls) < batchTasks && size < batchBytes && b.lines.Scan(); {
		b.read++
		line := bytes.TrimSpace(b.lines.Bytes())
		if len(line) == 0 {
			return nil, kit.Usagef("line %d is empty", b.read)
		}
		call, err := lineCall(bytes.Clone(line))
		if err != nil {
			return nil, kit.Usagef("line %d is not JSON: %w", b.read, err)
		}
		calls, size = append(calls, call), size+len(line)
	}
	if err := b.lines.Err(); err != nil {
		return nil, kit.Usagef("reading line %d: %w; a line may have %d bytes", b.read+1, err, maxLine)
	}
	return calls, nil
}

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
