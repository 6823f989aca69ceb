package manager_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/manager"
)

// One call of a quick function waits until all others have been: none may be
// behind it in its slice.
func TestCallsDoNotWaitBehindASlowOne(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, func(cfg *manager.Config) { cfg.Slots = 2 })
	const tasks = 300
	for _, waits := range []int{-1, 0, 7, tasks - 1} {
		dir := t.TempDir()
		calls := make([][]any, tasks)
		for i := range calls {
			calls[i] = []any{i, waits, dir, tasks}
		}
		a.work("meet_all", calls...)
		for i, o := range a.outcomes(tasks) {
			require.EqualValues(t, i, o.value(t))
		}
	}
}
