package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/sqlfault"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// Operations that share a commit, one of which is refused, under every failing
// statement: what was answered is there, what failed for itself is not, and
// once nothing fails the writer goes on.
func TestAGroupUnderEveryFailingStatement(t *testing.T) {
	t.Parallel()
	faults := &sqlfault.Faults{}
	opts := Options{Path: filepath.Join(t.TempDir(), "yonder.db"), Relaxed: true, Wrap: faults.Wrap}
	e := &engine{path: opts.Path}
	require.NoError(t, e.open(t.Context(), opts))
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	e.writer.Stop() // its loop would be a second user of the connection
	for _, after := range []bool{false, true} {
		for length := 1; length <= 3; length++ {
			n := 1
			for e.groupUnder(t, faults, n, length, after) {
				n++
			}
		}
	}
}

// groupUnder says whether anything failed.
func (e *engine) groupUnder(t *testing.T, faults *sqlfault.Faults, n, length int, after bool) bool {
	t.Helper()
	what := fmt.Sprintf("%d from %d, after: %v ", length, n, after)
	names := []string{what + "a", what + "b", what + "c"}
	group := make([]*operation, len(names))
	for i, name := range names {
		group[i] = &operation{run: put(name), done: make(chan error, 1)}
	}
	group[1].run = func(context.Context, *gen.Queries) error { return errMine }
	faults.Arm(n, length, after)
	e.writer.commit(t.Context(), group)
	struck := faults.Disarm()
	for i, o := range group {
		err := <-o.done
		switch {
		case i == 1:
			require.Error(t, err, what)
			require.False(t, e.has(t, names[i]), what)
		case err == nil:
			require.True(t, e.has(t, names[i]), what)
		default:
			require.ErrorIs(t, err, sqlfault.ErrInjected, what)
			// Whoever is told of a failure after the fact tries again.
			require.True(t, after || !e.has(t, names[i]), what)
		}
	}
	last := &operation{run: put(what + "last"), done: make(chan error, 1)}
	e.writer.commit(t.Context(), []*operation{last})
	require.NoError(t, <-last.done, what)
	require.True(t, e.has(t, what+"last"), what)
	return struck > 0
}
