package process_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder/manager/runtime"
	"github.com/yonder-run/yonder/manager/runtime/process"
	"github.com/yonder-run/yonder/manager/runtime/runtimetest"
	"github.com/yonder-run/yonder/manager/workerproc"
	"github.com/yonder-run/yonder/manager/workertest"
)

func TestMain(m *testing.M) {
	if err := os.Setenv("YONDER_TOKEN", "secret"); err != nil { // which no worker may see
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	archive, err := workerproc.WriteArchive(t.TempDir(), workertest.Zipapp(t))
	require.NoError(t, err)
	runtimetest.Suite{
		New:    func(*testing.T) runtime.Runtime { return process.New() },
		Python: workertest.Python(t), Archive: archive,
	}.Run(t)
}
