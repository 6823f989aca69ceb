package pages

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Parallel()
	page, err := Parse("# Title\n\n<!-- setup\nfirst\n-->\n\n```console\n$ one\nprinted\n$ two \\\n  more\n$ echo $?\n3\n$ cat <<'EOF'\n$ x\nEOF\n" +
		"done\n```\n\n<!-- not run: needs a cluster -->\n```sh\nsbatch\n```\n<!-- file: a.py -->\n```python\nx = 1\n```\n" +
		"```python\nprint(2)\n```\n\n```output\n2\n```\n```text\nstill\n```\n")
	require.NoError(t, err)
	require.Equal(t, []string{"needs a cluster"}, page.NotRun)
	require.Equal(t, []Step{
		{Line: 3, Kind: Shell, Text: "first\n"},
		{Line: 8, Kind: Shell, Text: "one\n", Prints: "printed\n"},
		{Line: 10, Kind: Shell, Text: "two \\\n  more\n", Fails: true},
		{Line: 12, Kind: Shell, Text: "echo $?\n", Prints: "3\n"},
		{Line: 14, Kind: Shell, Text: "cat <<'EOF'\n$ x\nEOF\n", Prints: "done\n"},
		{Line: 25, Kind: File, Text: "x = 1\n", File: "a.py"},
		{Line: 28, Kind: Python, Text: "print(2)\n", Prints: "2\n"},
	}, page.Steps)
}

func TestParseRefusesWhatNobodyRuns(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"```bash\nls\n```\n", "```console\n$ ls\n", "```output\n1\n```\n"} {
		_, err := Parse(text)
		require.Error(t, err, text)
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shown, output string
		want          bool
	}{
		{"one\ntwo", "one\ntwo\n", true},
		{"one", "one\ntwo\n", false},
		{"one\n…", "one\ntwo\nthree\n", true},
		{"…\nthree", "one\ntwo\nthree\n", true},
		{"a  b", "a b", true},
		{"id …  done", "id 0198c5a2  done", true},
		{"1.5", "165", false},
		{"up", "starting (12s)\nup\n", true},
	} {
		require.Equal(t, c.want, Matches(c.shown, c.output), "%q %q", c.shown, c.output)
	}
}
