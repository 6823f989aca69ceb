package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
)

// Every command and snippet of the README is run, in order, from the root of
// the repository, in a home of its own. Two things differ: `make test` is what
// runs this, and the port is a free one.
func TestReadme(t *testing.T) {
	t.Parallel()
	system.RequirePython(t)
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	home := t.TempDir()
	snippet := filepath.Join(home, "example.py")
	output := map[string]string{}
	for _, block := range regexp.MustCompile("(?s)\n```(sh|python)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if block[1] == "python" {
			require.NoError(t, os.WriteFile(snippet, []byte(block[2]), 0o600))
			output["python"] = shell(t, home, ".cache/venv-readme/bin/python "+snippet)
			continue
		}
		for line := range strings.Lines(block[2]) {
			command, _, _ := strings.Cut(strings.TrimSpace(line), "   # ")
			if command == "" || command == "make test" {
				continue
			}
			command = strings.Replace(command, "yonder up --detach", "yonder up --detach --listen 127.0.0.1:0", 1)
			output[command] = shell(t, home, command)
		}
	}
	require.Contains(t, output["python"], "one result: ")
	require.Contains(t, output["python"], "its own exception: TypeError")
	require.Contains(t, output["make demo"], "word count, reduce")
	require.Contains(t, output["bin/yonder endpoint list"], "local")
	require.Contains(t, output["bin/yonder function list --all"], "simulate")
	checkLatency(t, output["bench/run latency --json"])
	left, _ := exec.Command("pgrep", "-f", home).Output()
	require.Empty(t, string(left), "processes are left running")
}

func shell(t *testing.T, home, command string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", command)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "YONDER_HOME="+home, "YONDER_URL=", "YONDER_TOKEN=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", command, out)
	return string(out)
}

// checkLatency looks at the shape of the benchmark's last line, not at figures.
func checkLatency(t *testing.T, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var result struct {
		P50    float64            `json:"p50_ms"`
		P99    float64            `json:"p99_ms"`
		Stages map[string]float64 `json:"stages_p50_ms"`
	}
	for _, line := range slices.Backward(lines) { // the service's goodbye goes to stderr, after it
		if json.Unmarshal([]byte(line), &result) == nil {
			break
		}
	}
	require.Positive(t, result.P50)
	require.GreaterOrEqual(t, result.P99, result.P50)
	require.Contains(t, result.Stages, "dispatch")
}
