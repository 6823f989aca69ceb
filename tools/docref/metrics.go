package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// figure is a metric as the code declares it.
type figure struct {
	name, help string
	labels     []string
}

// figures lists the metrics. They are read from the source, because a service
// that has done nothing yet does not name all of them.
func figures(repository string, pages map[string][]byte) error {
	var all []figure
	err := filepath.WalkDir(filepath.Join(repository, "service"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("reading the source: %w", err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if f, ok := declared(call); ok {
				all = append(all, f)
				return false
			}
			return true
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for metrics: %w", err)
	}
	slices.SortFunc(all, func(a, b figure) int { return strings.Compare(a.name, b.name) })
	var page bytes.Buffer
	page.WriteString("# Metrics\n\nEach replica of the service serves them at `/metrics` in the format of Prometheus, " +
		"beside those of the Go runtime\n(`go_…`) and of the process (`process_…`). No token is needed: " +
		"they name no person, function or endpoint.\n\n| metric | labels | meaning |\n|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(&page, "| `%s` | %s | %s |\n", f.name, strings.Join(f.labels, ", "), escape(f.help))
	}
	pages["metrics.md"] = page.Bytes()
	return nil
}

var metricName = regexp.MustCompile(`^yonder(_[a-z]+)+$`)

// declared finds a name, its help and labels among the texts in a call that
// are its own: those of calls inside it belong to these.
func declared(call *ast.CallExpr) (figure, bool) {
	var texts []string
	for _, argument := range call.Args {
		ast.Inspect(argument, func(n ast.Node) bool {
			if _, ok := n.(*ast.CallExpr); ok {
				return false
			}
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil {
					texts = append(texts, text)
				}
			}
			return true
		})
	}
	if len(texts) < 2 || !metricName.MatchString(texts[0]) {
		return figure{}, false
	}
	return figure{name: texts[0], help: texts[1], labels: texts[2:]}, true
}
