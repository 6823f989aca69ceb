package workerproc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const dump = `Fatal Python error: Segmentation fault

Thread 0x00007fdaef0d06c0 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 327 in wait
  File "/tmp/yonder-7/worker-a6f0f1471b3ddfd6.pyz/yonder/worker/teller.py", line 62 in work

Current thread 0x00007fdaeff1eb80 (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "f.py", line 13 in seg
  File "/tmp/yonder-7/worker-a6f0f1471b3ddfd6.pyz/yonder/worker/calls.py", line 187 in call
  File "<frozen runpy>", line 88 in _run_code

Extension modules: numpy.core (total: 1)
`

func TestTheEndOfAWorkerIsToldInOneLine(t *testing.T) {
	t.Parallel()
	const calls = ", in string_at (/usr/lib/python3.11/ctypes/__init__.py, line 519), called by seg (f.py, line 13)"
	for wrote, says := range map[string]string{
		"":                          "",
		" \n\n":                     "",
		"one\n\n  two\n":            "; it wrote: one; two",
		"1\n2\n3\n4\n5\n6\n7":       "; it wrote: …; 3; 4; 5; 6; 7",
		"terminate called\n" + dump: "; it wrote: terminate called; Fatal Python error: Segmentation fault" + calls,
	} {
		require.Equal(t, says, quote(wrote))
	}
}

func TestACrashIsToldInTheFunctionsOwnCalls(t *testing.T) {
	t.Parallel()
	const said = "Fatal Python error: Segmentation fault, in string_at (/usr/lib/python3.11/ctypes/__init__.py, line 519), " +
		"called by seg (f.py, line 13)"
	for name, test := range map[string]struct{ wrote, says string }{
		"nothing":          {"", ""},
		"no crash":         {"disk is slow\n", "disk is slow\n"},
		"crash":            {dump, said},
		"crash after text": {"disk is slow\n" + dump, "disk is slow\n" + said},
		"in the worker": {
			strings.Replace(dump, `"/usr/lib/python3.11/ctypes/`, `"/tmp/w.pyz/yonder/codec/`, 1), "Fatal Python error: Segmentation fault",
		},
		"cut off": {dump[:60], "Fatal Python error: Segmentation fault"},
		"recursion": {
			strings.Replace(dump, `  File "f.py"`, strings.Repeat("  File \"r.py\", line 1 in r\n", 50)+`  File "f.py"`, 1),
			"Fatal Python error: Segmentation fault, in string_at (/usr/lib/python3.11/ctypes/__init__.py, line 519)" +
				strings.Repeat(", called by r (r.py, line 1)", mostFrames-1) + ", called by more",
		},
	} {
		require.Equal(t, test.says, crash(test.wrote), name)
	}
}
