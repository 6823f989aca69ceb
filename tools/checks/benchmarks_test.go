package checks

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPageOfBenchmarksIsWhatTheResultsGive(t *testing.T) {
	t.Parallel()

	check := exec.CommandContext(t.Context(), "bench/report", "--check")
	check.Dir = top
	out, err := check.CombinedOutput()
	require.NoError(t, err, string(out))
}
