// Package workertest gives the manager's tests real functions and payloads,
// made by the real Python package of this repository.
package workertest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/python"
	"github.com/yonder-run/yonder/wire"
)

// Body is a captured function.
type Body struct {
	Name string
	Hash string
	Data []byte
}

// here is this package's folder.
func here() string {
	_, file, _, _ := runtime.Caller(0) //nolint:dogsled // the file is all of interest
	return filepath.Dir(file)
}

// Zipapp is what zygotes run.
func Zipapp(tb testing.TB) []byte {
	tb.Helper()
	data, err := python.Zipapp()
	require.NoError(tb, err)
	return data
}

// Python is the interpreter of the tests: python3 of the PATH, or what it
// stands for if it is the shim of a version manager.
func Python(tb testing.TB) string {
	tb.Helper()
	found, err := interpreter()
	require.NoError(tb, err, "the tests need python3 on the PATH")
	return found
}

var interpreter = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	return strings.TrimSpace(string(out)), err
})

// Pythons are all interpreters that can be found, one per minor version from
// 3.9 on.
func Pythons(tb testing.TB) []wire.Interpreter {
	tb.Helper()
	const ask = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)"
	candidates, _ := filepath.Glob(filepath.Join(os.Getenv("HOME"), ".pyenv", "versions", "3.*", "bin", "python3"))
	candidates = append([]string{Python(tb), "/usr/bin/python3"}, candidates...)
	seen := map[string]bool{}
	var all []wire.Interpreter
	for _, candidate := range candidates {
		out, err := exec.Command(candidate, "-c", ask).Output()
		if err != nil {
			continue
		}
		version, path, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		minor := version[:strings.LastIndexByte(version, '.')]
		if _, rest, _ := strings.Cut(minor, "."); seen[minor] || len(rest) == 1 && rest < "9" {
			continue
		}
		seen[minor] = true
		all = append(all, wire.Interpreter{Version: version, Path: path})
	}
	return all
}

var capture = sync.OnceValues(func() (map[string]Body, error) {
	program, err := interpreter()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(here(), "testdata")
	cmd := exec.Command(program, filepath.Join(data, "capture.py"), data, filepath.Join(here(), "..", "..", "python", "src"))
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var raw map[string][]byte
	if err := json.Unmarshal(out, &raw); err != nil {
		return nil, err
	}
	bodies := map[string]Body{}
	for name, data := range raw {
		sum := sha256.Sum256(data)
		bodies[name] = Body{name, hex.EncodeToString(sum[:]), data}
	}
	return bodies, nil
})

// Function is a function of testdata/functions.py.
func Function(tb testing.TB, name string) Body {
	tb.Helper()
	bodies := Functions(tb)
	require.Contains(tb, bodies, name)
	return bodies[name]
}

// Functions are all of them.
func Functions(tb testing.TB) map[string]Body {
	tb.Helper()
	bodies, err := capture()
	require.NoError(tb, err, "capturing the functions of the tests")
	return bodies
}

const (
	prefixLen = 8
	flagChunk = 2
	headLen   = 12 // of a chunk's table
)

func prefix(flags byte) []byte { return []byte{'Y', '1', 'j', flags, 3, 9, 0, 0} }

func call(args []any) []byte {
	if args == nil {
		args = []any{}
	}
	data, err := json.Marshal(map[string]any{"args": args, "kwargs": map[string]any{}})
	if err != nil {
		panic(err)
	}
	return data
}

// Call is the payload of one call, as JSON.
func Call(args ...any) []byte { return append(prefix(0), call(args)...) }

// Chunk is the payload of many calls.
func Chunk(calls ...[]any) []byte {
	data := binary.LittleEndian.AppendUint32(append(prefix(flagChunk), 'c', 0, 0, 0), uint32(len(calls)))
	data = binary.LittleEndian.AppendUint32(data, 0)
	var items []byte
	for _, args := range calls {
		item := call(args)
		data = binary.LittleEndian.AppendUint32(data, uint32(len(item)))
		items = append(items, item...)
	}
	return append(data, items...)
}

// Columns is the payload of many calls with integers, as the client packs them:
// with the codec pickle, one column for each argument.
func Columns(columns ...[]int) []byte {
	head := prefix(flagChunk)
	head[2] = 'p'
	data := binary.LittleEndian.AppendUint32(append(head, 'C', 0, 0, 0), uint32(len(columns[0])))
	data = append(binary.LittleEndian.AppendUint32(data, uint32(len(columns))), '(')
	for _, column := range columns {
		data = append(data, "(l"...)
		for _, n := range column {
			data = fmt.Appendf(data, "I%d\na", n)
		}
	}
	return append(data, "t."...)
}

// Value reads a result.
func Value(payload []byte) (any, error) {
	if len(payload) < prefixLen || payload[2] != 'j' || payload[3]&flagChunk != 0 {
		return nil, errors.New("not a JSON value")
	}
	var value any
	return value, json.Unmarshal(payload[prefixLen:], &value)
}

// Values reads the results of a chunk.
func Values(payload []byte) ([]any, error) {
	if len(payload) < prefixLen+headLen || payload[2] != 'j' || payload[3]&flagChunk == 0 || payload[prefixLen] != 'v' {
		return nil, errors.New("not a chunk of JSON values")
	}
	table := payload[prefixLen:]
	values := make([]any, binary.LittleEndian.Uint32(table[4:]))
	items := table[headLen+4*len(values):]
	for i := range values {
		n := binary.LittleEndian.Uint32(table[headLen+4*i:])
		if err := json.Unmarshal(items[:n], &values[i]); err != nil {
			return nil, err
		}
		items = items[n:]
	}
	return values, nil
}

// Error reads the payload of an outcome that is not a value.
func Error(payload []byte) map[string]any {
	value := map[string]any{}
	data := payload
	if len(payload) > prefixLen && payload[0] == 'Y' {
		data = payload[prefixLen:]
	}
	if err := json.Unmarshal(data, &value); err != nil {
		value["unreadable"] = string(payload)
	}
	return value
}
