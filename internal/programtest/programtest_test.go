package programtest_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/programtest"
)

func TestAProgramRunsWhileOthersAreStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			file := filepath.Join(dir, strconv.Itoa(i))
			programtest.Write(t, file, "#!/bin/sh\necho $0\n")
			said, err := exec.Command(file).CombinedOutput()
			if err != nil || string(said) != file+"\n" {
				t.Errorf("%s: %v", said, err)
			}
		})
	}
	all.Wait()
	require.False(t, t.Failed())
}
