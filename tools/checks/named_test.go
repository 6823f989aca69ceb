package checks

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/states.md says which test kills what in which state.
func TestTestsThatDocumentsNameAreThere(t *testing.T) {
	t.Parallel()

	tests := map[string]bool{}
	for _, f := range goFiles(t) {
		for _, d := range f.ast.Decls {
			if function, ok := d.(*ast.FuncDecl); ok && f.test() {
				tests[function.Name.Name] = true
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(top, "docs", "states.md"))
	require.NoError(t, err)
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, named)
	for _, name := range named {
		require.True(t, tests[name[1]], "docs/states.md names %s, which is gone", name[1])
	}
}
