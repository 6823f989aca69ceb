package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// anything stands for a folder that may import all others.
const anything = "*"

// table says what a folder may import besides the standard library, the root
// package, internal/ and itself. It is the table of docs/architecture.md.
var table = map[string][]string{
	"":         {},
	"internal": {},
	"wire":     {},
	"client":   {"wire"},
	"service":  {"wire"},
	"endpoint": {"wire", "client"},
	"manager":  {"wire", "python"},
	"python":   {},
	"web":      {},
	"cli":      {anything},
	"cmd":      {anything},
	"bench":    {anything},
	"e2e":      {anything},
	"examples": {anything},
	"deploy":   {anything},
	"docs":     {anything},
	"tools":    {anything},
}

// rootless are the folders that do not even know the nouns.
var rootless = []string{"internal", "web"}

// leaves import nothing of others: everything else is built on them.
var leaves = []string{"", "wire"}

// seams are folders whose subfolders are drivers, alike and strangers to each
// other. What they share lies in the seam, or in a folder named here.
var seams = map[string][]string{
	"service/store":     {"sqldb"}, // one text of SQL for both engines
	"service/fabric":    {},
	"service/blob":      {},
	"endpoint/provider": {},
	"manager/runtime":   {},
}

func TestImportsFollowTheTable(t *testing.T) {
	t.Parallel()

	var found []string
	for _, f := range goFiles(t) {
		for _, p := range f.imports() {
			if target, ok := inside(p); ok && !allowed(folder(f.dir()), folder(target)) {
				found = append(found, fmt.Sprintf("%s imports %s", f.path, p))
			}
		}
	}
	none(t, found, "these folders may not import each other: move what both need into wire/, the root or internal/, "+
		"or hand it over in cmd/; a new folder needs a line in the table of tools/checks/imports_test.go")
}

func TestLeavesImportOnlyTheStandardLibrary(t *testing.T) {
	t.Parallel()

	// Decision 12 says why this one.
	const decoder = "github.com/segmentio/encoding/json"
	var found []string
	for _, f := range goFiles(t) {
		if f.test() || !slices.Contains(leaves, folder(f.dir())) {
			continue
		}
		for _, p := range f.imports() {
			if _, ours := inside(p); !ours && !standard(p) && (p != decoder || f.dir() != "wire") {
				found = append(found, fmt.Sprintf("%s imports %s", f.path, p))
			}
		}
	}
	none(t, found, "the root package and wire/ stand on the standard library alone, because every process carries them")
}

// What only tests need stays out of the program: e2e/ is imported by nobody.
func TestOnlyTheLossyLinkHasATCPStack(t *testing.T) {
	t.Parallel()

	var found []string
	for _, f := range goFiles(t) {
		for _, p := range f.imports() {
			if strings.HasPrefix(p, "gvisor.dev/") && f.dir() != "e2e/lossy" {
				found = append(found, fmt.Sprintf("%s imports %s", f.path, p))
			}
		}
	}
	none(t, found, "the TCP stack in user space is for e2e/lossy alone: use that")
}

// Go forbids packages to import each other, but not folders.
func TestNoTwoFoldersImportEachOther(t *testing.T) {
	t.Parallel()

	for depth := 1; depth <= 2; depth++ {
		imports := map[[2]string]string{}
		for _, f := range goFiles(t) {
			for _, p := range f.imports() {
				target, ok := inside(p)
				from, to := prefix(f.dir(), depth), prefix(target, depth)
				if ok && !f.test() && from != to {
					imports[[2]string{from, to}] = f.path
				}
			}
		}
		var found []string
		for pair, file := range imports {
			if back, mutual := imports[[2]string{pair[1], pair[0]}]; mutual {
				found = append(found, fmt.Sprintf("%s and %s: %s and %s", pair[0], pair[1], file, back))
			}
		}
		none(t, found, "folders that import each other are one folder: move what both need into a third")
	}
}

func TestDriversDoNotKnowEachOther(t *testing.T) {
	t.Parallel()

	var found []string
	for _, f := range goFiles(t) {
		for _, p := range f.imports() {
			if target, ok := inside(p); ok && !f.test() && strangers(f.dir(), target) {
				found = append(found, fmt.Sprintf("%s imports %s", f.path, p))
			}
		}
	}
	none(t, found, "drivers of one seam do not import each other: what they share belongs in the seam, "+
		"or in a folder named in `seams` of tools/checks/imports_test.go")
}

func TestAllowed(t *testing.T) {
	t.Parallel()

	for _, test := range []struct {
		from, to string
		want     bool
	}{
		{"service", "wire", true},
		{"service", "", true},
		{"service", "internal", true},
		{"service", "service", true},
		{"service", "endpoint", false},
		{"service", "client", false},
		{"endpoint", "client", true},
		{"internal", "", false},
		{"web", "", false},
		{"", "wire", false},
		{"", "internal", false},
		{"cmd", "manager", true},
		{"unheard", "", true},
		{"unheard", "wire", false},
	} {
		require.Equal(t, test.want, allowed(test.from, test.to), "%q imports %q", test.from, test.to)
	}
}

func TestStrangers(t *testing.T) {
	t.Parallel()

	for _, test := range []struct {
		from, to string
		want     bool
	}{
		{"service/store/sqlite", "service/store/postgres", true},
		{"service/store/sqlite", "service/store", false},
		{"service/store/sqlite/gen", "service/store/sqlite", false},
		{"service/store", "service/store/sqlite", true},
		{"service/http", "service/store/sqlite", false},
		{"endpoint/provider/slurm", "manager/runtime/podman", false},
	} {
		require.Equal(t, test.want, strangers(test.from, test.to), "%s imports %s", test.from, test.to)
	}
}

func allowed(from, to string) bool {
	may := table[from]
	switch {
	case from == to || slices.Contains(may, anything):
		return true
	case from == "":
		return false
	case to == "":
		return !slices.Contains(rootless, from)
	case to == "internal":
		return from != "web"
	}
	return slices.Contains(may, to)
}

// strangers says whether both are drivers of one seam, or the seam itself
// reaches for a driver.
func strangers(from, to string) bool {
	for seam, shared := range seams {
		driver, ok := strings.CutPrefix(to, seam+"/")
		if !ok || slices.Contains(shared, folder(driver)) {
			continue
		}
		mine, ok := strings.CutPrefix(from+"/", seam+"/")
		if ok && folder(mine) != folder(driver) {
			return true
		}
	}
	return false
}

// folder is the first step of a path.
func folder(dir string) string { return prefix(dir, 1) }

func prefix(dir string, depth int) string {
	steps := strings.Split(dir, "/")
	return path.Join(steps[:min(depth, len(steps))]...)
}
