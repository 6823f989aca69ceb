package profile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/profile"
)

func TestProfilesAreLeftBehind(t *testing.T) { //nolint:paralleltest // a process has one profile
	end, err := profile.Begin("", "nothing")
	require.NoError(t, err)
	require.NoError(t, end())

	dir := t.TempDir()
	end, err = profile.Begin(dir, "up")
	require.NoError(t, err)
	_, err = profile.Begin(dir, "twice")
	require.ErrorContains(t, err, "profiling the processor")
	require.NoError(t, end())
	for _, kind := range []string{"cpu", "allocs", "block", "mutex", "goroutine"} {
		info, err := os.Stat(filepath.Join(dir, fmt.Sprintf("up-%d.%s.pb.gz", os.Getpid(), kind)))
		require.NoError(t, err)
		require.Positive(t, info.Size(), kind)
	}
	_, err = profile.Begin(os.Args[0], "up")
	require.ErrorContains(t, err, "making a directory for profiles")
}

func TestProcessesAreNamedByTheirCommand(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"up":                 {"up", "--listen", "127.0.0.1:0"},
		"endpoint-start-hpc": {"endpoint", "start", "hpc"},
		"manager":            {"manager", "/run/agent.json"},
		"":                   {"--help"},
	} {
		require.Equal(t, want, profile.Name(args))
	}
}
