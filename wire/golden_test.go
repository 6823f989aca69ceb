package wire_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/wire"
)

var update = flag.Bool("update", false, "write the golden files of the current version anew")

// goldenDir holds one frame of every kind that a version of the format has.
// Python's tests read the same files.
func goldenDir(version int) string { return filepath.Join("testdata", fmt.Sprintf("v%d", version)) }

func goldenName(kind wire.Kind) string {
	return fmt.Sprintf("%02d-%s.frame", kind, strings.ReplaceAll(kind.String(), " ", "-"))
}

// kinds lists every kind that has a name.
func kinds() []wire.Kind {
	var all []wire.Kind
	for k := wire.Kind(1); k != 0; k++ {
		if !strings.HasPrefix(k.String(), "kind ") {
			all = append(all, k)
		}
	}
	return all
}

func TestEveryKindHasAnExample(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		require.Contains(t, examples, kind, "add an example of %v and run the tests with -update", kind)
	}
	require.Len(t, examples, len(kinds()), "an example of a kind without a name")
}

func TestGoldenFilesOfTheCurrentVersion(t *testing.T) {
	t.Parallel()
	for kind, example := range examples {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			frame, err := wire.NewFrame(kind, example.header, example.columns...)
			require.NoError(t, err)
			path := filepath.Join(goldenDir(wire.Version), goldenName(kind))
			if *update {
				require.NoError(t, os.WriteFile(path, frame.Bytes(), 0o600))
			}
			golden, err := os.ReadFile(path)
			require.NoError(t, err, "run the tests of wire with -update once")
			require.Equal(t, string(golden), string(frame.Bytes()),
				"%v is written differently: peers of version %d would misread it, or the file needs -update", kind, wire.Version)
		})
	}
}

func TestGoldenFilesOfEveryVersionAreDecoded(t *testing.T) {
	t.Parallel()
	for version := wire.Oldest; version <= wire.Version; version++ {
		files, err := filepath.Glob(filepath.Join(goldenDir(version), "*.frame"))
		require.NoError(t, err)
		require.NotEmpty(t, files, "version %d is read, so its golden files must be kept", version)
		for _, path := range files {
			t.Run(path, func(t *testing.T) {
				t.Parallel()
				decodeAgain(t, path, version)
			})
		}
	}
}

// decodeAgain reads a file into its message and writes the message again.
func decodeAgain(t *testing.T, path string, version int) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	frame, err := wire.Parse(data)
	require.NoError(t, err)
	require.Equal(t, version, int(frame.Version))
	require.Equal(t, filepath.Base(path), goldenName(frame.Kind))

	example := examples[frame.Kind]
	decoded := reflect.New(reflect.TypeOf(example.header))
	require.NoError(t, frame.Decode(frame.Kind, decoded.Interface()))
	if version != wire.Version {
		return // an older version may lack fields; that it is understood is all
	}
	require.Equal(t, example.header, decoded.Elem().Interface())
	again, err := wire.NewFrame(frame.Kind, decoded.Elem().Interface(), frame.Columns...)
	require.NoError(t, err)
	require.Equal(t, string(data), string(again.Bytes()))
}
