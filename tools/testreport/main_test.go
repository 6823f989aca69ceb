package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	t.Parallel()

	const ran = `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n"
	for name, test := range map[string]struct {
		in   string
		ok   bool
		says []string
	}{
		"all well": {
			in:   ran + `{"Action":"pass","Package":"p","Elapsed":1.5}` + "\n",
			ok:   true,
			says: []string{"ok       1.5s  p\n", "1 passed, 0 failed, 0 skipped"},
		},
		"a skip is named with its reason": {
			in: ran + `{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}` + "\n" +
				`{"Action":"output","Package":"p","Test":"TestB","Output":"    x_test.go:1: no Slurm\n"}` + "\n" +
				`{"Action":"skip","Package":"p","Test":"TestB"}` + "\n",
			ok:   true,
			says: []string{"p TestB: x_test.go:1: no Slurm"},
		},
		"a failure is shown with what it printed": {
			in: ran + `{"Action":"output","Package":"p","Test":"TestB","Output":"it broke\n"}` + "\n" +
				`{"Action":"fail","Package":"p","Test":"TestB"}` + "\n" +
				`{"Action":"fail","Package":"p"}` + "\n",
			says: []string{"it broke", "failed:\n  p TestB"},
		},
		"a test cut off by a panic is shown": {
			in: ran + `{"Action":"output","Package":"p","Test":"TestB","Output":"panic: oh\n"}` + "\n" +
				`{"Action":"fail","Package":"p"}` + "\n",
			says: []string{"p TestB did not end\npanic: oh"},
		},
		"a package that does not build": {
			in: ran + `{"ImportPath":"q","Action":"build-output","Output":"syntax error\n"}` + "\n" +
				`{"ImportPath":"q","Action":"build-fail"}` + "\n",
			says: []string{"syntax error"},
		},
		"no tests": {
			in:   `{"Action":"skip","Package":"p"}` + "\n",
			says: []string{"p: no tests", "no test ran"},
		},
		"text from the toolchain": {
			in:   "go: cannot find main module\n",
			says: []string{"go: cannot find main module"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			ok, err := report(strings.NewReader(test.in), &out)
			require.NoError(t, err)
			require.Equal(t, test.ok, ok)
			for _, text := range test.says {
				require.Contains(t, out.String(), text)
			}
		})
	}
}
