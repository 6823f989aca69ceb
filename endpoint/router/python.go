package router

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Minor returns "3.11" of "3.11.7".
func Minor(version string) string {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return major + "." + minor
}

// Oldest is the oldest Python that workers run on.
const Oldest = "3.9"

// Supported says whether workers run on the version.
func Supported(version string) bool { return Compare(version, Oldest) >= 0 }

// Compare orders versions by their minors.
func Compare(a, b string) int {
	as, bs := strings.Split(Minor(a), "."), strings.Split(Minor(b), ".")
	for i := range as {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// Choose returns the minor of the interpreter for a function: the very minor
// that it requires, or the endpoint's first, which is its default. The error
// is CodeNoInterpreter and lists what there is.
func Choose(required string, have []wire.Interpreter) (string, error) {
	var minors []string
	for _, python := range have {
		minors = append(minors, Minor(python.Version))
	}
	if required == "" && len(minors) > 0 {
		return minors[0], nil
	}
	if slices.Contains(minors, required) {
		return required, nil
	}
	if len(minors) == 0 {
		return "", yonder.Errorf(yonder.CodeNoInterpreter, "this endpoint has no Python interpreter: set pythons in its configuration")
	}
	return "", yonder.Errorf(yonder.CodeNoInterpreter,
		"the function needs Python %s; this endpoint has %s: run it on another endpoint, or ask its owner to add that version",
		required, strings.Join(minors, ", "))
}
