package cli_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/settings"
	"github.com/yonder-run/yonder/deploy"
	"github.com/yonder-run/yonder/service"
)

func TestTheSampleHasEverySettingAtItsDefault(t *testing.T) {
	t.Parallel()
	config := service.Config{}
	require.NoError(t, settings.Decode([]byte(deploy.ServiceSample), &config, "service.yaml"))
	require.Equal(t, service.Defaults(), config)
	docs := settings.Docs(deploy.ServiceSample)
	for _, s := range settings.List(&config) {
		require.NotEmpty(t, docs[s.Path], "explain %s in deploy/service.yaml", s.Path)
	}
}

func TestEverySettingIsAFlagWithHelp(t *testing.T) {
	t.Parallel()
	help := newPerson(t).ok("serve", "--help").out
	for _, s := range settings.List(&service.Config{}) {
		require.Regexp(t, `(?m)^ +--`+s.Flag+`( \w+)? {2,}\S`, help)
	}
}

func TestServePrintsItsSample(t *testing.T) {
	t.Parallel()
	require.Equal(t, deploy.ServiceSample, newPerson(t).ok("serve", "--sample").out)
}

func TestServeRefusesABadConfiguration(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	file := filepath.Join(p.home, "service.yaml")
	for content, says := range map[string]string{
		"lissen: 127.0.0.1:0":               "lissen: ",
		"inline_bytes: lots":                "inline_bytes: \"lots\"",
		"inline_bytes: 1":                   "inline_bytes: 1 is not between",
		"silence: 1s":                       "silence: ",
		"sqlite_sync: never":                "sqlite_sync: ",
		"tls_cert: cert.pem":                "tls_key: ",
		"database: mysql://somewhere":       "database: ",
		"a: [":                              file + " is not YAML",
		"cluster_listen: 127.0.0.1:0":       "database: ",
		"tls_cert: /none\ntls_key: /none":   "tls_cert: ",
		"max_attempts: 5\nmax_attempts: 10": "is not YAML",
	} {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		a := p.fails(yonder.CodeInvalidConfig, "serve", "--config", file, "--listen", "127.0.0.1:0")
		require.Contains(t, a.err, says)
	}
	p.env = []string{"YONDER_WORKERS=many"}
	require.Contains(t, p.fails(yonder.CodeInvalidConfig, "serve").err, "YONDER_WORKERS")
	p.env = nil
	p.fails(yonder.CodeInvalidConfig, "serve", "--log-level", "loud")
	p.fails(yonder.CodeInvalidConfig, "serve", "--config", "/none.yaml")
	p.fails(yonder.CodeInsecureListen, "serve", "--listen", "0.0.0.0:0")
	require.Contains(t, p.fails(yonder.CodeInvalidConfig, "serve", "--database", "postgres://a:secret@host/db").err, "database: ")
}

func TestServeSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	require.Contains(t, p.fails(yonder.CodePortInUse, "serve", "--listen", taken.Addr().String()).err, taken.Addr().String())
	p.serve()
	p.fails(yonder.CodeAlreadyRunning, "serve", "--listen", "127.0.0.1:0")
}

func TestSettingsOfTheServiceComeFromFileVariablesAndFlags(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	file := filepath.Join(p.home, "service.yaml")
	require.Contains(t, p.fails(yonder.CodeInvalidConfig, "serve", "--config", file).err, "there is no file "+file)
	require.NoError(t, os.WriteFile(file, []byte("listen: nowhere\npayload_bytes: 1000000\nbundle_tasks: 3\n"), 0o600))
	p.env = []string{"YONDER_BUNDLE_TASKS=4", "YONDER_LISTEN=127.0.0.1:0"}
	d := p.start("serve", "--config", file, "--request-bytes", "2000000", "--json", "--log-format", "text")
	var ready struct{ URL string }
	d.ready(&ready)
	defer d.stop()
	p.ok("login", ready.URL, "--token-file", filepath.Join(p.home, "service", "admin.token"))
	v := decode[struct {
		Service struct{ Limits map[string]int } `json:"service"`
	}](p.ok("version", "--service", "--json"))
	require.Equal(t, 1000000, v.Service.Limits["payload_bytes"])
	require.Equal(t, 2000000, v.Service.Limits["request_bytes"])
	require.Equal(t, 4, v.Service.Limits["bundle_tasks"])
}
