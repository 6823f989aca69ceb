package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
)

// pythonWithPackage is an interpreter that has the Python package.
func pythonWithPackage(t *testing.T) string {
	t.Helper()
	python := os.Getenv("YONDER_PYTHON")
	if python == "" {
		if os.Getenv("YONDER_REQUIRE_ALL") != "" {
			t.Fatal("YONDER_PYTHON is not set: run the tests with `make test`, or source .cache/env")
		}
		t.Skip("needs YONDER_PYTHON, an interpreter with our package: run `make test`, or source .cache/env")
	}
	return python
}

func TestAFunctionOfAFileIsRegistered(t *testing.T) {
	t.Parallel()
	python := pythonWithPackage(t)
	p := newPerson(t)
	p.serve()
	file := filepath.Join(p.home, "lib.py")
	require.NoError(t, os.WriteFile(file, []byte(`
import helper
print("noise")

def double(x):
    "Twice x."
    return helper.add(x, x)

class Model:
    @staticmethod
    def fit(x): return x

secret = 3
half = lambda x: x / 2
`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(p.home, "helper.py"), []byte("def add(a, b):\n    return a + b\n"), 0o600))
	p.env = []string{"YONDER_PYTHON=" + python}

	a := p.ok("function", "register", file+":double", "--description", "doubles", "--json")
	f := decode[yonder.Function](a)
	require.Equal(t, []any{"double", 1, "Twice x.", "doubles"}, []any{f.Name, f.Version, f.Docstring, f.Description})
	require.Contains(t, a.err, "noise")
	require.Equal(t, f.ID, decode[yonder.Function](p.ok("function", "register", file+":double", "--json")).ID)
	require.Contains(t, p.ok("function", "register", file+":Model.fit", "--name", "fit").out, "Registered fit, version 1")

	require.Contains(t, p.ok("function", "register", file+":half").out, "Registered half, version 1")
	unregistered := p.run("function", "show", file+":double")
	require.Equal(t, yonder.CodeNotFound.Info().Exit, unregistered.code)
	require.Contains(t, unregistered.err, `register it first with "yonder function register `+file+`:double", and then name it "double"`)

	refused := func(code yonder.Code, says string, args ...string) {
		t.Helper()
		a := p.run(append([]string{"function", "register"}, args...)...)
		require.Equal(t, code.Info().Exit, a.code, a.err)
		require.Contains(t, a.err, says)
	}
	refused(yonder.CodeNotFound, "has no function secret", file+":secret")
	refused(yonder.CodeNotFound, "there is no file", filepath.Join(p.home, "none.py")+":f")
	refused(yonder.CodeInvalidRequest, "is not FILE:NAME", file)
	refused(yonder.CodeNoInterpreter, "--python", file+":double", "--python", "/none/python3")
	require.NoError(t, os.WriteFile(file, []byte("1/0"), 0o600))
	refused(yonder.CodeInvalidRequest, "ZeroDivisionError", file+":double")
}
