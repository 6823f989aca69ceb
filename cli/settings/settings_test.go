package settings_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/settings"
)

type config struct {
	Listen string        `koanf:"listen"`
	Quiet  bool          `koanf:"quiet"`
	Grace  time.Duration `koanf:"drain_grace"`
	Limits limits        `koanf:"limits"`
	Log    any
	Now    func()
}

type limits struct {
	Tasks int         `koanf:"tasks"`
	Share float64     `koanf:"share"`
	Hosts []string    `koanf:"hosts"`
	Owner yonder.ID   `koanf:"owner"`
	IDs   []yonder.ID `koanf:"ids"`
}

const sample = `# A file of settings.

# Where to listen.
listen: here
# Say
# less. Default: all
quiet: false

drain_grace: 1m # not explained
limits:
  # How many.
  tasks: 7
`

const someID = "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000"

func defaults() *config {
	return &config{Listen: "here", Grace: time.Minute, Limits: limits{Tasks: 7}}
}

func load(t *testing.T, file string, env map[string]string, args ...string) (*config, error) {
	t.Helper()
	c := defaults()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	settings.Flags(flags, c, sample)
	require.NoError(t, flags.Parse(args))
	path := ""
	if file != "" {
		path = filepath.Join(t.TempDir(), "service.yaml")
		require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	}
	return c, settings.Load(c, path, func(name string) string { return env[name] }, flags)
}

func TestLaterSourcesWin(t *testing.T) {
	t.Parallel()
	file := "listen: file\nquiet: true\ndrain_grace: 2s\nlimits:\n  tasks: 1\n  share: 0.5\n  hosts: [a, b]\n  owner: " + someID
	env := map[string]string{"YONDER_LISTEN": "env", "YONDER_LIMITS_TASKS": "2", "YONDER_LIMITS_IDS": someID}

	c, err := load(t, file, env, "--limits-tasks=3", "--quiet=false", "--limits-hosts", "c, d")
	require.NoError(t, err)
	id, err := yonder.ParseID(someID)
	require.NoError(t, err)
	require.Equal(t, &config{
		Listen: "env", Grace: 2 * time.Second,
		Limits: limits{Tasks: 3, Share: 0.5, Hosts: []string{"c", "d"}, Owner: id, IDs: []yonder.ID{id}},
	}, c)

	c, err = load(t, "", nil, "--quiet")
	require.NoError(t, err)
	require.True(t, c.Quiet)
	c.Quiet = false
	require.Equal(t, defaults(), c)

	c, err = load(t, "listen:\nlimits:\n", nil)
	require.NoError(t, err)
	require.Equal(t, defaults(), c, "what has no value keeps the default")
}

func TestErrorsNameTheSetting(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		file  string
		env   map[string]string
		args  []string
		field string
		says  string
	}{
		"unknown":         {file: "lisen: x", field: "lisen", says: "no such setting"},
		"unknown below":   {file: "limits: {task: 1}", field: "limits.task", says: "no such setting"},
		"group as value":  {file: "limits: 3", field: "limits", says: "no such setting"},
		"value as group":  {file: "listen: {a: 1}", field: "listen", says: "expected a text"},
		"number as text":  {file: "listen: 1", field: "listen", says: "expected a text"},
		"text as number":  {file: "limits: {tasks: many}", field: "limits.tasks", says: "expected a whole number"},
		"text as list":    {file: "limits: {hosts: {a: 1}}", field: "limits.hosts", says: "expected a list"},
		"no duration":     {file: "drain_grace: soon", field: "drain_grace", says: "a duration like 30s"},
		"no id":           {env: map[string]string{"YONDER_LIMITS_OWNER": "me"}, field: "limits.owner", says: "YONDER_LIMITS_OWNER"},
		"variable":        {env: map[string]string{"YONDER_QUIET": "perhaps"}, field: "quiet", says: "true or false"},
		"flag":            {args: []string{"--drain-grace=1"}, field: "drain_grace", says: "--drain-grace"},
		"not yaml at all": {file: "a: b: c", says: "is not YAML"},
		"a list":          {file: "- a", says: "is not YAML with settings"},
		"twice":           {file: "listen: a\nlisten: b", says: "is not YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, test.file, test.env, test.args...)
			require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "\n")
			var e *yonder.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.field, e.Field)
		})
	}
}

func TestHelpShowsKindAndDefault(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	settings.Flags(flags, defaults(), sample)
	usage := flags.FlagUsages()
	require.Regexp(t, `--drain-grace duration +\(default 1m0s\)\n`, usage)
	require.Regexp(t, `--limits-tasks int +how many \(default 7\)\n`, usage)
	require.Regexp(t, `--listen string +where to listen \(default "here"\)\n`, usage)
	require.Regexp(t, `--quiet +say less\. Default: all\n`, usage)
}
