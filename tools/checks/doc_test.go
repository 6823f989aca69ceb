package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()

	comments := map[string][]string{}
	for _, f := range goFiles(t) {
		if strings.HasSuffix(f.path, "_test.go") || f.generated() {
			continue
		}
		said := comments[f.dir()]
		if f.ast.Doc != nil && strings.TrimSpace(f.ast.Doc.Text()) != "" {
			said = append(said, f.path)
		}
		comments[f.dir()] = said
	}
	var found []string
	for _, dir := range slices.Sorted(maps.Keys(comments)) {
		switch said := comments[dir]; len(said) {
		case 0:
			found = append(found, fmt.Sprintf("%s/: no file has a package comment", dir))
		case 1:
		default:
			found = append(found, fmt.Sprintf("%s/: %s", dir, strings.Join(said, " and ")))
		}
	}
	none(t, found, "exactly one file of a package carries the comment `// Package name …`: what it is for, and what it is not")
}
