package client

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
)

func TestWhichServiceTheEnvironmentMeans(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(home, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		require.NoError(t, os.Chmod(file, mode))
		return file
	}
	secret, open := write("token", "from-file\n", 0o600), write("open", "x", 0o644)
	write("login.json", `{"url":"http://127.0.0.1:1","token":"logged-in"}`, 0o600)
	damaged := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(damaged, "login.json"), []byte("{"), 0o600))
	const elsewhere = "https://yonder.example.org"
	for name, c := range map[string]struct {
		env        map[string]string
		url, token string
		code       yonder.Code
	}{
		"the login":          {map[string]string{}, "http://127.0.0.1:1", "logged-in", ""},
		"another service":    {map[string]string{"YONDER_URL": elsewhere, "YONDER_TOKEN": "t"}, elsewhere, "t", ""},
		"a token's file":     {map[string]string{"YONDER_URL": elsewhere + "/", "YONDER_TOKEN_FILE": secret}, elsewhere, "from-file", ""},
		"another token":      {map[string]string{"YONDER_TOKEN": "t"}, "http://127.0.0.1:1", "t", ""},
		"the login's token":  {map[string]string{"YONDER_URL": elsewhere}, "", "", yonder.CodeUnauthenticated},
		"others may read it": {map[string]string{"YONDER_TOKEN_FILE": open}, "", "", yonder.CodeInvalidConfig},
		"no login":           {map[string]string{"YONDER_HOME": filepath.Join(home, "none")}, "", "", yonder.CodeUnauthenticated},
		"a damaged login":    {map[string]string{"YONDER_HOME": damaged}, "", "", yonder.CodeStorageCorrupt},
	} {
		client, err := fromEnvironment(func(name string) string {
			if value, set := c.env[name]; set || name != "YONDER_HOME" {
				return value
			}
			return home
		}, nil)
		require.Equal(t, c.code, yonder.CodeOf(err), name)
		if err == nil {
			require.Equal(t, c.url, client.URL(), name)
			require.Equal(t, c.token, client.token, name)
		}
	}
}
