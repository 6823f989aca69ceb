package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/settings"
	"github.com/yonder-run/yonder/deploy"
	"github.com/yonder-run/yonder/endpoint"
)

func TestTheEndpointsFileHasEverySetting(t *testing.T) {
	t.Parallel()
	want := endpoint.Defaults()
	want.Name, want.Service, want.CAFile = "box", "https://yonder.example.org", "/etc/ca \"1\".pem"
	want.Pythons, want.Provider.Slots = []string{"/opt/python 3"}, 7
	id := yonder.NewID()
	text, err := render(want, id)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), configFile)
	require.NoError(t, os.WriteFile(file, text, 0o600))

	got, err := endpoint.LoadConfig(file)
	require.NoError(t, err)
	want.Endpoint = id
	want.Credential = filepath.Join(filepath.Dir(file), credentialFile)
	want.StateDir = filepath.Join(filepath.Dir(file), "state")
	got.Managers.Advertise, got.Allow = nil, endpoint.Allow{} // empty lists
	require.Equal(t, want, got)

	docs := settings.Docs(deploy.EndpointTemplate)
	for _, path := range yamlPaths(reflect.TypeFor[endpoint.Config](), "") {
		require.NotEmpty(t, docs[path], "explain %s in deploy/endpoint.yaml", path)
	}
}

// yamlPaths lists what a configuration's fields are called in its file.
func yamlPaths(config reflect.Type, parent string) []string {
	var paths []string
	for field := range config.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		paths = append(paths, parent+name)
		if field.Type.Kind() == reflect.Struct {
			paths = append(paths, yamlPaths(field.Type, parent+name+".")...)
		}
	}
	return paths
}
