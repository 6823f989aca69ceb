package kit_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/yonder-run/yonder/cli/kit"
)

// terminal is a real one: what is written to it can be read at the other end.
func terminal(t *testing.T) (inside, outside *os.File) {
	t.Helper()
	outside, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { outside.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(outside.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(outside.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	inside, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	return inside, outside
}

func TestNoColorMeansNoEscapeCodesAtAll(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{"", "NO_COLOR"} {
		inside, outside := terminal(t)
		console := &kit.Console{Out: inside, Err: inside, Getenv: func(name string) string {
			if name == variable {
				return "1"
			}
			return ""
		}}
		progress := console.Progress(t.Context(), "waiting")
		progress.Clear()
		progress.Stop()
		console.Printf("%s\n", console.Paint(kit.Red, "end"))
		inside.Close()
		said, _ := io.ReadAll(outside) // ends with an error: nobody has the terminal open
		require.Equal(t, variable == "", bytes.Contains(said, []byte("\x1b")), "%q", said)
		require.Contains(t, string(said), "end")
	}
}
