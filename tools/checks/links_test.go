package checks

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	link    = regexp.MustCompile(`\]\(<?([^)\s>]+)`)
	fence   = regexp.MustCompile("(?s)(?:\n|^)\\s*(```|~~~).*?\n\\s*(```|~~~)")
	inline  = regexp.MustCompile("`[^`\n]*`")
	targets = regexp.MustCompile("`make ([a-z-]+)")
)

func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	t.Parallel()

	var found []string
	for _, name := range documents(t) {
		for _, target := range links(text(t, name)) {
			if _, err := os.Stat(filepath.Join(top, path.Dir(name), target)); err != nil {
				found = append(found, fmt.Sprintf("%s: %s", name, target))
			}
		}
	}
	none(t, found, "these links lead nowhere: correct them or write what they point at")
}

func TestDocumentsNameRealTargets(t *testing.T) {
	t.Parallel()

	makefile := text(t, "Makefile")
	var found []string
	for _, name := range documents(t) {
		for _, match := range targets.FindAllStringSubmatch(text(t, name), -1) {
			if !strings.Contains("\n"+makefile, "\n"+match[1]+":") {
				found = append(found, fmt.Sprintf("%s: make %s", name, match[1]))
			}
		}
	}
	none(t, found, "the Makefile has no such target")
}

func TestLinks(t *testing.T) {
	t.Parallel()

	content := "[a](b.md#part) [c](https://example.org) [d](#here) ![e](pic%20one.png)\n" +
		"`[f](g.md)`\n```\n[h](i.md)\n```\n[j](../k/)\n[l](mailto:x@example.org)\n"
	require.Equal(t, []string{"b.md", "pic one.png", "../k/"}, links(content))
}

func documents(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(slices.Clone(files(t)), func(name string) bool { return path.Ext(name) != ".md" })
}

// links returns the files that a document points at, seen from the document.
func links(content string) []string {
	content = inline.ReplaceAllString(fence.ReplaceAllString(content, ""), "")
	var found []string
	for _, match := range link.FindAllStringSubmatch(content, -1) {
		u, err := url.Parse(match[1])
		if err == nil && u.Scheme == "" && u.Host == "" && u.Path != "" {
			found = append(found, u.Path)
		}
	}
	return found
}
