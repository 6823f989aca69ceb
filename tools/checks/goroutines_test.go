package checks

import (
	"go/ast"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A goroutine that nobody waits for outlives its owner. startstop waits for
// what it launches; where something else has to, testdata says why.
func TestGoroutinesHaveAnOwner(t *testing.T) {
	t.Parallel()

	permitted := list(t, "go_allow.txt")
	used := map[string]bool{}
	var found []string
	for _, f := range goFiles(t) {
		if f.test() || strings.HasPrefix(f.path, "bench/") || strings.HasPrefix(f.path, "e2e/") {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if statement, ok := n.(*ast.GoStmt); ok {
				used[f.dir()] = true
				if _, ok := permitted[f.dir()]; !ok {
					found = append(found, f.fset.Position(statement.Pos()).String())
				}
			}
			return true
		})
	}
	none(t, found, "do not write `go`: what lives long is a startstop.Service, "+
		"what ends with its caller uses an errgroup; a real exception goes into tools/checks/testdata/go_allow.txt with its reason")
	for dir, reason := range permitted {
		require.NotEmpty(t, reason, "%s in tools/checks/testdata/go_allow.txt: say why", dir)
		require.True(t, used[dir], "%s has no `go` any more: remove it from tools/checks/testdata/go_allow.txt", dir)
	}
}
