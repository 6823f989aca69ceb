package workertest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is only ever spent on a failure.
const patience = 30 * time.Second

const look = 5 * time.Millisecond

// Numbers waits until a function has written numbers into the file.
func Numbers(tb testing.TB, file string) []int {
	tb.Helper()
	var all []int
	require.Eventually(tb, func() bool {
		data, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		for field := range strings.FieldsSeq(string(data)) {
			n, err := strconv.Atoi(field)
			require.NoError(tb, err)
			all = append(all, n)
		}
		return true
	}, patience, look)
	return all
}

// Gone waits until a process has ended; whether anybody has asked how does not
// matter.
func Gone(tb testing.TB, pid int) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, patience, look, "process %d lives", pid)
}
