package cli

import (
	"io"

	"github.com/yonder-run/yonder/wire"
)

const (
	batchTasks = 1000     // of a bundle
	batchBytes = 1 << 20  // of its arguments
	maxLine    = 16 << 20 // of one call
)

// calls is where the arguments of a map come from, one call after the other.
// The size is that of the arguments; io.EOF ends them.
type calls interface {
	next() (call wire.Call, size int, err error)
}

// batches reads as many calls at a time as fit into a bundle. Reading pauses
// while a bundle is being submitted.
type batches struct{ from calls }

// next returns no calls at the end.
func (b *batches) next() ([]wire.Call, error) {
	var batch []wire.Call
	for size := 0; len(batch) < batchTasks && size < batchBytes; {
		call, bytes, err := b.from.next()
		if err == io.EOF { //nolint:errorlint // sources return it bare
			break
		}
		if err != nil {
			return nil, err
		}
		batch, size = append(batch, call), size+bytes
	}
	return batch, nil
}
