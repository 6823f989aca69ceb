package checks

import (
	"fmt"
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The limits, in lines. The aim is far below: a file of about 100, a function
// of about 10. Tests may be longer, because tables are.
const (
	fileLimit     = 400
	testFileLimit = 800
	functionLimit = 100
)

func TestSizes(t *testing.T) {
	t.Parallel()

	sizes, functions := map[string]int{}, map[string]int{}
	measureGo(t, sizes, functions)
	measurePython(t, sizes, functions)
	t.Logf("files: %s; functions: %s", spread(sizes), spread(functions))

	permitted := list(t, "size_allow.txt")
	var found []string
	for name, lines := range sizes {
		limit := fileLimit
		if isTest(name) {
			limit = testFileLimit
		}
		found = append(found, tooLong(name, lines, limit, permitted)...)
	}
	for name, lines := range functions {
		found = append(found, tooLong(name, lines, functionLimit, permitted)...)
	}
	for name := range permitted {
		if _, file := sizes[name]; !file && functions[name] == 0 {
			found = append(found, name+" is gone")
		}
	}
	none(t, found, "split what is too long by what it does; tools/checks/testdata/size_allow.txt may only shrink")
}

// tooLong compares a size with its limit, or with its entry in the list, which
// has to be as low as it can be.
func tooLong(name string, lines, limit int, permitted map[string]string) []string {
	entry, listed := permitted[name]
	most, _ := strconv.Atoi(entry)
	switch {
	case !listed && lines > limit:
		return []string{fmt.Sprintf("%s has %d lines, the limit is %d", name, lines, limit)}
	case listed && lines <= limit:
		return []string{fmt.Sprintf("%s is within the limit: remove it from the list", name)}
	case listed && lines > most:
		return []string{fmt.Sprintf("%s grew to %d lines from %d", name, lines, most)}
	case listed && lines < most:
		return []string{fmt.Sprintf("%s shrank to %d lines: lower its entry from %d", name, lines, most)}
	}
	return nil
}

func measureGo(t *testing.T, sizes, functions map[string]int) {
	t.Helper()
	for _, f := range goFiles(t) {
		if f.generated() {
			continue
		}
		sizes[f.path] = strings.Count(string(f.text), "\n")
		for _, declaration := range f.ast.Decls {
			if fn, ok := declaration.(*ast.FuncDecl); ok && !isTest(f.path) {
				lines := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
				functions[f.path+":"+receiver(fn)+fn.Name.Name] = lines
			}
		}
	}
}

func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	kind := fn.Recv.List[0].Type
	for {
		switch typed := kind.(type) {
		case *ast.StarExpr:
			kind = typed.X
		case *ast.IndexExpr:
			kind = typed.X
		case *ast.IndexListExpr:
			kind = typed.X
		case *ast.Ident:
			return typed.Name + "."
		default:
			return ""
		}
	}
}

func measurePython(t *testing.T, sizes, functions map[string]int) {
	t.Helper()
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".py") || strings.Contains(name, "/gen/") || strings.Contains(name, "/testdata/") {
			continue
		}
		content := text(t, name)
		sizes[name] = strings.Count(content, "\n")
		if !isTest(name) {
			for function, lines := range pythonFunctions(content) {
				functions[name+":"+function] = lines
			}
		}
	}
}

// pythonFunctions measures by indentation, which is what Python goes by. Inside
// a text of several lines that starts further left it stops too early, so it
// errs on the kind side.
func pythonFunctions(content string) map[string]int {
	sizes := map[string]int{}
	type open struct {
		name          string
		indent, begin int
	}
	var stack []open
	last := 0 // the last line with anything on it
	closeFrom := func(indent int) {
		for len(stack) > 0 && stack[len(stack)-1].indent >= indent {
			top := stack[len(stack)-1]
			sizes[top.name] = max(sizes[top.name], last-top.begin+1)
			stack = stack[:len(stack)-1]
		}
	}
	n := 0
	for line := range strings.Lines(content) {
		n++
		body := strings.TrimSpace(line)
		if body == "" || strings.HasPrefix(body, "#") || strings.HasPrefix(body, ")") {
			continue
		}
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		closeFrom(indent)
		if name, ok := pythonName(body); ok {
			stack = append(stack, open{name, indent, n})
		}
		last = n
	}
	closeFrom(0)
	return sizes
}

func pythonName(line string) (string, bool) {
	line = strings.TrimPrefix(line, "async ")
	rest, ok := strings.CutPrefix(line, "def ")
	if !ok {
		return "", false
	}
	name, _, ok := strings.Cut(rest, "(")
	return name, ok
}

func isTest(name string) bool {
	return strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "python/tests/") || strings.HasPrefix(name, "compat/funcx/tests/") ||
		strings.HasPrefix(name, "e2e/") || strings.HasPrefix(name, "bench/")
}

// spread describes sizes by their middle, their high end and their highest.
func spread(sizes map[string]int) string {
	if len(sizes) == 0 {
		return "none"
	}
	var sorted []int
	for _, size := range sizes {
		sorted = append(sorted, size)
	}
	slices.Sort(sorted)
	return fmt.Sprintf("%d, median %d, p90 %d, max %d", len(sorted),
		sorted[len(sorted)/2], sorted[len(sorted)*9/10], sorted[len(sorted)-1])
}

func TestPythonFunctions(t *testing.T) {
	t.Parallel()

	content := `import os

def first(
    a,
) -> int:
    return 1

class C:
    async def second(self):
        def inner():
            pass

        # a comment

        return inner

    x = 1
`
	require.Equal(t, map[string]int{"first": 4, "second": 7, "inner": 2}, pythonFunctions(content))
}

func TestTooLong(t *testing.T) {
	t.Parallel()

	permitted := map[string]string{"old.go": "500"}
	for lines, says := range map[int]string{500: "", 501: "grew", 499: "lower", 400: "remove"} {
		require.Contains(t, strings.Join(tooLong("old.go", lines, 400, permitted), ""), says, "%d lines", lines)
	}
	require.Empty(t, tooLong("new.go", 400, 400, permitted))
	require.NotEmpty(t, tooLong("new.go", 401, 400, permitted))
}
