package cli

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
)

func TestOnlyGivenLimitsChange(t *testing.T) {
	t.Parallel()
	var set yonder.Allowance
	cmd := &cobra.Command{}
	for _, row := range limitRows(&set) {
		cmd.Flags().Int64Var(row.value, row.flag, 0, row.means)
	}
	require.NoError(t, cmd.ParseFlags([]string{"--queued-tasks", "5", "--weight", "0"}))
	got := changed(cmd, set, yonder.Allowance{QueuedTasks: 1, Bundles: 2, Weight: 3})
	require.Equal(t, yonder.Allowance{QueuedTasks: 5, Bundles: 2}, got)
}
