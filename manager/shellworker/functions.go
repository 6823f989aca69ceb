package shellworker

import (
	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire/shell"
)

// kept functions: a worker serves few at a time, and the manager sends a body
// again when another one was in between.
const kept = 32

// functions by content hash.
type functions map[string]loaded

// loaded is a function, or why it is none: the tasks of a run carry the error.
type loaded struct {
	program *shell.Program
	err     error
}

func (f functions) load(hash string, body []byte) {
	if len(f) >= kept {
		clear(f)
	}
	program, err := shell.Parse(body)
	f[hash] = loaded{program, err}
}

func (f functions) get(hash string) (*shell.Program, error) {
	found, known := f[hash]
	if !known {
		return nil, yonder.Errorf(yonder.CodeInternal, "function %s was run before it was loaded", hash)
	}
	return found.program, found.err
}
