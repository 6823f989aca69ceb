package home_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
)

func TestFind(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	set := func(string) string { return "/set" }
	h, err := home.Find("/flag", set)
	require.NoError(t, err)
	require.Equal(t, home.Home("/flag"), h)
	h, err = home.Find("", set)
	require.NoError(t, err)
	require.Equal(t, "/set/login.json", h.Login())
	h, err = home.Find("", none)
	require.NoError(t, err)
	require.Equal(t, ".yonder", filepath.Base(string(h)))
	h, err = home.Find("x", none)
	require.NoError(t, err)
	require.True(t, filepath.IsAbs(string(h)))
}

func TestLoginIsKeptForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	h := home.Home(filepath.Join(t.TempDir(), "new"))
	_, err := h.ReadLogin()
	require.Equal(t, yonder.CodeUnauthenticated, yonder.CodeOf(err))
	want := home.Login{URL: "http://x", Token: "yt_x", CAFile: "/ca.pem"}
	require.NoError(t, h.WriteLogin(want))
	got, err := h.ReadLogin()
	require.NoError(t, err)
	require.Equal(t, want, got)
	for path, mode := range map[string]os.FileMode{string(h): 0o700, h.Login(): 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
	require.NoError(t, h.RemoveLogin())
	require.NoError(t, h.RemoveLogin())
	entries, err := os.ReadDir(string(h))
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestAHomeThatCannotBeMadeIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	err := home.Home(filepath.Join(file, "below")).Make()
	require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err))
	require.ErrorContains(t, err, file)
	_, err = home.Home(file).EndpointNames()
	require.Error(t, err)
	_, err = home.ReadSecret(filepath.Join(file, "none"))
	require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err))
}

func TestOneProcessHoldsTheLock(t *testing.T) {
	t.Parallel()
	h := home.Home(t.TempDir())
	_, err := h.Owner()
	require.Equal(t, yonder.CodeNotRunning, yonder.CodeOf(err))
	lock, err := h.TakeLock()
	require.NoError(t, err)
	_, err = h.TakeLock()
	require.Equal(t, yonder.CodeAlreadyRunning, yonder.CodeOf(err))
	pid, err := h.Owner()
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), pid)
	lock.Release()
	_, err = h.Owner()
	require.Equal(t, yonder.CodeNotRunning, yonder.CodeOf(err))
}
