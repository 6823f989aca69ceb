//go:build linux

package shellworker_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

func TestMain(m *testing.M) {
	if code, done := workertest.ActAsWorker(); done {
		os.Exit(code)
	}
	goleak.VerifyTestMain(m)
}

func TestResult(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 3 {
		f := command("echo {x}; echo oops >&2; exit {n}", shell.Param{Name: "x"}, shell.Param{Name: "n", Type: shell.Integer})
		report := b.outcome(f, "it's $HOME", i)
		r := value(t, report)
		require.Equal(t, shell.Result{
			Kind: shell.ResultKind, Cmd: `echo 'it'\''s $HOME'; echo oops >&2; exit ` + strconv.Itoa(i), ReturnCode: i, Success: i == 0,
			Stdout: "it's $HOME\n", Stderr: "oops\n",
		}, r)
		require.Equal(t, "it's $HOME\n", report.Stdout, "whoever follows the task sees it too")
		require.Equal(t, "oops\n", report.Stderr)
		require.LessOrEqual(t, report.Entries[0].Started, report.Entries[0].Finished)
	}
}

func TestACheckedCommandRaises(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := command("echo no such thing >&2; exit 3")
	f.Check, f.Success = true, []int{0, 4}
	report := b.outcome(f)
	require.Equal(t, wire.OutcomeException, report.Entries[0].Outcome)
	require.Equal(t, "ShellError: the command ended with return code 3: no such thing", report.Entries[0].Message)
	e := workertest.Error(report.Columns[0])
	require.Equal(t, shell.ErrorType, e["type"])
	require.EqualValues(t, 3, e["result"].(map[string]any)["returncode"])
	f.Command = "exit 4"
	require.True(t, b.result(f).Success)
}

func TestWhatCannotRunFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range []struct {
		f    shell.Function
		args []any
		code yonder.Code
		says string
	}{
		{command("true {x}", shell.Param{Name: "x", Type: shell.Integer}), []any{"1"}, yonder.CodeInvalidArguments, "x takes a whole number"},
		{command("true"), []any{1}, yonder.CodeInvalidArguments, "takes 0 arguments"},
		{command("true {y}"), nil, yonder.CodeInvalidRequest, "no parameter y"},
		{shell.Function{Command: "true", Dir: "/nowhere"}, nil, yonder.CodeInvalidRequest, "/nowhere"},
		{shell.Function{Command: "touch a b c", Outputs: []string{"*"}, OutputFiles: 2}, nil, yonder.CodeTooLarge, "3 files"},
		{shell.Function{Command: "echo 12345 > a", Outputs: []string{"*"}, OutputBytes: 5}, nil, yonder.CodeTooLarge, "5 bytes"},
	} {
		report := b.outcome(c.f, c.args...)
		require.Equal(t, wire.OutcomeFailed, report.Entries[0].Outcome, "%s", c.f.Command)
		e := workertest.Error(report.Columns[0])
		require.EqualValues(t, c.code, e["code"])
		require.Contains(t, e["message"], c.says)
	}
	b.give(command("true"), [][]byte{[]byte("Y1p\x00\x03\x0b\x00\x00abc")}, wire.Run{Hi: 1})
	require.EqualValues(t, yonder.CodeCodecMismatch, workertest.Error(next(t, b.reports).Columns[0])["code"])
	require.True(t, b.result(command("true")).Success, "the worker goes on")
}

func TestEveryTaskHasAFreshDirectory(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	look := command(`pwd; stat -c %a .; ls -A; touch left; mkdir locked; chmod 0 locked; echo "$YONDER_TASK_ID $YONDER_ATTEMPT"`)
	first, second := strings.Fields(b.result(look).Stdout), strings.Fields(b.result(look).Stdout)
	require.Len(t, first, 4, "nothing lies there")
	require.Equal(t, "700", first[1])
	require.NotEqual(t, first[0], second[0])
	require.NoDirExists(t, first[0])
	require.Equal(t, []string{"0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000", "1"}, first[2:])

	base := t.TempDir()
	for keep, dirs := range map[string]int{shell.KeepNever: 0, shell.KeepFailed: 1, shell.KeepAlways: 2} {
		sub := filepath.Join(base, "base"+keep)
		require.NoError(t, os.Mkdir(sub, 0o700))
		for _, text := range []string{"touch here", "touch here; exit 1"} {
			r := b.result(shell.Function{Command: text, Dir: sub, Keep: keep})
			if r.Dir != "" {
				require.FileExists(t, filepath.Join(r.Dir, "here"))
			}
		}
		b.result(command("true")) // directories go after their task was reported
		kept, err := os.ReadDir(sub)
		require.NoError(t, err)
		require.Len(t, kept, dirs, keep)
	}
}

func TestStdinEnvironmentAndShell(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stdin := "dear {x}"
	r := b.result(shell.Function{
		Command: `cat; echo " $GREETING"; [[ -n $BASH_VERSION ]] && set -o pipefail`, Shell: shell.Bash, Stdin: &stdin,
		Env: map[string]string{"GREETING": "hi {x}"}, Params: []shell.Param{{Name: "x"}},
	}, "A'da")
	require.Equal(t, "dear A'da hi A'da\n", r.Stdout)
	require.True(t, r.Success)
	require.Empty(t, b.result(command("cat")).Stdout, "without one there is nothing to read")
}

func TestOutputFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.result(shell.Function{
		Command: `mkdir -p out/deep; printf 'a\0b' > out/deep/{x}.bin; echo 1 > one.txt; ln -s one.txt link.txt
			ln -s /etc/passwd away.txt; mkfifo pipe.txt; mkdir dir.txt`,
		Outputs: []string{"*.txt", "out/**/{x}.bin", "none*"}, Params: []shell.Param{{Name: "x"}},
	}, "a*b [c]")
	require.Equal(t, []shell.File{
		{Name: "link.txt", Size: 2, Data: []byte("1\n")},
		{Name: "one.txt", Size: 2, Data: []byte("1\n")},
		{Name: "out/deep/a*b [c].bin", Size: 3, Data: []byte("a\x00b")},
	}, r.Files)
}

func TestLargeResultsGoByFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := shell.Function{Command: "head -c 100000 /dev/zero > big", Outputs: []string{"big"}}
	b.give(f, [][]byte{workertest.Call()}, wire.Run{Hi: 1, Inline: 1000})
	report := next(t, b.reports)
	require.Empty(t, report.Columns[0])
	require.Positive(t, report.Files[0].Blob.Size)
	data, err := os.ReadFile(report.Files[0].Path)
	require.NoError(t, err)
	var r shell.Result
	require.NoError(t, json.Unmarshal(data[wire.PrefixLen:], &r))
	require.Len(t, r.Files[0].Data, 100_000)
}

func TestLargeArgumentsComeByFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text := strings.Repeat("x", 1<<20)
	path := filepath.Join(t.TempDir(), "payload")
	require.NoError(t, os.WriteFile(path, workertest.Call(text), 0o600))
	stdin := "{x}"
	f := shell.Function{Command: "wc -c", Stdin: &stdin, Params: []shell.Param{{Name: "x"}}}
	b.give(f, [][]byte{{}}, wire.Run{Hi: 1, Files: map[int]string{0: path}})
	require.Equal(t, "1048576", strings.TrimSpace(value(t, next(t, b.reports)).Stdout))
}

func TestTheEndOfLongOutputIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.result(shell.Function{Command: "seq 100000; printf 'end' >&2", TailLines: 3})
	require.Equal(t, "99998\n99999\n100000\n", r.Stdout)
	require.EqualValues(t, 588895-len(r.Stdout), r.StdoutOmitted)
	require.Equal(t, "end", r.Stderr)
	r = b.result(shell.Function{Command: "printf 'größe\\377'", TailBytes: 5})
	require.Equal(t, "ße\uFFFD", r.Stdout, "no half characters, and valid UTF-8")
	require.EqualValues(t, 4, r.StdoutOmitted)
}

func TestAChunkOfCalls(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	f := command("echo {x}; exit {x}", shell.Param{Name: "x", Type: shell.Integer})
	calls := [][]any{{0}, {1}, {2}, {"no"}, {4}}
	b.give(f, [][]byte{workertest.Chunk(calls...)}, wire.Run{Form: wire.FormChunk, Lo: 1, Hi: 5, Total: 5})
	for index := 1; index < 5; index++ {
		report := next(t, b.reports)
		require.Equal(t, index, report.Entries[0].Lo)
		require.Equal(t, index == 4, report.Last)
		if index == 3 {
			require.Equal(t, wire.OutcomeFailed, report.Entries[0].Outcome)
			continue
		}
		require.Equal(t, index, value(t, report).ReturnCode)
	}
}
