package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
	"github.com/yonder-run/yonder/internal/smalldisktest"
)

// The disk under an agent becomes read-only in mid-run. Small calls go on, over
// the journal that is open; a large result waits at its manager, the endpoint
// says why in plain words, and the result comes once the disk is mended.
func TestAReadOnlyDiskUnderAnAgent(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 64<<20)
	s := system.New(t)
	s.StartService()
	s.Login()
	s.ConfigureEndpoint(local)
	require.NoError(t, os.Symlink(disk.Dir, filepath.Join(s.Home, "endpoints", local, "state")))
	s.StartAgent(local)
	t.Cleanup(func() { s.StopManagers(local) })
	before := s.Python("give.py", "10")
	before.Await("result 10")

	unseal := disk.Seal()
	small := s.Python("give.py", "20")
	small.Await("result 20")
	large := s.Python("give.py", "1000000")
	large.Await("accepted")
	s.Until("the endpoint says why", func() bool {
		return strings.Contains(s.Run("", "endpoint", "explain", local), "the disk is read-only: mount it for writing")
	})
	unseal()
	large.Await("result 1000000")
}
