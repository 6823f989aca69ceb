package cli

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
)

func TestACrashIsOneSentenceWithItsDetailsInAFile(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // for the whole process: not parallel
	err := execute(t.Context(), &cobra.Command{Run: func(*cobra.Command, []string) { panic("oh") }, SilenceErrors: true, SilenceUsage: true})
	require.Equal(t, yonder.CodeInternal, yonder.CodeOf(err))
	require.NotContains(t, err.Error(), "\n")
	_, file, found := strings.Cut(err.Error(), "please report it with ")
	require.True(t, found, err)
	details, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(details), "cli_test.go")
}

func TestOwnErrorsOfCommandsPassThrough(t *testing.T) {
	t.Parallel()
	want := errors.New("mine")
	cmd := &cobra.Command{RunE: func(*cobra.Command, []string) error { return want }, SilenceErrors: true, SilenceUsage: true}
	cmd.SetArgs(nil)
	require.ErrorIs(t, execute(t.Context(), cmd), want)
}
