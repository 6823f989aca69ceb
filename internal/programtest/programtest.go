// Package programtest writes programs that tests run.
package programtest

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Write writes a program that everybody may run. Another process does it: what
// this one has open for writing, every child inherits that another test forks
// meanwhile, and a file that is open so cannot be run ("text file busy").
func Write(tb testing.TB, file, text string) {
	tb.Helper()
	cmd := exec.Command("sh", "-c", `cat > "$1" && chmod 755 "$1"`, "sh", file)
	cmd.Stdin = strings.NewReader(text)
	said, err := cmd.CombinedOutput()
	require.NoError(tb, err, "%s", said)
}
