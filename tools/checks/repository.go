// Package checks holds the lines that the compiler does not: who may import
// whom, which packages decide without touching the world, how long a file may
// get. They are tests, so `go test ./tools/checks` says what is wrong and what
// to do about it.
package checks

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// module is how the packages here are imported.
const module = "github.com/yonder-run/yonder"

// top is the root of the repository, seen from this folder.
const top = "../.."

// unread are folders with nothing of ours in them. Names that start with a dot
// are left out as well, except for .ci.
var unread = []string{"node_modules", "__pycache__", "vendor", "build"}

// goFile is one parsed Go file.
type goFile struct {
	path string // from the root, with slashes
	text []byte
	fset *token.FileSet
	ast  *ast.File
}

// files lists every file of the repository, by its path from the root. It walks
// rather than asking git, so that `go test` knows what a cached result rests on.
func files(t *testing.T) []string {
	t.Helper()
	found, err := walkOnce()
	require.NoError(t, err)
	return found
}

var walkOnce = sync.OnceValues(func() ([]string, error) {
	var found []string
	err := filepath.WalkDir(top, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(strings.TrimPrefix(name, top), string(filepath.Separator)))
		switch {
		case entry.IsDir() && skipped(rel):
			return fs.SkipDir
		case entry.Type().IsRegular():
			found = append(found, rel)
		}
		return nil
	})
	return found, err //nolint:wrapcheck // It names the path.
})

func skipped(dir string) bool {
	base := path.Base(dir)
	switch {
	case dir == "" || base == ".ci":
		return false
	case dir == "bin" || dir == "dist" || strings.HasPrefix(base, ".") || strings.HasSuffix(base, ".egg-info"):
		return true
	}
	return slices.Contains(unread, base)
}

// goFiles returns the Go files that parse; about the others the compiler
// speaks better.
func goFiles(t *testing.T) []*goFile {
	t.Helper()
	found, err := parseOnce()
	require.NoError(t, err)
	return found
}

var parseOnce = sync.OnceValues(func() ([]*goFile, error) {
	names, err := walkOnce()
	if err != nil {
		return nil, err
	}
	var parsed []*goFile
	for _, name := range names {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "/testdata/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(top, name))
		if err != nil {
			return nil, err //nolint:wrapcheck // It names the path.
		}
		fset := token.NewFileSet()
		if tree, err := parser.ParseFile(fset, name, text, parser.ParseComments); err == nil {
			parsed = append(parsed, &goFile{name, text, fset, tree})
		}
	}
	return parsed, nil
})

// dir is the folder of the file; the root's is "".
func (f *goFile) dir() string {
	if dir := path.Dir(f.path); dir != "." {
		return dir
	}
	return ""
}

// test says whether the file is only built for tests: a test, or a part of a
// package of test helpers, which by convention is named …test.
func (f *goFile) test() bool {
	return strings.HasSuffix(f.path, "_test.go") || strings.HasSuffix(f.ast.Name.Name, "test")
}

func (f *goFile) generated() bool {
	return ast.IsGenerated(f.ast) || slices.Contains(strings.Split(f.path, "/"), "gen")
}

// imports returns the import paths of the file.
func (f *goFile) imports() []string {
	var paths []string
	for _, spec := range f.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// name returns what an imported package is called in the file, or "".
func (f *goFile) name(importPath string) string {
	for _, spec := range f.ast.Imports {
		if spec.Path.Value != strconv.Quote(importPath) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

// calls returns where the file uses one of the given names of a package.
func (f *goFile) calls(importPath string, names ...string) []token.Position {
	pkg := f.name(importPath)
	if pkg == "" {
		return nil
	}
	var found []token.Position
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == pkg && slices.Contains(names, sel.Sel.Name) {
			found = append(found, f.fset.Position(sel.Pos()))
		}
		return true
	})
	return found
}

// inside cuts the module's path off; it fails for packages of others.
func inside(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// standard says whether the package comes with Go: those have no domain.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// text reads a file, or returns nothing if it is not text.
func text(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(top, name))
	if os.IsNotExist(err) {
		return "" // removed since the walk
	}
	require.NoError(t, err)
	if bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0 {
		return ""
	}
	return string(content)
}

// list reads a file of testdata: one entry per line, the rest of the line is
// the reason, and # starts a comment.
func list(t *testing.T, name string) map[string]string {
	t.Helper()
	entries := map[string]string{}
	for line := range strings.Lines(text(t, "tools/checks/testdata/"+name)) {
		line, _, _ = strings.Cut(line, "#")
		entry, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if entry != "" {
			entries[entry] = strings.TrimSpace(rest)
		}
	}
	return entries
}

// none fails the test with everything that was found and what to do about it.
func none(t *testing.T, found []string, todo string) {
	t.Helper()
	slices.Sort(found)
	require.Empty(t, slices.Compact(found), todo)
}
