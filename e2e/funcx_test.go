package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/e2e/system"
)

// publishedID is the endpoint's in the example that funcX was published with.
const publishedID = "4b116d3c-1703-4f8f-9f6f-39921e5864df"

// The example runs as a user's script, word for word but for the id, on an
// endpoint that funcX's own command has made. What its last line gives is shown
// by the interpreter that goes on after the script.
func TestThePublishedFuncXExample(t *testing.T) {
	t.Parallel()
	python := system.RequirePython(t)
	text, err := os.ReadFile("testdata/funcx_example.py")
	require.NoError(t, err)
	readme, err := os.ReadFile("../compat/funcx/README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```py\n"+string(text)+"```")

	s := system.New(t)
	s.StartService()
	s.Login()
	command := filepath.Join(filepath.Dir(python), "funcx-endpoint")
	s.RunProgram(t.Context(), "", command, "configure")
	s.RunProgram(t.Context(), "", command, "start", "default")
	t.Cleanup(func() { s.RunProgram(context.WithoutCancel(t.Context()), "", command, "stop", "default") })
	endpoints, err := client.All[yonder.Endpoint](t.Context(), s.Client(), "endpoints", nil)
	require.NoError(t, err)
	require.Len(t, endpoints, 1)
	require.Equal(t, "default", endpoints[0].Name)

	script := filepath.Join(t.TempDir(), "example.py")
	own := strings.Replace(string(text), publishedID, endpoints[0].ID.String(), 1)
	require.NoError(t, os.WriteFile(script, []byte(own), 0o600))
	out := s.RunProgram(t.Context(), "print(fxc.get_result(result))\n", python, "-i", script)
	require.Equal(t, "Hello World!\n", out)
}
