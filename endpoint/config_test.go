package endpoint

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
)

const minimal = `
name: lab
service: https://yonder.example.org
endpoint: 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000
credential_file: credential
state_dir: state
`

func TestConfigOverDefaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "endpoint.yaml")
	text := minimal + "drain_grace: 2m\nscaling:\n  max_blocks: 3\njournal:\n  sync: false\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	cfg, err := LoadConfig(file)
	require.NoError(t, err)
	require.Equal(t, 3, cfg.Scaling.MaxBlocks)
	require.Equal(t, Defaults().Scaling.Idle, cfg.Scaling.Idle, "the rest of a part keeps its defaults")
	require.False(t, cfg.Journal.Sync)
	require.InDelta(t, 120, cfg.DrainGrace.Seconds(), 0)
	require.Equal(t, filepath.Join(dir, "credential"), cfg.Credential)
	require.Equal(t, filepath.Join(dir, "state"), cfg.StateDir)
	_, err = LoadConfig(filepath.Join(dir, "missing"))
	require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err))
}

func TestDefaultsSurviveTheirOwnEncoding(t *testing.T) {
	t.Parallel()
	cfg, err := ParseConfig([]byte(minimal))
	require.NoError(t, err)
	text, err := yaml.Marshal(cfg)
	require.NoError(t, err)
	again, err := ParseConfig(text)
	require.NoError(t, err)
	require.Equal(t, cfg, again)
}

func TestConfigErrorsNameTheField(t *testing.T) {
	t.Parallel()
	for text, field := range map[string]string{
		"name: x\n":                                        "",
		minimal + "surprise: 1\n":                          "surprise",
		minimal + "scaling:\n  most: 1\n":                  "most",
		minimal + "scaling:\n  max_blocks: 0\n":            "scaling.max_blocks",
		minimal + "scaling:\n  min_blocks: 5\n":            "scaling.max_blocks",
		minimal + "kinds: []\n":                            "kinds",
		minimal + "kinds: [python, fortran]\n":             "kinds",
		minimal + "provider:\n  kind: slurm\n":             "provider.kind",
		minimal + "provider:\n  kind: local\n  slots: 0\n": "provider.slots",
		minimal + "managers:\n  listen: here\n":            "managers.listen",
		minimal + "managers:\n  prefetch: -1\n":            "managers.prefetch",
		minimal + "limits:\n  bytes: 5\n":                  "limits.bytes",
		minimal + "drain_grace: -1s\n":                     "drain_grace",
	} {
		_, err := ParseConfig([]byte(text))
		require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err), text)
		if field != "" {
			require.Equal(t, field, fieldOf(err), text)
		}
	}
	_, err := ParseConfig([]byte(minimal + "drain_grace: soon\n"))
	require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err))
}

func TestWrongTypesAreSaidInWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"provider:\n  slots: two\n": `slots: line 2: expected a number, not "two"`,
		"scaling:\n  idle: [1]\n":   `idle: line 2: expected`,
		"pythons: 3\n":              `pythons: line 1: expected a sequence, not "3"`,
		"allow_http: maybe\n":       `allow_http: line 1: expected true or false, not "maybe"`,
	} {
		_, err := ParseConfig([]byte(text))
		require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err), text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "Go struct", text)
	}
}

func TestAMisspeltSettingIsNamedWithWhatWasMeant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"provider:\n  slts: 2\n": `slts: line 2: there is no such setting; did you mean "slots"?`,
		"sevrice: x\n":           `sevrice: line 1: there is no such setting; did you mean "service"?`,
		"colour: x\n":            `colour: line 1: there is no such setting; "yonder endpoint configure"`,
		"name: [\n":              "this is not YAML with settings",
	} {
		_, err := ParseConfig([]byte(text))
		require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err), text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "\n", text)
	}
}

func TestServiceURLs(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"https://yonder.example.org:8443": true, "http://127.0.0.1:8080": true, "http://localhost": true,
		"http://[::1]:1": true, "http://yonder.example.org": false, "yonder.example.org": false, "nats://x": false, "": false,
	} {
		cfg, err := ParseConfig([]byte(minimal))
		require.NoError(t, err)
		cfg.Service = url
		require.Equal(t, ok, cfg.Validate() == nil, url)
		cfg.AllowHTTP = true
		require.Equal(t, ok || url == "http://yonder.example.org", cfg.Validate() == nil, url)
	}
}

func TestCredentialFiles(t *testing.T) {
	t.Parallel()
	cfg := Config{Credential: filepath.Join(t.TempDir(), "c")}
	_, err := cfg.ReadCredential()
	require.Equal(t, "credential_file", fieldOf(err))
	require.NoError(t, os.WriteFile(cfg.Credential, []byte(" \n"), 0o600))
	_, err = cfg.ReadCredential()
	require.ErrorContains(t, err, "empty")
	require.NoError(t, os.WriteFile(cfg.Credential, []byte("ya_1\n"), 0o600))
	token, err := cfg.ReadCredential()
	require.NoError(t, err)
	require.Equal(t, "ya_1", token)
}
