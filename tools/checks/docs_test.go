package checks

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// read finds variables that programs of ours look at by name.
var read = regexp.MustCompile(`(?:[gG]etenv|environ(?:\.get)?)[\[(]"(YONDER_[A-Z_]+)"`)

// internals are variables that our own scripts set.
var internals = []string{"YONDER_WHEEL_PLATFORM", "YONDER_WHEEL_PROGRAM"}

func TestVariablesAreExplained(t *testing.T) {
	t.Parallel()

	page := text(t, "docs/reference/environment.md")
	var found []string
	for _, name := range files(t) {
		if isTest(name) || !strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".py") || strings.HasPrefix(name, "internal/") {
			continue
		}
		for _, match := range read.FindAllStringSubmatch(text(t, name), -1) {
			if !strings.Contains(page, "`"+match[1]+"`") && !slices.Contains(internals, match[1]) {
				found = append(found, name+": "+match[1])
			}
		}
	}
	none(t, found, "explain these variables in docs/reference/environment.md")
}
