package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
)

// jumping is an environment in which Python takes the time of day from a file;
// set changes it, also for what runs. Go programs do not notice.
func jumping(t *testing.T) (environ []string, set func(offset time.Duration)) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
	require.NoError(t, err)
	if len(found) == 0 {
		if os.Getenv("YONDER_REQUIRE_ALL") != "" {
			t.Fatal("libfaketime is missing: run tools/setup, or apt-get install libfaketime")
		}
		t.Skip("needs libfaketime")
	}
	file := filepath.Join(t.TempDir(), "offset")
	set = func(offset time.Duration) {
		require.NoError(t, os.WriteFile(file+".new", fmt.Appendf(nil, "%+d\n", int(offset.Seconds())), 0o600))
		require.NoError(t, os.Rename(file+".new", file))
	}
	return []string{
		"LD_PRELOAD=" + found[0], "FAKETIME_TIMESTAMP_FILE=" + file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1",
	}, set
}

// Workers and clients whose clocks are set back and forth, while those of the
// service and the agent are not: results, streams, timeouts and walltimes take
// the time that they take.
func TestClocksOfWorkersAndClientsJump(t *testing.T) {
	t.Parallel()
	environ, set := jumping(t)
	set(0)
	s := system.New(t)
	s.StartService()
	s.Login()
	s.ConfigureEndpoint(local)
	s.Env = environ
	s.StartAgent(local)
	t.Cleanup(func() { s.StopManagers(local) })
	for _, offset := range []time.Duration{0, -time.Hour, 50 * time.Minute} {
		set(offset)
		said := s.TryPython("clock.py")
		require.Zero(t, said.Code, said.All())
		lines := strings.Fields(said.Out)
		require.Len(t, lines, 3, said.All())
		at, err := strconv.ParseFloat(lines[1], 64)
		require.NoError(t, err)
		require.InDelta(t, offset.Seconds(), at-float64(time.Now().Unix()), 120, "the clock was set")
	}
}
