package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
)

// The wheel is the whole installation: pip install into an empty environment,
// one command for a service and an endpoint, and a first result.
func TestWheelIsTheWholeInstallation(t *testing.T) {
	t.Parallel()
	system.RequirePython(t)
	out := shell(t, t.TempDir(), "tools/first-result")
	require.Contains(t, out, "2 ** 10 = 1024")
	require.Contains(t, out, "first result after ")
	listing := shell(t, t.TempDir(), "python3 -m zipfile --list dist/yonder-*manylinux*$(uname -m)*.whl")
	require.Contains(t, listing, ".data/scripts/yonder ")
	require.Contains(t, listing, "yonder/py.typed ")
	require.NotContains(t, listing, "tests/")
}
