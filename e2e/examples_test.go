package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
)

// The examples run as people run them, and their answers are looked at: they
// follow from seeds, but floating point is not compared to the last digit.
func TestExamples(t *testing.T) {
	t.Parallel()
	python := system.RequirePython(t)
	s := system.New(t)
	s.StartService()
	s.Login()
	for _, site := range []string{"a", "b", "c"} {
		s.ConfigureEndpoint(site, "--slots", "2", "--python", python)
		s.StartAgent(site)
		t.Cleanup(func() { s.StopManagers(site) })
	}
	for name, check := range map[string]func(t *testing.T, run runExample){
		"metadata":  checkMetadata,
		"inference": checkInference,
		"sweep":     checkSweep,
		"federated": checkFederated,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, func(args ...string) string {
				return s.For(t).RunProgram(t.Context(), "", python, append([]string{"../examples/" + name + ".py"}, args...)...)
			})
		})
	}
}

// runExample runs the example with arguments and returns what it printed.
type runExample func(args ...string) string

func checkMetadata(t *testing.T, run runExample) {
	t.Helper()
	records := filepath.Join(t.TempDir(), "records")
	out := run("--endpoint", "a", "--files", "12", "--out", records)
	require.Contains(t, out, "2.png is not a PNG file")
	require.Contains(t, out, "keywords: crystal, scatters, detector")
	require.Contains(t, out, "catalogue: 11 of 12 files (3 image, 4 table, 4 text)\n")
	found, err := os.ReadFile(records)
	require.NoError(t, err)
	require.Contains(t, string(found), `"rows": 200, "columns": {"step": {"type": "number", "mean": 99.5, "missing": 0}`)
	require.Contains(t, string(found), `"kind": "image", "width": 13, "height": 16, "bits": 8, "grey": true`)

	tree := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(tree, "notes.txt"), []byte("Beam of light, beam line"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(tree, "raw.bin"), []byte{1}, 0o600))
	out = run("--endpoint", "a", "--root", tree)
	require.Contains(t, out, "catalogue: 2 of 2 files (1 other, 1 text)\n")
	require.FileExists(t, filepath.Join(tree, "notes.txt"), "a tree that was there stays")
}

// An endpoint has two slots, so there are at most two workers at a time, and
// each reads the model once.
func checkInference(t *testing.T, run runExample) {
	t.Helper()
	out := run("--endpoint", "b", "--pictures", "200")
	loads := number(t, out, `the model was loaded (\d+) times`)
	require.InDelta(t, number(t, out, `by (\d+) workers`), loads, 0, "a worker loads the model once")
	require.Less(t, loads, 10.0)
	require.Greater(t, number(t, out, `accuracy: ([\d.]+)`), 0.9)
}

func checkSweep(t *testing.T, run runExample) {
	t.Helper()
	out := run("--endpoint", "c", "--users", "4000")
	require.Contains(t, out, "no answer for 2 lines of speed 1.0: 2.0 users an hour come, and 2.0 are served\n")
	require.Contains(t, out, "best of 16 points (8 failed): 2 lines of speed 2.0, cost ")
	// Two lines at half load: 6 for the lines, 8 times 1/6 hours of waiting.
	require.InDelta(t, 7.33, number(t, out, `cost ([\d.]+)\n$`), 0.5)
}

func checkFederated(t *testing.T, run runExample) {
	t.Helper()
	args := []string{"--rounds", "6"}
	dirs := map[string]string{}
	for _, site := range []string{"a", "b", "c"} {
		dirs[site] = filepath.Join(t.TempDir(), "data")
		args = append(args, "--site", site+"="+dirs[site])
	}
	out := run(args...)
	federated := number(t, out, `federated accuracy ([\d.]+)`)
	require.Greater(t, federated, number(t, out, `central ([\d.]+)`)-0.03)
	seen := map[string]bool{}
	for site, dir := range dirs {
		require.Greater(t, federated, number(t, out, site+` alone: accuracy ([\d.]+)`))
		data, err := os.ReadFile(filepath.Join(dir, "patients.csv"))
		require.NoError(t, err)
		require.Equal(t, 400, strings.Count(string(data), "\n"))
		seen[string(data)] = true
	}
	require.Len(t, seen, 3, "each site has data of its own")
	again := run(args...)
	require.Equal(t, out, again, "what is there is used")
}

// number is what the pattern's group matches in the output.
func number(t *testing.T, out, pattern string) float64 {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(out)
	require.NotNil(t, match, "%s\n%s", pattern, out)
	value, err := strconv.ParseFloat(match[1], 64)
	require.NoError(t, err)
	return value
}
